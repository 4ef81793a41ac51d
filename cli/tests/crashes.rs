//! `popw serve` killed by `kill -9` in the middle of its work, at chosen places, on both stores: nothing that was acknowledged is lost, changed or done twice.

#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "failpoints")]

mod common;

use common::{Service, done, popw, port, postgres, prove, rounds, temporary, text, witness};
use popw_service::failpoint::PLACES;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Requests that are under way when the service is killed.
const REQUESTS: usize = 3;

/// Rounds for each of `POPW_ROUNDS`: 200 in the full tier.
const ROUNDS: u32 = 20;

/// The longest that clients wait for a service that was not killed.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_killed_service_loses_nothing_with_sqlite() {
    kill_and_start_again("sqlite", None);
}

#[test]
fn a_killed_service_loses_nothing_with_postgres() {
    let Some(server) = postgres::Server::start() else {
        return;
    };
    kill_and_start_again("postgres", Some(server.database()));
}

fn kill_and_start_again(name: &str, database: Option<String>) {
    let (folder, port) = (temporary(name), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let mut options = vec!["--lease", "3"];
    options.extend(database.iter().flat_map(|url| ["--database", url]));
    let mut proofs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut hits: BTreeMap<&str, u32> = BTreeMap::new();
    for round in 0..ROUNDS * rounds(1) {
        // Another file each time, so that it is stored each time.
        let witness = witness(&folder, round);
        let place = PLACES[round as usize % PLACES.len()];
        // The first, second or third time that the process comes there; of a file there is one time.
        let count = match place.starts_with("blob") {
            true => 1,
            false => 1 + round / 10 % 3,
        };
        let plan = format!("{place}:{count}");
        let mut service = Service::killed(&data, port, &options, &plan);
        let names: Vec<String> = (0..REQUESTS)
            .map(|number| format!("round-{round}-{number}"))
            .collect();
        let start = |name: &String| {
            let mut client = prove(&url, &witness, &folder, name, "0");
            client
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut clients: Vec<Child> = names.iter().map(start).collect();
        let end = Instant::now() + LONG;
        while !service.has_ended()
            && clients
                .iter_mut()
                .any(|client| client.try_wait().unwrap().is_none())
        {
            assert!(Instant::now() < end, "{plan}: neither killed nor done");
            std::thread::sleep(Duration::from_millis(5));
        }
        *hits.entry(place).or_default() += u32::from(service.has_ended());
        service.kill();
        let read = |name: &String| std::fs::read(folder.join(format!("{name}.proof.json"))).unwrap();
        for (name, client) in names.iter().zip(clients) {
            if { client }.wait().unwrap().success() {
                proofs.insert(name.clone(), read(name));
            }
        }
        let service = Service::with(&data, port, &options);
        for name in &names {
            let output = prove(&url, &witness, &folder, name, "60").output().unwrap();
            assert!(
                output.status.success(),
                "{plan}, {name}: {}",
                text(&output.stderr)
            );
            if let Some(proof) = proofs.get(name) {
                assert!(*proof == read(name), "{plan}: {name} was proven twice");
            }
            proofs.insert(name.clone(), read(name));
        }
        service.kill();
    }
    for place in PLACES {
        assert!(
            hits.get(place).is_some_and(|hits| *hits > 0),
            "never killed at {place}: {hits:?}"
        );
    }
    // All of them, once more, as a service that was never killed sees them.
    let service = Service::with(&data, port, &options);
    let list = done(&["jobs", "ls", "--service", &url]);
    assert_eq!(
        list.lines().count(),
        proofs.len(),
        "each request is one job: {list}"
    );
    assert_eq!(list.matches("  succeeded  ").count(), proofs.len(), "{list}");
    let stats = popw(&["jobs", "stats", "--service", &url]).output().unwrap();
    assert!(
        text(&stats.stdout).starts_with("0 queued, 0 leased, "),
        "no lease is left: {}",
        text(&stats.stdout)
    );
    for (name, proof) in &proofs {
        let found = std::fs::read(folder.join(format!("{name}.proof.json"))).unwrap();
        assert!(found == *proof, "{name} has changed");
    }
    println!("{name}: {} jobs, killed at {hits:?}", proofs.len());
    service.kill();
}
