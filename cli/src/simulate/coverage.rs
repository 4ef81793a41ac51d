//! Attacks on C1: the beacon of an attacker, two honest witnesses that hear it, and radios of the attacker that say they do.
//!
//! Attackers speak in [`Fakes`] and [`Ingests`] alone; from [`ReceiptSet::select`] on, this is the ordinary pipeline. What everybody
//! deserves is what the same pipeline says of the receipts that are true.
//!
//! Next: [`super::table`], which plays [`ATTACKS`].

use super::stage::{Stage, station};
use super::table::{self, Attack, Measured};
use crate::failure::Failure;
use crate::synthetic::Station;
use popw_claims::coverage::{
    Beacon, Discards, Network, Preset, Receipt, ReceiptSet, Received, ReceivedReceipt, Refusal, Report,
    Shape, challenge,
};
use popw_claims::epoch::Epoch;
use popw_claims::field::Fr;
use std::collections::BTreeMap;
use std::ops::Range;

/// The first window of six hours of 2024-10-04.
const EPOCH: u64 = 80_000;
const EPOCH_SECONDS: u32 = 21_600;
/// Most witnesses that count.
const WITNESSES: usize = 14;
/// Registry indices: the attacker's beaconer, the honest witnesses, then the attacker's radios.
const BEACONER: u64 = 0;
const HONEST: Range<u64> = 1..FIRST_RADIO;
const FIRST_RADIO: u64 = 3;
/// The honest witnesses are so far north of the beaconer.
const HONEST_METRES: [i32; 2] = [-3_000, -6_000];
/// When the ingestor has the beacon, ms since the start of the epoch.
const BEACON_MS: u32 = 10_000;
/// A receipt is there so many ms later, and a late one.
const DELAY_MS: u32 = 200;
const LATE_MS: u32 = 10_000;
/// Nonces of this window's challenge and of another's.
const NONCE: u64 = 7;
const OTHER_NONCE: u64 = 6;
const FREQUENCY_HZ: u32 = 868_300_000;
const OTHER_FREQUENCY_HZ: u32 = 868_500_000;
const POWER_DBM: i32 = 14;
/// Strengths in tenths of dBm: of an honest receipt at some kilometres; of a radio next door.
const USUAL_DDBM: i32 = -1_100;
const NEXT_DOOR_DDBM: i32 = -300;
/// A score in units x 1e4 in parts per million of a unit.
const PARTS_PER_SCORE: u32 = 100;

/// Whose the attacker's radios are.
#[derive(Clone, Copy)]
enum Owner {
    /// The beaconer's.
    Beaconer,
    /// Another identity of the attacker, the same for all.
    OneOther,
    /// An identity for each.
    OneEach,
}

/// The attacker's radios, all alike.
#[derive(Clone, Copy)]
struct Fakes {
    /// How many.
    radios: u64,
    /// How many of them, the first, really hear the beacon where they are registered.
    hear: u64,
    owner: Owner,
    /// Where they are registered: the first so many metres north of the beaconer, each so many metres beyond the one before.
    metres: (i32, i32),
    nonce: u64,
    frequency_hz: u32,
    rssi_ddbm: i32,
    delay_ms: u32,
}

/// One radio of another identity 2 km away, whose receipts look right.
const ONE: Fakes = Fakes {
    radios: 1,
    hear: 0,
    owner: Owner::OneEach,
    metres: (2_000, 600),
    nonce: NONCE,
    frequency_hz: FREQUENCY_HZ,
    rssi_ddbm: USUAL_DDBM,
    delay_ms: DELAY_MS,
};

/// What the drawn ingestor does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ingests {
    Honestly,
    /// Leaves out the receipts of the honest witnesses.
    OnlyRadios,
    /// Notes that the receipts of the attacker's radios came in time.
    BackDates,
}

/// What was refused of the receipts of the attacker's radios.
struct Refused {
    /// By the ingestor.
    discards: Discards,
    /// By the rule.
    verdicts: Vec<Refusal>,
}

impl Refused {
    fn by_rule(&self, refusal: Refusal) -> u64 {
        self.verdicts
            .iter()
            .filter(|verdict| **verdict == refusal)
            .count() as u64
    }
}

/// Who does what.
pub struct Scenario {
    fakes: Fakes,
    ingests: Ingests,
    refused: fn(&Refused) -> u64,
}

/// A window after its evaluation: scores by registry index, and what was refused of the attacker's radios.
struct Window {
    scores: BTreeMap<u64, u32>,
    refused: Refused,
}

impl Window {
    fn score(&self, index: u64) -> u32 {
        self.scores.get(&index).copied().unwrap_or(0)
    }

    /// The scores of the beaconer and the attacker's radios.
    fn attackers(&self) -> u32 {
        let is_attackers = |index: &u64| !HONEST.contains(index);
        let scores = self.scores.iter().filter(|(index, _)| is_attackers(index));
        scores.map(|(_, score)| score).sum()
    }
}

impl Scenario {
    /// Plays the window.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn play(&self) -> Result<Measured, Failure> {
        let shape = Shape::new(WITNESSES);
        let parameters = Preset::HeliumIot.parameters(&shape);
        let epoch = Epoch::new(EPOCH, EPOCH_SECONDS, 1).map_err(Failure::internal)?;
        let stage = Stage::new(epoch, parameters.hash(&shape), self.stations()?)?;
        let network = Network {
            shape,
            parameters: &parameters,
            epoch_tag: stage.epoch_tag,
            devices: &stage.devices,
            watchers: &stage.watchers,
        };

        let receipts = |indices: Range<u64>, fakes: &Fakes| {
            let receipts = indices.map(|index| receipt(&stage, index, fakes));
            receipts.collect::<Result<Vec<_>, _>>()
        };
        let radios = |count| FIRST_RADIO..FIRST_RADIO + count;
        let Self { fakes, ingests, .. } = self;
        let honest = receipts(HONEST, &ONE)?;
        let true_ones = receipts(radios(fakes.hear), &ONE)?;
        let mut sent = receipts(radios(fakes.radios), fakes)?;
        if *ingests == Ingests::BackDates {
            for receipt in &mut sent {
                receipt.received.time_ms = BEACON_MS + DELAY_MS;
            }
        }
        let truth = [honest.clone(), true_ones].concat();
        let ingested = match ingests {
            Ingests::OnlyRadios => sent,
            Ingests::Honestly | Ingests::BackDates => [honest, sent].concat(),
        };
        let deserved = evaluate(&stage, &network, &truth)?;
        let scored = evaluate(&stage, &network, &ingested)?;
        let lost = HONEST.map(|index| deserved.score(index).saturating_sub(scored.score(index)));
        Ok(Measured {
            gained: scored.attackers().saturating_sub(deserved.attackers()) * PARTS_PER_SCORE,
            lost: lost.max().unwrap_or(0) * PARTS_PER_SCORE,
            refused: (self.refused)(&scored.refused),
        })
    }

    fn stations(&self) -> Result<Vec<Station>, Failure> {
        let beaconer = station(0, EPOCH, 0)?;
        let mut stations = vec![beaconer];
        for metres in HONEST_METRES {
            stations.push(station(stations.len(), EPOCH, metres)?);
        }
        let first = stations.len();
        let (mut metres, apart) = self.fakes.metres;
        for _ in 0..self.fakes.radios {
            let mut radio = station(stations.len(), EPOCH, metres)?;
            match self.fakes.owner {
                Owner::Beaconer => radio.device.owner_id = stations[0].device.owner_id,
                Owner::OneOther => {
                    let owner = stations.get(first).map(|station| station.device.owner_id);
                    radio.device.owner_id = owner.unwrap_or(radio.device.owner_id);
                }
                Owner::OneEach => {}
            }
            metres += apart;
            stations.push(radio);
        }
        Ok(stations)
    }
}

/// A receipt that a radio signs, as it arrives at the ingestor.
fn receipt(stage: &Stage, index: u64, fakes: &Fakes) -> Result<ReceivedReceipt, Failure> {
    let report = Receipt {
        frequency_hz: fakes.frequency_hz,
        rssi_ddbm: fakes.rssi_ddbm,
    };
    let challenge = challenge(stage.epoch_tag, Fr::from(fakes.nonce), BEACONER);
    Ok(ReceivedReceipt {
        index,
        received: Received {
            report,
            signature: report.sign(stage.session(index)?, stage.epoch_tag, challenge),
            time_ms: BEACON_MS + fakes.delay_ms,
        },
    })
}

/// The window by the ordinary pipeline: the ingestor selects and attests, the claim is evaluated.
fn evaluate(stage: &Stage, network: &Network<'_>, receipts: &[ReceivedReceipt]) -> Result<Window, Failure> {
    let nonce = Fr::from(NONCE);
    let report = Beacon {
        frequency_hz: FREQUENCY_HZ,
        power_dbm: POWER_DBM,
    };
    let challenge = challenge(stage.epoch_tag, nonce, BEACONER);
    let beacon = Received {
        report,
        signature: report.sign(stage.session(BEACONER)?, stage.epoch_tag, challenge),
        time_ms: BEACON_MS,
    };
    let set = ReceiptSet::select(
        &stage.devices,
        stage.epoch_tag,
        BEACONER,
        nonce,
        beacon,
        receipts,
        WITNESSES,
    )
    .map_err(Failure::internal)?;
    let attestation = set.attest(stage.ingestor(BEACONER)?);
    let witness = network
        .witness(BEACONER, Some((&set, &attestation)))
        .map_err(Failure::internal)?;
    let outcome = witness.evaluate(&network.shape).map_err(Failure::internal)?;
    let mut scores = BTreeMap::new();
    for row in &outcome.rows {
        // Absent rows have the beaconer's index and no score.
        *scores.entry(row.index).or_default() += row.score;
    }
    let verdicts = (outcome.rows.iter().skip(1).zip(&outcome.verdicts))
        .filter(|(row, _)| row.index >= FIRST_RADIO)
        .filter_map(|(_, verdict)| verdict.as_ref()?.err())
        .collect();
    Ok(Window {
        scores,
        refused: Refused {
            discards: set.discards(),
            verdicts,
        },
    })
}

const fn attack(
    name: &'static str,
    does: &'static str,
    rule: &'static str,
    open: &'static str,
    fakes: Fakes,
    refused: fn(&Refused) -> u64,
) -> Attack {
    by_ingestor(name, does, rule, open, fakes, Ingests::Honestly, refused)
}

const fn by_ingestor(
    name: &'static str,
    does: &'static str,
    rule: &'static str,
    open: &'static str,
    fakes: Fakes,
    ingests: Ingests,
    refused: fn(&Refused) -> u64,
) -> Attack {
    Attack {
        name,
        does,
        rule,
        open,
        scenario: table::Scenario::Coverage(Scenario {
            fakes,
            ingests,
            refused,
        }),
    }
}

/// Every attack on C1 that is played.
pub const ATTACKS: &[Attack] = &[
    attack(
        "many-radios-of-one-owner",
        "five radios of one owner hear the beacon",
        "an owner has one receipt, the earliest",
        "owners are as many as somebody registers: see spoofed-places",
        Fakes {
            radios: 5,
            hear: 1,
            owner: Owner::OneOther,
            ..ONE
        },
        |refused| refused.discards.second_of_owner,
    ),
    attack(
        "own-radio-as-witness",
        "a radio of the beaconer's owner is its witness",
        "a witness has another owner than the beaconer",
        "as above",
        Fakes {
            owner: Owner::Beaconer,
            ..ONE
        },
        |refused| refused.discards.self_witness,
    ),
    attack(
        "room-of-radios",
        "twelve radios of twelve owners in the beaconer's room are its witnesses",
        "a witness is registered at least 400 m from the beaconer",
        "the rule looks at registered positions: see spoofed-places",
        Fakes {
            radios: 12,
            metres: (5, 1),
            ..ONE
        },
        |refused| refused.by_rule(Refusal::TooNear),
    ),
    attack(
        "spoofed-places",
        "the same twelve are registered at 2 km to 9 km, and sign strengths that fit",
        "none: they are registered where they say, and attenuators or software make every strength",
        "positions from somebody else than the owner; a price for identities; honest witnesses share the units with them",
        Fakes { radios: 12, ..ONE },
        |_| 0,
    ),
    attack(
        "stuffed-window",
        "two hundred radios of as many owners in the beaconer's room sign receipts that the rule will refuse",
        "none: of more than 14 the draw decides, before the rule is applied",
        "the rule could be applied before the draw; identities need a price",
        Fakes {
            radios: 200,
            metres: (5, 0),
            ..ONE
        },
        |refused| refused.by_rule(Refusal::TooNear),
    ),
    attack(
        "signal-too-strong",
        "a radio next door is registered 2 km away and signs the strength that it measures",
        "no signal is stronger than through empty space",
        "it can sign a weaker one: see signal-that-nobody-heard",
        Fakes {
            rssi_ddbm: NEXT_DOOR_DDBM,
            ..ONE
        },
        |refused| refused.by_rule(Refusal::TooStrong),
    ),
    attack(
        "signal-that-nobody-heard",
        "a radio out of reach gets the payload by internet and signs a weak signal in time",
        "none: the bound refuses signals that are too strong only, and a receipt is what its signer says",
        "secure radios; delays shorter than those of the internet are not measured",
        ONE,
        |_| 0,
    ),
    attack(
        "witness-beyond-the-maximum-distance",
        "a radio 120 km away signs a receipt",
        "a witness is registered at most 101 km from the beaconer",
        "",
        Fakes {
            metres: (120_000, 0),
            ..ONE
        },
        |refused| refused.by_rule(Refusal::TooFar),
    ),
    attack(
        "another-frequency",
        "a radio signs a frequency 200 kHz beside the beacon's",
        "the frequencies differ by at most 100 kHz",
        "",
        Fakes {
            frequency_hz: OTHER_FREQUENCY_HZ,
            ..ONE
        },
        |refused| refused.by_rule(Refusal::Frequency),
    ),
    attack(
        "replayed-receipt",
        "the receipt of another window is sent again",
        "the challenge is part of the signed message",
        "",
        Fakes {
            nonce: OTHER_NONCE,
            ..ONE
        },
        |refused| refused.discards.bad_signature,
    ),
    attack(
        "late-receipt",
        "a radio that learned of the beacon later signs a receipt ten seconds after it",
        "a receipt is there four seconds after the beacon, by the ingestor's clock",
        "four seconds are enough for the internet: see signal-that-nobody-heard",
        Fakes {
            delay_ms: LATE_MS,
            ..ONE
        },
        |refused| refused.by_rule(Refusal::TooLate),
    ),
    by_ingestor(
        "back-dated-receipt",
        "the drawn ingestor notes that the late receipt came in time",
        "none: the ingestor's clock decides",
        "one watcher is drawn: a share of the seat's watchers has that share of the windows",
        Fakes {
            delay_ms: LATE_MS,
            ..ONE
        },
        Ingests::BackDates,
        |_| 0,
    ),
    by_ingestor(
        "receipts-left-out",
        "the drawn ingestor leaves out the receipts of the honest witnesses",
        "none: nobody else says what it received",
        "witnesses could publish their receipts, and an appeal compare them with the digest; outside the claim",
        Fakes { radios: 0, ..ONE },
        Ingests::OnlyRadios,
        |_| 0,
    ),
];
