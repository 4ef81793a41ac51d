//! The draw of a zone's committee: one watcher for each seat (`docs/protocol.md` section 4).
//!
//! Depends on [`crate::poseidon`]. Next: [`crate::attestation`], what the drawn watchers sign.

use ark_ff::PrimeField;

use crate::field::{Fr, tag};
use crate::poseidon::hash;
use crate::registry::{SEAT_LEVELS_MAX, SEATS_MAX};

/// Bits of the draw that belong to one seat; the leaf index takes the lowest four for each level.
pub const DRAW_BITS: usize = 24;

// The seats' bits lie inside the 254 bits of a field element, and a seat's index inside the seat's bits.
const _: () = assert!(DRAW_BITS * SEATS_MAX <= 253 && 4 * SEAT_LEVELS_MAX <= DRAW_BITS);

/// The drawn leaf of each seat: bits `24 j .. 24 j + 4 seat_levels - 1` of `P_3(tag(committee), epoch_tag,
/// zone)`. For at most ten seats of at most six levels, which every shape that validates has.
#[must_use]
pub fn draw(epoch_tag: Fr, zone: u64, seats: usize, seat_levels: usize) -> Vec<u64> {
    let limbs = hash(&[tag("committee"), epoch_tag, Fr::from(zone)])
        .into_bigint()
        .0;
    let bit = |position: usize| {
        limbs
            .get(position / 64)
            .map_or(0, |limb| limb >> (position % 64) & 1)
    };
    let bits = (4 * seat_levels).min(DRAW_BITS);
    (0..seats)
        .map(|seat| (0..bits).fold(0, |leaf, i| leaf | bit(DRAW_BITS * seat + i) << i))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_the_bits_of_the_hash() {
        let (epoch_tag, zone) = (Fr::from(123_456u64), 7);
        let mut h = hash(&[tag("committee"), epoch_tag, Fr::from(zone)]).into_bigint();
        for leaf in draw(epoch_tag, zone, 10, 3) {
            assert_eq!(leaf, h.0[0] & 0xfff);
            h >>= 24;
        }
        assert!(draw(epoch_tag, zone, 10, 6).iter().all(|leaf| *leaf < 1 << 24));
        assert!(draw(epoch_tag, zone, 10, 6).iter().any(|leaf| *leaf >= 1 << 20));
    }

    #[test]
    fn epoch_and_zone_decide() {
        let base = draw(Fr::from(1u64), 0, 8, 3);
        assert_ne!(base, draw(Fr::from(2u64), 0, 8, 3));
        assert_ne!(base, draw(Fr::from(1u64), 1, 8, 3));
        assert_eq!(base, draw(Fr::from(1u64), 0, 8, 3));
        assert_eq!(base[..4], draw(Fr::from(1u64), 0, 4, 3));
    }
}
