//! The bindings for C, as wit-bindgen makes them.

use std::path::Path;

use anyhow::Result;
use wit_bindgen_c::Opts;

use crate::{Generated, contract, run};

/// Generates a header and its source. The export of guests with jobs is not among it: the macro
/// `SNOW_JOBS` writes it into the guests that have some.
pub(crate) fn generate(root: &Path) -> Result<Generated> {
    // The component type is an object file, which does not belong into a repository; the host takes
    // the exports for the contract instead.
    let options = Opts { no_object_file: true, ..Opts::default() };
    let files = run(contract(root)?, options.build())?;
    Ok(files.into_iter().map(|(name, text)| (format!("guest-sdk/c/{name}").into(), text)).collect())
}
