//! Statements, keys and witnesses in the cache: the same files for every peer that reads them.
//!
//! Depends on: `popw_prover` for the key and its tables. Where to go next: `popw_benches::statement`.

use crate::error::Error;
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_benches::statement::{Kind, Statement};
use popw_keys::{WriteError, Zkey, write_file};
use popw_prover::{DevKey, Options, Tables, Watch};
use popw_verifier::Verifier;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The files of a statement of one size.
pub(crate) struct Files {
    /// The constraints.
    pub(crate) r1cs: PathBuf,
    /// The key, of grade dev.
    pub(crate) zkey: PathBuf,
    /// The witness.
    pub(crate) wtns: PathBuf,
    /// Tables of multiples for our prover, if they are asked for.
    pub(crate) tables: Option<PathBuf>,
    /// Of the proofs made with the key.
    pub(crate) verifier: Verifier,
}

/// Finds the files, or makes what is missing. `factor` asks for tables.
///
/// # Errors
/// If a file can neither be read nor made.
pub(crate) fn prepare(
    cache: &Path,
    kind: Kind,
    log2: u32,
    threads: u32,
    factor: Option<u32>,
) -> Result<Files, Error> {
    let path = |extension: &str| path(cache, kind, log2, extension);
    let zkey = path("zkey");
    let (r1cs, wtns) = statement_files(cache, kind, log2)?;
    let options = Options {
        threads: Some(threads as usize),
        ..Options::default()
    };
    if !zkey.is_file() {
        eprintln!("making {}", zkey.display());
        let circuit = std::fs::read(&r1cs).map_err(failed(&r1cs))?;
        // A key that anybody can make again: it is for timing only.
        let mut random = StdRng::seed_from_u64(u64::from(log2));
        let key =
            DevKey::generate(&circuit, &mut random, &options, &Watch::silent()).map_err(failed(&zkey))?;
        key.save(&zkey).map_err(failed(&zkey))?;
    }
    let key = Zkey::open(&zkey).map_err(failed(&zkey))?;
    let verifier = Verifier::new(key.verifying_key().clone()).map_err(failed(&zkey))?;
    let tables = factor.map(|factor| (path(&format!("zkey.tables-{factor}")), factor));
    if let Some((tables, factor)) = &tables
        && !tables.is_file()
    {
        eprintln!("making {}", tables.display());
        Tables::write(tables, &key, &key.sha256(), *factor, &options, &Watch::silent())
            .map_err(failed(tables))?;
    }
    Ok(Files {
        r1cs,
        zkey,
        wtns,
        tables: tables.map(|(path, _)| path),
        verifier,
    })
}

fn path(cache: &Path, kind: Kind, log2: u32, extension: &str) -> PathBuf {
    cache.join(format!("{}-{log2}.{extension}", kind.name()))
}

/// The constraints and the witness of a statement, made if they are missing.
///
/// # Errors
/// If a file can neither be read nor made.
pub(crate) fn statement_files(cache: &Path, kind: Kind, log2: u32) -> Result<(PathBuf, PathBuf), Error> {
    let (r1cs, wtns) = (path(cache, kind, log2, "r1cs"), path(cache, kind, log2, "wtns"));
    if !r1cs.is_file() || !wtns.is_file() {
        let statement = Statement::new(kind, log2).map_err(failed(&r1cs))?;
        save(&r1cs, |out| statement.write_r1cs(out))?;
        save(&wtns, |out| statement.write_wtns(out))?;
    }
    Ok((r1cs, wtns))
}

fn save(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut std::fs::File>) -> Result<(), WriteError>,
) -> Result<(), Error> {
    let body = |file: &mut std::fs::File| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(&mut out)?;
        out.flush().map_err(|source| WriteError::Io {
            format: "bench",
            source,
        })
    };
    write_file(path, body).map_err(failed(path))
}

fn failed<E: ToString>(path: &Path) -> impl FnOnce(E) -> Error {
    let what = path.display().to_string();
    |error| Error::Prepare {
        what,
        reason: error.to_string(),
    }
}
