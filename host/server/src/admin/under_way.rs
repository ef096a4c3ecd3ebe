//! Pages that are suspended until something else is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::WORKER;
use snow_core::{PendingId, Registry};
use snow_runtime::{Handle, Join, Outcome, Post, Settled, Settlement, Source, Suspend};

/// A list of all that pages wait for, with a `T` about each.
pub struct UnderWay<T> {
    registry: Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
    most: usize,
    /// The number of the next one.
    next: u64,
    /// By number: what is not done, and that whose page still waits.
    entries: BTreeMap<u64, Entry<T>>,
}

/// Something that a page waits for.
pub struct Entry<T> {
    /// The caller's own data.
    pub about: T,
    /// The pending on which the page waits.
    id: PendingId,
    /// Alive until it is done.
    open: Weak<Settles>,
}

impl<T> Entry<T> {
    /// Whether it is not done.
    pub fn is_open(&self) -> bool {
        self.open.strong_count() > 0
    }
}

impl<T> UnderWay<T> {
    /// Returns an empty list of at most so many. Pages wait in this registry and are woken by this
    /// post.
    pub fn new(registry: Arc<Registry<Settled>>, post: Arc<dyn Post>, most: usize) -> UnderWay<T> {
        UnderWay { registry, post, most, next: 0, entries: BTreeMap::new() }
    }

    /// Begins something, which is done when all clones of what `begin` is given are dropped. Returns
    /// the suspension of the page, which waits for that, at most for `patience_ms`. `None` if too
    /// many are under way, or `begin` returns nothing.
    pub fn begin(
        &mut self,
        patience_ms: u32,
        begin: impl FnOnce(Arc<Settles>) -> Option<T>,
    ) -> Option<Outcome> {
        let UnderWay { registry, entries, .. } = self;
        entries.retain(|_, entry| entry.is_open() || registry.token(entry.id).is_some());
        if entries.len() >= self.most {
            return None;
        }
        let id = registry.create(WORKER, None).ok()?;
        let (registry, post) = (registry.clone(), self.post.clone());
        let open = Arc::new(Settles { id, registry, post });
        let weak = Arc::downgrade(&open);
        let Some(about) = begin(open) else {
            // No page will wait on it, and end it.
            self.registry.release(id);
            return None;
        };
        let number = self.next;
        self.next += 1;
        self.entries.insert(number, Entry { about, id, open: weak });
        Some(Outcome::Suspend(Suspend {
            handles: vec![Handle { id, source: Source::None }],
            until: Join::All,
            timeout_ms: Some(patience_ms),
            deadline_ms: None,
            on_timeout: None,
            resume: true,
            keep_request: false,
            state: number.to_le_bytes().to_vec(),
        }))
    }

    /// Returns what the page of this suspension has waited for.
    pub fn get(&self, state: &[u8]) -> Option<&Entry<T>> {
        self.entries.get(&u64::from_le_bytes(state.try_into().ok()?))
    }
}

/// Settles the pending of a page when it is dropped. Several that have a part in it share one, so
/// the last one settles it, even if it ends without having done its part.
pub struct Settles {
    id: PendingId,
    registry: Arc<Registry<Settled>>,
    post: Arc<dyn Post>,
}

impl Drop for Settles {
    fn drop(&mut self) {
        // It fails if the pending is gone, because the client has left or the page waited too long.
        if let Ok(Some(waiter)) =
            self.registry.settle(self.id, Settled::new(Settlement::Value(Arc::default())))
        {
            self.post.wake(&[waiter]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_core::{GateId, Key, Waiter, WorkerId};

    struct Nobody;

    impl Post for Nobody {
        fn wake(&self, _: &[Waiter]) {}

        fn gate_opened(&self, _: WorkerId, _: GateId) {}

        fn relay_ready(&self, _: WorkerId, _: Key) {}
    }

    #[test]
    fn what_does_not_begin_leaves_nothing_and_there_is_room_for_so_many() {
        let registry = Arc::new(Registry::new(10, |bytes| bytes.fill(1)));
        let mut under_way = UnderWay::new(registry.clone(), Arc::new(Nobody), 1);
        assert!(under_way.begin(1, |_| None::<u8>).is_none());
        assert!(registry.is_empty(), "nobody waits on its pending");

        let mut kept = None;
        let mut begin = |under_way: &mut UnderWay<u8>| {
            under_way.begin(1, |open| {
                kept = Some(open);
                Some(7)
            })
        };
        let Some(Outcome::Suspend(page)) = begin(&mut under_way) else { panic!("it begins") };
        assert!(begin(&mut under_way).is_none(), "one is under way");
        let entry = under_way.get(&page.state).unwrap();
        assert!(entry.is_open() && entry.about == 7 && !registry.is_settled(page.handles[0].id));
        drop(kept);
        assert!(registry.is_settled(page.handles[0].id));
        assert!(!under_way.get(&page.state).unwrap().is_open());
    }
}
