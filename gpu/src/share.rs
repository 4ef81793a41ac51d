//! How work is shared between device and CPU: [`Shares`] learns both rates from the work itself.

use crate::lock;
use std::sync::Mutex;
use std::time::Duration;

/// How much of a new measurement counts.
const WEIGHT: f64 = 0.5;

/// Shares below this are not worth their overhead.
const SHARE_MIN: f64 = 0.05;

/// Seconds a scalar, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    /// The device, for all that it sums of a scalar in the first group.
    device_g1: Option<f64>,
    device_g2: Option<f64>,
    cpu_g2: Option<f64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Rates>);

fn learn(rate: &mut Option<f64>, time: Duration, count: f64) {
    if count > 0.0 {
        let new = time.as_secs_f64() / count;
        *rate = Some(rate.map_or(new, |old| old + WEIGHT * (new - old)));
    }
}

impl Shares {
    /// The device summed: so many bases of both groups took so long. What a base of the second group costs more than one of the first is learnt only from
    /// calls of one group alone.
    pub(crate) fn device(&self, g1: usize, g2: usize, time: Duration) {
        let mut rates = lock(&self.0);
        match (g1, g2) {
            (_, 0) => learn(&mut rates.device_g1, time, g1 as f64),
            _ => {
                let first = rates.device_g1.unwrap_or(0.0) * g1 as f64;
                let rest = Duration::try_from_secs_f64(time.as_secs_f64() - first).unwrap_or(time);
                learn(&mut rates.device_g2, rest, g2 as f64);
            }
        }
    }

    /// The CPU summed so many bases of the second group.
    pub(crate) fn cpu(&self, g2: usize, time: Duration) {
        let mut rates = lock(&self.0);
        learn(&mut rates.cpu_g2, time, g2 as f64);
    }

    /// The part of `g2` bases of the second group that the CPU is to sum while the device sums the others and `g1` of the first, so that both end together.
    /// Before both were measured, a sixteenth: to measure.
    pub(crate) fn of_cpu(&self, g1: usize, g2: usize) -> f64 {
        let rates = *lock(&self.0);
        let (Some(device), Some(cpu)) = (rates.device_g2, rates.cpu_g2) else {
            return 1.0 / 16.0;
        };
        let (g1, g2) = (g1 as f64 * rates.device_g1.unwrap_or(0.0), g2 as f64);
        let share = (g1 + g2 * device) / (g2 * (device + cpu)).max(f64::MIN_POSITIVE);
        if share < SHARE_MIN { 0.0 } else { share.min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_end_together() {
        let shares = Shares::default();
        assert_eq!(shares.of_cpu(10, 10), 1.0 / 16.0);
        shares.device(1000, 0, Duration::from_secs(1));
        shares.device(1000, 1000, Duration::from_secs(4));
        shares.cpu(1000, Duration::from_secs(5));
        // 300 bases of the first group and a part of 1000 of the second: 0.3 + 3 (1 - x) = 5 x.
        let share = shares.of_cpu(300, 1000);
        assert!((0.3 + 3.0 * (1.0 - share) - 5.0 * share).abs() < 1e-9);
        assert_eq!(shares.of_cpu(1_000_000, 10), 1.0);
        shares.cpu(1000, Duration::from_secs(10_000));
        assert_eq!(shares.of_cpu(0, 1000), 0.0, "a slow CPU is left out");
    }
}
