//! The text of antpool_dump(): what a pool is doing, for people. It allocates nothing, and waits for no lock for
//! longer than a moment: a worker that is stuck may hold it.

#![allow(unsafe_code, reason = "asks the loader for names")]

use std::ffi::{CStr, c_char, c_void};
use std::fmt::{self, Write};
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::clock::{self, Deadline};
use crate::error::Error;
use crate::poll;
use crate::stderr;
use crate::suspend::Interest;
use crate::sync::{Mutex, MutexGuard};

/// Collects text, and writes it to a descriptor in pieces.
pub(crate) struct Output {
    fd: i32,
    text: [u8; 1024],
    length: usize,
    result: Result<(), Error>,
}

impl Output {
    pub(crate) fn to(fd: i32) -> Self {
        Self {
            fd,
            text: [0; 1024],
            length: 0,
            result: Ok(()),
        }
    }

    /// Writes what is left. Why not everything has been written, if so.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        self.flush();
        self.result
    }

    fn flush(&mut self) {
        let mut rest = &self.text[..std::mem::take(&mut self.length)];
        while self.result.is_ok() && !rest.is_empty() {
            match stderr::write(self.fd, rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock if self.has_room_soon() => {}
                    ErrorKind::WouldBlock => self.result = Err(Error::TimedOut),
                    _ => self.result = Err(Error::InvalidArgument),
                },
            }
        }
    }

    /// Waits a second at most until the descriptor can be written to.
    fn has_room_soon(&self) -> bool {
        let interest = Interest {
            readable: false,
            writable: true,
        };
        poll::wait(self.fd, interest, Deadline::after_ms(1000)).is_ok()
    }
}

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.text.len() {
                self.flush();
            }
            self.text[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// The lock, unless somebody keeps it for longer than a moment.
pub(crate) fn lock_soon<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    const TRIES: u32 = 20;
    (0..TRIES).find_map(|attempt| {
        if attempt > 0 {
            clock::sleep(Duration::from_millis(1));
        }
        mutex.try_lock()
    })
}

/// A function of the host's: its symbol where there is one, and its place in its file.
pub(crate) struct Function(pub(crate) usize);

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found: MaybeUninit<libc::Dl_info> = MaybeUninit::zeroed();
        let address: *const c_void = std::ptr::with_exposed_provenance(self.0);
        // SAFETY: `found` is writable.
        if unsafe { libc::dladdr(address, found.as_mut_ptr()) } == 0 {
            return write!(formatter, "{:#x}", self.0);
        }
        // SAFETY: zeroes and what the call has written.
        let found = unsafe { found.assume_init() };
        let offset = self.0.wrapping_sub(found.dli_fbase.addr());
        let file = text(found.dli_fname).unwrap_or(b"?");
        if let Some(symbol) = text(found.dli_sname) {
            if found.dli_saddr.addr() == self.0 {
                write!(formatter, "{} ", Bytes(symbol))?;
            }
        }
        write!(formatter, "({}+{offset:#x})", Bytes(file))
    }
}

/// What the loader calls something.
fn text(text: *const c_char) -> Option<&'static [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: a string of the loader's, which stays as long as its file does: so long as the task that runs.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Text that may be no UTF-8.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                let shown = if character.is_control() {
                    '?'
                } else {
                    character
                };
                formatter.write_char(shown)?;
            }
            if !chunk.invalid().is_empty() {
                formatter.write_char('?')?;
            }
        }
        Ok(())
    }
}

/// Turns the processor's count into time, by how far both have come since a pool was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    ticks: u64,
    ns: u64,
}

impl Pace {
    pub(crate) fn from_now() -> Self {
        Self {
            ticks: clock::ticks(),
            ns: clock::now_ns(),
        }
    }

    /// How long ago the processor's count was that.
    pub(crate) fn since(&self, ticks: u64) -> Duration {
        let now = Self::from_now();
        let (all_ticks, all_ns) = (now.ticks.saturating_sub(self.ticks), now.ns - self.ns);
        let ago = u128::from(now.ticks.saturating_sub(ticks));
        let ns = ago * u128::from(all_ns) / u128::from(all_ticks.max(1));
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// Seconds, as people read them.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{:03} s",
            self.0.as_secs(),
            self.0.subsec_millis()
        )
    }
}

/// What one worker, or one carrier, is doing.
pub(crate) fn write_worker(
    out: &mut dyn Write,
    what: &str,
    index: usize,
    running: Option<(usize, u64)>,
    pace: &Pace,
    without: &str,
) -> fmt::Result {
    match running {
        Some((function, since)) => {
            let since = Seconds(pace.since(since));
            writeln!(
                out,
                "  {what} {index}: runs {} for {since}",
                Function(function)
            )
        }
        None => writeln!(out, "  {what} {index}: {without}"),
    }
}
