//! The report of receipts of radio beacons: where the radios are, which receipts a rule accepted, and why it refused the others.
//!
//! The caller fills a [`CoverageReport`], [`html`] writes the page, [`map_svg`] the map alone. The rule is the caller's: nothing is
//! judged here.

mod map;
#[cfg(test)]
mod tests;

use super::Count;
use super::bars::{Bar, bars};
use super::markup::{Element, element};
use super::page::{
    cell, columns, count, evidence, facts, figure, key, key_figures, number, page, scroll, section,
    shortened, swatch, table,
};
use super::text::{counted, distance, grouped, percent, round_below};
use std::collections::{BTreeMap, BTreeSet};

pub use map::map_svg;

/// What the claim is evidence of.
pub const EVIDENCE: &str = "E2, radio witnesses: receipts of a fresh challenge, signed by the witnesses and timed by a drawn ingestor";
/// What it does not show.
pub const DOES_NOT_PROVE: &str = "real propagation: a room of radios with attenuators satisfies every rule";

/// Reasons with a colour of their own; the last colour is that of all others.
const COLOURS: usize = 6;
/// Most reasons that are listed one by one.
const REASONS_MAX: usize = 40;
/// Most rows of the histogram of distances.
const DISTANCE_BINS_MAX: u64 = 20;

/// Receipts and what was decided about them. Plain data; every text may be hostile, every number wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageReport {
    /// The network, or the place.
    pub title: String,
    /// When, and from what: one line under the title.
    pub lead: String,
    /// What this is evidence of; [`EVIDENCE`] for settled receipts of C1.
    pub evidence: String,
    /// What it does not prove; [`DOES_NOT_PROVE`] for C1.
    pub does_not_prove: String,
    /// Epoch tag, thresholds and whatever else is to be listed, in this order.
    pub facts: Vec<(String, String)>,
    /// The receipts that have both positions.
    pub receipts: Vec<Receipt>,
    /// The receipts that have not, by reason: no coordinates, the null position.
    pub unplaced: Vec<Count>,
}

/// A beacon heard by a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where the beacon was sent.
    pub beacon: Place,
    /// Where it was heard.
    pub witness: Place,
    /// Metres between them, as the rule measures distances.
    pub distance_m: u32,
    /// Why the receipt was refused; `None` if it was accepted.
    pub refusal: Option<String>,
}

/// A place on the globe, in units of 1e-7 degrees, as in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// North is positive.
    pub latitude_e7: i32,
    /// East is positive.
    pub longitude_e7: i32,
}

/// The page, complete. Below 2 MB up to ten thousand receipts between places that are all different.
pub fn html(report: &CoverageReport) -> String {
    let reasons = report.reasons();
    let blocks = [
        report.key_figures(),
        evidence(&report.evidence, &report.does_not_prove),
        report.map_section(&reasons),
        report.distances(),
    ]
    .into_iter()
    .chain((!report.facts.is_empty()).then(|| report.rule()));
    page(
        "Coverage, receipts of radio beacons",
        &report.title,
        &report.lead,
        blocks,
    )
}

/// Colour of a reason by its rank.
fn colour(rank: usize) -> String {
    format!("r{}", rank.min(COLOURS - 1))
}

impl CoverageReport {
    /// The reasons of refusals, the most frequent first, then by name.
    fn reasons(&self) -> Vec<(&str, u64)> {
        let mut counts = BTreeMap::new();
        for reason in self
            .receipts
            .iter()
            .filter_map(|receipt| receipt.refusal.as_deref())
        {
            *counts.entry(reason).or_insert(0u64) += 1;
        }
        let mut reasons: Vec<_> = counts.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    fn accepted(&self) -> u64 {
        self.receipts
            .iter()
            .filter(|receipt| receipt.refusal.is_none())
            .count() as u64
    }

    fn unplaced(&self) -> u64 {
        (self.unplaced.iter()).fold(0, |sum, left_out| sum.saturating_add(left_out.count))
    }

    fn key_figures(&self) -> Element {
        let places =
            |of: fn(&Receipt) -> Place| self.receipts.iter().map(of).collect::<BTreeSet<_>>().len() as u64;
        let placed = self.receipts.len() as u64;
        let longest = (self.receipts.iter())
            .filter(|receipt| receipt.refusal.is_none())
            .map(|receipt| receipt.distance_m)
            .max();
        key_figures([
            (
                "Receipts on the map",
                grouped(placed),
                format!("{} without a position", grouped(self.unplaced())),
            ),
            (
                "Accepted",
                grouped(self.accepted()),
                format!("{} of those on the map", percent(self.accepted(), placed)),
            ),
            (
                "Longest accepted",
                longest.map_or("\u{2013}".to_owned(), |metres| distance(metres.into())),
                "from beacon to witness".to_owned(),
            ),
            (
                "Beacons",
                grouped(places(|receipt| receipt.beacon)),
                "different places".to_owned(),
            ),
            (
                "Witnesses",
                grouped(places(|receipt| receipt.witness)),
                "different places".to_owned(),
            ),
        ])
    }

    fn rule(&self) -> Element {
        let named = self
            .facts
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        section("Rule and identifiers", "", [facts(named)])
    }

    fn map_section(&self, reasons: &[(&str, u64)]) -> Element {
        let placed = self.receipts.len() as u64;
        let row = |class: &str, name: &str, count_of: u64| {
            let name = element("td")
                .class("wrap")
                .child(swatch(class))
                .text(shortened(name));
            vec![name, count(count_of), number(&percent(count_of, placed))]
        };
        let (shown, others) = reasons.split_at(reasons.len().min(REASONS_MAX));
        let others = (!others.is_empty()).then(|| {
            let name = counted(others.len() as u64, "other reason", "other reasons");
            row(
                &colour(COLOURS),
                &name,
                others.iter().map(|(_, count)| count).sum(),
            )
        });
        let rows = std::iter::once(row("ok", "accepted", self.accepted()))
            .chain(
                (shown.iter().enumerate()).map(|(rank, (reason, count))| row(&colour(rank), reason, *count)),
            )
            .chain(others);
        let reasons_table = table(&["receipts", "number#", "share#"], rows);
        let unplaced = (!self.unplaced.is_empty()).then(|| {
            let rows = (self.unplaced.iter().take(REASONS_MAX))
                .map(|left_out| vec![cell(&shortened(&left_out.name)), count(left_out.count)]);
            table(&["not on the map", "number#"], rows)
        });
        let side = element("div")
            .class("side")
            .child(reasons_table)
            .children(unplaced);
        let map = figure(
            "Beacons and witnesses",
            "North is up. Lines are wider from 10 and from 100 receipts on between the same places.",
            element("div").child(map::symbols()).child(map::map(self, false)),
        );
        section(
            "Map",
            "",
            [element("div").class("map-and-table").child(map).child(side)],
        )
    }

    fn distances(&self) -> Element {
        let longest = (self.receipts.iter()).map(|receipt| receipt.distance_m).max();
        let Some(longest) = longest.map(u64::from) else {
            return section("Distances", "No receipt has a position.", []);
        };
        let step = step_above(longest, DISTANCE_BINS_MAX);
        let mut bins = vec![[0u64; 2]; usize::try_from(longest / step).unwrap_or(0) + 1];
        for receipt in &self.receipts {
            let bin = usize::try_from(u64::from(receipt.distance_m) / step).unwrap_or(0);
            if let Some(bin) = bins.get_mut(bin) {
                bin[usize::from(receipt.refusal.is_some())] += 1;
            }
        }
        let rows: Vec<_> = (0u64..)
            .zip(&bins)
            .map(|(bin, [accepted, refused])| Bar {
                label: format!("from {}", distance(bin * step)),
                parts: vec![*accepted, *refused],
                note: match refused {
                    0 => grouped(*accepted),
                    _ => format!("{} / {}", grouped(*accepted), grouped(*refused)),
                },
            })
            .collect();
        let names = [("s0", "accepted"), ("s1", "refused")];
        let names = names.map(|(class, name)| (class.to_owned(), name.to_owned()));
        let chart = bars(
            "distances",
            "Receipts by distance",
            "The nearest on top.",
            "",
            &["s0", "s1"],
            &rows,
        );
        let chart = figure(
            "Receipts by distance",
            &format!("From beacon to witness, in steps of {}", distance(step)),
            element("div").child(key(names)).child(scroll(chart)),
        );
        section("Distances", "", [columns([chart])])
    }
}

/// The smallest of 1, 2, 5, 10, 20, ... that divides `range` into at most `parts` steps.
fn step_above(range: u64, parts: u64) -> u64 {
    let least = range / parts + 1;
    let below = round_below(least);
    if below >= least {
        return below;
    }
    // 1 and 5 are followed by their double, 2 by its two and a half.
    let is_two = below.to_string().starts_with('2');
    if is_two { below / 2 * 5 } else { below * 2 }
}
