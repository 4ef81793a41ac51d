//! Signatures: honest, forged in the signature or the key, and forged in the hints by one who holds the secret key; and as published.

use super::{bind, outputs};
use crate::gadgets::eddsa::{assert_signature, challenge_offset};
use crate::gadgets::montgomery::Edwards;
use crate::soundness::{Draw, Forgery, Overrides, Subject, build};
use crate::{Builder, R1cs};
use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use popw_claims::babyjubjub::{Point, Scalar, base8};
use popw_claims::eddsa::{SecretKey, Signature, challenge, verify};

/// A message with a signature.
#[derive(Clone)]
pub struct Signed {
    /// The public key.
    pub key: Point,
    /// The message.
    pub message: Fr,
    /// The signature.
    pub signature: Signature,
}

impl Signed {
    /// By the key of a seed.
    pub fn honest(seed: u8, message: Fr) -> Self {
        let secret = SecretKey::from_bytes(&[seed; 32]);
        Self {
            key: secret.public_key(),
            message,
            signature: secret.sign(message),
        }
    }

    /// With a chosen nonce, so that `S = nonce + 8 (h + shift) secret`; an honest signature has the shift 0.
    fn with_nonce(key: Point, secret: Scalar, message: Fr, nonce: Scalar, shift: Scalar) -> Self {
        let r8 = (base8() * nonce).into_affine();
        let h = to_scalar(challenge(&r8, &key, message));
        let s = nonce + (h + shift) * secret * Scalar::from(8u64);
        Self {
            key,
            message,
            signature: Signature { r8, s },
        }
    }
}

/// The gadget with key and message as private inputs.
pub fn eddsa_circuit(cs: &mut Builder<Fr>, signed: &Signed) {
    let key = Edwards {
        x: cs.input("key_x", signed.key.x),
        y: cs.input("key_y", signed.key.y),
    };
    let message = cs.input("message", signed.message);
    assert_signature(cs, &key, &message, &signed.signature);
}

/// The signature gadget.
pub fn eddsa() -> Subject<'static, Fr, Signed> {
    let mut invalid = forgeries();
    invalid.extend(hint_forgeries());
    Subject::new("eddsa", &eddsa_circuit)
        .twin(&|signed| {
            verify(&signed.key, signed.message, &signed.signature)
                .is_ok()
                .then(Vec::new)
        })
        .valid((1..4u8).map(|seed| Signed::honest(seed, Fr::from(u64::from(seed) * 1234))))
        .invalid(invalid)
        .probes(
            (1..)
                .zip(super::boundary_values())
                .map(|(seed, message)| Signed::honest(seed, message)),
        )
        .tested_elsewhere([("canonical", "assert_below")])
        .runs_max(600)
}

/// The gadget with R8 and S published.
fn published_circuit(cs: &mut Builder<Fr>, signed: &Signed) {
    let outputs = outputs(cs, "published", 3);
    let key = Edwards {
        x: cs.input("key_x", signed.key.x),
        y: cs.input("key_y", signed.key.y),
    };
    let message = cs.input("message", signed.message);
    let Signature { r8, s } = signed.signature;
    let verified = assert_signature(cs, &key, &message, &signed.signature);
    let r8 = Edwards {
        x: cs.input("r8_x", r8.x),
        y: cs.input("r8_y", r8.y),
    };
    let s = cs.input("s", Fr::from(s.into_bigint()));
    verified.assert_published(cs, &r8, &s);
    bind(cs, outputs, [&r8.x, &r8.y, &s]);
}

/// The signature gadget with its signature as outputs: it cannot be another one, nor S another representative.
pub(super) fn published() -> Subject<'static, Fr, Signed> {
    let honest = Signed::honest(SEED, Fr::from(1234u64));
    let (r1cs, assignment) = build(&published_circuit, &honest);
    let order = Fr::from(Scalar::MODULUS);
    let changes = [
        ("r8_x", Fr::ONE),
        ("r8_y", Fr::ONE),
        ("s", Fr::ONE),
        ("s", -Fr::ONE),
        ("s", order),
        ("s", -order),
        ("s", order * Fr::from(2u64)),
    ];
    let forgeries = changes.into_iter().map(|(name, change)| {
        let wire = r1cs.find_wire(name).into_iter();
        Forgery {
            name: format!("{name} plus {change}"),
            witness: honest.clone(),
            overrides: wire.map(|wire| (wire, assignment[wire] + change)).collect(),
        }
    });
    Subject::new("eddsa published", &published_circuit)
        .twin(&|signed| {
            let Signature { r8, s } = signed.signature;
            let valid = verify(&signed.key, signed.message, &signed.signature).is_ok();
            valid.then(|| vec![r8.x, r8.y, Fr::from(s.into_bigint())])
        })
        .valid((1..4u8).map(|seed| Signed::honest(seed, Fr::from(u64::from(seed) * 1234))))
        .invalid(forgeries.collect::<Vec<_>>())
        .probes(
            (1..)
                .zip(super::boundary_values())
                .map(|(seed, message)| Signed::honest(seed, message)),
        )
        .tested_elsewhere([("eddsa", "eddsa"), ("reduced", "scalar_bits")])
        .runs_max(300)
}

/// The secret that every forgery is made with.
const SEED: u8 = 1;

fn to_scalar(h: Fr) -> Scalar {
    Scalar::from_le_bytes_mod_order(&h.into_bigint().to_bytes_le())
}

/// The point of order two, (0, -1).
fn order_two() -> Point {
    Point::new_unchecked(Fr::ZERO, -Fr::ONE)
}

/// A point of the curve outside the prime-order subgroup.
fn off_subgroup() -> Point {
    (base8() + order_two()).into_affine()
}

fn forgeries() -> Vec<Forgery<Signed, Fr>> {
    let honest = Signed::honest(SEED, Fr::from(1234u64));
    let a = SecretKey::from_bytes(&[SEED; 32]).scalar();
    let nonce = Scalar::from(77u64);
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
        let r8 = (base8() * nonce + order_two()).into_affine();
        let h = to_scalar(challenge(&r8, &signed.key, signed.message));
        let s = nonce + h * a * Scalar::from(8u64);
        signed.signature = Signature { r8, s };
    });
    forge("the key without its factor 8: S = r + h a", &|signed| {
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
            *signed = Signed::with_nonce(key, scalar, signed.message, nonce, Scalar::ZERO)
        });
    }
    // Keys that differ from A in one coordinate, signed with A's secret under the challenge of the false key.
    for (name, dx, dy) in FALSE_KEYS {
        forge(&format!("a key with a false {name}"), &|signed| {
            let key = Point::new_unchecked(signed.key.x + dx, signed.key.y + dy);
            *signed = Signed::with_nonce(key, a, signed.message, nonce, Scalar::ZERO);
        });
    }
    forgeries
}

const FALSE_KEYS: [(&str, Fr, Fr); 2] = [("x", Fr::ONE, Fr::ZERO), ("y", Fr::ZERO, Fr::ONE)];

/// Forgeries by a prover who lies in the hints: the wires of the true key for a registry entry with a false coordinate, and
/// digits of another number than the challenge, with S made to fit by the holder of the secret.
fn hint_forgeries() -> Vec<Forgery<Signed, Fr>> {
    let a = SecretKey::from_bytes(&[SEED; 32]).scalar();
    let honest = Signed::honest(SEED, Fr::from(1234u64));
    let (r1cs, assignment) = build(&eddsa_circuit, &honest);
    let find = |name: &str| r1cs.find_wire(name);
    let mut forgeries = Vec::new();
    for digit in [0usize, 7, 120, 153] {
        let wire = digit_wire(&r1cs, digit);
        // The digit changes its sign, so the challenge changes by 2^digit, up or down: one of the two S fits.
        for sign in [Scalar::ONE, -Scalar::ONE] {
            let mut forged = honest.clone();
            forged.signature.s += sign * Scalar::from(2u64).pow([digit as u64]) * a * Scalar::from(8u64);
            forgeries.push(Forgery {
                name: format!("a challenge that differs in bit {digit}"),
                witness: forged,
                overrides: wire.map(|wire| (wire, -assignment[wire])).into_iter().collect(),
            });
        }
    }
    for (name, dx, dy) in FALSE_KEYS {
        let key = Point::new_unchecked(honest.key.x + dx, honest.key.y + dy);
        let wires = ["eddsa.key.u", "eddsa.key.v"].map(find).into_iter().flatten();
        forgeries.push(Forgery {
            name: format!("the true key's points for a registry entry with a false {name}"),
            witness: Signed::with_nonce(key, a, honest.message, Scalar::from(77u64), Scalar::ZERO),
            overrides: wires.map(|wire| (wire, assignment[wire])).collect(),
        });
    }
    forgeries.extend(other_representatives(&r1cs, honest.key, a));
    forgeries
}

/// The digits of the challenge plus or minus the field's order: the same field element, another multiple of the key.
fn other_representatives(r1cs: &R1cs<Fr>, key: Point, secret: Scalar) -> Vec<Forgery<Signed, Fr>> {
    let order = Scalar::from_le_bytes_mod_order(&Fr::MODULUS.to_bytes_le());
    let mut draw = Draw::new(5);
    let mut forgeries = Vec::new();
    // A share of about 1/6 of the challenges has a second representative above, as many one below.
    for _ in 0..64 {
        let (message, nonce) = (draw.element(), to_scalar(draw.element()));
        let honest = Signed::with_nonce(key, secret, message, nonce, Scalar::ZERO);
        let mut number = challenge(&honest.signature.r8, &key, message).into_bigint();
        number.add_with_carry(&challenge_offset());
        let mut above = number;
        above.add_with_carry(&Fr::MODULUS);
        let mut below = number;
        let borrowed = below.sub_with_borrow(&Fr::MODULUS);
        let (name, other, shift) = match (above.num_bits() <= 254, borrowed) {
            (true, _) => ("plus", above, order),
            (_, false) => ("minus", below, -order),
            _ => continue,
        };
        let assignment = build(&eddsa_circuit, &honest).1;
        let changed = (0..254).filter(|i| other.get_bit(*i) != number.get_bit(*i));
        forgeries.push(Forgery {
            name: format!("a challenge {name} the field's order"),
            witness: Signed::with_nonce(key, secret, message, nonce, shift),
            overrides: changed
                .filter_map(|i| digit_wire(r1cs, i))
                .map(|wire| (wire, -assignment[wire]))
                .collect::<Overrides<Fr>>(),
        });
    }
    forgeries
}

fn digit_wire(r1cs: &R1cs<Fr>, digit: usize) -> Option<usize> {
    r1cs.find_wire(&format!("eddsa.variable_base.digit[{digit}].y"))
}
