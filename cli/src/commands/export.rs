//! `popw export solidity|snarkjs|calldata|solana|solana-proof|sui|sui-proof`: what other verifiers need.

use crate::commands::keys::ceremony::manifest_failure;
use crate::failure::{Failure, in_file};
use crate::files::{read_text, write};
use crate::screen::show;
use popw_keys::Zkey;
use popw_keys::ceremony::manifest::{self, Manifest};
use popw_verifier::solidity::{self, Grade};
use popw_verifier::{Bn254, Fr, Proof, VerifyingKey, snarkjs, solana, sui};
use serde_json::json;
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
        /// The key's manifest, which gives it the grade ceremony; KEY.toml if absent and there
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Export a key without a manifest too, as a dev key's contract: whoever made it can forge
        #[arg(long, conflicts_with = "manifest")]
        dev: bool,
    },
    /// The verifying key as verification_key.json
    Snarkjs {
        /// The proving key (.zkey), or verification_key.json
        key: PathBuf,
        /// Where to write it; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// The verifying key as a Rust module for groth16-solana
    Solana(KeyArgs),
    /// A proof and its public inputs as groth16-solana takes them: JSON, the bytes in hexadecimal
    SolanaProof(ProofArgs),
    /// The verifying key for prepare_verifying_key of Sui's and IOTA's module groth16, in hexadecimal
    Sui(KeyArgs),
    /// A proof and its public inputs as that module takes them: JSON, the bytes in hexadecimal
    SuiProof(ProofArgs),
    /// Calldata for verifyProof(uint256[8],uint256[l]), or of several proofs for verifyBatch(uint256[8][],uint256[l][]), in
    /// hexadecimal
    Calldata {
        /// proof.json and its public.json; for a batch, pair after pair
        #[arg(required = true, num_args = 2.., value_names = ["PROOF", "PUBLIC"])]
        files: Vec<PathBuf>,
        /// Where to write it; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// A key whose maker could forge is only exported if the user says so.
#[derive(clap::Args)]
pub struct KeyArgs {
    /// The proving key (.zkey), or verification_key.json
    key: PathBuf,
    /// Where to write it; standard output if absent
    #[arg(long)]
    out: Option<PathBuf>,
    /// The key's manifest, which gives it the grade ceremony; KEY.toml if absent and there
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Export a key without a manifest too: whoever made it can forge
    #[arg(long, conflicts_with = "manifest")]
    dev: bool,
}

impl KeyArgs {
    fn read(&self) -> Result<(VerifyingKey<Bn254>, Grade), Failure> {
        let key = read_key(&self.key)?;
        let grade = grade(&self.key, &key, self.manifest.as_deref(), self.dev)?;
        Ok((key, grade))
    }
}

/// A proof in snarkjs's form.
#[derive(clap::Args)]
pub struct ProofArgs {
    /// proof.json
    proof: PathBuf,
    /// public.json
    public: PathBuf,
    /// Where to write it; standard output if absent
    #[arg(long)]
    out: Option<PathBuf>,
}

impl ProofArgs {
    fn read(&self) -> Result<(Proof<Bn254>, Vec<Fr>), Failure> {
        let proof = snarkjs::read_proof(&read_text(&self.proof)?).map_err(in_file(&self.proof))?;
        let inputs = snarkjs::read_public(&read_text(&self.public)?).map_err(in_file(&self.public))?;
        Ok((proof, inputs))
    }
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
            manifest,
            dev,
        } => {
            let verifying_key = read_key(key)?;
            let grade = grade(key, &verifying_key, manifest.as_deref(), *dev)?;
            let text = solidity::export(&verifying_key, name, grade).map_err(Failure::refused)?;
            put(out.as_deref(), &text)
        }
        Command::Snarkjs { key, out } => {
            let verifying_key = read_key(key)?;
            put(
                out.as_deref(),
                &snarkjs::write_verifying_key(&verifying_key).map_err(Failure::input)?,
            )
        }
        Command::Solana(args) => {
            let (key, grade) = args.read()?;
            let text = solana::export(&key, grade).map_err(Failure::refused)?;
            put(args.out.as_deref(), &text)
        }
        Command::SolanaProof(args) => {
            let (proof, inputs) = args.read()?;
            let bytes = solana::proof_bytes(&proof);
            let inputs: Vec<_> = solana::input_bytes(&inputs)
                .iter()
                .map(|input| hex_text(input))
                .collect();
            let json = json!({
                "minus_a": hex_text(&bytes.minus_a),
                "b": hex_text(&bytes.b),
                "c": hex_text(&bytes.c),
                "public_inputs": inputs,
            });
            put(args.out.as_deref(), &format!("{json:#}\n"))
        }
        Command::Sui(args) => {
            let (key, _) = args.read()?;
            let bytes = sui::verifying_key(&key).map_err(Failure::refused)?;
            put(args.out.as_deref(), &hex_text(&bytes))
        }
        Command::SuiProof(args) => {
            let (proof, inputs) = args.read()?;
            let json = json!({
                "proof_points": hex_text(&sui::proof_points(&proof).map_err(Failure::refused)?),
                "public_inputs": hex_text(&sui::public_inputs(&inputs).map_err(Failure::refused)?),
            });
            put(args.out.as_deref(), &format!("{json:#}\n"))
        }
        Command::Calldata { files, out } => put(out.as_deref(), &hex_text(&calldata(files)?)),
    }
}

/// Calldata of one proof or of a batch, from pairs of proof.json and public.json.
fn calldata(files: &[PathBuf]) -> Result<Vec<u8>, Failure> {
    let (pairs, rest) = files.as_chunks::<2>();
    if let [proof] = rest {
        let message = format!("{}: no public.json follows this proof", proof.display());
        return Err(Failure::input(message));
    }
    let read = |[proof, public]: &[PathBuf; 2]| {
        let proof = snarkjs::read_proof(&read_text(proof)?).map_err(in_file(proof))?;
        let inputs = snarkjs::read_public(&read_text(public)?).map_err(in_file(public))?;
        Ok((proof, inputs))
    };
    let (proofs, inputs): (Vec<_>, Vec<_>) = pairs.iter().map(read).collect::<Result<_, Failure>>()?;
    match (&proofs[..], &inputs[..]) {
        ([proof], [inputs]) => Ok(solidity::calldata(proof, inputs)),
        _ => solidity::batch_calldata(&proofs, &inputs).map_err(Failure::input),
    }
}

/// A verifying key from either kind of file.
pub fn read_key(path: &Path) -> Result<VerifyingKey<Bn254>, Failure> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return snarkjs::read_verifying_key(&read_text(path)?).map_err(in_file(path));
    }
    let key = Zkey::open(path).map_err(Failure::input)?;
    Ok(key.verifying_key().clone())
}

/// The grade that a key's manifest gives it. Without one it is a dev key, and that is only exported if the user says so.
pub fn grade(
    path: &Path,
    key: &VerifyingKey<Bn254>,
    manifest: Option<&Path>,
    dev: bool,
) -> Result<Grade, Failure> {
    let beside = Manifest::path_beside(path);
    let found = manifest
        .map(Path::to_owned)
        .or_else(|| beside.is_file().then_some(beside));
    match found {
        _ if dev => Ok(Grade::Dev),
        Some(found) => {
            let manifest = Manifest::read(&found).map_err(manifest_failure)?;
            let refused = |error| Failure::refused(format!("{}: {error}", found.display()));
            manifest.check_verifying_key(key).map_err(refused)?;
            match manifest.grade {
                manifest::Grade::Ceremony => Ok(Grade::Ceremony),
                _ => Err(Failure::refused(format!(
                    "{}: the manifest gives the key the grade dev; --dev exports it all the same",
                    found.display()
                ))),
            }
        }
        None => {
            // A degenerate key is refused with its own reason, whatever its grade.
            popw_verifier::key::check(key).map_err(Failure::refused)?;
            Err(Failure::refused(format!(
                "{}: no manifest says that this key comes from a ceremony, so it counts as a dev key, under which its maker can \
                 forge; --manifest names one, --dev exports the contract of a dev key",
                path.display()
            )))
        }
    }
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
