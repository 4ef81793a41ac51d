//! `state.jsonl`: what a run has done, so that the next one goes on where it stopped.
//!
//! The first line says of which epoch, circuit, key and attestations the folder is; each further line is a zone whose files are
//! on disk. Lines are appended and synced after the files that they speak of; a last line that a crash cut off is dropped.
//! The file is locked while a run is at work.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a folder is of: a run with any other value must not add to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The epoch tag, decimal: chain, contract, epoch, registry, rule, randomness.
    pub epoch_tag: String,
    /// The circuit's name.
    pub circuit: String,
    /// SHA-256 of its `.r1cs`.
    pub circuit_id: String,
    /// SHA-256 of the verifying key, as `verification_key.json`.
    pub verifying_key: String,
    /// Hash of all digests (`popw_claims::settlement::attestations_hash`).
    pub attestations: String,
}

/// A zone whose files are on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneDone {
    /// The zone.
    pub zone: u64,
    /// Sum of its scores.
    pub total_score: u64,
    /// `out_commit`, decimal.
    pub out_commit: String,
}

/// The open file.
pub struct State {
    path: PathBuf,
    file: File,
    done: BTreeMap<u64, ZoneDone>,
}

impl State {
    /// Opens the state of a folder, or begins it.
    ///
    /// # Errors
    /// `Input` if another run is at work there, the folder is of something else, or a line is not what a run writes.
    pub fn open(path: &Path, header: &Header) -> Result<Self, Failure> {
        let name = path.display();
        let unusable = |error: std::io::Error| Failure::internal(format!("{name}: {error}"));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(unusable)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                Failure::input(format!("{name}: another run is at work in this folder"))
            }
            TryLockError::Error(error) => unusable(error),
        })?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unusable)?;
        // What stands behind the last line end was being written when the run before ended.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(unusable)?;
        file.seek(SeekFrom::End(0)).map_err(unusable)?;
        let mut state = Self {
            path: path.to_owned(),
            file,
            done: BTreeMap::new(),
        };
        let mut lines = (1..).zip(text[..whole].lines());
        match lines.next() {
            None => state.append(header)?,
            Some((_, line)) => {
                let found: Header = parse(path, 1, line)?;
                if found != *header {
                    return Err(Failure::input(format!(
                        "{name}, line 1: the folder is of another epoch, circuit, key or attestations: expected {}, got \
                         {line}; choose another folder",
                        serde_json::to_string(header).map_err(Failure::internal)?
                    )));
                }
            }
        }
        for (number, line) in lines {
            let zone: ZoneDone = parse(path, number, line)?;
            state.done.insert(zone.zone, zone);
        }
        Ok(state)
    }

    /// What is recorded of a zone.
    pub fn zone(&self, zone: u64) -> Option<&ZoneDone> {
        self.done.get(&zone)
    }

    /// Records a zone, whose files must be on disk.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn record(&mut self, zone: ZoneDone) -> Result<(), Failure> {
        self.append(&zone)?;
        self.done.insert(zone.zone, zone);
        Ok(())
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(line).map_err(Failure::internal)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|error| Failure::internal(format!("{}: {error}", self.path.display())))
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path, number: u64, line: &str) -> Result<T, Failure> {
    serde_json::from_str(line).map_err(|error| {
        Failure::input(format!(
            "{}, line {number}: not a line of a run: {error}",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::failure::Code;

    fn header() -> Header {
        Header {
            epoch_tag: "1".to_owned(),
            circuit: "uptime:N=1,W=3,S=24".to_owned(),
            circuit_id: "2".to_owned(),
            verifying_key: "3".to_owned(),
            attestations: "4".to_owned(),
        }
    }

    fn done(zone: u64) -> ZoneDone {
        ZoneDone {
            zone,
            total_score: 10 * zone,
            out_commit: "5".to_owned(),
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("popw-state-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder.join("state.jsonl")
    }

    #[test]
    fn zones_are_found_again_whatever_the_file_is_cut_to() {
        let path = folder("cut");
        let mut state = State::open(&path, &header()).unwrap();
        (0..3).for_each(|zone| state.record(done(zone)).unwrap());
        drop(state);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        assert_eq!(ends.len(), 4);
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut state = State::open(&path, &header()).unwrap();
            let lines = ends.iter().filter(|end| **end < length).count() as u64;
            for zone in 0..3 {
                assert_eq!(
                    state.zone(zone).is_some(),
                    zone + 1 < lines,
                    "{length} bytes, zone {zone}"
                );
                if state.zone(zone).is_none() {
                    state.record(done(zone)).unwrap();
                }
            }
            drop(state);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "{length} bytes");
        }
    }

    #[test]
    fn other_folders_and_second_runs_are_refused() {
        let path = folder("other");
        let state = State::open(&path, &header()).unwrap();
        let refused = State::open(&path, &header()).err().unwrap();
        assert!(refused.message.contains("another run"), "{}", refused.message);
        drop(state);
        let other = Header {
            attestations: "6".to_owned(),
            ..header()
        };
        let refused = State::open(&path, &other).err().unwrap();
        assert_eq!(refused.code, Code::Input);
        assert!(refused.message.contains("another folder"), "{}", refused.message);
        std::fs::write(&path, "{}\n").unwrap();
        let refused = State::open(&path, &header()).err().unwrap();
        assert!(
            refused.message.contains("line 1: not a line of a run"),
            "{}",
            refused.message
        );
    }
}
