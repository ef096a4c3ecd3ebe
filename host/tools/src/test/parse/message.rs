//! Requests to send, and answers to expect.

use std::fs;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use super::values::{Value, Values, get};
use crate::client::Request;
use crate::test::cases::{Expect, Matcher};
use snow_http::headers;

/// The size of the largest file that `body_file` may name.
const BODY_FILE_BYTES_MAX: u64 = 64 << 20;
/// The longest time that `within_ms` may give an answer.
const WITHIN_MS_MAX: u64 = 600_000;
/// The time that an answer has by default.
const WITHIN_DEFAULT: Duration = Duration::from_millis(5_000);

const EXPECT_KEYS: &[&str] =
    &["status", "headers", "body", "body_file", "body_contains", "body_matches", "within_ms"];

impl Values<'_> {
    pub fn request(
        &mut self,
        what: &str,
        value: &Value<'_>,
        table: &DeTable<'_>,
    ) -> Option<Request> {
        let mut method = "GET".to_owned();
        if let Some(value) = get(table, "method") {
            method = self.string("method", value)?;
            if !headers::is_token(method.as_bytes()) {
                self.problem(
                    value.span(),
                    format!("{method:?} is not a method: use a word such as \"POST\""),
                );
            }
        }
        let headers = self.headers(table);
        let body = self.body(table);
        let Some(path) = get(table, "path") else {
            let kinds = if what == "a step" {
                ", or is `held`, `answer`, `settle` or `disconnect`"
            } else {
                ", or a list of [[case.step]]"
            };
            self.problem(value.span(), format!("{what} has a `path`, such as \"/hello\"{kinds}"));
            return None;
        };
        let text = self.string("path", path)?;
        if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "`path` is sent as it is written here: it begins with `/`, and spaces and characters that \
                           are not ASCII are written as %20 and the like";
            self.problem(path.span(), message.to_owned());
        }
        Some(Request { method, path: text, headers, body: body.unwrap_or_default() })
    }

    /// Reads the fields of a request or a response. A list stands for several fields of one name.
    pub fn headers(&mut self, table: &DeTable<'_>) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let Some(table) = get(table, "headers").and_then(|value| self.headers_table(value)) else {
            return fields;
        };
        for (key, value) in table {
            let name = self.field_name(key);
            if ["content-length", "transfer-encoding"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own))
            {
                self.problem(
                    key.span(),
                    format!("a case can't set `{name}`: it follows from the body"),
                );
            }
            let values = value
                .get_ref()
                .as_array()
                .map_or_else(|| vec![value], |list| list.iter().collect());
            for value in values {
                let Some(text) = self.string(&name, value) else { continue };
                if !headers::is_field_value(text.as_bytes()) {
                    self.problem(
                        value.span(),
                        format!("the value of `{name}` has a control character"),
                    );
                }
                fields.push((name.clone(), text));
            }
        }
        fields
    }

    /// Reads `body` or `body_file`.
    pub fn body(&mut self, table: &DeTable<'_>) -> Option<Vec<u8>> {
        let (body, file) = (get(table, "body"), get(table, "body_file"));
        if let (Some(_), Some(file)) = (body, file) {
            self.problem(
                file.span(),
                "there are `body` and `body_file`, but only one of them is allowed".to_owned(),
            );
        }
        if let Some(value) = body {
            return self.string("body", value).map(String::into_bytes);
        }
        let (value, name) = (file?, self.string("body_file", file?)?);
        let path = self.folder.join(name);
        let read = fs::metadata(&path).and_then(|found| match found.len() {
            bytes if bytes > BODY_FILE_BYTES_MAX => Err(std::io::Error::other(format!(
                "it has {bytes} bytes; at most {BODY_FILE_BYTES_MAX} are allowed"
            ))),
            _ => fs::read(&path),
        });
        let message = |error| format!("can't read {}: {error}", path.display());
        read.map_err(|error| self.problem(value.span(), message(error))).ok()
    }

    /// Reads `expect` of an answer. Without it, any answer with status 200 will do.
    pub fn expect(&mut self, value: Option<&Value<'_>>) -> Option<Expect> {
        let mut expect =
            Expect { status: 200, headers: Vec::new(), body: Vec::new(), within: WITHIN_DEFAULT };
        let Some(value) = value else { return Some(expect) };
        let table =
            self.table("expect", "a table, such as { status = 200, body = \"hello\" }", value)?;
        self.check_keys("`expect` of an answer", table, &[EXPECT_KEYS]);
        if let Some(status) = get(table, "status") {
            expect.status = self.reader.integer("status", status, 200..=599)? as u16;
        }
        if let Some(within) = get(table, "within_ms") {
            expect.within = Duration::from_millis(self.reader.integer(
                "within_ms",
                within,
                1..=WITHIN_MS_MAX,
            )?);
        }
        if let Some(table) = get(table, "headers").and_then(|value| self.headers_table(value)) {
            for (key, value) in table {
                let name = self.field_name(key);
                let matcher = self.field_matcher(&name, value);
                expect.headers.extend(matcher.map(|matcher| (name, matcher)));
            }
        }
        expect.body.extend(self.body(table).map(Matcher::Equals));
        let contains =
            get(table, "body_contains").and_then(|value| self.string("body_contains", value));
        expect.body.extend(contains.map(|text| Matcher::Contains(text.into_bytes())));
        let regex = get(table, "body_matches").and_then(|value| self.regex("body_matches", value));
        expect.body.extend(regex.map(Matcher::Matches));
        Some(expect)
    }

    fn field_matcher(&mut self, name: &str, value: &Value<'_>) -> Option<Matcher> {
        let Some(table) = value.get_ref().as_table() else {
            let wanted = "a string or { matches = \"a regular expression\" }";
            return self
                .string_as(name, wanted, value)
                .map(|text| Matcher::Equals(text.into_bytes()));
        };
        self.check_keys(&format!("`{name}`"), table, &[&["matches"]]);
        let pattern = get(table, "matches").and_then(|value| self.regex("matches", value));
        pattern.map(Matcher::Matches)
    }

    fn headers_table<'v>(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        self.table("headers", "a table, such as { accept = \"text/html\" }", value)
    }

    fn field_name(&mut self, key: &Spanned<DeString<'_>>) -> String {
        let name = key.get_ref().to_string();
        if !headers::is_token(name.as_bytes()) {
            self.problem(key.span(), format!("{name:?} can't be the name of a header field"));
        }
        name
    }
}
