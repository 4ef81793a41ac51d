//! BLAKE2b-512 continued from the state that a `.ptau` keeps of each response: the points are gone, their hash can be finished.
//!
//! ```text
//! block [128] | eight words u64 | bytes hashed u64 | bytes in the block u64 | flags u64     all little-endian, 216 bytes
//! ```
//!
//! Bytes of the block behind those that count are whatever was there before. The flags are 0 until the hash is finished.
//! The function is RFC 7693's; the crate that hashes everything else can not be given a state.
//!
//! Depends on: nothing. Where to go next: `contributions`.

use crate::ceremony::encoding::Hash512;

/// Bytes of a state.
pub(super) const STATE_BYTES: usize = 216;
/// Bytes of a block.
const BLOCK_BYTES: usize = 128;

/// The fractional parts of the square roots of the first eight primes.
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Which word of the message goes where, in each of ten rounds; the eleventh and twelfth are the first and second.
const ORDER: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The words that are mixed together: columns, then diagonals.
const MIXED: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// A hash under way.
#[derive(Clone)]
pub(super) struct Blake2b {
    words: [u64; 8],
    /// Bytes before the block.
    hashed: u64,
    block: [u8; BLOCK_BYTES],
    /// Bytes of the block that count. A full block waits for the next byte, since the last block is special.
    filled: usize,
}

impl Blake2b {
    /// From a state; none if it is not one of a hash under way.
    pub(super) fn resume(state: &[u8; STATE_BYTES]) -> Option<Self> {
        let (block, numbers) = state.split_first_chunk::<BLOCK_BYTES>()?;
        let mut numbers = numbers
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word));
        let mut words = [0; 8];
        for word in &mut words {
            *word = numbers.next()?;
        }
        let (hashed, filled, flags) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let filled = usize::try_from(filled)
            .ok()
            .filter(|filled| *filled <= BLOCK_BYTES)?;
        let lawful = hashed % BLOCK_BYTES as u64 == 0 && flags == 0 && hashed <= u64::MAX / 2;
        lawful.then_some(Self {
            words,
            hashed,
            block: *block,
            filled,
        })
    }

    /// Adds bytes.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == BLOCK_BYTES {
                self.hashed += BLOCK_BYTES as u64;
                self.compress(0);
                self.filled = 0;
            }
            let free = &mut self.block[self.filled..];
            let (now, later) = bytes.split_at(bytes.len().min(free.len()));
            free[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
    }

    /// The hash.
    pub(super) fn finish(mut self) -> Hash512 {
        self.block[self.filled..].fill(0);
        self.hashed += self.filled as u64;
        self.compress(u64::MAX);
        let mut hash = [0; 64];
        for (bytes, word) in hash.as_chunks_mut::<8>().0.iter_mut().zip(self.words) {
            *bytes = word.to_le_bytes();
        }
        hash
    }

    /// Mixes the block in; `last` is all ones for the last block.
    fn compress(&mut self, last: u64) {
        let mut message = [0; 16];
        for (word, bytes) in message.iter_mut().zip(self.block.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let mut v = [0; 16];
        v[..8].copy_from_slice(&self.words);
        v[8..].copy_from_slice(&INITIAL);
        v[12] ^= self.hashed;
        v[14] ^= last;
        for order in ORDER.iter().chain(&ORDER[..2]) {
            for (places, pair) in MIXED.iter().zip(order.as_chunks::<2>().0) {
                mix(&mut v, *places, message[pair[0]], message[pair[1]]);
            }
        }
        let (low, high) = v.split_at(8);
        for (word, (low, high)) in self.words.iter_mut().zip(low.iter().zip(high)) {
            *word ^= low ^ high;
        }
    }
}

fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[cfg(test)]
impl Blake2b {
    /// 64 bytes of hash, no key.
    pub(super) fn new() -> Self {
        let mut words = INITIAL;
        words[0] ^= 0x0101_0040;
        Self {
            words,
            hashed: 0,
            block: [0; BLOCK_BYTES],
            filled: 0,
        }
    }

    /// What a file keeps.
    pub(super) fn state(&self) -> [u8; STATE_BYTES] {
        let numbers = [self.hashed, self.filled as u64, 0];
        let numbers = self.words.iter().chain(&numbers);
        let numbers = numbers.flat_map(|word| word.to_le_bytes());
        let mut bytes = self.block.into_iter().chain(numbers);
        [(); STATE_BYTES].map(|()| bytes.next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails shall stop")]

    use super::{BLOCK_BYTES, Blake2b};
    use crate::ceremony::encoding::blake2b;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    #[test]
    fn a_hash_goes_on_where_it_was_left() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let mut bytes = vec![0; 3000];
        rng.fill_bytes(&mut bytes);
        let lengths = [0, 1, 64, 127, 128, 129, 255, 256, 257, 3000];
        let random: Vec<usize> = (0..200).map(|_| rng.next_u32() as usize % 3001).collect();
        for length in lengths.into_iter().chain(random) {
            let bytes = &bytes[..length];
            let expected = blake2b(bytes);
            for cut in [
                0,
                length,
                length / 2,
                rng.next_u32() as usize % (length + 1),
                length & !127,
            ] {
                let (before, after) = bytes.split_at(cut);
                let mut hash = Blake2b::new();
                hash.update(before);
                let mut state = hash.state();
                // What is behind the bytes that count does not count.
                state[hash.filled..BLOCK_BYTES].fill(0xab);
                let mut hash = Blake2b::resume(&state).unwrap();
                let (one, two) = after.split_at(after.len() / 3);
                hash.update(one);
                hash.update(two);
                assert_eq!(hash.finish(), expected, "{length} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let mut hash = Blake2b::new();
        hash.update(&[1; 200]);
        let good = hash.state();
        assert!(Blake2b::resume(&good).is_some());
        for (place, byte) in [
            (192, 1),
            (199, 0x80),
            (200, 129),
            (201, 1),
            (207, 1),
            (208, 1),
            (215, 1),
        ] {
            let mut state = good;
            state[place] = byte;
            assert!(Blake2b::resume(&state).is_none(), "byte {place}");
        }
    }
}
