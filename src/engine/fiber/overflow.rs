//! A fiber that overruns its stack: the process ends with a message that says so.

#![allow(unsafe_code, reason = "a signal handler and its stack")]

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, zeroed};
use std::ptr;

use crate::current::Current;
use crate::suspend::Overrun;
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, StepWait};

/// Bytes for our handler, and for the one to which it passes other faults.
const HANDLER_STACK: usize = 64 << 10;

/// The handler before ours, written by the call that installs ours.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);
static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));

// SAFETY: written once, before `STATE` says so, and only read after.
unsafe impl Sync for Before {}

static STATE: AtomicU32 = AtomicU32::new(0);
const BEGUN: u32 = 1;
const INSTALLED: u32 = 2;
/// The handler before ours was to be called once, and has been.
const SPENT: u32 = 3;

/// Installs the handler, the first time, before a fiber runs.
pub(super) fn watch() {
    // Not a Once: if another thread is inside one at a fork(), it never ends in the child.
    // ORDERING: Acquire pairs with the Release below: later callers find the handler installed.
    let begun = STATE.compare_exchange(0, BEGUN, Ordering::Acquire, Ordering::Acquire);
    if begun.is_err() {
        return;
    }
    // SAFETY: plain bytes.
    let mut action: libc::sigaction = unsafe { zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    let before: *mut libc::sigaction = BEFORE.0.get().cast();
    // SAFETY: the handler keeps to what a handler may do; only this call writes to `before`, in the step
    // that puts the handler in its place.
    if unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, before) } == 0 {
        // ORDERING: Release pairs with the Acquire of `before`.
        STATE.store(INSTALLED, Ordering::Release);
    }
}

/// The handler before ours; `None` if there was none, or is none any more.
fn before() -> Option<&'static libc::sigaction> {
    let mut step = StepWait::default();
    // ORDERING: Acquire pairs with the Release of `watch`.
    while STATE.load(Ordering::Acquire) == BEGUN {
        step.wait(); // Another thread has just put the handler in its place.
    }
    // SAFETY: nobody writes it any more.
    let before = unsafe { &*BEFORE.0.get() };
    // SAFETY: written before the state said so.
    let before = unsafe { before.assume_init_ref() };
    if before.sa_flags & libc::SA_RESETHAND != 0 {
        // ORDERING: Relaxed; one of two faults is the first.
        let first = STATE.compare_exchange(INSTALLED, SPENT, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err() {
            return None;
        }
    }
    Some(before)
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes it.
    let info_there = unsafe { &*info };
    let sent = info_there.si_code <= 0;
    if !sent {
        // SAFETY: a fault has an address.
        let address = unsafe { info_there.si_addr() } as usize;
        if let Some(overrun) =
            AlternateStack::current().and_then(|current| current.overrun(address))
        {
            report(overrun);
            end_by(signal);
            return;
        }
    }
    match before() {
        Some(before) if before.sa_sigaction != libc::SIG_DFL => match before.sa_sigaction {
            libc::SIG_IGN if sent => {}
            libc::SIG_IGN => end_by(signal),
            _ => pass_on(before, signal, info, context),
        },
        _ => {
            end_by(signal);
            if sent {
                send_again(signal);
            }
        }
    }
}

/// Calls the handler before ours as the system would have: with the signals blocked that it asked for.
fn pass_on(
    before: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    let mut mask = before.sa_mask;
    if before.sa_flags & libc::SA_NODEFER == 0 {
        // SAFETY: a set.
        unsafe { libc::sigaddset(&raw mut mask, signal) };
    }
    let mut unmasked = MaybeUninit::uninit();
    // SAFETY: both are sets; a thread's mask may be changed in a handler.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, unmasked.as_mut_ptr()) };
    if before.sa_flags & libc::SA_SIGINFO != 0 {
        type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
        // SAFETY: installed as one of that type.
        let handler: Handler = unsafe { std::mem::transmute(before.sa_sigaction) };
        handler(signal, info, context);
    } else {
        // SAFETY: as above.
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(before.sa_sigaction) };
        handler(signal);
    }
    // SAFETY: written by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, unmasked.as_ptr(), ptr::null_mut()) };
}

/// The instruction that faulted is tried again when the handler returns, and ends the process.
fn end_by(signal: c_int) {
    // SAFETY: plain bytes; SIG_DFL is 0.
    let default: libc::sigaction = unsafe { zeroed() };
    // SAFETY: no handler.
    unsafe { libc::sigaction(signal, &raw const default, ptr::null_mut()) };
}

/// No instruction faulted: the signal has to come again to end the process.
fn send_again(signal: c_int) {
    // SAFETY: no conditions.
    let process = unsafe { libc::getpid() };
    // SAFETY: no conditions.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    // SAFETY: no conditions.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
}

/// Without memory and without locks: nothing else is allowed here.
fn report(overrun: Overrun<'_>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = overrun.stack_size;
    while {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        rest > 0
    } {}
    let parts: [&[u8]; 5] = [
        b"antpool: a task of the pool \"",
        overrun.pool.to_bytes(),
        b"\" overran its fiber's stack of ",
        &digits[at..],
        b" bytes; ask for more by stack_size\n",
    ];
    for part in parts {
        // SAFETY: readable for its length.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
}

/// A stack for the handler, which cannot run on the stack that has overrun, on a thread that has none.
///
/// The handler finds the thread's [`Current`] by the stack that it runs on: a thread-local of a library that
/// was loaded later may have to be allocated at its first use, which no handler may do.
#[derive(Debug)]
pub(super) struct AlternateStack {
    memory: *mut c_void,
    /// Its place in [`STACKS`], if there was one.
    entry: Option<&'static Entry>,
}

/// One stack for the handler, and whose it is.
#[derive(Debug)]
struct Entry {
    /// The lowest address; 0 for a place that is free.
    start: AtomicUsize,
    size: AtomicUsize,
    current: AtomicPtr<Current>,
}

/// Overruns on carriers beyond this number end the process without the line.
static STACKS: [Entry; 1024] = [const {
    Entry {
        start: AtomicUsize::new(0),
        size: AtomicUsize::new(0),
        current: AtomicPtr::new(ptr::null_mut()),
    }
}; 1024];

impl AlternateStack {
    /// The worker of the thread on whose alternate stack the caller runs.
    fn current() -> Option<&'static Current> {
        let here = 0_u8;
        let here = (&raw const here).addr();
        let mine = STACKS.iter().find(|entry| {
            // ORDERING: Relaxed; the calling thread has written the one that is found.
            let start = entry.start.load(Ordering::Relaxed);
            let size = entry.size.load(Ordering::Relaxed);
            start != 0 && (start..start + size).contains(&here)
        })?;
        // ORDERING: as above.
        let current = mine.current.load(Ordering::Relaxed);
        // SAFETY: promised to `of_this_thread`, and the stack is in use.
        unsafe { current.as_ref() }
    }

    /// # Safety
    /// `current` is valid until the result is dropped.
    pub(super) unsafe fn of_this_thread(current: *const Current) -> Option<Self> {
        let mut there = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and `there` is writable.
        unsafe { libc::sigaltstack(ptr::null(), there.as_mut_ptr()) };
        // SAFETY: sigaltstack has written it.
        let there = unsafe { there.assume_init() };
        if there.ss_flags & libc::SS_DISABLE == 0 {
            // Somebody else's, such as a sanitizer's: it serves as well, and stays.
            return Some(Self {
                memory: ptr::null_mut(),
                entry: Self::enter(there.ss_sp.addr(), there.ss_size, current),
            });
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: new memory, wherever the system has room.
        let memory = unsafe { libc::mmap(ptr::null_mut(), HANDLER_STACK, protection, kind, -1, 0) };
        if memory == libc::MAP_FAILED {
            return None;
        }
        let stack = libc::stack_t {
            ss_sp: memory,
            ss_flags: 0,
            ss_size: HANDLER_STACK,
        };
        // SAFETY: memory of its own, kept until it is taken off again.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        Some(Self {
            memory,
            entry: Self::enter(memory.addr(), HANDLER_STACK, current),
        })
    }

    /// Writes down whose stack it is.
    fn enter(start: usize, size: usize, current: *const Current) -> Option<&'static Entry> {
        let entry = STACKS.iter().find(|entry| {
            // ORDERING: Relaxed, here and below; only this thread, and its handler, look at the rest.
            entry
                .start
                .compare_exchange(0, start, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        })?;
        entry.current.store(current.cast_mut(), Ordering::Relaxed);
        entry.size.store(size, Ordering::Relaxed);
        Some(entry)
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            // ORDERING: Relaxed; the handler of this thread needs it no more.
            entry.size.store(0, Ordering::Relaxed);
            entry.current.store(ptr::null_mut(), Ordering::Relaxed);
            entry.start.store(0, Ordering::Relaxed);
        }
        if self.memory.is_null() {
            return;
        }
        let none = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: no handler runs on it now.
        unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        // SAFETY: mapped by `of_this_thread`.
        unsafe { libc::munmap(self.memory, HANDLER_STACK) };
    }
}
