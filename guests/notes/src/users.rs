//! Users: names, and hashes of their passwords.
//!
//! The hash is argon2id with 19 MiB of memory and two passes, as OWASP recommends: what it costs is
//! what an attacker who has stolen the hashes pays for each guess. In a guest it takes about 60 ms of CPU,
//! a small part of `call_running_ms_max` (10 s), and a third of `call_memory_bytes_max` (64 MiB).
//! Other requests go on meanwhile. `calls_max` of the guest in `snow.toml` bounds how many such calls
//! there are at a time.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use snow_guest::prelude::*;
use snow_guest::system;

/// What a password is compared with when there is no such user: that takes as long, so the time of an
/// answer does not tell which names there are. No password has this hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(19_456, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn key(name: &str) -> String {
    format!("user/{name}")
}

/// Adds a user. Says what is wrong with the name or the password, for the user to read.
pub fn add(name: &str, password: &str) -> Result<Result<(), &'static str>> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !(1..=32).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Ok(Err("A name has 1 to 32 small letters, digits and hyphens."));
    }
    if !(8..=256).contains(&password.len()) {
        return Ok(Err("A password has 8 to 256 bytes."));
    }
    let salt = system::random::<16>();
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt)?;
    // Of two who want a name at the same time one gets it.
    match Bucket::own()?.insert(&key(name), hash.to_string()) {
        Ok(_) => Ok(Ok(())),
        Err(StoreError::Conflict(_)) => Ok(Err("This name is taken.")),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is such a user with this password.
pub fn is_right(name: &str, password: &str) -> Result<bool> {
    let stored = Bucket::own()?.get(&key(name))?;
    let hash = stored.as_ref().map(|entry| entry.text());
    let hash = hash.as_deref().unwrap_or(NOBODY);
    Ok(hasher()?.verify_password(password.as_bytes(), hash).is_ok())
}
