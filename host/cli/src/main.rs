//! The program `snow-host`: its command line, one file a command.

#![forbid(unsafe_code)]

mod arguments;
mod build;
mod check;
mod compile;
mod config;
mod dev;
mod flags;
mod new;
mod run;
mod status;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use snow_config::{Overrides, Settings};
use snow_core::error_chain;
use snow_guests::compile_child;

use self::arguments::{Arguments, Command};

/// How long the last log lines may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Not the system's allocator: a wave of held requests has to leave nothing behind (how soon free pages go back is set in
/// `.cargo/config.toml`), and a call's few larger blocks are had without a search.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the command line. The exit code is 0 if all went well, 1 for a failure, 2 for wrong arguments.
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run { guests, build, flags } => run(guests, build, flags.overrides()),
        Command::Dev { guests, flags } => dev::dev(guests, flags.overrides()),
        Command::Build { guests } => build::command(&guests),
        Command::Status { guests, admin } => status::status(guests.as_deref(), admin),
        Command::Check { file, cache } => check::check(&file, cache.cache()),
        Command::CompileGuest { arguments } => return compile_child(&arguments),
        Command::New { language, name, guests } => new::new(&language, &name, &guests),
        Command::Test { guests, filter, build } => test::test(&guests, filter.as_deref(), build),
        Command::Config { schema: true, .. } => config::schema(),
        Command::Config { guests, json, flags, .. } => config::config(&guests, &flags.overrides(), json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(guests: PathBuf, build_first: bool, overrides: Overrides) -> anyhow::Result<()> {
    let settings = Settings::read(&guests, &overrides)?;
    let mut config = settings.into_config(guests, overrides);
    config.compile = compile::by_child(&config.server.cache);
    run::run(&config, build_first)
}

fn methods(methods: &[String]) -> String {
    if methods.is_empty() { "*".into() } else { methods.join(",") }
}
