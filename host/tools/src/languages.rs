//! The languages that guests are written in: one registry for `build` and `new`.
//!
//! A language is a type that implements [`Language`], in a module with a folder of the same name.
//! In `rust/`, for instance, `build.rs` runs the compiler, and `new.rs` writes a new guest from
//! `template/`. To add a language, copy the simplest, `zig.rs` and `zig/`, and add the type to
//! [`LANGUAGES`].

mod artifact;
mod c;
mod files;
mod go;
mod js;
mod python;
mod rust;
mod sdk;
mod version;
mod zig;
mod ziglang;

use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use self::artifact::{Artifact, FolderBuild, Scratch, timed};
pub(crate) use self::files::Files;
pub(crate) use self::sdk::hash as hash_of_files;
use crate::process::Runner;
use snow_core::escape_control;

/// A language that guests are written in.
pub(crate) trait Language: Sync {
    /// Returns the language's name on the command line.
    fn name(&self) -> &'static str;

    /// Returns a few words about the guests that [`write_new`](Self::write_new) makes.
    fn about(&self) -> &'static str;

    /// Returns the ending of a guest's file, if a source file is a guest as it is; `None` if guests
    /// in this language are built of a folder.
    fn source_ending(&self) -> Option<&'static str> {
        None
    }

    /// Returns the name of the engine that evaluates such source files.
    fn engine(&self) -> Option<&'static str> {
        None
    }

    /// Returns whether a folder has the source of a guest, or of a library, in this language. A
    /// folder beside a source file has modules, which its engine reads as they are.
    fn recognizes(&self, _folder: &Path) -> bool {
        false
    }

    /// Builds the guests in these folders, of which there is at least one, and returns one result
    /// for each folder. Announces on `out` which guests it builds. The compiler's own messages go
    /// to standard error.
    fn build(
        &self,
        _folders: &[PathBuf],
        _runner: &Runner<'_>,
        _out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        Vec::new()
    }

    /// Checks whether a guest in this language may have this name, and returns the reason if not.
    /// The name has already passed the checks for all languages: lower-case ASCII letters, digits,
    /// `-` and `_`, a letter first.
    ///
    /// # Errors
    /// The name is reserved in this language.
    fn check_name(&self, _name: &str) -> Result<(), String> {
        Ok(())
    }

    /// Writes the source of a new guest into `guests/NAME/`, which does not exist yet, or into a
    /// file and its cases if a source file is a guest. May also prepare the guests folder for what
    /// all guests in the language share. Whatever it changes beside the guest's own files, it
    /// reports on `out`.
    ///
    /// # Errors
    /// A file can't be read or written, or the guests folder has a project that can't take the
    /// guest.
    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()>;
}

/// The reason why a guest was not built that is no fault of its own: a tool is not installed.
/// Displayed with the way to get it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MissingTool(pub String);

/// The cases of a new guest, with `NAME` in the place of its name. New guests in all languages have
/// the routes that they ask for.
const CASES: &str = include_str!("languages/template/cases.toml");

/// All languages. A folder that several languages recognize belongs to the first of them.
pub(crate) const LANGUAGES: &[&dyn Language] =
    &[&rust::Rust, &js::JAVASCRIPT, &js::TYPESCRIPT, &python::Python, &go::Go, &c::C, &zig::Zig];

/// Writes a line of progress. An error is ignored: a build goes on even if its progress can't be
/// shown.
pub(crate) fn announce(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{}", escape_control(line)).and_then(|()| out.flush());
}
