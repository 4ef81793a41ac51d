//! The library behind the `popw` binary, so that tests and benches can use what the commands use.
//!
//! | module | what it is for |
//! |---|---|
//! | [`demo`] | the whole story on a real log; start here |
//! | [`commands`] | one module for each other command |
//! | [`epoch`] | a whole epoch of a fleet: every zone proven, everything that settles it |
//! | [`simulate`] | a seeded fleet with attackers, and what the claims catch |
//! | [`synthetic`] | keys, devices and watchers from a seed, for both |
//! | [`service`] | the proving service, its workers and its clients |
//! | [`doctor`] | what a machine lacks before a service runs on it |
//! | [`chain`] | a network's contracts, driven through a node |
//! | [`contracts`] | the contracts' interfaces |
//! | [`evm`] | an Ethereum in this process, for the demo and for the contracts' tests |
//! | [`beacon`] | drand's randomness, and that of a network of our own |
//! | [`fleet_folder`] | `FLEET_DIR/` on disk |
//! | [`report`] | reports for people, as HTML files that stand alone |
//! | [`failure`], [`files`], [`screen`] | errors with exit codes, files, progress |
#![forbid(unsafe_code)]

pub mod beacon;
pub mod chain;
pub mod commands;
pub mod contracts;
pub mod demo;
pub mod doctor;
pub mod epoch;
pub mod evm;
pub mod failure;
pub mod files;
pub mod fleet_folder;
pub mod report;
pub mod screen;
pub mod service;
pub mod simulate;
pub mod synthetic;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use std::ffi::OsString;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; every check passed
  1  the verdict is no: a proof is invalid, a claim false, a key or forgery refused
  2  the arguments or a file cannot be used
  3  something failed that should not: the disk, the machine

Dev keys are cached in $POPW_CACHE, else $XDG_CACHE_HOME/popw, else ~/.cache/popw.";

/// Proofs of physical work: uptime and coverage claims about signed device logs, proven with Groth16 and settled on chain.
#[derive(Parser)]
#[command(name = "popw", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The grammar.
#[derive(Subcommand)]
enum Command {
    /// The whole story on a real log: records, watchers, claim, proof, verdicts in Rust and in an EVM, forgeries
    Demo(demo::Args),
    /// Make up a fleet with attackers, write its files, and say what the claims catch and what they do not
    Simulate(simulate::Args),
    /// Verify a zone's attestations and write the witness, public inputs and settlement data
    Claim(commands::claim::Args),
    /// Judge real receptions by the rule of claim C1 and draw a map of them
    Coverage(commands::coverage::Args),
    /// Prove a whole epoch of a fleet, zone after zone; plan how to cut one
    #[command(subcommand)]
    Epoch(epoch::Command),
    /// Deploy and drive a network's contracts through a node: epochs, recourse, settlement, claims
    #[command(subcommand)]
    Chain(chain::Command),
    /// Prove an assignment; takes the arguments of rapidsnark's prover
    Prove(commands::prove::Args),
    /// Verify a proof; takes the arguments of snarkjs's `groth16 verify`
    Verify(commands::verify::Args),
    /// Export a verifier contract, a verifying key or calldata
    #[command(subcommand)]
    Export(commands::export::Command),
    /// List circuits, write them as .r1cs and .sym, count their constraints
    #[command(subcommand)]
    Circuit(commands::circuit::Command),
    /// Run a ceremony, make development keys and tables, check keys
    #[command(subcommand)]
    Keys(commands::keys::Command),
    /// Serve proofs over gRPC: a durable queue, and a worker in the same process
    #[command(args_override_self = true)]
    Serve(service::serve::Args),
    /// Prove for a service on another machine
    #[command(args_override_self = true)]
    Worker(service::worker::Args),
    /// Have a service prove; see, watch and stop its jobs; administer its queue
    Jobs(service::jobs::Args),
    /// Look at this machine before a service or a worker runs on it
    Doctor(doctor::Args),
    /// Write a file of options for `serve` or `worker`
    #[command(subcommand)]
    Config(service::config::Command),
    /// Load a service, and say how it answers
    Load(service::load::Args),
    /// Make API keys for a service's callers
    #[command(subcommand)]
    Callers(service::callers::Command),
    /// The GPUs of this machine: what they are, whether they compute rightly, how fast
    #[cfg(feature = "gpu")]
    #[command(subcommand)]
    Gpu(commands::gpu::Command),
    /// Inspect, verify, cut and prepare a phase 1 (powers of tau)
    #[command(subcommand)]
    Ptau(commands::ptau::Command),
    /// Write a shell's completions of these commands to standard output
    Completions(commands::manual::CompletionsArgs),
    /// Write the pages of the manual
    Man(commands::manual::ManArgs),
}

/// The command line, with the file of options that it may name.
///
/// # Errors
/// If the file cannot be used. A line that the grammar does not know ends the process, as does one that asks for help.
pub fn parse(line: Vec<OsString>) -> Result<Cli, Failure> {
    Ok(Cli::parse_from(service::config::expand(line, &Cli::command())?))
}

/// Runs a command.
///
/// # Errors
/// What to print, and the exit code.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Claim(args) => commands::claim::run(args),
        Command::Coverage(args) => commands::coverage::run(args),
        Command::Epoch(command) => epoch::run(command),
        Command::Chain(command) => chain::run(command),
        Command::Prove(args) => commands::prove::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Export(command) => commands::export::run(command),
        Command::Circuit(command) => commands::circuit::run(command),
        Command::Keys(command) => commands::keys::run(command),
        Command::Serve(args) => service::serve::run(args),
        Command::Worker(args) => service::worker::run(args),
        Command::Jobs(args) => service::jobs::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Config(command) => service::config::run(command, &Cli::command()),
        Command::Load(args) => service::load::run(args),
        Command::Callers(command) => service::callers::run(command),
        #[cfg(feature = "gpu")]
        Command::Gpu(command) => commands::gpu::run(command),
        Command::Ptau(command) => commands::ptau::run(command),
        Command::Completions(args) => commands::manual::completions(args, Cli::command()),
        Command::Man(args) => commands::manual::man(args, Cli::command()),
    }
}
