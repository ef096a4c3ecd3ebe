//! JavaScript and TypeScript: a guest is one source file, which the engine evaluates. Nothing is
//! built.
//!
//! What is bundled of packages has a build command in `snow.toml`, as any folder may.

mod new;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FolderBuild, Language};
use crate::process::Runner;

/// The language JavaScript.
pub(super) struct JavaScript;

/// The language TypeScript.
pub(super) struct TypeScript;

impl Language for JavaScript {
    fn name(&self) -> &'static str {
        "js"
    }

    fn about(&self) -> &'static str {
        "a JavaScript file, which is served as it is"
    }

    fn source_ending(&self) -> Option<&'static str> {
        Some("js")
    }

    fn engine(&self) -> Option<&'static str> {
        Some("js")
    }

    fn recognizes(&self, _folder: &Path) -> bool {
        false
    }

    fn build(
        &self,
        _folders: &[PathBuf],
        _runner: &Runner<'_>,
        _out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        Vec::new()
    }

    fn check_name(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, "js", new::JAVASCRIPT, out)
    }
}

impl Language for TypeScript {
    fn name(&self) -> &'static str {
        "ts"
    }

    fn about(&self) -> &'static str {
        "a TypeScript file, which is served as it is, without its types"
    }

    fn source_ending(&self) -> Option<&'static str> {
        Some("ts")
    }

    fn engine(&self) -> Option<&'static str> {
        Some("js")
    }

    fn recognizes(&self, _folder: &Path) -> bool {
        false
    }

    fn build(
        &self,
        _folders: &[PathBuf],
        _runner: &Runner<'_>,
        _out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        Vec::new()
    }

    fn check_name(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, "ts", new::TYPESCRIPT, out)
    }
}
