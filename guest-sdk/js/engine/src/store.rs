//! The store for `js/store.js`. A bucket is opened for each operation, which costs nothing: so none
//! outlives its call. What an operation returns is `{ ok }`, or `{ code, … }` of what was refused.

use rquickjs::{Array, Ctx, Exception, Function, Object, Result, TypedArray, Value};

use crate::convert::{self, bytes};
use crate::pendings;
use crate::snow::host::store::{Bucket, Condition, Entry, SetOptions, StoreError};
use crate::text::Text;

/// Puts the functions of the store into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function("storeGet", Function::new(ctx.clone(), get))?;
    function("storeSet", Function::new(ctx.clone(), set))?;
    function("storeDelete", Function::new(ctx.clone(), delete))?;
    function("storeIncrement", Function::new(ctx.clone(), increment))?;
    function("storeList", Function::new(ctx.clone(), list))?;
    function("storeChanged", Function::new(ctx.clone(), changed))
}

fn get<'js>(ctx: Ctx<'js>, bucket: Text, key: Text) -> Result<Object<'js>> {
    let found = Bucket::open(&bucket.0).and_then(|bucket| bucket.get(&key.0));
    told(&ctx, found, |found| held(&ctx, found))
}

/// Sets a key. `only` is a version, 0 for a key that does not exist, or none for any case; numbers
/// are whole ones, as `js/store.js` has seen to.
fn set<'js>(
    ctx: Ctx<'js>,
    bucket: Text,
    key: Text,
    value: Value<'js>,
    expires_ms: Option<f64>,
    only: Option<f64>,
) -> Result<Object<'js>> {
    let value = bytes(&value)?;
    let options = SetOptions { expires_ms: expires_ms.map(|ms| ms as u64), only: condition(only) };
    let set = Bucket::open(&bucket.0).and_then(|bucket| bucket.set(&key.0, &value, options));
    told(&ctx, set, |version| Ok(Value::new_number(ctx.clone(), version as f64)))
}

fn delete<'js>(ctx: Ctx<'js>, bucket: Text, key: Text, only: Option<f64>) -> Result<Object<'js>> {
    let deleted = Bucket::open(&bucket.0).and_then(|bucket| bucket.delete(&key.0, condition(only)));
    told(&ctx, deleted, |deleted| Ok(Value::new_bool(ctx.clone(), deleted)))
}

/// Adds to a key. Both numbers cross as digits, since they may have more than a `number` holds.
fn increment<'js>(ctx: Ctx<'js>, bucket: Text, key: Text, by: Text) -> Result<Object<'js>> {
    let by: i64 = by.0.parse().map_err(|_| {
        Exception::throw_range(&ctx, "what is added is an integer that fits into 64 bits")
    })?;
    let sum = Bucket::open(&bucket.0).and_then(|bucket| bucket.increment(&key.0, by));
    told(&ctx, sum, |sum| {
        Ok(rquickjs::String::from_str(ctx.clone(), &sum.to_string())?.into_value())
    })
}

/// Returns a page of keys, and what to pass as `after` for the next one.
fn list<'js>(
    ctx: Ctx<'js>,
    bucket: Text,
    prefix: Text,
    after: Option<Text>,
) -> Result<Object<'js>> {
    let after = after.as_ref().map(|after| &after.0[..]);
    let page = Bucket::open(&bucket.0).and_then(|bucket| bucket.list(&prefix.0, after, u32::MAX));
    told(&ctx, page, |page| {
        let pair = Array::new(ctx.clone())?;
        pair.set(0, page.keys)?;
        pair.set(1, page.next)?;
        Ok(pair.into_value())
    })
}

fn changed<'js>(ctx: Ctx<'js>, bucket: Text, key: Text, since: Option<f64>) -> Result<Object<'js>> {
    let since = since.map(|version| version as u64);
    let pending = Bucket::open(&bucket.0).and_then(|bucket| bucket.changed(&key.0, since));
    told(&ctx, pending, |pending| {
        Ok(Value::new_number(ctx.clone(), pendings::keep(pending).into()))
    })
}

/// No version is 0.
fn condition(only: Option<f64>) -> Condition {
    match only {
        None => Condition::Always,
        Some(0.0) => Condition::Absent,
        Some(version) => Condition::Version(version as u64),
    }
}

/// Returns what a key holds as `[value, version]`; null for none.
fn held<'js>(ctx: &Ctx<'js>, entry: Option<Entry>) -> Result<Value<'js>> {
    let Some(entry) = entry else { return Ok(Value::new_null(ctx.clone())) };
    let pair = Array::new(ctx.clone())?;
    pair.set(0, TypedArray::<u8>::new(ctx.clone(), entry.value)?)?;
    pair.set(1, entry.version as f64)?;
    Ok(pair.into_value())
}

fn told<'js, T>(
    ctx: &Ctx<'js>,
    result: std::result::Result<T, StoreError>,
    ok: impl FnOnce(T) -> Result<Value<'js>>,
) -> Result<Object<'js>> {
    convert::told(ctx, result, ok, |object, error| {
        Ok(match error {
            StoreError::Denied => "denied",
            StoreError::Conflict(entry) => {
                object.set("entry", held(ctx, entry)?)?;
                "conflict"
            }
            StoreError::Limit(words) => {
                object.set("message", words)?;
                "limit"
            }
            StoreError::NotAnInteger => "not-an-integer",
            StoreError::Unavailable(words) => {
                object.set("message", words)?;
                "unavailable"
            }
        })
    })
}
