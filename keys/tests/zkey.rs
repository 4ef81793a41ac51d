//! Damaged keys: cut anywhere, one bit flipped anywhere, arbitrary bytes, every law broken once; and the hash
//! beside a key.
//!
//! Depends on the crate's public API only. Where to go next: `corpus.rs`, the same reader on whole files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics says where it failed"
)]
#![forbid(unsafe_code)]

mod common;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInt, BigInteger as _, Field, MontConfig, One, PrimeField, Zero};
use common::{Folder, copy, read_copy, refused, rounds};
use popw_kernels::{Curve, G1, G2};
use popw_keys::error::{CoefficientFault, ContributionFault, MatrixName, PointFault, Problem, ReadError};
use popw_keys::hash::{hash_path, read_hash, write_hash};
use popw_keys::verify::KnownHash;
use popw_keys::zkey::{COEFFICIENT_BYTES, Coefficient, Contributions, Header, Layout, ZkeyParts, save_zkey};
use popw_keys::{FileError, WriteError, Zkey, verify_file, write_file, write_zkey};
use proptest::prelude::*;
use std::fs;
use std::ops::Range;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// A real key of 2,994 bytes: two constraints of four wires, one contribution.
fn small() -> Vec<u8> {
    read_copy("co-snarks/multiplier2_circuit.zkey")
}

fn no_watch(_: u64, _: u64) {}

fn open(bytes: Vec<u8>) -> Result<Zkey, ReadError> {
    Zkey::from_bytes(bytes)
}

/// Opens and checks.
fn check(bytes: Vec<u8>) -> Result<(), ReadError> {
    open(bytes)?.check(&no_watch)
}

/// Where a section's bytes lie in [`small`], whose sections ascend.
fn section(id: u32) -> Range<usize> {
    let bytes = small();
    let mut at = 12;
    loop {
        let length = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap());
        let range = at + 12..at + 12 + usize::try_from(length).unwrap();
        if bytes[at..at + 4] == id.to_le_bytes() {
            return range;
        }
        at = range.end;
    }
}

/// The error of [`small`] after a change to one section.
fn broken(id: u32, change: impl FnOnce(&mut [u8])) -> (&'static str, u64, Problem) {
    let mut bytes = small();
    change(&mut bytes[section(id)]);
    let length = bytes.len();
    let error = refused(check(bytes), length);
    (error.section, error.offset, error.problem)
}

/// Where a byte of a section lies in the file.
fn at(id: u32, byte: usize) -> u64 {
    (section(id).start + byte) as u64
}

fn point(point: &str, fault: PointFault) -> Problem {
    let point = point.into();
    Problem::Point { point, fault }
}

/// One bit of so many; every bit when POPW_ROUNDS is as large. It is odd, so that all bits of a byte are met.
fn stride(most: usize) -> usize {
    (most / rounds() as usize) | 1
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

#[test]
fn a_key_cut_anywhere_is_refused() {
    for name in ["co-snarks/multiplier2_circuit.zkey", "circom-compat/test.zkey"] {
        let bytes = read_copy(name);
        for end in 0..bytes.len() {
            refused(open(bytes[..end].to_vec()), end);
        }
        let error = refused(open([&bytes[..], &[0]].concat()), bytes.len());
        assert_eq!(error.problem, Problem::Trailing { extra: 1 });
    }
}

#[test]
fn a_flipped_bit_is_refused_or_is_another_whole_key() {
    let bytes = small();
    let (mut opened, mut passed) = (0, 0);
    let stride = stride(15);
    for bit in (0..bytes.len() * 8).step_by(stride) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(key) = open(flipped) else { continue };
        opened += 1;
        if key.check(&no_watch).is_err() {
            continue;
        }
        passed += 1;
        // What no check of a key alone can tell: another entry of A or B, other hashes and names.
        let place = bit / 8;
        assert!(
            section(4).contains(&place) || section(10).contains(&place),
            "bit {bit}"
        );
        let all: Vec<_> = key.coefficients().iter().map(Result::unwrap).collect();
        let mut out = Vec::new();
        write_zkey(&mut out, &key.parts(), all.into_iter()).unwrap();
        assert!(out == key.bytes(), "bit {bit}");
    }
    println!(
        "of {} flips {opened} opened, {passed} passed",
        bytes.len() * 8 / stride
    );
    assert!(passed > 0);
}

#[test]
fn with_a_hash_every_flipped_bit_is_found() {
    let bytes = small();
    let folder = Folder::new("flips");
    let path = folder.0.join("x.zkey");
    fs::write(&path, &bytes).unwrap();
    let hash = Zkey::open(&path).unwrap().sha256();

    let report = verify_file(&path, None, &no_watch).unwrap();
    assert_eq!((report.known, report.sha256), (KnownHash::Nothing, hash));
    write_hash(&path, &hash).unwrap();
    let report = verify_file(&path, None, &no_watch).unwrap();
    assert_eq!(report.known, KnownHash::Beside);
    assert_eq!((report.constraints, report.contributions), (1, 1));
    assert_eq!(report.header.wires, 4);
    let report = verify_file(&path, Some(hash), &no_watch).unwrap();
    assert_eq!(report.known, KnownHash::Given);

    let mut by_hash = 0;
    let stride = stride(5);
    for bit in (0..bytes.len() * 8).step_by(stride) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        match verify_file(&path, None, &no_watch) {
            Err(FileError::Read { .. }) => {}
            Err(FileError::Hash { expected, got, .. }) => {
                assert!(expected == hash && got != hash);
                by_hash += 1;
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    println!(
        "{by_hash} of {} flips were found by the hash alone",
        bytes.len() * 8 / stride
    );
    fs::write(&path, &bytes).unwrap();
    assert!(verify_file(&path, None, &no_watch).is_ok());

    // A hash that was given counts too, and two that disagree cannot both be right.
    let error = verify_file(&path, Some([7; 32]), &no_watch).unwrap_err();
    assert!(matches!(&error, FileError::Hash { expected, .. } if *expected == [7; 32]));
    assert!(error.to_string().contains("expected SHA-256 0707"), "{error}");
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let too_few = |what, least, got| Problem::TooFew { what, least, got };
    assert_eq!(
        broken(1, |bytes| put(bytes, 0, 2)),
        ("protocol", at(1, 0), Problem::Protocol { got: 2 })
    );
    // Behind two primes with their lengths: wires, public, domain.
    let header = |place: usize, number| broken(2, move |bytes| put(bytes, 72 + place, number));
    assert_eq!(header(0, 1), ("header", at(2, 72), too_few("wires", 2, 1)));
    assert_eq!(header(4, 4), ("header", at(2, 72), too_few("wires", 5, 4)));
    assert_eq!(
        header(8, 1),
        ("header", at(2, 72), too_few("rows in the domain", 2, 1))
    );
    for got in [0, 3, 6, 1 << 29] {
        assert_eq!(header(8, got), ("header", at(2, 72), Problem::Domain { got }));
    }
    let (most, got) = (1 << 28, u64::from(u32::MAX));
    let what = "wires";
    assert_eq!(header(0, u32::MAX).2, Problem::Limit { what, most, got });
    // Sections of another length.
    let (needed, left) = (5 * 64, 4 * 64);
    assert_eq!(header(0, 5), ("A", at(5, 0), Problem::Truncated { needed, left }));
    assert_eq!(header(0, 3).2, Problem::Trailing { extra: 64 });
    assert_eq!(header(4, 2).0, "IC");
    assert_eq!(header(8, 8).0, "H");
    let count = broken(4, |bytes| put(bytes, 0, 5));
    let (needed, left) = (5 * 44, 4 * 44);
    assert_eq!(
        count,
        ("coefficients", at(4, 4), Problem::Truncated { needed, left })
    );
    assert_eq!(
        broken(4, |bytes| put(bytes, 0, 3)).2,
        Problem::Trailing { extra: 44 }
    );
    assert!(matches!(
        broken(2, |bytes| bytes[4] ^= 1).2,
        Problem::Prime { field: "base", .. }
    ));
    assert!(matches!(
        broken(2, |bytes| bytes[40] ^= 1).2,
        Problem::Prime { field: "scalar", .. }
    ));
}

#[test]
fn keys_of_other_provers_are_named() {
    let path = copy("co-snarks/multiplier2_plonk.zkey");
    let error = Zkey::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("expected a Groth16 key (protocol 1), got PLONK (protocol 2)"),
        "{error}"
    );
    let error = Zkey::open(&copy("co-snarks/multiplier2_bls12_381.zkey")).unwrap_err();
    assert!(error.to_string().contains("made for another curve"), "{error}");
    // A Groth16 key with an eleventh section.
    let mut bytes = small();
    put(&mut bytes, 8, 11);
    bytes.extend([11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let length = bytes.len();
    let error = refused(open(bytes), length);
    assert_eq!(error.problem, Problem::UnknownSection { id: 11 });
    let error = refused(open(read_copy("co-snarks/multiplier2_circuit.r1cs")), 12);
    assert!(matches!(error.problem, Problem::Magic { .. }));
}

#[test]
fn coefficients_that_break_a_law_are_refused() {
    let place = |index: usize| 4 + index * COEFFICIENT_BYTES;
    let fault = |index: usize, fault| {
        let offset = at(4, place(index));
        let index = index as u64;
        ("coefficients", offset, Problem::Coefficient { index, fault })
    };
    let change =
        |index, field: usize, number| broken(4, move |bytes| put(bytes, place(index) + 4 * field, number));
    assert_eq!(change(1, 0, 2), fault(1, CoefficientFault::Matrix { got: 2 }));
    let (row, rows) = (4, 4);
    assert_eq!(
        change(0, 1, row),
        fault(0, CoefficientFault::RowOutOfRange { row, rows })
    );
    // In the domain, but among the rows of the public inputs.
    let (row, rows) = (1, 1);
    assert_eq!(
        change(0, 1, row),
        fault(0, CoefficientFault::RowOutOfRange { row, rows })
    );
    let (wire, wires) = (4, 4);
    assert_eq!(
        change(0, 2, wire),
        fault(0, CoefficientFault::WireOutOfRange { wire, wires })
    );
    let big = broken(4, |bytes| bytes[place(1) + 12..place(1) + 44].fill(0xff));
    assert_eq!(big, fault(1, CoefficientFault::NotCanonical));
    // The rows that bind the constant one and the public input, entries 2 and 3.
    let unbound = |wire: u32| fault(wire as usize + 2, CoefficientFault::InputRow { wire });
    assert_eq!(change(3, 0, 1), unbound(1));
    assert_eq!(change(3, 1, 1), unbound(1));
    assert_eq!(change(3, 2, 2), unbound(1));
    assert_eq!(change(2, 2, 3), unbound(0));
    assert_eq!(broken(4, |bytes| bytes[place(3) + 12] ^= 1), unbound(1));
}

/// A point of G2's curve outside the subgroup, of the smallest order that there is if so asked.
fn outside(small_order: bool) -> G2Affine {
    // (2q - r) / 10069: the points outside number 2q - r for each point inside, and 10069 is its smallest
    // prime factor.
    let rest = BigInt::new([
        0x6c3cd334915f1659,
        0x207142f7671af448,
        0x9e28bcf65b5681da,
        0x13af7a58fce69,
    ]);
    let mut x = Fq2::one();
    loop {
        x += Fq2::one();
        let Some(found) = G2Affine::get_point_from_x_unchecked(x, false) else {
            continue;
        };
        let point = match small_order {
            true => found.mul_bigint(Fr::MODULUS).mul_bigint(rest).into_affine(),
            false => found,
        };
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            assert!(!small_order || point.mul_bigint([10069]).is_zero());
            return point;
        }
    }
}

/// Puts a point into a section.
fn plant<C: Curve>(bytes: &mut [u8], index: usize, point: &C::Affine) {
    C::write(point, &mut bytes[index * C::POINT_BYTES..][..C::POINT_BYTES]);
}

#[test]
fn points_that_break_a_law_are_refused() {
    use PointFault::{NotCanonical, NotInSubgroup, NotOnCurve};
    for (id, name, size) in [
        (3, "IC", 64),
        (5, "A", 64),
        (6, "B1", 64),
        (7, "B2", 128),
        (8, "C", 64),
        (9, "H", 64),
    ] {
        let last = section(id).len() / size - 1;
        let big = broken(id, |bytes| {
            bytes[last * size..][..32].copy_from_slice(&Fq::MODULUS.to_bytes_le())
        });
        let place = at(id, last * size);
        let named = format!("{name}[{last}]");
        assert_eq!(big, (name, place, point(&named, NotCanonical)));
        let off = broken(id, |bytes| {
            bytes[last * size..][..size].fill(0);
            bytes[last * size] = 1;
        });
        assert_eq!(off, (name, place, point(&named, NotOnCurve)));
    }
    for small_order in [false, true] {
        let outside = outside(small_order);
        let found = broken(7, |bytes| plant::<G2>(bytes, 2, &outside));
        assert_eq!(found, ("B2", at(7, 256), point("B2[2]", NotInSubgroup)));
        // Behind three numbers: alpha, beta in G1, beta, gamma, delta in G1, delta.
        for (place, name) in [(212, "beta"), (340, "gamma"), (532, "delta")] {
            let found = broken(2, |bytes| plant::<G2>(&mut bytes[place..], 0, &outside));
            assert_eq!(
                found,
                (
                    "header",
                    at(2, place),
                    point(&format!("{name} in G2"), NotInSubgroup)
                )
            );
        }
    }
    for (place, name) in [(84, "alpha"), (148, "beta"), (468, "delta")] {
        let found = broken(2, |bytes| bytes[place] ^= 1);
        assert_eq!(
            found,
            (
                "header",
                at(2, place),
                point(&format!("{name} in G1"), NotOnCurve)
            )
        );
    }
}

#[test]
fn points_that_disagree_are_refused() {
    let unequal = |what| Problem::Unequal { what };
    let other = G1Affine::generator();
    let b = unequal("the points of B1 and of B2");
    assert_eq!(
        broken(6, |bytes| plant::<G1>(bytes, 3, &other)),
        ("B2", at(7, 0), b.clone())
    );
    assert_eq!(
        broken(7, |bytes| plant::<G2>(bytes, 0, &G2Affine::generator())).2,
        b
    );
    let header = |place: usize| broken(2, move |bytes| plant::<G1>(&mut bytes[place..], 0, &other)).2;
    assert_eq!(header(148), unequal("beta in G1 and beta in G2"));
    let problem = Problem::Contribution {
        index: 0,
        fault: ContributionFault::Delta,
    };
    assert_eq!(header(468), problem);
    // Without a contribution delta is only compared with itself.
    let mut bytes = read_copy("circom-compat/test.zkey");
    assert!(check(bytes.clone()).is_ok());
    let twice = (other + other).into_affine();
    plant::<G1>(&mut bytes[12 + 12 + 4 + 12 + 468..], 0, &twice);
    assert_eq!(
        check(bytes).unwrap_err().problem,
        unequal("delta in G1 and delta in G2")
    );
}

#[test]
fn contributions_that_break_a_law_are_refused() {
    let fault = |fault| {
        (
            "contributions",
            at(10, 68),
            Problem::Contribution { index: 0, fault },
        )
    };
    let change = |place: usize, value| broken(10, move |bytes| bytes[place] = value);
    let kind = 68 + 3 * 64 + 128 + 64;
    assert_eq!(change(kind, 2), fault(ContributionFault::Kind { got: 2 }));
    let parameter = |got| fault(ContributionFault::Parameter { got });
    // A name of 20 bytes is all: unknown, too long, too short by a byte that is no parameter then.
    assert_eq!(change(kind + 8, 4), parameter(4));
    assert_eq!(change(kind + 8, 0), parameter(0));
    assert_eq!(change(kind + 9, 21), parameter(1));
    assert_eq!(change(kind + 9, 19), parameter(b'e'));
    let truncated = change(kind + 4, 23);
    assert!(
        matches!(truncated.2, Problem::Truncated { needed: 23, left: 22 }),
        "{truncated:?}"
    );
    assert_eq!(change(64, 0).2, Problem::Trailing { extra: 414 });
    for (place, name) in [(68, "delta"), (132, "s"), (196, "s * d"), (260, "r * d")] {
        let found = broken(10, |bytes| bytes[place] ^= 1);
        let named = format!("{name} of contribution 0");
        assert_eq!(
            found,
            (
                "contributions",
                at(10, place),
                point(&named, PointFault::NotOnCurve)
            )
        );
    }
    let outside = outside(true);
    let found = broken(10, |bytes| plant::<G2>(&mut bytes[260..], 0, &outside)).2;
    assert_eq!(found, point("r * d of contribution 0", PointFault::NotInSubgroup));
}

/// The bytes of the generator times 1, 2, 3, ..: points of some key, all different.
fn multiples<C: Curve>(count: usize) -> Vec<u8> {
    let one = <C::Affine as AffineRepr>::generator();
    let mut sum = one.into_group();
    let sums: Vec<C::Projective> = (0..count)
        .map(|_| {
            let now = sum;
            sum += one;
            now
        })
        .collect();
    let mut bytes = vec![0; count * C::POINT_BYTES];
    for (index, point) in C::Projective::normalize_batch(&sums).iter().enumerate() {
        plant::<C>(&mut bytes, index, point);
    }
    bytes
}

/// A key that is a key of nothing, with so many wires and two of them public.
struct Made {
    header: Header,
    ic: Vec<G1Affine>,
    points: [Vec<u8>; 5],
    contributions: Contributions,
    coefficients: Vec<Coefficient>,
}

impl Made {
    fn new(wires: u32, domain_size: u32) -> Self {
        let (one, two) = (G1Affine::generator(), G2Affine::generator());
        let times = |factor: u64| (G1Projective::generator() * Fr::from(factor)).into_affine();
        let times_two = |factor: u64| (G2Projective::generator() * Fr::from(factor)).into_affine();
        let count = wires as usize;
        let constraints = domain_size - 3;
        let entries = (0..constraints).map(|row| {
            let matrix = if row % 2 == 0 {
                MatrixName::A
            } else {
                MatrixName::B
            };
            Coefficient::new(matrix, row, row % wires, Fr::from(row) - Fr::from(5))
        });
        let inputs = (0..3).map(|wire| Coefficient::input_row(constraints, wire));
        Self {
            header: Header {
                wires,
                public: 2,
                domain_size,
                alpha_g1: times(3),
                beta_g1: times(4),
                beta_g2: times_two(4),
                gamma_g2: two,
                delta_g1: times(5),
                delta_g2: times_two(5),
            },
            ic: vec![one, G1Affine::identity(), times(9)],
            points: [
                multiples::<G1>(count),
                multiples::<G1>(count),
                multiples::<G2>(count),
                multiples::<G1>(count - 3),
                multiples::<G1>(domain_size as usize),
            ],
            contributions: Contributions::none([6; 64]),
            coefficients: entries.chain(inputs).collect(),
        }
    }

    fn parts(&self) -> ZkeyParts<'_> {
        let [a, b1, b2, c, h] = &self.points;
        ZkeyParts {
            header: &self.header,
            ic: &self.ic,
            a,
            b1,
            b2,
            c,
            h,
            contributions: &self.contributions,
            layout: Layout::default(),
        }
    }

    fn write(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        write_zkey(&mut out, &self.parts(), self.coefficients.iter().copied()).map(|()| out)
    }

    fn refusal(change: impl FnOnce(&mut Self)) -> Problem {
        let mut made = Self::new(5, 8);
        change(&mut made);
        match made.write() {
            Err(WriteError::Refused {
                format: "zkey",
                problem,
            }) => problem,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

#[test]
fn what_was_written_is_read() {
    let made = Made::new(5, 8);
    let key = open(made.write().unwrap()).unwrap();
    key.check(&no_watch).unwrap();
    assert_eq!(key.header(), &made.header);
    assert_eq!(key.header().domain_log2(), 3);
    assert_eq!(key.header().private(), 2);
    let vk = key.verifying_key();
    assert_eq!(vk.gamma_abc_g1, made.ic);
    assert_eq!(
        (vk.alpha_g1, vk.beta_g2),
        (made.header.alpha_g1, made.header.beta_g2)
    );
    assert_eq!(
        (vk.gamma_g2, vk.delta_g2),
        (made.header.gamma_g2, made.header.delta_g2)
    );
    assert_eq!(
        [key.a(), key.b1(), key.b2(), key.c(), key.h()],
        made.points.each_ref().map(Vec::as_slice)
    );
    assert_eq!(key.contributions(), &made.contributions);
    let coefficients = key.coefficients();
    assert_eq!(coefficients.len(), made.coefficients.len());
    assert!(!coefficients.is_empty());
    let read: Vec<_> = coefficients.iter().map(Result::unwrap).collect();
    assert_eq!(read, made.coefficients);
    assert!(coefficients.get(coefficients.len()).is_err());
    assert_eq!(read[7].raw, <ark_bn254::FrConfig as MontConfig<4>>::R2);
    assert!(read[7].value().is_one());
    // Infinity is zeros.
    let ic = &key.bytes()[12 + 12 + 4 + 12 + 660 + 12..][..3 * 64];
    assert_eq!(ic[64..128], [0; 64]);
}

/// Enough wires for the largest buckets; with POPW_ROUNDS, more than one task sums.
#[test]
fn a_larger_key_is_checked() {
    let wires = 77 + if rounds() < 10 { 1 << 13 } else { 1 << 18 };
    let made = Made::new(wires, 1 << 5);
    let bytes = made.write().unwrap();
    let (most, last) = (AtomicU64::new(0), AtomicU64::new(0));
    let watch = |done: u64, total: u64| {
        assert!(done <= total);
        most.fetch_max(done, Ordering::Relaxed);
        last.store(total, Ordering::Relaxed);
    };
    open(bytes.clone()).unwrap().check(&watch).unwrap();
    assert_eq!(most.into_inner(), last.into_inner());

    let b2 = bytes
        .windows(128)
        .rposition(|window| window == &made.points[2][..128])
        .unwrap();
    let b1 = b2 - 12 - made.points[1].len();
    let outside = outside(true);
    for index in [0, wires as usize - 1] {
        let mut broken = bytes.clone();
        plant::<G2>(&mut broken[b2..], index, &outside);
        let error = check(broken).unwrap_err();
        assert_eq!(
            error.problem,
            point(&format!("B2[{index}]"), PointFault::NotInSubgroup)
        );
        assert_eq!(error.offset, (b2 + index * 128) as u64);
        let mut broken = bytes.clone();
        plant::<G1>(&mut broken[b1..], index, &G1Affine::identity());
        let what = "the points of B1 and of B2";
        assert_eq!(check(broken).unwrap_err().problem, Problem::Unequal { what });
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let count = |what, expected, got| Problem::Count { what, expected, got };
    let coefficient = |index, fault| Problem::Coefficient { index, fault };
    assert_eq!(
        Made::refusal(|made| made.header.domain_size = 7),
        Problem::Domain { got: 7 }
    );
    assert_eq!(
        Made::refusal(|made| made.header.domain_size = 16),
        count("bytes of H", 1024, 512)
    );
    assert_eq!(
        Made::refusal(|made| made.ic.truncate(2)),
        count("points of IC", 3, 2)
    );
    assert_eq!(
        Made::refusal(|made| made.points[2].truncate(639)),
        count("bytes of B2", 640, 639)
    );
    let last = made_last();
    assert_eq!(
        Made::refusal(|made| made.coefficients[last].raw = BigInt::one()),
        coefficient(last as u64, CoefficientFault::InputRow { wire: 2 })
    );
    assert_eq!(
        Made::refusal(|made| made.coefficients[0].row = 5),
        coefficient(0, CoefficientFault::RowOutOfRange { row: 5, rows: 5 })
    );
    assert_eq!(
        Made::refusal(|made| made.coefficients[1].matrix = MatrixName::C),
        coefficient(1, CoefficientFault::Matrix { got: 2 })
    );
    assert_eq!(
        Made::refusal(|made| made.coefficients[1].raw = Fr::MODULUS),
        coefficient(1, CoefficientFault::NotCanonical)
    );
    assert!(matches!(
        Made::refusal(|made| made.coefficients.truncate(2)),
        Problem::TooFew { least: 3, got: 2, .. }
    ));
    let made = Made::new(5, 8);
    let mut parts = made.parts();
    parts.layout.0.swap(0, 9);
    let mut out = Vec::new();
    write_zkey(&mut out, &parts, made.coefficients.iter().copied()).unwrap();
    assert_eq!(open(out).unwrap().layout(), parts.layout);
    parts.layout.0[0] = parts.layout.0[1];
    assert!(write_zkey(std::io::sink(), &parts, made.coefficients.iter().copied()).is_err());
}

fn made_last() -> usize {
    Made::new(5, 8).coefficients.len() - 1
}

#[test]
fn the_hash_beside_a_key_is_that_of_sha256sum() {
    let folder = Folder::new("hash");
    let path = folder.0.join("x y.zkey");
    let made = Made::new(5, 8);
    let coefficients = || made.coefficients.iter().copied();
    let hash = save_zkey(&path, &made.parts(), coefficients()).unwrap();
    let key = Zkey::open(&path).unwrap();
    assert_eq!(key.sha256(), hash);
    assert!(key.check_hash(&path).unwrap());
    let line = fs::read_to_string(hash_path(&path)).unwrap();
    assert_eq!(line.len(), 64 + 2 + "x y.zkey\n".len());
    assert!(line.ends_with("  x y.zkey\n"));
    match Command::new("sha256sum")
        .arg("-c")
        .arg(hash_path(&path))
        .current_dir(&folder.0)
        .output()
    {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => println!("sha256sum was not asked: {error}"),
    }
    // Nothing else lies there.
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);

    let digits = hex::encode(hash);
    let upper = digits.to_uppercase();
    for (text, good) in [
        (format!("{digits} *x y.zkey\n"), true),
        (format!("{digits}  x y.zkey\r\n"), true),
        (format!("{digits}  x y.zkey"), true),
        (format!("{digits}  x.zkey\n"), false),
        (format!("{digits}  x y.zkey\n\n"), false),
        (format!("{digits} x y.zkey\n"), false),
        (format!("{upper}  x y.zkey\n"), false),
        (format!("{}  x y.zkey\n", &digits[1..]), false),
        (digits.clone(), false),
        (String::new(), false),
        ("\u{e9}".repeat(40), false),
    ] {
        fs::write(hash_path(&path), &text).unwrap();
        match read_hash(&path) {
            Ok(found) => assert!(good && found == Some(hash), "{text:?}"),
            Err(FileError::HashFile { name, .. }) => assert!(!good && name == "x y.zkey", "{text:?}"),
            Err(error) => panic!("{error}"),
        }
    }
    fs::write(hash_path(&path), [0xff; 80]).unwrap();
    assert!(matches!(read_hash(&path), Err(FileError::HashFile { .. })));
    assert!(verify_file(&path, None, &no_watch).is_err());
    fs::remove_file(hash_path(&path)).unwrap();
    assert_eq!(read_hash(&path).unwrap(), None);
    assert!(!key.check_hash(&path).unwrap());
    assert!(write_hash(&folder.0.join("a\nb.zkey"), &hash).is_err());
}

#[test]
fn a_file_is_replaced_as_a_whole_or_not_at_all() {
    let folder = Folder::new("replace");
    let path = folder.0.join("x.zkey");
    let mut made = Made::new(5, 8);
    save_zkey(&path, &made.parts(), made.coefficients.iter().copied()).unwrap();
    let before = fs::read(&path).unwrap();
    let map = Zkey::open(&path).unwrap();
    let late = write_file(&path, |file| {
        use std::io::Write as _;
        let failed = |source| WriteError::Io {
            format: "zkey",
            source,
        };
        file.write_all(b"half").map_err(failed)?;
        Err::<(), _>(failed(std::io::Error::other("full")))
    });
    assert!(matches!(late, Err(FileError::Write { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    // A map of the old file outlives the new one.
    made.points[0][..64].fill(0);
    save_zkey(&path, &made.parts(), made.coefficients.iter().copied()).unwrap();
    assert_eq!(map.bytes(), before);
    assert_ne!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);
    assert!(verify_file(&path, None, &no_watch).is_ok());
    let nowhere = folder.0.join("no/x.zkey");
    assert!(matches!(
        write_file(&nowhere, |_| Ok(())),
        Err(FileError::Io { .. })
    ));
    assert!(matches!(Zkey::open(&nowhere), Err(FileError::Io { .. })));
    assert!(matches!(Zkey::open(&folder.0), Err(FileError::Io { .. })));
    fs::write(&path, []).unwrap();
    assert!(matches!(Zkey::open(&path), Err(FileError::Read { .. })));
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 256 * rounds(),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(bytes.clone()).is_err());
        let framed = [b"zkey\x01\0\0\0\x0a\0\0\0", &bytes[..]].concat();
        prop_assert!(open(framed).is_err());
    }

    #[test]
    fn arbitrary_changes_do_no_harm(
        at in 0..2994_usize,
        piece in prop::collection::vec(any::<u8>(), 0..80),
        removed in 0..80_usize,
    ) {
        let mut bytes = small();
        let end = bytes.len().min(at + removed);
        bytes.splice(at..end, piece);
        let _ = check(bytes);
    }

    #[test]
    fn coefficients_survive(limbs in any::<[u64; 4]>(), row: u32, wire: u32) {
        let value = Fr::new(BigInt::new(limbs.map(|limb| limb >> 3)));
        let coefficient = Coefficient::new(MatrixName::B, row, wire, value);
        prop_assert_eq!(coefficient.value(), value);
        let r = Fr::from(2).pow([256]);
        prop_assert_eq!(coefficient.lifted(), value * r);
        prop_assert_eq!(coefficient.raw, (value * r * r).into_bigint());
    }
}
