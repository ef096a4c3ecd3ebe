//! What of the store an instance has open: buckets, and swaps that it has begun.

use std::sync::Arc;

use snow_state::Version;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::keyvalue::Cursors;
use crate::contract::context::CallContext;

/// Buckets that an instance may have open at a time, and swaps.
const OPEN_MAX: usize = 1_024;

/// The host's side of a bucket, whichever interface it was opened by: its name.
pub(crate) struct Bucket(pub Arc<str>);

/// A swap that was begun: it replaces what a key holds, unless somebody else has done so since.
pub(crate) struct Swap {
    /// The name of the key's bucket.
    pub bucket: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// The version that is to be replaced. `None` if the key does not exist.
    pub seen: Option<Version>,
}

/// Everything in the store that an instance has open.
#[derive(Default)]
pub(crate) struct OpenInStore {
    /// The buckets that it has open.
    pub buckets: Opened<Bucket>,
    /// The swaps that it has begun.
    pub swaps: Opened<Swap>,
    /// The pages of keys that it may go on from by a number.
    pub cursors: Cursors,
}

/// Adds the resource `bucket` to an interface.
pub(super) fn add_bucket(interface: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    interface.resource(
        "bucket",
        ResourceType::host::<Bucket>(),
        |mut store: StoreContextMut<'_, CallContext>, representation| {
            store.data_mut().open.buckets.close(representation);
            Ok(())
        },
    )
}

/// Things that an instance has open, from one call to the next. The representation of a resource is
/// an index into this.
pub(crate) struct Opened<T>(Vec<Option<T>>);

impl<T> Default for Opened<T> {
    fn default() -> Opened<T> {
        Opened(Vec::new())
    }
}

impl<T: 'static> Opened<T> {
    /// Adds a thing. `None` if too many are open.
    pub fn add(&mut self, thing: T) -> Option<Resource<T>> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free == OPEN_MAX {
            return None;
        }
        if free == self.0.len() {
            self.0.push(None);
        }
        self.0[free] = Some(thing);
        Some(Resource::new_own(free as u32))
    }

    /// Returns a thing; `None` if it was closed.
    pub fn get(&self, resource: &Resource<T>) -> Option<&T> {
        self.0.get(resource.rep() as usize)?.as_ref()
    }

    /// Returns a thing, to change it; `None` if it was closed.
    pub fn get_mut(&mut self, resource: &Resource<T>) -> Option<&mut T> {
        self.0.get_mut(resource.rep() as usize)?.as_mut()
    }

    /// Closes the thing of a representation, and returns it.
    pub fn close(&mut self, representation: u32) -> Option<T> {
        self.0.get_mut(representation as usize)?.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_things_are_bounded_and_their_places_are_used_again() {
        let mut buckets = Opened::default();
        let opened: Vec<_> = (0..OPEN_MAX).map(|_| buckets.add(Bucket("a".into()))).collect();
        assert!(opened.iter().all(Option::is_some) && buckets.add(Bucket("b".into())).is_none());
        assert!(buckets.close(7).is_some() && buckets.close(7).is_none());
        let again = buckets.add(Bucket("b".into())).unwrap();
        assert_eq!((again.rep(), &*buckets.get(&again).unwrap().0), (7, "b"));
        assert!(buckets.close(u32::MAX).is_none());
        assert!(buckets.get(&Resource::new_borrow(u32::MAX)).is_none());
    }
}
