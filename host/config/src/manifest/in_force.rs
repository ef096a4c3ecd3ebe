//! Prints the values that are in force, and where each is from: as a file that could be saved, and
//! for machines.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value as Json, json};

use super::key::{Key, Keys};
use super::tables::{self, DATABASE, FILE, GUEST, LIMITS, SERVER};
use super::{FILE_NAME, Manifest, Places};
use crate::config::{DatabaseConfig, GuestConfig, Limits};
use snow_core::declare::About;
use snow_core::{Glob, Globs};

/// Comments begin at this column, unless a value is longer.
const COMMENT_COLUMN: usize = 48;

/// Where the values of a manifest are from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The keys that stand in the file.
    pub places: Places,
    /// The keys of `[server]` that the command line gave, each with its flag.
    pub flags: Vec<(&'static str, &'static str)>,
    /// The guests whose `config` has values of the command line.
    pub configured: BTreeSet<String>,
}

impl Origins {
    /// Returns where a value is from, such as `--workers` or `snow.toml:12`; `None` for a default.
    pub fn of(&self, table: &str, key: &'static str) -> Option<String> {
        let flag = self.flags.iter().find(|(name, _)| table == "server" && *name == key);
        let line = || self.places.line(table, key).map(|line| format!("{FILE_NAME}:{line}"));
        let is_configured = key == "config"
            && table.strip_prefix("guest.").is_some_and(|guest| self.configured.contains(guest));
        match (line(), is_configured) {
            (None, true) => Some("--config".to_owned()),
            (Some(line), true) => Some(format!("{line}, --config")),
            (line, false) => flag.map(|(_, flag)| (*flag).to_owned()).or(line),
        }
    }
}

/// Returns the text of a manifest that means the same. Each line ends in a comment with the origin
/// of its value. What is not written is a comment as a whole, with the value that applies: a default,
/// or one that follows from another setting.
pub fn as_toml(manifest: &Manifest, origins: &Origins) -> String {
    let mut text = String::new();
    for (table, values) in every_table(manifest, origins) {
        if !table.is_empty() {
            let name = match table.split_once('.') {
                Some((kind, name)) => format!("{kind}.{}", key(name)),
                None => table,
            };
            let _ = writeln!(text, "{}[{name}]", if text.is_empty() { "" } else { "\n" });
        }
        for (name, json, origin) in values {
            let value = if json.is_null() { "(not set)".to_owned() } else { value(&json) };
            let is_written = matches!(origin, Origin::Written(_));
            let line = format!("{}{name} = {value}", if is_written { "" } else { "# " });
            let _ = writeln!(text, "{line:<width$}  # {origin}", width = COMMENT_COLUMN - 2);
        }
    }
    text
}

/// Returns the values for machines: `{ "server": { "workers": { "value": 2, "source": "--workers" }
/// } }`, and so on. The `source` of a default is `default`, and that of a value which follows from
/// another setting is `follows from NAME`; a value that is not set is null.
pub fn as_json(manifest: &Manifest, origins: &Origins) -> Json {
    let (mut all, mut named) = (Map::new(), [("guest", Map::new()), ("database", Map::new())]);
    for (table, values) in every_table(manifest, origins) {
        let of_table = values.into_iter().map(|(name, value, origin)| {
            (name.to_owned(), json!({ "value": value, "source": origin.to_string() }))
        });
        match table.split_once('.') {
            Some((kind, name)) => {
                let tables = named.iter_mut().find(|(known, _)| *known == kind);
                tables.map(|(_, tables)| tables.insert(name.to_owned(), of_table.collect()));
            }
            None if table.is_empty() => all.extend(of_table),
            None => drop(all.insert(table, of_table.collect())),
        }
    }
    all.extend(named.map(|(kind, tables)| (kind.to_owned(), tables.into())));
    all.into()
}

/// Where one value is from.
enum Origin {
    /// The file or the command line: `snow.toml:12`, `--workers`.
    Written(String),
    /// Another setting, of this name.
    Follows(&'static str),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Written(origin) => out.write_str(origin),
            Origin::Follows(name) => write!(out, "follows from {name}"),
            Origin::Default => out.write_str("default"),
        }
    }
}

/// The keys of a table, each with its value and its origin.
type Values = Vec<(&'static str, Json, Origin)>;

/// Returns every table with its name, in the order of the file. The name of the file itself is
/// empty.
fn every_table(manifest: &Manifest, origins: &Origins) -> Vec<(String, Values)> {
    let never = |_: &About, _: &Json| None;
    let (limits, defaults) = (&manifest.limits, Limits::default());
    // A limit that is not written is lowered to the one that bounds it.
    let bound = |about: &About, value: &Json| {
        let default = tables::limit(about.name).json(&defaults);
        about.at_most.filter(|_| *value != default)
    };
    let mut all = vec![
        values("", &FILE, manifest, origins, never),
        values("server", &SERVER, &manifest.server, origins, never),
        values("limits", &LIMITS, &manifest.limits, origins, bound),
    ];
    let has_grants = manifest.guests.values().any(GuestConfig::has_grants);
    let common = |about: &About, _: &Json| common(about.name, has_grants);
    for (name, config) in &manifest.guests {
        let config = applied(config, manifest);
        all.push(values(&format!("guest.{name}"), &GUEST, &config, origins, common));
    }
    for (name, config) in &manifest.databases {
        let config = applied_to_database(config, limits);
        all.push(values(&format!("database.{name}"), &DATABASE, &config, origins, |about, _| {
            common_of_databases(about.name)
        }));
    }
    all
}

/// Returns what a guest's setting follows from if its own table does not have it.
fn common(name: &str, has_grants: bool) -> Option<&'static str> {
    match name {
        "keys" | "settles" | "responds" if has_grants => Some("the grants of guests"),
        "pendings_max" => Some("guest_pendings_max"),
        "memory_bytes_max" => Some("call_memory_bytes_max"),
        "running_ms_max" => Some("call_running_ms_max"),
        "job_running_ms_max" => Some("job_running_ms_max"),
        "job_ms_max" => Some("job_ms_max"),
        "body_bytes_max" => Some("body_bytes_max"),
        "rollback" => Some("rollback"),
        _ => None,
    }
}

/// Returns what a database's setting follows from if its own table does not have it.
fn common_of_databases(name: &str) -> Option<&'static str> {
    match name {
        "connections_max" => Some("database_connections_max"),
        "timeout_ms" => Some("sql_timeout_ms"),
        "file_bytes_max" => Some("sqlite_file_bytes_max"),
        _ => None,
    }
}

/// Returns the settings that apply to a database.
fn applied_to_database(config: &DatabaseConfig, limits: &Limits) -> DatabaseConfig {
    DatabaseConfig {
        url: config.url.clone(),
        connections_max: config.connections_max.or(Some(limits.database_connections_max)),
        timeout_ms: config.timeout_ms.or(Some(limits.sql_timeout_ms)),
        file_bytes_max: config.file_bytes_max.or(Some(limits.sqlite_file_bytes_max)),
    }
}

fn values<T>(
    table: &str,
    keys: &Keys<T>,
    of: &T,
    origins: &Origins,
    follows: impl Fn(&About, &Json) -> Option<&'static str>,
) -> (String, Values) {
    let value = |key: &dyn Key<T>| {
        let (about, json) = (key.about(), key.json(of));
        let origin = match origins.of(table, about.name) {
            Some(origin) => Origin::Written(origin),
            None => follows(about, &json).map_or(Origin::Default, Origin::Follows),
        };
        (about.name, json, origin)
    };
    (table.to_owned(), keys.iter().map(|key| value(&**key)).collect())
}

/// Returns the settings that apply to a guest: those that were decided about it, and the common
/// ones for the rest.
fn applied(config: &GuestConfig, manifest: &Manifest) -> GuestConfig {
    let limits = &manifest.limits;
    let has_grants = manifest.guests.values().any(GuestConfig::has_grants);
    // While no guest is granted anything, every guest may do everything.
    let keys = || if has_grants { Globs::default() } else { Globs::from_iter([Glob::new("*")]) };
    let config = config.clone();
    GuestConfig {
        keys: config.keys.or_else(|| Some(keys())),
        settles: config.settles.or_else(|| Some(keys())),
        responds: config.responds.or(Some(!has_grants)),
        pendings_max: config.pendings_max.or(Some(limits.guest_pendings_max)),
        memory_bytes_max: config.memory_bytes_max.or(Some(limits.call_memory_bytes_max)),
        running_ms_max: config.running_ms_max.or(Some(limits.call_running_ms_max)),
        job_running_ms_max: config.job_running_ms_max.or(Some(limits.jobs.job_running_ms_max)),
        job_ms_max: config.job_ms_max.or(Some(limits.jobs.job_ms_max)),
        body_bytes_max: config.body_bytes_max.or(Some(limits.http.body_bytes_max)),
        instances: config.instances.or_else(|| Some(Default::default())),
        rollback: config.rollback.or(Some(manifest.rollback)),
        ..config
    }
}

/// Writes a value in TOML. JSON's strings are valid TOML, except for one control character.
fn value(json: &Json) -> String {
    let all = |values: Vec<String>| values.join(", ");
    match json {
        Json::Array(values) => format!("[{}]", all(values.iter().map(value).collect())),
        Json::Object(fields) => {
            let fields =
                fields.iter().map(|(name, json)| format!("{} = {}", key(name), value(json)));
            format!("{{ {} }}", all(fields.collect()))
        }
        _ => json.to_string().replace('\u{7f}', "\\u007f"),
    }
}

/// Writes a key in TOML: in quotes if it needs them.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        value(&json!(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::manifest::{parse, parse_with_places};

    const TEXT: &str = "rollback = { traps = 1 }\n[server]\nlisten = ['127.0.0.1:1', 'fd:3']\nworkers = 3\nadmin = 'unix:/a\"b'\n\
        [limits]\ndrain_ms = 1\npendings_max = 9\n\
        [guest.shop]\nkeys = ['a/*', 'b\\ü']\nmount = '/shop'\ninstances = { reuse = 5 }\nbuild = ['a', 'b c']\nrollback = false\n\
        [guest.'x.y z']\nmemory_bytes_max = 65_536\noutbound = ['10.0.0.0/8', { url = 'GET https://b/c/', \
        headers = { x = 'y', Authorization = { secret = { env = 'T' }, prefix = 'Bearer ' } } }]\n";

    fn both(overrides: &Overrides) -> (Manifest, Origins) {
        let (mut manifest, places) = parse_with_places(TEXT, "snow.toml").unwrap();
        let flags = overrides.apply(&mut manifest.server);
        (manifest, Origins { places, flags, ..Origins::default() })
    }

    #[test]
    fn what_is_printed_means_the_same() {
        let overrides = Overrides { workers: Some(7), watch: Some(false), ..Overrides::default() };
        for overrides in [Overrides::default(), overrides] {
            let (manifest, origins) = both(&overrides);
            let text = as_toml(&manifest, &origins);
            assert_eq!(
                parse(&text, "printed").unwrap_or_else(|error| panic!("{error}\n{text}")),
                manifest,
                "{text}"
            );
        }
        let all_defaults = as_toml(&Manifest::default(), &Origins::default());
        assert_eq!(parse(&all_defaults, "printed").unwrap(), Manifest::default());
        assert!(
            all_defaults.lines().all(|line| line.is_empty() || line.starts_with(['#', '['])),
            "{all_defaults}"
        );
    }

    /// When all comments are made lines, the file means the same.
    #[test]
    fn defaults_are_what_they_say() {
        let (manifest, origins) = both(&Overrides::default());
        let text = as_toml(&manifest, &origins);
        let lines = text.lines().filter(|line| !line.contains("(not set)"));
        let all: Vec<&str> = lines.map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
        let written =
            parse(&all.join("\n"), "all").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!((&written.server, &written.limits), (&manifest.server, &manifest.limits));
        let shop = &written.guests["shop"];
        assert_eq!(
            (shop.pendings_max, shop.running_ms_max, shop.responds),
            (Some(9), Some(10_000), Some(false))
        );
        assert_eq!(written.guests["x.y z"].rollback, Some(manifest.rollback));
        assert_eq!(
            written.guests["x.y z"].keys,
            Some(Globs::default()),
            "shop has grants, so it has none"
        );
    }

    #[test]
    fn each_line_says_where_it_is_from() {
        let (manifest, origins) = both(&Overrides { workers: Some(7), ..Overrides::default() });
        let text = as_toml(&manifest, &origins);
        let line = |begin: &str| {
            text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("workers = 7 ").ends_with("  # --workers"));
        assert!(line("listen = [\"127.0.0.1:1\", \"fd:3\"] ").ends_with("  # snow.toml:3"));
        assert!(line("rollback = { calls = 20, traps = 1 } ").ends_with("  # snow.toml:1"));
        assert!(line("# log = \"text\" ").ends_with("  # default"));
        assert!(
            line("# guest_pendings_max = 9 ").ends_with("  # follows from pendings_max"),
            "{text}"
        );
        assert!(line("# suspension_default_ms = 30000").ends_with("  # default"));
        assert!(line("# pendings_max = 9").ends_with("  # follows from guest_pendings_max"));
        assert!(line("# responds = false").ends_with("  # follows from the grants of guests"));
        assert!(
            line(
                "outbound = [\"10.0.0.0/8\", { headers = { authorization = { prefix = \"Bearer \", \
             secret = { env = \"T\" } }, x = \"y\" }, url = \"GET https://b/c/\" }]"
            )
            .ends_with("  # snow.toml:17")
        );
        assert!(
            line("[guest.\"x.y z\"]") == "[guest.\"x.y z\"]"
                && line("# calls_max = (not set)").ends_with("default")
        );
    }

    #[test]
    fn machines_get_the_same() {
        let (manifest, origins) = both(&Overrides { workers: Some(7), ..Overrides::default() });
        let all = as_json(&manifest, &origins);
        assert_eq!(all["server"]["workers"], json!({ "value": 7, "source": "--workers" }));
        assert_eq!(
            all["rollback"],
            json!({ "value": { "traps": 1, "calls": 20 }, "source": "snow.toml:1" })
        );
        assert_eq!(all["limits"]["drain_ms"], json!({ "value": 1, "source": "snow.toml:7" }));
        assert_eq!(
            all["guest"]["shop"]["mount"],
            json!({ "value": "/shop", "source": "snow.toml:11" })
        );
        assert_eq!(all["guest"]["x.y z"]["mount"], json!({ "value": null, "source": "default" }));
    }
}
