//! What a case does to the store, and what it expects there; the config of the guest.

use std::time::Duration;

use toml::de::DeTable;

use super::values::{Value, Values, get};
use crate::test::cases::{Content, ExpectedEntry, ExpectedValue, Matcher, StoreWrite};
use crate::test::saved::Text;

/// The most bytes of a name that `wasi:config` has.
const CONFIG_NAME_BYTES_MAX: usize = 1_024;

const EXPECTED_KEYS: &[&str] = &["value", "json", "contains", "matches", "absent"];
const BUCKETS: &str =
    "a table of buckets, such as { notes = { \"user/ann\" = \"…\" } }: a bucket's keys and values";

impl Values<'_> {
    /// Reads `store`: keys to write.
    pub fn store(&mut self, value: &Value<'_>) -> Vec<StoreWrite> {
        let mut writes = Vec::new();
        self.entries("store", value, |values, bucket, key, value| {
            let stored = values.stored(&key.to_string(), value);
            let bucket = bucket.to_owned();
            writes.extend(stored.map(|(value, expires)| StoreWrite {
                bucket,
                key,
                value,
                expires,
            }));
        });
        writes
    }

    /// Reads `expect_store`: what keys hold.
    pub fn expect_store(&mut self, value: &Value<'_>) -> Vec<ExpectedEntry> {
        let mut entries = Vec::new();
        self.entries("expect_store", value, |values, bucket, key, value| {
            let expected = values.expected_value(&key.to_string(), value);
            let bucket = bucket.to_owned();
            entries.extend(expected.map(|value| ExpectedEntry { bucket, key, value }));
        });
        entries
    }

    /// Reads the names and texts of `config`.
    pub fn config(&mut self, value: &Value<'_>) -> Vec<(String, Text)> {
        let wanted = "a table, such as { greeting = \"hello\" }";
        let mut texts = Vec::new();
        for (key, value) in self.table("config", wanted, value).into_iter().flatten() {
            let name = key.get_ref().to_string();
            if !(1..=CONFIG_NAME_BYTES_MAX).contains(&name.len()) {
                let message = format!("a name in `config` has 1 to {CONFIG_NAME_BYTES_MAX} bytes");
                self.problem(key.span(), message);
            }
            let Some(text) = self.text(&name, value) else { continue };
            if text.with_all("").contains('\0') {
                self.problem(value.span(), format!("the value of `{name}` has a NUL in it"));
            }
            texts.push((name, text));
        }
        texts
    }

    /// Reads buckets of keys, and hands each key and its value to `take`, which reports what is
    /// wrong with the value.
    fn entries(
        &mut self,
        name: &str,
        value: &Value<'_>,
        mut take: impl FnMut(&mut Self, &str, Text, &Value<'_>),
    ) {
        for (bucket, value) in self.table(name, BUCKETS, value).into_iter().flatten() {
            let bucket = bucket.get_ref().as_ref();
            for (key, value) in self.table(bucket, BUCKETS, value).into_iter().flatten() {
                if let Some(text) = self.text_of(key.get_ref(), key.span()) {
                    take(self, bucket, text, value);
                }
            }
        }
    }

    /// Reads what is to be written to a key, and after how long it expires. Without a content the
    /// key is to be deleted.
    fn stored(
        &mut self,
        key: &str,
        value: &Value<'_>,
    ) -> Option<(Option<Content>, Option<Duration>)> {
        let Some(table) = value.get_ref().as_table() else {
            let wanted =
                "a string, { json = … }, { value = \"…\", expires = \"1h\" } or { absent = true }";
            return Some((Some(Content::Text(self.text_as(key, wanted, value)?)), None));
        };
        let place = format!("{key:?} of `store`");
        self.check_keys(&place, table, &[&["value", "json", "expires", "absent"]]);
        let expires = match get(table, "expires") {
            Some(value) => Some(self.duration("expires", value)?),
            None => None,
        };
        match (get(table, "value"), get(table, "json"), self.absent(table)?) {
            (Some(text), None, false) => {
                Some((Some(Content::Text(self.text("value", text)?)), expires))
            }
            (None, Some(json), false) => {
                Some((Some(Content::Json(self.json("json", json)?)), expires))
            }
            (None, None, true) if expires.is_none() => Some((None, None)),
            _ => {
                let message = format!("{place} has one of `value`, `json` and `absent = true`");
                self.problem(value.span(), message);
                None
            }
        }
    }

    /// Reads what a key should hold.
    fn expected_value(&mut self, key: &str, value: &Value<'_>) -> Option<ExpectedValue> {
        let Some(table) = value.get_ref().as_table() else {
            let wanted = "a string, { json = … }, { contains = \"…\" }, { matches = \"…\" } or \
                          { absent = true }";
            let text = self.text_as(key, wanted, value)?;
            return Some(ExpectedValue::Text(Matcher::Equals(text)));
        };
        let place = format!("{key:?} of `expect_store`");
        self.check_keys(&place, table, &[EXPECTED_KEYS]);
        let absent = self.absent(table)?;
        let given: Vec<_> = EXPECTED_KEYS
            .iter()
            .filter_map(|key| Some((*key, get(table, key)?)))
            .filter(|(key, _)| *key != "absent" || absent)
            .collect();
        match given[..] {
            [("value", text)] => {
                self.text("value", text).map(Matcher::Equals).map(ExpectedValue::Text)
            }
            [("json", json)] => self.json("json", json).map(ExpectedValue::Json),
            [("contains", part)] => {
                self.text("contains", part).map(Matcher::Contains).map(ExpectedValue::Text)
            }
            [("matches", pattern)] => {
                self.pattern("matches", pattern).map(Matcher::Matches).map(ExpectedValue::Text)
            }
            [("absent", _)] => Some(ExpectedValue::Absent),
            _ => {
                let message = format!(
                    "{place} has one of `value`, `json`, `contains`, `matches` and `absent = true`"
                );
                // An unknown key has been reported.
                if table.iter().all(|(key, _)| EXPECTED_KEYS.contains(&key.get_ref().as_ref())) {
                    self.problem(value.span(), message);
                }
                None
            }
        }
    }

    /// Reads `absent`, which is false if it is not there.
    fn absent(&mut self, table: &DeTable<'_>) -> Option<bool> {
        get(table, "absent").map_or(Some(false), |value| self.reader.boolean("absent", value))
    }
}
