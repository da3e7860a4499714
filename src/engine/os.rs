//! Threads of the operating system: how workers are started, what they inherit and what not.

#![allow(unsafe_code, reason = "calls the thread functions of the C library")]

use std::ffi::{CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use crate::admission::SpawnError;
use crate::cancel::{self, Uncancelable};
use crate::config::Config;
use crate::cpus::CpuSet;
use crate::error::Error;

/// Bytes of stack if nobody asks for another size, whatever RUST_MIN_STACK says.
const STACK_DEFAULT: usize = 8 << 20;
/// The longest name the kernel keeps, without its end.
const NAME_MAX: usize = 15;
/// The signals of a worker: its own faults, an abort, a profiler.
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

/// The attributes that the workers of one pool share.
#[derive(Debug)]
pub(super) struct ThreadAttributes {
    stack_size: usize,
    name: CString,
    scheduling: Option<Scheduling>,
    cpus: Option<CpuSet>,
    detached: bool,
}

/// A thread that can be joined.
#[derive(Debug)]
pub(super) struct Thread(libc::pthread_t);

// SAFETY: a pthread_t may be joined from any thread.
unsafe impl Send for Thread {}

impl Thread {
    /// Waits for its end.
    pub(super) fn join(self) {
        let _uncancelable = Uncancelable::begin();
        // SAFETY: started joinable, and given to one place only.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }

    /// Nobody joins it.
    pub(super) fn detach(self) {
        // SAFETY: started joinable, and given to one place only.
        unsafe { libc::pthread_detach(self.0) };
    }

    /// Joins it if it has ended: destructors of thread-specific values included, which are the host's and
    /// may take long.
    pub(super) fn join_if_ended(&self) -> bool {
        // SAFETY: started joinable; whoever gets true does not use it again.
        unsafe { pthread_tryjoin_np(self.0, ptr::null_mut()) == 0 }
    }
}

unsafe extern "C" {
    // Not in the libc crate for every platform.
    fn pthread_tryjoin_np(thread: libc::pthread_t, value: *mut *mut c_void) -> c_int;
}

/// The body of a new thread.
struct Start {
    body: Box<dyn FnOnce() + Send>,
    name: CString,
    scheduling: Option<Scheduling>,
    cpus: Option<CpuSet>,
}

impl ThreadAttributes {
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
            scheduling: Scheduling::for_workers(config.nice_increment)?,
            cpus: config.cpus,
            detached: config.never_destroyed,
        })
    }

    /// Starts a thread. The caller keeps `self` alive for as long as the thread lives.
    pub(super) fn spawn(
        &self,
        index: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), SpawnError> {
        let start = Box::new(Start {
            body: Box::new(body),
            name: self.thread_name(index),
            scheduling: self.scheduling,
            cpus: self.cpus,
        });
        let attributes = Attributes::new(self.stack_size, self.detached).ok_or(SpawnError)?;
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
            // SAFETY: no thread owns it.
            drop(unsafe { Box::from_raw(start) });
            return Err(SpawnError);
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
    // Nothing in this thread may be cut off half-way.
    cancel::disable_for_good();
    // SAFETY: no conditions.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: a string that ends.
    unsafe { libc::pthread_setname_np(this, start.name.as_ptr()) };
    // A thread has the CPUs of the one that started it, which may be pinned.
    if let Some(cpus) = start.cpus.or_else(CpuSet::of_process) {
        cpus.take_on();
    }
    if let Some(scheduling) = start.scheduling {
        scheduling.take_on();
    }
    let Start { body, name, .. } = *start;
    drop(name);
    body();
    ptr::null_mut()
}

/// How the system chooses when a thread runs: its policy, and its nice value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scheduling {
    policy: c_int,
    nice: c_int,
}

impl Scheduling {
    /// Of the calling thread; `None` where the system does not say.
    fn of_this_thread() -> Option<Self> {
        // SAFETY: plain bytes.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::sched_attr>();
        // SAFETY: `attributes` is writable for its size; 0 is the calling thread.
        let refused =
            unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        (refused == 0).then(|| Self {
            policy: attributes.sched_policy.try_into().unwrap_or(-1),
            nice: attributes.sched_nice,
        })
    }

    /// The scheduling of the workers of a pool that the calling thread makes: never a real-time policy, and its nice
    /// value with the increment, within the range of nice values.
    fn for_workers(nice_increment: i32) -> Result<Option<Self>, Error> {
        let Some(maker) = Self::of_this_thread() else {
            return match nice_increment {
                0 => Ok(None),
                _ => Err(Error::Unsupported),
            };
        };
        let keeps_policy = [libc::SCHED_BATCH, libc::SCHED_IDLE].contains(&maker.policy);
        let workers = Self {
            policy: if keeps_policy {
                maker.policy
            } else {
                libc::SCHED_OTHER
            },
            nice: maker.nice.saturating_add(nice_increment).clamp(-20, 19),
        };
        // Whether the system lets a thread become less nice only an attempt shows.
        if nice_increment < 0 && workers.nice < maker.nice {
            if !workers.set() {
                return Err(Error::Unsupported);
            }
            maker.set();
        }
        Ok(Some(workers))
    }

    /// The calling thread, which has what the one has that started it, takes this on. What the system
    /// refuses, such as a lower nice value, stays as it is.
    fn take_on(self) {
        let Some(inherited) = Self::of_this_thread() else {
            return;
        };
        if inherited != self && !self.set() {
            let policy_alone = Self {
                nice: inherited.nice,
                ..self
            };
            policy_alone.set();
        }
    }

    fn set(self) -> bool {
        // SAFETY: plain bytes, all of them zero: priority 0.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        attributes.size = size_of::<libc::sched_attr>() as u32;
        attributes.sched_policy = self.policy.unsigned_abs();
        attributes.sched_nice = self.nice;
        // SAFETY: `attributes` lives across the call; 0 is the calling thread.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) == 0 }
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

/// Bytes of each new stack that the C library puts the program's thread-locals into.
fn taken_by_thread_locals() -> usize {
    type MinimalStack = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;
    // SAFETY: a string that ends.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__pthread_get_minstack".as_ptr()) };
    if found.is_null() {
        return 0; // Not glibc: musl adds them by itself.
    }
    // SAFETY: glibc's function of that name, which Rust's own library calls like this.
    let minimal_stack: MinimalStack = unsafe { std::mem::transmute(found) };
    // SAFETY: it does not read the attributes.
    let least = unsafe { minimal_stack(ptr::null()) };
    least.saturating_sub(libc::PTHREAD_STACK_MIN)
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
        // glibc takes the guard page and thread-local storage out of the stack.
        let size = (stack_size + page + taken_by_thread_locals()).next_multiple_of(page);
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
