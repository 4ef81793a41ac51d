//! Adds the results up and says what is to be said: failures in full, then a summary that is also good
//! Markdown.
//!
//! Depends on: `libtest`. Where to go next: the parent module, which fills it.

use super::build::Executable;
use super::libtest::{Outcome, Results};
use crate::error::Error;
use std::collections::BTreeMap;
use std::time::Instant;

/// The row of the doc-tests of all crates.
pub(super) const DOC_TESTS: &str = "doc-tests";
/// How many slow tests are named.
const SLOWEST: usize = 10;

/// Everything that happened.
#[derive(Debug, Default)]
pub(super) struct Report {
    skips_fail: bool,
    checks: Vec<(&'static str, bool, f64)>,
    /// Every failure in full: what failed, and the output or the reason.
    failures: Vec<(String, String)>,
    crates: BTreeMap<String, Counts>,
    times: Vec<(f64, String)>,
    skipped: Vec<String>,
}

#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    skipped: usize,
    seconds: f64,
}

impl Report {
    /// An empty one. Lines with SKIPPED are failures if `skips_fail`, except for want of the corpus.
    pub(super) fn new(skips_fail: bool) -> Self {
        Self {
            skips_fail,
            ..Self::default()
        }
    }

    /// Runs a check, notes how it went, and says whether it went well.
    pub(super) fn check(&mut self, name: &'static str, check: impl FnOnce() -> Result<(), Error>) -> bool {
        let start = Instant::now();
        let result = check();
        let passed = result.is_ok();
        self.checks.push((name, passed, start.elapsed().as_secs_f64()));
        if let Err(error) = result {
            println!("{name} FAILED: {error}");
            self.failures.push((name.into(), error.to_string()));
        }
        passed
    }

    /// Notes a check that this machine cannot do. That is never a failure.
    pub(super) fn skip(&mut self, line: String) {
        println!("{line}");
        self.skipped.push(line);
    }

    /// Says which executable runs now.
    pub(super) fn running(&self, executable: &Executable) {
        println!("  {} {}", executable.package, executable.name);
    }

    /// Adds what one executable said.
    pub(super) fn add(&mut self, package: &str, results: Results) {
        let counts = self.crates.entry(package.into()).or_default();
        for test in results.tests {
            let name = format!("{package} {}", test.name);
            counts.seconds += test.seconds;
            match test.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Ignored => counts.ignored += 1,
                Outcome::Failed => {
                    counts.failed += 1;
                    println!("    FAILED {}", test.name);
                    self.failures.push((name.clone(), test.output));
                }
            }
            if test.outcome != Outcome::Ignored {
                self.times.push((test.seconds, name));
            }
        }
        counts.skipped += results.skipped.len();
        for line in results.skipped {
            if self.skips_fail && !is_corpus(&line) {
                self.failures
                    .push((format!("{package} skipped a test"), line.clone()));
            }
            self.skipped.push(format!("{package}: {line}"));
        }
        self.failures.extend(
            results
                .trouble
                .into_iter()
                .map(|trouble| (package.to_owned(), trouble)),
        );
    }

    /// Every failure in full.
    pub(super) fn failures(&self) -> String {
        self.failures
            .iter()
            .map(|(name, output)| format!("---- {name}\n{}\n\n", output.trim_end()))
            .collect()
    }

    /// The summary.
    pub(super) fn summary(&self, full: bool, rounds: &str, seconds: f64) -> String {
        let mut text = format!(
            "# Tests{}, rounds: {rounds}\n\n",
            if full { ", full" } else { "" }
        );
        if !self.checks.is_empty() {
            for (name, passed, seconds) in &self.checks {
                let verdict = if *passed { "ok" } else { "FAILED" };
                text += &format!("- {name}: {verdict}, {seconds:.1} s\n");
            }
            text.push('\n');
        }
        if !self.crates.is_empty() {
            text += "| crate          | passed | failed | ignored | skipped | seconds |\n";
            text += "|----------------|-------:|-------:|--------:|--------:|--------:|\n";
        }
        for (
            name,
            Counts {
                passed,
                failed,
                ignored,
                skipped,
                seconds,
            },
        ) in &self.crates
        {
            text += &format!(
                "| {name:14} | {passed:6} | {failed:6} | {ignored:7} | {skipped:7} | {seconds:7.2} |\n"
            );
        }
        let mut times: Vec<_> = self.times.iter().filter(|(seconds, _)| *seconds > 0.0).collect();
        times.sort_by(|a, b| b.0.total_cmp(&a.0));
        if !times.is_empty() {
            text += "\nSlowest tests:\n\n";
        }
        for (seconds, name) in times.into_iter().take(SLOWEST) {
            text += &format!("- {seconds:.3} s {name}\n");
        }
        if !self.skipped.is_empty() {
            text += "\nSkipped:\n\n";
        }
        for line in &self.skipped {
            text += &format!("- {line}\n");
        }
        text + &format!("\nTotal: {seconds:.1} s, {}\n", self.count())
    }

    /// Fails if anything did.
    pub(super) fn verdict(&self) -> Result<(), Error> {
        match self.failures.len() {
            0 => Ok(()),
            _ => Err(Error::Found(self.count())),
        }
    }

    fn count(&self) -> String {
        match self.failures.len() {
            0 => "all passed".into(),
            1 => "1 failure".into(),
            count => format!("{count} failures"),
        }
    }
}

/// A line about the corpus of foreign files, which a bare clone does not have.
fn is_corpus(line: &str) -> bool {
    line.to_lowercase().contains("corpus")
}

#[cfg(test)]
mod tests {
    use super::super::libtest::{Outcome, Results, Test};
    use super::Report;
    use crate::error::Error;

    fn results(tests: &[(&str, Outcome, f64)], skipped: &[&str]) -> Results {
        let test = |(name, outcome, seconds): &(&str, Outcome, f64)| Test {
            name: (*name).into(),
            outcome: *outcome,
            seconds: *seconds,
            output: "why".into(),
        };
        Results {
            tests: tests.iter().map(test).collect(),
            trouble: vec![],
            skipped: skipped.iter().map(|line| (*line).into()).collect(),
        }
    }

    #[test]
    fn a_summary_counts_and_sorts() {
        let mut report = Report::new(false);
        report.check("fmt", || Ok(()));
        let tests = [
            ("a", Outcome::Passed, 0.5),
            ("b", Outcome::Passed, 2.0),
            ("c", Outcome::Ignored, 0.0),
        ];
        report.add("popw-keys", results(&tests, &["SKIPPED (corpus): x"]));
        let summary = report.summary(true, "10", 12.0);
        for part in [
            "# Tests, full, rounds: 10\n",
            "- fmt: ok, 0.0 s\n",
            "| popw-keys      |      2 |      0 |       1 |       1 |    2.50 |\n",
            "- 2.000 s popw-keys b\n- 0.500 s popw-keys a\n",
            "- popw-keys: SKIPPED (corpus): x\n",
            "\nTotal: 12.0 s, all passed\n",
        ] {
            assert!(summary.contains(part), "{part} not in\n{summary}");
        }
        assert!(report.verdict().is_ok());
    }

    #[test]
    fn a_check_left_out_is_told_and_is_no_failure() {
        let mut report = Report::new(true);
        // Not the word itself: whoever runs this test takes it for a test that was skipped.
        report.skip("left out: no such target".into());
        let summary = report.summary(false, "1", 0.0);
        assert!(
            summary.contains("\nSkipped:\n\n- left out: no such target\n"),
            "{summary}"
        );
        assert!(report.verdict().is_ok());
    }

    #[test]
    fn failures_are_told_in_full() {
        let mut report = Report::new(false);
        report.check("fmt", || Err(Error::Found("not formatted".into())));
        report.add("popw-keys", results(&[("a", Outcome::Failed, 0.5)], &[]));
        assert_eq!(
            report.failures(),
            "---- fmt\nnot formatted\n\n---- popw-keys a\nwhy\n\n"
        );
        assert!(report.summary(false, "1", 0.0).contains("2 failures"));
        assert!(report.verdict().is_err());
    }

    #[test]
    fn skips_fail_when_all_is_required_except_for_the_corpus() {
        for (required, line, fails) in [
            (false, "SKIPPED: no anvil", false),
            (true, "SKIPPED: no anvil", true),
            (true, "SKIPPED (corpus): no files", false),
        ] {
            let mut report = Report::new(required);
            report.add("popw-verifier", results(&[], &[line]));
            assert_eq!(report.verdict().is_err(), fails, "{line}");
        }
    }
}
