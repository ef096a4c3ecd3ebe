//! Requests to send, and the content of messages.

use std::fs;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use super::OTHER_STEPS;
use super::values::{Value, Values, get};
use crate::test::cases::{Content, RequestText};
use crate::test::saved::Text;
use snow_http::headers;

/// The size of the largest file that `body_file` may name.
const BODY_FILE_BYTES_MAX: u64 = 64 << 20;

/// The keys of a request's content, of which it may have one.
const CONTENT_KEYS: &[&str] = &["body", "body_file", "json", "form"];

/// Returns what is wrong with the path of a request.
pub(in crate::test) fn path_fault(path: &str) -> Option<&'static str> {
    let is_good = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_good).then_some(
        "`path` is sent as it is written here: it begins with `/`, and spaces and characters that \
         are not ASCII are written as %20 and the like",
    )
}

impl Values<'_> {
    /// Reads the request of a step; `what` names the step in messages.
    pub fn request(
        &mut self,
        what: &str,
        value: &Value<'_>,
        table: &DeTable<'_>,
    ) -> Option<RequestText> {
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
        let content = self.content(table);
        let Some(path) = get(table, "path") else {
            let kinds = if what == "a step" {
                format!(", or is one of `{}`", OTHER_STEPS.join("`, `"))
            } else {
                ", or a list of [[case.step]]".to_owned()
            };
            self.problem(value.span(), format!("{what} has a `path`, such as \"/hello\"{kinds}"));
            return None;
        };
        let text = self.text("path", path)?;
        if let Some(fault) = text.literal().and_then(path_fault) {
            self.problem(path.span(), fault.to_owned());
        }
        let content = content.unwrap_or(Content::Bytes(Vec::new()));
        Some(RequestText { method, path: text, headers, content })
    }

    /// Reads the fields of a request or a response. A list stands for several fields of one name.
    pub fn headers(&mut self, table: &DeTable<'_>) -> Vec<(String, Text)> {
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
            for value in one_or_more(value) {
                let Some(text) = self.text(&name, value) else { continue };
                // What a saved value makes of it is checked when it is sent.
                if !headers::is_field_value(text.with_all("").as_bytes()) {
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

    /// Reads the content of a message: `body`, `body_file`, `json` or `form`.
    pub fn content(&mut self, table: &DeTable<'_>) -> Option<Content> {
        let given = |name: &&&str| get(table, name).is_some();
        let given: Vec<&str> = CONTENT_KEYS.iter().filter(given).copied().collect();
        let [name, others @ ..] = &given[..] else { return None };
        if let Some(other) = others.first().and_then(|other| get(table, other)) {
            self.problem(
                other.span(),
                format!("there are `{}`, but only one of them is allowed", given.join("` and `")),
            );
        }
        let value = get(table, name)?;
        match *name {
            "body" => self.text("body", value).map(Content::Text),
            "body_file" => self.body_file(value).map(Content::Bytes),
            "json" => self.json("json", value).map(Content::Json),
            _ => self.form(value).map(Content::Form),
        }
    }

    /// Reads the file that `body_file` names.
    pub fn body_file(&mut self, value: &Value<'_>) -> Option<Vec<u8>> {
        let path = self.folder.join(self.string("body_file", value)?);
        let read = fs::metadata(&path).and_then(|found| match found.len() {
            bytes if bytes > BODY_FILE_BYTES_MAX => Err(std::io::Error::other(format!(
                "it has {bytes} bytes; at most {BODY_FILE_BYTES_MAX} are allowed"
            ))),
            _ => fs::read(&path),
        });
        let message = |error| format!("can't read {}: {error}", path.display());
        read.map_err(|error| self.problem(value.span(), message(error))).ok()
    }

    /// Reads `form`. A list stands for several fields of one name.
    fn form(&mut self, value: &Value<'_>) -> Option<Vec<(Text, Text)>> {
        let wanted = "a table, such as { name = \"ann\", age = 7 }";
        let mut fields = Vec::new();
        for (key, value) in self.table("form", wanted, value)? {
            let Some(name) = self.text_of(key.get_ref(), key.span()) else { continue };
            for value in one_or_more(value) {
                let wanted = "a string, a number, true or false";
                let text = match value.get_ref().as_str() {
                    Some(_) => self.text(key.get_ref(), value),
                    None => self.scalar(key.get_ref(), wanted, value),
                };
                fields.extend(text.map(|text| (name.clone(), text)));
            }
        }
        Some(fields)
    }

    pub fn headers_table<'v>(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        self.table("headers", "a table, such as { accept = \"text/html\" }", value)
    }

    pub fn field_name(&mut self, key: &Spanned<DeString<'_>>) -> String {
        let name = key.get_ref().to_string();
        if !headers::is_token(name.as_bytes()) {
            self.problem(key.span(), format!("{name:?} can't be the name of a header field"));
        }
        name
    }
}

/// Returns the values of a list, or the one value that stands in the place of a list.
fn one_or_more<'v>(value: &'v Value<'v>) -> Vec<&'v Value<'v>> {
    value.get_ref().as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}
