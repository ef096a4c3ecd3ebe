//! `snow.toml` in the guests folder: what a deployer decides. The file is optional, and so is everything in it.
//!
//! ```toml
//! [limits]                    # by the names of `config::Limits` and `limits::HttpLimits`
//! pendings_max = 100_000
//! body_bytes_max = 1_048_576
//!
//! [guest.shop]                # the guest in shop.wasm or shop.wat
//! keys = ["orders/*"]         # the keys under which it may create pendings
//! settles = ["mail/*"]        # the keys under which it may settle (`set-next`, `set-all`)
//! responds = true             # it may settle with a `response` what another guest waits for
//! pendings_max = 10_000       # pendings of this guest at one time
//! ```
//!
//! Without `keys`, `settles` and `responds` anywhere in the file, the folder is one domain of trust: every guest may use
//! every key. With one of them anywhere, what is not granted is `denied`, to guests without a table too: so a guest
//! that is dropped into the folder later can't reach those that were fenced off before.
//!
//! In a key's pattern `*` stands for anything, `/` included ([`Glob`]).

mod limits;
pub(crate) mod reader;

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::reader::Reader;
use crate::config::{GuestConfig, GuestConfigs, Limits};
use crate::glob::{Glob, Globs};

/// What the file is called, in the guests folder.
pub const FILE_NAME: &str = "snow.toml";
/// How large the file may be.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// Patterns in one list.
const PATTERNS_MAX: usize = 1_000;
/// One pattern.
const PATTERN_BYTES_MAX: usize = 1_024;

const TABLES: [&str; 2] = ["limits", "guest"];
const GUEST_KEYS: [&str; 4] = ["keys", "settles", "responds", "pendings_max"];

/// What a deployer has decided; what is not in the file is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `[limits]`
    pub limits: Limits,
    /// `[guest.NAME]`, each
    pub guests: GuestConfigs,
}

/// Everything that is wrong with a file, in its order: one line each, `FILE:LINE:COLUMN: what is wrong`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        out.write_str(&lines.join("\n  "))
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, as it was handed in.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what was perhaps meant.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, column, message } = self;
        write!(out, "{file}:{line}:{column}: {message}")
    }
}

/// Reads the text of a manifest. `file` is its name, for the errors.
///
/// # Errors
/// It is no TOML, or it has tables or keys that mean nothing, values of a wrong type, or values outside of what they
/// may be. All of these are reported at once; of text that is no TOML, the first place.
pub fn parse(text: &str, file: &str) -> Result<Manifest, ManifestError> {
    let mut reader = Reader::new(text, file);
    let mut manifest = Manifest::default();
    match DeTable::parse(text) {
        Ok(root) => read(&mut reader, root.get_ref(), &mut manifest),
        Err(error) => reader.problem(error.span().unwrap_or_default(), error.message().to_owned()),
    }
    match reader.into_problems() {
        problems if problems.is_empty() => Ok(manifest),
        problems => Err(ManifestError { problems }),
    }
}

/// The name among `names` that was perhaps meant.
pub fn suggestion<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.into_iter().map(|name| (strsim::damerau_levenshtein(word, name), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    // Up to a third of the word may be wrong: more is another word.
    (distance <= word.chars().count().div_ceil(3)).then_some(name)
}

fn read(reader: &mut Reader<'_>, root: &DeTable<'_>, manifest: &mut Manifest) {
    let of_table = |name: &str| root.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value);
    // First, since the guests' own limits are measured by these.
    if let Some(table) = of_table("limits").and_then(|value| reader.table("limits", value)) {
        limits::read(reader, table, &mut manifest.limits);
    }
    if let Some(table) = of_table("guest").and_then(|value| reader.table("guest", value)) {
        for (name, value) in table {
            let place = format!("guest.{}", name.get_ref());
            let Some(table) = reader.table(&place, value) else { continue };
            let config = read_guest(reader, &place, table, &manifest.limits);
            manifest.guests.insert(name.get_ref().to_string(), config);
        }
    }
    for (key, _) in root {
        let name = key.get_ref().as_ref();
        if limits::names().any(|limit| limit == name) {
            reader.problem(key.span(), format!("`{name}` belongs into the table [limits]"));
        } else if !TABLES.contains(&name) {
            reader.unknown("the file", key, TABLES);
        }
    }
}

fn read_guest(reader: &mut Reader<'_>, place: &str, table: &DeTable<'_>, limits: &Limits) -> GuestConfig {
    let mut config = GuestConfig::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "keys" => config.keys = Some(patterns(reader, "keys", value)),
            "settles" => config.settles = Some(patterns(reader, "settles", value)),
            "responds" => config.responds = reader.boolean("responds", value),
            "pendings_max" => {
                let most = limits.pendings_max as u64;
                config.pendings_max = reader.integer("pendings_max", value, 0..=most).map(|value| value as usize);
            }
            _ => reader.unknown(&format!("[{place}]"), key, GUEST_KEYS),
        }
    }
    config
}

fn patterns(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Globs {
    let Some(array) = value.get_ref().as_array() else {
        reader.wrong_type(name, "a list of strings, such as [\"orders/*\"]", value);
        return Globs::default();
    };
    if array.len() > PATTERNS_MAX {
        let message = format!("`{name}` has {} patterns; at most {PATTERNS_MAX} are allowed", array.len());
        reader.problem(value.span(), message);
    }
    let mut pattern = |value: &Spanned<DeValue<'_>>| {
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong_type(name, "strings", value);
            return None;
        };
        if text.len() > PATTERN_BYTES_MAX {
            let message = format!("a pattern has {} bytes; at most {PATTERN_BYTES_MAX} are allowed", text.len());
            reader.problem(value.span(), message);
        }
        Some(Glob::new(text))
    };
    array.iter().filter_map(&mut pattern).collect()
}

#[cfg(test)]
mod tests;
