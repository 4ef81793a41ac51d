//! The folder that an epoch's run fills: where each file is, and the files that are made of all zones together.

use crate::failure::Failure;
use crate::files::{Streamed, create_folder, write};
use crate::fleet_folder::{claims_json, settlement_json};
use popw_claims::field::{Fr, to_be_bytes};
use popw_claims::fleet::{Claim, Fleet, Rejection};
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

    /// `attestations.json`: the digests that are posted.
    pub fn attestations(&self) -> PathBuf {
        self.folder.join("attestations.json")
    }

    /// `rejected.jsonl`: the votes that did not count, with place and reason.
    pub fn rejected(&self) -> PathBuf {
        self.folder.join("rejected.jsonl")
    }

    /// `claims.json`: the leaves of the claim trees with their paths, and who may claim with each, zone by zone.
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
    pub fn write_zone(&self, claim: &Claim, proof: &Proof<Bn254>) -> Result<(), Failure> {
        let zone = claim.statement.zone;
        let proof = snarkjs::write_proof(proof).map_err(Failure::internal)?;
        write(&self.proof(zone), proof)?;
        write(&self.public(zone), public_json(claim)?)?;
        write(&self.settlement(zone), settlement_json(claim).to_string())
    }
}

/// `proofs/ZONE.public.json`.
///
/// # Errors
/// Never, for the seven inputs of a claim.
pub fn public_json(claim: &Claim) -> Result<String, Failure> {
    snarkjs::write_public(&claim.statement.public_inputs()).map_err(Failure::internal)
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

/// `attestations.json`: the digests of zones 0, 1, .. that are posted on chain, 0x and 32 bytes each.
pub fn attestations_json(digests: &[Vec<Fr>]) -> String {
    let digest = |digest| format!("0x{}", hex::encode(to_be_bytes(digest)));
    let digests: Vec<Vec<String>> = digests
        .iter()
        .map(|zone| zone.iter().map(digest).collect())
        .collect();
    json!({ "digests": digests }).to_string()
}
