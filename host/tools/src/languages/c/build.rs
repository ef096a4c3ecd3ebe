//! Builds a guest with `zig cc`.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{HEADER, sdk, sources};
use crate::languages::ziglang::zig;
use crate::languages::{Artifact, FolderBuild, Scratch, announce, timed};
use crate::process::Runner;

/// The file with a guest's own flags, one a line, as clangd reads it.
const FLAGS: &str = "compile_flags.txt";

/// The flags for each guest. A fresh instance is cheap if its memory need not grow, so it begins
/// with a heap of some size, and without the 16 MiB of stack that zig would give it.
const GUEST_FLAGS: &[&str] = &[
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-std=gnu11",
    "-Os",
    "-Wall",
    "-Wl,-z,stack-size=65536",
    "-Wl,--initial-memory=262144",
    "-Wl,--strip-debug",
];

/// Builds the guest in a folder, of all its `.c` files.
pub(super) fn build(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> FolderBuild {
    let (result, took) = timed(|| run(folder, runner, out));
    FolderBuild { folder: folder.to_owned(), result: result.map(Some), took }
}

fn run(folder: &Path, runner: &Runner<'_>, out: &mut dyn Write) -> Result<Artifact> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut zig = zig("C", folder, runner)?;
    announce(out, &format!("building {name} ..."));
    let scratch = Scratch::new().context("can't make a temporary folder for the guest")?;
    let file = scratch.path().join("guest.wasm");
    let flags = own_flags(folder)?;
    let sdk = match included(folder, &flags) {
        Some(sdk) => sdk,
        None => sdk::write_into(&scratch.path().join("sdk"))?,
    };
    zig.arg("cc").args(GUEST_FLAGS).args(&flags).arg("-I").arg(&sdk);
    zig.args(sources(folder)?).args(sources(&sdk)?).arg("-o").arg(&file);
    let status = runner.run(&mut zig).context("zig")?;
    ensure!(status.success(), "zig failed ({status}; its messages are above)");
    Ok(Artifact { file, _scratch: Some(scratch) })
}

/// Returns the flags in the guest's own file, if it has one.
fn own_flags(folder: &Path) -> Result<Vec<OsString>> {
    let file = folder.join(FLAGS);
    match fs::read_to_string(&file) {
        Ok(text) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(lines.map(OsString::from).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("can't read {}", file.display())),
    }
}

/// Returns the folder of the SDK that the guest's own flags name, by `-IFOLDER`.
fn included(folder: &Path, flags: &[OsString]) -> Option<PathBuf> {
    let folders = flags.iter().filter_map(|flag| flag.to_str()?.strip_prefix("-I"));
    folders.map(|path| folder.join(path)).find(|path| path.join(HEADER).is_file())
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn a_guest_may_name_its_sdk() {
        let folder = env::temp_dir().join(format!("snow-host-c-{}", process::id()));
        fs::create_dir_all(folder.join("guest")).unwrap();
        fs::create_dir_all(folder.join("sdk")).unwrap();
        let guest = folder.join("guest");
        assert_eq!(own_flags(&guest).unwrap(), Vec::<OsString>::new());
        fs::write(guest.join(FLAGS), "-DA=1\n\n -I../sdk \n").unwrap();
        let flags = own_flags(&guest).unwrap();
        assert_eq!(flags, ["-DA=1", "-I../sdk"]);
        assert_eq!(included(&guest, &flags), None, "it has no header");
        fs::write(folder.join("sdk").join(HEADER), "").unwrap();
        assert_eq!(included(&guest, &flags), Some(guest.join("../sdk")));
        fs::remove_dir_all(&folder).unwrap();
    }
}
