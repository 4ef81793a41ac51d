//! Drawn watchers: the draw, a seat with its attestation, and the ingestor.
//!
//! **Relation.** `popw_claims::committee::draw`, `popw_claims::opening::{SeatOpening, Ingestor}`; `docs/protocol.md` sections 4 and 7.
//!
//! **Cost.** The draw 574; a seat of three levels 5,080: message 315, leaf 315, path 1,908, selection and digest 4, signature 2,538; the
//! watcher root 609. An [`ingestor`] 6,264.
//!
//! **Why it is sound.** The hash that draws has one canonical decomposition, so the leaf is the drawn one; its path replaces the child at the
//! index with the leaf, so owner and key are the registry's once the root is. The message binds epoch, zone, seat and
//! digest. An absent seat verifies a constant signature under a constant key instead, and its digest is 0: a malformed key
//! in the registry blocks nobody. Who calls a seat absent must let nothing that it saw count.
//!
//! Source: ours (`docs/protocol.md`).

use super::bits::{Bit, canonical_bits};
use super::eddsa::assert_signature;
use super::montgomery::Edwards;
use super::poseidon::{hash, tagged_hash};
use super::tree::{climb, empty_path};
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::committee::DRAW_BITS;
use popw_claims::eddsa::Signature;
use popw_claims::opening::{
    INGESTOR_SEAT, Ingestor, OTHER_SEATS, SeatOpening, absent_seat_key, absent_seat_message,
    absent_seat_signature,
};

/// The bits of the committee's draw, lowest first.
pub fn draw(cs: &mut Builder<Fr>, epoch_tag: &Lc<Fr>, zone: &Lc<Fr>) -> Vec<Bit<Fr>> {
    let h = tagged_hash(cs, "committee", &[epoch_tag, zone]);
    canonical_bits(cs, "draw", &h)
}

/// The bits of a draw that are a seat's leaf in its subtree of so many levels.
pub fn drawn_leaf(draw: &[Bit<Fr>], seat: usize, levels: usize) -> &[Bit<Fr>] {
    &draw[DRAW_BITS * seat..][..4 * levels]
}

/// What a seat attests, as the message binds it, and whose it is to attest it.
pub struct Attested<'a> {
    /// The epoch tag.
    pub epoch_tag: &'a Lc<Fr>,
    /// The zone.
    pub zone: &'a Lc<Fr>,
    /// Number of the seat.
    pub seat: &'a Lc<Fr>,
    /// The leaf that was drawn for the seat, four bits a level.
    pub leaf: &'a [Bit<Fr>],
    /// Digest of what the watcher saw.
    pub digest: &'a Lc<Fr>,
}

/// A drawn watcher, and the message that it attests.
pub struct Watcher {
    /// Its owner.
    pub owner: Lc<Fr>,
    /// Its key, any two numbers until a signature is verified with it.
    pub key: Edwards,
    /// The message of its attestation.
    pub message: Lc<Fr>,
    /// Root of the seat's subtree.
    pub root: Lc<Fr>,
}

impl Watcher {
    /// Opens the drawn watcher; its signature is the caller's to verify.
    pub fn open(cs: &mut Builder<Fr>, opening: &SeatOpening, attested: &Attested<'_>) -> Self {
        let Attested {
            epoch_tag,
            zone,
            seat,
            leaf,
            digest,
        } = *attested;
        let message = cs.scope("message", None, |cs| {
            tagged_hash(cs, "attestation", &[epoch_tag, zone, seat, digest])
        });
        let owner = cs.input("owner", opening.owner);
        let key = Edwards {
            x: cs.input("key_x", opening.key.x),
            y: cs.input("key_y", opening.key.y),
        };
        let root = cs.scope("watcher", None, |cs| {
            let node = tagged_hash(cs, "watcher", &[&owner, &key.x, &key.y, seat]);
            climb(cs, node, leaf, &opening.path)
        });
        Self {
            owner,
            key,
            message,
            root,
        }
    }
}

/// A drawn watcher that signed a digest, or an absent one.
pub struct Seat {
    /// Owner of the watcher.
    pub owner: Lc<Fr>,
    /// Key of the watcher; a valid key if the seat is present.
    pub key: Edwards,
    /// The digest, 0 when absent.
    pub digest: Lc<Fr>,
    /// Root of the seat's subtree.
    pub root: Lc<Fr>,
}

impl Seat {
    /// Opens the drawn watcher and verifies its signature; `present` is the bit of `opening.present`.
    pub fn open(
        cs: &mut Builder<Fr>,
        opening: &SeatOpening,
        present: &Bit<Fr>,
        attested: &Attested<'_>,
    ) -> Self {
        let Watcher {
            owner,
            key,
            message,
            root,
        } = Watcher::open(cs, opening, attested);
        assert_signature_if(cs, present, &key, &message, &opening.signature);
        let digest = cs.mul("digest", present.lc(), attested.digest);
        Self {
            owner,
            key,
            digest,
            root,
        }
    }
}

/// Asserts a signature where `present`; elsewhere the constant one of an absent seat, so that a key which is no point of the
/// curve blocks nobody.
pub fn assert_signature_if(
    cs: &mut Builder<Fr>,
    present: &Bit<Fr>,
    key: &Edwards,
    message: &Lc<Fr>,
    signature: &Signature,
) {
    let absent_key = absent_seat_key();
    let signer = Edwards {
        x: present.select(cs, &key.x, &Lc::constant(absent_key.x)),
        y: present.select(cs, &key.y, &Lc::constant(absent_key.y)),
    };
    let message = present.select(cs, message, &Lc::constant(absent_seat_message()));
    assert_signature(cs, &signer, &message, signature);
}

/// The ingestor of a zone: whether it is present, its digest (0 when absent) and the watcher root.
pub struct OpenedIngestor {
    /// Whether its attestation counts.
    pub present: Bit<Fr>,
    /// The seat.
    pub seat: Seat,
    /// Root of the watcher tree.
    pub watcher_root: Lc<Fr>,
}

/// Draws and opens the ingestor of a zone, and verifies its signature over the digest.
pub fn ingestor(
    cs: &mut Builder<Fr>,
    witness: &Ingestor,
    epoch_tag: &Lc<Fr>,
    zone: &Lc<Fr>,
    digest: &Lc<Fr>,
) -> OpenedIngestor {
    let present = Bit::choice(cs, "present", witness.seat.present);
    let draw = cs.scope("committee", None, |cs| draw(cs, epoch_tag, zone));
    let attested = Attested {
        epoch_tag,
        zone,
        seat: &Lc::constant(Fr::from(INGESTOR_SEAT as u64)),
        leaf: drawn_leaf(&draw, INGESTOR_SEAT, witness.seat.path.len()),
        digest,
    };
    let seat = cs.scope("seat", None, |cs| {
        Seat::open(cs, &witness.seat, &present, &attested)
    });
    let watcher_root = cs.scope("watchers", None, |cs| {
        let mut roots = vec![seat.root.clone()];
        roots.extend(witness.other_roots.map(|root| cs.input("other_root", root)));
        hash(cs, &roots)
    });
    OpenedIngestor {
        present,
        seat,
        watcher_root,
    }
}

/// An absent ingestor with an empty path: a placeholder for a structure without a witness.
pub fn blank_ingestor(seat_levels: usize) -> Ingestor {
    Ingestor {
        seat: SeatOpening {
            present: false,
            owner: Fr::ZERO,
            key: absent_seat_key(),
            path: empty_path(seat_levels),
            signature: absent_seat_signature(),
        },
        other_roots: [Fr::ZERO; OTHER_SEATS],
    }
}
