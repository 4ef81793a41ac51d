//! What the tests of `popw serve` and its clients share.
#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../service/tests/common/basics.rs"]
mod basics;
pub(crate) mod browser;
#[path = "../../../service/tests/common/postgres.rs"]
pub(crate) mod postgres;

#[allow(unused_imports)]
pub(crate) use basics::{Folder, rounds, skip};

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

pub(crate) const CIRCUIT: &str = "uptime:N=1,W=3,S=24";

pub(crate) fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("service").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where dev keys are kept between runs of the tests.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

pub(crate) fn popw(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popw"));
    command.args(arguments).env("POPW_CACHE", cache());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed, and returns what it says.
pub(crate) fn done(arguments: &[&str]) -> String {
    let output: Output = popw(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// A simulated fleet of so many zones of one device.
pub(crate) fn fleet(folder: &Path, zones: u32, seed: u32) -> PathBuf {
    let (fleet, devices, seed) = (folder.join("fleet"), zones.to_string(), seed.to_string());
    let simulate = [
        "simulate",
        "--devices",
        &devices,
        "--seed",
        &seed,
        "--zone-devices",
        "1",
        "--watchers",
        "3",
        "--slots",
        "24",
        "--out",
    ];
    done(&[&simulate[..], &[fleet.to_str().unwrap()]].concat());
    fleet
}

/// A zone's assignment.
pub(crate) fn witness(folder: &Path, seed: u32) -> PathBuf {
    let (fleet, claim) = (fleet(folder, 1, seed), folder.join("claim"));
    done(&["claim", fleet.to_str().unwrap(), "--out", claim.to_str().unwrap()]);
    claim.join("witness.wtns")
}

/// A running service.
pub(crate) struct Service {
    child: Child,
    /// Held open: what the service says has to go somewhere.
    _output: BufReader<ChildStdout>,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) fn start(data: &Path, port: u16) -> Self {
        Self::with(data, port, &[])
    }

    /// The same with more options.
    pub(crate) fn with(data: &Path, port: u16, options: &[&str]) -> Self {
        let mut service = Self::killed(data, port, options, "");
        let log = std::fs::read_to_string(data.join("service.log")).unwrap();
        assert!(!service.has_ended(), "it ended before it listened: {log}");
        service
    }

    /// The same, killed at a failpoint: maybe before it listens.
    pub(crate) fn killed(data: &Path, port: u16, options: &[&str], plan: &str) -> Self {
        std::fs::create_dir_all(data).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let mut command = popw(&[
            "serve",
            "--data-dir",
            data.to_str().unwrap(),
            "--dev",
            CIRCUIT,
            "--listen",
            &listen,
        ]);
        if !plan.is_empty() {
            command.env("POPW_KILL_AT", plan);
        }
        command.args(options);
        Self::of(command, &data.join("service.log"))
    }

    /// By another command line, with a file for its log.
    pub(crate) fn of(mut command: Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on") {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                break;
            }
        }
        Self {
            child,
            _output: output,
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// As a crash: no code of the service runs any more.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Also when the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port, below those that the system gives to connections: it stays free while a service is away.
pub(crate) fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The command that has a witness proven.
pub(crate) fn prove(url: &str, witness: &Path, folder: &Path, request: &str, patience: &str) -> Command {
    let [proof, public] = ["proof", "public"].map(|what| folder.join(format!("{request}.{what}.json")));
    let [witness, proof, public] = [witness, &proof, &public].map(|path| path.to_str().unwrap());
    popw(&[
        "jobs",
        "prove",
        witness,
        proof,
        public,
        "--request",
        request,
        "--service",
        url,
        "--patience",
        patience,
    ])
}
