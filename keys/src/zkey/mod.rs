//! `.zkey` version 1, Groth16 over BN254: a proving key, as snarkjs makes it.
//!
//! [`Zkey::open`] maps the file and reads the parts that are small: the header, the verifying key, the list of
//! contributions. The points of the queries and the coefficients stay in the file's bytes; a prover takes them
//! from there ([`Zkey::a`] and its kin, [`Zkey::coefficients`]), so that a key of any size opens at once and
//! takes no memory of its own. What was not read was not checked: [`Zkey::check`] looks at everything.
//! [`write_zkey`] writes a key.
//!
//! ```text
//! 1 protocol       1 u32: Groth16
//! 2 header         32 u32 | q [32] | 32 u32 | r [32] | wires u32 | public u32 | domain u32
//!                  | alpha G1 | beta G1 | beta G2 | gamma G2 | delta G1 | delta G2
//! 3 IC             (public + 1) * G1
//! 4 coefficients   count u32 | count * { matrix u32: 0 is A, 1 is B | row u32 | wire u32 | value [32] }
//! 5 A              wires * G1
//! 6 B1             wires * G1
//! 7 B2             wires * G2
//! 8 C              (wires - public - 1) * G1
//! 9 H              domain * G1: the Lagrange basis of the odd coset, over delta
//! 10 contributions
//! ```
//!
//! Points: 64 bytes in G1, 128 in G2, coordinates times 2^256 modulo q, little-endian, zeros for infinity.
//! `public` does not count the constant one. snarkjs writes the sections in one of two orders ([`Layout`]).
//!
//! | module | what it is for |
//! |---|---|
//! | `read` | the frame, the header, lengths |
//! | `coefficients` | section 4: what a value is, in which order they come |
//! | `contributions` | section 10 |
//! | `points` | the bytes of a point |
//! | `write` | a key from its parts |
//! | `parts` | a key that was just made, with its circuit |
//! | `check` | every point and every coefficient |
//! | `sums` | sums of points times small factors, for `check` |
//!
//! Depends on: `container` for the frame, [`mod@crate::file`] for mapping, `popw-kernels` for the bytes of
//! points. Where to go next: [`crate::verify`], a key file with its hash.

pub(crate) mod check;
mod coefficients;
mod contributions;
mod parts;
pub(crate) mod points;
mod read;
mod sums;
mod write;

pub use check::Watch;
pub use coefficients::{COEFFICIENT_BYTES, Coefficient, Coefficients};
pub(crate) use contributions::Parameters;
pub use contributions::{Contribution, ContributionKind, Contributions};
pub use parts::{NewKey, domain_size};
pub(crate) use read::point;
pub use write::{ZkeyParts, save_zkey, write_zkey};
pub(crate) use write::{save_changed, write_changed};

use crate::error::{FileError, ReadError};
use crate::file::{Bytes, map};
use crate::hash::{Hash, sha256};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_groth16::VerifyingKey;
use read::Parsed;
use std::path::Path;

/// The format's file name extension, in errors.
const FORMAT_NAME: &str = "zkey";

/// The largest domain: the largest power of two that divides the order of BN254's multiplicative group.
pub const DOMAIN_MAX: u32 = 1 << 28;

/// The numbers and single points in front of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Wires, with the constant one.
    pub wires: u32,
    /// Public wires, without the constant one.
    pub public: u32,
    /// Rows of the domain: a power of two, at least the constraints and `public + 1` more.
    pub domain_size: u32,
    /// alpha, in G1.
    pub alpha_g1: G1Affine,
    /// beta, in G1.
    pub beta_g1: G1Affine,
    /// beta, in G2.
    pub beta_g2: G2Affine,
    /// gamma, in G2; snarkjs always takes 1.
    pub gamma_g2: G2Affine,
    /// delta, in G1.
    pub delta_g1: G1Affine,
    /// delta, in G2.
    pub delta_g2: G2Affine,
}

impl Header {
    /// The logarithm of the domain's size.
    pub fn domain_log2(&self) -> u32 {
        self.domain_size.trailing_zeros()
    }

    /// Wires that are neither public nor the constant one: the points of C.
    pub fn private(&self) -> u32 {
        self.wires.saturating_sub(self.public).saturating_sub(1)
    }
}

/// A section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The proof system.
    Protocol,
    /// The numbers and single points.
    Header,
    /// The public wires' points of the verifying key.
    Ic,
    /// The entries of A and B.
    Coefficients,
    /// A, in G1.
    A,
    /// B, in G1.
    B1,
    /// B, in G2.
    B2,
    /// The private wires, over delta, in G1.
    C,
    /// The quotient's basis, over delta, in G1.
    H,
    /// Who contributed.
    Contributions,
}

impl Part {
    /// All sections, in the order of their numbers, which begin at 1.
    pub const ALL: [Self; 10] = [
        Self::Protocol,
        Self::Header,
        Self::Ic,
        Self::Coefficients,
        Self::A,
        Self::B1,
        Self::B2,
        Self::C,
        Self::H,
        Self::Contributions,
    ];

    /// The section's number in the file.
    pub const fn id(self) -> u32 {
        self as u32 + 1
    }

    /// The section's name in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Header => "header",
            Self::Ic => "IC",
            Self::Coefficients => "coefficients",
            Self::A => "A",
            Self::B1 => "B1",
            Self::B2 => "B2",
            Self::C => "C",
            Self::H => "H",
            Self::Contributions => "contributions",
        }
    }
}

/// The order of the sections. The default ascends, as snarkjs writes a key after a contribution; a key
/// straight from its setup has 1, 2, 4, 3, 9, 8, 5, 6, 7, 10. A file that was read keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout(pub [Part; 10]);

impl Default for Layout {
    fn default() -> Self {
        Self(Part::ALL)
    }
}

impl Layout {
    /// Of a key straight from its setup.
    pub const NEW: Self = Self([
        Part::Protocol,
        Part::Header,
        Part::Coefficients,
        Part::Ic,
        Part::H,
        Part::C,
        Part::A,
        Part::B1,
        Part::B2,
        Part::Contributions,
    ]);

    /// Of a key that snarkjs made of a response ([`crate::ceremony::bellman`]).
    pub const IMPORTED: Self = Self([
        Part::Protocol,
        Part::Header,
        Part::Ic,
        Part::Coefficients,
        Part::H,
        Part::C,
        Part::A,
        Part::B1,
        Part::B2,
        Part::Contributions,
    ]);
}

/// A proving key, in the bytes of its file.
#[derive(Debug)]
pub struct Zkey {
    bytes: Bytes,
    parsed: Parsed,
}

impl Zkey {
    /// Maps a file and reads its header, verifying key and contributions. No point of a query and no
    /// coefficient is looked at; their numbers are.
    ///
    /// # Errors
    /// If the file cannot be mapped, or is no Groth16 key over BN254.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::new(map(path)?).map_err(|source| FileError::Read {
            path: path.into(),
            source,
        })
    }

    /// The same, of bytes in memory.
    ///
    /// # Errors
    /// If they are no Groth16 key over BN254.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::new(bytes.into())
    }

    fn new(bytes: Bytes) -> Result<Self, ReadError> {
        let parsed = Parsed::read(&bytes)?;
        Ok(Self { bytes, parsed })
    }

    /// The numbers and points in front.
    pub fn header(&self) -> &Header {
        &self.parsed.header
    }

    /// The verifying key. Its points are on their curves and in the subgroup; whether the key is degenerate is
    /// the verifier's question.
    pub fn verifying_key(&self) -> &VerifyingKey<Bn254> {
        &self.parsed.verifying_key
    }

    /// A: `wires` points of 64 bytes, one for each wire.
    pub fn a(&self) -> &[u8] {
        self.section(Part::A)
    }

    /// B in G1: `wires` points of 64 bytes, one for each wire.
    pub fn b1(&self) -> &[u8] {
        self.section(Part::B1)
    }

    /// B in G2: `wires` points of 128 bytes, one for each wire.
    pub fn b2(&self) -> &[u8] {
        self.section(Part::B2)
    }

    /// C: `wires - public - 1` points of 64 bytes, one for each private wire, the first for wire `public + 1`.
    pub fn c(&self) -> &[u8] {
        self.section(Part::C)
    }

    /// H: `domain_size` points of 64 bytes, one for each value of the quotient on the odd coset.
    pub fn h(&self) -> &[u8] {
        self.section(Part::H)
    }

    /// The entries of the matrices A and B.
    pub fn coefficients(&self) -> Coefficients<'_> {
        // Behind the count, which the length was checked against.
        let bytes = self.section(Part::Coefficients).get(4..).unwrap_or_default();
        Coefficients {
            header: &self.parsed.header,
            bytes,
            offset: self.offset(Part::Coefficients) + 4,
        }
    }

    /// The circuit's hash and who contributed.
    pub fn contributions(&self) -> &Contributions {
        &self.parsed.contributions
    }

    /// The order of the sections.
    pub fn layout(&self) -> Layout {
        self.parsed.layout
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of the whole file.
    pub fn sha256(&self) -> Hash {
        sha256(&self.bytes)
    }

    /// What [`write_zkey`] makes this key of, coefficients excepted.
    pub fn parts(&self) -> ZkeyParts<'_> {
        ZkeyParts {
            header: self.header(),
            ic: &self.verifying_key().gamma_abc_g1,
            a: self.a(),
            b1: self.b1(),
            b2: self.b2(),
            c: self.c(),
            h: self.h(),
            contributions: self.contributions(),
            layout: self.layout(),
        }
    }

    pub(crate) fn section(&self, part: Part) -> &[u8] {
        // Every range was cut out of these bytes; a file that was cut short since then ends the process.
        self.bytes
            .get(self.parsed.range(part).clone())
            .unwrap_or_default()
    }

    /// Where a section begins in the file.
    fn offset(&self, part: Part) -> u64 {
        self.parsed.range(part).start as u64
    }
}
