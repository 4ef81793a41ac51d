//! The binary as people use it: the demo on several logs, the same steps one by one, and bad input.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LOG: &str = include_str!("../../testdata/weather/strasbourg_2021_h1.csv");

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Dev keys are kept between runs of the tests, as they are for users.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

fn popw(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_popw"))
        .args(arguments)
        .env("POPW_CACHE", cache())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Runs the demo and insists that it passes.
fn demo(out: &Path, arguments: &[&str]) -> Value {
    let fixed = ["demo", "--json", "--out", out.to_str().unwrap()];
    let output = popw(&[&fixed, arguments].concat());
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["all_passed"], true, "{report}");
    assert_eq!(report["forgeries"].as_array().unwrap().len(), 3);
    report
}

/// (day, slot) of every row of a CSV, read with nothing of popw.
fn slots_of(csv: &str) -> BTreeSet<(u64, u64)> {
    let times = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().parse::<u64>().unwrap());
    times.map(|time| (time / 86_400, time % 86_400 / 600)).collect()
}

fn days_of(csv: &str) -> Vec<u64> {
    slots_of(csv)
        .into_iter()
        .map(|(day, _)| day)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The rows of some days, as a log of its own.
fn only_days(keep: impl Fn(usize) -> bool) -> String {
    let days = days_of(LOG);
    let kept = |line: &&str| {
        let time: u64 = line.split(',').next().unwrap().parse().unwrap();
        keep(days.iter().position(|day| *day == time / 86_400).unwrap())
    };
    let mut lines = LOG.lines();
    let header = lines.next().unwrap();
    std::iter::once(header)
        .chain(lines.filter(kept))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The demo's numbers against counts that share no code with it.
fn check_counts(report: &Value, csv: &str, out: &Path) {
    let slots = slots_of(csv);
    let days = days_of(csv);
    let stations = report["stations"].as_array().unwrap();
    assert_eq!(stations.len(), days.len().min(16));
    let attestations = std::fs::read_to_string(out.join("fleet/attestations.jsonl")).unwrap();
    let bitmaps: Vec<Vec<u8>> = attestations
        .lines()
        .map(|line| {
            let vote: Value = serde_json::from_str(line).unwrap();
            hex::decode(vote["bitmap"].as_str().unwrap().trim_start_matches("0x")).unwrap()
        })
        .collect();
    assert_eq!(bitmaps.len(), 8);
    let mut total = 0;
    for (index, station) in stations.iter().enumerate() {
        let day = days[index * days.len() / stations.len()];
        let logged = slots.iter().filter(|(slot_day, _)| *slot_day == day).count();
        assert_eq!(station["slots_logged"], logged, "station {index}");
        let heard = |bitmap: &[u8], slot: usize| {
            let bit = index * 144 + slot;
            bitmap[bit / 8] >> (bit % 8) & 1 == 1
        };
        let up = (0..144)
            .filter(|slot| bitmaps.iter().filter(|bitmap| heard(bitmap, *slot)).count() >= 5)
            .count();
        assert_eq!(station["slots_up"], up, "station {index}");
        let linear = (2 * up).saturating_sub(144) * 1_000_000 / 144;
        assert_eq!(station["score_geodnet_linear"], linear, "station {index}");
        total += linear;
    }
    assert_eq!(report["total_score"], total);
}

#[test]
fn the_demo_passes_on_the_built_in_log() {
    let out = temporary("built-in");
    let report = demo(&out, &[]);
    check_counts(&report, LOG, &out);
    assert_eq!(report["log"]["out_of_order"], 1);
    assert_eq!(report["circuit"]["constraints"], 87_325);
    assert!(report["gas"]["settle"].as_u64().unwrap() < 400_000);
    for file in [
        "proof.json",
        "public.json",
        "verification_key.json",
        "Verifier.sol",
        "settle.json",
        "claims.json",
    ] {
        assert!(out.join(file).exists(), "{file}");
    }
    let contract = std::fs::read_to_string(out.join("Verifier.sol")).unwrap();
    assert!(contract.contains("contract DevVerifier") && contract.contains("INSECURE_SETUP = true"));
}

#[test]
fn the_demo_works_on_days_that_it_has_never_seen() {
    // The days between those of the built-in demo, with other losses and keys.
    let csv = only_days(|day| day % 8 == 3);
    let out = temporary("other-days");
    std::fs::write(out.join("log.csv"), &csv).unwrap();
    let report = demo(
        &out,
        &["--log", &path(&out, "log.csv"), "--seed", "99", "--loss", "30"],
    );
    check_counts(&report, &csv, &out);
    assert!(
        report["seats"]
            .as_array()
            .unwrap()
            .iter()
            .all(|seat| seat["lost"].as_u64().unwrap() > 100)
    );
}

#[test]
fn a_log_of_three_days_leaves_absent_devices() {
    let csv = only_days(|day| day < 3);
    let out = temporary("three-days");
    std::fs::write(out.join("log.csv"), &csv).unwrap();
    let report = demo(&out, &["--log", &path(&out, "log.csv")]);
    check_counts(&report, &csv, &out);
    assert_eq!(report["stations"].as_array().unwrap().len(), 3);
}

#[test]
fn watchers_who_hear_nothing_pay_nothing() {
    let out = temporary("silent");
    let report = demo(&out, &["--loss", "100"]);
    check_counts(&report, LOG, &out);
    assert_eq!(report["total_score"], 0);
}

#[test]
fn the_same_steps_one_by_one_give_the_same_claim() {
    let out = temporary("steps");
    demo(&out, &["--seed", "5"]);
    let steps = out.join("steps");
    let run = |arguments: &[&str]| {
        let output = popw(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    run(&[
        "claim",
        &path(&out, "fleet"),
        "--zone",
        "0",
        "--out",
        steps.to_str().unwrap(),
    ]);
    for file in ["witness.wtns", "public.json", "settle.json", "claims.json"] {
        assert_eq!(
            std::fs::read(out.join(file)).unwrap(),
            std::fs::read(steps.join(file)).unwrap(),
            "{file}"
        );
    }
    let mut cached = std::fs::read_dir(cache())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let key = cached
        .find(|path| path.extension().is_some_and(|extension| extension == "dev-key"))
        .unwrap();
    let [proof, public] = ["proof.json", "public.json"].map(|name| path(&steps, name));
    run(&[
        "prove",
        key.to_str().unwrap(),
        &path(&steps, "witness.wtns"),
        &proof,
        &public,
    ]);
    let verifying_key = path(&steps, "verification_key.json");
    run(&[
        "export",
        "snarkjs",
        key.to_str().unwrap(),
        "--out",
        &verifying_key,
    ]);
    assert!(run(&["verify", &verifying_key, &public, &proof]).starts_with("valid"));
    assert!(run(&["export", "solidity", &verifying_key]).contains("DevVerifier"));
    let calldata = run(&["export", "calldata", &proof, &public]);
    assert_eq!(calldata.trim().len(), 2 + 2 * (4 + 15 * 32));
    assert!(
        popw(&["export", "solidity", key.to_str().unwrap(), "--ceremony"])
            .status
            .code()
            == Some(1)
    );

    // Another public input: the verdict is no, with exit code 1.
    let other = std::fs::read_to_string(&public)
        .unwrap()
        .replacen("\"0\"", "\"1\"", 1);
    std::fs::write(steps.join("other.json"), other).unwrap();
    let output = popw(&[
        "verify",
        &verifying_key,
        &path(&steps, "other.json"),
        &proof,
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["valid"],
        false
    );

    // A witness that is changed, cut off or of another circuit is refused.
    let mut witness = std::fs::read(steps.join("witness.wtns")).unwrap();
    let last = witness.len() - 32;
    witness[last] ^= 1;
    std::fs::write(steps.join("changed.wtns"), &witness).unwrap();
    std::fs::write(steps.join("short.wtns"), &witness[..last]).unwrap();
    for (file, code, reason) in [
        ("changed.wtns", 1, "violates constraint"),
        ("short.wtns", 2, "short.wtns"),
        ("absent.wtns", 2, "absent.wtns"),
    ] {
        let output = popw(&[
            "prove",
            key.to_str().unwrap(),
            &path(&steps, file),
            &proof,
            &public,
        ]);
        assert_eq!(output.status.code(), Some(code), "{file}");
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
}

#[test]
fn a_fleet_that_was_tampered_with_names_file_line_and_field() {
    let out = temporary("tampered");
    demo(&out, &[]);
    let attestations = out.join("fleet/attestations.jsonl");
    let honest = std::fs::read_to_string(&attestations).unwrap();
    let mut lines: Vec<String> = honest.lines().map(str::to_owned).collect();
    // The second watcher's bitmap with one bit more or less, and its old digest.
    let at = lines[1].find("0x").unwrap() + 2;
    let flipped = if &lines[1][at..=at] == "0" { "1" } else { "0" };
    lines[1].replace_range(at..=at, flipped);
    std::fs::write(&attestations, lines.join("\n")).unwrap();
    let output = popw(&["claim", &path(&out, "fleet"), "--out", &path(&out, "claim")]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("attestations.jsonl") && message.contains('2') && message.contains("digest"),
        "{message}"
    );
    assert!(
        !out.join("claim").exists(),
        "nothing is written for a refused claim"
    );
}

#[test]
fn bad_logs_are_refused_with_file_line_and_reason() {
    let folder = temporary("bad-logs");
    let not_a_number = {
        let mut lines: Vec<String> = LOG.lines().take(40).map(str::to_owned).collect();
        let fields: Vec<&str> = lines[7].split(',').collect();
        lines[7] = [&fields[..2], &["NaN"], &fields[3..]].concat().join(",");
        lines.join("\n")
    };
    for (name, content, reason) in [
        ("empty.csv", String::new(), "empty.csv"),
        ("header.csv", LOG.replacen("humidity", "dampness", 1), "1"),
        (
            "header-only.csv",
            LOG.lines().next().unwrap().to_owned(),
            "header-only.csv",
        ),
        (
            "columns.csv",
            format!("{}\n1613977312,2021", LOG.lines().next().unwrap()),
            "2",
        ),
        ("nan.csv", not_a_number, "8"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
        let output = popw(&[
            "demo",
            "--log",
            &path(&folder, name),
            "--out",
            &path(&folder, "out"),
        ]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output.stdout));
        let message = text(&output.stderr);
        assert!(message.contains(name) && message.contains(reason), "{message}");
    }
    let output = popw(&["demo", "--log", &path(&folder, "nowhere.csv")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.csv"));
}

#[test]
fn wrong_arguments_are_explained() {
    for (arguments, reason) in [
        (vec!["circuit", "r1cs", "uptime:N=17", "--out", "x"], "devices"),
        (vec!["circuit", "r1cs", "coverage", "--out", "x"], "coverage"),
        (vec!["circuit", "r1cs", "uptime:Q=1", "--out", "x"], "Q"),
        (vec!["demo", "--loss", "101"], "101"),
        (vec!["prove"], "required"),
    ] {
        let output = popw(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
    let help = text(&popw(&["--help"]).stdout);
    for command in [
        "demo",
        "claim",
        "prove",
        "verify",
        "export",
        "circuit",
        "keys",
        "Exit codes",
    ] {
        assert!(help.contains(command), "{command}");
    }
}

/// snarkjs reads what we write: proof, key, circuit and witness.
#[test]
fn snarkjs_accepts_the_written_files() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier/contracts");
    let snarkjs = contracts.join("node_modules/snarkjs/build/cli.cjs");
    if !snarkjs.exists() {
        println!("SKIPPED: snarkjs is not installed; `cargo xtask setup` installs it");
        assert!(std::env::var_os("POPW_REQUIRE_ALL").is_none());
        return;
    }
    let out = temporary("snarkjs");
    demo(&out, &[]);
    let circuit = popw(&[
        "circuit",
        "r1cs",
        "uptime:N=16,W=8,S=144",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(circuit.status.success());
    let run = |arguments: &[&str], expected: &str| {
        let output = Command::new("node")
            .arg(&snarkjs)
            .args(arguments)
            .current_dir(&out)
            .output()
            .unwrap();
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains(expected),
            "{arguments:?}: {said}"
        );
    };
    run(
        &[
            "groth16",
            "verify",
            "verification_key.json",
            "public.json",
            "proof.json",
        ],
        "OK",
    );
    run(&["r1cs", "info", "circuit.r1cs"], "# of Constraints: 87325");
    run(
        &["wtns", "check", "circuit.r1cs", "witness.wtns"],
        "WITNESS IS CORRECT",
    );
}
