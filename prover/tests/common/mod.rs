//! What the tests of this crate share: random circuits, and arkworks' Groth16 with the reduction of snarkjs as oracle.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests, each using a part"
)]

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, PrimeField, UniformRand, Zero};
use ark_groth16::r1cs_to_qap::{LibsnarkReduction, R1CSToQAP};
use ark_groth16::{Groth16, Proof, ProvingKey};
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, Matrix, SynthesisError, Variable,
};
use ark_std::rand::rngs::StdRng;
use ark_std::rand::{Rng, SeedableRng};
use popw_kernels::{Curve, G1, G2};
use popw_keys::r1cs::{Header, R1csFile, write_r1cs};
use popw_keys::zkey::ZkeyParts;
use popw_keys::{Zkey, open_wtns, write_zkey};
use popw_prover::Assignment;
use std::env;
use std::path::{Path, PathBuf};

type Terms = Vec<(u32, Fr)>;

/// How many cases a test runs: its usual number times `POPW_ROUNDS`, 1,000 at most.
pub fn rounds(usual: u64) -> u64 {
    let factor = env::var("POPW_ROUNDS")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    (usual * factor.unwrap_or(1)).clamp(usual, usual.max(1000))
}

/// A circuit with an assignment that satisfies it.
pub struct Circuit {
    pub r1cs: Vec<u8>,
    pub values: Vec<Fr>,
}

impl Circuit {
    /// A circuit of products of random combinations. Values are as in real witnesses: zeros, ones, small, negative, full.
    pub fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let sizes = [0, 1, 2, 3, 7, 8, 9, 20, 61, 64];
        let constraints = sizes[rng.gen_range(0..sizes.len())];
        let public = rng.gen_range(0..4);
        let inputs = rng.gen_range(0..5);
        Self::of_size(&mut rng, constraints, public, inputs)
    }

    /// The same of one size.
    pub fn of_size(rng: &mut StdRng, constraints: usize, public: usize, inputs: usize) -> Self {
        let mut values = vec![Fr::one()];
        values.extend((0..public + inputs).map(|_| value(rng)));
        let mut rows: Vec<[Terms; 3]> = Vec::new();
        for _ in 0..constraints {
            let (a, b) = (combination(rng, values.len()), combination(rng, values.len()));
            let evaluate = |terms: &Terms| -> Fr {
                terms
                    .iter()
                    .map(|(wire, value)| values[*wire as usize] * value)
                    .sum()
            };
            let product = evaluate(&a) * evaluate(&b);
            // The new wire times a constant, and some others: C z = A z * B z.
            let (mut c, factor) = (combination(rng, values.len()), coefficient(rng));
            let new = (product - evaluate(&c)) * factor.inverse().unwrap();
            c.push((values.len() as u32, factor));
            values.push(new);
            rows.push([a, b, c]);
        }
        // Wires that no constraint has, as circom leaves them.
        values.extend((0..rng.gen_range(0..3)).map(|_| value(rng)));
        let header = Header {
            wires: values.len() as u32,
            public_outputs: 0,
            public_inputs: public as u32,
            private_inputs: 0,
            labels: values.len() as u64,
            constraints: constraints as u32,
        };
        let labels: Vec<u64> = (0..values.len() as u64).collect();
        let mut r1cs = Vec::new();
        let rows = rows.iter().map(|row| row.each_ref().map(Vec::as_slice));
        write_r1cs(&mut r1cs, &header, &labels, rows).unwrap();
        Self { r1cs, values }
    }

    pub fn file(&self) -> R1csFile {
        R1csFile::read(&self.r1cs).unwrap()
    }

    pub fn assignment(&self) -> Assignment {
        Assignment::from_field(&self.values)
    }
}

fn value(rng: &mut StdRng) -> Fr {
    match rng.gen_range(0..6) {
        0 => Fr::zero(),
        1 => Fr::one(),
        2 => -Fr::one(),
        3 => Fr::from(rng.gen_range(0..1_000_u64)),
        4 => Fr::from(rng.r#gen::<u64>()),
        _ => Fr::rand(rng),
    }
}

fn coefficient(rng: &mut StdRng) -> Fr {
    match rng.gen_range(0..3) {
        0 => Fr::one(),
        1 => -Fr::from(rng.gen_range(1..9_u64)),
        _ => Fr::rand(rng),
    }
}

/// Up to four terms, perhaps none; wires ascend.
fn combination(rng: &mut StdRng, wires: usize) -> Terms {
    let mut chosen: Vec<u32> = (0..rng.gen_range(0..5))
        .map(|_| rng.gen_range(0..wires as u32))
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().map(|wire| (wire, coefficient(rng))).collect()
}

/// Feeds a stored constraint system to arkworks.
pub struct Stored<'a>(pub &'a R1csFile);

impl ConstraintSynthesizer<Fr> for Stored<'_> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let header = self.0.header();
        let mut variables = vec![Variable::One];
        for wire in 1..u64::from(header.wires) {
            variables.push(match wire <= header.public() {
                true => cs.new_input_variable(|| Ok(Fr::zero()))?,
                false => cs.new_witness_variable(|| Ok(Fr::zero()))?,
            });
        }
        for constraint in self.0.constraints() {
            let [a, b, c] = constraint.map(|terms| {
                let terms = terms
                    .iter()
                    .map(|(wire, value)| (*value, variables[*wire as usize]));
                LinearCombination(terms.collect())
            });
            cs.enforce_r1cs_constraint(|| a, || b, || c)?;
        }
        Ok(())
    }
}

/// The reduction behind snarkjs's keys: the quotient by its values on the odd coset.
pub struct SnarkjsReduction;

impl R1CSToQAP for SnarkjsReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        cs: ConstraintSystemRef<F>,
        t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), SynthesisError> {
        LibsnarkReduction::instance_map_with_evaluation::<F, D>(cs, t)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Matrix<F>],
        inputs: usize,
        constraints: usize,
        assignment: &[F],
    ) -> Result<Vec<F>, SynthesisError> {
        let domain = D::new((constraints + inputs).max(2)).unwrap();
        let mut values = [vec![F::zero(); domain.size()], vec![F::zero(); domain.size()]];
        for (values, matrix) in values.iter_mut().zip(matrices) {
            for (value, row) in values.iter_mut().zip(matrix) {
                *value = row.iter().map(|(value, wire)| assignment[*wire] * value).sum();
            }
        }
        values[0][constraints..constraints + inputs].copy_from_slice(&assignment[..inputs]);
        let [mut a, mut b] = values;
        let mut c: Vec<F> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        let coset = domain
            .get_coset(F::get_root_of_unity(2 * domain.size() as u64).unwrap())
            .unwrap();
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            coset.fft_in_place(values);
        }
        Ok(a.iter().zip(&b).zip(&c).map(|((a, b), c)| *a * b - c).collect())
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        max_power: usize,
        t: F,
        _: F,
        delta_inverse: F,
    ) -> Result<Vec<F>, SynthesisError> {
        let domain = D::new(2 * (max_power + 1)).unwrap();
        let values = domain.evaluate_all_lagrange_coefficients(t);
        Ok(values
            .into_iter()
            .skip(1)
            .step_by(2)
            .map(|value| value * delta_inverse)
            .collect())
    }
}

fn points<C: Curve>(bytes: &[u8]) -> Vec<C::Affine> {
    bytes.chunks_exact(C::POINT_BYTES).map(C::read).collect()
}

/// A key as arkworks has it.
pub fn arkworks_key(key: &Zkey) -> ProvingKey<Bn254> {
    let header = key.header();
    ProvingKey {
        vk: key.verifying_key().clone(),
        beta_g1: header.beta_g1,
        delta_g1: header.delta_g1,
        a_query: points::<G1>(key.a()),
        b_g1_query: points::<G1>(key.b1()),
        b_g2_query: points::<G2>(key.b2()),
        h_query: points::<G1>(key.h()),
        l_query: points::<G1>(key.c()),
    }
}

/// A key after a contribution: delta times a secret, C and H over it.
pub fn contributed(key: &Zkey) -> Zkey {
    let secret = Fr::from(0x1234_5678_9abc_u64);
    let scaled = |bytes: &[u8], factor: Fr| -> Vec<u8> {
        let points: Vec<_> = points::<G1>(bytes).iter().map(|point| *point * factor).collect();
        let mut out = vec![0; bytes.len()];
        let points = G1Projective::normalize_batch(&points);
        points
            .iter()
            .zip(out.chunks_exact_mut(64))
            .for_each(|(point, bytes)| G1::write(point, bytes));
        out
    };
    let over = secret.inverse().unwrap();
    let (c, h) = (scaled(key.c(), over), scaled(key.h(), over));
    let mut header = key.header().clone();
    header.delta_g1 = (header.delta_g1 * secret).into_affine();
    header.delta_g2 = (header.delta_g2 * secret).into_affine();
    let parts = ZkeyParts {
        header: &header,
        c: &c,
        h: &h,
        ..key.parts()
    };
    let coefficients: Vec<_> = key.coefficients().iter().map(Result::unwrap).collect();
    let mut bytes = Vec::new();
    write_zkey(&mut bytes, &parts, coefficients.into_iter()).unwrap();
    Zkey::from_bytes(bytes).unwrap()
}

/// The proof that arkworks makes with this blinding.
pub fn arkworks_proof(
    key: &ProvingKey<Bn254>,
    r1cs: &R1csFile,
    values: &[Fr],
    [r, s]: [Fr; 2],
) -> Proof<Bn254> {
    let matrices = r1cs.matrices().each_ref().map(|matrix| -> Matrix<Fr> {
        let row = |terms: &[(u32, Fr)]| {
            terms
                .iter()
                .map(|(wire, value)| (*value, *wire as usize))
                .collect()
        };
        matrix.rows().map(row).collect()
    });
    Groth16::<Bn254, SnarkjsReduction>::create_proof_with_reduction_and_matrices(
        key,
        r,
        s,
        &matrices,
        r1cs.header().public() as usize + 1,
        r1cs.header().constraints as usize,
        values,
    )
    .unwrap()
}

/// The key that arkworks makes with these secrets.
pub fn arkworks_setup(r1cs: &R1csFile, [tau, alpha, beta, delta]: [Fr; 4]) -> ProvingKey<Bn254> {
    /// Draws tau and nothing else: arkworks takes it from the generator.
    struct Fixed(Vec<u64>);
    impl ark_std::rand::RngCore for Fixed {
        fn next_u32(&mut self) -> u32 {
            unreachable!("field elements are drawn by words of 64 bits")
        }
        fn next_u64(&mut self) -> u64 {
            self.0.pop().unwrap()
        }
        fn fill_bytes(&mut self, _: &mut [u8]) {
            unreachable!("field elements are drawn by words of 64 bits")
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), ark_std::rand::Error> {
            unreachable!("field elements are drawn by words of 64 bits")
        }
    }
    let mut limbs = tau.0.0.to_vec();
    limbs.reverse();
    Groth16::<Bn254, SnarkjsReduction>::generate_parameters_with_qap(
        Stored(r1cs),
        alpha,
        beta,
        Fr::one(),
        delta,
        G1Affine::generator().into_group(),
        G2Affine::generator().into_group(),
        &mut Fixed(limbs),
    )
    .unwrap()
}

/// A folder below the build's scratch folder that no other test uses.
pub fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Folders with foreign files: the copies in `testdata/`, and the corpus where it is.
pub fn interop() -> Vec<PathBuf> {
    let corpus =
        env::var_os("POPW_CORPUS").map_or_else(|| workspace().join("../shared/corpus"), PathBuf::from);
    let mut folders = vec![workspace().join("testdata/interop")];
    match corpus.is_dir() {
        true => folders.push(corpus.join("interop")),
        false => {
            assert!(
                env::var_os("POPW_REQUIRE_CORPUS").is_none(),
                "POPW_CORPUS names no folder"
            );
            println!("SKIPPED (corpus): POPW_CORPUS names no folder; only the copies in testdata/ are used");
        }
    }
    folders
}

/// The keys of other tools that come with an assignment, as far as they are there: key and assignment.
pub fn foreign_pairs() -> Vec<(PathBuf, PathBuf)> {
    let pairs = [
        (
            "co-snarks/multiplier2_circuit.zkey",
            "co-snarks/multiplier2_witness.wtns",
        ),
        (
            "co-snarks/poseidon_circuit.zkey",
            "co-snarks/poseidon_witness.wtns",
        ),
        ("darkforest/whitelist.zkey", "darkforest/df-whitelist.wtns"),
        ("semaphore/semaphore-1.zkey", "semaphore/semaphore-1.wtns"),
        ("semaphore/semaphore-10.zkey", "semaphore/semaphore-10.wtns"),
    ];
    let folders = interop();
    let complete = folders.len() > 1;
    let found: Vec<_> = pairs
        .iter()
        .filter_map(|(key, witness)| {
            let in_folder = |folder: &PathBuf| (folder.join(key), folder.join(witness));
            folders
                .iter()
                .map(in_folder)
                .find(|(key, witness)| key.exists() && witness.exists())
        })
        .collect();
    assert!(
        !complete || found.len() == pairs.len(),
        "the corpus lacks a file: {found:?}"
    );
    assert!(
        !found.is_empty(),
        "testdata/interop has no key with an assignment"
    );
    found
}

pub fn read_assignment(path: &Path) -> Assignment {
    Assignment::new(open_wtns(path).unwrap()).unwrap()
}

/// snarkjs's command line, if node and the package are there.
pub fn snarkjs() -> Option<PathBuf> {
    let path = workspace().join("verifier/contracts/node_modules/snarkjs/build/cli.cjs");
    if path.exists() {
        return Some(path);
    }
    assert!(
        env::var_os("POPW_REQUIRE_ALL").is_none(),
        "snarkjs is not installed"
    );
    println!("SKIPPED: snarkjs is not installed; `cargo xtask setup` installs it");
    None
}
