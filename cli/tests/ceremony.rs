//! The commands of a ceremony, side by side with snarkjs, interrupted, and with keys that must not be used.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn foreign(path: &str) -> String {
    let path = workspace("testdata/interop").join(path);
    path.to_str().unwrap().to_owned()
}

/// The corpus's file, if there is a corpus.
fn corpus(path: &str) -> Option<String> {
    let folder = std::env::var_os("POPW_CORPUS").map_or(workspace("../shared/corpus"), PathBuf::from);
    let file = folder.join(path);
    if file.exists() {
        return Some(file.to_str().unwrap().to_owned());
    }
    let message = format!("SKIPPED (corpus): {} is not there", file.display());
    assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
    println!("{message}");
    None
}

fn popw(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_popw"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// How much more than the default a heavy test should do.
fn rounds() -> u64 {
    std::env::var("POPW_ROUNDS").map_or(1, |text| text.parse().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must end with this code: what it said on both outputs.
fn run(arguments: &[&str], code: i32) -> String {
    let output = popw(arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// snarkjs in a folder, if it is installed.
struct Snarkjs<'a>(&'a Path);

impl<'a> Snarkjs<'a> {
    fn find(folder: &'a Path) -> Option<Self> {
        if program().exists() {
            return Some(Self(folder));
        }
        println!("SKIPPED: snarkjs is not installed; `cargo xtask setup` installs it");
        assert!(std::env::var_os("POPW_REQUIRE_ALL").is_none());
        None
    }

    /// Runs it; it must succeed and say so.
    fn run(&self, arguments: &[&str], expected: &str) {
        let output = Command::new("node")
            .arg(program())
            .args(arguments)
            .current_dir(self.0)
            .output()
            .unwrap();
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains(expected),
            "{arguments:?}: {said}"
        );
    }
}

fn program() -> PathBuf {
    workspace("verifier/contracts/node_modules/snarkjs/build/cli.cjs")
}

fn same(a: &Path, b: &Path) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

/// `keys new` gives snarkjs's bytes.
fn same_initial_key(folder: &Path, snarkjs: &Snarkjs<'_>, r1cs: &str, ptau: &str) {
    let ours = folder.join("0.zkey");
    run(
        &[
            "keys",
            "new",
            "--r1cs",
            r1cs,
            "--ptau",
            ptau,
            "--out",
            ours.to_str().unwrap(),
        ],
        0,
    );
    snarkjs.run(&["zkey", "new", r1cs, ptau, "theirs.zkey"], "Circuit hash");
    assert!(same(&ours, &folder.join("theirs.zkey")), "{r1cs}");
}

/// And each side verifies and continues what the other made.
fn side_by_side(folder: &Path, snarkjs: &Snarkjs<'_>, r1cs: &str, ptau: &str) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    same_initial_key(folder, snarkjs, r1cs, ptau);
    let contribute = |before: &str, after: &str, name: &str| {
        run(
            &["keys", "contribute", &path(before), &path(after), "--name", name],
            0,
        )
    };
    contribute("0.zkey", "1.zkey", "Ada");
    snarkjs.run(
        &[
            "zkey",
            "contribute",
            "1.zkey",
            "2.zkey",
            "--name=snarkjs",
            "-e=typed",
        ],
        "Contribution Hash",
    );
    contribute("2.zkey", "3.zkey", "Bao");
    let value = "6e6f626f6479206b6e657720746869732076616c7565206265666f7265";
    run(
        &[
            "keys",
            "beacon",
            &path("3.zkey"),
            &path("4.zkey"),
            "--value",
            value,
            "--name",
            "end",
        ],
        0,
    );
    snarkjs.run(&["zkey", "verify", r1cs, ptau, "4.zkey"], "ZKey Ok!");
    // The same beacon by snarkjs: nothing in it is random, so the bytes are the same.
    snarkjs.run(
        &["zkey", "beacon", "3.zkey", "4b.zkey", value, "10", "--name=end"],
        "Contribution Hash",
    );
    assert!(same(&folder.join("4.zkey"), &folder.join("4b.zkey")));
    let said = run(
        &["keys", "verify", &path("4.zkey"), "--r1cs", r1cs, "--ptau", ptau],
        0,
    );
    assert!(
        said.contains("transcript     verified") && said.contains("\"snarkjs\""),
        "{said}"
    );
    run(
        &["keys", "verify", &path("4.zkey"), "--extends", &path("2.zkey")],
        0,
    );
    run(
        &["keys", "verify", &path("2.zkey"), "--extends", &path("4.zkey")],
        1,
    );
}

#[test]
fn each_side_verifies_what_the_other_made() {
    let folder = temporary("ceremony-snarkjs");
    let Some(snarkjs) = Snarkjs::find(&folder) else {
        return;
    };
    let ptau = foreign("ptau/powersOfTau28_hez_final_11.ptau");
    for r1cs in [
        "phase2/epochKeyLite.r1cs",
        "co-snarks/poseidon_circuit.r1cs",
        "co-snarks/multiplier2_circuit.r1cs",
    ] {
        side_by_side(&folder, &snarkjs, &foreign(r1cs), &ptau);
    }
}

/// Larger circuits, on the power 15 of the corpus: the domain 2^12, and for one of ours 2^15, the largest, where snarkjs's circuit
/// hash reads beyond the powers.
#[test]
fn initial_keys_are_snarkjs_s_at_power_15() {
    let folder = temporary("ceremony-snarkjs-15");
    let Some(snarkjs) = Snarkjs::find(&folder) else {
        return;
    };
    let files = (
        corpus("keys/powersOfTau28_hez_final_15.ptau"),
        corpus("interop/unirep/startTransition.r1cs"),
    );
    let (Some(ptau), Some(r1cs)) = files else { return };
    same_initial_key(&folder, &snarkjs, &r1cs, &ptau);
    let ours = folder.join("ours");
    run(&["circuit", "r1cs", UPTIME, "--out", ours.to_str().unwrap()], 0);
    let r1cs = ours.join("circuit.r1cs");
    let r1cs = r1cs.to_str().unwrap();
    same_initial_key(&folder, &snarkjs, r1cs, &ptau);
    if rounds() == 1 {
        // snarkjs makes the initial key once more to verify: two minutes, for the full counts.
        return;
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    run(
        &[
            "keys",
            "contribute",
            &path("0.zkey"),
            &path("1.zkey"),
            "--name",
            "Ada",
        ],
        0,
    );
    run(
        &[
            "keys",
            "beacon",
            &path("1.zkey"),
            &path("2.zkey"),
            "--value",
            "0a0b",
        ],
        0,
    );
    snarkjs.run(&["zkey", "verify", r1cs, &ptau, "2.zkey"], "ZKey Ok!");
}

/// The largest U1 for a phase 1 of power 15: `keys/published`.
const UPTIME: &str = "uptime:N=1,W=3,S=1440";

/// The published key whose delta is 1: named for what it is, and not exported, whatever is asked for.
#[test]
fn a_key_without_phase_2_is_not_exported() {
    let key = foreign("unirep/startTransition.zkey");
    let said = run(&["keys", "inspect", &key], 1);
    assert!(
        said.contains("no contribution was ever made") && said.contains("ANYONE CAN FORGE"),
        "{said}"
    );
    let json = popw(&["keys", "inspect", &key, "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["warnings"][0]["fatal"], true);
    assert_eq!(json["phase1"], "powersOfTau28_hez_final (Hermez)");
    for arguments in [
        &["export", "solidity", &key][..],
        &["export", "solidity", &key, "--dev"],
        &["export", "solana", &key, "--dev"],
        &["export", "sui", &key, "--dev"],
    ] {
        let said = run(arguments, 1);
        assert!(said.contains("gamma equals delta"), "{said}");
    }
    let said = run(&["keys", "verify", &key], 1);
    assert!(said.contains("gamma equals delta"), "{said}");
}

/// The way to a contract without the word dev: a manifest, and only for its own key.
#[test]
fn a_manifest_opens_the_export() {
    let folder = temporary("ceremony-manifest");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let r1cs = foreign("phase2/epochKeyLite.r1cs");
    let ptau = foreign("ptau/powersOfTau28_hez_final_11.ptau");
    let beaconed = foreign("phase2/epochKeyLite_beacon.zkey");
    std::fs::copy(&beaconed, path("key.zkey")).unwrap();
    let key = path("key.zkey");
    let said = run(&["export", "solidity", &key], 1);
    assert!(said.contains("no manifest"), "{said}");
    assert!(run(&["export", "solidity", &key, "--dev"], 0).contains("contract DevVerifier"));
    let origin = ["--r1cs", &r1cs, "--ptau", &ptau];
    let seal = |key: &str, code| {
        let words = ["--circuit", "epochKeyLite", "--beacon-source", "none: a test"];
        run(&[&["keys", "seal", key][..], &origin, &words].concat(), code)
    };
    // The corpus's beacon is the documentation's example: no manifest for it.
    let said = seal(&key, 1);
    assert!(said.contains("example of the tools' documentation"), "{said}");
    let second = foreign("phase2/epochKeyLite_0002.zkey");
    let value = "00112233445566778899aabbccddeeff";
    run(&["keys", "beacon", &second, &key, "--value", value], 0);
    seal(&key, 0);
    assert!(run(&["export", "solidity", &key], 0).contains("contract Verifier"));
    assert!(run(&["export", "solana", &key], 0).contains("INSECURE_SETUP: bool = false"));
    assert!(run(&["export", "sui", &key], 0).starts_with("0x"));
    let vk = path("vk.json");
    run(&["export", "snarkjs", &key, "--out", &vk], 0);
    let manifest = path("key.zkey.toml");
    assert!(run(&["export", "solidity", &vk, "--manifest", &manifest], 0).contains("contract Verifier"));
    let said = run(&["export", "solidity", &second, "--manifest", &manifest], 1);
    assert!(said.contains("the manifest is of another key"), "{said}");
    // A key of another circuit, by its manifest.
    let other = foreign("co-snarks/poseidon_circuit.r1cs");
    let witness = foreign("co-snarks/poseidon_witness.wtns");
    let (proof, public) = (path("proof.json"), path("public.json"));
    let said = run(&["prove", &key, &witness, &proof, &public, "--r1cs", &other], 1);
    assert!(said.contains("the key is of circuit"), "{said}");
}

#[test]
fn transcripts_and_manifests_make_keys_again() {
    let folder = temporary("ceremony-rebuild");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let r1cs = foreign("phase2/epochKeyLite.r1cs");
    let ptau = foreign("ptau/powersOfTau28_hez_final_11.ptau");
    let key = path("key.zkey");
    let second = foreign("phase2/epochKeyLite_0002.zkey");
    run(&["keys", "beacon", &second, &key, "--value", "0badc0de"], 0);
    let (transcript, manifest) = (path("key.transcript"), path("manifest.toml"));
    let origin = ["--r1cs", &r1cs, "--ptau", &ptau];
    let words = ["--circuit", "epochKeyLite", "--beacon-source", "a test"];
    let files = ["--transcript", &transcript, "--out", &manifest];
    run(
        &[&["keys", "seal", &key][..], &origin, &words, &files].concat(),
        0,
    );
    let again = path("again.zkey");
    let out = ["--manifest", &manifest, "--out", &again];
    run(
        &[&["keys", "rebuild", &transcript][..], &origin, &out].concat(),
        0,
    );
    assert!(same(Path::new(&key), Path::new(&again)));
    run(&["keys", "verify", &again, "--sha256", &hash_beside(&again)], 0);
    // Of another circuit, and cut short.
    let other = foreign("co-snarks/poseidon_circuit.r1cs");
    let origin = ["--r1cs", &other, "--ptau", &ptau];
    run(
        &[&["keys", "rebuild", &transcript][..], &origin, &out].concat(),
        1,
    );
}

fn hash_beside(key: &str) -> String {
    std::fs::read_to_string(format!("{key}.sha256")).unwrap()[..64].to_owned()
}

/// Killed at any moment, a command leaves no half key: the file is not there, or it is whole.
#[test]
#[cfg(unix)]
fn a_killed_command_leaves_no_half_key() {
    let folder = temporary("ceremony-killed");
    let ptau = foreign("ptau/powersOfTau28_hez_final_11.ptau");
    let r1cs = foreign("phase2/epochKeyLite.r1cs");
    let before = foreign("phase2/epochKeyLite_0002.zkey");
    let moments = 10 + 10 * rounds();
    let after = folder.join("after.zkey");
    let out = after.to_str().unwrap();
    let commands: [&[&str]; 3] = [
        &["keys", "new", "--r1cs", &r1cs, "--ptau", &ptau, "--out", out],
        &["keys", "contribute", &before, out, "--name", "Ada"],
        &["keys", "beacon", &before, out, "--value", "0a0b"],
    ];
    let (mut whole, mut gone) = (0, 0);
    for arguments in commands {
        // How long it takes, so that the moments are spread over it.
        let begun = std::time::Instant::now();
        run(arguments, 0);
        let time = begun.elapsed();
        for moment in 0..moments {
            for file in std::fs::read_dir(&folder).unwrap() {
                std::fs::remove_file(file.unwrap().path()).unwrap();
            }
            let mut child = Command::new(env!("CARGO_BIN_EXE_popw"))
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let share =
                f64::from(u32::try_from(moment).unwrap()) / f64::from(u32::try_from(moments).unwrap());
            std::thread::sleep(Duration::from_secs_f64(time.as_secs_f64() * 1.2 * share));
            child.kill().unwrap();
            child.wait().unwrap();
            if after.exists() {
                run(&["keys", "inspect", out], i32::from(arguments[1] == "new"));
                popw_keys::Zkey::open(&after).unwrap().check(&|_, _| {}).unwrap();
                whole += 1;
            } else {
                gone += 1;
            }
        }
    }
    assert!(
        whole > 0 && gone > 0,
        "{whole} whole, {gone} not there: the moments were not spread"
    );
}

/// While a secret may be in memory, a crash writes no core. The key is a pipe that nobody writes to: the command waits for it.
#[test]
#[cfg(target_os = "linux")]
fn a_contribution_leaves_no_core() {
    let folder = temporary("ceremony-core");
    let pipe = folder.join("before.zkey");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let after = folder.join("after.zkey");
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_popw"),
        ])
        .args([
            "keys",
            "contribute",
            pipe.to_str().unwrap(),
            after.to_str().unwrap(),
            "--name",
            "Ada",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let waits = || {
        let state = std::fs::read_to_string(process.join("wchan")).unwrap_or_default();
        let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        name.trim() == "popw" && state.contains("fifo")
    };
    let mut patience = 500;
    while !waits() && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
}

#[test]
fn a_beacon_of_the_documentation_is_warned_about() {
    let folder = temporary("ceremony-beacon");
    let after = folder.join("after.zkey");
    let before = foreign("phase2/epochKeyLite_0002.zkey");
    let example = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let arguments = [
        "keys",
        "beacon",
        &before,
        after.to_str().unwrap(),
        "--value",
        example,
    ];
    assert!(run(&arguments, 0).contains("known to everybody"));
    let said = run(&["keys", "inspect", after.to_str().unwrap()], 0);
    assert!(said.contains("example beacon"), "{said}");
}

#[test]
fn wrong_arguments_say_what_is_wrong() {
    let folder = temporary("ceremony-arguments");
    let out = folder.join("key.zkey");
    let out = out.to_str().unwrap();
    let r1cs = foreign("phase2/epochKeyLite.r1cs");
    let small = foreign("ptau/powersOfTau28_hez_final_08.ptau");
    let said = run(
        &["keys", "new", "--r1cs", &r1cs, "--ptau", &small, "--out", out],
        2,
    );
    assert!(said.contains("2^10") && said.contains("2^8"), "{said}");
    let before = foreign("phase2/epochKeyLite_0002.zkey");
    let said = run(&["keys", "beacon", &before, out, "--value", "xyz"], 2);
    assert!(said.contains("hexadecimal"), "{said}");
    let said = run(
        &[
            "keys",
            "beacon",
            &before,
            out,
            "--value",
            "00",
            "--iterations-log2",
            "9",
        ],
        2,
    );
    assert!(said.contains("2^10 to 2^63"), "{said}");
    let said = run(&["keys", "contribute", &r1cs, out, "--name", "Ada"], 2);
    assert!(said.contains("magic bytes"), "{said}");
    let long = "x".repeat(65);
    let said = run(&["keys", "contribute", &before, out, "--name", &long], 2);
    assert!(said.contains("64 characters"), "{said}");
    assert!(!Path::new(out).exists());
}
