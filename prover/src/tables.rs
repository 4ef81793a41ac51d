//! [`Tables`]: precomputed multiples of a key's points, in a file beside the key. They trade memory for time: with each
//! base P and its multiples 2^(span j) P, a sum over full scalars becomes a sum over scalars of `span` bits.
//!
//! ```text
//! "popwtabl" | version u32: 1 | span u32, bits of a scalar that a block serves | SHA-256 of the key [32]
//! | wires u32 | public u32 | domain u32 | zero u32
//! | A | B1 | B2 | C | H      each: ceil(254 / span) blocks of all points of that section of the key;
//!                            block j holds them times 2^(span j), as `popw_kernels::Bases` takes them
//! ```
//!
//! Little-endian. The tables belong to one key, by its hash. They have no checksum of their own: a table that is damaged
//! is found by the prover's verification of its own proof. Depends on: `popw-keys` for mapping and writing files.

use crate::options::{Options, thread_pool};
use crate::progress::{Phase, Watch};
use crate::prover::ProverError;
use popw_kernels::bases::SCALAR_BITS;
use popw_kernels::{Bases, BasesError, Control, Curve, G1, G2, KernelError, Scalar};
use popw_keys::Zkey;
use popw_keys::error::{FileError, WriteError};
use popw_keys::file::{Bytes, map};
use popw_keys::hash::Hash;
use popw_keys::write_file;
use popw_keys::zkey::Header;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"popwtabl";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;
/// Points that are held in memory at once, times their multiples.
const BATCH: usize = 1 << 15;

/// The least and the most blocks that are made: one is no table, more than sixteen serve no sum better.
pub const FACTORS: std::ops::RangeInclusive<u32> = 2..=16;

/// Why a file of tables cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not what it should be.
    #[error("{}: no tables of this key: {reason} (`popw keys precompute` makes them)", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A factor that makes no sense.
    #[error("tables of factor {got}: expected {} to {}", FACTORS.start(), FACTORS.end())]
    Factor {
        /// What was asked for.
        got: u32,
    },
}

/// Tables of a key, mapped.
#[derive(Debug)]
pub struct Tables {
    bytes: Bytes,
    span: u32,
    header: Header,
}

/// The sections in the order of the file.
#[derive(Clone, Copy)]
enum Part {
    A,
    B1,
    B2,
    C,
    H,
}

impl Part {
    const ALL: [Self; 5] = [Self::A, Self::B1, Self::B2, Self::C, Self::H];

    fn points(self, header: &Header) -> usize {
        match self {
            Self::A | Self::B1 | Self::B2 => header.wires as usize,
            Self::C => header.private() as usize,
            Self::H => header.domain_size as usize,
        }
    }

    fn point_bytes(self) -> usize {
        match self {
            Self::B2 => G2::POINT_BYTES,
            _ => G1::POINT_BYTES,
        }
    }

    /// Bytes of one block.
    fn block(self, header: &Header) -> u64 {
        self.points(header) as u64 * self.point_bytes() as u64
    }

    /// Where the section begins.
    fn offset(self, header: &Header, blocks: u32) -> u64 {
        let before = Self::ALL.iter().take(self as usize);
        HEADER_BYTES as u64 + before.map(|part| part.block(header)).sum::<u64>() * u64::from(blocks)
    }
}

fn file_length(header: &Header, blocks: u32) -> u64 {
    Part::H.offset(header, blocks) + Part::H.block(header) * u64::from(blocks)
}

impl Tables {
    /// The file beside a key: `KEY.tables`.
    pub fn path_beside(key: &Path) -> PathBuf {
        let mut name = OsString::from(key);
        name.push(".tables");
        name.into()
    }

    /// Maps the tables of the key with this header and hash.
    ///
    /// # Errors
    /// If the file cannot be mapped, is no file of tables, is cut short, or belongs to another key.
    pub fn open(path: &Path, header: &Header, key: &Hash) -> Result<Self, TablesError> {
        let format = |reason: &str| TablesError::Format {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let bytes = map(path)?;
        let start = bytes.first_chunk::<HEADER_BYTES>();
        let start = start.ok_or_else(|| format("it is too short"))?;
        let span = start.get(12..16).and_then(|bytes| bytes.first_chunk());
        let span = span.map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if start[..8] != *MAGIC {
            return Err(format("it does not begin with popwtabl"));
        }
        let blocks = SCALAR_BITS
            .checked_div(span)
            .map_or(0, |_| SCALAR_BITS.div_ceil(span));
        if !FACTORS.contains(&blocks) || span != SCALAR_BITS.div_ceil(blocks) {
            return Err(format("its span is impossible"));
        }
        if *start != head(header, key, span) {
            return Err(format("it was made from another key, or by another version"));
        }
        let (got, expected) = (bytes.len() as u64, file_length(header, blocks));
        if got != expected {
            return Err(format(&format!("it has {got} bytes, expected {expected}")));
        }
        Ok(Self {
            bytes,
            span,
            header: header.clone(),
        })
    }

    /// Multiples of each point: the factor by which the tables are larger than the key's points.
    pub fn factor(&self) -> u32 {
        SCALAR_BITS.div_ceil(self.span)
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// A, with its multiples.
    pub(crate) fn a(&self) -> Result<Bases<'_, G1>, BasesError> {
        self.bases(Part::A, 0)
    }

    /// B in G1.
    pub(crate) fn b1(&self) -> Result<Bases<'_, G1>, BasesError> {
        self.bases(Part::B1, 0)
    }

    /// B in G2.
    pub(crate) fn b2(&self) -> Result<Bases<'_, G2>, BasesError> {
        self.bases(Part::B2, 0)
    }

    /// C, from the first private wire.
    pub(crate) fn c(&self) -> Result<Bases<'_, G1>, BasesError> {
        self.bases(Part::C, self.header.public as usize + 1)
    }

    /// H.
    pub(crate) fn h(&self) -> Result<Bases<'_, G1>, BasesError> {
        self.bases(Part::H, 0)
    }

    fn bases<C: Curve>(&self, part: Part, first: usize) -> Result<Bases<'_, C>, BasesError> {
        let blocks = self.factor();
        let start = usize::try_from(part.offset(&self.header, blocks)).unwrap_or(usize::MAX);
        let length = part.points(&self.header) * part.point_bytes() * blocks as usize;
        // The length of the file was checked; too few bytes are refused below.
        let bytes = self.bytes.get(start..start + length).unwrap_or_default();
        Bases::with_multiples(bytes, part.points(&self.header), first, self.span)
    }

    /// Computes the tables of a key with `factor` blocks and writes them, whole or not at all. `key_hash` is the key's.
    /// The memory taken is bounded, whatever the key's size.
    ///
    /// # Errors
    /// If the factor is out of [`FACTORS`], the file cannot be written, or the caller cancels.
    pub fn write(
        out: &Path,
        key: &Zkey,
        key_hash: &Hash,
        factor: u32,
        options: &Options,
        watch: &Watch<'_>,
    ) -> Result<(), ProverError> {
        if !FACTORS.contains(&factor) {
            return Err(TablesError::Factor { got: factor }.into());
        }
        let header = key.header();
        let span = SCALAR_BITS.div_ceil(factor);
        // Rounding could leave fewer blocks than were asked for.
        let plan = Plan {
            header,
            blocks: SCALAR_BITS.div_ceil(span),
            // One of the second group is the work of three.
            work: f64::from(header.wires) * 5.0 + f64::from(header.private()) + f64::from(header.domain_size),
        };
        let pool = thread_pool(options.threads)?;
        let backend = options.backend()?;
        let step = Scalar::from(1u64) << span;
        let mut stopped = None;
        let body = |file: &mut File| {
            let mut write = || {
                file.write_all(&head(header, key_hash, span))?;
                // Kept beside, so that a cancelled write is told from a full disk.
                watch.during(Phase::Tables, |control| {
                    let next_g1 = |points: &[u8]| backend.scale_g1(points, &step, &control.within());
                    let next_g2 = |points: &[u8]| backend.scale_g2(points, &step, &control.within());
                    plan.write(file, Part::A, key.a(), next_g1, control)?;
                    plan.write(file, Part::B1, key.b1(), next_g1, control)?;
                    plan.write(file, Part::B2, key.b2(), next_g2, control)?;
                    plan.write(file, Part::C, key.c(), next_g1, control)?;
                    plan.write(file, Part::H, key.h(), next_g1, control)
                })
            };
            write().map_err(|error: Stopped| {
                let source = match error {
                    Stopped::Io(source) => source,
                    Stopped::Kernel(kernel) => {
                        stopped = Some(kernel.clone());
                        io::Error::other(kernel)
                    }
                };
                WriteError::Io {
                    format: "tables",
                    source,
                }
            })
        };
        let written = pool.install(|| write_file(out, body));
        match (written, stopped) {
            (_, Some(kernel)) => Err(kernel.into()),
            (written, None) => Ok(written?),
        }
    }
}

/// Why writing ended.
enum Stopped {
    Io(io::Error),
    Kernel(KernelError),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<KernelError> for Stopped {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

fn head(header: &Header, key: &Hash, span: u32) -> [u8; HEADER_BYTES] {
    let mut head = [0; HEADER_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[16..48].copy_from_slice(key);
    for (at, number) in [
        (8, VERSION),
        (12, span),
        (48, header.wires),
        (52, header.public),
        (56, header.domain_size),
    ] {
        head[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    head
}

struct Plan<'a> {
    header: &'a Header,
    blocks: u32,
    work: f64,
}

impl Plan<'_> {
    /// Writes the blocks of one section, a batch of points at a time; `next` gives points times 2^span.
    fn write(
        &self,
        file: &mut File,
        part: Part,
        points: &[u8],
        next: impl Fn(&[u8]) -> Result<Vec<u8>, KernelError>,
        control: &Control<'_>,
    ) -> Result<(), Stopped> {
        let (offset, block) = (part.offset(self.header, self.blocks), part.block(self.header));
        let weight = if matches!(part, Part::B2) { 3.0 } else { 1.0 };
        let batches = points.chunks(BATCH * part.point_bytes());
        for (batch, at) in batches.zip((offset..).step_by(BATCH * part.point_bytes())) {
            let mut multiples = batch.to_vec();
            for index in 0..u64::from(self.blocks) {
                if index > 0 {
                    multiples = next(&multiples)?;
                }
                file.seek(SeekFrom::Start(at + index * block))?;
                file.write_all(&multiples)?;
            }
            let count = u32::try_from(batch.len() / part.point_bytes()).unwrap_or(u32::MAX);
            control.advance(f64::from(count) * weight / self.work);
        }
        Ok(())
    }
}
