//! Polynomials: a table read at an index, and the fingerprint with the packed scores.

use super::{bind, inputs, outputs};
use crate::gadgets::int::Int;
use crate::gadgets::table::Table;
use crate::soundness::{Draw, Forgery, Subject};
use crate::statement::{fingerprint, pack_scores};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::Field;
use popw_claims::statement::{SCORE_ONE, SCORES_PER_ELEMENT, polynomial};

/// A table of so many entries, and the index that is read.
#[derive(Clone, Copy)]
pub(super) struct Lookup {
    entries: usize,
    index: i128,
}

impl Lookup {
    fn table(self) -> Vec<Fr> {
        Draw::new(6).elements(self.entries)
    }
}

fn table_circuit(cs: &mut Builder<Fr>, lookup: &Lookup) {
    let outputs = outputs(cs, "entry", 1);
    let last = lookup.entries as i128 - 1;
    let index = Int::input_between(cs, "index", lookup.index, 0, last);
    let entry = Table::new(&lookup.table()).lookup(cs, index.lc());
    bind(cs, outputs, [&entry]);
}

pub(super) fn table(entries: usize) -> Subject<'static, Fr, Lookup> {
    let with = move |index| Lookup { entries, index };
    let count = entries as i128;
    Subject::new(format!("table entries={entries}"), &table_circuit)
        .twin(&|lookup| {
            let index = usize::try_from(lookup.index).ok()?;
            lookup.table().get(index).map(|entry| vec![*entry])
        })
        .valid([0, count / 2, count - 1].map(with))
        .invalid([-1, count, count + 1, 1 << 60].map(|index| Forgery::new(format!("{index}"), with(index))))
        .probes((0..count).map(with))
}

/// Scores, and where their fingerprint is taken.
pub(super) struct Fingerprint {
    z: Fr,
    scores: Vec<u32>,
}

impl Fingerprint {
    fn coefficients(&self) -> Vec<Fr> {
        self.scores.iter().copied().map(Fr::from).collect()
    }
}

/// One more than an element takes.
const SCORES: usize = SCORES_PER_ELEMENT + 1;

fn statement_circuit(cs: &mut Builder<Fr>, witness: &Fingerprint) {
    let outputs = outputs(cs, "result", 3);
    let z = cs.public("z", witness.z);
    let scores = inputs(cs, &witness.coefficients());
    let mut results: Vec<Lc<Fr>> = pack_scores(&scores);
    results.push(fingerprint(cs, &z, scores.iter()));
    bind(cs, outputs, &results);
}

pub(super) fn statement() -> Subject<'static, Fr, Fingerprint> {
    let full = vec![SCORE_ONE; SCORES];
    let rising: Vec<u32> = (1..).map(|i| i * SCORE_ONE / 13).take(SCORES).collect();
    let mut last = vec![0; SCORES];
    last[SCORES - 1] = 1;
    let with = |(z, scores): (Fr, &Vec<u32>)| Fingerprint {
        z,
        scores: scores.clone(),
    };
    Subject::new(format!("statement scores={SCORES}"), &statement_circuit)
        .twin(&|witness| {
            let mut publics = popw_claims::statement::pack_scores(&witness.scores);
            publics.push(polynomial(witness.z, &witness.coefficients()));
            publics.push(witness.z);
            Some(publics)
        })
        .valid(
            [
                (Draw::new(7).element(), &full),
                (-Fr::ONE, &rising),
                (Fr::from(2u64), &last),
            ]
            .map(with),
        )
        .probes(super::boundary_values().into_iter().map(|z| with((z, &rising))))
}
