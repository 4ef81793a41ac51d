//! Every gadget: against its native twin, at its pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::bits::{Bit, assert_below, canonical_bits, decompose, one_hot_16, top_bits};
use super::eddsa::assert_signature;
use super::int::Int;
use super::montgomery::Edwards;
use super::poseidon;
use super::tree::{climb, root};
use crate::soundness::{Forgery, Overrides, Subject, build, check_circuit};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_std::UniformRand;
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};
use popw_claims::babyjubjub::{Point, Scalar, base8};
use popw_claims::eddsa::{SecretKey, Signature, challenge};

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn random(rng: &mut StdRng) -> Fr {
    Fr::rand(rng)
}

/// Values at which field and integer arithmetic tend to part.
fn boundary_values() -> Vec<Fr> {
    let two = Fr::from(2u64);
    let mut values = vec![
        Fr::ZERO,
        Fr::ONE,
        -Fr::ONE,
        -two,
        two.pow([253]),
        two.pow([128]),
        two.pow([64]) - Fr::ONE,
    ];
    values.push(Fr::from(Scalar::MODULUS));
    values.push(Fr::from(Scalar::MODULUS) - Fr::ONE);
    values.push(Fr::MODULUS_MINUS_ONE_DIV_TWO.into());
    values
}

/// Runs the regime and insists on an empty list of findings.
fn check<W>(subject: &Subject<'_, Fr, W>) -> crate::soundness::Report {
    let report = check_circuit(subject);
    assert_eq!(
        report.verdict(),
        Ok(()),
        "{report}\nsurvivors {:?}",
        report.deletions_survived
    );
    report
}

fn rows<W>(circuit: &dyn Fn(&mut Builder<Fr>, &W), witness: &W) -> usize {
    build(circuit, witness).0.constraints()
}

fn satisfied<W>(circuit: &dyn Fn(&mut Builder<Fr>, &W), witness: &W) -> bool {
    let (r1cs, assignment) = build(circuit, witness);
    r1cs.violations(&assignment).is_empty()
}

fn subject<'a, W>(
    name: &str,
    circuit: &'a dyn Fn(&mut Builder<Fr>, &W),
    valid: Vec<W>,
    invalid: Vec<Forgery<W, Fr>>,
) -> Subject<'a, Fr, W> {
    Subject {
        name: name.to_owned(),
        circuit,
        valid,
        invalid,
        tested_elsewhere: Vec::new(),
        runs_max: 2000,
    }
}

#[test]
fn a_structure_does_not_depend_on_values_and_the_witness_builder_agrees_with_it() {
    let circuit = |cs: &mut Builder<Fr>, inputs: &Vec<Fr>| {
        let inputs: Vec<Lc<Fr>> = inputs.iter().map(|value| cs.input("x", *value)).collect();
        poseidon::hash(cs, &inputs);
        canonical_bits(cs, "bits", &inputs[0]);
    };
    let (first, _) = build(&circuit, &vec![Fr::ZERO, Fr::ZERO]);
    let (second, assignment) = build(&circuit, &vec![Fr::from(7u64), -Fr::ONE]);
    assert_eq!(first.constraints(), second.constraints());
    for row in 0..first.constraints() {
        for matrix in 0..3 {
            assert!(first.terms(matrix, row).eq(second.terms(matrix, row)));
        }
    }
    let mut cs = Builder::witness();
    circuit(&mut cs, &vec![Fr::from(7u64), -Fr::ONE]);
    assert_eq!(cs.into_assignment(), assignment);
}

// ---------------------------------------------------------------------------------------------- bits and integers

#[test]
fn decompose_matches_the_integer_and_refuses_the_rest() {
    const WIDTH: usize = 9;
    let circuit = |cs: &mut Builder<Fr>, value: &Fr| {
        let value = cs.input("value", *value);
        let bits = decompose(cs, "bit", &value, WIDTH);
        assert_eq!(bits.len(), WIDTH);
    };
    assert_eq!(rows(&circuit, &Fr::ZERO), WIDTH);
    let in_range = |value: Fr| value.into_bigint() < (1u64 << WIDTH).into();
    for value in boundary_values().into_iter().chain((0..520).map(Fr::from)) {
        assert_eq!(satisfied(&circuit, &value), in_range(value), "{value}");
    }
    let valid = [0u64, 1, 300, 511].map(Fr::from).to_vec();
    let invalid = boundary_values()
        .into_iter()
        .filter(|value| !in_range(*value))
        .chain([Fr::from(512u64)])
        .map(|value| Forgery::new(format!("{value} in {WIDTH} bits"), value))
        .collect();
    check(&subject("decompose", &circuit, valid, invalid));
}

#[test]
fn assert_below_compares_with_any_constant() {
    let mut rng = rng(1);
    for bound in [1u32, 2, 3, 37, 64, 100, 127]
        .into_iter()
        .chain((0..8).map(|_| rng.gen_range(1..128)))
    {
        let bound_bits: Vec<bool> = (0..7).rev().map(|i| bound >> i & 1 == 1).collect();
        // Bits scaled by a common value, as the ladder of a signature has them.
        let circuit = |cs: &mut Builder<Fr>, value: &u32| {
            let scale = Fr::from(5u64);
            let bits: Vec<Lc<Fr>> = (0..7)
                .rev()
                .map(|i| Bit::choice(cs, "bit", value >> i & 1 == 1).lc().clone() * scale)
                .collect();
            assert_below(cs, &bits, &bound_bits);
        };
        for value in 0..128 {
            assert_eq!(satisfied(&circuit, &value), value < bound, "{value} < {bound}");
        }
        // Every number that is not below the bound is a forgery; together they violate each assertion alone.
        let valid = vec![0, bound / 2, bound - 1];
        let invalid = (bound..128)
            .map(|value| Forgery::new(format!("{value} < {bound}"), value))
            .collect();
        check(&subject("assert_below", &circuit, valid, invalid));
    }
}

#[test]
fn canonical_bits_are_the_integer_and_nothing_else() {
    let circuit = |cs: &mut Builder<Fr>, value: &Fr| {
        let value = cs.input("value", *value);
        let bits = canonical_bits(cs, "bit", &value);
        assert_eq!(bits.len(), 254);
    };
    let mut rng = rng(2);
    let mut valid = vec![
        Fr::ZERO,
        Fr::ONE,
        random(&mut rng),
        random(&mut rng),
        random(&mut rng),
    ];
    assert_eq!(rows(&circuit, &valid[0]), 254 + 62);
    for value in &valid {
        assert!(satisfied(&circuit, value));
    }
    // The highest number that is accepted has the modulus's top bits less one; the next is refused (completeness, 2^-100).
    let mut edge = Fr::MODULUS;
    edge >>= 154;
    edge <<= 154;
    assert!(!satisfied(&circuit, &Fr::from(edge)));
    assert!(satisfied(&circuit, &(Fr::from(edge) - Fr::ONE)));
    valid.push(Fr::from(edge) - Fr::ONE);

    // Forgeries: the bits of a number E >= r instead of those of E - r, one for each place at which the comparison may decide.
    let modulus = top_bits(&Fr::MODULUS);
    let mut invalid = Vec::new();
    let forge = |number: <Fr as PrimeField>::BigInt| {
        let value = Fr::from_le_bytes_mod_order(&number.to_bytes_le());
        let (r1cs, _) = build(&circuit, &value);
        let mut overrides = Overrides::new();
        let hints: Vec<usize> = (0..r1cs.wires())
            .filter(|wire| r1cs.wire_name(*wire).starts_with("bit#"))
            .collect();
        assert_eq!(hints.len(), 253);
        for (i, wire) in hints.iter().enumerate() {
            overrides.insert(*wire, Fr::from(number.get_bit(i + 1)));
        }
        Forgery {
            name: format!("bits of {number}"),
            witness: value,
            overrides,
        }
    };
    for at in (0..modulus.len()).filter(|at| !modulus[*at]) {
        // Equal to the modulus above `at`, greater there, zeros below.
        let mut number = Fr::MODULUS;
        number >>= u32::try_from(254 - at).unwrap();
        number <<= 1;
        number.add_with_carry(&1u64.into());
        number <<= u32::try_from(253 - at).unwrap();
        invalid.push(forge(number));
    }
    let mut equal = Fr::MODULUS;
    equal >>= 154;
    equal <<= 154;
    equal.add_with_carry(&5u64.into());
    invalid.push(forge(equal));
    check(&subject("canonical_bits", &circuit, valid, invalid));
}

#[test]
fn one_hot_marks_the_number() {
    let hot = |cs: &mut Builder<Fr>, number: &usize| {
        let bits = std::array::from_fn(|i| Bit::choice(cs, "bit", number >> i & 1 == 1));
        one_hot_16(cs, &bits)
    };
    let circuit = |cs: &mut Builder<Fr>, number: &usize| {
        hot(cs, number);
    };
    assert_eq!(rows(&circuit, &0), 4 + 11);
    for number in 0..16 {
        assert!(satisfied(&circuit, &number));
        for (i, indicator) in hot(&mut Builder::witness(), &number).iter().enumerate() {
            assert_eq!(indicator.value(), Fr::from(i == number));
        }
    }
    check(&subject("one_hot_16", &circuit, vec![0, 5, 10, 15], Vec::new()));
}

/// The sign of a - b and the range of a b + 64, for a and b in -100..=100.
fn int_circuit(cs: &mut Builder<Fr>, (a, b): &(i128, i128)) {
    let a = Int::input_between(cs, "a", *a, -100, 100);
    let b = Int::input_between(cs, "b", *b, -100, 100);
    let sign = a.minus(&b).is_nonnegative(cs, "sign");
    cs.mul("sign", sign.lc(), a.lc());
    a.mul(cs, "product", &b)
        .plus(&Int::constant(64))
        .assert_bits(cs, "range", 7);
}

#[test]
fn integers_know_their_sign_and_their_range() {
    let sign = |a: i128, b: i128| {
        let mut cs = Builder::<Fr>::witness();
        let [a, b] = [a, b].map(|value| Int::input_between(&mut cs, "x", value, -100, 100));
        a.minus(&b).is_nonnegative(&mut cs, "sign").value()
    };
    for a in -100..=100 {
        for b in [-100, -64, -1, 0, 1, 2, 63, 64, 100] {
            assert_eq!(
                satisfied(&int_circuit, &(a, b)),
                (0..128).contains(&(a * b + 64)),
                "{a} {b}"
            );
            assert_eq!(sign(a, b), a >= b);
        }
    }
    let valid = vec![(0, 0), (-3, 8), (63, 1), (-1, -63), (1, -64)];
    let invalid = [(101, 0), (-101, 0), (0, 101), (0, -101), (-65, 1), (8, 8)]
        .map(|witness| Forgery::new(format!("{witness:?}"), witness))
        .into_iter()
        .collect();
    check(&subject("int", &int_circuit, valid, invalid));
}

#[test]
#[should_panic(expected = "do not fit the field")]
fn an_integer_identity_that_could_wrap_does_not_build() {
    // A 5-bit field: 19.
    #[derive(ark_ff::MontConfig)]
    #[modulus = "19"]
    #[generator = "2"]
    struct Config;
    type Small = ark_ff::Fp64<ark_ff::MontBackend<Config, 1>>;
    let mut cs = Builder::<Small>::structure();
    let a = Int::from_new_bits(&mut cs, "a", 3, 5);
    let b = Int::from_new_bits(&mut cs, "b", 3, 5);
    a.mul(&mut cs, "product", &b);
}

// ------------------------------------------------------------------------------------------------- Poseidon, trees

#[test]
fn poseidon_equals_its_native_twin_at_the_known_cost() {
    let mut rng = rng(3);
    let expected = [213, 240, 261, 297, 321, 0, 0, 402, 0, 0, 0, 504, 0, 0, 0, 609];
    for inputs in 1..=16 {
        let circuit = |cs: &mut Builder<Fr>, values: &Vec<Fr>| {
            let output = cs.public_output("hash");
            let inputs: Vec<Lc<Fr>> = values.iter().map(|value| cs.input("input", *value)).collect();
            let hash = poseidon::hash(cs, &inputs);
            cs.bind_output(output, &hash);
        };
        let edges = boundary_values();
        let witnesses = [
            (0..inputs).map(|_| random(&mut rng)).collect::<Vec<_>>(),
            vec![Fr::ZERO; inputs],
            (0..inputs).map(|i| edges[i % edges.len()]).collect(),
        ];
        for witness in &witnesses {
            let (r1cs, assignment) = build(&circuit, witness);
            assert!(r1cs.violations(&assignment).is_empty());
            assert_eq!(assignment[1], popw_claims::poseidon::hash(witness));
        }
        let cost = rows(&circuit, &witnesses[0]) - 1;
        if expected[inputs - 1] != 0 {
            assert_eq!(cost, expected[inputs - 1]);
        }
        check(&subject("poseidon", &circuit, witnesses.to_vec(), Vec::new()));
    }
}

#[test]
fn sponge_equals_its_native_twin() {
    let mut rng = rng(4);
    let circuit = |cs: &mut Builder<Fr>, values: &Vec<Fr>| {
        let output = cs.public_output("sponge");
        let inputs: Vec<Lc<Fr>> = values.iter().map(|value| cs.input("input", *value)).collect();
        let sponge = poseidon::sponge(cs, "out", &inputs);
        cs.bind_output(output, &sponge);
    };
    for count in [0, 1, 13, 14, 15, 28, 29, 30, 44, 45] {
        let values: Vec<Fr> = (0..count).map(|_| random(&mut rng)).collect();
        let (r1cs, assignment) = build(&circuit, &values);
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(
            assignment[1],
            popw_claims::poseidon::sponge("out", &values),
            "{count} elements"
        );
    }
    let witness = |rng: &mut StdRng| (0..16).map(|_| random(rng)).collect::<Vec<Fr>>();
    let valid = vec![witness(&mut rng), witness(&mut rng), vec![Fr::ZERO; 16]];
    check(&subject("sponge", &circuit, valid, Vec::new()));
}

#[test]
fn a_path_leads_to_the_root_of_the_whole_tree() {
    let mut rng = rng(5);
    let leaves: Vec<Fr> = (0..256).map(|_| random(&mut rng)).collect();
    let level: Vec<Fr> = leaves.chunks(16).map(popw_claims::poseidon::hash).collect();
    let top = popw_claims::poseidon::hash(&level);
    let circuit = |cs: &mut Builder<Fr>, index: &usize| {
        let out = cs.public_output("root");
        let leaf = cs.input("leaf", leaves[*index]);
        let bits: Vec<Bit<Fr>> = (0..8)
            .map(|i| Bit::choice(cs, "index", index >> i & 1 == 1))
            .collect();
        let group: [Fr; 16] = leaves[index / 16 * 16..][..16].try_into().unwrap();
        let node = climb(cs, leaf, &bits, &[group, level.clone().try_into().unwrap()]);
        cs.bind_output(out, &node);
    };
    for index in [0, 1, 15, 16, 17, 100, 255] {
        let (r1cs, assignment) = build(&circuit, &index);
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(assignment[1], top);
    }
    check(&subject("climb", &circuit, vec![0, 100, 255], Vec::new()));
}

#[test]
fn a_tree_of_any_size_has_the_native_root() {
    let leaves: Vec<Fr> = (1..=300u64).map(Fr::from).collect();
    let circuit = |cs: &mut Builder<Fr>, count: &usize| {
        let output = cs.public_output("root");
        let leaves = leaves
            .iter()
            .take(*count)
            .map(|leaf| cs.input("leaf", *leaf))
            .collect();
        let root = root(cs, leaves);
        cs.bind_output(output, &root);
    };
    for count in [1, 2, 15, 16, 17, 32, 128, 256, 257, 300] {
        let (r1cs, assignment) = build(&circuit, &count);
        assert!(r1cs.violations(&assignment).is_empty());
        assert_eq!(
            assignment[1],
            popw_claims::tree::root_of(&leaves[..count]),
            "{count} leaves"
        );
    }
    // The structure depends on the number of leaves: one number for the regime.
    check(&subject("root", &circuit, vec![17, 17, 17], Vec::new()));
    for (count, nodes) in [(1, 0), (16, 1), (256, 17)] {
        assert_eq!(rows(&circuit, &count), 1 + nodes * 609, "{count} leaves");
    }
}

// ------------------------------------------------------------------------------------------------------ signatures

#[derive(Clone)]
struct Signed {
    key: Point,
    message: Fr,
    signature: Signature,
}

impl Signed {
    fn honest(seed: u8, message: Fr) -> Self {
        let secret = SecretKey::from_bytes(&[seed; 32]);
        Self {
            key: secret.public_key(),
            message,
            signature: secret.sign(message),
        }
    }
}

fn eddsa_circuit(cs: &mut Builder<Fr>, signed: &Signed) {
    let key = Edwards {
        x: cs.input("key_x", signed.key.x),
        y: cs.input("key_y", signed.key.y),
    };
    let message = cs.input("message", signed.message);
    assert_signature(cs, &key, &message, &signed.signature);
}

#[test]
fn eddsa_accepts_what_the_native_verifier_accepts() {
    let mut rng = rng(6);
    let mut messages = boundary_values();
    messages.extend((0..6).map(|_| random(&mut rng)));
    for (seed, message) in messages.into_iter().enumerate() {
        let signed = Signed::honest(u8::try_from(seed).unwrap(), message);
        assert!(popw_claims::eddsa::verify(&signed.key, message, &signed.signature).is_ok());
        assert!(satisfied(&eddsa_circuit, &signed));
        let mut other = signed.clone();
        other.message += Fr::ONE;
        assert!(popw_claims::eddsa::verify(&other.key, other.message, &other.signature).is_err());
        assert!(!satisfied(&eddsa_circuit, &other));
    }
}

#[test]
fn eddsa_accepts_both_parities_of_s() {
    let secret = SecretKey::from_bytes(&[9; 32]);
    let a = secret.scalar();
    let key = secret.public_key();
    let mut even = 0;
    for message in 0..40u64 {
        let nonce = Scalar::from(message * message + 1);
        let r8 = (base8() * nonce).into_affine();
        let h = challenge(&r8, &key, Fr::from(message));
        let h = Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le());
        let s = nonce + h * a * Scalar::from(8u64);
        even += usize::from(s.into_bigint().is_even());
        let signed = Signed {
            key,
            message: Fr::from(message),
            signature: Signature { r8, s },
        };
        assert!(popw_claims::eddsa::verify(&key, signed.message, &signed.signature).is_ok());
        assert!(satisfied(&eddsa_circuit, &signed));
    }
    assert!((5..35).contains(&even), "both parities of S occur");
}

/// The point of order two, (0, -1).
fn order_two() -> Point {
    Point::new_unchecked(Fr::ZERO, -Fr::ONE)
}

/// A point of the curve outside the prime-order subgroup.
fn off_subgroup() -> Point {
    (base8() + order_two()).into_affine()
}

fn eddsa_forgeries() -> Vec<Forgery<Signed, Fr>> {
    let honest = Signed::honest(1, Fr::from(1234u64));
    let secret = SecretKey::from_bytes(&[1; 32]);
    let a = secret.scalar();
    let eight = Scalar::from(8u64);
    let to_scalar = |h: Fr| Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le());
    let mut forgeries = Vec::new();
    let mut forge = |name: &str, edit: &dyn Fn(&mut Signed)| {
        let mut forged = honest.clone();
        edit(&mut forged);
        forgeries.push(Forgery::new(name, forged));
    };
    forge("another message", &|signed| signed.message += Fr::ONE);
    forge("S + 1", &|signed| signed.signature.s += Scalar::ONE);
    forge("-S", &|signed| signed.signature.s = -signed.signature.s);
    forge("S = 0", &|signed| signed.signature.s = Scalar::ZERO);
    forge("another key", &|signed| {
        signed.key = SecretKey::from_bytes(&[2; 32]).public_key()
    });
    forge("another R8", &|signed| {
        signed.signature.r8 = (signed.signature.r8 + base8()).into_affine()
    });
    forge("-R8", &|signed| signed.signature.r8 = -signed.signature.r8);
    forge("R8 of the identity", &|signed| {
        signed.signature.r8 = Point::zero()
    });
    forge("R8 off the curve", &|signed| {
        signed.signature.r8 = Point::new_unchecked(signed.signature.r8.x, signed.signature.r8.y + Fr::ONE);
    });
    // The equation is S B8 = R8 + [8h]A, not eight times it: a component of order two in R8 must fail.
    forge("R8 plus a point of order two", &|signed| {
        signed.signature.r8 = (signed.signature.r8 + order_two()).into_affine();
    });
    forge("R8 plus a point of order two, challenge of the sum", &|signed| {
        let nonce = Scalar::from(77u64);
        let r8 = (base8() * nonce + order_two()).into_affine();
        let h = to_scalar(challenge(&r8, &signed.key, signed.message));
        signed.signature = Signature {
            r8,
            s: nonce + h * a * eight,
        };
    });
    forge("the key without its factor 8: S = r + h a", &|signed| {
        let nonce = Scalar::from(77u64);
        let r8 = (base8() * nonce).into_affine();
        let h = to_scalar(challenge(&r8, &signed.key, signed.message));
        signed.signature = Signature { r8, s: nonce + h * a };
    });
    // Keys outside the prime-order subgroup, signed so that the equation holds over the whole curve.
    for (name, key, scalar) in [
        ("the identity as key", Point::zero(), Scalar::ZERO),
        ("a key of order two", order_two(), Scalar::ZERO),
        ("a key with a component of order two", off_subgroup(), Scalar::ONE),
    ] {
        forge(name, &|signed| {
            let nonce = Scalar::from(77u64);
            let r8 = (base8() * nonce).into_affine();
            let h = to_scalar(challenge(&r8, &key, signed.message));
            *signed = Signed {
                key,
                message: signed.message,
                signature: Signature {
                    r8,
                    s: nonce + h * scalar * eight,
                },
            };
        });
    }
    // Keys that differ from A in one coordinate, signed with A's secret under the challenge of the false key.
    for (name, dx, dy) in [
        ("a key with a false x", Fr::ONE, Fr::ZERO),
        ("a key with a false y", Fr::ZERO, Fr::ONE),
    ] {
        forge(name, &|signed| {
            let key = Point::new_unchecked(signed.key.x + dx, signed.key.y + dy);
            let nonce = Scalar::from(77u64);
            let r8 = (base8() * nonce).into_affine();
            let h = to_scalar(challenge(&r8, &key, signed.message));
            signed.key = key;
            signed.signature = Signature {
                r8,
                s: nonce + h * a * eight,
            };
        });
    }
    forgeries
}

/// Forgeries by a prover who lies in the hints: the wires of the true key for a registry entry with a false coordinate, and
/// digits of another challenge, with S made to fit by the holder of the secret.
fn eddsa_hint_forgeries() -> Vec<Forgery<Signed, Fr>> {
    let secret = SecretKey::from_bytes(&[1; 32]);
    let a = secret.scalar();
    let honest = Signed::honest(1, Fr::from(1234u64));
    let (r1cs, assignment) = build(&eddsa_circuit, &honest);
    let mut forgeries = Vec::new();
    for digit in [0, 7, 120, 153] {
        let name = format!("eddsa.variable_base.digit[{digit}].y");
        let wire = r1cs.find_wire(&name).unwrap();
        // The digit changes its sign, so the challenge changes by 2^digit, up or down: one of the two S fits.
        for sign in [Scalar::ONE, -Scalar::ONE] {
            let mut forged = honest.clone();
            forged.signature.s += sign * Scalar::from(2u64).pow([digit]) * a * Scalar::from(8u64);
            forgeries.push(Forgery {
                name: format!("a challenge that differs in bit {digit}"),
                witness: forged,
                overrides: Overrides::from([(wire, -assignment[wire])]),
            });
        }
    }
    for (name, dx, dy) in [("x", Fr::ONE, Fr::ZERO), ("y", Fr::ZERO, Fr::ONE)] {
        let key = Point::new_unchecked(honest.key.x + dx, honest.key.y + dy);
        let nonce = Scalar::from(77u64);
        let r8 = (base8() * nonce).into_affine();
        let h = challenge(&r8, &key, honest.message);
        let h = Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le());
        let signature = Signature {
            r8,
            s: nonce + h * a * Scalar::from(8u64),
        };
        let of_true_key = |wire: &str| {
            let wire = r1cs.find_wire(&format!("eddsa.key.{wire}")).unwrap();
            (wire, assignment[wire])
        };
        forgeries.push(Forgery {
            name: format!("the true key's points for a registry entry with a false {name}"),
            witness: Signed {
                key,
                message: honest.message,
                signature,
            },
            overrides: Overrides::from(["u", "v"].map(of_true_key)),
        });
    }
    forgeries
}

#[test]
fn eddsa_passes_the_regime() {
    let valid: Vec<Signed> = (1..4)
        .map(|seed| Signed::honest(seed, Fr::from(u64::from(seed) * 1234)))
        .collect();
    let cost = rows(&eddsa_circuit, &valid[0]);
    assert_eq!(cost, 2538);
    assert!(cost <= 2700, "the budget of soundness.md");
    let mut invalid = eddsa_forgeries();
    invalid.extend(eddsa_hint_forgeries());
    let mut subject = subject("eddsa", &eddsa_circuit, valid, invalid);
    subject.tested_elsewhere = vec![("canonical", "assert_below")];
    subject.runs_max = 150;
    let report = check(&subject);
    assert!(
        report.deletions_survived.is_empty(),
        "{:?}",
        report.deletions_survived
    );
}

#[test]
fn the_fixed_base_refuses_a_collision_in_its_last_window() {
    // Window 62 with digit 7 meets the accumulator 7 * 2^248 - l, an odd number below 2^248 in magnitude.
    let collision = Scalar::from(7u64) * Scalar::from(2u64).pow([248]);
    // S = 7 * 2^248 + (7 * 2^248 - l) = 14 * 2^248 mod l; its odd representative has exactly these digits.
    let s = collision.double();
    let secret = SecretKey::from_bytes(&[3; 32]);
    let r8 = base8();
    let signed = Signed {
        key: secret.public_key(),
        message: Fr::ONE,
        signature: Signature { r8, s },
    };
    let (r1cs, assignment) = build(&eddsa_circuit, &signed);
    let violated: Vec<String> = r1cs
        .violations(&assignment)
        .iter()
        .map(|row| r1cs.scope_name(r1cs.row_scope(*row)))
        .collect();
    assert!(
        violated
            .iter()
            .any(|scope| scope == "eddsa.fixed_base.window[62]"),
        "{violated:?}"
    );
}
