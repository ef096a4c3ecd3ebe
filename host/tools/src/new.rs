//! Starts a guest: `snow-host new LANGUAGE NAME` writes a source folder that builds, answers, and has cases to test.

mod files;
mod rust;
mod sdk;
mod workspace;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// A name of a guest is part of file names.
const NAME_BYTES_MAX: usize = 64;

/// A language that guests are started in. Another one is a type that implements this and a place in [`TEMPLATES`].
trait Template: Sync {
    /// As it is said on the command line.
    fn language(&self) -> &'static str;

    /// In a few words.
    fn about(&self) -> &'static str;

    /// Whether a guest in this language can be called so; the error says why not. The name has been checked for what
    /// holds for every language: lower-case ASCII letters, digits, `-` and `_`, a letter first.
    fn check_name(&self, name: &str) -> Result<(), String>;

    /// Writes the guest's source into `guests/NAME/`, which is not there yet. May prepare the guests folder too: for what
    /// all guests of the language share. Whatever it does beside that folder, it says on `out`.
    fn write(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()>;
}

/// In the order in which they are listed.
const TEMPLATES: &[&dyn Template] = &[&rust::Rust];

/// The languages that [`create`] takes, each with a few words about it.
pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEMPLATES.iter().map(|template| (template.language(), template.about()))
}

/// Writes the source of a new guest into `guests/NAME/`, and says on `out` what to do next. The guests folder is made
/// if it is not there. The guest's folder appears as a whole or not at all.
///
/// # Errors
/// No such language; a name that can't be a guest's in that language, or that is taken; a folder that can't be written.
pub fn create(language: &str, name: &str, guests: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let template = TEMPLATES.iter().find(|template| template.language() == language);
    let template = template.with_context(|| {
        let known: Vec<_> = languages().map(|(language, _)| language).collect();
        format!("there is no template for {language:?}; there are: {}", known.join(", "))
    })?;
    check_name(name)?;
    if let Err(why) = template.check_name(name) {
        bail!("a guest in {language} can't be called {name:?}: {why}");
    }
    check_free(guests, name)?;
    fs::create_dir_all(guests).with_context(|| format!("can't make the folder {}", guests.display()))?;
    template.write(guests, name, out)?;
    writeln!(out, "created {}", guests.join(name).display())?;
    let shown = guests.display();
    writeln!(out, "  snow-host build {shown}    # makes {}", guests.join(format!("{name}.wasm")).display())?;
    writeln!(out, "  snow-host test {shown}     # runs the cases in {name}.test.toml")?;
    writeln!(out, "  snow-host run {shown}      # serves it")?;
    Ok(())
}

/// What holds in every language: the name is part of paths, routes and tables of `snow.toml`.
fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let good = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits);
    ensure!(good, "{name:?} is no name for a guest: {}", help_with(name));
    ensure!(name.len() <= NAME_BYTES_MAX, "a guest's name has at most {NAME_BYTES_MAX} characters");
    Ok(())
}

/// What a name consists of, and the nearest one that does.
fn help_with(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = name.split(|c| !fits(c)).filter(|word| !word.is_empty());
    let near = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let near = near.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let rule = "it begins with a lower-case letter, and has lower-case letters, digits, `-` and `_` in it";
    if near.is_empty() { rule.to_owned() } else { format!("{rule}. How about `{near}`?") }
}

/// Neither a folder nor a served file of that name may be there: building would replace it, or two files would be the
/// same guest.
fn check_free(guests: &Path, name: &str) -> anyhow::Result<()> {
    let taken = |path: &Path| path.symlink_metadata().is_ok();
    let folder = guests.join(name);
    ensure!(!taken(&folder), "{} is there already: choose another name, or remove it", folder.display());
    for ending in ["wasm", "wat"] {
        let file = guests.join(format!("{name}.{ending}"));
        ensure!(!taken(&file), "{} is a guest of that name already: choose another name", file.display());
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
    fn an_unknown_language_is_told_what_there_is() {
        let error = create("fortran", "a", Path::new("/nowhere"), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "there is no template for \"fortran\"; there are: rust");
    }
}
