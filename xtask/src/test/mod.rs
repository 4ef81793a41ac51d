//! `test`: all that CI runs, in the order of how soon it can fail: setup, formatting, lints, arrows, the build
//! for WebAssembly, tests, doc-tests.
//!
//! Every test has its time. A check that fails does not hide the next one; only tests that do not build end
//! the run. A test that lacks something says a line with SKIPPED, and every such line is shown again at the
//! end.
//!
//! Depends on: `setup`, `arrows`. Where to go next: `libtest` for how tests report, `report` for what is
//! shown.

mod build;
mod libtest;
mod report;
mod wasm;

use crate::args::Args;
use crate::error::Error;
use crate::workspace::{Package, Workspace};
use crate::{arrows, process, setup};
use report::{DOC_TESTS, Report};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// What multiplies the cases of property tests.
const ROUNDS: &str = "POPW_ROUNDS";
/// Its value under `--full`.
const ROUNDS_FULL: u32 = 10;

/// What to run.
pub(crate) struct Plan {
    /// Only tests whose name contains one of these; all if there are none.
    pub(crate) filters: Vec<String>,
    /// Whether tests shall take their time.
    pub(crate) full: bool,
    /// The value of `POPW_ROUNDS`, unless it is set.
    pub(crate) rounds: Option<u32>,
    /// Whether to run the other checks, and doc-tests, too.
    pub(crate) checks: bool,
    /// Where to write the summary.
    pub(crate) record: Option<PathBuf>,
}

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let full = args.flag("--full");
    let workspace = workspace.narrow(args.value("--package")?.as_deref())?;
    let record = args.value("--record")?.map(Into::into);
    let filters = args.rest(1)?;
    let rounds = full.then_some(ROUNDS_FULL);
    execute(
        &workspace,
        &Plan {
            filters,
            full,
            rounds,
            checks: true,
            record,
        },
    )
}

/// Runs a plan, prints the summary, and fails if anything did.
pub(crate) fn execute(workspace: &Workspace, plan: &Plan) -> Result<(), Error> {
    let start = Instant::now();
    let mut report = Report::new(env::var_os("POPW_REQUIRE_ALL").is_some());
    if plan.checks {
        let selection = workspace.selection();
        let all = if selection.len() == 1 {
            vec!["--all"]
        } else {
            selection.clone()
        };
        let mut fmt = workspace.cargo(&["fmt"]);
        fmt.args(all).arg("--check");
        // The same profile as the tests: a second one would double a cold build.
        let mut clippy = workspace.cargo(&["clippy", "--release"]);
        clippy
            .args(workspace.selection_with_features())
            .args(["--all-targets", "--", "-D", "warnings"]);
        report.check("setup", || setup::install(workspace));
        report.check("fmt", || process::run(&mut fmt));
        report.check("clippy", || process::run(&mut clippy));
        report.check("arrows", || arrows::check(workspace));
        let named = |package: &Package| package.name == wasm::PACKAGE;
        if workspace.packages.iter().any(named) {
            match wasm::missing()? {
                Some(reason) => report.skip(reason),
                None => drop(report.check("wasm", || wasm::build(workspace))),
            }
        }
    }
    let variables = variables(plan);
    let mut executables = Vec::new();
    let built = report.check("build", || {
        executables = build::executables(workspace)?;
        Ok(())
    });
    for executable in &executables {
        report.running(executable);
        let results = libtest::run(executable, &plan.filters, &variables)?;
        report.add(&executable.package, results);
    }
    let has_doctests = workspace
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .any(|target| target.has_doctests);
    if built && plan.checks && has_doctests {
        let mut command = workspace.cargo(&["test", "--release", "--doc", "--no-fail-fast"]);
        command
            .args(workspace.selection_with_features())
            .envs(variables.iter().cloned());
        if let [filter, ..] = plan.filters.as_slice() {
            command.args(["--", filter]);
        }
        report.add(DOC_TESTS, libtest::run_doc_tests(&mut command)?);
    }
    let rounds = env::var(ROUNDS)
        .ok()
        .or(plan.rounds.map(|rounds| rounds.to_string()));
    let seconds = start.elapsed().as_secs_f64();
    let summary = report.summary(plan.full, rounds.as_deref().unwrap_or("1"), seconds);
    print!("\n{}{}", report.failures(), summary);
    if let Some(path) = &plan.record {
        let root = workspace.root.display().to_string();
        fs::write(path, summary.replace(&root, ".")).map_err(Error::file("write", path))?;
    }
    report.verdict()
}

/// The variables that tests see.
fn variables(plan: &Plan) -> Vec<(&'static str, String)> {
    match (plan.rounds, env::var_os(ROUNDS)) {
        (Some(rounds), None) => vec![(ROUNDS, rounds.to_string())],
        _ => Vec::new(),
    }
}
