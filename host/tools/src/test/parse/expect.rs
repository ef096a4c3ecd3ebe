//! Answers to expect, and the values that are saved from them.

use std::time::Duration;

use toml::de::DeTable;

use super::values::{Value, Values, get};
use crate::test::cases::{Expect, Matcher, Save, SaveFrom};
use crate::test::saved::{Text, is_name};

/// The longest time that `within_ms` may give.
const WITHIN_MS_MAX: u64 = 600_000;
/// The time that an answer has by default.
const WITHIN_DEFAULT: Duration = Duration::from_millis(5_000);

const MESSAGE_KEYS: &[&str] =
    &["headers", "body", "body_file", "body_contains", "body_matches", "json", "json_at"];
const SAVE_KEYS: &[&str] = &["json", "body_matches", "header", "matches", "cookie"];
const SAVE_WANTED: &str = "a table: { json = \"/pointer\" }, { body_matches = \"…(…)…\" }, \
                           { header = \"location\" } or { cookie = \"name\" }";

impl Values<'_> {
    /// Reads `expect` of an answer. Without it, any answer with status 200 will do.
    pub fn expect(&mut self, value: Option<&Value<'_>>) -> Option<Expect> {
        let mut expect = Expect {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            json: Vec::new(),
            within: WITHIN_DEFAULT,
        };
        let Some(value) = value else { return Some(expect) };
        let table =
            self.table("expect", "a table, such as { status = 200, body = \"hello\" }", value)?;
        self.check_keys(
            "`expect` of an answer",
            table,
            &[&["status"], MESSAGE_KEYS, &["within_ms"]],
        );
        if let Some(status) = get(table, "status") {
            expect.status = self.reader.integer("status", status, 200..=599)? as u16;
        }
        expect.within = self.within(table, WITHIN_DEFAULT)?;
        self.expect_message(table, &mut expect);
        Some(expect)
    }

    /// Reads `expect` of a request to another server.
    pub fn expect_request(&mut self, value: &Value<'_>) -> Option<Expect> {
        let wanted = "a table, such as { headers = { accept = \"text/html\" }, body = \"hello\" }";
        let table = self.table("expect", wanted, value)?;
        self.check_keys("`expect` of a request", table, &[MESSAGE_KEYS]);
        let mut expect = self.expect(None)?;
        self.expect_message(table, &mut expect);
        Some(expect)
    }

    /// Reads what a message should have beside its first line.
    fn expect_message(&mut self, table: &DeTable<'_>, expect: &mut Expect) {
        if let Some(table) = get(table, "headers").and_then(|value| self.headers_table(value)) {
            for (key, value) in table {
                let name = self.field_name(key);
                let matcher = self.matcher(&name, value);
                expect.headers.extend(matcher.map(|matcher| (name, matcher)));
            }
        }
        if let (Some(_), Some(file)) = (get(table, "body"), get(table, "body_file")) {
            let message = "there are `body` and `body_file`, but only one of them is allowed";
            self.problem(file.span(), message.to_owned());
        }
        let body = get(table, "body").and_then(|value| self.text("body", value));
        expect.body.extend(body.map(Matcher::Equals));
        let file = get(table, "body_file").and_then(|value| self.body_file(value));
        expect.body.extend(file.map(Matcher::Bytes));
        let contains =
            get(table, "body_contains").and_then(|value| self.text("body_contains", value));
        expect.body.extend(contains.map(Matcher::Contains));
        let pattern =
            get(table, "body_matches").and_then(|value| self.pattern("body_matches", value));
        expect.body.extend(pattern.map(Matcher::Matches));
        let json = get(table, "json").and_then(|value| self.json("json", value));
        expect.json.extend(json.map(|json| (Text::default(), json)));
        let json_at = get(table, "json_at").and_then(|value| self.json_at(value));
        expect.json.extend(json_at.into_iter().flatten());
    }

    /// Reads `within_ms`.
    pub fn within(&mut self, table: &DeTable<'_>, default: Duration) -> Option<Duration> {
        let Some(value) = get(table, "within_ms") else { return Some(default) };
        let within_ms = self.reader.integer("within_ms", value, 1..=WITHIN_MS_MAX);
        within_ms.map(Duration::from_millis)
    }

    /// Reads a text to compare with, or a table with a pattern.
    fn matcher(&mut self, name: &str, value: &Value<'_>) -> Option<Matcher> {
        let Some(table) = value.get_ref().as_table() else {
            let wanted = "a string or { matches = \"a regular expression\" }";
            return self.text_as(name, wanted, value).map(Matcher::Equals);
        };
        self.check_keys(&format!("`{name}`"), table, &[&["matches"]]);
        let pattern = get(table, "matches").and_then(|value| self.pattern("matches", value));
        pattern.map(Matcher::Matches)
    }

    /// Reads `save`. Later steps may use its names.
    pub fn save(&mut self, value: Option<&Value<'_>>) -> Vec<Save> {
        let wanted = "a table, such as { id = { json = \"/id\" } }";
        let Some(table) = value.and_then(|value| self.table("save", wanted, value)) else {
            return Vec::new();
        };
        let mut saves = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            if !is_name(&name) {
                let message = format!(
                    "{name:?} can't be the name of a saved value, which has letters, digits, `_` \
                     and `-`"
                );
                self.problem(key.span(), message);
            }
            if let Some(from) = self.save_from(&name, value) {
                saves.push(Save { name, from });
            }
        }
        // None of them can use another one of them.
        self.names.extend(table.iter().map(|(key, _)| key.get_ref().to_string()));
        saves
    }

    /// Reads which part of an answer is saved under a name.
    fn save_from(&mut self, name: &str, value: &Value<'_>) -> Option<SaveFrom> {
        let table = self.table(name, SAVE_WANTED, value)?;
        self.check_keys(&format!("`{name}` of `save`"), table, &[SAVE_KEYS]);
        let key = |name: &str| get(table, name);
        match (key("json"), key("body_matches"), key("header"), key("cookie"), key("matches")) {
            (Some(pointer), None, None, None, None) => {
                let text = self.text("json", pointer)?;
                self.pointer(text, pointer).map(|pointer| SaveFrom::Json { pointer })
            }
            (None, Some(pattern), None, None, None) => {
                let pattern = self.pattern_with_group("body_matches", pattern)?;
                Some(SaveFrom::Body { pattern })
            }
            (None, None, Some(header), None, pattern) => {
                let pattern = match pattern {
                    Some(value) => Some(self.pattern_with_group("matches", value)?),
                    None => None,
                };
                self.string("header", header).map(|name| SaveFrom::Header { name, pattern })
            }
            (None, None, None, Some(cookie), None) => {
                self.string("cookie", cookie).map(|name| SaveFrom::Cookie { name })
            }
            _ => {
                let message = format!(
                    "`{name}` of `save` is {SAVE_WANTED}; `matches` stands beside `header` only"
                );
                self.problem(value.span(), message);
                None
            }
        }
    }

    /// Reads a pattern whose first group is saved.
    fn pattern_with_group(&mut self, name: &str, value: &Value<'_>) -> Option<Text> {
        let (pattern, groups) = self.pattern_and_groups(name, value)?;
        if groups == 0 {
            let message = format!(
                "`{name}` has no group: put what is to be saved in brackets, as in \
                 'value=\"([^\"]+)\"'"
            );
            self.problem(value.span(), message);
            return None;
        }
        Some(pattern)
    }
}
