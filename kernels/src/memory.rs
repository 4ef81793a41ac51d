//! Large scratch memory that is accessed at random, or holds what must not stay in the heap: [`map`] and [`Words`].

use memmap2::MmapMut;

/// Below this size small pages do.
const HUGE_BYTES: usize = 4 << 20;

/// Anonymous memory, zeros at first, that asks for huge pages: random access to small ones spends its time in address
/// translation. It goes back to the system when it is dropped. `None` where the system gives none.
pub(crate) fn map(bytes: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(bytes.max(4096)).ok()?;
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_BYTES {
        // Advice: without huge pages everything works, slower.
        let _ = map.advise(memmap2::Advice::HugePage);
    }
    Some(map)
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

    /// The first `count` numbers of 256 bits.
    pub(crate) fn quads(&mut self, count: usize) -> &mut [[u64; 4]] {
        // One more, in case that the first is not aligned for 64 bits.
        let words = self.at_least(8 * count + 1);
        // SAFETY: any bits are numbers.
        let (_, quads, _) = unsafe { words.align_to_mut::<[u64; 4]>() };
        &mut quads[..count]
    }
}
