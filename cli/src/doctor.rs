//! `popw doctor`: looks at a machine before a service or a worker runs on it, and says what is missing and what to do.
//!
//! Depends on: `popw-service`, `popw-prover`. Where to go next: `docs/service.md`, for operators.

use crate::commands::Compute;
use crate::failure::Failure;
use crate::screen::show;
use crate::service::client::{ServiceArgs, runtime};
use popw_prover::backend::detect;
use popw_prover::dev_key::cache_folder;
use popw_service::keys::Keys;
use popw_service::memory::available;
use popw_service::store::{Postgres, Store};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Less memory for proofs than this is only enough for small circuits.
const MEMORY: u64 = 2 << 30;

/// Less disk than this is soon full of uploads.
const DISK: u64 = 10 << 30;

/// Descriptors that a service with ten thousand watchers needs.
const DESCRIPTORS: u64 = 16_384;

/// A commit that takes longer limits how many jobs are accepted.
const COMMIT: Duration = Duration::from_millis(20);

/// Commits that are measured.
const COMMITS: usize = 8;

/// A clock that says less is not set: 2024.
const CLOCK: u64 = 1_704_067_200;

/// What to look at.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of a service or a worker
    #[arg(long, value_name = "DIR", default_value = "popw-data")]
    data_dir: PathBuf,
    /// Look at this PostgreSQL database too
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Look at the service too
    #[arg(long)]
    ask: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    compute: Compute,
}

/// How a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Grade {
    Good,
    /// It works, but not well.
    Warning,
    /// It does not work.
    Bad,
}

#[derive(Serialize)]
struct Finding {
    grade: Grade,
    what: &'static str,
    /// What was found, and what to do if it is not good.
    found: String,
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, what: &'static str, found: impl ToString) {
        let found = found.to_string();
        self.0.push(Finding { grade, what, found });
    }

    /// Good, or a warning with what to do.
    fn weigh(&mut self, is_good: bool, what: &'static str, found: String, advice: &str) {
        match is_good {
            true => self.add(Grade::Good, what, found),
            false => self.add(Grade::Warning, what, format!("{found}: {advice}")),
        }
    }
}

/// Looks, and says what was found.
///
/// # Errors
/// `Refused` if something does not work.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut findings = Findings(Vec::new());
    machine(&mut findings);
    compute(&mut findings, &args.compute);
    folder(&mut findings, &args.data_dir);
    keys(&mut findings, &args.data_dir.join("keys"));
    if let Some(url) = &args.database {
        match runtime()?.block_on(database(url)) {
            Ok(took) => findings.add(Grade::Good, "database", format!("answers within {took:.1?}")),
            Err(error) => findings.add(Grade::Bad, "database", error),
        }
    }
    if args.ask {
        match runtime()?.block_on(service(&args.service)) {
            Ok(found) => findings.add(Grade::Good, "service", found),
            Err(failure) => findings.add(Grade::Bad, "service", failure.message),
        }
    }
    let Findings(findings) = findings;
    for finding in &findings {
        if args.json {
            show(serde_json::to_string(finding).map_err(Failure::internal)?)?;
            continue;
        }
        let grade = match finding.grade {
            Grade::Good => "good   ",
            Grade::Warning => "warning",
            Grade::Bad => "BAD    ",
        };
        show(format_args!("{grade}  {}: {}", finding.what, finding.found))?;
    }
    match findings
        .iter()
        .filter(|finding| finding.grade == Grade::Bad)
        .count()
    {
        0 => Ok(()),
        count => Err(Failure::refused(format!("{count} of these do not work"))),
    }
}

fn machine(findings: &mut Findings) {
    let memory = available();
    findings.weigh(
        memory >= MEMORY,
        "memory",
        format!("{} MiB for proofs", memory >> 20),
        "enough for small circuits only; `popw jobs circuits --json` says what a proof takes",
    );
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    findings.weigh(
        descriptors >= DESCRIPTORS,
        "descriptors",
        format!("{descriptors} for a process"),
        "a connection or a file takes one; raise the limit (LimitNOFILE= of systemd, ulimit -n)",
    );
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    match clock > CLOCK {
        true => findings.add(Grade::Good, "clock", "is set"),
        false => findings.add(
            Grade::Bad,
            "clock",
            "is not set: leases and deadlines are times; use NTP",
        ),
    }
}

fn compute(findings: &mut Findings, compute: &Compute) {
    let backend = compute.options().and_then(|options| {
        options
            .backend
            .map_or_else(|| detect().map_err(Failure::input), Ok)
    });
    match backend {
        Ok(backend) => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            findings.add(
                Grade::Good,
                "compute",
                format!("{}, {threads} threads", backend.name()),
            );
        }
        Err(failure) => findings.add(Grade::Bad, "compute", failure.message),
    }
    let cache = cache_folder();
    let is_writable = fs::create_dir_all(&cache).and_then(|()| probe(&cache).map(drop));
    match is_writable {
        Ok(()) => findings.add(Grade::Good, "cache", cache.display()),
        Err(error) => findings.add(
            Grade::Warning,
            "cache",
            format!(
                "{}: {error}: dev keys and tables are made anew each time; set POPW_CACHE",
                cache.display()
            ),
        ),
    }
}

/// How long it takes until what is written is on the disk: the median of some.
fn probe(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join(format!(".popw-doctor-{}", std::process::id()));
    let measure = || -> std::io::Result<Duration> {
        let mut file = File::create(&path)?;
        let mut times = Vec::with_capacity(COMMITS);
        for _ in 0..COMMITS {
            let began = Instant::now();
            file.write_all(&[0; 4_096])?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort();
        Ok(times[COMMITS / 2])
    };
    let measured = measure();
    // It may not have been made.
    let _ = fs::remove_file(&path);
    measured
}

fn folder(findings: &mut Findings, folder: &Path) {
    let made = fs::create_dir_all(folder).and_then(|()| probe(folder));
    let commit = match made {
        Ok(commit) => commit,
        Err(error) => {
            let found = format!(
                "{}: {error}: the service must be able to write there",
                folder.display()
            );
            return findings.add(Grade::Bad, "folder", found);
        }
    };
    findings.weigh(
        commit <= COMMIT,
        "folder",
        format!("{}: a commit takes {commit:.1?}", folder.display()),
        "a job is accepted when it is on the disk; use a faster one",
    );
    if let Ok(disk) = rustix::fs::statvfs(folder) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        findings.weigh(
            free >= DISK,
            "disk",
            format!("{} MiB free", free >> 20),
            "uploads are kept until their jobs are removed; when it is full, calls answer RESOURCE_EXHAUSTED",
        );
    }
}

fn keys(findings: &mut Findings, folder: &Path) {
    match Keys::files(folder) {
        Ok(files) if files.is_empty() => findings.add(
            Grade::Warning,
            "keys",
            format!(
                "no .zkey in {}: put one there, or start with --key or --dev",
                folder.display()
            ),
        ),
        Ok(files) => findings.add(
            Grade::Good,
            "keys",
            format!("{} in {}", files.len(), folder.display()),
        ),
        Err(error) => findings.add(Grade::Bad, "keys", error),
    }
}

async fn database(url: &str) -> Result<Duration, popw_service::store::StoreError> {
    let store = Postgres::connect(url).await?;
    let began = Instant::now();
    store.counts().await?;
    Ok(began.elapsed())
}

async fn service(args: &ServiceArgs) -> Result<String, Failure> {
    let began = Instant::now();
    let circuits = args
        .client()?
        .circuits()
        .await
        .map_err(crate::service::client::refused)?;
    Ok(format!(
        "answers within {:.1?}, {} keys",
        began.elapsed(),
        circuits.len()
    ))
}
