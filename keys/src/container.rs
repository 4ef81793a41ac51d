//! The binary frame of iden3's formats: magic, version, and sections of a number, a length and bytes.
//!
//! Reading borrows: [`Container::open`] finds the sections and refuses unknown, repeated, cut and trailing
//! ones, so a section's bytes never overlap another's; [`Section`] walks one section and knows the offset in
//! the file of everything it hands out. Writing is a few functions over `Write`, since the lengths are known
//! before the bytes.
//!
//! ```text
//! magic [4] | version u32 | sections u32 | { id u32 | length u64 | bytes }*        all little-endian
//! ```
//!
//! Depends on: [`crate::error`] and BN254's two fields. Where to go next: [`crate::r1cs`], [`crate::wtns`],
//! [`crate::zkey`].

use crate::error::{Problem, ReadError, WriteError};
use ark_bn254::{Fq, Fr};
use ark_ff::{BigInt, PrimeField};
use std::io::{self, BufWriter, Write};
use std::ops::Range;

/// Bytes of a field element.
pub(crate) const FR_BYTES: u32 = 32;
/// Bytes of the prime with its length in front, as every header holds it.
pub(crate) const PRIME_BYTES: u64 = 4 + FR_BYTES as u64;

/// What tells one format from another.
pub(crate) struct Format {
    /// The file name extension.
    pub(crate) name: &'static str,
    /// The first four bytes.
    pub(crate) magic: [u8; 4],
    /// The one version that is read and written.
    pub(crate) version: u32,
    /// Number and name of every section.
    pub(crate) sections: &'static [(u32, &'static str)],
}

impl Format {
    fn section_name(&self, id: u32) -> Option<&'static str> {
        self.sections
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, name)| *name)
    }

    /// The error of data that breaks a law of the format.
    pub(crate) fn refuse(&self, problem: Problem) -> WriteError {
        WriteError::Refused {
            format: self.name,
            problem,
        }
    }

    /// Writes a whole file through a buffer; `body` writes the sections.
    pub(crate) fn write<W: Write>(
        &self,
        out: W,
        sections: u32,
        body: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let mut out = BufWriter::new(out);
        let run = || {
            out.write_all(&self.magic)?;
            out.write_all(&self.version.to_le_bytes())?;
            out.write_all(&sections.to_le_bytes())?;
            body(&mut out)?;
            out.flush()
        };
        run().map_err(|source| WriteError::Io {
            format: self.name,
            source,
        })
    }
}

/// The sections of a file, in the order of the file.
pub(crate) struct Container<'a> {
    format: &'static Format,
    sections: Vec<(u32, Section<'a>)>,
    length: u64,
}

impl<'a> Container<'a> {
    /// Finds the sections of `bytes`, all of which must belong to one.
    pub(crate) fn open(bytes: &'a [u8], format: &'static Format) -> Result<Self, ReadError> {
        let mut frame = Section {
            format,
            name: "container",
            rest: bytes,
            offset: 0,
        };
        let magic = frame.array()?;
        if magic != format.magic {
            return Err(frame.error(
                0,
                Problem::Magic {
                    expected: format.magic,
                    got: magic,
                },
            ));
        }
        let version = frame.u32()?;
        if version != format.version {
            return Err(frame.error(
                4,
                Problem::Version {
                    expected: format.version,
                    got: version,
                },
            ));
        }
        let mut sections: Vec<(u32, Section<'a>)> = Vec::new();
        for _ in 0..frame.u32()? {
            let start = frame.offset;
            let id = frame.u32()?;
            let name = format
                .section_name(id)
                .ok_or_else(|| frame.error(start, Problem::UnknownSection { id }))?;
            if sections.iter().any(|(seen, _)| *seen == id) {
                return Err(frame.error(start, Problem::RepeatedSection { id }));
            }
            let length = frame.u64()?;
            let offset = frame.offset;
            sections.push((
                id,
                Section {
                    format,
                    name,
                    rest: frame.take(length)?,
                    offset,
                },
            ));
        }
        frame.finish()?;
        Ok(Self {
            format,
            sections,
            length: frame.offset,
        })
    }

    /// The section with this number.
    pub(crate) fn section(&self, id: u32) -> Result<Section<'a>, ReadError> {
        let found = self
            .sections
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, section)| *section);
        found.ok_or_else(|| ReadError {
            format: self.format.name,
            section: self.format.section_name(id).unwrap_or("container"),
            offset: self.length,
            problem: Problem::MissingSection { id },
        })
    }

    /// The numbers of the sections, in the order of the file.
    pub(crate) fn order(&self) -> impl Iterator<Item = u32> {
        self.sections.iter().map(|(id, _)| *id)
    }
}

/// What is left of one section.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    format: &'static Format,
    name: &'static str,
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Section<'a> {
    /// Offset in the file of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> u64 {
        self.rest.len() as u64
    }

    /// Where the bytes that are left lie in the file. The file is in memory, so that its length is a `usize`.
    pub(crate) fn range(&self) -> Range<usize> {
        let end = self
            .rest
            .len()
            .saturating_add(usize::try_from(self.offset).unwrap_or(usize::MAX));
        end - self.rest.len()..end
    }

    /// An error of this section.
    pub(crate) fn error(&self, offset: u64, problem: Problem) -> ReadError {
        ReadError {
            format: self.format.name,
            section: self.name,
            offset,
            problem,
        }
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], ReadError> {
        let split = usize::try_from(length)
            .ok()
            .and_then(|at| self.rest.split_at_checked(at));
        let (head, tail) = split.ok_or_else(|| {
            self.error(
                self.offset,
                Problem::Truncated {
                    needed: length,
                    left: self.left(),
                },
            )
        })?;
        self.rest = tail;
        self.offset += length;
        Ok(head)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64)?);
        Ok(bytes)
    }

    /// The next four bytes as a number.
    pub(crate) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub(crate) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next integer that stands for a field element, which must be less than the prime.
    pub(crate) fn scalar(&mut self) -> Result<BigInt<4>, ReadError> {
        let start = self.offset;
        let value = read_limbs(&self.array()?);
        match value < Fr::MODULUS {
            true => Ok(value),
            false => Err(self.error(start, Problem::NotCanonical)),
        }
    }

    /// The next field element, which must be less than the prime.
    pub(crate) fn fr(&mut self) -> Result<Fr, ReadError> {
        self.scalar().map(Fr::new)
    }

    /// A length and a prime, which must be the one of BN254's scalar field.
    pub(crate) fn prime(&mut self) -> Result<(), ReadError> {
        self.prime_of("scalar", &Fr::MODULUS)
    }

    /// A length and a prime, which must be the one of BN254's base field.
    pub(crate) fn base_prime(&mut self) -> Result<(), ReadError> {
        self.prime_of("base", &Fq::MODULUS)
    }

    fn prime_of(&mut self, field: &'static str, expected: &BigInt<4>) -> Result<(), ReadError> {
        let start = self.offset;
        let size = self.u32()?;
        let got = self.take(u64::from(size.min(FR_BYTES * 4)))?;
        if got == limb_bytes(expected) {
            return Ok(());
        }
        let got = got.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        Err(self.error(start, Problem::Prime { field, got }))
    }

    /// Refuses bytes after the last item.
    pub(crate) fn finish(&self) -> Result<(), ReadError> {
        match self.left() {
            0 => Ok(()),
            extra => Err(self.error(self.offset, Problem::Trailing { extra })),
        }
    }
}

/// Writes the head of a section.
pub(crate) fn write_section(out: &mut impl Write, id: u32, length: u64) -> io::Result<()> {
    out.write_all(&id.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())
}

/// Writes a field element.
pub(crate) fn write_fr(out: &mut impl Write, value: &Fr) -> io::Result<()> {
    out.write_all(&limb_bytes(&value.into_bigint()))
}

/// Writes the scalar field's prime with its length in front.
pub(crate) fn write_prime(out: &mut impl Write) -> io::Result<()> {
    write_prime_of(out, &Fr::MODULUS)
}

/// Writes the base field's prime with its length in front.
pub(crate) fn write_base_prime(out: &mut impl Write) -> io::Result<()> {
    write_prime_of(out, &Fq::MODULUS)
}

fn write_prime_of(out: &mut impl Write, prime: &BigInt<4>) -> io::Result<()> {
    out.write_all(&FR_BYTES.to_le_bytes())?;
    out.write_all(&limb_bytes(prime))
}

/// Little-endian bytes as an integer, of any size below 2^256.
pub(crate) fn read_limbs(bytes: &[u8; FR_BYTES as usize]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    BigInt::new(limbs)
}

/// An integer as little-endian bytes.
pub(crate) fn limb_bytes(value: &BigInt<4>) -> [u8; FR_BYTES as usize] {
    let mut bytes = [0; FR_BYTES as usize];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(value.0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}
