//! The bitmap of a watcher: its bits, and the digest that the watcher signs.
//!
//! **Relation.** `popw_claims::attestation::Bitmap`: [`Digest::of`] is `Bitmap::digest`, with `Bitmap::elements`; `docs/protocol.md` section 4.
//!
//! **Cost.** A row for each bit; `P(k + 1)` for each leaf of k elements, 609 for each node above the leaves, 291 for the end.
//!
//! **Why it is sound.** Each bit is boolean and stands in one element, of at most 252 bits: an element is below 2^252, the bits above its last one are
//! 0, and it has one reading. Everything above the bits is a function of them.
//!
//! Source: ours (`docs/protocol.md`).

use super::bits::{Bit, weigh_bits};
use super::poseidon::tagged_hash;
use super::tree::root;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use popw_claims::attestation::{Bitmap, ELEMENT_BITS, devices_per_leaf};

/// New boolean wires for the bits of a bitmap, by device and slot.
pub fn bits(cs: &mut Builder<Fr>, bitmap: &Bitmap) -> Vec<Vec<Bit<Fr>>> {
    cs.scope("bitmap", None, |cs| {
        (0..bitmap.devices())
            .map(|device| {
                let slots = bitmap.device(device).iter();
                slots.map(|bit| Bit::choice(cs, "bit", *bit)).collect()
            })
            .collect()
    })
}

/// What a watcher signs of a bitmap.
pub struct Digest {
    /// The elements of the digest tree's leaves, in order.
    pub elements: Vec<Lc<Fr>>,
    /// The digest.
    pub digest: Lc<Fr>,
}

impl Digest {
    /// Of the bits of `devices` devices in `slots` slots.
    pub fn of(cs: &mut Builder<Fr>, devices: usize, slots: usize, bits: &[Vec<Bit<Fr>>]) -> Self {
        let mut elements = Vec::new();
        let leaves = bits
            .chunks(devices_per_leaf(devices, slots))
            .map(|devices| {
                let bits: Vec<&Bit<Fr>> = devices.iter().flatten().collect();
                let leaf: Vec<Lc<Fr>> = bits
                    .chunks(ELEMENT_BITS)
                    .map(|chunk| weigh_bits(chunk.iter().copied()))
                    .collect();
                let hash = tagged_hash(cs, "bitmap", &leaf.iter().collect::<Vec<_>>());
                elements.extend(leaf);
                hash
            })
            .collect();
        let root = root(cs, leaves);
        let [devices, slots] = [devices, slots].map(|count| Lc::constant(Fr::from(count as u64)));
        let digest = tagged_hash(cs, "digest", &[&devices, &slots, &root]);
        Self { elements, digest }
    }
}
