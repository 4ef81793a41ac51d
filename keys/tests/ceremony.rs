//! A ceremony from the initial key to the seal, each way of tampering with one, and the ceremonies of other tools.
//!
//! Phase 1 is the real one of Hermez, powers 11 and 8; no test makes powers of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails shall stop and say where"
)]

mod common;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use common::{Folder, copy, read_copy, rounds};
use popw_kernels::backend::detect;
use popw_kernels::{Backend, CancelToken, Control, Curve, G1, KernelError};
use popw_keys::ceremony::manifest::{Missing, Words};
use popw_keys::ceremony::{
    self, CeremonyError, Fault, Manifest, ManifestError, SealPolicy, Secret, Transcribed, Warning, blake2b,
    extends, initialize, rebuild, seal, verify, write_transcript,
};
use popw_keys::ptau::Ptau;
use popw_keys::zkey::{Part, ZkeyParts};
use popw_keys::{Zkey, write_zkey};
use popw_verifier::{KeyError, Verifier};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

fn backend() -> Arc<dyn Backend> {
    detect().unwrap()
}

fn with_control<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    work(&Control::silent(&CancelToken::new()))
}

fn ptau(power: u32) -> Ptau {
    Ptau::open(&copy(&format!("ptau/powersOfTau28_hez_final_{power:02}.ptau"))).unwrap()
}

/// A ceremony with three people and a beacon: its folder and its keys, the initial one first.
struct Ceremony {
    r1cs: Vec<u8>,
    ptau: Ptau,
    keys: Vec<PathBuf>,
    _folder: Folder,
}

const BEACON: &[u8] = b"a value that nobody knew before, drawn for this test";
const NAMES: [&str; 3] = ["Ada", "Bao, with a longer name", "Čeněk"];

impl Ceremony {
    fn new(name: &str, r1cs: Vec<u8>, power: u32) -> Self {
        let (folder, ptau, backend) = (Folder::new(name), ptau(power), backend());
        let path = |index: usize| folder.0.join(format!("{index}.zkey"));
        let initial = with_control(|control| initialize(&r1cs, &ptau, backend.as_ref(), control)).unwrap();
        initial.save(&path(0)).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        for (index, name) in NAMES.into_iter().enumerate() {
            let before = Zkey::open(&path(index)).unwrap();
            let secret = Secret::draw(&mut rng, b"typed");
            let made = with_control(|control| {
                ceremony::contribute(&before, name, secret, &mut rng, backend.as_ref(), control)
            });
            made.unwrap().save(&path(index + 1)).unwrap();
        }
        let before = Zkey::open(&path(3)).unwrap();
        let made =
            with_control(|control| ceremony::beacon(&before, "final", BEACON, 10, backend.as_ref(), control));
        made.unwrap().save(&path(4)).unwrap();
        Self {
            r1cs,
            ptau,
            keys: (0..5).map(path).collect(),
            _folder: folder,
        }
    }

    fn key(&self, index: usize) -> Zkey {
        Zkey::open(&self.keys[index]).unwrap()
    }

    fn verify(&self, key: &Zkey) -> Result<Transcribed, CeremonyError> {
        with_control(|control| verify(key, &self.r1cs, &self.ptau, backend().as_ref(), control))
    }
}

static POSEIDON: LazyLock<Ceremony> =
    LazyLock::new(|| Ceremony::new("poseidon", read_copy("co-snarks/poseidon_circuit.r1cs"), 8));

/// A key like another, with one part replaced.
fn altered<'a>(
    key: &'a Zkey,
    alter: impl FnOnce(&mut ZkeyParts<'a>, &mut Vec<popw_keys::zkey::Coefficient>),
) -> Zkey {
    let mut parts = key.parts();
    let mut coefficients: Vec<_> = key.coefficients().iter().map(Result::unwrap).collect();
    alter(&mut parts, &mut coefficients);
    let mut bytes = Vec::new();
    write_zkey(&mut bytes, &parts, coefficients.iter().copied()).unwrap();
    Zkey::from_bytes(bytes).unwrap()
}

/// The file with its section 10 replaced; it may say anything.
fn with_contributions(key: &Zkey, section: &[u8]) -> Zkey {
    let bytes = key.bytes();
    let old = key.contributions().bytes();
    let start = bytes
        .windows(old.len())
        .rposition(|window| window == old)
        .unwrap();
    let mut file = bytes[..start - 8].to_vec();
    file.extend((section.len() as u64).to_le_bytes());
    file.extend(section);
    file.extend(&bytes[start + old.len()..]);
    Zkey::from_bytes(file).unwrap()
}

/// Section 10 of the contributions that `order` names.
fn listed(key: &Zkey, order: &[usize]) -> Vec<u8> {
    let contributions = key.contributions();
    let mut section = contributions.circuit_hash().to_vec();
    section.extend(u32::try_from(order.len()).unwrap().to_le_bytes());
    for index in order {
        section.extend(contributions.bytes_of(&contributions.list()[*index]));
    }
    section
}

#[test]
fn a_ceremony_verifies_at_every_step() {
    let ceremony = &*POSEIDON;
    let names: Vec<_> = NAMES.into_iter().chain(["final"]).collect();
    for step in 1..5 {
        let key = ceremony.key(step);
        let transcribed = ceremony.verify(&key).unwrap();
        let found: Vec<_> = transcribed
            .contributions
            .iter()
            .map(|contribution| contribution.name.as_deref().unwrap())
            .collect();
        assert_eq!(found, names[..step]);
        extends(&key, &ceremony.key(step - 1)).unwrap();
        Verifier::new(key.verifying_key().clone()).unwrap();
    }
    let last = ceremony.verify(&ceremony.key(4)).unwrap();
    assert_eq!(last.contributions[3].beacon, Some((BEACON.to_vec(), 10)));
    // The initial key's transcript is sound; the key is not.
    ceremony.verify(&ceremony.key(0)).unwrap();
    let error = Verifier::new(ceremony.key(0).verifying_key().clone()).unwrap_err();
    assert_eq!(error, KeyError::GammaEqualsDelta);
}

#[test]
fn initial_keys_do_not_depend_on_the_backend() {
    let ceremony = &*POSEIDON;
    let expected = std::fs::read(&ceremony.keys[0]).unwrap();
    for backend in popw_kernels::backend::available() {
        let key =
            with_control(|control| initialize(&ceremony.r1cs, &ceremony.ptau, backend.as_ref(), control));
        assert!(key.unwrap().to_bytes().unwrap() == expected, "{}", backend.name());
    }
}

#[test]
fn keys_of_snarkjs_verify() {
    let r1cs = read_copy("phase2/epochKeyLite.r1cs");
    let ptau = ptau(11);
    for (file, names) in [
        ("epochKeyLite_0001.zkey", 1),
        ("epochKeyLite_0002.zkey", 2),
        ("epochKeyLite_beacon.zkey", 3),
    ] {
        let key = Zkey::open(&copy("phase2").join(file)).unwrap();
        let found = with_control(|control| verify(&key, &r1cs, &ptau, backend().as_ref(), control)).unwrap();
        assert_eq!(found.contributions.len(), names, "{file}");
    }
    // The other way round, continued by us.
    let before = Zkey::open(&copy("phase2/epochKeyLite_0002.zkey")).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let secret = Secret::draw(&mut rng, b"");
    let folder = Folder::new("continued");
    let path = folder.0.join("3.zkey");
    let made = with_control(|control| {
        ceremony::contribute(&before, "popw", secret, &mut rng, backend().as_ref(), control)
    });
    made.unwrap().save(&path).unwrap();
    let after = Zkey::open(&path).unwrap();
    extends(&after, &before).unwrap();
    with_control(|control| verify(&after, &r1cs, &ptau, backend().as_ref(), control)).unwrap();
}

fn contribution_fault(ceremony: &Ceremony, key: &Zkey) -> (usize, Fault) {
    match ceremony.verify(key) {
        Err(CeremonyError::Contribution { index, fault, .. }) => (index, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn removed_contributions_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    for removed in 0..4 {
        let order: Vec<usize> = (0..4).filter(|index| *index != removed).collect();
        let section = listed(&key, &order);
        if removed == 3 {
            // Whoever opens the key sees that the header's delta is not the last one's; with a header that fits, C and H do not.
            let error = ceremony.verify(&with_contributions(&key, &section)).unwrap_err();
            assert!(matches!(error, CeremonyError::Read(_)), "{error}");
            let before = ceremony.key(3);
            let forged = altered(&before, |parts, _| (parts.c, parts.h) = (key.c(), key.h()));
            assert_eq!(
                ceremony.verify(&forged),
                Err(CeremonyError::Ratio { section: "C" })
            );
        } else {
            let found = contribution_fault(ceremony, &with_contributions(&key, &section));
            assert_eq!(found, (removed, Fault::Missing), "without {removed}");
        }
    }
}

#[test]
fn reordered_contributions_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let section = listed(&key, &[1, 0, 2, 3]);
    let found = contribution_fault(ceremony, &with_contributions(&key, &section));
    assert_eq!(found, (0, Fault::Reordered { after: Some(1) }));
    let section = listed(&key, &[0, 2, 1, 3]);
    let found = contribution_fault(ceremony, &with_contributions(&key, &section));
    assert_eq!(found, (1, Fault::Reordered { after: Some(2) }));
}

#[test]
fn changed_contributions_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let section = key.contributions().bytes().to_vec();
    let start = 68;
    // The transcript hash of the first contribution: 320 bytes behind its beginning.
    let mut hash = section.clone();
    hash[start + 320] ^= 1;
    let found = contribution_fault(ceremony, &with_contributions(&key, &hash));
    assert_eq!(found, (0, Fault::Changed));
    // Its point s d: a proof of knowledge of something else.
    let mut point = section.clone();
    let doubled = (G1::read(&point[start + 128..start + 192]) * Fr::from(2)).into_affine();
    G1::write(&doubled, &mut point[start + 128..start + 192]);
    assert_eq!(
        contribution_fault(ceremony, &with_contributions(&key, &point)),
        (0, Fault::Changed)
    );
    // The name is part of no hash, in snarkjs's format; the beacon's value is checked.
    let place = section
        .windows(BEACON.len())
        .position(|window| window == BEACON)
        .unwrap();
    let mut beacon = section;
    beacon[place] ^= 1;
    assert_eq!(
        contribution_fault(ceremony, &with_contributions(&key, &beacon)),
        (3, Fault::Beacon)
    );
}

/// Somebody who knows a secret makes a contribution that does not follow the one before it.
#[test]
fn a_contribution_to_another_history_is_noticed() {
    let ceremony = &*POSEIDON;
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (folder, first) = (Folder::new("history"), ceremony.key(1));
    let path = folder.0.join("other.zkey");
    let secret = Secret::draw(&mut rng, b"");
    let made = with_control(|control| {
        ceremony::contribute(&first, "Mallory", secret, &mut rng, backend().as_ref(), control)
    });
    made.unwrap().save(&path).unwrap();
    let other = Zkey::open(&path).unwrap();
    ceremony.verify(&other).unwrap();
    // It drops two people; a coordinator who asks whether it extends the last key sees that.
    let error = extends(&other, &ceremony.key(3)).unwrap_err();
    assert_eq!(error, CeremonyError::NotExtended { index: 1 });
    assert_eq!(extends(&other, &other), Err(CeremonyError::NothingNew));
    // Its contribution put behind the third one.
    let mut section = listed(&ceremony.key(3), &[0, 1, 2]);
    section[64] = 4;
    let contributions = other.contributions();
    section.extend(contributions.bytes_of(&contributions.list()[1]));
    let found = contribution_fault(ceremony, &with_contributions(&other, &section));
    assert_eq!(found, (3, Fault::Reordered { after: Some(0) }));
}

#[test]
fn replaced_points_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for _ in 0..rounds() {
        let sections: [(&str, &[u8], usize); 5] = [
            ("A", key.a(), 64),
            ("B1", key.b1(), 64),
            ("B2", key.b2(), 128),
            ("C", key.c(), 64),
            ("H", key.h(), 64),
        ];
        for (name, points, size) in sections {
            let mut points = points.to_vec();
            // A point that is there already, so that it is lawful; for B both groups, or they would differ.
            let count = points.len() / size;
            let (from, to) = loop {
                let mut draw = || usize::try_from(rng.next_u64() % count as u64).unwrap();
                let (from, to) = (draw(), draw());
                if points[from * size..][..size] != points[to * size..][..size] {
                    break (from, to);
                }
            };
            points.copy_within(from * size..(from + 1) * size, to * size);
            let forged = altered(&key, |parts, _| match name {
                "A" => parts.a = &points,
                "B1" => parts.b1 = &points,
                "B2" => parts.b2 = &points,
                "C" => parts.c = &points,
                _ => parts.h = &points,
            });
            let error = ceremony.verify(&forged).unwrap_err();
            match name {
                "A" => assert_eq!(error, CeremonyError::Section { section: "A" }),
                "C" => assert_eq!(error, CeremonyError::Ratio { section: "C" }),
                "H" => assert_eq!(error, CeremonyError::Ratio { section: "H" }),
                // B1 and B2 no longer agree: said before anything is compared.
                _ => assert!(matches!(error, CeremonyError::Read(_)), "{name}: {error}"),
            }
        }
    }
    let mut ic = key.verifying_key().gamma_abc_g1.clone();
    ic[1] = (ic[1] + G1Affine::generator()).into_affine();
    let forged = altered(&key, |parts, _| parts.ic = &ic);
    assert_eq!(
        ceremony.verify(&forged),
        Err(CeremonyError::Section { section: "IC" })
    );
    let forged = altered(&key, |_, coefficients| {
        coefficients[0].raw = popw_keys::zkey::Coefficient::input_row(0, 0).raw;
    });
    assert_eq!(
        ceremony.verify(&forged),
        Err(CeremonyError::Section {
            section: Part::Coefficients.name()
        })
    );
}

#[test]
fn replaced_single_points_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let two = Fr::from(2);
    let header = |alter: &dyn Fn(&mut popw_keys::zkey::Header)| {
        let mut header = key.header().clone();
        alter(&mut header);
        ceremony
            .verify(&altered(&key, |parts, _| parts.header = &header))
            .unwrap_err()
    };
    let doubled = |point: G1Affine| (point * two).into_affine();
    let doubled2 = |point: G2Affine| (point * two).into_affine();
    assert_eq!(
        header(&|header| header.alpha_g1 = doubled(header.alpha_g1)),
        CeremonyError::OtherPhase1
    );
    let error = header(&|header| {
        header.beta_g1 = doubled(header.beta_g1);
        header.beta_g2 = doubled2(header.beta_g2);
    });
    assert_eq!(error, CeremonyError::OtherPhase1);
    assert_eq!(
        header(&|header| header.gamma_g2 = doubled2(header.gamma_g2)),
        CeremonyError::Gamma
    );
}

#[test]
fn other_circuits_and_other_phases_are_noticed() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let against = |r1cs: &[u8], ptau: &Ptau| {
        with_control(|control| verify(&key, r1cs, ptau, backend().as_ref(), control)).unwrap_err()
    };
    let error = against(&read_copy("co-snarks/multiplier2_circuit.r1cs"), &ceremony.ptau);
    assert!(
        matches!(error, CeremonyError::OtherCircuit { what: "wires", .. }),
        "{error}"
    );
    // A coefficient of the circuit, of the same shape: the last byte of the file's constraints is part of one.
    let mut r1cs = popw_keys::R1csFile::read(&ceremony.r1cs).unwrap();
    let mut bytes = Vec::new();
    r1cs.write(&mut bytes).unwrap();
    let value = bytes
        .windows(32)
        .position(|window| window[0] == 1 && window[1..].iter().all(|byte| *byte == 0));
    bytes[value.unwrap()] = 3;
    r1cs = popw_keys::R1csFile::read(&bytes).unwrap();
    assert_eq!(r1cs.header().wires, key.header().wires);
    let error = against(&bytes, &ceremony.ptau);
    assert!(matches!(error, CeremonyError::Section { .. }), "{error}");
    // Another power of the same ceremony has the same alpha and beta, and the same Lagrange bases: the key verifies.
    with_control(|control| verify(&key, &ceremony.r1cs, &ptau(11), backend().as_ref(), control)).unwrap();
    // Another ceremony's alpha: the second power in place of the first.
    let mut bytes = ceremony.ptau.bytes().to_vec();
    let alpha = ceremony.ptau.alpha_tau_g1()[..64].to_vec();
    let place = bytes.windows(64).position(|window| window == alpha).unwrap();
    bytes.copy_within(place + 64..place + 128, place);
    let error = against(&ceremony.r1cs, &Ptau::from_bytes(bytes).unwrap());
    assert_eq!(error, CeremonyError::OtherPhase1);
}

#[test]
fn circuits_too_large_for_the_powers_are_refused() {
    let r1cs = read_copy("phase2/epochKeyLite.r1cs");
    let made = with_control(|control| initialize(&r1cs, &ptau(8), backend().as_ref(), control));
    assert_eq!(
        made.err(),
        Some(CeremonyError::PowersTooFew { needed: 10, got: 8 })
    );
}

#[test]
fn a_transcript_makes_the_key_again() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let mut bytes = Vec::new();
    write_transcript(&mut bytes, &key).unwrap();
    let again = |bytes: &[u8]| {
        with_control(|control| rebuild(bytes, &ceremony.r1cs, &ceremony.ptau, backend().as_ref(), control))
    };
    assert!(again(&bytes).unwrap().to_bytes().unwrap() == key.bytes());
    for length in (0..bytes.len()).step_by(97) {
        assert!(again(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    // Another point, or none.
    assert!(again(&flipped).is_err() || again(&flipped).unwrap().to_bytes().unwrap() != key.bytes());
}

fn sealed(ceremony: &Ceremony, key: &Zkey, contributions_min: usize) -> Result<Manifest, ManifestError> {
    let words = Words {
        circuit: "poseidon",
        beacon_source: "test",
    };
    let policy = SealPolicy { contributions_min };
    with_control(|control| {
        seal(
            key,
            &ceremony.r1cs,
            &ceremony.ptau,
            words,
            policy,
            backend().as_ref(),
            control,
        )
    })
}

#[test]
fn a_seal_says_where_a_key_comes_from() {
    let ceremony = &*POSEIDON;
    let key = ceremony.key(4);
    let manifest = sealed(ceremony, &key, 3).unwrap();
    assert_eq!(manifest.phase1.name, "powersOfTau28_hez_final_08");
    assert_eq!(manifest.contributions.len(), 3);
    manifest.check(&key).unwrap();
    let folder = Folder::new("manifest");
    let path = folder.0.join("manifest.toml");
    std::fs::write(&path, manifest.to_text().unwrap()).unwrap();
    assert_eq!(Manifest::read(&path).unwrap(), manifest);
    let error = manifest.check(&ceremony.key(3)).unwrap_err();
    assert!(
        matches!(
            error,
            ManifestError::Field {
                field: "key.sha256",
                ..
            }
        ),
        "{error}"
    );
    std::fs::write(&path, "grade = \"ceremony\"\n").unwrap();
    assert!(matches!(Manifest::read(&path), Err(ManifestError::Toml { .. })));

    let missing = |key: &Zkey, least| match sealed(ceremony, key, least) {
        Err(ManifestError::Policy(missing)) => missing,
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(&key, 4), Missing::Contributions { least: 4, got: 3 });
    assert_eq!(missing(&ceremony.key(3), 1), Missing::Beacon);
    assert!(matches!(
        sealed(ceremony, &ceremony.key(0), 0),
        Err(ManifestError::Degenerate(KeyError::GammaEqualsDelta))
    ));
    let example: Vec<u8> = (1..=31).collect();
    let path = folder.0.join("example.zkey");
    let before = ceremony.key(3);
    let made =
        with_control(|control| ceremony::beacon(&before, "", &example, 10, backend().as_ref(), control));
    made.unwrap().save(&path).unwrap();
    assert_eq!(missing(&Zkey::open(&path).unwrap(), 1), Missing::ExampleBeacon);
    // A phase 1 that nobody published: one byte of a name in its contributions.
    let mut bytes = ceremony.ptau.bytes().to_vec();
    let place = bytes.windows(4).rposition(|window| window == b"weij").unwrap();
    bytes[place] = b'W';
    let words = Words {
        circuit: "poseidon",
        beacon_source: "test",
    };
    let other = Ptau::from_bytes(bytes).unwrap();
    let sealed = with_control(|control| {
        seal(
            &key,
            &ceremony.r1cs,
            &other,
            words,
            SealPolicy::default(),
            backend().as_ref(),
            control,
        )
    });
    assert!(matches!(
        sealed,
        Err(ManifestError::Policy(Missing::Phase1 { .. }))
    ));
}

#[test]
fn wrong_arguments_are_refused() {
    let key = POSEIDON.key(0);
    let backend = backend();
    let beacon = |value: &[u8], iterations| {
        with_control(|control| ceremony::beacon(&key, "", value, iterations, backend.as_ref(), control)).err()
    };
    assert_eq!(beacon(b"", 10), Some(CeremonyError::BeaconLength { got: 0 }));
    assert_eq!(
        beacon(&[1; 256], 10),
        Some(CeremonyError::BeaconLength { got: 256 })
    );
    assert_eq!(beacon(b"x", 9), Some(CeremonyError::BeaconIterations { got: 9 }));
    assert_eq!(
        beacon(b"x", 64),
        Some(CeremonyError::BeaconIterations { got: 64 })
    );
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let secret = Secret::draw(&mut rng, b"");
    let long = "x".repeat(65);
    let made = with_control(|control| {
        ceremony::contribute(&key, &long, secret, &mut rng, backend.as_ref(), control)
    });
    assert_eq!(made.err(), Some(CeremonyError::Name { got: 65 }));
    let (token, secret) = (CancelToken::new(), Secret::draw(&mut rng, b""));
    token.cancel();
    let control = Control::silent(&token);
    let made = ceremony::contribute(&key, "", secret, &mut rng, backend.as_ref(), &control);
    assert_eq!(made.err(), Some(CeremonyError::Kernel(KernelError::Cancelled)));
}

/// A point off its curve would carry the secret out.
#[test]
fn a_secret_never_meets_a_point_off_its_curve() {
    let key = POSEIDON.key(1);
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    for part in ["C", "H"] {
        let mut points = if part == "C" {
            key.c().to_vec()
        } else {
            key.h().to_vec()
        };
        let place = 5 * 64;
        points[place] ^= 1;
        let forged = altered(&key, |parts, _| match part {
            "C" => parts.c = &points,
            _ => parts.h = &points,
        });
        let secret = Secret::draw(&mut rng, b"");
        let made = with_control(|control| {
            ceremony::contribute(&forged, "", secret, &mut rng, backend().as_ref(), control)
        });
        let error = made.err().unwrap().to_string();
        assert!(
            error.contains(&format!("{part}[5]")) && error.contains("not on its curve"),
            "{error}"
        );
    }
}

/// UniRep's published key: A = alpha, B = beta, C = -L satisfies the bare equation for any inputs, and no door of ours takes the
/// key.
#[test]
fn a_published_key_without_phase_2_is_refused_because_anybody_forges() {
    let key = Zkey::open(&copy("unirep/startTransition.zkey")).unwrap();
    let found = with_control(|control| ceremony::inspect(&key, control)).unwrap();
    assert_eq!(found.warnings, [Warning::NoPhase2]);
    assert!(found.warnings[0].is_fatal());
    let text = found.warnings[0].to_string();
    assert!(
        text.contains("no contribution was ever made") && text.contains("ANYONE CAN FORGE"),
        "{text}"
    );
    assert_eq!(found.phase1, Some("powersOfTau28_hez_final (Hermez)"));

    let vk = key.verifying_key();
    assert_eq!(vk.delta_g2, G2Affine::generator());
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let terms = vk.gamma_abc_g1[1..]
        .iter()
        .map(|base| *base * Fr::from(rng.next_u64()));
    let l = (terms.sum::<G1Projective>() + vk.gamma_abc_g1[0]).into_affine();
    let (a, b, c) = (vk.alpha_g1, vk.beta_g2, -l);
    let holds = Bn254::pairing(a, b)
        == Bn254::pairing(vk.alpha_g1, vk.beta_g2)
            + Bn254::pairing(l, vk.gamma_g2)
            + Bn254::pairing(c, vk.delta_g2);
    assert!(holds, "the forgery satisfies the bare equation");
    assert_eq!(Verifier::new(vk.clone()).err(), Some(KeyError::GammaEqualsDelta));
}

#[test]
fn warnings_say_what_a_key_lacks() {
    let ceremony = &*POSEIDON;
    let warnings = |key: &Zkey| {
        with_control(|control| ceremony::inspect(key, control))
            .unwrap()
            .warnings
    };
    assert_eq!(warnings(&ceremony.key(0)), [Warning::NoPhase2]);
    assert_eq!(warnings(&ceremony.key(3)), [Warning::NoBeacon]);
    assert_eq!(warnings(&ceremony.key(4)), []);
    let folder = Folder::new("warnings");
    let (initial, path) = (ceremony.key(0), folder.0.join("beacon.zkey"));
    let example: Vec<u8> = (1..=31).collect();
    let made =
        with_control(|control| ceremony::beacon(&initial, "", &example, 10, backend().as_ref(), control));
    made.unwrap().save(&path).unwrap();
    assert_eq!(
        warnings(&Zkey::open(&path).unwrap()),
        [Warning::BeaconsOnly, Warning::ExampleBeacon { index: 0 }]
    );
    let section = listed(&ceremony.key(4), &[1, 0, 2, 3]);
    let found = warnings(&with_contributions(&ceremony.key(4), &section));
    assert!(matches!(found[..], [Warning::Contributions(_)]), "{found:?}");
}

/// The example files of the corpus's own phase 2 tell the hashes that snarkjs printed.
#[test]
fn hashes_are_those_that_snarkjs_printed() {
    let key = Zkey::open(&copy("phase2/epochKeyLite_beacon.zkey")).unwrap();
    let found = with_control(|control| ceremony::inspect(&key, control)).unwrap();
    let printed = std::fs::read_to_string(copy("phase2/verify.log")).unwrap();
    let words: String = printed
        .split_whitespace()
        .filter(|word| word.len() == 8)
        .collect();
    let hashes = std::iter::once(found.circuit_hash).chain(found.contributions.iter().map(|c| c.hash));
    for hash in hashes {
        assert!(words.contains(&hex::encode(hash)), "{}", hex::encode(hash));
    }
    assert_eq!(blake2b(b"abc")[..4], [0xba, 0x80, 0xa5, 0x3f]);
}
