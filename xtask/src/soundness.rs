//! `soundness`: the regime at full size, on claim U1 as a network uses it.
//!
//! Prints the table of `docs/security/soundness.md`. The same subjects run at small sizes in the test command.
//!
//! Depends on: `popw_circuits::soundness`. Where to go next: that module's header, which explains the columns.

use crate::args::Args;
use crate::error::Error;
use crate::workspace::Workspace;
use popw_circuits::soundness::{Report, check_circuit};
use popw_circuits::uptime::subject::subject;
use popw_claims::uptime::Shape;
use std::time::Instant;

/// Devices of a zone, whether the outage rule is on, and how often the circuit is run for each point: every assertion of the
/// single device is searched for, one of each family of the larger zones.
const SUBJECTS: [(usize, bool, usize); 4] =
    [(1, true, 800), (16, true, 100), (256, false, 40), (256, true, 40)];

/// Survivors that are printed.
const SURVIVORS_MAX: usize = 20;

/// The command.
pub(crate) fn run(_: &Workspace, args: Args) -> Result<(), Error> {
    args.rest(0)?;
    println!("{}", Report::TABLE_HEADER);
    let mut failed = Vec::new();
    for (devices, outage_rule, runs_max) in SUBJECTS {
        let shape = Shape {
            outage_rule,
            ..Shape::new(devices, 8, 144)
        };
        let start = Instant::now();
        let report = check_circuit(&subject(shape, runs_max));
        println!("{report}");
        eprintln!("{} took {:.0} s", report.name, start.elapsed().as_secs_f64());
        for survivor in report.deletions_survived.iter().take(SURVIVORS_MAX) {
            println!("deletion survived: {survivor}");
        }
        if let Err(findings) = report.verdict() {
            failed.push(format!("{}: {findings:?}", report.name));
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::Found(failed.join("\n"))),
    }
}
