//! What the file system says of a file, as the reason to believe that it is still the file whose content was hashed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ContentHash;

/// A file may be written again within the same tick of its file system's clock, and then looks unchanged. Within so much
/// of its last change, a file's stamp is no reason to believe anything. The coarsest clock, FAT's, ticks so.
const CLOCK_TICK_MAX: Duration = Duration::from_secs(2);
/// The first word of what is kept; another one when its meaning changes.
const VERSION: &str = "stamp-1";

/// What tells two versions of a file apart without reading it. Of a symbolic link: of the file that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Its size in bytes.
    pub len: u64,
    /// When it was written, since 1970.
    pub modified_ns: i128,
    /// When anything about it changed, its name included, since 1970: nobody can set it back.
    pub changed_ns: i128,
    /// Its number in its file system.
    pub inode: u64,
    /// Its file system.
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

/// Whether a file that had this stamp at this time can't have got another content since without getting another stamp.
/// What seems to be of the future is not believed either.
pub fn is_settled(stamp: &Stamp, at: SystemTime) -> bool {
    let at_ns = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
    stamp.modified_ns.max(stamp.changed_ns) + CLOCK_TICK_MAX.as_nanos() as i128 <= at_ns
}

/// What is remembered of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// How it looked.
    pub stamp: Stamp,
    /// What it held.
    pub content: ContentHash,
    /// The size of the component that it became.
    pub component_bytes: usize,
}

impl Remembered {
    /// As a line of text.
    pub fn to_line(self) -> String {
        let Stamp { len, modified_ns, changed_ns, device, inode } = self.stamp;
        let (content, bytes) = (super::hex(&self.content), self.component_bytes);
        format!("{VERSION} {len} {modified_ns} {changed_ns} {device} {inode} {bytes} {content}\n")
    }

    /// From that line; `None` if it is cut off or of another version.
    pub fn from_line(line: &str) -> Option<Remembered> {
        let words: Vec<&str> = line.strip_suffix('\n')?.split(' ').collect();
        let [VERSION, len, modified, changed, device, inode, bytes, content] = words.as_slice() else { return None };
        Some(Remembered {
            stamp: Stamp {
                len: len.parse().ok()?,
                modified_ns: modified.parse().ok()?,
                changed_ns: changed.parse().ok()?,
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
            },
            content: super::from_hex(content)?,
            component_bytes: bytes.parse().ok()?,
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
        assert!(is_settled(&stamp(98 * second, 98 * second), at(100)));
        assert!(!is_settled(&stamp(98 * second + 1, 98 * second), at(100)), "modified a moment ago");
        // `touch -d` and `cp -p` set the one time, never the other.
        assert!(!is_settled(&stamp(7 * second, 98 * second + 1), at(100)), "changed a moment ago");
        assert!(!is_settled(&stamp(200 * second, 98 * second), at(100)), "of the future");
        assert!(!is_settled(&stamp(0, 0), UNIX_EPOCH - Duration::from_secs(9)), "a clock that is not set");
    }

    #[test]
    fn lines_hold_everything() {
        let remembered = Remembered { stamp: stamp(-5, i64::MAX.into()), content: [0xa7; 32], component_bytes: 77 };
        let line = remembered.to_line();
        assert_eq!(Remembered::from_line(&line), Some(remembered));
        for cut in 0..line.len() {
            assert_eq!(Remembered::from_line(&line[..cut]), None, "{cut}");
        }
        assert_eq!(Remembered::from_line(&line.replace("stamp-1", "stamp-2")), None);
    }

    #[test]
    fn whatever_changes_changes_the_stamp() {
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
