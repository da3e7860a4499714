//! One unit of work: a function and its argument, or a small copy of it.

#![allow(
    unsafe_code,
    reason = "calls a caller's function, and keeps the copy it is given"
)]

use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use crate::tasks::Tracker;

/// A caller's function. "C-unwind": a panic or an exception may leave it.
pub(crate) type TaskFn = unsafe extern "C-unwind" fn(*mut c_void);

/// Bytes kept inside a task.
pub(crate) const COPY_MAX: usize = 32;

/// The bytes of a copy, aligned for any C type.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Copied([MaybeUninit<u8>; COPY_MAX]);

/// Where the argument is, and when the task was accepted.
///
/// Nanoseconds of the monotonic clock, 0 if the task is not sampled, with [`IS_COPY`], [`HAS_TRACKER`],
/// [`IS_PROXY`] and [`IS_PLACE`] on top.
type Stamp = u64;
const IS_COPY: Stamp = 1 << 63;
/// Behind the argument the payload has a pointer to the task's [`Tracker`].
const HAS_TRACKER: Stamp = 1 << 62;
/// The copy begins with the function and the argument that reports name.
const IS_PROXY: Stamp = 1 << 61;
/// The tracker says when it begins what the task calls.
const IS_PLACE: Stamp = 1 << 60;
const MARKS: Stamp = IS_COPY | HAS_TRACKER | IS_PROXY | IS_PLACE;

/// A task that the library makes on behalf of its user: the function and the argument that reports name, and two
/// words of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Proxy {
    pub(crate) function: TaskFn,
    pub(crate) arg: *mut c_void,
    pub(crate) own: [usize; 2],
}
const _: () = assert!(size_of::<Proxy>() <= COPY_MAX);

/// The payload of a task whose life is tracked. The argument is where every task has it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Tracked {
    arg: *mut c_void,
    tracker: *const dyn Tracker,
}
const _: () = assert!(size_of::<Tracked>() <= COPY_MAX);

/// An accepted task. 48 bytes; 64 in a queue, with what the queue knows of it.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    /// The copy, or in its first bytes the pointer.
    payload: Copied,
    function: TaskFn,
    stamp: Stamp,
}

// SAFETY: whoever made the task promised that its function may be called with its argument on
// another thread.
unsafe impl Send for Task {}

impl Task {
    /// A task that calls `function(arg)`.
    ///
    /// # Safety
    /// The call is sound on any thread, once, at any later time.
    pub(crate) unsafe fn new(function: TaskFn, arg: *mut c_void) -> Self {
        let mut payload = Copied([MaybeUninit::uninit(); COPY_MAX]);
        let first: *mut *mut c_void = payload.0.as_mut_ptr().cast();
        // SAFETY: aligned to 16 and long enough.
        unsafe { first.write(arg) };
        Self {
            payload,
            function,
            stamp: 0,
        }
    }

    /// A task that calls `function` with a pointer to its own copy of the bytes.
    ///
    /// # Safety
    /// The call is sound on any thread, once, at any later time.
    pub(crate) unsafe fn with_copy(function: TaskFn, copy: [MaybeUninit<u8>; COPY_MAX]) -> Self {
        Self {
            payload: Copied(copy),
            function,
            stamp: IS_COPY,
        }
    }

    /// A task that calls `function(arg)`, and whose life is tracked.
    ///
    /// # Safety
    /// The call is sound on any thread, once, at any later time; the tracker stays until it is told of the end.
    pub(crate) unsafe fn with_tracker(
        function: TaskFn,
        arg: *mut c_void,
        tracker: *const dyn Tracker,
    ) -> Self {
        // SAFETY: the caller's promise.
        let mut task = unsafe { Self::new(function, arg) };
        let first: *mut Tracked = task.payload.0.as_mut_ptr().cast();
        // SAFETY: aligned to 16, and long enough.
        unsafe { first.write(Tracked { arg, tracker }) };
        task.stamp = HAS_TRACKER;
        task
    }

    /// The place of a lane: when it begins, its tracker says what it calls. Until then `function` stands for that.
    ///
    /// # Safety
    /// The tracker stays until it is told of the end.
    pub(crate) unsafe fn for_place(function: TaskFn, tracker: *const dyn Tracker) -> Self {
        // SAFETY: it is not called before `replace` has been.
        let mut task = unsafe { Self::with_tracker(function, ptr::null_mut(), tracker) };
        task.stamp |= IS_PLACE;
        task
    }

    /// Whether it is the place of a lane.
    #[inline]
    pub(crate) fn is_place(&self) -> bool {
        self.stamp & IS_PLACE != 0
    }

    /// From here on it calls another function with another argument. For tasks without a copy.
    pub(crate) fn replace(&mut self, function: TaskFn, arg: *mut c_void) {
        let first: *mut *mut c_void = self.payload.0.as_mut_ptr().cast();
        // SAFETY: aligned to 16, and long enough; what is behind the pointer stays.
        unsafe { first.write(arg) };
        self.function = function;
    }

    /// Its tracker, if it has one.
    pub(crate) fn tracker(&self) -> Option<*const dyn Tracker> {
        let first: *const Tracked = self.payload.0.as_ptr().cast();
        // SAFETY: `with_tracker` wrote one there.
        (self.stamp & HAS_TRACKER != 0).then(|| unsafe { first.read() }.tracker)
    }

    /// From here on it calls another function.
    pub(crate) fn replace_function(&mut self, function: TaskFn) {
        self.function = function;
    }

    /// Whether it has a tracker, or is sampled.
    #[inline]
    pub(crate) fn is_special(&self) -> bool {
        self.stamp & !IS_COPY != 0
    }

    /// A task that calls `function` with a pointer to its own copy of `proxy`.
    ///
    /// # Safety
    /// The call is sound on any thread, once, at any later time.
    pub(crate) unsafe fn for_proxy(function: TaskFn, proxy: Proxy) -> Self {
        let mut payload = Copied([MaybeUninit::uninit(); COPY_MAX]);
        // SAFETY: aligned to 16 and long enough.
        unsafe { payload.0.as_mut_ptr().cast::<Proxy>().write(proxy) };
        Self {
            payload,
            function,
            stamp: IS_COPY | IS_PROXY,
        }
    }

    /// Whether it is one of the library's own, for a call that has begun.
    pub(crate) fn is_proxy(&self) -> bool {
        self.stamp & IS_PROXY != 0
    }

    /// Notes when it was accepted, and so makes it one of the sampled tasks.
    pub(crate) fn stamp(&mut self, now: Duration) {
        self.stamp |= u64::try_from(now.as_nanos()).unwrap_or(0) & !MARKS;
    }

    /// It is not sampled any more.
    pub(crate) fn forget_stamp(&mut self) {
        self.stamp &= MARKS;
    }

    /// When it was accepted, if it is sampled.
    pub(crate) fn accepted_at(&self) -> Option<Duration> {
        match self.stamp & !MARKS {
            0 => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// The function.
    pub(crate) fn function(&self) -> TaskFn {
        self.function
    }

    /// The function and the argument, for reports.
    pub(crate) fn reported(&mut self) -> (TaskFn, *mut c_void) {
        if self.stamp & IS_PROXY == 0 {
            return (self.function, self.arg());
        }
        // SAFETY: `for_proxy` wrote one there.
        let proxy = unsafe { self.payload.0.as_ptr().cast::<Proxy>().read() };
        (proxy.function, proxy.arg)
    }

    /// The argument of the function. For a copy it points into this task, which must not move while the pointer is
    /// used.
    pub(crate) fn arg(&mut self) -> *mut c_void {
        let payload: *mut c_void = self.payload.0.as_mut_ptr().cast();
        if self.stamp & IS_COPY != 0 {
            payload
        } else {
            // SAFETY: `new` wrote a pointer there.
            unsafe { payload.cast::<*mut c_void>().read() }
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Task")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

/// A task that does nothing, known by a number.
#[cfg(all(test, any(loom, miri)))]
pub(crate) fn numbered(number: usize) -> Task {
    unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}
    // SAFETY: `nothing` may be called with anything.
    unsafe { Task::new(nothing, std::ptr::without_provenance_mut(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn nothing(_: *mut c_void) {}

    #[test]
    fn a_copy_is_passed_by_a_pointer_into_the_task() {
        let mut bytes = [MaybeUninit::new(0_u8); COPY_MAX];
        bytes[31] = MaybeUninit::new(7);
        // SAFETY: `nothing` may be called with anything.
        let mut task = unsafe { Task::with_copy(nothing, bytes) };
        let arg: *mut u8 = task.arg().cast();
        assert_eq!(arg as usize % 16, 0);
        // SAFETY: the copy has 32 bytes, all of them written.
        let copied = unsafe { std::slice::from_raw_parts(arg, COPY_MAX) };
        assert_eq!(copied[31], 7);
    }

    #[test]
    fn a_stamp_changes_nothing_but_the_stamp() {
        let arg = std::ptr::without_provenance_mut(0x1234);
        // SAFETY: `nothing` may be called with anything.
        let mut task = unsafe { Task::new(nothing, arg) };
        assert_eq!(task.accepted_at(), None);
        task.stamp(Duration::from_nanos(5));
        assert_eq!(task.accepted_at(), Some(Duration::from_nanos(5)));
        assert_eq!(task.arg(), arg);
    }
}
