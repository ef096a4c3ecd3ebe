//! Writes a new guest: one C file.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use super::sdk;
use crate::languages::CASES;
use crate::languages::files::Files;

// The template's files. `NAME` in them stands for the guest's name.
const MAIN: &str = include_str!("template/main.c");

/// Writes the guest into `guests/NAME/`.
pub(super) fn write(guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let sdk = sdk::unpack(guests, out)?;
    let named = |text: &str| Cow::Owned::<str>(text.replace("NAME", name));
    Files(vec![
        (format!("{name}.c").into(), named(MAIN)),
        // For editors, and for the build.
        ("compile_flags.txt".into(), format!("-std=gnu11\n-I../{sdk}\n").into()),
        (format!("{name}.test.toml").into(), named(CASES)),
    ])
    .write_new(&guests.join(name))
}
