//! `popw prove KEY WTNS PROOF.json PUBLIC.json`, with the arguments of rapidsnark's prover.

use crate::failure::{Failure, in_file};
use crate::files::{read_bytes, write};
use crate::screen::{Screen, show};
use popw_keys::wtns::read_wtns;
use popw_prover::{Phase, Progress, Prover, ProverError};
use popw_verifier::snarkjs;
use rand::rngs::OsRng;
use serde_json::json;
use std::path::PathBuf;

/// A key, an assignment, and where the proof goes.
#[derive(clap::Args)]
pub struct Args {
    /// Key file (`popw keys dev` makes one)
    key: PathBuf,
    /// The assignment, as .wtns
    witness: PathBuf,
    /// Where proof.json goes
    proof: PathBuf,
    /// Where public.json goes
    public: PathBuf,
    /// Print the times as JSON
    #[arg(long)]
    json: bool,
}

/// Proves an assignment; the proof is verified before it is written.
///
/// # Errors
/// `Refused` if the assignment does not satisfy the circuit, `Input` if a file cannot be used.
pub fn run(args: &Args) -> Result<(), Failure> {
    let screen = Screen::new(args.json);
    screen.phase(Phase::Key);
    let prover = Prover::open(&args.key).map_err(|error| failure(&error))?;
    let assignment = read_wtns(&read_bytes(&args.witness)?).map_err(in_file(&args.witness))?;
    let proof = prover
        .prove(&assignment, &mut OsRng, &screen)
        .map_err(|error| failure(&error))?;
    let public = &assignment[1..=prover.verifier().input_count()];
    write(
        &args.proof,
        snarkjs::write_proof(&proof).map_err(Failure::internal)?,
    )?;
    write(
        &args.public,
        snarkjs::write_public(public).map_err(Failure::internal)?,
    )?;
    let times = screen.finish();
    if args.json {
        let seconds =
            |(label, time): &(&str, std::time::Duration)| (label.to_string(), json!(time.as_secs_f64()));
        show(serde_json::Value::Object(times.iter().map(seconds).collect()))?;
    } else {
        for (label, time) in times {
            show(format_args!("{label:32} {:8.2} s", time.as_secs_f64()))?;
        }
    }
    Ok(())
}

fn failure(error: &ProverError) -> Failure {
    match error {
        ProverError::Unsatisfied { .. } | ProverError::Degenerate(_) => Failure::refused(error),
        ProverError::SelfVerification(_) | ProverError::Synthesis(_) => Failure::internal(error),
        _ => Failure::input(error),
    }
}
