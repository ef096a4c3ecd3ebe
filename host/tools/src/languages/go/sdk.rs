//! The SDK for Go: the module `snow`.

use std::io::Write;
use std::path::Path;

use crate::languages::sdk::{Sdk, embedded};

const SDK: Sdk = Sdk {
    name: "sdk-go",
    source: embedded![
        "guest-sdk/go/README.md",
        "guest-sdk/go/go.mod",
        "guest-sdk/go/accept.go",
        "guest-sdk/go/cookie.go",
        "guest-sdk/go/deployed.go",
        "guest-sdk/go/deployed_wasip1.go",
        "guest-sdk/go/fetch.go",
        "guest-sdk/go/fetch_wasip1.go",
        "guest-sdk/go/form.go",
        "guest-sdk/go/host_native.go",
        "guest-sdk/go/host_wasip1.go",
        "guest-sdk/go/internal/bindings/export_snow_host_handler/handler.go",
        "guest-sdk/go/internal/bindings/export_snow_host_job_runner/job_runner.go",
        "guest-sdk/go/internal/bindings/export_snow_host_resumer/resumer.go",
        "guest-sdk/go/internal/bindings/exports/wit_exports.go",
        "guest-sdk/go/internal/bindings/job_exports/wit_exports.go",
        "guest-sdk/go/internal/bindings/snow_host_deployment/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_fetch/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_handler/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_http/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_job_runner/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_jobs/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_logging/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_pending_handles/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_resumer/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_resumption/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_sql/wit_bindings.go",
        "guest-sdk/go/internal/bindings/snow_host_store/wit_bindings.go",
        "guest-sdk/go/internal/bindings/wasi_config_store/wit_bindings.go",
        "guest-sdk/go/internal/call/call.go",
        "guest-sdk/go/internal/call/call_wasip1.go",
        "guest-sdk/go/internal/text/text.go",
        "guest-sdk/go/internal/text/urlencoded.go",
        "guest-sdk/go/internal/wit/runtime/runtime.go",
        "guest-sdk/go/internal/wit/types/types.go",
        "guest-sdk/go/jobs/jobs.go",
        "guest-sdk/go/jobs/jobs_native.go",
        "guest-sdk/go/jobs/jobs_wasip1.go",
        "guest-sdk/go/log.go",
        "guest-sdk/go/multipart.go",
        "guest-sdk/go/pending.go",
        "guest-sdk/go/request.go",
        "guest-sdk/go/response.go",
        "guest-sdk/go/resumed.go",
        "guest-sdk/go/serve.go",
        "guest-sdk/go/session/manager.go",
        "guest-sdk/go/session/record.go",
        "guest-sdk/go/session/session.go",
        "guest-sdk/go/settlement.go",
        "guest-sdk/go/signed/cookie.go",
        "guest-sdk/go/signed/signed.go",
        "guest-sdk/go/signed/stored.go",
        "guest-sdk/go/snow.go",
        "guest-sdk/go/snowhttp/snowhttp.go",
        "guest-sdk/go/sql.go",
        "guest-sdk/go/sql_rows.go",
        "guest-sdk/go/sql_values.go",
        "guest-sdk/go/sql_wasip1.go",
        "guest-sdk/go/store.go",
        "guest-sdk/go/store_native.go",
        "guest-sdk/go/store_wasip1.go",
        "LICENSE",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ],
};

/// Unpacks the SDK into the guests folder, if it is not there yet. Returns the folder of its module,
/// relative to the guests folder.
pub(super) fn unpack(guests: &Path, out: &mut dyn Write) -> anyhow::Result<String> {
    Ok(format!("{}/guest-sdk/go", SDK.unpack(guests, out)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages::sdk::assert_complete;

    #[test]
    fn every_file_of_the_sdk_is_embedded() {
        let others = ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];
        assert_complete(&SDK, &["guest-sdk/go"], &others, |path| path.ends_with("_test.go"));
    }
}
