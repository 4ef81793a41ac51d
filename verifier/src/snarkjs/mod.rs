//! snarkjs's JSON files, both ways: `verification_key.json`, `proof.json`, `public.json`.
//!
//! The layout is that of snarkjs 0.7.6: numbers are decimal strings, an element of Fq2 is `[real, imaginary]`, points
//! are projective with the third coordinate 1 (the identity is `[0, 1, 0]`), and `vk_alphabeta_12` is `e(alpha,
//! beta)` in the tower Fq2[v]/(v^3 - 9 - u)[w]/(w^2 - v), twelve numbers. With these files a proof goes to snarkjs,
//! rapidsnark's verifier, and every tool that reads theirs.
//!
//! Reading is strict: numbers are canonical, points on their curve and in the subgroup, sizes limited; unknown and
//! double fields are refused. Whether a key is *degenerate* is [`crate::key`]'s question: such a key can be read, so
//! that a tool can say what is wrong with it.

mod decimal;

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};
use ark_bn254::{Bn254, Fq, Fq2, Fq6, Fq12, Fr, G1Affine, G2Affine};
use ark_ec::{
    AffineRepr,
    pairing::Pairing,
    short_weierstrass::{Affine, SWCurveConfig},
};
use ark_ff::{One, Zero};
use ark_groth16::{Proof, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The longest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// The most public inputs that a file may have.
pub const INPUTS_MAX: usize = 1024;

const PROTOCOL: &str = "groth16";
/// snarkjs's name of BN254.
const CURVE: &str = "bn128";

/// Why a file cannot be read (or, in theory, written).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnarkjsError {
    /// The file is longer than [`FILE_BYTES_MAX`].
    #[error("{file}: {got} bytes, expected at most {limit}", limit = FILE_BYTES_MAX)]
    TooLong {
        /// Which of the three files.
        file: &'static str,
        /// Its length in bytes.
        got: usize,
    },
    /// Not JSON, or not of the file's shape.
    #[error("{file}: {message}")]
    Json {
        /// Which of the three files.
        file: &'static str,
        /// What and where, in serde's words.
        message: String,
    },
    /// Another proof system or curve.
    #[error("{field}: expected {expected:?}, got {got:?}")]
    Unsupported {
        /// `protocol` or `curve`.
        field: &'static str,
        /// What this crate reads.
        expected: &'static str,
        /// What the file says.
        got: String,
    },
    /// The number of inputs is above [`INPUTS_MAX`].
    #[error("{field}: {got} public inputs, expected at most {limit}", limit = INPUTS_MAX)]
    TooManyInputs {
        /// Where.
        field: &'static str,
        /// How many.
        got: usize,
    },
    /// `IC` does not have `nPublic + 1` points.
    #[error("IC: expected nPublic + 1 = {expected} points, got {got}")]
    IcLength {
        /// `nPublic + 1`.
        expected: usize,
        /// Points in the file.
        got: usize,
    },
    /// Not a decimal number in canonical spelling (no sign, no leading zeros, no spaces).
    #[error("{field}: expected a decimal number without leading zeros, got {got:?}")]
    NotDecimal {
        /// Path of the field.
        field: String,
        /// Its start.
        got: String,
    },
    /// A number is not below its field's modulus.
    #[error("{field}: the number is not below the field's modulus")]
    NotReduced {
        /// Path of the field.
        field: String,
    },
    /// A point's third coordinate is neither 1, nor does the point read `[0, 1, 0]`.
    #[error("{field}: expected an affine point (third coordinate 1) or the identity (0, 1, 0)")]
    NotAffine {
        /// Path of the point.
        field: String,
    },
    /// A point is not on its curve.
    #[error("{field}: the point is not on its curve")]
    NotOnCurve {
        /// Path of the point.
        field: String,
    },
    /// A point is on its curve, but not in the subgroup of order r.
    #[error("{field}: the point is not in the subgroup of order r")]
    NotInSubgroup {
        /// Path of the point.
        field: String,
    },
    /// `vk_alphabeta_12` is not the pairing of `vk_alpha_1` and `vk_beta_2`.
    #[error("vk_alphabeta_12: is not the pairing of vk_alpha_1 and vk_beta_2")]
    AlphaBeta,
}

type G1Json = [String; 3];
type G2Json = [[String; 2]; 3];
type Fq12Json = [[[String; 2]; 3]; 2];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyJson<'a> {
    protocol: Cow<'a, str>,
    curve: Cow<'a, str>,
    #[serde(rename = "nPublic")]
    n_public: usize,
    vk_alpha_1: G1Json,
    vk_beta_2: G2Json,
    vk_gamma_2: G2Json,
    vk_delta_2: G2Json,
    /// snarkjs writes it and never reads it; other writers leave it out.
    vk_alphabeta_12: Option<Fq12Json>,
    #[serde(rename = "IC")]
    ic: Vec<G1Json>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofJson<'a> {
    pi_a: G1Json,
    pi_b: G2Json,
    pi_c: G1Json,
    protocol: Cow<'a, str>,
    /// Older provers leave it out.
    curve: Option<Cow<'a, str>>,
}

/// Reads `verification_key.json`.
///
/// # Errors
/// [`SnarkjsError`], naming the field.
pub fn read_verifying_key(text: &str) -> Result<VerifyingKey<Bn254>, SnarkjsError> {
    let json: KeyJson<'_> = parse("verification_key.json", text)?;
    expect("protocol", PROTOCOL, &json.protocol)?;
    expect("curve", CURVE, &json.curve)?;
    if json.n_public > INPUTS_MAX {
        return Err(SnarkjsError::TooManyInputs {
            field: "nPublic",
            got: json.n_public,
        });
    }
    if json.ic.len() != json.n_public + 1 {
        return Err(SnarkjsError::IcLength {
            expected: json.n_public + 1,
            got: json.ic.len(),
        });
    }
    let alpha_g1 = read_g1("vk_alpha_1", &json.vk_alpha_1)?;
    let beta_g2 = read_g2("vk_beta_2", &json.vk_beta_2)?;
    let key = VerifyingKey {
        alpha_g1,
        beta_g2,
        gamma_g2: read_g2("vk_gamma_2", &json.vk_gamma_2)?,
        delta_g2: read_g2("vk_delta_2", &json.vk_delta_2)?,
        gamma_abc_g1: (json.ic.iter().enumerate())
            .map(|(index, point)| read_g1(&format!("IC[{index}]"), point))
            .collect::<Result<_, _>>()?,
    };
    if let Some(alpha_beta) = &json.vk_alphabeta_12
        && read_fq12("vk_alphabeta_12", alpha_beta)? != Bn254::pairing(alpha_g1, beta_g2).0
    {
        return Err(SnarkjsError::AlphaBeta);
    }
    Ok(key)
}

/// Writes `verification_key.json` as snarkjs does, `vk_alphabeta_12` included.
///
/// # Errors
/// [`SnarkjsError::IcLength`] for a key without IC points.
pub fn write_verifying_key(key: &VerifyingKey<Bn254>) -> Result<String, SnarkjsError> {
    let n_public = key
        .gamma_abc_g1
        .len()
        .checked_sub(1)
        .ok_or(SnarkjsError::IcLength { expected: 1, got: 0 })?;
    write(
        "verification_key.json",
        &KeyJson {
            protocol: PROTOCOL.into(),
            curve: CURVE.into(),
            n_public,
            vk_alpha_1: write_g1(&key.alpha_g1),
            vk_beta_2: write_g2(&key.beta_g2),
            vk_gamma_2: write_g2(&key.gamma_g2),
            vk_delta_2: write_g2(&key.delta_g2),
            vk_alphabeta_12: Some(write_fq12(&Bn254::pairing(key.alpha_g1, key.beta_g2).0)),
            ic: key.gamma_abc_g1.iter().map(write_g1).collect(),
        },
    )
}

/// Reads `proof.json`.
///
/// # Errors
/// [`SnarkjsError`], naming the field.
pub fn read_proof(text: &str) -> Result<Proof<Bn254>, SnarkjsError> {
    let json: ProofJson<'_> = parse("proof.json", text)?;
    expect("protocol", PROTOCOL, &json.protocol)?;
    expect("curve", CURVE, json.curve.as_deref().unwrap_or(CURVE))?;
    Ok(Proof {
        a: read_g1("pi_a", &json.pi_a)?,
        b: read_g2("pi_b", &json.pi_b)?,
        c: read_g1("pi_c", &json.pi_c)?,
    })
}

/// Writes `proof.json` as snarkjs does.
///
/// # Errors
/// None in practice.
pub fn write_proof(proof: &Proof<Bn254>) -> Result<String, SnarkjsError> {
    write(
        "proof.json",
        &ProofJson {
            pi_a: write_g1(&proof.a),
            pi_b: write_g2(&proof.b),
            pi_c: write_g1(&proof.c),
            protocol: PROTOCOL.into(),
            curve: Some(CURVE.into()),
        },
    )
}

/// Reads `public.json`.
///
/// # Errors
/// [`SnarkjsError`], naming the field.
pub fn read_public(text: &str) -> Result<Vec<Fr>, SnarkjsError> {
    let json: Vec<String> = parse("public.json", text)?;
    if json.len() > INPUTS_MAX {
        return Err(SnarkjsError::TooManyInputs {
            field: "public.json",
            got: json.len(),
        });
    }
    json.iter()
        .enumerate()
        .map(|(index, number)| read_number(format!("public[{index}]"), number))
        .collect()
}

/// Writes `public.json` as snarkjs does.
///
/// # Errors
/// None in practice.
pub fn write_public(inputs: &[Fr]) -> Result<String, SnarkjsError> {
    write(
        "public.json",
        &inputs.iter().map(decimal::write).collect::<Vec<_>>(),
    )
}

fn parse<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, SnarkjsError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(SnarkjsError::TooLong {
            file,
            got: text.len(),
        });
    }
    serde_json::from_str(text).map_err(|error| SnarkjsError::Json {
        file,
        message: error.to_string(),
    })
}

/// Indented by one space a level, as snarkjs does; serde's indent is two.
fn write(file: &'static str, value: &impl Serialize) -> Result<String, SnarkjsError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| SnarkjsError::Json {
        file,
        message: error.to_string(),
    })?;
    let lines = text.lines().map(|line| {
        let content = line.trim_start();
        &line[(line.len() - content.len()) / 2..]
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn expect(field: &'static str, expected: &'static str, got: &str) -> Result<(), SnarkjsError> {
    if got == expected {
        Ok(())
    } else {
        Err(SnarkjsError::Unsupported {
            field,
            expected,
            got: start(got),
        })
    }
}

/// Enough of a string to recognise it in a message.
fn start(text: &str) -> String {
    text.chars().take(80).collect()
}

fn read_number<F>(field: String, text: &str) -> Result<F, SnarkjsError>
where
    F: ark_ff::PrimeField<BigInt = ark_ff::BigInteger256>,
{
    decimal::read(text).map_err(|defect| match defect {
        decimal::Defect::NotDecimal => SnarkjsError::NotDecimal {
            field,
            got: start(text),
        },
        decimal::Defect::NotReduced => SnarkjsError::NotReduced { field },
    })
}

fn read_fq2(field: &str, [real, imaginary]: &[String; 2]) -> Result<Fq2, SnarkjsError> {
    Ok(Fq2::new(
        read_number(format!("{field}[0]"), real)?,
        read_number(format!("{field}[1]"), imaginary)?,
    ))
}

fn read_fq12(field: &str, json: &Fq12Json) -> Result<Fq12, SnarkjsError> {
    let part = |half: usize| {
        let coefficient = |index: usize| read_fq2(&format!("{field}[{half}][{index}]"), &json[half][index]);
        Ok(Fq6::new(coefficient(0)?, coefficient(1)?, coefficient(2)?))
    };
    Ok(Fq12::new(part(0)?, part(1)?))
}

fn read_g1(field: &str, json: &G1Json) -> Result<G1Affine, SnarkjsError> {
    let coordinate = |index: usize| read_number::<Fq>(format!("{field}[{index}]"), &json[index]);
    read_point(field, [coordinate(0)?, coordinate(1)?, coordinate(2)?])
}

fn read_g2(field: &str, json: &G2Json) -> Result<G2Affine, SnarkjsError> {
    let coordinate = |index: usize| read_fq2(&format!("{field}[{index}]"), &json[index]);
    read_point(field, [coordinate(0)?, coordinate(1)?, coordinate(2)?])
}

fn read_point<P: SWCurveConfig>(
    field: &str,
    [x, y, z]: [P::BaseField; 3],
) -> Result<Affine<P>, SnarkjsError> {
    if x.is_zero() && y.is_one() && z.is_zero() {
        return Ok(Affine::identity());
    }
    if !z.is_one() {
        return Err(SnarkjsError::NotAffine {
            field: field.to_string(),
        });
    }
    let point = Affine::<P>::new_unchecked(x, y);
    if !point.is_on_curve() {
        return Err(SnarkjsError::NotOnCurve {
            field: field.to_string(),
        });
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(SnarkjsError::NotInSubgroup {
            field: field.to_string(),
        });
    }
    Ok(point)
}

fn write_fq2(element: &Fq2) -> [String; 2] {
    [decimal::write(&element.c0), decimal::write(&element.c1)]
}

fn write_fq12(element: &Fq12) -> Fq12Json {
    let part = |half: &Fq6| [write_fq2(&half.c0), write_fq2(&half.c1), write_fq2(&half.c2)];
    [part(&element.c0), part(&element.c1)]
}

fn write_g1(point: &G1Affine) -> G1Json {
    projective(point).map(|coordinate| decimal::write(&coordinate))
}

fn write_g2(point: &G2Affine) -> G2Json {
    projective(point).map(|coordinate| write_fq2(&coordinate))
}

fn projective<P: SWCurveConfig>(point: &Affine<P>) -> [P::BaseField; 3] {
    match point.xy() {
        Some((x, y)) => [x, y, P::BaseField::one()],
        None => [P::BaseField::zero(), P::BaseField::one(), P::BaseField::zero()],
    }
}
