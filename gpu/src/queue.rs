//! Sums of small proofs that are asked for at the same time run as one: [`Queue`].
//!
//! While a sum runs, others gather; whoever comes next takes with its own all those over the same bases. One proof of 2^14 constraints leaves most of a large
//! device idle, sixteen fill it. A large sum runs alone.
//!
//! Depends on: [`crate::msm`]. Where to go next: [`crate::backend`].

use crate::device::Gpu;
use crate::error::GpuError;
use crate::lock;
use crate::msm::{DeviceScalars, Msm, Part, Resident};
use ark_bn254::G1Projective;
use ark_ec::PrimeGroup;
use popw_kernels::{CancelToken, Control, Sums};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use wgpu::Buffer;

/// Scalars that are summed together at most: so many fill a device.
pub(crate) const TOGETHER: usize = 1 << 18;

/// What one caller wants summed. Clones share it.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) scalars: Buffer,
    pub(crate) count: usize,
    pub(crate) g1: Vec<Arc<Resident>>,
    /// With how many of their bases.
    pub(crate) g2: Vec<(Arc<Resident>, usize)>,
}

impl Task {
    /// Can both run as one?
    fn fits(&self, other: &Self) -> bool {
        let same = |a: &Arc<Resident>, b: &Arc<Resident>| Arc::ptr_eq(a, b);
        self.count == other.count
            && self.g1.len() == other.g1.len()
            && self.g2.len() == other.g2.len()
            && self.g1.iter().zip(&other.g1).all(|(a, b)| same(a, b))
            && self
                .g2
                .iter()
                .zip(&other.g2)
                .all(|(a, b)| same(&a.0, &b.0) && a.1 == b.1)
    }
}

/// A result, and a caller's part of the time.
type Answer = Result<(Sums, Duration), GpuError>;

struct Waiting {
    task: Task,
    answer: Arc<OnceLock<Answer>>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever runs holds it.
    turn: Mutex<()>,
}

impl Queue {
    /// The sums of a task, and how long they took: if several ran as one, an equal part of that.
    pub(crate) fn sum(&self, gpu: &Gpu, msm: &Msm, task: Task, control: &Control<'_>) -> Answer {
        let answer = Arc::new(OnceLock::new());
        lock(&self.waiting).push(Waiting {
            task,
            answer: answer.clone(),
        });
        let _turn = lock(&self.turn);
        let mut is_told = false;
        if answer.get().is_none() {
            let together = self.together(&answer);
            is_told = together.len() == 1;
            let result = run(gpu, msm, &together, control);
            for (index, waiting) in together.iter().enumerate() {
                let own = result.as_ref().map(|(sums, time)| (sums[index].clone(), *time));
                // Nobody else has it: each is in one list.
                let _ = waiting.answer.set(own.map_err(GpuError::clone));
            }
        }
        control.check()?;
        if !is_told {
            control.advance(1.0);
        }
        // Whoever took the task ended without an answer only if it panicked.
        answer.get().cloned().unwrap_or_else(|| {
            Err(GpuError::Driver {
                reason: "the thread that summed ended abnormally".into(),
            })
        })
    }

    /// The task of this answer and those that can run with it.
    fn together(&self, answer: &Arc<OnceLock<Answer>>) -> Vec<Waiting> {
        let mut waiting = lock(&self.waiting);
        let own = waiting
            .iter()
            .position(|other| Arc::ptr_eq(&other.answer, answer));
        let mut together: Vec<Waiting> = own.map(|index| waiting.remove(index)).into_iter().collect();
        let Some(task) = together.first().map(|own| own.task.clone()) else {
            return together;
        };
        let mut room = (TOGETHER / task.count.max(1)).saturating_sub(1);
        let mut index = 0;
        while index < waiting.len() && room > 0 {
            if waiting[index].task.fits(&task) {
                together.push(waiting.remove(index));
                room -= 1;
            } else {
                index += 1;
            }
        }
        together
    }
}

fn run(
    gpu: &Gpu,
    msm: &Msm,
    together: &[Waiting],
    control: &Control<'_>,
) -> Result<(Vec<Sums>, Duration), GpuError> {
    let Some(Waiting { task, .. }) = together.first() else {
        return Ok((Vec::new(), Duration::ZERO));
    };
    let lists: Vec<_> = together
        .iter()
        .map(|waiting| DeviceScalars {
            buffer: &waiting.task.scalars,
            count: task.count,
        })
        .collect();
    let g1: Vec<_> = task.g1.iter().map(|bases| Part::all(bases)).collect();
    let g2: Vec<_> = task
        .g2
        .iter()
        .map(|(bases, len)| Part { bases, len: *len })
        .collect();
    let started = Instant::now();
    let mut sums = match together.len() {
        1 => msm.sums(gpu, &lists, &g1, &g2, control)?,
        // One caller that cancels does not stop the others' work.
        _ => msm.sums(gpu, &lists, &g1, &g2, &Control::silent(&CancelToken::new()))?,
    };
    if gpu.is_wrong() {
        let first = sums.iter_mut().flat_map(|sums| sums.g1.first_mut());
        first.for_each(|sum| *sum += G1Projective::generator());
    }
    Ok((sums, started.elapsed() / together.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{WAYS, gpu};
    use popw_kernels::{Bases, G1};

    #[test]
    fn what_waits_over_the_same_bases_runs_together() {
        let Some(gpu) = gpu(WAYS[0]) else { return };
        let bases = || Arc::new(Resident::new(&gpu, &Bases::<G1>::new(&[0; 64], 0).unwrap()).unwrap());
        let (first, second) = (bases(), bases());
        let scalars = gpu.buffer("scalars", 32).unwrap();
        let queue = Queue::default();
        let wait = |count, bases: &Arc<Resident>| {
            let answer = Arc::new(OnceLock::new());
            lock(&queue.waiting).push(Waiting {
                task: Task {
                    scalars: scalars.clone(),
                    count,
                    g1: vec![bases.clone()],
                    g2: vec![(bases.clone(), count)],
                },
                answer: answer.clone(),
            });
            answer
        };
        let large = TOGETHER / 3;
        let waiting = [
            wait(1, &first),
            wait(1, &second),
            wait(2, &first),
            wait(1, &first),
            wait(large, &first),
            wait(large, &first),
            wait(large, &first),
            wait(large, &first),
            wait(TOGETHER, &first),
            wait(TOGETHER, &first),
        ];
        let taken = |index: usize| queue.together(&waiting[index]).len();
        assert_eq!(taken(3), 2, "the same count and bases, whoever came first");
        assert_eq!(taken(0), 0, "that one ran already");
        assert_eq!(taken(1), 1, "other bases");
        assert_eq!(taken(2), 1, "another count");
        assert_eq!(
            (taken(7), taken(4) + taken(5) + taken(6)),
            (3, 1),
            "three fill a device"
        );
        assert_eq!((taken(8), taken(9)), (1, 1), "large ones run alone");
        assert!(lock(&queue.waiting).is_empty());
    }
}
