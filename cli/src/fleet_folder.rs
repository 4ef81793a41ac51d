//! `FLEET_DIR/` on disk: the files of `popw_claims::fleet`, and what a zone's proof leaves behind.

use crate::failure::Failure;
use popw_claims::field::to_decimal;
use popw_claims::fleet::{Attestations, Claim, Encoding, Fleet, Rejection, Source};
use popw_claims::settlement::KeccakTree;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The files that [`read`] needs; attestations stand in a file of either [`Encoding`].
pub const NETWORK_FILES: [&str; 4] = ["params.toml", "epoch.toml", "registry.jsonl", "watchers.jsonl"];

/// Reads a fleet's network.
///
/// # Errors
/// `Input`, naming file, line, field and reason.
pub fn read(folder: &Path) -> Result<Fleet, Failure> {
    let [parameters, epoch, registry, watchers] = NETWORK_FILES.map(|name| folder.join(name));
    Fleet::read(
        open(&parameters)?,
        open(&epoch)?,
        open(&registry)?,
        open(&watchers)?,
    )
    .map_err(Failure::input)
}

/// Reads and verifies the attestations of a fleet; what does not count goes to `reject`.
///
/// # Errors
/// `Input` if there is no such file, or two, or it cannot be read.
pub fn ingest(
    folder: &Path,
    fleet: &Fleet,
    reject: impl FnMut(Rejection),
) -> Result<Attestations<File>, Failure> {
    let (path, encoding) = attestations_file(folder)?;
    Attestations::ingest(fleet, open(&path)?, encoding, reject).map_err(Failure::input)
}

/// The file of a fleet's attestations.
///
/// # Errors
/// `Input` if there is no such file, or two.
pub fn attestations_file(folder: &Path) -> Result<(PathBuf, Encoding), Failure> {
    let mut found = Encoding::ALL
        .into_iter()
        .map(|encoding| (folder.join(encoding.file_name()), encoding))
        .filter(|(path, _)| path.exists());
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        _ => {
            let names = Encoding::ALL.map(Encoding::file_name).join(" or ");
            Err(Failure::input(format!(
                "{}: expected {names}, and only one of them",
                folder.display()
            )))
        }
    }
}

fn open(path: &Path) -> Result<Source<File>, Failure> {
    let reader = File::open(path)
        .map_err(|error| Failure::input(format!("{}: cannot be read: {error}", path.display())))?;
    Ok(Source {
        name: path.display().to_string(),
        reader,
    })
}

/// `settle.json`: the arguments of `settle` but for path and proof.
pub fn settlement_json(claim: &Claim) -> serde_json::Value {
    json!({
        "zone": claim.statement.zone,
        "out_commit": to_decimal(&claim.statement.out_commit),
        "data": format!("0x{}", hex::encode(&claim.settlement_data)),
    })
}

/// `claims.json`: leaf and path of each device that may claim.
///
/// # Errors
/// If the zone has no devices.
pub fn claims_json(fleet: &Fleet, claim: &Claim) -> Result<serde_json::Value, Failure> {
    let tree = claim_tree(fleet, claim)?;
    let first = claim.statement.zone * fleet.shape().devices as u64;
    let hex_of = |node: &[u8; 32]| format!("0x{}", hex::encode(node));
    let mut devices = Vec::new();
    for (place, (payee, score)) in payees_and_scores(fleet, claim).into_iter().enumerate() {
        if payee == [0; 20] || score == 0 {
            continue;
        }
        let path = tree.path(place).map_err(Failure::internal)?;
        devices.push(json!({
            "index": first + place as u64,
            "payee": format!("0x{}", hex::encode(payee)),
            "score": score,
            "leaf": hex_of(&tree.leaves()[place]),
            "path": path.iter().map(hex_of).collect::<Vec<_>>(),
        }));
    }
    Ok(
        json!({ "epoch": fleet.epoch().number(), "zone": claim.statement.zone, "root": hex_of(&tree.root()), "claims": devices }),
    )
}

/// The keccak tree that the contract builds from the settlement data.
///
/// # Errors
/// If the zone has no devices.
pub fn claim_tree(fleet: &Fleet, claim: &Claim) -> Result<KeccakTree, Failure> {
    let first = claim.statement.zone * fleet.shape().devices as u64;
    KeccakTree::of_claims(fleet.epoch().number(), first, payees_and_scores(fleet, claim))
        .map_err(Failure::internal)
}

/// Payee and score of each device, as the settlement data has them.
fn payees_and_scores(fleet: &Fleet, claim: &Claim) -> Vec<([u8; 20], u32)> {
    let rows = claim
        .settlement_data
        .as_chunks::<24>()
        .0
        .iter()
        .take(fleet.shape().devices);
    rows.map(|row| {
        let mut payee = [0; 20];
        payee.copy_from_slice(&row[..20]);
        (payee, u32::from_be_bytes([row[20], row[21], row[22], row[23]]))
    })
    .collect()
}
