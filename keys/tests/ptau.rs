//! Phase 1: real ceremonies pass, and are what was published; damaged ones are refused, each for what is wrong with it; cutting and
//! preparing gives the bytes that others get.
//!
//! Depends on the crate's public API only. Where to go next: `ceremony.rs`, what is made of a phase 1.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]
#![forbid(unsafe_code)]

mod common;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field};
use common::{copy, corpus, read_copy, refused, rounds};
use popw_kernels::backend::{available, detect};
use popw_kernels::{Backend, CancelToken, Control, Curve, G1, G2, KernelError};
use popw_keys::error::{ContributionFault, PointFault, Problem, ReadError};
use popw_keys::ptau::error::{Fault, SecretName};
use popw_keys::ptau::{Effort, Part, Ptau, PtauError, Report, Warning, prepare, published, truncate};
use popw_keys::zkey::ContributionKind;
use popw_keys::{FileError, WriteError};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;

/// A published file: of power 8 or 11 in `testdata`, of power 15 in the corpus.
fn hermez(power: u32) -> PathBuf {
    copy(&format!("ptau/powersOfTau28_hez_final_{power:02}.ptau"))
}

/// The published file of power 15.
fn large() -> Option<PathBuf> {
    let keys = corpus()?.parent()?.join("keys");
    Some(keys.join("powersOfTau28_hez_final_15.ptau"))
}

/// A ceremony of power 4 that snarkjs ran: two contributions and a beacon, prepared. 22,946 bytes.
fn small() -> Vec<u8> {
    read_copy("ptau/snarkjs_04_prepared.ptau")
}

fn open(bytes: &[u8]) -> Ptau {
    Ptau::from_bytes(bytes.to_vec()).unwrap()
}

fn with_control<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    work(&Control::silent(&CancelToken::new()))
}

fn verify_on(ptau: &Ptau, backend: &dyn Backend) -> Result<Report, PtauError> {
    with_control(|control| ptau.verify(backend, Effort::Usual, control))
}

fn verify(ptau: &Ptau) -> Result<Report, PtauError> {
    verify_on(ptau, detect().unwrap().as_ref())
}

fn prepared(ptau: &Ptau) -> Vec<u8> {
    let mut out = Vec::new();
    with_control(|control| prepare(ptau, detect().unwrap().as_ref(), control, &mut out)).unwrap();
    out
}

fn cut(ptau: &Ptau, power: u32) -> Vec<u8> {
    let mut out = Vec::new();
    truncate(ptau, power, &mut out).unwrap();
    out
}

/// Where the bytes of sections lie, in the order of the file.
fn sections(bytes: &[u8]) -> Vec<(u32, Range<usize>)> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut at = 12;
    let mut found = Vec::new();
    for _ in 0..word(8) {
        let length = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap());
        let end = at + 12 + usize::try_from(length).unwrap();
        found.push((word(at), at + 12..end));
        at = end;
    }
    assert_eq!(at, bytes.len());
    found
}

fn section(bytes: &[u8], part: Part) -> Range<usize> {
    let found = sections(bytes).into_iter().find(|(id, _)| *id == part.id());
    found.unwrap().1
}

/// A file of these sections.
fn joined<'a>(sections: impl IntoIterator<Item = (u32, &'a [u8])>) -> Vec<u8> {
    let (mut body, mut count) = (Vec::new(), 0_u32);
    for (id, bytes) in sections {
        body.extend(id.to_le_bytes());
        body.extend((bytes.len() as u64).to_le_bytes());
        body.extend(bytes);
        count += 1;
    }
    [&b"ptau"[..], &1_u32.to_le_bytes(), &count.to_le_bytes(), &body].concat()
}

/// The file without its Lagrange levels.
fn raw(bytes: &[u8]) -> Vec<u8> {
    let all = sections(bytes).into_iter().filter(|(id, _)| *id < 12);
    joined(all.map(|(id, range)| (id, &bytes[range])))
}

/// The error of [`small`], opened or verified, after a change to one section.
fn broken(part: Part, change: impl FnOnce(&mut [u8])) -> PtauError {
    let mut bytes = small();
    let range = section(&bytes, part);
    change(&mut bytes[range]);
    error(bytes)
}

fn error(bytes: Vec<u8>) -> PtauError {
    let length = bytes.len();
    match Ptau::from_bytes(bytes) {
        Err(error) => refused::<()>(Err(error), length).into(),
        Ok(ptau) => match verify(&ptau) {
            Err(PtauError::Read(error)) => refused::<()>(Err(error), length).into(),
            Err(error) => error,
            Ok(_) => panic!("accepted"),
        },
    }
}

/// The reader's part of an error.
fn read_error(error: PtauError) -> (&'static str, u64, Problem) {
    match error {
        PtauError::Read(ReadError {
            section,
            offset,
            problem,
            ..
        }) => (section, offset, problem),
        other => panic!("{other}"),
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn published_ceremonies_pass() {
    let mut files = vec![(8, hermez(8)), (11, hermez(11))];
    files.extend(large().map(|path| (15, path)));
    for (power, path) in files {
        let ptau = Ptau::open(&path).unwrap();
        let report = verify(&ptau).unwrap();
        assert_eq!((report.power, report.ceremony_power), (power, 28));
        assert!(report.prepared);
        assert_eq!(report.warnings, [], "{}", path.display());
        let known = report.published.unwrap();
        assert_eq!(
            (known.power, known.name),
            (power, path.file_stem().unwrap().to_str().unwrap())
        );
        assert_eq!(published(&ptau.blake2b()), Some(known));
        let contributions = &report.contributions;
        assert_eq!(contributions.len(), 55);
        let beacon = &contributions[54];
        assert_eq!(beacon.kind, ContributionKind::Beacon);
        assert_eq!((beacon.iterations_log2, &beacon.name), (Some(10), &None));
        assert!(hex(beacon.beacon.as_ref().unwrap()).starts_with("e586fccaf245c9a1"));
        // What these people signed in their attestations, in the repository of the perpetual powers of tau.
        let attested = [
            (
                0,
                "weijie",
                "398b99a43f0214e02b7483ea96b8ac0d1e2aa6627b6e9e3b9fe0b0432803be29f014b5678fd83cfa0abee8ca07d7655cb6682b527a7965aa1f99f02a89afb712",
            ),
            (
                1,
                "kobi",
                "edec0294eb450803ec0ef7e17573f2385663016b6b47b9cc8c9396cb5ed36732fcc6b6e3abf5f8ac61d6761dd565b203936e475a00f6e9ba047e59914340fd1f",
            ),
            (
                23,
                "vb",
                "31ea680a591f80626cad18b71f72218c6fe1be52493e6be0b709a2cc87a585d6dfaae0256ea6a569373d89d4cd8b6587aec1ed9ad1fbf69cc9c46d4d4acccc98",
            ),
            (
                53,
                "jarrad",
                "7f1229b8321fd1b7935dc9ca5ebf1d16572f25c9e936798d3a2cfbbf7b6c21d08c681b036cded940006dec270d51facfa1b24f27698e98babd3555a46490fca7",
            ),
        ];
        for (index, name, response) in attested {
            assert_eq!(contributions[index].name.as_deref(), Some(name));
            assert_eq!(hex(&contributions[index].response), response, "{name}");
        }
        assert!(hex(&contributions[53].next_challenge).starts_with("00d0b99a5ccb65af"));
    }
}

/// A whole ceremony: the first challenge is computed, and the last next challenge is compared with the points.
#[test]
fn a_ceremony_of_snarkjs_passes() {
    let example: Vec<u8> = (1..=31).collect();
    for name in ["ptau/snarkjs_04.ptau", "ptau/snarkjs_04_prepared.ptau"] {
        let ptau = Ptau::open(&copy(name)).unwrap();
        for backend in available() {
            let report = verify_on(&ptau, backend.as_ref()).unwrap();
            assert_eq!((report.power, report.ceremony_power), (4, 4));
            assert_eq!(report.prepared, name.contains("prepared"));
            assert_eq!(report.published, None);
            assert_eq!(report.warnings, [Warning::ExampleBeacon { index: 2 }]);
            let names: Vec<_> = report
                .contributions
                .iter()
                .map(|one| one.name.as_deref())
                .collect();
            assert_eq!(names, [Some("first, with ü"), Some("second"), Some("final")]);
            // As snarkjs's `powersoftau verify` says.
            let responses = [
                "068d5d7632feeaeb0eb5e98fa135961f",
                "614ed8f81e1a2eadd415267673eaa94c",
                "2af04ee3f8d209f364abfa202c1d1c6b",
            ];
            for (one, response) in report.contributions.iter().zip(responses) {
                assert_eq!(hex(&one.response[..16]), response);
            }
            let last = &report.contributions[2];
            assert_eq!(last.beacon.as_deref(), Some(&example[..]));
            let same = with_control(|control| ptau.verify(backend.as_ref(), Effort::Thorough, control));
            assert_eq!(same.unwrap(), report);
        }
    }
}

#[test]
fn cut_files_are_the_published_ones() {
    let mut files = vec![(hermez(11), 8..=11)];
    files.extend(large().map(|path| (path, 8..=15)));
    for (path, powers) in files {
        let ptau = Ptau::open(&path).unwrap();
        for power in powers {
            let cut = open(&cut(&ptau, power));
            let known = published(&cut.blake2b()).unwrap();
            assert_eq!(known.power, power, "{}", path.display());
            assert_eq!((cut.power(), cut.ceremony_power()), (power, 28));
        }
    }
    let ptau = Ptau::open(&hermez(8)).unwrap();
    for (power, ok) in [(0, false), (1, true), (8, true), (9, false), (u32::MAX, false)] {
        let mut out = Vec::new();
        match truncate(&ptau, power, &mut out) {
            Ok(()) => assert!(ok && Ptau::from_bytes(out).is_ok()),
            Err(WriteError::Refused { format, .. }) => assert!(!ok && out.is_empty() && format == "ptau"),
            Err(error) => panic!("{error}"),
        }
    }
    // A file that is not prepared stays so; the smallest ones are whole files too.
    let unprepared = open(&raw(ptau.bytes()));
    for power in 1..=8 {
        let small = open(&cut(&unprepared, power));
        assert!(!small.is_prepared());
        if [1, 2, 7].contains(&power) {
            assert!(verify(&small).is_ok(), "power {power}");
            assert!(verify(&open(&cut(&ptau, power))).is_ok(), "power {power}");
        }
    }
}

#[test]
fn prepared_files_are_those_of_others() {
    // A whole ceremony: byte for byte what snarkjs makes.
    let whole = Ptau::open(&copy("ptau/snarkjs_04.ptau")).unwrap();
    assert!(prepared(&whole) == small());
    assert!(raw(&small()) == whole.bytes());

    // A file that was cut lacks the last power that its last level needs; every other level is what was published.
    let published_11 = std::fs::read(hermez(11)).unwrap();
    let made = prepared(&open(&raw(&published_11)));
    let last_level = {
        let lagrange = section(&published_11, Part::LagrangeTauG1);
        lagrange.end - (64 << 12)..lagrange.end
    };
    assert!(made[..last_level.start] == published_11[..last_level.start]);
    assert!(made[last_level.end..] == published_11[last_level.end..]);
    assert!(made[last_level.clone()] != published_11[last_level]);
    let made = open(&made);
    assert!(verify(&made).is_ok());
    for power in 8..=10 {
        assert_eq!(
            published(&open(&cut(&made, power)).blake2b()).unwrap().power,
            power
        );
    }
}

#[test]
fn levels_and_sections_are_where_they_belong() {
    let ptau = open(&small());
    assert_eq!(ptau.tau_g1().len(), 31 * 64);
    assert_eq!(ptau.tau_g2().len(), 16 * 128);
    assert_eq!(
        (ptau.alpha_tau_g1().len(), ptau.beta_tau_g1().len()),
        (16 * 64, 16 * 64)
    );
    assert_eq!(ptau.beta_g2().len(), 128);
    for level in 0..=5 {
        let count = 1 << level;
        assert_eq!(ptau.lagrange_g1(level).map(<[u8]>::len), Some(count * 64));
        let expected = (level < 5).then_some(count);
        assert_eq!(
            ptau.lagrange_g2(level).map(<[u8]>::len),
            expected.map(|count| count * 128)
        );
        assert_eq!(
            ptau.lagrange_alpha(level).map(<[u8]>::len),
            expected.map(|count| count * 64)
        );
        assert_eq!(
            ptau.lagrange_beta(level).map(<[u8]>::len),
            expected.map(|count| count * 64)
        );
        // The Lagrange polynomials of a domain add up to 1.
        let points = ptau.lagrange_g1(level).unwrap().chunks_exact(64).map(G1::read);
        assert_eq!(
            points.map(G1Affine::into_group).sum::<G1Projective>(),
            G1Affine::generator()
        );
    }
    for level in [6, 30, 31, 63, 64, u32::MAX] {
        assert_eq!(ptau.lagrange_g1(level), None);
    }
    // Behind the powers in G1 comes the head of the next section.
    let behind = ptau.behind_tau_g1();
    assert_eq!(behind[..4], 3_u32.to_le_bytes());
    assert_eq!(behind[12..], ptau.tau_g2()[..52]);
    assert_eq!(open(&raw(&small())).lagrange_g1(0), None);

    // Sections may stand in any order; written, they stand in the usual one.
    let bytes = small();
    let turned = joined(
        sections(&bytes)
            .into_iter()
            .rev()
            .map(|(id, range)| (id, &bytes[range])),
    );
    let ptau = open(&turned);
    assert!(verify(&ptau).is_ok());
    assert!(cut(&ptau, 4) == bytes);
    let (first, last) = (section(&bytes, Part::Header), section(&bytes, Part::TauG1));
    let order = [(2, &bytes[last])];
    let others = sections(&bytes)
        .into_iter()
        .filter(|(id, _)| *id > 2)
        .map(|(id, range)| (id, &bytes[range]));
    let powers_last: Vec<_> = [(1, &bytes[first])]
        .into_iter()
        .chain(others)
        .chain(order)
        .collect();
    assert_eq!(open(&joined(powers_last)).behind_tau_g1(), [0; 64]);
}

#[test]
fn cut_anywhere_is_refused() {
    let bytes = small();
    for length in 0..bytes.len() {
        let error = refused(Ptau::from_bytes(bytes[..length].to_vec()), length);
        assert_eq!(error.format, "ptau");
    }
    let bytes = std::fs::read(hermez(8)).unwrap();
    let around = sections(&bytes).into_iter().flat_map(|(_, range)| {
        [range.start, range.end].map(|at| at.saturating_sub(40)..(at + 40).min(bytes.len()))
    });
    for length in around.flatten().chain(0..2048) {
        refused(Ptau::from_bytes(bytes[..length].to_vec()), length);
    }
    refused(Ptau::from_bytes([&bytes[..], &[0]].concat()), bytes.len() + 1);
}

#[test]
fn every_law_of_the_frame() {
    let good = small();
    let problem = |bytes: Vec<u8>| {
        let length = bytes.len();
        let error = refused(Ptau::from_bytes(bytes), length);
        (error.section, error.problem)
    };
    let all = sections(&good);
    let with = |sections: Vec<(u32, &[u8])>| problem(joined(sections));
    let parts: Vec<(u32, &[u8])> = all
        .iter()
        .map(|(id, range)| (*id, &good[range.clone()]))
        .collect();

    let mut bytes = good.clone();
    bytes[0] = b'z';
    assert!(matches!(problem(bytes).1, Problem::Magic { .. }));
    let mut bytes = good.clone();
    bytes[4] = 2;
    assert!(matches!(problem(bytes).1, Problem::Version { got: 2, .. }));
    for (index, (id, _)) in parts.iter().enumerate() {
        let without = parts.iter().enumerate().filter(|(other, _)| *other != index);
        let (section, found) = with(without.map(|(_, part)| *part).collect());
        assert_eq!(found, Problem::MissingSection { id: *id });
        assert_eq!(section, Part::ALL[index].name());
        let twice = parts.iter().chain(&parts[index..=index]);
        assert_eq!(
            with(twice.copied().collect()).1,
            Problem::RepeatedSection { id: *id }
        );
        // One point or byte more or less.
        let longer = [parts[index].1, &[0; 64]].concat();
        let mut changed = parts.clone();
        changed[index].1 = &longer;
        assert_eq!(
            with(changed.clone()),
            (Part::ALL[index].name(), Problem::Trailing { extra: 64 })
        );
        changed[index].1 = &parts[index].1[..parts[index].1.len() - 1];
        let (section, found) = with(changed);
        assert_eq!(section, Part::ALL[index].name());
        assert!(matches!(found, Problem::Truncated { .. }), "{found}");
    }
    // Some of the prepared sections, but not all.
    for keep in [12, 13, 14, 15] {
        let some = parts.iter().filter(|(id, _)| *id < 12 || *id == keep);
        assert!(matches!(with(some.copied().collect()).1, Problem::MissingSection { id } if id > 11));
    }
    let more = parts.iter().copied().chain([(8, &[][..])]);
    assert_eq!(with(more.collect()).1, Problem::UnknownSection { id: 8 });

    let header = |power: u32, ceremony: u32| {
        let mut bytes = good.clone();
        let at = section(&good, Part::Header).end - 8;
        bytes[at..at + 4].copy_from_slice(&power.to_le_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&ceremony.to_le_bytes());
        problem(bytes)
    };
    assert!(matches!(
        header(0, 4),
        ("header", Problem::TooFew { least: 1, got: 0, .. })
    ));
    assert!(matches!(
        header(29, 29),
        (
            "header",
            Problem::Limit {
                most: 28,
                got: 29,
                ..
            }
        )
    ));
    assert!(matches!(
        header(u32::MAX, 4),
        ("header", Problem::Limit { most: 28, .. })
    ));
    assert!(matches!(
        header(4, 29),
        (
            "header",
            Problem::Limit {
                most: 28,
                got: 29,
                ..
            }
        )
    ));
    assert!(matches!(
        header(4, 3),
        ("header", Problem::TooFew { least: 4, got: 3, .. })
    ));
    assert!(matches!(header(5, 5), ("tauG1", Problem::Truncated { .. })));
    assert!(matches!(header(3, 4), ("tauG1", Problem::Trailing { .. })));
    assert!(matches!(header(28, 28), ("tauG1", Problem::Truncated { .. })));
    let (_, _, found) = read_error(broken(Part::Header, |header| header[4] ^= 1));
    assert!(matches!(found, Problem::Prime { field: "base", .. }));
}

#[test]
fn every_law_of_a_contribution() {
    let at = |place: usize| section(&small(), Part::Contributions).start as u64 + place as u64;
    let fault = |place: usize, change: &[u8]| {
        let error = broken(Part::Contributions, |bytes| {
            bytes[place..place + change.len()].copy_from_slice(change);
        });
        read_error(error)
    };
    let expected = |fault| Problem::Contribution { index: 0, fault };
    // Offsets in the first contribution, behind the count.
    let (keys, state, kind, parameters) = (4 + 448, 4 + 448 + 768, 4 + 1496, 4 + 1504);
    let limit = Problem::Limit {
        what: "contributions",
        most: 65536,
        got: 65537,
    };
    assert_eq!(
        fault(0, &65537_u32.to_le_bytes()),
        ("contributions", at(0), limit)
    );
    assert!(matches!(fault(0, &[4]).2, Problem::Truncated { .. }));
    assert!(matches!(fault(0, &[2]).2, Problem::Trailing { .. }));
    let got = 2;
    assert_eq!(
        fault(kind, &[2]),
        ("contributions", at(4), expected(ContributionFault::Kind { got }))
    );
    for got in [0, 4, 255] {
        let found = fault(parameters, &[got]).2;
        assert_eq!(found, expected(ContributionFault::Parameter { got }));
    }
    assert_eq!(
        fault(parameters + 1, &[200]).2,
        expected(ContributionFault::Parameter { got: 1 })
    );
    for (place, byte) in [(192, 1), (199, 0x80), (200, 129), (204, 1), (208, 1)] {
        assert_eq!(
            fault(state + place, &[byte]).2,
            expected(ContributionFault::HashState)
        );
    }
    let point = |place: usize, name: &str, fault_of_it| {
        let (section, offset, found) = fault(place, &[0xff; 32]);
        assert_eq!((section, offset), ("contributions", at(place)));
        let point = format!("{name} of contribution 0");
        assert_eq!(
            found,
            Problem::Point {
                point,
                fault: fault_of_it
            }
        );
    };
    point(4, "tau in G1", PointFault::NotCanonical);
    point(4 + 64, "tau in G2", PointFault::NotCanonical);
    point(keys, "a point s", PointFault::NotCanonical);
    point(keys + 64, "a point s * x", PointFault::NotCanonical);
    point(keys + 384, "a point r * x", PointFault::NotCanonical);
    let mut other = [0; 64];
    other[0] = 1;
    let (.., found) = fault(4, &other);
    let point = "tau in G1 of contribution 0".to_owned();
    assert_eq!(
        found,
        Problem::Point {
            point,
            fault: PointFault::NotOnCurve
        }
    );
    let mut outside = [0; 128];
    G2::write(&outside_subgroup(), &mut outside);
    let (.., found) = fault(4 + 64, &outside);
    let point = "tau in G2 of contribution 0".to_owned();
    assert_eq!(
        found,
        Problem::Point {
            point,
            fault: PointFault::NotInSubgroup
        }
    );
}

/// A point of the second curve outside the subgroup.
fn outside_subgroup() -> G2Affine {
    let mut candidates = (0_u64..).map(|x| Fq2::new(Fq::from(x), Fq::from(1)));
    let outside = candidates.find_map(|x| {
        let (point, _) =
            G2Affine::get_ys_from_x_unchecked(x).map(|ys| (G2Affine::new_unchecked(x, ys.0), ys))?;
        (!point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
    });
    outside.unwrap()
}

const POINTS: [Part; 9] = [
    Part::TauG1,
    Part::TauG2,
    Part::AlphaTauG1,
    Part::BetaTauG1,
    Part::BetaG2,
    Part::LagrangeTauG1,
    Part::LagrangeTauG2,
    Part::LagrangeAlphaTauG1,
    Part::LagrangeBetaTauG1,
];

fn point_bytes(part: Part) -> usize {
    match part {
        Part::TauG2 | Part::BetaG2 | Part::LagrangeTauG2 => G2::POINT_BYTES,
        _ => G1::POINT_BYTES,
    }
}

#[test]
fn a_flipped_bit_of_a_point_is_found() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for part in POINTS {
        for _ in 0..12 * rounds() {
            broken(part, |bytes| {
                let bit = rng.next_u32() as usize % (8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
            });
        }
    }
}

/// Which error a replaced point gives.
fn replaced(part: Part, index: usize) -> PtauError {
    let level = (index + 1).ilog2();
    match (part, index) {
        (Part::TauG1 | Part::TauG2, 0) => PtauError::Generator { part },
        (Part::TauG1 | Part::TauG2, 1) | (Part::AlphaTauG1 | Part::BetaTauG1 | Part::BetaG2, 0) => {
            PtauError::Last { part, index }
        }
        (Part::TauG1 | Part::TauG2 | Part::AlphaTauG1 | Part::BetaTauG1, _) => PtauError::Powers { part },
        _ => PtauError::Lagrange { part, level },
    }
}

#[test]
fn a_replaced_point_is_found() {
    for part in POINTS {
        let size = point_bytes(part);
        let count = section(&small(), part).len() / size;
        let some = if rounds() > 1 { 1 } else { 9 };
        for index in (0..count).filter(|index| [0, 1, count - 1].contains(index) || index % some == 4 % some)
        {
            // The negative, and the next point of the section, are points as good as any.
            let found = broken(part, |bytes| {
                let point = &mut bytes[index * size..(index + 1) * size];
                match size {
                    64 => G1::write(&-G1::read(point), point),
                    _ => G2::write(&-G2::read(point), point),
                }
            });
            assert_eq!(found, replaced(part, index), "{part:?} {index}");
            if index + 1 < count {
                let found = broken(part, |bytes| {
                    bytes.copy_within((index + 1) * size..(index + 2) * size, index * size)
                });
                assert_eq!(found, replaced(part, index), "{part:?} {index}");
            }
            let found = broken(part, |bytes| bytes[index * size..(index + 1) * size].fill(0));
            assert_eq!(found, replaced(part, index), "{part:?} {index} infinity");
        }
    }
}

#[test]
fn points_outside_the_subgroup_are_named() {
    for part in [Part::TauG2, Part::LagrangeTauG2] {
        // The first two powers are compared with the contributions before.
        let index = 9;
        let offset = section(&small(), part).start + index * 128;
        let found = broken(part, |bytes| {
            G2::write(&outside_subgroup(), &mut bytes[index * 128..(index + 1) * 128]);
        });
        let problem = Problem::Point {
            point: format!("{}[{index}]", part.name()),
            fault: PointFault::NotInSubgroup,
        };
        assert_eq!(read_error(found), (part.name(), offset as u64, problem));
    }
}

/// The powers of another tau, all of them lawful.
#[test]
fn another_ladder_of_powers_is_found() {
    let scaled = |part: Part, factor: u64| {
        broken(part, |bytes| {
            let mut power = Fr::ONE;
            for point in bytes.chunks_exact_mut(64) {
                G1::write(&(G1::read(point) * power).into_affine(), point);
                power *= Fr::from(factor);
            }
        })
    };
    for part in [Part::AlphaTauG1, Part::BetaTauG1] {
        assert_eq!(scaled(part, 2), PtauError::Powers { part });
    }
    let part = Part::TauG1;
    assert_eq!(scaled(part, 2), PtauError::Last { part, index: 1 });
}

/// The last level of section 12 has a power that section 2 lacks: nothing there, or the right one.
#[test]
fn the_power_beyond_the_end_is_checked() {
    let count = 32_u64;
    let (w, one_over) = (
        Fr::get_root_of_unity(count).unwrap(),
        Fr::from(count).inverse().unwrap(),
    );
    for factor in [1, 2, 77] {
        let extra = G1Affine::generator() * Fr::from(factor);
        let found = broken(Part::LagrangeTauG1, |bytes| {
            let level = bytes.len() - 64 * 32;
            for (index, point) in (0_u64..).zip(bytes[level..].chunks_exact_mut(64)) {
                // w^(-j (n - 1)) = w^j.
                let share = extra * (w.pow([index]) * one_over);
                G1::write(&(G1::read(point) + share).into_affine(), point);
            }
        });
        let part = Part::LagrangeTauG1;
        assert_eq!(found, PtauError::Lagrange { part, level: 5 });
    }
}

/// Where the contributions of [`small`] stand in their section.
fn contributions(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut at = 4;
    let mut found = Vec::new();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 1500..at + 1504].try_into().unwrap());
        let end = at + 1504 + length as usize;
        found.push(at..end);
        at = end;
    }
    found
}

/// [`small`] with these of its contributions, counted from 0.
fn with_contributions(order: &[usize]) -> Vec<u8> {
    let bytes = small();
    let list = bytes[section(&bytes, Part::Contributions)].to_vec();
    let places = contributions(&list);
    let count = u32::try_from(order.len()).unwrap();
    let mut changed = count.to_le_bytes().to_vec();
    changed.extend(order.iter().flat_map(|index| &list[places[*index].clone()]));
    let all = sections(&bytes).into_iter();
    joined(all.map(|(id, range)| (id, if id == 7 { &changed[..] } else { &bytes[range] })))
}

fn contribution(index: usize, fault: Fault) -> PtauError {
    let names = ["first, with ü", "second", "final"];
    PtauError::Contribution {
        index,
        name: names[index].to_owned(),
        fault,
    }
}

#[test]
fn the_list_of_contributions_is_bound() {
    assert!(with_contributions(&[0, 1, 2]) == small());
    let knowledge = |place: usize, index: usize| match contribution(
        index,
        Fault::Knowledge {
            secret: SecretName::Tau,
        },
    ) {
        PtauError::Contribution { name, fault, .. } => PtauError::Contribution {
            index: place,
            name,
            fault,
        },
        other => other,
    };
    // Removed, reordered, repeated.
    assert_eq!(error(with_contributions(&[1, 2])), knowledge(0, 1));
    assert_eq!(error(with_contributions(&[0, 2])), knowledge(1, 2));
    assert_eq!(error(with_contributions(&[1, 0, 2])), knowledge(0, 1));
    assert_eq!(error(with_contributions(&[0, 2, 1])), knowledge(1, 2));
    assert_eq!(error(with_contributions(&[0, 0, 1, 2])), knowledge(1, 0));
    let part = Part::TauG1;
    assert_eq!(
        error(with_contributions(&[0, 1])),
        PtauError::Last { part, index: 1 }
    );
    assert_eq!(error(with_contributions(&[])), PtauError::NoContributor);
    assert_eq!(error(with_contributions(&[2])), PtauError::NoContributor);
    let nobody = open(&with_contributions(&[]));
    assert_eq!(nobody.warnings(), [Warning::NoContributor, Warning::NoBeacon]);
    assert!(nobody.warnings()[0].is_fatal());
    let one = open(&with_contributions(&[0]));
    assert_eq!(one.warnings(), [Warning::OneContributor, Warning::NoBeacon]);
}

#[test]
fn every_lie_of_a_contribution() {
    let list = small()[section(&small(), Part::Contributions)].to_vec();
    let places = contributions(&list);
    // What becomes of a file whose contribution `index` has other bytes at `place`.
    let change = |index: usize, place: usize, bytes: &[u8]| {
        let at = places[index].start + place;
        broken(Part::Contributions, |list| {
            list[at..at + bytes.len()].copy_from_slice(bytes)
        })
    };
    let (mut g1, mut g2) = ([0; 64], [0; 128]);
    G1::write(&(G1Affine::generator() * Fr::from(5)).into_affine(), &mut g1);
    G2::write(&(G2Affine::generator() * Fr::from(5)).into_affine(), &mut g2);
    for index in 0..3 {
        let left = [
            ("tau in G1", 0, &g1[..]),
            ("tau in G2", 64, &g2),
            ("alpha in G1", 192, &g1),
            ("beta in G1", 256, &g1),
            ("beta in G2", 320, &g2),
        ];
        for (what, place, other) in left {
            let found = change(index, place, other);
            let follows = Fault::Follows { what };
            assert_eq!(found, contribution(index, follows));
            let found = change(index, place, &vec![0; other.len()]);
            assert_eq!(found, contribution(index, Fault::Infinity { what }));
        }
        for (number, secret) in SecretName::ALL.into_iter().enumerate() {
            let keys = [
                (448 + 128 * number, &g1[..], "a point s"),
                (448 + 128 * number + 64, &g1, "a point s * x"),
                (448 + 384 + 128 * number, &g2, "a point r * x"),
            ];
            for (place, other, what) in keys {
                let found = change(index, place, other);
                assert_eq!(found, contribution(index, Fault::Knowledge { secret }));
                let found = change(index, place, &vec![0; other.len()]);
                assert_eq!(found, contribution(index, Fault::Infinity { what }));
            }
        }
        // The challenge that the next one answers.
        let found = change(index, 448 + 768 + 216, &[0xee; 64]);
        let secret = SecretName::Tau;
        match index {
            2 => assert_eq!(found, PtauError::NextChallenge),
            index => assert_eq!(found, contribution(index + 1, Fault::Knowledge { secret })),
        }
    }
    // The state of the last response's hash: the response goes into the last next challenge.
    assert_eq!(change(2, 448 + 768 + 130, &[0xee]), PtauError::NextChallenge);

    // The beacon: name of 5 bytes, iterations, value of 31 bytes.
    let (iterations, value) = (1504 + 7 + 1, 1504 + 7 + 2 + 2);
    let secret = SecretName::Tau;
    assert_eq!(
        change(2, value, &[0xee]),
        contribution(2, Fault::Beacon { secret })
    );
    assert_eq!(
        change(2, value + 30, &[0]),
        contribution(2, Fault::Beacon { secret })
    );
    assert_eq!(
        change(2, iterations, &[11]),
        contribution(2, Fault::Beacon { secret })
    );
    for got in [0, 9, 64, 255] {
        let found = change(2, iterations, &[got]);
        assert_eq!(found, contribution(2, Fault::BeaconIterations { got }));
    }
    // A person's contribution that calls itself a beacon.
    assert_eq!(change(1, 1496, &[1]), contribution(1, Fault::BeaconIncomplete));
}

#[test]
fn work_can_be_watched_and_stopped() {
    let ptau = open(&small());
    let unprepared = open(&raw(&small()));
    let backend = detect().unwrap();
    let token = CancelToken::new();
    let watched = |work: &dyn Fn(&Control<'_>)| {
        let total = Mutex::new(0.0);
        let add = |part: f64| *total.lock().unwrap() += part;
        work(&Control::new(&token, &add));
        let total = total.into_inner().unwrap();
        assert!((total - 1.0_f64).abs() < 0.1, "{total}");
    };
    watched(&|control| {
        ptau.verify(backend.as_ref(), Effort::Usual, control).unwrap();
    });
    watched(&|control| {
        unprepared
            .verify(backend.as_ref(), Effort::Usual, control)
            .unwrap();
    });
    watched(&|control| prepare(&unprepared, backend.as_ref(), control, Vec::new()).unwrap());
    token.cancel();
    let control = Control::silent(&token);
    let stopped = ptau.verify(backend.as_ref(), Effort::Usual, &control);
    assert_eq!(stopped, Err(KernelError::Cancelled.into()));
    match prepare(&unprepared, backend.as_ref(), &control, Vec::new()) {
        Err(WriteError::Io { source, .. }) => {
            assert_eq!(source.to_string(), KernelError::Cancelled.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_are_none_are_refused() {
    match Ptau::open(&copy("ptau/none.ptau")) {
        Err(FileError::Io { action: "open", .. }) => {}
        other => panic!("{other:?}"),
    }
    match Ptau::open(&copy("co-snarks/multiplier2_circuit.zkey")) {
        Err(FileError::Read { source, .. }) => assert!(matches!(source.problem, Problem::Magic { .. })),
        other => panic!("{other:?}"),
    }
}
