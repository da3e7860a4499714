//! Stacks for fibers: memory in slabs, a guard below each stack, given back when it is not used.

#![allow(unsafe_code, reason = "maps memory")]

use std::ptr;

use corosensei::stack::valgrind::ValgrindStackRegistration;

use super::switch::Bounds;
use crate::admission::SpawnError;
use crate::config::Config;
use crate::error::Error;
use crate::sanitizers;
use crate::sync::{AtomicU32, Mutex, Ordering};

/// Bytes of stack if nobody asks for another size.
const STACK_DEFAULT: usize = 64 << 10;
/// The least that a task needs: a call into the C library, a failure and its report.
const STACK_MIN: usize = 16 << 10;
/// Bytes below each stack, at least, that end the process when they are touched.
pub(super) const GUARD: usize = 64 << 10;
/// Stacks in one slab, if they fit.
const STACKS_IN_SLAB: usize = 64;
/// Bytes of a slab of more than one stack.
const SLAB_MAX: usize = 16 << 20;
/// Linux 6.13: a guard that needs no mapping of its own.
const MADV_GUARD_INSTALL: i32 = 102;
/// A request that no kernel knows.
const MADV_NONSENSE: i32 = i32::MAX;

/// One stack: the address after its highest, and the slab it is from. Packed, so that a slot takes 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(super) struct Stack {
    pub(super) top: usize,
    slab: u32,
}

/// One mapping.
#[derive(Debug)]
struct Slab {
    /// Its lowest address; 0 if this place is free.
    start: usize,
    /// The stacks that are not in use.
    free: u64,
    /// The stacks that have their guard.
    guarded: u64,
    /// Those again, for valgrind, which takes a switch between stacks that it does not know for one
    /// enormous frame, and for LeakSanitizer, which looks for pointers only where it knows of memory.
    known: Vec<(ValgrindStackRegistration, sanitizers::Root)>,
}

#[derive(Debug, Default)]
struct Slabs {
    all: Vec<Slab>,
    /// Slabs with stacks that are not in use.
    with_free: Vec<u32>,
    /// Places in `all` that are free.
    gone: Vec<u32>,
}

/// The stacks of one pool.
#[derive(Debug)]
pub(super) struct Stacks {
    /// Bytes of one stack, without its guard.
    size: usize,
    /// Bytes from one stack to the next. An odd number of pages: with a power of two the tops of the
    /// stacks, which are what fibers touch, would share a few sets of the processor's TLB.
    spacing: usize,
    in_slab: usize,
    slabs: Mutex<Slabs>,
}

fn page() -> usize {
    // SAFETY: no conditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

impl Stacks {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let size = match config.stack_size {
            0 => STACK_DEFAULT,
            size if size < STACK_MIN => return Err(Error::InvalidArgument),
            size => size.next_multiple_of(page()),
        };
        let spacing = match size + GUARD {
            bytes if bytes / page() % 2 == 0 => bytes + page(),
            bytes => bytes,
        };
        Ok(Self {
            size,
            spacing,
            in_slab: (SLAB_MAX / spacing).clamp(1, STACKS_IN_SLAB),
            slabs: Mutex::default(),
        })
    }

    /// Bytes of each stack.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Where a stack's memory is.
    pub(super) fn bounds(&self, stack: Stack) -> Bounds {
        Bounds {
            limit: stack.top - self.size,
            base: stack.top,
        }
    }

    /// Which of all stacks it is, for what should differ between neighbours.
    pub(super) fn number(&self, stack: Stack) -> usize {
        stack.top / self.spacing
    }

    /// Maps memory for several stacks at once.
    pub(super) fn reserve(&self, stacks: usize) -> Result<(), SpawnError> {
        let mut slabs = self.slabs.lock();
        let mut there = 0;
        while there < stacks {
            self.add_slab(&mut slabs)?;
            there += self.in_slab;
        }
        Ok(())
    }

    /// A stack with its guard.
    pub(super) fn take(&self) -> Result<Stack, SpawnError> {
        let mut slabs = self.slabs.lock();
        if slabs.with_free.is_empty() {
            self.add_slab(&mut slabs)?;
        }
        let number = *slabs.with_free.last().ok_or(SpawnError)?;
        let slab = &mut slabs.all[number as usize];
        let which = slab.free.trailing_zeros() as usize;
        let bottom = slab.start + which * self.spacing;
        if slab.guarded & (1 << which) == 0 {
            guard(bottom, self.spacing - self.size)?;
            slab.guarded |= 1 << which;
            let memory = ptr::with_exposed_provenance_mut(bottom + self.spacing - self.size);
            slab.known.push((
                ValgrindStackRegistration::new(memory, self.size),
                sanitizers::Root::new(memory.cast(), self.size),
            ));
        }
        slab.free &= !(1 << which);
        if slab.free == 0 {
            slabs.with_free.pop();
        }
        Ok(Stack {
            top: bottom + self.spacing,
            slab: number,
        })
    }

    fn add_slab(&self, slabs: &mut Slabs) -> Result<(), SpawnError> {
        // Each may have free stacks one day, or be gone.
        let all = slabs.all.len() + 1;
        slabs.all.try_reserve(1)?;
        slabs.with_free.try_reserve(all - slabs.with_free.len())?;
        slabs.gone.try_reserve(all - slabs.gone.len())?;
        let slab = Slab {
            start: map(self.slab_bytes())?,
            free: u64::MAX >> (64 - self.in_slab),
            guarded: 0,
            known: Vec::new(),
        };
        let number = match slabs.gone.pop() {
            Some(number) => {
                slabs.all[number as usize] = slab;
                number
            }
            None => {
                slabs.all.push(slab);
                (slabs.all.len() - 1) as u32
            }
        };
        slabs.with_free.push(number);
        Ok(())
    }

    fn slab_bytes(&self) -> usize {
        self.in_slab * self.spacing
    }

    /// Takes a stack back: its memory is the system's again.
    pub(super) fn give_back(&self, stack: Stack) {
        let mut slabs = self.slabs.lock();
        let slab = &mut slabs.all[stack.slab as usize];
        let which = (stack.top - slab.start) / self.spacing - 1;
        let was_full = slab.free == 0;
        slab.free |= 1 << which;
        if slab.free.count_ones() as usize == self.in_slab {
            slab.known.clear();
            unmap(slab.start, self.slab_bytes());
            slab.start = 0;
            slabs.with_free.retain(|number| *number != stack.slab);
            slabs.gone.push(stack.slab);
            return;
        }
        // SAFETY: the memory of a stack that nobody uses; its guard stays.
        unsafe {
            libc::madvise(
                ptr::with_exposed_provenance_mut(stack.top - self.size),
                self.size,
                libc::MADV_DONTNEED,
            )
        };
        if was_full {
            slabs.with_free.push(stack.slab);
        }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        let bytes = self.slab_bytes();
        for slab in &self.slabs.lock().all {
            if slab.start != 0 {
                unmap(slab.start, bytes);
            }
        }
    }
}

fn map(bytes: usize) -> Result<usize, SpawnError> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
    // SAFETY: new memory, wherever the system has room.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(SpawnError);
    }
    // SAFETY: just mapped. Huge pages would give each fiber far more memory than it touches; where
    // there are none, there is nothing to advise.
    unsafe { libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE) };
    Ok(start.expose_provenance())
}

fn unmap(start: usize, bytes: usize) {
    // SAFETY: one of our own mappings, with no stack in use.
    unsafe { libc::munmap(ptr::with_exposed_provenance_mut(start), bytes) };
}

/// Whether the kernel has guards that are no mappings: not asked yet, yes, no.
static LIGHT_GUARDS: AtomicU32 = AtomicU32::new(0);

/// Makes a guard.
fn guard(bottom: usize, bytes: usize) -> Result<(), SpawnError> {
    let memory = ptr::with_exposed_provenance_mut(bottom);
    // SAFETY: memory of our own that nothing uses.
    let advise = |advice| match unsafe { libc::madvise(memory, bytes, advice) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().raw_os_error()),
    };
    // ORDERING: Relaxed, here and below; each thread may find out for itself.
    let mut light = LIGHT_GUARDS.load(Ordering::Relaxed);
    if light == 0 {
        // qemu nods at every advice and does nothing.
        light = if advise(MADV_NONSENSE).is_ok() { 2 } else { 1 };
    }
    if light == 1 {
        match advise(MADV_GUARD_INSTALL) {
            Err(Some(libc::ENOMEM | libc::EAGAIN)) => return Err(SpawnError),
            // An older kernel, or a sandbox that does not know the advice.
            Err(_) => light = 2,
            Ok(()) => {}
        }
    }
    LIGHT_GUARDS.store(light, Ordering::Relaxed);
    if light == 1 {
        return Ok(());
    }
    // SAFETY: as above. It splits the mapping, and the system limits the number of mappings.
    match unsafe { libc::mprotect(memory, bytes, libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(SpawnError),
    }
}
