//! What came of a simulated epoch: each role's deserts and what the claim paid it.

use super::collector::Rejections;
use super::roles::{DeviceRole, Role};
use super::world::World;
use super::zone::{self, Played};
use popw_claims::attestation::Refusals;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The devices of one role. Scores are in parts per million, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// How many.
    pub devices: u64,
    /// What they deserved.
    pub deserved: u64,
    /// What the claim says.
    pub scored: u64,
    /// What it says too much.
    pub gained: u64,
    /// What it says too little.
    pub lost: u64,
}

/// The whole epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    seed: u64,
    zones: u64,
    /// Zones of which colluders had a quorum.
    captured: u64,
    quorum: u32,
    seats: u64,
    /// Seats without a vote that counts.
    absent: u64,
    received: u64,
    refusals: Refusals,
    rejections: Rejections,
    accounts: BTreeMap<DeviceRole, Account>,
}

impl Summary {
    /// The votes that were not taken.
    pub fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// Nothing was played yet.
    pub fn new(world: &World) -> Self {
        Self {
            seed: world.settings.seed,
            zones: 0,
            captured: 0,
            quorum: world.settings.quorum,
            seats: 0,
            absent: 0,
            received: 0,
            refusals: Refusals::default(),
            rejections: Rejections::default(),
            accounts: BTreeMap::new(),
        }
    }

    /// Adds a zone.
    pub fn add(&mut self, world: &World, played: &Played) {
        self.zones += 1;
        self.captured += u64::from(played.colluders(world) >= self.quorum as usize);
        self.seats += played.committee.len() as u64;
        self.absent += (played.committee.len() - played.votes().count()) as u64;
        self.received += played.received;
        zone::add(&mut self.refusals, &played.refusals);
        self.rejections.add(&played.collected.rejections);
        for verdict in &played.verdicts {
            let account = self
                .accounts
                .entry(world.devices[verdict.index].role)
                .or_default();
            account.devices += 1;
            account.deserved += u64::from(verdict.deserved);
            account.scored += u64::from(verdict.scored);
            account.gained += u64::from(verdict.gained());
            account.lost += u64::from(verdict.lost());
        }
    }

    /// The account of a role.
    pub fn account(&self, role: DeviceRole) -> Account {
        self.accounts.get(&role).copied().unwrap_or_default()
    }

    /// The summary as one JSON object.
    pub fn json(&self, times: &[(&'static str, Duration)]) -> serde_json::Value {
        let accounts: serde_json::Map<_, _> = (self.accounts.iter())
            .map(|(role, account)| {
                let Account {
                    devices,
                    deserved,
                    scored,
                    gained,
                    lost,
                } = account;
                let line = json!({ "devices": devices, "deserved": deserved, "scored": scored, "gained": gained, "lost": lost });
                (role.name().to_owned(), line)
            })
            .collect();
        let seconds: serde_json::Map<_, _> = (times.iter())
            .map(|(label, time)| ((*label).to_owned(), json!(time.as_secs_f64())))
            .collect();
        let Refusals {
            outside_epoch,
            unknown_device,
            bad_signature,
            duplicate,
        } = self.refusals;
        let rejected = self.rejections.counts();
        let rejected: serde_json::Map<_, _> = rejected
            .map(|(reason, count)| (reason.name().to_owned(), json!(count)))
            .collect();
        json!({
            "seed": self.seed,
            "zones": { "played": self.zones, "captured": self.captured },
            "seats": { "drawn": self.seats, "without_vote": self.absent },
            "records": { "received": self.received, "bad_signature": bad_signature, "duplicate": duplicate,
                "outside_epoch": outside_epoch, "unknown_device": unknown_device },
            "votes_rejected": rejected,
            "roles": accounts,
            "seconds": seconds,
        })
    }
}

/// A score as a fraction, the mean of some devices.
fn mean(total: u64, devices: u64) -> String {
    let mean = total.checked_div(devices).unwrap_or(0);
    format!("{}.{:06}", mean / 1_000_000, mean % 1_000_000)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} zones, {} of them with {} colluding watchers or more; {} of {} seats without a vote",
            self.seed, self.zones, self.captured, self.quorum, self.absent, self.seats
        )?;
        let Refusals {
            outside_epoch,
            unknown_device,
            bad_signature,
            duplicate,
        } = self.refusals;
        writeln!(
            f,
            "records received {}, refused: {bad_signature} for the signature, {duplicate} seen before, {outside_epoch} outside \
             the epoch, {unknown_device} of no device of the zone",
            self.received
        )?;
        for (reason, count) in self.rejections.counts() {
            writeln!(f, "votes rejected, {reason}: {count}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{:20} {:>8}  {:>9}  {:>9}  {:>9}  {:>9}",
            "role of devices", "devices", "deserved", "scored", "gained", "lost"
        )?;
        for (role, account) in &self.accounts {
            let of = |total| mean(total, account.devices);
            writeln!(
                f,
                "{:20} {:>8}  {:>9}  {:>9}  {:>9}  {:>9}",
                role.name(),
                account.devices,
                of(account.deserved),
                of(account.scored),
                of(account.gained),
                of(account.lost),
            )?;
        }
        write!(
            f,
            "(scores are means; gained and lost are against what a device deserved)"
        )
    }
}
