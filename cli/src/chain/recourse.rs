//! What watchers, and whoever doubts a digest, can do between the epoch and its settlement: `replace`, `demand`, `answer`,
//! `void`, `withdraw`.

use super::account::AccountArgs;
use super::client::{ChainArgs, Sender};
use super::history::{Zone, bit};
use crate::commands::Compute;
use crate::commands::circuit::CircuitName;
use crate::contracts::{Rewards, word};
use crate::failure::Failure;
use crate::fleet_folder;
use crate::screen::{Screen, show};
use alloy_primitives::U256;
use popw_claims::vote;
use popw_prover::{DevKey, Prover, Watch, claim, export};
use popw_verifier::words::proof_to_words;
use rand::rngs::OsRng;
use std::path::PathBuf;

/// Opens a vote: to replace a digest, or to answer a demand.
#[derive(clap::Args)]
pub struct OpenVoteArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The fleet's folder, whose attestations hold the vote
    fleet: PathBuf,
    #[command(flatten)]
    seat: SeatArgs,
    /// The proving key of the vote's circuit; without it a dev key, made when first needed and cached
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    account: AccountArgs,
}

/// Whose vote.
#[derive(clap::Args)]
struct SeatArgs {
    /// The zone
    #[arg(long)]
    zone: u64,
    /// The seat
    #[arg(long)]
    seat: u8,
}

/// Demands that a vote is opened.
#[derive(clap::Args)]
pub struct DemandArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Number of the epoch
    #[arg(long)]
    epoch: u64,
    #[command(flatten)]
    seat: SeatArgs,
    #[command(flatten)]
    account: AccountArgs,
}

/// Voids what was demanded and not opened.
#[derive(clap::Args)]
pub struct VoidArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Number of the epoch
    #[arg(long)]
    epoch: u64,
    /// The zone; every zone with demands if absent
    #[arg(long)]
    zone: Option<u64>,
    #[command(flatten)]
    account: AccountArgs,
}

/// Withdraws bonds.
#[derive(clap::Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    account: AccountArgs,
}

/// A vote with a proof that its watcher signed it, ready for the contract.
struct OpenedVote {
    epoch: u64,
    zone: Zone,
    out_commit: U256,
    words: Vec<u8>,
    proof: [U256; 8],
}

impl OpenVoteArgs {
    /// Reads the vote and proves it.
    fn open(&self, sender: &Sender) -> Result<OpenedVote, Failure> {
        self.compute.limit_threads()?;
        let screen = Screen::new(false);
        screen.begin("reading the fleet");
        let fleet = fleet_folder::read(&self.fleet)?;
        let epoch = fleet.epoch().number();
        let history = sender.history(epoch)?;
        let SeatArgs { zone, seat } = self.seat;
        let attested = history.zones.get(&zone).cloned();
        let mut attestations = fleet_folder::ingest(&self.fleet, &fleet, |_| {})?;
        let votes = attestations.votes(zone).map_err(Failure::input)?;
        let shape = vote::Shape::of(fleet.shape());
        let selector = history.plan.voteSelector.0;
        let opened = fleet
            .vote(zone, seat.into(), &votes, selector)
            .map_err(Failure::input)?;
        let options = self.compute.options()?;
        let path = match &self.key {
            Some(path) => path.clone(),
            None => {
                screen.begin("building the circuit");
                let structure = CircuitName::Vote(shape).build();
                let r1cs = export::r1cs_file(&structure).map_err(Failure::internal)?;
                let watch = Watch::new(&screen);
                DevKey::cached(&r1cs, &mut OsRng, &options, &watch)
                    .map_err(Failure::internal)?
                    .0
            }
        };
        let prover = Prover::open(&path, &options).map_err(Failure::input)?;
        let watch = Watch::new(&screen);
        let proven = claim::prove(&prover, &shape, &opened.witness, selector, &mut OsRng, &watch)
            .map_err(Failure::internal)?;
        screen.finish();
        Ok(OpenedVote {
            epoch,
            zone: attested.unwrap_or_else(|| Zone::unattested(history.plan.watchers)),
            out_commit: word(&proven.statement.out_commit),
            words: proven.data,
            proof: proof_to_words(&proven.proof).map(U256::from_be_bytes),
        })
    }
}

/// Replaces a digest by that of the fleet's vote.
///
/// # Errors
/// `Input` if there is no such vote, `Refused` with the contract's reason.
pub fn replace(args: &OpenVoteArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let opened = args.open(&sender)?;
    let SeatArgs { zone, seat } = args.seat;
    let receipt = sender.send(&Rewards::replaceCall {
        epoch: opened.epoch,
        zone,
        standing: opened.zone.standing(),
        outCommit: opened.out_commit,
        vote: opened.words.into(),
        proof: opened.proof,
    })?;
    show(format_args!(
        "the digest of seat {seat} of zone {zone} is its watcher's now, {} gas",
        receipt.gas_used
    ))
}

/// Answers a demand with the fleet's vote.
///
/// # Errors
/// `Input` if there is no such vote, `Refused` with the contract's reason.
pub fn answer(args: &OpenVoteArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let opened = args.open(&sender)?;
    let SeatArgs { zone, seat } = args.seat;
    let receipt = sender.send(&Rewards::answerCall {
        epoch: opened.epoch,
        zone,
        standing: opened.zone.standing(),
        mask: opened.zone.demanded,
        outCommit: opened.out_commit,
        vote: opened.words.into(),
        proof: opened.proof,
    })?;
    show(format_args!(
        "the vote of seat {seat} of zone {zone} is open, {} gas",
        receipt.gas_used
    ))
}

/// Demands.
///
/// # Errors
/// `Refused` with the contract's reason.
pub fn demand(args: &DemandArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let SeatArgs { zone, seat } = args.seat;
    let history = sender.history(args.epoch)?;
    let attested = history.attested_zone(zone)?;
    let rewards = sender.deployment.rewards;
    let bond = sender.ask(rewards, &Rewards::demandBondCall {})?;
    let call = Rewards::demandCall {
        epoch: args.epoch,
        zone,
        standing: attested.standing(),
        mask: attested.demanded,
        seat: U256::from(seat),
    };
    let receipt = sender.send_to(rewards, bond, &call)?;
    show(format_args!(
        "the vote of seat {seat} of zone {zone} is demanded for a bond of {bond} wei, {} gas",
        receipt.gas_used
    ))
}

/// Voids.
///
/// # Errors
/// `Input` if nothing is demanded, `Refused` with the contract's reason.
pub fn void(args: &VoidArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let history = sender.history(args.epoch)?;
    let demanded: Vec<(&u64, &Zone)> = history
        .zones
        .iter()
        .filter(|(number, zone)| {
            zone.demanded != U256::ZERO && args.zone.is_none_or(|wanted| wanted == **number)
        })
        .collect();
    if demanded.is_empty() {
        return Err(Failure::input(format!(
            "nothing is demanded in epoch {}",
            args.epoch
        )));
    }
    for (number, zone) in demanded {
        let receipt = sender.send(&Rewards::voidSeatsCall {
            epoch: args.epoch,
            zone: *number,
            standing: zone.standing(),
            mask: zone.demanded,
        })?;
        let seats: Vec<String> = (0..zone.digests.len())
            .filter(|seat| zone.demanded & bit(U256::from(*seat)) != U256::ZERO)
            .map(|seat| seat.to_string())
            .collect();
        show(format_args!(
            "seats {} of zone {number} are void, {} gas",
            seats.join(", "),
            receipt.gas_used
        ))?;
    }
    Ok(())
}

/// Withdraws.
///
/// # Errors
/// `Refused` with the contract's reason.
pub fn withdraw(args: &WithdrawArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let account = sender.address();
    let amount = sender.ask(sender.deployment.rewards, &Rewards::creditsCall { account })?;
    let receipt = sender.send(&Rewards::withdrawCall {})?;
    show(format_args!(
        "{account} got {amount} wei, {} gas",
        receipt.gas_used
    ))
}
