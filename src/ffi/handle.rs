//! `antpool_t *` and the pool behind it: made, borrowed, given back, renewed in a forked child.
//!
//! Every raw handle is dereferenced here. A handle is only ever borrowed shared.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::callbacks::antpool_task_fn;
use super::observer::Callbacks;
use crate::config::Config;
use crate::error::Error;
use crate::pool::Pool;

/// A pool. Made by antpool_new(), antpool_new_with_func() or antpool_default(); ended by
/// antpool_destroy(). Any number of threads may use one at the same time.
#[derive(Debug)]
pub struct antpool_t {
    /// The pool that calls go to: the one this handle was made with, or, after a reboot in a forked
    /// child, where the parent's pool cannot be touched any more, another, counted for this pointer.
    pool: AtomicPtr<Pool>,
    /// The pool this handle was made with.
    made: Option<Arc<Pool>>,
    /// What invoke calls.
    func: antpool_task_fn,
    /// Whether this is the process-wide pool, which cannot be destroyed.
    is_default: bool,
}

/// What can be done with a handle.
pub(super) type Handle = antpool_t;

impl Handle {
    /// Makes a pool and its handle. The caller of `antpool_new` owns the result.
    pub(super) fn make(
        config: Config,
        callbacks: Callbacks,
        func: antpool_task_fn,
        is_default: bool,
    ) -> Result<Box<Self>, Error> {
        let mut handle = Box::new(Self {
            pool: AtomicPtr::default(),
            made: None,
            func,
            is_default,
        });
        let observer = Arc::new(callbacks.of(&raw mut *handle));
        // The handle is complete before a first worker can show it to a hook.
        let pool = Pool::new(config, observer)?;
        handle.pool = AtomicPtr::new(Arc::as_ptr(&pool).cast_mut());
        handle.made = Some(Arc::clone(&pool));
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
        let handle = Box::into_raw(handle);
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

    /// Borrows the pool behind a handle, wherever the process is in its life.
    ///
    /// # Safety
    /// `handle` is NULL or live for the whole of `'a`.
    pub(super) unsafe fn borrow<'a>(
        handle: *const antpool_t,
    ) -> Result<(&'a Self, &'a Pool), Error> {
        // SAFETY: the caller's promise.
        let handle = unsafe { handle.as_ref() }.ok_or(Error::InvalidArgument)?;
        // ORDERING: Acquire pairs with the Release of `renew`; outside a forked child the pointer
        // never changes after the handle was given out.
        let pool = handle.pool.load(Ordering::Acquire);
        // SAFETY: `made` or `renew` keeps it for as long as the handle lives.
        Ok((handle, unsafe { &*pool }))
    }

    /// Borrows the pool for a call that a forked child may not make.
    ///
    /// # Safety
    /// As for [`Handle::borrow`].
    pub(super) unsafe fn enter<'a>(handle: *const antpool_t) -> Result<&'a Pool, Error> {
        // SAFETY: the caller's promise.
        let (_, pool) = unsafe { Self::borrow(handle) }?;
        if pool.is_foreign() {
            Err(Error::Forked)
        } else {
            Ok(pool)
        }
    }

    /// What invoke calls.
    pub(super) fn func(&self) -> antpool_task_fn {
        self.func
    }

    /// In a forked child: puts an empty pool in the place of the parent's, which is given up as it
    /// is, since locks in it may be held by threads that do not exist here.
    pub(super) fn renew(&self, parents: &Pool) -> Result<(), Error> {
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
        }
        Ok(())
    }

    /// Ends the pool behind a handle and frees both, where that can be done.
    ///
    /// # Safety
    /// `handle` is live, and unless this fails it is its last use.
    pub(super) unsafe fn destroy(handle: *mut antpool_t) -> Result<(), Error> {
        // SAFETY: the caller's promise.
        let (this, pool) = unsafe { Self::borrow(handle) }?;
        if this.is_default {
            return Err(Error::InvalidArgument);
        }
        if pool.is_foreign() {
            return Ok(()); // The memory is given up: see `renew`.
        }
        if pool.is_current() {
            return Err(Error::Deadlock);
        }
        pool.shut_down();
        // SAFETY: the caller's promise.
        unsafe { Self::free(handle) };
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

impl Drop for Handle {
    fn drop(&mut self) {
        let pool = *self.pool.get_mut();
        let made = self.made.as_ref().map(Arc::as_ptr);
        if !pool.is_null() && made != Some(pool.cast_const()) {
            // SAFETY: put there by `renew`, and counted for the pointer, which ends here.
            drop(unsafe { Arc::from_raw(pool) });
            // The parent's: locks in it may be held by threads that do not exist here.
            std::mem::forget(self.made.take());
        }
    }
}
