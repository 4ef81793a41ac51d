//! What the operator does with an epoch: `open`, `draw`, `attest`, `settle`, `close`.

use super::account::AccountArgs;
use super::client::{ChainArgs, Sender, refused};
use super::history::History;
use super::rpc::Call;
use crate::commands::circuit::CircuitName;
use crate::contracts::{Rewards, TestToken, word};
use crate::epoch::outputs::Outputs;
use crate::failure::{Failure, in_file};
use crate::files::{read_bytes, read_text, write};
use crate::fleet_folder;
use crate::report::text::counted;
use crate::screen::show;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use popw_claims::field::to_be_bytes;
use popw_claims::fleet::{EpochTable, Fleet};
use popw_claims::vote;
use popw_verifier::snarkjs;
use popw_verifier::words::proof_to_words;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Zones of one `attest`: its calldata stays below 100 kB.
const ATTEST_ZONES: usize = 256;
/// About the gas of a batch: half of what a transaction may use.
const BATCH_GAS: u64 = super::client::TRANSACTION_GAS_MAX / 2;
/// About the gas of a zone in a batch, and of a device (verifier/contracts/gas.csv).
const ZONE_GAS: u64 = 100_000;
const DEVICE_GAS: u64 = 1_000;

/// Plans an epoch.
#[derive(clap::Args)]
pub struct OpenArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The fleet's folder: its registries, parameters and the epoch's number are frozen
    fleet: PathBuf,
    /// What the epoch pays in all, in the token's smallest unit
    #[arg(long, value_name = "AMOUNT", value_parser = super::amount)]
    budget: U256,
    #[command(flatten)]
    account: AccountArgs,
}

/// Brings an epoch's randomness.
#[derive(clap::Args)]
pub struct DrawArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The fleet's folder, whose epoch.toml is written anew
    fleet: PathBuf,
    /// The beacon's signature of the epoch's round, compressed, in hexadecimal
    #[arg(long, value_name = "HEX")]
    signature: Option<String>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Posts digests.
#[derive(clap::Args)]
pub struct AttestArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The fleet's folder, with its attestations
    fleet: PathBuf,
    /// Post these digests: a file like the attestations.json of `epoch run`; those of the fleet's attestations if absent
    #[arg(long, value_name = "FILE")]
    digests: Option<PathBuf>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Settles zones.
#[derive(clap::Args)]
pub struct SettleArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The folder that `epoch run` filled
    folder: PathBuf,
    /// Zones of a batch at most; as many as the gas allows if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: Option<u16>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Closes an epoch.
#[derive(clap::Args)]
pub struct CloseArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Number of the epoch
    #[arg(long)]
    epoch: u64,
    #[command(flatten)]
    account: AccountArgs,
}

/// Opens an epoch; lets the contract take the budget first.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` with the contract's reason.
pub fn open(args: &OpenArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let fleet = fleet_folder::read(&args.fleet)?;
    let plan = plan(&sender, &fleet, args.budget)?;
    let allowance = sender.ask(
        sender.deployment.token,
        &TestToken::allowanceCall {
            owner: sender.address(),
            spender: sender.deployment.rewards,
        },
    )?;
    if allowance < args.budget {
        let approve = TestToken::approveCall {
            spender: sender.deployment.rewards,
            amount: args.budget,
        };
        sender.send_to(sender.deployment.token, U256::ZERO, &approve)?;
    }
    let epoch = fleet.epoch().number();
    let zones = plan.zones;
    let receipt = sender.send(&Rewards::openCall { epoch, plan })?;
    show(format_args!(
        "epoch {epoch} is open: {zones} zones, budget {}, {} gas",
        args.budget, receipt.gas_used
    ))
}

/// What an epoch of this fleet freezes.
fn plan(sender: &Sender, fleet: &Fleet, budget: U256) -> Result<Rewards::Plan, Failure> {
    let shape = fleet.shape();
    let deployment = &sender.deployment;
    let uptime = deployment.verifier(&CircuitName::Uptime(*shape).to_string())?;
    let votes = deployment.verifier(&CircuitName::Vote(vote::Shape::of(shape)).to_string())?;
    let zones = fleet.zones().last().map_or(0, |last| last + 1);
    Ok(Rewards::Plan {
        uptimeSelector: uptime.selector,
        voteSelector: votes.selector,
        devices: shape.devices.try_into().map_err(Failure::input)?,
        watchers: shape.watchers.try_into().map_err(Failure::input)?,
        zones: zones.try_into().map_err(Failure::input)?,
        registryRoot: word(&fleet.context().registry_root),
        parametersHash: word(&fleet.context().parameters_hash),
        budget: budget.to(),
    })
}

/// Draws; if the epoch is drawn already, only the file is written.
///
/// # Errors
/// `Input` if a file or the signature cannot be used, `Refused` with the contract's reason.
pub fn draw(args: &DrawArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let fleet = fleet_folder::read(&args.fleet)?;
    let epoch = fleet.epoch().number();
    let mut history = sender.history(epoch)?;
    if history.drawn.is_none() {
        let signature = sender
            .deployment
            .randomness
            .signature(history.round, args.signature.as_deref())?;
        let receipt = sender.send(&Rewards::drawCall {
            epoch,
            signature: signature.encoded().to_vec().into(),
        })?;
        show(format_args!("epoch {epoch} is drawn, {} gas", receipt.gas_used))?;
        history = sender.history(epoch)?;
    }
    let Some((randomness, tag)) = history.drawn else {
        return Err(Failure::internal(format!(
            "epoch {epoch} was drawn, and the node shows no event of it"
        )));
    };
    let path = args.fleet.join("epoch.toml");
    let table = EpochTable {
        chain_id: sender.deployment.chain_id,
        settlement: sender.deployment.rewards.into_array(),
        selector: history.plan.uptimeSelector.0,
        number: epoch,
        start: fleet.epoch().start(),
        randomness: randomness.0,
        previous_randomness: fleet.previous_randomness(),
    };
    write(&path, table.to_string())?;
    // What is signed from here on is signed under the contract's tag.
    let native = word(&fleet_folder::read(&args.fleet)?.epoch_tag());
    if native != tag {
        return Err(Failure::refused(format!(
            "{}: epoch tag: the contract's is {tag}, that of the fleet's files {native}: the epoch was opened with other files",
            path.display()
        )));
    }
    show(format_args!("wrote {}", path.display()))
}

/// The digests that are posted.
#[derive(Deserialize)]
struct DigestsFile {
    digests: Vec<Vec<B256>>,
}

/// Posts the digests of all zones that have none yet, with the hash of the attestations' file, which holds the bitmaps.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` with the contract's reason.
pub fn attest(args: &AttestArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let fleet = fleet_folder::read(&args.fleet)?;
    let epoch = fleet.epoch().number();
    let history = sender.history(epoch)?;
    let watchers = usize::from(history.plan.watchers);
    let digests = match &args.digests {
        Some(path) => read_digests(path, watchers)?,
        None => fleet_digests(&args.fleet, &fleet)?,
    };
    let (path, _) = fleet_folder::attestations_file(&args.fleet)?;
    let bitmaps_hash = keccak256(read_bytes(&path)?);
    let open: Vec<(u64, &Vec<B256>)> = (0..)
        .zip(&digests)
        .filter(|(zone, _)| history.zones.get(zone).is_none_or(|zone| zone.digests.is_empty()))
        .collect();
    // Runs of zones in a row, a transaction each.
    let in_a_row = |a: &(u64, _), b: &(u64, _)| a.0 + 1 == b.0;
    for run in open.chunk_by(in_a_row).flat_map(|run| run.chunks(ATTEST_ZONES)) {
        let Some((first, _)) = run.first() else { continue };
        let bytes: Vec<u8> = run
            .iter()
            .flat_map(|(_, zone)| zone.iter().flat_map(|digest| digest.0))
            .collect();
        let receipt = sender.send(&Rewards::attestCall {
            epoch,
            firstZone: *first,
            bitmapsHash: bitmaps_hash,
            digests: bytes.into(),
        })?;
        show(format_args!(
            "zones {first} to {} are attested, {} gas",
            first + run.len() as u64 - 1,
            receipt.gas_used
        ))?;
    }
    Ok(())
}

fn read_digests(path: &Path, watchers: usize) -> Result<Vec<Vec<B256>>, Failure> {
    let file: DigestsFile = serde_json::from_str(&read_text(path)?).map_err(in_file(path))?;
    match file.digests.iter().position(|zone| zone.len() != watchers) {
        Some(zone) => Err(Failure::input(format!(
            "{}: digests of zone {zone}: expected {watchers}, got {}",
            path.display(),
            file.digests[zone].len()
        ))),
        None => Ok(file.digests),
    }
}

/// The digests of a fleet's attestations, zone by zone; votes that do not count are left out, as `epoch run` leaves them out.
fn fleet_digests(folder: &Path, fleet: &Fleet) -> Result<Vec<Vec<B256>>, Failure> {
    let attestations = fleet_folder::ingest(folder, fleet, |_| {})?;
    let zones = fleet.zones().last().map_or(0, |last| last + 1);
    let words = |zone| {
        attestations
            .digests(zone)
            .iter()
            .map(|digest| B256::from(to_be_bytes(digest)))
            .collect()
    };
    Ok((0..zones).map(words).collect())
}

/// `claims.json`, as far as it is needed here.
#[derive(Deserialize)]
struct ClaimsHeader {
    epoch: u64,
}

/// `settle/ZONE.json`.
#[derive(Deserialize)]
struct SettlementFile {
    zone: u64,
    out_commit: String,
    data: Bytes,
}

/// Settles what is proven and not settled. A zone that the contract refuses holds no other one up.
///
/// # Errors
/// `Input` if a file cannot be used, `Refused` with the contract's reason for each zone that it refuses.
pub fn settle(args: &SettleArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let claims = args.folder.join("claims.json");
    let ClaimsHeader { epoch } = serde_json::from_str(&read_text(&claims)?).map_err(in_file(&claims))?;
    let history = sender.history(epoch)?;
    let outputs = Outputs::at(&args.folder);
    let zones: Vec<u64> = (0..u64::from(history.plan.zones))
        .filter(|zone| history.zones.get(zone).is_none_or(|zone| zone.settled.is_none()))
        .filter(|zone| outputs.settlement(*zone).is_file())
        .collect();
    let gas = ZONE_GAS + DEVICE_GAS * u64::from(history.plan.devices);
    let size = match args.batch {
        Some(batch) => usize::from(batch),
        None => usize::try_from(BATCH_GAS / gas)
            .map_err(Failure::internal)?
            .max(1),
    };
    let mut failures = Vec::new();
    let mut settled = 0;
    for batch in zones.chunks(size) {
        let mut settlements = batch
            .iter()
            .map(|zone| read_settlement(&outputs, *zone))
            .collect::<Result<Vec<_>, _>>()?;
        if try_settle(&sender, epoch, &settlements).is_err() {
            // One of them at least is refused: find out which, and settle the others.
            settlements.retain(|settlement| {
                let refusal = try_settle(&sender, epoch, std::slice::from_ref(settlement)).err();
                let accepted = refusal.is_none();
                failures
                    .extend(refusal.map(|failure| format!("zone {}: {}", settlement.zone, failure.message)));
                accepted
            });
        }
        if settlements.is_empty() {
            continue;
        }
        let count = settlements.len();
        let receipt = sender.send_data(settle_calldata(epoch, settlements))?;
        settled += count;
        show(format_args!(
            "{} settled, {} gas",
            counted(count as u64, "zone is", "zones are"),
            receipt.gas_used
        ))?;
    }
    show(format_args!(
        "settled now: {settled} of {}",
        counted(zones.len() as u64, "open zone", "open zones")
    ))?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::refused(failures.join("\n"))),
    }
}

/// What the contract would say.
fn try_settle(sender: &Sender, epoch: u64, settlements: &[Rewards::Settlement]) -> Result<(), Failure> {
    sender
        .rpc()
        .call(&Call {
            from: sender.address(),
            to: Some(sender.deployment.rewards),
            value: U256::ZERO,
            data: settle_calldata(epoch, settlements.to_vec()),
        })
        .map(|_| ())
        .map_err(refused)
}

/// The call that settles one zone, or several in a batch.
fn settle_calldata(epoch: u64, settlements: Vec<Rewards::Settlement>) -> Bytes {
    let calldata = match <[_; 1]>::try_from(settlements) {
        Ok([one]) => Rewards::settleCall {
            epoch,
            zone: one.zone,
            outCommit: one.outCommit,
            data: one.data,
            proof: one.proof,
        }
        .abi_encode(),
        Err(settlements) => Rewards::settleBatchCall { epoch, settlements }.abi_encode(),
    };
    calldata.into()
}

fn read_settlement(outputs: &Outputs, zone: u64) -> Result<Rewards::Settlement, Failure> {
    let path = outputs.settlement(zone);
    let file: SettlementFile = serde_json::from_str(&read_text(&path)?).map_err(in_file(&path))?;
    if file.zone != zone {
        return Err(Failure::input(format!(
            "{}: zone: expected {zone}, got {}",
            path.display(),
            file.zone
        )));
    }
    let out_commit = U256::from_str_radix(&file.out_commit, 10)
        .map_err(|error| Failure::input(format!("{}: out_commit: {error}", path.display())))?;
    let path = outputs.proof(zone);
    let proof = snarkjs::read_proof(&read_text(&path)?).map_err(in_file(&path))?;
    Ok(Rewards::Settlement {
        zone,
        outCommit: out_commit,
        data: file.data,
        proof: proof_to_words(&proof).map(U256::from_be_bytes),
    })
}

/// Closes.
///
/// # Errors
/// `Refused` with the contract's reason.
pub fn close(args: &CloseArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let receipt = sender.send(&Rewards::closeCall { epoch: args.epoch })?;
    let history: History = sender.history(args.epoch)?;
    show(format_args!(
        "epoch {} is closed: sum of scores {}, {} gas",
        args.epoch,
        history.total.unwrap_or_default(),
        receipt.gas_used
    ))
}
