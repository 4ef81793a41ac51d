//! [`Keys`]: the proving keys of a process, by circuit and verifying key.
//!
//! Depends on: `popw-prover`. Where to go next: [`crate::queue`] for what is checked with them, [`crate::worker`] for what is proven.

use crate::id::Digest;
use popw_keys::ceremony::Manifest;
use popw_keys::ceremony::manifest::{ManifestError, circuit_id};
use popw_prover::dev_key::is_dev;
use popw_prover::{CircuitId, Options, Prover, ProverError};
use popw_verifier::snarkjs::{self, SnarkjsError};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// How the names of keys' files end.
const EXTENSION: &str = ".zkey";

/// Names a circuit and a key of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    /// SHA-256 of the circuit's `.r1cs`.
    pub circuit: Digest,
    /// SHA-256 of the key's `verification_key.json`.
    pub key: Digest,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit {}, verifying key {}", self.circuit, self.key)
    }
}

/// A proving key, ready to prove.
pub struct Key {
    /// Its name.
    pub name: KeyName,
    /// Its file's name, for people.
    pub file: String,
    /// The prover.
    pub prover: Prover,
    /// Whoever made it can forge proofs.
    pub is_dev: bool,
    /// `verification_key.json`.
    pub verification_key: String,
    /// Bytes of memory that a proof takes.
    pub memory: u64,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The prover refuses it.
    #[error("{path}: {source}")]
    Prover {
        /// The key's file.
        path: PathBuf,
        /// Why.
        source: Box<ProverError>,
    },
    /// Its manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its verifying key cannot be written.
    #[error("{path}: {source}")]
    VerifyingKey {
        /// The key's file.
        path: PathBuf,
        /// Why.
        source: SnarkjsError,
    },
    /// Neither the key nor a file beside it says which circuit it is of.
    #[error("{key}: the key does not say which circuit it is of; put the circuit's file beside it as {r1cs}")]
    NoCircuit {
        /// The key's file.
        key: PathBuf,
        /// Where the circuit was looked for.
        r1cs: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that is no file's.
    #[error("{0:?} is not the name of a .zkey file")]
    Name(String),
    /// Two files are the same key.
    #[error("{second} is the same key as {first}")]
    Twice {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
}

impl Key {
    /// Opens a key file. Which circuit it is of, the key says itself, or its manifest, or `KEY.r1cs` beside `KEY.zkey`.
    ///
    /// # Errors
    /// If it cannot be used, or nobody says which circuit it is of.
    pub fn open(path: &Path, options: &Options) -> Result<Self, LoadError> {
        let prover = Prover::open(path, options).map_err(|source| LoadError::Prover {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let manifest = Manifest::path_beside(path);
        let manifest = manifest
            .is_file()
            .then(|| Manifest::read(&manifest))
            .transpose()?;
        let circuit = match circuit_id(prover.key(), manifest.as_ref()) {
            Some(circuit) => Digest(circuit),
            None => circuit_beside(path)?,
        };
        let verification_key = snarkjs::write_verifying_key(prover.verifier().key()).map_err(|source| {
            LoadError::VerifyingKey {
                path: path.to_owned(),
                source,
            }
        })?;
        Ok(Self {
            name: KeyName {
                circuit,
                key: Digest::of(verification_key.as_bytes()),
            },
            file: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            is_dev: is_dev(prover.key()),
            memory: prover.estimate().memory_bytes,
            verification_key,
            prover,
        })
    }
}

fn circuit_beside(key: &Path) -> Result<Digest, LoadError> {
    let r1cs = key.with_extension("r1cs");
    match fs::read(&r1cs) {
        Ok(bytes) => Ok(Digest(CircuitId::of(&bytes).0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LoadError::NoCircuit {
            key: key.to_owned(),
            r1cs,
        }),
        Err(source) => Err(LoadError::Io { path: r1cs, source }),
    }
}

/// See the module.
pub struct Keys {
    loaded: RwLock<Vec<Arc<Key>>>,
    folder: PathBuf,
    options: Options,
}

impl Keys {
    /// None yet. More may come from the files of a folder, and prove with these options.
    pub fn new(folder: PathBuf, options: Options) -> Self {
        Self {
            loaded: RwLock::default(),
            folder,
            options,
        }
    }

    /// Opens a key and adds it.
    ///
    /// # Errors
    /// If it cannot be used, or is there.
    pub fn open(&self, path: &Path) -> Result<Arc<Key>, LoadError> {
        let key = Arc::new(Key::open(path, &self.options)?);
        self.add(key.clone())?;
        Ok(key)
    }

    /// Opens a file of the folder and adds it.
    ///
    /// # Errors
    /// If it is no file of the folder itself, cannot be used, or is there.
    pub fn load(&self, file: &str) -> Result<Arc<Key>, LoadError> {
        let is_plain = Path::new(file).file_name().is_some_and(|name| name == file);
        match is_plain && file.ends_with(EXTENSION) {
            true => self.open(&self.folder.join(file)),
            false => Err(LoadError::Name(file.to_owned())),
        }
    }

    /// Adds a key.
    ///
    /// # Errors
    /// If it is there.
    pub fn add(&self, key: Arc<Key>) -> Result<(), LoadError> {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = loaded.iter().find(|other| other.name == key.name) {
            return Err(LoadError::Twice {
                first: first.file.clone(),
                second: key.file.clone(),
            });
        }
        loaded.push(key);
        Ok(())
    }

    /// Takes a key away. Whoever has it ends what they do with it.
    pub fn remove(&self, name: &KeyName) -> Option<Arc<Key>> {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let place = loaded.iter().position(|key| key.name == *name)?;
        Some(loaded.remove(place))
    }

    /// The `.zkey` files of a folder, by name. None if there is no folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let failed = |source| LoadError::Io {
            path: folder.to_owned(),
            source,
        };
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.to_string_lossy().ends_with(EXTENSION) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Key>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key of a name.
    pub fn get(&self, name: &KeyName) -> Option<Arc<Key>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.iter().find(|key| key.name == *name).cloned()
    }
}
