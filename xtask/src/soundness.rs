//! `soundness`: the regime, and the tables of `docs/security/soundness.md` that publish its results.
//!
//! Runs every gadget and claim at the sizes of the test command, or with `--full` the claims at the sizes of a network, and writes
//! the tables; with `--check` it compares them instead. The test command compares the small ones as well. With FILTER it runs the
//! subjects whose name contains it, and prints.
//!
//! Depends on: `popw_circuits::soundness`. Where to go next: that module's header, which explains the points.

use crate::args::Args;
use crate::error::Error;
use crate::workspace::Workspace;
use popw_circuits::soundness::Report;
use popw_circuits::soundness::report::{section, with_section};
use popw_circuits::soundness::subjects::{self, check_all};
use std::fs;
use std::thread;
use std::time::Instant;

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let (full, check) = (args.flag("--full"), args.flag("--check"));
    let filter = args.rest(1)?.pop();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (size, mut entries, threads) = match full {
        // A zone of 256 takes gigabytes.
        true => ("full", subjects::full(), 1),
        false => ("small", subjects::small(), threads),
    };
    if let Some(filter) = &filter {
        entries.retain(|entry| entry.name.contains(filter));
        if entries.is_empty() {
            return Err(Error::Usage(format!("no subject has `{filter}` in its name")));
        }
    }
    let start = Instant::now();
    let reports = check_all(entries, 1, threads, |report| {
        println!("{report}");
        eprintln!(
            "{} done after {:.0} s",
            report.name,
            start.elapsed().as_secs_f64()
        );
    });
    let failed: Vec<String> = reports
        .iter()
        .filter_map(|report| Some(format!("{}: {:?}", report.name, report.verdict().err()?)))
        .collect();
    if !failed.is_empty() {
        return Err(Error::Found(failed.join("\n")));
    }

    let tables = Report::tables(&reports);
    if filter.is_some() {
        println!("\n{tables}");
        return Ok(());
    }
    let path = workspace.root.join("docs/security/soundness.md");
    let document = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let Some(updated) = with_section(&document, size, &tables) else {
        return Err(Error::Found(format!(
            "{} has no section `{size}`",
            path.display()
        )));
    };
    match check {
        false => fs::write(&path, updated).map_err(Error::file("write", &path)),
        true if section(&document, size) == Some(&tables) => Ok(()),
        true => Err(Error::Found(format!(
            "{} differs: if the change is meant, run without --check",
            path.display()
        ))),
    }
}
