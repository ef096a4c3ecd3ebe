//! The program: see [`snow_host::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    snow_host::cli::main()
}
