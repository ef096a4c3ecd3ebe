//! Python: a guest is one file, `guests/NAME.py`, which an engine evaluates. Nothing is built.

mod new;

use std::io::Write;
use std::path::Path;

use super::Language;

/// The language Python.
pub(super) struct Python;

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn about(&self) -> &'static str {
        "a file that uses the module snow; nothing to build"
    }

    fn engine(&self) -> Option<&'static str> {
        Some("python")
    }

    fn source_ending(&self) -> Option<&'static str> {
        Some("py")
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        new::check_name(name)
    }

    fn write_new(&self, guests: &Path, name: &str, _: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name)
    }
}
