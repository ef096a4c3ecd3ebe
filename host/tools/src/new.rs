//! `snow-host new`: writes the source of a new guest, which builds, answers, and has cases to test.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use crate::languages::LANGUAGES;

/// The longest name of a guest. Names become parts of file names.
const NAME_BYTES_MAX: usize = 64;

/// Returns the languages that [`create_guest`] knows, each with a few words about it.
pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    LANGUAGES.iter().map(|language| (language.name(), language.about()))
}

/// Writes the source of a new guest into `guests/NAME/`, or into a file such as `guests/NAME.js` if
/// that is served as it is, and prints on `out` what to do next.
///
/// Makes the guests folder if it does not exist. The guest's folder appears with all its files, or
/// not at all.
///
/// ```
/// # fn main() -> anyhow::Result<()> {
/// # let guests = std::env::temp_dir().join(format!("snow-doc-new-{}", std::process::id()));
/// snow_tools::create_guest("rust", "shop", &guests, &mut std::io::stdout())?;
/// assert!(guests.join("shop/src/lib.rs").is_file());
/// assert!(guests.join("shop/shop.test.toml").is_file());
/// # std::fs::remove_dir_all(&guests)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The language is unknown; the name is taken, or not allowed in that language; or a file can't be
/// written.
pub fn create_guest(
    language: &str,
    name: &str,
    guests: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let found = LANGUAGES.iter().find(|known| known.name() == language);
    let found = found.with_context(|| {
        let known: Vec<_> = languages().map(|(language, _)| language).collect();
        format!("unknown language {language:?}; known: {}", known.join(", "))
    })?;
    check_name(name)?;
    if let Err(why) = found.check_name(name) {
        bail!("a guest in {language} can't be named {name:?}: {why}");
    }
    check_free(guests, name)?;
    fs::create_dir_all(guests)
        .with_context(|| format!("can't make the folder {}", guests.display()))?;
    found.write_new(guests, name, out)?;
    let source = match found.source_ending() {
        Some(ending) => guests.join(format!("{name}.{ending}")),
        None => guests.join(name),
    };
    writeln!(out, "created {}", source.display())?;
    let shown = guests.display();
    match found.engine() {
        Some(engine) => writeln!(out, "  snow-host engine install {engine}    # once")?,
        None => writeln!(
            out,
            "  snow-host build {shown}    # makes {}",
            guests.join(format!("{name}.wasm")).display()
        )?,
    }
    writeln!(out, "  snow-host test {shown}     # runs the cases in {name}.test.toml")?;
    writeln!(out, "  snow-host run {shown}      # serves it")?;
    Ok(())
}

/// Checks the rules that hold in every language: the name becomes part of paths, routes and tables
/// of `snow.toml`.
fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let is_good = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits);
    ensure!(is_good, "{name:?} can't be a guest's name: {}", advice(name));
    ensure!(name.len() <= NAME_BYTES_MAX, "a guest's name has at most {NAME_BYTES_MAX} characters");
    Ok(())
}

/// Returns the rule for names, and the nearest name that keeps it.
fn advice(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = name.split(|c| !fits(c)).filter(|word| !word.is_empty());
    let near = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let near = near.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let rule =
        "it begins with a lower-case letter, and has only lower-case letters, digits, `-` and `_`";
    if near.is_empty() { rule.to_owned() } else { format!("{rule}. How about `{near}`?") }
}

/// Checks that neither a source folder nor a served file has the name. Building would replace the
/// file, or two files would be the same guest.
fn check_free(guests: &Path, name: &str) -> anyhow::Result<()> {
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    let folder = guests.join(name);
    ensure!(
        !exists(&folder),
        "{} exists already: choose another name, or remove it",
        folder.display()
    );
    for ending in ["wasm", "wat", "js", "mjs", "ts", "py"] {
        let file = guests.join(format!("{name}.{ending}"));
        ensure!(
            !exists(&file),
            "{} is a guest with that name already: choose another name",
            file.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_a_near_one_is_proposed() {
        for good in ["a", "shop", "two-step", "a_1", &"n".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for (bad, help) in [
            ("", "lower-case"),
            ("Shop", "How about `shop`?"),
            ("my shop", "How about `my-shop`?"),
            ("../etc", "How about `etc`?"),
            (".snow", "How about `snow`?"),
            ("9lives", "How about `lives`?"),
            ("-a", "How about `a`?"),
            ("größe", "How about `gr-e`?"),
            (&"n".repeat(65), "64 characters"),
        ] {
            let error = check_name(bad).expect_err(bad).to_string();
            assert!(error.contains(help), "{bad}: {error}");
        }
    }

    #[test]
    fn an_unknown_language_is_refused_with_a_list_of_the_known_ones() {
        let error =
            create_guest("fortran", "a", Path::new("/nowhere"), &mut Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown language \"fortran\"; known: rust, js, ts, python, go, c, zig"
        );
    }
}
