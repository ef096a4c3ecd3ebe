//! The SDK for Rust.

use std::io::Write;
use std::path::Path;

pub(super) use crate::languages::sdk::FOLDER;
use crate::languages::sdk::{Sdk, embedded};

/// The SDK, with the contract that its bindings are made from.
const SDK: Sdk = Sdk {
    name: "sdk",
    source: embedded![
        "guest-sdk/Cargo.toml",
        "guest-sdk/macros/Cargo.toml",
        "guest-sdk/macros/src/lib.rs",
        "guest-sdk/src/accept.rs",
        "guest-sdk/src/bindings.rs",
        "guest-sdk/src/config.rs",
        "guest-sdk/src/cookie.rs",
        "guest-sdk/src/deployment.rs",
        "guest-sdk/src/error.rs",
        "guest-sdk/src/fetch.rs",
        "guest-sdk/src/form.rs",
        "guest-sdk/src/form/multipart.rs",
        "guest-sdk/src/heap.rs",
        "guest-sdk/src/jobs.rs",
        "guest-sdk/src/json.rs",
        "guest-sdk/src/lib.rs",
        "guest-sdk/src/log.rs",
        "guest-sdk/src/outcome.rs",
        "guest-sdk/src/pending.rs",
        "guest-sdk/src/pending/host.rs",
        "guest-sdk/src/pending/wait.rs",
        "guest-sdk/src/properties.rs",
        "guest-sdk/src/query.rs",
        "guest-sdk/src/random.rs",
        "guest-sdk/src/request.rs",
        "guest-sdk/src/response.rs",
        "guest-sdk/src/resumed.rs",
        "guest-sdk/src/serve.rs",
        "guest-sdk/src/session.rs",
        "guest-sdk/src/session/entries.rs",
        "guest-sdk/src/session/tests.rs",
        "guest-sdk/src/settlement.rs",
        "guest-sdk/src/signed.rs",
        "guest-sdk/src/sql.rs",
        "guest-sdk/src/sql/host.rs",
        "guest-sdk/src/sql/tests.rs",
        "guest-sdk/src/sql/values.rs",
        "guest-sdk/src/store.rs",
        "guest-sdk/src/store/host.rs",
        "guest-sdk/src/system.rs",
        "guest-sdk/src/typed.rs",
        "guest-sdk/src/vectors.rs",
        "guest-sdk/tests/vectors.json",
        "wit/snow.wit",
        "LICENSE",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ],
};

/// Unpacks the SDK into the guests folder, if it is not there yet. Returns the path of its package,
/// relative to the guests folder.
pub(super) fn unpack(guests: &Path, out: &mut dyn Write) -> anyhow::Result<String> {
    Ok(format!("{}/guest-sdk", SDK.unpack(guests, out)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::languages::sdk::assert_complete;

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let others = [
            "guest-sdk/Cargo.toml",
            "guest-sdk/macros/Cargo.toml",
            "guest-sdk/tests/vectors.json",
            "wit/snow.wit",
            "LICENSE",
            "LICENSE-APACHE",
            "LICENSE-MIT",
        ];
        assert_complete(&SDK, &["guest-sdk/src", "guest-sdk/macros/src"], &others, |_| false);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let manifest = fs::read_to_string(root.join("guest-sdk/Cargo.toml")).unwrap();
        let version = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
        assert!(
            manifest.contains(&version),
            "the SDK's folder is named after the program's version"
        );
    }
}
