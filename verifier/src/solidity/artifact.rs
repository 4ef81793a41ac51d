//! Committed creation bytecode, compiled by `verifier/contracts/compile.cjs`.
//!
//! In a verifier's bytecode the key's words are zero; the artifact says where they go. They lie there as one run of
//! data behind the code, so filling them in gives what the compiler gives for the exported text.

use super::{BYTECODE_INPUTS_MAX, ExportError, Grade};
use alloc::{string::ToString, vec::Vec};
use serde::Deserialize;

macro_rules! artifact {
    ($file:literal) => {
        ($file, include_str!(concat!("../../contracts/artifacts/", $file)))
    };
}

/// A contract that is deployed as it was compiled; its constructor's arguments, ABI-encoded, follow the creation bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Randomness of a drand network: `constructor(bytes publicKey, uint64 genesis, uint32 period)`.
    DrandBeacon,
    /// A verifier that can be stopped for ever: `constructor(address verifier, address guardian)`.
    EmergencyStop,
    /// Epochs, from the plan to the paid reward: `constructor(Setup setup, Terms terms, Roles roles)`, all three of static fields.
    Rewards,
    /// A worthless ERC-20 token, on chain id 31337 only.
    TestToken,
    /// OpenZeppelin's timelock: `constructor(uint256 minDelay, address[] proposers, address[] executors, address admin)`.
    TimelockController,
    /// Which verifier a selector means: `constructor(address timelock, address guardian, address[] verifiers, bytes32[]
    /// circuitIds)`.
    VerifierRouter,
}

impl Contract {
    /// Every contract that has an artifact of this kind.
    pub const ALL: [Self; 6] = [
        Self::DrandBeacon,
        Self::EmergencyStop,
        Self::Rewards,
        Self::TestToken,
        Self::TimelockController,
        Self::VerifierRouter,
    ];

    fn artifact(self) -> (&'static str, &'static str) {
        match self {
            Self::DrandBeacon => artifact!("DrandBeacon.json"),
            Self::EmergencyStop => artifact!("EmergencyStop.json"),
            Self::Rewards => artifact!("Rewards.json"),
            Self::TestToken => artifact!("TestToken.json"),
            Self::TimelockController => artifact!("TimelockController.json"),
            Self::VerifierRouter => artifact!("VerifierRouter.json"),
        }
    }
}

/// Of 1, 2, .. public inputs.
const VERIFIERS: [(&str, &str); BYTECODE_INPUTS_MAX] = [
    artifact!("Groth16Verifier1.json"),
    artifact!("Groth16Verifier2.json"),
    artifact!("Groth16Verifier3.json"),
    artifact!("Groth16Verifier4.json"),
    artifact!("Groth16Verifier5.json"),
    artifact!("Groth16Verifier6.json"),
    artifact!("Groth16Verifier7.json"),
    artifact!("Groth16Verifier8.json"),
];

#[derive(Deserialize)]
struct VerifierJson<'a> {
    inputs: usize,
    #[serde(borrow)]
    ceremony: Code<'a>,
    #[serde(borrow)]
    dev: Code<'a>,
}

#[derive(Deserialize)]
struct Code<'a> {
    key_offset: usize,
    key_length: usize,
    creation: &'a str,
}

#[derive(Deserialize)]
struct ContractJson<'a> {
    creation: &'a str,
}

/// Creation bytecode of a verifier, with the key filled in.
pub(super) fn verifier_bytecode(inputs: usize, grade: Grade, key: &[u8]) -> Result<Vec<u8>, ExportError> {
    let (file, text) = inputs
        .checked_sub(1)
        .and_then(|index| VERIFIERS.get(index))
        .ok_or(ExportError::NoArtifact { got: inputs })?;
    let failed = |message: &str| ExportError::Artifact {
        file,
        message: message.to_string(),
    };
    let json: VerifierJson<'_> = serde_json::from_str(text).map_err(|error| failed(&error.to_string()))?;
    let code = match grade {
        Grade::Dev => json.dev,
        Grade::Ceremony => json.ceremony,
    };
    if json.inputs != inputs || code.key_length != key.len() {
        return Err(failed("is for another number of public inputs"));
    }
    let mut creation = hex::decode(code.creation).map_err(|error| failed(&error.to_string()))?;
    let end = code.key_offset.checked_add(code.key_length);
    match end.and_then(|end| creation.get_mut(code.key_offset..end)) {
        Some(place) if place.iter().all(|byte| *byte == 0) => place.copy_from_slice(key),
        Some(_) => return Err(failed("the place of the key is not blank")),
        None => return Err(failed("the place of the key is not in the bytecode")),
    }
    Ok(creation)
}

/// Creation bytecode of a contract; its constructor's arguments, ABI-encoded, follow it.
///
/// # Errors
/// [`ExportError::Artifact`], if this build is broken.
pub fn contract_bytecode(contract: Contract) -> Result<Vec<u8>, ExportError> {
    let (file, text) = contract.artifact();
    let failed = |message: &str| ExportError::Artifact {
        file,
        message: message.to_string(),
    };
    let json: ContractJson<'_> = serde_json::from_str(text).map_err(|error| failed(&error.to_string()))?;
    hex::decode(json.creation).map_err(|error| failed(&error.to_string()))
}
