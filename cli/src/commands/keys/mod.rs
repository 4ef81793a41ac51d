//! `popw keys ..`: development keys, tables of multiples, what is wrong with a key; [`ceremony`] for keys that can hold money.

mod bellman;
pub mod ceremony;

use crate::commands::Compute;
use crate::commands::circuit::CircuitName;
use crate::failure::Failure;
use crate::screen::{Screen, show};
use popw_keys::ceremony::extends;
use popw_keys::hash::{Hash, read_hash, write_hash};
use popw_keys::verify::KnownHash;
use popw_keys::{Zkey, verify_file};
use popw_prover::dev_key::{DevKeyError, is_dev};
use popw_prover::{CircuitId, DevKey, Phase, Progress, ProverError, Tables, Watch};
use popw_verifier::Verifier;
use rand::SeedableRng;
use rand::rngs::{OsRng, StdRng};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What to do with keys.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a development key: its maker could forge proofs, and everything that can refuses it
    Dev {
        /// The circuit: a name such as uptime:N=16,W=8,S=144 (see `popw circuit list`), or an .r1cs file
        circuit: Circuit,
        /// Where the key goes; its hash goes to KEY.sha256
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        /// Make the same key each time: anyone who knows the number can forge
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Make tables of multiples of a key's points: proofs get faster, and take more memory and disk
    Precompute {
        /// The proving key
        key: PathBuf,
        /// How many times the size of the key's points: 2 to 16
        #[arg(long, default_value_t = 4, value_name = "T")]
        factor: u32,
        /// Where the tables go; KEY.tables, where the prover looks, if absent
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Steps of a ceremony
    #[command(flatten)]
    Ceremony(ceremony::Command),
    /// Check a key: its hash where one is known, its structure, every coefficient and every point; with --r1cs and --ptau the
    /// whole transcript of its ceremony
    Verify {
        /// The proving key
        key: PathBuf,
        /// The SHA-256 that the file must have; KEY.sha256 is compared too if it is there
        #[arg(long, value_name = "HEX", value_parser = hash)]
        sha256: Option<Hash>,
        /// The circuit: with --ptau, the key must come from these by its contributions and nothing else
        #[arg(long, value_name = "CIRCUIT", requires = "ptau")]
        r1cs: Option<Circuit>,
        /// The phase 1, prepared
        #[arg(long, value_name = "FILE", requires = "r1cs")]
        ptau: Option<PathBuf>,
        /// The key before: the new one must have its contributions and more
        #[arg(long, value_name = "KEY")]
        extends: Option<PathBuf>,
        /// Print the verdict as JSON
        #[arg(long)]
        json: bool,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
}

/// A circuit by name or by file.
#[derive(Clone, Debug)]
pub enum Circuit {
    /// One of ours.
    Named(CircuitName),
    /// Anybody's, as .r1cs.
    File(PathBuf),
}

impl FromStr for Circuit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Path::new(text).extension() {
            Some(extension) if extension == "r1cs" => Ok(Self::File(text.into())),
            _ => text.parse().map(Self::Named),
        }
    }
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

fn hash(text: &str) -> Result<Hash, String> {
    let mut hash = Hash::default();
    let text = text.trim_start_matches("0x");
    hex::decode_to_slice(text, &mut hash)
        .map_err(|error| format!("not a SHA-256 of 64 hexadecimal digits: {error}"))?;
    Ok(hash)
}

/// Makes a key or tables, or checks a key.
///
/// # Errors
/// `Refused` if a key is damaged or degenerate, else if something cannot be read, made or written.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Dev {
            circuit,
            out,
            seed,
            compute,
        } => dev(circuit, out, *seed, compute),
        Command::Precompute {
            key,
            factor,
            out,
            compute,
        } => precompute(key, *factor, out.as_deref(), compute),
        Command::Ceremony(command) => ceremony::run(command),
        Command::Verify {
            key,
            sha256,
            r1cs,
            ptau,
            extends,
            json,
            compute,
        } => {
            let origin = r1cs.clone().zip(ptau.clone());
            let origin = origin.map(|(r1cs, ptau)| ceremony::Origin { r1cs, ptau });
            verify(key, *sha256, origin.as_ref(), extends.as_deref(), *json, compute)
        }
    }
}

fn dev(circuit: &Circuit, out: &Path, seed: Option<u64>, compute: &Compute) -> Result<(), Failure> {
    let screen = Screen::new(false);
    screen.begin("building the circuit");
    let r1cs = ceremony::circuit_file(circuit)?;
    let (options, watch) = (compute.options()?, Watch::new(&screen));
    let made = match seed {
        Some(seed) => DevKey::generate(&r1cs, &mut StdRng::seed_from_u64(seed), &options, &watch),
        None => DevKey::generate(&r1cs, &mut OsRng, &options, &watch),
    };
    let key = made.map_err(|error| match error {
        DevKeyError::Circuit(_) | DevKeyError::TooLarge { .. } => {
            Failure::input(format!("{circuit}: {error}"))
        }
        error => Failure::internal(error),
    })?;
    screen.begin("writing the key");
    let hash = key.save(out).map_err(Failure::internal)?;
    let times = screen.finish();
    show(format_args!(
        "{}: dev key of circuit {} ({circuit})",
        out.display(),
        CircuitId::of(&r1cs)
    ))?;
    show(format_args!("SHA-256 {}", hex::encode(hash)))?;
    for (label, time) in times {
        show(format_args!("{label:32} {:8.3} s", time.as_secs_f64()))?;
    }
    show("grade dev: whoever made this key can forge proofs. Never use it where money is paid.")?;
    Ok(())
}

fn precompute(path: &Path, factor: u32, out: Option<&Path>, compute: &Compute) -> Result<(), Failure> {
    let screen = Screen::new(false);
    screen.phase(Phase::Key);
    let key = Zkey::open(path).map_err(Failure::input)?;
    let hash = match read_hash(path).map_err(Failure::input)? {
        Some(known) => {
            key.check_hash(path).map_err(Failure::refused)?;
            known
        }
        None => {
            // The prover asks for the hash each time that it opens the key with tables.
            let hash = key.sha256();
            write_hash(path, &hash).map_err(Failure::internal)?;
            hash
        }
    };
    let out = out.map_or_else(|| Tables::path_beside(path), Path::to_owned);
    let options = compute.options()?;
    Tables::write(&out, &key, &hash, factor, &options, &Watch::new(&screen)).map_err(
        |error| match error {
            ProverError::Tables(_) => Failure::input(error),
            error => Failure::internal(error),
        },
    )?;
    let times = screen.finish();
    show(format_args!(
        "{}: tables of factor {factor} for {}",
        out.display(),
        path.display()
    ))?;
    for (label, time) in times {
        show(format_args!("{label:32} {:8.3} s", time.as_secs_f64()))?;
    }
    Ok(())
}

fn verify(
    path: &Path,
    expected: Option<Hash>,
    origin: Option<&ceremony::Origin>,
    before: Option<&Path>,
    as_json: bool,
    compute: &Compute,
) -> Result<(), Failure> {
    let screen = Screen::new(as_json);
    screen.begin("checking the key");
    let checked = verify_file(path, expected, &|_, _| {});
    let verdict = checked.map_err(|error| error.to_string()).and_then(|report| {
        let key = Zkey::open(path).map_err(|error| error.to_string())?;
        // A key may be lawful and degenerate: then its proofs can be made up.
        Verifier::new(key.verifying_key().clone()).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(before) = before {
            let before = Zkey::open(before).map_err(|error| error.to_string())?;
            extends(&key, &before).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let transcribed = origin
            .map(|origin| ceremony::verify_transcript(&key, origin, compute))
            .transpose()
            .map_err(|failure| format!("{}: {}", path.display(), failure.message))?;
        Ok((report, is_dev(&key), transcribed))
    });
    screen.finish();
    match &verdict {
        Err(reason) if as_json => show(json!({ "valid": false, "reason": reason }))?,
        Err(_) => {}
        Ok((report, is_dev, transcribed)) => {
            let grade = match (is_dev, transcribed) {
                (true, _) => "dev",
                (false, None) => "contributed",
                (false, Some(_)) => "transcribed",
            };
            let compared = match report.known {
                KnownHash::Nothing => "compared with nothing: there is no KEY.sha256 and no --sha256",
                KnownHash::Beside => "as KEY.sha256 says",
                KnownHash::Given => "as --sha256 says",
            };
            let header = &report.header;
            if as_json {
                show(json!({
                    "valid": true,
                    "sha256": hex::encode(report.sha256),
                    "sha256_was_known": report.known != KnownHash::Nothing,
                    "constraints": report.constraints,
                    "wires": header.wires,
                    "public_inputs": header.public,
                    "domain": header.domain_size,
                    "contributions": report.contributions,
                    "grade": grade,
                }))?;
            } else {
                show(format_args!(
                    "valid: every coefficient and every point of {}",
                    path.display()
                ))?;
                show(format_args!(
                    "SHA-256        {}, {compared}",
                    hex::encode(report.sha256)
                ))?;
                show(format_args!(
                    "circuit        {} constraints, {} wires, {} public inputs, domain {}",
                    report.constraints, header.wires, header.public, header.domain_size
                ))?;
                show(format_args!(
                    "contributions  {}{}",
                    report.contributions,
                    if *is_dev {
                        ": grade dev, whoever made this key can forge proofs"
                    } else {
                        ""
                    }
                ))?;
                if let Some(transcribed) = transcribed {
                    for line in ceremony::contribution_lines(&transcribed.contributions) {
                        show(line)?;
                    }
                    show(
                        "transcript     verified: this circuit, this phase 1, these contributions and nothing else",
                    )?;
                }
            }
        }
    }
    verdict.map(|_| ()).map_err(Failure::refused)
}
