//! Structs that begin with their own size, so that they can grow: read and written as far as both
//! sides know them.

use std::mem::{MaybeUninit, size_of};

use crate::error::Error;

/// Reads the caller's record over `defaults`.
///
/// `field_ends` are the sizes that end at the end of a field. Bytes beyond what this version knows
/// have to be zero: a caller of a later version that uses none of its new fields is served.
///
/// # Safety
/// `from` points at a `size_t` that says how many bytes are readable there; every bit pattern is
/// a valid `T`.
pub(super) unsafe fn read_sized<T: Copy>(
    from: *const MaybeUninit<u8>,
    defaults: T,
    field_ends: &[usize],
) -> Result<T, Error> {
    // SAFETY: the caller's promise.
    let size = unsafe { from.cast::<usize>().read_unaligned() };
    let known = size.min(size_of::<T>());
    check_size(size, size_of::<T>(), field_ends)?;
    // SAFETY: `known` is at most `size`.
    let beyond = unsafe { from.cast::<u8>().add(known) };
    // SAFETY: up to `size` the caller's bytes are there, and initialised.
    let beyond = unsafe { std::slice::from_raw_parts(beyond, size - known) };
    if beyond.iter().any(|byte| *byte != 0) {
        return Err(Error::InvalidArgument);
    }
    let mut record = defaults;
    let into: *mut MaybeUninit<u8> = (&raw mut record).cast();
    // SAFETY: `known` is at most either size; any bytes make a T.
    unsafe { into.copy_from_nonoverlapping(from, known) };
    Ok(record)
}

/// Writes `record` into the caller's struct as far as that goes; fields that this version does not know become 0.
/// The caller's size does not change.
///
/// # Safety
/// `into` points at a `size_t` that says how many bytes are writable there, and that
/// [`check_size`] has found right.
pub(super) unsafe fn write_sized<T: Copy>(into: *mut MaybeUninit<u8>, record: &T) {
    // SAFETY: the caller's promise.
    let size = unsafe { into.cast::<usize>().read_unaligned() };
    let known = size.min(size_of::<T>());
    // SAFETY: the caller's promise: `size` writable bytes.
    let into = unsafe { std::slice::from_raw_parts_mut(into, size) };
    let record = std::slice::from_ref(record);
    // SAFETY: the bytes of one T.
    let from = unsafe { std::slice::from_raw_parts(record.as_ptr().cast(), size_of::<T>()) };
    let own_size = size_of::<usize>();
    into[own_size..known].copy_from_slice(&from[own_size..known]);
    into[known..].fill(MaybeUninit::new(0));
}

/// Whether a caller's record of `size` bytes is one that this version, with its `own` size, or an older
/// one or a later one can have.
pub(super) fn check_size(size: usize, own: usize, field_ends: &[usize]) -> Result<(), Error> {
    // A later version of a record is at most a page; more is garbage in the field.
    const PAGE: usize = 4096;
    if size >= own && size <= PAGE || field_ends.contains(&size) {
        Ok(())
    } else {
        Err(Error::InvalidArgument)
    }
}
