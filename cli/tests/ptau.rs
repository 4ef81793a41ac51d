//! `popw ptau`: what it prints, what it writes, how it ends.
//!
//! Depends on the binary only. Where to go next: `keys/tests/ptau.rs`, for everything that can be wrong with a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]
#![forbid(unsafe_code)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/interop/ptau");
    folder.join(name)
}

fn popw(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_popw"));
    command.arg("ptau").args(arguments).output().unwrap()
}

/// The exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = popw(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, _) = run(arguments);
    (code, serde_json::from_str(&out).unwrap())
}

/// A folder for one test, removed when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("popw-ptau-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_published_file_is_named() {
    let path = file("powersOfTau28_hez_final_08.ptau");
    let path = path.to_str().unwrap();
    let (code, out, _) = run(&["inspect", path]);
    assert_eq!(code, 0);
    for expected in [
        "power 8 of a ceremony of power 28, prepared",
        "published      powersOfTau28_hez_final_08",
        "contributions  55",
        "398b99a43f0214e02b7483ea96b8ac0d  \"weijie\"",
        "beacon e586fccaf245c9a1",
    ] {
        assert!(out.contains(expected), "{out}");
    }
    assert!(!out.contains("warning"));
    let (code, inspected) = json(&["inspect", path, "--json"]);
    assert_eq!(
        (code, inspected["published"].as_str()),
        (0, Some("powersOfTau28_hez_final_08"))
    );
    let (code, mut verified) = json(&["verify", path, "--json"]);
    assert_eq!((code, verified["valid"].take()), (0, Value::Bool(true)));
    for key in [
        "power",
        "ceremony_power",
        "prepared",
        "blake2b",
        "contributions",
        "warnings",
    ] {
        assert_eq!(verified[key], inspected[key], "{key}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("wrong");
    let mut bytes = fs::read(file("snarkjs_04_prepared.ptau")).unwrap();
    let (code, out, _) = run(&["verify", file("snarkjs_04_prepared.ptau").to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(
        out.contains("warning: contribution 3 is the example beacon"),
        "{out}"
    );

    // The third power of tau, replaced by the second.
    let powers = 12 + 12 + 44 + 12;
    bytes.copy_within(powers + 64..powers + 128, powers + 128);
    let path = folder.path("replaced.ptau");
    fs::write(&path, &bytes).unwrap();
    let (code, out, error) = run(&["verify", &path]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        error.contains("tauG1: some point is not tau times the one before it"),
        "{error}"
    );
    let (code, verdict) = json(&["verify", &path, "--json"]);
    assert_eq!((code, &verdict["valid"]), (1, &Value::Bool(false)));
    assert!(error.contains(verdict["reason"].as_str().unwrap()));
    assert_eq!(run(&["inspect", &path]).0, 0);

    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(run(&["verify", &path]).0, 1);
    assert_eq!(run(&["inspect", &path]).0, 2);
    assert_eq!(run(&["verify", &folder.path("none.ptau")]).0, 2);
}

#[test]
fn files_are_cut_and_prepared() {
    let folder = Folder::new("cut");
    let (large, out) = (file("powersOfTau28_hez_final_11.ptau"), folder.path("08.ptau"));
    let large = large.to_str().unwrap();
    let (code, text, _) = run(&["truncate", large, "--power", "8", "--out", &out]);
    assert_eq!(code, 0);
    assert!(
        text.contains("published      powersOfTau28_hez_final_08"),
        "{text}"
    );
    assert!(fs::read(&out).unwrap() == fs::read(file("powersOfTau28_hez_final_08.ptau")).unwrap());
    for power in ["0", "12"] {
        let (code, _, error) = run(&[
            "truncate",
            large,
            "--power",
            power,
            "--out",
            &folder.path("x.ptau"),
        ]);
        assert_eq!(code, 2);
        assert!(error.contains("a power of 1 to 11"), "{error}");
    }

    let out = folder.path("prepared.ptau");
    let (code, ..) = run(&[
        "prepare",
        file("snarkjs_04.ptau").to_str().unwrap(),
        "--out",
        &out,
    ]);
    assert_eq!(code, 0);
    assert!(fs::read(&out).unwrap() == fs::read(file("snarkjs_04_prepared.ptau")).unwrap());
    let (code, _, error) = run(&["prepare", &out, "--out", &folder.path("x.ptau")]);
    assert_eq!(code, 2);
    assert!(error.contains("prepared already"), "{error}");
    assert!(!Path::new(&folder.path("x.ptau")).exists());
}
