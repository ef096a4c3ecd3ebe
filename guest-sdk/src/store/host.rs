//! The host's functions of the store.

#[cfg(not(target_arch = "wasm32"))]
pub use absent::*;
#[cfg(target_arch = "wasm32")]
pub use imported::*;

#[cfg(target_arch = "wasm32")]
mod imported {
    use crate::bindings::snow::host::pending_handles::Pending;
    use crate::bindings::snow::host::store as raw;
    use crate::store::{StoreError, Version};

    type Result<T> = std::result::Result<T, StoreError>;

    pub fn open(name: &str) -> Result<raw::Bucket> {
        raw::Bucket::open(name).map_err(StoreError::lift)
    }
    pub fn get(bucket: &raw::Bucket, key: &str) -> Result<Option<raw::Entry>> {
        bucket.get(key).map_err(StoreError::lift)
    }
    pub fn set(
        bucket: &raw::Bucket,
        key: &str,
        value: &[u8],
        options: raw::SetOptions,
    ) -> Result<Version> {
        bucket.set(key, value, options).map_err(StoreError::lift)
    }
    pub fn delete(bucket: &raw::Bucket, key: &str, only: raw::Condition) -> Result<bool> {
        bucket.delete(key, only).map_err(StoreError::lift)
    }
    pub fn increment(bucket: &raw::Bucket, key: &str, by: i64) -> Result<i64> {
        bucket.increment(key, by).map_err(StoreError::lift)
    }
    pub fn list(
        bucket: &raw::Bucket,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<raw::Page> {
        bucket.list(prefix, after, limit).map_err(StoreError::lift)
    }
    pub fn changed(bucket: &raw::Bucket, key: &str, since: Option<Version>) -> Result<Pending> {
        bucket.changed(key, since).map_err(StoreError::lift)
    }
}

/// In a native test there is no host, and no bucket can be opened.
#[cfg(not(target_arch = "wasm32"))]
mod absent {
    use crate::bindings::snow::host::pending_handles::Pending;
    use crate::bindings::snow::host::store as raw;
    use crate::store::{StoreError, Version};

    type Result<T> = std::result::Result<T, StoreError>;

    pub fn open(_: &str) -> Result<raw::Bucket> {
        Err(StoreError::lift(raw::StoreError::Denied))
    }
    pub fn get(_: &raw::Bucket, _: &str) -> Result<Option<raw::Entry>> {
        Err(StoreError::Denied)
    }
    pub fn set(_: &raw::Bucket, _: &str, _: &[u8], _: raw::SetOptions) -> Result<Version> {
        Err(StoreError::Denied)
    }
    pub fn delete(_: &raw::Bucket, _: &str, _: raw::Condition) -> Result<bool> {
        Err(StoreError::Denied)
    }
    pub fn increment(_: &raw::Bucket, _: &str, _: i64) -> Result<i64> {
        Err(StoreError::Denied)
    }
    pub fn list(_: &raw::Bucket, _: &str, _: Option<&str>, _: u32) -> Result<raw::Page> {
        Err(StoreError::Denied)
    }
    pub fn changed(_: &raw::Bucket, _: &str, _: Option<Version>) -> Result<Pending> {
        Err(StoreError::Denied)
    }
}
