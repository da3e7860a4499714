//! The caller's callbacks, as the core's observer.

use std::ffi::{CStr, CString, c_void};
use std::mem::size_of;
use std::ptr;

use super::callbacks::{
    antpool_log_fn, antpool_log_level_t, antpool_panic_fn, antpool_panic_info_t, antpool_worker_fn,
};
use super::handle::{Handle, antpool_t};
use super::options::RawOptions;
use crate::hazard;
use crate::observer::{Failure, Observer};
use crate::stderr;

/// The callbacks of the options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callbacks {
    panic_handler: antpool_panic_fn,
    panic_data: *mut c_void,
    logger: antpool_log_fn,
    logger_data: *mut c_void,
    on_worker_start: antpool_worker_fn,
    on_worker_stop: antpool_worker_fn,
    worker_data: *mut c_void,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            panic_handler: None,
            panic_data: ptr::null_mut(),
            logger: None,
            logger_data: ptr::null_mut(),
            on_worker_start: None,
            on_worker_stop: None,
            worker_data: ptr::null_mut(),
        }
    }
}

impl From<&RawOptions> for Callbacks {
    fn from(options: &RawOptions) -> Self {
        Self {
            panic_handler: options.panic_handler,
            panic_data: options.panic_data,
            logger: options.logger,
            logger_data: options.logger_data,
            on_worker_start: options.on_worker_start,
            on_worker_stop: options.on_worker_stop,
            worker_data: options.worker_data,
        }
    }
}

impl Callbacks {
    /// The observer of the pool of that name behind `pool`.
    pub(super) fn of(self, pool: *mut antpool_t, name: &CStr) -> ForeignObserver {
        let name = name.to_string_lossy();
        ForeignObserver {
            callbacks: self,
            pool,
            prefix: if name == "antpool" {
                String::new()
            } else {
                format!("{name}: ")
            },
        }
    }
}

/// Tells the caller's functions.
#[derive(Debug)]
pub(super) struct ForeignObserver {
    callbacks: Callbacks,
    pool: *mut antpool_t,
    /// The beginning of each line of the log: the name of the pool, if it has one.
    prefix: String,
}

// SAFETY: whoever gave the callbacks was told that workers call them; the handle is only passed on.
unsafe impl Send for ForeignObserver {}
// SAFETY: as above; several workers may call them at once.
unsafe impl Sync for ForeignObserver {}

/// A C string, without what C would take for its end.
fn text(line: &str) -> CString {
    CString::new(line.replace('\0', " ")).unwrap_or_default()
}

/// Makes one line of a message, which therefore cannot forge another line of the log.
fn one_line(prefix: &str, line: &str) -> String {
    let mut shown = String::with_capacity(prefix.len() + line.len());
    for letter in prefix.chars().chain(line.chars()) {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

impl ForeignObserver {
    fn log(&self, level: antpool_log_level_t, line: &str) {
        let line = &one_line(&self.prefix, line);
        let Some(logger) = self.callbacks.logger else {
            stderr::write_line(&format!("antpool: {line}"));
            return;
        };
        let line = text(line);
        // SAFETY: the caller's function, called as documented.
        unsafe { logger(self.callbacks.logger_data, level, line.as_ptr()) };
    }
}

impl Observer for ForeignObserver {
    fn task_failed(&self, failure: Failure<'_>) -> bool {
        let Some(handler) = self.callbacks.panic_handler else {
            return false;
        };
        let message = text(failure.message);
        let info = antpool_panic_info_t {
            struct_size: size_of::<antpool_panic_info_t>(),
            pool: self.pool,
            r#fn: Some(failure.function),
            arg: failure.arg,
            message: message.as_ptr(),
        };
        // SAFETY: the caller's function, called as documented.
        unsafe { handler(self.callbacks.panic_data, &raw const info) };
        true
    }

    fn log_error(&self, line: &str) {
        self.log(antpool_log_level_t::ANTPOOL_LOG_ERROR, line);
    }

    fn log_warning(&self, line: &str) {
        self.log(antpool_log_level_t::ANTPOOL_LOG_WARNING, line);
    }

    fn worker_started(&self, index: usize) {
        if let Some(hook) = self.callbacks.on_worker_start {
            // SAFETY: the caller's function, called as documented.
            unsafe { hook(self.callbacks.worker_data, self.pool, index) };
        }
    }

    fn worker_stopped(&self, index: usize) {
        if let Some(hook) = self.callbacks.on_worker_stop {
            // SAFETY: the caller's function, called as documented.
            unsafe { hook(self.callbacks.worker_data, self.pool, index) };
        }
    }

    fn pool_ended(&self) {
        hazard::wait_until_unread(self.pool.cast());
        // SAFETY: whoever gave the pool up does not use the handle again, and no call reads it any more. The caller
        // keeps the pool, and with it this.
        unsafe { Handle::free(self.pool) };
    }

    fn owner(&self) -> *const c_void {
        self.pool.cast_const().cast()
    }
}
