//! How sessions lie in the store.

use crate::store::{Entry, SetOptions, StoreError, Version};
use crate::{Bucket, Error, Result, query};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a session is written to: a bucket, or the memory of a native test.
pub(super) trait Entries: fmt::Debug {
    fn get(&self, id: &str) -> Result<Option<Entry>, StoreError>;
    fn set(&self, id: &str, value: String, options: SetOptions) -> Result<(), StoreError>;
    fn delete(&self, id: &str) -> Result<(), StoreError>;
}

impl Entries for Bucket {
    fn get(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        Bucket::get(self, id)
    }

    fn set(&self, id: &str, value: String, options: SetOptions) -> Result<(), StoreError> {
        self.set_with(id, value, options).map(drop)
    }

    fn delete(&self, id: &str) -> Result<(), StoreError> {
        Bucket::delete(self, id).map(drop)
    }
}

/// A session in the store: `1700000000 name=value&name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub version: Version,
    /// When it was written, in seconds since 1970.
    pub written: u64,
    pub fields: BTreeMap<String, String>,
}

impl Record {
    pub fn parse(entry: &Entry) -> Result<Self> {
        let unreadable = || Error::new("what the bucket has under a session's id is no session");
        let text = entry.text();
        let (written, fields) = text.split_once(' ').ok_or_else(unreadable)?;
        let pair = |(name, value)| (query::decode(name), query::decode(value));
        Ok(Self {
            version: entry.version,
            written: written.parse().map_err(|_| unreadable())?,
            fields: query::pairs(fields).map(pair).collect(),
        })
    }

    pub fn to_text(&self) -> String {
        let pair = |(name, value): (&String, &String)| {
            format!("{}={}", query::encode(name), query::encode(value))
        };
        let pairs: Vec<_> = self.fields.iter().map(pair).collect();
        format!("{} {}", self.written, pairs.join("&"))
    }

    /// How long ago it was written.
    pub fn age(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_secs(self.written))
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) use memory::Memory;

#[cfg(not(target_arch = "wasm32"))]
mod memory {
    use super::*;
    use crate::store::Only;
    use std::cell::{Cell, RefCell};

    /// Entries that do not expire by themselves.
    #[derive(Debug, Default)]
    pub struct Memory {
        entries: RefCell<BTreeMap<String, Entry>>,
        version: Cell<Version>,
    }

    impl Entries for Memory {
        fn get(&self, id: &str) -> Result<Option<Entry>, StoreError> {
            Ok(self.entries.borrow().get(id).cloned())
        }

        fn set(&self, id: &str, value: String, options: SetOptions) -> Result<(), StoreError> {
            let mut entries = self.entries.borrow_mut();
            let held = entries.get(id);
            let is_so = match options.only {
                Only::Always => true,
                Only::Absent => held.is_none(),
                Only::Version(version) => held.is_some_and(|entry| entry.version == version),
            };
            if !is_so {
                return Err(StoreError::Conflict(held.cloned()));
            }
            self.version.set(self.version.get() + 1);
            let entry = Entry { value: value.into_bytes(), version: self.version.get() };
            entries.insert(id.to_owned(), entry);
            Ok(())
        }

        fn delete(&self, id: &str) -> Result<(), StoreError> {
            self.entries.borrow_mut().remove(id);
            Ok(())
        }
    }
}
