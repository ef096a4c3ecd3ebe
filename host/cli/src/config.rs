//! `snow-host config`: what is in force, and where each value is from.

use std::io::{self, Write};
use std::path::Path;

use anyhow::ensure;

use snow_config::{Overrides, Settings, manifest};

/// Prints what `run` with the same arguments would start with.
pub(super) fn config(guests: &Path, overrides: &Overrides, json: bool) -> anyhow::Result<()> {
    ensure!(guests.exists(), "there is no folder of guests, and no guest, at {}", guests.display());
    let Settings { manifest, origins } = Settings::read(guests, overrides)?;
    if json {
        return print(&format!("{:#}\n", manifest::as_json(&manifest, &origins)));
    }
    print(&manifest::as_toml(&manifest, &origins))
}

/// Prints the JSON Schema of `snow.toml`.
pub(super) fn schema() -> anyhow::Result<()> {
    print(&format!("{:#}\n", manifest::schema()))
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
