//! Puts built guests where they are served.

use std::path::Path;
use std::time::SystemTime;
use std::{fs, process};

use anyhow::{Context, Result};

use super::BuiltGuest;

/// Copies a built guest to `GUESTS/NAME.wasm`, where NAME is the name of its source folder. A file
/// that already has the same bytes is left alone.
pub(super) fn install(guests: &Path, folder: &Path, artifact: &Path) -> Result<BuiltGuest> {
    let name = folder.file_name().unwrap_or_default();
    let name = name
        .to_str()
        .with_context(|| format!("{} can't be a guest's name: it is not UTF-8", name.display()))?;
    let file = guests.join(format!("{name}.wasm"));
    let bytes = fs::read(artifact)
        .with_context(|| format!("can't read the built guest, {}", artifact.display()))?;
    let changed = fs::read(&file).ok().as_deref() != Some(&bytes);
    let at = SystemTime::now();
    if changed {
        replace(&file, &bytes).with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(BuiltGuest { file, bytes: bytes.len() as u64, changed, at })
}

/// Replaces a file so that a reader sees either all of the old bytes or all of the new ones.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // The partial file is in the same folder, because a rename does not cross file systems. Its
    // ending is not a guest's, so that it is never served.
    let partial = file.with_extension(format!("wasm.{}.partial", process::id()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_guest_is_replaced_only_when_it_changes() {
        let guests = env::temp_dir().join(format!("snow-host-install-{}", process::id()));
        fs::create_dir_all(&guests).unwrap();
        let file = guests.join("built");
        for (bytes, changed) in [("1", true), ("1", false), ("22", true)] {
            fs::write(&file, bytes).unwrap();
            let built = install(&guests, &guests.join("two-step"), &file).unwrap();
            assert_eq!((built.changed, built.bytes), (changed, bytes.len() as u64));
            assert_eq!(fs::read(guests.join("two-step.wasm")).unwrap(), bytes.as_bytes());
        }
        assert_eq!(fs::read_dir(&guests).unwrap().count(), 2, "no partial file is left");
        fs::remove_dir_all(&guests).unwrap();
    }
}
