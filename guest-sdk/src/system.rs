//! The time and random numbers, which the target `wasm32-unknown-unknown` does not have in its
//! standard library: `SystemTime::now` panics there, and a `HashMap` has one order in all instances.
//!
//! ```
//! use snow_guest::system;
//!
//! let token: [u8; 16] = system::random();
//! assert!(system::now() > std::time::UNIX_EPOCH);
//! # let _ = token;
//! ```

use std::time::SystemTime;

/// Returns random bytes, as many as the array has: the system's own, fresh in each call. (In a build
/// for WASI they are derived from such by SipHash.)
///
/// The host gives 65,536 bytes at a time. A call that asks for more ends.
pub fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    host::fill(&mut bytes);
    bytes
}

/// Returns a random number.
pub fn random_number() -> u64 {
    u64::from_ne_bytes(random())
}

/// Returns the time of day, which may be set back.
pub fn now() -> SystemTime {
    host::now()
}

#[cfg(all(target_arch = "wasm32", not(target_os = "wasi")))]
mod host {
    use crate::bindings::wasi::clocks::wall_clock;
    use crate::bindings::wasi::random::random::get_random_bytes;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    pub fn fill(bytes: &mut [u8]) {
        bytes.copy_from_slice(&get_random_bytes(bytes.len() as u64));
    }

    pub fn now() -> SystemTime {
        let time = wall_clock::now();
        UNIX_EPOCH + Duration::new(time.seconds, time.nanoseconds)
    }
}

/// In a native test, and in a build for WASI, the standard library has both: it draws keys from the
/// system's random numbers, and hashes by them.
#[cfg(any(not(target_arch = "wasm32"), target_os = "wasi"))]
mod host {
    use std::hash::{BuildHasher, RandomState};
    use std::time::SystemTime;

    pub fn fill(bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = RandomState::new().hash_one(0).to_ne_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }

    pub fn now() -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<20>(), random::<20>());
        assert_ne!(random_number(), random_number());
    }
}
