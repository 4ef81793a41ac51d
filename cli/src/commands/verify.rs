//! `popw verify VK.json PUBLIC.json PROOF.json`, in snarkjs's order.

use crate::failure::{Failure, in_file};
use crate::files::read_text;
use crate::screen::show;
use popw_verifier::{Verifier, snarkjs};
use std::path::PathBuf;

/// Files of a proof to verify.
#[derive(clap::Args)]
pub struct Args {
    /// verification_key.json, as snarkjs writes it
    verification_key: PathBuf,
    /// public.json: the public inputs
    public: PathBuf,
    /// proof.json
    proof: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Verifies a proof.
///
/// # Errors
/// `Refused` if the proof is not valid or the key degenerate, `Input` if a file cannot be used.
pub fn run(args: &Args) -> Result<(), Failure> {
    let key = snarkjs::read_verifying_key(&read_text(&args.verification_key)?)
        .map_err(in_file(&args.verification_key))?;
    let public = snarkjs::read_public(&read_text(&args.public)?).map_err(in_file(&args.public))?;
    let proof = snarkjs::read_proof(&read_text(&args.proof)?).map_err(in_file(&args.proof))?;
    let verdict = match Verifier::new(key) {
        Ok(verifier) => verifier
            .verify(&public, &proof)
            .map_err(|error| error.to_string()),
        Err(error) => Err(format!("the key is refused: {error}")),
    };
    if args.json {
        show(serde_json::json!({ "valid": verdict.is_ok(), "reason": verdict.as_ref().err() }))?;
    } else if verdict.is_ok() {
        show(format_args!(
            "valid: the proof verifies for these {} public inputs",
            public.len()
        ))?;
    }
    verdict.map_err(|reason| Failure::refused(format!("not valid: {reason}")))
}
