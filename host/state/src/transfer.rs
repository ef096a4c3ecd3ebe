//! Export and import: a store as lines of text.
//!
//! Each line is a JSON object for one entry, so that a store can be looked at, searched and changed
//! with the tools that people have:
//!
//! ```json
//! {"bucket":"parcels","key":"A1","value":"sent","version":1792137600000001}
//! {"base64":"AAH/","bucket":"pictures","expires_ms":1792137699000,"key":"A1","version":7}
//! ```
//!
//! A value that is text stands in `value`, and any other in `base64`.

use std::io::{self, BufRead, Read, Write as Output};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value as Json};
use snow_core::sync::Arc;

use crate::entry::Entry;
use crate::error::StoreError;
use crate::limits::StoreLimits;
use crate::listener::Listener;
use crate::store::Store;
use crate::write::{Action, Condition, Write};

/// Buckets that an export looks at under one lock.
const BUCKETS_PAGE: usize = 64;
/// Lines that an import writes at a time: on disk, they share one commit.
const BATCH_LINES: usize = 256;
/// Bytes of keys and values that make a batch of lines full.
const BATCH_BYTES: usize = 4 << 20;

/// The reason why an import ended early. The lines before it are in the store; those may be
/// imported again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is not an entry.
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The store refused an entry.
    #[error("line {line}: {error}")]
    Refused {
        /// The number of the line, from 1.
        line: u64,
        /// Why.
        error: StoreError,
    },
    /// The lines can't be read.
    #[error("line {line}: {error}")]
    Read {
        /// The number of the line, from 1.
        line: u64,
        /// What the system reported.
        error: io::Error,
    },
}

impl<L: Listener> Store<L> {
    /// Writes every entry as a line. Returns how many.
    ///
    /// Each page of keys is as it was at one moment. What is written meanwhile may be in it or not.
    ///
    /// # Errors
    /// What `out` reported.
    pub fn export(&self, out: &mut impl Output, now_ms: u64) -> io::Result<u64> {
        let mut count = 0;
        let mut last: Option<Arc<str>> = None;
        loop {
            let buckets = self.buckets(last.as_deref(), BUCKETS_PAGE);
            for bucket in &buckets {
                count += self.export_bucket(&bucket.name, out, now_ms)?;
            }
            let Some(bucket) = buckets.into_iter().next_back() else { return Ok(count) };
            last = Some(bucket.name);
        }
    }

    fn export_bucket(&self, bucket: &str, out: &mut impl Output, now_ms: u64) -> io::Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.list(bucket, "", after.as_deref(), usize::MAX, now_ms);
            for key in &page.keys {
                // It may have been deleted since the page was made.
                if let Some(entry) = self.get(bucket, key, now_ms) {
                    writeln!(out, "{}", line_of(bucket, key, &entry))?;
                    count += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Sets every entry that stands on a line, whatever its key holds. Entries get new versions,
    /// and those that have expired are left out. Empty lines are passed over. Returns how many
    /// entries were set. If the store is on disk, this waits for the disk.
    ///
    /// # Errors
    /// [`ImportError`], which names the line.
    pub fn import(&self, input: &mut impl BufRead, now_ms: u64) -> Result<u64, ImportError> {
        let line_bytes_max = line_bytes_max(&self.limits());
        let (mut count, mut bytes) = (0, 0);
        let mut batch: Vec<(u64, Write)> = Vec::new();
        for line in 1.. {
            let text = read_line(input, line_bytes_max, line)?;
            if let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty()) {
                let write = write_of(text).map_err(|reason| ImportError::Line { line, reason })?;
                if !has_expired(&write, now_ms) {
                    bytes += write.bytes();
                    batch.push((line, write));
                }
            }
            if text.is_none() || batch.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
                count += self.import_batch(&mut batch, now_ms)?;
                bytes = 0;
            }
            if text.is_none() {
                break;
            }
        }
        Ok(count)
    }

    fn import_batch(&self, batch: &mut Vec<(u64, Write)>, now_ms: u64) -> Result<u64, ImportError> {
        let (lines, writes): (Vec<u64>, Vec<Write>) = std::mem::take(batch).into_iter().unzip();
        let results = self.apply_all(writes, now_ms);
        for (line, result) in lines.iter().zip(results) {
            result.map_err(|error| ImportError::Refused { line: *line, error })?;
        }
        Ok(lines.len() as u64)
    }
}

/// Returns the longest line that an export of a store with these limits can have: of JSON's
/// escapes, the longest takes six bytes for one.
fn line_bytes_max(limits: &StoreLimits) -> usize {
    let bytes = limits.store_value_bytes_max.saturating_add(2 * limits.store_key_bytes_max);
    bytes.saturating_mul(6).saturating_add(256)
}

/// Reads a line. `None` at the end.
fn read_line(
    input: &mut impl BufRead,
    bytes_max: usize,
    line: u64,
) -> Result<Option<String>, ImportError> {
    let mut bytes = Vec::new();
    // One byte more, so that a line that is too long is told from one that just fits.
    let mut limited = input.take(bytes_max as u64 + 1);
    limited.read_until(b'\n', &mut bytes).map_err(|error| ImportError::Read { line, error })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > bytes_max {
        let reason = format!("it is longer than {bytes_max} bytes, so it can't be an entry");
        return Err(ImportError::Line { line, reason });
    }
    let text = String::from_utf8(bytes);
    text.map(Some)
        .map_err(|_| ImportError::Line { line, reason: "it is not UTF-8 text".to_owned() })
}

fn line_of(bucket: &str, key: &str, entry: &Entry) -> Json {
    let mut object = Map::new();
    object.insert("bucket".to_owned(), bucket.into());
    object.insert("key".to_owned(), key.into());
    match std::str::from_utf8(&entry.value) {
        Ok(text) => object.insert("value".to_owned(), text.into()),
        Err(_) => object.insert("base64".to_owned(), BASE64_STANDARD.encode(&entry.value).into()),
    };
    object.insert("version".to_owned(), entry.version.0.into());
    if let Some(expires_ms) = entry.expires_ms {
        object.insert("expires_ms".to_owned(), expires_ms.into());
    }
    Json::Object(object)
}

/// Returns the write that a line asks for, or what is wrong with the line.
fn write_of(line: &str) -> Result<Write, String> {
    let json: Json = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let Json::Object(mut object) = json else { return Err("not a JSON object".to_owned()) };
    let mut text = |name: &str| match object.remove(name) {
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a string")),
        None => Ok(None),
    };
    let missing = |name: &str| format!("it has no `{name}`");
    let bucket = text("bucket")?.ok_or_else(|| missing("bucket"))?;
    let key = text("key")?.ok_or_else(|| missing("key"))?;
    let value = match (text("value")?, text("base64")?) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => BASE64_STANDARD
            .decode(base64)
            .map_err(|error| format!("`base64` is not Base64: {error}"))?,
        (None, None) => return Err(missing("value")),
        (Some(_), Some(_)) => return Err("it has both `value` and `base64`".to_owned()),
    };
    let expires_ms = match object.remove("expires_ms") {
        None | Some(Json::Null) => None,
        Some(number) => {
            Some(number.as_u64().ok_or("`expires_ms` is not a number of milliseconds")?)
        }
    };
    // For people only: the store gives the entry a new version.
    object.remove("version");
    if let Some(name) = object.keys().next() {
        return Err(format!("`{name}` means nothing here"));
    }
    let (key, value, only) = (key.into(), value.into(), Condition::Always);
    Ok(Write { bucket: bucket.into(), action: Action::Set { key, value, expires_ms, only } })
}

fn has_expired(write: &Write, now_ms: u64) -> bool {
    matches!(write.action, Action::Set { expires_ms: Some(at), .. } if at <= now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{set, set_until, store};

    #[test]
    fn what_was_exported_is_imported_again() {
        let from = store(StoreLimits::default());
        for n in 0..600 {
            from.apply(&set(&format!("key {n}"), "\u{0}\"\n"), 0).unwrap();
        }
        from.apply(&set_until("expires", 1_000), 0).unwrap();
        let raw = Action::Set {
            key: "raw".into(),
            value: [0, 159, 146, 150].into(),
            expires_ms: None,
            only: Condition::Always,
        };
        from.apply(&Write { bucket: "ß".into(), action: raw }, 0).unwrap();
        let mut lines = Vec::new();
        assert_eq!(from.export(&mut lines, 0).unwrap(), 602);

        let to = store(StoreLimits::default());
        assert_eq!(to.import(&mut &*lines, 0).unwrap(), 602);
        let values = |store: &Store<crate::testing::Notes>, bucket: &str, key: &str| {
            store.get(bucket, key, 0).map(|entry| (entry.value, entry.expires_ms))
        };
        for (bucket, key) in [("b", "key 599"), ("b", "expires"), ("ß", "raw")] {
            let there = values(&to, bucket, key);
            assert!(there.is_some());
            assert_eq!(there, values(&from, bucket, key));
        }
        assert_eq!(to.stats().usage, from.stats().usage);
        let later = store(StoreLimits::default());
        assert_eq!(later.import(&mut &*lines, 1_000).unwrap(), 601);
    }

    #[test]
    fn a_line_looks_as_documented() {
        let store = Store::in_memory(StoreLimits::default(), (), 0);
        let json = r#"{"base64":"AAH/","bucket":"pictures","expires_ms":1000,"key":"A1"}"#;
        store.import(&mut json.as_bytes(), 0).unwrap();
        let mut lines = Vec::new();
        store.export(&mut lines, 0).unwrap();
        let expected =
            r#"{"base64":"AAH/","bucket":"pictures","expires_ms":1000,"key":"A1","version":1}"#;
        assert_eq!(String::from_utf8(lines).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn an_error_names_the_line() {
        let limits = StoreLimits {
            store_key_bytes_max: 4,
            store_value_bytes_max: 4,
            ..StoreLimits::default()
        };
        let error = |line: &str| {
            let store = store(limits);
            let text = format!("\n{{\"bucket\":\"b\",\"key\":\"k\",\"value\":\"v\"}}\n{line}\n");
            let error = store.import(&mut text.as_bytes(), 0).unwrap_err();
            error.to_string()
        };
        for (line, message) in [
            ("{", "line 3: not JSON: EOF while parsing an object at line 2 column 0"),
            ("7", "line 3: not a JSON object"),
            (r#"{"key":"k","value":"v"}"#, "line 3: it has no `bucket`"),
            (r#"{"bucket":7}"#, "line 3: `bucket` is not a string"),
            (r#"{"bucket":"b","key":"k"}"#, "line 3: it has no `value`"),
            (
                r#"{"bucket":"b","key":"k","value":"","base64":""}"#,
                "line 3: it has both `value` and `base64`",
            ),
            (
                r#"{"bucket":"b","key":"k","base64":"*"}"#,
                "line 3: `base64` is not Base64: Invalid symbol 42, offset 0.",
            ),
            (
                r#"{"bucket":"b","key":"k","value":"v","expires":1}"#,
                "line 3: `expires` means nothing here",
            ),
            (
                r#"{"bucket":"b","key":"k","value":"12345"}"#,
                "line 3: the value is too large: 5 of at most 4 (store_value_bytes_max)",
            ),
        ] {
            assert_eq!(error(line), message);
        }
        let long = error(&format!("{{{}}}", " ".repeat(400)));
        assert_eq!(long, "line 3: it is longer than 328 bytes, so it can't be an entry");
    }
}
