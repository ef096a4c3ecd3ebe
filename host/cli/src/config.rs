//! `snow-host config`: prints all settings, and where each comes from.

use std::io::Write;
use std::path::Path;

use anyhow::ensure;

use crate::terminal;
use snow_config::{Overrides, Settings, SettingsError, manifest};
use snow_core::{escape_control, escape_lines};

/// Runs `snow-host config`: prints the settings that `run` would have with the same arguments.
pub(crate) fn config(guests: &Path, overrides: &Overrides, json: bool) -> anyhow::Result<()> {
    ensure!(
        guests.exists(),
        "{} does not exist: name a folder of guests, or one guest's file",
        guests.display()
    );
    let Settings { manifest, origins, .. } = Settings::written(guests, overrides)?;
    if guests.is_dir() {
        let names = snow_server::guest_names(guests)?;
        let names = names.iter().map(String::as_str).collect();
        for warning in manifest::tables_of_nobody(&manifest.guests, &names) {
            writeln!(terminal::err(), "warning: {}", escape_control(&warning))?;
        }
    }
    // It may well be printed where the environment is another.
    if let Err(error @ SettingsError::NotFound { .. }) = Settings::read(guests, overrides) {
        writeln!(terminal::err(), "warning: {}", escape_lines(&error.to_string()))?;
    }
    if json {
        return print(&format!("{:#}\n", manifest::as_json(&manifest, &origins)));
    }
    print(&manifest::as_toml(&manifest, &origins))
}

/// Runs `snow-host config --schema`: prints the JSON Schema of `snow.toml`.
pub(crate) fn schema() -> anyhow::Result<()> {
    print(&format!("{:#}\n", manifest::schema()))
}

/// Runs `snow-host config --markdown`: prints all settings as a page for people.
pub(crate) fn markdown() -> anyhow::Result<()> {
    print(&manifest::as_markdown())
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = terminal::out();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
