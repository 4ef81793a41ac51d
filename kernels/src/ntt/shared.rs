//! Memory that tasks of several threads read and write, each in places of its own, and how tasks are spread.

use crate::backend::{KernelError, Scalar};
use crate::control::Control;
use ark_bn254::Fr;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Words of an element.
const WORDS: usize = 4;

const _: () = {
    assert!(size_of::<Fr>() == 8 * WORDS && align_of::<Fr>() == align_of::<u64>());
    assert!(size_of::<Scalar>() == 8 * WORDS && align_of::<Scalar>() == align_of::<u64>());
};

/// Eight elements of four words, in any order of the words.
///
/// # Safety
/// The type must be 256 bytes of integers, any of which are a value.
pub(crate) unsafe trait Packed: Copy {}

// SAFETY: an element is four words (checked above); which of them are below the prime is arithmetic, not memory.
unsafe impl Packed for [Fr; 8] {}
// SAFETY: a scalar is four words (checked above).
unsafe impl Packed for [Scalar; 8] {}
// SAFETY: plainly.
unsafe impl Packed for [[u64; WORDS]; 8] {}
#[cfg(target_arch = "x86_64")]
// SAFETY: four registers of 64 bytes.
unsafe impl Packed for [std::arch::x86_64::__m512i; 4] {}

/// The same 256 bytes as another type.
#[inline(always)]
pub(crate) fn pack<A: Packed, B: Packed>(value: A) -> B {
    const { assert!(size_of::<A>() == 64 * WORDS && size_of::<B>() == 64 * WORDS) };
    // SAFETY: that is what `Packed` promises.
    unsafe { std::mem::transmute_copy(&value) }
}

/// Memory for elements, not cleared first: every place is written before it is read, each by the thread that needs it.
pub(crate) struct Memory {
    /// Only the capacity is used. Cache lines, since an octet's registers are.
    lines: Vec<Line>,
    len: usize,
}

/// A cache line: two elements.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    #[expect(dead_code, reason = "it is written through pointers")]
    words: [u64; 2 * WORDS],
}

impl Memory {
    /// `len` elements, an even number.
    pub(crate) fn new(len: usize) -> Self {
        let mut lines = Vec::with_capacity(len / 2);
        huge_pages(lines.spare_capacity_mut());
        Self { lines, len }
    }

    /// For tasks.
    pub(crate) fn shared(&mut self) -> Shared<'_> {
        Shared {
            start: self.lines.as_mut_ptr().cast(),
            len: self.len,
            slice: PhantomData,
        }
    }
}

/// Room for `len` scalars.
pub(crate) fn scalars(len: usize) -> Vec<Scalar> {
    let mut values = Vec::with_capacity(len);
    huge_pages(values.spare_capacity_mut());
    values
}

/// Asks for huge pages: on fresh memory a first pass otherwise spends more time on page faults than on arithmetic, and strided
/// passes miss the translation cache. It is advice: nothing depends on the answer.
fn huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn madvise(start: *mut u8, bytes: usize, advice: i32) -> i32;
        }
        const PAGE: usize = 4096;
        const HUGE_PAGE: i32 = 14;
        let (start, bytes) = (memory.as_mut_ptr().cast::<u8>(), size_of_val(memory));
        let skip = start.align_offset(PAGE);
        // Below this size small pages do.
        if bytes >= 4 << 20 {
            // SAFETY: whole pages inside of our own allocation. The advice changes no contents.
            unsafe { madvise(start.wrapping_add(skip), (bytes - skip) & !(PAGE - 1), HUGE_PAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// A slice of elements, or of eight packed together, that several threads read and write, never the same place at the same time.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut u64,
    len: usize,
    slice: PhantomData<&'a mut [Fr]>,
}

// SAFETY: it is a `&mut [Fr]` whose places are divided among threads: that they do not collide is what the callers of the unsafe
// functions promise.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// For tasks.
    pub(crate) fn new(values: &'a mut [Fr]) -> Self {
        Self {
            start: values.as_mut_ptr().cast(),
            len: values.len(),
            slice: PhantomData,
        }
    }

    /// The capacity of a vector, for tasks.
    pub(crate) fn of_scalars(values: &'a mut Vec<Scalar>) -> Self {
        Self {
            start: values.as_mut_ptr().cast(),
            len: values.capacity(),
            slice: PhantomData,
        }
    }

    #[inline(always)]
    fn place(&self, index: usize, count: usize) -> *mut u64 {
        assert!(
            index <= self.len && count <= self.len - index,
            "a place outside of the memory"
        );
        self.start.wrapping_add(WORDS * index)
    }

    /// Eight elements `8 index ..`, or whatever was written as 256 bytes in their place.
    ///
    /// # Safety
    /// The place must have been written, and nobody may write there meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn read<T: Packed>(&self, index: usize) -> T {
        const { assert!(size_of::<T>() == 64 * WORDS) };
        // SAFETY: the place is inside; the rest is the caller's promise.
        unsafe { self.place(8 * index, 8).cast::<T>().read_unaligned() }
    }

    /// Tells the processor that an octet will be read soon, if there is one.
    #[inline(always)]
    pub(crate) fn prefetch(&self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        for line in 0..WORDS {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = self.start.wrapping_add(8 * WORDS * index + 8 * line);
            // SAFETY: every x86-64 has it, and no address is wrong.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
    }

    /// The same, written.
    ///
    /// # Safety
    /// Nobody may read or write there meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn write<T: Packed>(&self, index: usize, value: T) {
        const { assert!(size_of::<T>() == 64 * WORDS) };
        // SAFETY: as above.
        unsafe { self.place(8 * index, 8).cast::<T>().write_unaligned(value) };
    }
}

/// Runs tasks `0 .. count`, each thread with a scratch of its own, until all are done or the caller cancels.
pub(crate) fn spread<S>(
    count: usize,
    control: &Control<'_>,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) + Sync,
) -> Result<(), KernelError> {
    let next = AtomicUsize::new(0);
    let drain = || {
        let mut scratch = scratch();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || control.check().is_err() {
                return;
            }
            work(&mut scratch, index);
        }
    };
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(count) {
            scope.spawn(|_| drain());
        }
    });
    control.check()
}
