//! `popw epoch run` as operators use it: a simulated fleet, killed at any moment and started again, and folders that were changed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Zones of the fleet: one device each, so that there is much to interrupt.
const ZONES: usize = 20;

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("epoch").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popw"));
    // Dev keys are kept between runs of the tests, as they are for users.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    command.args(arguments).env("POPW_CACHE", cache);
    command
}

fn popw(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed.
fn done(arguments: &[&str]) -> Output {
    let output = popw(arguments);
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// A simulated fleet with its attackers.
fn fleet(name: &str, format: &str) -> PathBuf {
    let folder = temporary(name);
    let devices = ZONES.to_string();
    done(&[
        "simulate",
        "--devices",
        &devices,
        "--zone-devices",
        "1",
        "--watchers",
        "3",
        "--slots",
        "24",
        "--attestations",
        format,
        "--device-share",
        "cloned-key=10",
        "--watcher-share",
        "double-dealer=20",
        "--out",
        folder.to_str().unwrap(),
    ]);
    folder
}

fn run(fleet: &Path, out: &Path) -> Output {
    popw(&[
        "epoch",
        "run",
        fleet.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--json",
    ])
}

fn start(fleet: &Path, out: &Path) -> Child {
    command(&["epoch", "run"])
        .arg(fleet)
        .arg("--out")
        .arg(out)
        .arg("--json")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Every file of a folder, by path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// A proof itself, which is blinded anew each time.
fn is_proof(name: &str) -> bool {
    name.starts_with("proofs/") && !name.ends_with(".public.json")
}

/// The zones that `state.jsonl` records, in its order.
fn recorded(out: &Path) -> Vec<u64> {
    let state = std::fs::read_to_string(out.join("state.jsonl")).unwrap_or_default();
    let whole = state.rfind('\n').map_or(0, |end| end + 1);
    state[..whole]
        .lines()
        .skip(1)
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["zone"]
                .as_u64()
                .unwrap()
        })
        .collect()
}

#[test]
fn killed_five_times_it_ends_with_the_same_files() {
    let fleet = fleet("killed-fleet", "jsonl");
    let whole = temporary("killed-whole");
    let output = run(&fleet, &whole);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["zones"], ZONES);
    assert_eq!(summary["zones_proven_now"], ZONES);
    assert!(
        summary["rejected"]["contradiction"].as_u64().unwrap() > 0,
        "{summary}"
    );
    assert_eq!(recorded(&whole), (0..ZONES as u64).collect::<Vec<_>>());

    let out = temporary("killed-out");
    let mut proofs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for round in 1..=5 {
        let mut child = start(&fleet, &out);
        // Until some more zones are recorded, then a moment that differs each time, in the middle of a zone.
        let goal = (round * ZONES / 6).max(recorded(&out).len() + 1);
        while recorded(&out).len() < goal {
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended before it was killed"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(13 * round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let zones = recorded(&out);
        assert!(zones.len() < ZONES, "nothing was left to be killed");
        // What was recorded is not proven again: its proof is the same bytes.
        let found = files(&out);
        for (name, proof) in &proofs {
            assert!(found[name] == *proof, "{name} was proven twice");
        }
        proofs.extend(zones.iter().map(|zone| {
            let name = format!("proofs/{zone}.json");
            let proof = found[&name].clone();
            (name, proof)
        }));
    }
    let output = run(&fleet, &out);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        summary["zones_proven_now"].as_u64().unwrap() as usize,
        ZONES - proofs.len()
    );

    let (mut expected, mut got) = (files(&whole), files(&out));
    for (name, proof) in &proofs {
        assert!(got[name] == *proof, "{name} was proven twice");
    }
    // A file that was being written when the process died has another name and is left behind.
    got.retain(|name, _| !name.contains(".partial"));
    expected.retain(|name, _| !is_proof(name));
    let others: BTreeSet<String> = got.keys().filter(|name| is_proof(name)).cloned().collect();
    assert_eq!(others.len(), ZONES);
    got.retain(|name, _| !is_proof(name));
    assert_eq!(
        got.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, content) in &expected {
        assert!(got[name] == *content, "{name} differs");
    }

    // Anybody can verify a zone with the files alone.
    let path = |name: &str| out.join(name).to_str().unwrap().to_owned();
    done(&[
        "verify",
        &path("verification_key.json"),
        &path("proofs/7.public.json"),
        &path("proofs/7.json"),
    ]);
    // Once more: nothing is left to do, and nothing changes.
    let before = files(&out);
    let output = run(&fleet, &out);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["zones_proven_now"], 0);
    assert!(files(&out) == before);
}

#[test]
fn a_folder_that_was_changed_is_refused() {
    let fleet = fleet("changed-fleet", "bin");
    let out = temporary("changed-out");
    assert!(run(&fleet, &out).status.success());
    let original = files(&out);
    let refusal = |name: &str, from: &str, to: &str| {
        let content = text(&original[name]);
        assert!(content.contains(from), "{name}: no `{from}`");
        std::fs::write(out.join(name), content.replacen(from, to, 1)).unwrap();
        let output = run(&fleet, &out);
        std::fs::write(out.join(name), content).unwrap();
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let settle: Value = serde_json::from_slice(&original["settle/3.json"]).unwrap();
    let commitment = settle["out_commit"].as_str().unwrap();
    let (code, message) = refusal("settle/3.json", commitment, "1");
    assert_eq!(code, 1);
    assert!(
        message.contains("settle/3.json: the file is not what the claim says"),
        "{message}"
    );
    let (code, message) = refusal("proofs/5.public.json", "\"", "\"0");
    assert_eq!(code, 1);
    assert!(message.contains("proofs/5.public.json"), "{message}");
    // Another zone's proof is a proof, but not of this zone.
    let proof = text(&original["proofs/2.json"]);
    let (code, message) = refusal("proofs/5.json", &text(&original["proofs/5.json"]), &proof);
    assert_eq!(code, 1);
    assert!(message.contains("proofs/5.json"), "{message}");
    let (code, message) = refusal(
        "state.jsonl",
        "\"zone\":4,\"total_score\":",
        "\"zone\":4,\"total_score\":1",
    );
    assert_eq!(code, 1);
    assert!(message.contains("zone 4"), "{message}");
    let (code, message) = refusal("state.jsonl", "\"zone\":4", "\"zoom\":4");
    assert_eq!(code, 2);
    assert!(message.contains("state.jsonl, line 6"), "{message}");
    assert!(run(&fleet, &out).status.success());

    // Other attestations are another run.
    let attestations = fleet.join("attestations.bin");
    let bytes = std::fs::read(&attestations).unwrap();
    std::fs::write(&attestations, &bytes[..bytes.len() - 500]).unwrap();
    let output = run(&fleet, &out);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("choose another folder"), "{message}");
    std::fs::remove_file(&attestations).unwrap();
    let output = run(&fleet, &out);
    let message = text(&output.stderr);
    assert!(
        message.contains("expected attestations.jsonl or attestations.bin"),
        "{message}"
    );
}

#[test]
fn the_two_encodings_give_the_same_epoch() {
    let (lines, compact) = (fleet("encodings-jsonl", "jsonl"), fleet("encodings-bin", "bin"));
    let [lines, compact] = [(lines, "encodings-a"), (compact, "encodings-b")].map(|(fleet, out)| {
        let out = temporary(out);
        let output = run(&fleet, &out);
        assert!(output.status.success(), "{}", text(&output.stderr));
        files(&out)
    });
    for name in [
        "claims.json",
        "attestations.json",
        "settle/0.json",
        "settle/19.json",
    ] {
        assert!(lines[name] == compact[name], "{name}");
    }
}

#[test]
fn plans_are_printed() {
    let output = done(&[
        "epoch",
        "plan",
        "--devices",
        "1000",
        "--json",
        "--max-power",
        "18",
    ]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["best"]["devices"], 16);
    assert_eq!(plan["best"]["zones"], 63);
    assert_eq!(plan["zones"].as_array().unwrap().len(), 63);
    let output = popw(&["epoch", "plan", "--devices", "1000", "--max-power", "12"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--max-power 12"));
    let fleet = fleet("planned", "jsonl");
    let output = done(&["epoch", "plan", fleet.to_str().unwrap()]);
    assert!(text(&output.stdout).contains("20 devices, 3 watchers, 24 slots"));
}
