//! `wasi:keyvalue`, the standard's interface, in both versions that hosts have: `0.2.0-draft`
//! (wasmtime, wasmCloud) and `0.2.0-draft2` (Spin).
//!
//! They differ in four places. The cursor of a page of keys is a number in the first and a text in
//! the second, and an increment is unsigned or signed. `get-many` leaves out keys that do not exist
//! or returns them without a value. Only the second has `cas`, by which a value is replaced if
//! nobody was faster. Nothing else stands here but translations: a guest may have buckets open by
//! several interfaces.

mod cursors;

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use snow_state::{Action, Condition, StoreError};

pub(crate) use self::cursors::Cursors;
use super::buckets::{Bucket, Swap, add_bucket};
use super::operations::{self, LATE, Refused, SwapFailure, swap, write};
use crate::contract::context::CallContext;

type Context<'a> = StoreContextMut<'a, CallContext>;
type Result<T> = std::result::Result<T, Error>;

/// `store.error`.
#[derive(Debug, PartialEq, ComponentType, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

/// `store.key-response`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct KeyResponse<C> {
    keys: Vec<Arc<str>>,
    cursor: Option<C>,
}

/// `atomics.cas-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    StoreError(Error),
    #[component(name = "cas-failed")]
    CasFailed(Resource<Swap>),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        match refused {
            Refused::Denied => Error::AccessDenied,
            Refused::Limit(which) => Error::Other(which),
            Refused::Late => Error::Other(LATE.into()),
            Refused::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Other(error.to_string())
    }
}

impl From<SwapFailure> for CasError {
    fn from(failure: SwapFailure) -> CasError {
        match failure {
            SwapFailure::Lost(swap) => CasError::CasFailed(swap),
            SwapFailure::Refused(refused) => CasError::StoreError(refused.into()),
        }
    }
}

/// What the versions of the package call by different types.
trait Draft: 'static {
    /// The version's name.
    const VERSION: &str;
    /// The place at which a page of keys goes on.
    type Cursor: ComponentType + Lift + Lower + Send + Sync + 'static;
    /// What an increment adds, and its sum.
    type Count: ComponentType + Lift + Lower + Send + Sync + TryInto<i64> + TryFrom<i64> + 'static;
    /// What a batch returns for a key.
    type Found: ComponentType + Lower + 'static;

    /// Returns the key after which a page goes on.
    fn key(cursors: &Cursors, cursor: Self::Cursor) -> Result<Arc<str>>;
    /// Returns the cursor for the page after a key.
    fn cursor(cursors: &mut Cursors, key: Arc<str>) -> Self::Cursor;
    /// Returns what a batch returns for a key, with its value if it exists.
    fn found(key: String, value: Option<Arc<[u8]>>) -> Self::Found;
}

/// `0.2.0-draft`.
struct First;

/// `0.2.0-draft2`.
struct Second;

impl Draft for First {
    const VERSION: &str = "0.2.0-draft";
    type Cursor = u64;
    type Count = u64;
    type Found = Option<(String, Arc<[u8]>)>;

    fn key(cursors: &Cursors, cursor: u64) -> Result<Arc<str>> {
        let unknown = || {
            let wrong = "this instance has no page that ends at this cursor, or had it too long \
                         ago: list the keys from the start";
            Error::Other(wrong.to_owned())
        };
        cursors.key(cursor).ok_or_else(unknown)
    }

    fn cursor(cursors: &mut Cursors, key: Arc<str>) -> u64 {
        cursors.number(key)
    }

    fn found(key: String, value: Option<Arc<[u8]>>) -> Self::Found {
        value.map(|value| (key, value))
    }
}

impl Draft for Second {
    const VERSION: &str = "0.2.0-draft2";
    type Cursor = String;
    type Count = i64;
    type Found = (String, Option<Arc<[u8]>>);

    fn key(_: &Cursors, cursor: String) -> Result<Arc<str>> {
        Ok(cursor.into())
    }

    fn cursor(_: &mut Cursors, key: Arc<str>) -> String {
        key.to_string()
    }

    fn found(key: String, value: Option<Arc<[u8]>>) -> Self::Found {
        (key, value)
    }
}

/// Returns whether a guest may import this interface, so far as its name goes.
pub(crate) fn provides(import: &str) -> bool {
    let interfaces = ["store", "atomics", "batch"];
    let named = |version: &str| {
        interfaces.iter().any(|name| import == format!("wasi:keyvalue/{name}@{version}"))
    };
    named(First::VERSION) || named(Second::VERSION)
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    add_version::<First>(linker)?;
    add_version::<Second>(linker)?;
    let mut atomics = interface::<Second>(linker, "atomics")?;
    add_cas(&mut atomics)
}

fn interface<'l, D: Draft>(
    linker: &'l mut Linker<CallContext>,
    name: &str,
) -> wasmtime::Result<LinkerInstance<'l, CallContext>> {
    linker.instance(&format!("wasi:keyvalue/{name}@{}", D::VERSION))
}

fn add_version<D: Draft>(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    add_store::<D>(&mut interface::<D>(linker, "store")?)?;
    add_increment::<D>(&mut interface::<D>(linker, "atomics")?)?;
    add_batch::<D>(&mut interface::<D>(linker, "batch")?)
}

fn add_store<D: Draft>(store: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    add_bucket(store)?;
    store.func_wrap("open", |mut store: Context<'_>, (name,): (String,)| {
        Ok((open(store.data_mut(), &name),))
    })?;
    store.func_wrap(
        "[method]bucket.get",
        |store: Context<'_>, (this, key): (Resource<Bucket>, String)| {
            let found = store.data().get(&this, &key);
            Ok((found.map(|entry| entry.map(|entry| entry.value)).map_err(Error::from),))
        },
    )?;
    store.func_wrap(
        "[method]bucket.exists",
        |store: Context<'_>, (this, key): (Resource<Bucket>, String)| {
            let found = store.data().get(&this, &key);
            Ok((found.map(|entry| entry.is_some()).map_err(Error::from),))
        },
    )?;
    type Pair = (Resource<Bucket>, String, Vec<u8>);
    write_func(store, "[method]bucket.set", |(this, key, value): Pair| {
        let (key, value) = (key.into(), value.into());
        (this, Action::Set { key, value, expires_ms: None, only: Condition::Always })
    })?;
    write_func(store, "[method]bucket.delete", |(this, key): (Resource<Bucket>, String)| {
        (this, Action::Delete { key: key.into(), only: Condition::Always })
    })?;
    store.func_wrap(
        "[method]bucket.list-keys",
        |mut store: Context<'_>, (this, cursor): (Resource<Bucket>, Option<D::Cursor>)| {
            Ok((list_keys::<D>(store.data_mut(), &this, cursor),))
        },
    )
}

fn add_increment<D: Draft>(atomics: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    atomics.func_wrap_async(
        "increment",
        |store: Context<'_>, (bucket, key, delta): (Resource<Bucket>, String, D::Count)| {
            Box::new(async move { Ok((increment::<D>(store, &bucket, key, delta).await,)) })
        },
    )
}

fn add_cas(atomics: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    atomics.resource(
        "cas",
        ResourceType::host::<Swap>(),
        |mut store: Context<'_>, representation| {
            store.data_mut().open.swaps.close(representation);
            Ok(())
        },
    )?;
    atomics.func_wrap(
        "[static]cas.new",
        |mut store: Context<'_>, (bucket, key): (Resource<Bucket>, String)| {
            Ok((store.data_mut().begin_swap(&bucket, &key).map_err(Error::from),))
        },
    )?;
    // The standard does not say which moment "the current value" is of. It is this one, and the swap
    // then replaces what was returned here: nothing that was written in between is lost.
    atomics.func_wrap(
        "[method]cas.current",
        |mut store: Context<'_>, (this,): (Resource<Swap>,)| {
            let found = store.data_mut().look_again(&this);
            Ok((found.map(|entry| entry.map(|entry| entry.value)).map_err(Error::from),))
        },
    )?;
    atomics.func_wrap_async(
        "swap",
        |store: Context<'_>, (cas, value): (Resource<Swap>, Vec<u8>)| {
            Box::new(async move { Ok((swap(store, cas, value).await.map_err(CasError::from),)) })
        },
    )
}

fn add_batch<D: Draft>(batch: &mut LinkerInstance<'_, CallContext>) -> wasmtime::Result<()> {
    batch.func_wrap(
        "get-many",
        |store: Context<'_>, (bucket, keys): (Resource<Bucket>, Vec<String>)| {
            let held = store.data().get_many(&bucket, &keys);
            let found = held.map(|held| -> Vec<D::Found> {
                let values = held.into_iter().map(|entry| entry.map(|entry| entry.value));
                keys.into_iter().zip(values).map(|(key, value)| D::found(key, value)).collect()
            });
            Ok((found.map_err(Error::from),))
        },
    )?;
    type Pairs = (Resource<Bucket>, Vec<(String, Vec<u8>)>);
    write_func(batch, "set-many", |(bucket, pairs): Pairs| {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        (bucket, Action::SetMany(pairs.collect()))
    })?;
    write_func(batch, "delete-many", |(bucket, keys): (Resource<Bucket>, Vec<String>)| {
        (bucket, Action::DeleteMany(keys.into_iter().map(Arc::from).collect()))
    })
}

/// Adds a function that does a write and returns nothing.
fn write_func<P>(
    interface: &mut LinkerInstance<'_, CallContext>,
    name: &str,
    to_write: fn(P) -> (Resource<Bucket>, Action),
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
{
    interface.func_wrap_async(name, move |store: Context<'_>, parameters: P| {
        let (bucket, action) = to_write(parameters);
        Box::new(async move {
            let written = write(store, &bucket, action).await;
            Ok((written.map(|_| ()).map_err(Error::from),))
        })
    })
}

/// Opens a bucket. Its names are those of `snow:host/store`, and none at all stands for the guest's
/// own, as in other hosts.
fn open(context: &mut CallContext, name: &str) -> Result<Resource<Bucket>> {
    let name = if name.is_empty() { "default" } else { name };
    context.open(name).map_err(|refused| match refused {
        Refused::Store(StoreError::TooLarge { .. }) => Error::NoSuchStore,
        other => other.into(),
    })
}

fn list_keys<D: Draft>(
    context: &mut CallContext,
    bucket: &Resource<Bucket>,
    cursor: Option<D::Cursor>,
) -> Result<KeyResponse<D::Cursor>> {
    let after = cursor.map(|cursor| D::key(&context.open.cursors, cursor)).transpose()?;
    let page = context.list(bucket, "", after.as_deref(), u32::MAX)?;
    let cursor = page.next.map(|key| D::cursor(&mut context.open.cursors, key));
    Ok(KeyResponse { keys: page.keys, cursor })
}

async fn increment<D: Draft>(
    store: Context<'_>,
    bucket: &Resource<Bucket>,
    key: String,
    delta: D::Count,
) -> Result<D::Count> {
    let by = delta.try_into().map_err(|_| StoreError::Overflow)?;
    let sum = operations::increment(store, bucket, key, by).await?;
    // Another interface has let the value go below zero.
    let below = format!("the value was incremented to {sum}, which is no unsigned number");
    sum.try_into().map_err(|_| Error::Other(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_known_by_name_and_version() {
        assert!(provides("wasi:keyvalue/store@0.2.0-draft"));
        assert!(provides("wasi:keyvalue/atomics@0.2.0-draft2"));
        assert!(!provides("wasi:keyvalue/store@0.2.0") && !provides("wasi:keyvalue/watcher@0.2.0"));
    }

    #[test]
    fn versions_return_a_missing_key_each_in_its_way() {
        assert_eq!(First::found("a".into(), None), None);
        assert_eq!(Second::found("a".into(), None), ("a".to_owned(), None));
        assert!(matches!(First::key(&Cursors::default(), 7), Err(Error::Other(_))));
        assert_eq!(Second::key(&Cursors::default(), "k".into()).as_deref(), Ok("k"));
    }
}
