//! A fiber that overruns its stack: the process ends with a message that says so.

#![allow(unsafe_code, reason = "a signal handler and its stack")]

use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::sync::OnceLock;

use crate::current::Current;
use crate::suspend::Overrun;
use crate::sync::{AtomicU32, Ordering};

/// Bytes for the handler, and for the one it passes other faults on to.
const HANDLER_STACK: usize = 64 << 10;

struct Before(libc::sigaction);
/// What handled faults before.
static BEFORE: OnceLock<Before> = OnceLock::new();

// SAFETY: a function pointer and plain flags.
unsafe impl Send for Before {}
// SAFETY: as above.
unsafe impl Sync for Before {}

/// Installs the handler, the first time.
pub(super) fn watch() {
    static WATCHED: AtomicU32 = AtomicU32::new(0);
    // Not a Once: one that is under way at a fork() never ends in the child.
    // ORDERING: Relaxed; a fault in a fiber comes after the pool was made.
    if WATCHED.swap(1, Ordering::Relaxed) != 0 {
        return;
    }
    let mut before = MaybeUninit::uninit();
    // SAFETY: it only asks, and `before` is writable.
    if unsafe { libc::sigaction(libc::SIGSEGV, ptr::null(), before.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: sigaction has written it.
    let _ = BEFORE.set(Before(unsafe { before.assume_init() }));
    // SAFETY: plain bytes.
    let mut action: libc::sigaction = unsafe { zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the handler keeps to what a handler may do.
    unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) };
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes it.
    let info_there = unsafe { &*info };
    // SAFETY: this signal has an address.
    let address = unsafe { info_there.si_addr() } as usize;
    if let Some(overrun) = Current::overrun(address) {
        report(overrun);
        end_by(signal);
        return;
    }
    let Some(Before(before)) = BEFORE.get() else {
        return end_by(signal);
    };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => end_by(signal),
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            // SAFETY: installed as one of that type.
            let handler: Handler = unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: as above.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

/// The instruction that faulted is tried again when the handler returns, and ends the process.
fn end_by(signal: c_int) {
    // SAFETY: plain bytes; SIG_DFL is 0.
    let default: libc::sigaction = unsafe { zeroed() };
    // SAFETY: no handler.
    unsafe { libc::sigaction(signal, &raw const default, ptr::null_mut()) };
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

/// A stack for the handler, on a thread that has none: it cannot run on the one that has overrun.
#[derive(Debug)]
pub(super) struct AlternateStack(*mut c_void);

impl AlternateStack {
    pub(super) fn of_this_thread() -> Option<Self> {
        let mut there = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: it only asks, and `there` is writable.
        unsafe { libc::sigaltstack(ptr::null(), there.as_mut_ptr()) };
        // SAFETY: sigaltstack has written it.
        if unsafe { there.assume_init() }.ss_flags & libc::SS_DISABLE == 0 {
            return None;
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
        Some(Self(memory))
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        let none = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: no handler runs on it now.
        unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        // SAFETY: mapped by `of_this_thread`.
        unsafe { libc::munmap(self.0, HANDLER_STACK) };
    }
}
