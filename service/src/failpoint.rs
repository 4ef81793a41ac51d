//! Places where a test has the process killed, as by `kill -9`, or made to stand still, as by SIGSTOP: [`hit`]. Without the feature `failpoints`, nothing.
//!
//! `POPW_KILL_AT=PLACE:N` kills it when it comes to the place for the N-th time; `POPW_STOP_AT=PLACE:N` has it stand still.
//!
//! Depends on: rustix, with the feature. Where to go next: `cli/tests/crashes.rs` and `outages.rs`, the tests.

/// All places, in the order of a job's life.
pub const PLACES: [&str; 10] = [
    "blob.written",
    "blob.named",
    "queue.submitted",
    "store.changed",
    "store.committed",
    "queue.leased",
    "worker.input",
    "worker.proven",
    "queue.verified",
    "queue.completed",
];

/// The process comes to a place.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn hit(_place: &'static str) {}

/// The process comes to a place.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(place: &'static str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    struct Plan {
        place: String,
        count: AtomicI64,
        signal: Signal,
    }
    fn plan(variable: &str, signal: Signal) -> Option<Plan> {
        let plan = std::env::var(variable).ok()?;
        let (place, count) = plan.split_once(':')?;
        Some(Plan {
            place: place.to_owned(),
            count: AtomicI64::new(count.parse().ok()?),
            signal,
        })
    }
    static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
        let plans = [
            plan("POPW_KILL_AT", Signal::KILL),
            plan("POPW_STOP_AT", Signal::STOP),
        ];
        plans.into_iter().flatten().collect()
    });
    debug_assert!(PLACES.contains(&place));
    for plan in PLANS.iter().filter(|plan| plan.place == place) {
        if plan.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            // A process that does not get the signal is found out by the test.
            let _ = kill_process(getpid(), plan.signal);
        }
    }
}
