//! A guest in Rust: a cargo package that makes a `cdylib`.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use super::files::Files;
use super::workspace::Workspace;
use super::{Template, sdk};

/// The template's files; `NAME` in them stands for the guest's name, `SDK` for the line of the dependency.
const LIB: &str = include_str!("../../templates/rust/lib.rs");
const CASES: &str = include_str!("../../templates/rust/test.toml");
/// A guest in a workspace of its own, which has its own profile,
const ALONE: &str = include_str!("../../templates/rust/guest.toml");
/// and one that has its workspace's.
const MEMBER: &str = include_str!("../../templates/rust/member.toml");

/// What cargo and rustc do not take as a package's name, and what would shadow a crate that the guest needs.
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
/// The keywords of Rust, those included that it keeps for later.
const KEYWORDS: &str = include_str!("../../templates/rust/keywords.txt");

pub(super) struct Rust;

impl Template for Rust {
    fn language(&self) -> &'static str {
        "rust"
    }

    fn about(&self) -> &'static str {
        "a cargo package that uses the SDK snow-guest"
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        if KEYWORDS.split_whitespace().any(|keyword| keyword == name) {
            return Err(format!("it is a keyword of Rust. How about `{name}-guest`?"));
        }
        if RESERVED.contains(&name) {
            return Err(format!("cargo or the SDK need that name. How about `my-{name}`?"));
        }
        Ok(())
    }

    /// In a guests folder whose `Cargo.toml` is a workspace (as in snow-host's own repository), the guest is a member of
    /// it, with its profile, and with its `snow-guest` if it names one. Else the guest is a workspace of its own.
    fn write(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        let workspace = Workspace::read(guests, name)?;
        let dependency = match &workspace {
            Some(workspace) if workspace.has_sdk => "snow-guest.workspace = true".to_owned(),
            _ => format!("snow-guest = {{ path = \"../{}\" }}", sdk::unpack(guests, out)?),
        };
        let manifest = if workspace.is_some() { MEMBER } else { ALONE };
        let named = |text: &str| Cow::Owned(text.replace("NAME", name));
        let files = Files(vec![
            ("Cargo.toml".into(), named(&manifest.replace("SDK", &dependency))),
            (".gitignore".into(), "/target\n".into()),
            ("src/lib.rs".into(), named(LIB)),
            (format!("{name}.test.toml").into(), named(CASES)),
        ]);
        files.write_new(&guests.join(name))?;
        // Not before: a workspace with a member that is not there builds nothing.
        workspace.map_or(Ok(()), |workspace| workspace.add(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_refuses_are_refused() {
        for bad in ["fn", "yield", "test", "std", "snow-guest", "snow_guest", "target"] {
            let why = Rust.check_name(bad).expect_err(bad);
            assert!(why.contains("How about"), "{why}");
        }
        assert_eq!(Rust.check_name("shop"), Ok(()));
    }
}
