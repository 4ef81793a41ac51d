//! What the zones of an epoch add up to, for the report and the summary.

use crate::report::uptime::{
    DeviceUptime, FileLine, Rejection as RejectionCount, SeatCount, Tally, UptimeReport, html,
};
use popw_claims::field::to_decimal;
use popw_claims::fleet::{Claim, Fleet, Reason, Rejection};
use popw_claims::uptime::{Preset, agreed_slots};
use std::collections::BTreeMap;
use std::path::Path;

/// Examples that are kept of each reason.
const EXAMPLES_MAX: usize = 5;

/// Votes that did not count, by reason: how many, and where the first stand.
#[derive(Default)]
pub struct Rejections(BTreeMap<Reason, (u64, Vec<FileLine>)>);

impl Rejections {
    /// Adds one.
    pub fn add(&mut self, rejection: &Rejection) {
        let (count, examples) = self.0.entry(rejection.flaw.reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(FileLine {
                file: file_name(Path::new(&rejection.file)),
                line: rejection.number,
            });
        }
    }

    /// How many of each reason.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        self.0.iter().map(|(reason, (count, _))| (*reason, *count))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Sums over all zones.
pub struct Totals {
    /// Registered devices of each zone.
    devices: BTreeMap<u64, usize>,
    /// Sum of the scores.
    pub score: u64,
    seats: Vec<SeatCount>,
    tally: Tally,
}

impl Totals {
    /// Nothing yet, for the zones of a fleet.
    pub fn new(fleet: &Fleet, zones: &[u64]) -> Self {
        let shape = fleet.shape();
        let count = zones.last().map_or(0, |last| last + 1);
        Self {
            devices: BTreeMap::new(),
            score: 0,
            seats: vec![SeatCount::default(); shape.watchers],
            tally: Tally::new(count, shape.slots),
        }
    }

    /// Adds a zone, with the sum of its scores.
    pub fn add(&mut self, fleet: &Fleet, claim: &Claim, score: u64) {
        let (shape, zone) = (fleet.shape(), claim.statement.zone);
        let quorum = fleet.parameters().quorum;
        let bitmaps = || claim.witness.seats.iter().map(|seat| &seat.bitmap);
        let slots: Vec<(usize, Vec<bool>)> = (claim.witness.devices.iter().enumerate())
            .filter(|(_, device)| device.present)
            .map(|(place, _)| (place, agreed_slots(bitmaps(), place, shape.slots, quorum)))
            .collect();
        let devices = slots.iter().map(|(place, slots)| DeviceUptime {
            index: zone * shape.devices as u64 + *place as u64,
            slots,
            score: claim.outcome.scores[*place],
        });
        self.tally
            .add_zone(zone, Some(format!("settle/{zone}.json")), devices);
        self.devices.insert(zone, slots.len());
        self.score += score;
        for (count, seat) in self.seats.iter_mut().zip(&claim.witness.seats) {
            match seat.present {
                true => count.attested += 1,
                false => count.absent += 1,
            }
        }
    }

    /// Registered devices.
    pub fn devices(&self) -> usize {
        self.devices.values().sum()
    }

    /// Registered devices of some zones.
    pub fn devices_in(&self, zones: &[u64]) -> usize {
        zones.iter().filter_map(|zone| self.devices.get(zone)).sum()
    }

    /// Seats without a vote, over all zones.
    pub fn seats_absent(&self) -> u64 {
        self.seats.iter().map(|seat| seat.absent).sum()
    }

    /// `report.html`.
    pub fn report(
        &self,
        fleet: &Fleet,
        folder: &Path,
        attestations_hash: &[u8; 32],
        rejections: &Rejections,
    ) -> String {
        let (shape, parameters) = (fleet.shape(), fleet.parameters());
        let (seconds, quorum) = (parameters.epoch_seconds, parameters.quorum);
        let is_this = |preset: &Preset| {
            let published = preset.parameters(shape, seconds, quorum);
            published.with_outage_limit(parameters.outage_limit) == *parameters
        };
        let rejections = (rejections.0.iter()).map(|(reason, (count, examples))| RejectionCount {
            reason: reason.name().to_owned(),
            count: *count,
            examples: examples.clone(),
        });
        html(&UptimeReport {
            title: file_name(folder),
            epoch: fleet.epoch().number(),
            epoch_start: fleet.epoch().start(),
            shape: *shape,
            parameters: *parameters,
            preset: Preset::ALL
                .into_iter()
                .find(is_this)
                .map(|preset| preset.name().to_owned()),
            epoch_tag: to_decimal(&fleet.epoch_tag()),
            registry_root: to_decimal(&fleet.context().registry_root),
            params_hash: to_decimal(&fleet.context().parameters_hash),
            attestations_hash: format!("0x{}", hex::encode(attestations_hash)),
            tally: self.tally.clone(),
            seats: self.seats.clone(),
            rejections: rejections.collect(),
        })
    }
}
