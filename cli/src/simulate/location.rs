//! Attacks on L1: an attacker's device and two honest ones that are at home all day, each with the ingestor that was drawn for it.
//!
//! Attackers speak in [`Sends`] and [`Ingests`] alone; from [`Reception`] on, this is the ordinary pipeline.
//!
//! Next: [`super::table`], which plays [`ATTACKS`].

use super::stage::{Stage, station};
use super::table::{self, Attack, Measured};
use crate::failure::Failure;
use popw_claims::attestation::Attestation;
use popw_claims::eddsa::SecretKey;
use popw_claims::epoch::Epoch;
use popw_claims::field::Fr;
use popw_claims::location::reports::digest;
use popw_claims::location::rule::weight;
use popw_claims::location::{
    Network, Preset, Received, Reception, Refusals, Report, Shape, SignedReport, score, squared_distance,
};
use popw_claims::opening::INGESTOR_SEAT;
use popw_claims::registry::Position;

/// 2024-10-04, a day of hourly reports.
const EPOCH: u64 = 20_000;
const EPOCH_SECONDS: u32 = 86_400;
const SLOTS: u32 = 24;
/// Devices stand so many metres apart.
const APART_METRES: i32 = 20_000;
/// A device that is away from home is so many decimetres away.
const AWAY_DM: i32 = 50_000;
/// Registry index of the attacker; the others are honest.
const ATTACKER: u64 = 0;
const DEVICES: u64 = 3;

/// Where a device really is.
#[derive(Clone, Copy)]
enum Place {
    /// Where it is registered.
    Home,
    /// 5 km away.
    Away,
    /// It is off.
    Off,
}

/// What the attacker sends.
#[derive(Clone, Copy)]
enum Sends {
    /// Where the device is.
    Truth,
    /// That the device is at home, in every slot.
    AlwaysHome,
    /// The reports of an earlier epoch, when it was at home.
    EarlierEpoch,
    /// The truth, and in the slots in which it is off the reports of others.
    OtherSlots,
    /// The truth where it is at home, and nothing where it is not.
    OnlyHome,
}

/// What the drawn ingestors do, or others in their name.
#[derive(Clone, Copy)]
enum Ingests {
    /// Publish what they received.
    Honestly,
    /// The attacker's invents reports of a device at home.
    Inventions,
    /// A watcher that was not drawn invents them.
    UndrawnInventions,
    /// Somebody replaces reports in what the ingestor published.
    Alterations,
    /// Those of the honest devices publish nothing.
    Nothing,
}

/// What was refused of the attacker's.
struct Refused {
    /// Reports that the ingestor refused.
    reports: Refusals,
    /// Reports that count and have weight 0.
    weightless: u64,
    /// Publications that no claim can be made of.
    publications: u64,
}

/// Who does what.
pub struct Scenario {
    place: fn(slot: u32) -> Place,
    sends: Sends,
    ingests: Ingests,
    refused: fn(&Refused) -> u64,
}

/// A device after the day.
struct Verdict {
    deserved: u32,
    scored: u32,
    refused: Refused,
}

impl Scenario {
    /// Plays the day.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn play(&self) -> Result<Measured, Failure> {
        let shape = Shape::new(SLOTS as usize);
        let parameters = Preset::HeliumMobile.parameters(&shape);
        let epoch = Epoch::new(EPOCH, EPOCH_SECONDS, SLOTS).map_err(Failure::internal)?;
        let stations = (0..3)
            .zip(0..)
            .map(|(index, place)| station(index, EPOCH, place * APART_METRES))
            .collect::<Result<_, _>>()?;
        let stage = Stage::new(epoch, parameters.hash(&shape), stations)?;
        let network = Network {
            shape,
            parameters,
            epoch_tag: stage.epoch_tag,
            devices: &stage.devices,
            watchers: &stage.watchers,
        };
        let attacker = self.verdict(&stage, &network, ATTACKER)?;
        let mut lost = 0;
        for honest in (0..DEVICES).filter(|index| *index != ATTACKER) {
            let verdict = self.verdict(&stage, &network, honest)?;
            lost = lost.max(verdict.deserved.saturating_sub(verdict.scored));
        }
        Ok(Measured {
            gained: attacker.scored.saturating_sub(attacker.deserved),
            lost,
            refused: (self.refused)(&attacker.refused),
        })
    }

    fn verdict(&self, stage: &Stage, network: &Network<'_>, index: u64) -> Result<Verdict, Failure> {
        let device = stage
            .devices
            .device(index)
            .ok_or_else(|| Failure::internal(format!("no device {index}")))?;
        let home = device.position;
        let is_attacker = index == ATTACKER;
        let truth: Vec<Report> = (0..SLOTS)
            .map(|slot| match (self.place)(slot) {
                Place::Away if is_attacker => Some(Position {
                    z: home.z + AWAY_DM,
                    ..home
                }),
                Place::Off if is_attacker => None,
                _ => Some(home),
            })
            .collect();
        let sends = if is_attacker { self.sends } else { Sends::Truth };

        let mut reception = Reception::new(stage.epoch, stage.epoch_tag, index, device);
        for (sent_at, report) in messages(stage, index, sends, &home, &truth)? {
            // Refusals are counted by the reception.
            let _ = reception.receive(sent_at, &report);
        }
        let reports = reception.refusals();
        let mut publications = 0;
        let mut witness = None;
        for received in self.publications(stage, index, &home, reception)? {
            // The first that verifies stands.
            match network.witness(index, Some(&received)) {
                Ok(verified) => witness = witness.or(Some(verified)),
                Err(_) => publications += 1,
            }
        }
        let witness = match witness {
            Some(witness) => witness,
            None => network.witness(index, None).map_err(Failure::internal)?,
        };
        let outcome = witness.evaluate(&network.shape).map_err(Failure::internal)?;
        let is_weightless =
            |reported: &&Position| weight(&network.parameters, squared_distance(reported, &home)) == 0;
        let weightless = witness.reports.iter().flatten().filter(is_weightless).count();
        Ok(Verdict {
            deserved: score(&network.parameters, &home, &truth),
            scored: outcome.score,
            refused: Refused {
                reports,
                weightless: weightless as u64,
                publications,
            },
        })
    }

    /// What is published for a device, in its order.
    fn publications(
        &self,
        stage: &Stage,
        index: u64,
        home: &Position,
        reception: Reception,
    ) -> Result<Vec<Received>, Failure> {
        let is_attacker = index == ATTACKER;
        let ingestor = stage.ingestor(index)?;
        let invented = vec![Some(*home); SLOTS as usize];
        let attested = |key: &SecretKey| Received {
            attestation: Attestation::of_digest(
                key,
                stage.epoch_tag,
                index,
                INGESTOR_SEAT,
                digest(&invented),
            ),
            reports: invented.clone(),
        };
        let honest = reception.attest(ingestor);
        Ok(match self.ingests {
            Ingests::Inventions if is_attacker => vec![attested(ingestor)],
            Ingests::UndrawnInventions if is_attacker => vec![attested(stage.undrawn(index)?), honest],
            Ingests::Alterations if is_attacker => {
                let altered = Received {
                    reports: invented,
                    ..honest.clone()
                };
                vec![altered, honest]
            }
            Ingests::Nothing if !is_attacker => vec![],
            _ => vec![honest],
        })
    }
}

/// What is sent in the name of a device, each report in the middle of a slot.
fn messages(
    stage: &Stage,
    index: u64,
    sends: Sends,
    home: &Position,
    truth: &[Report],
) -> Result<Vec<(u64, SignedReport)>, Failure> {
    let session = stage.session(index)?;
    let seconds = u64::from(EPOCH_SECONDS / SLOTS);
    let sign = |epoch_tag: Fr, slot, position| SignedReport::sign(session, epoch_tag, slot, position);
    let at_home: Vec<u32> = (0..SLOTS)
        .zip(truth)
        .filter(|(_, report)| **report == Some(*home))
        .map(|(slot, _)| slot)
        .collect();
    let messages = (0..SLOTS).zip(truth).filter_map(|(slot, truth)| {
        let report = match sends {
            Sends::Truth => truth.map(|position| sign(stage.epoch_tag, slot, position)),
            Sends::AlwaysHome => Some(sign(stage.epoch_tag, slot, *home)),
            Sends::EarlierEpoch => Some(sign(stage.earlier_tag, slot, *home)),
            Sends::OtherSlots => {
                let signed_for = match truth {
                    Some(_) => slot,
                    None => *at_home.get((slot as usize).checked_rem(at_home.len())?)?,
                };
                Some(sign(stage.epoch_tag, signed_for, *home))
            }
            Sends::OnlyHome => at_home
                .contains(&slot)
                .then(|| sign(stage.epoch_tag, slot, *home)),
        };
        let sent_at = stage.epoch.start() + u64::from(slot) * seconds + seconds / 2;
        report.map(|report| (sent_at, report))
    });
    Ok(messages.collect())
}

const fn attack(
    name: &'static str,
    does: &'static str,
    rule: &'static str,
    open: &'static str,
    scenario: Scenario,
) -> Attack {
    Attack {
        name,
        does,
        rule,
        open,
        scenario: table::Scenario::Location(scenario),
    }
}

/// Every attack on L1 that is played.
pub const ATTACKS: &[Attack] = &[
    attack(
        "position-that-contradicts",
        "the device stands 5 km from where it is registered, and reports that",
        "a report beyond the far band has weight 0",
        "",
        Scenario {
            place: |_| Place::Away,
            sends: Sends::Truth,
            ingests: Ingests::Honestly,
            refused: |refused| refused.weightless,
        },
    ),
    attack(
        "spoofed-position",
        "the device stands 5 km from where it is registered, and reports that it is at home",
        "none: a device reports its own position",
        "positions from somebody else than the device: receivers that attest satellite signals, radio witnesses as in C1",
        Scenario {
            place: |_| Place::Away,
            sends: Sends::AlwaysHome,
            ingests: Ingests::Honestly,
            refused: |_| 0,
        },
    ),
    attack(
        "replayed-reports",
        "the device is off; its reports of an earlier epoch are sent again",
        "the epoch tag is part of the signed message",
        "who has the session key signs new ones: see spoofed-position",
        Scenario {
            place: |_| Place::Off,
            sends: Sends::EarlierEpoch,
            ingests: Ingests::Honestly,
            refused: |refused| refused.reports.bad_signature,
        },
    ),
    attack(
        "reports-of-other-slots",
        "the device is at home for six hours; those reports are sent again in the other eighteen",
        "the slot is signed, and the ingestor's clock has to agree",
        "",
        Scenario {
            place: |slot| if slot < 6 { Place::Home } else { Place::Off },
            sends: Sends::OtherSlots,
            ingests: Ingests::Honestly,
            refused: |refused| refused.reports.outside_slot,
        },
    ),
    attack(
        "withheld-reports",
        "the device is at home for twelve hours of 24 and withholds the reports of the others, in which it is away",
        "none: the score is the mean of the reports that are there, from n_min = 12 on",
        "a larger n_min; missing reports could count as reports of weight 0",
        Scenario {
            place: |slot| if slot < 12 { Place::Home } else { Place::Away },
            sends: Sends::OnlyHome,
            ingests: Ingests::Honestly,
            refused: |_| 0,
        },
    ),
    attack(
        "too-few-reports",
        "the same with eleven hours at home",
        "fewer than n_min = 12 reports have score 0",
        "",
        Scenario {
            place: |slot| if slot < 11 { Place::Home } else { Place::Away },
            sends: Sends::OnlyHome,
            ingests: Ingests::Honestly,
            refused: |_| 0,
        },
    ),
    attack(
        "inventing-ingestor",
        "the drawn ingestor invents the reports of a device that is off",
        "none: one watcher is drawn, and the circuit checks its signature, not the device's",
        "a share of the seat's watchers has that share of the devices; the signed reports could be asked for after the epoch",
        Scenario {
            place: |_| Place::Off,
            sends: Sends::Truth,
            ingests: Ingests::Inventions,
            refused: |_| 0,
        },
    ),
    attack(
        "undrawn-ingestor",
        "a watcher that was not drawn invents them",
        "the ingestor follows from the epoch tag and the device's index",
        "",
        Scenario {
            place: |_| Place::Off,
            sends: Sends::Truth,
            ingests: Ingests::UndrawnInventions,
            refused: |refused| refused.publications,
        },
    ),
    attack(
        "altered-reports",
        "reports are added to what an honest ingestor signed, on its way",
        "the signed digest is that of the reports",
        "",
        Scenario {
            place: |_| Place::Off,
            sends: Sends::Truth,
            ingests: Ingests::Alterations,
            refused: |refused| refused.publications,
        },
    ),
    attack(
        "silent-ingestor",
        "the ingestor that is drawn for an honest device publishes nothing",
        "none: nobody else may attest its reports",
        "the device loses the day; an appeal with another ingestor is outside the claim",
        Scenario {
            place: |_| Place::Off,
            sends: Sends::Truth,
            ingests: Ingests::Nothing,
            refused: |_| 0,
        },
    ),
];
