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
    let report = demo(&out, &["--seed", "5"]);
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
    let key = cache().join(format!("{}.zkey", report["circuit"]["id"].as_str().unwrap()));
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
    assert!(run(&["export", "solidity", &verifying_key, "--dev"]).contains("DevVerifier"));
    let calldata = run(&["export", "calldata", &proof, &public]);
    assert_eq!(calldata.trim().len(), 2 + 2 * (4 + 15 * 32));
    for chain in ["solidity", "solana", "sui"] {
        // No manifest gives the demo's key a grade.
        assert!(popw(&["export", chain, key.to_str().unwrap()]).status.code() == Some(1));
    }
    other_chains_get_the_same(run, &verifying_key, &proof, &public);

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

    // A witness that is changed, cut off or of another circuit is refused. The circuit's file names the constraint.
    run(&[
        "circuit",
        "r1cs",
        "uptime:N=16,W=8,S=144",
        "--out",
        steps.to_str().unwrap(),
    ]);
    let r1cs = path(&steps, "circuit.r1cs");
    let mut witness = std::fs::read(steps.join("witness.wtns")).unwrap();
    let last = witness.len() - 32;
    witness[last] ^= 1;
    std::fs::write(steps.join("changed.wtns"), &witness).unwrap();
    std::fs::write(steps.join("short.wtns"), &witness[..last]).unwrap();
    let other = path(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        "../testdata/interop/co-snarks/multiplier2_witness.wtns",
    );
    for (file, option, code, reason) in [
        (
            path(&steps, "changed.wtns"),
            None,
            1,
            "does not satisfy the circuit",
        ),
        (
            path(&steps, "changed.wtns"),
            Some(&r1cs),
            1,
            "violates constraint",
        ),
        (path(&steps, "short.wtns"), None, 2, "short.wtns"),
        (path(&steps, "absent.wtns"), None, 2, "absent.wtns"),
        (other, None, 2, "made for another circuit"),
    ] {
        let refused = path(&steps, "refused.json");
        let mut arguments = vec!["prove", key.to_str().unwrap(), &file, &refused, &refused];
        arguments.extend(option.iter().flat_map(|r1cs| ["--r1cs", r1cs.as_str()]));
        let output = popw(&arguments);
        assert!(!Path::new(&refused).exists(), "{file}");
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
        (vec!["circuit", "r1cs", "presence", "--out", "x"], "presence"),
        (vec!["circuit", "r1cs", "coverage:M=15", "--out", "x"], "1 to 14"),
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
        "coverage",
        "epoch",
        "keys",
        "simulate",
        "Exit codes",
    ] {
        assert!(help.contains(command), "{command}");
    }
}

/// Key and proof as Solana's, Sui's and IOTA's verifiers take them: the same points and inputs.
fn other_chains_get_the_same(run: impl Fn(&[&str]) -> String, key: &str, proof: &str, public: &str) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let expected_key = popw_verifier::snarkjs::read_verifying_key(&read(key)).unwrap();
    let expected_proof = popw_verifier::snarkjs::read_proof(&read(proof)).unwrap();
    let inputs = popw_verifier::snarkjs::read_public(&read(public)).unwrap();
    let hex = |value: &Value| hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap();

    let module = run(&["export", "solana", key, "--dev"]);
    assert!(module.contains("INSECURE_SETUP: bool = true") && module.contains("nr_pubinputs: 7"));
    let json: Value = serde_json::from_str(&run(&["export", "solana-proof", proof, public])).unwrap();
    let bytes = popw_verifier::solana::proof_bytes(&expected_proof);
    assert_eq!(hex(&json["minus_a"]), bytes.minus_a);
    assert_eq!(hex(&json["b"]), bytes.b);
    assert_eq!(hex(&json["c"]), bytes.c);
    let words: Vec<_> = json["public_inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(hex)
        .collect();
    assert_eq!(words, popw_verifier::solana::input_bytes(&inputs));

    let said = Value::from(run(&["export", "sui", key, "--dev"]).trim());
    assert_eq!(
        hex(&said),
        popw_verifier::sui::verifying_key(&expected_key).unwrap()
    );
    let json: Value = serde_json::from_str(&run(&["export", "sui-proof", proof, public])).unwrap();
    let points = popw_verifier::sui::proof_points(&expected_proof).unwrap();
    assert_eq!(hex(&json["proof_points"]), points);
    let words = popw_verifier::sui::public_inputs(&inputs).unwrap();
    assert_eq!(hex(&json["public_inputs"]), words);
}

/// Keys for anybody's circuit: made, checked, sped up, damaged.
#[test]
fn keys_are_made_checked_and_sped_up() {
    let folder = temporary("keys");
    let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/interop/co-snarks");
    let r1cs = path(&interop, "multiplier2_circuit.r1cs");
    let witness = path(&interop, "multiplier2_witness.wtns");
    let [key, same, tables] = ["key.zkey", "same.zkey", "key.zkey.tables"].map(|name| path(&folder, name));
    let [proof, public, vk] = ["proof.json", "public.json", "vk.json"].map(|name| path(&folder, name));
    let run = |arguments: &[&str], code: i32| {
        let output = popw(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    };
    let said = run(&["keys", "dev", &r1cs, "--out", &key, "--seed", "7"], 0);
    assert!(said.contains("grade dev"), "{said}");
    run(
        &[
            "keys",
            "dev",
            &r1cs,
            "--out",
            &same,
            "--seed",
            "7",
            "--backend",
            "reference",
            "--threads",
            "1",
        ],
        0,
    );
    assert_eq!(std::fs::read(&key).unwrap(), std::fs::read(&same).unwrap());
    let said = run(&["keys", "verify", &key], 0);
    assert!(
        said.contains("as KEY.sha256 says") && said.contains("grade dev"),
        "{said}"
    );
    let hash = std::fs::read_to_string(folder.join("key.zkey.sha256")).unwrap()[..64].to_owned();
    run(&["keys", "verify", &key, "--sha256", &hash], 0);
    run(&["keys", "verify", &key, "--sha256", &"00".repeat(32)], 1);
    run(&["keys", "verify", &key, "--sha256", "xyz"], 2);
    let said = run(&["keys", "verify", &path(&interop, "poseidon_circuit.zkey")], 1);
    assert!(
        said.contains("contribution"),
        "a published key that nobody contributed to: {said}"
    );

    run(&["prove", &key, &witness, &proof, &public], 0);
    run(&["export", "snarkjs", &key, "--out", &vk], 0);
    run(&["verify", &vk, &public, &proof], 0);
    run(&["keys", "precompute", &key, "--factor", "3"], 0);
    assert!(Path::new(&tables).exists());
    let said = run(&["prove", &key, &witness, &proof, &public, "--json"], 0);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["tables"], 3, "{report}");
    run(&["verify", &vk, &public, &proof], 0);
    let said = run(
        &[
            "prove",
            &key,
            &witness,
            &proof,
            &public,
            "--tables",
            "none",
            "--backend",
            "reference",
            "--threads",
            "1",
            "--json",
        ],
        0,
    );
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (report["tables"].is_null(), &report["threads"]),
        (true, &1.into()),
        "{report}"
    );
    assert_eq!(report["backend"], "reference");
    run(&["verify", &vk, &public, &proof], 0);
    run(
        &["prove", &key, &witness, &proof, &public, "--backend", "abacus"],
        2,
    );
    run(&["prove", &key, &witness, &proof, &public, "--memory", "1"], 2);
    run(&["export", "solidity", &key], 1);

    let mut bytes = std::fs::read(&key).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&key, &bytes).unwrap();
    let said = run(&["keys", "verify", &key], 1);
    assert!(said.contains("SHA-256"), "{said}");
    std::fs::write(&key, &bytes[..middle]).unwrap();
    for command in [
        vec!["prove", &key, &witness, &proof, &public],
        vec!["export", "snarkjs", &key],
    ] {
        let said = run(&command, 2);
        assert!(said.contains("key.zkey") && said.contains("byte "), "{said}");
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
    let report = demo(&out, &[]);
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
    // Its own prover with our key.
    let key = cache().join(format!("{}.zkey", report["circuit"]["id"].as_str().unwrap()));
    run(
        &[
            "groth16",
            "prove",
            key.to_str().unwrap(),
            "witness.wtns",
            "theirs.json",
            "public2.json",
        ],
        "",
    );
    run(
        &[
            "groth16",
            "verify",
            "verification_key.json",
            "public2.json",
            "theirs.json",
        ],
        "OK",
    );
    run(
        &["wtns", "check", "circuit.r1cs", "witness.wtns"],
        "WITNESS IS CORRECT",
    );
}
