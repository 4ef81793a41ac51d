//! Single kernels, side by side: who takes part.
//!
//! Depends on: `round`, `tools`, `report`. Where to go next: `popw_benches::kernel` for the inputs; `peers` for whole proofs.

use crate::error::Error;
use crate::report::{OURS, Report, Subject};
use crate::round::{Peer, measure};
use crate::tools::Tools;
use crate::{Common, KernelsArgs};
use popw_benches::kernel::Kernel;
use std::path::PathBuf;

/// Runs the command.
///
/// # Errors
/// If the results cannot be written. A peer that fails has a row that says so.
pub(crate) fn run(args: &KernelsArgs) -> Result<(), Error> {
    let common = &args.common;
    let tools = Tools::new(common.cache.clone(), common.threads)
        .map_err(Error::io("find the workspace and the cache"))?;
    let mut report = Report::new(&tools.root, common.json.clone());
    let built = Built::new(common, &tools);
    for kernel in &args.kernels {
        for log2 in sizes(*kernel, common) {
            eprintln!("\n{} of 2^{log2}", kernel.name());
            let peers = peers(*kernel, log2, common, &tools, &built);
            let findings = measure(peers, common.rounds, None);
            report.add(&Subject::Kernel(*kernel), log2, common.threads, findings)?;
        }
    }
    Ok(())
}

/// The sizes that are asked for, else those of the published figures.
fn sizes(kernel: Kernel, common: &Common) -> Vec<u32> {
    match (common.sizes.as_slice(), kernel) {
        ([], Kernel::MsmG2) => vec![14, 16, 18],
        ([], _) => vec![14, 16, 18, 20],
        (sizes, _) => sizes.to_vec(),
    }
}

/// The programs of the other peers, built once.
struct Built {
    rivals: Result<PathBuf, String>,
    gnark: Result<PathBuf, String>,
}

impl Built {
    fn new(common: &Common, tools: &Tools) -> Self {
        let unasked = || Err("not asked for".to_owned());
        let any = |names: &[&str]| names.iter().any(|name| common.asks_for(name));
        Self {
            rivals: if any(&["ark", "halo2curves"]) {
                tools.rivals()
            } else {
                unasked()
            },
            gnark: if any(&["gnark-crypto", "gnark-crypto+bit-reversal"]) {
                tools.gnark()
            } else {
                unasked()
            },
        }
    }
}

fn peers(kernel: Kernel, log2: u32, common: &Common, tools: &Tools, built: &Built) -> Vec<Peer> {
    let size = log2.to_string();
    let mut peers = Vec::new();
    for backend in common.backends() {
        let mut command = tools.ours();
        command.args(["child", "kernel", &backend, kernel.name(), &size]);
        peers.push(Peer {
            prover: OURS.to_owned(),
            backend: Some(backend),
            command: Ok(command),
        });
    }
    let mut add = |name: &str, program: &Result<PathBuf, String>, words: &[&str]| {
        if common.asks_for(name) {
            let command = program.clone().map(|program| {
                let mut command = tools.child(&program);
                command.arg("kernel").args(words).arg(&size);
                command
            });
            peers.push(Peer {
                prover: name.to_owned(),
                backend: None,
                command,
            });
        }
    };
    if kernel == Kernel::AdditionsG1 {
        // Nobody else offers them alone.
        return peers;
    }
    if kernel != Kernel::Quotient {
        add("gnark-crypto", &built.gnark, &[kernel.name()]);
        add("halo2curves", &built.rivals, &["halo2curves", kernel.name()]);
    }
    if kernel == Kernel::Ntt {
        add("gnark-crypto+bit-reversal", &built.gnark, &["ntt-natural"]);
    }
    add("ark", &built.rivals, &["ark", kernel.name()]);
    peers
}
