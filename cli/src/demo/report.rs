//! What the demo prints, for people and as JSON.

use super::chain::BUDGET;
use crate::report::text::{date, score};
use crate::report::uptime::{DOES_NOT_PROVE, EVIDENCE};
use alloy_primitives::U256;
use popw_claims::log::LogReport;
use serde_json::json;
use std::fmt::{self, Debug, Display};
use std::path::PathBuf;
use std::time::Duration;

/// A station of the zone.
pub struct StationRow {
    /// Registry index.
    pub index: usize,
    /// The day of the log that it plays, from 1970-01-01.
    pub day: u64,
    /// Rows of that day.
    pub rows: usize,
    /// Slots with at least one row.
    pub slots_logged: u32,
    /// Slots that a quorum of watchers heard.
    pub slots_up: u32,
    /// Longest run of slots without quorum.
    pub longest_outage: u32,
    /// The proven score, in parts per million.
    pub score: u32,
    /// The score by the other policy, for comparison.
    pub other_score: u32,
}

/// A check with its result.
pub struct Check {
    /// What must hold.
    pub name: &'static str,
    /// Why it does not, if so.
    pub failure: Option<String>,
}

impl Check {
    /// Passes if the result is `Ok`.
    pub fn passed<E: Display>(name: &'static str, result: Result<(), E>) -> Self {
        Self {
            name,
            failure: result.err().map(|error| error.to_string()),
        }
    }

    /// Passes if both are equal.
    pub fn equal<T: PartialEq + Debug>(name: &'static str, left: &T, right: &T) -> Self {
        let failure = (left != right).then(|| format!("{left:?} is not {right:?}"));
        Self { name, failure }
    }
}

/// A lie and who refused it.
pub struct Forgery {
    /// The lie.
    pub name: &'static str,
    /// Who must refuse it.
    pub refused_by: &'static str,
    /// Why it was refused; `None` if it was accepted.
    pub reason: Option<String>,
}

/// A paid reward.
pub struct Reward {
    /// The station's registry index.
    pub station: usize,
    /// Who was paid.
    pub payee: [u8; 20],
    /// How much, in the test token's smallest unit.
    pub amount: U256,
    /// Gas of the whole claim.
    pub gas_used: u64,
}

/// Everything that the demo has to say.
pub struct Report {
    /// The log.
    pub log_name: String,
    /// What reading it noticed.
    pub log: LogReport,
    /// UTC days with rows.
    pub days: usize,
    /// Seed of what is synthetic.
    pub seed: u64,
    /// Packet loss of each watcher.
    pub loss_percent: u8,
    /// The circuit's name.
    pub circuit: String,
    /// SHA-256 of its .r1cs.
    pub circuit_id: String,
    /// Its constraints.
    pub constraints: usize,
    /// Whether the dev key was made in this run.
    pub key_is_new: bool,
    /// Watchers that must agree.
    pub quorum: u32,
    /// Received, lost and refused records of each seat.
    pub seats: Vec<(usize, usize, u64)>,
    /// The stations.
    pub stations: Vec<StationRow>,
    /// Sum of the scores.
    pub total_score: u64,
    /// Phases.
    pub times: Vec<(&'static str, Duration)>,
    /// Gas of deploying the verifier.
    pub verifier_gas: u64,
    /// Gas of deploying the contracts around it.
    pub contracts_gas: u64,
    /// Gas of posting the zone's digests.
    pub attest_gas: u64,
    /// Gas of settling the zone.
    pub settle_gas: u64,
    /// The reward that was claimed; none if no station has a score.
    pub reward: Option<Reward>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// What was refused.
    pub forgeries: Vec<Forgery>,
    /// Where the files are.
    pub out: PathBuf,
}

const SYNTHETIC: &str = "session and hardware keys, payees, positions, watchers, their packet loss, the beacon; the log itself is real";

impl Report {
    /// Did every check pass and every forgery fail?
    pub fn all_passed(&self) -> bool {
        self.checks.iter().all(|check| check.failure.is_none())
            && self.forgeries.iter().all(|forgery| forgery.reason.is_some())
    }

    /// The report as one JSON object.
    pub fn json(&self) -> serde_json::Value {
        let stations: Vec<_> = self
            .stations
            .iter()
            .map(|station| {
                json!({
                    "index": station.index,
                    "day": date(station.day),
                    "rows": station.rows,
                    "slots_logged": station.slots_logged,
                    "slots_up": station.slots_up,
                    "longest_outage": station.longest_outage,
                    "score_geodnet_linear": station.score,
                    "score_onocoy_quadratic": station.other_score,
                })
            })
            .collect();
        let seats: Vec<_> = (self.seats.iter())
            .map(
                |(received, lost, refused)| json!({ "received": received, "lost": lost, "refused": refused }),
            )
            .collect();
        let times: serde_json::Map<_, _> = (self.times.iter())
            .map(|(label, time)| ((*label).to_owned(), json!(time.as_secs_f64())))
            .collect();
        let checks: Vec<_> = (self.checks.iter())
            .map(|check| json!({ "check": check.name, "passed": check.failure.is_none(), "failure": check.failure }))
            .collect();
        let forgeries: Vec<_> = (self.forgeries.iter())
            .map(|forgery| {
                json!({ "forgery": forgery.name, "refused": forgery.reason.is_some(),
                    "refused_by": forgery.refused_by, "reason": forgery.reason })
            })
            .collect();
        json!({
            "log": { "name": self.log_name, "rows": self.log.rows, "days": self.days,
                "out_of_order": self.log.out_of_order, "duplicates": self.log.duplicates },
            "synthetic": { "what": SYNTHETIC, "seed": self.seed, "loss_percent": self.loss_percent },
            "circuit": { "name": self.circuit, "id": self.circuit_id, "constraints": self.constraints },
            "key": { "grade": "dev", "made_now": self.key_is_new },
            "quorum": self.quorum,
            "seats": seats,
            "stations": stations,
            "total_score": self.total_score,
            "seconds": times,
            "gas": { "deploy_verifier": self.verifier_gas, "deploy_contracts": self.contracts_gas,
                "attest": self.attest_gas, "settle": self.settle_gas,
                "claim": self.reward.as_ref().map(|reward| reward.gas_used) },
            "reward": self.reward.as_ref().map(|reward| json!({ "station": reward.station,
                "payee": format!("0x{}", hex::encode(reward.payee)), "amount": reward.amount.to_string() })),
            "evidence": EVIDENCE,
            "does_not_prove": DOES_NOT_PROVE,
            "checks": checks,
            "forgeries": forgeries,
            "all_passed": self.all_passed(),
            "out": self.out.display().to_string(),
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LOG        {}", self.log_name)?;
        writeln!(
            f,
            "           {} rows over {} days; {} out of order (sorted), {} duplicates (dropped)",
            self.log.rows, self.days, self.log.out_of_order, self.log.duplicates
        )?;
        writeln!(f, "SYNTHETIC  {SYNTHETIC}")?;
        writeln!(
            f,
            "           seed {}, each watcher loses {} % of the records",
            self.seed, self.loss_percent
        )?;
        writeln!(
            f,
            "CLAIM      U1 uptime, a slot counts if {} of {} watchers heard it; paid by the rule geodnet-linear",
            self.quorum,
            self.seats.len()
        )?;
        writeln!(
            f,
            "           onocoy-quadratic is computed beside it, not proven\n"
        )?;
        writeln!(
            f,
            "station  day         rows  slots_logged  slots_up  outage  geodnet-linear  onocoy-quadratic"
        )?;
        for station in &self.stations {
            writeln!(
                f,
                "{:>7}  {}  {:>4}  {:>12}  {:>8}  {:>6}  {:>14}  {:>16}",
                station.index,
                date(station.day),
                station.rows,
                station.slots_logged,
                station.slots_up,
                station.longest_outage,
                score(station.score.into()),
                score(station.other_score.into()),
            )?;
        }
        writeln!(f, "\nwatcher  received  lost  refused")?;
        for (seat, (received, lost, refused)) in self.seats.iter().enumerate() {
            writeln!(f, "{seat:>7}  {received:>8}  {lost:>4}  {refused:>7}")?;
        }
        writeln!(
            f,
            "\nCIRCUIT    {}: {} constraints",
            self.circuit, self.constraints
        )?;
        writeln!(f, "           id {}", self.circuit_id)?;
        writeln!(
            f,
            "KEY        grade dev ({}): its maker could forge; it is refused where money is paid",
            if self.key_is_new {
                "made now and cached"
            } else {
                "from the cache"
            }
        )?;
        for (label, time) in &self.times {
            writeln!(f, "           {label:44} {:8.2} s", time.as_secs_f64())?;
        }
        writeln!(
            f,
            "GAS        settle the zone {}, post its digests {}, deploy the verifier {} and what stands around it {}",
            self.settle_gas, self.attest_gas, self.verifier_gas, self.contracts_gas
        )?;
        if let Some(reward) = &self.reward {
            writeln!(
                f,
                "REWARD     station {}: {} of {BUDGET} test tokens to 0x{}, {} gas",
                reward.station,
                reward.amount,
                hex::encode(reward.payee),
                reward.gas_used
            )?;
        }
        writeln!(f, "EVIDENCE   {EVIDENCE}")?;
        writeln!(f, "           does not prove {DOES_NOT_PROVE}\n")?;
        writeln!(f, "CHECKS")?;
        for check in &self.checks {
            match &check.failure {
                None => writeln!(f, "  ok       {}", check.name)?,
                Some(failure) => writeln!(f, "  FAILED   {}: {failure}", check.name)?,
            }
        }
        writeln!(f, "FORGERIES")?;
        for forgery in &self.forgeries {
            match &forgery.reason {
                Some(reason) => {
                    writeln!(f, "  refused  {}", forgery.name)?;
                    writeln!(f, "           {}: {reason}", forgery.refused_by)?;
                }
                None => writeln!(f, "  ACCEPTED {}", forgery.name)?,
            }
        }
        write!(
            f,
            "\n{}; files in {}",
            if self.all_passed() {
                "every check passed"
            } else {
                "A CHECK FAILED"
            },
            self.out.display()
        )
    }
}
