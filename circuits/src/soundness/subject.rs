//! What the regime is run on: a circuit with witnesses, honest and dishonest.
//!
//! Next: [`super::check_circuit`] runs it; [`super::subjects`] lists every subject of the project.

use crate::Builder;
use ark_ff::PrimeField;
use std::collections::BTreeMap;

/// A circuit under test: how to build it from a witness.
pub type Circuit<'a, F, W> = &'a (dyn Fn(&mut Builder<F>, &W) + Sync);

/// The native twin of a circuit: all public inputs, outputs among them, in the circuit's order, or `None` if it refuses the witness.
pub type Twin<'a, F, W> = &'a (dyn Fn(&W) -> Option<Vec<F>> + Sync);

/// Wires that a dishonest prover gives another value than the circuit asks for.
pub type Overrides<F> = BTreeMap<usize, F>;

/// A dishonest witness: its name, the witness, and hints that are replaced.
pub struct Forgery<W, F> {
    /// What is forged.
    pub name: String,
    /// The witness.
    pub witness: W,
    /// Hints that are replaced.
    pub overrides: Overrides<F>,
}

impl<W, F> Forgery<W, F> {
    /// A forgery that lies in the witness alone.
    pub fn new(name: impl Into<String>, witness: W) -> Self {
        Self {
            name: name.into(),
            witness,
            overrides: BTreeMap::new(),
        }
    }
}

/// A circuit with what is needed to try to break it.
pub struct Subject<'a, F: PrimeField, W> {
    /// Its name in the report.
    pub name: String,
    /// The circuit.
    pub circuit: Circuit<'a, F, W>,
    /// Its native twin, if it has one.
    pub twin: Option<Twin<'a, F, W>>,
    /// Honest witnesses, three or more, as different as the shape allows.
    pub valid: Vec<W>,
    /// Dishonest ones; each must violate a constraint.
    pub invalid: Vec<Forgery<W, F>>,
    /// Witnesses that are compared with the twin and not otherwise used: random ones and boundary values.
    pub probes: Vec<W>,
    /// Scopes (a part of the name) whose assertions another subject tests, with the reason.
    pub tested_elsewhere: Vec<(&'static str, &'static str)>,
    /// Limits the hints, the numbers of bits and the flips that are tried with a run of the circuit: at most so many of each, over
    /// all honest witnesses together. All are tried when there are fewer.
    pub runs_max: usize,
}

impl<'a, F: PrimeField, W> Subject<'a, F, W> {
    /// A circuit without witnesses yet.
    pub fn new(name: impl Into<String>, circuit: Circuit<'a, F, W>) -> Self {
        Self {
            name: name.into(),
            circuit,
            twin: None,
            valid: Vec::new(),
            invalid: Vec::new(),
            probes: Vec::new(),
            tested_elsewhere: Vec::new(),
            runs_max: 2000,
        }
    }

    /// With a native twin.
    pub fn twin(self, twin: Twin<'a, F, W>) -> Self {
        Self {
            twin: Some(twin),
            ..self
        }
    }

    /// With honest witnesses.
    pub fn valid(self, valid: impl IntoIterator<Item = W>) -> Self {
        Self {
            valid: valid.into_iter().collect(),
            ..self
        }
    }

    /// With dishonest witnesses.
    pub fn invalid(self, invalid: impl IntoIterator<Item = Forgery<W, F>>) -> Self {
        Self {
            invalid: invalid.into_iter().collect(),
            ..self
        }
    }

    /// With witnesses of which the twin says whether they are honest.
    pub fn probes(self, probes: impl IntoIterator<Item = W>) -> Self {
        Self {
            probes: probes.into_iter().collect(),
            ..self
        }
    }

    /// With scopes whose assertions another subject tests.
    pub fn tested_elsewhere(self, scopes: impl Into<Vec<(&'static str, &'static str)>>) -> Self {
        Self {
            tested_elsewhere: scopes.into(),
            ..self
        }
    }

    /// With another limit of runs.
    pub fn runs_max(self, runs_max: usize) -> Self {
        Self { runs_max, ..self }
    }
}
