//! `popw prove KEY.zkey WITNESS.wtns PROOF.json PUBLIC.json`, with the arguments of rapidsnark's prover.

use crate::commands::Compute;
use crate::commands::keys::ceremony::manifest_failure;
use crate::failure::{Failure, in_file};
use crate::files::{read_bytes, write};
use crate::screen::{Screen, show};
use popw_keys::ceremony::Manifest;
use popw_keys::ceremony::manifest::circuit_id;
use popw_keys::{R1csFile, Zkey, open_wtns};
use popw_prover::dev_key::is_dev;
use popw_prover::{Assignment, CircuitId, Phase, Progress, Prover, ProverError, TableFile, Watch};
use popw_verifier::snarkjs;
use rand::rngs::OsRng;
use serde_json::json;
use std::path::PathBuf;

/// A key, an assignment, and where the proof goes.
#[derive(clap::Args)]
pub struct Args {
    /// The proving key, as snarkjs makes it (`popw keys dev` makes one, too)
    key: PathBuf,
    /// The assignment, as .wtns
    witness: PathBuf,
    /// Where proof.json goes
    proof: PathBuf,
    /// Where public.json goes
    public: PathBuf,
    #[command(flatten)]
    compute: Compute,
    /// Most memory that a proof may take, tables included, the mapped key not
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// Tables of `popw keys precompute`, or `none`; KEY.tables is used if it is there
    #[arg(long, value_name = "FILE")]
    tables: Option<PathBuf>,
    /// The circuit: a key that says it is of another one is refused, and if the proof does not verify, the first constraint that
    /// the witness violates is named
    #[arg(long, value_name = "FILE")]
    r1cs: Option<PathBuf>,
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
    let mut options = args.compute.options()?;
    options.memory_cap = args.memory.map(|mebibytes| mebibytes.saturating_mul(1 << 20));
    options.tables = match &args.tables {
        None => TableFile::Beside,
        Some(path) if path.as_os_str() == "none" => TableFile::None,
        Some(path) => TableFile::Path(path.clone()),
    };
    let prover = Prover::open(&args.key, &options).map_err(failure)?;
    let dev = is_dev(prover.key());
    if dev && !args.json {
        eprintln!(
            "warning: {}: grade dev, whoever made this key can forge proofs",
            args.key.display()
        );
    }
    check_circuit(args, prover.key())?;
    screen.begin("reading the witness");
    let assignment =
        Assignment::new(open_wtns(&args.witness).map_err(Failure::input)?).map_err(in_file(&args.witness))?;
    let proof = prover
        .prove(&assignment, &mut OsRng, &Watch::new(&screen))
        .map_err(|error| explain(args, &prover, &assignment, error))?;
    let public = assignment.public(prover.verifier().input_count());
    write(
        &args.proof,
        snarkjs::write_proof(&proof).map_err(Failure::internal)?,
    )?;
    write(
        &args.public,
        snarkjs::write_public(&public).map_err(Failure::internal)?,
    )?;
    let times = screen.finish();
    let tables = prover.tables().map(|tables| tables.factor());
    if args.json {
        let seconds =
            |(label, time): &(&str, std::time::Duration)| (label.to_string(), json!(time.as_secs_f64()));
        show(json!({
            "backend": prover.backend().name(),
            "threads": prover.threads(),
            "tables": tables,
            "dev_key": dev,
            "seconds": serde_json::Value::Object(times.iter().map(seconds).collect()),
        }))?;
    } else {
        let tables = tables.map_or_else(String::new, |factor| format!(", tables of factor {factor}"));
        show(format_args!(
            "backend {}, {} threads{tables}",
            prover.backend().name(),
            prover.threads()
        ))?;
        for (label, time) in times {
            show(format_args!("{label:32} {:8.3} s", time.as_secs_f64()))?;
        }
    }
    Ok(())
}

/// If the circuit is given, and the key or the manifest beside it says which circuit it is of: is it this one?
fn check_circuit(args: &Args, key: &Zkey) -> Result<(), Failure> {
    let Some(path) = &args.r1cs else {
        return Ok(());
    };
    let manifest = Manifest::path_beside(&args.key);
    let manifest = match manifest.is_file() {
        true => Some(Manifest::read(&manifest).map_err(manifest_failure)?),
        false => None,
    };
    let id = CircuitId::of(&read_bytes(path)?);
    match circuit_id(key, manifest.as_ref()) {
        Some(other) if other != id.0 => Err(Failure::refused(format!(
            "{}: the key is of circuit {}, {} is circuit {id}",
            args.key.display(),
            hex::encode(other),
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Adds what the circuit says, if there is one, to why a proof did not verify.
fn explain(args: &Args, prover: &Prover, assignment: &Assignment, error: ProverError) -> Failure {
    let (ProverError::SelfVerification(_), Some(path)) = (&error, &args.r1cs) else {
        return failure(error);
    };
    let r1cs = match read_bytes(path).map(|bytes| R1csFile::read(&bytes).map_err(in_file(path))) {
        Ok(Ok(r1cs)) => r1cs,
        Ok(Err(unreadable)) | Err(unreadable) => return unreadable,
    };
    failure(prover.explain(&r1cs, assignment).unwrap_or(error))
}

fn failure(error: ProverError) -> Failure {
    match error {
        ProverError::Unsatisfied { .. }
        | ProverError::Degenerate(_)
        | ProverError::Damaged { .. }
        | ProverError::SelfVerification(_) => Failure::refused(error),
        ProverError::Kernel(_) | ProverError::Bases(_) | ProverError::Threads(_) => Failure::internal(error),
        _ => Failure::input(error),
    }
}
