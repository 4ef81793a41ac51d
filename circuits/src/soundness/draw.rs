//! Reproducible values for honest and dishonest witnesses: everything is drawn from a seed by keccak.

use ark_bn254::Fr;
use popw_claims::field::{keccak256, reduce_be_bytes};
use popw_claims::opening::OpenedDevice;
use popw_claims::poseidon::hash;

/// Draws values one after the other.
pub struct Draw {
    seed: u64,
    count: u64,
}

impl Draw {
    /// Starts with a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        keccak256(format!("popw soundness {} {}", self.seed, self.count).as_bytes())
    }

    /// A field element.
    pub fn element(&mut self) -> Fr {
        reduce_be_bytes(&self.bytes())
    }

    /// A payee below 2^160.
    pub fn payee(&mut self) -> Fr {
        reduce_be_bytes(&self.bytes()[..20])
    }

    /// A number below `limit`, which is at most 2^32.
    pub fn number(&mut self, limit: u64) -> u64 {
        let [.., a, b, c, d] = self.bytes();
        u64::from(u32::from_be_bytes([a, b, c, d])) % limit.max(1)
    }

    /// The siblings of a path.
    pub fn path(&mut self, levels: usize) -> Vec<[Fr; 16]> {
        (0..levels)
            .map(|_| std::array::from_fn(|_| self.element()))
            .collect()
    }

    /// Gives a device a new path of `levels` levels in which its leaf stands at its index.
    pub fn graft(&mut self, device: &mut OpenedDevice, levels: usize) {
        device.path = self.path(levels);
        let mut node = device.leaf();
        for (level, children) in device.path.iter_mut().enumerate() {
            let digit = (device.index >> (4 * level)).to_le_bytes()[0] & 15;
            children[usize::from(digit)] = node;
            node = hash(children);
        }
    }
}
