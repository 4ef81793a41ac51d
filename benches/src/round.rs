//! The processes, the rounds, what is measured.
//!
//! Every peer is prepared first, one after another. Then each does its work once alone: that run is checked, its memory is
//! watched, and it warms caches and pools; its time does not count. Then come the rounds. In each, every peer works once, one
//! at a time, and the next round begins with the next peer, so that a machine that slows down or speeds up does so
//! for all. A peer that is slow sits out the later rounds.
//!
//! Depends on: `probe`. Where to go next: `popw_benches::child` for the other end; `report` for what becomes of rows.

use crate::probe::{self, Memory};
use crate::report::name;
use popw_benches::child::{CHECK, RUN, Reply};
use popw_verifier::{Verifier, snarkjs};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Who takes part: a name, a backend if it is ours, and how to start it or why it is absent.
pub(crate) struct Peer {
    pub(crate) prover: String,
    pub(crate) backend: Option<String>,
    pub(crate) command: Result<Command, String>,
}

/// What was found of a peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    pub(crate) prover: String,
    pub(crate) backend: Option<String>,
    pub(crate) samples_ms: Vec<f64>,
    pub(crate) cpu_s: Option<f64>,
    pub(crate) memory: Memory,
    pub(crate) open_ms: Option<f64>,
    pub(crate) checked: Option<&'static str>,
    pub(crate) note: Option<String>,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) failed: Option<String>,
}

/// A peer while it lives.
struct Runner {
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    rounds: u32,
    cpu_total: f64,
    finding: Finding,
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures all peers. `rounds` is for all of them, or each has as many as its speed allows. Proofs are verified with
/// `verifier`.
pub(crate) fn measure(peers: Vec<Peer>, rounds: Option<u32>, verifier: Option<&Verifier>) -> Vec<Finding> {
    let mut runners: Vec<Result<Runner, Box<Finding>>> = peers.into_iter().map(start).collect();
    for slot in &mut runners {
        attempt(slot, |runner| runner.rehearse(rounds, verifier));
    }
    let most = runners.iter().flatten().map(|runner| runner.rounds).max();
    for round in 0..most.unwrap_or(0) {
        if std::io::stderr().is_terminal() {
            eprint!("\rround {} of {}  ", round + 1, most.unwrap_or(0));
        }
        let first = round as usize % runners.len();
        let (before, after) = runners.split_at_mut(first);
        for slot in after.iter_mut().chain(before) {
            attempt(slot, |runner| match round < runner.rounds {
                true => runner.time(),
                false => Ok(()),
            });
        }
    }
    eprintln!();
    runners.into_iter().map(finish).collect()
}

fn finish(slot: Result<Runner, Box<Finding>>) -> Finding {
    match slot {
        Err(finding) => *finding,
        Ok(mut runner) => {
            let mut finding = std::mem::take(&mut runner.finding);
            let count = finding.samples_ms.len();
            finding.cpu_s = (count > 0).then(|| runner.cpu_total / count as f64);
            finding
        }
    }
}

/// A peer that fails is out, and its row says why.
fn attempt(slot: &mut Result<Runner, Box<Finding>>, work: impl FnOnce(&mut Runner) -> Result<(), String>) {
    if let Ok(runner) = slot
        && let Err(reason) = work(runner)
    {
        let finding = std::mem::take(&mut runner.finding);
        eprintln!(
            "{} failed: {reason}",
            name(&finding.prover, finding.backend.as_deref())
        );
        *slot = Err(Box::new(Finding {
            prover: finding.prover,
            backend: finding.backend,
            note: finding.note,
            failed: Some(reason),
            ..Finding::default()
        }));
    }
}

fn start(peer: Peer) -> Result<Runner, Box<Finding>> {
    let shown = name(&peer.prover, peer.backend.as_deref());
    eprintln!("preparing {shown}");
    let refuse = |reason: String| {
        eprintln!("{shown}: {reason}");
        Box::new(Finding {
            prover: peer.prover.clone(),
            backend: peer.backend.clone(),
            failed: Some(reason),
            ..Finding::default()
        })
    };
    let mut command = peer.command.map_err(refuse)?;
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| refuse(format!("not measured: it cannot be started: {error}")))?;
    let (Some(requests), Some(replies)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(refuse(
            "not measured: it has no standard input and output".to_owned(),
        ));
    };
    let mut runner = Runner {
        process,
        requests,
        replies: BufReader::new(replies),
        rounds: 0,
        cpu_total: 0.0,
        finding: Finding {
            prover: peer.prover.clone(),
            backend: peer.backend.clone(),
            ..Finding::default()
        },
    };
    let reply = runner.hear().map_err(refuse)?;
    runner.finding.versions = reply.versions;
    runner.finding.note = reply.note;
    runner.finding.open_ms = reply.open_ms;
    Ok(runner)
}

impl Runner {
    fn hear(&mut self) -> Result<Reply, String> {
        let mut line = String::new();
        self.replies
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        if line.is_empty() {
            return Err("it ended without a word".to_owned());
        }
        let reply: Reply =
            serde_json::from_str(&line).map_err(|error| format!("it said {line:?}: {error}"))?;
        match reply.failed {
            Some(reason) => Err(reason),
            None => Ok(reply),
        }
    }

    fn ask(&mut self, request: &str) -> Result<Reply, String> {
        writeln!(self.requests, "{request}").map_err(|error| format!("it no longer listens: {error}"))?;
        self.hear()
    }

    fn work(&mut self) -> Result<f64, String> {
        let time = self.ask(RUN)?.wall_ms.ok_or("it did not say how long it took")?;
        match time.is_finite() && time > 0.0 {
            true => Ok(time),
            false => Err(format!("it says that it took {time} ms")),
        }
    }

    /// The first run: memory, correctness, and how many rounds there will be.
    fn rehearse(&mut self, rounds: Option<u32>, verifier: Option<&Verifier>) -> Result<(), String> {
        let (time, memory) = probe::watch(self.process.id(), || self.work());
        let time = time?;
        self.finding.memory = memory;
        self.finding.checked = Some(judge(&self.ask(CHECK)?, verifier)?);
        self.rounds = rounds.unwrap_or(match time {
            ..100.0 => 21,
            ..2e3 => 9,
            ..10e3 => 5,
            ..60e3 => 3,
            _ => 1,
        });
        Ok(())
    }

    fn time(&mut self) -> Result<(), String> {
        let cpu = |pid| probe::cpu_seconds(pid).ok_or("its processor time cannot be read");
        let before = cpu(self.process.id())?;
        let time = self.work()?;
        self.cpu_total += cpu(self.process.id())? - before;
        self.finding.samples_ms.push(time);
        Ok(())
    }
}

/// Who found the result right.
fn judge(reply: &Reply, verifier: Option<&Verifier>) -> Result<&'static str, String> {
    match (reply, verifier) {
        (
            Reply {
                verified: Some(true), ..
            },
            _,
        ) => Ok("by itself"),
        (
            Reply {
                proof: Some(proof),
                public: Some(public),
                ..
            },
            Some(verifier),
        ) => match verify(proof, public, verifier) {
            Ok(()) => Ok("by popw-verifier"),
            Err(reason) => Err(format!("its proof does not verify: {reason}")),
        },
        _ => Err("it gave nothing to check".to_owned()),
    }
}

fn verify(proof: &Value, public: &Value, verifier: &Verifier) -> Result<(), String> {
    let proof = snarkjs::read_proof(&proof.to_string()).map_err(|error| error.to_string())?;
    let public = snarkjs::read_public(&public.to_string()).map_err(|error| error.to_string())?;
    verifier
        .verify(&public, &proof)
        .map_err(|error| error.to_string())
}
