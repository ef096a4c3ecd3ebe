//! Zig: guests are folders with a `main.zig`, built for WebAssembly without a system.
//!
//! The template has the contract in Zig beside the guest, and nothing else is needed.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::files::Files;
use super::ziglang::zig;
use super::{Artifact, CASES, FolderBuild, Language, Scratch, announce, timed};
use crate::process::Runner;

// The template's files. `NAME` in them stands for the guest's name.
const MAIN: &str = include_str!("zig/template/main.zig");
const SNOW: &str = include_str!("zig/template/snow.zig");
const CONTRACT: &str = include_str!("zig/template/contract.zig");
const FETCH: &str = include_str!("zig/template/fetch.zig");
const JOBS: &str = include_str!("zig/template/jobs.zig");
const SQL: &str = include_str!("zig/template/sql.zig");
const STORE: &str = include_str!("zig/template/store.zig");

/// The file that makes a folder a guest in Zig.
const SOURCE: &str = "main.zig";

/// The arguments for each guest.
const ARGUMENTS: &[&str] = &[
    "build-exe",
    SOURCE,
    "-target",
    "wasm32-freestanding",
    "-OReleaseSmall",
    "-fno-entry",
    "-rdynamic",
];

/// The language Zig.
pub(super) struct Zig;

impl Language for Zig {
    fn name(&self) -> &'static str {
        "zig"
    }

    fn about(&self) -> &'static str {
        "a Zig file with the contract beside it"
    }

    fn recognizes(&self, folder: &Path) -> bool {
        folder.join(SOURCE).is_file()
    }

    fn build(
        &self,
        folders: &[PathBuf],
        runner: &Runner<'_>,
        out: &mut dyn Write,
    ) -> Vec<FolderBuild> {
        let build = |folder: &PathBuf| {
            let (result, took) = timed(|| build(folder, runner, out));
            FolderBuild { folder: folder.clone(), result: result.map(Some), took }
        };
        folders.iter().map(build).collect()
    }

    fn write_new(&self, guests: &Path, name: &str, _: &mut dyn Write) -> anyhow::Result<()> {
        let named = |text: &str| Cow::Owned::<str>(text.replace("NAME", name));
        Files(vec![
            (SOURCE.into(), named(MAIN)),
            ("snow.zig".into(), SNOW.into()),
            ("contract.zig".into(), CONTRACT.into()),
            ("fetch.zig".into(), FETCH.into()),
            ("jobs.zig".into(), JOBS.into()),
            ("sql.zig".into(), SQL.into()),
            ("store.zig".into(), STORE.into()),
            (format!("{name}.test.toml").into(), named(CASES)),
        ])
        .write_new(&guests.join(name))
    }
}

fn build(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> Result<Artifact> {
    let mut zig = zig("Zig", folder, runner)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    announce(out, &format!("building {name} ..."));
    let scratch = Scratch::new().context("can't make a temporary folder for the guest")?;
    let file = scratch.path().join("guest.wasm");
    let mut target = std::ffi::OsString::from("-femit-bin=");
    target.push(&file);
    // Else it is kept in the folder of the source, where `dev` would see it change.
    zig.args(ARGUMENTS).arg(target).arg("--cache-dir").arg(scratch.path().join("cache"));
    let status = runner.run(&mut zig).context("zig")?;
    ensure!(status.success(), "zig failed ({status}; its messages are above)");
    Ok(Artifact { file, _scratch: Some(scratch) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_filled_in() {
        for text in [MAIN, CASES] {
            assert!(text.contains("NAME"), "{text}");
        }
        for text in [SNOW, CONTRACT, FETCH, JOBS, SQL, STORE] {
            assert!(!text.contains("NAME"));
        }
        assert!(MAIN.contains("@import(\"snow.zig\")"));
    }
}
