//! The example clients in Python and TypeScript, generated from the protos, against a real service.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Service, cache, done, port, skip, temporary, text, witness};
use popw_keys::Zkey;
use popw_verifier::{Verifier, snarkjs};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the service's package.
fn package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../service")
        .join(path)
}

fn run(program: impl AsRef<Path>, arguments: &[&str], folder: &Path) -> Output {
    let program = program.as_ref();
    let ran = Command::new(program)
        .args(arguments)
        .env("PYTHONPATH", "generated")
        .current_dir(folder)
        .output();
    ran.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

fn succeeds(program: impl AsRef<Path>, arguments: &[&str], folder: &Path) -> String {
    let output = run(program, arguments, folder);
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// A copy of a client beside a copy of the protos, with what it needs; `install` is called when the list of that changed.
fn client(language: &str, list: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("clients/clients")
        .join(language);
    fs::create_dir_all(&folder).unwrap();
    for (from, to) in [
        (package("clients").join(language), folder.clone()),
        (package("proto/popw/v1"), folder.join("../../proto/popw/v1")),
    ] {
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let (wanted, stamp) = (fs::read(folder.join(list)).unwrap(), folder.join(".installed"));
    if !fs::read(&stamp).is_ok_and(|there| there == wanted) {
        install(&folder);
        fs::write(stamp, wanted).unwrap();
    }
    folder
}

/// A service, an assignment, and a verifier of its key.
struct Case {
    folder: PathBuf,
    witness: PathBuf,
    verifier: Verifier,
    address: String,
    _service: Service,
}

impl Case {
    fn start(name: &str) -> Self {
        let (folder, port) = (temporary(name), port());
        let witness = witness(&folder, 1);
        let service = Service::start(&folder.join("data"), port);
        let address = format!("127.0.0.1:{port}");
        let circuits = done(&["jobs", "circuits", "--service", &format!("http://{address}")]);
        let key = cache().join(circuits.split_once(": ").unwrap().0);
        Self {
            verifier: Verifier::new(Zkey::open(&key).unwrap().verifying_key().clone()).unwrap(),
            folder,
            witness,
            address,
            _service: service,
        }
    }

    /// The arguments of a client: the assignment, and where the proof goes.
    fn files(&self, name: &str) -> [String; 3] {
        let out = |what: &str| {
            self.folder
                .join(format!("{name}.{what}.json"))
                .display()
                .to_string()
        };
        [self.witness.display().to_string(), out("proof"), out("public")]
    }

    fn verify(&self, name: &str) -> String {
        let [_, proof, public] = self
            .files(name)
            .map(|path| fs::read_to_string(path).unwrap_or_default());
        let inputs = snarkjs::read_public(&public).unwrap();
        let read = snarkjs::read_proof(&proof).unwrap();
        self.verifier.verify(&inputs, &read).unwrap();
        proof
    }
}

#[test]
fn a_python_client_gets_a_proof_and_reasons() {
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("the Python client: needs python3");
    }
    let python = client("python", "requirements.txt", |folder| {
        succeeds("python3", &["-m", "venv", "--clear", "venv"], folder);
        succeeds(
            "venv/bin/pip",
            &["install", "--quiet", "--requirement", "requirements.txt"],
            folder,
        );
    });
    let venv = python.join("venv/bin/python");
    fs::create_dir_all(python.join("generated")).unwrap();
    let protos = ["job", "prover", "worker", "admin"].map(|name| format!("popw/v1/{name}.proto"));
    let mut generate = vec![
        "-m",
        "grpc_tools.protoc",
        "-I",
        "../../proto",
        "--python_out=generated",
        "--grpc_python_out=generated",
    ];
    generate.extend(protos.iter().map(String::as_str));
    succeeds(&venv, &generate, &python);
    let case = Case::start("python");
    let files = case.files("python");
    let mut prove = vec!["prove.py", "--service", &case.address];
    prove.extend(files.iter().map(String::as_str));
    let output = run(&venv, &prove, &python);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    // By reflection, of the version that Python asks for.
    assert!(
        said.contains("popw.v1.Admin, popw.v1.Prover, popw.v1.Worker"),
        "{said}"
    );
    assert!(said.contains(": succeeded"), "{said}");
    case.verify("python");
    let refusals = succeeds(&venv, &["refusals.py", &case.address], &python);
    let expected = "no such job: NOT_FOUND UNKNOWN_JOB
no name of a job: INVALID_ARGUMENT INVALID_FIELD
another hash: INVALID_ARGUMENT WRONG_HASH
another key: FAILED_PRECONDITION UNKNOWN_KEY
no file: FAILED_PRECONDITION MISSING_FILE
no name: INVALID_ARGUMENT INVALID_FIELD
";
    assert_eq!(refusals, expected);
}

#[test]
fn a_typescript_client_gets_a_proof_over_grpc_and_grpc_web() {
    if Command::new("npm").arg("--version").output().is_err() {
        return skip("the TypeScript client: needs npm");
    }
    let typescript = client("typescript", "package-lock.json", |folder| {
        succeeds("npm", &["ci"], folder);
    });
    succeeds("npm", &["run", "generate"], &typescript);
    succeeds("npm", &["run", "build"], &typescript);
    let case = Case::start("typescript");
    let url = format!("http://{}", case.address);
    let prove = |name: &str, web: &[&str]| {
        let files = case.files(name);
        let mut arguments = vec!["built/prove.js", "--service", &url];
        arguments.extend(files.iter().map(String::as_str));
        succeeds("node", &[&arguments[..], web].concat(), &typescript);
        case.verify(name)
    };
    // The same request is the same job, whichever protocol asks.
    assert_eq!(prove("grpc", &[]), prove("web", &["--web"]));
}
