//! The command line: its commands and their arguments. Each command has a file of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

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
    /// Reads and writes what guests store: in a running server, or in the folder of one that does
    /// not run
    ///
    /// A running server is asked by its admin listener on a unix socket (`--admin unix:PATH`), which
    /// nobody but its own user can open. `export` prints a JSON object a line for each key, and
    /// `import` reads them.
    #[command(after_help = STORE_EXAMPLES)]
    Store {
        #[command(flatten)]
        flags: StoreFlags,
        /// What to do
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Shows the jobs that guests have asked to be kept until they succeed, and those that have
    /// failed
    ///
    /// A line has the id, the guest, the job, what it is doing, its attempts, when it is due or
    /// since when it has failed, and why its last attempt failed. A running server is asked by its
    /// admin listener on a unix socket (`--admin unix:PATH`), which nobody but its own user can
    /// open.
    Jobs {
        #[command(flatten)]
        flags: StoreFlags,
        /// Print a JSON object a line
        #[arg(long)]
        json: bool,
        /// Let the job with this id be tried again now, as often as at first
        #[arg(long, value_name = "ID", conflicts_with_all = ["json", "remove"])]
        retry: Option<String>,
        /// Remove the job with this id
        #[arg(long, value_name = "ID", conflicts_with = "json")]
        remove: Option<String>,
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

const STORE_EXAMPLES: &str = "Examples:\n  snow-host store --admin unix:/run/snow.sock list\n  \
                              snow-host store --data /var/lib/snow export > backup.jsonl";

/// Where the store of `store` is.
#[derive(Debug, Args)]
pub(crate) struct StoreFlags {
    /// The --admin of a running server: unix:PATH
    #[arg(long, global = true, conflicts_with = "data")]
    pub admin: Option<AdminListen>,
    /// The --data of a server that does not run
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The server's folder of guests, to read `admin`, `data` and limits from its snow.toml
    #[arg(long, global = true)]
    pub guests: Option<PathBuf>,
}

/// The actions of `store`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Prints the value of a key as it is
    Get {
        /// The bucket: a guest's own has the guest's name
        bucket: String,
        /// The key
        key: String,
        /// Print the value as Base64
        #[arg(long)]
        base64: bool,
    },
    /// Sets a key, whatever it holds, and wakes who waits for its change
    Set {
        /// The bucket
        bucket: String,
        /// The key
        key: String,
        /// The value as text [default: standard input]
        value: Option<String>,
        /// The value is given as Base64
        #[arg(long)]
        base64: bool,
        /// Read the value from this file
        #[arg(long, value_name = "FILE", conflicts_with = "value")]
        file: Option<PathBuf>,
        /// The time after which the key ends, such as 90s or 12h [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<humantime::Duration>,
    },
    /// Deletes a key; the exit code is 1 if it does not exist
    Delete {
        /// The bucket
        bucket: String,
        /// The key
        key: String,
    },
    /// Lists the keys of a bucket, or all buckets with what they hold
    List {
        /// The bucket
        bucket: Option<String>,
        /// List only keys that begin with this
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Prints every key with its value, a JSON object a line
    Export {
        /// Only this bucket
        bucket: Option<String>,
    },
    /// Sets the keys that an export has printed, and no others; those that have expired are left out
    Import {
        /// The file [default: standard input]
        file: Option<PathBuf>,
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
