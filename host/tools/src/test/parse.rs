//! The text of a file of cases -> cases, or all that is wrong in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use regex::bytes::Regex;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::cases::{Action, Case, CaseFile, Expect, Match, Request, Settled, Step};
use snow_config::manifest::Reader;
use snow_config::manifest::{ManifestError, suggestion};
use snow_http::{Field, Response, headers};
use snow_runtime::Settlement;

/// A file of cases.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A file that a case sends or compares with.
const BODY_FILE_BYTES_MAX: u64 = 64 << 20;
/// How long an answer may be waited for.
const WITHIN_MS_MAX: u64 = 600_000;
/// If nothing is said.
const WITHIN_DEFAULT: Duration = Duration::from_millis(5_000);

const FILE_KEYS: &[&str] = &["with", "case"];
const REQUEST_KEYS: &[&str] = &["path", "method", "headers", "body", "body_file"];
const EXPECT_KEYS: &[&str] = &["status", "headers", "body", "body_file", "body_contains", "body_matches", "within_ms"];
const SETTLE_KEYS: &[&str] = &["key", "value", "failed", "response", "all"];

type Value<'v> = Spanned<DeValue<'v>>;

/// Reads a file. `neighbours` are the guests that it may name beside its own.
pub(super) fn read(
    path: &Path,
    neighbours: &BTreeMap<String, PathBuf>,
) -> anyhow::Result<Result<CaseFile, ManifestError>> {
    let name = path.display().to_string();
    let bytes = fs::metadata(path).with_context(|| format!("{name} can't be read"))?.len();
    ensure!(bytes <= FILE_BYTES_MAX, "{name} has {bytes} bytes; at most {FILE_BYTES_MAX} are allowed");
    let text = fs::read_to_string(path).with_context(|| format!("{name} can't be read"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(parse(&text, &name, folder, neighbours))
}

/// `folder` is where the files lie that it names.
fn parse(
    text: &str,
    name: &str,
    folder: &Path,
    neighbours: &BTreeMap<String, PathBuf>,
) -> Result<CaseFile, ManifestError> {
    let mut parser = Parser { reader: Reader::new(text, name), text, folder, held: BTreeMap::new() };
    let mut file = CaseFile { name: name.to_owned(), with: Vec::new(), cases: Vec::new() };
    match DeTable::parse(text) {
        Ok(root) => parser.file(root.get_ref(), neighbours, &mut file),
        Err(error) => parser.reader.problem(error.span().unwrap_or_default(), error.message().to_owned()),
    }
    parser.reader.into_places().map_err(|problems| ManifestError { problems })?;
    Ok(file)
}

struct Parser<'t> {
    reader: Reader<'t>,
    text: &'t str,
    folder: &'t Path,
    /// The held requests of the case under way, and whether a step has ended each.
    held: BTreeMap<String, bool>,
}

impl Parser<'_> {
    fn file(&mut self, root: &DeTable<'_>, neighbours: &BTreeMap<String, PathBuf>, file: &mut CaseFile) {
        self.known("a file of cases", root, &[FILE_KEYS]);
        if let Some(with) = get(root, "with") {
            file.with = self.with(with, neighbours);
        }
        let Some(cases) = get(root, "case") else {
            self.reader.problem(0..0, "there is no case: a case is a table [[case]]".to_owned());
            return;
        };
        let mut names = Vec::new();
        for value in self.tables("case", "[[case]]", cases) {
            let Some(table) = self.table("case", "[[case]]", value) else { continue };
            let case = self.case(value, table);
            if names.contains(&case.name) {
                self.reader.problem(value.span(), format!("there is a case {:?} already", case.name));
            }
            names.push(case.name.clone());
            file.cases.push(case);
        }
    }

    fn with(&mut self, value: &Value<'_>, neighbours: &BTreeMap<String, PathBuf>) -> Vec<String> {
        let mut with = Vec::new();
        for value in self.list("with", "a list of guests' names, such as [\"pay\"]", value) {
            let Some(name) = self.string("with", value) else { continue };
            if !neighbours.contains_key(&name) {
                let near = suggestion(&name, neighbours.keys().map(String::as_str));
                let help = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                let message = format!("there is no other guest `{name}` in the folder{help}");
                self.reader.problem(value.span(), message);
            }
            with.push(name);
        }
        with
    }

    fn case(&mut self, value: &Value<'_>, table: &DeTable<'_>) -> Case {
        self.held.clear();
        let name = get(table, "name").and_then(|value| self.string("name", value));
        if name.as_deref().is_none_or(str::is_empty) {
            self.reader.problem(value.span(), "a case has a `name`".to_owned());
        }
        let mut steps = Vec::new();
        match get(table, "step") {
            Some(list) => {
                self.known("a case of steps", table, &[&["name", "step"]]);
                for value in self.tables("step", "[[case.step]]", list) {
                    let Some(table) = self.table("step", "[[case.step]]", value) else { continue };
                    steps.extend(self.step("a step", &[], value, table));
                }
            }
            None => steps.extend(self.step("a case", &["name"], value, table)),
        }
        Case { name: name.unwrap_or_default(), steps }
    }

    /// A step, by the one key that says which kind it is.
    fn step(&mut self, what: &str, also: &[&str], value: &Value<'_>, table: &DeTable<'_>) -> Option<Step> {
        let has = |name: &str| get(table, name);
        let action = if let Some(settle) = has("settle") {
            self.known("a step that settles", table, &[&["settle", "expect"], also]);
            self.settle(settle, has("expect"))
        } else if let Some(label) = has("disconnect") {
            self.known("a step that disconnects", table, &[&["disconnect"], also]);
            self.ended("disconnect", label).map(|label| Action::Disconnect { label })
        } else if let Some(label) = has("answer") {
            self.known("a step that takes an answer", table, &[&["answer", "expect"], also]);
            let (label, expect) = (self.ended("answer", label), self.expect(has("expect")));
            label.zip(expect).map(|(label, expect)| Action::Answer { label, expect })
        } else if let Some(label) = has("held") {
            self.known(
                "a request that is held (its answer is a step of its own, `answer`)",
                table,
                &[REQUEST_KEYS, &["held"], also],
            );
            let (label, request) = (self.holds(label), self.request(what, value, table));
            label.zip(request).map(|(label, request)| Action::Hold { label, request })
        } else {
            let others: &[&str] = if also.is_empty() { &["held", "answer", "settle", "disconnect"] } else { &["step"] };
            self.known(what, table, &[REQUEST_KEYS, &["expect"], also, others]);
            let (request, expect) = (self.request(what, value, table), self.expect(has("expect")));
            request.zip(expect).map(|(request, expect)| Action::Request { request, expect })
        };
        let line = self.text[..self.text.floor_char_boundary(value.span().start)].matches('\n').count() + 1;
        action.map(|action| Step { line, action })
    }

    fn request(&mut self, what: &str, value: &Value<'_>, table: &DeTable<'_>) -> Option<Request> {
        let mut method = "GET".to_owned();
        if let Some(value) = get(table, "method") {
            method = self.string("method", value)?;
            if !headers::is_token(method.as_bytes()) {
                self.reader.problem(value.span(), format!("{method:?} is no method: it takes a word such as \"POST\""));
            }
        }
        let headers = self.request_headers(table);
        let body = self.body(table);
        let Some(path) = get(table, "path") else {
            let kinds = if what == "a step" {
                ", or is `held`, `answer`, `settle` or `disconnect`"
            } else {
                ", or a list of [[case.step]]"
            };
            self.reader.problem(value.span(), format!("{what} has a `path`, such as \"/hello\"{kinds}"));
            return None;
        };
        let text = self.string("path", path)?;
        if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "`path` takes what stands in a request's line: it begins with `/`, and spaces and what is \
                           not ASCII are written as %20 and the like";
            self.reader.problem(path.span(), message.to_owned());
        }
        Some(Request { method, path: text, headers, body: body.unwrap_or_default() })
    }

    fn request_headers(&mut self, table: &DeTable<'_>) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let Some(table) = get(table, "headers").and_then(|value| self.headers_table(value)) else { return fields };
        for (key, value) in table {
            let name = self.field_name(key);
            if ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
                self.reader.problem(key.span(), format!("`{name}` is not for a case to say: it follows from the body"));
            }
            let values = value.get_ref().as_array().map_or_else(|| vec![value], |list| list.iter().collect());
            for value in values {
                let Some(text) = self.string(&name, value) else { continue };
                if !headers::is_field_value(text.as_bytes()) {
                    self.reader.problem(value.span(), format!("the value of `{name}` has a control character"));
                }
                fields.push((name.clone(), text));
            }
        }
        fields
    }

    fn expect(&mut self, value: Option<&Value<'_>>) -> Option<Expect> {
        let mut expect = Expect { status: 200, headers: Vec::new(), body: Vec::new(), within: WITHIN_DEFAULT };
        let Some(value) = value else { return Some(expect) };
        let table = self.table("expect", "a table, such as { status = 200, body = \"hello\" }", value)?;
        self.known("`expect` of an answer", table, &[EXPECT_KEYS]);
        if let Some(status) = get(table, "status") {
            expect.status = self.reader.integer("status", status, 200..=599)? as u16;
        }
        if let Some(within) = get(table, "within_ms") {
            expect.within = Duration::from_millis(self.reader.integer("within_ms", within, 1..=WITHIN_MS_MAX)?);
        }
        if let Some(table) = get(table, "headers").and_then(|value| self.headers_table(value)) {
            for (key, value) in table {
                let name = self.field_name(key);
                let wanted = self.header_match(&name, value);
                expect.headers.extend(wanted.map(|wanted| (name, wanted)));
            }
        }
        expect.body.extend(self.body(table).map(Match::Is));
        let contains = get(table, "body_contains").and_then(|value| self.string("body_contains", value));
        expect.body.extend(contains.map(|text| Match::Contains(text.into_bytes())));
        expect
            .body
            .extend(get(table, "body_matches").and_then(|value| self.regex("body_matches", value)).map(Match::Fits));
        Some(expect)
    }

    fn header_match(&mut self, name: &str, value: &Value<'_>) -> Option<Match> {
        let Some(table) = value.get_ref().as_table() else {
            let wanted = "a string or { matches = \"a regular expression\" }";
            return self.string_as(name, wanted, value).map(|text| Match::Is(text.into_bytes()));
        };
        self.known(&format!("`{name}`"), table, &[&["matches"]]);
        let pattern = get(table, "matches").and_then(|value| self.regex("matches", value));
        pattern.map(Match::Fits)
    }

    fn settle(&mut self, value: &Value<'_>, expect: Option<&Value<'_>>) -> Option<Action> {
        let wanted = "a table, such as { key = \"orders/1\", value = \"text\" }";
        let table = self.table("settle", wanted, value)?;
        self.known("`settle`", table, &[SETTLE_KEYS]);
        let all = get(table, "all").and_then(|value| self.reader.boolean("all", value)).unwrap_or(false);
        let settlement = self.settlement(value, table);
        let expect = expect.map_or(Some(Settled::Somebody), |value| self.settled(value, all));
        let Some(key) = get(table, "key") else {
            self.reader.problem(value.span(), "`settle` has a `key`".to_owned());
            return None;
        };
        let (key, settlement, expect) = (self.string("key", key)?, settlement?, expect?);
        Some(Action::Settle { key, all, settlement, expect })
    }

    fn settlement(&mut self, place: &Value<'_>, table: &DeTable<'_>) -> Option<Settlement> {
        match (get(table, "value"), get(table, "failed"), get(table, "response")) {
            (Some(value), None, None) => Some(Settlement::Value(self.string("value", value)?.into_bytes())),
            (None, Some(failed), None) => {
                let table = self.table("failed", "a table, { code = \"…\", message = \"…\" }", failed)?;
                self.known("`failed`", table, &[&["code", "message"]]);
                let mut text =
                    |name: &str| get(table, name).map_or(Some(String::new()), |value| self.string(name, value));
                let (code, message) = (text("code")?, text("message")?);
                Some(Settlement::Failed { code, message })
            }
            (None, None, Some(response)) => {
                let wanted = "a table, { status = 200, headers = { … }, body = \"…\" }";
                let table = self.table("response", wanted, response)?;
                self.known("`response`", table, &[&["status", "headers", "body", "body_file"]]);
                let status = get(table, "status");
                let status = status.map_or(Some(200), |value| self.reader.integer("status", value, 200..=599));
                let field = |(name, value): (String, String)| Field { name, value: value.into_bytes() };
                let headers = self.request_headers(table).into_iter().map(field).collect();
                let body = self.body(table).unwrap_or_default();
                Some(Settlement::Response(Response { status: status? as u16, headers, body }))
            }
            _ => {
                let message = "`settle` has one of `value`, `failed` and `response`";
                self.reader.problem(place.span(), message.to_owned());
                None
            }
        }
    }

    /// What a settlement is expected to come to.
    fn settled(&mut self, value: &Value<'_>, all: bool) -> Option<Settled> {
        match value.get_ref() {
            DeValue::String(text) if text == "ok" => Some(Settled::Somebody),
            DeValue::String(text) if text == "nobody" => Some(Settled::Nobody),
            DeValue::Integer(_) if all => {
                let count = self.reader.integer("expect", value, 0..=u64::from(u32::MAX))?;
                Some(Settled::Count(count as u32))
            }
            _ => {
                let message = "`expect` of a settlement is \"ok\" (somebody waited) or \"nobody\"; with `all = true` \
                               also the number of those who waited";
                self.reader.problem(value.span(), message.to_owned());
                None
            }
        }
    }

    /// The label of a request that is held from this step on.
    fn holds(&mut self, value: &Value<'_>) -> Option<String> {
        let label = self.string("held", value)?;
        if self.held.insert(label.clone(), false).is_some() {
            self.reader.problem(value.span(), format!("a request of this case is called {label:?} already"));
        }
        Some(label)
    }

    /// The label of a held request that this step ends.
    fn ended(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        let label = self.string(name, value)?;
        match self.held.get_mut(&label) {
            Some(ended) if !*ended => *ended = true,
            Some(_) => {
                let message = format!("the request {label:?} has been answered or disconnected before");
                self.reader.problem(value.span(), message);
            }
            None => {
                let near = suggestion(&label, self.held.keys().map(String::as_str));
                let help = near.map_or_else(
                    || "a step before has to say held = \"…\"".to_owned(),
                    |near| format!("did you mean {near:?}?"),
                );
                self.reader.problem(value.span(), format!("no request is held as {label:?}: {help}"));
            }
        }
        Some(label)
    }

    /// `body` or `body_file`.
    fn body(&mut self, table: &DeTable<'_>) -> Option<Vec<u8>> {
        let (body, file) = (get(table, "body"), get(table, "body_file"));
        if let (Some(_), Some(file)) = (body, file) {
            self.reader.problem(file.span(), "there are `body` and `body_file`: only one of them can be".to_owned());
        }
        if let Some(value) = body {
            return self.string("body", value).map(String::into_bytes);
        }
        let (value, name) = (file?, self.string("body_file", file?)?);
        let path = self.folder.join(name);
        let read = fs::metadata(&path).and_then(|found| match found.len() {
            bytes if bytes > BODY_FILE_BYTES_MAX => {
                Err(std::io::Error::other(format!("it has {bytes} bytes; at most {BODY_FILE_BYTES_MAX} are allowed")))
            }
            _ => fs::read(&path),
        });
        let wrong = |error| format!("{} can't be read: {error}", path.display());
        read.map_err(|error| self.reader.problem(value.span(), wrong(error))).ok()
    }

    fn headers_table<'v>(&mut self, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        self.table("headers", "a table, such as { accept = \"text/html\" }", value)
    }

    fn field_name(&mut self, key: &Spanned<DeString<'_>>) -> String {
        let name = key.get_ref().to_string();
        if !headers::is_token(name.as_bytes()) {
            self.reader.problem(key.span(), format!("{name:?} can't be the name of a header field"));
        }
        name
    }

    fn regex(&mut self, name: &str, value: &Value<'_>) -> Option<Regex> {
        let pattern = self.string(name, value)?;
        let wrong = |error: regex::Error| format!("`{name}` is no regular expression: {error}");
        Regex::new(&pattern).map_err(|error| self.reader.problem(value.span(), wrong(error))).ok()
    }

    fn string(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        self.string_as(name, "a string", value)
    }

    fn string_as(&mut self, name: &str, wanted: &str, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        text
    }

    fn table<'v>(&mut self, name: &str, wanted: &str, value: &'v Value<'v>) -> Option<&'v DeTable<'v>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        table
    }

    fn list<'v>(&mut self, name: &str, wanted: &str, value: &'v Value<'v>) -> Vec<&'v Value<'v>> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.reader.wrong_type(name, wanted, value);
        }
        list.map(|list| list.iter().collect()).unwrap_or_default()
    }

    /// A list that says nothing if it is empty.
    fn tables<'v>(&mut self, name: &str, wanted: &str, value: &'v Value<'v>) -> Vec<&'v Value<'v>> {
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            self.reader.problem(value.span(), format!("there is at least one {wanted}"));
        }
        self.list(name, wanted, value)
    }

    /// Reports each key of a table that is in none of these lists.
    fn known(&mut self, place: &str, table: &DeTable<'_>, names: &[&[&str]]) {
        let names: Vec<&str> = names.concat();
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !names.contains(&name) {
                let help = suggestion(name, names.iter().copied())
                    .map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
                self.reader.problem(key.span(), format!("{place} has no `{name}`: {help}"));
            }
        }
    }
}

fn get<'t>(table: &'t DeTable<'t>, name: &str) -> Option<&'t Value<'t>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
