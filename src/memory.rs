//! Memory when the system refuses it.
//!
//! What may be large, or has a caller to tell, is asked for in a way that can fail ([`try_box`], `try_reserve`). The many
//! small parts of a pool cannot: std ends the process if one of them is refused. So these come from a reserve then, which
//! is part of the library's own data and costs no page before it is used. [`check`] turns calls away that would need more
//! of it than they can count on. Tables that grow with the number of workers get their room when a worker is granted, which can
//! be refused; what is left, such as the deadlines of fibers, waits for its room ([`insist`]).

#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::collections::TryReserveError;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock;
use crate::error::Error;

/// Bytes of the reserve.
const SIZE: usize = 256 << 10;
/// The most bytes of one part. What is larger can wait for the system.
const LARGEST: usize = 8 << 10;
/// A call that allocates begins only with this much left: as much as a call, and the worker that it starts, have ever
/// needed, many times over.
const NEEDED: usize = 128 << 10;

#[repr(C, align(128))]
struct Space(UnsafeCell<[u8; SIZE]>);

// SAFETY: a part is used by the one that it was given to.
unsafe impl Sync for Space {}

static SPACE: Space = Space(UnsafeCell::new([0; SIZE]));

/// How many parts are in use, in the upper half; how many bytes were given, in the lower. When no part is in use, all
/// bytes can be given again.
static STATE: AtomicU64 = AtomicU64::new(0);

const ONE_PART: u64 = 1 << 32;

fn given(state: u64) -> usize {
    (state & (ONE_PART - 1)) as usize
}

/// A part of the reserve; null if it is too large or nothing is left. It needs no lock, which a thread could hold at a
/// fork.
#[cold]
fn take(layout: Layout) -> *mut u8 {
    if layout.size() > LARGEST || layout.align() > align_of::<Space>() {
        return ptr::null_mut();
    }
    let begin = |state| given(state).next_multiple_of(layout.align());
    // ORDERING: Acquire pairs with the Release of `give_back`: whoever used the bytes before is done with them.
    let taken = STATE.fetch_update(Ordering::Acquire, Ordering::Acquire, |state| {
        let end = begin(state) + layout.size();
        (end <= SIZE).then(|| (state & !(ONE_PART - 1)) + ONE_PART + end as u64)
    });
    match taken {
        // SAFETY: it ends in the space, and nobody else gets these bytes.
        Ok(before) => unsafe { SPACE.0.get().cast::<u8>().add(begin(before)) },
        Err(_) => ptr::null_mut(),
    }
}

#[cold]
fn give_back() {
    // ORDERING: Release pairs with the Acquire of `take`.
    let _ = STATE.fetch_update(Ordering::Release, Ordering::Relaxed, |state| {
        let left = state - ONE_PART;
        Some(if left < ONE_PART { 0 } else { left })
    });
}

thread_local! {
    /// What [`with_array`] has got in advance, and its size.
    static ADVANCE: Cell<(*mut u8, usize)> = const { Cell::new((ptr::null_mut(), 0)) };
}

/// What the system has refused: what was got in advance for it, or a part of the reserve.
#[cold]
fn replace(layout: Layout) -> *mut u8 {
    let (part, size) = ADVANCE.get();
    if !part.is_null() && size == layout.size() && part.addr() % layout.align() == 0 {
        ADVANCE.set((ptr::null_mut(), 0));
        return part;
    }
    take(layout)
}

/// Calls `make`, which allocates one array of `count` values of `T`, and which would end the process if the system
/// refused that. So it is asked for first, and kept until the system has granted it once more or refuses it.
pub(crate) fn with_array<T, R>(count: usize, make: impl FnOnce() -> R) -> Result<R, Error> {
    let layout = Layout::array::<T>(count).map_err(|_| Error::NoMemory)?;
    debug_assert!(layout.size() > 0, "there is nothing to allocate");
    // SAFETY: the layout is not empty.
    let part = unsafe { System.alloc(layout) };
    if part.is_null() {
        return Err(Error::NoMemory);
    }
    ADVANCE.set((part, layout.size()));
    let made = make();
    let (part, _) = ADVANCE.replace((ptr::null_mut(), 0));
    if !part.is_null() {
        // SAFETY: allocated above with this layout, and not used.
        unsafe { System.dealloc(part, layout) };
    }
    Ok(made)
}

fn is_of_reserve(part: *const u8) -> bool {
    part.addr().wrapping_sub(SPACE.0.get().addr()) < SIZE
}

/// The system's allocator, and the reserve.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: each part is the system's, or one of the reserve that nobody else has.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let part = unsafe { System.alloc(layout) };
        if part.is_null() {
            replace(layout)
        } else {
            part
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let part = unsafe { System.alloc_zeroed(layout) };
        if !part.is_null() {
            return part;
        }
        let part = replace(layout);
        if !part.is_null() {
            // SAFETY: just given, of that size.
            unsafe { part.write_bytes(0, layout.size()) };
        }
        part
    }

    #[inline]
    unsafe fn dealloc(&self, part: *mut u8, layout: Layout) {
        if is_of_reserve(part) {
            give_back();
        } else {
            // SAFETY: the caller's promise; it came from there.
            unsafe { System.dealloc(part, layout) };
        }
    }

    #[inline]
    unsafe fn realloc(&self, part: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_of_reserve(part) {
            // SAFETY: the caller's promise; it came from there.
            let grown = unsafe { System.realloc(part, layout, size) };
            if !grown.is_null() {
                return grown;
            }
        }
        // SAFETY: the caller promises that the size is possible with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises that it is not empty.
        let grown = unsafe { self.alloc(new) };
        if !grown.is_null() {
            // SAFETY: both have that many bytes, and they are two.
            unsafe { ptr::copy_nonoverlapping(part, grown, layout.size().min(size)) };
            // SAFETY: the caller gives it up.
            unsafe { self.dealloc(part, layout) };
        }
        grown
    }
}

/// Whether a call that allocates small parts may begin: not while much of the reserve is used and the system still
/// refuses memory.
#[inline]
pub(crate) fn check() -> Result<(), Error> {
    // ORDERING: Relaxed; a look.
    if given(STATE.load(Ordering::Relaxed)) <= SIZE - NEEDED {
        return Ok(());
    }
    ask_system()
}

/// As much as is needed, in parts of the largest size that the reserve would give: what is larger the system may grant although
/// it refuses small parts, from another place.
#[cold]
fn ask_system() -> Result<(), Error> {
    let layout = Layout::new::<[u64; LARGEST / 8]>();
    let parts: [*mut u8; NEEDED / LARGEST] = std::array::from_fn(|_| {
        // SAFETY: the layout is not empty.
        unsafe { System.alloc(layout) }
    });
    let granted = parts.iter().filter(|part| !part.is_null());
    let enough = granted.clone().count() == parts.len();
    for part in granted {
        // SAFETY: just allocated like that.
        unsafe { System.dealloc(*part, layout) };
    }
    if enough { Ok(()) } else { Err(Error::NoMemory) }
}

/// Waits until a table has room, for what can be neither refused nor lost: others have a millisecond at a time to give memory
/// back. `reserve` asks for the room.
#[inline]
pub(crate) fn insist(mut reserve: impl FnMut() -> Result<(), TryReserveError>) {
    while reserve().is_err() {
        clock::sleep(Duration::from_millis(1));
    }
}

/// The value on the heap, if the system grants the memory. Nothing of the reserve is used for it.
pub(crate) fn try_box<T>(value: T) -> Result<Box<T>, Error> {
    let layout = Layout::new::<T>();
    debug_assert!(layout.size() > 0, "there is nothing to allocate");
    // SAFETY: the layout is not empty.
    let place: *mut T = unsafe { System.alloc(layout) }.cast();
    if place.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: just allocated for it.
    unsafe { place.write(value) };
    // SAFETY: as a box is allocated, since what is not of the reserve goes back to the system.
    Ok(unsafe { Box::from_raw(place) })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_reserve_are_apart_and_all_of_it_can_be_used_again() {
        let layout = Layout::from_size_align(1000, 64).expect("it is possible");
        for _ in 0..3 {
            let mut parts = Vec::with_capacity(SIZE / 1000);
            loop {
                let part = take(layout);
                if part.is_null() {
                    break;
                }
                assert!(part.addr() % 64 == 0 && is_of_reserve(part));
                parts.push(part.addr());
            }
            assert!(
                parts.len() >= SIZE / 1024 && parts.windows(2).all(|two| two[1] - two[0] >= 1000)
            );
            assert!(check().is_ok(), "the system grants memory");
            parts.iter().for_each(|_| give_back());
        }
        assert!(take(Layout::new::<[u8; LARGEST + 1]>()).is_null());
        assert!(!is_of_reserve((&raw const layout).cast()));
    }
}
