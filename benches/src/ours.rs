//! The child that runs our own prover and kernels, built as the product is.
//!
//! Depends on: `popw_prover`, `popw_kernels`. Where to go next: `popw_benches::child` for the talk; `rivals/` for the same
//! children of other people's code.

use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::{FftField, PrimeField};
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_benches::child::{Prepared, Reply, Work, milliseconds};
use popw_benches::kernel::{self, Kernel, Msm, PointLists};
use popw_benches::statement::{Kind, Statement};
use popw_kernels::backend;
use popw_kernels::bases::Curve;
use popw_kernels::{Backend, Bases, CancelToken, Control, G1, G2, Lists, Scalar, Transform};
use popw_prover::{Assignment, Options, Prover, TableFile, Watch};
use popw_verifier::{Bn254, Proof};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Prepares a kernel of one backend.
///
/// # Errors
/// If there is no such backend here, or the kernel has no such size.
pub(crate) fn kernel(backend: &str, kernel: Kernel, log2: u32) -> Result<Prepared, String> {
    let backend = backend::by_name(backend).map_err(|error| error.to_string())?;
    let size = 1_usize << log2;
    let (work, note): (Box<dyn Work>, _) = match kernel {
        Kernel::MsmG1 => (Box::new(MsmWork::<G1, G1Projective>::new(backend, size)), None),
        Kernel::MsmG2 => (Box::new(MsmWork::<G2, G2Projective>::new(backend, size)), None),
        Kernel::AdditionsG1 => (Box::new(AdditionsWork::new(backend, size)), None),
        Kernel::Ntt => (Box::new(NttWork::new(backend, size)), Some("natural order")),
        Kernel::Quotient => (Box::new(QuotientWork::new(backend, log2)?), None),
    };
    Ok(Prepared {
        work,
        note: note.map(str::to_owned),
        open_ms: None,
    })
}

/// Prepares our prover with one backend.
///
/// # Errors
/// If there is no such backend here, or a file cannot be used.
pub(crate) fn prover(
    backend: &str,
    key: &Path,
    witness: &Path,
    threads: usize,
    tables: Option<PathBuf>,
) -> Result<Prepared, String> {
    let options = Options {
        backend: Some(backend::by_name(backend).map_err(|error| error.to_string())?),
        threads: Some(threads),
        memory_cap: None,
        tables: tables.map_or(TableFile::None, TableFile::Path),
    };
    let (prover, open) = timed(|| Prover::open(key, &options))?;
    let witness = popw_keys::open_wtns(witness).map_err(|error| error.to_string())?;
    let work = ProofWork {
        prover,
        assignment: Assignment::new(witness).map_err(|error| error.to_string())?,
        random: StdRng::from_entropy(),
        proof: None,
    };
    Ok(Prepared {
        work: Box::new(work),
        note: Some(
            "verifies its proof within the time; the key is mapped, the assignment in memory".to_owned(),
        ),
        open_ms: Some(milliseconds(open)),
    })
}

struct ProofWork {
    prover: Prover,
    assignment: Assignment,
    random: StdRng,
    proof: Option<Proof<Bn254>>,
}

impl Work for ProofWork {
    fn run(&mut self) -> Result<Duration, String> {
        let (proof, time) = timed(|| {
            self.prover
                .prove(&self.assignment, &mut self.random, &Watch::silent())
        })?;
        self.proof = Some(proof);
        Ok(time)
    }

    fn check(&mut self) -> Reply {
        let public = self.assignment.public(self.prover.verifier().input_count());
        match &self.proof {
            Some(proof) => Reply::proof(proof, &public),
            None => Reply::failed("there is no proof yet"),
        }
    }
}

/// Runs something and says how long it took.
fn timed<T, E: ToString>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), String> {
    let start = Instant::now();
    let result = work().map_err(|error| error.to_string())?;
    Ok((result, start.elapsed()))
}

/// Points as a key stores them.
fn key_bytes<C: Curve>(points: &[C::Affine]) -> Vec<u8> {
    let mut bytes = vec![0; points.len() * C::POINT_BYTES];
    for (bytes, point) in bytes.chunks_exact_mut(C::POINT_BYTES).zip(points) {
        C::write(point, bytes);
    }
    bytes
}

struct MsmWork<C, G: CurveGroup> {
    backend: Arc<dyn Backend>,
    scalars: Vec<Scalar>,
    bases: Vec<u8>,
    expected: G,
    result: G,
    curve: std::marker::PhantomData<C>,
}

impl<C: Curve<Affine = G::Affine>, G: CurveGroup<ScalarField = Fr>> MsmWork<C, G> {
    fn new(backend: Arc<dyn Backend>, size: usize) -> Self {
        let msm = Msm::<G>::new(size);
        Self {
            backend,
            scalars: msm.scalars.iter().map(|scalar| scalar.into_bigint()).collect(),
            bases: key_bytes::<C>(&msm.bases),
            expected: msm.sum,
            result: G::zero(),
            curve: std::marker::PhantomData,
        }
    }
}

macro_rules! msm_work {
    ($curve:ty, $group:ty, $bases:ident => ($g1:expr, $g2:expr), $sums:ident) => {
        impl Work for MsmWork<$curve, $group> {
            fn run(&mut self) -> Result<Duration, String> {
                let cancel = CancelToken::new();
                let $bases = [Bases::new(&self.bases, 0).map_err(|error| error.to_string())?];
                let (sums, time) = timed(|| {
                    self.backend
                        .msm(&self.scalars, $g1, $g2, &Control::silent(&cancel))
                })?;
                self.result = *sums.$sums.first().ok_or("there is no sum")?;
                Ok(time)
            }

            fn check(&mut self) -> Reply {
                Reply::verdict(self.result == self.expected)
            }
        }
    };
}

msm_work!(G1, G1Projective, bases => (&bases, &[]), g1);
msm_work!(G2, G2Projective, bases => (&[], &bases), g2);

struct AdditionsWork {
    backend: Arc<dyn Backend>,
    bases: Vec<u8>,
    lists: PointLists<G1Projective>,
    sums: Vec<u8>,
}

impl AdditionsWork {
    fn new(backend: Arc<dyn Backend>, size: usize) -> Self {
        let lists = PointLists::new(size);
        Self {
            backend,
            bases: key_bytes::<G1>(&lists.bases),
            lists,
            sums: Vec::new(),
        }
    }
}

impl Work for AdditionsWork {
    fn run(&mut self) -> Result<Duration, String> {
        let cancel = CancelToken::new();
        let lists = Lists::<G1>::new(&self.bases, &self.lists.items, &self.lists.starts)
            .map_err(|error| error.to_string())?;
        self.sums = Vec::new();
        let (sums, time) = timed(|| self.backend.sums_g1(lists, &Control::silent(&cancel)))?;
        self.sums = sums;
        Ok(time)
    }

    fn check(&mut self) -> Reply {
        let sums = self.sums.chunks_exact(G1::POINT_BYTES);
        let total: G1Projective = sums.map(|bytes| G1Projective::from(G1::read(bytes))).sum();
        Reply::verdict(total == self.lists.total)
    }
}

struct NttWork {
    backend: Arc<dyn Backend>,
    input: Vec<Fr>,
    values: Vec<Fr>,
}

impl NttWork {
    fn new(backend: Arc<dyn Backend>, size: usize) -> Self {
        let input: Vec<Fr> = kernel::vector(size);
        Self {
            backend,
            values: input.clone(),
            input,
        }
    }
}

impl Work for NttWork {
    fn run(&mut self) -> Result<Duration, String> {
        let cancel = CancelToken::new();
        self.values.copy_from_slice(&self.input);
        let ((), time) = timed(|| {
            self.backend
                .ntt(&mut self.values, Transform::Forward, &Control::silent(&cancel))
        })?;
        Ok(time)
    }

    fn check(&mut self) -> Reply {
        let root = Fr::get_root_of_unity(self.input.len() as u64);
        Reply::verdict(root.map(|root| kernel::value(&self.input, root)) == self.values.get(1).copied())
    }
}

struct QuotientWork {
    backend: Arc<dyn Backend>,
    statement: Statement,
    size: usize,
    result: Vec<Scalar>,
}

impl QuotientWork {
    fn new(backend: Arc<dyn Backend>, log2: u32) -> Result<Self, String> {
        Ok(Self {
            backend,
            statement: Statement::new(Kind::Chain, log2)?,
            size: 1 << log2,
            result: Vec::new(),
        })
    }
}

impl Work for QuotientWork {
    fn run(&mut self) -> Result<Duration, String> {
        let cancel = CancelToken::new();
        self.result = Vec::new();
        let (result, time) = timed(|| {
            let rows = |rows, a: &mut [Fr], b: &mut [Fr]| self.statement.evaluate(rows, a, b);
            self.backend.quotient(self.size, &rows, &Control::silent(&cancel))
        })?;
        self.result = result;
        Ok(time)
    }

    fn check(&mut self) -> Reply {
        let (mut a, mut b) = (vec![Fr::default(); self.size], vec![Fr::default(); self.size]);
        self.statement.evaluate(0..self.size, &mut a, &mut b);
        let expected = kernel::quotient(&a, &b, 1).map(PrimeField::into_bigint);
        Reply::verdict(expected == self.result.get(1).copied())
    }
}
