//! `popw ptau inspect|verify|truncate|prepare`: the powers of tau that keys are made of.
//!
//! Depends on: `popw_keys::ptau`. Where to go next: `popw keys new`, which makes a key of them.

use crate::commands::Compute;
use crate::commands::keys::ceremony::with_compute;
use crate::failure::Failure;
use crate::screen::{Screen, show};
use popw_keys::ptau::{Contribution, Effort, Ptau, Published, Warning, prepare, published, truncate};
use popw_keys::zkey::ContributionKind;
use popw_keys::{FileError, write_file};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What to do with a phase 1.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Say what a file tells about itself, and what to beware of; nothing is proven
    Inspect {
        /// The .ptau
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a file: every point, every contribution, all powers and Lagrange levels
    Verify {
        /// The .ptau
        file: PathBuf,
        /// Compute the first challenge of a ceremony of power 28 too, instead of taking it from a table: minutes
        #[arg(long)]
        thorough: bool,
        /// Print the verdict as JSON
        #[arg(long)]
        json: bool,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
    /// Cut a file to a smaller power, as `snarkjs powersoftau truncate` does
    Truncate {
        /// The .ptau
        file: PathBuf,
        /// Domains of up to 2^P rows
        #[arg(long, value_name = "P")]
        power: u32,
        /// Where the smaller file goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Add the Lagrange levels that phase 2 needs, as `snarkjs powersoftau prepare phase2` does
    Prepare {
        /// The .ptau
        file: PathBuf,
        /// Where the prepared file goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Compute and threads
        #[command(flatten)]
        compute: Compute,
    },
}

/// Inspects, checks, cuts or prepares a phase 1.
///
/// # Errors
/// `Refused` if a file is not what it should be, `Input` if it cannot be used.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Inspect { file, json } => inspect(file, *json),
        Command::Verify {
            file,
            thorough,
            json,
            compute,
        } => {
            let effort = match thorough {
                true => Effort::Thorough,
                false => Effort::Usual,
            };
            verify(file, effort, *json, compute)
        }
        Command::Truncate { file, power, out } => cut(file, *power, out),
        Command::Prepare { file, out, compute } => add_levels(file, out, compute),
    }
}

fn inspect(path: &Path, as_json: bool) -> Result<(), Failure> {
    let ptau = Ptau::open(path).map_err(Failure::input)?;
    let screen = Screen::new(as_json);
    screen.begin("hashing");
    let hash = ptau.blake2b();
    screen.finish();
    let warnings = ptau.warnings();
    match as_json {
        true => show(Value::Object(to_json(&ptau, &hash, &warnings)))?,
        false => show_lines(&ptau, &hash, &warnings)?,
    }
    match warnings.iter().find(|warning| warning.is_fatal()) {
        None => Ok(()),
        Some(warning) => Err(Failure::refused(format!("{}: {warning}", path.display()))),
    }
}

fn verify(path: &Path, effort: Effort, as_json: bool, compute: &Compute) -> Result<(), Failure> {
    let verdict = match Ptau::open(path) {
        Err(error @ FileError::Read { .. }) => Err(error.to_string()),
        Err(error) => return Err(Failure::input(error)),
        Ok(ptau) => with_compute(compute, "verifying the phase 1", |backend, control| {
            ptau.verify(backend, effort, control)
        })?
        .map_err(|error| format!("{}: {error}", path.display()))
        .map(|report| (ptau, report)),
    };
    match &verdict {
        Err(reason) if as_json => show(json!({ "valid": false, "reason": reason }))?,
        Err(_) => {}
        Ok((ptau, report)) if as_json => {
            let mut object = to_json(ptau, &report.blake2b, &report.warnings);
            object.insert("valid".into(), true.into());
            show(Value::Object(object))?;
        }
        Ok((ptau, report)) => {
            show(format_args!(
                "valid: every point and every contribution of {}",
                path.display()
            ))?;
            show_lines(ptau, &report.blake2b, &report.warnings)?;
        }
    }
    verdict.map(|_| ()).map_err(Failure::refused)
}

fn cut(path: &Path, power: u32, out: &Path) -> Result<(), Failure> {
    let ptau = Ptau::open(path).map_err(Failure::input)?;
    if !(1..=ptau.power()).contains(&power) {
        return Err(Failure::input(format!(
            "{}: it can be cut to a power of 1 to {}, not {power}",
            path.display(),
            ptau.power()
        )));
    }
    write_file(out, |file| truncate(&ptau, power, file)).map_err(Failure::internal)?;
    show_written(out)
}

fn add_levels(path: &Path, out: &Path, compute: &Compute) -> Result<(), Failure> {
    let ptau = Ptau::open(path).map_err(Failure::input)?;
    if ptau.is_prepared() {
        return Err(Failure::input(format!(
            "{}: it is prepared already",
            path.display()
        )));
    }
    with_compute(compute, "computing Lagrange levels", |backend, control| {
        write_file(out, |file| prepare(&ptau, backend, control, file))
    })?
    .map_err(Failure::internal)?;
    show_written(out)
}

fn show_written(path: &Path) -> Result<(), Failure> {
    let ptau = Ptau::open(path).map_err(Failure::internal)?;
    let hash = ptau.blake2b();
    show(format_args!("{}: {}", path.display(), described(&ptau)))?;
    show(format_args!("BLAKE2b        {}", hex::encode(hash)))?;
    show(format_args!("published      {}", name(published(&hash))))
}

fn described(ptau: &Ptau) -> String {
    format!(
        "power {} of a ceremony of power {}, {}",
        ptau.power(),
        ptau.ceremony_power(),
        if ptau.is_prepared() {
            "prepared"
        } else {
            "not prepared"
        }
    )
}

fn name(published: Option<Published>) -> &'static str {
    published.map_or("no: the hash is of no ceremony known here", |known| known.name)
}

fn show_lines(ptau: &Ptau, hash: &[u8; 64], warnings: &[Warning]) -> Result<(), Failure> {
    show(format_args!("phase 1        {}", described(ptau)))?;
    show(format_args!("BLAKE2b        {}", hex::encode(hash)))?;
    show(format_args!("published      {}", name(published(hash))))?;
    show(format_args!("contributions  {}", ptau.contributions().len()))?;
    for (index, contribution) in ptau.contributions().iter().enumerate() {
        let beacon = match (&contribution.beacon, contribution.iterations_log2) {
            (Some(value), Some(iterations)) => {
                format!("  beacon {}, 2^{iterations} times", hex::encode(value))
            }
            _ => String::new(),
        };
        show(format_args!(
            "  {:4}  {}  {:?}{beacon}",
            index + 1,
            hex::encode(&contribution.response[..16]),
            contribution.name.as_deref().unwrap_or_default()
        ))?;
    }
    warnings
        .iter()
        .try_for_each(|warning| show(format_args!("warning: {warning}")))
}

fn to_json(ptau: &Ptau, hash: &[u8; 64], warnings: &[Warning]) -> serde_json::Map<String, Value> {
    let contribution = |one: &Contribution| {
        json!({
            "name": one.name,
            "kind": match one.kind {
                ContributionKind::Contributor => "contributor",
                ContributionKind::Beacon => "beacon",
            },
            "response": hex::encode(one.response),
            "next_challenge": hex::encode(one.next_challenge),
            "beacon": one.beacon.as_ref().map(hex::encode),
            "iterations_log2": one.iterations_log2,
        })
    };
    let warning = |one: &Warning| json!({ "fatal": one.is_fatal(), "text": one.to_string() });
    let pairs = [
        ("power", ptau.power().into()),
        ("ceremony_power", ptau.ceremony_power().into()),
        ("prepared", ptau.is_prepared().into()),
        ("blake2b", hex::encode(hash).into()),
        ("published", published(hash).map(|known| known.name).into()),
        (
            "contributions",
            ptau.contributions().iter().map(contribution).collect(),
        ),
        ("warnings", warnings.iter().map(warning).collect()),
    ];
    pairs
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}
