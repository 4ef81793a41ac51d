//! The bitmap of a zone and its digest tree.

use ark_ff::{BigInt, BigInteger, PrimeField};

use crate::field::{Fr, bits, tag};
use crate::poseidon::hash;
use crate::tree::root_of;

/// Bits of a bitmap in one field element.
pub const ELEMENT_BITS: usize = 252;
/// Most elements of a leaf, so that with the tag a leaf has less than 16 inputs.
pub const ELEMENTS_PER_LEAF_MAX: usize = 14;
/// Most devices that share a leaf.
pub const DEVICES_PER_LEAF_MAX: usize = 16;
/// Most slots of an epoch: one device fills a leaf.
pub const SLOTS_MAX: usize = ELEMENT_BITS * ELEMENTS_PER_LEAF_MAX;

/// Elements that hold the bits of `devices` devices.
const fn elements(devices: usize, slots: usize) -> usize {
    (devices * slots).div_ceil(ELEMENT_BITS)
}

/// How many of a zone's `devices` share a leaf of the digest tree: the largest power of two, at most 16 and
/// at most `devices`, whose bits fit 14 elements. At most [`SLOTS_MAX`] slots.
#[must_use]
pub const fn devices_per_leaf(devices: usize, slots: usize) -> usize {
    let mut count = DEVICES_PER_LEAF_MAX;
    while count > 1 && (count > devices || elements(count, slots) > ELEMENTS_PER_LEAF_MAX) {
        count /= 2;
    }
    count
}

/// Field elements of a leaf of the digest tree, without the tag.
#[must_use]
pub const fn elements_per_leaf(devices: usize, slots: usize) -> usize {
    elements(devices_per_leaf(devices, slots), slots)
}

/// Bytes that are not the bitmap of their zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BitmapError {
    /// The wrong number of bytes.
    #[error("bitmap of {devices} devices and {slots} slots: expected {expected} bytes, got {got}")]
    Length {
        /// Devices of the zone.
        devices: usize,
        /// Slots of the epoch.
        slots: usize,
        /// Bytes that hold so many bits.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// A bit after the last one is set: it would be a second encoding.
    #[error("bitmap of {devices} devices and {slots} slots: bits after the last slot must be 0")]
    Padding {
        /// Devices of the zone.
        devices: usize,
        /// Slots of the epoch.
        slots: usize,
    },
    /// The wrong number of elements.
    #[error("bitmap of {devices} devices and {slots} slots: expected {expected} elements, got {got}")]
    Elements {
        /// Devices of the zone.
        devices: usize,
        /// Slots of the epoch.
        slots: usize,
        /// Elements of the digest tree's leaves.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// An element has a bit that no device and slot has: it would be a second encoding.
    #[error("bitmap, element {index}: expected at most {expected} bits, got {got}")]
    ElementTooLarge {
        /// Position of the element.
        index: usize,
        /// Bits of the bitmap that the element holds.
        expected: usize,
        /// Bits given.
        got: usize,
    },
}

/// One bit for each device of a zone and slot of an epoch: did this watcher hear the device in that slot?
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap {
    devices: usize,
    slots: usize,
    /// Bit of device i and slot s at `i slots + s`.
    bits: Vec<bool>,
}

impl std::fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Bitmap({} devices, {} slots, {} set)",
            self.devices,
            self.slots,
            self.count()
        )
    }
}

impl Bitmap {
    /// All bits 0.
    #[must_use]
    pub fn new(devices: usize, slots: usize) -> Self {
        Self {
            devices,
            slots,
            bits: vec![false; devices * slots],
        }
    }

    /// Devices of the zone, N.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.devices
    }

    /// Slots of the epoch, S.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The bit of a device (position in the zone) and slot.
    ///
    /// # Panics
    /// Outside the bitmap, as a slice does: positions come from a registry and an epoch, not from input.
    #[must_use]
    pub fn bit(&self, device: usize, slot: usize) -> bool {
        self.device(device)[slot]
    }

    /// The bits of a device, slot by slot.
    ///
    /// # Panics
    /// As [`Self::bit`].
    #[must_use]
    pub fn device(&self, device: usize) -> &[bool] {
        &self.bits[device * self.slots..][..self.slots]
    }

    /// Sets the bit of a device and slot.
    ///
    /// # Panics
    /// As [`Self::bit`].
    pub fn set(&mut self, device: usize, slot: usize, value: bool) {
        self.bits[device * self.slots..][..self.slots][slot] = value;
    }

    /// Number of bits that are set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bits.iter().filter(|bit| **bit).count()
    }

    /// `P_4(tag(digest), N, S, root)` of the tree whose leaves are `P(tag(bitmap), elements)`.
    ///
    /// # Panics
    /// With more than [`SLOTS_MAX`] slots, which no shape that validates has.
    #[must_use]
    pub fn digest(&self) -> Fr {
        assert!(
            self.slots <= SLOTS_MAX,
            "a digest has at most {SLOTS_MAX} slots, not {}",
            self.slots
        );
        let tag_bitmap = tag("bitmap");
        let leaves: Vec<Fr> = self
            .bits
            .chunks(self.bits_per_leaf())
            .map(|bits| {
                let mut inputs = vec![tag_bitmap];
                inputs.extend(bits.chunks(ELEMENT_BITS).map(element));
                hash(&inputs)
            })
            .collect();
        let [devices, slots] = [self.devices, self.slots].map(|count| Fr::from(count as u64));
        hash(&[tag("digest"), devices, slots, root_of(&leaves)])
    }

    /// The elements of the digest tree's leaves, in order, at most 252 bits each; the last one of a leaf may
    /// have fewer.
    #[must_use]
    pub fn elements(&self) -> Vec<Fr> {
        let leaves = self.bits.chunks(self.bits_per_leaf());
        leaves
            .flat_map(|bits| bits.chunks(ELEMENT_BITS))
            .map(element)
            .collect()
    }

    /// Reads what [`Self::elements`] returns.
    ///
    /// # Errors
    /// [`BitmapError::Elements`], [`BitmapError::ElementTooLarge`].
    pub fn from_elements(devices: usize, slots: usize, elements: &[Fr]) -> Result<Self, BitmapError> {
        let mut bitmap = Self::new(devices, slots);
        let bits_per_leaf = bitmap.bits_per_leaf();
        let leaves = bitmap.bits.chunks_mut(bits_per_leaf);
        let places: Vec<&mut [bool]> = leaves.flat_map(|bits| bits.chunks_mut(ELEMENT_BITS)).collect();
        if elements.len() != places.len() {
            return Err(BitmapError::Elements {
                devices,
                slots,
                expected: places.len(),
                got: elements.len(),
            });
        }
        for (index, (element, places)) in elements.iter().zip(places).enumerate() {
            let (expected, got) = (places.len(), bits(element) as usize);
            if got > expected {
                return Err(BitmapError::ElementTooLarge { index, expected, got });
            }
            let integer = element.into_bigint();
            for (i, place) in places.iter_mut().enumerate() {
                *place = integer.get_bit(i);
            }
        }
        Ok(bitmap)
    }

    /// Bits of the devices that share a leaf of the digest tree; not 0.
    fn bits_per_leaf(&self) -> usize {
        (devices_per_leaf(self.devices, self.slots) * self.slots).max(1)
    }

    /// The bits as bytes, lowest bit first: bit `i S + s` is bit `(i S + s) mod 8` of byte `(i S + s) / 8`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bits
            .chunks(8)
            .map(|chunk| chunk.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
            .collect()
    }

    /// Reads what [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// [`BitmapError`].
    pub fn from_bytes(devices: usize, slots: usize, bytes: &[u8]) -> Result<Self, BitmapError> {
        let mut bitmap = Self::new(devices, slots);
        let expected = bitmap.bits.len().div_ceil(8);
        if bytes.len() != expected {
            return Err(BitmapError::Length {
                devices,
                slots,
                expected,
                got: bytes.len(),
            });
        }
        let mut bits = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1));
        bitmap
            .bits
            .iter_mut()
            .zip(&mut bits)
            .for_each(|(bit, value)| *bit = value);
        if bits.any(|bit| bit) {
            return Err(BitmapError::Padding { devices, slots });
        }
        Ok(bitmap)
    }
}

/// At most 252 bits as an integer, lowest bit first.
fn element(bits: &[bool]) -> Fr {
    let mut limbs = [0u64; 4];
    for (limb, bits) in limbs.iter_mut().zip(bits.chunks(64)) {
        *limb = bits.iter().rev().fold(0, |limb, bit| limb << 1 | u64::from(*bit));
    }
    // 252 bits are below r, for which this is never `None`.
    Fr::from_bigint(BigInt::new(limbs)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::empty_subtree;
    use proptest::prelude::*;

    fn patterned(devices: usize, slots: usize) -> Bitmap {
        let mut bitmap = Bitmap::new(devices, slots);
        for device in 0..devices {
            for slot in 0..slots {
                bitmap.set(device, slot, (7 * device + 3 * slot + device * slot) % 5 < 2);
            }
        }
        bitmap
    }

    #[test]
    fn packing_rule() {
        let packing = |devices, slots| {
            (
                devices_per_leaf(devices, slots),
                elements_per_leaf(devices, slots),
            )
        };
        assert_eq!(packing(256, 24), (16, 2));
        assert_eq!(packing(256, 144), (16, 10));
        assert_eq!(packing(256, 220), (16, 14));
        assert_eq!(packing(256, 221), (8, 8));
        assert_eq!(packing(256, 288), (8, 10));
        assert_eq!(packing(256, 1_440), (2, 12));
        assert_eq!(packing(4_096, SLOTS_MAX), (1, 14));
        assert_eq!(packing(1, 144), (1, 1));
        assert_eq!(packing(1, 1), (1, 1));
    }

    /// The text of the protocol, bit by bit.
    fn digest_by_the_text(bitmap: &Bitmap) -> Fr {
        let (devices, slots) = (bitmap.devices(), bitmap.slots());
        let group = devices_per_leaf(devices, slots);
        let mut nodes: Vec<Fr> = (0..devices / group)
            .map(|leaf| {
                let mut elements = vec![Fr::from(0u64); elements_per_leaf(devices, slots)];
                for i in 0..group {
                    for s in 0..slots {
                        let position = i * slots + s;
                        if bitmap.bit(leaf * group + i, s) {
                            let mut weight = Fr::from(1u64);
                            (0..position % ELEMENT_BITS).for_each(|_| weight += weight);
                            elements[position / ELEMENT_BITS] += weight;
                        }
                    }
                }
                hash(&[&[tag("bitmap")], &elements[..]].concat())
            })
            .collect();
        let mut size = 1;
        while size < nodes.len() {
            size *= 16;
        }
        nodes.resize(size, Fr::from(0u64));
        while nodes.len() > 1 {
            nodes = nodes.chunks(16).map(hash).collect();
        }
        hash(&[
            tag("digest"),
            Fr::from(devices as u64),
            Fr::from(slots as u64),
            nodes[0],
        ])
    }

    #[test]
    fn digests_equal_the_text() {
        for (devices, slots) in [
            (1, 1),
            (1, 144),
            (1, 3_528),
            (16, 24),
            (16, 288),
            (16, 1_440),
            (256, 144),
            (256, 288),
        ] {
            let bitmap = patterned(devices, slots);
            assert_eq!(
                bitmap.digest(),
                digest_by_the_text(&bitmap),
                "{devices} devices, {slots} slots"
            );
        }
    }

    #[test]
    fn padding_is_of_empty_subtrees() {
        // 32 leaves: the second level has two nodes and fourteen empty subtrees, which are not 0.
        let bitmap = Bitmap::new(256, 288);
        let leaf = hash(&[&[tag("bitmap")], &[Fr::from(0u64); 10][..]].concat());
        let node = hash(&[leaf; 16]);
        let mut children = [empty_subtree(1); 16];
        children[..2].fill(node);
        let expected = hash(&[tag("digest"), Fr::from(256u64), Fr::from(288u64), hash(&children)]);
        assert_eq!(bitmap.digest(), expected);
    }

    #[test]
    fn shapes_have_different_digests() {
        assert_ne!(Bitmap::new(16, 24).digest(), Bitmap::new(16, 25).digest());
        assert_ne!(Bitmap::new(1, 24).digest(), Bitmap::new(16, 24).digest());
    }

    proptest! {
        #![proptest_config(crate::cases(24))]

        #[test]
        fn every_bit_counts(device in 0usize..16, slot in 0usize..144) {
            let mut bitmap = patterned(16, 144);
            let before = bitmap.digest();
            let value = bitmap.bit(device, slot);
            bitmap.set(device, slot, !value);
            prop_assert_ne!(bitmap.digest(), before);
        }

        #[test]
        fn bytes_round_trip(
            devices in 1usize..20,
            slots in 1usize..40,
            bytes in prop::collection::vec(any::<u8>(), 100),
        ) {
            let bitmap = patterned(devices, slots);
            prop_assert_eq!(Bitmap::from_bytes(devices, slots, &bitmap.to_bytes()), Ok(bitmap));
            let length = (devices * slots).div_ceil(8);
            if let Some(bytes) = bytes.get(..length)
                && let Ok(bitmap) = Bitmap::from_bytes(devices, slots, bytes) {
                    prop_assert_eq!(bitmap.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn elements_are_those_of_the_leaves_and_are_checked() {
        for (devices, slots) in [(1, 1), (1, 253), (16, 24), (16, 1_440), (256, 144)] {
            let bitmap = patterned(devices, slots);
            let elements = bitmap.elements();
            let leaves = devices / devices_per_leaf(devices, slots);
            assert_eq!(elements.len(), leaves * elements_per_leaf(devices, slots));
            assert_eq!(Bitmap::from_elements(devices, slots, &elements), Ok(bitmap));
        }
        // Sixteen devices of 24 slots: 252 bits, then 132.
        let (devices, slots) = (16, 24);
        let elements = patterned(devices, slots).elements();
        let power = |exponent: usize| (0..exponent).fold(Fr::from(1u64), |power, _| power + power);
        let full = [252, 132].map(|bits| power(bits) - Fr::from(1u64));
        let all = Bitmap::from_elements(devices, slots, &full).unwrap();
        assert_eq!(all.count(), devices * slots);
        for (index, expected) in [(0, 252), (1, 132)] {
            let mut changed = elements.clone();
            changed[index] = power(expected);
            let got = expected + 1;
            let error = BitmapError::ElementTooLarge { index, expected, got };
            assert_eq!(Bitmap::from_elements(devices, slots, &changed), Err(error));
        }
        for got in [0, 1, 3] {
            let error = BitmapError::Elements {
                devices,
                slots,
                expected: 2,
                got,
            };
            let elements = vec![Fr::from(0u64); got];
            assert_eq!(Bitmap::from_elements(devices, slots, &elements), Err(error));
        }
    }

    #[test]
    fn bytes_are_checked() {
        let [devices, slots] = [1, 9];
        let length = |got| BitmapError::Length {
            devices,
            slots,
            expected: 2,
            got,
        };
        assert_eq!(Bitmap::from_bytes(1, 9, &[0]), Err(length(1)));
        assert_eq!(Bitmap::from_bytes(1, 9, &[0; 3]), Err(length(3)));
        assert_eq!(
            Bitmap::from_bytes(1, 9, &[0, 2]),
            Err(BitmapError::Padding { devices, slots })
        );
        let bitmap = Bitmap::from_bytes(1, 9, &[0b10, 1]).unwrap();
        assert_eq!(
            bitmap.device(0),
            [false, true, false, false, false, false, false, false, true]
        );
        assert_eq!(format!("{bitmap:?}"), "Bitmap(1 devices, 9 slots, 2 set)");
    }
}
