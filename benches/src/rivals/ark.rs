//! arkworks: ark-groth16 with snarkjs's reduction over the same key as everybody, and the kernels of ark-ec and ark-poly.
//!
//! Depends on: arkworks. Where to go next: `halo2`.

use ark_bn254::{Bn254, Fr, G1Projective, G2Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{PrimeField, UniformRand};
use ark_groth16::r1cs_to_qap::{R1CSToQAP, evaluate_constraint};
use ark_groth16::{Groth16, Proof, ProvingKey};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_benches::child::{Prepared, Reply, Work};
use popw_benches::kernel::{self, Kernel, Msm};
use popw_benches::statement::{Kind, Statement};
use popw_kernels::bases::Curve;
use popw_kernels::{G1, G2};
use popw_keys::Zkey;
use rayon::prelude::*;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) fn kernel(kernel: Kernel, log2: u32) -> Result<Prepared, String> {
    let (work, note): (Box<dyn Work>, _) = match kernel {
        Kernel::MsmG1 => (Box::new(MsmWork::<G1Projective>::new(1 << log2)), None),
        Kernel::MsmG2 => (Box::new(MsmWork::<G2Projective>::new(1 << log2)), None),
        Kernel::AdditionsG1 => return Err("arkworks has no such kernel".to_owned()),
        Kernel::Ntt => (Box::new(NttWork::new(1 << log2)?), Some("natural order")),
        Kernel::Quotient => (
            Box::new(QuotientWork::new(log2)?),
            Some("snarkjs's reduction on ark-poly"),
        ),
    };
    Ok(Prepared {
        work,
        note: note.map(str::to_owned),
        open_ms: None,
    })
}

struct MsmWork<G: CurveGroup> {
    scalars: Vec<<G::ScalarField as PrimeField>::BigInt>,
    msm: Msm<G>,
    result: G,
}

impl<G: CurveGroup> MsmWork<G> {
    fn new(size: usize) -> Self {
        let msm = Msm::<G>::new(size);
        Self {
            scalars: msm.scalars.iter().map(|scalar| scalar.into_bigint()).collect(),
            msm,
            result: G::zero(),
        }
    }
}

impl<G: CurveGroup + VariableBaseMSM<MulBase = G::Affine>> Work for MsmWork<G> {
    fn run(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        self.result = G::msm_bigint(&self.msm.bases, &self.scalars);
        Ok(start.elapsed())
    }

    fn check(&mut self) -> Reply {
        Reply::verdict(self.result == self.msm.sum)
    }
}

struct NttWork {
    domain: Radix2EvaluationDomain<Fr>,
    input: Vec<Fr>,
    values: Vec<Fr>,
}

impl NttWork {
    fn new(size: usize) -> Result<Self, String> {
        let input: Vec<Fr> = kernel::vector(size);
        Ok(Self {
            domain: Radix2EvaluationDomain::new(size).ok_or("no domain of this size")?,
            values: input.clone(),
            input,
        })
    }
}

impl Work for NttWork {
    fn run(&mut self) -> Result<Duration, String> {
        self.values.copy_from_slice(&self.input);
        let start = Instant::now();
        self.domain.fft_in_place(&mut self.values);
        Ok(start.elapsed())
    }

    fn check(&mut self) -> Reply {
        let expected = kernel::value(&self.input, self.domain.group_gen);
        Reply::verdict(self.values.get(1) == Some(&expected))
    }
}

type Matrix = Vec<Vec<(Fr, usize)>>;

/// The rows of A and B, as ark-groth16 wants them. The third matrix is not read by the reduction, so it is empty.
fn matrices<'a>(constraints: impl Iterator<Item = popw_keys::r1cs::Constraint<'a>>) -> [Matrix; 3] {
    let row = |terms: &[(u32, Fr)]| {
        terms
            .iter()
            .map(|(wire, factor)| (*factor, *wire as usize))
            .collect()
    };
    let (a, b) = constraints.map(|[a, b, _]| (row(a), row(b))).unzip();
    [a, b, Vec::new()]
}

/// How snarkjs and circom's provers reduce a constraint system: they commit to a b - c at the odd coset instead of to the
/// coefficients of the quotient.
struct SnarkjsReduction;

impl R1CSToQAP for SnarkjsReduction {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        cs: ark_relations::gr1cs::ConstraintSystemRef<F>,
        t: &F,
    ) -> Result<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize), ark_relations::gr1cs::SynthesisError> {
        ark_groth16::r1cs_to_qap::LibsnarkReduction::instance_map_with_evaluation::<F, D>(cs, t)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Vec<Vec<(F, usize)>>],
        num_inputs: usize,
        num_constraints: usize,
        full_assignment: &[F],
    ) -> Result<Vec<F>, ark_relations::gr1cs::SynthesisError> {
        use ark_relations::gr1cs::SynthesisError::PolynomialDegreeTooLarge;
        let domain = D::new(num_constraints + num_inputs).ok_or(PolynomialDegreeTooLarge)?;
        let size = domain.size();
        let [rows_a, rows_b, ..] = matrices else {
            return Err(ark_relations::gr1cs::SynthesisError::Unsatisfiable);
        };
        let (mut a, mut b) = (vec![F::zero(); size], vec![F::zero(); size]);
        a.par_iter_mut()
            .zip(&mut b)
            .zip(rows_a)
            .zip(rows_b)
            .for_each(|(((a, b), row_a), row_b)| {
                *a = evaluate_constraint(row_a, full_assignment);
                *b = evaluate_constraint(row_b, full_assignment);
            });
        a[num_constraints..][..num_inputs].copy_from_slice(&full_assignment[..num_inputs]);
        let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        // The coset's shift: a root of unity of twice the order.
        let shift = F::get_root_of_unity(2 * size as u64).ok_or(PolynomialDegreeTooLarge)?;
        let coset = domain.get_coset(shift).ok_or(PolynomialDegreeTooLarge)?;
        for values in [&mut a, &mut b, &mut c] {
            domain.ifft_in_place(values);
            coset.fft_in_place(values);
        }
        a.par_iter_mut()
            .zip(b)
            .zip(c)
            .for_each(|((a, b), c)| *a = *a * b - c);
        Ok(a)
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        _: usize,
        _: F,
        _: F,
        _: F,
    ) -> Result<Vec<F>, ark_relations::gr1cs::SynthesisError> {
        // Only a setup asks; the key comes from a file.
        Err(ark_relations::gr1cs::SynthesisError::MissingCS)
    }
}

struct QuotientWork {
    statement: Statement,
    matrices: [Matrix; 3],
    size: usize,
    result: Vec<Fr>,
}

impl QuotientWork {
    fn new(log2: u32) -> Result<Self, String> {
        let statement = Statement::new(Kind::Chain, log2)?;
        Ok(Self {
            matrices: matrices(statement.constraints()),
            statement,
            size: 1 << log2,
            result: Vec::new(),
        })
    }
}

impl Work for QuotientWork {
    fn run(&mut self) -> Result<Duration, String> {
        self.result = Vec::new();
        let header = self.statement.header();
        let start = Instant::now();
        self.result = SnarkjsReduction::witness_map_from_matrices::<Fr, Radix2EvaluationDomain<Fr>>(
            &self.matrices,
            1 + header.public_outputs as usize,
            header.constraints as usize,
            self.statement.witness(),
        )
        .map_err(|error| error.to_string())?;
        Ok(start.elapsed())
    }

    fn check(&mut self) -> Reply {
        let (mut a, mut b) = (vec![Fr::default(); self.size], vec![Fr::default(); self.size]);
        self.statement.evaluate(0..self.size, &mut a, &mut b);
        Reply::verdict(kernel::quotient(&a, &b, 1) == self.result.get(1).copied())
    }
}

struct Prover {
    key: ProvingKey<Bn254>,
    matrices: [Matrix; 3],
    inputs: usize,
    constraints: usize,
    witness: Vec<Fr>,
    random: StdRng,
    proof: Option<Proof<Bn254>>,
}

/// Prepares ark-groth16 with a key, a witness and the matrices of files that every peer reads.
pub(crate) fn prover(key: &Path, witness: &Path, circuit: &Path) -> Result<Prepared, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let circuit = popw_keys::R1csFile::read(&read(circuit)?).map_err(|error| error.to_string())?;
    let witness = popw_keys::read_wtns(&read(witness)?).map_err(|error| error.to_string())?;
    let header = circuit.header();
    let prover = Prover {
        key: proving_key(key)?,
        matrices: matrices(circuit.constraints()),
        inputs: 1 + (header.public_outputs + header.public_inputs) as usize,
        constraints: header.constraints as usize,
        witness,
        random: StdRng::from_entropy(),
        proof: None,
    };
    Ok(Prepared {
        work: Box::new(prover),
        note: Some("snarkjs's reduction, matrices and key in memory".to_owned()),
        open_ms: None,
    })
}

/// The same key in arkworks' own form, with all its points in memory.
fn proving_key(path: &Path) -> Result<ProvingKey<Bn254>, String> {
    let key = Zkey::open(path).map_err(|error| error.to_string())?;
    let header = key.header();
    Ok(ProvingKey {
        vk: key.verifying_key().clone(),
        beta_g1: header.beta_g1,
        delta_g1: header.delta_g1,
        a_query: points::<G1>(key.a()),
        b_g1_query: points::<G1>(key.b1()),
        b_g2_query: points::<G2>(key.b2()),
        h_query: points::<G1>(key.h()),
        l_query: points::<G1>(key.c()),
    })
}

fn points<C: Curve>(bytes: &[u8]) -> Vec<C::Affine> {
    bytes.par_chunks_exact(C::POINT_BYTES).map(C::read).collect()
}

impl Work for Prover {
    fn run(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        let (r, s) = (Fr::rand(&mut self.random), Fr::rand(&mut self.random));
        let proof = Groth16::<Bn254, SnarkjsReduction>::create_proof_with_reduction_and_matrices(
            &self.key,
            r,
            s,
            &self.matrices,
            self.inputs,
            self.constraints,
            &self.witness,
        )
        .map_err(|error| error.to_string())?;
        let time = start.elapsed();
        self.proof = Some(proof);
        Ok(time)
    }

    fn check(&mut self) -> Reply {
        match &self.proof {
            Some(proof) => Reply::proof(proof, &self.witness[1..self.inputs]),
            None => Reply::failed("there is no proof yet"),
        }
    }
}
