//! What is said of a setting, to editors and by `snow-host config`: the doc comment of its field, from the source itself.

use std::sync::LazyLock;

use regex::Regex;

const SOURCES: [&str; 5] = [
    include_str!("../config.rs"),
    include_str!("../config/guest.rs"),
    include_str!("../config/server.rs"),
    include_str!("../../../http/src/limits.rs"),
    include_str!("../manifest.rs"),
];

/// The doc comment of a public field, as one line without links; empty if there is none (which a test rules out).
pub(super) fn of(structure: &str, field: &str) -> String {
    let begin = format!("pub struct {structure} {{");
    let fields = SOURCES.iter().find_map(|source| source.split_once(&begin)).map_or("", |(_, fields)| fields);
    let declared = format!("pub {field}:");
    let mut doc = Vec::new();
    for line in fields.lines().map(str::trim).take_while(|line| *line != "}") {
        match line.strip_prefix("///") {
            Some(text) => doc.push(text.trim()),
            None if line.starts_with(&declared) => return without_links(&doc.join(" ")),
            None => doc.clear(),
        }
    }
    String::new()
}

/// [`x`] and [`x`](y) become `x`.
fn without_links(text: &str) -> String {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[(`[^`]+`)\](\([^)]*\))?").expect("it is a regular expression"));
    LINK.replace_all(text, "$1").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_said_to_be_what_its_doc_comment_says() {
        assert_eq!(of("ServerConfig", "log"), "How the log looks.");
        assert_eq!(of("HttpLimits", "fields_max"), "Header field lines of one request. More is a 431.");
        assert_eq!(of("Limits", "settlement_bytes_max"), "What a pending is settled with (`Settlement::bytes`).");
        assert_eq!((of("Limits", "nothing"), of("Nothing", "log")), (String::new(), String::new()));
    }
}
