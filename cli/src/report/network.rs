//! A network's epochs as its chain knows them: what is attested, disputed, settled, paid.
//!
//! [`html`] makes a page of a [`NetworkReport`], which is plain data; [`crate::chain::status`] reads it from a node.

use super::bars::{Bar, bars};
use super::markup::{Element, element};
use super::page::{
    cell, columns, count, facts, figure, identifiers, key, key_figures, long_table, number, page, scroll,
    section, shortened, table,
};
use super::text::{counted, date_and_time, grouped, percent, score, total_score};

/// Epochs that have a section of their own, the latest ones.
const EPOCHS_MAX: usize = 30;
/// Rows of a table of zones or claims.
const ROWS_MAX: usize = 300;

/// What a page reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkReport {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of `Rewards`.
    pub contract: String,
    /// The block that was asked.
    pub block: u64,
    /// Its time, Unix seconds.
    pub time: u64,
    /// True if nothing is paid at present.
    pub paused: bool,
    /// The token's symbol.
    pub token: String,
    /// Names and selectors of the verifiers, and whether each is stopped.
    pub verifiers: Vec<Verifier>,
    /// The epochs, in the order in which they were opened.
    pub epochs: Vec<EpochReport>,
}

/// A verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Its circuit.
    pub circuit: String,
    /// Its selector.
    pub selector: String,
    /// True if it accepts no proof any more.
    pub stopped: bool,
}

/// An epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EpochReport {
    /// Its number.
    pub number: u64,
    /// What can be done at present.
    pub phase: String,
    /// The ends of the phases: name, Unix seconds.
    pub deadlines: Vec<(&'static str, u64)>,
    /// Zones.
    pub zones: u64,
    /// Devices of a zone.
    pub devices: u64,
    /// Watcher seats of a zone.
    pub watchers: u64,
    /// Epoch tag, decimal; empty before the draw.
    pub epoch_tag: String,
    /// Sum of the scores of the settled zones.
    pub scores: u64,
    /// Sum by which scores are divided, once the epoch is closed.
    pub total: Option<u64>,
    /// Budget, in the token's unit.
    pub budget: String,
    /// What was paid.
    pub paid: String,
    /// What was paid, in millionths of the budget.
    pub paid_share: u64,
    /// What went back after the claims, if they ended.
    pub swept: Option<String>,
    /// The zones with votes or scores, ascending.
    pub zone_rows: Vec<ZoneRow>,
    /// Paid rewards, in order.
    pub claims: Vec<ClaimRow>,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneRow {
    /// Its number.
    pub zone: u64,
    /// Seats with a digest.
    pub digests: u64,
    /// Digests that were replaced.
    pub replaced: u64,
    /// Seats whose votes are demanded and not open.
    pub demanded: u64,
    /// Seats that were voided.
    pub voided: u64,
    /// Claim root and sum of the scores, if it is settled.
    pub settled: Option<(String, u64)>,
}

/// A paid reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// Registry index.
    pub device: u64,
    /// Who was paid.
    pub payee: String,
    /// How much, in the token's unit.
    pub amount: String,
    /// The transaction.
    pub transaction: String,
}

impl EpochReport {
    /// Zones that are settled.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.count_zones(|zone| zone.settled.is_some())
    }

    /// Zones with at least one digest that are not settled.
    #[must_use]
    pub fn attested(&self) -> u64 {
        self.count_zones(|zone| zone.settled.is_none() && zone.digests > 0)
    }

    /// Seats whose votes are demanded and not open.
    #[must_use]
    pub fn demanded(&self) -> u64 {
        self.zone_rows.iter().map(|zone| zone.demanded).sum()
    }

    fn count_zones(&self, is_counted: impl Fn(&ZoneRow) -> bool) -> u64 {
        self.zone_rows.iter().filter(|zone| is_counted(zone)).count() as u64
    }
}

/// The page, complete and below 2 MB.
#[must_use]
pub fn html(report: &NetworkReport) -> String {
    let lead = format!(
        "Block {} of chain {}, {} UTC{}",
        grouped(report.block),
        report.chain_id,
        date_and_time(report.time),
        if report.paused {
            ". Paused: nothing is paid at present"
        } else {
            ""
        }
    );
    let shown = report.epochs.iter().rev().take(EPOCHS_MAX);
    let blocks = [report.key_figures(), report.verifiers(), report.epochs()]
        .into_iter()
        .chain(shown.map(|epoch| epoch.section(&report.token)));
    page("Epochs on chain", &report.contract, &lead, blocks)
}

impl NetworkReport {
    fn key_figures(&self) -> Element {
        let sum = |value: fn(&EpochReport) -> u64| self.epochs.iter().map(value).sum::<u64>();
        let zones = sum(|epoch| epoch.zones);
        let closed = sum(|epoch| u64::from(epoch.total.is_some()));
        key_figures([
            (
                "Epochs",
                grouped(self.epochs.len() as u64),
                format!("{} closed", grouped(closed)),
            ),
            (
                "Zones settled",
                grouped(sum(EpochReport::settled)),
                format!("of {}", grouped(zones)),
            ),
            (
                "Open demands",
                grouped(sum(EpochReport::demanded)),
                "votes that must be opened".to_owned(),
            ),
            (
                "Rewards paid",
                grouped(sum(|epoch| epoch.claims.len() as u64)),
                "claims".to_owned(),
            ),
        ])
    }

    fn verifiers(&self) -> Element {
        let rows = self.verifiers.iter().map(|verifier| {
            vec![
                cell(&shortened(&verifier.circuit)),
                cell(&verifier.selector),
                cell(if verifier.stopped {
                    "stopped for ever"
                } else {
                    "accepts proofs"
                }),
            ]
        });
        section("Verifiers", "", [table(&["circuit", "selector", "state"], rows)])
    }

    fn epochs(&self) -> Element {
        let rows = self.epochs.iter().rev().map(|epoch| {
            vec![
                cell(&epoch.number.to_string()),
                cell(&epoch.phase),
                count(epoch.zones),
                count(epoch.settled()),
                count(epoch.demanded()),
                number(&shortened(&epoch.budget)),
                number(&percent(epoch.paid_share, 1_000_000)),
                count(epoch.claims.len() as u64),
            ]
        });
        let names = [
            "epoch", "phase", "zones#", "settled#", "demands#", "budget#", "paid#", "claims#",
        ];
        let introduction = format!(
            "Budgets in {}. The latest epoch stands first.",
            shortened(&self.token)
        );
        section("Epochs", &introduction, [long_table(&names, rows)])
    }
}

impl EpochReport {
    fn section(&self, token: &str) -> Element {
        let title = format!("Epoch {}", self.number);
        let introduction = format!(
            "{} of {} and {}. Phase: {}.",
            counted(self.zones, "zone", "zones"),
            counted(self.devices, "device", "devices"),
            counted(self.watchers, "watcher seat", "watcher seats"),
            self.phase
        );
        let deadlines = self
            .deadlines
            .iter()
            .map(|(name, time)| (*name, format!("{} UTC", date_and_time(*time))));
        let total = match self.total {
            Some(total) => format!(
                "{}: an unsettled zone counts as if every score were 1",
                total_score(total)
            ),
            None => "known when the epoch is closed".to_owned(),
        };
        let money = facts([
            ("Budget", format!("{} {}", self.budget, shortened(token))),
            (
                "Paid",
                format!(
                    "{} {}, {}",
                    self.paid,
                    shortened(token),
                    percent(self.paid_share, 1_000_000)
                ),
            ),
            ("Scores of settled zones", total_score(self.scores)),
            ("Divided by", total),
            (
                "Gone back",
                self.swept
                    .clone()
                    .unwrap_or_else(|| "nothing: claims have not ended".to_owned()),
            ),
        ]);
        let tag = identifiers([(
            "Epoch tag",
            if self.epoch_tag.is_empty() {
                "not drawn".to_owned()
            } else {
                self.epoch_tag.clone()
            },
        )]);
        section(
            &title,
            &introduction,
            [
                columns([
                    self.progress(),
                    figure("Deadlines", "A phase includes its last second", facts(deadlines)),
                ]),
                money,
                tag,
                self.zones(),
                self.claims(),
            ],
        )
    }

    fn progress(&self) -> Element {
        let (settled, attested) = (self.settled(), self.attested());
        let absent = self.zones.saturating_sub(settled + attested);
        let bar = Bar {
            label: "zones".to_owned(),
            parts: vec![settled, attested, absent],
            note: format!(
                "{} / {} / {}",
                grouped(settled),
                grouped(attested),
                grouped(absent)
            ),
        };
        let chart = bars(
            &format!("zones-{}", self.number),
            &format!("Zones of epoch {}", self.number),
            "Zones that are settled, attested and not settled, and without votes.",
            "",
            &["s0", "s1", "empty"],
            &[bar],
        );
        let names = [("s0", "settled"), ("s1", "attested"), ("empty", "without votes")];
        let names = names.map(|(class, name)| (class.to_owned(), name.to_owned()));
        figure(
            "Progress",
            "Zones: settled, attested and not settled, without votes",
            element("div").child(key(names)).child(scroll(chart)),
        )
    }

    fn zones(&self) -> Element {
        let rows = self.zone_rows.iter().take(ROWS_MAX).map(|zone| {
            let (root, scores) = match &zone.settled {
                Some((root, scores)) => (
                    element("td").child(element("code").text(root)),
                    number(&score(*scores)),
                ),
                None => (element("td").class("missing").text("not settled"), number("")),
            };
            vec![
                cell(&zone.zone.to_string()),
                count(zone.digests),
                count(zone.replaced),
                count(zone.demanded),
                count(zone.voided),
                scores,
                root,
            ]
        });
        let names = [
            "zone",
            "digests#",
            "replaced#",
            "demanded#",
            "voided#",
            "scores#",
            "claim root",
        ];
        let rest = self.zone_rows.len().saturating_sub(ROWS_MAX);
        let table = with_rest(long_table(&names, rows), rest, "zone is", "zones are");
        figure(
            "Zones",
            "Digests of watchers, what was disputed, and what is settled",
            table,
        )
    }

    fn claims(&self) -> Element {
        let rows = self.claims.iter().take(ROWS_MAX).map(|claim| {
            vec![
                cell(&claim.device.to_string()),
                element("td").child(element("code").text(&claim.payee)),
                number(&claim.amount),
                element("td").child(element("code").text(&claim.transaction)),
            ]
        });
        let rest = self.claims.len().saturating_sub(ROWS_MAX);
        let names = ["device", "payee", "amount#", "transaction"];
        let table = with_rest(long_table(&names, rows), rest, "claim is", "claims are");
        figure(
            "Claims",
            "Paid rewards, in the order in which they were claimed",
            table,
        )
    }
}

/// A table, and how many of its rows are not shown.
fn with_rest(table: Element, rest: usize, singular: &str, plural: &str) -> Element {
    let remark = (rest > 0).then(|| {
        let text = format!(
            "{} not shown.",
            counted(
                rest as u64,
                &format!("more {singular}"),
                &format!("more {plural}")
            )
        );
        element("p").class("remark").text(text)
    });
    element("div").child(table).children(remark)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::xml;

    const HOSTILE: &str = "<script>alert(\"1\")</script>'&\u{202e}\u{0}";

    fn checked(report: &NetworkReport) -> String {
        let page = html(report);
        xml::check_page(&page);
        page
    }

    fn epoch(number: u64) -> EpochReport {
        EpochReport {
            number,
            phase: "settlement".to_owned(),
            deadlines: vec![("settle", 1_728_172_800)],
            zones: 4,
            devices: 16,
            watchers: 3,
            budget: "12.5".to_owned(),
            paid: "2.5".to_owned(),
            paid_share: 200_000,
            scores: 7_500_000,
            zone_rows: vec![
                ZoneRow {
                    zone: 0,
                    digests: 3,
                    settled: Some(("0xabcd".to_owned(), 7_500_000)),
                    ..ZoneRow::default()
                },
                ZoneRow {
                    zone: 2,
                    digests: 2,
                    demanded: 1,
                    ..ZoneRow::default()
                },
            ],
            claims: vec![ClaimRow {
                device: 7,
                payee: "0x1111".to_owned(),
                amount: "2.5".to_owned(),
                transaction: "0x2222".to_owned(),
            }],
            ..EpochReport::default()
        }
    }

    #[test]
    fn a_network_without_epochs() {
        let page = checked(&NetworkReport::default());
        assert!(page.contains("Epochs on chain"));
    }

    #[test]
    fn an_epoch_says_what_is_settled_disputed_and_paid() {
        let report = NetworkReport {
            paused: true,
            epochs: vec![epoch(20_000)],
            ..NetworkReport::default()
        };
        let page = checked(&report);
        for part in [
            "Epoch 20000",
            "1 / 1 / 2",
            "0xabcd",
            "not settled",
            "0x1111",
            "2.5",
            "20.0",
            "Paused",
            "not drawn",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn hostile_names_are_text_and_many_rows_are_cut() {
        let mut epochs: Vec<EpochReport> = (0..200).map(epoch).collect();
        for epoch in &mut epochs {
            epoch.zone_rows = vec![epoch.zone_rows[0].clone(); 2_000];
            epoch.budget = HOSTILE.repeat(5_000);
        }
        let report = NetworkReport {
            contract: HOSTILE.to_owned(),
            token: HOSTILE.repeat(10_000),
            verifiers: vec![Verifier {
                circuit: HOSTILE.to_owned(),
                selector: HOSTILE.to_owned(),
                stopped: true,
            }],
            epochs: epochs.split_off(195),
            ..NetworkReport::default()
        };
        let page = html(&report);
        assert!(page.contains("1\u{202f}700 more zones are not shown."));
        assert!(!page.contains("<script>"));
    }
}
