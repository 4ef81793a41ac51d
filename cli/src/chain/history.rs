//! What happened in an epoch: its events, added up. The contract keeps a word a zone; whoever calls it brings what the word
//! stands for, and finds it here.

use super::client::unanswered;
use super::deployment::Deployment;
use super::rpc::{Log, Rpc};
use crate::contracts::Rewards::{self, RewardsEvents};
use crate::failure::Failure;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolEvent, SolEventInterface};
use std::collections::BTreeMap;

/// An epoch, by its events.
#[derive(Clone, Debug)]
pub struct History {
    /// Number of the epoch.
    pub epoch: u64,
    /// What was frozen.
    pub plan: Rewards::Plan,
    /// The beacon's round.
    pub round: u64,
    /// Randomness and epoch tag.
    pub drawn: Option<(B256, U256)>,
    /// Zones that were attested or settled.
    pub zones: BTreeMap<u64, Zone>,
    /// Sum by which scores are divided, once the epoch is closed.
    pub total: Option<U256>,
    /// Paid rewards, in order.
    pub claims: Vec<Claimed>,
    /// What was left and went back.
    pub swept: Option<U256>,
}

/// A zone, by its events.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// The digests that stand, a word a seat, 0 for none; empty if nothing was posted.
    pub digests: Vec<U256>,
    /// Demanded seats, bit j for seat j.
    pub demanded: U256,
    /// How many digests were replaced.
    pub replaced: u32,
    /// Seats that were voided, bit j for seat j.
    pub voided: U256,
    /// Claim root, sum of scores, and the transaction.
    pub settled: Option<Settled>,
}

/// A settled zone.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// Root of the claim tree.
    pub claims_root: B256,
    /// Sum of the zone's scores, parts per million.
    pub scores: U256,
    /// The transaction.
    pub transaction: B256,
}

/// A paid reward.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    /// Registry index.
    pub device: u64,
    /// Who was paid.
    pub payee: Address,
    /// In the token's smallest unit.
    pub amount: U256,
    /// The transaction.
    pub transaction: B256,
}

impl Zone {
    /// A zone of so many seats for which nothing was posted.
    pub fn unattested(watchers: u8) -> Self {
        Self {
            digests: vec![U256::ZERO; watchers.into()],
            ..Self::default()
        }
    }

    /// The digests as the contract takes them.
    pub fn standing(&self) -> Bytes {
        let words = self.digests.iter().flat_map(|digest| digest.to_be_bytes::<32>());
        words.collect::<Vec<u8>>().into()
    }
}

impl History {
    /// Reads an epoch's events.
    ///
    /// # Errors
    /// `Input` if it was not opened, `Internal` if the node does not answer.
    pub fn read(rpc: &Rpc, deployment: &Deployment, epoch: u64) -> Result<Self, Failure> {
        let Deployment { rewards, block, .. } = deployment;
        let topics = [None, Some(B256::from(U256::from(epoch)))];
        let mut history: Option<Self> = None;
        for log in rpc.logs(*rewards, &topics, *block).map_err(unanswered)? {
            let Log {
                topics,
                data,
                transaction,
                ..
            } = log;
            // Other events may have the same first field: an account's address, for example.
            let Ok(event) = RewardsEvents::decode_raw_log(&topics, &data) else {
                continue;
            };
            match (&mut history, event) {
                (None, RewardsEvents::EpochOpened(opened)) => history = Some(Self::opened(opened)),
                (Some(history), event) => history.add(event, transaction),
                (None, _) => {}
            }
        }
        history.ok_or_else(|| Failure::input(format!("epoch {epoch} was not opened at {rewards}")))
    }

    /// What happened in a zone.
    ///
    /// # Errors
    /// `Input` if nobody attested it.
    pub fn attested_zone(&self, zone: u64) -> Result<&Zone, Failure> {
        self.zones
            .get(&zone)
            .filter(|zone| !zone.digests.is_empty())
            .ok_or_else(|| {
                Failure::input(format!(
                    "no digests were posted for zone {zone} of epoch {}",
                    self.epoch
                ))
            })
    }

    fn opened(event: Rewards::EpochOpened) -> Self {
        Self {
            epoch: event.epoch,
            plan: event.plan,
            round: event.round,
            drawn: None,
            zones: BTreeMap::new(),
            total: None,
            claims: Vec::new(),
            swept: None,
        }
    }

    fn zone(&mut self, number: u64) -> &mut Zone {
        self.zones.entry(number).or_default()
    }

    fn add(&mut self, event: RewardsEvents, transaction: B256) {
        let watchers = usize::from(self.plan.watchers);
        match event {
            RewardsEvents::RandomnessDrawn(event) => self.drawn = Some((event.randomness, event.epochTag)),
            RewardsEvents::Attested(event) => {
                let words: Vec<U256> = event.digests.chunks(32).map(U256::from_be_slice).collect();
                for (number, digests) in (event.firstZone..).zip(words.chunks(watchers)) {
                    self.zone(number).digests = digests.to_vec();
                }
            }
            RewardsEvents::SeatReplaced(event) => {
                let zone = self.zone(event.zone);
                zone.digests.resize(watchers, U256::ZERO);
                zone.set(event.seat, event.digest);
                zone.replaced += 1;
            }
            RewardsEvents::SeatDemanded(event) => self.zone(event.zone).demanded |= bit(event.seat),
            RewardsEvents::SeatAnswered(event) => self.zone(event.zone).demanded &= !bit(event.seat),
            RewardsEvents::SeatsVoided(event) => {
                let zone = self.zone(event.zone);
                for (seat, digest) in zone.digests.iter_mut().enumerate() {
                    if event.mask.bit(seat) {
                        *digest = U256::ZERO;
                    }
                }
                zone.demanded = U256::ZERO;
                zone.voided |= event.mask;
            }
            RewardsEvents::ZoneSettled(event) => {
                self.zone(event.zone).settled = Some(Settled {
                    claims_root: event.claimsRoot,
                    scores: event.scores,
                    transaction,
                });
            }
            RewardsEvents::EpochClosed(event) => self.total = Some(event.total),
            RewardsEvents::Claimed(event) => self.claims.push(Claimed {
                device: event.device,
                payee: event.payee,
                amount: event.amount,
                transaction,
            }),
            RewardsEvents::Swept(event) => self.swept = Some(event.amount),
            _ => {}
        }
    }
}

impl Zone {
    fn set(&mut self, seat: U256, digest: U256) {
        if let Some(place) = usize::try_from(seat)
            .ok()
            .and_then(|seat| self.digests.get_mut(seat))
        {
            *place = digest;
        }
    }
}

/// The seat's bit of a mask.
pub fn bit(seat: U256) -> U256 {
    U256::from(1) << seat
}

/// The epochs that were opened, in order of opening.
///
/// # Errors
/// `Internal` if the node does not answer.
pub fn epochs(rpc: &Rpc, deployment: &Deployment) -> Result<Vec<u64>, Failure> {
    let topics = [Some(Rewards::EpochOpened::SIGNATURE_HASH)];
    let logs = rpc
        .logs(deployment.rewards, &topics, deployment.block)
        .map_err(unanswered)?;
    logs.into_iter()
        .map(|log| {
            let event =
                Rewards::EpochOpened::decode_raw_log(log.topics, &log.data).map_err(Failure::internal)?;
            Ok(event.epoch)
        })
        .collect()
}
