//! Each attack alone, measured: the tables of `docs/security/attacks.md`.
//!
//! An [`Attack`] is a row; what happens in it is a [`Scenario`] of the claim that it attacks, played on the ordinary pipeline of
//! that claim: [`super::uptime`], [`super::location`], [`super::coverage`]. Nothing is lost on the way, so that every part per
//! million of a score that is gained or lost is the attack's doing. The verdict "caught" is what was measured: the attacker gained
//! nothing and nobody else lost anything.

use super::uptime::{COMMITTEES, Capture, WATCHERS_PER_SEAT, lost_by_packet_loss};
use super::{coverage, location, uptime};
use crate::failure::Failure;

/// An attack: what happens, which rule meets it, and what is left.
pub struct Attack {
    /// The name, also of its test.
    pub name: &'static str,
    /// What happens.
    pub does: &'static str,
    /// The rule that meets it.
    pub rule: &'static str,
    /// What stays open.
    pub open: &'static str,
    /// How it is played.
    pub scenario: Scenario,
}

/// How an attack is played, by the claim that it attacks.
pub enum Scenario {
    /// U1.
    Uptime(uptime::Scenario),
    /// L1.
    Location(location::Scenario),
    /// C1.
    Coverage(coverage::Scenario),
}

impl Scenario {
    /// The claim.
    pub fn claim(&self) -> &'static str {
        match self {
            Self::Uptime(_) => "U1",
            Self::Location(_) => "L1",
            Self::Coverage(_) => "C1",
        }
    }
}

/// What an attack did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Score that the attacker has and does not deserve, in parts per million (C1: of a reward unit, all devices of the attacker
    /// together).
    pub gained: u32,
    /// The most that an honest device deserved and does not have.
    pub lost: u32,
    /// Messages that the rule refused.
    pub refused: u64,
}

impl Measured {
    /// Nobody gained and nobody lost.
    pub fn is_caught(&self) -> bool {
        (self.gained, self.lost) == (0, 0)
    }
}

/// Every attack that is played.
pub fn attacks() -> impl Iterator<Item = &'static Attack> {
    [uptime::ATTACKS, location::ATTACKS, coverage::ATTACKS]
        .into_iter()
        .flatten()
}

impl Attack {
    /// The attack of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        attacks().find(|attack| attack.name == name)
    }

    /// Plays the attack.
    ///
    /// # Errors
    /// If the scenario cannot be played.
    pub fn measure(&self) -> Result<Measured, Failure> {
        match &self.scenario {
            Scenario::Uptime(scenario) => scenario.play(),
            Scenario::Location(scenario) => scenario.play(),
            Scenario::Coverage(scenario) => scenario.play(),
        }
    }
}

/// The tables, as Markdown.
///
/// # Errors
/// If a scenario cannot be played.
pub fn markdown() -> Result<String, Failure> {
    let mut text = String::from(
        "| attack | what happens | claim | caught | by what rule (messages refused) | gained by the attacker | lost by the honest | \
         what stays open |\n|---|---|---|---|---|---|---|---|\n",
    );
    for attack in attacks() {
        let measured = attack.measure()?;
        let Measured {
            gained,
            lost,
            refused,
        } = measured;
        let caught = if measured.is_caught() { "yes" } else { "**no**" };
        let refused = if refused == 0 {
            String::new()
        } else {
            format!(" ({refused})")
        };
        let Attack {
            name,
            does,
            rule,
            open,
            scenario,
        } = attack;
        let claim = scenario.claim();
        text += &format!(
            "| `{name}` | {does} | {claim} | {caught} | {rule}{refused} | {} | {} | {open} |\n",
            fraction(gained),
            fraction(lost)
        );
    }
    text += &format!(
        "\n| colluding watchers of each seat | zones with a quorum of them, of {COMMITTEES} drawn | the same by the binomial \
         distribution |\n|---|---|---|\n"
    );
    for colluders in [1, 3, 5, 7] {
        let capture = Capture::measure(colluders)?;
        text += &format!(
            "| {colluders} of {WATCHERS_PER_SEAT} ({:.1} %) | {:.2} % | {:.2} % |\n",
            colluders as f64 / WATCHERS_PER_SEAT as f64 * 100.0,
            capture.fraction() * 100.0,
            capture.expected * 100.0
        );
    }
    text += "\n| records that each watcher loses | lost by honest devices, on average |\n|---|---|\n";
    for percent in [2, 10, 20, 30, 40, 50] {
        let lost = fraction(lost_by_packet_loss(percent)?);
        text += &format!("| {percent} % | {lost} |\n");
    }
    Ok(text)
}

fn fraction(score: u32) -> String {
    match score {
        0 => "0".to_owned(),
        _ => format!("{}.{:06}", score / 1_000_000, score % 1_000_000),
    }
}
