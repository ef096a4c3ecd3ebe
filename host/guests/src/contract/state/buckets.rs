//! The buckets that a guest has opened.

use std::sync::Arc;

use wasmtime::component::Resource;

/// Buckets that an instance may have open at a time.
const BUCKETS_MAX: usize = 1_024;

/// The host's side of a bucket, whichever interface it was opened by. A representation is an index
/// into [`Buckets`].
pub(crate) struct Bucket;

/// The names of the buckets that an instance has open. They stay open from one call to the next.
#[derive(Default)]
pub(crate) struct Buckets(Vec<Option<Arc<str>>>);

impl Buckets {
    /// Adds a bucket. `None` if too many are open.
    pub fn add(&mut self, name: Arc<str>) -> Option<Resource<Bucket>> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free == BUCKETS_MAX {
            return None;
        }
        self.0.resize(self.0.len().max(free + 1), None);
        self.0[free] = Some(name);
        Some(Resource::new_own(free as u32))
    }

    /// Returns the name of a bucket; `None` if it was closed.
    pub fn name(&self, bucket: &Resource<Bucket>) -> Option<&Arc<str>> {
        self.0.get(bucket.rep() as usize)?.as_ref()
    }

    /// Closes the bucket of a representation.
    pub fn close(&mut self, representation: u32) {
        if let Some(name) = self.0.get_mut(representation as usize) {
            *name = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_bounded_and_their_places_are_used_again() {
        let mut buckets = Buckets::default();
        let opened: Vec<_> = (0..BUCKETS_MAX).map(|_| buckets.add("a".into())).collect();
        assert!(opened.iter().all(Option::is_some) && buckets.add("b".into()).is_none());
        buckets.close(7);
        buckets.close(7);
        let again = buckets.add("b".into()).unwrap();
        assert_eq!((again.rep(), &**buckets.name(&again).unwrap()), (7, "b"));
        buckets.close(u32::MAX);
        assert_eq!(buckets.name(&Resource::new_borrow(u32::MAX)), None);
    }
}
