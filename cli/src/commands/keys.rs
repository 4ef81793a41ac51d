//! `popw keys dev CIRCUIT --out FILE`: a development key.

use crate::commands::circuit::CircuitName;
use crate::failure::Failure;
use crate::screen::{Screen, show};
use popw_prover::{DevKey, export};
use rand::rngs::OsRng;
use std::path::PathBuf;

/// What to do with keys.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a development key: its maker could forge proofs, and everything that can refuses it
    Dev {
        /// The circuit, such as uptime:N=16,W=8,S=144 (see `popw circuit list`)
        circuit: CircuitName,
        /// Where the key goes
        #[arg(long)]
        out: PathBuf,
    },
}

/// Makes a key.
///
/// # Errors
/// If it cannot be made or written.
pub fn run(command: &Command) -> Result<(), Failure> {
    let Command::Dev { circuit, out } = command;
    let screen = Screen::new(false);
    screen.begin("building the circuit");
    let r1cs = export::r1cs_file(&circuit.build()).map_err(Failure::input)?;
    let key = DevKey::generate(&r1cs, &mut OsRng, &screen).map_err(Failure::internal)?;
    key.save(out).map_err(Failure::internal)?;
    screen.finish();
    show(format_args!(
        "{}: dev key of circuit {} ({circuit})",
        out.display(),
        key.circuit_id()
    ))?;
    show("grade dev: whoever made this key can forge proofs. Never use it where money is paid.")?;
    Ok(())
}
