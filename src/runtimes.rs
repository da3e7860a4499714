//! The C++ runtimes of this process, and where each keeps the exceptions of a thread.
//!
//! There may be one in the global scope, which the shim refers to, and others that only those see who were
//! loaded with them, at any time. Those are looked for when a fiber runs a function of another file than the one
//! before. They stay loaded from then on. A runtime that is linked into a plugin is not found: an exception of
//! it that is in flight while its fiber waits is its carrier's.

#![allow(
    unsafe_code,
    reason = "asks the loader, and reads what a C++ runtime keeps"
)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::transmute;
use std::ops::Range;
use std::ptr;

use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// What a runtime keeps of a thread, as its ABI says: the list of exceptions that are being handled, and the
/// number of those that are on their way.
pub(crate) type State = [usize; 2];
const NONE: State = [0; 2];

/// Runtimes that are known at a time.
const MOST: usize = 4;
/// What fibers take along.
pub(crate) type States = [State; MOST];

/// `__cxa_get_globals` of each runtime that was found, from the front.
static FOUND: [AtomicPtr<c_void>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
/// How many files had been loaded when they were looked through last.
static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    /// That of the runtime in the global scope, or NULL.
    fn antpool_shim_exceptions() -> *mut State;
}

/// Where the runtimes keep the calling thread's exceptions: the one in the global scope, and those that were
/// found.
fn of_this_thread() -> impl Iterator<Item = *mut State> {
    // SAFETY: no conditions.
    let global = unsafe { antpool_shim_exceptions() };
    let found = FOUND.iter().map_while(|found| {
        // ORDERING: Acquire pairs with the Release of `add`.
        let function = found.load(Ordering::Acquire);
        (!function.is_null()).then_some(function)
    });
    let found = found.map(|function| {
        // SAFETY: `add` has found it under the name of `__cxa_get_globals`.
        let get =
            unsafe { transmute::<*mut c_void, unsafe extern "C" fn() -> *mut State>(function) };
        // SAFETY: its file stays loaded.
        unsafe { get() }
    });
    std::iter::once(global)
        .chain(found)
        .filter(|state| !state.is_null())
}

/// The calling thread has no C++ exception any more.
pub(crate) fn forget_exceptions() {
    for state in of_this_thread() {
        // SAFETY: the calling thread's, for as long as that lives.
        unsafe { *state = NONE };
    }
}

/// The C++ exceptions of the calling thread. Each runtime keeps them by thread; fibers take theirs along.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// From the front; the others are NULL.
    states: [Cell<*mut State>; MOST],
    /// The file, or the page, in which the last function lies that was looked at.
    seen: Cell<(usize, usize)>,
}

impl Exceptions {
    /// Those of the runtimes that are known so far.
    pub(crate) fn of_this_thread() -> Self {
        let exceptions = Self {
            states: [const { Cell::new(ptr::null_mut()) }; MOST],
            seen: Cell::new((0, 0)),
        };
        exceptions.renew();
        exceptions
    }

    fn renew(&self) {
        // Where each fiber has a thread of its own, there is nothing to take along.
        if cfg!(antpool_stand_in) {
            return;
        }
        for state in of_this_thread() {
            let place =
                (self.states.iter()).find(|known| known.get().is_null() || known.get() == state);
            if let Some(place) = place {
                place.set(state);
            }
        }
    }

    /// A fiber is about to call that function, which may have come with a runtime.
    #[inline]
    pub(crate) fn expect_those_of(&self, function: usize) {
        let (start, end) = self.seen.get();
        if function < start || function >= end {
            self.look_for_those_of(function);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_for_those_of(&self, function: usize) {
        let file = look(function);
        self.seen.set((file.start, file.end));
        self.renew();
    }

    #[inline]
    fn known(&self) -> impl Iterator<Item = *mut State> {
        (self.states.iter())
            .map(Cell::get)
            .take_while(|state| !state.is_null())
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn are_none(&self) -> bool {
        // SAFETY: the calling thread's, for as long as that lives.
        self.known().all(|state| unsafe { *state } == NONE)
    }

    /// Takes what a fiber leaves with.
    pub(crate) fn take(&self) -> States {
        let mut taken = [NONE; MOST];
        for (state, taken) in self.known().zip(&mut taken) {
            // SAFETY: the calling thread's, for as long as that lives.
            *taken = unsafe { state.replace(NONE) };
        }
        taken
    }

    /// Puts it back when the fiber does. Runtimes keep their order.
    pub(crate) fn put_back(&self, taken: States) {
        for (state, taken) in self.known().zip(taken) {
            if taken != NONE {
                // SAFETY: as above; it was taken from there.
                unsafe { *state = taken };
            }
        }
    }
}

/// What the loader is asked.
struct Look {
    function: usize,
    file: Range<usize>,
    looked_at: u64,
    loaded: u64,
    runtimes: Vec<CString>,
}

/// Finds runtimes that have been loaded since the last time. Gives the file that the function lies in, or its page
/// if it lies in none.
fn look(function: usize) -> Range<usize> {
    const PAGE: usize = 4096;
    let page = function & !(PAGE - 1);
    let mut look = Look {
        function,
        file: page..page + PAGE,
        // ORDERING: Relaxed; who looks twice finds the same.
        looked_at: LOOKED_AT.load(Ordering::Relaxed),
        loaded: 0,
        runtimes: Vec::new(),
    };
    // SAFETY: `look_at` takes a `Look`, which lives through the call.
    unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut look).cast()) };
    // The loader's lock is free again.
    look.runtimes.iter().for_each(|name| add(name));
    // ORDERING: as above.
    LOOKED_AT.store(look.loaded, Ordering::Relaxed);
    look.file
}

unsafe extern "C" fn look_at(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    look: *mut c_void,
) -> c_int {
    // SAFETY: the loader's own, for the time of the call.
    let info = unsafe { &*info };
    // SAFETY: what `look` has passed.
    let look = unsafe { &mut *look.cast::<Look>() };
    look.loaded = info.dlpi_adds;
    // SAFETY: the loader gives as many headers.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let loads = || {
        headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD)
    };
    let start = info.dlpi_addr as usize;
    let ends = loads().map(|load| start + (load.p_vaddr + load.p_memsz) as usize);
    let file = start..ends.max().unwrap_or(start);
    if file.contains(&look.function) {
        look.file = file;
    }
    if look.looked_at == look.loaded || info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: a string that ends.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) };
    let path = name.to_bytes();
    let file_name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    if RUNTIMES.iter().any(|begin| file_name.starts_with(begin)) {
        look.runtimes.push(name.to_owned());
    }
    0
}

/// How the names of runtimes begin.
const RUNTIMES: [&[u8]; 3] = [b"libstdc++", b"libc++", b"libcxxrt"];

/// Adds the runtime of that file, if there is one and room for it, and keeps it loaded.
fn add(name: &CStr) {
    let how = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: a file that is loaded already.
    let file = unsafe { libc::dlopen(name.as_ptr(), how) };
    if file.is_null() {
        return;
    }
    // SAFETY: just opened.
    let function = unsafe { libc::dlsym(file, c"__cxa_get_globals".as_ptr()) };
    // SAFETY: it stays all the same.
    unsafe { libc::dlclose(file) };
    if function.is_null() {
        return;
    }
    for found in &FOUND {
        // ORDERING: Release pairs with the Acquire of `of_this_thread`; Acquire for who compares.
        match found.compare_exchange(
            ptr::null_mut(),
            function,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Err(other) if other != function => {}
            _ => return,
        }
    }
}
