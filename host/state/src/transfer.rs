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

use crate::entry::{Entry, Place};
use crate::error::StoreError;
use crate::limits::StoreLimits;
use crate::listener::Listener;
use crate::store::Store;
use crate::write::{Action, Condition, Write};

/// Bytes of keys and values that an export takes at a time.
const EXPORT_BYTES: usize = 1 << 20;
/// Bytes that an entry takes in an export beside its bucket, key and value.
const ENTRY_BYTES: usize = 64;
/// Lines that an import writes at a time: on disk, they share one commit.
const BATCH_LINES: usize = 256;
/// Bytes of keys and values that make a batch of lines full.
const BATCH_BYTES: usize = 4 << 20;

/// The place and the reason where an import ended early. The entries of the lines before it are in
/// the store, and none of those after it; all of them may be imported again.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ImportError {
    /// The number of the line, from 1.
    pub line: u64,
    /// How many entries were set, those of the lines before it that have not expired.
    pub set: u64,
    /// What is wrong with it.
    pub reason: ImportReason,
}

/// The reason why an import ended early.
#[derive(Debug, thiserror::Error)]
pub enum ImportReason {
    /// The line is not an entry, for this reason.
    #[error("{0}")]
    NoEntry(String),
    /// The store refused the entry.
    #[error(transparent)]
    Refused(#[from] StoreError),
    /// The line can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// What a line of an import is.
enum Line {
    Empty,
    Entry(Write),
    End,
}

/// A part of an export.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportPage {
    /// The entries, each as its line shows it.
    pub entries: Vec<Json>,
    /// The last entry of the page. `None` if there are no further ones.
    pub next: Option<Place>,
}

impl<L: Listener> Store<L> {
    /// Writes every entry as a line, or every entry of one bucket. Returns how many.
    ///
    /// Each page of keys is as it was at one moment. What is written meanwhile may be in it or not.
    ///
    /// # Errors
    /// What `out` reported.
    pub fn export(
        &self,
        bucket: Option<&str>,
        out: &mut impl Output,
        now_ms: u64,
    ) -> io::Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.export_page(bucket, after.as_ref(), EXPORT_BYTES, now_ms);
            for entry in &page.entries {
                writeln!(out, "{entry}")?;
                count += 1;
            }
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }

    /// Returns the entries that come after a place, or the first ones: so many that their keys and
    /// values have `bytes_max` bytes, and the one that passes that. With `bucket`, those of one
    /// bucket.
    pub fn export_page(
        &self,
        bucket: Option<&str>,
        after: Option<&Place>,
        bytes_max: usize,
        now_ms: u64,
    ) -> ExportPage {
        let (mut page, mut bytes) = (ExportPage::default(), 0);
        let mut last = after.map(|place| place.key.clone());
        let mut name = match after {
            Some(place) => Some(place.bucket.clone()),
            None => bucket.map(Arc::from).or_else(|| self.bucket_after(None)),
        };
        while let Some(of) = name {
            loop {
                let keys = self.list(&of, "", last.as_deref(), usize::MAX, now_ms);
                for key in keys.keys {
                    // It may have been deleted since the keys were listed.
                    let Some(entry) = self.get(&of, &key, now_ms) else { continue };
                    page.entries.push(entry_json(&of, &key, &entry));
                    bytes += of.len() + key.len() + entry.value.len() + ENTRY_BYTES;
                    if bytes >= bytes_max {
                        page.next = Some(Place { bucket: of, key });
                        return page;
                    }
                }
                last = keys.next;
                if last.is_none() {
                    break;
                }
            }
            name = if bucket.is_some() { None } else { self.bucket_after(Some(&of)) };
        }
        page
    }

    /// Returns the name of the first bucket after a name.
    fn bucket_after(&self, name: Option<&str>) -> Option<Arc<str>> {
        self.buckets(name, 1).pop().map(|bucket| bucket.name)
    }

    /// Sets every entry that stands on a line, whatever its key holds. Entries get new versions,
    /// and those that have expired are left out. Empty lines are passed over. Returns how many
    /// entries were set. If the store is on disk, this waits for the disk.
    ///
    /// # Errors
    /// [`ImportError`], which names the line.
    pub fn import(&self, input: &mut impl BufRead, now_ms: u64) -> Result<u64, ImportError> {
        let line_bytes_max = line_bytes_max(&self.limits());
        let (mut set, mut bytes) = (0, 0);
        let mut batch: Vec<(u64, Write)> = Vec::new();
        for line in 1.. {
            let next = read_line(input, line_bytes_max).and_then(|text| match text {
                Some(text) if text.trim().is_empty() => Ok(Line::Empty),
                Some(text) => write_of(&text).map(Line::Entry).map_err(ImportReason::NoEntry),
                None => Ok(Line::End),
            });
            let is_last = matches!(next, Ok(Line::End) | Err(_));
            if let Ok(Line::Entry(write)) = &next
                && !has_expired(write, now_ms)
            {
                bytes += write.bytes();
                batch.push((line, write.clone()));
            }
            if is_last || batch.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
                self.import_batch(&mut batch, &mut set, now_ms)?;
                bytes = 0;
            }
            if is_last {
                next.map_err(|reason| ImportError { line, set, reason })?;
                break;
            }
        }
        Ok(set)
    }

    /// Does the writes of a batch up to the first that is refused, and adds their number to `set`.
    fn import_batch(
        &self,
        batch: &mut Vec<(u64, Write)>,
        set: &mut u64,
        now_ms: u64,
    ) -> Result<(), ImportError> {
        let (lines, writes): (Vec<u64>, Vec<Write>) = std::mem::take(batch).into_iter().unzip();
        let results = self.apply_until_refused(writes, now_ms);
        for (line, result) in lines.into_iter().zip(results) {
            result.map_err(|error| ImportError { line, set: *set, reason: error.into() })?;
            *set += 1;
        }
        Ok(())
    }
}

/// Returns the longest line that an export of a store with these limits can have: of JSON's
/// escapes, the longest takes six bytes for one.
fn line_bytes_max(limits: &StoreLimits) -> usize {
    let bytes = limits.store_value_bytes_max.saturating_add(2 * limits.store_key_bytes_max);
    bytes.saturating_mul(6).saturating_add(256)
}

/// Reads a line. `None` at the end.
fn read_line(input: &mut impl BufRead, bytes_max: usize) -> Result<Option<String>, ImportReason> {
    let mut bytes = Vec::new();
    // One byte more, so that a line that is too long is told from one that just fits.
    let mut limited = input.take(bytes_max as u64 + 1);
    limited.read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > bytes_max {
        let reason = format!("it is longer than {bytes_max} bytes, so it can't be an entry");
        return Err(ImportReason::NoEntry(reason));
    }
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| ImportReason::NoEntry("it is not UTF-8 text".to_owned()))
}

/// Returns an entry as its line shows it.
pub fn entry_json(bucket: &str, key: &str, entry: &Entry) -> Json {
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

/// The most members that an entry may have: more than it ever has.
const MEMBERS_MAX: usize = 16;

/// Checks that a line has no more values than an entry: as values, each two bytes of `[1,1,…]` would
/// take 32.
fn check_shape(line: &str) -> Result<(), String> {
    let (mut is_string, mut is_escaped, mut depth, mut members) = (false, false, 0, 0);
    for byte in line.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'[' => return Err("an entry has no lists in it".to_owned()),
            b'{' if depth > 0 => return Err("an entry has no objects in it".to_owned()),
            b'{' => depth += 1,
            b':' => members += 1,
            // Whatever stands behind an entry is not read.
            b'}' => break,
            _ => {}
        }
    }
    if members > MEMBERS_MAX {
        return Err(format!("an entry has at most {MEMBERS_MAX} members, and not {members}"));
    }
    Ok(())
}

/// Returns the write that a line asks for, or what is wrong with the line.
fn write_of(line: &str) -> Result<Write, String> {
    check_shape(line)?;
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
mod tests;
