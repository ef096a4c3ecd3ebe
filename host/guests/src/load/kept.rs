//! What an engine keeps of a guest for later instances: the code that it has made of the texts, so
//! no instance after the first one has to compile them.
//!
//! An engine keeps something only while the guest is loaded. From then on nothing changes: calls on
//! all threads read it without a lock, and it is dropped with the version of the guest.

use std::collections::BTreeMap;
use std::sync::Arc;

use snow_core::{ByteCount, Charge};

/// Bytes that an entry counts beside its name and what is kept.
const ENTRY_BYTES: usize = 128;

/// What is kept for one version of a guest, by the names that its engine gave.
#[derive(Debug, Default)]
pub(crate) struct Kept(BTreeMap<String, (Arc<[u8]>, Charge)>);

impl Kept {
    /// Returns what was kept under a name.
    pub fn get(&self, name: &str) -> Option<Arc<[u8]>> {
        self.0.get(name).map(|(bytes, _)| bytes.clone())
    }
}

/// Bytes that an engine has kept, and whether the guest has jobs, while the guest is loaded.
pub(crate) struct Keeping {
    /// Whether the guest has jobs, as its engine says.
    pub has_jobs: bool,
    kept: Kept,
    own_bytes_max: usize,
    all_bytes_max: usize,
    own_bytes: Arc<ByteCount>,
    all_bytes: Arc<ByteCount>,
}

impl Keeping {
    /// Keeps nothing yet. A guest may keep `own_bytes_max` bytes, and all guests `all_bytes_max`, of
    /// which `all_bytes` are taken.
    pub fn new(own_bytes_max: usize, all_bytes_max: usize, all_bytes: Arc<ByteCount>) -> Keeping {
        let (kept, own_bytes) = (Kept::default(), Arc::default());
        Keeping { has_jobs: false, kept, own_bytes_max, all_bytes_max, own_bytes, all_bytes }
    }

    /// Keeps bytes under a name, in the place of those that are there. What does not fit is not
    /// kept.
    pub fn keep(&mut self, name: String, bytes: Vec<u8>) {
        self.kept.0.remove(&name);
        let (own, all) = (&self.own_bytes, &self.all_bytes);
        let count = name.len() + bytes.len() + ENTRY_BYTES;
        let charge = Charge::new(count, (own, self.own_bytes_max), (all, self.all_bytes_max));
        if let Some(charge) = charge {
            self.kept.0.insert(name, (bytes.into(), charge));
        }
    }

    /// Returns all that was kept.
    pub fn finish(self) -> Kept {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_kept() {
        let all = Arc::default();
        let mut keeping = Keeping::new(1_000, 2_000, Arc::clone(&all));
        keeping.keep("a".into(), vec![1; 500]);
        keeping.keep("b".into(), vec![2; 500]);
        keeping.keep("c".into(), vec![3; 100]);
        let kept = keeping.finish();
        assert_eq!(kept.get("a"), Some([1; 500].into()));
        assert_eq!((kept.get("b"), kept.get("c")), (None, Some([3; 100].into())));
        assert_eq!(all.get(), 600 + 2 + 2 * ENTRY_BYTES);
        let mut other = Keeping::new(2_000, 1_000, Arc::clone(&all));
        other.keep("a".into(), vec![4; 500]);
        assert!(other.finish().get("a").is_none(), "the first guest has taken it");
        drop(kept);
        assert_eq!(all.get(), 0);
    }

    #[test]
    fn the_last_one_of_a_name_is_kept() {
        let all = Arc::default();
        let mut keeping = Keeping::new(1_000, 1_000, Arc::clone(&all));
        keeping.keep("a".into(), vec![1; 800]);
        keeping.keep("a".into(), vec![2; 810]);
        assert_eq!(keeping.kept.get("a"), Some([2; 810].into()));
        keeping.keep("a".into(), vec![3; 900]);
        assert_eq!((keeping.finish().get("a"), all.get()), (None, 0));
    }
}
