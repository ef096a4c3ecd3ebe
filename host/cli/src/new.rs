//! `snow-host new`: a guest to begin with.

use std::io;
use std::path::Path;

use clap::builder::PossibleValue;

pub(super) fn new(language: &str, name: &str, guests: &Path) -> anyhow::Result<()> {
    snow_tools::new::create(language, name, guests, &mut io::stdout())
}

/// For the help, and for what is said of others.
pub(super) fn languages() -> Vec<PossibleValue> {
    snow_tools::new::languages().map(|(language, about)| PossibleValue::new(language).help(about)).collect()
}
