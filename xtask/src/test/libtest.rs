//! Runs test executables and understands what they say.
//!
//! Tests report as JSON, one event a line, with times and with the output of those that pass too. That form
//! is unstable, which is why `RUSTC_BOOTSTRAP` is set for running them; it is not set for building anything.
//! Doc-tests are run by cargo and report only as text.
//!
//! Depends on: `process`, `build`. Where to go next: `report`, which adds the results up.

use super::build::Executable;
use crate::error::Error;
use crate::process;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus};

/// What came out of one executable.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Results {
    /// Every test that ended.
    pub(super) tests: Vec<Test>,
    /// What else went wrong: a crash, with the tests that it cut off.
    pub(super) trouble: Vec<String>,
    /// Lines with SKIPPED, in any output.
    pub(super) skipped: Vec<String>,
}

/// A test that ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) seconds: f64,
    /// What it printed, if it failed.
    pub(super) output: String,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    Ignored,
}

/// Runs one executable as cargo would, in its package's folder.
pub(super) fn run(
    executable: &Executable,
    filters: &[String],
    variables: &[(&'static str, String)],
) -> Result<Results, Error> {
    let mut command = Command::new(&executable.path);
    command
        .args([
            "-Zunstable-options",
            "--format=json",
            "--report-time",
            "--show-output",
        ])
        .args(filters)
        .current_dir(&executable.folder)
        .env("CARGO_MANIFEST_DIR", &executable.folder)
        .env("CARGO_PKG_NAME", &executable.package)
        .env("RUSTC_BOOTSTRAP", "1")
        .envs(variables.iter().cloned());
    let mut reader = Reader::default();
    let status = read_lines(&mut command, |line| {
        if let Some(said) = reader.line(line) {
            println!("{said}");
        }
    })?;
    Ok(reader.finish(status))
}

/// Lets cargo run the doc-tests.
pub(super) fn run_doc_tests(command: &mut Command) -> Result<Results, Error> {
    println!("$ {}", process::line(command));
    let mut text = String::new();
    let status = read_lines(command, |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    Ok(doc_tests(&text, status))
}

/// Hands every line of a program's standard output over as it comes.
fn read_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<ExitStatus, Error> {
    let mut child = process::spawn(command)?;
    let failed = |source| Error::Start {
        program: process::line(command),
        source,
    };
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            each(&String::from_utf8_lossy(&line.map_err(failed)?));
        }
    }
    child.wait().map_err(failed)
}

/// Follows the events of one executable.
#[derive(Debug, Default)]
struct Reader {
    results: Results,
    under_way: BTreeSet<String>,
    ended: bool,
}

impl Reader {
    /// Takes a line in; hands back what a person who waits would want to see.
    fn line(&mut self, line: &str) -> Option<String> {
        // A program that a test starts may print past libtest; such lines, and ours, are not events.
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        match (
            event["type"].as_str(),
            event["event"].as_str(),
            event["name"].as_str(),
        ) {
            (Some("test"), Some("started"), Some(name)) => {
                self.under_way.insert(name.into());
            }
            (Some("test"), Some("timeout"), Some(name)) => return Some(format!("    still running: {name}")),
            (Some("test"), Some(ended), Some(name)) => self.test(name, ended, &event),
            (Some("suite"), Some("ok" | "failed"), _) => self.ended = true,
            (Some(_), Some(_), _) => {}
            _ => {
                self.results.skipped.extend(skipped(line));
                return Some(line.into());
            }
        }
        None
    }

    fn test(&mut self, name: &str, ended: &str, event: &Value) {
        self.under_way.remove(name);
        let outcome = match ended {
            "ok" => Outcome::Passed,
            "ignored" => Outcome::Ignored,
            _ => Outcome::Failed,
        };
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        let output = [text("stdout"), text("message")].concat();
        self.results.skipped.extend(skipped(&output));
        self.results.tests.push(Test {
            name: name.into(),
            outcome,
            seconds: event["exec_time"].as_f64().unwrap_or_default(),
            output: if outcome == Outcome::Failed {
                output
            } else {
                String::new()
            },
        });
    }

    fn finish(mut self, status: ExitStatus) -> Results {
        let failed = self
            .results
            .tests
            .iter()
            .any(|test| test.outcome == Outcome::Failed);
        if !self.ended || (!status.success() && !failed) {
            let names: Vec<_> = self.under_way.into_iter().collect();
            let names = if names.is_empty() {
                "no test".into()
            } else {
                names.join(", ")
            };
            self.results.trouble.push(format!(
                "the executable ended early, {status}; under way: {names}"
            ));
        }
        self.results
    }
}

/// The lines of a text with SKIPPED in them.
fn skipped(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.contains("SKIPPED"))
        .map(|line| line.trim().to_owned())
}

/// What cargo says about doc-tests: lines such as `test src/lib.rs - wtns (line 12) ... ok`. Times are not
/// told.
fn doc_tests(text: &str, status: ExitStatus) -> Results {
    let mut results = Results {
        skipped: skipped(text).collect(),
        ..Results::default()
    };
    for line in text.lines() {
        let Some((name, ended)) = line
            .strip_prefix("test ")
            .and_then(|line| line.rsplit_once(" ... "))
        else {
            continue;
        };
        let outcome = match ended.split([',', ' ']).next() {
            Some("ok") => Outcome::Passed,
            Some("ignored") => Outcome::Ignored,
            _ => Outcome::Failed,
        };
        results.tests.push(Test {
            name: name.into(),
            outcome,
            seconds: 0.0,
            output: String::new(),
        });
    }
    if !status.success() {
        results.trouble.push(text.into());
    }
    results
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Reader, Results, doc_tests};
    use std::process::ExitStatus;

    #[cfg(unix)]
    fn status(code: i32) -> ExitStatus {
        std::os::unix::process::ExitStatusExt::from_raw(code << 8)
    }

    fn read(lines: &[&str], code: i32) -> Results {
        let mut reader = Reader::default();
        for line in lines {
            reader.line(line);
        }
        reader.finish(status(code))
    }

    #[test]
    fn events_become_results() {
        let results = read(
            &[
                r#"{ "type": "suite", "event": "started", "test_count": 3 }"#,
                r#"{ "type": "test", "event": "started", "name": "a" }"#,
                r#"{ "type": "test", "name": "a", "event": "ok", "exec_time": 0.25, "stdout": "x\n SKIPPED: no anvil\n" }"#,
                r#"{ "type": "test", "event": "started", "name": "b" }"#,
                "SKIPPED by a child process",
                r#"{ "type": "test", "name": "b", "event": "failed", "exec_time": 1.5, "stdout": "panicked" }"#,
                r#"{ "type": "test", "name": "c", "event": "ignored" }"#,
                r#"{ "type": "suite", "event": "failed", "passed": 1, "failed": 1, "ignored": 1 }"#,
            ],
            101,
        );
        let brief: Vec<_> = results
            .tests
            .iter()
            .map(|test| (test.name.as_str(), test.outcome, test.seconds))
            .collect();
        let expected = [
            ("a", Outcome::Passed, 0.25),
            ("b", Outcome::Failed, 1.5),
            ("c", Outcome::Ignored, 0.0),
        ];
        assert_eq!(brief, expected);
        assert_eq!(results.tests[1].output, "panicked");
        assert_eq!(
            results.skipped,
            ["SKIPPED: no anvil", "SKIPPED by a child process"]
        );
        assert_eq!(results.trouble, [""; 0]);
    }

    #[test]
    fn a_crash_is_trouble_and_names_the_test() {
        let started = r#"{ "type": "test", "event": "started", "name": "deep" }"#;
        let results = read(&[started], 134);
        let [trouble] = results.trouble.as_slice() else {
            unreachable!("one line of trouble")
        };
        assert!(trouble.contains("deep") && trouble.contains("134"), "{trouble}");
        let ended = r#"{ "type": "suite", "event": "ok", "passed": 0 }"#;
        assert_eq!(read(&[ended], 0), Results::default());
        assert_eq!(read(&[ended], 1).trouble.len(), 1);
    }

    #[test]
    fn doc_tests_are_text() {
        let text = "\nrunning 3 tests\n\
            test keys/src/wtns.rs - wtns (line 12) ... ok\n\
            test keys/src/sym.rs - sym (line 3) - compile ... ok\n\
            test keys/src/r1cs.rs - r1cs (line 7) ... ignored\n\
            test keys/src/r1cs.rs - r1cs (line 9) ... FAILED\n\
            \ntest result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.30s\n";
        let results = doc_tests(text, status(101));
        let outcomes: Vec<_> = results.tests.iter().map(|test| test.outcome).collect();
        use Outcome::{Failed, Ignored, Passed};
        assert_eq!(outcomes, [Passed, Passed, Ignored, Failed]);
        assert_eq!(results.trouble, [text]);
        assert_eq!(doc_tests("", status(0)), Results::default());
    }
}
