//! Denials are logged once a call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Whether a denial of a call has been logged. Made when it is first asked for, since most calls are
/// denied nothing; clones of it then are the same call's.
#[derive(Clone, Default)]
pub(crate) struct Explained(OnceLock<Arc<AtomicBool>>);

impl Explained {
    /// Returns one for what goes on after this moment of the call.
    pub fn shared(&self) -> Explained {
        self.0.get_or_init(Arc::default);
        self.clone()
    }

    /// Returns whether nothing was logged before, and notes that something is now.
    pub fn is_first(&self) -> bool {
        !self.0.get_or_init(Arc::default).swap(true, Ordering::Relaxed)
    }
}
