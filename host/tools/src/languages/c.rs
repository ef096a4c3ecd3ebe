//! C: guests are folders of `.c` files of which one includes `snow.h`, built by zig's C compiler for
//! preview 1 of WASI.
//!
//! Zig brings clang and a libc for WASI, and can be had from PyPI, so nothing else is needed. The
//! host adapts preview 1 when it loads a guest.

mod build;
mod new;
mod sdk;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FolderBuild, Language};
use crate::process::Runner;

/// The header that a guest includes.
const HEADER: &str = "snow.h";

/// The language C.
pub(super) struct C;

impl Language for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn about(&self) -> &'static str {
        "a C file that includes snow.h"
    }

    fn recognizes(&self, folder: &Path) -> bool {
        let Ok(sources) = sources(folder) else { return false };
        sources.iter().any(|file| fs::read(file).is_ok_and(|text| includes_header(&text)))
    }

    fn build(
        &self,
        folders: &[PathBuf],
        runner: &Runner<'_>,
        out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        folders.iter().map(|folder| build::build(folder, runner, out)).collect()
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, out)
    }
}

/// Returns the `.c` files of a folder, in the order of their names.
fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "c") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns whether a line of the text includes the header.
fn includes_header(text: &[u8]) -> bool {
    let includes = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let directive = line.trim_start().strip_prefix('#').map(str::trim_start);
        directive.is_some_and(|rest| {
            rest.starts_with("include")
                && (rest.contains(&format!("<{HEADER}>"))
                    || rest.contains(&format!("\"{HEADER}\"")))
        })
    };
    text.split(|byte| *byte == b'\n').any(includes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_includes_the_header() {
        for text in ["#include <snow.h>\n", "// a guest\n  # include \"snow.h\"\r\nint a;"] {
            assert!(includes_header(text.as_bytes()), "{text}");
        }
        for text in ["", "// see snow.h", "#include <stdio.h>", "#include \"snow.hpp\""] {
            assert!(!includes_header(text.as_bytes()), "{text}");
        }
    }
}
