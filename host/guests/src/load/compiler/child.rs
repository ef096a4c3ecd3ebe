//! The compiler's child process: what it is told, what it does, and what it reports.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{self, ExitCode};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use snow_core::error_chain;

use super::{CompilerError, compile};
use crate::engine::compiling_engine;
use crate::load::cache::Written;
use crate::load::code_hash::CodeHash;
use crate::load::code_key::code_key;
use crate::load::error::LoadError;

/// The hidden subcommand of `snow-host` that runs [`compile_child`].
pub const COMPILE_SUBCOMMAND: &str = "compile-guest";
/// The lowest priority: 19 steps below the usual one.
const LOWEST_PRIORITY: i32 = 19;

/// What the child is told on its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompileOrder {
    /// The process that starts the child.
    pub parent: u32,
    /// The [`code_key`] of the engine that is to run the code.
    pub engine_key: String,
    /// Processor time that the child may take, in seconds.
    pub seconds_max: u64,
    /// Memory that the child may take, in bytes.
    pub bytes_max: u64,
    /// Whether the child runs at the lowest priority.
    pub in_background: bool,
    /// The guest's file, for messages.
    pub file: PathBuf,
}

impl CompileOrder {
    /// Returns the arguments that [`CompileOrder::parse`] takes.
    pub(super) fn arguments(&self) -> [OsString; 6] {
        [
            self.parent.to_string().into(),
            self.engine_key.clone().into(),
            self.seconds_max.to_string().into(),
            self.bytes_max.to_string().into(),
            self.in_background.to_string().into(),
            self.file.clone().into(),
        ]
    }

    fn parse(arguments: &[OsString]) -> Option<CompileOrder> {
        fn number<T: std::str::FromStr>(argument: &OsString) -> Option<T> {
            argument.to_str()?.parse().ok()
        }
        let [parent, engine_key, seconds_max, bytes_max, in_background, file] = arguments else {
            return None;
        };
        Some(CompileOrder {
            parent: number(parent)?,
            engine_key: engine_key.to_str()?.to_owned(),
            seconds_max: number(seconds_max)?,
            bytes_max: number(bytes_max)?,
            in_background: number(in_background)?,
            file: file.into(),
        })
    }
}

/// What the child reports on standard error, as its first word says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CompileReport {
    /// The code is written.
    Done(Written),
    /// The guest can't be compiled: what is wrong with it.
    Refused(String),
    /// The guest may be fine, but its code can't be written.
    Unwritten(String),
}

const DONE: &str = "done ";
const REFUSED: &str = "refused\n";
const UNWRITTEN: &str = "unwritten\n";

impl CompileReport {
    fn to_text(&self) -> String {
        match self {
            CompileReport::Done(Written { component_bytes, code }) => {
                format!("{DONE}{component_bytes} {code}\n")
            }
            CompileReport::Refused(text) => format!("{REFUSED}{text}\n"),
            CompileReport::Unwritten(reason) => format!("{UNWRITTEN}{reason}\n"),
        }
    }

    /// Reads a report; `None` if the text is something else, such as the words of a process that
    /// crashes.
    pub(super) fn parse(text: &str) -> Option<CompileReport> {
        if let Some(done) = text.strip_prefix(DONE) {
            let (bytes, code) = done.trim_end().split_once(' ')?;
            let (component_bytes, code) = (bytes.parse().ok()?, CodeHash::parse(code)?);
            return Some(CompileReport::Done(Written { component_bytes, code }));
        }
        if let Some(refused) = text.strip_prefix(REFUSED) {
            return Some(CompileReport::Refused(refused.trim_end().to_owned()));
        }
        Some(CompileReport::Unwritten(text.strip_prefix(UNWRITTEN)?.trim_end().to_owned()))
    }
}

/// Runs the child: compiles what standard input holds. Whether that went well is in the report, not
/// in the exit code.
pub fn compile_child(arguments: &[OsString]) -> ExitCode {
    let order = CompileOrder::parse(arguments).ok_or(LoadError::Compiler(CompilerError::Arguments));
    let report = match order.and_then(|order| compile_input(&order)) {
        Ok(written) => CompileReport::Done(written),
        Err(LoadError::Unwritten(reason)) => CompileReport::Unwritten(reason),
        Err(error) => CompileReport::Refused(error_chain(&error)),
    };
    // If it can't be written, nobody is left to be told.
    let _ = io::stderr().write_all(report.to_text().as_bytes());
    ExitCode::SUCCESS
}

fn compile_input(order: &CompileOrder) -> Result<Written, LoadError> {
    limit_this_process(order).map_err(|error| CompilerError::Limit(error.into()))?;
    let engine = compiling_engine()?;
    if code_key(&engine) != order.engine_key {
        return Err(CompilerError::OtherProgram.into());
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(LoadError::Read)?;
    // Not written through `io::stdout`, which would look for line ends in the code.
    let code = io::stdout().as_fd().try_clone_to_owned().map_err(LoadError::unwritten)?;
    compile(&engine, &order.file, &bytes, &File::from(code))
}

/// Makes this process end with its parent, take no more than it may, and give way to others.
fn limit_this_process(order: &CompileOrder) -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Pid::from_raw(order.parent as i32) {
        // The parent had ended before the signal was set.
        process::exit(1);
    }
    if order.in_background {
        rustix::process::nice(LOWEST_PRIORITY)?;
    }
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::setrlimit(Resource::Core, limit(0))?;
    rustix::process::setrlimit(Resource::Cpu, limit(order.seconds_max))?;
    rustix::process::setrlimit(Resource::As, limit(order.bytes_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_is_told_everything() {
        let order = CompileOrder {
            parent: 7,
            engine_key: "k".into(),
            seconds_max: 120,
            bytes_max: 1 << 32,
            in_background: true,
            file: "--a b".into(),
        };
        let arguments = order.arguments();
        assert_eq!(CompileOrder::parse(&arguments), Some(order));
        assert_eq!(CompileOrder::parse(&arguments[1..]), None);
    }

    #[test]
    fn reports_are_read_back() {
        let text = || "can't be compiled:\n  too deep".to_owned();
        for report in [
            CompileReport::Done(Written { component_bytes: 77, code: CodeHash::of(b"code") }),
            CompileReport::Refused(text()),
            CompileReport::Unwritten(text()),
        ] {
            assert_eq!(CompileReport::parse(&report.to_text()), Some(report));
        }
        for noise in [
            "",
            "done",
            "done many\n",
            "done 7\n",
            "done 7 many\n",
            "memory allocation of 9 bytes failed\n",
        ] {
            assert_eq!(CompileReport::parse(noise), None, "{noise}");
        }
    }
}
