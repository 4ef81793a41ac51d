//! `popw keys new|contribute|beacon|challenge|response|inspect|seal|rebuild`, and the transcript part of `popw keys verify`: a
//! ceremony, step by step.
//!
//! Depends on: `popw_keys::ceremony`. Where to go next: `docs/ceremony.md`, for people who run one.

use super::{Circuit, bellman};
use crate::commands::Compute;
use crate::failure::Failure;
use crate::files::{read_bytes, write};
use crate::screen::{Screen, show};
use popw_kernels::{Backend, Control};
use popw_keys::ceremony::inspect::is_example_beacon;
use popw_keys::ceremony::manifest::Words;
use popw_keys::ceremony::{
    self, CeremonyError, Contributed, Inspection, Manifest, ManifestError, SealPolicy, Secret, Transcribed,
};
use popw_keys::ptau::{Effort, Ptau, published};
use popw_keys::{FileError, Zkey, write_file};
use popw_prover::export;
use rand::rngs::OsRng;
use serde_json::json;
use std::io::{BufRead, IsTerminal, stdin};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A circuit and a phase 1: what an initial key is made of.
#[derive(clap::Args)]
pub struct Origin {
    /// The circuit: a name such as uptime:N=16,W=8,S=144 (see `popw circuit list`), or an .r1cs file
    #[arg(long, value_name = "CIRCUIT")]
    pub r1cs: Circuit,
    /// The phase 1, prepared
    #[arg(long, value_name = "FILE")]
    pub ptau: PathBuf,
}

impl Origin {
    pub(super) fn read(&self) -> Result<(Vec<u8>, Ptau), Failure> {
        Ok((
            circuit_file(&self.r1cs)?,
            Ptau::open(&self.ptau).map_err(Failure::input)?,
        ))
    }
}

/// The `.r1cs` file of a circuit.
pub(crate) fn circuit_file(circuit: &Circuit) -> Result<Vec<u8>, Failure> {
    match circuit {
        Circuit::Named(name) => export::r1cs_file(&name.build()).map_err(Failure::input),
        Circuit::File(path) => read_bytes(path),
    }
}

/// What to do with a transcript beyond `popw keys verify`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make the initial key of a circuit and a phase 1: anybody gets the same bytes, and they are snarkjs's. Not to be used
    /// before somebody contributed
    New {
        /// Circuit and phase 1
        #[command(flatten)]
        origin: Origin,
        /// Where the key goes; its hash goes to KEY.sha256
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Contribute a secret to a key and forget it
    Contribute {
        /// The key so far
        before: PathBuf,
        /// Where the key with the contribution goes
        after: PathBuf,
        /// Who contributes, for the record: up to 64 characters
        #[arg(long)]
        name: String,
        /// Do not ask for random typing: take all randomness from the operating system
        #[arg(long)]
        no_typing: bool,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Contribute a public random value that nobody could know before the last contribution
    Beacon {
        /// The key so far
        before: PathBuf,
        /// Where the finished key goes
        after: PathBuf,
        /// The value, hexadecimal, up to 255 bytes
        #[arg(long, value_name = "HEX", value_parser = bytes)]
        value: Bytes,
        /// The value is hashed 2 to this many times, so that nobody tries many: 10 to 63
        #[arg(long, value_name = "N", default_value_t = 10)]
        iterations_log2: u8,
        /// What to call it, for the record
        #[arg(long, default_value = "beacon")]
        name: String,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Write a key as a challenge in the format of phase2-bn254 and of `snarkjs zkey export bellman`, for contributors that do
    /// not speak .zkey
    Challenge {
        /// The key so far
        key: PathBuf,
        /// Where the challenge goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Make a key of the response to a challenge: the response's contributions are verified, everything else must be the key's
    Response {
        /// The key that the challenge was made of
        key: PathBuf,
        /// What the contributor sent back
        response: PathBuf,
        /// Who contributed, for the record: up to 64 characters
        #[arg(long)]
        name: String,
        /// Where the key with the contribution goes
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Say what anybody's key tells about itself, and what to beware of
    Inspect {
        /// The proving key
        key: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Verify a key's whole transcript and write its manifest: from then on it has the grade ceremony
    Seal {
        /// The finished key
        key: PathBuf,
        /// Circuit and phase 1
        #[command(flatten)]
        origin: Origin,
        /// What to call the circuit
        #[arg(long, value_name = "NAME")]
        circuit: String,
        /// Where the beacon comes from, as it was announced before
        #[arg(long, value_name = "TEXT")]
        beacon_source: String,
        /// Fewest people that must have contributed
        #[arg(long, value_name = "N", default_value_t = 1)]
        contributions_min: usize,
        /// Where the manifest goes; KEY.toml, where exporters look, if absent
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Where to write the transcript, from which `popw keys rebuild` makes the key again
        #[arg(long, value_name = "FILE")]
        transcript: Option<PathBuf>,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Make a key again from circuit, phase 1 and transcript; compared with its manifest
    Rebuild {
        /// The transcript
        transcript: PathBuf,
        /// Circuit and phase 1
        #[command(flatten)]
        origin: Origin,
        /// The key's manifest, whose hash the key must have
        #[arg(long, value_name = "FILE")]
        manifest: PathBuf,
        /// Where the key goes
        #[arg(long, value_name = "KEY")]
        out: PathBuf,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
}

/// Bytes in hexadecimal.
#[derive(Clone, Debug)]
pub struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    let text = text.trim_start_matches("0x");
    hex::decode(text)
        .map(Bytes)
        .map_err(|error| format!("not hexadecimal bytes: {error}"))
}

/// Runs a step.
///
/// # Errors
/// `Refused` if a key is not what it should be, `Input` if a file cannot be used.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New { origin, out, compute } => new(origin, out, compute),
        Command::Contribute {
            before,
            after,
            name,
            no_typing,
            compute,
        } => contribute(before, after, name, *no_typing, compute),
        Command::Beacon {
            before,
            after,
            value,
            iterations_log2,
            name,
            compute,
        } => {
            if is_example_beacon(&value.0) {
                eprintln!(
                    "warning: this is the example beacon of the tools' documentation, known to everybody: worthless as a beacon"
                );
            }
            add(before, after, compute, |key, backend, control| {
                ceremony::beacon(key, name, &value.0, *iterations_log2, backend, control)
            })
        }
        Command::Challenge { key, out, compute } => bellman::challenge(key, out, compute),
        Command::Response {
            key,
            response,
            name,
            out,
            compute,
        } => bellman::import(key, response, name, out, compute),
        Command::Inspect { key, json } => inspect(key, *json),
        Command::Seal {
            key,
            origin,
            circuit,
            beacon_source,
            contributions_min,
            out,
            transcript,
            compute,
        } => {
            let words = Words {
                circuit,
                beacon_source,
            };
            let policy = SealPolicy {
                contributions_min: *contributions_min,
            };
            seal(
                key,
                origin,
                words,
                policy,
                out.as_deref(),
                transcript.as_deref(),
                compute,
            )
        }
        Command::Rebuild {
            transcript,
            origin,
            manifest,
            out,
            compute,
        } => rebuild(transcript, origin, manifest, out, compute),
    }
}

/// Does long work with the compute that the user chose.
pub(crate) fn with_compute<T: Send, E: Send>(
    compute: &Compute,
    label: &'static str,
    work: impl FnOnce(&dyn Backend, &Control<'_>) -> Result<T, E> + Send,
) -> Result<Result<T, E>, Failure> {
    let screen = Screen::new(false);
    let options = compute.options()?;
    let backend = options.backend().map_err(Failure::input)?;
    let pool = options.pool().map_err(Failure::internal)?;
    let result = pool.install(|| screen.work(label, |control| work(backend.as_ref(), control)));
    screen.finish();
    Ok(result)
}

fn new(origin: &Origin, out: &Path, compute: &Compute) -> Result<(), Failure> {
    let (r1cs, ptau) = origin.read()?;
    let key = with_compute(compute, "making the initial key", |backend, control| {
        ceremony::initialize(&r1cs, &ptau, backend, control)
    })?
    .map_err(Failure::input)?;
    let hash = key.save(out).map_err(Failure::internal)?;
    show(format_args!("{}: initial key of {}", out.display(), origin.r1cs))?;
    show(format_args!("SHA-256       {}", hex::encode(hash)))?;
    show(format_args!(
        "circuit hash  {}",
        hex::encode(key.contributions.circuit_hash())
    ))?;
    show("Anybody can forge under this key until somebody contributes: `popw keys contribute`.")
}

fn contribute(
    before: &Path,
    after: &Path,
    name: &str,
    no_typing: bool,
    compute: &Compute,
) -> Result<(), Failure> {
    forbid_core_dumps()?;
    let typed = match no_typing || !stdin().is_terminal() {
        true => Zeroizing::new(String::new()),
        false => typing()?,
    };
    let secret = Secret::draw(&mut OsRng, typed.as_bytes());
    add(before, after, compute, |key, backend, control| {
        ceremony::contribute(key, name, secret, &mut OsRng, backend, control)
    })
}

/// A crash must not write the secret to the disk.
fn forbid_core_dumps() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none)
            .map_err(|error| Failure::internal(format!("core dumps cannot be switched off: {error}")))?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|error| Failure::internal(format!("core dumps cannot be switched off: {error}")))?;
    }
    Ok(())
}

fn typing() -> Result<Zeroizing<String>, Failure> {
    eprintln!("Type anything at random, then Enter. (It is mixed with the operating system's randomness.)");
    let mut line = Zeroizing::new(String::with_capacity(4096));
    stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::input(format!("standard input: {error}")))?;
    Ok(line)
}

/// Adds a contribution to a key.
fn add(
    before: &Path,
    after: &Path,
    compute: &Compute,
    make: impl for<'a> FnOnce(&'a Zkey, &dyn Backend, &Control<'_>) -> Result<Contributed<'a>, CeremonyError>
    + Send,
) -> Result<(), Failure> {
    let key = Zkey::open(before).map_err(Failure::input)?;
    let made = with_compute(compute, "contributing", |backend, control| {
        make(&key, backend, control)
    })?
    .map_err(|error| match error {
        CeremonyError::Read(error) => Failure::refused(format!("{}: {error}", before.display())),
        error => Failure::input(format!("{}: {error}", before.display())),
    })?;
    let hash = made.save(after).map_err(Failure::internal)?;
    let number = key.contributions().list().len() + 1;
    show(format_args!("{}: contribution {number}", after.display()))?;
    show(format_args!("SHA-256            {}", hex::encode(hash)))?;
    show(format_args!("contribution hash  {}", hex::encode(made.hash())))?;
    show(
        "Publish the contribution hash under your name: everybody can then find your contribution in the final key.",
    )
}

/// Verifies a transcript against circuit and phase 1; the phase 1 by its published hash, or else as a whole.
pub(super) fn verify_transcript(
    key: &Zkey,
    origin: &Origin,
    compute: &Compute,
) -> Result<Transcribed, Failure> {
    let (r1cs, ptau) = origin.read()?;
    let in_ptau =
        |error: &dyn std::fmt::Display| Failure::refused(format!("{}: {error}", origin.ptau.display()));
    if published(&ptau.blake2b()).is_none() {
        with_compute(compute, "verifying the phase 1", |backend, control| {
            ptau.verify(backend, Effort::Usual, control)
        })?
        .map_err(|error| in_ptau(&error))?;
        eprintln!(
            "warning: {} is no published ceremony's file; it holds powers of some tau, and its contributions hold",
            origin.ptau.display()
        );
    }
    with_compute(compute, "verifying the transcript", |backend, control| {
        ceremony::verify(key, &r1cs, &ptau, backend, control)
    })?
    .map_err(Failure::refused)
}

fn inspect(path: &Path, as_json: bool) -> Result<(), Failure> {
    let key = Zkey::open(path).map_err(Failure::input)?;
    let screen = Screen::new(as_json);
    let found = screen.work("inspecting the key", |control| ceremony::inspect(&key, control));
    screen.finish();
    let found = found.map_err(Failure::internal)?;
    let header = key.header();
    let sha256 = hex::encode(key.sha256());
    if as_json {
        show(json!({
            "sha256": sha256,
            "wires": header.wires,
            "public_inputs": header.public,
            "domain": header.domain_size,
            "coefficients": key.coefficients().len(),
            "circuit_hash": hex::encode(found.circuit_hash),
            "phase1": found.phase1,
            "contributions": contributions_json(&found),
            "warnings": found.warnings.iter().map(|warning| json!({
                "fatal": warning.is_fatal(),
                "text": warning.to_string(),
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        show(format_args!("SHA-256        {sha256}"))?;
        show(format_args!(
            "circuit        {} wires, {} public inputs, domain {}, {} coefficients",
            header.wires,
            header.public,
            header.domain_size,
            key.coefficients().len()
        ))?;
        show(format_args!("circuit hash   {}", hex::encode(found.circuit_hash)))?;
        show(format_args!(
            "phase 1        {}",
            found
                .phase1
                .unwrap_or("unknown: alpha is of no ceremony known here")
        ))?;
        show(format_args!(
            "contributions  {}",
            key.contributions().list().len()
        ))?;
        for line in contribution_lines(&found.contributions) {
            show(line)?;
        }
        for warning in &found.warnings {
            show(format_args!("warning: {warning}"))?;
        }
    }
    match found.warnings.iter().find(|warning| warning.is_fatal()) {
        None => Ok(()),
        Some(warning) => Err(Failure::refused(format!("{}: {warning}", path.display()))),
    }
}

fn contributions_json(found: &Inspection) -> Vec<serde_json::Value> {
    let one = |contribution: &ceremony::Verified| {
        json!({
            "name": contribution.name,
            "hash": hex::encode(contribution.hash),
            "beacon": contribution.beacon.as_ref().map(|(value, iterations_log2)| json!({
                "value": hex::encode(value),
                "iterations_log2": iterations_log2,
            })),
        })
    };
    found.contributions.iter().map(one).collect()
}

/// A line for each contribution.
pub(super) fn contribution_lines(contributions: &[ceremony::Verified]) -> Vec<String> {
    let line = |(index, contribution): (usize, &ceremony::Verified)| {
        let beacon = match &contribution.beacon {
            Some((value, iterations)) => format!("  beacon {}, 2^{iterations} times", hex::encode(value)),
            None => String::new(),
        };
        format!(
            "  {:4}  {}  {:?}{beacon}",
            index + 1,
            hex::encode(&contribution.hash[..16]),
            contribution.name.as_deref().unwrap_or_default()
        )
    };
    contributions.iter().enumerate().map(line).collect()
}

fn seal(
    path: &Path,
    origin: &Origin,
    words: Words<'_>,
    policy: SealPolicy,
    out: Option<&Path>,
    transcript: Option<&Path>,
    compute: &Compute,
) -> Result<(), Failure> {
    let key = Zkey::open(path).map_err(Failure::input)?;
    let (r1cs, ptau) = origin.read()?;
    let manifest = with_compute(compute, "verifying the transcript", |backend, control| {
        ceremony::seal(&key, &r1cs, &ptau, words, policy, backend, control)
    })?
    .map_err(|error| Failure::refused(format!("{}: {error}", path.display())))?;
    if let Some(transcript) = transcript {
        write_file(transcript, |file| ceremony::write_transcript(file, &key)).map_err(Failure::internal)?;
    }
    let out = out.map_or_else(|| Manifest::path_beside(path), Path::to_owned);
    write(&out, manifest.to_text().map_err(Failure::internal)?)?;
    show(format_args!(
        "{}: grade ceremony, {} contributions and a beacon on {}",
        out.display(),
        manifest.contributions.len(),
        manifest.phase1.name
    ))
}

fn rebuild(
    transcript: &Path,
    origin: &Origin,
    manifest: &Path,
    out: &Path,
    compute: &Compute,
) -> Result<(), Failure> {
    let manifest = Manifest::read(manifest).map_err(manifest_failure)?;
    let bytes = read_bytes(transcript)?;
    let (r1cs, ptau) = origin.read()?;
    let key = with_compute(compute, "making the key again", |backend, control| {
        ceremony::rebuild(&bytes, &r1cs, &ptau, backend, control)
    })?
    .map_err(|error| Failure::refused(format!("{}: {error}", transcript.display())))?;
    let made = key.to_bytes().map_err(Failure::internal)?;
    let key = Zkey::from_bytes(made).map_err(Failure::internal)?;
    manifest.check(&key).map_err(manifest_failure)?;
    write(out, key.bytes())?;
    popw_keys::hash::write_hash(out, &key.sha256()).map_err(Failure::internal)?;
    show(format_args!(
        "{}: the key of the manifest, SHA-256 {}",
        out.display(),
        manifest.key.sha256
    ))
}

/// What cannot be read is input; what does not fit is refused.
pub fn manifest_failure(error: ManifestError) -> Failure {
    match error {
        ManifestError::File(FileError::Io { .. }) | ManifestError::Toml { .. } => Failure::input(error),
        error => Failure::refused(error),
    }
}
