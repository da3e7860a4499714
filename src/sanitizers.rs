//! What the program's sanitizers are told: ThreadSanitizer of every hand-over between threads, and both it
//! and AddressSanitizer of every change of stacks. In a program without a sanitizer each call here is one
//! test of a pointer that is null. Go's race detector has functions of the same names that take something else;
//! it knows no fibers, by which it is told apart.
//!
//! A build of the library that is instrumented itself has nothing to tell ThreadSanitizer, which sees the
//! atomic operations there: what is told here could hide a fault of theirs.

#![allow(unsafe_code, reason = "calls the runtime of a sanitizer")]
#![cfg_attr(
    any(loom, miri, antpool_stand_in),
    allow(dead_code, reason = "nothing is told there")
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// The functions of `sanitizers.cpp`, in its order. Each is null in a program without its sanitizer.
#[repr(C)]
struct Calls {
    acquire: Option<unsafe extern "C" fn(*mut c_void)>,
    release: Option<unsafe extern "C" fn(*mut c_void)>,
    current_fiber: Option<unsafe extern "C" fn() -> *mut c_void>,
    create_fiber: Option<unsafe extern "C" fn(u32) -> *mut c_void>,
    destroy_fiber: Option<unsafe extern "C" fn(*mut c_void)>,
    switch_to_fiber: Option<unsafe extern "C" fn(*mut c_void, u32)>,
    start_switch: Option<unsafe extern "C" fn(*mut *mut c_void, *const c_void, usize)>,
    finish_switch: Option<unsafe extern "C" fn(*mut c_void, *mut *const c_void, *mut usize)>,
    unpoison: Option<unsafe extern "C" fn(*const c_void, usize)>,
    register_root: Option<unsafe extern "C" fn(*const c_void, usize)>,
    unregister_root: Option<unsafe extern "C" fn(*const c_void, usize)>,
}

unsafe extern "C" {
    static antpool_sanitizers: Calls;
}

#[inline(always)]
fn calls() -> &'static Calls {
    // SAFETY: a constant of the shim, of this type.
    unsafe { &antpool_sanitizers }
}

/// The calling thread has released `place`: what it has written is seen by whoever acquires that later.
#[inline(always)]
pub(crate) fn release<T>(place: &T) {
    if cfg!(any(loom, miri, antpool_stand_in)) {
        return;
    }
    if let (Some(release), Some(_)) = (calls().release, calls().current_fiber) {
        // SAFETY: ThreadSanitizer takes the address for a name.
        unsafe { release(ptr::from_ref(place).cast_mut().cast()) };
    }
}

/// The calling thread has acquired `place`.
#[inline(always)]
pub(crate) fn acquire<T>(place: &T) {
    if cfg!(any(loom, miri, antpool_stand_in)) {
        return;
    }
    if let (Some(acquire), Some(_)) = (calls().acquire, calls().current_fiber) {
        // SAFETY: as above.
        unsafe { acquire(ptr::from_ref(place).cast_mut().cast()) };
    }
}

/// Where a thread was when it switched to a fiber.
#[derive(Clone, Copy, Debug)]
struct Thread {
    tsan: *mut c_void,
    fake_stack: *mut c_void,
    bottom: *const c_void,
    size: usize,
}

/// A fiber, as the sanitizers know it.
#[derive(Debug)]
pub(crate) struct Fiber {
    bottom: *const c_void,
    size: usize,
    tsan: *mut c_void,
    fake_stack: Cell<*mut c_void>,
    thread: Cell<Thread>,
}

impl Fiber {
    /// A fiber on the stack from `limit` up to `base`; `None` in a program without a sanitizer.
    #[inline]
    pub(crate) fn on(limit: usize, base: usize) -> Option<Owned> {
        let calls = calls();
        let stands_in = cfg!(any(loom, miri, antpool_stand_in));
        if stands_in || calls.create_fiber.is_none() && calls.start_switch.is_none() {
            return None;
        }
        // SAFETY: 0 asks for no flag.
        let create = |create: unsafe extern "C" fn(u32) -> *mut c_void| unsafe { create(0) };
        let fiber = Box::new(Self {
            bottom: ptr::with_exposed_provenance(limit),
            size: base - limit,
            tsan: calls.create_fiber.map_or(ptr::null_mut(), create),
            fake_stack: Cell::new(ptr::null_mut()),
            thread: Cell::new(Thread {
                tsan: ptr::null_mut(),
                fake_stack: ptr::null_mut(),
                bottom: ptr::null(),
                size: 0,
            }),
        });
        Some(Owned(NonNull::from(Box::leak(fiber))))
    }

    /// The calling thread is about to switch to it.
    pub(crate) fn is_entered(&self) {
        let mut thread = self.thread.get();
        if let Some(start) = calls().start_switch {
            // SAFETY: the stack is this fiber's, and the next thing to happen is the switch.
            unsafe { start(&mut thread.fake_stack, self.bottom, self.size) };
        }
        if let (Some(current), Some(switch)) = (calls().current_fiber, calls().switch_to_fiber) {
            // SAFETY: no conditions.
            thread.tsan = unsafe { current() };
            // SAFETY: made by `on`; the next thing to happen is the switch.
            unsafe { switch(self.tsan, 0) };
        }
        self.thread.set(thread);
    }

    /// The calling fiber has just begun, or gone on.
    pub(crate) fn has_arrived(&self) {
        if let Some(finish) = calls().finish_switch {
            let mut thread = self.thread.get();
            // SAFETY: what the last switch from here has saved.
            unsafe {
                finish(self.fake_stack.get(), &mut thread.bottom, &mut thread.size);
            }
            self.thread.set(thread);
        }
    }

    /// The calling fiber is about to switch back to the thread that has entered it; for the last time, if it
    /// has ended.
    pub(crate) fn leaves(&self, has_ended: bool) {
        // Nothing of this frame is used once `start` has been called: it may lie on what that frees.
        let thread = self.thread.get();
        if let Some(start) = calls().start_switch {
            let place = if has_ended {
                ptr::null_mut()
            } else {
                self.fake_stack.as_ptr()
            };
            // SAFETY: the stack that `has_arrived` was told of; NULL says that this one is not used again.
            unsafe { start(place, thread.bottom, thread.size) };
        }
        if let Some(switch) = calls().switch_to_fiber {
            // SAFETY: where `is_entered` was called; the next thing to happen is the switch.
            unsafe { switch(self.thread.get().tsan, 0) };
        }
    }

    /// The calling thread is back.
    pub(crate) fn is_left(&self) {
        if let Some(finish) = calls().finish_switch {
            // SAFETY: what `is_entered` has saved; nobody asks which stack that was.
            unsafe {
                finish(
                    self.thread.get().fake_stack,
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            };
        }
    }

    /// What is on its stack is given up.
    pub(crate) fn is_abandoned(&self) {
        if let Some(unpoison) = calls().unpoison {
            // SAFETY: nothing on the stack is used again.
            unsafe { unpoison(self.bottom, self.size) };
        }
    }
}

/// A fiber that is forgotten with this. It is found by pointers meanwhile.
#[derive(Debug)]
pub(crate) struct Owned(NonNull<Fiber>);

impl Deref for Owned {
    type Target = Fiber;

    fn deref(&self) -> &Fiber {
        // SAFETY: it is freed by the drop of this.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(destroy) = calls().destroy_fiber {
            // SAFETY: made by `on`, and not the one that calls.
            unsafe { destroy(self.tsan) };
        }
        // SAFETY: it was a box, and nobody else frees it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Memory in which LeakSanitizer looks for pointers, until this is dropped.
#[derive(Debug)]
pub(crate) struct Root {
    start: *const c_void,
    size: usize,
}

// SAFETY: the address is a name for LeakSanitizer.
unsafe impl Send for Root {}

impl Root {
    /// The memory is readable for as long as this lives.
    pub(crate) fn new(start: *const c_void, size: usize) -> Self {
        if let Some(register) = calls().register_root {
            // SAFETY: it only notes the address; who drops this before the memory goes keeps it true.
            unsafe { register(start, size) };
        }
        Self { start, size }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(unregister) = calls().unregister_root {
            // SAFETY: `new` has registered the same.
            unsafe { unregister(self.start, self.size) };
        }
    }
}
