//! Challenges and responses in the format of phase2-bn254 ("bellman", after its library), for coordinators that speak it: a key
//! goes out as a challenge, somebody contributes to it elsewhere, the response becomes a key again. Byte for byte what snarkjs
//! exports, and what it makes of a response.
//!
//! ```text
//! alpha G1 | beta G1 | beta G2 | gamma G2 | delta G1 | delta G2
//! | IC | H | C | A | B1 | B2, each: number of points u32 | points
//! | circuit hash [64] | contributions u32 | contributions * { delta after | s | s * d | r * d | transcript [64] }
//! ```
//!
//! Numbers are big-endian, points as transcripts hash them (`encoding`). There are no names and no beacons: those of the
//! key that the challenge was made of are kept. phase2-bn254 marks infinity by a bit and refuses snarkjs's zeros, so it reads a
//! challenge only if no point in it is infinity; `snarkjs zkey bellman contribute` reads all.
//!
//! **H** is another basis here. A key has H_i = L'_(2i+1) / delta, for values of the quotient at w^(2i+1), w the root of
//! order 2 m, m the rows of the domain; a challenge has one for coefficients:
//!
//! ```text
//! T_k = -2 w^k sum of w^(2ik) H_i = tau^k (tau^m - 1) / delta      k = 0 .. m - 2
//! ```
//!
//! T_(m-1) is left out: the quotient's degree is at most m - 2. So H comes back as if T_(m-1) were infinity: other points,
//! the same proofs. [`super::verify`] accepts H whole or without its last coefficient, and nothing else.
//!
//! A response is believed in nothing: what no contribution changes must be the key's (snarkjs does not look), every
//! point is checked, every contribution verified. Whether C and H were divided by delta is [`super::verify`]'s question,
//! as after any contribution that was made elsewhere.
//!
//! Depends on: `contribution`, `combine`, [`crate::ptau`]'s transform of points. Where to go next: [`super::verify`].

use super::CeremonyError;
use super::combine::{Term, combine, narrow};
use super::contribute::{Contributed, check_name};
use super::contribution::PublicKey;
use super::encoding::{uncompressed_g1, uncompressed_g2};
use super::verify::verify_listed;
use crate::container::{FR_BYTES, limb_bytes, read_limbs};
use crate::error::{PointFault, Problem, ReadError, WriteError};
use crate::ptau::transform::transform;
use crate::zkey::points::{Group, read, write};
use crate::zkey::{ContributionKind, Contributions, Header, Layout, Part, Zkey};
use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup, FftField, Field, PrimeField};
use popw_kernels::{Backend, Control, Curve, G1, G2, KernelError, Scalar};
use rayon::prelude::*;
use std::io::{self, BufWriter, Write};
use std::iter::successors;

/// The format's file name extension, in errors: what snarkjs calls such files.
const FORMAT_NAME: &str = "mpcparams";
/// Bytes of the single points in front.
const HEAD_BYTES: u64 = 3 * 64 + 3 * 128;
/// Points that are encoded in one go.
const PIECE: usize = 1 << 14;

/// The lists of points, as they follow each other, and how many points each has.
fn lists(header: &Header) -> [(Part, u32); 6] {
    [
        (Part::Ic, header.public + 1),
        (Part::H, header.domain_size - 1),
        (Part::C, header.private()),
        (Part::A, header.wires),
        (Part::B1, header.wires),
        (Part::B2, header.wires),
    ]
}

fn point_bytes(part: Part) -> usize {
    match part {
        Part::B2 => G2::POINT_BYTES,
        _ => G1::POINT_BYTES,
    }
}

/// Writes the challenge of a key, in the threads of the current rayon pool.
///
/// # Errors
/// If a point of the key is none or its header and contributions do not fit (nothing is written then); if `out` refuses the
/// bytes, the field has no root of unity for the domain or the caller cancels (an [`io::Error`] that holds the kernel's).
pub fn write_challenge(
    out: impl Write,
    key: &Zkey,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<(), WriteError> {
    let format = FORMAT_NAME;
    // Somebody will multiply a secret with these points.
    key.check(&|_, _| {}).map_err(|error| WriteError::Refused {
        format,
        problem: error.problem,
    })?;
    let made = coefficient_basis(backend, key.h(), control).map_err(io::Error::other);
    let mut out = BufWriter::new(out);
    made.and_then(|h| write_all(&mut out, key, &h))
        .map_err(|source| WriteError::Io { format, source })
}

fn write_all(out: &mut impl Write, key: &Zkey, h: &[u8]) -> io::Result<()> {
    let header = key.header();
    out.write_all(&uncompressed_g1(&header.alpha_g1))?;
    out.write_all(&uncompressed_g1(&header.beta_g1))?;
    out.write_all(&uncompressed_g2(&header.beta_g2))?;
    out.write_all(&uncompressed_g2(&header.gamma_g2))?;
    out.write_all(&uncompressed_g1(&header.delta_g1))?;
    out.write_all(&uncompressed_g2(&header.delta_g2))?;
    for (part, count) in lists(header) {
        out.write_all(&count.to_be_bytes())?;
        let points = if part == Part::H { h } else { key.section(part) };
        for points in points.chunks(PIECE * point_bytes(part)) {
            out.write_all(&encoded(part, points))?;
        }
    }
    let contributions = key.contributions();
    out.write_all(contributions.circuit_hash())?;
    out.write_all(&narrow(contributions.list().len()).to_be_bytes())?;
    for contribution in contributions.list() {
        out.write_all(&PublicKey::read(contributions, contribution).hashed())?;
    }
    out.flush()
}

/// Makes a key of the response to a key's challenge; the new contributions get this name, which may be empty. Runs in the
/// threads of the current rayon pool.
///
/// # Errors
/// If the response is cut short or too long or a point in it is none; if it is not of this key or has no contribution more;
/// if a contribution is wrong, the name is too long, or the caller cancels.
pub fn read_response<'a>(
    before: &'a Zkey,
    response: &[u8],
    name: &str,
    backend: &dyn Backend,
    control: &Control<'_>,
) -> Result<Contributed<'a>, CeremonyError> {
    check_name(name)?;
    let parts = Response::parse(response, before.header())?;
    let header = read_head(&parts.head, before.header())?;
    let (mut c, mut h) = (Vec::new(), Vec::new());
    for (part, points) in &parts.lists {
        control.check()?;
        match part {
            Part::C => c = decoded(*part, points)?,
            Part::H => h = decoded(*part, points)?,
            part => compare(*part, points, before.section(*part))?,
        }
    }
    let (contributions, last) = read_contributions(&parts, before.contributions(), name)?;
    verify_listed(&header, &contributions, control)?;
    Ok(Contributed {
        h: value_basis(backend, &h, header.domain_size, control)?,
        header,
        contributions,
        c,
        hash: last.hash(),
        layout: Layout::IMPORTED,
        before,
    })
}

/// Bytes of a response, and where in the file they begin.
struct Piece<'a> {
    section: &'static str,
    offset: u64,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    fn error(&self, offset: u64, problem: Problem) -> ReadError {
        ReadError {
            format: FORMAT_NAME,
            section: self.section,
            offset: self.offset + offset,
            problem,
        }
    }

    /// Cuts off the next bytes.
    fn take(&mut self, section: &'static str, length: u64) -> Result<Piece<'a>, ReadError> {
        self.section = section;
        let split = usize::try_from(length).ok();
        let Some((head, tail)) = split.and_then(|at| self.bytes.split_at_checked(at)) else {
            let left = self.bytes.len() as u64;
            return Err(self.error(0, Problem::Truncated { needed: length, left }));
        };
        let offset = self.offset;
        (self.bytes, self.offset) = (tail, offset + length);
        Ok(Piece {
            section,
            offset,
            bytes: head,
        })
    }

    /// The bytes as a number; there are at most eight.
    fn number(&self) -> u64 {
        self.bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The point at a place, which is in these bytes and must be in the subgroup.
    fn point<C: Group>(&self, start: usize, name: &str) -> Result<Affine<C::Config>, ReadError> {
        let mut point = vec![0; C::POINT_BYTES];
        let place = start..start + C::POINT_BYTES;
        let bytes = self.bytes.get(place).unwrap_or_default();
        let in_subgroup =
            |point: Affine<C::Config>| match C::Config::is_in_correct_subgroup_assuming_on_curve(&point) {
                true => Ok(point),
                false => Err(PointFault::NotInSubgroup),
            };
        decode::<C>(bytes, &mut point)
            .and_then(in_subgroup)
            .map_err(|fault| {
                let point = name.to_owned();
                self.error(start as u64, Problem::Point { point, fault })
            })
    }
}

/// A response, cut into its parts.
struct Response<'a> {
    head: Piece<'a>,
    lists: Vec<(Part, Piece<'a>)>,
    circuit_hash: Piece<'a>,
    contributions: Piece<'a>,
}

impl<'a> Response<'a> {
    /// Cuts; no byte may be left.
    fn parse(bytes: &'a [u8], header: &Header) -> Result<Self, ReadError> {
        let mut rest = Piece {
            section: "header",
            offset: 0,
            bytes,
        };
        let head = rest.take("header", HEAD_BYTES)?;
        let mut parts = Vec::new();
        for (part, count) in lists(header) {
            let found = rest.take(part.name(), 4)?;
            let (what, expected, got) = ("points, as the key has", count.into(), found.number());
            if got != expected {
                return Err(found.error(0, Problem::Count { what, expected, got }));
            }
            let points = rest.take(part.name(), expected * point_bytes(part) as u64)?;
            parts.push((part, points));
        }
        let circuit_hash = rest.take("circuit hash", 64)?;
        let count = rest.take(Part::Contributions.name(), 4)?.number();
        let contributions = rest.take(Part::Contributions.name(), count * PublicKey::BYTES as u64)?;
        match rest.bytes.len() as u64 {
            0 => Ok(Self {
                head,
                lists: parts,
                circuit_hash,
                contributions,
            }),
            extra => Err(rest.error(0, Problem::Trailing { extra })),
        }
    }
}

/// The old header with the response's delta. The points in front must be the old ones.
fn read_head(head: &Piece<'_>, before: &Header) -> Result<Header, CeremonyError> {
    let same = [
        ("alpha in G1", uncompressed_g1(&before.alpha_g1).to_vec()),
        ("beta in G1", uncompressed_g1(&before.beta_g1).to_vec()),
        ("beta in G2", uncompressed_g2(&before.beta_g2).to_vec()),
        ("gamma in G2", uncompressed_g2(&before.gamma_g2).to_vec()),
    ];
    let mut place = 0;
    for (what, expected) in same {
        if head.bytes.get(place..place + expected.len()) != Some(&expected) {
            return Err(CeremonyError::OtherResponse { what: what.into() });
        }
        place += expected.len();
    }
    let mut header = before.clone();
    header.delta_g1 = head.point::<G1>(place, "delta in G1")?;
    header.delta_g2 = head.point::<G2>(place + G1::POINT_BYTES, "delta in G2")?;
    Ok(header)
}

/// The old contributions, which must be in the response as they are, and those that came; and the last of these.
fn read_contributions(
    response: &Response<'_>,
    before: &Contributions,
    name: &str,
) -> Result<(Contributions, PublicKey), CeremonyError> {
    if response.circuit_hash.bytes != before.circuit_hash() {
        let what = response.circuit_hash.section.to_owned();
        return Err(CeremonyError::OtherResponse { what });
    }
    let piece = &response.contributions;
    let mut found = piece.bytes.chunks_exact(PublicKey::BYTES);
    for (index, contribution) in before.list().iter().enumerate() {
        if found.next() != Some(&PublicKey::read(before, contribution).hashed()) {
            return Err(CeremonyError::NotExtended { index });
        }
    }
    let (mut contributions, mut last) = (before.clone(), None);
    for (index, bytes) in (before.list().len()..).zip(found) {
        let start = index * PublicKey::BYTES;
        let named = |name: &str| format!("{name} of contribution {index}");
        let mut transcript = [0; 64];
        transcript.copy_from_slice(bytes.last_chunk::<64>().unwrap_or(&[0; 64]));
        let key = PublicKey {
            delta: piece.point::<G1>(start, &named("delta"))?,
            s: piece.point::<G1>(start + 64, &named("s"))?,
            s_times: piece.point::<G1>(start + 128, &named("s * d"))?,
            r_times: piece.point::<G2>(start + 192, &named("r * d"))?,
            transcript,
        };
        contributions = contributions.extended(&key.bytes(), ContributionKind::Contributor, name, None);
        last = Some(key);
    }
    let last = last.ok_or(CeremonyError::NothingNew)?;
    Ok((contributions, last))
}

/// Whether a list of points is the key's.
fn compare(part: Part, found: &Piece<'_>, points: &[u8]) -> Result<(), CeremonyError> {
    let size = point_bytes(part);
    let pieces = found.bytes.chunks(PIECE * size).zip(points.chunks(PIECE * size));
    for (number, (found, points)) in pieces.enumerate() {
        let expected = encoded(part, points);
        let mut pairs = found.chunks(size).zip(expected.chunks(size));
        if let Some(index) = pairs.position(|(found, expected)| found != expected) {
            let what = format!("{}[{}]", part.name(), number * PIECE + index);
            return Err(CeremonyError::OtherResponse { what });
        }
    }
    Ok(())
}

/// Points of a key as a challenge has them.
fn encoded(part: Part, points: &[u8]) -> Vec<u8> {
    fn encode<C: Curve, const BYTES: usize>(
        points: &[u8],
        encode: impl Fn(&C::Affine) -> [u8; BYTES] + Sync,
    ) -> Vec<u8> {
        let points = points.par_chunks_exact(C::POINT_BYTES);
        let encoded: Vec<[u8; BYTES]> = points.map(|point| encode(&C::read(point))).collect();
        encoded.into_flattened()
    }
    match part {
        Part::B2 => encode::<G2, 128>(points, uncompressed_g2),
        _ => encode::<G1, 64>(points, uncompressed_g1),
    }
}

/// Points of G1 as a key has them.
fn decoded(part: Part, piece: &Piece<'_>) -> Result<Vec<u8>, ReadError> {
    let mut points = vec![0; piece.bytes.len()];
    let broken = points
        .par_chunks_exact_mut(G1::POINT_BYTES)
        .zip(piece.bytes.par_chunks_exact(G1::POINT_BYTES))
        .enumerate()
        .find_map_first(|(index, (point, bytes))| Some((index, decode::<G1>(bytes, point).err()?)));
    match broken {
        None => Ok(points),
        Some((index, fault)) => {
            let point = format!("{}[{index}]", part.name());
            let start = (index * G1::POINT_BYTES) as u64;
            Err(piece.error(start, Problem::Point { point, fault }))
        }
    }
}

/// A point as a challenge has it, in a key's bytes; whether it is in the subgroup is not asked.
fn decode<C: Group>(bytes: &[u8], point: &mut [u8]) -> Result<Affine<C::Config>, PointFault> {
    point.copy_from_slice(bytes);
    // All bytes of a coordinate come backwards, so that in the second group its coefficients change places too.
    for coordinate in point.chunks_exact_mut(C::POINT_BYTES / 2) {
        coordinate.reverse();
        for value in coordinate.as_chunks_mut::<{ FR_BYTES as usize }>().0 {
            let element = Fq::from_bigint(read_limbs(value)).ok_or(PointFault::NotCanonical)?;
            *value = limb_bytes(&element.0);
        }
    }
    read::<C>(point)
}

/// The root of unity of order twice the rows.
fn root(rows: u64) -> Result<Fr, KernelError> {
    let got = usize::try_from(2 * rows).unwrap_or(usize::MAX);
    Fr::get_root_of_unity(2 * rows).ok_or(KernelError::Domain { got })
}

/// A key's H as a challenge has it, one point less.
fn coefficient_basis(backend: &dyn Backend, h: &[u8], control: &Control<'_>) -> Result<Vec<u8>, KernelError> {
    let root = root((h.len() / G1::POINT_BYTES) as u64)?;
    let mut basis = transform::<G1>(backend, h, root.square(), control)?;
    basis.truncate(basis.len().saturating_sub(G1::POINT_BYTES));
    scaled(backend, &basis, -Fr::ONE.double(), root, control)
}

/// The inverse, as if the point that a challenge does not have were infinity.
fn value_basis(
    backend: &dyn Backend,
    basis: &[u8],
    rows: u32,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let inverse = root(rows.into())?.inverse().unwrap_or_default();
    let first = -Fr::from(2 * u64::from(rows)).inverse().unwrap_or_default();
    let mut basis = scaled(backend, basis, first, inverse, control)?;
    basis.extend(write::<G1>(&G1Affine::identity()));
    transform::<G1>(backend, &basis, inverse.square(), control)
}

/// The points times `first`, `first ratio`, `first ratio^2`, ..
fn scaled(
    backend: &dyn Backend,
    points: &[u8],
    first: Fr,
    ratio: Fr,
    control: &Control<'_>,
) -> Result<Vec<u8>, KernelError> {
    let count = points.len() / G1::POINT_BYTES;
    let factors = successors(Some(first), |factor| Some(*factor * ratio));
    let terms = (0..narrow(count)).zip(factors).map(|(point, coefficient)| Term {
        point,
        output: point,
        coefficient,
    });
    combine::<G1>(backend, points, count, terms, &control.within())
}

/// With r these factors and H' what an import makes of some H: factors s such that the sum of s_i H_i is that of r_i H'_i.
///
/// With u_i = w^(2i+1) it is H'_i = H_i - u_i / m sum of H_j / u_j, since u_i^(m-1) = -1 / u_i. None if there is no w.
pub(super) fn without_last(factors: &[Scalar], backend: &dyn Backend) -> Option<Vec<Scalar>> {
    let rows = factors.len() as u64;
    let root = root(rows).ok()?;
    let powers = |first: Fr, ratio: Fr| successors(Some(first), move |power| Some(*power * ratio));
    let factors: Vec<Fr> = factors.iter().map(|factor| Fr::new(*factor)).collect();
    let values = factors.iter().zip(powers(root, root.square()));
    let sum: Fr = values.map(|(factor, u)| *factor * u).sum();
    let inverse = root.inverse()?;
    let last = powers(sum * inverse * Fr::from(rows).inverse()?, inverse.square());
    let without: Vec<Fr> = factors
        .iter()
        .zip(last)
        .map(|(factor, last)| *factor - last)
        .collect();
    Some(backend.canonical(&without))
}
