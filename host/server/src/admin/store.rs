//! `/store`: what the store holds and has done, as JSON; and its entries, to read and to write.
//!
//! | request | does |
//! |---|---|
//! | `GET /store?limit=100&after=BUCKET` | shows numbers, and buckets by their names |
//! | `GET /store/keys?bucket=B&prefix=P&after=KEY` | lists keys |
//! | `GET /store/entry?bucket=B&key=K` | shows what a key holds |
//! | `GET /store/export?bucket=B&after_bucket=B&after_key=K` | shows entries, a page at a time |
//! | `POST /store/import` | sets the entries that stand on the body's lines |
//! | `POST /store/delete?bucket=B&key=K` | deletes a key |
//!
//! All but the first are for a unix socket, which the kernel opens for the server's own user alone.
//! Any user of the machine can reach an address, and so can a web page in somebody's browser; what
//! guests store, sessions for example, is nobody else's business.

use serde_json::{Value, json};

use super::query::{Parameters, Refused};
use super::sources::PageSources;
use snow_guests::RuntimeParts;
use snow_runtime::Level;
use snow_state::{
    Action, Condition, DiskStats, Outcome, Place, StoreError, StoreStats, Write, entry_json,
};

/// Bytes of keys and values on a page of an export, but for its last entry.
const EXPORT_BYTES: usize = 256 << 10;

/// Returns `/store`.
pub fn state(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let parameters = Parameters::parse(query, &["limit", "after"])?;
    let limit = parameters.limit()?;
    let store = &sources.runtime.store;
    let StoreStats { usage, replaced_bytes, buckets, waiters, counts, disk } = store.stats();
    let page = store.buckets(parameters.get("after"), limit);
    let next = page.last().filter(|_| page.len() == limit).map(|bucket| bucket.name.to_string());
    let rows = page.iter().map(|bucket| {
        json!({
            "name": *bucket.name, "entries": bucket.usage.entries, "bytes": bucket.usage.bytes,
            "keys_waited_for": bucket.keys_waited_for,
        })
    });
    Ok(json!({
        "entries": usage.entries, "bytes": usage.bytes, "replaced_bytes": replaced_bytes,
        "bucket_count": buckets, "waiters": waiters,
        "reads_total": counts.reads, "lists_total": counts.lists, "writes_total": counts.writes,
        "conflicts_total": counts.conflicts, "refused_total": counts.refused,
        "waits_total": counts.waits, "woken_total": counts.woken, "expired_total": counts.expired,
        "disk": disk.as_ref().map(disk_json),
        "buckets": rows.collect::<Vec<Value>>(), "next": next,
    }))
}

fn disk_json(disk: &DiskStats) -> Value {
    json!({
        "commits_total": disk.commits, "committed_writes_total": disk.committed_writes,
        "largest_batch_writes": disk.batch_writes_largest, "failures_total": disk.failures,
        "failing": disk.failing.as_deref(), "queue_writes": disk.queue_writes,
        "queue_bytes": disk.queue_bytes,
    })
}

/// Returns `/store/keys`.
pub fn keys(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let parameters = Parameters::parse(query, &["bucket", "prefix", "after"])?;
    let (bucket, prefix) = (parameters.required("bucket")?, parameters.get("prefix"));
    let (prefix, after) = (prefix.unwrap_or_default(), parameters.get("after"));
    let RuntimeParts { store, clock, .. } = &*sources.runtime;
    let page = store.list(bucket, prefix, after, usize::MAX, clock.wall_ms());
    let keys: Vec<&str> = page.keys.iter().map(|key| &**key).collect();
    Ok(json!({ "keys": keys, "next": page.next.as_deref() }))
}

/// Returns `/store/entry`.
pub fn entry(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let parameters = Parameters::parse(query, &["bucket", "key"])?;
    let (bucket, key) = (parameters.required("bucket")?, parameters.required("key")?);
    let RuntimeParts { store, clock, .. } = &*sources.runtime;
    let entry = store.get(bucket, key, clock.wall_ms());
    let missing = || (404, format!("the bucket {bucket:?} has no key {key:?}\n"));
    entry.map(|entry| entry_json(bucket, key, &entry)).ok_or_else(missing)
}

/// Returns `/store/export`.
pub fn export(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let parameters = Parameters::parse(query, &["bucket", "after_bucket", "after_key"])?;
    let after = match (parameters.get("after_bucket"), parameters.get("after_key")) {
        (Some(bucket), Some(key)) => Some(Place { bucket: bucket.into(), key: key.into() }),
        (None, None) => None,
        _ => return Err((400, "after_bucket and after_key go together\n".to_owned())),
    };
    let bucket = parameters.get("bucket");
    let RuntimeParts { store, clock, .. } = &*sources.runtime;
    let page = store.export_page(bucket, after.as_ref(), EXPORT_BYTES, clock.wall_ms());
    let next = page.next.map(|Place { bucket, key }| json!({ "bucket": *bucket, "key": *key }));
    Ok(json!({ "entries": page.entries, "next": next }))
}

/// A write by the deployer. It may wait for the disk.
pub enum Change {
    /// `/store/import`: the body's lines.
    Import(Vec<u8>),
    /// `/store/delete`.
    Delete(Write),
}

impl Change {
    /// Returns the deletion that a query asks for.
    pub fn delete(query: &str) -> Result<Change, Refused> {
        let parameters = Parameters::parse(query, &["bucket", "key"])?;
        let (bucket, key) = (parameters.required("bucket")?, parameters.required("key")?);
        let action = Action::Delete { key: key.into(), only: Condition::Always };
        Ok(Change::Delete(Write { bucket: bucket.into(), action }))
    }

    /// Makes the change, and returns what was done.
    pub fn make(self, runtime: &RuntimeParts) -> Result<Value, Refused> {
        let RuntimeParts { store, log, clock, .. } = runtime;
        let (done, answer) = match self {
            Change::Import(lines) => match store.import(&mut &*lines, clock.wall_ms()) {
                Ok(set) => (format!("set {set} keys"), json!({ "set": set })),
                Err(error) => {
                    log.host(Level::Info, format!("the admin listener set {} keys", error.set));
                    let reason = error.reason.to_string();
                    let wrong = json!({ "line": error.line, "set": error.set, "error": reason });
                    return Err((400, format!("{wrong}\n")));
                }
            },
            Change::Delete(write) => {
                let existed = match store.apply(&write, clock.wall_ms()).map_err(refused)? {
                    Outcome::Deleted(count) => count > 0,
                    other => unreachable!("a deletion is never {other:?}"),
                };
                let what = format!("deleted a key of the bucket {:?}", write.bucket);
                (what, json!({ "existed": existed }))
            }
        };
        log.host(Level::Info, format!("the admin listener {done}"));
        Ok(answer)
    }
}

fn refused(error: StoreError) -> Refused {
    let status = if matches!(error, StoreError::Unavailable(_)) { 503 } else { 400 };
    (status, format!("{error}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_needs_its_bucket_and_key() {
        assert!(Change::delete("bucket=b&key=k").is_ok());
        assert!(Change::delete("bucket=b").is_err() && Change::delete("key=k").is_err());
    }
}
