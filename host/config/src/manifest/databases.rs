//! Reads the tables `[database.NAME]`, and checks that the databases of guests have one.

use toml::de::DeTable;

use super::reader::Reader;
use super::tables::DATABASE;
use super::{Manifest, check_bounds, key, suggestion};
use crate::config::DatabaseConfig;
use snow_core::Glob;

/// The most databases of a file.
const DATABASES_MAX: usize = 256;
/// The most bytes of a database's name.
const NAME_BYTES_MAX: usize = 128;

/// Reads the tables of databases, after those of guests.
pub(super) fn read(
    reader: &mut Reader<'_>,
    databases: Option<&DeTable<'_>>,
    manifest: &mut Manifest,
) {
    for (name, value) in databases.into_iter().flatten() {
        let place = format!("database.{}", name.get_ref());
        let Some(table) = reader.table(&place, value) else { continue };
        if !(1..=NAME_BYTES_MAX).contains(&name.get_ref().len()) {
            let message = format!("the name of a database has 1 to {NAME_BYTES_MAX} bytes");
            reader.problem(name.span(), message);
            continue;
        }
        let mut config = DatabaseConfig::default();
        key::read(reader, &place, table, &DATABASE, &mut config);
        check_bounds(reader, &place, &DATABASE, &config, &manifest.limits);
        if !table.contains_key("url") {
            let message = format!("[{place}] has no `url`: url = \"sqlite:data/app.db\"");
            reader.problem(name.span(), message);
        }
        manifest.databases.insert(name.get_ref().to_string(), config);
        if manifest.databases.len() > DATABASES_MAX {
            let message = format!("there are more than {DATABASES_MAX} databases");
            return reader.problem(name.span(), message);
        }
    }
    for (guest, config) in &manifest.guests {
        let names = config.databases.iter().flat_map(|granted| granted.iter());
        for name in names.map(Glob::to_string).filter(|name| !name.contains('*')) {
            if manifest.databases.contains_key(&name) {
                continue;
            }
            let near = suggestion(&name, manifest.databases.keys().map(String::as_str));
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            let span = reader.written(&format!("guest.{guest}"), "databases").unwrap_or_default();
            let message =
                format!("`databases` has {name:?}, and there is no [database.{name}]{near}");
            reader.problem(span, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Origins, as_json, as_toml, parse};

    #[test]
    fn a_url_with_a_password_is_not_shown() {
        let text = "[database.a]\nurl = 'postgres://u:hunter2@h/d'\n\
                    [database.'b c']\nurl = 'sqlite:b.db'\ntimeout_ms = 5\n";
        let manifest = parse(text, "snow.toml").unwrap();
        let shown = as_toml(&manifest, &Origins::default());
        assert!(shown.contains("[database.a]") && shown.contains("[database.\"b c\"]"), "{shown}");
        assert!(shown.contains("(not shown)") && shown.contains("sqlite:b.db"), "{shown}");
        let json = as_json(&manifest, &Origins::default());
        assert_eq!(json["database"]["b c"]["timeout_ms"]["value"], 5);
        assert_eq!(
            json["database"]["a"]["connections_max"]["source"],
            "follows from database_connections_max"
        );
        let all = format!("{shown}{json}{manifest:?}");
        assert!(!all.contains("hunter2"), "{all}");
    }

    #[test]
    fn a_database_that_a_guest_may_use_has_a_table() {
        let text = "[guest.g]\ndatabases = ['shop', 'x*']\n[database.shp]\nurl = 'sqlite:a'\n";
        let error = parse(text, "snow.toml").unwrap_err().to_string();
        assert!(error.starts_with("snow.toml:2:"), "{error}");
        assert!(error.contains("no [database.shop]: did you mean `shp`?"), "{error}");
        assert!(parse(&text.replace("shp", "shop"), "snow.toml").is_ok());
    }

    #[test]
    fn a_table_without_a_url_is_wrong() {
        for (text, words) in [
            ("[database.a]\n", "snow.toml:1:11: [database.a] has no `url`"),
            ("[database.a]\nurl = 'x:y'\n", "snow.toml:2:7: `url` begins with none of"),
            ("[database.'']\nurl = 'sqlite:a'\n", "the name of a database has 1 to"),
            ("[database.a]\nurl = { secret = 'oracle:hunter2' }\n", "begins with none of"),
        ] {
            let error = parse(text, "snow.toml").unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
        }
    }
}
