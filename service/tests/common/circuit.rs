//! A circuit of any size, its key and its witnesses: squares in a row, the last is public.
#![allow(dead_code, clippy::unwrap_used)]

use super::Folder;
use ark_bn254::Fr;
use ark_ff::{Field, One};
use ark_std::rand::SeedableRng;
use ark_std::rand::rngs::StdRng;
use popw_keys::r1cs::{Header, write_r1cs};
use popw_keys::write_wtns;
use popw_prover::{DevKey, Options, Watch};
use popw_service::id::Digest;
use popw_service::keys::{Key, KeyName, Keys};
use std::path::PathBuf;

/// A circuit of so many constraints and its key, in a folder.
pub(crate) struct Squares {
    pub(crate) folder: Folder,
    pub(crate) name: KeyName,
    constraints: usize,
}

impl Squares {
    /// Makes it.
    pub(crate) fn new(constraints: usize) -> Self {
        let folder = Folder::new();
        let wires = u32::try_from(constraints).unwrap() + 2;
        let header = Header {
            wires,
            public_outputs: 1,
            public_inputs: 0,
            private_inputs: 1,
            labels: u64::from(wires),
            constraints: wires - 2,
        };
        let labels: Vec<u64> = (0..u64::from(wires)).collect();
        // Wire 1 is the last square, wire 2 what is squared first.
        let wire = |index: usize| match index == constraints {
            true => 1,
            false => u32::try_from(index).unwrap() + 2,
        };
        let term = |index: usize| vec![(wire(index), Fr::one())];
        let rows: Vec<_> = (0..constraints)
            .map(|row| [term(row), term(row), term(row + 1)])
            .collect();
        let mut r1cs = Vec::new();
        let rows = rows.iter().map(|row| row.each_ref().map(Vec::as_slice));
        write_r1cs(&mut r1cs, &header, &labels, rows).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let key = DevKey::generate(&r1cs, &mut rng, &Options::default(), &Watch::silent()).unwrap();
        key.save(&folder.file("squares.zkey")).unwrap();
        let mut squares = Self {
            folder,
            name: KeyName {
                circuit: Digest([0; 32]),
                key: Digest([0; 32]),
            },
            constraints,
        };
        squares.name = squares.key(None).name;
        squares
    }

    /// The key's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.file("squares.zkey")
    }

    fn key(&self, threads: Option<usize>) -> Key {
        let options = Options {
            threads,
            ..Options::default()
        };
        Key::open(&self.path(), &options).unwrap()
    }

    /// The key, opened, for a process.
    pub(crate) fn keys(&self) -> Keys {
        let keys = Keys::new(self.folder.0.clone(), Options::default());
        keys.open(&self.path()).unwrap();
        keys
    }

    /// The `.wtns` that begins with a number.
    pub(crate) fn witness(&self, start: u64) -> Vec<u8> {
        let mut values = vec![Fr::one(), Fr::one()];
        let mut value = Fr::from(start);
        for _ in 0..self.constraints {
            values.push(value);
            value = value.square();
        }
        values[1] = value;
        let mut file = Vec::new();
        write_wtns(&mut file, &values).unwrap();
        file
    }

    /// One that satisfies all but the last constraint.
    pub(crate) fn false_witness(&self) -> Vec<u8> {
        let mut file = self.witness(3);
        // The last wire's lowest byte.
        let place = file.len() - 32;
        file[place] ^= 1;
        file
    }
}
