//! Every gadget and claim that the regime runs on. The tests and `cargo xtask soundness` draw from here.
//!
//! A new claim is one line in [`small`] and one in [`full`]; a new gadget is one in [`crate::gadgets::subjects::all`]. The results
//! stand in `docs/security/soundness.md`; the test command compares them with what it computes.

use super::{Report, Subject, check_circuit};
use crate::{coverage, gadgets, location, uptime, vote};
use ark_ff::PrimeField;
use popw_claims::coverage::Shape as CoverageShape;
use popw_claims::location::Shape as LocationShape;
use popw_claims::uptime::Shape;
use popw_claims::vote::Shape as VoteShape;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A subject, whatever its field and its witnesses are.
pub struct Entry {
    /// The subject's name.
    pub name: String,
    check: Box<dyn FnOnce(usize) -> Report + Send>,
}

impl Entry {
    /// Of a subject.
    pub fn new<F: PrimeField, W: Send + 'static>(mut subject: Subject<'static, F, W>) -> Self {
        Self {
            name: subject.name.clone(),
            check: Box::new(move |rounds| {
                subject.runs_max *= rounds;
                check_circuit(&subject)
            }),
        }
    }

    /// Runs the regime, with `rounds` times the subject's limit of runs.
    pub fn check(self, rounds: usize) -> Report {
        (self.check)(rounds)
    }
}

/// Every subject at the small size of the test command.
pub fn small() -> Vec<Entry> {
    let mut entries = gadgets::subjects::all();
    entries.extend(
        uptime::subject::small_shapes().map(|shape| Entry::new(uptime::subject::subject(shape, 150))),
    );
    entries.push(Entry::new(location::subject::subject(
        location::subject::small(3),
        150,
    )));
    entries.extend([1, 2].map(|witnesses| {
        Entry::new(coverage::subject::subject(
            coverage::subject::small(witnesses),
            150,
        ))
    }));
    entries.extend(
        [vote::subject::small(1, 3, 6), vote::subject::small(16, 2, 24)]
            .map(|shape| Entry::new(vote::subject::subject(shape, 150))),
    );
    entries
}

/// Every claim at the sizes that a network uses.
///
/// How often the circuit is run for each point: every assertion of the single device is searched for, one of each family of the
/// larger zones.
pub fn full() -> Vec<Entry> {
    let uptime = |devices, outage_rule, runs_max| {
        let shape = Shape {
            outage_rule,
            ..Shape::new(devices, 8, 144)
        };
        Entry::new(uptime::subject::subject(shape, runs_max))
    };
    vec![
        uptime(1, true, 800),
        uptime(16, true, 100),
        uptime(256, false, 40),
        uptime(256, true, 40),
        Entry::new(location::subject::subject(LocationShape::new(24), 800)),
        Entry::new(location::subject::subject(LocationShape::new(288), 200)),
        Entry::new(coverage::subject::subject(CoverageShape::new(14), 200)),
        Entry::new(vote::subject::subject(VoteShape::new(16, 8, 144), 400)),
    ]
}

/// Runs the regime on all entries, on as many threads as asked for; reports come in the order of the entries, `done` sees each as it
/// is made.
pub fn check_all(
    entries: Vec<Entry>,
    rounds: usize,
    threads: usize,
    done: impl Fn(&Report) + Sync,
) -> Vec<Report> {
    let queue = Mutex::new(entries.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut reports = Vec::new();
        while let Some((place, entry)) = next() {
            let report = entry.check(rounds);
            done(&report);
            reports.push((place, report));
        }
        reports
    };
    let mut reports: Vec<(usize, Report)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(reports) => reports,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    });
    reports.sort_by_key(|(place, _)| *place);
    reports.into_iter().map(|(_, report)| report).collect()
}
