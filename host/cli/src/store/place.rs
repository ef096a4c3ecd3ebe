//! Where the entries lie: in a running server, which is asked by its admin listener, or in a folder
//! that no server uses.

use std::io::{BufRead, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::wall_ms;
use crate::admin::Question;
use crate::arguments::StoreFlags;
use snow_config::{AdminListen, Overrides, Settings};
use snow_state::{
    Action, Condition, Outcome, Place as After, RedbJournal, Store, StoreLimits, Write, entry_json,
};

/// The longest time that an answer may take: longer than the server's own patience with its disk.
const PATIENCE: Duration = Duration::from_secs(40);
/// Bytes of lines that an import sends at a time, but for the last line.
const LINES_BYTES: usize = 1 << 20;
/// Bytes of a line, and of lines that a server takes at a time.
const LINE_BYTES_MAX: usize = 15 << 20;
/// Bytes of keys and values on a page of an export from a folder.
const PAGE_BYTES: usize = 1 << 20;
/// The buckets of a page of them.
const BUCKETS: usize = 100;
/// The file of the store in its folder.
const STORE_FILE: &str = "store.redb";

/// Where the entries lie.
pub(crate) enum Place {
    /// In a running server.
    Server(AdminListen),
    /// In a folder, which is this process's for now.
    Folder(Box<Store<()>>, String),
}

/// Lines of an import.
pub(super) struct Lines {
    pub bytes: Vec<u8>,
    pub count: u64,
}

impl Lines {
    /// Reads the next lines. `None` at the end.
    pub fn read(input: &mut dyn BufRead) -> anyhow::Result<Option<Lines>> {
        let mut lines = Lines { bytes: Vec::new(), count: 0 };
        while lines.bytes.len() < LINES_BYTES {
            let before = lines.bytes.len();
            let mut limited = Read::take(&mut *input, LINE_BYTES_MAX as u64 + 1);
            if limited.read_until(b'\n', &mut lines.bytes)? == 0 {
                break;
            }
            lines.count += 1;
            ensure!(
                lines.bytes.len() - before <= LINE_BYTES_MAX,
                "a line is longer than {LINE_BYTES_MAX} bytes, so it can't be an entry"
            );
        }
        Ok((lines.count > 0).then_some(lines))
    }
}

/// Why lines were not imported.
pub(crate) struct Refused {
    /// The number of the line among those, from 1.
    pub line: u64,
    /// How many entries of the lines before it were set.
    pub set: u64,
    pub reason: String,
}

impl Place {
    /// Opens the place that the flags name. A folder without a store is an error, unless something
    /// is to be written.
    pub fn open(flags: &StoreFlags, creates: bool) -> anyhow::Result<Place> {
        let settings = flags.guests.as_deref();
        let settings =
            settings.map(|guests| Settings::written(guests, &Overrides::default())).transpose()?;
        let manifest = settings.map(|settings| settings.manifest);
        let server = manifest.as_ref().map(|manifest| &manifest.server);
        if flags.data.is_none() {
            let admin = flags.admin.clone().or_else(|| server.and_then(|own| own.admin.clone()));
            if let Some(admin) = admin {
                return Ok(Place::Server(admin));
            }
        }
        let Some(data) =
            flags.data.as_deref().or_else(|| server.and_then(|own| own.data.as_deref()))
        else {
            bail!(
                "it is not said where the store is: name a running server's --admin unix:PATH, or \
                 the folder of one that does not run with --data DIR"
            );
        };
        let limits = manifest.as_ref().map_or_else(StoreLimits::default, |own| own.limits.store);
        open_folder(data, limits, creates)
    }

    /// Returns the place's name, for messages.
    pub fn name(&self) -> String {
        match self {
            Place::Server(admin) => admin.to_string(),
            Place::Folder(_, name) => name.clone(),
        }
    }

    /// Returns the entry of a key.
    pub fn entry(&self, bucket: &str, key: &str) -> anyhow::Result<Option<Value>> {
        match self {
            Place::Server(admin) => {
                let query = [("bucket", bucket), ("key", key)];
                let path = "/store/entry";
                let answer = question("GET", path, &query, &[]).ask(admin)?;
                match answer.status {
                    404 if answer.text.starts_with("the bucket ") => Ok(None),
                    _ => answer.json(admin, path).map(Some),
                }
            }
            Place::Folder(store, _) => {
                let entry = store.get(bucket, key, wall_ms());
                Ok(entry.map(|entry| entry_json(bucket, key, &entry)))
            }
        }
    }

    /// Returns a page of buckets, as `/store` of a server shows them.
    pub fn buckets(&self, after: Option<&str>) -> anyhow::Result<Value> {
        match self {
            Place::Server(admin) => {
                let query: Vec<_> = after.map(|after| ("after", after)).into_iter().collect();
                question("GET", "/store", &query, &[]).json(admin)
            }
            Place::Folder(store, _) => {
                let page = store.buckets(after, BUCKETS);
                let next = page.last().filter(|_| page.len() == BUCKETS);
                let rows = page.iter().map(|bucket| {
                    let usage = bucket.usage;
                    json!({ "name": *bucket.name, "entries": usage.entries, "bytes": usage.bytes })
                });
                let rows: Vec<Value> = rows.collect();
                Ok(json!({ "buckets": rows, "next": next.map(|bucket| &*bucket.name) }))
            }
        }
    }

    /// Returns a page of keys.
    pub fn keys(&self, bucket: &str, prefix: &str, after: Option<&str>) -> anyhow::Result<Value> {
        match self {
            Place::Server(admin) => {
                let mut query = vec![("bucket", bucket), ("prefix", prefix)];
                query.extend(after.map(|after| ("after", after)));
                question("GET", "/store/keys", &query, &[]).json(admin)
            }
            Place::Folder(store, _) => {
                let page = store.list(bucket, prefix, after, usize::MAX, wall_ms());
                let keys: Vec<&str> = page.keys.iter().map(|key| &**key).collect();
                Ok(json!({ "keys": keys, "next": page.next.as_deref() }))
            }
        }
    }

    /// Returns a page of an export, after the `next` of the page before.
    pub fn export_page(
        &self,
        bucket: Option<&str>,
        after: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let part = |name: &str| after.and_then(|after| after[name].as_str());
        match self {
            Place::Server(admin) => {
                let parameters = [
                    ("bucket", bucket),
                    ("after_bucket", part("bucket")),
                    ("after_key", part("key")),
                ];
                let query: Vec<_> = parameters
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect();
                question("GET", "/store/export", &query, &[]).json(admin)
            }
            Place::Folder(store, _) => {
                let after = part("bucket").zip(part("key"));
                let after =
                    after.map(|(bucket, key)| After { bucket: bucket.into(), key: key.into() });
                let page = store.export_page(bucket, after.as_ref(), PAGE_BYTES, wall_ms());
                let next = page.next;
                let next = next.map(|next| json!({ "bucket": *next.bucket, "key": *next.key }));
                Ok(json!({ "entries": page.entries, "next": next }))
            }
        }
    }

    /// Sets the entries of lines. Returns how many.
    pub fn import(&mut self, lines: &[u8]) -> Result<u64, Refused> {
        match self {
            Place::Server(admin) => {
                let other = |error: anyhow::Error| Refused {
                    line: 1,
                    set: 0,
                    reason: format!("{error:#}"),
                };
                let path = "/store/import";
                let answer = question("POST", path, &[], lines).ask(admin).map_err(other)?;
                if answer.status == 400
                    && let Ok(wrong) = serde_json::from_str::<Value>(&answer.text)
                    && let (Some(line), Some(reason)) =
                        (wrong["line"].as_u64(), wrong["error"].as_str())
                {
                    let set = wrong["set"].as_u64().unwrap_or_default();
                    return Err(Refused { line, set, reason: reason.to_owned() });
                }
                let done = answer.json(admin, path).map_err(other)?;
                Ok(done["set"].as_u64().unwrap_or_default())
            }
            Place::Folder(store, _) => store.import(&mut &*lines, wall_ms()).map_err(|error| {
                let reason = error.reason.to_string();
                // Without a manifest, the limits are the defaults.
                let hint = if reason.contains("store_") {
                    "; if snow.toml has another limit, name its folder with --guests"
                } else {
                    ""
                };
                Refused { line: error.line, set: error.set, reason: format!("{reason}{hint}") }
            }),
        }
    }

    /// Deletes a key. Returns whether it existed.
    pub fn delete(&mut self, bucket: &str, key: &str) -> anyhow::Result<bool> {
        match self {
            Place::Server(admin) => {
                let query = [("bucket", bucket), ("key", key)];
                let done = question("POST", "/store/delete", &query, &[]).json(admin)?;
                Ok(done["existed"] == true)
            }
            Place::Folder(store, _) => {
                let action = Action::Delete { key: key.into(), only: Condition::Always };
                let write = Write { bucket: bucket.into(), action };
                let deleted = store.apply(&write, wall_ms());
                let deleted = deleted.with_context(|| {
                    format!("the key {key:?} of the bucket {bucket:?} can't be deleted")
                })?;
                Ok(matches!(deleted, Outcome::Deleted(count) if count > 0))
            }
        }
    }
}

fn open_folder(data: &Path, limits: StoreLimits, creates: bool) -> anyhow::Result<Place> {
    let name = data.display().to_string();
    ensure!(
        creates || data.join(STORE_FILE).exists(),
        "{name} has no store: name the folder that a server has as `--data DIR`, or as `data` in \
         snow.toml"
    );
    let journal = RedbJournal::open(data).context(
        "the store can't be opened; that of a running server is reached by its --admin unix:PATH",
    )?;
    let store = Store::on_disk(limits, (), Box::new(journal), wall_ms());
    Ok(Place::Folder(Box::new(store.with_context(|| format!("can't read {name}"))?), name))
}

/// Returns a question to a server.
fn question<'q>(
    method: &'q str,
    path: &'q str,
    query: &'q [(&'q str, &'q str)],
    body: &'q [u8],
) -> Question<'q> {
    let advice = "name the --admin of a running snow-host, or the folder of one that does not run \
                  with --data DIR";
    Question { method, path, query, body, patience: PATIENCE, advice }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn lines_are_read_in_bounded_parts() {
        let line = format!("{}\n", "x".repeat(999_999));
        let text = line.repeat(5) + "end";
        let mut input = io::Cursor::new(text.as_bytes());
        let mut counts = Vec::new();
        let mut bytes = Vec::new();
        while let Some(lines) = Lines::read(&mut input).unwrap() {
            counts.push(lines.count);
            bytes.extend(lines.bytes);
        }
        assert_eq!((counts, bytes), (vec![2, 2, 2], text.into_bytes()));
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        assert!(Lines::read(&mut io::Cursor::new(long.as_bytes())).is_err());
    }
}
