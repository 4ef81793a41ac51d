//! Challenges and responses: side by side with snarkjs, there and back, and each way of tampering with a response.
//!
//! The challenge of a key with more contributions is a response to the challenge of a key with fewer, so that most tests need no
//! other tool.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]

mod common;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, FftField, Field, PrimeField};
use common::{Folder, copy, here, read_copy, rounds};
use popw_kernels::backend::{available, detect};
use popw_kernels::{Backend, CancelToken, Control, Curve, G1, KernelError};
use popw_keys::Zkey;
use popw_keys::ceremony::{
    self, CeremonyError, Contributed, Fault, Secret, extends, initialize, read_response, verify,
    write_challenge,
};
use popw_keys::error::{PointFault, Problem, ReadError, WriteError};
use popw_keys::ptau::Ptau;
use popw_keys::zkey::Layout;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

fn backend() -> Arc<dyn Backend> {
    detect().unwrap()
}

fn with_control<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    work(&Control::silent(&CancelToken::new()))
}

fn key(name: &str) -> Zkey {
    Zkey::open(&copy("phase2").join(name)).unwrap()
}

fn ptau(power: u32) -> Ptau {
    Ptau::open(&copy(&format!("ptau/powersOfTau28_hez_final_{power:02}.ptau"))).unwrap()
}

fn challenge_with(key: &Zkey, backend: &dyn Backend) -> Vec<u8> {
    let mut bytes = Vec::new();
    with_control(|control| write_challenge(&mut bytes, key, backend, control)).unwrap();
    bytes
}

fn challenge(key: &Zkey) -> Vec<u8> {
    challenge_with(key, backend().as_ref())
}

fn import<'a>(before: &'a Zkey, response: &[u8], name: &str) -> Result<Contributed<'a>, CeremonyError> {
    with_control(|control| read_response(before, response, name, backend().as_ref(), control))
}

fn imported(before: &Zkey, response: &[u8], name: &str) -> Zkey {
    let made = import(before, response, name).unwrap();
    Zkey::from_bytes(made.to_bytes().unwrap()).unwrap()
}

fn refusal(before: &Zkey, response: &[u8]) -> CeremonyError {
    match import(before, response, "") {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

fn contributed(before: &Zkey, seed: u64) -> Zkey {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let secret = Secret::draw(&mut rng, b"");
    let made = with_control(|control| {
        ceremony::contribute(before, "popw", secret, &mut rng, backend().as_ref(), control)
    });
    Zkey::from_bytes(made.unwrap().to_bytes().unwrap()).unwrap()
}

fn verified(key: &Zkey, r1cs: &[u8], ptau: &Ptau) -> Result<(), CeremonyError> {
    with_control(|control| verify(key, r1cs, ptau, backend().as_ref(), control)).map(|_| ())
}

/// A key, and a response to its challenge, both by snarkjs.
struct Pair {
    before: Zkey,
    after: Zkey,
    response: Vec<u8>,
}

static PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let after = key("epochKeyLite_0002.zkey");
    Pair {
        before: key("epochKeyLite_0001.zkey"),
        response: challenge(&after),
        after,
    }
});

/// Where each part begins, by name; the last begins where the file ends.
fn places(key: &Zkey) -> Vec<(&'static str, usize)> {
    let (g1, g2, header) = (64, 128, key.header());
    let (wires, private) = (header.wires as usize, header.private() as usize);
    let counted = |points: usize, size: usize| [4, points * size];
    let mut lengths = vec![
        ("alpha", g1),
        ("beta", g1),
        ("beta in G2", g2),
        ("gamma", g2),
        ("delta", g1),
        ("delta in G2", g2),
    ];
    let lists = [
        ("IC", counted(header.public as usize + 1, g1)),
        ("H", counted(header.domain_size as usize - 1, g1)),
        ("C", counted(private, g1)),
        ("A", counted(wires, g1)),
        ("B1", counted(wires, g1)),
        ("B2", counted(wires, g2)),
    ];
    for (name, [count, points]) in lists {
        lengths.extend([("count", count), (name, points)]);
    }
    lengths.extend([("circuit hash", 64), ("count", 4)]);
    for _ in key.contributions().list() {
        let parts = [
            ("delta after", g1),
            ("s", g1),
            ("s d", g1),
            ("r d", g2),
            ("transcript", 64),
        ];
        lengths.extend(parts);
    }
    let mut places = vec![];
    let mut place = 0;
    for (name, length) in lengths {
        places.push((name, place));
        place += length;
    }
    places.push(("end", place));
    places
}

/// Where the last part of this name begins.
fn place(name: &str) -> usize {
    let places = places(&PAIR.after);
    places.iter().rfind(|(found, _)| *found == name).unwrap().1
}

/// The response with other bytes at a place.
fn with(place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut response = PAIR.response.clone();
    response[place..place + bytes.len()].copy_from_slice(bytes);
    response
}

fn uncompressed(point: &G1Affine) -> Vec<u8> {
    let (x, y) = point.xy().unwrap();
    [x, y]
        .iter()
        .flat_map(|value| value.into_bigint().to_bytes_be())
        .collect()
}

fn uncompressed_g2(point: &G2Affine) -> Vec<u8> {
    let (x, y) = point.xy().unwrap();
    let values = [x.c1, x.c0, y.c1, y.c0];
    values
        .iter()
        .flat_map(|value| value.into_bigint().to_bytes_be())
        .collect()
}

/// On the curve of the second group, not in the subgroup.
fn outside() -> G2Affine {
    let points = (1_u64..).filter_map(|x| {
        let x = Fq2::new(Fq::from(x), Fq::from(1));
        G2Affine::get_point_from_x_unchecked(x, true)
    });
    let mut outside = points.filter(|point| !point.is_in_correct_subgroup_assuming_on_curve());
    outside.next().unwrap()
}

#[test]
fn a_response_becomes_the_key_that_it_was_made_of() {
    let pair = &*PAIR;
    assert_eq!(pair.response.len(), places(&pair.after).last().unwrap().1);
    let name = pair.after.contributions().list()[1].name.clone().unwrap();
    let key = imported(&pair.before, &pair.response, &name);
    assert_eq!(key.header(), pair.after.header());
    assert_eq!(key.contributions(), pair.after.contributions());
    assert_eq!(key.layout(), Layout::IMPORTED);
    assert!(key.c() == pair.after.c() && key.a() == pair.after.a() && key.b2() == pair.after.b2());
    key.check(&|_, _| {}).unwrap();
    extends(&key, &pair.before).unwrap();
    // H went to another basis and back, and lost what no quotient needs.
    assert!(key.h() != pair.after.h());
    assert!(challenge(&key) == pair.response);
    let (r1cs, ptau) = (read_copy("phase2/epochKeyLite.r1cs"), ptau(11));
    verified(&key, &r1cs, &ptau).unwrap();

    // The next contribution, and the next response: nothing more is lost.
    let next = contributed(&key, 1);
    verified(&next, &r1cs, &ptau).unwrap();
    let again = imported(&key, &challenge(&next), "popw");
    assert!(again.h() == next.h());
    assert_eq!(again.contributions(), next.contributions());
    verified(&again, &r1cs, &ptau).unwrap();
}

#[test]
fn a_response_may_hold_several_contributions() {
    let pair = &*PAIR;
    let (two, beacon) = (contributed(&pair.after, 2), key("epochKeyLite_beacon.zkey"));
    let made = import(&pair.before, &challenge(&two), "both").unwrap();
    assert_eq!(made.added(), 2);
    let key = Zkey::from_bytes(made.to_bytes().unwrap()).unwrap();
    let names: Vec<_> = key.contributions().list()[1..]
        .iter()
        .map(|one| one.name.as_deref())
        .collect();
    assert_eq!(names, [Some("both"); 2]);
    let found = with_control(|control| verify::verify_contributions(&key, control)).unwrap();
    assert_eq!(&found[2].hash, made.hash());
    // A beacon in the key before stays one; no name is no name.
    let key = imported(&beacon, &challenge(&contributed(&beacon, 3)), "");
    assert_eq!(key.contributions().list()[..3], *beacon.contributions().list());
    assert_eq!(key.contributions().list()[3].name, None);
}

/// H without its last coefficient makes the same sums with every quotient, and `verify` knows no other H.
#[test]
fn only_the_last_coefficient_may_be_missing() {
    let r1cs = read_copy("co-snarks/poseidon_circuit.r1cs");
    let (ptau, backend) = (ptau(8), backend());
    let initial = with_control(|control| initialize(&r1cs, &ptau, backend.as_ref(), control)).unwrap();
    let initial = Zkey::from_bytes(initial.to_bytes().unwrap()).unwrap();
    let whole = contributed(&initial, 4);
    let key = imported(&initial, &challenge(&whole), "popw");
    verified(&key, &r1cs, &ptau).unwrap();
    let points = |key: &Zkey| key.h().chunks_exact(64).map(G1::read).collect::<Vec<G1Affine>>();
    let rows = u64::from(key.header().domain_size);
    let root: Fr = FftField::get_root_of_unity(2 * rows).unwrap();
    let sum = |key: &Zkey, degree: u64| {
        let terms = (0..rows).zip(points(key));
        let terms = terms.map(|(row, point)| point * root.pow([(2 * row + 1) * degree % (2 * rows)]));
        terms.sum::<ark_bn254::G1Projective>()
    };
    for degree in [0, 1, rows / 2, rows - 2] {
        assert_eq!(sum(&key, degree), sum(&whole, degree), "x^{degree}");
    }
    assert!(sum(&key, rows - 1) == ark_bn254::G1Projective::default());
    assert!(sum(&whole, rows - 1) != ark_bn254::G1Projective::default());

    // Any other last coefficient, and any other one.
    for degree in [0, rows - 2, rows - 1] {
        let mut h = Vec::new();
        for (row, point) in (0..rows).zip(points(&key)) {
            let factor = root.inverse().unwrap().pow([(2 * row + 1) * degree % (2 * rows)]);
            let mut bytes = [0; 64];
            G1::write(
                &(point + G1Affine::generator() * factor).into_affine(),
                &mut bytes,
            );
            h.extend(bytes);
        }
        let parts = popw_keys::zkey::ZkeyParts { h: &h, ..key.parts() };
        let coefficients: Vec<_> = key.coefficients().iter().map(Result::unwrap).collect();
        let mut bytes = Vec::new();
        popw_keys::write_zkey(&mut bytes, &parts, coefficients.into_iter()).unwrap();
        let forged = Zkey::from_bytes(bytes).unwrap();
        let error = verified(&forged, &r1cs, &ptau).unwrap_err();
        assert_eq!(error, CeremonyError::Ratio { section: "H" }, "x^{degree}");
    }
}

#[test]
fn challenges_do_not_depend_on_the_backend() {
    let pair = &*PAIR;
    for backend in available() {
        assert!(
            challenge_with(&pair.after, backend.as_ref()) == pair.response,
            "{}",
            backend.name()
        );
    }
}

#[test]
fn whatever_is_cut_short_is_refused() {
    let pair = &*PAIR;
    let read = |bytes: &[u8]| match refusal(&pair.before, bytes) {
        CeremonyError::Read(error) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            error.problem
        }
        other => panic!("{other}"),
    };
    let places = places(&pair.after);
    let (_, end) = places.last().unwrap();
    for (name, place) in &places {
        for length in [place.saturating_sub(1), *place, place + 1] {
            if length < *end {
                let problem = read(&pair.response[..length]);
                assert!(
                    matches!(problem, Problem::Truncated { .. }),
                    "{name}, {length}: {problem}"
                );
            }
        }
    }
    let longer = [&pair.response[..], &[0]].concat();
    assert_eq!(read(&longer), Problem::Trailing { extra: 1 });
    // Each number of points one too many, one too few, and too many to count.
    let counts = places.iter().filter(|(name, _)| *name == "count");
    for (index, (_, place)) in counts.enumerate() {
        let count = u32::from_be_bytes(pair.response[*place..place + 4].try_into().unwrap());
        for wrong in [count + 1, count - 1, u32::MAX] {
            let problem = read(&with(*place, &wrong.to_be_bytes()));
            let expected = match (index, wrong > count) {
                (6, true) => matches!(problem, Problem::Truncated { .. }),
                (6, false) => matches!(problem, Problem::Trailing { extra: 384 }),
                _ => matches!(problem, Problem::Count { got, .. } if got == u64::from(wrong)),
            };
            assert!(expected, "number {index}: {problem}");
        }
    }
}

#[test]
fn flipped_bits_are_refused() {
    let pair = &*PAIR;
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let draw = |rng: &mut ChaCha20Rng, from: usize, to: usize| {
        from + usize::try_from(rng.next_u64() % (to - from) as u64).unwrap()
    };
    let places = places(&pair.after);
    for _ in 0..rounds() * 20 {
        // Each part alike, however small.
        for pair_of_places in places.windows(2) {
            let [(name, start), (_, end)] = pair_of_places else {
                panic!()
            };
            let (byte, bit) = (draw(&mut rng, *start, *end), rng.next_u32() % 8);
            let response = with(byte, &[pair.response[byte] ^ 1 << bit]);
            // Not one of them is a lawful response.
            let error = refusal(&pair.before, &response);
            if let CeremonyError::Read(error) = &error {
                assert!(error.offset <= response.len() as u64, "{name}: {error}");
            }
        }
    }
}

#[test]
fn what_no_contribution_changes_must_be_the_keys() {
    let pair = &*PAIR;
    let another = uncompressed(&(G1Affine::generator() * Fr::from(3)).into_affine());
    let another_g2 = uncompressed_g2(&(G2Affine::generator() * Fr::from(3)).into_affine());
    let cases = [
        ("alpha", "alpha in G1", 0, &another),
        ("beta", "beta in G1", 0, &another),
        ("beta in G2", "beta in G2", 0, &another_g2),
        ("gamma", "gamma in G2", 0, &another_g2),
        ("IC", "IC[1]", 64, &another),
        ("A", "A[2]", 128, &another),
        ("B1", "B1[3]", 192, &another),
        ("B2", "B2[5]", 640, &another_g2),
    ];
    for (part, what, distance, point) in cases {
        let error = refusal(&pair.before, &with(place(part) + distance, point));
        assert_eq!(error, CeremonyError::OtherResponse { what: what.into() });
        assert!(error.to_string().contains(what), "{error}");
    }
    let error = refusal(&pair.before, &with(place("circuit hash"), &[7; 64]));
    let what = "circuit hash".to_owned();
    assert_eq!(error, CeremonyError::OtherResponse { what });
    // A response to the challenge of another circuit's key has other numbers.
    let other = Zkey::open(&copy("co-snarks/poseidon_circuit.zkey")).unwrap();
    let error = refusal(&other, &pair.response);
    let CeremonyError::Read(error) = error else {
        panic!("{error}")
    };
    assert!(matches!(error.problem, Problem::Count { .. }), "{error}");
    assert_eq!(
        import(&pair.before, &pair.response, &"x".repeat(65)).err(),
        Some(CeremonyError::Name { got: 65 })
    );
}

#[test]
fn the_contributions_before_must_be_there() {
    let pair = &*PAIR;
    let beacon = key("epochKeyLite_beacon.zkey");
    assert_eq!(
        refusal(&pair.before, &challenge(&pair.before)),
        CeremonyError::NothingNew
    );
    // Those of another branch, or fewer.
    let error = refusal(&beacon, &challenge(&contributed(&pair.after, 6)));
    assert_eq!(error, CeremonyError::NotExtended { index: 2 });
    assert_eq!(
        refusal(&beacon, &pair.response),
        CeremonyError::NotExtended { index: 2 }
    );
    let first = place("circuit hash") + 68;
    let error = refusal(
        &pair.before,
        &with(first + 383, &[pair.response[first + 383] ^ 1]),
    );
    assert_eq!(error, CeremonyError::NotExtended { index: 0 });
}

#[test]
fn new_contributions_must_hold() {
    let pair = &*PAIR;
    let three = G1Affine::generator() * Fr::from(3);
    let (another, another_g2) = (
        uncompressed(&three.into_affine()),
        uncompressed_g2(&(G2Affine::generator() * Fr::from(3)).into_affine()),
    );
    for (part, bytes, fault) in [
        ("s", &another, Fault::Changed),
        ("s d", &another, Fault::Changed),
        ("transcript", &another, Fault::Changed),
        ("r d", &another_g2, Fault::Knowledge),
        ("delta after", &another, Fault::Missing),
    ] {
        let error = refusal(&pair.before, &with(place(part), bytes));
        let expected = CeremonyError::Contribution {
            index: 1,
            name: String::new(),
            fault,
        };
        assert_eq!(error, expected, "{part}");
    }
    let error = refusal(&pair.before, &with(place("delta"), &another));
    assert_eq!(error, CeremonyError::Delta);
    let error = refusal(&pair.before, &with(place("delta in G2"), &another_g2));
    assert_eq!(error, CeremonyError::DeltaG2);
    // Infinity is a point of C; nobody's delta.
    let zeros = with(place("delta after"), &[0; 64]);
    let error = refusal(&pair.before, &zeros);
    assert!(
        matches!(error, CeremonyError::Contribution { index: 1, .. }),
        "{error}"
    );
}

/// Whether C and H were divided by delta is no question of the import.
#[test]
fn points_of_somebody_else_are_left_to_verify() {
    let pair = &*PAIR;
    let (r1cs, ptau) = (read_copy("phase2/epochKeyLite.r1cs"), ptau(11));
    for part in ["C", "H"] {
        let start = place(part);
        let (one, two) = pair.response[start..start + 128].split_at(64);
        assert!(one != two, "{part}");
        let key = imported(&pair.before, &with(start, &[two, one].concat()), "");
        let error = verified(&key, &r1cs, &ptau).unwrap_err();
        assert_eq!(error, CeremonyError::Ratio { section: part });
    }
}

#[test]
fn points_are_checked() {
    let pair = &*PAIR;
    let fault = |place: usize, bytes: &[u8]| match refusal(&pair.before, &with(place, bytes)) {
        CeremonyError::Read(ReadError {
            format: "mpcparams",
            offset,
            problem: Problem::Point { point, fault },
            ..
        }) => (offset, point, fault),
        other => panic!("{other}"),
    };
    for (part, distance, name) in [
        ("delta", 0, "delta in G1"),
        ("H", 64 * 7, "H[7]"),
        ("C", 0, "C[0]"),
        ("s", 0, "s of contribution 1"),
        ("s d", 0, "s * d of contribution 1"),
        ("delta after", 0, "delta of contribution 1"),
        ("r d", 0, "r * d of contribution 1"),
        ("delta in G2", 0, "delta in G2"),
    ] {
        let start = place(part) + distance;
        let named = |fault| (start as u64, name.to_owned(), fault);
        let second = part.ends_with("G2") || part == "r d";
        // The last byte of a coordinate is its lowest.
        let last = start + 31;
        let flipped = [pair.response[last] ^ 1];
        let (_, point, found) = fault(last, &flipped);
        assert_eq!((point.as_str(), found), (name, PointFault::NotOnCurve));
        // The same number modulo q.
        let mut value = <Fq as PrimeField>::BigInt::default();
        let limbs = pair.response[start..start + 32].rchunks(8);
        for (limb, bytes) in value.0.iter_mut().zip(limbs) {
            *limb = u64::from_be_bytes(bytes.try_into().unwrap());
        }
        assert!(!value.add_with_carry(&Fq::MODULUS));
        assert_eq!(
            fault(start, &value.to_bytes_be()),
            named(PointFault::NotCanonical)
        );
        // phase2-bn254's bit for infinity.
        assert_eq!(fault(start, &[0x40]).2, PointFault::NotCanonical);
        if second {
            let outside = uncompressed_g2(&outside());
            assert_eq!(fault(start, &outside), named(PointFault::NotInSubgroup));
        }
    }
}

#[test]
fn a_challenge_has_no_point_off_its_curve() {
    let key = key("epochKeyLite_0001.zkey");
    for (name, points) in [("C", key.c()), ("H", key.h()), ("A", key.a())] {
        let bytes = key.bytes();
        let start = bytes
            .windows(points.len())
            .position(|window| window == points)
            .unwrap();
        let place = (0..).find(|index| points[index * 64] != 0).unwrap();
        let mut bytes = bytes.to_vec();
        bytes[start + place * 64] ^= 1;
        let forged = Zkey::from_bytes(bytes).unwrap();
        let mut out = Vec::new();
        let made = with_control(|control| write_challenge(&mut out, &forged, backend().as_ref(), control));
        let Err(WriteError::Refused {
            format: "mpcparams",
            problem,
        }) = made
        else {
            panic!("{made:?}")
        };
        assert_eq!(
            problem,
            Problem::Point {
                point: format!("{name}[{place}]"),
                fault: PointFault::NotOnCurve
            }
        );
        assert!(out.is_empty());
    }
}

#[test]
fn work_stops_when_asked_to() {
    let (pair, token) = (&*PAIR, CancelToken::new());
    token.cancel();
    let control = Control::silent(&token);
    let made = read_response(&pair.before, &pair.response, "", backend().as_ref(), &control);
    assert_eq!(made.err(), Some(CeremonyError::Kernel(KernelError::Cancelled)));
    let made = write_challenge(Vec::new(), &pair.before, backend().as_ref(), &control);
    let Err(WriteError::Io { source, .. }) = made else {
        panic!("{made:?}")
    };
    assert_eq!(source.downcast::<KernelError>().unwrap(), KernelError::Cancelled);
}

/// snarkjs's command line in a folder, if node and the package are there.
struct Snarkjs<'a> {
    program: PathBuf,
    folder: &'a Path,
}

impl<'a> Snarkjs<'a> {
    fn find(folder: &'a Path) -> Option<Self> {
        let program = here("../verifier/contracts/node_modules/snarkjs/build/cli.cjs");
        if program.exists() {
            return Some(Self { program, folder });
        }
        assert!(
            std::env::var_os("POPW_REQUIRE_ALL").is_none(),
            "snarkjs is not installed"
        );
        println!("SKIPPED: snarkjs is not installed; `cargo xtask setup` installs it");
        None
    }

    fn run(&self, arguments: &[&str]) -> String {
        let program = std::path::absolute(&self.program).unwrap();
        let mut command = Command::new("node");
        command.arg(program).args(arguments).current_dir(self.folder);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }
}

/// Export, contribution and import by snarkjs, and our export and import of the same files.
fn side_by_side(snarkjs: &Snarkjs<'_>, before: &Zkey, name: Option<&str>, contributions: usize) -> Zkey {
    std::fs::write(snarkjs.folder.join("before.zkey"), before.bytes()).unwrap();
    snarkjs.run(&["zkey", "export", "bellman", "before.zkey", "0.mpcparams"]);
    assert!(challenge(before) == snarkjs.read("0.mpcparams"));
    for index in 0..contributions {
        let file = |index: usize| format!("{index}.mpcparams");
        let [from, to] = [file(index), file(index + 1)];
        let said = snarkjs.run(&["zkey", "bellman", "contribute", "bn128", &from, &to, "-e=x"]);
        assert!(said.contains("Contribution Hash"), "{said}");
    }
    let response = format!("{contributions}.mpcparams");
    let named = name.map(|name| format!("--name={name}"));
    let mut arguments = vec![
        "zkey",
        "import",
        "bellman",
        "before.zkey",
        &response,
        "after.zkey",
    ];
    arguments.extend(named.as_deref());
    snarkjs.run(&arguments);
    let made = import(before, &snarkjs.read(&response), name.unwrap_or_default()).unwrap();
    assert_eq!(made.added(), contributions);
    let path = snarkjs.folder.join("ours.zkey");
    made.save(&path).unwrap();
    assert!(snarkjs.read("ours.zkey") == snarkjs.read("after.zkey"));
    Zkey::open(&path).unwrap()
}

#[test]
fn snarkjs_makes_the_same_bytes() {
    let folder = Folder::new("bellman");
    let Some(snarkjs) = Snarkjs::find(&folder.0) else {
        return;
    };
    let ptau = ptau(11);
    for (file, name, contributions) in [
        ("epochKeyLite_0001.zkey", Some("Čeněk"), 1),
        ("epochKeyLite_0002.zkey", None, 2),
        ("epochKeyLite_beacon.zkey", Some("after a beacon"), 1),
    ] {
        let before = key(file);
        let after = side_by_side(&snarkjs, &before, name, contributions);
        extends(&after, &before).unwrap();
        verified(&after, &read_copy("phase2/epochKeyLite.r1cs"), &ptau).unwrap();
    }
    // Of the last one.
    let absolute = |path: &str| {
        std::path::absolute(copy(path))
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let [r1cs, ptau] = ["phase2/epochKeyLite.r1cs", "ptau/powersOfTau28_hez_final_11.ptau"].map(absolute);
    let said = snarkjs.run(&["zkey", "verify", &r1cs, &ptau, "ours.zkey"]);
    assert!(said.contains("ZKey Ok!"), "{said}");
}

/// An initial key goes out, its response comes back, and proofs under the new key are good.
#[test]
fn snarkjs_proves_with_an_imported_key() {
    let folder = Folder::new("bellman-proof");
    let Some(snarkjs) = Snarkjs::find(&folder.0) else {
        return;
    };
    let (r1cs, ptau, backend) = (read_copy("co-snarks/poseidon_circuit.r1cs"), ptau(8), backend());
    let initial = with_control(|control| initialize(&r1cs, &ptau, backend.as_ref(), control)).unwrap();
    let initial = Zkey::from_bytes(initial.to_bytes().unwrap()).unwrap();
    let key = side_by_side(&snarkjs, &initial, Some("first"), 1);
    verified(&key, &r1cs, &ptau).unwrap();
    let witness = std::path::absolute(copy("co-snarks/poseidon_witness.wtns")).unwrap();
    let witness = witness.to_str().unwrap();
    snarkjs.run(&[
        "groth16",
        "prove",
        "ours.zkey",
        witness,
        "proof.json",
        "public.json",
    ]);
    snarkjs.run(&["zkey", "export", "verificationkey", "ours.zkey", "vk.json"]);
    let said = snarkjs.run(&["groth16", "verify", "vk.json", "public.json", "proof.json"]);
    assert!(said.contains("OK!"), "{said}");
}
