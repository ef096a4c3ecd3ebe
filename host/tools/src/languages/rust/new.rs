//! Writes a new guest: a cargo package that makes a `cdylib`.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::Path;

use super::sdk;
use super::workspace::{self, Workspace};
use crate::languages::CASES;
use crate::languages::files::Files;

// The template's files. `NAME` in them stands for the guest's name, `SDK` for the line of the
// dependency.
const LIB: &str = include_str!("template/lib.rs");
/// The manifest of a guest that is a workspace of its own, with its own profile.
const STANDALONE_MANIFEST: &str = include_str!("template/standalone.toml");
/// The manifest of a guest that is a member of a workspace, and has the workspace's profile.
const MEMBER_MANIFEST: &str = include_str!("template/member.toml");

/// The line of a dependency on the SDK of the workspace.
const OF_WORKSPACE: &str = "snow-guest.workspace = true";

/// Names that cargo or rustc do not accept for a package, and names of crates that the guest needs.
const RESERVED: &[&str] = &[
    "alloc",
    "core",
    "proc-macro",
    "proc_macro",
    "std",
    "test",
    "snow-guest",
    "snow_guest",
    "snow-guest-macros",
    "snow_guest_macros",
    "wit-bindgen",
    "wit_bindgen",
    "dlmalloc",
    "build",
    "deps",
    "examples",
    "incremental",
    "target",
];
/// The keywords of Rust, including those that are reserved for later.
const KEYWORDS: &str = include_str!("keywords.txt");

/// Refuses names that are keywords of Rust or reserved by cargo and the SDK.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if KEYWORDS.split_whitespace().any(|keyword| keyword == name) {
        return Err(format!("it is a keyword of Rust. How about `{name}-guest`?"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("cargo or the SDK need that name. How about `my-{name}`?"));
    }
    Ok(())
}

/// Writes the package into `guests/NAME/`.
///
/// If the guests folder is a cargo workspace, the guest becomes a member: it has the workspace's
/// profile, and the workspace's `snow-guest` if there is one. A folder without packages becomes a
/// workspace, so that the SDK and what it needs are built once for all guests. Otherwise, or if the
/// workspace excludes it, the guest is a workspace of its own.
pub(super) fn write(guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let folder = guests.join(name);
    let files = |manifest: &str, dependency: &str| {
        let named = |text: &str| Cow::Owned(text.replace("NAME", name));
        Files(vec![
            ("Cargo.toml".into(), named(&manifest.replace("SDK", dependency))),
            (".gitignore".into(), "/target\n".into()),
            ("src/lib.rs".into(), named(LIB)),
            (format!("{name}.test.toml").into(), named(CASES)),
        ])
    };
    if workspace::may_be_made(guests) {
        let dependency = dependency(&sdk::unpack(guests, out)?);
        let made = workspace::make(guests, name, &dependency, out)?;
        // The workspace is there before its member, which is nothing without it.
        return files(MEMBER_MANIFEST, OF_WORKSPACE).write_new(&folder).inspect_err(|_| {
            // The first error is the one to report.
            let _ = fs::remove_file(made);
        });
    }
    let workspace = Workspace::read(guests, name)?;
    let dependency = match &workspace {
        Some(workspace) if workspace.has_sdk => OF_WORKSPACE.to_owned(),
        _ => dependency(&format!("../{}", sdk::unpack(guests, out)?)),
    };
    let manifest = if workspace.is_some() { MEMBER_MANIFEST } else { STANDALONE_MANIFEST };
    files(manifest, &dependency).write_new(&folder)?;
    // Last, because cargo refuses a workspace with a member that does not exist.
    workspace.map_or(Ok(()), |workspace| workspace.add_member(out))
}

/// Returns the line of a dependency on the SDK in this folder.
fn dependency(sdk: &str) -> String {
    format!("snow-guest = {{ path = \"{sdk}\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_refuses_are_refused() {
        for bad in ["fn", "yield", "test", "std", "snow-guest", "snow_guest", "target"] {
            let why = check_name(bad).expect_err(bad);
            assert!(why.contains("How about"), "{why}");
        }
        assert_eq!(check_name("shop"), Ok(()));
    }
}
