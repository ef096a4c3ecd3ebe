//! The hash of compiled code, by which damage is found before the code runs.
//!
//! BLAKE3, because all of the code is hashed at each start: reading and hashing the 35 MB that a
//! guest in Python is compiled to takes 10 ms, a fifth of what SHA-256 takes, and a small guest takes
//! nothing that can be measured.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::content_hash::{hex, unhex};

/// How much of a file is read at a time: enough for the hash to use the widest instructions, and
/// little enough to stay in the processor's cache.
const CHUNK_BYTES: usize = 128 << 10;

/// A hash of compiled code: 128 bits of BLAKE3. Displayed as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeHash([u8; 16]);

impl CodeHash {
    /// Hashes bytes.
    pub(crate) fn of(bytes: &[u8]) -> CodeHash {
        CodeHash::cut(&blake3::hash(bytes))
    }

    /// Hashes a whole file, without holding all of it in memory.
    pub(crate) fn of_file(file: &File) -> io::Result<CodeHash> {
        let (mut hash, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK_BYTES]);
        let mut at = 0;
        loop {
            match file.read_at(&mut buffer, at) {
                Ok(0) => return Ok(CodeHash::cut(&hash.finalize())),
                Ok(read) => {
                    hash.update(&buffer[..read]);
                    at += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads back what is displayed; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<CodeHash> {
        unhex(text).map(CodeHash)
    }

    /// 128 bits are enough: nobody chooses the code, so no two files are made to collide.
    fn cut(hash: &blake3::Hash) -> CodeHash {
        let mut cut = [0; 16];
        cut.copy_from_slice(&hash.as_bytes()[..16]);
        CodeHash(cut)
    }
}

impl fmt::Display for CodeHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::cache::tests::scratch;

    #[test]
    fn a_file_has_the_hash_of_its_bytes() {
        let scratch = scratch();
        let path = scratch.path().join("code");
        for len in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let mut bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let hash = CodeHash::of_file(&File::open(&path).unwrap()).unwrap();
            assert_eq!(hash, CodeHash::of(&bytes), "{len} bytes");
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
                assert_ne!(hash, CodeHash::of(&bytes), "one bit of {len} bytes");
            }
        }
    }

    #[test]
    fn a_hash_is_read_back() {
        let hash = CodeHash::of(b"code");
        assert_eq!(CodeHash::parse(&hash.to_string()), Some(hash));
        for noise in ["", "0", "+0+0+0+0+0+0+0+0+0+0+0+0+0+0+0+0", &"0".repeat(34), &"é".repeat(16)]
        {
            assert_eq!(CodeHash::parse(noise), None, "{noise}");
        }
    }
}
