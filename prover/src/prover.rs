//! [`Prover`]: Groth16 over a memory-mapped `.zkey`, from an assignment to a verified proof.
//!
//! The relation is that of snarkjs's keys. With w the wires, and a, b the rows of A w and B w on a domain of m rows (the
//! rows behind the constraints bind the public inputs and are listed in the key like all others):
//!
//! ```text
//! h    = values of a b - c at the odd points of the domain of 2 m, c = a o b on the domain
//! pi_a = alpha + sum w_i A_i + r delta           in G1
//! pi_b = beta  + sum w_i B_i + s delta           in G2, and in G1 for the next line
//! pi_c = sum w_i C_i + sum h_i H_i + s pi_a + r pi_b - r s delta
//! ```
//!
//! The order of work keeps memory flat: the quotient first, then the sum over it, then, with the quotient gone, the sums
//! over the witness, which share their preparation. Nothing of the key is copied or parsed ahead but an index of the
//! rows ([`crate::rows`]).
//!
//! Depends on: `popw-keys` for the key, `popw-kernels` for everything expensive, `popw-verifier` for the last word. Where
//! to go next: [`crate::options`] for what a caller may choose, [`crate::estimate`] for memory and time.

use crate::assignment::{Assignment, NotCanonical, canonical};
use crate::backend::BackendError;
use crate::estimate::{Estimate, Rate};
use crate::options::{Options, TableFile, thread_pool};
use crate::progress::{Phase, Watch};
use crate::rows::Rows;
use crate::tables::{Tables, TablesError};
use ark_bn254::{Bn254, Fr, G1Projective, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::UniformRand;
use ark_groth16::Proof;
use ark_std::rand::{CryptoRng, RngCore};
use popw_kernels::{Backend, Bases, BasesError, CancelToken, Control, G1, G2, KernelError, Residence};
use popw_keys::error::{FileError, ReadError};
use popw_keys::hash::{Hash, read_hash};
use popw_keys::{R1csFile, Zkey};
use popw_verifier::{KeyError, Verifier, VerifyError};
use rayon::{ThreadPool, ThreadPoolBuildError};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use zeroize::Zeroizing;

/// Bytes of a key that are hashed between two looks at the cancel token: about ten milliseconds.
const HASH_PIECE: usize = 1 << 22;

/// Makes proofs with one key. It may be shared between threads; each proof uses all of the prover's own.
pub struct Prover {
    key: Zkey,
    path: Option<PathBuf>,
    verifier: Verifier,
    backend: Arc<dyn Backend>,
    pool: ThreadPool,
    memory_cap: Option<u64>,
    tables: Option<Tables>,
    /// Of the key's bytes and the tables'.
    residence: Residence,
    /// Made by the first proof, kept for the others.
    rows: OnceLock<Rows>,
    rate: Rate,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProverError {
    /// The key file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key in memory cannot be used, or a coefficient of a key is impossible: it is damaged.
    #[error("{0}; `popw keys verify KEY` says what else is wrong with the key")]
    Key(#[from] ReadError),
    /// The key's verifying part is degenerate: its proofs would prove nothing.
    #[error("the key is refused: {0}")]
    Degenerate(#[from] KeyError),
    /// No such backend here.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The operating system gives no threads.
    #[error("the prover's threads cannot be started: {0}")]
    Threads(#[from] ThreadPoolBuildError),
    /// A file of tables was asked for and cannot be used.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// A proof needs more memory than the caller allows.
    #[error("a proof with this key needs {needed} bytes of memory, {cap} are allowed")]
    Memory {
        /// The upper bound of what is needed.
        needed: u64,
        /// The caller's limit.
        cap: u64,
    },
    /// The assignment belongs to another circuit.
    #[error(
        "the assignment has {got} wires, the key's circuit has {expected}: it was made for another circuit"
    )]
    Wires {
        /// Wires of the key's circuit.
        expected: usize,
        /// Wires given.
        got: usize,
    },
    /// The constant wire is not one.
    #[error("wire 0 of the assignment is not 1")]
    ConstantWire,
    /// A value is no field element.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The assignment violates a constraint; no proof of it would verify.
    #[error("the assignment violates constraint {row} of {of}: the claim is false or the witness damaged")]
    Unsatisfied {
        /// The first violated constraint.
        row: usize,
        /// Number of constraints.
        of: usize,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A kernel refused its input.
    #[error("proving failed: {0}")]
    Kernel(KernelError),
    /// The points of the key do not have the sizes that its header says.
    #[error("proving failed: {0}")]
    Bases(#[from] BasesError),
    /// The proof did not verify, and the key is not the one whose hash stands beside it.
    #[error(
        "the new proof does not verify because the key is damaged: its SHA-256 is {}, expected {}; \
         nothing was returned. Fetch or make the key again",
        hex::encode(.got), hex::encode(.expected)
    )]
    Damaged {
        /// The hash in the file beside the key.
        expected: Hash,
        /// The hash of the key.
        got: Hash,
    },
    /// The proof did not verify; it was not returned.
    #[error(
        "the new proof does not verify ({0}); nothing was returned. Either the witness does not satisfy the circuit \
         (`snarkjs wtns check CIRCUIT.r1cs WITNESS.wtns` tells, or `popw prove --r1cs CIRCUIT.r1cs`), or the key or its tables \
         are damaged (`popw keys verify KEY` tells)"
    )]
    SelfVerification(VerifyError),
}

impl From<KernelError> for ProverError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Cancelled => Self::Cancelled,
            error => Self::Kernel(error),
        }
    }
}

impl Prover {
    /// Opens a key file: it is mapped, its header and verifying key are checked, nothing else is read.
    ///
    /// # Errors
    /// If the file is no Groth16 key over BN254 or a key that must not be used, or an option cannot be granted.
    pub fn open(key: impl AsRef<Path>, options: &Options) -> Result<Self, ProverError> {
        let path = key.as_ref();
        let mut prover = Self::with_key(Zkey::open(path)?, options)?;
        prover.path = Some(path.to_owned());
        prover.tables = prover.find_tables(path, options)?;
        Ok(prover)
    }

    /// A prover with a key that is open already, without tables.
    ///
    /// # Errors
    /// If the key must not be used, or an option cannot be granted.
    pub fn with_key(key: Zkey, options: &Options) -> Result<Self, ProverError> {
        Ok(Self {
            verifier: Verifier::new(key.verifying_key().clone())?,
            backend: options.backend()?,
            pool: thread_pool(options.threads)?,
            memory_cap: options.memory_cap,
            key,
            path: None,
            tables: None,
            residence: Residence::new(),
            rows: OnceLock::new(),
            rate: Rate::default(),
        })
    }

    /// The key.
    pub fn key(&self) -> &Zkey {
        &self.key
    }

    /// The verifier of this prover's proofs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The compute.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// How many threads a proof uses.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The tables of multiples in use, if any.
    pub fn tables(&self) -> Option<&Tables> {
        self.tables.as_ref()
    }

    /// An assignment of field elements: wire 0 is one, then the public inputs, then the private wires.
    pub fn assignment(&self, values: &[Fr]) -> Assignment {
        let never = CancelToken::new();
        let converted = self.pool.install(|| canonical(self.backend(), values, &never));
        // Only a cancelled conversion fails.
        Assignment::of_canonical(converted.unwrap_or_default())
    }

    /// What a proof takes: see [`Estimate`]. The first call may measure for some milliseconds.
    pub fn estimate(&self) -> Estimate {
        let permuted = self.rows.get().is_some_and(Rows::is_permuted);
        let rate = || {
            let points = self.key.a();
            self.pool.install(|| self.rate.measured(self.backend(), points))
        };
        Estimate::new(&self.key, self.tables.as_ref(), permuted, rate)
    }

    /// Proves an assignment and verifies the proof.
    ///
    /// # Errors
    /// If the assignment does not fit or satisfy the circuit, or the caller cancels. A proof that does not verify is
    /// never returned.
    pub fn prove(
        &self,
        assignment: &Assignment,
        rng: &mut (impl RngCore + CryptoRng),
        watch: &Watch<'_>,
    ) -> Result<Proof<Bn254>, ProverError> {
        let wires = self.key.header().wires as usize;
        if assignment.scalars().len() != wires {
            return Err(ProverError::Wires {
                expected: wires,
                got: assignment.scalars().len(),
            });
        }
        if !assignment.begins_with_one() {
            return Err(ProverError::ConstantWire);
        }
        let needed = Estimate::memory(&self.key, false);
        if let Some(cap) = self.memory_cap.filter(|cap| needed > *cap) {
            return Err(ProverError::Memory { needed, cap });
        }
        let r = Zeroizing::new(Fr::rand(rng));
        let s = Zeroizing::new(Fr::rand(rng));
        let started = Instant::now();
        let attempt = |backend: &dyn Backend| {
            let proof = self
                .pool
                .install(|| self.compute(backend, assignment, &r, &s, watch))?;
            watch.phase(Phase::SelfVerification);
            let public = assignment.public(self.verifier.input_count());
            Ok::<_, ProverError>((self.verifier.verify(&public, &proof), proof))
        };
        let (mut verdict, mut proof) = attempt(self.backend())?;
        if verdict.is_err()
            && let Some(other) = self.backend.fallback()
        {
            (verdict, proof) = attempt(other.as_ref())?;
            // If the other proof is wrong too, the assignment or the key is.
            if verdict.is_ok() {
                self.backend.distrust();
            }
        }
        verdict.map_err(|error| self.blame(error, watch.cancel_token()))?;
        self.rate.record(&self.key, started.elapsed());
        Ok(proof)
    }

    /// Why a proof did not verify, for callers who have the circuit: the first constraint that the assignment violates.
    pub fn explain(&self, r1cs: &R1csFile, assignment: &Assignment) -> Option<ProverError> {
        let row = assignment.first_violation(r1cs)?;
        Some(ProverError::Unsatisfied {
            row,
            of: r1cs.header().constraints as usize,
        })
    }

    fn compute(
        &self,
        backend: &dyn Backend,
        assignment: &Assignment,
        r: &Fr,
        s: &Fr,
        watch: &Watch<'_>,
    ) -> Result<Proof<Bn254>, ProverError> {
        let (key, header, scalars) = (&self.key, self.key.header(), assignment.scalars());
        let (tables, name) = (self.tables.as_ref(), &self.residence);
        let h = tables
            .map_or_else(|| Bases::new(key.h(), 0), Tables::h)?
            .kept(name);
        let h = watch.during(Phase::Quotient, |control| {
            self.quotient_sum(backend, assignment, &h, watch, control)
        })?;

        let a: Bases<'_, G1> = tables
            .map_or_else(|| Bases::new(key.a(), 0), Tables::a)?
            .kept(name);
        let b1 = tables
            .map_or_else(|| Bases::new(key.b1(), 0), Tables::b1)?
            .kept(name);
        let first_private = header.public as usize + 1;
        let c = tables
            .map_or_else(|| Bases::new(key.c(), first_private), Tables::c)?
            .kept(name);
        let b2: Bases<'_, G2> = tables
            .map_or_else(|| Bases::new(key.b2(), 0), Tables::b2)?
            .kept(name);
        let sums = watch.during(Phase::WitnessSums, |control| {
            Ok::<_, ProverError>(backend.msm(scalars, &[a, b1, c], &[b2], control)?)
        })?;
        // One sum for each set of bases; if a backend gave fewer, the proof would not verify.
        let g1 = |index: usize| -> G1Projective { sums.g1.get(index).copied().unwrap_or_default() };
        let b2: G2Projective = sums.g2.first().copied().unwrap_or_default();

        let rs = Zeroizing::new(*r * *s);
        let delta = header.delta_g1;
        let pi_a = g1(0) + header.alpha_g1 + delta * r;
        let pi_b1 = g1(1) + header.beta_g1 + delta * s;
        let pi_b = b2 + header.beta_g2 + header.delta_g2 * s;
        let pi_c = g1(2) + h + pi_a * s + pi_b1 * r - delta * *rs;
        Ok(Proof {
            a: pi_a.into_affine(),
            b: pi_b.into_affine(),
            c: pi_c.into_affine(),
        })
    }

    /// The sum over the H query.
    fn quotient_sum(
        &self,
        backend: &dyn Backend,
        assignment: &Assignment,
        h: &Bases<'_, G1>,
        watch: &Watch<'_>,
        control: &Control<'_>,
    ) -> Result<G1Projective, ProverError> {
        let cancel = watch.cancel_token();
        let rows = self.rows(cancel)?;
        let coefficients = self.key.coefficients();
        let domain = self.key.header().domain_size as usize;
        let evaluate = |range, a: &mut [Fr], b: &mut [Fr]| {
            rows.evaluate(&coefficients, assignment.scalars(), range, (a, b), cancel);
        };
        Ok(backend.quotient_sum(domain, &evaluate, h, control)?)
    }

    /// Two first proofs at once may both make them. Neither waits for the other: a worker that waits takes up other work, which may be the proof that it
    /// waits for.
    fn rows(&self, cancel: &CancelToken) -> Result<&Rows, ProverError> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let domain = self.key.header().domain_size as usize;
        let rows = Rows::new(&self.key.coefficients(), domain, cancel)?;
        Ok(self.rows.get_or_init(|| rows))
    }

    /// Tables are used if their file is there, made from this key, and fits into the caller's memory.
    fn find_tables(&self, key: &Path, options: &Options) -> Result<Option<Tables>, ProverError> {
        let found = match &options.tables {
            TableFile::None => None,
            TableFile::Beside => {
                let path = Tables::path_beside(key);
                // Tables that were not asked for by name and do not fit are as good as none.
                path.exists().then(|| self.open_tables(&path, key).ok()).flatten()
            }
            TableFile::Path(path) => Some(self.open_tables(path, key)?),
        };
        let fits = |tables: &Tables| {
            let needed = Estimate::memory(&self.key, false) + tables.bytes();
            self.memory_cap.is_none_or(|cap| needed <= cap)
        };
        Ok(found.filter(fits))
    }

    fn open_tables(&self, path: &Path, key: &Path) -> Result<Tables, ProverError> {
        // The hash beside the key spares reading all of it.
        let hash = read_hash(key)?.unwrap_or_else(|| self.key.sha256());
        Ok(Tables::open(path, self.key.header(), &hash)?)
    }

    /// Whose fault it is that a proof does not verify, as far as the prover can tell.
    fn blame(&self, error: VerifyError, cancel: &CancelToken) -> ProverError {
        let known = self.path.as_deref().map(read_hash);
        let Some(Ok(Some(expected))) = known else {
            return ProverError::SelfVerification(error);
        };
        let mut hash = Sha256::new();
        for piece in self.key.bytes().chunks(HASH_PIECE) {
            if cancel.is_cancelled() {
                return ProverError::Cancelled;
            }
            hash.update(piece);
        }
        let got = hash.finalize().into();
        match got == expected {
            true => ProverError::SelfVerification(error),
            false => ProverError::Damaged { expected, got },
        }
    }
}
