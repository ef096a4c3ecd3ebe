//! The program `snow-host`: the command line of the host.
//!
//! `arguments` and `flags` describe the command line with clap. Every command is one file, which
//! reads its settings, calls one of the crates `snow-server`, `snow-guests` and `snow-tools`, and
//! prints the result.
//!
//! Exit codes: 0 for success, 1 for a failure, 2 for wrong arguments, 130 for a signal that ends a
//! build or cuts a drain short.

#![forbid(unsafe_code)]

mod admin;
mod arguments;
mod build;
mod check;
mod compile;
mod config;
mod dev;
mod engines;
mod flags;
mod jobs;
mod new;
mod run;
mod signals;
mod status;
mod store;
mod terminal;
mod test;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use self::arguments::{Arguments, Command, EngineCommand};
use snow_core::escape_control;
use snow_guests::compile_child;

/// The longest time that the last log lines may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// jemalloc instead of the system's allocator, for two reasons: after a wave of held requests it
/// gives all memory back (`.cargo/config.toml` sets how soon), and it finds the few larger blocks
/// of a call without a search.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    terminal::print_panics();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run { guests, build, flags } => run::run(guests, flags.overrides(), build),
        Command::Dev { guests, flags } => dev::dev(guests, flags.overrides()),
        Command::Build { guests } => build::build(&guests),
        Command::Status { guests, admin } => status::status(guests.as_deref(), admin),
        Command::Store { flags, command } => store::store(command, &flags),
        Command::Jobs { flags, json, retry, remove } => {
            jobs::jobs(&flags, json, retry.as_deref(), remove.as_deref())
        }
        Command::Check { file, cache } => check::check(&file, cache.cache()),
        Command::CompileGuest { arguments } => return compile_child(&arguments),
        Command::New { language, name, guests } => new::new(&language, &name, &guests),
        Command::Engine { command: EngineCommand::Install { names, to } } => {
            engines::install(&names, to)
        }
        Command::Engine { command: EngineCommand::List } => engines::list(),
        Command::Test { guests, filter, build, values } => {
            test::test(&guests, filter.as_deref(), build, &values.values)
        }
        Command::Config { schema: true, .. } => config::schema(),
        Command::Config { markdown: true, .. } => config::markdown(),
        Command::Config { guests, json, flags, .. } => {
            config::config(&guests, &flags.overrides(), json)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Returns a route's methods as people read them.
fn methods(methods: &[String]) -> String {
    if methods.is_empty() { "*".into() } else { escape_control(&methods.join(",")).into_owned() }
}
