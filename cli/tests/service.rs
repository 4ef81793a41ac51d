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

/// A zone's claim: the service verifies the attestations and computes the assignment, and comes to what `popw claim` comes to.
#[test]
fn a_zone_s_claim_is_proven_from_its_files() {
    use popw_service::proto::prover_client::ProverClient;
    use popw_service::proto::{self, upload_witness_request::Header, upload_witness_request::Part};
    let (folder, port) = (temporary("claim"), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    witness(&folder);
    let file = |name: &str| std::fs::read(folder.join("fleet").join(name)).unwrap();
    let fleet = proto::Fleet {
        params: file("params.toml"),
        epoch: file("epoch.toml"),
        registry: file("registry.jsonl"),
        watchers: file("watchers.jsonl"),
        attestations: Some(proto::fleet::Attestations::AttestationsJsonl(file(
            "attestations.jsonl",
        ))),
    };
    let service = Service::start(&data, port);
    let ask = async {
        let address = popw_service::remote::Address {
            url,
            ..Default::default()
        };
        let mut client = ProverClient::new(popw_service::remote::connect(&address).unwrap());
        let circuits = client.list_circuits(proto::ListCircuitsRequest {}).await.unwrap();
        let key = circuits.into_inner().circuits.remove(0).key;
        let mut ended = Vec::new();
        for (zone, damaged) in [(0, false), (7, false), (0, true)] {
            let mut fleet = fleet.clone();
            if damaged {
                fleet.registry.push(b'x');
            }
            let bytes = prost::Message::encode_to_vec(&fleet);
            let sha256 = popw_service::id::Digest::of(&bytes).to_string();
            let header = Header {
                sha256: sha256.clone(),
                bytes: bytes.len() as u64,
            };
            let parts = [Part::Header(header), Part::Chunk(bytes)];
            let parts = parts.map(|part| proto::UploadWitnessRequest { part: Some(part) });
            client.upload_witness(tokio_stream::iter(parts)).await.unwrap();
            let work = proto::ClaimWork {
                fleet_sha256: sha256,
                zone,
            };
            let submit = proto::SubmitJobRequest {
                request_id: format!("zone-{zone}-{damaged}"),
                key: key.clone(),
                work: Some(proto::Work {
                    work: Some(proto::work::Work::Claim(work)),
                }),
                ..Default::default()
            };
            let id = client
                .submit_job(submit)
                .await
                .unwrap()
                .into_inner()
                .job
                .unwrap()
                .id;
            let watch = proto::WatchJobRequest {
                id: id.clone(),
                after_revision: 0,
            };
            let mut views = client.watch_job(watch).await.unwrap().into_inner();
            let mut last = None;
            while let Some(view) = views.message().await.unwrap() {
                last = view.job;
            }
            let proof = client.get_proof(proto::GetProofRequest { id }).await.ok();
            ended.push((last.unwrap(), proof.and_then(|answer| answer.into_inner().proof)));
        }
        ended
    };
    let ended = tokio::runtime::Runtime::new().unwrap().block_on(ask);
    let claimed = |name: &str| std::fs::read_to_string(folder.join("claim").join(name)).unwrap();
    let proof = ended[0].1.as_ref().unwrap();
    let public = |text: &str| snarkjs::read_public(text).unwrap();
    assert_eq!(public(&proof.public_json), public(&claimed("public.json")));
    let settle: serde_json::Value = serde_json::from_str(&claimed("settle.json")).unwrap();
    let data: String = proof
        .settlement_data
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(settle["data"], format!("0x{data}"));
    for ((job, proof), why) in ended[1..].iter().zip(["no zone 7", "registry.jsonl"]) {
        let failure = job.failure.as_ref().unwrap();
        assert!(
            proof.is_none() && failure.class() == proto::FailureClass::Request,
            "{job:?}"
        );
        assert!(failure.message.contains(why), "{}", failure.message);
    }
    service.kill();
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
