//! Attacks on U1: a zone with an attacker and three honest devices that are always on, and eight watchers.
//!
//! [`super::table`] plays [`ATTACKS`], and prints beside them how often colluders have a quorum ([`Capture`]) and what lost records
//! cost ([`lost_by_packet_loss`]).

use super::collector::Rejections;
use super::roles::{DeviceRole, Shares, WatcherRole};
use super::table::{self, Attack, Measured};
use super::world::{Settings, World};
use super::zone::{self, is_honest};
use crate::failure::Failure;
use crate::synthetic::{Seed, WatcherKeys};
use popw_claims::attestation::Refusals;
use popw_claims::field::reduce_be_bytes;
use popw_claims::fleet::Reason;
use popw_claims::uptime::{Preset, Shape};
use rayon::prelude::*;

/// Watchers that must agree, of eight.
const QUORUM: u32 = 5;
/// The attacker's registry index.
const ATTACKER: usize = 0;
/// Committees that are drawn to measure how often colluders have a quorum.
pub const COMMITTEES: u64 = 100_000;
/// Watchers of a seat of those committees: a number of which a fifth and a third are whole.
pub const WATCHERS_PER_SEAT: usize = 15;

/// Who does what.
pub struct Scenario {
    device: DeviceRole,
    /// So many watchers have this role.
    watchers: (WatcherRole, usize),
    /// The messages that the rule refused.
    refused: fn(&Refusals, &Rejections) -> u64,
}

impl Scenario {
    /// Plays the zone.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn play(&self) -> Result<Measured, Failure> {
        let roles = [
            self.device,
            DeviceRole::Honest,
            DeviceRole::Honest,
            DeviceRole::Honest,
        ];
        let mut world = World::with_roles(settings(roles.len()), &roles)?;
        let committee = world
            .watcher_keys
            .committee(&world.watchers, world.epoch_tag, 0)?;
        let (role, count) = self.watchers;
        for drawn in committee.into_iter().take(count) {
            let number = match role {
                // Another watcher of the same seat.
                WatcherRole::Outsider
                    if world.watcher_keys.seat(drawn) == world.watcher_keys.seat(drawn + 1) =>
                {
                    drawn + 1
                }
                WatcherRole::Outsider => drawn - 1,
                _ => drawn,
            };
            world.watcher_roles[number] = role;
        }
        let played = zone::play(&world, 0)?;
        let verdicts = &played.verdicts;
        let honest = verdicts.iter().filter(|verdict| is_honest(&world, verdict.index));
        Ok(Measured {
            gained: verdicts[ATTACKER].gained(),
            lost: honest.map(zone::Verdict::lost).max().unwrap_or(0),
            refused: (self.refused)(&played.refusals, &played.collected.rejections),
        })
    }
}

/// An attack of a device's owner; the watchers are honest.
const fn by_device(
    name: &'static str,
    does: &'static str,
    device: DeviceRole,
    rule: &'static str,
    refused: fn(&Refusals, &Rejections) -> u64,
    open: &'static str,
) -> Attack {
    by(device, name, does, (WatcherRole::Honest, 0), rule, refused, open)
}

/// An attack by watchers, or on what they publish, in favour of a colluding device.
const fn by_watchers(
    name: &'static str,
    does: &'static str,
    watchers: (WatcherRole, usize),
    rule: &'static str,
    refused: fn(&Refusals, &Rejections) -> u64,
    open: &'static str,
) -> Attack {
    by(DeviceRole::Colluder, name, does, watchers, rule, refused, open)
}

const fn by(
    device: DeviceRole,
    name: &'static str,
    does: &'static str,
    watchers: (WatcherRole, usize),
    rule: &'static str,
    refused: fn(&Refusals, &Rejections) -> u64,
    open: &'static str,
) -> Attack {
    Attack {
        name,
        does,
        rule,
        open,
        scenario: table::Scenario::Uptime(Scenario {
            device,
            watchers,
            refused,
        }),
    }
}

/// Every attack on U1 that is played.
pub const ATTACKS: &[Attack] = &[
    by_device(
        "replayed-log",
        "the records of an earlier epoch are sent again",
        DeviceRole::ReplayedLog,
        "the epoch tag is part of the signed message",
        |records, _| records.bad_signature,
        "",
    ),
    by_device(
        "forged-signatures",
        "the signature of one record is put under others",
        DeviceRole::ForgedSignatures,
        "the signature is over index, time and payload",
        |records, _| records.bad_signature,
        "",
    ),
    by_device(
        "borrowed-identity",
        "another station, which is on, signs under this index with its own key",
        DeviceRole::BorrowedIdentity,
        "the session key stands in the device's leaf",
        |records, _| records.bad_signature,
        "",
    ),
    by_device(
        "echoed-records",
        "old records of the same epoch are sent again while the device is off",
        DeviceRole::EchoedRecords,
        "a device and time count once",
        |records, _| records.duplicate,
        "a watcher that lost the first copy takes the second; a quorum would have to lose the same record",
    ),
    by_device(
        "back-dated-log",
        "the device comes back in the evening and sends the whole day, with times that look right",
        DeviceRole::BackDatedLog,
        "the watcher's clock decides the slot, not the device's",
        |_, _| 0,
        "",
    ),
    by_device(
        "late-log",
        "the day's log is sent after the epoch",
        DeviceRole::LateLog,
        "a record is received within the epoch",
        |records, _| records.outside_epoch,
        "",
    ),
    by_device(
        "stockpiled-records",
        "records are signed in advance, and a helper sends them in time while the device is off",
        DeviceRole::StockpiledRecords,
        "none: the epoch tag is known from the start of the epoch",
        |_, _| 0,
        "a nonce in each slot, which nobody knows before, would have to be signed",
    ),
    by_device(
        "cloned-key",
        "a copy of the session key signs elsewhere while the device is off",
        DeviceRole::ClonedKey,
        "none: the record is the same",
        |_, _| 0,
        "session keys in secure elements; short delegations; records of one key from two places",
    ),
    by_device(
        "registered-twice",
        "one station applies for two indices and signs for both",
        DeviceRole::RegisteredTwice,
        "a session or hardware key stands once in the registry; records of an index that was refused are of no device",
        |records, _| records.unknown_device,
        "one machine with two hardware keys is two stations",
    ),
    by_watchers(
        "collusion-below-the-quorum",
        "four of the eight watchers vote for a device that is off",
        (WatcherRole::Colluder, 4),
        "five of eight must agree on a slot",
        |_, _| 0,
        "",
    ),
    by_watchers(
        "collusion-of-a-quorum",
        "five of the eight watchers vote for a device that is off",
        (WatcherRole::Colluder, 5),
        "none: a quorum decides",
        |_, _| 0,
        "how often a draw gives colluders a quorum is below; bonds and audits are outside the claim",
    ),
    by(
        DeviceRole::WatchersOwn,
        "self-vote",
        "a watcher votes for its own device",
        (WatcherRole::SelfServing, 1),
        "five of eight must agree on a slot",
        |_, _| 0,
        "owners are as many as somebody registers: whoever has five identities has a chance of five seats",
    ),
    by_watchers(
        "undrawn-watchers",
        "five watchers attest a zone for which they were not drawn",
        (WatcherRole::Outsider, 5),
        "the seat's watcher follows from the epoch tag and the zone",
        |_, votes| votes.of(Reason::WrongSignature),
        "",
    ),
    by_watchers(
        "altered-attestations",
        "bits are added to the attestations of five honest watchers on their way",
        (WatcherRole::Altered, 5),
        "the signed digest is that of the bitmap",
        |_, votes| votes.of(Reason::WrongDigest),
        "somebody who also holds back the true ones silences the watchers: see silence-of-four",
    ),
    by_watchers(
        "replayed-attestations",
        "what five watchers signed in an earlier epoch is published again",
        (WatcherRole::Replayed, 5),
        "the epoch tag is part of what a watcher signs",
        |_, votes| votes.of(Reason::WrongSignature),
        "",
    ),
    by_watchers(
        "malformed-attestations",
        "three watchers publish bitmaps that do not fit the zone",
        (WatcherRole::Malformed, 3),
        "the shape is fixed; their seats are absent",
        |_, votes| votes.of(Reason::Malformed),
        "by four it is silence-of-four",
    ),
    by_watchers(
        "double-attestations",
        "three watchers sign two bitmaps that contradict each other",
        (WatcherRole::DoubleDealer, 3),
        "a seat has one vote, the first that verifies; both signatures are evidence against the watcher",
        |_, votes| votes.of(Reason::Contradiction),
        "nobody is punished by the claim itself; by five it is a colluding quorum",
    ),
    by_watchers(
        "silence-of-three",
        "three of the eight watchers publish nothing",
        (WatcherRole::Silent, 3),
        "five votes are enough",
        |_, _| 0,
        "",
    ),
    by_watchers(
        "silence-of-four",
        "four of the eight watchers publish nothing",
        (WatcherRole::Silent, 4),
        "none: there is no quorum without them",
        |_, _| 0,
        "every device of the zone loses the day; an appeal with another committee is outside the claim",
    ),
    by_watchers(
        "slander-by-three",
        "three of the eight watchers say that they heard nobody",
        (WatcherRole::Slanderer, 3),
        "five votes are enough",
        |_, _| 0,
        "",
    ),
    by_watchers(
        "slander-by-four",
        "four of the eight watchers say that they heard nobody",
        (WatcherRole::Slanderer, 4),
        "none: there is no quorum without them",
        |_, _| 0,
        "as silence-of-four",
    ),
    by_watchers(
        "skewed-clocks-of-three",
        "the clocks of three watchers are three hours fast",
        (WatcherRole::SkewedClock, 3),
        "five votes are enough",
        |_, _| 0,
        "",
    ),
    by_watchers(
        "skewed-clocks-of-four",
        "the clocks of four watchers are three hours fast",
        (WatcherRole::SkewedClock, 4),
        "none: there is no quorum without them",
        |_, _| 0,
        "a device that is always on loses three hours, others more; watchers have to keep time",
    ),
];

fn settings(devices: usize) -> Settings {
    Settings {
        seed: 1,
        devices,
        zone_devices: 16,
        slots: 144,
        watchers: 8,
        watchers_per_seat: 4,
        quorum: QUORUM,
        preset: Preset::Geodnet,
        outage_limit: None,
        loss_percent: 0,
        skew_seconds: 2,
        outages: false,
        device_shares: Shares::honest(),
        watcher_shares: Shares::honest(),
    }
}

/// How often colluders have a quorum, and how often they would if seats were drawn at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capture {
    /// Colluders of the watchers of each seat, of [`WATCHERS_PER_SEAT`].
    pub colluders: usize,
    /// Committees with a quorum of them, of [`COMMITTEES`].
    pub captured: u64,
    /// The same by the binomial distribution, as a fraction.
    pub expected: f64,
}

impl Capture {
    /// Draws the committees with the protocol's draw over a real registry.
    ///
    /// # Errors
    /// If the registry cannot be made.
    pub fn measure(colluders: usize) -> Result<Self, Failure> {
        let seed = Seed {
            world: "popw simulate, committees",
            number: 1,
        };
        let shape = Shape::new(256, 8, 144);
        let (registry, keys) = WatcherKeys::draw(
            &seed,
            (shape.watchers, shape.seat_levels),
            WATCHERS_PER_SEAT,
            &seed.bytes("beacon", 0),
        )?;
        let epoch_tag = reduce_be_bytes(&seed.bytes("epoch tag", 0));
        let is_captured = |zone: u64| {
            let committee = keys.committee(&registry, epoch_tag, zone)?;
            let bad = committee
                .iter()
                .filter(|number| *number % WATCHERS_PER_SEAT < colluders);
            Ok::<_, Failure>(bad.count() >= QUORUM as usize)
        };
        let captured: Vec<bool> = (0..COMMITTEES)
            .into_par_iter()
            .map(is_captured)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            colluders,
            captured: captured.iter().map(|captured| u64::from(*captured)).sum(),
            expected: binomial_tail(
                shape.watchers,
                QUORUM as usize,
                colluders as f64 / WATCHERS_PER_SEAT as f64,
            ),
        })
    }

    /// The measured fraction.
    pub fn fraction(&self) -> f64 {
        self.captured as f64 / COMMITTEES as f64
    }
}

/// What honest devices lose on average, in parts per million, when each watcher loses so many percent of the records: sixteen
/// devices that are always on.
///
/// # Errors
/// If the scenario cannot be played.
pub fn lost_by_packet_loss(loss_percent: u8) -> Result<u32, Failure> {
    let settings = Settings {
        loss_percent,
        ..settings(16)
    };
    let verdicts = zone::play(&World::new(settings)?, 0)?.verdicts;
    let lost: u32 = verdicts.iter().map(zone::Verdict::lost).sum();
    u32::try_from(verdicts.len())
        .map(|devices| lost / devices)
        .map_err(Failure::internal)
}

/// The chance of at least `least` successes in `trials` with chance `p` each.
fn binomial_tail(trials: usize, least: usize, p: f64) -> f64 {
    let choose = |k: usize| (0..k).fold(1.0, |product, i| product * (trials - i) as f64 / (i + 1) as f64);
    let chance =
        |k: usize| choose(k) * (0..trials).fold(1.0, |product, i| product * if i < k { p } else { 1.0 - p });
    (least..=trials).map(chance).sum()
}
