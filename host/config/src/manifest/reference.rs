//! All settings as a page for people, in Markdown.

use std::fmt::Write;

use serde_json::Value as Json;

use super::Manifest;
use super::key::{Key, Keys};
use super::tables::{DATABASE, FILE, GUEST, LIMITS, SERVER};
use crate::config::{DatabaseConfig, GuestConfig};

/// What the page begins with.
const HEAD: &str = "\
# Settings

Every setting of `snow.toml`: its default, what a number may be, and what it means. Written by
`snow-host config --markdown`; a test compares this page with the program's own.

A *live* setting takes effect when the file changes; the others at the next start. Sizes are in
bytes (`_bytes_max`), times in milliseconds (`_ms`).
";

/// Returns the page, with a table for each table of the file.
pub fn as_markdown() -> String {
    let defaults = Manifest::default();
    let mut page = HEAD.to_owned();
    table(&mut page, "At the top of the file", &FILE, &defaults);
    table(&mut page, "[server]", &SERVER, &defaults.server);
    table(&mut page, "[limits]", &LIMITS, &defaults.limits);
    table(&mut page, "[guest.NAME]", &GUEST, &GuestConfig::default());
    table(&mut page, "[database.NAME]", &DATABASE, &DatabaseConfig::default());
    page
}

fn table<T>(page: &mut String, title: &str, keys: &Keys<T>, defaults: &T) {
    // Writing to a String can't fail.
    let _ = write!(
        page,
        "\n## {title}\n\n| setting | default | range | live | |\n|---|---|---|---|---|\n"
    );
    for key in keys {
        let about = key.about();
        let (live, doc) = (if about.is_live { "live" } else { "" }, about.doc.replace('|', "\\|"));
        let (default, range) = (default(&**key, defaults), range(&**key));
        let _ = writeln!(page, "| `{}` | {default} | {range} | {live} | {doc} |", about.name);
    }
}

fn default<T>(key: &dyn Key<T>, defaults: &T) -> String {
    // It depends on the machine.
    match key.about().name {
        "workers" => return "cores".to_owned(),
        "executors" => return "cores, at least 2".to_owned(),
        _ => {}
    }
    match key.json(defaults) {
        Json::Null => String::new(),
        Json::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        Json::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Returns what a number may be; nothing for another type.
fn range<T>(key: &dyn Key<T>) -> String {
    let about = key.about();
    if key.schema()["type"] != "integer" {
        return String::new();
    }
    let (least, most) = (grouped(*about.range.start()), grouped(*about.range.end()));
    match about.at_most {
        Some(limit) => format!("{least} to `{limit}`"),
        None => format!("{least} to {most}"),
    }
}

/// Returns a number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_all_that_is_declared() {
        let page = as_markdown();
        for row in [
            "| `sources_bytes_max` | 268,435,456 | 0 to 4,294,967,296 | live | ",
            "| `workers` | cores | 1 to 1,024 |  | Threads that serve.",
            "| `guest_settled_bytes_max` | 67,108,864 | 0 to `settled_bytes_max` | live | ",
            "| `mount` |  |  | live | ",
            "| `access_log` | `true` |  | live | ",
        ] {
            assert!(page.contains(row), "{row:?} is not in:\n{page}");
        }
        assert!([0, 12, 1_234, 1_234_567].map(grouped) == ["0", "12", "1,234", "1,234,567"]);
    }
}
