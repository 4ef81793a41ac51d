//! The folder that an epoch's run fills: where each file is, and the files that are made of all zones together.

use crate::failure::Failure;
use crate::files::{Streamed, create_folder, write};
use crate::fleet_folder::{claims_json, settlement_json};
use popw_claims::fleet::{Claim, Fleet, Rejection};
use popw_claims::settlement::KeccakTree;
use popw_verifier::{Bn254, Proof, snarkjs};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Paths of the files.
pub struct Outputs {
    folder: PathBuf,
}

impl Outputs {
    /// Creates the folder.
    ///
    /// # Errors
    /// If that fails.
    pub fn create(folder: &Path) -> Result<Self, Failure> {
        for part in ["proofs", "settle"] {
            create_folder(&folder.join(part))?;
        }
        Ok(Self::at(folder))
    }

    /// The files of a folder that is there.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// `state.jsonl`.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state.jsonl")
    }

    /// `verification_key.json`, as snarkjs writes it.
    pub fn verification_key(&self) -> PathBuf {
        self.folder.join("verification_key.json")
    }

    /// `attestations.json`: the root that is posted, and the digests behind it.
    pub fn attestations(&self) -> PathBuf {
        self.folder.join("attestations.json")
    }

    /// `rejected.jsonl`: the votes that did not count, with place and reason.
    pub fn rejected(&self) -> PathBuf {
        self.folder.join("rejected.jsonl")
    }

    /// `claims.json`: leaf and path of each device that may claim, zone by zone.
    pub fn claims(&self) -> PathBuf {
        self.folder.join("claims.json")
    }

    /// `report.html`.
    pub fn report(&self) -> PathBuf {
        self.folder.join("report.html")
    }

    /// `proofs/ZONE.json`, as snarkjs writes it.
    pub fn proof(&self, zone: u64) -> PathBuf {
        self.folder.join(format!("proofs/{zone}.json"))
    }

    /// `proofs/ZONE.public.json`, as snarkjs writes it.
    pub fn public(&self, zone: u64) -> PathBuf {
        self.folder.join(format!("proofs/{zone}.public.json"))
    }

    /// `settle/ZONE.json`: the arguments of `settle` but for the proof.
    pub fn settlement(&self, zone: u64) -> PathBuf {
        self.folder.join(format!("settle/{zone}.json"))
    }

    /// Writes the files of a zone.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_zone(&self, claim: &Claim, path: &[[u8; 32]], proof: &Proof<Bn254>) -> Result<(), Failure> {
        let zone = claim.statement.zone;
        let proof = snarkjs::write_proof(proof).map_err(Failure::internal)?;
        write(&self.proof(zone), proof)?;
        write(&self.public(zone), public_json(claim)?)?;
        write(&self.settlement(zone), settlement(claim, path))
    }
}

/// `proofs/ZONE.public.json`.
///
/// # Errors
/// Never, for the seven inputs of a claim.
pub fn public_json(claim: &Claim) -> Result<String, Failure> {
    snarkjs::write_public(&claim.statement.public_inputs()).map_err(Failure::internal)
}

/// `settle/ZONE.json`: the arguments of `settle` but for the proof.
pub fn settlement(claim: &Claim, path: &[[u8; 32]]) -> String {
    let mut settlement = settlement_json(claim);
    settlement["path"] = path
        .iter()
        .map(|node| format!("0x{}", hex::encode(node)))
        .collect();
    settlement.to_string()
}

/// `claims.json`: one object whose `zones` are lines of their own.
pub struct ClaimsFile {
    file: Streamed,
    separator: &'static str,
}

impl ClaimsFile {
    /// Begins the file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path, fleet: &Fleet) -> Result<Self, Failure> {
        let mut file = Streamed::create(path)?;
        let number = fleet.epoch().number();
        file.print(format_args!("{{\"epoch\":{number},\"zones\":[\n"))?;
        Ok(Self { file, separator: "" })
    }

    /// Adds a zone.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, fleet: &Fleet, claim: &Claim) -> Result<(), Failure> {
        let claims = claims_json(fleet, claim)?;
        self.file.print(format_args!("{}{claims}", self.separator))?;
        self.separator = ",\n";
        Ok(())
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.file.print("\n]}\n")?;
        self.file.finish()
    }
}

/// A line of `rejected.jsonl`; the file is named without its folder.
pub fn rejected_line(rejection: &Rejection) -> String {
    let Rejection {
        file: path,
        unit,
        number,
        flaw,
    } = rejection;
    let file = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    let line = json!({
        "file": file, "unit": unit, "number": number, "field": flaw.field,
        "reason": flaw.reason.name(), "detail": flaw.detail,
    });
    format!("{line}\n")
}

/// `attestations.json`: the root that is posted on chain, and the digests of each zone, 0x and 32 bytes each.
pub fn attestations_json(root: &[u8; 32], digests: &[Vec<popw_verifier::Fr>]) -> String {
    let hex_of = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let digests: Vec<Vec<String>> = digests
        .iter()
        .map(|zone| {
            zone.iter()
                .map(|digest| hex_of(&popw_claims::field::to_be_bytes(digest)))
                .collect()
        })
        .collect();
    json!({ "root": hex_of(root), "digests": digests }).to_string()
}

/// The tree over the digests of zones 0, 1, ..
///
/// # Errors
/// If there are no zones.
pub fn attestation_tree(digests: &[Vec<popw_verifier::Fr>]) -> Result<KeccakTree, Failure> {
    KeccakTree::of_zones(digests.iter().map(Vec::as_slice)).map_err(Failure::input)
}
