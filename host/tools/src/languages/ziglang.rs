//! Finds zig, which compiles Zig and C: the program in the path, or that of the Python module
//! `ziglang`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::MissingTool;
use crate::process::{RunError, Runner, command_in};

/// Asks Python for the module, without its message about a module that is missing.
const FIND: &str = "import importlib.util, sys; \
                    sys.exit(importlib.util.find_spec('ziglang') is None)";

/// Returns the command that starts zig in a folder, without arguments.
///
/// # Errors
/// Zig is not there. `guests` says whose guests need it.
pub(super) fn zig(guests: &str, folder: &Path, runner: &Runner<'_>) -> Result<Command> {
    let command = |words: &[&str]| {
        let mut command = command_in(folder, words[0]);
        command.args(&words[1..]);
        command
    };
    if works(&mut command(&["zig", "version"]), runner).context("zig")? {
        return Ok(command(&["zig"]));
    }
    if works(&mut command(&["python3", "-c", FIND]), runner).context("python3")? {
        return Ok(command(&["python3", "-m", "ziglang"]));
    }
    let remedy = format!(
        "guests in {guests} are built with zig, and neither `zig` nor the Python module `ziglang` \
         was found: install it with `pip install ziglang==0.17.1`, or from \
         https://ziglang.org/download/, and try again"
    );
    Err(MissingTool(remedy).into())
}

/// Returns whether a program is there and succeeds.
fn works(command: &mut Command, runner: &Runner<'_>) -> Result<bool, RunError> {
    match runner.run_output(command) {
        Ok((status, _)) => Ok(status.success()),
        Err(RunError::NotStarted(error)) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Cancellation;

    #[test]
    fn a_program_that_is_missing_does_not_work() {
        let cancellation = Cancellation::default();
        let runner = Runner { ms_max: 60_000, cancellation: &cancellation };
        for (words, expected) in
            [(["true", ""], true), (["false", ""], false), (["/no/such/program", ""], false)]
        {
            let found = works(Command::new(words[0]).arg(words[1]), &runner).unwrap();
            assert_eq!(found, expected, "{words:?}");
        }
    }
}
