//! Writes a new guest: a Go module with one main package.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use super::sdk;
use crate::languages::CASES;
use crate::languages::files::Files;

// The template's files. `NAME` in them stands for the guest's name, `SDK` for the SDK's folder.
const MAIN: &str = include_str!("template/main.go");
const MODULE: &str = include_str!("template/go.mod");

/// Names of folders that the command `go` treats in its own way.
const RESERVED: &[&str] = &["internal", "testdata", "vendor"];

/// Refuses names of folders that Go keeps for itself.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if RESERVED.contains(&name) {
        return Err(format!("Go keeps that name for itself. How about `my-{name}`?"));
    }
    Ok(())
}

/// Writes the module into `guests/NAME/`.
pub(super) fn write(guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let sdk = format!("../{}", sdk::unpack(guests, out)?);
    let text =
        |template: &str| Cow::Owned::<str>(template.replace("NAME", name).replace("SDK", &sdk));
    Files(vec![
        ("go.mod".into(), text(MODULE)),
        ("main.go".into(), text(MAIN)),
        (format!("{name}.test.toml").into(), text(CASES)),
    ])
    .write_new(&guests.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_go_keeps_are_refused() {
        assert!(check_name("vendor").unwrap_err().contains("How about `my-vendor`?"));
        assert_eq!(check_name("shop"), Ok(()));
    }

    #[test]
    fn the_template_is_filled_in() {
        for text in [MAIN, MODULE, CASES] {
            assert!(text.contains("NAME"), "{text}");
        }
        assert!(MODULE.contains("=> SDK"), "{MODULE}");
    }
}
