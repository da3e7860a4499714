//! Threads of the operating system: how workers are started, what they inherit and what not.

#![allow(unsafe_code, reason = "pthread_create and its kin")]

use std::ffi::{CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use crate::admission::Refused;
use crate::config::Config;
use crate::error::Error;

/// Bytes of stack if nobody asks for another size, whatever RUST_MIN_STACK says.
const STACK_DEFAULT: usize = 8 << 20;
/// The longest name the kernel keeps, without its end.
const NAME_MAX: usize = 15;
/// What a worker may be interrupted by: its own faults, an abort, a profiler.
const UNBLOCKED: [c_int; 8] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
    libc::SIGPROF,
];

unsafe extern "C" {
    // Not in the libc crate for this platform.
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}
const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// What the workers of one pool have in common.
#[derive(Debug)]
pub(super) struct Traits {
    stack_size: usize,
    name: CString,
    affinity: Option<Affinity>,
    detached: bool,
}

struct Affinity(libc::cpu_set_t);

impl std::fmt::Debug for Affinity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SAFETY: a set is plain bytes.
        write!(formatter, "Affinity({} CPUs)", unsafe {
            libc::CPU_COUNT(&self.0)
        })
    }
}

/// A thread that can be joined.
#[derive(Debug)]
pub(super) struct Thread(libc::pthread_t);

// SAFETY: a pthread_t may be joined from any thread.
unsafe impl Send for Thread {}

impl Thread {
    /// Waits for its end.
    pub(super) fn join(self) {
        // SAFETY: started joinable, and given to one place only.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

/// What a new thread runs.
struct Start {
    body: Box<dyn FnOnce() + Send>,
    name: CString,
    affinity: *const Affinity,
}

impl Traits {
    /// Taken from the options and from the calling thread. A `stack_size` of 0 is the default.
    pub(super) fn new(config: &Config, stack_size: usize) -> Result<Self, Error> {
        let stack_size = match stack_size {
            0 => STACK_DEFAULT,
            size if size < minimal_stack() => return Err(Error::InvalidArgument),
            size => size,
        };
        Ok(Self {
            stack_size,
            name: config.name.clone(),
            affinity: Affinity::of_this_thread(),
            detached: config.never_destroyed,
        })
    }

    /// Starts a thread. The caller keeps `self` alive for as long as the thread lives.
    pub(super) fn spawn(
        &self,
        index: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), Refused> {
        let affinity = self.affinity.as_ref().map_or(ptr::null(), ptr::from_ref);
        let start = Box::new(Start {
            body: Box::new(body),
            name: self.thread_name(index),
            affinity,
        });
        let attributes = Attributes::new(self.stack_size, self.detached).ok_or(Refused)?;
        let start = Box::into_raw(start);
        let mut thread = MaybeUninit::uninit();
        let blocked = BlockedSignals::new();
        // SAFETY: `begin` takes the box over.
        let refused = unsafe {
            libc::pthread_create(
                thread.as_mut_ptr(),
                &raw const attributes.0,
                begin,
                start.cast(),
            )
        };
        drop(blocked);
        if refused != 0 {
            // SAFETY: no thread has it.
            drop(unsafe { Box::from_raw(start) });
            return Err(Refused);
        }
        Ok(())
    }

    /// "name-index", cut in the name so that the index can be read.
    fn thread_name(&self, index: usize) -> CString {
        let suffix = format!("-{index}");
        let room = NAME_MAX.saturating_sub(suffix.len());
        let mut name: Vec<u8> = self.name.to_bytes().iter().copied().take(room).collect();
        name.extend(suffix.bytes().take(NAME_MAX));
        CString::new(name).unwrap_or_default()
    }

    /// The calling worker's thread, if it is to be joined.
    pub(super) fn this_thread(&self) -> Option<Thread> {
        // SAFETY: no conditions.
        (!self.detached).then(|| Thread(unsafe { libc::pthread_self() }))
    }

    /// The calling worker's thread will never end, and nobody will join it.
    pub(super) fn abandon_this_thread(&self) {
        if let Some(Thread(thread)) = self.this_thread() {
            // SAFETY: this thread, joinable until now.
            unsafe { libc::pthread_detach(thread) };
        }
    }
}

fn minimal_stack() -> usize {
    // SAFETY: no conditions.
    let minimum = unsafe { libc::sysconf(libc::_SC_THREAD_STACK_MIN) };
    usize::try_from(minimum)
        .unwrap_or(0)
        .max(libc::PTHREAD_STACK_MIN)
}

extern "C" fn begin(start: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn` made the box for this thread.
    let start = unsafe { Box::from_raw(start.cast::<Start>()) };
    // SAFETY: no conditions. Nothing in this thread may be cut off half-way.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, ptr::null_mut()) };
    // SAFETY: no conditions.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: a string that ends.
    unsafe { libc::pthread_setname_np(this, start.name.as_ptr()) };
    // SAFETY: the traits outlive every thread that they started.
    if let Some(affinity) = unsafe { start.affinity.as_ref() } {
        affinity.take_on();
    }
    take_on_default_scheduling();
    let Start { body, name, .. } = *start;
    drop(name);
    body();
    ptr::null_mut()
}

/// A thread that was started by one with a real-time policy has it too.
fn take_on_default_scheduling() {
    // SAFETY: 0 is the calling thread.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if policy != libc::SCHED_OTHER {
        // SAFETY: plain bytes, all of them zero: priority 0.
        let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
        // SAFETY: `parameters` lives across the call. A refusal leaves the policy as it is.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) };
    }
}

impl Affinity {
    fn of_this_thread() -> Option<Self> {
        // SAFETY: plain bytes.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is writable for its size. More CPUs than it holds: then it is not known.
        let known =
            unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        (known == 0).then_some(Self(set))
    }

    fn take_on(&self) {
        let inherited = Self::of_this_thread();
        // SAFETY: plain bytes.
        let same =
            inherited.is_some_and(|inherited| unsafe { libc::CPU_EQUAL(&inherited.0, &self.0) });
        if !same {
            // SAFETY: the set lives across the call. Where its CPUs have gone, the inherited stay.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) };
        }
    }
}

/// Signals stay blocked for the calling thread, and so for the thread it starts, until dropped.
struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    fn new() -> Self {
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: writable.
        unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
        for signal in UNBLOCKED {
            // SAFETY: filled above.
            unsafe { libc::sigdelset(blocked.as_mut_ptr(), signal) };
        }
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are writable, the first is filled.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: pthread_sigmask has written it.
        Self(unsafe { before.assume_init() })
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: a set that pthread_sigmask has written.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

struct Attributes(libc::pthread_attr_t);

impl Attributes {
    fn new(stack_size: usize, detached: bool) -> Option<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: writable.
        if unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: pthread_attr_init has written it.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        // SAFETY: no conditions.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        // glibc takes the guard page out of the stack.
        let size = (stack_size + page).next_multiple_of(page);
        // SAFETY: initialised above.
        if unsafe { libc::pthread_attr_setstacksize(&raw mut attributes.0, size) } != 0 {
            return None;
        }
        if detached {
            let state = libc::PTHREAD_CREATE_DETACHED;
            // SAFETY: initialised above.
            unsafe { libc::pthread_attr_setdetachstate(&raw mut attributes.0, state) };
        }
        Some(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`.
        unsafe { libc::pthread_attr_destroy(&raw mut self.0) };
    }
}
