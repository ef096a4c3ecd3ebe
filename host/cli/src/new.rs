//! `snow-host new`: writes the source of a new guest.

use std::path::Path;

use clap::builder::PossibleValue;

use crate::terminal;

/// Runs `snow-host new`.
pub(crate) fn new(language: &str, name: &str, guests: &Path) -> anyhow::Result<()> {
    snow_tools::create_guest(language, name, guests, &mut terminal::out())
}

/// Returns the values of the argument LANGUAGE, for the help and for messages about other values.
pub(crate) fn languages() -> Vec<PossibleValue> {
    snow_tools::languages()
        .map(|(language, about)| PossibleValue::new(language).help(about))
        .collect()
}
