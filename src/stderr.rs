//! The log when nobody else takes it.

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
        // SAFETY: `rest` is readable for its length.
        let written = unsafe {
            libc::syscall(
                libc::SYS_write,
                libc::STDERR_FILENO,
                rest.as_ptr(),
                rest.len(),
            )
        };
        match usize::try_from(written) {
            Ok(written @ 1..) => rest = &rest[written.min(rest.len())..],
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}
