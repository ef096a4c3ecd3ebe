//! The command line: its commands and their arguments. Each command has a file of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::flags::{CacheFlags, ServerFlags, ValueFlags};
use crate::new;
use snow_config::AdminListen;
use snow_guests::COMPILE_SUBCOMMAND;

/// Serves HTTP from WebAssembly guests: each .wasm, .wat, .js, .ts or .py file in a folder declares
/// its own routes, and a request can wait without holding an instance.
#[derive(Debug, Parser)]
#[command(
    name = "snow-host",
    version,
    max_term_width = 100,
    after_help = "Example:\n  snow-host run guests/ --listen 127.0.0.1:8080\n  curl http://127.0.0.1:8080/hello"
)]
pub(crate) struct Arguments {
    /// The command, with its arguments.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order of `--help`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves the guests in a folder until SIGTERM or SIGINT, then drains
    ///
    /// Prints `listening on http://ADDR:PORT` and the routes on standard output once it answers;
    /// the log goes to standard error. On SIGTERM or SIGINT it stops accepting connections, lets
    /// held requests wait for 10 more seconds, and answers those that are left with 503. A second
    /// signal ends it at once. The file snow.toml in the folder sets limits, and what each guest
    /// may do.
    Run {
        /// The folder of guests (.wasm, .wat, .js, .ts and .py files), or one guest's file
        guests: PathBuf,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
        #[command(flatten)]
        flags: ServerFlags,
    },
    /// Serves while you write: builds a guest again when its source changes, and swaps it
    ///
    /// All guests are built at the start. The output of compilers is shown as it is. While a guest
    /// can't be built, its last version is still served. It takes the flags of `run`, and ends at
    /// once on a signal.
    Dev {
        /// The folder of guests, with their sources in sub-folders
        #[arg(default_value = "guests")]
        guests: PathBuf,
        #[command(flatten)]
        flags: ServerFlags,
    },
    /// Builds the source of each guest: GUESTS/NAME/ becomes GUESTS/NAME.wasm
    ///
    /// A guest is built with the command `build` in its table [guest.NAME] in snow.toml, or with
    /// the tools of its language. If a guest can't be built, the others still are, and the exit
    /// code is 1.
    Build {
        /// The folder of guests
        guests: PathBuf,
    },
    /// Prints the guests of a running server and the requests that it holds
    ///
    /// The server must have been started with --admin, or with `admin` in snow.toml. The exit code
    /// is 1 if no server answers.
    Status {
        /// The server's folder of guests, to read `admin` from its snow.toml
        guests: Option<PathBuf>,
        /// The server's --admin: ADDRESS:PORT or unix:/path/to.sock [default: 127.0.0.1:9090]
        #[arg(long)]
        admin: Option<AdminListen>,
    },
    /// Loads one guest and prints its routes, imports and size
    Check {
        /// A .wasm, .wat, .js, .ts or .py file
        file: PathBuf,
        #[command(flatten)]
        cache: CacheFlags,
    },
    /// Compiles the guest on standard input; `run` starts it, people do not
    #[command(name = COMPILE_SUBCOMMAND, hide = true)]
    CompileGuest {
        /// The arguments from the parent process
        #[arg(trailing_var_arg = true)]
        arguments: Vec<OsString>,
    },
    /// Prints all settings, and where each comes from: a flag, a line of snow.toml, or the default
    ///
    /// It takes the flags of `run`. The output can be saved as snow.toml; defaults are comments in
    /// it.
    Config {
        /// The folder of guests, or one guest's file
        #[arg(default_value = ".")]
        guests: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print the JSON Schema of snow.toml instead, for editors
        #[arg(long, exclusive = true)]
        schema: bool,
        /// Print what each setting means instead, as a page in Markdown
        #[arg(long, exclusive = true)]
        markdown: bool,
        #[command(flatten)]
        flags: ServerFlags,
    },
    /// Writes the source of a new guest, which builds, answers, and has cases to test
    ///
    /// What the guest needs besides the tools of its language is unpacked into a hidden folder
    /// beside it.
    #[command(arg_required_else_help = true)]
    New {
        /// The language to write it in
        #[arg(value_parser = PossibleValuesParser::new(new::languages()))]
        language: String,
        /// Its name: lower-case letters, digits, `-` and `_`, beginning with a letter
        name: String,
        /// The folder of guests
        #[arg(long = "in", value_name = "GUESTS", default_value = "guests")]
        guests: PathBuf,
    },
    /// Makes the engines that evaluate source files (.js, .ts, .py), or lists them
    ///
    /// An engine is made once, from pinned packages, in a folder of its own. `build`, `dev` and `run
    /// --build` make those that a folder needs.
    Engine {
        /// What to do
        #[command(subcommand)]
        command: EngineCommand,
    },
    /// Runs the test cases of guests: requests, and the answers to expect
    ///
    /// The cases of the guest NAME are in NAME.test.toml, beside NAME.wasm (or .wat) or in its
    /// source folder NAME/. Each case runs on a new server within this process, with the settings
    /// of snow.toml. The exit code is 0 if all cases passed, and 1 if not.
    #[command(after_long_help = snow_tools::CASES_HELP)]
    Test {
        /// Folders of guests, or guests' files
        #[arg(required = true)]
        guests: Vec<PathBuf>,
        /// Run only the cases that contain this text in `GUEST: CASE`
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
        #[command(flatten)]
        values: ValueFlags,
    },
}

/// The actions of `engine`.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Makes engines, and prints the path of each
    Install {
        /// Their names
        #[arg(required = true, value_parser = PossibleValuesParser::new(engine_names()))]
        names: Vec<String>,
        /// The folder to put them in [default: $SNOW_HOST_ENGINES, or
        /// $XDG_DATA_HOME/snow-host/engines, or ~/.local/share/snow-host/engines]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Lists the engines that there are, and where they are installed
    List,
}

fn engine_names() -> Vec<&'static str> {
    snow_tools::engines().iter().map(|recipe| recipe.name).collect()
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
