//! The hash of what a guest's file holds, which names a version of a guest across files, folders
//! and restarts.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// SHA-256 of what a file holds. Displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash(pub(crate) [u8; 32]);

impl ContentHash {
    /// Hashes bytes.
    pub(crate) fn of(bytes: &[u8]) -> ContentHash {
        ContentHash(Sha256::digest(bytes).into())
    }

    /// Hashes a file from its current position to its end, without holding all of it in memory.
    pub(crate) fn of_file(mut file: File) -> io::Result<ContentHash> {
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(ContentHash(hash.finalize().into())),
                read => hash.update(&buffer[..read]),
            }
        }
    }

    /// Reads back what is displayed; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<ContentHash> {
        unhex(text).map(ContentHash)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads the bytes back that [`hex`] has returned; `None` for anything else.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}
