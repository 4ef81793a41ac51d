//! `popw circuit list|r1cs|counts`.

use crate::failure::Failure;
use crate::files::{create_folder, write};
use crate::screen::show;
use popw_circuits::{R1cs, catalog, uptime};
use popw_claims::uptime::Shape;
use popw_prover::{CircuitId, export};
use popw_verifier::Fr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What to do with circuits.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the circuits and their parameters
    List,
    /// Write a circuit as .r1cs and .sym (iden3 formats) and print its id
    R1cs {
        /// The circuit, such as uptime:N=16,W=8,S=144
        circuit: CircuitName,
        /// The folder that circuit.r1cs and circuit.sym go to
        #[arg(long)]
        out: PathBuf,
    },
    /// Print constraints, wires and public inputs of every pinned circuit as CSV; of one circuit, where its constraints go
    Counts {
        /// The circuit, such as uptime:N=16,W=8,S=144
        circuit: Option<CircuitName>,
    },
}

/// A circuit by name: `uptime:N=16,W=8,S=144`, with `,D=5`, `,L=3` and `,outage` if wanted.
#[derive(Clone, Debug)]
pub struct CircuitName(pub Shape);

impl CircuitName {
    /// The constraints.
    pub fn build(&self) -> R1cs<Fr> {
        uptime::structure(&self.0)
    }
}

impl fmt::Display for CircuitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uptime:{}", self.0.to_string().replace(' ', ","))
    }
}

impl FromStr for CircuitName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        if name != "uptime" {
            return Err(format!(
                "there is no circuit `{name}`; `popw circuit list` shows those there are"
            ));
        }
        let mut shape = Shape {
            devices: 16,
            watchers: 8,
            slots: 144,
            device_levels: 5,
            seat_levels: 3,
            outage_rule: false,
        };
        for part in parameters.split([',', ' ']).filter(|part| !part.is_empty()) {
            if part == "outage" {
                shape.outage_rule = true;
                continue;
            }
            let (field, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not NAME=NUMBER"))?;
            let value = value
                .parse::<usize>()
                .map_err(|error| format!("`{part}`: {error}"))?;
            match field {
                "N" => shape.devices = value,
                "W" => shape.watchers = value,
                "S" => shape.slots = value,
                "D" => shape.device_levels = value,
                "L" => shape.seat_levels = value,
                _ => return Err(format!("`{field}` is not one of N, W, S, D, L and outage")),
            }
        }
        shape.validate().map_err(|error| error.to_string())?;
        Ok(Self(shape))
    }
}

const LIST: &str = "\
uptime:N=16,W=8,S=144  U1 uptime by quorum of a zone of N devices, W watchers, S slots
    N       devices of a zone: 1, 16, 256 or 4096
    W       watchers of a zone: 1 to 10
    S       slots of an epoch: 24, 144, 288, 1440 and others
    D, L    levels of the device tree (5) and of a seat's watcher tree (3)
    outage  with the rule that no outage is longer than a limit";

/// Lists, writes or counts.
///
/// # Errors
/// If a file cannot be written.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            show(LIST)?;
        }
        Command::R1cs { circuit, out } => {
            create_folder(out)?;
            let r1cs = circuit.build();
            let file = export::r1cs_file(&r1cs).map_err(Failure::input)?;
            let mut symbols = Vec::new();
            export::sym_file(&r1cs, &mut symbols).map_err(Failure::internal)?;
            write(&out.join("circuit.r1cs"), &file)?;
            write(&out.join("circuit.sym"), &symbols)?;
            show(format_args!(
                "{circuit}: {} constraints, {} wires, id {}",
                r1cs.constraints(),
                r1cs.wires(),
                CircuitId::of(&file)
            ))?;
        }
        Command::Counts {
            circuit: Some(circuit),
        } => {
            show("part,constraints")?;
            for (part, constraints) in catalog::breakdown(&circuit.build()) {
                show(format_args!("{part},{constraints}"))?;
            }
        }
        Command::Counts { circuit: None } => {
            show(catalog::COUNTS_HEADER)?;
            for line in catalog::counts_lines() {
                show(line)?;
            }
        }
    }
    Ok(())
}
