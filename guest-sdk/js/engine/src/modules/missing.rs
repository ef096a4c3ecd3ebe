//! Finds the import of what a module does not export: QuickJS says which name, but not where.

use crate::failure::Place;
use crate::snow::host::source;

const SAID: &str = "Could not find export '";

/// Returns a line for the stack of such an error, `    at shop.js:1:10`; none for any other.
pub fn place(words: &str) -> Option<String> {
    let name = words.split_once(SAID)?.1.split_once('\'')?.0;
    let main = source::main();
    let folder = main.name.rsplit_once('.').map_or("", |(folder, _)| folder).to_owned();
    let others = source::files().into_iter().filter_map(|path| {
        let text = source::find(&path)?;
        Some((format!("{folder}/{path}"), text))
    });
    std::iter::once((main.name, main.text)).chain(others).find_map(|(file, text)| {
        let text = String::from_utf8(text).ok()?;
        let Place { line, column } = Place::of(&text, import(&text, name)?);
        Some(format!("    at {file}:{line}:{column}"))
    })
}

/// Returns the byte at which a text imports a name, or exports it from another module.
fn import(text: &str, name: &str) -> Option<usize> {
    let keywords = text.match_indices("import").chain(text.match_indices("export"));
    keywords.into_iter().find_map(|(start, keyword)| {
        let clause = start + keyword.len();
        let end = clause + text[clause..].find("from")?;
        let is_part = |character: char| character.is_alphanumeric() || "_$".contains(character);
        let is_whole = |at: &usize| {
            !text[..*at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part)
        };
        let found = text[clause..end].match_indices(name).map(|(at, _)| clause + at);
        found.into_iter().find(is_whole)
    })
}

#[cfg(test)]
mod tests {
    use super::import;

    #[test]
    fn a_name_is_found_where_it_is_imported() {
        let text = "import { route } from 'snow';\nimport { nopes,\n  nope } from 'snow';\n";
        assert_eq!(import(text, "nope"), Some(text.find("nope }").unwrap()));
        assert_eq!(import(text, "other"), None);
    }
}
