//! `popw serve` and its clients as operators use them: from a clean start to a proof, an epoch by workers, administration.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;

use common::{CIRCUIT, Service, cache, done, fleet, popw, port, prove, temporary, text, witness};
use popw_keys::Zkey;
use popw_verifier::{Verifier, snarkjs};
use std::process::Stdio;
use std::time::Duration;

/// Zones of the epoch that a service proves.
const ZONES: u32 = 6;

#[test]
fn a_clean_start_leads_to_a_proof() {
    let (folder, port) = (temporary("start"), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let witness = witness(&folder, 1);
    let service = Service::start(&data, port);
    let circuits = done(&["jobs", "circuits", "--service", &url]);
    let output = prove(&url, &witness, &folder, "first", "60").output().unwrap();
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
    let away = popw(&["jobs", "ls", "--service", &url, "--patience", "0"]);
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
    witness(&folder, 1);
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

/// A run of an epoch and its service are killed while a worker in a process of its own proves: the next run finds what was proven, and ends with every file right.
#[test]
fn an_epoch_is_proven_by_a_service_whatever_is_killed() {
    let (folder, port) = (temporary("epoch"), port());
    let (data, out, url) = (
        folder.join("data"),
        folder.join("out"),
        format!("http://127.0.0.1:{port}"),
    );
    let fleet = fleet(&folder, ZONES, 1);
    // A worker that is away is given up after three seconds.
    let alone: &[&str] = &["--slots", "0", "--lease", "3"];
    let service = Service::with(&data, port, alone);
    let (inputs, dev) = (
        folder.join("worker"),
        ["--dev", CIRCUIT, "--name", "away", "--slots", "2"],
    );
    let mut worker = popw(&[
        "worker",
        "--service",
        &url,
        "--data-dir",
        inputs.to_str().unwrap(),
    ]);
    let mut worker = worker
        .args(dev)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run = || {
        let mut run = popw(&[
            "epoch",
            "run",
            fleet.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ]);
        run.args(["--service", &url, "--json"]);
        run
    };
    let recorded = || {
        let state = std::fs::read_to_string(out.join("state.jsonl")).unwrap_or_default();
        state.lines().count().saturating_sub(1)
    };
    let mut first = run().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while recorded() == 0 {
        assert!(
            first.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let before = recorded();
    let second = run()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    service.kill();
    let service = Service::with(&data, port, alone);
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["zones"], ZONES);
    let now = summary["zones_proven_now"].as_u64().unwrap() as usize;
    // The last line may have been cut.
    assert!(
        (ZONES as usize - before..=ZONES as usize - before + 1).contains(&now),
        "{before} and {now}"
    );
    let jobs = done(&["jobs", "ls", "--service", &url, "--state", "succeeded"]);
    assert_eq!(
        jobs.lines().count(),
        ZONES as usize,
        "each zone is one job: {jobs}"
    );
    let workers = done(&["jobs", "workers", "--service", &url]);
    assert!(
        workers.lines().count() == 1 && workers.starts_with("away  "),
        "{workers}"
    );
    // A proof that a service got wrong is not taken: another run of the same files audits them.
    let proof = out.join("proofs/0.json");
    std::fs::copy(out.join("proofs/1.json"), &proof).unwrap();
    let refused = run().output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    worker.kill().unwrap();
    worker.wait().unwrap();
    service.kill();
}

/// What administrators do, by command line, with an API key that `popw callers` made.
#[test]
fn an_administrator_pauses_requeues_and_purges() {
    let (folder, port) = (temporary("admin"), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let mut callers = String::new();
    let mut key = |name: &str, scopes: &[&str]| {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
        let made = popw(&["callers", "new", "--name", name, "--tenant", "acme"])
            .args(scopes)
            .output()
            .unwrap();
        callers += &text(&made.stderr);
        let file = folder.join(name);
        std::fs::write(&file, &made.stdout).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (admin, tenant) = (key("admin", &["admin", "read"]), key("tenant", &["submit"]));
    let secrets = [admin.clone(), tenant.clone()];
    let file = folder.join("callers.toml");
    std::fs::write(&file, callers).unwrap();
    let options = ["--callers", file.to_str().unwrap(), "--log", "json"];
    let service = Service::with(&data, port, &options);
    let by = |key: &str, words: &[&str]| {
        popw(&[&["jobs", "--service", &url, "--api-key", key], words].concat())
            .output()
            .unwrap()
    };
    let admin = |words: &[&str]| {
        let output = by(&admin, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    // A file of zeros is no assignment: the job fails.
    let broken = folder.join("broken.wtns");
    std::fs::write(&broken, [0; 100]).unwrap();
    let broken = broken.to_str().unwrap();
    let failed = by(&tenant, &["prove", broken, "p", "q", "--request", "broken"]);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    let refused = by(&tenant, &["stats"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("scope"),
        "{}",
        text(&refused.stderr)
    );
    let stranger = popw(&["jobs", "ls", "--service", &url]).output().unwrap();
    assert_eq!(stranger.status.code(), Some(2), "{}", text(&stranger.stderr));

    let letters = admin(&["dead-letters", "--json"]);
    let letter: serde_json::Value = serde_json::from_str(&letters).unwrap();
    assert_eq!(letter["state"], "JOB_STATE_FAILED");
    assert_eq!(letter["failure"]["class"], "FAILURE_CLASS_REQUEST");
    let id = letter["id"].as_str().unwrap();
    admin(&["pause"]);
    assert!(admin(&["requeue", id]).contains("queued"));
    assert!(admin(&["stats"]).starts_with("1 queued, 0 leased, 0 succeeded, 0 failed"));
    assert!(admin(&["stats"]).ends_with(", paused\n"));
    admin(&["resume"]);
    assert!(admin(&["watch", id]).contains("failed"));
    assert!(admin(&["workers"]).starts_with("local  "));
    let unknown = by("nowhere", &["ls"]);
    assert_eq!(unknown.status.code(), Some(2));
    admin(&["purge", id]);
    assert_eq!(admin(&["dlq"]), "");
    service.kill();
    // Who did what is in the log, and nothing that opens anything.
    let log = std::fs::read_to_string(data.join("service.log")).unwrap();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for (what, by) in [
        ("audit: submit", "tenant"),
        ("audit: pause", "admin"),
        ("audit: requeue", "admin"),
        ("audit: purge", "admin"),
    ] {
        let found = lines
            .iter()
            .any(|line| line["message"] == what && line["by"] == by);
        assert!(found, "{what}: {log}");
    }
    for secret in secrets {
        let secret = std::fs::read_to_string(secret).unwrap();
        assert!(secret.starts_with("popw_") && !log.contains(secret.trim()));
    }
}
