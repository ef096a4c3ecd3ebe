//! The command line: its arguments, and which command they mean. Each command has a file of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use snow_config::AdminListen;
use snow_guests::COMPILE_SUBCOMMAND;
use snow_tools::test;

use crate::flags::{CacheFlags, Flags};
use crate::new;

/// Serves HTTP from WebAssembly guests: each .wasm or .wat file of a folder says its own routes, and a
/// request can wait without holding an instance.
#[derive(Debug, Parser)]
#[command(
    name = "snow-host",
    version,
    max_term_width = 100,
    after_help = "Example:\n  snow-host run guests/ --listen 127.0.0.1:8080\n  curl http://127.0.0.1:8080/hello"
)]
pub struct Arguments {
    /// Which command, with its arguments.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the guests of a folder until SIGTERM or SIGINT, and then drains
    ///
    /// Prints `listening on http://ADDR:PORT` and the routes on standard output once it answers; the log goes
    /// to standard error. On SIGTERM or SIGINT it stops accepting, lets held requests wait for 10 seconds,
    /// and answers what is left with 503. A second signal ends it at once. What snow.toml beside the guests says
    /// counts: limits, and what each guest may do.
    Run {
        /// The folder of guests (.wasm and .wat files), or one guest file
        guests: PathBuf,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Serves while you write: builds a guest again as its source changes, and swaps it
    ///
    /// At the start all guests are built. What compilers say is shown as it is; while a guest can't be built, its last
    /// version serves on. It takes the flags of `run`, and ends at once on a signal.
    Dev {
        /// The folder of guests, with their sources in sub-folders
        #[arg(default_value = "guests")]
        guests: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Builds each guest that has its source in a sub-folder into GUESTS/NAME.wasm
    ///
    /// By `build` of its table [guest.NAME] in snow.toml, or with its language's tools. One that can't be built keeps no
    /// other from it; the exit code is then 1.
    Build {
        /// The folder of guests
        guests: PathBuf,
    },
    /// Asks a server that runs, and prints its guests and what it holds
    ///
    /// The server has to have been started with --admin, or with `admin` in snow.toml. The exit code is 1 if nothing
    /// answers there.
    Status {
        /// Its folder of guests: what snow.toml there says of `admin` counts
        guests: Option<PathBuf>,
        /// Its --admin: ADDRESS:PORT or unix:/path/to.sock [default: 127.0.0.1:9090]
        #[arg(long)]
        admin: Option<AdminListen>,
    },
    /// Loads one guest and prints its routes, imports and size
    Check {
        /// A .wasm or .wat file
        file: PathBuf,
        #[command(flatten)]
        cache: CacheFlags,
    },
    /// Compiles what standard input holds; started by `run`, not by people
    #[command(name = COMPILE_SUBCOMMAND, hide = true)]
    CompileGuest {
        /// What the parent wrote
        #[arg(trailing_var_arg = true)]
        arguments: Vec<OsString>,
    },
    /// Prints what is in force and where each value is from: a flag, a line of snow.toml, or the default
    ///
    /// It takes the flags of `run`. What it prints could be saved as snow.toml; defaults are comments.
    Config {
        /// The folder of guests, or one guest file
        #[arg(default_value = ".")]
        guests: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Print the JSON Schema of snow.toml instead, for editors
        #[arg(long, exclusive = true)]
        schema: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Starts a guest: writes a source folder that builds, answers, and has cases to test
    ///
    /// What the guest needs to be built, other than the language's own tools, is unpacked into a hidden folder beside it.
    #[command(arg_required_else_help = true)]
    New {
        /// What it is written in
        #[arg(value_parser = PossibleValuesParser::new(new::languages()))]
        language: String,
        /// Its name: lower-case letters, digits, `-` and `_`, a letter first
        name: String,
        /// The folder of guests
        #[arg(long = "in", value_name = "GUESTS", default_value = "guests")]
        guests: PathBuf,
    },
    /// Runs the request/response cases that lie beside guests
    ///
    /// The cases of the guest NAME are in NAME.test.toml, beside NAME.wasm (or .wat) or in its source folder NAME/. Each is
    /// run on a server of its own, within this process, for which snow.toml counts. The exit code is 0 if all went well,
    /// 1 if not.
    #[command(after_long_help = test::HELP)]
    Test {
        /// Folders of guests, or guests' files
        #[arg(required = true)]
        guests: Vec<PathBuf>,
        /// Run only the cases that have this in `GUEST: CASE`
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
