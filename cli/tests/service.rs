//! `popw serve` and `popw jobs` as operators use them: from a clean start to a proof, and killed at any moment.

#![allow(clippy::unwrap_used, clippy::panic)]

use popw_keys::Zkey;
use popw_verifier::{Verifier, snarkjs};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

const CIRCUIT: &str = "uptime:N=1,W=3,S=24";

/// Requests that are under way when the service is killed.
const REQUESTS: usize = 3;

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("service").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where dev keys are kept between runs of the tests.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

fn popw(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popw"));
    command.args(arguments).env("POPW_CACHE", cache());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed, and returns what it says.
fn done(arguments: &[&str]) -> String {
    let output: Output = popw(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// A zone's assignment.
fn witness(folder: &Path) -> PathBuf {
    let (fleet, claim) = (folder.join("fleet"), folder.join("claim"));
    let simulate = [
        "simulate",
        "--devices",
        "1",
        "--zone-devices",
        "1",
        "--watchers",
        "3",
        "--slots",
        "24",
        "--out",
    ];
    done(&[&simulate[..], &[fleet.to_str().unwrap()]].concat());
    done(&["claim", fleet.to_str().unwrap(), "--out", claim.to_str().unwrap()]);
    claim.join("witness.wtns")
}

/// A running service.
struct Service {
    child: Child,
    /// Held open: what the service says has to go somewhere.
    _output: BufReader<ChildStdout>,
}

impl Service {
    /// Starts it and waits until it listens.
    fn start(data: &Path, port: u16) -> Self {
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
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on") {
            line.clear();
            assert!(
                output.read_line(&mut line).unwrap() > 0,
                "it ended before it listened"
            );
        }
        Self {
            child,
            _output: output,
        }
    }

    /// As a crash: no code of the service runs any more.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The command that has a witness proven.
fn prove(url: &str, witness: &Path, folder: &Path, request: &str) -> Command {
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
    ])
}

#[test]
fn a_clean_start_leads_to_a_proof() {
    let (folder, port) = (temporary("start"), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let witness = witness(&folder);
    let service = Service::start(&data, port);
    let circuits = done(&["jobs", "circuits", "--service", &url]);
    let output = prove(&url, &witness, &folder, "first").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // The key that the service names is the one of the cache.
    let key = cache().join(circuits.split_once(": ").unwrap().0);
    let verifier = Verifier::new(Zkey::open(&key).unwrap().verifying_key().clone()).unwrap();
    let read = |what: &str| std::fs::read_to_string(folder.join(format!("first.{what}.json"))).unwrap();
    let public = snarkjs::read_public(&read("public")).unwrap();
    verifier
        .verify(&public, &snarkjs::read_proof(&read("proof")).unwrap())
        .unwrap();
    let list = done(&["jobs", "ls", "--service", &url]);
    assert!(
        list.lines().count() == 1 && list.contains("succeeded  first"),
        "{list}"
    );
    let second = popw(&[
        "serve",
        "--data-dir",
        data.to_str().unwrap(),
        "--dev",
        CIRCUIT,
        "--listen",
        "127.0.0.1:0",
    ]);
    let second = { second }.output().unwrap();
    assert!(
        text(&second.stderr).contains("another service has it open"),
        "{}",
        text(&second.stderr)
    );
    let open = popw(&[
        "serve",
        "--data-dir",
        "nowhere",
        "--dev",
        CIRCUIT,
        "--listen",
        "0.0.0.0:0",
    ]);
    let open = { open }.output().unwrap();
    assert!(
        text(&open.stderr).contains("nobody has to say who they are"),
        "{}",
        text(&open.stderr)
    );
    service.kill();
    let away = popw(&["jobs", "ls", "--service", &url]);
    let away = { away }.output().unwrap();
    assert_eq!(away.status.code(), Some(3), "{}", text(&away.stderr));
}

/// What was submitted is proven, and what was proven stays as it is, however often the service is killed.
#[test]
fn a_killed_service_loses_nothing() {
    let rounds = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let (folder, port) = (temporary("killed"), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let witness = witness(&folder);
    let mut proofs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut cut = 0;
    for round in 0..rounds.unwrap_or(3u64) {
        let service = Service::start(&data, port);
        let names: Vec<String> = (0..REQUESTS)
            .map(|number| format!("round-{round}-{number}"))
            .collect();
        let clients: Vec<Child> = names
            .iter()
            .map(|name| {
                let mut client = prove(&url, &witness, &folder, name);
                client
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        // Another moment in each round: before, within and after the proofs.
        std::thread::sleep(Duration::from_millis(40 + 230 * round % 700));
        service.kill();
        let mut acknowledged = Vec::new();
        for (name, client) in names.iter().zip(clients) {
            let succeeded = { client }.wait().unwrap().success();
            cut += usize::from(!succeeded);
            if succeeded {
                acknowledged.push(name);
            }
        }
        let read = |name: &String| std::fs::read(folder.join(format!("{name}.proof.json"))).unwrap();
        proofs.extend(acknowledged.iter().map(|name| ((*name).clone(), read(name))));
        let service = Service::start(&data, port);
        for name in &names {
            let output = prove(&url, &witness, &folder, name).output().unwrap();
            assert!(output.status.success(), "{name}: {}", text(&output.stderr));
            if let Some(proof) = proofs.get(name) {
                assert!(*proof == read(name), "{name} was proven twice");
            }
            proofs.insert(name.clone(), read(name));
        }
        let list = done(&["jobs", "ls", "--service", &url]);
        assert_eq!(
            list.lines().count(),
            proofs.len(),
            "each request is one job: {list}"
        );
        assert_eq!(list.matches("  succeeded  ").count(), proofs.len(), "{list}");
        service.kill();
    }
    assert!(cut > 0, "the service was killed too late");
}
