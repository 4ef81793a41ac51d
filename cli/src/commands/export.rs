//! `popw export solidity|snarkjs|calldata`: what other verifiers need.

use crate::failure::{Failure, in_file};
use crate::files::{read_text, write};
use crate::screen::show;
use popw_keys::Zkey;
use popw_prover::dev_key::is_dev;
use popw_verifier::solidity::{self, Grade};
use popw_verifier::{Bn254, VerifyingKey, snarkjs};
use std::path::{Path, PathBuf};

/// What to export.
#[derive(clap::Subcommand)]
pub enum Command {
    /// The verifier contract of a key
    Solidity {
        /// The proving key (.zkey), or verification_key.json
        key: PathBuf,
        /// The contract's name; a dev key's contract is named Dev<NAME>
        #[arg(long, default_value = "Verifier")]
        name: String,
        /// Where to write it; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
        /// The key comes from a ceremony (its manifest says so); keys are taken for dev keys otherwise. Refused for a .zkey
        /// without a contribution
        #[arg(long)]
        ceremony: bool,
    },
    /// The verifying key as verification_key.json
    Snarkjs {
        /// The proving key (.zkey), or verification_key.json
        key: PathBuf,
        /// Where to write it; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Calldata for verifyProof(uint256[8],uint256[l]), in hexadecimal
    Calldata {
        /// proof.json
        proof: PathBuf,
        /// public.json
        public: PathBuf,
        /// Where to write it; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Exports.
///
/// # Errors
/// `Refused` for a degenerate key, `Input` if a file cannot be used.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Solidity {
            key,
            name,
            out,
            ceremony,
        } => {
            let (verifying_key, is_dev_key) = read_key(key)?;
            if *ceremony && is_dev_key {
                return Err(Failure::refused(format!(
                    "{}: nobody has contributed to this key: it is a dev key, not from a ceremony",
                    key.display()
                )));
            }
            let grade = if *ceremony { Grade::Ceremony } else { Grade::Dev };
            let text = solidity::export(&verifying_key, name, grade).map_err(Failure::refused)?;
            put(out.as_deref(), &text)
        }
        Command::Snarkjs { key, out } => {
            let (verifying_key, _) = read_key(key)?;
            put(
                out.as_deref(),
                &snarkjs::write_verifying_key(&verifying_key).map_err(Failure::input)?,
            )
        }
        Command::Calldata { proof, public, out } => {
            let words = snarkjs::read_proof(&read_text(proof)?).map_err(in_file(proof))?;
            let inputs = snarkjs::read_public(&read_text(public)?).map_err(in_file(public))?;
            put(out.as_deref(), &hex_text(&solidity::calldata(&words, &inputs)))
        }
    }
}

/// A verifying key from either kind of file, and whether the file shows that it is a dev key.
fn read_key(path: &Path) -> Result<(VerifyingKey<Bn254>, bool), Failure> {
    if path.extension().is_some_and(|extension| extension == "json") {
        let key = snarkjs::read_verifying_key(&read_text(path)?).map_err(in_file(path))?;
        return Ok((key, false));
    }
    let key = Zkey::open(path).map_err(Failure::input)?;
    Ok((key.verifying_key().clone(), is_dev(&key)))
}

fn hex_text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn put(out: Option<&Path>, text: &str) -> Result<(), Failure> {
    match out {
        Some(path) => write(path, text),
        None => {
            show(text.trim_end())?;
            Ok(())
        }
    }
}
