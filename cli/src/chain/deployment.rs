//! `chain.json`: where a network's contracts are. `chain deploy` writes it, every other command reads it.

use super::beacon::Beacon;
use crate::failure::{Failure, in_file};
use crate::files::{read_text, write};
use alloy_primitives::{Address, FixedBytes};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The contracts of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block of the first deployment: events are not older.
    pub block: u64,
    /// `Rewards`: epochs and money.
    pub rewards: Address,
    /// `VerifierRouter`.
    pub router: Address,
    /// OpenZeppelin's `TimelockController`.
    pub timelock: Address,
    /// The ERC-20 token.
    pub token: Address,
    /// `DrandBeacon`.
    pub beacon: Address,
    /// The network whose randomness counts.
    pub randomness: Beacon,
    /// The verifiers that the router knew at first.
    pub verifiers: Vec<Verifier>,
}

/// A verifier and what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// The circuit's name, such as `uptime:N=16,W=8,S=144`.
    pub circuit: String,
    /// Its selector in the router.
    pub selector: FixedBytes<4>,
    /// The verifier of the key.
    pub verifier: Address,
    /// `EmergencyStop`, which the router knows.
    pub stop: Address,
}

impl Deployment {
    /// Reads the file.
    ///
    /// # Errors
    /// `Input`, naming file, line and field.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        serde_json::from_str(&read_text(path)?).map_err(in_file(path))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(Failure::internal)?;
        write(path, text + "\n")
    }

    /// The verifier of a circuit.
    ///
    /// # Errors
    /// `Input` if none was deployed.
    pub fn verifier(&self, circuit: &str) -> Result<&Verifier, Failure> {
        let known = || {
            let names: Vec<&str> = self
                .verifiers
                .iter()
                .map(|verifier| verifier.circuit.as_str())
                .collect();
            names.join(", ")
        };
        self.verifiers
            .iter()
            .find(|verifier| verifier.circuit == circuit)
            .ok_or_else(|| {
                Failure::input(format!(
                    "no verifier of {circuit} is deployed, only of {}",
                    known()
                ))
            })
    }
}
