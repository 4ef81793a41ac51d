//! An opened device: the fields that claims compute with, and the device root that they belong to.
//!
//! **Relation.** `popw_claims::opening::OpenedDevice`: leaf and root from the fields, `docs/protocol.md` sections 2 and 7.
//!
//! **Cost.** 714 for the leaf (inner 456, leaf 258), then 628 a level: 609 for the node, 4 bits of the index, 15 for the
//! selection. 3,854 for five levels. [`Device::position`] 84 more.
//!
//! **Why it is sound.** Each field is hashed into the leaf, and the leaf is the child at the index of a node that leads to the root:
//! with the root equal to the registry's, the fields are the registry's. The index is below 16^levels and has one
//! decomposition. The fields' limits are registration's; what a claim computes with it bounds itself, as
//! [`Device::position`] does.
//!
//! Source: the leaf is ours (`docs/protocol.md`).

use super::bits::decompose;
use super::int::Int;
use super::montgomery::Edwards;
use super::poseidon::tagged_hash;
use super::tree::open;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use popw_claims::opening::OpenedDevice;
use popw_claims::registry::SIGNED_OFFSET;

/// Bits of a coordinate with its sign: decimetres in -2^27 .. 2^27.
const COORDINATE_BITS: usize = 28;

/// A device whose leaf is open. Signed fields are without the offset with which they are hashed.
pub struct Device {
    /// Registry index.
    pub index: Lc<Fr>,
    /// Payee.
    pub payee: Lc<Fr>,
    /// Session key; not known to be a point of the curve before a signature is verified with it.
    pub session_key: Edwards,
    /// Owner.
    pub owner_id: Lc<Fr>,
    /// x, y, z in decimetres, any field elements: [`Device::position`] bounds them.
    pub coordinates: [Lc<Fr>; 3],
    /// Antenna gain in tenths of dBi, any field element.
    pub gain_ddbi: Lc<Fr>,
    /// Region, any field element.
    pub region: Lc<Fr>,
    /// Root of the device tree that the leaf belongs to.
    pub root: Lc<Fr>,
}

impl Device {
    /// Opens a device at an index, given as a combination, in a tree with one level for each element of the device's path.
    pub fn open(cs: &mut Builder<Fr>, index: &Lc<Fr>, device: &OpenedDevice) -> Self {
        let fields = &device.fields;
        let position = &fields.position;
        let payee = cs.input("payee", device.payee);
        let private = cs.input("private", device.private);
        let session_key = Edwards {
            x: cs.input("key_x", fields.session_key.x),
            y: cs.input("key_y", fields.session_key.y),
        };
        let owner_id = cs.input("owner", fields.owner_id);
        let coordinates =
            [position.x, position.y, position.z].map(|value| cs.input("coordinate", Fr::from(value)));
        let gain_ddbi = cs.input("gain", Fr::from(fields.gain_ddbi));
        let region = cs.input("region", Fr::from(fields.region));

        let leaf = cs.scope("leaf", None, |cs| {
            let offset = |value: &Lc<Fr>| value.clone() + Fr::from(SIGNED_OFFSET);
            let [x, y, z] = &coordinates;
            let inner = tagged_hash(
                cs,
                "device-inner",
                &[
                    &private,
                    &session_key.x,
                    &session_key.y,
                    &owner_id,
                    &offset(x),
                    &offset(y),
                    &offset(z),
                    &offset(&gain_ddbi),
                    &region,
                ],
            );
            tagged_hash(cs, "device", &[&payee, &inner])
        });
        let root = cs.scope("path", None, |cs| {
            let bits = decompose(cs, "index", index, 4 * device.path.len());
            open(cs, leaf, &bits, &device.path)
        });
        Self {
            index: index.clone(),
            payee,
            session_key,
            owner_id,
            coordinates,
            gain_ddbi,
            region,
            root,
        }
    }

    /// The position as integers in -2^27 .. 2^27 - 1 decimetres, asserted: 84 rows.
    pub fn position(&self, cs: &mut Builder<Fr>) -> [Int<Fr>; 3] {
        let limit = 1i128 << (COORDINATE_BITS - 1);
        self.coordinates
            .each_ref()
            .map(|coordinate| Int::asserted_between(cs, "position", coordinate.clone(), -limit, limit - 1))
    }
}
