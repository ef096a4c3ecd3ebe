//! The backend of the crate `getrandom`: the host's random numbers. The feature `getrandom`.

// What `getrandom` calls is a symbol with a signature of pointers, which only unsafe code can have.
#![allow(unsafe_code)]

use crate::bindings::wasi::random::random::get_random_bytes;
use getrandom::Error;

/// The most bytes that the host gives at a time.
const BYTES_MAX: usize = 1 << 20;

/// Fills the memory at `start` with random bytes. It has `length` bytes, which may be uninitialized.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(start: *mut u8, length: usize) -> Result<(), Error> {
    for done in (0..length).step_by(BYTES_MAX) {
        let bytes = get_random_bytes(BYTES_MAX.min(length - done) as u64);
        // SAFETY: `getrandom` gives memory that may be written, `length` bytes from `start` on, and
        // the pieces end where it does.
        unsafe { start.add(done).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    Ok(())
}
