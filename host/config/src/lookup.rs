//! Looks up the values of `[guest.NAME.config]`, and of the fields that the host adds to requests of
//! guests (`outbound`), that stand elsewhere: in environment variables and in files. In `dev`, a file `.env` beside the guests stands in for variables that are not set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{
    ADDED_BYTES_MAX, AddedField, ConfigValue, ConfigValues, DatabaseConfigs, DatabasePlace, Limits,
    OutboundRules, Secret, ValueSource, has_password,
};
use crate::manifest::{FILE_BYTES_MAX, Manifest, Places, Problem};

/// The name of the file that stands in for environment variables in `dev`.
pub(crate) const DOTENV: &str = ".env";

/// Bytes of a URL of a database, at most.
const URL_BYTES_MAX: usize = 4_096;

/// Bytes of the end of a line, at most.
const LINE_END_BYTES: u64 = 2;

/// The files that a manifest names, and how each looked when it was read. So a change of one is
/// noticed without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFiles(BTreeMap<PathBuf, u64>);

impl NamedFiles {
    /// Whether the manifest names no file.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a fingerprint of all files as they were read; 0 if there is none.
    pub fn print(&self) -> u64 {
        combined(self.0.iter().map(|(path, print)| (path, *print)))
    }

    /// Returns a fingerprint of all files as they are now.
    pub fn print_now(&self) -> u64 {
        combined(self.0.keys().map(|path| (path, looks(path))))
    }
}

fn combined<'p>(files: impl Iterator<Item = (&'p PathBuf, u64)>) -> u64 {
    files.fold(0, |all, file| {
        let mut hasher = DefaultHasher::new();
        (all, file).hash(&mut hasher);
        hasher.finish()
    })
}

/// Returns a fingerprint of how a file looks; 0 if there is none.
fn looks(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| print(&found))
}

fn print(metadata: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    let changed =
        (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    (metadata.dev(), metadata.ino(), metadata.len(), changed).hash(&mut hasher);
    hasher.finish()
}

/// Where values are looked up, and what is wrong so far.
pub(crate) struct Lookup<'a> {
    /// The name of the manifest, for problems.
    pub manifest_file: &'a str,
    /// Where each value is written.
    pub places: &'a Places,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The file that stands in for variables that are not set; only in `dev`.
    pub dotenv: Option<PathBuf>,
    pub files: NamedFiles,
    pub problems: Vec<Problem>,
}

impl Lookup<'_> {
    /// Looks all values up. `common` are the values that the command line gives every guest.
    pub(crate) fn all(&mut self, manifest: &mut Manifest, common: &mut ConfigValues) {
        let beside = self.dotenv();
        let limits = manifest.limits.clone();
        self.of_databases(&mut manifest.databases, &beside);
        let mut bytes = self.of_guest("", common, &beside, &limits);
        for (name, config) in &mut manifest.guests {
            if let Some(values) = &mut config.config {
                bytes += self.of_guest(name, values, &beside, &limits);
            }
            if let Some(rules) = &mut config.outbound {
                bytes += self.of_rules(name, rules, &beside, &limits);
            }
        }
        if bytes > limits.config_bytes_max {
            let most = limits.config_bytes_max;
            let message = format!(
                "the `config` of all guests has {bytes} bytes, with the fields of `outbound`; at most \
                 {most} are allowed (config_bytes_max)"
            );
            self.problems.push(Problem::of_file(self.manifest_file, message));
        }
    }

    /// Looks the URLs of databases up, and reads them.
    fn of_databases(&mut self, databases: &mut DatabaseConfigs, beside: &BTreeMap<String, Secret>) {
        let folder = Path::new(self.manifest_file).parent().unwrap_or(Path::new(""));
        // What a path means can't depend on where the process goes later.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        for (name, config) in databases {
            let Some(url) = &mut config.url else { continue };
            let read = self.found(&url.written, beside, URL_BYTES_MAX).and_then(|found| {
                url.written.found = found;
                let text = url.written.text().unwrap_or_default();
                let (place, is_secret) = (DatabasePlace::parse(text, &folder), has_password(text));
                url.written.is_secret |= is_secret;
                place
            });
            match read {
                Ok(place) => url.place = Some(place.into()),
                Err(why) => {
                    let line = self.places.line(&format!("database.{name}"), "url").unwrap_or(0);
                    let message = format!("`url` of [database.{name}] {why}");
                    let file = self.manifest_file.to_owned();
                    self.problems.push(Problem { file, line, column: 1, message });
                }
            }
        }
    }

    /// Looks the values of a guest up. Returns how many bytes all its names and values have.
    fn of_guest(
        &mut self,
        guest: &str,
        values: &mut ConfigValues,
        beside: &BTreeMap<String, Secret>,
        limits: &Limits,
    ) -> usize {
        let entries = values.iter().count();
        if entries > limits.guest_config_entries_max {
            let most = limits.guest_config_entries_max;
            let message = format!(
                "the `config` of {guest:?} has {entries} values; at most {most} are allowed \
                 (guest_config_entries_max)"
            );
            self.problems.push(Problem::of_file(self.manifest_file, message));
            return 0;
        }
        let mut bytes = 0;
        for (name, value) in values.iter_mut() {
            match self.found(value, beside, limits.config_value_bytes_max) {
                Ok(found) => value.found = found,
                Err(why) => self.problem(guest, name, &why),
            }
            let value_bytes = value.text().map_or(0, str::len);
            if value_bytes > limits.config_value_bytes_max {
                self.problem(guest, name, &too_large(limits.config_value_bytes_max));
            }
            bytes += name.len() + value_bytes;
        }
        if bytes > limits.guest_config_bytes_max {
            let most = limits.guest_config_bytes_max;
            let message = format!(
                "the `config` of {guest:?} has {bytes} bytes; at most {most} are allowed \
                 (guest_config_bytes_max)"
            );
            self.problems.push(Problem::of_file(self.manifest_file, message));
        }
        bytes
    }

    /// Looks up the fields that the host adds to a guest's requests. Returns how many bytes their
    /// names and values have.
    fn of_rules(
        &mut self,
        guest: &str,
        rules: &mut OutboundRules,
        beside: &BTreeMap<String, Secret>,
        limits: &Limits,
    ) -> usize {
        let most = limits.config_value_bytes_max.min(ADDED_BYTES_MAX);
        let mut bytes = 0;
        for (rule, field) in rules.fields_mut() {
            let fault = match self.found(&field.value, beside, most) {
                Ok(found) => {
                    field.value.found = found;
                    field.fault()
                }
                Err(why) => Some(why),
            };
            if let Some(why) = fault {
                self.field_problem(guest, rule, field, &why);
            }
            bytes += field.name().len() + field.value.text().map_or(0, str::len);
        }
        if bytes > limits.guest_config_bytes_max {
            let most = limits.guest_config_bytes_max;
            let message = format!(
                "the fields of `outbound` of {guest:?} have {bytes} bytes; at most {most} are \
                 allowed (guest_config_bytes_max)"
            );
            self.problems.push(Problem::of_file(self.manifest_file, message));
        }
        bytes
    }

    fn field_problem(&mut self, guest: &str, rule: usize, field: &AddedField, why: &str) {
        let name = field.name();
        let (line, column) = self.places.field(guest, rule, name).unwrap_or_default();
        let message = format!("`headers.{name}` in `outbound` of [guest.{guest}] {why}");
        self.problems.push(Problem { file: self.manifest_file.to_owned(), line, column, message });
    }

    fn problem(&mut self, guest: &str, name: &str, why: &str) {
        let (file, line, column) = match self.places.value(guest, name) {
            Some((line, column)) => (self.manifest_file, line, column),
            None => ("--config", 0, 0),
        };
        let message = match guest {
            "" => format!("`{name}` {why}"),
            _ => format!("`{name}` of [guest.{guest}.config] {why}"),
        };
        self.problems.push(Problem { file: file.to_owned(), line, column, message });
    }

    /// Returns what a value is, if it stands elsewhere.
    fn found(
        &mut self,
        value: &ConfigValue,
        beside: &BTreeMap<String, Secret>,
        bytes_max: usize,
    ) -> Result<Option<Secret>, String> {
        match &value.source {
            ValueSource::Text(_) => Ok(None),
            ValueSource::Variable(name) => self.in_environment(name, beside).map(Some),
            ValueSource::File(path) => {
                let shown = path.display();
                let mut text = self.read(path, bytes_max as u64).map_err(|why| match why {
                    Unread::TooLarge => too_large(bytes_max),
                    Unread::Otherwise(why) => {
                        format!("names the file {shown}, which can't be read: {why}")
                    }
                })?;
                // Editors end the last line, and `docker secret` keeps that.
                let end =
                    text.strip_suffix('\n').map(|rest| rest.strip_suffix('\r').unwrap_or(rest));
                if let Some(length) = end.map(str::len) {
                    text.truncate(length);
                }
                Ok(Some(Secret::new(std::mem::take(&mut *text))))
            }
        }
    }

    fn in_environment(
        &self,
        name: &str,
        beside: &BTreeMap<String, Secret>,
    ) -> Result<Secret, String> {
        match ((self.variable)(name), beside.get(name)) {
            (Some(text), _) => match text.into_string() {
                Ok(text) => Ok(Secret::new(text)),
                Err(_) => Err(format!("names the environment variable {name}, which is not UTF-8")),
            },
            (None, Some(text)) => Ok(text.clone()),
            (None, None) => {
                let advice = match &self.dotenv {
                    Some(file) => format!("set it, or write {name}=VALUE into {}", file.display()),
                    None => "set it where snow-host is started".to_owned(),
                };
                Err(format!("names the environment variable {name}, which is not set: {advice}"))
            }
        }
    }

    /// Reads the file that stands in for variables, if there is one.
    fn dotenv(&mut self) -> BTreeMap<String, Secret> {
        let Some(path) = self.dotenv.clone() else { return BTreeMap::new() };
        if !path.exists() {
            // It is noticed when somebody writes it.
            self.files.0.insert(path.clone(), looks(&path));
            return BTreeMap::new();
        }
        let file = path.display().to_string();
        let text = match self.read(&path, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(why) => {
                let why = match why {
                    Unread::TooLarge => format!("it has more than {FILE_BYTES_MAX} bytes"),
                    Unread::Otherwise(why) => why,
                };
                self.problems.push(Problem::of_file(&file, format!("can't be read: {why}")));
                return BTreeMap::new();
            }
        };
        let mut variables = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            match variable_of(line) {
                Ok(None) => {}
                Ok(Some((name, value))) => {
                    variables.insert(name.to_owned(), Secret::new(value.to_owned()));
                }
                Err(message) => {
                    let (file, message) = (file.clone(), message.to_owned());
                    self.problems.push(Problem { file, line: index + 1, column: 1, message });
                }
            }
        }
        variables
    }

    /// Reads a file of text, and remembers how it looks.
    fn read(&mut self, path: &Path, bytes_max: u64) -> Result<Zeroizing<String>, Unread> {
        // Also of one that can't be read: else it would always look changed.
        self.files.0.insert(path.to_owned(), looks(path));
        let otherwise = |error: std::io::Error| Unread::Otherwise(error.to_string());
        // Opening a pipe would wait for its writer, and a device may never end.
        if !fs::metadata(path).map_err(otherwise)?.is_file() {
            return Err(Unread::Otherwise("it is not a regular file".to_owned()));
        }
        let opened = File::open(path).map_err(otherwise)?;
        let found = opened.metadata().map_err(otherwise)?;
        self.files.0.insert(path.to_owned(), print(&found));
        // Room for all of it from the start, so that no copy is left behind.
        let room = usize::try_from(found.len().min(bytes_max + LINE_END_BYTES) + 1).unwrap_or(0);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        // A byte more than there may be, which is not to be missing in silence.
        opened.take(bytes_max + LINE_END_BYTES + 1).read_to_end(&mut bytes).map_err(otherwise)?;
        // The line's end is not part of the value. Looked at before the text is: it may end within a
        // character.
        if bytes.len() as u64 > bytes_max + LINE_END_BYTES {
            return Err(Unread::TooLarge);
        }
        let text = match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Zeroizing::new(text),
            Err(error) => {
                let why = error.utf8_error().to_string();
                drop(Zeroizing::new(error.into_bytes()));
                return Err(Unread::Otherwise(why));
            }
        };
        let length = text.trim_end_matches(['\r', '\n']).len() as u64;
        if length > bytes_max { Err(Unread::TooLarge) } else { Ok(text) }
    }
}

/// Why a file was not read.
enum Unread {
    TooLarge,
    Otherwise(String),
}

fn too_large(bytes_max: usize) -> String {
    format!("has more than {bytes_max} bytes, the most of a value (config_value_bytes_max)")
}

/// Reads one line of `.env`: a name and a value, or nothing.
fn variable_of(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    // The line may hold a secret, so it is not shown.
    let (name, value) = line.split_once('=').ok_or("this line is not KEY=VALUE")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err("this line has no name before its `=`");
    }
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Ok(Some((name, quoted('"').or_else(|| quoted('\'')).unwrap_or(value))))
}

#[cfg(test)]
mod tests;
