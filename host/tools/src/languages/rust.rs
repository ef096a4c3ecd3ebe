//! Rust: guests are cargo packages with a `cdylib`, built for `wasm32-unknown-unknown`.
//!
//! The target has no system interface, so a guest imports only the contract that it was written
//! for.

mod build;
mod new;
mod sdk;
mod workspace;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FolderBuild, Language};
use crate::process::Runner;

/// The language Rust.
pub(super) struct Rust;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn about(&self) -> &'static str {
        "a cargo package that uses the SDK snow-guest"
    }

    fn recognizes(&self, folder: &Path) -> bool {
        folder.join("Cargo.toml").is_file()
    }

    fn build(
        &self,
        folders: &[PathBuf],
        runner: &Runner<'_>,
        out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        build::build(folders, runner, out)
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        new::check_name(name)
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, out)
    }
}
