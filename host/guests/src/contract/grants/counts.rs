//! What is counted for each guest of a process, under whatever manifest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use snow_core::{ByteCount, Owner, lock};

/// Bytes of settlements that are kept, in all and by guest.
#[derive(Clone, Default)]
pub(super) struct SettledBytes {
    pub all: Arc<ByteCount>,
    /// By name. A guest without a permit and without settlements has no count.
    guests: Arc<Mutex<BTreeMap<Arc<str>, Weak<ByteCount>>>>,
}

impl SettledBytes {
    /// Returns the count of the guest of this name, which all its versions share.
    pub fn of(&self, name: &Arc<str>) -> Arc<ByteCount> {
        let mut guests = lock(&self.guests);
        if let Some(count) = guests.get(name).and_then(Weak::upgrade) {
            return count;
        }
        guests.retain(|_, count| count.strong_count() > 0);
        let count = Arc::new(ByteCount::default());
        guests.insert(name.clone(), Arc::downgrade(&count));
        count
    }
}

/// The owners of guests.
#[derive(Default)]
pub(super) struct Owners {
    pub by_name: BTreeMap<Arc<str>, Owner>,
    /// Numbers that guests had which are gone.
    pub free: Vec<Owner>,
}
