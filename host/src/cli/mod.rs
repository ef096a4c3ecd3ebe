//! The command line: its arguments, and which command they mean. Each command has a file of its own.

mod build;
mod check;
mod run;
mod status;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};

use crate::config::{AdminListen, Config, Listen};
use crate::log::Format;
use crate::manifest::{self, Manifest};
use crate::server;

/// How long the last log lines may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Serves HTTP from WebAssembly guests: each .wasm or .wat file of a folder says its own routes, and a
/// request can wait without holding an instance.
#[derive(Debug, Parser)]
#[command(
    name = "snow-host",
    version,
    max_term_width = 100,
    after_help = "Example:\n  snow-host run guests/ --listen 127.0.0.1:8080\n  curl http://127.0.0.1:8080/hello"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the guests of a folder until SIGTERM or SIGINT, and then drains
    ///
    /// Prints `listening on http://ADDR:PORT` and the routes on standard output once it answers; the log goes
    /// to standard error. On SIGTERM or SIGINT it stops accepting, lets held requests wait for 10 seconds,
    /// and answers what is left with 503. A second signal ends it at once. What snow.toml beside the guests says
    /// counts: limits, and what each guest may do.
    Run {
        /// The folder of guests (.wasm and .wat files), or one guest file
        guests: PathBuf,
        /// Where to listen: ADDRESS:PORT (port 0 takes a free one), or fd:N for a socket left open by a parent
        #[arg(long, default_value = "127.0.0.1:8080", value_parser = parse_listen)]
        listen: Listen,
        /// Threads that serve [default: one for each core]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
        workers: Option<u16>,
        /// Tell about this server at ADDRESS:PORT or unix:/path/to.sock: metrics, guests, what is held [default: nowhere]
        #[arg(long)]
        admin: Option<AdminListen>,
        /// Build the guests' sources first, as `snow-host build` does
        #[arg(long)]
        build: bool,
        /// Do not log each answered request
        #[arg(long)]
        no_access_log: bool,
        /// How the log looks
        #[arg(long, value_enum, default_value_t = Format::Text)]
        log: Format,
    },
    /// Builds each guest that has its source in a sub-folder into GUESTS/NAME.wasm
    Build {
        /// The folder of guests
        guests: PathBuf,
    },
    /// Asks a server that runs, and prints its guests and what it holds
    ///
    /// The server has to have been started with --admin. The exit code is 1 if nothing answers there.
    Status {
        /// Its --admin: ADDRESS:PORT or unix:/path/to.sock
        #[arg(long, default_value = "127.0.0.1:9090")]
        admin: AdminListen,
    },
    /// Loads one guest and prints its routes, imports and size
    Check {
        /// A .wasm or .wat file
        file: PathBuf,
    },
}

/// Runs the command line. The exit code is 0 if all went well, 1 for a failure, 2 for wrong arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run { guests, listen, workers, admin, build, no_access_log, log } => {
            let workers = workers.unwrap_or_else(server::workers_default);
            let access_log = !no_access_log;
            read_manifest(&guests).and_then(|Manifest { limits, guests: guest_configs }| {
                run::run(&Config { guests, listen, workers, access_log, admin, limits, guest_configs }, build, log)
            })
        }
        Command::Build { guests } => build::build(&guests),
        Command::Status { admin } => status::status(&admin),
        Command::Check { file } => check::check(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn methods(methods: &[String]) -> String {
    if methods.is_empty() { "*".into() } else { methods.join(",") }
}

/// The manifest of a folder of guests, or of the folder in which one guest's file lies. All defaults if there is none.
fn read_manifest(guests: &Path) -> anyhow::Result<Manifest> {
    let folder = if guests.is_file() { guests.parent().unwrap_or(guests) } else { guests };
    let file = folder.join(manifest::FILE_NAME);
    let name = file.display();
    let bytes = match fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Manifest::default()),
        found => found.with_context(|| format!("{name} can't be read"))?.len(),
    };
    let most = manifest::FILE_BYTES_MAX;
    ensure!(bytes <= most, "{name} has {bytes} bytes; at most {most} are allowed");
    let text = fs::read_to_string(&file).with_context(|| format!("{name} can't be read"))?;
    Ok(manifest::parse(&text, &name.to_string())?)
}

/// An error with its causes in one line each, the outermost first.
fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    causes.join(":\n  ")
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(number) = text.strip_prefix("fd:") {
        let number = number.parse().ok().filter(|number| *number >= 0);
        return number
            .map(Listen::Inherited)
            .ok_or_else(|| "fd: takes the number of an open descriptor, as in fd:3".into());
    }
    let address = text.parse::<SocketAddr>();
    address.map(Listen::Address).map_err(|_| "takes ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:0, or fd:N".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn listen_takes_addresses_and_descriptors() {
        assert_eq!(parse_listen("127.0.0.1:0"), Ok(Listen::Address("127.0.0.1:0".parse().unwrap())));
        assert_eq!(parse_listen("[::1]:80"), Ok(Listen::Address("[::1]:80".parse().unwrap())));
        assert_eq!(parse_listen("fd:3"), Ok(Listen::Inherited(3)));
        for bad in ["", "8080", "localhost", "fd:", "fd:-1", "fd:x", "1.2.3.4"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }
}
