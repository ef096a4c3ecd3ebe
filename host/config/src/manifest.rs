//! `snow.toml` in the guests folder: what a deployer decides. The file is optional, and so is everything in it.
//!
//! ```toml
//! #:schema ./snow.schema.json
//! # Made by `snow-host config --schema`: editors complete and check by it.
//!
//! [server]                    # the command line wins over it
//! listen = ["127.0.0.1:8080", "[::1]:8080"]
//! workers = 2
//! access_log = false
//! log = "json"
//! admin = "unix:/run/snow.sock"
//!
//! [rollback]                  # a new version is given up for the one before
//! traps = 3                   # if so many
//! calls = 100                 # of its first calls trap
//!
//! [limits]                    # by the names of `config::Limits` and `limits::HttpLimits`
//! pendings_max = 100_000
//! body_bytes_max = 1_048_576
//!
//! [guest.shop]                # the guest in shop.wasm or shop.wat
//! keys = ["orders/*"]         # the keys under which it may create pendings
//! settles = ["mail/*"]        # the keys under which it may settle (`set-next`, `set-all`)
//! responds = true             # it may settle with a `response` what another guest waits for
//! pendings_max = 10_000       # pendings of this guest at one time
//! mount = "/shop"             # its routes are below this
//! memory_bytes_max = 16_777_216
//! running_ms_max = 500
//! body_bytes_max = 65_536
//! calls_max = 4               # that have an instance at one time
//! instances = { reuse = 1_000 }
//! build = ["make", "shop.wasm"]
//! rollback = false
//! ```
//!
//! Without `keys`, `settles` and `responds` anywhere in the file, the folder is one domain of trust: every guest may use
//! every key. With one of them anywhere, what is not granted is `denied`, to guests without a table too: so a guest
//! that is dropped into the folder later can't reach those that were fenced off before.
//!
//! In a key's pattern `*` stands for anything, `/` included ([`Glob`](snow_core::Glob)).
//!
//! Everything there is to know of a key is said once: its field in [`config`](crate::config) has its doc comment, type
//! and default, and `tables` or `limits` what it may be and whether it can change while the server runs. Reading,
//! [`schema()`], [`as_toml`] and [`restart_only`] follow.

mod bounds;
mod docs;
mod in_force;
mod key;
mod limits;
mod live;
mod places;
pub mod reader;
mod schema;
mod setting;
mod tables;

use std::fmt;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use self::bounds::Exceeding;
pub use self::in_force::{Sources, as_json, as_toml};
pub use self::live::restart_only;
pub use self::places::Places;
use self::reader::Reader;
pub use self::schema::schema;
use crate::config::{GuestConfig, GuestConfigs, Limits, Rollback, ServerConfig};

/// What the file is called, in the guests folder.
pub const FILE_NAME: &str = "snow.toml";
/// How large the file may be.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a deployer has decided; what is not in the file is as it is by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// `[server]`
    pub server: ServerConfig,
    /// When a new version of a guest is given up for the one before: if so many `traps` are among its first `calls`.
    /// False: never.
    pub rollback: Rollback,
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
    parse_with_places(text, file).map(|(manifest, _)| manifest)
}

/// The same, and where each key stands.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_places(text: &str, file: &str) -> Result<(Manifest, Places), ManifestError> {
    let mut reader = Reader::new(text, file);
    let mut manifest = Manifest::default();
    match DeTable::parse(text) {
        Ok(root) => read(&mut reader, root.get_ref(), &mut manifest),
        Err(error) => reader.problem(error.span().unwrap_or_default(), error.message().to_owned()),
    }
    match reader.into_places() {
        Ok(places) => Ok((manifest, places)),
        Err(problems) => Err(ManifestError { problems }),
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
    // The guests come last, since their own limits are measured by the others.
    let mut guests = None;
    for (key, value) in root {
        match key.get_ref().as_ref() {
            "server" => {
                let table = reader.table("server", value);
                table.inspect(|table| key::read(reader, "server", table, &tables::SERVER, &mut manifest.server));
            }
            "limits" => {
                let table = reader.table("limits", value);
                table.inspect(|table| limits::read(reader, table, &mut manifest.limits));
            }
            "guest" => guests = reader.table("guest", value),
            name => match tables::FILE.iter().find(|known| known.name == name) {
                Some(known) => known.take(reader, "", value, manifest),
                None => unknown(reader, key),
            },
        }
    }
    for (name, value) in guests.into_iter().flatten() {
        let place = format!("guest.{}", name.get_ref());
        let Some(table) = reader.table(&place, value) else { continue };
        let mut config = GuestConfig::default();
        key::read(reader, &place, table, &tables::GUEST, &mut config);
        for Exceeding { name, value, bound, most } in bounds::exceeding(&config, &manifest.limits) {
            let span = reader.written(&place, name).unwrap_or_default();
            reader.problem(span, format!("`{name}` is {value}, above `{bound}` of [limits], which is {most}"));
        }
        manifest.guests.insert(name.get_ref().to_string(), config);
    }
}

/// A key of the file itself that is none: perhaps it only stands in the wrong place.
fn unknown(reader: &mut Reader<'_>, key: &Spanned<DeString<'_>>) {
    let name = key.get_ref().as_ref();
    let table = if limits::names().any(|known| known == name) {
        "[limits]"
    } else if tables::SERVER.iter().any(|known| known.name == name) {
        "[server]"
    } else if tables::GUEST.iter().any(|known| known.name == name) {
        "[guest.NAME] of a guest"
    } else {
        return reader.unknown("the file", key, ["server", "rollback", "limits", "guest"]);
    };
    reader.problem(key.span(), format!("`{name}` belongs into the table {table}"));
}

#[cfg(test)]
mod tests;
