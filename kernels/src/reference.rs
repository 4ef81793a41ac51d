//! The backend that is obviously right: each operation is one call of arkworks, or two lines. Slow, for tests and for doubt.

use crate::backend::{Backend, KernelError, Rows, Scalar, Sums, Transform};
use crate::bases::{Bases, Curve, G1, G2, Lists};
use crate::control::Control;
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{FftField, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Reference;

/// Work between two looks at the cancel token.
const PIECE: usize = 1 << 10;

fn sum<C: Curve>(
    scalars: &[Scalar],
    bases: &Bases<'_, C>,
    control: &Control<'_>,
) -> Result<C::Projective, KernelError>
where
    C::Projective: VariableBaseMSM<MulBase = C::Affine>,
{
    let (first, end) = (bases.first(), bases.first() + bases.len());
    if end > scalars.len() {
        return Err(KernelError::Scalars {
            needed: end - 1,
            got: scalars.len(),
        });
    }
    let mut total = C::Projective::default();
    for start in (0..bases.len()).step_by(PIECE) {
        control.check()?;
        let piece = start..(start + PIECE).min(bases.len());
        let points: Vec<C::Affine> = piece.clone().map(|index| bases.get(index)).collect();
        total += C::Projective::msm_bigint(&points, &scalars[first + piece.start..first + piece.end]);
    }
    Ok(total)
}

fn multiples<C: Curve>(
    base: C::Affine,
    scalars: &[Scalar],
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let mut bytes = vec![0; scalars.len() * C::POINT_BYTES];
    for (scalars, bytes) in scalars
        .chunks(PIECE)
        .zip(bytes.chunks_mut(PIECE * C::POINT_BYTES))
    {
        control.check()?;
        let points: Vec<_> = scalars.iter().map(|scalar| base.mul_bigint(scalar)).collect();
        let points = C::Projective::normalize_batch(&points);
        for (point, bytes) in points.iter().zip(bytes.chunks_exact_mut(C::POINT_BYTES)) {
            C::write(point, bytes);
        }
    }
    Ok(bytes)
}

/// See [`Backend::scale_g1`]; also what the other backends do where their own way does not lead on.
pub(crate) fn scaled<C: Curve>(
    points: &[u8],
    scalar: &Scalar,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let mut bytes = points.to_vec();
    for bytes in bytes.chunks_mut(PIECE * C::POINT_BYTES) {
        control.check()?;
        let points = bytes.chunks_exact(C::POINT_BYTES).map(C::read);
        let points: Vec<_> = points.map(|point| point.mul_bigint(scalar)).collect();
        let points = C::Projective::normalize_batch(&points);
        for (point, bytes) in points.iter().zip(bytes.chunks_exact_mut(C::POINT_BYTES)) {
            C::write(point, bytes);
        }
    }
    Ok(bytes)
}

fn sums<C: Curve>(lists: Lists<'_, C>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
    let mut bytes = vec![0; lists.len() * C::POINT_BYTES];
    for (list, bytes) in bytes.chunks_exact_mut(C::POINT_BYTES).enumerate() {
        control.check()?;
        let points = lists.list(list).iter().map(|item| {
            let point = C::read(&lists.points[(item >> 1) as usize * C::POINT_BYTES..][..C::POINT_BYTES]);
            let point = point.into_group();
            if item & 1 == 1 { -point } else { point }
        });
        C::write(&points.sum::<C::Projective>().into_affine(), bytes);
    }
    Ok(bytes)
}

/// The domain of `size` values and the u of its odd coset.
fn domain(size: usize) -> Result<(Radix2EvaluationDomain<Fr>, Fr), KernelError> {
    let error = KernelError::Domain { got: size };
    if !size.is_power_of_two() || size.trailing_zeros() > 28 {
        return Err(error);
    }
    let domain = Radix2EvaluationDomain::new(size).ok_or_else(|| error.clone())?;
    // The largest domain has no root for a coset of its own: its transforms still exist.
    let shift = Fr::get_root_of_unity(2 * size as u64).unwrap_or(Fr::GENERATOR);
    Ok((domain, shift))
}

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn msm(
        &self,
        scalars: &[Scalar],
        g1: &[Bases<'_, G1>],
        g2: &[Bases<'_, G2>],
        control: &Control<'_>,
    ) -> Result<Sums, KernelError> {
        let g1: Result<Vec<_>, _> = g1.iter().map(|bases| sum(scalars, bases, control)).collect();
        let g2: Result<Vec<_>, _> = g2.iter().map(|bases| sum(scalars, bases, control)).collect();
        control.advance(1.0);
        Ok(Sums { g1: g1?, g2: g2? })
    }

    fn ntt(&self, values: &mut [Fr], transform: Transform, control: &Control<'_>) -> Result<(), KernelError> {
        control.check()?;
        let (domain, shift) = domain(values.len())?;
        let result = match transform {
            Transform::Forward => domain.fft(values),
            Transform::Inverse => domain.ifft(values),
            Transform::OddCoset => match domain.get_coset(shift) {
                Some(coset) if values.len() < 1 << 28 => coset.fft(values),
                _ => return Err(KernelError::Domain { got: values.len() }),
            },
        };
        values.copy_from_slice(&result);
        control.advance(1.0);
        Ok(())
    }

    fn quotient(
        &self,
        size: usize,
        rows: &Rows<'_>,
        control: &Control<'_>,
    ) -> Result<Vec<Scalar>, KernelError> {
        domain(size)?;
        let (mut a, mut b) = (vec![Fr::default(); size], vec![Fr::default(); size]);
        rows(0..size, &mut a, &mut b);
        let mut c = a.clone();
        self.multiply(&mut c, &b);
        let part = control.within();
        for values in [&mut a, &mut b, &mut c] {
            self.ntt(values, Transform::Inverse, &part)?;
            self.ntt(values, Transform::OddCoset, &part)?;
        }
        control.advance(1.0);
        self.multiply(&mut a, &b);
        let values: Vec<Fr> = a.iter().zip(&c).map(|(product, c)| *product - c).collect();
        Ok(self.canonical(&values))
    }

    fn fixed_base_g1(
        &self,
        base: G1Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        multiples::<G1>(base, scalars, control)
    }

    fn fixed_base_g2(
        &self,
        base: G2Affine,
        scalars: &[Scalar],
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        multiples::<G2>(base, scalars, control)
    }

    fn scale_g1(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        scaled::<G1>(points, scalar, control)
    }

    fn scale_g2(
        &self,
        points: &[u8],
        scalar: &Scalar,
        control: &Control<'_>,
    ) -> Result<Vec<u8>, KernelError> {
        scaled::<G2>(points, scalar, control)
    }

    fn sums_g1(&self, lists: Lists<'_, G1>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        sums(lists, control)
    }

    fn sums_g2(&self, lists: Lists<'_, G2>, control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
        sums(lists, control)
    }

    fn multiply(&self, left: &mut [Fr], right: &[Fr]) {
        left.iter_mut()
            .zip(right)
            .for_each(|(left, right)| *left *= right);
    }

    fn canonical(&self, values: &[Fr]) -> Vec<Scalar> {
        values.iter().map(|value| value.into_bigint()).collect()
    }
}
