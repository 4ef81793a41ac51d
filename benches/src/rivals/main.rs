//! `rivals`: one kernel or prover of arkworks or halo2curves, as a child of the benchmark.
//!
//! ```text
//! rivals kernel ark|halo2curves KERNEL LOG2_SIZE
//! rivals prove ark KEY.zkey WITNESS.wtns CIRCUIT.r1cs
//! ```
//!
//! It is a program of its own so that the rivals are built at their best (this very CPU's instructions, `asm`, `parallel`, one
//! code generation unit) without any of that reaching the product, which is built for every CPU and chooses at run time.
//! `popw-benches` builds it.
//!
//! Depends on: arkworks, halo2curves. Where to go next: `ark`, `halo2`.

#![forbid(unsafe_code)]

mod ark;
mod halo2;

use clap::ValueEnum;
use popw_benches::child::{Prepared, serve};
use popw_benches::kernel::Kernel;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match serve(prepare(&words), std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rivals: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(words: &[&str]) -> Result<Prepared, String> {
    match words {
        ["kernel", rival, kernel, log2] => {
            let kernel = Kernel::from_str(kernel, false)?;
            let log2 = log2
                .parse()
                .ok()
                .filter(|log2| (7..=24).contains(log2))
                .ok_or("a size is from 7 to 24")?;
            match *rival {
                "ark" => ark::kernel(kernel, log2),
                "halo2curves" => halo2::kernel(kernel, log2),
                _ => Err(format!("no rival {rival:?}")),
            }
        }
        ["prove", "ark", key, witness, circuit] => {
            ark::prover(key.as_ref(), witness.as_ref(), circuit.as_ref())
        }
        _ => Err("usage: rivals kernel RIVAL KERNEL LOG2_SIZE | rivals prove ark ZKEY WTNS R1CS".to_owned()),
    }
}
