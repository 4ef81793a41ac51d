//! The report of an epoch of U1, uptime by quorum: who was up, what was paid, who watched, what was refused.
//!
//! The caller counts with a [`Tally`], zone by zone, and fills an [`UptimeReport`]; [`html`] writes the page.

mod tally;
#[cfg(test)]
mod tests;

use super::bars::{Bar, bars};
use super::heat::{CLASSES, HeatMap};
use super::markup::{Element, element};
use super::page::{
    cell, columns, count, evidence, facts, figure, identifiers, key, key_figures, long_table, number, page,
    scale, scroll, section, shortened, table,
};
use super::text::{clock, counted, date_and_time, duration, end_clock, grouped, percent, score, total_score};
use popw_claims::uptime::{Parameters, PolicyKind, Shape};
use tally::ZoneRow;

pub use tally::{DeviceUptime, Tally};

/// What the claim is evidence of.
pub const EVIDENCE: &str =
    "E2, quorum: watchers drawn after the epoch was opened, over records signed with the device's key";
/// What it does not show.
pub const DOES_NOT_PROVE: &str =
    "the station's location, that its service was useful, or that a colluding quorum was honest";

/// Zones that the table lists one by one.
const ZONES_MAX: usize = 200;
/// Most reasons that the chart and the table of rejections list.
const REASONS_MAX: usize = 40;
/// Examples that are listed of each reason.
const EXAMPLES_MAX: usize = 3;

/// An epoch of U1. Plain data; every text may be hostile, every number wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UptimeReport {
    /// The network, or the fleet.
    pub title: String,
    /// The epoch, e.
    pub epoch: u64,
    /// First second of the epoch, Unix time.
    pub epoch_start: u64,
    /// N, W, S.
    pub shape: Shape,
    /// The rule.
    pub parameters: Parameters,
    /// The name of the published rule that the parameters are, if any.
    pub preset: Option<String>,
    /// The epoch tag, as it is to be printed.
    pub epoch_tag: String,
    /// REG, as it is to be printed.
    pub registry_root: String,
    /// The hash of the parameters, as it is to be printed.
    pub params_hash: String,
    /// Hash of all digests, as it is to be printed.
    pub attestations_hash: String,
    /// Devices, zones, slots, outages.
    pub tally: Tally,
    /// Attestations of each seat, in seat order.
    pub seats: Vec<SeatCount>,
    /// Attestations that were not counted, by reason.
    pub rejections: Vec<Rejection>,
}

/// Attestations of a seat over the zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeatCount {
    /// Zones with a valid attestation of this seat.
    pub attested: u64,
    /// Zones without: the seat voted for no slot there.
    pub absent: u64,
}

/// Attestations that were not counted for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Where the first of them stand; three are shown.
    pub examples: Vec<FileLine>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// Name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

/// The page, complete and below 2 MB.
pub fn html(report: &UptimeReport) -> String {
    let end = report.epoch_start.saturating_add(report.seconds());
    let lead = format!(
        "Epoch {}, {} to {} UTC",
        report.epoch,
        date_and_time(report.epoch_start),
        date_and_time(end)
    );
    let blocks = [
        report.key_figures(),
        evidence(EVIDENCE, DOES_NOT_PROVE),
        report.devices(),
        report.slots(),
        report.watchers(),
        report.outages(),
        report.zones(),
        report.rule(),
    ];
    page("U1, uptime by quorum", &report.title, &lead, blocks)
}

/// Sums over zones.
#[derive(Default)]
struct Sums {
    zones: u64,
    settled: u64,
    devices: u64,
    slots_up: u64,
    score: u64,
}

impl Sums {
    fn of<'a>(zones: impl IntoIterator<Item = &'a ZoneRow>) -> Self {
        zones.into_iter().fold(Self::default(), |sums, zone| Self {
            zones: sums.zones + 1,
            settled: sums.settled + u64::from(zone.settled_file.is_some()),
            devices: sums.devices.saturating_add(zone.devices),
            slots_up: sums.slots_up.saturating_add(zone.slots_up),
            score: sums.score.saturating_add(zone.score),
        })
    }
}

impl UptimeReport {
    fn seconds(&self) -> u64 {
        u64::from(self.parameters.epoch_seconds)
    }

    fn slot_seconds(&self) -> u64 {
        self.seconds() / (self.shape.slots as u64).max(1)
    }

    /// Mean uptime of devices with so many slots up.
    fn mean_uptime(&self, slots_up: u64, devices: u64) -> String {
        percent(slots_up, devices.saturating_mul(self.shape.slots as u64))
    }

    fn key_figures(&self) -> Element {
        let sums = Sums::of(&self.tally.zones);
        let full = self.tally.uptime.last().copied().unwrap_or(0);
        let paid = sums.devices.saturating_sub(self.tally.scores[0]);
        key_figures([
            (
                "Devices",
                grouped(sums.devices),
                format!("in {}", counted(sums.zones, "zone", "zones")),
            ),
            (
                "Mean uptime",
                self.mean_uptime(sums.slots_up, sums.devices),
                format!("{} up in every slot", grouped(full)),
            ),
            (
                "Total score",
                total_score(sums.score),
                "in full scores".to_owned(),
            ),
            (
                "Claims",
                grouped(paid),
                format!("{} of the devices", percent(paid, sums.devices)),
            ),
            (
                "Zones settled",
                grouped(sums.settled),
                match sums.zones - sums.settled {
                    0 => "none left".to_owned(),
                    left => format!("{} not settled", grouped(left)),
                },
            ),
        ])
    }

    fn devices(&self) -> Element {
        let devices: u64 = self.tally.uptime.iter().sum();
        let slots = self.tally.uptime.len() - 1;
        let uptime = histogram(
            "uptime",
            "Devices by uptime",
            &format!("slots of {slots}"),
            uptime_bins(&self.tally.uptime),
            devices,
        );
        let scores = histogram(
            "scores",
            "Devices by score",
            "score",
            score_bins(&self.tally.scores),
            devices,
        );
        let introduction = format!(
            "A slot counts when at least {} of {} watchers heard the device.",
            self.parameters.quorum, self.shape.watchers
        );
        section(
            "Uptime and scores",
            &introduction,
            [columns([
                figure(
                    "Uptime",
                    "Devices by the number of slots with quorum, the most on top",
                    scroll(uptime),
                ),
                figure(
                    "Scores",
                    &format!(
                        "Devices by score, {}; a bin has its lower end, not its upper",
                        self.rule_name()
                    ),
                    scroll(scores),
                ),
            ])],
        )
    }

    fn slots(&self) -> Element {
        let grid = &self.tally.grid;
        let slots = self.shape.slots as u64;
        let row = counted(grid.zones_of_row, "zone", "zones");
        let column = counted(grid.slots_of_column as u64, "slot", "slots");
        let column_seconds = self.slot_seconds().saturating_mul(grid.slots_of_column as u64);
        let remark = format!(
            "Share of the registered devices with quorum. A row is {row}, a column {column} of {}",
            duration(column_seconds)
        );
        let map = HeatMap {
            id: "slots",
            title: "Share of devices with quorum, by zone and time",
            description: &format!("{remark}. The table of zones has the same data summed over time."),
            axis: if grid.zones_of_row == 1 { "zone" } else { "zones" },
            names: grid.row_names(),
            shares: grid.shares.clone(),
            start: self.epoch_start,
            seconds: self.seconds(),
            column_width: grid.slots_of_column as u64,
            columns_width: slots,
        };
        let legend = (CLASSES.iter().enumerate())
            .map(|(class, (_, name))| (format!("h{class}"), (*name).to_owned()))
            .chain([("empty".to_owned(), "no device".to_owned())]);
        let heat = element("div").child(scale(legend)).child(scroll(map.draw()));
        section("Slots", "", [figure("When devices were up", &remark, heat)])
    }

    fn watchers(&self) -> Element {
        let seats: Vec<_> = (self.seats.iter().enumerate())
            .map(|(seat, count)| Bar {
                label: seat.to_string(),
                parts: vec![count.attested, count.absent],
                note: format!("{} / {}", grouped(count.attested), grouped(count.absent)),
            })
            .collect();
        let seat_chart = bars(
            "seats",
            "Attestations by seat",
            "For each seat, the zones with a valid attestation, and those without.",
            "seat",
            &["s0", "s1"],
            &seats,
        );
        let names = [("s0", "attested"), ("s1", "absent: votes for no slot")];
        let names = names.map(|(class, name)| (class.to_owned(), name.to_owned()));
        let seats = figure(
            "Seats",
            "Zones that each seat attested, and zones in which it was absent",
            element("div").child(key(names)).child(scroll(seat_chart)),
        );
        let total: u64 =
            (self.rejections.iter()).fold(0, |sum, rejection| sum.saturating_add(rejection.count));
        if self.rejections.is_empty() {
            return section("Watchers", "No attestation was rejected.", [columns([seats])]);
        }
        let shown = &self.rejections[..self.rejections.len().min(REASONS_MAX)];
        let reasons: Vec<_> = (shown.iter())
            .map(|rejection| Bar {
                label: rejection.reason.clone(),
                parts: vec![rejection.count],
                note: grouped(rejection.count),
            })
            .collect();
        let reason_chart = bars(
            "rejections",
            "Rejected attestations by reason",
            "The table below has the same counts.",
            "",
            &["s1"],
            &reasons,
        );
        let reasons = figure(
            "Rejected attestations",
            &format!("{} by reason", grouped(total)),
            scroll(reason_chart),
        );
        let rows = shown.iter().map(|rejection| {
            let examples = (rejection.examples.iter().take(EXAMPLES_MAX)).map(|example| {
                element("code").text(format_args!("{}:{}", shortened(&example.file), example.line))
            });
            vec![
                element("td").class("wrap").text(shortened(&rejection.reason)),
                count(rejection.count),
                element("td").class("examples").children(examples),
            ]
        });
        let mut blocks = vec![
            columns([seats, reasons]),
            table(&["reason", "attestations#", "first examples"], rows),
        ];
        let more = self.rejections.len() - shown.len();
        if more > 0 {
            let text = format!(
                "{} not shown.",
                counted(more as u64, "more reason is", "more reasons are")
            );
            blocks.push(element("p").class("remark").text(text));
        }
        section("Watchers", "", blocks)
    }

    fn outages(&self) -> Element {
        if self.tally.outages.is_empty() {
            return section("Longest outages", "No device was without quorum in any slot.", []);
        }
        let rows = self.tally.outages.iter().map(|outage| {
            let [from, to] = [outage.first_slot, outage.first_slot + outage.slots].map(|slot| {
                self.epoch_start
                    .saturating_add(slot.saturating_mul(self.slot_seconds()))
            });
            let times = if self.seconds() <= 86_400 {
                [clock(from), end_clock(to)]
            } else {
                [from, to].map(date_and_time)
            };
            let [from, to] = times.map(|time| number(&time));
            vec![
                number(&outage.device.to_string()),
                number(&outage.zone.to_string()),
                from,
                to,
                count(outage.slots),
                number(&duration(outage.slots.saturating_mul(self.slot_seconds()))),
            ]
        });
        section(
            "Longest outages",
            "Runs of slots without quorum, the longest first; runs end with the epoch.",
            [table(
                &["device#", "zone#", "from, UTC#", "to, UTC#", "slots#", "time#"],
                rows,
            )],
        )
    }

    fn zones(&self) -> Element {
        let mut zones: Vec<_> = self.tally.zones.iter().collect();
        let is_cut = zones.len() > ZONES_MAX;
        if is_cut {
            // Cross-multiplied, so that means are compared exactly; a zone without devices has nothing to show and comes last.
            zones.sort_by(|left, right| {
                let mean = |of: &ZoneRow, other: &ZoneRow| {
                    u128::from(of.slots_up) * u128::from(other.devices.max(1))
                };
                (left.settled_file.is_some().cmp(&right.settled_file.is_some()))
                    .then((left.devices == 0).cmp(&(right.devices == 0)))
                    .then(mean(left, right).cmp(&mean(right, left)))
                    .then(left.zone.cmp(&right.zone))
            });
        } else {
            zones.sort_by_key(|zone| zone.zone);
        }
        let (shown, others) = zones.split_at(zones.len().min(ZONES_MAX));
        let introduction = if is_cut {
            format!(
                "{} of {} zones: those not settled, then those with the lowest mean uptime. The first row sums up the others.",
                grouped(shown.len() as u64),
                grouped(zones.len() as u64)
            )
        } else {
            String::new()
        };
        let others = Sums::of(others.iter().copied());
        let others = is_cut.then(|| {
            vec![
                cell(&format!("{} others", grouped(others.zones))),
                count(others.devices),
                number(&self.mean_uptime(others.slots_up, others.devices)),
                number(&total_score(others.score)),
                cell(&format!("{} settled", grouped(others.settled))),
            ]
        });
        let rows = shown.iter().map(|zone| {
            let file = match &zone.settled_file {
                Some(file) => element("td").child(element("code").text(shortened(file))),
                None => element("td").class("missing").text("not settled"),
            };
            vec![
                cell(&zone.zone.to_string()),
                count(zone.devices),
                number(&self.mean_uptime(zone.slots_up, zone.devices)),
                number(&score(zone.score)),
                file,
            ]
        });
        let names = ["zone", "devices#", "mean uptime#", "total score#", "settled in"];
        let table = long_table(&names, others.into_iter().chain(rows));
        section("Zones", &introduction, [table])
    }

    fn rule_name(&self) -> String {
        match &self.preset {
            Some(preset) => format!("{preset} ({})", self.parameters.policy.name()),
            None => self.parameters.policy.name().to_owned(),
        }
    }

    /// The relation of the score, in the units of the parameters.
    fn formula(&self) -> String {
        let Parameters {
            epoch_seconds,
            policy,
            slope,
            offset,
            grace_seconds,
            ..
        } = self.parameters;
        let above = format!("max(0, {slope} u \u{2212} {offset} L)");
        let (relation, grace) = match policy {
            PolicyKind::Threshold => (
                format!("1 if {slope} u \u{2265} {offset} L, else 0"),
                String::new(),
            ),
            PolicyKind::Linear => (format!("{above} / L"), String::new()),
            PolicyKind::Quadratic => (
                format!("{above}\u{b2} / L\u{b2}"),
                format!(" plus {grace_seconds} s, at most L"),
            ),
        };
        format!(
            "{relation}; u = seconds up{grace}; L = {} s",
            grouped(epoch_seconds.into())
        )
    }

    fn rule(&self) -> Element {
        let outage_limit = match self.parameters.outage_limit {
            limit if self.shape.outage_rule => format!(
                "{} ({}); beyond it the score is 0",
                counted(limit.into(), "slot", "slots"),
                duration(u64::from(limit).saturating_mul(self.slot_seconds()))
            ),
            _ => "none".to_owned(),
        };
        let parameters = facts([
            ("Rule", self.rule_name()),
            ("Score", self.formula()),
            (
                "Quorum q",
                format!("{} of {} watchers", self.parameters.quorum, self.shape.watchers),
            ),
            ("Outage limit G", outage_limit),
            ("Devices of a zone N", grouped(self.shape.devices as u64)),
            ("Watchers of a zone W", self.shape.watchers.to_string()),
            (
                "Slots of an epoch S",
                format!(
                    "{} of {}",
                    grouped(self.shape.slots as u64),
                    duration(self.slot_seconds())
                ),
            ),
        ]);
        let identifiers = identifiers([
            ("Epoch tag", self.epoch_tag.clone()),
            ("Registry root", self.registry_root.clone()),
            ("Parameters hash", self.params_hash.clone()),
            ("Hash of the attestations", self.attestations_hash.clone()),
        ]);
        section("Rule and identifiers", "", [parameters, identifiers])
    }
}

/// A histogram with the largest value on top, and each count with its share of all devices.
fn histogram(id: &str, title: &str, axis: &str, bins: Vec<(String, u64)>, devices: u64) -> Element {
    let rows: Vec<_> = (bins.into_iter().rev())
        .map(|(label, count)| Bar {
            label,
            parts: vec![count],
            note: match count {
                0 => "0".to_owned(),
                _ => format!("{}  {}", grouped(count), percent(count, devices)),
            },
        })
        .collect();
    let description = format!(
        "{} in all; the largest value on top.",
        counted(devices, "device", "devices")
    );
    bars(id, title, &description, axis, &["s0"], &rows)
}

/// Few values stand alone. Of many, none and all stand alone, and the others in as many equal bins as fit a whole number of times.
fn uptime_bins(uptime: &[u64]) -> Vec<(String, u64)> {
    let slots = uptime.len().saturating_sub(1);
    if slots <= 30 {
        return (uptime.iter().enumerate())
            .map(|(slots, count)| (slots.to_string(), *count))
            .collect();
    }
    let bins = (12..=24)
        .rev()
        .find(|bins| slots.is_multiple_of(*bins))
        .unwrap_or(24);
    let width = slots.div_ceil(bins);
    let inner = (uptime[..slots].chunks(width).enumerate()).map(|(bin, counts)| {
        // None stands alone.
        let (first, counts) = if bin == 0 {
            (1, &counts[1..])
        } else {
            (bin * width, counts)
        };
        let last = (first + counts.len()).saturating_sub(1);
        (format!("{first}\u{2013}{last}"), counts.iter().sum())
    });
    [("0".to_owned(), uptime[0])]
        .into_iter()
        .chain(inner)
        .chain([(slots.to_string(), uptime[slots])])
        .collect()
}

fn score_bins(scores: &[u64]) -> Vec<(String, u64)> {
    let inner = scores.len() - 2;
    (scores.iter().enumerate())
        .map(|(bin, count)| {
            let label = match bin {
                0 => "0".to_owned(),
                bin if bin > inner => "1".to_owned(),
                bin => {
                    let [from, to] = [bin - 1, bin].map(|border| border * 100 / inner);
                    format!("{}\u{2013}{}", hundredths(from), hundredths(to))
                }
            };
            (label, *count)
        })
        .collect()
}

fn hundredths(number: usize) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}
