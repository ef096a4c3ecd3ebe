//! SDKs. No registry has them: this program contains their sources, and unpacks those of a language
//! once into a guests folder.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::files::Files;

/// The hidden folder, in the guests folder, for what guests share.
pub(super) const FOLDER: &str = ".snow";

/// Includes files of this repository, by their paths from its root.
macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../", $path)))),+]
    };
}
pub(super) use embedded;

/// The SDK of a language.
pub(super) struct Sdk {
    /// What the name of its folder begins with.
    pub name: &'static str,
    /// Its files: paths from the root of this repository, and texts.
    pub source: &'static [(&'static str, &'static str)],
}

impl Sdk {
    /// Unpacks the SDK into the guests folder, if it is not there yet. Returns its folder, relative
    /// to the guests folder.
    ///
    /// The SDK is in `.snow/NAME-VERSION`. If that folder has other content, from another build of
    /// this program or because it was edited, other guests are built with it and it is left alone.
    /// This program's SDK then goes into a second folder, with a hash of the content in its name.
    pub fn unpack(&self, guests: &Path, out: &mut dyn Write) -> anyhow::Result<String> {
        let files = self.files();
        let (name, version) = (self.name, env!("CARGO_PKG_VERSION"));
        let names = [
            format!("{FOLDER}/{name}-{version}"),
            format!("{FOLDER}/{name}-{version}-{:016x}", hash(self.source)),
        ];
        for name in &names {
            let folder = guests.join(name);
            if files.are_in(&folder) {
                return Ok(name.clone());
            }
            if !folder.exists() {
                let parent = guests.join(FOLDER);
                fs::create_dir_all(&parent)
                    .with_context(|| format!("can't make the folder {}", parent.display()))?;
                files.write_new(&folder)?;
                writeln!(
                    out,
                    "unpacked the SDK into {}: keep it with your guests' source",
                    folder.display()
                )?;
                return Ok(name.clone());
            }
        }
        // The second folder's name has the hash of its content, so somebody has edited it.
        anyhow::bail!(
            "{} was edited: remove it and try again, and the SDK is unpacked anew",
            guests.join(&names[1]).display()
        )
    }

    /// Returns its files.
    pub fn files(&self) -> Files {
        Files::embedded(self.source)
    }
}

/// Returns the FNV-1a hash of the files, which tells builds apart. Contents are compared before a
/// folder is used, so a collision does no harm.
pub(crate) fn hash(files: &[(&str, &str)]) -> u64 {
    let bytes = files
        .iter()
        .flat_map(|(path, text)| path.bytes().chain([0]).chain(text.bytes()).chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Checks that an SDK has every file of these folders of the repository, and these others, and no
/// more. `is_left_out` decides about files that are not part of the SDK, by their paths.
#[cfg(test)]
pub(super) fn assert_complete(
    sdk: &Sdk,
    folders: &[&str],
    others: &[&str],
    is_left_out: impl Fn(&str) -> bool,
) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut found: Vec<String> = others.iter().map(|path| (*path).to_owned()).collect();
    let mut folders: Vec<std::path::PathBuf> = folders.iter().map(Into::into).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let text = path.to_str().unwrap().to_owned();
            match entry.path().is_dir() {
                _ if is_left_out(&text) => {}
                true => folders.push(path),
                false => found.push(text),
            }
        }
    }
    found.sort();
    let mut embedded: Vec<&str> = sdk.source.iter().map(|(path, _)| *path).collect();
    embedded.sort();
    assert_eq!(embedded, found);
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn an_sdk_is_unpacked_once_and_never_over_other_content() {
        let guests = env::temp_dir().join(format!("snow-host-sdk-{}", process::id()));
        fs::create_dir_all(&guests).unwrap();
        let sdk = Sdk { name: "sdk", source: &[("a/b.rs", "text"), ("wit/snow.wit", "wit")] };
        let unpacked = || {
            let mut out = Vec::new();
            let folder = sdk.unpack(&guests, &mut out).map_err(|error| error.to_string());
            (folder, String::from_utf8(out).unwrap())
        };
        let (first, said) = unpacked();
        let first = first.unwrap();
        assert!(said.contains("unpacked") && guests.join(&first).join("a/b.rs").is_file());
        assert_eq!(unpacked(), (Ok(first.clone()), String::new()), "it was unpacked before");

        let edited = guests.join(&first).join("a/b.rs");
        fs::write(&edited, "// mine").unwrap();
        let (second, said) = unpacked();
        let second = second.unwrap();
        assert!(second != first && said.contains("unpacked"), "{second}: {said}");
        assert_eq!(fs::read_to_string(&edited).unwrap(), "// mine");
        assert_eq!(unpacked(), (Ok(second.clone()), String::new()));

        fs::write(guests.join(&second).join("a/b.rs"), "").unwrap();
        assert!(unpacked().0.unwrap_err().contains("remove it"));
        fs::remove_dir_all(&guests).unwrap();
    }
}
