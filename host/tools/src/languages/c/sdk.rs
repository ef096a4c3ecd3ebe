//! The SDK for C: a header, its source, and the bindings.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::languages::sdk::{Sdk, embedded};

/// The folder of the header in this repository.
const HOME: &str = "guest-sdk/c";

const SDK: Sdk = Sdk {
    name: "sdk-c",
    source: embedded![
        "guest-sdk/c/README.md",
        "guest-sdk/c/resuming_guest.c",
        "guest-sdk/c/resuming_guest.h",
        "guest-sdk/c/snow.c",
        "guest-sdk/c/snow.h",
        "guest-sdk/c/snow_answer.c",
        "guest-sdk/c/snow_cookie.c",
        "guest-sdk/c/snow_deployed.c",
        "guest-sdk/c/snow_exports.c",
        "guest-sdk/c/snow_fetch.c",
        "guest-sdk/c/snow_form.c",
        "guest-sdk/c/snow_internal.h",
        "guest-sdk/c/snow_jobs.c",
        "guest-sdk/c/snow_jobs.h",
        "guest-sdk/c/snow_keys.c",
        "guest-sdk/c/snow_multipart.c",
        "guest-sdk/c/snow_pending.c",
        "guest-sdk/c/snow_record.c",
        "guest-sdk/c/snow_request.c",
        "guest-sdk/c/snow_rows.c",
        "guest-sdk/c/snow_session.c",
        "guest-sdk/c/snow_sha256.c",
        "guest-sdk/c/snow_sha256.h",
        "guest-sdk/c/snow_signed.c",
        "guest-sdk/c/snow_sql.c",
        "guest-sdk/c/snow_sql.h",
        "guest-sdk/c/snow_store.c",
        "guest-sdk/c/snow_syntax.c",
        "guest-sdk/c/snow_text.c",
        "guest-sdk/c/snow_web.h",
        "LICENSE",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ],
};

/// Unpacks the SDK into the guests folder, if it is not there yet. Returns the folder of its header,
/// relative to the guests folder.
pub(super) fn unpack(guests: &Path, out: &mut dyn Write) -> anyhow::Result<String> {
    Ok(format!("{}/{HOME}", SDK.unpack(guests, out)?))
}

/// Writes the SDK into a new folder, and returns the folder of its header.
pub(super) fn write_into(folder: &Path) -> anyhow::Result<PathBuf> {
    SDK.files().write_new(folder).context("can't write the SDK for C")?;
    Ok(folder.join(HOME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages::sdk::assert_complete;

    /// Native tests of the SDK, which no guest needs.
    const TESTS: &str = "guest-sdk/c/tests";

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let others = ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];
        assert_complete(&SDK, &[HOME], &others, |path| path == TESTS);
    }
}
