//! The cargo workspace in the guests folder: a new guest is added to it, or makes it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::sdk;
use snow_core::Glob;

/// The manifest of a new workspace. `NAME` in it stands for its first guest, `SDK` for the line of
/// the dependency.
const TEMPLATE: &str = include_str!("template/workspace.toml");
/// What cargo is told beside it: the backend of `getrandom`.
const CARGO_CONFIG: &str = include_str!("template/config.toml");

/// Returns whether the guests folder may become a workspace: nothing in it is built by cargo yet. A
/// package that is there might not expect to be in one.
pub(super) fn may_be_made(guests: &Path) -> bool {
    let has_package = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().join("Cargo.toml").exists())
    };
    let is_new = !guests.join("Cargo.toml").exists();
    is_new && !fs::read_dir(guests).is_ok_and(|mut entries| entries.any(has_package))
}

/// Makes the guests folder a workspace, around the guest with this name and with this dependency on
/// the SDK. Returns the new manifest.
pub(super) fn make(
    guests: &Path,
    name: &str,
    dependency: &str,
    out: &mut dyn Write,
) -> anyhow::Result<PathBuf> {
    let file = guests.join("Cargo.toml");
    let text = TEMPLATE.replace("NAME", name).replace("SDK", dependency);
    let context = || format!("can't write {}", file.display());
    let mut new = File::create_new(&file).with_context(context)?;
    new.write_all(text.as_bytes()).with_context(context)?;
    writeln!(out, "made the workspace {}: guests in Rust share what they need", file.display())?;
    let config = guests.join(".cargo/config.toml");
    if !config.exists() {
        fs::create_dir_all(guests.join(".cargo"))
            .and_then(|()| fs::write(&config, CARGO_CONFIG))
            .with_context(|| format!("can't write {}", config.display()))?;
    }
    // The compiler's output is nobody's source.
    let ignored = guests.join(".gitignore");
    if !ignored.exists() {
        fs::write(&ignored, "/target\n")
            .with_context(|| format!("can't write {}", ignored.display()))?;
    }
    Ok(file)
}

/// The cargo workspace of the guests folder.
pub(super) struct Workspace {
    file: PathBuf,
    /// Whether `[workspace.dependencies]` has `snow-guest`.
    pub has_sdk: bool,
    /// The new text of the file, with the guest among the members. `None` if it is a member
    /// already.
    changed: Option<String>,
}

impl Workspace {
    /// Reads the workspace whose root is the guests folder. Returns `None` if there is none, or if
    /// it excludes the guest.
    pub fn read(guests: &Path, name: &str) -> anyhow::Result<Option<Workspace>> {
        let file = guests.join("Cargo.toml");
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("can't read {}", file.display()))?,
        };
        let parsed = parse(&text, name).with_context(|| format!("can't use {}", file.display()))?;
        Ok(parsed.map(|(has_sdk, changed)| Workspace { file, has_sdk, changed }))
    }

    /// Writes the guest into the list of members. The rest of the file stays as it is.
    pub fn add_member(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let file = self.file.display();
        if let Some(text) = &self.changed {
            fs::write(&self.file, text).with_context(|| format!("can't write {file}"))?;
            writeln!(out, "added the guest to the members of the workspace {file}")?;
        }
        Ok(())
    }
}

/// Returns whether the workspace has the SDK, and the new text if the guest is not a member yet.
/// Returns `None` if the file has no workspace, or one that excludes the guest.
fn parse(text: &str, name: &str) -> anyhow::Result<Option<(bool, Option<String>)>> {
    let root = DeTable::parse(text)
        .map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
    let Some(workspace) = root.get_ref().get("workspace").map(Spanned::get_ref) else {
        return Ok(None);
    };
    let strings = |name: &str| workspace.get(name).and_then(|value| value.get_ref().as_array());
    let names_it = |entry: &Spanned<DeValue<'_>>| {
        let entry = entry.get_ref().as_str().unwrap_or_default();
        Glob::new(entry.trim_start_matches("./").trim_end_matches('/')).matches(name)
    };
    if strings("exclude").is_some_and(|excluded| excluded.iter().any(names_it)) {
        return Ok(None);
    }
    let has_sdk = workspace
        .get("dependencies")
        .is_some_and(|value| value.get_ref().get("snow-guest").is_some());
    let is_sdk = |entry: &Spanned<DeValue<'_>>| entry.get_ref().as_str() == Some(sdk::FOLDER);
    // Cargo makes a member's path dependencies below the root members too, and the SDK is another
    // workspace.
    ensure!(
        has_sdk || strings("exclude").is_some_and(|excluded| excluded.iter().any(is_sdk)),
        "the SDK would become a member of its [workspace]: add `exclude = [\"{}\"]` there, or add `snow-guest` to \
         [workspace.dependencies]",
        sdk::FOLDER
    );
    let Some(members) = strings("members") else {
        anyhow::bail!("its [workspace] has no list of members: add `members = []` there");
    };
    if members.iter().any(names_it) {
        return Ok(Some((has_sdk, None)));
    }
    let spans: Vec<Range<usize>> = members.iter().map(Spanned::span).collect();
    let list = workspace.get("members").map(Spanned::span).unwrap_or_default();
    Ok(Some((has_sdk, Some(with_member(text, list, &spans, name)))))
}

/// Returns the text with one more string at the end of a list. The space before the new string is
/// the one between the last two, or the one before the only one.
fn with_member(text: &str, list: Range<usize>, members: &[Range<usize>], name: &str) -> String {
    let (at, comma) = match members {
        [] => (list.start + 1, String::new()),
        [only] => {
            (only.end, format!(",{}", space(&text[list.start + 1..only.start]).unwrap_or(" ")))
        }
        [.., before, last] => (last.end, {
            let between = text[before.end..last.start].trim_start_matches(',');
            format!(",{}", space(between).unwrap_or(" "))
        }),
    };
    format!("{}{comma}\"{name}\"{}", &text[..at], &text[at..])
}

/// Returns the text if it is white space and not empty.
fn space(text: &str) -> Option<&str> {
    (!text.is_empty() && text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_workspace_takes_further_guests() {
        let text = TEMPLATE
            .replace("NAME", "one")
            .replace("SDK", "snow-guest = { path = \".snow/sdk-0/guest-sdk\" }");
        assert_eq!(parse(&text, "one").unwrap(), Some((true, None)));
        let with_both = text.replace("[\"one\"]", "[\"one\", \"two\"]");
        assert_eq!(parse(&text, "two").unwrap(), Some((true, Some(with_both))));
    }

    const SDK: &str = "\n[workspace.dependencies]\nsnow-guest = { path = \"../sdk\" }\n";

    #[test]
    fn a_new_member_is_written_as_the_others_are() {
        for (before, after) in [
            ("[workspace]\nmembers = []\n", "[workspace]\nmembers = [\"shop\"]\n"),
            (
                "[workspace]\nmembers = [\"a\"] # b\n",
                "[workspace]\nmembers = [\"a\", \"shop\"] # b\n",
            ),
            (
                "[workspace]\nmembers = [\"a\", \"b\"]\n",
                "[workspace]\nmembers = [\"a\", \"b\", \"shop\"]\n",
            ),
            ("workspace.members = ['a','b']", "workspace.members = ['a','b', \"shop\"]"),
            (
                "[workspace]\nmembers = [\n    \"a\",\n    \"b\", # last\n]\n",
                "[workspace]\nmembers = [\n    \"a\",\n    \"b\",\n    \"shop\", # last\n]\n",
            ),
            (
                "[workspace]\nmembers = [\n  \"a\",\n]\n",
                "[workspace]\nmembers = [\n  \"a\",\n  \"shop\",\n]\n",
            ),
        ] {
            let [before, after] = [before, after].map(|text| format!("{text}{SDK}"));
            assert_eq!(parse(&before, "shop").unwrap(), Some((true, Some(after.clone()))));
            assert_eq!(parse(&after, "shop").unwrap(), Some((true, None)), "it is a member now");
        }
    }

    #[test]
    fn an_existing_member_is_not_added_again() {
        for members in ["\"*\"", "\"shop\"", "\"./shop\"", "\"a\", \"sh*\""] {
            let text = format!("[workspace]\nmembers = [{members}]\n{SDK}");
            assert_eq!(parse(&text, "shop").unwrap(), Some((true, None)), "{members}");
        }
    }

    #[test]
    fn an_unpacked_sdk_must_not_become_a_member() {
        let error = parse("[workspace]\nmembers = [\"*\"]\n", "shop").unwrap_err().to_string();
        assert!(error.contains("add `exclude = [\".snow\"]`"), "{error}");
        let text = "[workspace]\nmembers = [\"*\"]\nexclude = [\".snow\"]\n";
        assert_eq!(parse(text, "shop").unwrap(), Some((false, None)));
    }

    #[test]
    fn a_folder_without_a_workspace_and_an_excluded_guest_are_left_alone() {
        assert_eq!(parse("[package]\nname = \"a\"\n", "shop").unwrap(), None);
        assert_eq!(
            parse("[workspace]\nmembers = [\"*\"]\nexclude = [\"shop\"]\n", "shop").unwrap(),
            None
        );
        let error = parse(&format!("[workspace]\n{SDK}"), "shop").unwrap_err().to_string();
        assert!(error.contains("add `members = []`"), "{error}");
        assert!(parse("[workspace\n", "shop").is_err());
    }
}
