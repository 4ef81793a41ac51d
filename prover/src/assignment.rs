//! [`Assignment`]: the values of a circuit's wires as the engine takes them, erased from memory when dropped.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use popw_kernels::{Backend, CancelToken, KernelError, Scalar};
use popw_keys::R1csFile;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

/// Field elements that a thread converts between two looks at the cancel token.
const PIECE: usize = 1 << 12;

/// The value of every wire as a canonical integer, 32 bytes each: wire 0 is one, then come the public inputs, then the
/// private wires. It is secret; its memory is overwritten when it is dropped.
pub struct Assignment(Zeroizing<Vec<Scalar>>);

/// A value of an assignment is no field element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wire {wire} of the assignment is not below the order of the scalar field")]
pub struct NotCanonical {
    /// The first such wire.
    pub wire: usize,
}

impl Assignment {
    /// Takes canonical integers by wire.
    ///
    /// # Errors
    /// If one of them is not below the order of the field.
    pub fn new(values: Vec<Scalar>) -> Result<Self, NotCanonical> {
        // Taken first, so that refused values are erased too.
        let assignment = Self(Zeroizing::new(values));
        match assignment.0.iter().position(|value| *value >= Fr::MODULUS) {
            Some(wire) => Err(NotCanonical { wire }),
            None => Ok(assignment),
        }
    }

    /// From field elements, without a prover at hand; [`crate::Prover::assignment`] does it with its threads.
    pub fn from_field(values: &[Fr]) -> Self {
        let values = values.iter().map(|value| value.into_bigint());
        Self(Zeroizing::new(values.collect()))
    }

    /// From what [`canonical`] made.
    pub(crate) fn of_canonical(values: Zeroizing<Vec<Scalar>>) -> Self {
        Self(values)
    }

    /// Is wire 0 one?
    pub(crate) fn begins_with_one(&self) -> bool {
        self.0.first() == Some(&Scalar::one())
    }

    /// The values by wire.
    pub fn scalars(&self) -> &[Scalar] {
        &self.0
    }

    /// The values by wire, as field elements.
    pub fn values(&self) -> Zeroizing<Vec<Fr>> {
        let values = self
            .0
            .iter()
            .map(|value| Fr::from_bigint(*value).unwrap_or_default());
        Zeroizing::new(values.collect())
    }

    /// The values of the wires from 1 to `count`: the public inputs. Fewer if the assignment is shorter.
    pub fn public(&self, count: usize) -> Vec<Fr> {
        let public = self.0.iter().skip(1).take(count);
        public.filter_map(|value| Fr::from_bigint(*value)).collect()
    }

    /// The first constraint of a circuit that the assignment violates. Wires that it lacks count as zero.
    pub(crate) fn first_violation(&self, r1cs: &R1csFile) -> Option<usize> {
        let values = self.values();
        let value = |wire: u32| values.get(wire as usize).copied().unwrap_or_default();
        let product = |terms: &[(u32, Fr)]| -> Fr {
            let products = terms.iter().map(|(wire, coefficient)| value(*wire) * coefficient);
            products.sum()
        };
        r1cs.constraints()
            .position(|[a, b, c]| product(a) * product(b) != product(c))
    }
}

/// The canonical integers of field elements, made by the threads of the current pool. No other copy is left in memory.
pub(crate) fn canonical(
    backend: &dyn Backend,
    values: &[Fr],
    cancel: &CancelToken,
) -> Result<Zeroizing<Vec<Scalar>>, KernelError> {
    let mut scalars = Zeroizing::new(vec![Scalar::zero(); values.len()]);
    let pieces = scalars.par_chunks_mut(PIECE).zip(values.par_chunks(PIECE));
    pieces.try_for_each(|(scalars, values)| {
        if cancel.is_cancelled() {
            return Err(KernelError::Cancelled);
        }
        let mut piece = backend.canonical(values);
        scalars
            .iter_mut()
            .zip(&piece)
            .for_each(|(scalar, value)| *scalar = *value);
        piece.zeroize();
        Ok(())
    })?;
    Ok(scalars)
}
