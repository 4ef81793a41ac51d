//! Development keys: `.zkey` files made on one machine, by one party, who could forge. Good for demos, tests and benches;
//! everything that can refuse one does.
//!
//! A dev key is an ordinary key of snarkjs's format in every byte but one fact: nobody has contributed to it, yet its delta is
//! not 1. [`is_dev`] reads that. Its circuit hash (section 10) is the circuit id and zeros.
//!
//! The setup is snarkjs's `zkey new` with secrets of our own. The domain has the least power of two m (2 at least) of at
//! least constraints + public + 1 rows; row constraints + s puts 1 on wire s in A. With L_i the Lagrange polynomials of
//! the domain, a_s, b_s, c_s the sums of a wire's coefficients times L_row(tau), and gamma = 1:
//!
//! ```text
//! A_s = a_s    B_s = b_s    IC_s = beta a_s + alpha b_s + c_s    C_s = (beta a_s + alpha b_s + c_s) / delta
//! H_i = L'_(2i+1)(tau) / delta, L' those of the domain of 2 m: the odd coset
//! ```
//!
//! Memory: the key's bytes, 32 bytes for each wire three times and each row, and the circuit as `R1csFile` holds it.

use crate::assignment::canonical;
use crate::export::CircuitId;
use crate::options::{Options, thread_pool};
use crate::progress::{Phase, Watch};
use crate::prover::ProverError;
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, FftField, Field, UniformRand, batch_inversion};
use ark_std::rand::{CryptoRng, RngCore};
use popw_kernels::{Backend, CancelToken, Control, Curve, G1, KernelError, Scalar};
use popw_keys::ceremony::manifest::circuit_id;
use popw_keys::error::{FileError, ReadError, WriteError};
use popw_keys::hash::{Hash, hash_path, write_hash};
use popw_keys::r1cs::{CONSTRAINTS_MAX, Matrix, R1csFile};
use popw_keys::zkey::{Contributions, Header, Layout, NewKey, Zkey, domain_size};
use rayon::prelude::*;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use zeroize::{Zeroize, Zeroizing};

/// Field elements or rows between two looks at the cancel token: about a millisecond.
const PIECE: usize = 1 << 12;

/// Is a key of grade dev: has nobody contributed to it, so that whoever made it could forge? That a key has contributions
/// does not make it good; its ceremony's transcript has to show that.
pub fn is_dev(key: &Zkey) -> bool {
    key.contributions().list().is_empty()
}

/// What can go wrong with the setup, with writing a key, or with the cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevKeyError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The cache's folder cannot be used.
    #[error("{}: {source}", .path.display())]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The circuit cannot be read.
    #[error("the key's circuit: {0}")]
    Circuit(#[from] ReadError),
    /// The key breaks a limit of its format.
    #[error("the key: {0}")]
    Write(#[from] WriteError),
    /// The circuit has more rows than a key can have.
    #[error("the circuit has {rows} constraints and public inputs, the limit is {CONSTRAINTS_MAX}")]
    TooLarge {
        /// Constraints and public inputs.
        rows: u64,
    },
    /// An option cannot be granted, a kernel failed, or the caller cancelled.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

impl From<KernelError> for DevKeyError {
    fn from(error: KernelError) -> Self {
        Self::Prover(error.into())
    }
}

/// A key of grade dev, in memory.
pub struct DevKey(NewKey);

/// The secrets of a setup. Whoever knows them forges.
struct Trapdoor {
    tau: Fr,
    alpha: Fr,
    beta: Fr,
    delta: Fr,
}

impl Drop for Trapdoor {
    fn drop(&mut self) {
        for secret in [&mut self.tau, &mut self.alpha, &mut self.beta, &mut self.delta] {
            secret.zeroize();
        }
    }
}

impl Trapdoor {
    /// Draws tau, alpha, beta, delta in this order. tau is no root of unity of the doubled domain, no secret is 0 or 1,
    /// and no two of them are such that the key would be degenerate: all with probability 1 - 2^-220.
    fn draw(rng: &mut (impl RngCore + CryptoRng), domain: usize) -> Self {
        loop {
            let [tau, alpha, beta, delta] = [(); 4].map(|()| Fr::rand(rng));
            let plain = |secret: &Fr| *secret != Fr::ZERO && *secret * secret != Fr::ONE;
            let distinct = beta * beta != delta * delta;
            let outside = tau.pow([2 * domain as u64]) != Fr::ONE;
            let trapdoor = Self {
                tau,
                alpha,
                beta,
                delta,
            };
            if outside && distinct && [tau, alpha, beta, delta].iter().all(plain) {
                return trapdoor;
            }
        }
    }
}

impl DevKey {
    /// Makes a key for a circuit, given as its `.r1cs` file, from the randomness of `rng`, with the compute and the threads
    /// of `options`.
    ///
    /// # Errors
    /// If the circuit cannot be read or is too large, or the caller cancels.
    pub fn generate(
        r1cs_file: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
        options: &Options,
        watch: &Watch<'_>,
    ) -> Result<Self, DevKeyError> {
        watch.phase(Phase::Setup);
        let r1cs = R1csFile::read(r1cs_file)?;
        let domain = domain_size(&r1cs).map_err(|rows| DevKeyError::TooLarge { rows })?;
        let trapdoor = Trapdoor::draw(rng, domain as usize);
        let backend = options.backend().map_err(ProverError::from)?;
        let pool = thread_pool(options.threads).map_err(ProverError::from)?;
        let id = CircuitId::of(r1cs_file);
        pool.install(|| Self::setup(r1cs, id, domain, &trapdoor, backend.as_ref(), watch))
    }

    fn setup(
        r1cs: R1csFile,
        id: CircuitId,
        domain: u32,
        trapdoor: &Trapdoor,
        backend: &dyn Backend,
        watch: &Watch<'_>,
    ) -> Result<Self, DevKeyError> {
        let Trapdoor {
            tau,
            alpha,
            beta,
            delta,
        } = trapdoor;
        let cancel = watch.cancel_token();
        let wires = r1cs.header().wires;
        // Wires are counted in 32 bits, and public ones are some of them.
        let public = u32::try_from(r1cs.header().public()).unwrap_or(wires);
        let private = public as usize + 1;
        // Not drawn as zero.
        let over_delta = delta.inverse().unwrap_or_default();

        let size = domain as usize;
        let (mut a, mut b, c) = {
            let lagrange = lagrange(tau, size, Fr::ONE, Fr::ONE, cancel)?;
            let [a, b, c] = r1cs.matrices();
            let sum = |matrix| sums(matrix, &lagrange, wires as usize, cancel);
            let (a, (b, c)) = rayon::join(|| sum(a), || rayon::join(|| sum(b), || sum(c)));
            let (mut a, b, c) = (a?, b?, c?);
            let extra = lagrange.iter().skip(r1cs.header().constraints as usize);
            a.iter_mut()
                .take(private)
                .zip(extra)
                .for_each(|(a, value)| *a += value);
            (a, b, c)
        };
        // IC before C, which is over delta.
        let mut mixed = c;
        let pieces = mixed
            .par_chunks_mut(PIECE)
            .zip(a.par_chunks(PIECE))
            .zip(b.par_chunks(PIECE));
        pieces.enumerate().try_for_each(|(piece, ((mixed, a), b))| {
            if cancel.is_cancelled() {
                return Err(KernelError::Cancelled);
            }
            for (wire, ((mixed, a), b)) in (piece * PIECE..).zip(mixed.iter_mut().zip(a).zip(b)) {
                let sum = *beta * a + *alpha * b + *mixed;
                *mixed = if wire < private { sum } else { sum * over_delta };
            }
            Ok(())
        })?;
        let root =
            Fr::get_root_of_unity(2 * u64::from(domain)).ok_or(KernelError::Domain { got: 2 * size })?;

        let one = G1Affine::generator();
        let two = G2Affine::generator();
        let maker = Maker {
            backend,
            cancel,
            // In points of the first group; one of the second is the work of three.
            work: f64::from(wires) * 6.0 + f64::from(domain),
        };
        watch.during(Phase::Setup, |control| {
            let b_scalars = maker.canonical(&mut b)?;
            let b1 = maker.points(1.0, &b_scalars, control, |scalars, control| {
                backend.fixed_base_g1(one, scalars, control)
            })?;
            let b2 = maker.points(3.0, &b_scalars, control, |scalars, control| {
                backend.fixed_base_g2(two, scalars, control)
            })?;
            drop(b_scalars);
            let g1 = |mut values: Vec<Fr>| {
                let scalars = maker.canonical(&mut values)?;
                maker.points(1.0, &scalars, control, |scalars, control| {
                    backend.fixed_base_g1(one, scalars, control)
                })
            };
            let a = g1(std::mem::take(&mut a))?;
            let h = g1(lagrange(tau, size, root, over_delta, cancel)?)?;
            let c = g1(mixed.split_off(private.min(mixed.len())))?;
            let ic = g1(mixed)?.chunks_exact(G1::POINT_BYTES).map(G1::read).collect();
            let header = Header {
                wires,
                public,
                domain_size: domain,
                alpha_g1: (one * alpha).into_affine(),
                beta_g1: (one * beta).into_affine(),
                beta_g2: (two * beta).into_affine(),
                gamma_g2: two,
                delta_g1: (one * delta).into_affine(),
                delta_g2: (two * delta).into_affine(),
            };
            let mut circuit_hash = [0; 64];
            circuit_hash[..32].copy_from_slice(&id.0);
            Ok(Self(NewKey {
                r1cs,
                header,
                contributions: Contributions::none(circuit_hash),
                ic,
                a,
                b1,
                b2,
                c,
                h,
                layout: Layout::default(),
            }))
        })
    }

    /// Writes the key to a file, whole or not at all, and its hash to `PATH.sha256`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(&self, path: &Path) -> Result<Hash, DevKeyError> {
        Ok(self.0.save(path)?)
    }

    /// The bytes of the key's file.
    ///
    /// # Errors
    /// If the key exceeds the format's limits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DevKeyError> {
        Ok(self.0.to_bytes()?)
    }

    /// The key of a circuit from the user's cache, made first if it is not there: its path, and `true` if it was made now.
    ///
    /// The cache is `$POPW_CACHE`, else `$XDG_CACHE_HOME/popw`, else `$HOME/.cache/popw`; a key's name is the circuit id and
    /// `.zkey`. A file that does not have the hash beside it is made again.
    ///
    /// # Errors
    /// If the key can neither be read nor made, or not be stored.
    pub fn cached(
        r1cs_file: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
        options: &Options,
        watch: &Watch<'_>,
    ) -> Result<(PathBuf, bool), DevKeyError> {
        let folder = cache_folder();
        let id = CircuitId::of(r1cs_file);
        let path = folder.join(format!("{id}.zkey"));
        watch.phase(Phase::Key);
        if is_whole(&path, id) {
            return Ok((path, false));
        }
        let cache = |path: &Path| {
            let path = path.to_owned();
            move |source| DevKeyError::Cache { path, source }
        };
        fs::create_dir_all(&folder).map_err(cache(&folder))?;
        let key = Self::generate(r1cs_file, rng, options, watch)?;
        // Of several processes that make the key at once, the first one's stays: a link is not made over a file.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let own = folder.join(format!("{id}.new-{process}-{count}.zkey"));
        let hash = key.save(&own)?;
        let keep = || -> Result<bool, DevKeyError> {
            match fs::hard_link(&own, &path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists && is_whole(&path, id) => {
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    fs::rename(&own, &path).map_err(cache(&path))?;
                }
                Err(error) => return Err(cache(&path)(error)),
            }
            write_hash(&path, &hash)?;
            Ok(true)
        };
        let kept = keep();
        for rest in [hash_path(&own), own] {
            // Gone already if it was renamed.
            let _ = fs::remove_file(rest);
        }
        Ok((path, kept?))
    }
}

/// Is there a key of this circuit that has the hash beside it?
fn is_whole(path: &Path, id: CircuitId) -> bool {
    Zkey::open(path)
        .is_ok_and(|key| circuit_id(&key, None) == Some(id.0) && key.check_hash(path).unwrap_or(false))
}

/// scale * L_i(tau) for all i, L_i the Lagrange polynomials of the points `first` w^i that, with `first` = 1, are the whole
/// domain of `size` points, and else, with `first` a root of 2 `size` order, its odd coset in the doubled domain.
fn lagrange(
    tau: &Fr,
    size: usize,
    first: Fr,
    scale: Fr,
    cancel: &CancelToken,
) -> Result<Vec<Fr>, KernelError> {
    let error = KernelError::Domain { got: size };
    let root = Fr::get_root_of_unity(size as u64).ok_or_else(|| error.clone())?;
    // L of a domain of n points at x is (tau^n - 1) / n * x / (tau - x).
    let points = if first == Fr::ONE {
        size as u64
    } else {
        2 * size as u64
    };
    let over = Fr::from(points).inverse().ok_or(error)?;
    let factor = scale * over * (tau.pow([points]) - Fr::ONE);
    let mut values = vec![Fr::ZERO; size];
    let pieces = values.par_chunks_mut(PIECE).enumerate();
    pieces.try_for_each(|(piece, values)| {
        if cancel.is_cancelled() {
            return Err(KernelError::Cancelled);
        }
        let start = first * root.pow([(piece * PIECE) as u64]);
        let mut point = start;
        for value in values.iter_mut() {
            *value = *tau - point;
            point *= root;
        }
        batch_inversion(values);
        point = start * factor;
        for value in values {
            *value *= point;
            point *= root;
        }
        Ok(())
    })?;
    Ok(values)
}

/// For each wire the sum of its coefficients times the Lagrange value of their row.
fn sums(
    matrix: &Matrix,
    lagrange: &[Fr],
    wires: usize,
    cancel: &CancelToken,
) -> Result<Vec<Fr>, KernelError> {
    let mut sums = vec![Fr::ZERO; wires];
    for (index, (terms, value)) in matrix.rows().zip(lagrange).enumerate() {
        if index.is_multiple_of(PIECE) && cancel.is_cancelled() {
            return Err(KernelError::Cancelled);
        }
        for (wire, coefficient) in terms {
            sums[*wire as usize] += *coefficient * value;
        }
    }
    Ok(sums)
}

/// Turns scalars into points.
struct Maker<'a> {
    backend: &'a dyn Backend,
    cancel: &'a CancelToken,
    work: f64,
}

impl Maker<'_> {
    /// The scalars of field elements, which are erased: together they are as good as the trapdoor.
    fn canonical(&self, values: &mut [Fr]) -> Result<Zeroizing<Vec<Scalar>>, KernelError> {
        let scalars = canonical(self.backend, values, self.cancel);
        values.iter_mut().zeroize();
        scalars
    }

    /// Points of scalars, each of which is `weight` of the work.
    fn points(
        &self,
        weight: f64,
        scalars: &[Scalar],
        control: &Control<'_>,
        make: impl FnOnce(&[Scalar], &Control<'_>) -> Result<Vec<u8>, KernelError>,
    ) -> Result<Vec<u8>, KernelError> {
        let count = f64::from(u32::try_from(scalars.len()).unwrap_or(u32::MAX));
        let part = |part: f64| control.advance(part * weight * count / self.work);
        make(scalars, &Control::new(self.cancel, &part))
    }
}

/// Where cached keys are.
pub fn cache_folder() -> PathBuf {
    let from = |variable| {
        std::env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("POPW_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|folder| folder.join("popw")))
        .or_else(|| from("HOME").map(|folder| folder.join(".cache").join("popw")))
        .unwrap_or_else(|| std::env::temp_dir().join("popw-cache"))
}
