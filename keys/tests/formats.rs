//! `.r1cs` and `.wtns` on files made here: round trips, every truncation, every single-bit flip, every
//! refusal.
//!
//! Depends on the crate's public API only. Where to go next: `corpus.rs`, the same readers on other tools'
//! files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics says where it failed"
)]
#![forbid(unsafe_code)]

use ark_bn254::Fr;
use ark_ff::{BigInt, One, PrimeField, Zero};
use popw_keys::error::{MatrixName, Problem, ReadError, TermFault, WriteError};
use popw_keys::r1cs::{Constraint, Header, Layout, Part, R1csFile, TermOrder, write_r1cs};
use popw_keys::{read_wtns, read_wtns_scalars, write_wtns};
use proptest::prelude::*;

type Row = Vec<(u32, Fr)>;

#[derive(Debug, Clone)]
struct System {
    header: Header,
    labels: Vec<u64>,
    constraints: Vec<[Row; 3]>,
}

impl System {
    fn new(wires: u32, public_outputs: u32, private_inputs: u32, constraints: Vec<[Row; 3]>) -> Self {
        let header = Header {
            wires,
            public_outputs,
            public_inputs: 0,
            private_inputs,
            labels: u64::from(wires) + 1,
            constraints: constraints.len().try_into().unwrap(),
        };
        Self {
            header,
            labels: (0..u64::from(wires)).collect(),
            constraints,
        }
    }

    fn rows(&self) -> impl Iterator<Item = Constraint<'_>> + Clone {
        self.constraints
            .iter()
            .map(|rows| rows.each_ref().map(Vec::as_slice))
    }

    fn write(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        write_r1cs(&mut out, &self.header, &self.labels, self.rows()).map(|()| out)
    }

    fn refusal(&self) -> Problem {
        match self.write() {
            Err(WriteError::Refused {
                format: "r1cs",
                problem,
            }) => problem,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

/// `out = x * x + 5`, and an empty constraint.
fn square() -> System {
    let one = Fr::one();
    let square = [vec![(2, one)], vec![(2, one)], vec![(0, -Fr::from(5)), (1, one)]];
    System::new(3, 1, 1, vec![square, [vec![], vec![], vec![]]])
}

fn rewrite(file: &R1csFile) -> Vec<u8> {
    let mut out = Vec::new();
    file.write(&mut out).unwrap();
    out
}

fn section(id: u32, body: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(body.len() as u64).to_le_bytes(), body].concat()
}

fn container(magic: &[u8; 4], version: u32, sections: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(sections.len()).unwrap();
    [
        &magic[..],
        &version.to_le_bytes(),
        &count.to_le_bytes(),
        &sections.concat(),
    ]
    .concat()
}

/// The bodies of the three sections of [`square`], cut out of the written file.
fn bodies() -> [Vec<u8>; 3] {
    let bytes = square().write().unwrap();
    let (header, constraints) = (24..24 + 64, 24 + 64 + 12..24 + 64 + 12 + 6 * 4 + 4 * 36);
    let labels = constraints.end + 12..bytes.len();
    [header, constraints, labels].map(|range| bytes[range].to_vec())
}

fn assemble(order: [u32; 3], bodies: &[Vec<u8>; 3]) -> Vec<u8> {
    container(b"r1cs", 1, &order.map(|id| section(id, &bodies[id as usize - 1])))
}

fn refused(bytes: &[u8]) -> ReadError {
    R1csFile::read(bytes).unwrap_err()
}

#[test]
fn a_small_system_has_the_bytes_of_the_format() {
    let bytes = square().write().unwrap();
    assert_eq!(bytes, assemble([1, 2, 3], &bodies()));
    assert_eq!(bytes.len(), 12 + 12 + 64 + 12 + 6 * 4 + 4 * 36 + 12 + 3 * 8);
    let [header, constraints, labels] = bodies();
    assert_eq!(header[..8], [32, 0, 0, 0, 1, 0, 0, 0xf0]);
    assert_eq!(
        header[36..],
        [
            3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0
        ]
    );
    assert_eq!(constraints[..12], [1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(labels[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn what_was_written_is_read() {
    let system = square();
    let bytes = system.write().unwrap();
    let file = R1csFile::read(&bytes).unwrap();
    assert_eq!(*file.header(), system.header);
    assert_eq!(file.header().public(), 1);
    assert_eq!(file.wire_labels(), system.labels);
    assert!(file.constraints().eq(system.rows()));
    assert_eq!(file.layout(), Layout::default());
    assert_eq!(
        file.matrices().each_ref().map(|matrix| matrix.terms().len()),
        [1, 1, 2]
    );
    assert_eq!(rewrite(&file), bytes);
}

#[test]
fn every_order_of_sections_is_read_and_kept() {
    use Part::{Constraints, Header, WireLabels};
    let bodies = bodies();
    let part = |id| [Header, Constraints, WireLabels][id as usize - 1];
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let bytes = assemble(order, &bodies);
        let file = R1csFile::read(&bytes).unwrap();
        assert_eq!(file.layout().sections, order.map(part));
        assert_eq!(rewrite(&file), bytes);
    }
}

#[test]
fn terms_in_any_order_are_read_and_kept_but_not_written_anew() {
    let [header, mut constraints, labels] = bodies();
    // The last row of the first constraint has two terms: swap them.
    let start = 4 + 36 + 4 + 36 + 4;
    constraints[start..start + 72].rotate_left(36);
    let bytes = assemble([1, 2, 3], &[header, constraints, labels]);
    let file = R1csFile::read(&bytes).unwrap();
    assert_eq!(file.layout().terms, TermOrder::Free);
    assert_eq!(rewrite(&file), bytes);
    let written = write_r1cs(
        std::io::sink(),
        file.header(),
        file.wire_labels(),
        file.constraints(),
    );
    let fault = TermFault::Unsorted { wire: 0, after: 1 };
    let expected = Problem::Term {
        constraint: 0,
        matrix: MatrixName::C,
        fault,
    };
    assert!(matches!(written, Err(WriteError::Refused { problem, .. }) if problem == expected));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for order in [[1, 2, 3], [2, 1, 3], [3, 2, 1]] {
        let bytes = assemble(order, &bodies());
        for end in 0..bytes.len() {
            let error = refused(&bytes[..end]);
            assert!(error.offset <= end as u64, "{error}");
        }
        let error = refused(&[&bytes[..], &[0]].concat());
        assert_eq!(error.problem, Problem::Trailing { extra: 1 });
    }
}

#[test]
fn a_flipped_bit_is_refused_or_is_another_whole_file() {
    let bytes = square().write().unwrap();
    let mut others = 0;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(file) = R1csFile::read(&flipped) {
            assert_eq!(rewrite(&file), flipped, "bit {bit}");
            others += 1;
        }
    }
    // Mostly coefficients: 4 terms of 254 bits, each flip another canonical element unless it passes the
    // prime.
    assert!((900..1100).contains(&others), "{others} flips were accepted");
}

#[test]
fn the_frame_is_checked() {
    let [header, constraints, labels] = bodies().map(|body| body.to_vec());
    let (one, two, three) = (section(1, &header), section(2, &constraints), section(3, &labels));
    let problem = |magic, version, sections: &[Vec<u8>]| {
        let error = refused(&container(magic, version, sections));
        (error.offset, error.problem)
    };
    let whole = [one.clone(), two.clone(), three.clone()];
    let end = container(b"r1cs", 1, &whole).len() as u64;
    assert_eq!(
        problem(b"wtns", 1, &whole),
        (
            0,
            Problem::Magic {
                expected: *b"r1cs",
                got: *b"wtns"
            }
        )
    );
    assert_eq!(
        problem(b"r1cs", 2, &whole),
        (4, Problem::Version { expected: 1, got: 2 })
    );
    let gates = section(4, &[0; 4]);
    let with_gates = [one.clone(), two.clone(), three.clone(), gates];
    assert_eq!(
        problem(b"r1cs", 1, &with_gates),
        (end, Problem::UnknownSection { id: 4 })
    );
    let repeated = [one.clone(), two.clone(), three.clone(), three.clone()];
    assert_eq!(
        problem(b"r1cs", 1, &repeated),
        (end, Problem::RepeatedSection { id: 3 })
    );
    let missing = |id| Problem::MissingSection { id };
    assert_eq!(problem(b"r1cs", 1, &[two.clone(), three.clone()]).1, missing(1));
    assert_eq!(problem(b"r1cs", 1, &[one.clone(), three.clone()]).1, missing(2));
    assert_eq!(problem(b"r1cs", 1, &[one.clone(), two.clone()]).1, missing(3));
    assert_eq!(problem(b"r1cs", 1, &[]).1, missing(1));
    // A length that reaches into the next section, so that the two would overlap, leaves the rest out of
    // step.
    let mut long = two.clone();
    long[4] += 12;
    assert!(R1csFile::read(&container(b"r1cs", 1, &[one, long, three])).is_err());
    let huge = [&2_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    assert_eq!(
        problem(b"r1cs", 1, &[huge]).1,
        Problem::Truncated {
            needed: u64::MAX,
            left: 0
        }
    );
}

#[test]
fn a_section_holds_nothing_else() {
    for id in 1..=3_u32 {
        let mut bodies = bodies();
        bodies[id as usize - 1].push(0);
        let error = refused(&assemble([1, 2, 3], &bodies));
        assert_eq!(
            error.section,
            ["header", "constraints", "wire labels"][id as usize - 1]
        );
        assert_eq!(error.problem, Problem::Trailing { extra: 1 });
    }
}

#[test]
fn the_header_is_checked() {
    let with = |at: usize, bytes: &[u8]| {
        let [mut header, constraints, labels] = bodies();
        header[at..at + bytes.len()].copy_from_slice(bytes);
        refused(&assemble([1, 2, 3], &[header, constraints, labels]))
    };
    assert!(matches!(with(0, &[8]).problem, Problem::Prime { .. }));
    let error = with(4, &[2]);
    assert_eq!((error.section, error.offset), ("header", 24));
    assert!(matches!(error.problem, Problem::Prime { field: "scalar", got } if got.ends_with("f0000002")));
    let error = with(36, &[2]);
    assert_eq!((error.section, error.offset), ("header", 24 + 36));
    assert_eq!(
        error.problem,
        Problem::TooFew {
            what: "wires",
            least: 3,
            got: 2
        }
    );
    assert!(matches!(
        with(36, &[4]).problem,
        Problem::Truncated { needed: 8, left: 0 }
    ));
    let least = 3;
    assert_eq!(
        with(52, &[2]).problem,
        Problem::TooFew {
            what: "labels",
            least,
            got: 2
        }
    );
    let limit = |what, most, got| Problem::Limit { what, most, got };
    let all = u64::from(u32::MAX);
    assert_eq!(with(36, &[0xff; 4]).problem, limit("wires", 1 << 28, all));
    assert_eq!(with(60, &[0xff; 4]).problem, limit("constraints", 1 << 28, all));
    assert_eq!(with(52, &[0xff; 8]).problem, limit("labels", 1 << 32, u64::MAX));
    assert!(matches!(
        with(60, &[3]).problem,
        Problem::Truncated { needed: 4, left: 0 }
    ));
    assert!(matches!(with(60, &[1]).problem, Problem::Trailing { extra: 12 }));
}

#[test]
fn terms_and_labels_are_checked_where_they_stand() {
    let with = |at: usize, bytes: &[u8]| {
        let [header, mut constraints, labels] = bodies();
        constraints[at..at + bytes.len()].copy_from_slice(bytes);
        let error = refused(&assemble([1, 2, 3], &[header, constraints, labels]));
        (error.offset - (24 + 64 + 12), error.problem)
    };
    let term = |matrix, fault| Problem::Term {
        constraint: 0,
        matrix,
        fault,
    };
    let out = TermFault::WireOutOfRange { wire: 3, wires: 3 };
    assert_eq!(with(4, &[3]), (4, term(MatrixName::A, out)));
    let zero = TermFault::ZeroCoefficient { wire: 2 };
    assert_eq!(with(48, &[0]), (44, term(MatrixName::B, zero)));
    let twice = TermFault::RepeatedWire { wire: 0 };
    assert_eq!(with(84 + 36, &[0]), (84 + 36, term(MatrixName::C, twice)));
    let mut prime = Vec::new();
    for limb in Fr::MODULUS.0 {
        prime.extend(limb.to_le_bytes());
    }
    assert_eq!(with(8, &prime), (8, Problem::NotCanonical));
    let fault = with(0, &[0xff; 4]);
    assert_eq!(
        fault,
        (
            4,
            Problem::Truncated {
                needed: u64::from(u32::MAX) * 36,
                left: 6 * 4 + 4 * 36 - 4
            }
        )
    );

    let [header, constraints, mut labels] = bodies();
    labels[8] = 4;
    let error = refused(&assemble([1, 2, 3], &[header, constraints, labels]));
    assert_eq!(
        error.problem,
        Problem::Label {
            wire: 1,
            label: 4,
            labels: 4
        }
    );
}

#[test]
fn a_wire_repeated_far_apart_is_found() {
    let [header, mut constraints, labels] = bodies();
    // One row of wires 1, 0, 1 in place of the first constraint's rows.
    constraints[48..].fill(0);
    let row = &constraints[4..40].to_vec();
    let wire = |wire: u8| [&[wire, 0, 0, 0], &row[4..]].concat();
    let rows = [&[3, 0, 0, 0][..], &wire(1), &wire(0), &wire(1), &[0; 20]].concat();
    let error = refused(&assemble([1, 2, 3], &[header, rows, labels]));
    let fault = TermFault::RepeatedWire { wire: 1 };
    assert_eq!(
        error.problem,
        Problem::Term {
            constraint: 0,
            matrix: MatrixName::A,
            fault
        }
    );
    assert_eq!(error.offset, 24 + 64 + 12 + 4 + 72);
    assert_eq!(
        error.to_string(),
        ".r1cs file, constraints, byte 176: constraint 0, matrix A: second term of wire 1: add the coefficients up"
    );
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let change = |change: fn(&mut System)| {
        let mut system = square();
        change(&mut system);
        system.refusal()
    };
    let term = |matrix, fault| Problem::Term {
        constraint: 0,
        matrix,
        fault,
    };
    let problem = change(|system| system.constraints[0][0].push((1, Fr::one())));
    assert_eq!(
        problem,
        term(MatrixName::A, TermFault::Unsorted { wire: 1, after: 2 })
    );
    let problem = change(|system| system.constraints[0][0].push((2, Fr::one())));
    assert_eq!(problem, term(MatrixName::A, TermFault::RepeatedWire { wire: 2 }));
    let problem = change(|system| system.constraints[0][1][0].1 = Fr::zero());
    assert_eq!(
        problem,
        term(MatrixName::B, TermFault::ZeroCoefficient { wire: 2 })
    );
    let problem = change(|system| system.constraints[0][2].push((3, Fr::one())));
    assert_eq!(
        problem,
        term(MatrixName::C, TermFault::WireOutOfRange { wire: 3, wires: 3 })
    );
    let problem = change(|system| system.header.constraints += 1);
    assert_eq!(
        problem,
        Problem::Count {
            what: "constraints",
            expected: 3,
            got: 2
        }
    );
    let problem = change(|system| system.labels.truncate(2));
    assert_eq!(
        problem,
        Problem::Count {
            what: "wire labels, one for each wire",
            expected: 3,
            got: 2
        }
    );
    let problem = change(|system| system.labels[2] = 9);
    assert_eq!(
        problem,
        Problem::Label {
            wire: 2,
            label: 9,
            labels: 4
        }
    );
    let problem = change(|system| system.header.private_inputs = u32::MAX);
    assert!(matches!(problem, Problem::TooFew { what: "wires", .. }));
}

#[test]
fn a_destination_that_fails_is_reported() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let system = square();
    let written = write_r1cs(Full, &system.header, &system.labels, system.rows());
    assert!(matches!(written, Err(WriteError::Io { format: "r1cs", .. })));
    assert!(matches!(
        write_wtns(Full, &[Fr::one()]),
        Err(WriteError::Io { format: "wtns", .. })
    ));
}

fn witness() -> Vec<u8> {
    let mut out = Vec::new();
    write_wtns(&mut out, &[Fr::one(), Fr::from(14), -Fr::from(3)]).unwrap();
    out
}

#[test]
fn a_witness_is_read_and_written() {
    let bytes = witness();
    assert_eq!(bytes.len(), 12 + 12 + 40 + 12 + 3 * 32);
    assert_eq!(
        read_wtns(&bytes).unwrap(),
        [Fr::one(), Fr::from(14), -Fr::from(3)]
    );
    for end in 0..bytes.len() {
        read_wtns(&bytes[..end]).unwrap_err();
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let integers = read_wtns(&flipped)
            .map(|values| values.iter().map(|value| value.into_bigint()).collect::<Vec<_>>());
        assert_eq!(read_wtns_scalars(&flipped), integers, "bit {bit}");
        if let Ok(values) = read_wtns(&flipped) {
            let mut out = Vec::new();
            write_wtns(&mut out, &values).unwrap();
            assert_eq!(out, flipped, "bit {bit}");
        }
    }
}

#[test]
fn a_witness_starts_with_one() {
    let refused = |values: &[Fr]| match write_wtns(std::io::sink(), values) {
        Err(WriteError::Refused { problem, .. }) => problem,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert_eq!(refused(&[]), Problem::NotOne);
    assert_eq!(refused(&[Fr::from(2)]), Problem::NotOne);
    let mut bytes = witness();
    bytes[12 + 12 + 40 + 12] = 2;
    let error = read_wtns(&bytes).unwrap_err();
    assert_eq!(
        (error.section, error.offset, error.problem),
        ("values", 76, Problem::NotOne)
    );
    let mut many = witness();
    many[60..64].fill(0xff);
    let error = read_wtns(&many).unwrap_err();
    assert!(
        matches!(error.problem, Problem::Limit { what: "values", .. }),
        "{error}"
    );
}

fn cases() -> ProptestConfig {
    let rounds = std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1_u32);
    let failure_persistence = None;
    ProptestConfig {
        cases: rounds.saturating_mul(64),
        failure_persistence,
        ..ProptestConfig::default()
    }
}

fn element() -> impl Strategy<Value = Fr> {
    let any = any::<[u64; 4]>()
        .prop_map(|limbs| Fr::from_le_bytes_mod_order(&limbs.map(u64::to_le_bytes).concat()));
    prop_oneof![Just(Fr::zero()), Just(Fr::one()), Just(-Fr::one()), any]
}

prop_compose! {
    fn system()(wires in 3..40_u32)(
        wires in Just(wires),
        constraints in prop::collection::vec(
            prop::array::uniform3(prop::collection::btree_map(0..wires, element(), 0..6)),
            0..30,
        ),
    ) -> System {
        let row = |row: std::collections::BTreeMap<u32, Fr>| {
            row.into_iter().filter(|(_, coefficient)| !coefficient.is_zero()).collect::<Row>()
        };
        let constraints = constraints.into_iter().map(|rows| rows.map(row)).collect();
        System::new(wires, 1, 1, constraints)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn prop_systems_survive_a_round_trip(system in system()) {
        let bytes = system.write().unwrap();
        let file = R1csFile::read(&bytes).unwrap();
        prop_assert_eq!(file.header(), &system.header);
        prop_assert!(file.constraints().eq(system.rows()));
        prop_assert_eq!(rewrite(&file), bytes);
    }

    #[test]
    fn prop_damaged_systems_are_refused_or_whole(
        system in system(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = system.write().unwrap();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Ok(file) = R1csFile::read(&bytes) {
            prop_assert_eq!(rewrite(&file), bytes);
        }
    }

    #[test]
    fn prop_witnesses_survive_a_round_trip(mut values in prop::collection::vec(element(), 1..50)) {
        values[0] = Fr::one();
        let mut bytes = Vec::new();
        write_wtns(&mut bytes, &values).unwrap();
        prop_assert_eq!(read_wtns(&bytes).unwrap(), values);
    }

    #[test]
    fn prop_noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(R1csFile::read(&bytes).is_err());
        prop_assert!(read_wtns(&bytes).is_err());
        let framed = [&b"r1cs\x01\0\0\0"[..], &bytes].concat();
        prop_assert!(R1csFile::read(&framed).is_err());
    }
}

#[test]
fn every_limb_survives() {
    let value = Fr::from_bigint(BigInt::new([1, 2, 3, 4])).unwrap();
    let mut bytes = Vec::new();
    write_wtns(&mut bytes, &[Fr::one(), value]).unwrap();
    let expected: Vec<u8> = [1_u64, 2, 3, 4]
        .iter()
        .flat_map(|limb| limb.to_le_bytes())
        .collect();
    assert_eq!(bytes[76 + 32..], expected);
}
