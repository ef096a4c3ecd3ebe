//! `snow:host/store`, the interface of our own.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use snow_state::{Action, Condition as HostCondition, Entry as HostEntry, Outcome, StoreError};
use snow_state::{Page as HostPage, Version};

use super::buckets::{Bucket, add_bucket};
use super::operations::{LATE, Refused, increment, write};
use crate::contract::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `store.entry`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Entry {
    value: Arc<[u8]>,
    version: u64,
}

/// `store.condition`.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum Condition {
    #[component(name = "always")]
    Always,
    #[component(name = "absent")]
    Absent,
    #[component(name = "version")]
    Version(u64),
}

/// `store.set-options`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct SetOptions {
    #[component(name = "expires-ms")]
    expires_ms: Option<u64>,
    only: Condition,
}

/// `store.store-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "denied")]
    Denied,
    #[component(name = "conflict")]
    Conflict(Option<Entry>),
    #[component(name = "limit")]
    Limit(String),
    #[component(name = "not-an-integer")]
    NotAnInteger,
    #[component(name = "unavailable")]
    Unavailable(String),
}

/// `store.page`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Page {
    keys: Vec<Arc<str>>,
    next: Option<Arc<str>>,
}

impl From<HostEntry> for Entry {
    fn from(HostEntry { value, version, .. }: HostEntry) -> Entry {
        Entry { value, version: version.0 }
    }
}

impl From<Condition> for HostCondition {
    fn from(condition: Condition) -> HostCondition {
        match condition {
            Condition::Always => HostCondition::Always,
            Condition::Absent => HostCondition::Absent,
            Condition::Version(version) => HostCondition::Version(Version(version)),
        }
    }
}

impl From<HostPage> for Page {
    fn from(HostPage { keys, next }: HostPage) -> Page {
        Page { keys, next }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        match refused {
            Refused::Denied => Error::Denied,
            Refused::Limit(which) => Error::Limit(which),
            Refused::Late => Error::Unavailable(LATE.into()),
            Refused::Store(error) => match error {
                StoreError::Conflict(won) => Error::Conflict(won.map(Entry::from)),
                StoreError::NotAnInteger | StoreError::Overflow => Error::NotAnInteger,
                StoreError::Unavailable(_) => Error::Unavailable(error.to_string()),
                StoreError::TooLarge { .. } | StoreError::Full { .. } => {
                    Error::Limit(error.to_string())
                }
            },
        }
    }
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut store = linker.instance("snow:host/store@0.1.0")?;
    add_bucket(&mut store)?;
    store.func_wrap("[static]bucket.open", |mut store: Context<'_>, (name,): (String,)| {
        Ok((store.data_mut().open(&name).map_err(Error::from),))
    })?;
    store.func_wrap(
        "[method]bucket.get",
        |store: Context<'_>, (this, key): (Resource<Bucket>, String)| {
            let found = store.data().get(&this, &key);
            Ok((found.map(|entry| entry.map(Entry::from)).map_err(Error::from),))
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.set",
        |store: Context<'_>,
         (this, key, value, options): (Resource<Bucket>, String, Vec<u8>, SetOptions)| {
            let SetOptions { expires_ms, only } = options;
            let action = Action::Set {
                key: key.into(),
                value: value.into(),
                expires_ms: store.data().expiry(expires_ms),
                only: only.into(),
            };
            Box::new(async move {
                Ok((write(store, &this, action).await.map(version).map_err(Error::from),))
            })
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.delete",
        |store: Context<'_>, (this, key, only): (Resource<Bucket>, String, Condition)| {
            let action = Action::Delete { key: key.into(), only: only.into() };
            Box::new(async move {
                let deleted = write(store, &this, action).await;
                let existed = |outcome| matches!(outcome, Outcome::Deleted(count) if count > 0);
                Ok((deleted.map(existed).map_err(Error::from),))
            })
        },
    )?;
    store.func_wrap_async(
        "[method]bucket.increment",
        |store: Context<'_>, (this, key, by): (Resource<Bucket>, String, i64)| {
            Box::new(
                async move { Ok((increment(store, &this, key, by).await.map_err(Error::from),)) },
            )
        },
    )?;
    type Listed = (Resource<Bucket>, String, Option<String>, u32);
    store.func_wrap(
        "[method]bucket.list",
        |store: Context<'_>, (this, prefix, after, limit): Listed| {
            let page = store.data().list(&this, &prefix, after.as_deref(), limit);
            Ok((page.map(Page::from).map_err(Error::from),))
        },
    )?;
    store.func_wrap(
        "[method]bucket.changed",
        |mut store: Context<'_>, (this, key, since): (Resource<Bucket>, String, Option<u64>)| {
            let pending = store.data_mut().changed(&this, &key, since.map(Version));
            Ok((pending.map_err(Error::from),))
        },
    )
}

/// Returns the version that a key was set to.
fn version(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Set(version) => version.0,
        other => unreachable!("setting a key is never {other:?}"),
    }
}
