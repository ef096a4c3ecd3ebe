//! Finds zig, which compiles Zig and C: the program in the path, or that of the Python module
//! `ziglang`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::MissingTool;
use super::version::Version;
use crate::process::{RunError, Runner, command_in};

/// Asks Python for the module, without its message about a module that is missing.
const FIND: &str = "import importlib.util, sys; \
                    sys.exit(importlib.util.find_spec('ziglang') is None)";

/// The oldest zig that can compile the template's contract, and that the SDK for C is tested with.
const VERSION_MIN: Version = Version(0, 17);

/// Returns the command that starts zig in a folder, without arguments: the first that is new enough.
///
/// # Errors
/// Zig is not there, or too old. `guests` says whose guests need it.
pub(super) fn zig(guests: &str, folder: &Path, runner: &Runner<'_>) -> Result<Command> {
    let command = |words: &[&str]| {
        let mut command = command_in(folder, words[0]);
        command.args(&words[1..]);
        command
    };
    let mut found = Vec::new();
    if let Some(printed) = output(&mut command(&["zig", "version"]), runner).context("zig")? {
        if is_new_enough(&printed) {
            return Ok(command(&["zig"]));
        }
        found.push(("`zig`", printed));
    }
    let module = ["python3", "-m", "ziglang"];
    if output(&mut command(&["python3", "-c", FIND]), runner).context("python3")?.is_some()
        && let Some(printed) =
            output(command(&module).arg("version"), runner).context("python3 -m ziglang")?
    {
        if is_new_enough(&printed) {
            return Ok(command(&module));
        }
        found.push(("the Python module `ziglang`", printed));
    }
    Err(MissingTool(remedy(guests, &found)).into())
}

fn is_new_enough(printed: &[u8]) -> bool {
    Version::find(printed).is_some_and(|version| version >= VERSION_MIN)
}

/// Returns what was found in place of a zig that can be used, and the way to get one.
fn remedy(guests: &str, found: &[(&str, Vec<u8>)]) -> String {
    let found: Vec<String> = found
        .iter()
        .map(|(what, printed)| format!("{what} is {}", String::from_utf8_lossy(printed).trim()))
        .collect();
    let what = match found.is_empty() {
        true => "neither `zig` nor the Python module `ziglang` was found".to_owned(),
        false => found.join(", and "),
    };
    format!(
        "guests in {guests} are built with zig {VERSION_MIN} or later, and {what}: install it with \
         `pip install ziglang==0.17.1`, or from https://ziglang.org/download/, and try again"
    )
}

/// Returns what a program prints; `None` if it is not there or fails.
fn output(command: &mut Command, runner: &Runner<'_>) -> Result<Option<Vec<u8>>, RunError> {
    match runner.run_output(command) {
        Ok((status, printed)) => Ok(status.success().then_some(printed)),
        Err(RunError::NotStarted(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Cancellation;

    #[test]
    fn a_program_that_is_missing_prints_nothing() {
        let cancellation = Cancellation::default();
        let runner = Runner { ms_max: 60_000, cancellation: &cancellation };
        for (words, expected) in [
            (["true", ""], Some(&b""[..])),
            (["false", ""], None),
            (["/no/such/program", ""], None),
            (["echo", "0.17.1"], Some(b"0.17.1\n")),
        ] {
            let found = output(Command::new(words[0]).arg(words[1]), &runner).unwrap();
            assert_eq!(found.as_deref(), expected, "{words:?}");
        }
    }

    #[test]
    fn an_old_zig_is_named_with_its_version() {
        assert!(is_new_enough(b"0.17.1\n") && is_new_enough(b"0.18.0-dev.1+a\n"));
        assert!(!is_new_enough(b"0.16.2\n") && !is_new_enough(b"nonsense\n"));
        let said = remedy("Zig", &[("`zig`", b"0.16.2\n".to_vec())]);
        assert!(said.contains("zig 0.17 or later, and `zig` is 0.16.2: install"), "{said}");
        assert!(remedy("C", &[]).contains("neither `zig` nor"));
    }
}
