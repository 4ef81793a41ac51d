//! `popw circuit list|r1cs|counts`.

use crate::failure::Failure;
use crate::files::{create_folder, write};
use crate::screen::show;
use popw_circuits::{R1cs, catalog, coverage, location, uptime, vote};
use popw_claims::{
    coverage as coverage_claim, location as location_claim, uptime as uptime_claim, vote as vote_claim,
};
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
        /// The circuit, such as uptime:N=16,W=8,S=144 or coverage:M=14
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

/// A circuit by name: claim and shape, such as `uptime:N=16,W=8,S=144`, `vote:N=16,W=8,S=144`, `coverage:M=14` or `location:R=24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitName {
    /// U1.
    Uptime(uptime_claim::Shape),
    /// C1.
    Coverage(coverage_claim::Shape),
    /// L1.
    Location(location_claim::Shape),
    /// V1.
    Vote(vote_claim::Shape),
}

impl CircuitName {
    /// The constraints.
    pub fn build(&self) -> R1cs<Fr> {
        match self {
            Self::Uptime(shape) => uptime::structure(shape),
            Self::Coverage(shape) => coverage::structure(shape),
            Self::Location(shape) => location::structure(shape),
            Self::Vote(shape) => vote::structure(shape),
        }
    }
}

impl fmt::Display for CircuitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (claim, shape) = match self {
            Self::Uptime(shape) => ("uptime", shape.to_string()),
            Self::Coverage(shape) => ("coverage", shape.to_string()),
            Self::Location(shape) => ("location", shape.to_string()),
            Self::Vote(shape) => ("vote", shape.to_string()),
        };
        write!(f, "{claim}:{}", shape.replace(' ', ","))
    }
}

impl FromStr for CircuitName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (claim, parameters) = text.split_once(':').unwrap_or((text, ""));
        match claim {
            "uptime" => {
                let mut shape = uptime_claim::Shape::new(16, 8, 144);
                read_shape(
                    parameters,
                    &mut [
                        ("N", &mut shape.devices),
                        ("W", &mut shape.watchers),
                        ("S", &mut shape.slots),
                        ("D", &mut shape.device_levels),
                        ("L", &mut shape.seat_levels),
                    ],
                    Some(("outage", &mut shape.outage_rule)),
                )?;
                shape.validate().map(|()| Self::Uptime(shape))
            }
            "coverage" => {
                let mut shape = coverage_claim::Shape::new(coverage_claim::params::WITNESSES_MAX);
                read_shape(
                    parameters,
                    &mut [
                        ("M", &mut shape.witnesses),
                        ("D", &mut shape.device_levels),
                        ("L", &mut shape.seat_levels),
                    ],
                    None,
                )?;
                shape.validate().map(|()| Self::Coverage(shape))
            }
            "location" => {
                let mut shape = location_claim::Shape::new(24);
                read_shape(
                    parameters,
                    &mut [
                        ("R", &mut shape.reports),
                        ("D", &mut shape.device_levels),
                        ("L", &mut shape.seat_levels),
                    ],
                    None,
                )?;
                shape.validate().map(|()| Self::Location(shape))
            }
            "vote" => {
                let mut shape = vote_claim::Shape::new(16, 8, 144);
                read_shape(
                    parameters,
                    &mut [
                        ("N", &mut shape.devices),
                        ("W", &mut shape.watchers),
                        ("S", &mut shape.slots),
                        ("L", &mut shape.seat_levels),
                    ],
                    None,
                )?;
                shape.validate().map(|()| Self::Vote(shape))
            }
            _ => {
                return Err(format!(
                    "there is no circuit `{claim}`; `popw circuit list` shows those there are"
                ));
            }
        }
        .map_err(|error| error.to_string())
    }
}

/// Reads `NAME=NUMBER`, separated by commas or spaces, into the numbers of those names, and the word of the flag, if there is one.
fn read_shape(
    text: &str,
    numbers: &mut [(&str, &mut usize)],
    mut flag: Option<(&str, &mut bool)>,
) -> Result<(), String> {
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        if let Some((word, is_set)) = &mut flag
            && part == *word
        {
            **is_set = true;
            continue;
        }
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is not NAME=NUMBER"))?;
        let names: Vec<&str> = numbers.iter().map(|(name, _)| *name).collect();
        let number = numbers.iter_mut().find(|(known, _)| *known == name);
        let (_, number) = number.ok_or_else(|| format!("`{name}` is not one of {}", names.join(", ")))?;
        **number = value.parse().map_err(|error| format!("`{part}`: {error}"))?;
    }
    Ok(())
}

const LIST: &str = "\
uptime:N=16,W=8,S=144  U1 uptime by quorum of a zone of N devices, W watchers, S slots
    N       devices of a zone: 1, 16, 256 or 4096
    W       watchers of a zone: 1 to 10
    S       slots of an epoch: 24, 144, 288, 1440 and others
    outage  with the rule that no outage is longer than a limit
coverage:M=14          C1 challenged radio coverage of a beacon with at most M witnesses
    M       witnesses: 1 to 14
location:R=24          L1 location consistency of a device in R reports
    R       reports of an epoch: 1 to 288
vote:N=16,W=8,S=144    V1 the opened vote of a watcher, for U1 of this shape
    N, W, S as for uptime
D, L levels of the device tree (5; none for vote) and of a seat's watcher tree (3), of every claim";

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in [
            "uptime:N=16,W=8,S=144",
            "uptime:N=1,W=3,S=24,D=2,L=1,outage",
            "coverage:M=14",
            "coverage:M=2,D=1,L=1",
            "location:R=24",
            "location:R=288,D=4,L=2",
            "vote:N=16,W=8,S=144",
            "vote:N=1,W=3,S=24,L=1",
        ] {
            assert_eq!(name.parse::<CircuitName>().unwrap().to_string(), name);
        }
        assert_eq!("coverage".parse(), "coverage:M=14".parse::<CircuitName>());
        for (name, reason) in [
            ("presence", "no circuit `presence`"),
            ("coverage:N=4", "`N` is not one of M, D, L"),
            ("coverage:outage", "`outage` is not NAME=NUMBER"),
            ("coverage:M=15", "1 to 14"),
            ("location:R=0", "1 to 288"),
            ("vote:N=16,D=5", "`D` is not one of N, W, S, L"),
            ("vote:W=11", "1 to 10"),
            ("uptime:N=x", "invalid digit"),
        ] {
            let refused = name.parse::<CircuitName>().unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
