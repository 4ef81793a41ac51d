//! [`Worker`]: threads that take jobs from a [`Board`], prove them and hand the proofs over.
//!
//! Each slot is a thread of its own that proves one job at a time, with the threads of the key's prover; leases are renewed by a runtime of the worker's own, with a thread that does nothing
//! else. So neither waits for the other, and neither for the service's callers. What a job ends with is told until the coordinator takes it: a proof is worth as much when it comes late.
//!
//! Depends on: [`crate::board`], [`crate::keys`], [`crate::memory`], `popw-prover`. Where to go next: [`crate::proving`], what a slot does with a job.

use crate::board::{Board, BoardError, Errand};
use crate::clock::millis;
use crate::failpoint;
use crate::hub::PhaseSeconds;
use crate::id::{Digest, Token};
use crate::job::{Failure, FailureClass, Outcome, Work};
use crate::keys::Keys;
use crate::lock;
use crate::memory::{Budget, Share};
use crate::proving::{Fleets, Meter, NoProof, Pace, prove};
use crate::workers::WorkerInfo;
use popw_prover::CancelToken;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex as AsyncMutex, watch};

/// Between two looks at how far a slot is.
const TICK: Duration = Duration::from_millis(250);

/// A lease is renewed as often, though nothing moves.
const BEAT: Duration = Duration::from_secs(1);

/// Between two calls that nobody answered, at first and at most.
const RETRY: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(5);

/// So long a worker tries to say what a job ended with.
const REPORT: Duration = Duration::from_secs(3_600);

/// What may be chosen about a worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its name, different from all others'.
    pub name: String,
    /// Its compute, as it is shown.
    pub backend: String,
    /// Threads of a proof, as they are shown.
    pub threads: u32,
    /// Jobs at once.
    pub slots: usize,
    /// Bytes of memory for proofs.
    pub memory: u64,
}

/// A random name for a worker that was given none.
pub fn random_name() -> String {
    format!("worker-{}", Token::random())
}

/// What a worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Order {
    Work,
    /// End what it has, take nothing more.
    Drain,
    /// Give back what it has.
    Halt,
}

/// See the module.
pub struct Worker {
    orders: watch::Sender<Order>,
    slots: Vec<thread::JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    options: WorkerOptions,
    board: Arc<dyn Board>,
    keys: Arc<Keys>,
    budget: Budget,
    orders: watch::Receiver<Order>,
    /// One slot asks at a time, so that what is free is still free when a job comes.
    asking: AsyncMutex<()>,
    inputs: Mutex<Inputs>,
    fleets: Fleets,
    pace: Pace,
    runtime: Runtime,
}

/// The files that the slots need. A fleet is kept until another comes: the zones of an epoch come one after the other.
#[derive(Default)]
struct Inputs {
    users: HashMap<Digest, usize>,
    fleet: Option<Digest>,
}

impl Inputs {
    /// A slot begins to need an input. Returns what nobody needs any more.
    fn enter(&mut self, work: &Work) -> Option<Digest> {
        *self.users.entry(work.input()).or_default() += 1;
        let old = match work {
            Work::Claim { fleet, .. } if self.fleet != Some(*fleet) => self.fleet.replace(*fleet)?,
            _ => return None,
        };
        (!self.users.contains_key(&old)).then_some(old)
    }

    /// A slot is done with an input. Returns what nobody needs any more.
    fn leave(&mut self, work: &Work) -> Option<Digest> {
        let input = work.input();
        let users = self.users.get_mut(&input)?;
        *users -= 1;
        if *users > 0 {
            return None;
        }
        self.users.remove(&input);
        (self.fleet != Some(input)).then_some(input)
    }
}

/// What a job ended with.
enum Report {
    Proof(Outcome, PhaseSeconds),
    Failure(Failure),
    GiveBack,
}

impl Worker {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start(board: Arc<dyn Board>, keys: Arc<Keys>, options: WorkerOptions) -> io::Result<Self> {
        let (orders, received) = watch::channel(Order::Work);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("popw-leases")
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            board,
            keys,
            budget: Budget::new(options.memory),
            options: options.clone(),
            orders: received,
            asking: AsyncMutex::default(),
            inputs: Mutex::default(),
            fleets: Fleets::default(),
            pace: Pace::default(),
            runtime,
        });
        let slot = |number| {
            let shared = shared.clone();
            let name = format!("popw-slot-{number}");
            thread::Builder::new().name(name).spawn(move || shared.work())
        };
        let slots = (0..options.slots).map(slot).collect::<io::Result<_>>()?;
        Ok(Self {
            orders,
            slots,
            shared,
        })
    }

    /// Takes no more jobs, and returns when those that it has are done, or, after `grace`, given back.
    pub fn stop(mut self, grace: Duration) {
        self.orders.send_replace(Order::Drain);
        let end = Instant::now() + grace;
        while Instant::now() < end && self.slots.iter().any(|slot| !slot.is_finished()) {
            thread::sleep(Duration::from_millis(10));
        }
        self.orders.send_replace(Order::Halt);
        for slot in self.slots.drain(..) {
            // A slot that panicked has told.
            let _ = slot.join();
        }
        let leave = self.shared.board.drain(&self.shared.options.name);
        // A coordinator that is away forgets the worker by itself.
        let _ = self
            .shared
            .runtime
            .block_on(async { tokio::time::timeout(BEAT, leave).await });
    }
}

impl Shared {
    /// Who it is, with the keys that it has now.
    fn info(&self) -> WorkerInfo {
        WorkerInfo {
            name: self.options.name.clone(),
            backend: self.options.backend.clone(),
            threads: self.options.threads,
            memory: self.options.memory,
            keys: self.keys.all().iter().map(|key| key.name).collect(),
        }
    }

    fn order(&self) -> Order {
        *self.orders.borrow()
    }

    /// A slot: job after job, until it is to stop.
    fn work(&self) {
        while let Some((errand, share)) = self.runtime.block_on(self.next()) {
            self.run(&errand);
            drop(share);
        }
    }

    /// The next job and its share of the memory.
    async fn next(&self) -> Option<(Errand, Share)> {
        let _asking = self.asking.lock().await;
        let mut wait = RETRY.start;
        while self.order() == Order::Work {
            match self.board.lease(&self.options.name, self.budget.free()).await {
                Ok(Some(errand)) if self.order() == Order::Work => {
                    let share = self.budget.take(errand.memory);
                    return Some((errand, share));
                }
                Ok(Some(errand)) => self.tell(&errand, Report::GiveBack).await,
                Ok(None) => wait = RETRY.start,
                Err(BoardError::Unknown(_)) => {
                    if self.board.register(&self.info()).await.is_err() {
                        self.pause(&mut wait).await;
                    }
                }
                Err(_) => self.pause(&mut wait).await,
            }
        }
        None
    }

    /// Waits, longer from time to time, but not longer than the worker is to work.
    async fn pause(&self, wait: &mut Duration) {
        let mut orders = self.orders.clone();
        let stopped = orders.wait_for(|order| *order != Order::Work);
        let _ = tokio::time::timeout(*wait, stopped).await;
        *wait = (*wait * 2).min(RETRY.end);
    }

    fn run(&self, errand: &Errand) {
        let span =
            tracing::info_span!("proof", job = %errand.id, key = %errand.key.key, worker = self.options.name);
        let _within = span.enter();
        self.discard(lock(&self.inputs).enter(&errand.work));
        let cancel = CancelToken::new();
        let meter = Arc::new(Meter::new(self.pace.expected(&errand.key.key)));
        let keeper = self.runtime.spawn(keep(
            self.board.clone(),
            errand.clone(),
            cancel.clone(),
            meter.clone(),
            self.orders.clone(),
        ));
        let proven = catch_unwind(AssertUnwindSafe(|| self.prove(errand, &meter, &cancel)));
        let report = match proven {
            Ok(Ok(outcome)) => Some(Report::Proof(outcome, meter.spent())),
            Ok(Err(NoProof::Failed(failure))) => Some(Report::Failure(failure)),
            Ok(Err(NoProof::Cancelled)) if self.order() == Order::Halt => Some(Report::GiveBack),
            // The coordinator knows.
            Ok(Err(NoProof::Cancelled)) => None,
            Err(_) => Some(Report::Failure(Failure {
                class: FailureClass::Worker,
                message: "the worker panicked".to_owned(),
            })),
        };
        if let Some(report) = report {
            self.runtime.block_on(self.tell(errand, report));
        }
        keeper.abort();
        self.discard(lock(&self.inputs).leave(&errand.work));
    }

    fn discard(&self, input: Option<Digest>) {
        if let Some(input) = input {
            self.runtime.block_on(self.board.discard(input));
        }
    }

    fn prove(&self, errand: &Errand, meter: &Meter, cancel: &CancelToken) -> Result<Outcome, NoProof> {
        let key = self
            .keys
            .get(&errand.key)
            .ok_or_else(|| NoProof::worker("the worker has no such key"))?;
        let input = self.runtime.block_on(self.board.input(errand));
        let input = match input {
            Err(BoardError::Ended(_)) => return Err(NoProof::Cancelled),
            input => input.map_err(|error| NoProof::worker(format!("the input: {error}")))?,
        };
        failpoint::hit("worker.input");
        let started = Instant::now();
        let mut outcome = prove(&key, &errand.work, &input, &self.fleets, meter, cancel)?;
        outcome.proving = millis(started.elapsed());
        failpoint::hit("worker.proven");
        self.pace.record(&errand.key.key, meter.spent());
        Ok(outcome)
    }

    /// Says what a job ended with, again and again if nobody answers.
    async fn tell(&self, errand: &Errand, report: Report) {
        let end = Instant::now() + REPORT;
        let mut wait = RETRY.start;
        while Instant::now() < end {
            let told = match &report {
                Report::Proof(outcome, phases) => self.board.complete(errand, outcome.clone(), *phases).await,
                Report::Failure(failure) => self.board.fail(errand, failure.clone()).await,
                Report::GiveBack => self.board.give_back(errand).await,
            };
            match told {
                // A worker that halts does not wait for a coordinator that is away: the lease ends by itself.
                Err(BoardError::Unavailable(_)) if self.order() != Order::Halt => {}
                _ => return,
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY.end);
        }
    }
}

/// Renews a lease and tells how far the work is; stops the work when the lease has ended, or the worker is to halt.
async fn keep(
    board: Arc<dyn Board>,
    errand: Errand,
    cancel: CancelToken,
    meter: Arc<Meter>,
    mut orders: watch::Receiver<Order>,
) {
    let ended = async {
        while board.ended(&errand).await.is_err() {
            tokio::time::sleep(BEAT).await;
        }
    };
    let renewed = async {
        let (mut told, mut when) = (None, Instant::now());
        loop {
            tokio::time::sleep(TICK).await;
            let progress = meter.progress();
            if progress == told && when.elapsed() < BEAT {
                continue;
            }
            match board.renew(&errand, progress).await {
                Err(BoardError::Ended(_)) => return,
                // Nobody answers: whether the lease has ended is the coordinator's to say.
                Err(_) => {}
                Ok(()) => (told, when) = (progress, Instant::now()),
            }
        }
    };
    let halted = orders.wait_for(|order| *order == Order::Halt);
    tokio::select! {
        () = ended => {}
        () = renewed => {}
        _ = halted => {}
    }
    cancel.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_kept_while_a_slot_needs_it_and_a_fleet_until_another_comes() {
        let digest = |byte| Digest([byte; 32]);
        let fleet = |byte, zone| Work::Claim {
            fleet: digest(byte),
            zone,
        };
        let witness = Work::Assignment { witness: digest(9) };
        let mut inputs = Inputs::default();
        assert_eq!(inputs.enter(&fleet(1, 0)), None);
        assert_eq!(inputs.enter(&fleet(1, 1)), None);
        assert_eq!(inputs.leave(&fleet(1, 0)), None);
        // An assignment goes with its last slot.
        assert_eq!(inputs.enter(&witness), None);
        assert_eq!(inputs.enter(&witness), None);
        assert_eq!(inputs.leave(&witness), None);
        assert_eq!(inputs.leave(&witness), Some(digest(9)));
        // Another fleet comes while a slot still needs the first.
        assert_eq!(inputs.enter(&fleet(2, 0)), None);
        assert_eq!(inputs.leave(&fleet(1, 1)), Some(digest(1)));
        assert_eq!(inputs.leave(&fleet(2, 0)), None);
        // And when nobody does.
        assert_eq!(inputs.enter(&fleet(3, 0)), Some(digest(2)));
    }
}
