//! JSON and Markdown.
//!
//! Depends on: `round` for findings. How to read it: `benches/README.md`.

use crate::error::Error;
use crate::machine::Machine;
use crate::round::Finding;
use popw_benches::kernel::Kernel;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The name of our prover in results.
pub(crate) const OURS: &str = "popw";

/// What was measured: a whole proof of a statement, or a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    /// Whole proofs of this statement.
    Statement(&'static str),
    /// A step of a ceremony.
    Step(&'static str),
    /// This kernel.
    Kernel(#[serde(serialize_with = "kernel_name")] Kernel),
}

fn kernel_name<S: serde::Serializer>(kernel: &Kernel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kernel.name())
}

impl Subject {
    fn name(&self) -> &'static str {
        match self {
            Self::Statement(name) | Self::Step(name) => name,
            Self::Kernel(kernel) => kernel.name(),
        }
    }
}

/// A line of the results.
#[derive(Clone, Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    subject: Subject,
    log2_size: u32,
    prover: String,
    backend: Option<String>,
    threads: u32,
    wall_ms_median: Option<f64>,
    wall_ms_min: Option<f64>,
    wall_ms_max: Option<f64>,
    wall_ms_samples: Vec<f64>,
    /// Of one run, the mean of all rounds.
    cpu_s: Option<f64>,
    peak_rss_bytes: Option<u64>,
    anon_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_ms: Option<f64>,
    /// Of a kernel that is additions of points and nothing else: nanoseconds of one thread for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    addition_ns: Option<f64>,
    checked: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// On our rows: the other's median by ours.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    times_faster_than: BTreeMap<String, f64>,
}

impl Row {
    fn name(&self) -> String {
        name(&self.prover, self.backend.as_deref())
    }
}

/// A prover with its backend, as one word.
pub(crate) fn name(prover: &str, backend: Option<&str>) -> String {
    match backend {
        Some(backend) => format!("{prover}-{backend}"),
        None => prover.to_owned(),
    }
}

/// All that a run found.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    command: String,
    results: Vec<Row>,
    #[serde(skip)]
    path: Option<PathBuf>,
}

impl Report {
    /// An empty one, to be written to `path` if there is one.
    pub(crate) fn new(root: &Path, path: Option<PathBuf>) -> Self {
        Self {
            machine: Machine::look(root),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            results: Vec::new(),
            path,
        }
    }

    /// Takes what was found of all peers at one size, shows it, and writes all there is so far.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn add(
        &mut self,
        subject: &Subject,
        log2: u32,
        threads: u32,
        findings: Vec<Finding>,
    ) -> Result<(), Error> {
        let start = self.results.len();
        for mut finding in findings {
            self.machine.versions.append(&mut finding.versions);
            self.results.push(row(subject, log2, threads, finding));
        }
        let rows = &mut self.results[start..];
        let medians: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row.name(), row.wall_ms_median?)))
            .collect();
        for row in rows.iter_mut().filter(|row| row.prover == OURS) {
            let (own, name) = (row.wall_ms_median, row.name());
            let others = medians.iter().filter(|(other, _)| *other != name);
            row.times_faster_than = others
                .filter_map(|(other, median)| Some((other.clone(), median / own?)))
                .collect();
        }
        println!("{}", table(&self.results[start..]));
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let prepare = |reason: String| Error::Prepare {
            what: path.display().to_string(),
            reason,
        };
        let json = serde_json::to_vec_pretty(self).map_err(|error| prepare(error.to_string()))?;
        for (path, bytes) in [
            (path.clone(), json),
            (path.with_extension("md"), self.markdown().into_bytes()),
        ] {
            std::fs::write(&path, bytes).map_err(Error::io(format!("write {}", path.display())))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let machine = &self.machine;
        let mut text = format!("# `popw-benches {}`\n\n", self.command);
        let shown = serde_json::to_value(machine).unwrap_or_default();
        for (key, value) in shown.as_object().into_iter().flatten() {
            let value = match value {
                serde_json::Value::Object(map) => map
                    .iter()
                    .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
                    .collect::<Vec<_>>()
                    .join(", "),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let _ = writeln!(text, "- {key}: {value}");
        }
        let mut rest = self.results.as_slice();
        while let Some(first) = rest.first() {
            let count = rest.iter().take_while(|row| row.subject == first.subject).count();
            let (rows, after) = rest.split_at(count);
            let _ = write!(text, "\n## {}\n\n{}", first.subject.name(), table(rows));
            rest = after;
        }
        text
    }
}

fn row(subject: &Subject, log2: u32, threads: u32, finding: Finding) -> Row {
    let mut sorted = finding.samples_ms.clone();
    sorted.sort_by(f64::total_cmp);
    let median = median(&sorted);
    let additions = match subject {
        Subject::Kernel(kernel) => kernel.additions(log2),
        Subject::Statement(_) | Subject::Step(_) => None,
    };
    Row {
        subject: subject.clone(),
        log2_size: log2,
        prover: finding.prover,
        backend: finding.backend,
        threads,
        wall_ms_median: median,
        wall_ms_min: sorted.first().copied(),
        wall_ms_max: sorted.last().copied(),
        wall_ms_samples: finding.samples_ms,
        cpu_s: finding.cpu_s,
        peak_rss_bytes: finding.memory.resident,
        anon_bytes: finding.memory.anonymous,
        open_ms: finding.open_ms,
        addition_ns: additions.and_then(|count| Some(median? * 1e6 * f64::from(threads) / count as f64)),
        checked: finding.checked,
        note: finding.note,
        failed: finding.failed,
        times_faster_than: BTreeMap::new(),
    }
}

/// Of an even number of values the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let high = sorted.get(sorted.len() / 2)?;
    let low = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some((low + high) / 2.0)
}

/// A Markdown table of rows of one subject. The last columns say how many times faster ours is, and in parentheses which part of
/// the other's time ours takes.
fn table(rows: &[Row]) -> String {
    let mut ours: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| row.prover == OURS) {
        if !ours.contains(&row.name()) {
            ours.push(row.name());
        }
    }
    let mut columns = vec![
        "size".to_owned(),
        "prover".to_owned(),
        "wall ms, median (least..most)".to_owned(),
        "rounds".to_owned(),
        "CPU s".to_owned(),
        "peak MiB".to_owned(),
        "anonymous MiB".to_owned(),
        "anonymous bytes by 2^k".to_owned(),
        "checked".to_owned(),
    ];
    columns.extend(ours.iter().map(|name| format!("{name} against it")));
    let mut text = line(&columns);
    text += &line(&columns.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
    for row in rows {
        text += &line(&cells(row, rows, &ours));
    }
    let mut notes: Vec<_> = rows
        .iter()
        .flat_map(|row| Some((row.name(), row.note.as_deref()?)))
        .collect();
    notes.sort_unstable();
    notes.dedup();
    for (name, note) in notes {
        let _ = write!(text, "\n{name}: {note}.");
    }
    for row in rows {
        if let Some(nanoseconds) = row.addition_ns {
            let _ = write!(
                text,
                "\n{}, 2^{}: {nanoseconds:.1} ns an addition, of one thread.",
                row.name(),
                row.log2_size
            );
        }
        if let Some(open) = row.open_ms {
            let _ = write!(
                text,
                "\n{} opened the key of 2^{} in {} ms.",
                row.name(),
                row.log2_size,
                short(open)
            );
        }
    }
    text + "\n"
}

fn cells(row: &Row, rows: &[Row], ours: &[String]) -> Vec<String> {
    let mut cells = vec![format!("2^{}", row.log2_size), row.name()];
    let (Some(median), Some(least), Some(most)) = (row.wall_ms_median, row.wall_ms_min, row.wall_ms_max)
    else {
        let reason = row.failed.as_deref().unwrap_or("not measured");
        cells.push(reason.replace(['\n', '|'], " "));
        cells.resize(9 + ours.len(), String::new());
        return cells;
    };
    let mebibytes = |bytes: Option<u64>| {
        bytes.map_or_else(String::new, |bytes| {
            format!("{:.1}", bytes as f64 / f64::from(1 << 20))
        })
    };
    let each = |bytes: u64| format!("{:.0}", bytes as f64 / f64::from(1_u32 << row.log2_size));
    cells.extend([
        format!("{} ({}..{})", short(median), short(least), short(most)),
        row.wall_ms_samples.len().to_string(),
        row.cpu_s
            .map_or_else(String::new, |seconds| format!("{seconds:.3}")),
        mebibytes(row.peak_rss_bytes),
        mebibytes(row.anon_bytes),
        row.anon_bytes.map_or_else(String::new, each),
        row.checked.unwrap_or_default().to_owned(),
    ]);
    for name in ours {
        let own = rows
            .iter()
            .find(|other| other.name() == *name && other.log2_size == row.log2_size);
        let times = own.and_then(|own| own.times_faster_than.get(&row.name()));
        cells.push(times.map_or_else(String::new, |times| format!("{times:.2}x ({:.2})", times.recip())));
    }
    cells
}

/// Three figures that count, or whole milliseconds.
fn short(milliseconds: f64) -> String {
    match milliseconds {
        ..10.0 => format!("{milliseconds:.2}"),
        ..100.0 => format!("{milliseconds:.1}"),
        _ => format!("{milliseconds:.0}"),
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{Subject, median, row, table};
    use crate::round::Finding;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0]), Some(1.0));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }

    #[test]
    fn a_peer_that_failed_keeps_its_row() {
        let finding = Finding {
            prover: "gnark".to_owned(),
            failed: Some("not measured: no go".to_owned()),
            ..Finding::default()
        };
        let row = row(&Subject::Statement("chain"), 14, 2, finding);
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["statement"], "chain");
        assert_eq!(json["wall_ms_median"], serde_json::Value::Null);
        assert_eq!(json["failed"], "not measured: no go");
        assert!(table(&[row]).contains("| 2^14 | gnark | not measured: no go |"));
    }
}
