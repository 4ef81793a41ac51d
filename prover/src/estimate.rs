//! [`Estimate`]: what a proof takes, before it is made.

use crate::tables::Tables;
use popw_kernels::{Backend, Bases, CancelToken, Control, Curve, G1, Scalar};
use popw_keys::Zkey;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a proof takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// An upper bound of the memory that a proof allocates, in bytes, the assignment included. With m the domain and n the
    /// wires it is 32 n for the assignment, 4 m for the index of the rows (4 bytes more for each coefficient of a key
    /// whose list is not ordered), the larger of 200 m (while the quotient is computed) and 32 m + 180 max(m, n) (while
    /// points are summed), and 32 MiB for what does not grow.
    pub memory_bytes: u64,
    /// Bytes of files that a proof reads through memory maps: the key, or its coefficients and the tables. The operating
    /// system drops them from memory when it is short.
    pub mapped_bytes: u64,
    /// The time of a proof, from the mean of those that this prover has made, else from a sum over 4,096 points of the
    /// key that is made to measure. Work is counted in points of the first group: one of the second counts as three, a
    /// value of the domain as one for its six transforms. Full-size values are assumed; real witnesses are often faster.
    pub time: Duration,
}

/// Points that are summed to measure.
const SAMPLE: usize = 1 << 12;

impl Estimate {
    pub(crate) fn new(
        key: &Zkey,
        tables: Option<&Tables>,
        permuted: bool,
        seconds_per_unit: impl FnOnce() -> f64,
    ) -> Self {
        let seconds = seconds_per_unit() * units(key);
        Self {
            memory_bytes: Self::memory(key, permuted),
            mapped_bytes: key.bytes().len() as u64 + tables.map_or(0, Tables::bytes),
            // A machine so slow that this overflows has no estimate.
            time: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        }
    }

    /// See [`Estimate::memory_bytes`].
    pub(crate) fn memory(key: &Zkey, permuted: bool) -> u64 {
        let header = key.header();
        let (rows, wires) = (u64::from(header.domain_size), u64::from(header.wires));
        let order = if permuted {
            4 * key.coefficients().len() as u64
        } else {
            0
        };
        let quotient = 200 * rows;
        let sums = 32 * rows + 180 * rows.max(wires);
        32 * wires + 4 * rows + order + quotient.max(sums) + (32 << 20)
    }
}

/// The work of a proof without tables, in points of G1. How much of it tables take away is left to the measured rate.
fn units(key: &Zkey) -> f64 {
    let header = key.header();
    let (rows, wires) = (f64::from(header.domain_size), f64::from(header.wires));
    let sums = 2.0 * wires + f64::from(header.private()) + 3.0 * wires + rows;
    sums + rows
}

/// Seconds for a unit of work, learnt from proofs.
#[derive(Default)]
pub(crate) struct Rate(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// From a sample; used until a proof was made.
    sampled: Option<f64>,
    proofs: u32,
    seconds: f64,
}

impl Known {
    fn rate(&self) -> Option<f64> {
        match self.proofs {
            0 => self.sampled,
            proofs => Some(self.seconds / f64::from(proofs)),
        }
    }
}

impl Rate {
    /// A proof was made.
    pub(crate) fn record(&self, key: &Zkey, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.proofs = known.proofs.saturating_add(1);
        known.seconds += took.as_secs_f64() / units(key);
    }

    /// The mean of the proofs so far; if there are none, that of a sum over points of a key, made once.
    pub(crate) fn measured(&self, backend: &dyn Backend, points: &[u8]) -> f64 {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = known().rate() {
            return rate;
        }
        // Without the lock: a worker of rayon's that waits for the sample may take up a proof that wants it.
        let sampled = sample(backend, points);
        let mut known = known();
        known.sampled = Some(sampled);
        known.rate().unwrap_or(sampled)
    }
}

fn sample(backend: &dyn Backend, points: &[u8]) -> f64 {
    let count = (points.len() / G1::POINT_BYTES).min(SAMPLE);
    let Ok(bases) = Bases::<G1>::new(&points[..count * G1::POINT_BYTES], 0) else {
        return 0.0;
    };
    // Full-size values below the order: the top limb is cut to 253 bits; a multiplicative hash fills the others.
    let limb = |seed: u64| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let scalar = |index: u64| {
        let limbs = [1, 2, 3, 4].map(|part| limb(4 * index + part));
        Scalar::new([limbs[0], limbs[1], limbs[2], limbs[3] >> 3])
    };
    let scalars: Vec<Scalar> = (0..count as u64).map(scalar).collect();
    let never = CancelToken::new();
    let started = Instant::now();
    // The sum is of no interest, and neither is an error: both take their time.
    let _ = backend.msm(&scalars, &[bases], &[], &Control::silent(&never));
    started.elapsed().as_secs_f64() / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}
