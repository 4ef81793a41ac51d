//! Development keys: made on one machine, by one party, who could forge. Good for demos, tests and benches; everything that can
//! refuse one does.
//!
//! A key file holds the circuit's `.r1cs` and arkworks' proving key, so that `popw prove KEY WTNS ...` needs nothing else:
//! `"popw-dev" | version u32 | length u64 | .r1cs | length u64 | proving key (arkworks, uncompressed) | SHA-256 of all before`,
//! little-endian. The grade is in the magic: there is no production key in this format.

use crate::export::CircuitId;
use crate::progress::{Phase, Progress};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, ProvingKey};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use ark_std::rand::{CryptoRng, RngCore};
use popw_keys::error::ReadError;
use popw_keys::r1cs::R1csFile;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"popw-dev";
const VERSION: u32 = 1;
/// A key of 2^20 constraints has about 700 MB in this format.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// A proving key of grade `dev` with its circuit.
pub struct DevKey {
    circuit_id: CircuitId,
    r1cs: R1csFile,
    proving_key: ProvingKey<Bn254>,
}

/// What can be wrong with a development key or its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevKeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a development key, or not whole.
    #[error("{path}: not a popw development key: {reason} (make one with `popw keys dev`)")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The circuit cannot be read.
    #[error("the key's circuit: {0}")]
    Circuit(#[from] ReadError),
    /// The setup failed.
    #[error("the setup failed: {0}")]
    Setup(#[from] SynthesisError),
}

/// Feeds a stored constraint system to arkworks.
struct Stored<'a>(&'a R1csFile);

impl ConstraintSynthesizer<Fr> for Stored<'_> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let header = self.0.header();
        let instance = header.public();
        let mut variables = vec![Variable::One];
        for wire in 1..u64::from(header.wires) {
            variables.push(match wire <= instance {
                true => cs.new_input_variable(|| Ok(Fr::from(0u64)))?,
                false => cs.new_witness_variable(|| Ok(Fr::from(0u64)))?,
            });
        }
        for constraint in self.0.constraints() {
            let [a, b, c] = constraint.map(|terms| {
                let terms = terms
                    .iter()
                    .map(|(wire, coefficient)| (*coefficient, variables[*wire as usize]));
                LinearCombination(terms.collect())
            });
            cs.enforce_r1cs_constraint(|| a, || b, || c)?;
        }
        Ok(())
    }
}

impl DevKey {
    /// Makes a key for a circuit, given as its `.r1cs` file, from the randomness of `rng`.
    ///
    /// # Errors
    /// If the circuit cannot be read or is too large.
    pub fn generate(
        r1cs_file: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
        progress: &dyn Progress,
    ) -> Result<Self, DevKeyError> {
        let r1cs = R1csFile::read(r1cs_file)?;
        progress.phase(Phase::Setup);
        let proving_key = Groth16::<Bn254>::generate_random_parameters_with_reduction(Stored(&r1cs), rng)?;
        Ok(Self {
            circuit_id: CircuitId::of(r1cs_file),
            r1cs,
            proving_key,
        })
    }

    /// The circuit that the key is for.
    pub fn circuit_id(&self) -> CircuitId {
        self.circuit_id
    }

    /// The constraints.
    pub fn r1cs(&self) -> &R1csFile {
        &self.r1cs
    }

    /// The proving key.
    pub fn proving_key(&self) -> &ProvingKey<Bn254> {
        &self.proving_key
    }

    /// Writes the key to a file: whole, or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DevKeyError> {
        let io = |source| DevKeyError::Io {
            path: path.to_owned(),
            source,
        };
        let format = |reason: String| DevKeyError::Format {
            path: path.to_owned(),
            reason,
        };
        let mut r1cs = Vec::new();
        self.r1cs
            .write(&mut r1cs)
            .map_err(|error| format(error.to_string()))?;
        let mut key = Vec::with_capacity(self.proving_key.uncompressed_size());
        self.proving_key
            .serialize_uncompressed(&mut key)
            .map_err(|error| format(error.to_string()))?;
        let mut bytes = Vec::with_capacity(r1cs.len() + key.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for part in [&r1cs, &key] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        let partial = path.with_extension(format!("partial-{}", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&partial)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)
        };
        write().map_err(|source| {
            // Best effort: the error that matters is the first one.
            let _ = fs::remove_file(&partial);
            io(source)
        })
    }

    /// Reads a key. Its digest is checked, its points are then trusted: it is a development key.
    ///
    /// # Errors
    /// If the file cannot be read, is not a development key, or is damaged.
    pub fn load(path: &Path) -> Result<Self, DevKeyError> {
        let io = |source| DevKeyError::Io {
            path: path.to_owned(),
            source,
        };
        let format = |reason: &str| DevKeyError::Format {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let length = fs::metadata(path).map_err(io)?.len();
        if length > FILE_BYTES_MAX {
            return Err(format(&format!(
                "it has {length} bytes, the limit is {FILE_BYTES_MAX}"
            )));
        }
        let bytes = fs::read(path).map_err(io)?;
        let (body, digest) = bytes
            .split_last_chunk::<32>()
            .ok_or_else(|| format("it is too short"))?;
        let mut rest = body
            .strip_prefix(MAGIC.as_slice())
            .ok_or_else(|| format("it does not begin with popw-dev"))?;
        if *digest != <[u8; 32]>::from(Sha256::digest(body)) {
            return Err(format("its digest does not match: it is damaged or cut off"));
        }
        let (version, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| format("it is too short"))?;
        if u32::from_le_bytes(*version) != VERSION {
            return Err(format("it has another version"));
        }
        rest = after;
        let mut part = || -> Option<&[u8]> {
            let (length, after) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let part = after.get(..length)?;
            rest = &after[length..];
            Some(part)
        };
        let r1cs_file = part().ok_or_else(|| format("the circuit is cut off"))?;
        let key = part().ok_or_else(|| format("the proving key is cut off"))?;
        let proving_key = ProvingKey::deserialize_uncompressed_unchecked(key)
            .map_err(|error| format(&format!("the proving key: {error}")))?;
        let r1cs = R1csFile::read(r1cs_file)?;
        if !fits(&proving_key, &r1cs) {
            return Err(format(
                "its proving key is for another circuit than the one it holds",
            ));
        }
        Ok(Self {
            circuit_id: CircuitId::of(r1cs_file),
            r1cs,
            proving_key,
        })
    }

    /// The key of a circuit from the user's cache, made first if it is not there; `true` if it was made now.
    ///
    /// The cache is `$POPW_CACHE`, else `$XDG_CACHE_HOME/popw`, else `$HOME/.cache/popw`. A damaged file is made again.
    ///
    /// # Errors
    /// If the key can neither be read nor made, or not be stored.
    pub fn cached(
        r1cs_file: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
        progress: &dyn Progress,
    ) -> Result<(Self, bool), DevKeyError> {
        let folder = cache_folder();
        let path = folder.join(format!("{}.dev-key", CircuitId::of(r1cs_file)));
        progress.phase(Phase::Key);
        if path.exists()
            && let Ok(key) = Self::load(&path)
        {
            return Ok((key, false));
        }
        let key = Self::generate(r1cs_file, rng, progress)?;
        let io = |source| DevKeyError::Io {
            path: folder.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(io)?;
        // Of several processes that make the key at once, the first one's stays: a link is not made over a file.
        let own = path.with_extension(format!("new-{}", std::process::id()));
        key.save(&own)?;
        let kept = match fs::hard_link(&own, &path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match Self::load(&path) {
                Ok(first) => Ok((first, false)),
                Err(_) => fs::rename(&own, &path).map(|()| (key, true)),
            },
            Err(error) => Err(error),
            Ok(()) => Ok((key, true)),
        };
        // Gone already if it was renamed.
        let _ = fs::remove_file(&own);
        kept.map_err(io)
    }
}

/// Does a key have the numbers of points that the circuit needs?
fn fits(key: &ProvingKey<Bn254>, r1cs: &R1csFile) -> bool {
    let header = r1cs.header();
    let wires = header.wires as usize;
    let instance = usize::try_from(header.public())
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let domain = (header.constraints as usize + instance).next_power_of_two();
    key.vk.gamma_abc_g1.len() == instance
        && [key.a_query.len(), key.b_g1_query.len(), key.b_g2_query.len()] == [wires; 3]
        && key.l_query.len() + instance == wires
        && key.h_query.len() + 1 == domain
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
