//! Another static library written in Rust, with a runtime of its own.

use std::panic::catch_unwind;
use std::thread;

/// 1 if a panic on a thread has been caught, as it should be.
#[unsafe(no_mangle)]
pub extern "C" fn other_catches() -> i32 {
    let caught = catch_unwind(|| {
        std::panic::set_hook(Box::new(|_| {}));
        let thread = thread::spawn(|| panic!("expected"));
        thread.join().expect("this panics too");
    });
    i32::from(caught.is_err())
}
