//! What lies on the device: [`Keep`] holds bases of named bytes across proofs; [`words`] shows numbers as the bytes that are uploaded.

use crate::device::Gpu;
use crate::error::GpuError;
use crate::lock;
use crate::msm::{DeviceCurve, Resident};
use ark_bn254::Fr;
use popw_kernels::{Bases, Scalar};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, Weak};

/// Types that are four words of 64 bits, little-endian on a little-endian machine.
pub(crate) trait Words {}
impl Words for Scalar {}
impl Words for Fr {}

/// The bytes of numbers, as kernels read them.
pub(crate) fn words<T: Words>(values: &[T]) -> &[u8] {
    const { assert!(size_of::<T>() == 32 && cfg!(target_endian = "little")) };
    // SAFETY: both types hold one `[u64; 4]` and nothing else that has a size, and are 32 bytes long: they have no padding, so all their bytes are set.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// Numbers from what kernels wrote: whole groups of 32 bytes.
pub(crate) fn scalars_of(bytes: &[u8]) -> Vec<Scalar> {
    let number = |bytes: &[u8]| {
        let word = |i: usize| {
            bytes[8 * i..8 * i + 8]
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        Scalar::new([word(0), word(1), word(2), word(3)])
    };
    bytes.par_chunks_exact(32).map(number).collect()
}

/// Which bases: a name, and where in its bytes. Two with the same name and place are the same bases while the name lives.
#[derive(PartialEq)]
struct Place {
    address: usize,
    bytes: usize,
    len: usize,
    first: usize,
    span: u32,
}

struct Kept {
    name: Weak<()>,
    place: Place,
    bases: Arc<Resident>,
    used: u64,
}

/// Bases on the device. Those whose name is gone go first, then those that were not used for longest.
#[derive(Default)]
pub(crate) struct Keep(Mutex<State>);

#[derive(Default)]
struct State {
    kept: Vec<Kept>,
    clock: u64,
}

impl Keep {
    /// These bases on the device: those that are there, or uploaded now.
    pub(crate) fn get<C: DeviceCurve>(
        &self,
        gpu: &Gpu,
        bases: &Bases<'_, C>,
    ) -> Result<Arc<Resident>, GpuError> {
        let Some(name) = bases.residence() else {
            return Ok(Arc::new(Resident::new(gpu, bases)?));
        };
        let name = name.watch();
        let place = Place {
            address: bases.bytes().as_ptr().addr(),
            bytes: bases.bytes().len(),
            len: bases.len(),
            first: bases.first(),
            span: bases.span(),
        };
        let mut state = lock(&self.0);
        state.clock += 1;
        let clock = state.clock;
        let same = |kept: &&mut Kept| kept.name.ptr_eq(&name) && kept.place == place;
        if let Some(kept) = state.kept.iter_mut().find(same) {
            kept.used = clock;
            return Ok(kept.bases.clone());
        }
        state.kept.retain(|kept| kept.name.strong_count() > 0);
        // Half of the memory is for keys, the other half for work.
        let needed = bases.bytes().len() as u64;
        while state.bytes() + needed > gpu.memory() / 2 {
            let Some(oldest) = (0..state.kept.len()).min_by_key(|index| state.kept[*index].used) else {
                break;
            };
            state.kept.swap_remove(oldest);
        }
        let resident = Arc::new(Resident::new(gpu, bases)?);
        state.kept.push(Kept {
            name,
            place,
            bases: resident.clone(),
            used: clock,
        });
        Ok(resident)
    }

    /// Lets all go.
    pub(crate) fn clear(&self) {
        lock(&self.0).kept.clear();
    }

    /// Bytes of all bases that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.0).bytes()
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.bases.bytes()).sum()
    }
}
