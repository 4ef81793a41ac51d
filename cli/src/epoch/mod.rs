//! `popw epoch ..`: an epoch of claim U1, from a fleet's files to everything that settles it.
//!
//! | module | what it is for |
//! |---|---|
//! | [`run`] | `epoch run`: ingests the attestations, proves zone after zone, goes on after a crash. Start here |
//! | [`fan`] | the zones proven by a service's workers instead |
//! | [`state`] | `state.jsonl`, what is done |
//! | [`outputs`] | the folder that a run fills: names and contents of its files |
//! | [`totals`], [`summary`] | what the zones add up to: for `report.html`, and for the screen |
//! | [`plan`] | `epoch plan`: how a registry is best cut into zones, before an epoch is opened |
//!
//! Depends on: [`crate::fleet_folder`] for the input, `popw_prover` for proofs, `popw-service` for those of a service, [`crate::report`] for the page.

pub mod fan;
pub mod outputs;
pub mod plan;
pub mod run;
pub mod state;
pub mod summary;
pub mod totals;

use crate::failure::Failure;

/// What to do with an epoch.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Prove every zone of an epoch and write what settles it; run again after a crash, it goes on where it stopped
    Run(run::Args),
    /// Size classes, their costs, and how a registry is best cut into zones
    Plan(plan::Args),
}

/// Runs a command.
///
/// # Errors
/// What to print, and the exit code.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Plan(args) => plan::run(args),
    }
}
