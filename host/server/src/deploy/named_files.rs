//! The files that the manifest names for values of guests: they may lie anywhere, so the watch of the
//! guests folder does not report them.

use snow_config::NamedFiles;

/// How often they are looked at.
const LOOK_MS: u64 = 1_000;

/// Looks at the files, and at none if the manifest names none.
pub(super) struct NamedWatch {
    files: NamedFiles,
    /// Whether to look without being told to.
    is_watching: bool,
    /// When they were last looked at.
    looked_ms: u64,
    /// How they looked then, or when they were read.
    seen: u64,
}

impl NamedWatch {
    /// Returns a watch of these files. Without `is_watching` they are looked at only with the folder.
    pub fn new(files: NamedFiles, is_watching: bool) -> NamedWatch {
        let seen = files.print();
        NamedWatch { files, is_watching, looked_ms: 0, seen }
    }

    /// Takes the files of another manifest.
    pub fn replace(&mut self, files: NamedFiles) {
        self.seen = files.print();
        self.files = files;
    }

    /// Returns when to look at them again.
    pub fn next_look_ms(&self) -> Option<u64> {
        (self.is_watching && !self.files.is_empty()).then_some(self.looked_ms + LOOK_MS)
    }

    /// Returns whether they look different from how they did when they were read, or looked at
    /// last, if it is time to look.
    pub fn have_changed(&mut self, now_ms: u64) -> bool {
        if self.next_look_ms().is_none_or(|due_ms| now_ms < due_ms) {
            return false;
        }
        self.looked_ms = now_ms;
        let now = self.files.print_now();
        std::mem::replace(&mut self.seen, now) != now
    }

    /// Returns a fingerprint of the files as they are now.
    pub fn print_now(&self) -> u64 {
        self.files.print_now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looks_at_no_files() {
        let mut none = NamedWatch::new(NamedFiles::default(), true);
        assert!(none.next_look_ms().is_none() && !none.have_changed(LOOK_MS));
        assert_eq!(none.print_now(), 0);
    }
}
