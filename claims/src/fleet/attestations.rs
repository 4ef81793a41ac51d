//! The attestations of an epoch, streamed: [`Attestations::ingest`] reads a file once, verifies every vote and keeps only where
//! each good one stands; [`Attestations::votes`] fetches those of a zone when it is claimed. Memory does not grow with what
//! anybody writes into the file: a vote is remembered only if the drawn watcher signed it.
//!
//! A vote that does not count is a [`Rejection`] with a reason, never an end of the reading, and never changes what counts: the
//! first vote of a seat that verifies stands, whatever is written before or behind it.
//!
//! Next: [`super::Fleet::claim`], which makes a claim of a zone's votes.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use rayon::prelude::*;

use super::{Fleet, FleetError, LINE_BYTES_MAX, Source, binary, lines};
use crate::field::Fr;
use crate::tree::width;
use crate::uptime::{AssemblyError, Network, Shape, Vote};

/// Votes are verified in parallel, in batches of so many bytes or [`BATCH_VOTES`], whatever comes first.
const BATCH_BYTES: usize = 8 << 20;
const BATCH_VOTES: usize = 512;

/// How votes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `attestations.jsonl`: an object a line.
    JsonLines,
    /// `attestations.bin`: records of a fixed size.
    Binary,
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::JsonLines, Self::Binary];

    /// The name of the file in a fleet's folder.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::JsonLines => "attestations.jsonl",
            Self::Binary => "attestations.bin",
        }
    }

    /// Writes what stands before the first vote.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_header(self, mut writer: impl Write, shape: &Shape) -> io::Result<()> {
        match self {
            Self::JsonLines => Ok(()),
            Self::Binary => writer.write_all(&binary::header(shape)),
        }
    }

    /// Writes a vote.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_vote(self, writer: impl Write, vote: &Vote) -> io::Result<()> {
        match self {
            Self::JsonLines => lines::write_vote(writer, vote),
            Self::Binary => binary::write(writer, vote),
        }
    }

    fn parse(self, shape: &Shape, bytes: &[u8]) -> Result<Vote, Flaw> {
        match self {
            Self::JsonLines => lines::parse_vote(shape, bytes),
            Self::Binary => binary::parse(shape, bytes),
        }
    }

    /// What the pieces of a file are called.
    fn unit(self) -> &'static str {
        match self {
            Self::JsonLines => "line",
            Self::Binary => "record",
        }
    }
}

/// Why a vote does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Longer than [`LINE_BYTES_MAX`].
    Oversized,
    /// Not a vote: syntax, an unknown field, a value that is no element, point or bitmap of the shape.
    Malformed,
    /// A zone or seat that does not exist.
    NoSuchSeat,
    /// The digest is not the bitmap's.
    WrongDigest,
    /// The watcher that was drawn for the seat did not sign it: forged, damaged, somebody else's, or of another epoch.
    WrongSignature,
    /// The seat's vote again.
    Duplicate,
    /// The drawn watcher signed two digests for one seat: the first counts, both together are evidence against it.
    Contradiction,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Oversized,
        Self::Malformed,
        Self::NoSuchSeat,
        Self::WrongDigest,
        Self::WrongSignature,
        Self::Duplicate,
        Self::Contradiction,
    ];

    /// Why a second vote of a seat that verifies does not count.
    #[must_use]
    pub fn of_second(first_digest: &Fr, second_digest: &Fr) -> Self {
        if first_digest == second_digest {
            Self::Duplicate
        } else {
            Self::Contradiction
        }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::Malformed => "malformed",
            Self::NoSuchSeat => "no such seat",
            Self::WrongDigest => "wrong digest",
            Self::WrongSignature => "wrong signature",
            Self::Duplicate => "duplicate",
            Self::Contradiction => "contradiction",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a vote, without its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {detail}")]
pub struct Flaw {
    /// Why, for counting.
    pub reason: Reason,
    /// Path of the field; `.` for the whole.
    pub field: String,
    /// Why, for people: what was expected and what was found.
    pub detail: String,
}

impl Flaw {
    pub(super) fn new(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            detail: detail.into(),
        }
    }
}

/// A vote that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {unit} {number}, {flaw}")]
pub struct Rejection {
    /// Name of the file.
    pub file: String,
    /// `line` or `record`.
    pub unit: &'static str,
    /// Its number, from 1.
    pub number: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// Where a vote stands, and what it says.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    bytes: usize,
    number: u64,
    digest: Fr,
}

/// The bytes of what may be a vote, or what is wrong with them already.
type Content = Result<Vec<u8>, Flaw>;

/// A piece of the file.
struct Piece {
    offset: u64,
    number: u64,
    content: Content,
}

/// A vote that verified: zone, seat, digest.
type Verified = (u64, usize, Fr);

/// The verified attestations of an epoch, in a file that stays open.
#[derive(Debug)]
pub struct Attestations<R> {
    name: String,
    encoding: Encoding,
    shape: Shape,
    reader: BufReader<R>,
    entries: BTreeMap<(u64, usize), Entry>,
}

impl<R: Read + Seek> Attestations<R> {
    /// Reads the whole file and verifies every vote in it, with the threads of the current pool. What does not count goes to
    /// `reject`, in the order of the file.
    ///
    /// # Errors
    /// [`FleetError::Read`] if the file cannot be read, [`FleetError::Entry`] if the header of a binary file is of another
    /// shape.
    pub fn ingest(
        fleet: &Fleet,
        source: Source<R>,
        encoding: Encoding,
        mut reject: impl FnMut(Rejection),
    ) -> Result<Self, FleetError> {
        let Source { name, reader } = source;
        let mut this = Self {
            name,
            encoding,
            shape: *fleet.shape(),
            reader: BufReader::new(reader),
            entries: BTreeMap::new(),
        };
        let mut offset = this.skip_header()?;
        let mut number = 1;
        loop {
            let mut batch = Vec::new();
            let mut bytes = 0;
            while bytes < BATCH_BYTES && batch.len() < BATCH_VOTES {
                let (taken, content) = match this.next(number)? {
                    Some(next) => next,
                    None => break,
                };
                bytes += content.as_ref().map_or(0, Vec::len);
                batch.push(Piece {
                    offset,
                    number,
                    content,
                });
                offset += taken;
                number += 1;
            }
            if batch.is_empty() {
                return Ok(this);
            }
            let verified: Vec<Result<(Verified, usize), Flaw>> = batch
                .par_iter_mut()
                .map(|piece| {
                    let bytes = std::mem::replace(&mut piece.content, Ok(Vec::new()))?;
                    Ok((verify(fleet, encoding, &bytes)?, bytes.len()))
                })
                .collect();
            for (piece, verified) in batch.into_iter().zip(verified) {
                if let Err(flaw) = verified.and_then(|(vote, bytes)| this.take(&piece, vote, bytes)) {
                    reject(this.rejection(piece.number, flaw));
                }
            }
        }
    }

    /// The vote of each seat of a zone, `None` where none verified.
    ///
    /// # Errors
    /// [`FleetError::Read`] if the file cannot be read, [`FleetError::Entry`] if it is not what it was.
    pub fn votes(&mut self, zone: u64) -> Result<Vec<Option<Vote>>, FleetError> {
        (0..self.shape.watchers)
            .map(|seat| {
                let entry = self.entries.get(&(zone, seat)).copied();
                entry.map(|entry| self.fetch(zone, seat, entry)).transpose()
            })
            .collect()
    }

    /// The digest of each seat of a zone, 0 where no vote verified: what the contract stores.
    #[must_use]
    pub fn digests(&self, zone: u64) -> Vec<Fr> {
        (0..self.shape.watchers)
            .map(|seat| self.entries.get(&(zone, seat)))
            .map(|entry| entry.map_or(Fr::from(0u64), |entry| entry.digest))
            .collect()
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Votes that count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Does no vote count?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Checks the header of a binary file and returns its size.
    fn skip_header(&mut self) -> Result<u64, FleetError> {
        if self.encoding == Encoding::JsonLines {
            return Ok(0);
        }
        let expected = binary::header(&self.shape);
        let mut header = Vec::new();
        let mut limited = (&mut self.reader).take(expected.len() as u64);
        let read = limited.read_to_end(&mut header);
        read.map_err(|error| self.unreadable(0, error))?;
        if header != expected {
            let reason = format!(
                "expected {} ({}), got {}",
                hex::encode(expected),
                self.shape,
                hex::encode(header)
            );
            return Err(FleetError::entry(&self.name, 0, "header", reason));
        }
        Ok(expected.len() as u64)
    }

    /// The next piece: how many bytes it takes in the file, and its content or what is wrong with it.
    fn next(&mut self, number: u64) -> Result<Option<(u64, Content)>, FleetError> {
        let next = match self.encoding {
            Encoding::JsonLines => next_line(&mut self.reader),
            Encoding::Binary => next_record(&mut self.reader, binary::record_bytes(&self.shape)),
        };
        next.map_err(|error| self.unreadable(number, error))
    }

    /// Remembers a vote that verified, if the seat has none.
    fn take(&mut self, piece: &Piece, (zone, seat, digest): Verified, bytes: usize) -> Result<(), Flaw> {
        let Some(first) = self.entries.get(&(zone, seat)) else {
            let entry = Entry {
                offset: piece.offset,
                bytes,
                number: piece.number,
                digest,
            };
            self.entries.insert((zone, seat), entry);
            return Ok(());
        };
        let place = format!("{} {}", self.encoding.unit(), first.number);
        let reason = Reason::of_second(&first.digest, &digest);
        let (field, what) = match reason {
            Reason::Duplicate => ("seat", "already stands"),
            _ => ("digest", "the watcher signed another digest"),
        };
        let detail = format!("zone {zone}, seat {seat}: {what} on {place}");
        Err(Flaw::new(reason, field, detail))
    }

    /// Reads a vote again.
    fn fetch(&mut self, zone: u64, seat: usize, entry: Entry) -> Result<Vote, FleetError> {
        let mut bytes = vec![0; entry.bytes];
        let found = self.reader.seek(SeekFrom::Start(entry.offset));
        found
            .and_then(|_| self.reader.read_exact(&mut bytes))
            .map_err(|error| self.unreadable(entry.number, error))?;
        let changed = |detail: String| FleetError::entry(&self.name, entry.number, ".", detail);
        let vote = self.encoding.parse(&self.shape, &bytes);
        let vote = vote.map_err(|flaw| changed(format!("the file changed: {}", flaw.detail)))?;
        let place = (
            vote.attestation.zone,
            vote.attestation.seat,
            vote.attestation.digest,
        );
        match place == (zone, seat, entry.digest) {
            true => Ok(vote),
            false => Err(changed("the file changed: another vote stands here".to_owned())),
        }
    }

    fn unreadable(&self, number: u64, source: io::Error) -> FleetError {
        FleetError::Read {
            file: self.name.clone(),
            line: number,
            source,
        }
    }

    fn rejection(&self, number: u64, flaw: Flaw) -> Rejection {
        Rejection {
            file: self.name.clone(),
            unit: self.encoding.unit(),
            number,
            flaw,
        }
    }
}

/// Parses a vote and checks everything that a claim will ask of it.
fn verify(fleet: &Fleet, encoding: Encoding, bytes: &[u8]) -> Result<Verified, Flaw> {
    let vote = encoding.parse(fleet.shape(), bytes)?;
    judge(&fleet.network(), &vote)?;
    let attestation = vote.attestation;
    Ok((attestation.zone, attestation.seat, attestation.digest))
}

/// Does a vote count for the seat that it names, if it is the first one there?
///
/// # Errors
/// [`Flaw`] if not.
pub fn judge(network: &Network<'_>, vote: &Vote) -> Result<(), Flaw> {
    let shape = &network.shape;
    let (zone, seat) = (vote.attestation.zone, vote.attestation.seat);
    let zones = width(shape.device_levels - shape.zone_levels());
    if zone >= zones {
        let detail = format!("expected a zone below {zones}, got {zone}");
        return Err(Flaw::new(Reason::NoSuchSeat, "zone", detail));
    }
    if seat >= shape.watchers {
        let detail = format!("expected a seat below {}, got {seat}", shape.watchers);
        return Err(Flaw::new(Reason::NoSuchSeat, "seat", detail));
    }
    network.check_vote(zone, seat, vote).map_err(|error| {
        let (reason, field) = match &error {
            AssemblyError::Digest { .. } => (Reason::WrongDigest, "digest"),
            AssemblyError::Signature { .. } => (Reason::WrongSignature, "signature"),
            AssemblyError::Shape { .. } => (Reason::Malformed, "bitmap"),
            _ => (Reason::NoSuchSeat, "seat"),
        };
        Flaw::new(reason, field, error.to_string())
    })
}

/// A line with its end; one that is too long is skipped.
fn next_line(reader: &mut impl BufRead) -> io::Result<Option<(u64, Content)>> {
    let mut line = Vec::new();
    let mut taken = reader.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)? as u64;
    if taken == 0 {
        return Ok(None);
    }
    if taken <= LINE_BYTES_MAX {
        return Ok(Some((taken, Ok(line))));
    }
    while line.last() != Some(&b'\n') {
        line.clear();
        match reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? {
            0 => break,
            more => taken += more as u64,
        }
    }
    let detail = format!("{taken} bytes, the limit is {LINE_BYTES_MAX}");
    Ok(Some((taken, Err(Flaw::new(Reason::Oversized, ".", detail)))))
}

/// A record; where none begins, everything up to the next mark is skipped.
fn next_record(reader: &mut (impl BufRead + Seek), size: usize) -> io::Result<Option<(u64, Content)>> {
    let mut record = Vec::with_capacity(size);
    let read = reader.take(size as u64).read_to_end(&mut record)?;
    if read == 0 {
        return Ok(None);
    }
    if read == size && binary::is_whole(&record) {
        return Ok(Some((size as u64, Ok(record))));
    }
    let mark = record
        .windows(binary::MARK.len())
        .skip(1)
        .position(|bytes| bytes == binary::MARK);
    let skipped = match mark {
        Some(position) => position + 1,
        // The end may be the beginning of a mark.
        None if read == size => read + 1 - binary::MARK.len(),
        None => read,
    };
    let detail = format!("{skipped} bytes are no whole record of {size} bytes");
    reader.seek_relative(skipped as i64 - read as i64)?;
    Ok(Some((
        skipped as u64,
        Err(Flaw::new(Reason::Malformed, ".", detail)),
    )))
}

#[cfg(test)]
impl Attestations<io::Cursor<Vec<u8>>> {
    /// Changes the file behind the reader.
    pub(super) fn overwrite(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.reader.get_mut().get_mut());
    }
}
