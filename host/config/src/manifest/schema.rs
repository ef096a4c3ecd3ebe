//! The JSON Schema of a manifest, for editors.

use serde_json::{Map, Value as Json, json};

use super::key::{Row, rows};
use super::{Manifest, limits, tables};
use crate::config::GuestConfig;

/// The JSON Schema (draft 2020-12) of `snow.toml`: what each key means, what it may be, and what it is if it is not
/// written. It allows all that [`parse`](super::parse) does. That some limits bound others, or that an address makes
/// sense, only the parser knows.
pub fn schema() -> Json {
    let defaults = Manifest::default();
    let mut all = properties(rows(&tables::FILE, "Manifest", &defaults));
    all.insert(
        "server".into(),
        table(
            "How the server is started. The command line wins.",
            rows(&tables::SERVER, "ServerConfig", &defaults.server),
        ),
    );
    all.insert(
        "limits".into(),
        table("What may be used up, by one request or by all.", limits::rows(&defaults.limits)),
    );
    let guest = table(
        "What is decided about the guest in NAME.wasm or NAME.wat.",
        rows(&tables::GUEST, "GuestConfig", &GuestConfig::default()),
    );
    all.insert(
        "guest".into(),
        json!({ "description": "Single guests, by their names.", "type": "object", "additionalProperties": guest }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": super::FILE_NAME,
        "description": "What a deployer decides about snow-host and its guests. Everything is optional.",
        "type": "object",
        "additionalProperties": false,
        "properties": all,
    })
}

fn table(doc: &str, rows: Vec<Row>) -> Json {
    json!({ "description": doc, "type": "object", "additionalProperties": false, "properties": properties(rows) })
}

fn properties(rows: Vec<Row>) -> Map<String, Json> {
    let property = |row: Row| {
        let mut schema = row.schema;
        let when = if row.live { "" } else { " A change takes effect at the next start." };
        schema["description"] = json!(row.doc + when);
        // What depends on the machine is no default for a file that is read elsewhere.
        if !row.value.is_null() && row.name != "workers" {
            schema["default"] = row.value;
        }
        (row.name.to_owned(), schema)
    };
    rows.into_iter().map(property).collect()
}

#[cfg(test)]
mod tests;
