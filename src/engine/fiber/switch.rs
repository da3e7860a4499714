//! The one place that changes stacks.
//!
//! With `--cfg antpool_stand_in` each context is a thread of its own instead, and a switch is a
//! hand-over between two threads: for tools that cannot follow a thread from stack to stack (TSan).

#![allow(unsafe_code, reason = "runs code on another stack")]

#[cfg(not(antpool_stand_in))]
pub(super) use stacks::{Context, Yielder};

#[cfg(antpool_stand_in)]
pub(super) use stand_in::{Context, Yielder};

/// A piece of memory to run on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The lowest address. Below it lies the guard.
    pub(super) limit: usize,
    /// The address after the highest; a multiple of 16.
    pub(super) base: usize,
}

/// The function of a context. It gets its argument, and how to return control to its resumer.
pub(super) type Body = unsafe fn(*const (), Yielder);

#[cfg(not(antpool_stand_in))]
mod stacks {
    use std::num::NonZeroUsize;
    use std::ptr::NonNull;

    use corosensei::stack::{Stack, StackPointer};
    use corosensei::{Coroutine, CoroutineResult};

    use super::{Body, Bounds};

    // SAFETY: whoever makes a context promises that the bounds are those of a guarded stack.
    unsafe impl Stack for Bounds {
        fn base(&self) -> StackPointer {
            NonZeroUsize::new(self.base).expect("a stack is not at address 0")
        }

        fn limit(&self) -> StackPointer {
            NonZeroUsize::new(self.limit).expect("a stack is not at address 0")
        }
    }

    /// Code that runs on a stack of its own.
    pub(crate) struct Context(Coroutine<(), (), (), Bounds>);

    impl Context {
        /// A context that will call `body(arg)`.
        ///
        /// # Safety
        /// The bounds are those of a guarded stack that nothing else uses until this has ended or is
        /// abandoned; `body` may be called with `arg`, and no panic leaves it.
        pub(crate) unsafe fn new(bounds: Bounds, body: Body, arg: *const ()) -> Self {
            Self(Coroutine::with_stack(
                bounds,
                move |yielder: &corosensei::Yielder<(), ()>, ()| {
                    // SAFETY: the caller's promise.
                    unsafe { body(arg, Yielder(NonNull::from(yielder))) };
                },
            ))
        }

        /// Runs it until it goes back or ends; true if it has ended.
        #[inline]
        pub(crate) fn resume(&mut self) -> bool {
            matches!(self.0.resume(()), CoroutineResult::Return(()))
        }

        /// Forgets what is on its stack, which can be used again.
        ///
        /// # Safety
        /// Nothing on the stack will be used again, nor has to be dropped.
        pub(crate) unsafe fn abandon(mut self) {
            // SAFETY: the caller's promise.
            unsafe { self.0.force_reset() };
            let _ = self.0.into_stack();
        }
    }

    /// Returns control from a context to its resumer.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Yielder(NonNull<corosensei::Yielder<(), ()>>);

    impl Yielder {
        /// Returns when the context is resumed.
        ///
        /// # Safety
        /// The caller runs in the context that this was given to.
        #[inline]
        pub(crate) unsafe fn suspend(self) {
            // SAFETY: the yielder lies at the base of the stack that the caller runs on.
            unsafe { self.0.as_ref() }.suspend(());
        }
    }
}

#[cfg(antpool_stand_in)]
mod stand_in {
    use std::ptr::NonNull;
    use std::sync::Arc;
    use std::thread;

    use super::{Body, Bounds};
    use crate::clock::Deadline;
    use crate::sync::{AtomicU32, Ordering, Parker};

    #[derive(Debug, Default)]
    struct Turns {
        /// Where the context's thread waits for its turn, and its resumer for the end of that turn.
        inside: Parker,
        outside: Parker,
        ended: AtomicU32,
    }

    impl Turns {
        fn back(&self) {
            let _ = self.outside.unpark();
        }
    }

    /// Code that runs on a thread of its own, in turns with its resumer.
    pub(crate) struct Context {
        turns: Arc<Turns>,
        thread: Option<thread::JoinHandle<()>>,
    }

    impl Context {
        /// As that of the real one.
        ///
        /// # Safety
        /// As that of the real one.
        pub(crate) unsafe fn new(bounds: Bounds, body: Body, arg: *const ()) -> Self {
            let turns: Arc<Turns> = Arc::default();
            let (its, arg) = (Arc::clone(&turns), arg as usize);
            let size = (bounds.base - bounds.limit).max(256 << 10);
            let thread = thread::Builder::new().stack_size(size).spawn(move || {
                its.inside.park_until(Deadline::NEVER);
                // SAFETY: the caller's promise.
                unsafe { body(arg as *const (), Yielder(NonNull::from(&*its))) };
                // ORDERING: Release pairs with the Acquire of `resume`.
                its.ended.store(1, Ordering::Release);
                its.back();
            });
            Self {
                turns,
                thread: Some(thread.expect("a stand-in has its threads")),
            }
        }

        pub(crate) fn resume(&mut self) -> bool {
            let _ = self.turns.inside.unpark();
            self.turns.outside.park_until(Deadline::NEVER);
            // ORDERING: Acquire pairs with the Release of the thread's end.
            let ended = self.turns.ended.load(Ordering::Acquire) != 0;
            if ended {
                if let Some(thread) = self.thread.take() {
                    thread.join().expect("no panic leaves a context");
                }
            }
            ended
        }

        /// Its thread waits for ever.
        ///
        /// # Safety
        /// As that of the real one.
        pub(crate) unsafe fn abandon(self) {
            std::mem::forget(self);
        }
    }

    /// As the real one.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Yielder(NonNull<Turns>);

    impl Yielder {
        /// As that of the real one.
        ///
        /// # Safety
        /// As that of the real one.
        pub(crate) unsafe fn suspend(self) {
            // SAFETY: the thread that the caller runs on keeps them.
            let turns = unsafe { self.0.as_ref() };
            turns.back();
            turns.inside.park_until(Deadline::NEVER);
        }
    }
}
