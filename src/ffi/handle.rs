//! `antpool_t *` and the pool behind it: made, borrowed, given back, renewed in a forked child.
//!
//! Every raw handle is dereferenced here. A handle is only ever borrowed shared.

use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

use super::callbacks::antpool_task_fn;
use super::observer::Callbacks;
use crate::config::Config;
use crate::error::Error;
use crate::hazard::{self, Hazard};
use crate::pool::Pool;

/// A pool. Made by antpool_new(), antpool_new_with_func() or antpool_default(); ended by
/// antpool_destroy(). Any number of threads may use one at the same time.
#[derive(Debug)]
pub struct antpool_t {
    /// The pool that calls go to: the one this handle was made with, or, after a reboot in a forked
    /// child, where the parent's pool cannot be touched any more, another, counted for this pointer.
    pool: AtomicPtr<Pool>,
    /// The pool this handle was made with.
    made: OnceLock<Arc<Pool>>,
    /// The function of antpool_invoke().
    func: antpool_task_fn,
    /// Whether this is the process-wide pool, which cannot be destroyed.
    is_default: bool,
}

/// The core's view of a handle.
pub(super) type Handle = antpool_t;

impl Handle {
    /// Makes a pool and its handle. The caller of `antpool_new` owns the result.
    pub(super) fn make(
        config: Config,
        callbacks: Callbacks,
        func: antpool_task_fn,
        is_default: bool,
    ) -> Result<OwnedHandle, Error> {
        let handle = OwnedHandle(NonNull::from(Box::leak(Box::new(Self {
            pool: AtomicPtr::default(),
            made: OnceLock::new(),
            func,
            is_default,
        }))));
        let observer = Arc::new(callbacks.of(handle.0.as_ptr(), &config.name));
        // The handle is complete before a first worker can show it to a hook.
        let pool = Pool::new(config, observer)?;
        let there = Arc::as_ptr(&pool).cast_mut();
        // ORDERING: Relaxed; what shows the handle to others orders it.
        handle.pool.store(there, Ordering::Relaxed);
        let _ = handle.made.set(Arc::clone(&pool));
        #[cfg(not(loom))]
        crate::metrics::register(&pool);
        match pool.start_min_workers() {
            Ok(()) => Ok(handle),
            Err(error) => {
                pool.shut_down();
                Err(error)
            }
        }
    }

    /// The handle of the process-wide pool, made at first use.
    pub(super) fn of_process() -> *mut antpool_t {
        static DEFAULT: AtomicPtr<antpool_t> = AtomicPtr::new(ptr::null_mut());
        // ORDERING: Acquire pairs with the Release below: who sees the handle sees it whole. A
        // compare-and-swap, not a Once: a Once that is under way at a fork() never ends in the child.
        let made = DEFAULT.load(Ordering::Acquire);
        if !made.is_null() {
            return made;
        }
        let handle = Self::make(Config::default_pool(), Callbacks::default(), None, true)
            .expect("the options of the default pool are valid");
        let handle = handle.into_raw();
        // ORDERING: as above.
        match DEFAULT.compare_exchange(ptr::null_mut(), handle, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => handle,
            Err(first) => {
                // SAFETY: nobody else has seen this one.
                unsafe { Self::free(handle) };
                first
            }
        }
    }

    /// Reads what is behind a handle, wherever the process is in its life. The handle is not freed before
    /// the result is dropped: a destroy that begins meanwhile waits for that (H1).
    ///
    /// # Safety
    /// `handle` is NULL or live when this begins.
    pub(super) unsafe fn borrow<'a>(handle: *const antpool_t) -> Result<Borrowed<'a>, Error> {
        if handle.is_null() {
            return Err(Error::InvalidArgument);
        }
        let index = hazard::index();
        let hazard = hazard::protect(index, handle.cast());
        // SAFETY: not NULL, and live for as long as the hazard is there.
        let handle = unsafe { &*handle };
        Ok(Borrowed {
            handle,
            pool: handle.pool(),
            index,
            _hazard: hazard,
        })
    }

    /// The pool that calls go to.
    #[inline]
    pub(super) fn pool(&self) -> &Pool {
        // ORDERING: Acquire pairs with the Release of `renew`; outside a forked child the pointer
        // never changes after the handle was given out.
        let pool = self.pool.load(Ordering::Acquire);
        // SAFETY: `made` or `renew` keeps it for as long as the handle lives.
        unsafe { &*pool }
    }

    /// The function of antpool_invoke().
    pub(super) fn func(&self) -> antpool_task_fn {
        self.func
    }

    /// In a forked child: see [`Handle::renew`].
    pub(super) fn renew_here(&self) -> Result<(), Error> {
        self.renew(self.pool())
    }

    /// The same for a call that a forked child may not make.
    ///
    /// # Safety
    /// As for [`Handle::borrow`].
    pub(super) unsafe fn enter<'a>(handle: *const antpool_t) -> Result<Borrowed<'a>, Error> {
        // SAFETY: the caller's promise.
        let borrowed = unsafe { Self::borrow(handle) }?;
        if borrowed.is_foreign() {
            Err(Error::Forked)
        } else {
            Ok(borrowed)
        }
    }

    /// The pool, kept for a call that may wait, or run code of the host: whoever destroys the pool sends
    /// such a call away, and does not wait until it has found its way out.
    ///
    /// # Safety
    /// As for [`Handle::borrow`].
    pub(super) unsafe fn keep(handle: *const antpool_t) -> Result<Arc<Pool>, Error> {
        // SAFETY: the caller's promise.
        unsafe { Self::enter(handle) }?.keep()
    }

    /// In a forked child: puts an empty pool in the place of the parent's, which is given up as it
    /// is, since locks in it may be held by threads that do not exist here.
    fn renew(&self, parents: &Pool) -> Result<(), Error> {
        let pool = parents.renewed()?;
        if let Err(error) = pool.start_min_workers() {
            pool.shut_down();
            return Err(error);
        }
        let fresh = Arc::into_raw(Arc::clone(&pool)).cast_mut();
        let old = ptr::from_ref(parents).cast_mut();
        // ORDERING: Release pairs with the Acquire of `borrow`: who sees the pool sees it whole.
        if self
            .pool
            .compare_exchange(old, fresh, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            // Another thread of the child was first, and its pool serves this call as well.
            pool.shut_down();
            // SAFETY: `fresh` was counted above and nobody else has seen it.
            drop(unsafe { Arc::from_raw(fresh) });
        } else {
            #[cfg(not(loom))]
            crate::metrics::register(&pool);
        }
        Ok(())
    }

    /// Ends the pool behind a handle and frees both, where that can be done.
    ///
    /// # Safety
    /// `handle` is live, and unless this fails it is its last use.
    pub(super) unsafe fn destroy(handle: *mut antpool_t) -> Result<(), Error> {
        {
            // SAFETY: the caller's promise.
            let borrowed = unsafe { Self::borrow(handle) }?;
            if borrowed.handle.is_default {
                return Err(Error::InvalidArgument);
            }
            if borrowed.is_foreign() {
                return Ok(()); // The memory is given up: see `renew`.
            }
            if borrowed.is_current() {
                return Err(Error::Deadlock);
            }
            borrowed.keep()?
        }
        .shut_down();
        hazard::wait_until_unread(handle.cast());
        // SAFETY: the caller's promise.
        unsafe { Self::free(handle) };
        Ok(())
    }

    /// Gives the pool behind a handle up: its last worker frees both, or this does if there is none.
    ///
    /// # Safety
    /// `handle` is live, and unless this fails only tasks and callbacks of the pool use it after this.
    pub(super) unsafe fn destroy_later(handle: *mut antpool_t) -> Result<(), Error> {
        let pool = {
            // SAFETY: the caller's promise.
            let borrowed = unsafe { Self::borrow(handle) }?;
            if borrowed.handle.is_default {
                return Err(Error::InvalidArgument);
            }
            if borrowed.is_foreign() {
                return Ok(()); // The memory is given up: see `renew`.
            }
            borrowed.keep()?
        };
        pool.give_up();
        Ok(())
    }

    /// Takes a handle back from its caller and frees it.
    ///
    /// # Safety
    /// `handle` came from [`Handle::make`] by way of a caller, and this is its last use.
    pub(super) unsafe fn free(handle: *mut antpool_t) {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// A handle that is freed when this is dropped. It is no Box, which would claim to be the only way to the handle: hooks have it
/// as well.
#[derive(Debug)]
pub(super) struct OwnedHandle(NonNull<Handle>);

impl OwnedHandle {
    /// The handle, for a caller who owns it from then on.
    pub(super) fn into_raw(self) -> *mut antpool_t {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Deref for OwnedHandle {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        // SAFETY: freed by `drop` only.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // SAFETY: made by `make`; whoever owns it has seen to it that nobody uses it any more.
        unsafe { Handle::free(self.0.as_ptr()) };
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let pool = *self.pool.get_mut();
        let made = self.made.get().map(Arc::as_ptr);
        if !pool.is_null() && made != Some(pool.cast_const()) {
            // SAFETY: put there by `renew`, and counted for the pointer, which ends here.
            drop(unsafe { Arc::from_raw(pool) });
            // The parent's: locks in it may be held by threads that do not exist here.
            std::mem::forget(self.made.take());
        }
    }
}

/// A handle and its pool, read by a call that neither waits nor runs code of the host.
pub(super) struct Borrowed<'a> {
    handle: &'a Handle,
    pool: &'a Pool,
    index: Option<usize>,
    _hazard: Hazard<'static>,
}

impl Borrowed<'_> {
    /// See [`hazard::index`].
    #[inline]
    pub(super) fn thread_index(&self) -> Option<usize> {
        self.index
    }

    /// The function of antpool_invoke().
    pub(super) fn func(&self) -> antpool_task_fn {
        self.handle.func
    }

    /// The pool, for as long as the caller likes.
    pub(super) fn keep(self) -> Result<Arc<Pool>, Error> {
        self.pool.keep_alive().ok_or(Error::Closed)
    }

    /// See [`Handle::renew`].
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.handle.renew(self.pool)
    }
}

impl Deref for Borrowed<'_> {
    type Target = Pool;

    #[inline]
    fn deref(&self) -> &Pool {
        self.pool
    }
}
