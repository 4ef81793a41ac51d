//! Rank-1 constraint systems: three sparse matrices with names, for proving keys, export and analysis.
//!
//! Made by [`Builder::structure`](crate::Builder::structure); read by the prover (which hands it to the key formats)
//! and by [`crate::soundness`].

use ark_ff::PrimeField;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Who fixes a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireKind {
    /// The constant one, or a public input that the circuit is given.
    Public,
    /// A public input that is a function of the other inputs.
    Output,
    /// A declared private input.
    Input,
    /// A private input that its own row restricts to a few values, such as a bit of a bitmap.
    Choice,
    /// A value that the prover computes outside the constraints and a row fixes.
    Hint,
    /// A product, fixed by its own row.
    Product,
}

/// What a constraint is for; see [`crate::builder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Fixes one wire.
    Determining,
    /// Restricts wires that other rows fix.
    Assertion,
}

/// Number of a scope in an [`R1cs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(u32);

impl ScopeId {
    /// The outermost scope, which has no name.
    pub const ROOT: Self = Self(0);
}

/// A named part of a circuit, inside its parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The scope that this one stands in.
    pub parent: ScopeId,
    /// Its name there.
    pub name: &'static str,
    /// Its number, for one of many.
    pub index: Option<usize>,
}

/// The name of a wire: its scope and its name there.
#[derive(Clone, Copy, Debug)]
pub struct WireName {
    /// Where it was allocated.
    pub scope: ScopeId,
    /// Its name there; wires of one scope may share one.
    pub name: &'static str,
}

/// A sparse matrix by rows; coefficients are numbers of [`R1cs::coefficients`].
#[derive(Clone, Debug)]
pub struct Matrix {
    starts: Vec<usize>,
    terms: Vec<(u32, u32)>,
}

impl Matrix {
    fn new() -> Self {
        Self {
            starts: vec![0],
            terms: Vec::new(),
        }
    }

    pub(crate) fn push_term(&mut self, wire: u32, coefficient: u32) {
        self.terms.push((wire, coefficient));
    }

    pub(crate) fn end_row(&mut self) {
        self.starts.push(self.terms.len());
    }

    /// The (wire, number of the coefficient) of a row, by ascending wire.
    pub fn row(&self, row: usize) -> &[(u32, u32)] {
        &self.terms[self.starts[row]..self.starts[row + 1]]
    }

    /// Number of non-zero entries.
    pub fn terms(&self) -> usize {
        self.terms.len()
    }

    fn remove_row(&mut self, row: usize) {
        let removed = self.starts[row]..self.starts[row + 1];
        let width = removed.len();
        self.terms.drain(removed);
        self.starts.remove(row);
        for start in &mut self.starts[row..] {
            *start -= width;
        }
    }
}

/// A rank-1 constraint system `A w * B w = C w` over wires `w = [1, public inputs, private wires]`.
#[derive(Clone, Debug)]
pub struct R1cs<F> {
    /// A, B and C.
    pub matrices: [Matrix; 3],
    /// The distinct coefficients.
    pub coefficients: Vec<F>,
    row_kinds: Vec<RowKind>,
    row_scopes: Vec<ScopeId>,
    wire_kinds: Vec<WireKind>,
    wire_names: Vec<WireName>,
    scopes: Vec<Scope>,
    public_inputs: usize,
}

impl<F: PrimeField> R1cs<F> {
    pub(crate) fn new() -> Self {
        let root = Scope {
            parent: ScopeId::ROOT,
            name: "",
            index: None,
        };
        Self {
            matrices: [Matrix::new(), Matrix::new(), Matrix::new()],
            coefficients: Vec::new(),
            row_kinds: Vec::new(),
            row_scopes: Vec::new(),
            wire_kinds: vec![WireKind::Public],
            wire_names: vec![WireName {
                scope: ScopeId::ROOT,
                name: "one",
            }],
            scopes: vec![root],
            public_inputs: 0,
        }
    }

    #[allow(clippy::cast_possible_truncation)] // there are fewer scopes than wires
    pub(crate) fn add_scope(&mut self, scope: Scope) -> ScopeId {
        self.scopes.push(scope);
        ScopeId(self.scopes.len() as u32 - 1)
    }

    pub(crate) fn add_wire(&mut self, kind: WireKind, name: WireName) {
        if matches!(kind, WireKind::Public | WireKind::Output) {
            self.public_inputs += 1;
        }
        self.wire_kinds.push(kind);
        self.wire_names.push(name);
    }

    pub(crate) fn add_row(&mut self, kind: RowKind, scope: ScopeId) {
        self.row_kinds.push(kind);
        self.row_scopes.push(scope);
    }

    /// Number of constraints.
    pub fn constraints(&self) -> usize {
        self.row_kinds.len()
    }

    /// Number of wires, the constant one included.
    pub fn wires(&self) -> usize {
        self.wire_kinds.len()
    }

    /// Number of public inputs, the constant one excluded.
    pub fn public_inputs(&self) -> usize {
        self.public_inputs
    }

    /// The kind of a wire.
    pub fn wire_kind(&self, wire: usize) -> WireKind {
        self.wire_kinds[wire]
    }

    /// The kind of a constraint.
    pub fn row_kind(&self, row: usize) -> RowKind {
        self.row_kinds[row]
    }

    /// The scope in which a constraint was made.
    pub fn row_scope(&self, row: usize) -> ScopeId {
        self.row_scopes[row]
    }

    /// The scope in which a wire was allocated.
    pub fn wire_scope(&self, wire: usize) -> ScopeId {
        self.wire_names[wire].scope
    }

    /// The name of a wire within its scope.
    pub fn wire_label(&self, wire: usize) -> &'static str {
        self.wire_names[wire].name
    }

    /// The coefficients of one row of one matrix, as (wire, coefficient) by ascending wire.
    pub fn terms(&self, matrix: usize, row: usize) -> impl Iterator<Item = (usize, F)> + '_ {
        self.matrices[matrix]
            .row(row)
            .iter()
            .map(|(wire, coefficient)| (*wire as usize, self.coefficients[*coefficient as usize]))
    }

    /// `[A w, B w, C w]` of one row.
    pub fn products(&self, row: usize, assignment: &[F]) -> [F; 3] {
        [0, 1, 2].map(|matrix| {
            self.terms(matrix, row)
                .map(|(wire, coefficient)| assignment[wire] * coefficient)
                .sum()
        })
    }

    /// The rows that an assignment violates.
    pub fn violations(&self, assignment: &[F]) -> Vec<usize> {
        self.violations_up_to(usize::MAX, assignment)
    }

    /// The first rows that an assignment violates, at most `most`.
    pub fn violations_up_to(&self, most: usize, assignment: &[F]) -> Vec<usize> {
        let violated = |row: &usize| !self.is_satisfied(*row, assignment);
        (0..self.constraints()).filter(violated).take(most).collect()
    }

    /// Does an assignment satisfy one row?
    pub fn is_satisfied(&self, row: usize, assignment: &[F]) -> bool {
        let [a, b, c] = self.products(row, assignment);
        a * b == c
    }

    /// The same system without one constraint: a planted bug.
    pub fn without_row(&self, row: usize) -> Self {
        let mut less = self.clone();
        for matrix in &mut less.matrices {
            matrix.remove_row(row);
        }
        less.row_kinds.remove(row);
        less.row_scopes.remove(row);
        less
    }

    /// The path of a scope, outermost first, as (name, index).
    pub fn scope_path(&self, mut scope: ScopeId) -> Vec<(&'static str, Option<usize>)> {
        let mut path = Vec::new();
        while scope != ScopeId::ROOT {
            let Scope { parent, name, index } = self.scopes[scope.0 as usize];
            path.push((name, index));
            scope = parent;
        }
        path.reverse();
        path
    }

    /// The family of a scope: its names without numbers, `device.quorum`.
    pub fn scope_family(&self, scope: ScopeId) -> String {
        let names: Vec<&str> = self.scope_path(scope).into_iter().map(|(name, _)| name).collect();
        names.join(".")
    }

    /// How many of the scopes belong to each family, in the order of their first; the outermost scope is `outputs`.
    pub fn count_families(&self, scopes: impl Iterator<Item = ScopeId>) -> Vec<(String, usize)> {
        let mut families: Vec<(String, usize)> = Vec::new();
        let mut place_of = HashMap::new();
        for scope in scopes {
            let place = *place_of.entry(scope).or_insert_with(|| {
                let family = match scope {
                    ScopeId::ROOT => "outputs".to_owned(),
                    _ => self.scope_family(scope),
                };
                let known = families.iter().position(|(name, _)| *name == family);
                known.unwrap_or_else(|| {
                    families.push((family, 0));
                    families.len() - 1
                })
            });
            families[place].1 += 1;
        }
        families
    }

    /// The name of a scope: `device[3].quorum`.
    pub fn scope_name(&self, scope: ScopeId) -> String {
        let mut name = String::new();
        for (part, index) in self.scope_path(scope) {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
            if let Some(index) = index {
                // Writing to a String cannot fail.
                let _ = write!(name, "[{index}]");
            }
        }
        name
    }

    /// The first wire with this name (without its number): `eddsa.variable_base.digit[5].y`.
    pub fn find_wire(&self, name: &str) -> Option<usize> {
        let (scope, wire) = name.rsplit_once('.').unwrap_or(("", name));
        (0..self.wires()).find(|at| {
            let candidate = self.wire_names[*at];
            candidate.name == wire && self.scope_name(candidate.scope) == scope
        })
    }

    /// The name of a wire: its scope, its name and its number, which makes it unique.
    pub fn wire_name(&self, wire: usize) -> String {
        let WireName { scope, name } = self.wire_names[wire];
        let scope = self.scope_name(scope);
        let dot = if scope.is_empty() { "" } else { "." };
        format!("{scope}{dot}{name}#{wire}")
    }
}
