//! What a reader must know of the machine and of the versions that ran.
//!
//! Depends on: Linux's `/proc`; `git`, `date`, `uname` if they are there. Where to go next: `report`.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Instruction sets that decide which code runs.
const FLAGS: [&str; 6] = ["adx", "avx2", "avx512dq", "avx512f", "avx512ifma", "bmi2"];

/// Crates whose versions a reader wants.
const CRATES: [&str; 6] = [
    "ark-bn254",
    "ark-ec",
    "ark-ff",
    "ark-groth16",
    "ark-poly",
    "halo2curves",
];

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    flags: Vec<&'static str>,
    cores: usize,
    memory_bytes: Option<u64>,
    kernel: Option<String>,
    /// Of the last minute, when the run began: a busy machine makes bad figures.
    load: Option<f64>,
    date: Option<String>,
    commit: Option<String>,
    /// Of all that took part.
    pub(crate) versions: BTreeMap<String, String>,
}

impl Machine {
    /// Looks around. `root` is the workspace's.
    pub(crate) fn look(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let flags = field("flags").unwrap_or_default();
        let has = |flag: &&str| flags.split(' ').any(|word| word == *flag);
        let memory = read("/proc/meminfo");
        let kibibytes = memory.lines().find_map(|line| {
            let value = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
            value.trim().parse::<u64>().ok()
        });
        Self {
            cpu: ["vendor_id", "model name", "cpu family", "model"]
                .iter()
                .filter_map(|name| field(&format!("{name}\t")))
                .collect::<Vec<_>>()
                .join(" / "),
            flags: FLAGS.into_iter().filter(has).collect(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: kibibytes.and_then(|size| size.checked_mul(1024)),
            kernel: says(root, "uname", &["-sr"]),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok()),
            date: says(root, "date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            commit: commit(root),
            versions: versions(root),
        }
    }
}

/// The commit, and whether the tree differs from it.
fn commit(root: &Path) -> Option<String> {
    let head = says(root, "git", &["rev-parse", "HEAD"])?;
    let clean = says(root, "git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if clean {
        head
    } else {
        format!("{head} and changes")
    })
}

/// Versions of the crates, from the lock file, and of the compiler.
fn versions(root: &Path) -> BTreeMap<String, String> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let mut found: BTreeMap<_, _> = lock
        .split("[[package]]")
        .filter_map(|package| {
            let value = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.trim_matches('"').to_owned())
            };
            Some((value("name = ")?, value("version = ")?))
        })
        .filter(|(name, _)| CRATES.contains(&name.as_str()))
        .collect();
    if let Some(rustc) = says(root, "rustc", &["--version"]) {
        found.insert("rustc".to_owned(), rustc);
    }
    found
}

/// What a program prints, if it can be run and succeeds.
fn says(folder: &Path, program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
