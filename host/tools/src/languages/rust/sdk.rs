//! The SDK for Rust. No registry has it: this program contains its source, and unpacks it once into
//! a guests folder.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::languages::files::Files;

/// The hidden folder, in the guests folder, for what guests share.
pub(super) const FOLDER: &str = ".snow";

/// Includes files of this repository, by their paths from its root.
macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../", $path)))),+]
    };
}

/// The files of the SDK: paths and texts. A unit test compares the list with the repository.
const SOURCE: &[(&str, &str)] = embedded![
    "guest-sdk/Cargo.toml",
    "guest-sdk/macros/Cargo.toml",
    "guest-sdk/macros/src/lib.rs",
    "guest-sdk/src/bindings.rs",
    "guest-sdk/src/error.rs",
    "guest-sdk/src/heap.rs",
    "guest-sdk/src/lib.rs",
    "guest-sdk/src/log.rs",
    "guest-sdk/src/outcome.rs",
    "guest-sdk/src/pending.rs",
    "guest-sdk/src/query.rs",
    "guest-sdk/src/request.rs",
    "guest-sdk/src/response.rs",
    "guest-sdk/src/resumed.rs",
    "guest-sdk/src/serve.rs",
    "guest-sdk/src/settlement.rs",
    "guest-sdk/src/typed.rs",
    "wit/engine.wit",
    "wit/snow.wit",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
];

/// Unpacks the SDK into the guests folder, if it is not there yet. Returns the path of its package,
/// relative to the guests folder.
///
/// The SDK is in `.snow/sdk-VERSION`. If that folder has other content, from another build of this
/// program or because it was edited, other guests are built with it and it is left alone. This
/// program's SDK then goes into a second folder, with a hash of the content in its name.
pub(super) fn unpack(guests: &Path, out: &mut dyn Write) -> anyhow::Result<String> {
    let files = Files(
        SOURCE.iter().map(|(path, text)| (Cow::Borrowed(*path), Cow::Borrowed(*text))).collect(),
    );
    let version = env!("CARGO_PKG_VERSION");
    let names = [
        format!("{FOLDER}/sdk-{version}"),
        format!("{FOLDER}/sdk-{version}-{:016x}", hash(SOURCE)),
    ];
    let package = |name: &str| format!("{name}/guest-sdk");
    for name in &names {
        let folder = guests.join(name);
        if files.are_in(&folder) {
            return Ok(package(name));
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
            return Ok(package(name));
        }
    }
    // The second folder's name has the hash of its content, so somebody has edited it.
    anyhow::bail!(
        "{} was edited: remove it and try again, and the SDK is unpacked anew",
        guests.join(&names[1]).display()
    )
}

/// Returns the FNV-1a hash of the files, which tells builds apart. Contents are compared before a
/// folder is used, so a collision does no harm.
fn hash(files: &[(&str, &str)]) -> u64 {
    let bytes = files
        .iter()
        .flat_map(|(path, text)| path.bytes().chain([0]).chain(text.bytes()).chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::{env, process};

    use super::*;

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut found: Vec<String> = Vec::new();
        let mut folders =
            ["guest-sdk/src", "guest-sdk/macros/src", "wit"].map(PathBuf::from).to_vec();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name());
                match entry.path().is_dir() {
                    true => folders.push(path),
                    false => found.push(path.to_str().unwrap().to_owned()),
                }
            }
        }
        let others = [
            "guest-sdk/Cargo.toml",
            "guest-sdk/macros/Cargo.toml",
            "LICENSE",
            "LICENSE-APACHE",
            "LICENSE-MIT",
        ];
        found.extend(others.map(str::to_owned));
        found.sort();
        let mut embedded: Vec<&str> = SOURCE.iter().map(|(path, _)| *path).collect();
        embedded.sort();
        assert_eq!(embedded, found);
        let manifest = fs::read_to_string(root.join("guest-sdk/Cargo.toml")).unwrap();
        let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
        assert!(
            manifest.contains(&version),
            "the SDK's folder is named after the program's version"
        );
    }

    #[test]
    fn the_sdk_is_unpacked_once_and_never_over_other_content() {
        let guests = env::temp_dir().join(format!("snow-host-sdk-{}", process::id()));
        fs::create_dir_all(&guests).unwrap();
        let unpacked = || {
            let mut out = Vec::new();
            let package = unpack(&guests, &mut out).map_err(|error| error.to_string());
            (package, String::from_utf8(out).unwrap())
        };
        let (first, said) = unpacked();
        let first = first.unwrap();
        assert!(
            said.contains("unpacked") && guests.join(&first).join("Cargo.toml").is_file(),
            "{said}"
        );
        assert!(
            guests.join(&first).join("../wit/snow.wit").is_file(),
            "the bindings look for it there"
        );
        assert_eq!(unpacked(), (Ok(first.clone()), String::new()), "it was unpacked before");

        let edited = guests.join(&first).join("src/lib.rs");
        fs::write(&edited, "// mine").unwrap();
        let (second, said) = unpacked();
        let second = second.unwrap();
        assert!(second != first && said.contains("unpacked"), "{second}: {said}");
        assert_eq!(fs::read_to_string(&edited).unwrap(), "// mine");
        assert_eq!(unpacked(), (Ok(second.clone()), String::new()));

        fs::write(guests.join(&second).join("src/lib.rs"), "").unwrap();
        assert!(unpacked().0.unwrap_err().contains("remove it"));
        fs::remove_dir_all(&guests).unwrap();
    }
}
