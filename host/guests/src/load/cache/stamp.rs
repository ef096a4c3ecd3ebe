//! How a file looks to the file system, which is reason to believe that the file still holds what
//! it held when it was hashed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Written;
use crate::load::code_hash::CodeHash;
use crate::load::content_hash::ContentHash;

/// The longest time in which a file may be written twice without looking different: the tick of the
/// coarsest clock that a file system has, FAT's.
const CLOCK_TICK_MAX: Duration = Duration::from_secs(2);
/// The first word of a line. It changes when the meaning of the others does.
const VERSION: &str = "stamp-2";

/// How a file looks: tells two versions of it apart without reading them. For a symbolic link, how
/// the file looks that the link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The size in bytes.
    pub len: u64,
    /// When the content was written, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// When anything about the file changed, its name included, in nanoseconds since 1970. Nobody
    /// can set it back.
    pub changed_ns: i128,
    /// The number of the file in its file system.
    pub inode: u64,
    /// The file system.
    pub device: u64,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Stamp {
            len: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

impl Stamp {
    /// Whether a file that had this stamp at this time must get another one if it is written again.
    /// Not so if the file had changed within the last tick of its file system's clock, or if it
    /// seems to be of the future.
    pub(crate) fn is_conclusive_at(&self, at: SystemTime) -> bool {
        let at_ns = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        self.modified_ns.max(self.changed_ns) + CLOCK_TICK_MAX.as_nanos() as i128 <= at_ns
    }
}

/// A guest's file that was read before: how it looked, and what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownFile {
    /// How the file looked.
    pub stamp: Stamp,
    /// The hash of what it held.
    pub content: ContentHash,
    /// What it was compiled to.
    pub written: Written,
}

impl KnownFile {
    /// Returns one line of text, for [`KnownFile::from_line`].
    pub(crate) fn to_line(self) -> String {
        let KnownFile { stamp, content, written: Written { component_bytes, code } } = self;
        let Stamp { len, modified_ns, changed_ns, device, inode } = stamp;
        format!(
            "{VERSION} {len} {modified_ns} {changed_ns} {device} {inode} {component_bytes} {code} \
             {content}\n"
        )
    }

    /// Reads a line back; `None` if it is cut off, damaged or of another version.
    pub(crate) fn from_line(line: &str) -> Option<KnownFile> {
        let words: Vec<&str> = line.strip_suffix('\n')?.split(' ').collect();
        let [VERSION, len, modified, changed, device, inode, bytes, code, content] =
            words.as_slice()
        else {
            return None;
        };
        Some(KnownFile {
            stamp: Stamp {
                len: len.parse().ok()?,
                modified_ns: modified.parse().ok()?,
                changed_ns: changed.parse().ok()?,
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
            },
            content: ContentHash::parse(content)?,
            written: Written { component_bytes: bytes.parse().ok()?, code: CodeHash::parse(code)? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified_ns: i128, changed_ns: i128) -> Stamp {
        Stamp { len: 1, modified_ns, changed_ns, device: 2, inode: 3 }
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_believed() {
        let second = 1_000_000_000;
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(stamp(98 * second, 98 * second).is_conclusive_at(at(100)));
        assert!(
            !stamp(98 * second + 1, 98 * second).is_conclusive_at(at(100)),
            "modified a moment ago"
        );
        // `touch -d` and `cp -p` set the first time back, but never the second.
        assert!(
            !stamp(7 * second, 98 * second + 1).is_conclusive_at(at(100)),
            "changed a moment ago"
        );
        assert!(
            !stamp(200 * second, 98 * second).is_conclusive_at(at(100)),
            "it seems to be of the future"
        );
        assert!(
            !stamp(0, 0).is_conclusive_at(UNIX_EPOCH - Duration::from_secs(9)),
            "the clock is not set"
        );
    }

    #[test]
    fn lines_hold_everything() {
        let content = ContentHash([0xa7; 32]);
        let written = Written { component_bytes: 77, code: CodeHash::of(b"code") };
        let known = KnownFile { stamp: stamp(-5, i64::MAX.into()), content, written };
        let line = known.to_line();
        assert_eq!(KnownFile::from_line(&line), Some(known));
        for cut in 0..line.len() {
            assert_eq!(KnownFile::from_line(&line[..cut]), None, "{cut}");
        }
        assert_eq!(KnownFile::from_line(&line.replace(VERSION, "stamp-1")), None);
    }

    #[test]
    fn each_change_of_a_file_changes_its_stamp() {
        let scratch = super::super::tests::scratch();
        let file = scratch.path().join("file");
        std::fs::write(&file, "1234").unwrap();
        let now = || Stamp::from(&std::fs::metadata(&file).unwrap());
        let first = now();
        assert_eq!(now(), first);
        let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::write(&file, "12345").unwrap();
        assert_ne!(now(), first, "its size");
        // Another file of the same size and times, put in its place.
        let other = scratch.path().join("other");
        std::fs::write(&other, "4321").unwrap();
        std::fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_ne!(now(), first, "its inode");
    }
}
