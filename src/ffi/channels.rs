//! Channels for fibers and threads.

use std::ffi::c_void;
use std::ptr;

use super::status::antpool_status_t;
use crate::clock::Deadline;
use crate::error::Error;
use crate::locks::{CASES_MAX, Case, Channel, choose};

/// A bounded channel of pointers between fibers and threads: antpool_chan_new() makes it, antpool_chan_destroy() ends it.
/// Inside a fiber a call that waits for it suspends the fiber, elsewhere it blocks the thread. Values arrive in the order in
/// which they were sent, and callers that wait are served in the order in which they began to. What a value points at
/// belongs to whoever has received it, and what the sender wrote before is visible.
#[derive(Debug)]
pub struct antpool_chan_t {
    _opaque: [u8; 0],
}

/// What a case of antpool_chan_select() does.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum antpool_chan_operation_t {
    /// Receives a value into the case.
    ANTPOOL_CHAN_RECV = 0,
    /// Sends the value of the case.
    ANTPOOL_CHAN_SEND = 1,
}

/// One case of antpool_chan_select().
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct antpool_chan_case_t {
    /// The channel; with NULL the case is never ready.
    pub chan: *mut antpool_chan_t,
    /// What is sent, or has been received.
    pub value: *mut c_void,
    /// ANTPOOL_CHAN_SEND or ANTPOOL_CHAN_RECV.
    pub operation: u32,
    /// 0.
    pub reserved: u32,
}

/// # Safety
/// `chan` is NULL or a live handle.
unsafe fn chan<'a>(chan: *mut antpool_chan_t) -> Result<&'a Channel, Error> {
    // SAFETY: the caller's promise; the handle is a pointer to the channel.
    let chan = unsafe { chan.cast::<Channel>().as_ref() }.ok_or(Error::InvalidArgument)?;
    if chan.is_foreign() {
        return Err(Error::Forked);
    }
    Ok(chan)
}

/// # Safety
/// As for antpool_chan_send().
unsafe fn send(
    handle: *mut antpool_chan_t,
    value: *mut c_void,
    deadline: Option<Deadline>,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    let channel = match unsafe { chan(handle) } {
        Ok(channel) => Some(channel),
        Err(error) => return error.into(),
    };
    let case = Case {
        channel,
        sends: true,
        value,
    };
    choose::<1>(&mut [case], deadline).1.into()
}

/// # Safety
/// As for antpool_chan_recv().
unsafe fn receive(
    handle: *mut antpool_chan_t,
    out_value: *mut *mut c_void,
    deadline: Option<Deadline>,
) -> antpool_status_t {
    if out_value.is_null() {
        return Error::InvalidArgument.into();
    }
    // SAFETY: the caller's promise.
    let channel = match unsafe { chan(handle) } {
        Ok(channel) => Some(channel),
        Err(error) => return error.into(),
    };
    let mut cases = [Case {
        channel,
        sends: false,
        value: ptr::null_mut(),
    }];
    let (_, result) = choose::<1>(&mut cases, deadline);
    if result.is_ok() {
        // SAFETY: the caller's promise.
        unsafe { out_value.write(cases[0].value) };
    }
    result.into()
}

/// Makes a channel that keeps up to `capacity` values that nobody has received yet: `*out_chan`, which the caller destroys
/// by antpool_chan_destroy(). With a capacity of 0 a send waits for its receiver. No other call on it allocates.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `out_chan` is NULL, or `capacity` is above ANTPOOL_TASKS_MAX.
/// - ANTPOOL_ERR_NO_MEMORY: the system refused memory for it.
///
/// # Safety
/// `out_chan` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_new(
    capacity: usize,
    out_chan: *mut *mut antpool_chan_t,
) -> antpool_status_t {
    const MAX: usize = 536_870_911;
    if out_chan.is_null() || capacity > MAX {
        return Error::InvalidArgument.into();
    }
    match Channel::make(capacity) {
        Ok(channel) => {
            // SAFETY: the caller's promise.
            unsafe { out_chan.write(channel.cast()) };
            antpool_status_t::ANTPOOL_OK
        }
        Err(error) => error.into(),
    }
}

/// Sends a value, which may be NULL. Waits while the channel keeps as many as it may; with a capacity of 0, until a
/// receiver has it.
///
/// - ANTPOOL_ERR_CLOSED: the channel is closed, or was while the call waited: the value was not sent.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `chan` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `chan` is NULL or a live handle.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_send(
    chan: *mut antpool_chan_t,
    value: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { send(chan, value, Some(Deadline::NEVER)) }
}

/// As antpool_chan_send(), but never waits: where that would, this returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_chan_send().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_chan_send(
    chan: *mut antpool_chan_t,
    value: *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { send(chan, value, None) }
}

/// As antpool_chan_send(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT, and the value was not sent.
///
/// # Safety
/// As for antpool_chan_send().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_send_timeout(
    chan: *mut antpool_chan_t,
    value: *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { send(chan, value, Some(Deadline::after_ms(timeout_ms))) }
}

/// Receives the oldest value into `*out_value`, and waits until there is one.
///
/// - ANTPOOL_ERR_CLOSED: the channel is closed, and all that was sent has been received.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `chan` or `out_value` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `chan` is NULL or a live handle; `out_value` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_recv(
    chan: *mut antpool_chan_t,
    out_value: *mut *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { receive(chan, out_value, Some(Deadline::NEVER)) }
}

/// As antpool_chan_recv(), but never waits: where that would, this returns ANTPOOL_ERR_OVERLOAD.
///
/// # Safety
/// As for antpool_chan_recv().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_try_chan_recv(
    chan: *mut antpool_chan_t,
    out_value: *mut *mut c_void,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { receive(chan, out_value, None) }
}

/// As antpool_chan_recv(), for at most `timeout_ms` milliseconds; then ANTPOOL_ERR_TIMED_OUT.
///
/// # Safety
/// As for antpool_chan_recv().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_recv_timeout(
    chan: *mut antpool_chan_t,
    out_value: *mut *mut c_void,
    timeout_ms: u64,
) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { receive(chan, out_value, Some(Deadline::after_ms(timeout_ms))) }
}

/// Does the first of `count` cases, at most ANTPOOL_CHAN_CASES_MAX, that can be done, or waits until one can, for at most
/// `timeout_ms` milliseconds. Exactly one is done; which one, is written to `*out_index`, also with ANTPOOL_ERR_CLOSED. What a
/// receiving case has got is in its `value`; nothing else of the cases changes. Several may be about the same channel.
///
/// - ANTPOOL_ERR_CLOSED: the channel of the case `*out_index` is closed, as antpool_chan_send() and antpool_chan_recv() say.
///   With NULL for its channel the case takes no further part.
/// - ANTPOOL_ERR_TIMED_OUT: none could be done in time; with 0, at once.
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `cases` or `out_index` is NULL, `count` is 0 or too large, an operation is unknown.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `cases` is NULL or has `count` cases, whose channels are NULL or live handles; `out_index` is NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn antpool_chan_select(
    cases: *mut antpool_chan_case_t,
    count: usize,
    timeout_ms: u64,
    out_index: *mut usize,
) -> antpool_status_t {
    if cases.is_null() || out_index.is_null() || count == 0 || count > CASES_MAX {
        return Error::InvalidArgument.into();
    }
    // SAFETY: the caller's promise.
    let cases = unsafe { std::slice::from_raw_parts_mut(cases, count) };
    if cases.iter().any(|case| case.operation > 1) {
        return Error::InvalidArgument.into();
    }
    let none = Case {
        channel: None,
        sends: false,
        value: ptr::null_mut(),
    };
    let mut inner = [none; CASES_MAX];
    for (inner, case) in inner.iter_mut().zip(&*cases) {
        inner.sends = case.operation == antpool_chan_operation_t::ANTPOOL_CHAN_SEND as u32;
        inner.value = case.value;
        if !case.chan.is_null() {
            // SAFETY: the caller's promise.
            match unsafe { chan(case.chan) } {
                Ok(channel) => inner.channel = Some(channel),
                Err(error) => return error.into(),
            }
        }
    }
    let deadline = Some(Deadline::after_ms(timeout_ms));
    let (chosen, result) = choose::<CASES_MAX>(&mut inner[..count], deadline);
    if let Some(chosen) = chosen {
        if result.is_ok() && !inner[chosen].sends {
            cases[chosen].value = inner[chosen].value;
        }
        // SAFETY: the caller's promise.
        unsafe { out_index.write(chosen) };
    }
    result.into()
}

/// Closes the channel: nothing more is sent, and sends that wait return ANTPOOL_ERR_CLOSED. What was sent before can
/// still be received. A second close does nothing. Does not wait.
///
/// - ANTPOOL_ERR_INVALID_ARGUMENT: `chan` is NULL.
/// - ANTPOOL_ERR_FORKED: see the introduction.
///
/// # Safety
/// `chan` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_chan_close(chan: *mut antpool_chan_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    unsafe { self::chan(chan) }.map(Channel::close).into()
}

/// Frees the channel. Returns ANTPOOL_OK, also for NULL. Values that nobody has received are forgotten: receive them first
/// if they own anything. No other call may use the channel at the same time or, after ANTPOOL_OK, later. In a forked
/// child the memory is leaked.
///
/// - ANTPOOL_ERR_BUSY: somebody waits; nothing has happened. Close it first.
///
/// # Safety
/// `chan` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn antpool_chan_destroy(chan: *mut antpool_chan_t) -> antpool_status_t {
    // SAFETY: the caller's promise.
    if unsafe { self::chan(chan) }.is_err() {
        return antpool_status_t::ANTPOOL_OK;
    }
    // SAFETY: the caller's promise.
    unsafe { Channel::destroy(chan.cast()) }.into()
}
