//! What the C library under QuickJS asks of WASI preview 1, answered here. So the engine imports no
//! preview 1, and the host need not adapt it.

use std::cell::Cell;

use rquickjs::{Ctx, qjs};

use crate::failure;
use crate::snow::host::logging::{self, Level};
use crate::wasi::clocks::{monotonic_clock, wall_clock};

/// "Bad file descriptor", and no error, of preview 1.
const BADF: i32 = 8;
const OK: i32 = 0;

/// The clock of the time of day.
const REALTIME: i32 = 0;

const NANOSECONDS: u64 = 1_000_000_000;

thread_local! {
    /// Whether clocks stand still, at zero.
    static HAS_NO_CLOCKS: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function for which all clocks are at zero: while the engine is made, time says nothing.
pub fn without_clocks(function: impl FnOnce()) {
    HAS_NO_CLOCKS.set(true);
    function();
    HAS_NO_CLOCKS.set(false);
}

// SAFETY: `c/engine.c` defines it, for the library's own contexts.
unsafe extern "C" {
    fn snow_seed_hashes(context: *mut qjs::JSContext, seed: u64);
    static mut snow_has_run_out: bool;
}

/// Gives QuickJS's hashes a seed. No `Map` or `Set` may have an entry then, which it would not find
/// again.
pub fn seed_hashes(ctx: &Ctx<'_>, seed: u64) {
    unsafe { snow_seed_hashes(ctx.as_raw().as_ptr(), seed) }
}

/// Returns whether QuickJS has got no memory since the call began.
pub fn has_run_out() -> bool {
    unsafe { snow_has_run_out }
}

/// Forgets it: a call begins.
pub fn forget_run_out() {
    unsafe { snow_has_run_out = false }
}

// SAFETY, for all of these: the names are those under which the C library of this module imports
// them, and the pointers that it passes are its own.

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_clock_time_get(
    clock: i32,
    _precision: i64,
    time: *mut u64,
) -> i32 {
    let now = match clock {
        _ if HAS_NO_CLOCKS.get() => 0,
        REALTIME => {
            let now = wall_clock::now();
            now.seconds * NANOSECONDS + u64::from(now.nanoseconds)
        }
        _ => monotonic_clock::now(),
    };
    unsafe { *time = now };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_values: i32, _buffer: i32) -> i32 {
    OK
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(
    count: *mut u32,
    bytes: *mut u32,
) -> i32 {
    unsafe {
        *count = 0;
        *bytes = 0;
    }
    OK
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_close(_descriptor: i32) -> i32 {
    OK
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_fdstat_get(_descriptor: i32, _stat: i32) -> i32 {
    BADF
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_seek(
    _descriptor: i32,
    _offset: i64,
    _whence: i32,
    _position: i32,
) -> i32 {
    BADF
}

/// Writes what QuickJS or Rust print, such as a panic's message, to the log.
#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_write(
    _descriptor: i32,
    buffers: *const (*const u8, usize),
    count: usize,
    written: *mut usize,
) -> i32 {
    let mut bytes = Vec::new();
    for &(start, length) in unsafe { std::slice::from_raw_parts(buffers, count) } {
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(start, length) });
    }
    for line in String::from_utf8_lossy(&bytes).lines() {
        logging::log(Level::Error, line);
    }
    unsafe { *written = bytes.len() };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(code: i32) -> ! {
    failure::fail(&format!("the engine exits with {code}"))
}
