//! `popw chain stop`: no proof of a verifier is accepted any more.

use super::account::AccountArgs;
use super::client::ChainArgs;
use crate::contracts::EmergencyStop;
use crate::failure::{Failure, in_file};
use crate::files::read_text;
use crate::screen::show;
use alloy_primitives::U256;
use popw_verifier::snarkjs;
use popw_verifier::words::{inputs_to_be_bytes, proof_to_words};
use std::path::PathBuf;

/// Stops a verifier.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,
    /// The verifier's circuit, such as uptime:N=16,W=8,S=144
    #[arg(long)]
    circuit: String,
    /// proof.json of a false statement about the epoch tag 0, which nobody can make while the verifier is sound; without it the
    /// account must be the guardian
    #[arg(long, value_name = "FILE", requires = "public")]
    proof: Option<PathBuf>,
    /// The proof's public.json
    #[arg(long, value_name = "FILE", requires = "proof")]
    public: Option<PathBuf>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Stops.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` with the contract's reason.
pub fn run(args: &Args) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let stop = sender.deployment.verifier(&args.circuit)?.stop;
    let receipt = match (&args.proof, &args.public) {
        (Some(proof), Some(public)) => {
            let words = snarkjs::read_proof(&read_text(proof)?).map_err(in_file(proof))?;
            let inputs = snarkjs::read_public(&read_text(public)?).map_err(in_file(public))?;
            let inputs: Vec<U256> = inputs_to_be_bytes(&inputs)
                .into_iter()
                .map(U256::from_be_bytes)
                .collect();
            let inputs = inputs.try_into().map_err(|inputs: Vec<U256>| {
                Failure::input(format!(
                    "{}: expected 7 inputs, got {}",
                    public.display(),
                    inputs.len()
                ))
            })?;
            sender.send_to(
                stop,
                U256::ZERO,
                &EmergencyStop::stopByCanaryCall {
                    proof: proof_to_words(&words).map(U256::from_be_bytes),
                    inputs,
                },
            )?
        }
        _ => sender.send_to(stop, U256::ZERO, &EmergencyStop::stopCall {})?,
    };
    show(format_args!(
        "the verifier of {} is stopped for ever, {} gas",
        args.circuit, receipt.gas_used
    ))
}
