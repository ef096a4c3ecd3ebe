//! The JSON Schema of a manifest, for editors.

use serde_json::{Value as Json, json};

use super::Manifest;
use super::key::Keys;
use super::tables::{DATABASE, FILE, GUEST, LIMITS, SERVER};
use crate::config::{DatabaseConfig, GuestConfig};

/// Returns the JSON Schema (draft 2020-12) of `snow.toml`: what each key means, what it may be, and
/// its default. It allows all that [`parse`](super::parse) allows. Only the parser knows that some
/// limits bound others, and whether an address makes sense.
pub fn schema() -> Json {
    let defaults = Manifest::default();
    let mut all = properties(&FILE, &defaults);
    all["server"] =
        table("How the server is started. The command line wins.", &SERVER, &defaults.server);
    all["limits"] =
        table("What may be used up, by one request or by all.", &LIMITS, &defaults.limits);
    let guest = table(
        "What is decided about the guest in NAME.wasm or NAME.wat.",
        &GUEST,
        &GuestConfig::default(),
    );
    all["guest"] = json!({ "description": "Single guests, by their names.", "type": "object", "additionalProperties": guest });
    let mut database = table(
        "A database that guests may be granted, by the name in their `databases`.",
        &DATABASE,
        &DatabaseConfig::default(),
    );
    database["required"] = json!(["url"]);
    all["database"] = json!({ "description": "Databases, by their names.", "type": "object", "additionalProperties": database });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": super::FILE_NAME,
        "description": "What a deployer decides about snow-host and its guests. Everything is optional.",
        "type": "object",
        "additionalProperties": false,
        "properties": all,
    })
}

fn table<T>(doc: &str, keys: &Keys<T>, defaults: &T) -> Json {
    let properties = properties(keys, defaults);
    json!({ "description": doc, "type": "object", "additionalProperties": false, "properties": properties })
}

fn properties<T>(keys: &Keys<T>, defaults: &T) -> Json {
    let mut all = json!({});
    for key in keys {
        let (about, default) = (key.about(), key.json(defaults));
        let mut schema = key.schema();
        let when = if about.is_live { "" } else { " A change takes effect at the next start." };
        schema["description"] = json!(format!("{}{when}", about.doc));
        // The default number of threads depends on the machine, and the schema may be used on
        // another.
        if !default.is_null() && !["workers", "executors"].contains(&about.name) {
            schema["default"] = default;
        }
        all[about.name] = schema;
    }
    all
}

#[cfg(test)]
mod tests;
