//! The time and random numbers, which the target `wasm32-unknown-unknown` does not have in its
//! standard library: `SystemTime::now` panics there, `println!` writes nowhere, and a `HashMap` has
//! one order in all instances. Here is what to use instead:
//!
//! | of the standard library | here |
//! |---|---|
//! | `SystemTime::now` | [`now`] |
//! | `HashMap::new`, `HashSet::new` | [`HashMap::default`], [`HashSet::default`] of this module |
//! | `println!`, `eprintln!` | [`snow_guest::println!`](crate::println), [`snow_guest::eprintln!`](crate::eprintln) |
//!
//! ```
//! use snow_guest::system::{self, HashMap};
//!
//! let token: [u8; 16] = system::random();
//! assert!(system::now() > std::time::UNIX_EPOCH);
//! let tokens = HashMap::from_iter([(token, "ann")]);
//! # let _ = tokens;
//! ```
//!
//! # Crates that use `getrandom`
//!
//! Those that draw random numbers by the crate `getrandom`, as `uuid` and `rand` do, work with the
//! feature `getrandom` of this crate, and a flag that tells `getrandom` so. The flag stands in
//! `.cargo/config.toml` of the guests folder, where `snow-host new rust` writes it:
//!
//! ```toml
//! [target.wasm32-unknown-unknown]
//! rustflags = ["--cfg", 'getrandom_backend="custom"']
//! ```

use std::hash::{BuildHasher, DefaultHasher, Hasher as _};
use std::time::{Duration, SystemTime};

/// Returns random bytes, as many as the array has: the system's own, fresh in each call. (In a build
/// for WASI they are derived from such by SipHash.)
///
/// The host gives 1,048,576 bytes at a time. A call that asks for more ends.
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

/// A `HashMap` whose order nobody can guess, and so neither the keys that would make it slow. Made by
/// `default`, `from_iter` or `with_hasher`: `new` is for the standard library's own state alone.
pub type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// A `HashSet` whose order nobody can guess: see [`HashMap`].
pub type HashSet<T> = std::collections::HashSet<T, RandomState>;

/// The state of a [`HashMap`]: random numbers that its hashes begin with.
#[derive(Clone, Debug)]
pub struct RandomState([u8; 16]);

impl Default for RandomState {
    fn default() -> Self {
        Self(random())
    }
}

impl BuildHasher for RandomState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        // SipHash with the keys of the standard library, which are the same in every instance; so
        // the secret is what it hashes first.
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher
    }
}

/// Returns the time of a clock that never goes back, since a moment of the host's choice.
pub(crate) fn monotonic() -> Duration {
    host::monotonic()
}

#[cfg(all(target_arch = "wasm32", not(target_os = "wasi")))]
mod host {
    use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
    use crate::bindings::wasi::random::random::get_random_bytes;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    pub fn fill(bytes: &mut [u8]) {
        bytes.copy_from_slice(&get_random_bytes(bytes.len() as u64));
    }

    pub fn now() -> SystemTime {
        let time = wall_clock::now();
        UNIX_EPOCH + Duration::new(time.seconds, time.nanoseconds)
    }

    pub fn monotonic() -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }
}

/// In a native test, and in a build for WASI, the standard library has both: it draws keys from the
/// system's random numbers, and hashes by them.
#[cfg(any(not(target_arch = "wasm32"), target_os = "wasi"))]
mod host {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::LazyLock;
    use std::time::{Duration, Instant, SystemTime};

    pub fn fill(bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = RandomState::new().hash_one(0).to_ne_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }

    pub fn now() -> SystemTime {
        SystemTime::now()
    }

    pub fn monotonic() -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
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

    #[test]
    fn two_maps_have_two_orders() {
        let order = || (0..100).collect::<HashSet<i32>>().into_iter().collect::<Vec<_>>();
        assert_ne!(order(), order());
        let state = RandomState::default();
        assert_eq!(state.hash_one("a"), state.clone().hash_one("a"));
    }
}
