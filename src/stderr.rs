//! The log when there is no logger, and the one place that writes to descriptors.

#![allow(
    unsafe_code,
    reason = "writes without a buffer, a lock or a cancellation point"
)]

/// Writes one line to stderr, in one piece where the system allows.
pub(crate) fn write_line(line: &str) {
    let mut text = String::with_capacity(line.len() + 1);
    text.push_str(line);
    text.push('\n');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match write(libc::STDERR_FILENO, rest) {
            Ok(written) if written > 0 => rest = &rest[written..],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Writes some of the bytes. A system call of its own: no cancellation point.
pub(crate) fn write(fd: i32, bytes: &[u8]) -> std::io::Result<usize> {
    // SAFETY: `bytes` is readable for its length.
    let written = unsafe { libc::syscall(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) };
    match usize::try_from(written) {
        Ok(written) => Ok(written.min(bytes.len())),
        Err(_) => Err(std::io::Error::last_os_error()),
    }
}
