//! The service over gRPC, in this process: from a submission to a proof, and every way in which it refuses.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::Folder;
use common::circuit::Squares;
use common::running::{
    Home, MEMORY, address, client, end, key_name, options, refused, request, submit, upload, worker,
};
use popw_prover::Options;
use popw_service::auth::callers::new_api_key;
use popw_service::board::{Board, BoardError};
use popw_service::id::Digest;
use popw_service::job::{Outcome, State};
use popw_service::keys::Key;
use popw_service::proto::admin_client::AdminClient;
use popw_service::proto::{self, JobState};
use popw_service::queue::Settings;
use popw_service::remote::{Remote, connect, reason};
use popw_service::server::{Service, ServiceOptions, StartError};
use popw_service::store::{Blobs, Limits};
use popw_service::worker::Worker;
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_becomes_a_proof_once() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let mut client = client(&service, None);
    let witness = squares.witness(3);
    let job = submit(&mut client, &squares, "first", &witness).await.unwrap();
    let (ended, states) = end(&mut client, &job.id).await;
    assert_eq!(states.last(), Some(&JobState::Succeeded), "{ended:?}");
    // The same request again is the same job, and the file is there already.
    assert!(
        upload(&mut client, Digest::of(&witness).to_string(), &witness)
            .await
            .unwrap()
    );
    let again = client
        .submit_job(request(&squares, "first", &witness))
        .await
        .unwrap()
        .into_inner();
    assert!(again.known);
    assert_eq!(again.job.unwrap(), ended);
    let id = job.id.clone();
    let proof = client
        .get_proof(proto::GetProofRequest { id })
        .await
        .unwrap()
        .into_inner()
        .proof
        .unwrap();
    let mut verify = proto::VerifyRequest {
        key: key_name(&squares),
        proof_json: proof.proof_json.clone(),
        public_json: proof.public_json.clone(),
    };
    assert!(client.verify(verify.clone()).await.unwrap().into_inner().valid);
    verify.public_json = "[\"5\"]".to_owned();
    let verdict = client.verify(verify).await.unwrap().into_inner();
    assert!(!verdict.valid && !verdict.reason.is_empty());
    let entry = |public: &str| proto::batch_verify_request::Entry {
        proof_json: proof.proof_json.clone(),
        public_json: public.to_owned(),
    };
    let batch = proto::BatchVerifyRequest {
        key: key_name(&squares),
        entries: vec![
            entry(&proof.public_json),
            entry("[\"5\"]"),
            entry(&proof.public_json),
        ],
    };
    let verdict = client.batch_verify(batch).await.unwrap().into_inner();
    assert_eq!((verdict.valid, verdict.refused), (false, vec![1]));
    // One call for all.
    let prove = proto::ProveRequest {
        request_id: "at-once".to_owned(),
        key: key_name(&squares),
        witness: squares.witness(5),
    };
    let proven = client.prove(prove).await.unwrap().into_inner();
    assert_eq!(proven.job.unwrap().state(), JobState::Succeeded);
    assert_ne!(proven.proof.unwrap().public_json, proof.public_json);
    let circuits = client
        .list_circuits(proto::ListCircuitsRequest {})
        .await
        .unwrap()
        .into_inner()
        .circuits;
    assert!(circuits.len() == 1 && circuits[0].dev && circuits[0].key == key_name(&squares));
    service.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_callers_find_their_way_and_garbage_ends_nothing() {
    use std::io::{Read, Write};
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let (folder, squares) = (Home::new(), Squares::new(5));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let address = service.address();
    let health = HealthCheckRequest {
        service: "popw.v1.Prover".to_owned(),
    };
    let mut client = HealthClient::new(connect(&self::address(&service, None)).unwrap());
    let answer = client.check(health).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let (answers, garbage) = tokio::task::spawn_blocking(move || {
        let say = |bytes: &[u8]| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            // Whoever says nothing more has answered.
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        };
        let web = |path: &str, body: &[u8]| {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            say(&[head.as_bytes(), body].concat())
        };
        let empty = [0; 5];
        let answers = [
            web("/popw.v1.Prover/ListCircuits", &empty),
            web("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &empty),
            web("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &empty),
        ];
        let garbage = [
            web("/popw.v1.Prover/SubmitJob", &[0, 0, 0, 0, 3, 255, 255, 255]),
            web("/popw.v1.Prover/SubmitJob", &[0, 255, 255, 255, 255]),
            web("/popw.v1.Prover/Nothing", &empty),
            say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            say(&[0xa5; 10_000]),
        ];
        (answers, garbage)
    })
    .await
    .unwrap();
    for answer in &answers {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("application/grpc-web+proto"), "{answer}");
        assert!(
            !answer.contains("grpc-status: 12") && !answer.contains("grpc-status:12"),
            "{answer}"
        );
    }
    assert!(answers[0].contains("squares.zkey"), "{}", answers[0]);
    for answer in &garbage {
        assert!(
            !answer.contains("grpc-status:0") && !answer.contains("grpc-status: 0"),
            "{answer}"
        );
    }
    let circuits = proto::ListCircuitsRequest {};
    let circuits = self::client(&service, None)
        .list_circuits(circuits)
        .await
        .unwrap();
    assert_eq!(circuits.into_inner().circuits.len(), 1, "it goes on");
    service.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlive_their_service() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let without = |options: ServiceOptions| ServiceOptions {
        worker: None,
        ..options
    };
    let service = Service::start(without(options(&folder, &squares))).await.unwrap();
    let job = submit(&mut client(&service, None), &squares, "kept", &squares.witness(3))
        .await
        .unwrap();
    assert_eq!(job.state(), JobState::Queued);
    service.stop(Duration::ZERO).await;
    let service = loop {
        // The first lets go of its database a moment later.
        match Service::start(options(&folder, &squares)).await {
            Ok(service) => break service,
            Err(StartError::Store(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let (ended, _) = end(&mut client(&service, None), &job.id).await;
    assert_eq!(ended.state(), JobState::Succeeded);
    service.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_frees_its_worker() {
    let (folder, squares) = (Home::new(), Squares::new(60_000));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let mut client = client(&service, None);
    let job = submit(&mut client, &squares, "long", &squares.witness(3))
        .await
        .unwrap();
    let watch = proto::WatchJobRequest {
        id: job.id.clone(),
        after_revision: 0,
    };
    let mut views = client.watch_job(watch).await.unwrap().into_inner();
    while views.message().await.unwrap().unwrap().job.unwrap().state() == JobState::Queued {}
    let id = job.id.clone();
    let cancelled = client
        .cancel_job(proto::CancelJobRequest { id: id.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(cancelled.job.unwrap().state(), JobState::Cancelled);
    // A second time is as good as the first.
    client
        .cancel_job(proto::CancelJobRequest { id: id.clone() })
        .await
        .unwrap();
    refused(
        client.get_proof(proto::GetProofRequest { id }).await,
        Code::FailedPrecondition,
        "NO_PROOF",
    );
    // The worker goes on with the next.
    let next = submit(&mut client, &squares, "next", &squares.witness(4))
        .await
        .unwrap();
    let (ended, _) = end(&mut client, &next.id).await;
    assert_eq!(ended.state(), JobState::Succeeded);
    service.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_their_reason() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(ServiceOptions {
        settings: Settings {
            limits: Limits { queued: 2, tenant: 2 },
            upload_max: 100_000,
            ..options(&folder, &squares).settings
        },
        ..options(&folder, &squares)
    })
    .await
    .unwrap();
    let mut client = client(&service, None);
    let witness = squares.witness(3);
    let good = request(&squares, "good", &witness);
    refused(
        client.submit_job(good.clone()).await,
        Code::FailedPrecondition,
        "MISSING_FILE",
    );
    refused(
        upload(&mut client, "00".to_owned(), b"x").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    refused(
        upload(&mut client, Digest::of(b"y").to_string(), b"x").await,
        Code::InvalidArgument,
        "WRONG_HASH",
    );
    let large = vec![0; 100_001];
    refused(
        upload(&mut client, Digest::of(&large).to_string(), &large).await,
        Code::InvalidArgument,
        "FILE_TOO_LARGE",
    );
    upload(&mut client, Digest::of(&witness).to_string(), &witness)
        .await
        .unwrap();
    let mut wrong = Vec::new();
    let changes: [fn(&mut proto::SubmitJobRequest); 11] = [
        |r| r.request_id = String::new(),
        |r| r.request_id = "ä".to_owned(),
        |r| r.request_id = "x".repeat(129),
        |r| r.key = None,
        |r| r.key.as_mut().unwrap().circuit_id = "zz".to_owned(),
        |r| r.work = None,
        |r| r.priority = 10,
        |r| r.deadline = Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
        |r| {
            r.deadline = Some(prost_types::Timestamp {
                seconds: i64::MIN,
                nanos: -1,
            })
        },
        |r| {
            r.keep = Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            })
        },
        |r| {
            r.keep = Some(prost_types::Duration {
                seconds: i64::MAX,
                nanos: 0,
            })
        },
    ];
    for change in changes {
        let mut request = good.clone();
        change(&mut request);
        wrong.push(request);
    }
    for request in wrong {
        refused(
            client.submit_job(request).await,
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
    }
    let mut other = good.clone();
    other.key.as_mut().unwrap().verifying_key_hash = "00".repeat(32);
    refused(
        client.submit_job(other).await,
        Code::FailedPrecondition,
        "UNKNOWN_KEY",
    );
    // A witness that is none, and one that is false, end at once, by the request's fault.
    for (name, bytes) in [
        ("garbage", b"no witness".to_vec()),
        ("false", squares.false_witness()),
    ] {
        let job = submit(&mut client, &squares, name, &bytes).await.unwrap();
        let (ended, _) = end(&mut client, &job.id).await;
        assert_eq!(ended.state(), JobState::Failed, "{name}");
        assert_eq!(
            ended.failure.unwrap().class(),
            proto::FailureClass::Request,
            "{name}"
        );
    }
    let get = |id: &str| proto::GetJobRequest { id: id.to_owned() };
    refused(
        client.get_job(get("x")).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    refused(
        client.get_job(get(&"0".repeat(32))).await,
        Code::NotFound,
        "UNKNOWN_JOB",
    );
    // A full queue says when to come again.
    service.queue().pause(true).await.unwrap();
    for number in 0..2 {
        submit(&mut client, &squares, &format!("fill-{number}"), &witness)
            .await
            .unwrap();
    }
    let full = client
        .submit_job(request(&squares, "full", &witness))
        .await
        .unwrap_err();
    assert_eq!(
        (full.code(), reason(&full).as_deref()),
        (Code::ResourceExhausted, Some("QUEUE_FULL"))
    );
    let again = tonic_types::StatusExt::get_details_retry_info(&full)
        .unwrap()
        .retry_delay
        .unwrap();
    assert!(again >= Duration::from_secs(1));
    // The same name for something else.
    let other = squares.witness(9);
    upload(&mut client, Digest::of(&other).to_string(), &other)
        .await
        .unwrap();
    refused(
        client.submit_job(request(&squares, "fill-0", &other)).await,
        Code::AlreadyExists,
        "OTHER_REQUEST",
    );
    service.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_see_each_other() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let callers = folder.file("callers.toml");
    let (mut keys, mut text) = (Vec::new(), String::new());
    for (tenant, scopes) in [
        ("one", "\"submit\""),
        ("two", "\"submit\""),
        ("one", "\"read\""),
        ("boss", "\"admin\""),
    ] {
        let (key, digest) = new_api_key();
        let name = keys.len();
        text += &format!(
            "[[caller]]\nname = \"{name}\"\ntenant = \"{tenant}\"\nscopes = [{scopes}]\napi_key_sha256 = \"{digest}\"\n"
        );
        keys.push(key);
    }
    std::fs::write(&callers, text).unwrap();
    let service = Service::start(ServiceOptions {
        callers: Some(callers),
        ..options(&folder, &squares)
    })
    .await
    .unwrap();
    let mut one = client(&service, Some(&keys[0]));
    let mut two = client(&service, Some(&keys[1]));
    let mut reader = client(&service, Some(&keys[2]));
    let job = submit(&mut one, &squares, "mine", &squares.witness(3))
        .await
        .unwrap();
    let id = job.id.clone();
    let (ended, _) = end(&mut reader, &id).await;
    assert_eq!(ended.state(), JobState::Succeeded);
    let hidden = (Code::NotFound, "UNKNOWN_JOB");
    refused(
        two.get_job(proto::GetJobRequest { id: id.clone() }).await,
        hidden.0,
        hidden.1,
    );
    refused(
        two.get_proof(proto::GetProofRequest { id: id.clone() }).await,
        hidden.0,
        hidden.1,
    );
    refused(
        two.cancel_job(proto::CancelJobRequest { id: id.clone() }).await,
        hidden.0,
        hidden.1,
    );
    let watch = proto::WatchJobRequest {
        id: id.clone(),
        after_revision: 0,
    };
    refused(two.watch_job(watch).await.map(|_| ()), hidden.0, hidden.1);
    let list = proto::ListJobsRequest::default;
    assert!(two.list_jobs(list()).await.unwrap().into_inner().jobs.is_empty());
    assert_eq!(reader.list_jobs(list()).await.unwrap().into_inner().jobs.len(), 1);
    // A file is its tenant's: whoever knows its hash gets no proof of it, and learns nothing of it.
    let witness = squares.witness(3);
    let mine = two.submit_job(request(&squares, "mine", &witness)).await;
    refused(mine, Code::FailedPrecondition, "MISSING_FILE");
    assert!(
        !upload(&mut two, Digest::of(&witness).to_string(), &witness)
            .await
            .unwrap()
    );
    // The same name is another tenant's own.
    assert!(
        !two.submit_job(request(&squares, "mine", &squares.witness(3)))
            .await
            .unwrap()
            .into_inner()
            .known
    );
    refused(
        reader.cancel_job(proto::CancelJobRequest { id }).await,
        Code::PermissionDenied,
        "SCOPE",
    );
    for key in [None, Some("popw_00")] {
        refused(
            client(&service, key).list_jobs(list()).await,
            Code::Unauthenticated,
            "UNAUTHENTICATED",
        );
    }
    let mut boss = AdminClient::new(connect(&address(&service, Some(&keys[3]))).unwrap());
    assert_eq!(
        boss.list_workers(proto::ListWorkersRequest {})
            .await
            .unwrap()
            .into_inner()
            .workers
            .len(),
        1
    );
    let mut fool = AdminClient::new(connect(&address(&service, Some(&keys[0]))).unwrap());
    refused(
        fool.pause_queue(proto::PauseQueueRequest { paused: true }).await,
        Code::PermissionDenied,
        "SCOPE",
    );
    service.stop(Duration::from_secs(5)).await;
    let open = ServiceOptions {
        listen: ([0, 0, 0, 0], 0).into(),
        ..options(&Home::new(), &squares)
    };
    assert!(matches!(
        Service::start(open).await.err(),
        Some(StartError::Open(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_other_machines_prove_and_wrong_ones_are_put_aside() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(ServiceOptions {
        worker: None,
        ..options(&folder, &squares)
    })
    .await
    .unwrap();
    let mut client = client(&service, None);
    let board = |name: &str| {
        let blobs = Blobs::open(&folder.file(name)).unwrap();
        Arc::new(Remote::new(connect(&address(&service, None)).unwrap(), blobs))
    };
    // One that lies.
    let liar = board("liar");
    let info = popw_service::workers::WorkerInfo {
        name: "liar".to_owned(),
        backend: "cpu".to_owned(),
        threads: 1,
        memory: MEMORY,
        keys: vec![squares.name],
    };
    assert!(matches!(
        liar.lease("liar", MEMORY).await,
        Err(BoardError::Unknown(_))
    ));
    Board::register(liar.as_ref(), &info).await.unwrap();
    let job = submit(&mut client, &squares, "job", &squares.witness(3))
        .await
        .unwrap();
    let errand = liar.lease("liar", MEMORY).await.unwrap().unwrap();
    let path = Board::input(liar.as_ref(), &errand).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), squares.witness(3));
    // A true proof of something else.
    let other = Key::open(&squares.path(), &Options::default()).unwrap();
    let other = prove(&other, &squares.witness(4));
    let refused = Board::complete(liar.as_ref(), &errand, other, [0.0; 4]).await;
    assert!(
        matches!(&refused, Err(BoardError::Refused(why)) if why.contains("public inputs")),
        "{refused:?}"
    );
    let refused = liar.lease("liar", MEMORY).await;
    assert!(
        matches!(&refused, Err(BoardError::Refused(why)) if why.contains("quarantine")),
        "{refused:?}"
    );
    // Another proves it.
    let keys = Arc::new(squares.keys());
    let honest = Worker::start(board("honest"), keys, worker("honest")).unwrap();
    let (ended, _) = end(&mut client, &job.id).await;
    assert_eq!((ended.state(), ended.losses), (JobState::Succeeded, 1));
    tokio::task::spawn_blocking(move || honest.stop(Duration::from_secs(5)))
        .await
        .unwrap();
    let names: Vec<_> = service
        .queue()
        .workers()
        .all()
        .into_iter()
        .map(|worker| worker.info.name)
        .collect();
    assert_eq!(
        names,
        ["liar"],
        "who goes is gone, who is put aside is not forgotten"
    );
    assert_eq!(service.queue().counts().await.unwrap().of(State::Succeeded), 1);
    service.stop(Duration::ZERO).await;
}

fn prove(key: &Key, witness: &[u8]) -> Outcome {
    use popw_service::proving::{Fleets, Meter, prove};
    let folder = Folder::new();
    let path = folder.file("witness.wtns");
    std::fs::write(&path, witness).unwrap();
    let work = popw_service::job::Work::Assignment {
        witness: Digest::of(witness),
    };
    let never = popw_prover::CancelToken::new();
    prove(key, &work, &path, &Fleets::default(), &Meter::new(None), &never).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_while_the_service_runs() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let mut admin = AdminClient::new(connect(&address(&service, None)).unwrap());
    let mut client = client(&service, None);
    let witness = squares.witness(3);
    let unload = || proto::UnloadKeyRequest {
        key: key_name(&squares),
    };
    let load = |file: &str| proto::LoadKeyRequest {
        file: file.to_owned(),
    };
    // Not while a job needs it.
    admin
        .pause_queue(proto::PauseQueueRequest { paused: true })
        .await
        .unwrap();
    let job = submit(&mut client, &squares, "first", &witness).await.unwrap();
    refused(
        admin.unload_key(unload()).await,
        Code::FailedPrecondition,
        "KEY_IN_USE",
    );
    admin
        .pause_queue(proto::PauseQueueRequest { paused: false })
        .await
        .unwrap();
    assert_eq!(end(&mut client, &job.id).await.0.state(), JobState::Succeeded);
    admin.unload_key(unload()).await.unwrap();
    refused(
        admin.unload_key(unload()).await,
        Code::FailedPrecondition,
        "UNKNOWN_KEY",
    );
    refused(
        submit(&mut client, &squares, "second", &witness).await,
        Code::FailedPrecondition,
        "UNKNOWN_KEY",
    );
    for wrong in [
        "../squares.zkey",
        "squares",
        "nothing.zkey",
        "",
        "/etc/squares.zkey",
    ] {
        refused(
            admin.load_key(load(wrong)).await,
            Code::InvalidArgument,
            "WRONG_KEY",
        );
    }
    let loaded = admin.load_key(load("squares.zkey")).await.unwrap().into_inner();
    assert_eq!(loaded.circuit.unwrap().key, key_name(&squares));
    refused(
        admin.load_key(load("squares.zkey")).await,
        Code::InvalidArgument,
        "WRONG_KEY",
    );
    let job = submit(&mut client, &squares, "second", &witness).await.unwrap();
    assert_eq!(end(&mut client, &job.id).await.0.state(), JobState::Succeeded);
    service.stop(Duration::ZERO).await;
}

/// A retry finds its job when its deadline has passed meanwhile; a new job that comes too late is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_finds_its_job_after_the_deadline() {
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let mut client = client(&service, None);
    let witness = squares.witness(3);
    upload(&mut client, Digest::of(&witness).to_string(), &witness)
        .await
        .unwrap();
    let deadline = std::time::SystemTime::now() + Duration::from_secs(3);
    let request = |name: &str| proto::SubmitJobRequest {
        deadline: Some(deadline.into()),
        ..request(&squares, name, &witness)
    };
    let job = client.submit_job(request("in-time")).await.unwrap().into_inner();
    let id = job.job.unwrap().id;
    assert_eq!(end(&mut client, &id).await.0.state(), JobState::Succeeded);
    while deadline.elapsed().is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = client.submit_job(request("in-time")).await.unwrap().into_inner();
    assert!(again.known);
    assert_eq!(again.job.unwrap().id, id);
    refused(
        client.submit_job(request("too-late")).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    service.stop(Duration::ZERO).await;
}

/// Clients that are slow or stand still hold what is theirs, and nobody else waits: not for an upload that stops, a watch that nobody reads, or a connection that says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_nobody_up() {
    use std::io::Write;
    let (folder, squares) = (Home::new(), Squares::new(500));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let witness = squares.witness(3);
    // Uploads that have begun, all that there may be at once for others but one.
    let mut stalled = Vec::new();
    for number in 0..32_u8 {
        let mut slow = client(&service, None);
        let header = proto::upload_witness_request::Header {
            sha256: Digest::of(&[number]).to_string(),
            bytes: 1,
        };
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let parts = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let part = Some(proto::upload_witness_request::Part::Header(header));
        sender.send(proto::UploadWitnessRequest { part }).await.unwrap();
        let upload = tokio::spawn(async move { slow.upload_witness(parts).await });
        stalled.push((sender, upload));
    }
    // Connections that say nothing, or only half of what they have to say.
    let silent: Vec<std::net::TcpStream> = (0..50)
        .map(|number| {
            let mut stream = std::net::TcpStream::connect(service.address()).unwrap();
            stream
                .write_all(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..number % 24])
                .unwrap();
            stream
        })
        .collect();
    let mut fast = client(&service, None);
    let job = submit(&mut fast, &squares, "first", &witness).await.unwrap();
    // A watch that nobody reads, while the job goes through all its states.
    let mut reader = client(&service, None);
    let watch = proto::WatchJobRequest {
        id: job.id.clone(),
        after_revision: 0,
    };
    let mut unread = reader.watch_job(watch).await.unwrap().into_inner();
    assert_eq!(end(&mut fast, &job.id).await.0.state(), JobState::Succeeded);
    // Whoever reads late misses what was between, not the end.
    let mut last = None;
    while let Some(view) = unread.message().await.unwrap() {
        last = view.job;
    }
    assert_eq!(last.unwrap().state(), JobState::Succeeded);
    // The uploads go on where they stood.
    for (number, (sender, upload)) in (0..32_u8).zip(stalled) {
        let part = Some(proto::upload_witness_request::Part::Chunk(vec![number]));
        sender.send(proto::UploadWitnessRequest { part }).await.unwrap();
        drop(sender);
        upload.await.unwrap().unwrap();
    }
    drop(silent);
    service.stop(Duration::ZERO).await;
}

/// A message that is larger than any may be is refused before it is read, and the connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_large_are_refused() {
    let (folder, squares) = (Home::new(), Squares::new(5));
    let service = Service::start(options(&folder, &squares)).await.unwrap();
    let mut client = client(&service, None);
    let large = |bytes: usize| proto::ProveRequest {
        request_id: "large".to_owned(),
        key: key_name(&squares),
        witness: vec![1; bytes],
    };
    let status = client.prove(large(5 << 20)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    // One that is read, but is more than a witness in a message may be.
    refused(
        client.prove(large(2 << 20)).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    let mut admin = AdminClient::new(connect(&address(&service, None)).unwrap());
    let file = "x".repeat(2 << 20);
    let status = admin.load_key(proto::LoadKeyRequest { file }).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    let circuits = client.list_circuits(proto::ListCircuitsRequest {}).await;
    assert_eq!(circuits.unwrap().into_inner().circuits.len(), 1, "it goes on");
    service.stop(Duration::ZERO).await;
}
