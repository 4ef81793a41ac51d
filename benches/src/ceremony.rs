//! The steps of a ceremony, whole processes from file to file, beside snarkjs's on the same files: `new`, `contribute`, `verify`.
//!
//! Each process starts anew in every round, opens its files and writes its own; the two take turns at being first. The initial keys
//! must be the same bytes, and each side's contributed key must verify, or the row says that the result is wrong.
//!
//! Depends on: `popw_keys::ceremony`, `files`, `tools`, `report`. Where to go next: `docs/ceremony.md`.

use crate::CeremonyArgs;
use crate::error::Error;
use crate::files::statement_files;
use crate::report::{OURS, Report, Subject};
use crate::round::Finding;
use crate::tools::Tools;
use popw_benches::statement::Kind;
use popw_kernels::backend::detect;
use popw_kernels::{CancelToken, Control};
use popw_keys::Zkey;
use popw_keys::ceremony::{Secret, contribute, initialize, verify};
use popw_keys::ptau::Ptau;
use rand::rngs::OsRng;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    /// The initial key of a circuit and a phase 1.
    New,
    /// A contribution to it.
    Contribute,
    /// The whole transcript of the key with one contribution.
    Verify,
}

impl Step {
    const ALL: [Self; 3] = [Self::New, Self::Contribute, Self::Verify];

    fn name(self) -> &'static str {
        match self {
            Self::New => "ceremony-new",
            Self::Contribute => "ceremony-contribute",
            Self::Verify => "ceremony-verify",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If the statement cannot be made or the results cannot be written. A peer that fails has a row that says so.
pub(crate) fn run(args: &CeremonyArgs) -> Result<(), Error> {
    let tools = Tools::new(args.cache.clone(), args.threads)
        .map_err(Error::io("find the workspace and the cache"))?;
    let (r1cs, _) = statement_files(&tools.cache, Kind::Bits, args.size)?;
    let ptau = std::path::absolute(&args.ptau).map_err(Error::io("find the phase 1"))?;
    let mut report = Report::new(&tools.root, args.json.clone());
    let cli = tools.snarkjs_cli();
    for step in Step::ALL {
        eprintln!("\n{}", step.name());
        let mut ours = side(OURS, Some("detected".to_owned()));
        let mut theirs = side("snarkjs", None);
        if let Err(reason) = &cli {
            theirs.failed = Some(reason.clone());
        }
        for round in 0..args.rounds {
            let mut turn = |is_ours: bool| {
                let finding = if is_ours { &mut ours } else { &mut theirs };
                if finding.failed.is_some() {
                    return;
                }
                let command = if is_ours {
                    our_command(&tools, step, &r1cs, &ptau)
                } else {
                    their_command(&tools, &cli, step, &r1cs, &ptau)
                };
                match timed(command) {
                    Ok(milliseconds) => finding.samples_ms.push(milliseconds),
                    Err(reason) => finding.failed = Some(reason),
                }
            };
            turn(round % 2 == 0);
            turn(round % 2 == 1);
        }
        let (first, second) = (file(&tools, OURS, step), file(&tools, "snarkjs", step));
        let fine = match step {
            Step::New => same(&first, &second),
            // Judged by the next step, each by itself and here by us.
            Step::Contribute => [&first, &second]
                .into_iter()
                .all(|key| verified(key, &r1cs, &ptau)),
            Step::Verify => true,
        };
        for finding in [&mut ours, &mut theirs]
            .into_iter()
            .filter(|finding| finding.failed.is_none())
        {
            match fine {
                true => finding.checked = Some("by popw-keys"),
                false => finding.failed = Some("the result is wrong".to_owned()),
            }
        }
        report.add(
            &Subject::Step(step.name()),
            args.size,
            args.threads,
            vec![ours, theirs],
        )?;
    }
    Ok(())
}

fn side(prover: &str, backend: Option<String>) -> Finding {
    Finding {
        prover: prover.to_owned(),
        backend,
        note: Some("a whole process, from file to file".to_owned()),
        ..Finding::default()
    }
}

/// Where a side's key is after a step: the initial one is read by `contribute`, the contributed one by `verify`.
fn file(tools: &Tools, prover: &str, step: Step) -> PathBuf {
    let name = match step {
        Step::New => "0",
        Step::Contribute | Step::Verify => "1",
    };
    tools.cache.join(format!("ceremony-{prover}-{name}.zkey"))
}

fn our_command(tools: &Tools, step: Step, r1cs: &Path, ptau: &Path) -> Result<Command, String> {
    let mut command = tools.ours();
    let name = match step {
        Step::New => "new",
        Step::Contribute => "contribute",
        Step::Verify => "verify",
    };
    command.args(["child", "ceremony", name]).arg(r1cs).arg(ptau);
    command
        .arg(file(tools, OURS, Step::New))
        .arg(file(tools, OURS, Step::Contribute));
    Ok(command)
}

fn their_command(
    tools: &Tools,
    cli: &Result<PathBuf, String>,
    step: Step,
    r1cs: &Path,
    ptau: &Path,
) -> Result<Command, String> {
    let mut command = tools.child(Path::new("node"));
    command.arg(cli.clone()?).arg("zkey");
    let (before, after) = (
        file(tools, "snarkjs", Step::New),
        file(tools, "snarkjs", Step::Contribute),
    );
    match step {
        Step::New => command.arg("new").arg(r1cs).arg(ptau).arg(before),
        Step::Contribute => command
            .arg("contribute")
            .arg(before)
            .arg(after)
            .args(["--name=a", "-e=b"]),
        Step::Verify => command.arg("verify").arg(r1cs).arg(ptau).arg(after),
    };
    Ok(command)
}

/// Milliseconds of a whole process that succeeds.
fn timed(command: Result<Command, String>) -> Result<f64, String> {
    let mut command = command?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("not measured: it cannot be started: {error}"))?;
    let time = start.elapsed();
    match status.success() {
        true => Ok(popw_benches::child::milliseconds(time)),
        false => Err(format!("it ended with {status}")),
    }
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((std::fs::read(a), std::fs::read(b)), (Ok(a), Ok(b)) if a == b)
}

fn verified(key: &Path, r1cs: &Path, ptau: &Path) -> bool {
    step(Step::Verify, r1cs, ptau, Path::new(""), key).is_ok()
}

/// The child: does one step with our code.
///
/// # Errors
/// A sentence why it was not done.
pub(crate) fn step(step: Step, r1cs: &Path, ptau: &Path, before: &Path, after: &Path) -> Result<(), String> {
    let backend = detect().map_err(|error| error.to_string())?;
    let token = CancelToken::new();
    let control = Control::silent(&token);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let origin = || {
        let circuit = std::fs::read(r1cs).map_err(|error| text(&error))?;
        Ok::<_, String>((circuit, Ptau::open(ptau).map_err(|error| text(&error))?))
    };
    match step {
        Step::New => {
            let (circuit, powers) = origin()?;
            let key =
                initialize(&circuit, &powers, backend.as_ref(), &control).map_err(|error| text(&error))?;
            key.save(before).map(drop).map_err(|error| text(&error))
        }
        Step::Contribute => {
            let key = Zkey::open(before).map_err(|error| text(&error))?;
            let secret = Secret::draw(&mut OsRng, b"");
            let made = contribute(&key, "bench", secret, &mut OsRng, backend.as_ref(), &control);
            made.map_err(|error| text(&error))?
                .save(after)
                .map(drop)
                .map_err(|error| text(&error))
        }
        Step::Verify => {
            let (circuit, powers) = origin()?;
            let key = Zkey::open(after).map_err(|error| text(&error))?;
            let verified = verify(&key, &circuit, &powers, backend.as_ref(), &control);
            verified.map(drop).map_err(|error| text(&error))
        }
    }
}
