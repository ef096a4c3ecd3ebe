//! Lines for the host's log, where they stand beside the guest's name and the request's id.
//!
//! ```
//! use snow_guest::log;
//! log::info("a literal");
//! log::warn(format!("order {} is late", 7));
//! ```
//!
//! The host escapes control characters, cuts a message after 4,096 bytes, and drops (and counts)
//! lines when its log can't keep up. In a native test the lines go to standard error.

#[cfg(target_arch = "wasm32")]
use crate::bindings::snow::host::logging::{Level, log};

macro_rules! levels {
    ($($function:ident $level:ident $what:literal)*) => { $(
        #[doc = concat!("Writes one line at the level `", stringify!($function), "`: ", $what)]
        pub fn $function(message: impl AsRef<str>) {
            #[cfg(target_arch = "wasm32")]
            log(Level::$level, message.as_ref());
            #[cfg(not(target_arch = "wasm32"))]
            std::eprintln!("{}: {}", stringify!($function), message.as_ref());
        }
    )* };
}

levels! {
    trace Trace "each step."
    debug Debug "what helps while developing."
    info Info "what is worth knowing in normal running."
    warn Warn "something is odd, yet the request was answered as it should be."
    error Error "a request was not answered as it should be."
}

/// Writes one line at the level `info`, with the arguments of the standard library's `println!`,
/// which writes nowhere on `wasm32-unknown-unknown`.
///
/// ```
/// use snow_guest::println;
/// println!("order {} is late", 7);
/// ```
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => { $crate::log::info(::std::format!($($arguments)*)) };
}

/// Writes one line at the level `warn`, with the arguments of the standard library's `eprintln!`,
/// which writes nowhere on `wasm32-unknown-unknown`.
#[macro_export]
macro_rules! eprintln {
    ($($arguments:tt)*) => { $crate::log::warn(::std::format!($($arguments)*)) };
}
