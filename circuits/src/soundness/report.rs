//! What a run of the regime found and how much it tried, as Markdown.
//!
//! Next: `docs/security/soundness.md`, which holds the tables and says how to read them.

use std::fmt;

/// The part of `docs/security/soundness.md` that holds the tables of one size (`small`, `full`), without its markers.
pub fn section<'a>(document: &'a str, size: &str) -> Option<&'a str> {
    let [begin, end] = markers(size);
    let (_, after) = document.split_once(&begin)?;
    Some(after.split_once(&end)?.0)
}

/// The document with other tables of a size; `None` if it lacks the markers.
pub fn with_section(document: &str, size: &str, tables: &str) -> Option<String> {
    let [begin, end] = markers(size);
    let (before, after) = document.split_once(&begin)?;
    let (_, after) = after.split_once(&end)?;
    Some([before, &begin, tables, &end, after].concat())
}

fn markers(size: &str) -> [String; 2] {
    ["begin", "end"].map(|place| format!("<!-- {place} {size}: cargo xtask soundness -->\n"))
}

/// What [`super::check_circuit`] found, and how much it tried.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The subject's name.
    pub name: String,
    /// Constraints.
    pub constraints: usize,
    /// Public inputs, outputs among them.
    pub public_inputs: usize,
    /// Witnesses whose fate and public inputs were compared with the native twin's.
    pub compared: usize,
    /// Honest witnesses at which the rank was taken.
    pub honest: usize,
    /// Wires that are not inputs, each of which needs a determining row.
    pub determined_wires: usize,
    /// Wires that are free to first order.
    pub free_wires: usize,
    /// Public outputs.
    pub outputs: usize,
    /// Of them, those that propagation determines from the inputs.
    pub outputs_determined: usize,
    /// Wires that propagation does not reach, by family of scopes, in the circuit's order.
    pub leftovers: Vec<(String, usize)>,
    /// Assertions.
    pub assertions: usize,
    /// Single-wire changes tried.
    pub mutations: usize,
    /// Adversarial values of hints tried, with everything after them solved again.
    pub alternatives: usize,
    /// Dishonest witnesses refused.
    pub forgeries: usize,
    /// Constraints whose deletion is noticed by a check of this subject.
    pub deletions_noticed: usize,
    /// Assertions whose deletion another subject notices.
    pub deletions_noticed_elsewhere: usize,
    /// Constraints whose deletion nothing notices, by name.
    pub deletions_survived: Vec<String>,
    /// Everything that must not be: a free wire, a mutation that passes, a forgery that is accepted.
    pub findings: Vec<Finding>,
}

/// A reason to refuse a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The subject has fewer honest witnesses than the rank is to be taken at.
    TooFewWitnesses(usize),
    /// An honest witness is refused at this constraint.
    HonestRefused(String),
    /// The native twin says otherwise about a witness or its public inputs.
    TwinDisagrees(String),
    /// The wire is free to first order: no determining row fixes it.
    FreeWire(String),
    /// The inputs do not provably determine this output.
    OutputUndetermined(String),
    /// The wire can take another value with all others unchanged.
    Mutation(String),
    /// A hint can take another value, and the circuit accepts what follows from it.
    Alternative(String),
    /// A public input occurs in no constraint.
    UnusedPublicInput(String),
    /// A dishonest witness is accepted.
    ForgeryAccepted(String),
    /// Fewer than 99 % of the deletions are noticed; the survivors.
    DeletionsUnnoticed(Vec<String>),
}

const COLUMNS: [&str; 16] = [
    "circuit",
    "constraints",
    "public inputs",
    "compared with the twin",
    "honest witnesses",
    "determined wires",
    "free",
    "outputs determined",
    "left over",
    "assertions",
    "mutations",
    "alternatives",
    "forgeries refused",
    "deletions noticed",
    "by another subject",
    "kill rate",
];

impl Report {
    /// The share of constraints whose deletion is noticed.
    #[allow(clippy::cast_precision_loss)] // a share for people
    pub fn noticed_share(&self) -> f64 {
        let noticed = self.deletions_noticed + self.deletions_noticed_elsewhere;
        noticed as f64 / self.constraints.max(1) as f64
    }

    /// `Ok` if nothing was found.
    ///
    /// # Errors
    /// The findings.
    pub fn verdict(&self) -> Result<(), Vec<Finding>> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(self.findings.clone())
        }
    }

    /// The tables of `docs/security/soundness.md`: results, leftovers, survivors.
    pub fn tables(reports: &[Self]) -> String {
        let mut text = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
        for report in reports {
            text += &format!("{report}\n");
        }
        text += "\nLeft over by propagation:\n\n";
        for Self { name, leftovers, .. } in reports.iter().filter(|report| !report.leftovers.is_empty()) {
            let families: Vec<String> = leftovers
                .iter()
                .map(|(family, wires)| format!("`{family}` {wires}"))
                .collect();
            text += &format!("- {name}: {}\n", families.join(", "));
        }
        text += "\nConstraints whose deletion nothing notices:";
        let survived = || {
            reports
                .iter()
                .filter(|report| !report.deletions_survived.is_empty())
        };
        match survived().next() {
            None => text += " none.\n",
            Some(_) => text += "\n\n",
        }
        for report in survived() {
            text += &format!("- {}: {}\n", report.name, report.deletions_survived.join(", "));
        }
        text
    }
}

/// A row of the first table.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leftovers: usize = self.leftovers.iter().map(|(_, wires)| wires).sum();
        write!(
            f,
            "| {} | {} | {} ",
            self.name, self.constraints, self.public_inputs
        )?;
        write!(f, "| {} | {} ", self.compared, self.honest)?;
        write!(f, "| {} | {} ", self.determined_wires, self.free_wires)?;
        write!(
            f,
            "| {} of {} | {leftovers} ",
            self.outputs_determined, self.outputs
        )?;
        write!(f, "| {} | {} ", self.assertions, self.mutations)?;
        write!(f, "| {} | {} ", self.alternatives, self.forgeries)?;
        write!(
            f,
            "| {} | {} ",
            self.deletions_noticed, self.deletions_noticed_elsewhere
        )?;
        write!(f, "| {:.2} % |", 100.0 * self.noticed_share())
    }
}
