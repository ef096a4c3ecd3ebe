//! `snow.toml` in the guests folder: the decisions of a deployer. The file is optional, and so is
//! everything in it.
//!
//! ```toml
//! #:schema ./snow.schema.json
//! # Made by `snow-host config --schema`: editors complete and check by it.
//!
//! [server]                    # the command line wins
//! listen = ["127.0.0.1:8080", "[::1]:8080"]
//! workers = 2
//! access_log = false
//! log = "json"
//! admin = "unix:/run/snow.sock"
//!
//! [rollback]                  # a new version is rolled back to the one before
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
//! environment = ["MODE=test"]  # what it finds in its environment
//! databases = ["app"]          # tables [database.NAME] that it may use
//! config = { greeting = "hello", token = { secret = { env = "TOKEN" } } }  # for wasi:config
//! build = ["make", "shop.wasm"]
//! rollback = false
//!
//! [database.app]
//! url = "sqlite:data/app.db"   # or postgres://…, mysql://…
//! connections_max = 4
//! ```
//!
//! While no table of the file has `keys`, `settles` or `responds`, the folder is one domain of
//! trust: every guest may use every key. As soon as one table has one of them, whatever is not
//! granted is `denied`, also to guests without a table: a guest that is dropped into the folder
//! later can't reach those that were fenced off before.
//!
//! In a key's pattern `*` stands for anything, `/` included ([`Glob`](snow_core::Glob)).
//!
//! Each setting is declared once, by [`declare_settings!`](snow_core::declare_settings): in
//! the files of `config/`, in [`HttpLimits`](crate::HttpLimits), and below. Reading, [`schema()`],
//! [`as_toml`] and [`restart_only`] follow from that.

mod bounds;
mod databases;
mod in_force;
mod key;
mod kind;
mod live;
mod places;
mod reader;
mod reference;
mod schema;
mod tables;

use std::collections::BTreeSet;
use std::fmt;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use self::bounds::Exceeding;
pub use self::in_force::{Origins, as_json, as_toml};
use self::key::Keys;
pub use self::live::restart_only;
pub use self::places::Places;
pub use self::reader::Reader;
pub use self::reference::as_markdown;
pub use self::schema::schema;
use self::tables::{DATABASE, FILE, GUEST, LIMITS, SERVER};
use crate::config::{DatabaseConfigs, GuestConfig, GuestConfigs, Limits, Rollback, ServerConfig};

/// The name of the file, in the guests folder.
pub const FILE_NAME: &str = "snow.toml";
/// The largest size of the file.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

snow_core::declare_settings! {
    /// The decisions of a deployer. Settings that are not in the file have their defaults.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Manifest {
        parts {
            /// The table `[server]`.
            pub server: ServerConfig;
            /// The table `[limits]`.
            pub limits: Limits;
            /// The tables `[guest.NAME]`.
            pub guests: GuestConfigs;
            /// The tables `[database.NAME]`.
            pub databases: DatabaseConfigs;
        }
        /// When a new version of a guest is rolled back to the one before: if so many `traps`
        /// happen among its first `calls`. False: never.
        pub rollback: Rollback, live;
    }
}

/// Everything that is wrong with a file, in its order: each on a line, `FILE:LINE:COLUMN: what is
/// wrong`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// The problems, at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        out.write_str(&lines.join("\n  "))
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, from 1. 0 for what no single line is to blame for.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, and what was perhaps meant.
    pub message: String,
}

impl Problem {
    /// Makes a problem of a whole file.
    pub(crate) fn of_file(file: &str, message: String) -> Problem {
        Problem { file: file.to_owned(), line: 0, column: 0, message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, column, message } = self;
        match line {
            0 => write!(out, "{file}: {message}"),
            _ => write!(out, "{file}:{line}:{column}: {message}"),
        }
    }
}

/// Reads the text of a manifest. `file` is its name, for the errors.
///
/// # Errors
/// It is not TOML, or has unknown tables or keys, values of a wrong type, or values out of range.
/// All problems are reported at once; of a text that is not TOML, the first.
pub fn parse(text: &str, file: &str) -> Result<Manifest, ManifestError> {
    parse_with_places(text, file).map(|(manifest, _)| manifest)
}

/// Reads the text of a manifest like [`parse`], and returns where each key stands, too.
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

/// Returns the name among `names` that was perhaps meant.
pub fn suggestion<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.into_iter().map(|name| (strsim::damerau_levenshtein(word, name), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    // If more than a third of the word is wrong, another word was meant.
    (distance <= word.chars().count().div_ceil(3)).then_some(name)
}

/// Returns a warning for each table of a guest that does not exist. `guests` are the names of those
/// that do.
pub fn tables_of_nobody(tables: &GuestConfigs, guests: &BTreeSet<&str>) -> Vec<String> {
    let of_nobody = tables.keys().filter(|name| !guests.contains(name.as_str()));
    let warning = |name: &String| {
        let without_table = guests.iter().copied().filter(|guest| !tables.contains_key(*guest));
        let near = suggestion(name, without_table);
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        format!("{FILE_NAME} has a table [guest.{name}], but there is no guest of that name{near}")
    };
    of_nobody.map(warning).collect()
}

fn read(reader: &mut Reader<'_>, root: &DeTable<'_>, manifest: &mut Manifest) {
    // These are read last, since the limits bound them.
    let (mut guests, mut databases) = (None, None);
    for (key, value) in root {
        match key.get_ref().as_ref() {
            "server" => {
                let table = reader.table("server", value);
                table.inspect(|table| {
                    key::read(reader, "server", table, &SERVER, &mut manifest.server)
                });
            }
            "limits" => {
                let table = reader.table("limits", value);
                table.inspect(|table| read_limits(reader, table, &mut manifest.limits));
            }
            "guest" => guests = reader.table("guest", value),
            "database" => databases = reader.table("database", value),
            name => match key::find(&FILE, name) {
                Some(known) => key::read_one(reader, "", value, known, manifest),
                None => unknown(reader, key),
            },
        }
    }
    for (name, value) in guests.into_iter().flatten() {
        let place = format!("guest.{}", name.get_ref());
        let Some(table) = reader.table(&place, value) else { continue };
        let values = table.get("config").and_then(|values| values.get_ref().as_table());
        for (key, value) in values.into_iter().flatten() {
            reader.wrote_value(name.get_ref(), key.get_ref(), &value.span());
        }
        let rules = table.get("outbound").and_then(|rules| rules.get_ref().as_array());
        for (place, rule) in rules.into_iter().flat_map(|rules| rules.iter()).enumerate() {
            let fields = rule.get_ref().as_table().and_then(|rule| rule.get("headers"));
            let fields = fields.and_then(|fields| fields.get_ref().as_table());
            for (key, value) in fields.into_iter().flatten() {
                reader.wrote_field(name.get_ref(), place, key.get_ref(), &value.span());
            }
        }
        let mut config = GuestConfig::default();
        key::read(reader, &place, table, &GUEST, &mut config);
        check_bounds(reader, &place, &GUEST, &config, &manifest.limits);
        manifest.guests.insert(name.get_ref().to_string(), config);
    }
    databases::read(reader, databases, manifest);
}

/// Reports what is above a limit.
fn check_bounds<T>(
    reader: &mut Reader<'_>,
    place: &str,
    keys: &Keys<T>,
    config: &T,
    limits: &Limits,
) {
    for Exceeding { name, value, bound, most } in bounds::exceeding(keys, config, limits) {
        let span = reader.written(place, name).unwrap_or_default();
        let message = format!("`{name}` is {value}, above `{bound}` of [limits], which is {most}");
        reader.problem(span, message);
    }
}

fn read_limits(reader: &mut Reader<'_>, table: &DeTable<'_>, limits: &mut Limits) {
    key::read(reader, "limits", table, &LIMITS, limits);
    // Unless a guest's share is limited, it may be the whole.
    if reader.written("limits", "guest_pendings_max").is_none() {
        limits.guest_pendings_max = limits.pendings_max;
    }
    let bounds = limits.clone();
    for Exceeding { name, value, bound, most } in bounds::exceeding(&LIMITS, limits, &bounds) {
        // Only what is written can be wrong: a default gives way, below.
        if let Some(span) = reader.written("limits", name) {
            reader.problem(span, format!("`{name}` is {value}, above `{bound}`, which is {most}"));
        }
    }
    bounds::fit(&LIMITS, limits, &bounds);
}

/// Reports an unknown key of the file itself. Perhaps it only stands in the wrong place.
fn unknown(reader: &mut Reader<'_>, key: &Spanned<DeString<'_>>) {
    let name = key.get_ref().as_ref();
    let table = if key::find(&LIMITS, name).is_some() {
        "[limits]"
    } else if key::find(&SERVER, name).is_some() {
        "[server]"
    } else if key::find(&GUEST, name).is_some() {
        "[guest.NAME] of a guest"
    } else if key::find(&DATABASE, name).is_some() {
        "[database.NAME] of a database"
    } else {
        return reader.unknown(
            "the file",
            key,
            ["server", "rollback", "limits", "guest", "database"],
        );
    };
    reader.problem(key.span(), format!("`{name}` belongs into the table {table}"));
}

#[cfg(test)]
mod tests;
