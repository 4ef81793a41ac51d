//! Sums of small proofs that are asked for at the same time run as one: [`Queue`].
//!
//! While a sum runs, others gather; whoever comes next takes with its own all those over the same bases. One proof of 2^14 constraints leaves most of a large
//! device idle, sixteen fill it. A large sum runs alone.
//!
//! Depends on: [`crate::msm`]. Where to go next: [`crate::backend`].

use crate::device::Gpu;
use crate::error::GpuError;
use crate::msm::{DeviceScalars, Msm, Part, Resident};
use ark_bn254::G1Projective;
use ark_ec::PrimeGroup;
use popw_kernels::{CancelToken, Control, Sums};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        if answer.get().is_none() {
            let together = self.together(&answer);
            let result = run(gpu, msm, &together, control);
            for (index, waiting) in together.iter().enumerate() {
                let own = result.as_ref().map(|(sums, time)| (sums[index].clone(), *time));
                // Nobody else has it: each is in one list.
                let _ = waiting.answer.set(own.map_err(GpuError::clone));
            }
        }
        control.check()?;
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
