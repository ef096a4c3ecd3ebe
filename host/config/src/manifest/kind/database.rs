//! The kind of `url` of a database.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::Kind;
use super::values::{one, one_schema, written};
use crate::config::{DatabasePlace, DatabaseUrl, ValueSource, has_password};
use crate::manifest::reader::{Range, Reader, Toml};

/// What a URL begins with. The parser knows the rest.
const BEGINS: &str = "^(sqlite:|postgres://|postgresql://|mysql://|mariadb://).";

impl Kind for DatabaseUrl {
    type Value = DatabaseUrl;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<DatabaseUrl> {
        let mut written = one(reader, name, value, &[])?;
        if let ValueSource::Text(text) = &written.source {
            // Where its path begins is not known yet, and does not matter.
            if let Err(why) = DatabasePlace::parse(text.expose(), Path::new("")) {
                reader.problem(value.span(), format!("`{name}` {why}"));
                return None;
            }
            written.is_secret |= has_password(text.expose());
        }
        Some(DatabaseUrl { written, place: None })
    }

    fn schema(_: &Range) -> Json {
        one_schema(&json!({ "type": "string", "pattern": BEGINS }), false)
    }

    fn json(url: &DatabaseUrl) -> Json {
        written(&url.written)
    }
}
