//! Whole proofs, side by side: who takes part.
//!
//! Depends on: `files`, `round`, `tools`, `report`. Where to go next: `popw_benches::statement` for what is proven.

use crate::error::Error;
use crate::files::{self, Files};
use crate::report::{OURS, Report, Subject, name};
use crate::round::{Peer, measure};
use crate::tools::Tools;
use crate::{Common, PeersArgs};
use popw_benches::statement::Kind;
use popw_kernels::backend;
use std::path::PathBuf;

/// Runs the command.
///
/// # Errors
/// If a key cannot be made, or the results not be written. A peer that fails has a row that says so.
pub(crate) fn run(args: &PeersArgs) -> Result<(), Error> {
    let common = &args.common;
    let tools = Tools::new(common.cache.clone(), common.threads)
        .map_err(Error::io("find the workspace and the cache"))?;
    let mut report = Report::new(&tools.root, common.json.clone());
    let built = Built::new(common, &tools);
    let sizes = match common.sizes.as_slice() {
        [] => &[14, 16, 18, 20],
        sizes => sizes,
    };
    for kind in &args.statements {
        for log2 in sizes {
            eprintln!("\n{} of 2^{log2}", kind.name());
            let files = files::prepare(&tools.cache, *kind, *log2, common.threads, args.tables)?;
            let peers = peers(*kind, *log2, args, &tools, &built, &files);
            let findings = measure(peers, common.rounds, Some(&files.verifier));
            report.add(&Subject::Statement(kind.name()), *log2, common.threads, findings)?;
        }
    }
    Ok(())
}

impl Common {
    /// Shall the peer of this name take part?
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|asked| name.starts_with(asked))
    }

    /// Our backends that take part: all that run here. `reference` is there to be right, not fast: it must be named.
    pub(crate) fn backends(&self) -> Vec<String> {
        let all = backend::available()
            .into_iter()
            .map(|backend| backend.name().to_owned());
        all.filter(|backend| match backend.as_str() {
            "reference" => self.peers.contains(&name(OURS, Some("reference"))),
            _ => self.asks_for(&name(OURS, Some(backend))),
        })
        .collect()
    }
}

/// The programs of the other peers, built once.
struct Built {
    rivals: Result<PathBuf, String>,
    gnark: Result<PathBuf, String>,
    snarkjs: Result<PathBuf, String>,
}

impl Built {
    fn new(common: &Common, tools: &Tools) -> Self {
        let unasked = || Err("not asked for".to_owned());
        Self {
            rivals: if common.asks_for("ark-groth16") {
                tools.rivals()
            } else {
                unasked()
            },
            gnark: if common.asks_for("gnark") {
                tools.gnark()
            } else {
                unasked()
            },
            snarkjs: tools.snarkjs(),
        }
    }
}

fn peers(kind: Kind, log2: u32, args: &PeersArgs, tools: &Tools, built: &Built, files: &Files) -> Vec<Peer> {
    let common = &args.common;
    let mut peers = Vec::new();
    for backend in common.backends() {
        let mut add = |backend: String, name: &str, tables: Option<&PathBuf>| {
            let mut command = tools.ours();
            command
                .args(["child", "prove", name])
                .args([&files.zkey, &files.wtns]);
            command.args(["--threads", &tools.threads.to_string()]);
            if let Some(tables) = tables {
                command.arg("--tables").arg(tables);
            }
            peers.push(Peer {
                prover: OURS.to_owned(),
                backend: Some(backend),
                command: Ok(command),
            });
        };
        add(backend.clone(), &backend, None);
        if let Some(tables) = &files.tables {
            add(format!("{backend}+tables"), &backend, Some(tables));
        }
    }
    let mut add = |name: &str, command: Result<std::process::Command, String>| {
        if common.asks_for(name) {
            peers.push(Peer {
                prover: name.to_owned(),
                backend: None,
                command,
            });
        }
    };
    add(
        "gnark",
        built.gnark.clone().map(|program| {
            let mut command = tools.child(&program);
            command
                .args(["prove", kind.name(), &log2.to_string()])
                .arg(&tools.cache);
            command
        }),
    );
    add(
        "ark-groth16",
        built.rivals.clone().map(|program| {
            let mut command = tools.child(&program);
            command
                .args(["prove", "ark"])
                .args([&files.zkey, &files.wtns, &files.r1cs]);
            command
        }),
    );
    add(
        "snarkjs",
        built.snarkjs.clone().map(|script| {
            let mut command = tools.child("node".as_ref());
            command
                .arg(script)
                .args([&files.zkey, &files.wtns])
                .arg(tools.threads.to_string());
            command
        }),
    );
    peers
}
