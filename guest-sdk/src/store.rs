//! State that outlives a call: buckets of keys, each with a value.
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(POST, r"/visits")]
//! fn visit(_: Request) -> Result<String> {
//!     Ok(Bucket::own()?.increment("visits", 1)?.to_string())
//! }
//!
//! snow_guest::serve!(visit);
//! # fn main() {}
//! ```
//!
//! What the host keeps in memory ends with its process, unless the deployer gives it a folder
//! (`snow-host run --data DIR`): then a write that was `Ok` is on the disk, and the call that wrote
//! has waited in place for that.
//!
//! # Waiting for a change
//!
//! [`Bucket::changed`] makes a [`Pending`] of the next change of a key. No change is lost between
//! the look and the wait, because the wait begins at the version that was seen:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/parcels/(\w+)/wait", resume = came)]
//! fn wait(request: Request) -> Result<Suspension> {
//!     let parcels = Bucket::own()?;
//!     let seen = parcels.get(request.param(0))?.map(|parcel| parcel.version);
//!     Ok(parcels.changed(request.param(0), seen)?.suspend().deadline(Duration::from_secs(60)))
//! }
//!
//! fn came(resumed: Resumed) -> Response {
//!     if resumed.timed_out() {
//!         return Response::empty(204);
//!     }
//!     Response::text(resumed.text())
//! }
//!
//! snow_guest::serve!(wait);
//! # fn main() {}
//! ```
//!
//! In a native test there is no host: every bucket is [`Denied`](StoreError::Denied).

use crate::Pending;
use crate::bindings::snow::host::store as raw;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

mod host;

/// Tells one content of a key from every other, of any key, at any time.
pub type Version = u64;

/// How often [`Bucket::update`] tries.
const UPDATES_MAX: usize = 1_000;

/// A bucket of keys, as this guest may use it.
#[derive(Debug)]
pub struct Bucket(raw::Bucket);

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// The version. A later one of the same key is a higher number.
    pub version: Version,
}

impl Entry {
    /// The value as text, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }

    fn lift(raw: raw::Entry) -> Self {
        Self { value: raw.value, version: raw.version }
    }
}

/// When a write is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// In any case.
    #[default]
    Always,
    /// If the key does not exist.
    Absent,
    /// If the key has this version.
    Version(Version),
}

impl Only {
    fn lower(self) -> raw::Condition {
        match self {
            Only::Always => raw::Condition::Always,
            Only::Absent => raw::Condition::Absent,
            Only::Version(version) => raw::Condition::Version(version),
        }
    }
}

/// How [`Bucket::set_with`] sets a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// How long the entry exists; at most 100 years. `None`: until it is deleted.
    pub expires: Option<Duration>,
    /// When it is set.
    pub only: Only,
}

impl Bucket {
    /// Opens the bucket that has this guest's name, which no other guest can use unless the
    /// deployer says so.
    pub fn own() -> Result<Self, StoreError> {
        Self::open("default")
    }

    /// Opens a bucket: one whose name begins with the guest's own and a slash (`shop/orders`), or
    /// one of the `buckets` that snow.toml grants.
    pub fn open(name: &str) -> Result<Self, StoreError> {
        host::open(name).map(Self)
    }

    /// Returns what a key holds; `None` if it does not exist.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        Ok(host::get(&self.0, key)?.map(Entry::lift))
    }

    /// Sets a key, until it is deleted. Returns its new version.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<Version, StoreError> {
        self.set_with(key, value, SetOptions::default())
    }

    /// Sets a key if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Conflict`](StoreError::Conflict) with what it holds.
    pub fn insert(&self, key: &str, value: impl AsRef<[u8]>) -> Result<Version, StoreError> {
        self.set_with(key, value, SetOptions { only: Only::Absent, ..SetOptions::default() })
    }

    /// Sets a key under a condition, or for a time. Returns its new version.
    pub fn set_with(
        &self,
        key: &str,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<Version, StoreError> {
        let options = raw::SetOptions {
            expires_ms: options.expires.map(milliseconds),
            only: options.only.lower(),
        };
        host::set(&self.0, key, value.as_ref(), options)
    }

    /// Sets a key to what `change` makes of its value, and tries again if another request was
    /// faster: no change is lost. Returns what was set. The entry has no expiry.
    ///
    /// # Errors
    ///
    /// Also [`Conflict`](StoreError::Conflict) if others were faster a thousand times.
    pub fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Vec<u8>,
    ) -> Result<Entry, StoreError> {
        let mut held = self.get(key)?;
        for _ in 0..UPDATES_MAX {
            let value = change(held.as_ref().map(|entry| &entry.value[..]));
            let only = held.as_ref().map_or(Only::Absent, |entry| Only::Version(entry.version));
            match self.set_with(key, &value, SetOptions { only, ..SetOptions::default() }) {
                Ok(version) => return Ok(Entry { value, version }),
                Err(StoreError::Conflict(won)) => held = won,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict(held))
    }

    /// Deletes a key. `false` if it did not exist.
    pub fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.delete_only(key, Only::Always)
    }

    /// Deletes a key under a condition. `false` if it did not exist.
    pub fn delete_only(&self, key: &str, only: Only) -> Result<bool, StoreError> {
        host::delete(&self.0, key, only.lower())
    }

    /// Adds to a key's value, an integer in decimal digits, and returns the sum. A key that does
    /// not exist counts as 0.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, StoreError> {
        host::increment(&self.0, key, by)
    }

    /// Returns the keys that begin with `prefix`, in the order of their bytes, page by page.
    ///
    /// They are not a snapshot: each page shows its moment.
    pub fn keys(&self, prefix: &str) -> Keys<'_> {
        Keys {
            bucket: self,
            prefix: prefix.to_owned(),
            page: Vec::new().into_iter(),
            next: Next::First,
        }
    }

    /// Creates a pending that is settled with the key's value once its version is no longer
    /// `since`; `None` stands for a key that does not exist. If the key is deleted or expires, that
    /// is a [`Failure`](crate::Failure) with the code `deleted`.
    pub fn changed(&self, key: &str, since: Option<Version>) -> Result<Pending, StoreError> {
        host::changed(&self.0, key, since).map(Pending::lift)
    }
}

/// The keys of a bucket: what [`Bucket::keys`] returns.
#[derive(Debug)]
pub struct Keys<'a> {
    bucket: &'a Bucket,
    prefix: String,
    page: std::vec::IntoIter<String>,
    next: Next,
}

/// The page that comes next.
#[derive(Debug)]
enum Next {
    First,
    After(String),
    None,
}

impl Keys<'_> {
    /// Begins behind a key, which need not exist: a page of a list goes on where the last one ended.
    #[must_use]
    pub fn after(mut self, key: &str) -> Self {
        self.page = Vec::new().into_iter();
        self.next = Next::After(key.to_owned());
        self
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<String, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let after = match &self.next {
                Next::First => None,
                Next::After(key) => Some(&key[..]),
                Next::None => return None,
            };
            match host::list(&self.bucket.0, &self.prefix, after, u32::MAX) {
                Ok(page) => {
                    self.page = page.keys.into_iter();
                    self.next = page.next.map_or(Next::None, Next::After);
                }
                Err(error) => {
                    self.next = Next::None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Why the store did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// This guest may not use this bucket, or not here. The host's log says what the deployer can
    /// do.
    Denied,
    /// The condition does not hold. What the key holds instead.
    Conflict(Option<Entry>),
    /// A limit of the host, in words that name it.
    Limit(String),
    /// The value is no integer, or the sum does not fit into 64 bits.
    NotAnInteger,
    /// The disk does not take writes, in words.
    Unavailable(String),
}

impl StoreError {
    fn lift(raw: raw::StoreError) -> Self {
        match raw {
            raw::StoreError::Denied => StoreError::Denied,
            raw::StoreError::Conflict(held) => StoreError::Conflict(held.map(Entry::lift)),
            raw::StoreError::Limit(which) => StoreError::Limit(which),
            raw::StoreError::NotAnInteger => StoreError::NotAnInteger,
            raw::StoreError::Unavailable(why) => StoreError::Unavailable(why),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Denied => {
                out.write_str("the host does not allow this guest to use this bucket here")
            }
            StoreError::Conflict(Some(held)) => {
                write!(out, "the key has version {} by now", held.version)
            }
            StoreError::Conflict(None) => out.write_str("the key does not exist"),
            StoreError::Limit(words) | StoreError::Unavailable(words) => out.write_str(words),
            StoreError::NotAnInteger => {
                out.write_str("the value is no integer, or the sum does not fit into 64 bits")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Rounded up, so that nothing expires earlier than asked.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_expires_earlier_than_asked() {
        assert_eq!(milliseconds(Duration::from_micros(1_001)), 2);
        assert_eq!(milliseconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn without_a_host_there_is_no_bucket() {
        assert_eq!(Bucket::own().unwrap_err(), StoreError::Denied);
    }

    #[test]
    fn a_lost_race_names_the_version_that_won() {
        let held = Entry { value: b"x".into(), version: 7 };
        assert_eq!(held.text(), "x");
        let error = StoreError::Conflict(Some(held)).to_string();
        assert_eq!(error, "the key has version 7 by now");
    }
}
