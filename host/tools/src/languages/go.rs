//! Go: guests are main packages of a module, built by stock Go for preview 1 of WASI.
//!
//! The host adapts preview 1 when it loads a guest, and takes its exports for the contract, so what
//! the compiler makes is served as it is.

mod build;
mod new;
mod sdk;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FolderBuild, Language};
use crate::process::Runner;

/// The language Go.
pub(super) struct Go;

impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn about(&self) -> &'static str {
        "a Go module that uses the package snow"
    }

    fn recognizes(&self, folder: &Path) -> bool {
        folder.join("go.mod").is_file()
    }

    fn build(
        &self,
        folders: &[PathBuf],
        runner: &Runner<'_>,
        out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        folders.iter().map(|folder| build::build(folder, runner, out)).collect()
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        new::check_name(name)
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, out)
    }
}
