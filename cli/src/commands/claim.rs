//! `popw claim FLEET_DIR --zone N --out DIR`: the assignment and the settlement data of a zone.

use crate::commands::circuit::CircuitName;
use crate::failure::Failure;
use crate::files::{create_folder, write};
use crate::fleet_folder;
use crate::screen::show;
use popw_keys::wtns::write_wtns;
use popw_prover::claim;
use popw_verifier::snarkjs;
use std::path::PathBuf;

/// A fleet, a zone, and where the results go.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with params.toml, epoch.toml, registry.jsonl, watchers.jsonl and attestations.jsonl or .bin
    fleet: PathBuf,
    /// The zone, counted in zones of N devices
    #[arg(long, default_value_t = 0)]
    zone: u64,
    /// Folder for witness.wtns, public.json, settle.json and claims.json
    #[arg(long)]
    out: PathBuf,
}

/// Verifies the zone's attestations natively and writes what proves and settles it.
///
/// # Errors
/// `Input` if a file cannot be used or the claim is false, naming file, line, field and reason.
pub fn run(args: &Args) -> Result<(), Failure> {
    let fleet = fleet_folder::read(&args.fleet)?;
    let mut rejections = Vec::new();
    let mut attestations = fleet_folder::ingest(&args.fleet, &fleet, |rejection| rejections.push(rejection))?;
    // An epoch goes on without the votes that do not count; who claims a single zone wants to know.
    if let Some(rejection) = rejections.into_iter().next() {
        return Err(Failure::input(rejection));
    }
    let votes = attestations.votes(args.zone).map_err(Failure::input)?;
    let claim = fleet.claim(args.zone, &votes).map_err(Failure::input)?;
    let assignment =
        claim::assignment(fleet.shape(), &claim.witness, &claim.statement).map_err(Failure::internal)?;
    let mut witness = Vec::new();
    write_wtns(&mut witness, &assignment).map_err(Failure::internal)?;
    create_folder(&args.out)?;
    write(&args.out.join("witness.wtns"), &witness)?;
    let public = snarkjs::write_public(&claim.statement.public_inputs()).map_err(Failure::internal)?;
    write(&args.out.join("public.json"), public)?;
    write(
        &args.out.join("settle.json"),
        fleet_folder::settlement_json(&claim).to_string(),
    )?;
    write(
        &args.out.join("claims.json"),
        fleet_folder::claims_json(&fleet, &claim)?.to_string(),
    )?;
    let total: u64 = claim.outcome.scores.iter().map(|score| u64::from(*score)).sum();
    show(format_args!(
        "zone {} of {}: total score {total}",
        args.zone,
        CircuitName::Uptime(*fleet.shape())
    ))?;
    show(format_args!(
        "prove it with a key of that circuit: popw prove KEY {}",
        args.out.join("witness.wtns").display()
    ))?;
    Ok(())
}
