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

    /// Many field elements.
    pub fn elements(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| self.element()).collect()
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

    /// The sixteen children of each ancestor, bottom up.
    pub fn path(&mut self, levels: usize) -> Vec<[Fr; 16]> {
        (0..levels)
            .map(|_| std::array::from_fn(|_| self.element()))
            .collect()
    }

    /// The same with a node where the index says, and its ancestors.
    pub fn path_of(&mut self, node: Fr, index: u64, levels: usize) -> Vec<[Fr; 16]> {
        let mut path = self.path(levels);
        let mut node = node;
        for (level, children) in path.iter_mut().enumerate() {
            let digit = (index >> (4 * level)).to_le_bytes()[0] & 15;
            children[usize::from(digit)] = node;
            node = hash(children);
        }
        path
    }

    /// Gives a device a new path of `levels` levels in which its leaf stands at its index.
    pub fn graft(&mut self, device: &mut OpenedDevice, levels: usize) {
        device.path = self.path_of(device.leaf(), device.index, levels);
    }
}
