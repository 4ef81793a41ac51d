//! `FLEET_DIR/` on disk: the files of `popw_claims::fleet`, and what a zone's proof leaves behind.

use crate::failure::Failure;
use popw_claims::field::to_decimal;
use popw_claims::fleet::{Attestations, Claim, Encoding, Fleet, Rejection, Source};
use popw_claims::settlement::{KeccakTree, ROW_BYTES, ROWS_PER_LEAF};
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

/// `settle.json`: the arguments of `settle` but for the proof.
pub fn settlement_json(claim: &Claim) -> serde_json::Value {
    json!({
        "zone": claim.statement.zone,
        "out_commit": to_decimal(&claim.statement.out_commit),
        "data": format!("0x{}", hex::encode(&claim.settlement_data)),
    })
}

/// `claims.json`: the leaves of the claim tree with their paths, and who may claim with each.
///
/// # Errors
/// Never, for the settlement data of a claim.
pub fn claims_json(fleet: &Fleet, claim: &Claim) -> Result<serde_json::Value, Failure> {
    let tree = claim_tree(fleet, claim)?;
    let hex_of = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let mut leaves = Vec::new();
    let rows_of_leaves = rows(fleet, claim).chunks(ROWS_PER_LEAF * ROW_BYTES);
    let first_indices = (first_index(fleet, claim)..).step_by(ROWS_PER_LEAF);
    for (number, (rows, first)) in rows_of_leaves.zip(first_indices).enumerate() {
        let path = tree.path(number).map_err(Failure::internal)?;
        let claims: Vec<serde_json::Value> = (first..)
            .zip(rows.as_chunks::<ROW_BYTES>().0)
            .map(|(index, row)| (index, row.split_at(20)))
            .filter(|(_, (payee, score))| payee.iter().any(|byte| *byte != 0) && *score != [0; 4])
            .map(|(index, (payee, score))| {
                let score = score.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                json!({ "index": index, "payee": hex_of(payee), "score": score })
            })
            .collect();
        leaves.push(json!({
            "first_index": first,
            "rows": hex_of(rows),
            "path": path.iter().map(|node| hex_of(node)).collect::<Vec<_>>(),
            "claims": claims,
        }));
    }
    Ok(json!({
        "epoch": fleet.epoch().number(), "zone": claim.statement.zone, "root": hex_of(&tree.claims_root()), "leaves": leaves,
    }))
}

/// The keccak tree that the contract builds from the settlement data.
///
/// # Errors
/// Never, for the settlement data of a claim.
pub fn claim_tree(fleet: &Fleet, claim: &Claim) -> Result<KeccakTree, Failure> {
    let first = first_index(fleet, claim);
    KeccakTree::of_claims(fleet.epoch().number(), first, rows(fleet, claim)).map_err(Failure::internal)
}

/// Registry index of a zone's first device.
fn first_index(fleet: &Fleet, claim: &Claim) -> u64 {
    claim.statement.zone * fleet.shape().devices as u64
}

/// The rows of the settlement data: payee and score of each device.
fn rows<'a>(fleet: &Fleet, claim: &'a Claim) -> &'a [u8] {
    let bytes = ROW_BYTES * fleet.shape().devices;
    claim.settlement_data.get(..bytes).unwrap_or_default()
}
