//! Parses a case file, and reports all problems in it with their lines and columns.

mod expect;
mod json;
mod message;
mod settle;
mod store;
mod upstream;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use toml::de::DeTable;

pub(super) use self::message::path_fault;
use self::values::{Value, Values, get};
use super::cases::{Action, Case, CaseFile, Step};
use snow_config::manifest::{ManifestError, suggestion};

/// The size of the largest case file.
const FILE_BYTES_MAX: u64 = 1 << 20;

const FILE_KEYS: &[&str] = &["with", "upstream", "case"];
const REQUEST_KEYS: &[&str] = &["path", "method", "headers", "body", "body_file", "json", "form"];
/// The keys that decide the kind of a step, but for `path`.
const OTHER_STEPS: &[&str] =
    &["held", "answer", "settle", "disconnect", "advance", "config", "store", "expect_store"];
/// The keys of a case that stand beside its steps.
const CASE_KEYS: &[&str] = &["name", "config", "upstream", "store", "expect_store"];

/// How long `advance` may take by default.
const ADVANCE_WITHIN_DEFAULT: Duration = Duration::from_secs(60);

/// Reads a case file. `neighbours` are the guests that its `with` may name.
///
/// # Errors
/// The outer error: the file can't be read. The inner one: its content is invalid.
pub(super) fn read(
    path: &Path,
    neighbours: &BTreeMap<String, PathBuf>,
) -> anyhow::Result<Result<CaseFile, ManifestError>> {
    let name = path.display().to_string();
    let bytes = fs::metadata(path).with_context(|| format!("can't read {name}"))?.len();
    ensure!(
        bytes <= FILE_BYTES_MAX,
        "{name} has {bytes} bytes; at most {FILE_BYTES_MAX} are allowed"
    );
    let text = fs::read_to_string(path).with_context(|| format!("can't read {name}"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(parse(&text, &name, folder, neighbours))
}

/// Parses the text of a case file. Files that it names are in `folder`.
fn parse(
    text: &str,
    name: &str,
    folder: &Path,
    neighbours: &BTreeMap<String, PathBuf>,
) -> Result<CaseFile, ManifestError> {
    let mut parser = Parser { values: Values::new(text, name, folder), held: BTreeMap::new() };
    let mut file = CaseFile {
        name: name.to_owned(),
        with: Vec::new(),
        upstreams: Vec::new(),
        cases: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(root) => parser.file(root.get_ref(), neighbours, &mut file),
        Err(error) => {
            parser.values.problem(error.span().unwrap_or_default(), error.message().to_owned())
        }
    }
    parser.values.finish()?;
    Ok(file)
}

/// Parses files, cases and steps, and keeps track of labels. [`Values`] parses what steps consist
/// of.
struct Parser<'t> {
    values: Values<'t>,
    /// The labels of the current case. `true`: a step has taken the answer or has disconnected.
    held: BTreeMap<String, bool>,
}

impl Parser<'_> {
    fn file(
        &mut self,
        root: &DeTable<'_>,
        neighbours: &BTreeMap<String, PathBuf>,
        file: &mut CaseFile,
    ) {
        self.values.check_keys("a case file", root, &[FILE_KEYS]);
        if let Some(with) = get(root, "with") {
            file.with = self.with(with, neighbours);
        }
        if let Some(upstreams) = get(root, "upstream") {
            file.upstreams = self.values.upstreams("[[upstream]]", upstreams);
            for value in upstreams.get_ref().as_array().into_iter().flat_map(|list| list.iter()) {
                let times = value.get_ref().as_table().and_then(|table| get(table, "times"));
                if let Some(times) = times {
                    let message = "`times` belongs into [[case.upstream]]: this upstream answers in \
                                   all cases";
                    self.values.problem(times.span(), message.to_owned());
                }
            }
        }
        let Some(cases) = get(root, "case") else {
            self.values.problem(0..0, "there is no case: a case is a table [[case]]".to_owned());
            return;
        };
        let mut names = Vec::new();
        for value in self.values.tables("case", "[[case]]", cases) {
            let Some(table) = self.values.table("case", "[[case]]", value) else { continue };
            let case = self.case(value, table);
            if names.contains(&case.name) {
                self.values
                    .problem(value.span(), format!("there is a case {:?} already", case.name));
            }
            names.push(case.name.clone());
            file.cases.push(case);
        }
    }

    fn with(&mut self, value: &Value<'_>, neighbours: &BTreeMap<String, PathBuf>) -> Vec<String> {
        let mut with = Vec::new();
        for value in self.values.list("with", "a list of guests' names, such as [\"pay\"]", value) {
            let Some(name) = self.values.string("with", value) else { continue };
            if !neighbours.contains_key(&name) {
                let near = suggestion(&name, neighbours.keys().map(String::as_str));
                let help = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                let message = format!("there is no other guest `{name}` in the folder{help}");
                self.values.problem(value.span(), message);
            }
            with.push(name);
        }
        with
    }

    fn case(&mut self, value: &Value<'_>, table: &DeTable<'_>) -> Case {
        self.held.clear();
        self.values.names.clear();
        let name = get(table, "name").and_then(|value| self.values.string("name", value));
        if name.as_deref().is_none_or(str::is_empty) {
            self.values.problem(value.span(), "a case has a `name`".to_owned());
        }
        let config = get(table, "config").map(|value| self.values.config(value));
        // No step has saved anything for them.
        let upstreams = get(table, "upstream")
            .map(|value| self.values.upstreams("[[case.upstream]]", value))
            .unwrap_or_default();
        let mut steps = Vec::new();
        if let Some(value) = get(table, "store") {
            let action = Action::SetStore(self.values.store(value));
            steps.push(Step { line: self.values.line_of(value), number: None, action });
        }
        match get(table, "step") {
            Some(list) => {
                self.values.check_keys("a case with steps", table, &[CASE_KEYS, &["step"]]);
                let list = self.values.tables("step", "[[case.step]]", list);
                for (index, value) in list.into_iter().enumerate() {
                    let Some(table) = self.values.table("step", "[[case.step]]", value) else {
                        continue;
                    };
                    let action = self.step("a step", &[], value, table);
                    let (line, number) = (self.values.line_of(value), Some(index + 1));
                    steps.extend(action.map(|action| Step { line, number, action }));
                }
            }
            None => {
                let action = self.step("a case", CASE_KEYS, value, table);
                let (line, number) = (self.values.line_of(value), Some(1));
                steps.extend(action.map(|action| Step { line, number, action }));
            }
        }
        if let Some(value) = get(table, "expect_store") {
            let action = Action::ExpectStore(self.values.expect_store(value));
            steps.push(Step { line: self.values.line_of(value), number: None, action });
        }
        let counted = upstreams.iter().enumerate().filter(|(_, upstream)| upstream.times.is_some());
        steps.extend(counted.map(|(index, upstream)| Step {
            line: upstream.line,
            number: None,
            action: Action::ExpectAsked { index },
        }));
        let (name, config) = (name.unwrap_or_default(), config.unwrap_or_default());
        Case { name, config, upstreams, steps }
    }

    /// Parses a step; one of its keys decides which kind it is. `what` names it in messages, and
    /// `also` are keys that it may have besides those of its kind.
    fn step(
        &mut self,
        what: &str,
        also: &[&str],
        value: &Value<'_>,
        table: &DeTable<'_>,
    ) -> Option<Action> {
        // Beside a case of one request, these keys are the case's.
        let is_step = also.is_empty();
        let key = |name: &str| get(table, name);
        let values = &mut self.values;
        if let Some(settle) = key("settle") {
            values.check_keys("a step that settles", table, &[&["settle", "expect"], also]);
            values.settle(settle, key("expect"))
        } else if let Some(label) = key("disconnect") {
            values.check_keys("a step that disconnects", table, &[&["disconnect"], also]);
            self.end_hold("disconnect", label).map(|label| Action::Disconnect { label })
        } else if let Some(by) = key("advance") {
            values.check_keys(
                "a step that moves the clock",
                table,
                &[&["advance", "within_ms"], also],
            );
            let within = values.within(table, ADVANCE_WITHIN_DEFAULT);
            let by = values.duration("advance", by);
            by.zip(within).map(|(by, within)| Action::Advance { by, within })
        } else if let Some(config) = key("config").filter(|_| is_step) {
            values.check_keys("a step that changes the config", table, &[&["config"]]);
            Some(Action::SetConfig(values.config(config)))
        } else if let Some(store) = key("store").filter(|_| is_step) {
            values.check_keys("a step that writes into the store", table, &[&["store"]]);
            Some(Action::SetStore(values.store(store)))
        } else if let Some(store) = key("expect_store").filter(|_| is_step) {
            values.check_keys("a step that looks into the store", table, &[&["expect_store"]]);
            Some(Action::ExpectStore(values.expect_store(store)))
        } else if let Some(label) = key("answer") {
            let keys = &["answer", "expect", "save"];
            values.check_keys("a step that takes an answer", table, &[keys, also]);
            let expect = values.expect(key("expect"));
            let save = values.save(key("save"));
            self.end_hold("answer", label).zip(expect).map(|(label, expect)| Action::Answer {
                label,
                expect,
                save,
            })
        } else if let Some(label) = key("held") {
            let held = "a request that is held (another step, `answer`, takes its answer)";
            values.check_keys(held, table, &[REQUEST_KEYS, &["held"], also]);
            let request = values.request(what, value, table);
            self.begin_hold(label)
                .zip(request)
                .map(|(label, request)| Action::Hold { label, request })
        } else {
            let others: &[&str] = if is_step { OTHER_STEPS } else { &["step"] };
            values.check_keys(what, table, &[REQUEST_KEYS, &["expect", "save"], also, others]);
            let (request, expect) =
                (values.request(what, value, table), values.expect(key("expect")));
            let save = values.save(key("save"));
            request.zip(expect).map(|(request, expect)| Action::Request { request, expect, save })
        }
    }

    /// Reads the label of a request that is held from this step on.
    fn begin_hold(&mut self, value: &Value<'_>) -> Option<String> {
        let label = self.values.string("held", value)?;
        if self.held.insert(label.clone(), false).is_some() {
            self.values
                .problem(value.span(), format!("a held request is called {label:?} already"));
        }
        Some(label)
    }

    /// Reads the label of a held request that ends with this step.
    fn end_hold(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        let label = self.values.string(name, value)?;
        match self.held.get_mut(&label) {
            Some(has_ended) if !*has_ended => *has_ended = true,
            Some(_) => {
                let message =
                    format!("the request {label:?} has been answered or disconnected before");
                self.values.problem(value.span(), message);
            }
            None => {
                let near = suggestion(&label, self.held.keys().map(String::as_str));
                let help = near.map_or_else(
                    || "an earlier step needs held = \"…\"".to_owned(),
                    |near| format!("did you mean {near:?}?"),
                );
                self.values
                    .problem(value.span(), format!("no request is held as {label:?}: {help}"));
            }
        }
        Some(label)
    }
}

#[cfg(test)]
mod tests;
