//! `popw-benches`: our prover and our kernels beside everybody else's, in one run, in interleaved rounds.
//!
//! ```text
//! cargo run --release -p popw-benches -- peers   --sizes 14,16,18,20 --statements chain,bits --json FILE
//! cargo run --release -p popw-benches -- kernels --json FILE
//! cargo run --release -p popw-benches -- ceremony --ptau FILE --json FILE
//! cargo run --release -p popw-benches -- zones --json FILE
//! cargo run --release -p popw-benches -- verify-batch --json FILE
//! cargo run --release -p popw-benches -- service --json FILE
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | [`peers`] | whole proofs: who takes part. Start here |
//! | [`kernels`] | single kernels: who takes part |
//! | [`ceremony`] | the steps of a ceremony, beside snarkjs |
//! | [`zones`] | whole zones of claim U1: claim, witness, proof |
//! | [`service`] | what the service adds to a proof |
//! | [`batch`] | verification of many proofs at once |
//! | [`round`] | the processes, the rounds, what is measured |
//! | [`probe`] | memory and processor time of a process, from outside |
//! | [`tools`] | building the children that are not this program |
//! | [`files`] | statements, keys and witnesses in the cache |
//! | [`ours`] | the child that runs our own code |
//! | [`machine`] | what is said about the machine |
//! | [`report`] | JSON and Markdown |
//!
//! Depends on: the library of this package. How to read the figures, and what is fair about them: `benches/README.md`.

#![forbid(unsafe_code)]

mod batch;
mod ceremony;
mod error;
mod files;
mod kernels;
mod machine;
mod ours;
mod peers;
mod probe;
mod report;
mod round;
mod service;
mod tools;
mod zones;

use clap::{Args, Parser, Subcommand};
use error::Error;
use popw_benches::child::serve;
use popw_benches::kernel::Kernel;
use popw_benches::statement::Kind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures popw's prover and kernels side by side with gnark, arkworks, halo2curves and snarkjs.
#[derive(Parser)]
#[command(name = "popw-benches")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Whole proofs of the statements `chain` and `bits`.
    Peers(PeersArgs),
    /// Multi-scalar multiplication, batched additions, number-theoretic transform, quotient.
    Kernels(KernelsArgs),
    /// The steps of a ceremony, beside snarkjs.
    Ceremony(CeremonyArgs),
    /// Whole zones of claim U1: claim, witness, proof.
    Zones(ZonesArgs),
    /// Batches of proofs verified at once, beside one at a time by us and by ark-groth16.
    VerifyBatch(BatchArgs),
    /// What the service adds to a proof by the engine that it runs; how soon a cancelled job's processor is free.
    Service(ServiceArgs),
    /// A measured process; `peers` and `kernels` start it.
    #[command(subcommand, hide = true)]
    Child(Child),
}

/// What both commands take.
#[derive(Args)]
struct Common {
    /// Logarithms of the sizes.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(7..=24))]
    sizes: Vec<u32>,
    /// Threads of every peer. If the machine has more processors, all peers are pinned to the first so many.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Rounds; without it, the slower a peer the fewer: 21 below 0.1 s, 9 below 2 s, 5 below 10 s, 3 below 60 s, else 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Only peers whose name begins with one of these (`popw`, `popw-portable`, `gnark`, ..).
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Where to write the results as JSON; a Markdown table is written beside it.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where statements, keys and built children are kept between runs; the target folder's `peers` without it.
    #[arg(long)]
    cache: Option<PathBuf>,
}

#[derive(Args)]
struct PeersArgs {
    #[command(flatten)]
    common: Common,
    /// Which statements.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Kind::Chain, Kind::Bits])]
    statements: Vec<Kind>,
    /// Add rows of our backends with precomputed tables of so many multiples.
    #[arg(long, value_name = "FACTOR")]
    tables: Option<u32>,
}

#[derive(Args)]
struct KernelsArgs {
    #[command(flatten)]
    common: Common,
    /// Which kernels.
    #[arg(long, value_delimiter = ',', value_enum,
        default_values_t = [Kernel::MsmG1, Kernel::MsmG2, Kernel::AdditionsG1, Kernel::Ntt, Kernel::Quotient])]
    kernels: Vec<Kernel>,
}

#[derive(Args)]
struct CeremonyArgs {
    /// The phase 1, prepared, of the size's power at least.
    #[arg(long)]
    ptau: PathBuf,
    /// Logarithm of the size; the statement is `bits`.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(7..=24))]
    size: u32,
    /// Rounds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Processors of either side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Where to write the results as JSON; a Markdown table is written beside it.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where files are kept between runs; the target folder's `peers` without it.
    #[arg(long)]
    cache: Option<PathBuf>,
}

#[derive(Args)]
struct ZonesArgs {
    /// Threads.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Timed rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Where to write the results as JSON; a Markdown table is written beside it.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct BatchArgs {
    /// Threads of a batch.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Timed rounds.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Where to write the results as JSON; a Markdown table is written beside it.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ServiceArgs {
    /// The logarithm of the size.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u32).range(10..=22))]
    log2: u32,
    /// Threads of a proof.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// Timed rounds.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Where keys and witnesses are kept between runs; the target folder's `peers` without it.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Where to write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Child {
    /// One of our provers.
    Prove {
        backend: String,
        key: PathBuf,
        witness: PathBuf,
        #[arg(long)]
        threads: usize,
        #[arg(long)]
        tables: Option<PathBuf>,
    },
    /// A step of a ceremony.
    Ceremony {
        #[arg(value_enum)]
        step: ceremony::Step,
        r1cs: PathBuf,
        ptau: PathBuf,
        before: PathBuf,
        after: PathBuf,
    },
    /// One of our kernels.
    Kernel {
        backend: String,
        #[arg(value_enum)]
        kernel: Kernel,
        log2: u32,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Peers(args) => peers::run(&args),
        Command::Kernels(args) => kernels::run(&args),
        Command::Ceremony(args) => ceremony::run(&args),
        Command::Zones(args) => zones::run(&args),
        Command::VerifyBatch(args) => batch::run(&args),
        Command::Service(args) => service::run(&args),
        Command::Child(child) => answer(&child),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("popw-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(child: &Child) -> Result<(), Error> {
    let prepared = match child {
        Child::Ceremony {
            step,
            r1cs,
            ptau,
            before,
            after,
        } => {
            return ceremony::step(*step, r1cs, ptau, before, after).map_err(|reason| Error::Prepare {
                what: after.display().to_string(),
                reason,
            });
        }
        Child::Prove {
            backend,
            key,
            witness,
            threads,
            tables,
        } => ours::prover(backend, key, witness, *threads, tables.clone()),
        Child::Kernel {
            backend,
            kernel,
            log2,
        } => ours::kernel(backend, *kernel, *log2),
    };
    serve(prepared, std::io::stdin().lock(), std::io::stdout().lock())
        .map_err(Error::io("talk to the orchestrator"))
}
