//! Large scratch memory that is accessed at random: [`Words`], and [`near`] copies of points.

use memmap2::MmapMut;
use rayon::prelude::*;

/// Below this size small pages do.
const HUGE_BYTES: usize = 4 << 20;
/// Bytes that a task copies.
const PIECE: usize = 1 << 20;

/// Anonymous memory, zeros at first, that asks for huge pages: random access to small ones spends its time in address
/// translation. `None` where the system gives none.
fn map(bytes: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(bytes.max(4096)).ok()?;
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_BYTES {
        // Advice: without huge pages everything works, slower.
        let _ = map.advise(memmap2::Advice::HugePage);
    }
    Some(map)
}

/// A copy in memory of huge pages, for bytes of a mapped file, whose pages are small. `None` where that would not help.
pub(crate) fn near(bytes: &[u8]) -> Option<MmapMut> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut copy = map(bytes.len())?;
    copy.par_chunks_mut(PIECE)
        .zip(bytes.par_chunks(PIECE))
        .for_each(|(copy, bytes)| {
            copy[..bytes.len()].copy_from_slice(bytes);
        });
    Some(copy)
}

/// Numbers in such memory. Their content is what was last written, zeros at first.
#[derive(Default)]
pub(crate) struct Words {
    map: Option<MmapMut>,
    /// Where the system gives no mapping.
    heap: Vec<u32>,
}

impl Words {
    /// The first `count` numbers; the memory grows if it has fewer.
    pub(crate) fn at_least(&mut self, count: usize) -> &mut [u32] {
        let bytes = count.saturating_mul(4);
        if self.map.as_ref().is_none_or(|map| map.len() < bytes) {
            self.map = None;
            self.map = map(bytes);
        }
        match &mut self.map {
            // SAFETY: a mapping begins at a page and has at least `bytes` bytes; any bits are a number.
            Some(map) => unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr().cast(), count) },
            None => {
                self.heap.resize(self.heap.len().max(count), 0);
                &mut self.heap[..count]
            }
        }
    }

    /// The first `count` numbers, which were asked for before.
    pub(crate) fn get(&self, count: usize) -> &[u32] {
        match &self.map {
            // SAFETY: as above; a mapping that is shorter was not asked for `count` numbers.
            Some(map) if map.len() / 4 >= count => unsafe {
                std::slice::from_raw_parts(map.as_ptr().cast(), count)
            },
            _ => self.heap.get(..count).unwrap_or_default(),
        }
    }
}
