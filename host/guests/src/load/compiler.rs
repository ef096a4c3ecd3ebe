//! A guest's file becomes compiled code, in a child process: this very program, started as `compile-guest`.
//!
//! A guest can make the compiler take time and memory out of proportion, and perhaps crash it. In a child of its own that
//! costs the server nothing: the child has a limit of each, and while the server serves, one thread of the lowest
//! priority. It is told the file's bytes on standard input, writes the code to standard output, which is a file, and a
//! report to standard error. It ends with the thread that started it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use wasmtime::Engine;

use crate::engine;
use crate::load::encode;
use crate::load::guest;
use snow_config::Limits;
use snow_core::error_chain;

/// The hidden subcommand.
pub const COMPILE_SUBCOMMAND: &str = "compile-guest";
/// A child that gets little of the processor may take so many times its processor time.
const PATIENCE: u32 = 10;
/// More of a child's report is not read.
const REPORT_BYTES_MAX: u64 = 64 << 10;
/// How a report begins.
const DONE: &str = "done ";
const REFUSED: &str = "refused\n";
const UNWRITTEN: &str = "unwritten\n";
/// Of 19 steps down.
const LOWEST_PRIORITY: i32 = 19;

/// How much a guest's compilation matters beside everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nothing is served before it is done: all cores.
    Start,
    /// Clients are being served: one thread, of the lowest priority.
    Live,
}

/// The guest may be fine, but its code can't be stored.
#[derive(Debug, thiserror::Error)]
#[error("compiled code can't be written: {0}")]
pub struct Unwritten(String);

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Unwritten {
        Unwritten(error.to_string())
    }
}

/// Compiles guests, one at a time.
pub struct Compiler {
    program: Option<PathBuf>,
    engine: Engine,
    engine_key: String,
    running_ms_max: u32,
    bytes_max: u64,
}

impl Compiler {
    /// For guests that this engine is to run; by this program, or else in this process.
    pub fn new(program: Option<&Path>, engine: &Engine, engine_key: &str, limits: &Limits) -> Compiler {
        Compiler {
            program: program.map(Path::to_owned),
            engine: engine.clone(),
            engine_key: engine_key.to_owned(),
            running_ms_max: limits.compile_ms_max,
            bytes_max: limits.compile_bytes_max,
        }
    }

    /// Whether it takes no child.
    pub fn is_in_process(&self) -> bool {
        self.program.is_none()
    }

    /// Compiles what a file holds, writes the code to another one, and says how large the component was.
    ///
    /// # Errors
    /// [`Unwritten`]; or the guest is at fault, which the text says.
    pub fn compile(&self, file: &Path, bytes: &[u8], urgency: Urgency, code: &File) -> anyhow::Result<usize> {
        match &self.program {
            Some(program) => self.spawn(program, file, urgency, code).and_then(|child| self.supervise(child, bytes)),
            None => compile(&self.engine, file, bytes, code),
        }
    }

    fn spawn(&self, program: &Path, file: &Path, urgency: Urgency, code: &File) -> anyhow::Result<Child> {
        let code = code.try_clone().map_err(Unwritten::from)?;
        let mut command = Command::new(program);
        let order = ChildOrder {
            parent: process::id(),
            engine_key: self.engine_key.clone(),
            running_s_max: self.running_ms_max.div_ceil(1_000).into(),
            bytes_max: self.bytes_max,
            background: urgency == Urgency::Live,
            file: file.to_owned(),
        };
        if order.background {
            // Read by the compiler's thread pool, which would otherwise have a thread for each core.
            command.env("RAYON_NUM_THREADS", "1");
        }
        command.arg(COMPILE_SUBCOMMAND).arg("--").args(order.arguments());
        command.stdin(Stdio::piped()).stdout(code).stderr(Stdio::piped());
        command.spawn().with_context(|| format!("the compiler {} can't be started", program.display()))
    }

    fn supervise(&self, mut child: Child, bytes: &[u8]) -> anyhow::Result<usize> {
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stderr.take()) else {
            bail!("the compiler has no pipes");
        };
        let patience = Duration::from_millis(self.running_ms_max.into()) * PATIENCE;
        let (told, telling) = mpsc::channel();
        let report = thread::scope(|scope| {
            // It reads all before it does anything; if it ends early instead, its report says why.
            scope.spawn(move || drop(input.write_all(bytes)));
            scope.spawn(move || {
                let mut report = Vec::new();
                let read = output.take(REPORT_BYTES_MAX).read_to_end(&mut report);
                let _ = told.send(read.map(|_| String::from_utf8_lossy(&report).into_owned()));
            });
            let report = telling.recv_timeout(patience);
            if report.is_err() {
                // Only now do both threads come to an end.
                let _ = child.kill();
            }
            report
        });
        let ended = child.wait().context("the compiler can't be waited for")?;
        match report {
            Ok(report) => self.judge(&report.context("the compiler can't be listened to")?, ended),
            Err(_) => bail!("takes more than {} ms to compile (compile_ms_max, ten times)", patience.as_millis()),
        }
    }

    fn judge(&self, report: &str, ended: ExitStatus) -> anyhow::Result<usize> {
        if let Some(text) = report.strip_prefix(REFUSED) {
            bail!("{}", text.trim_end());
        }
        if let Some(text) = report.strip_prefix(UNWRITTEN) {
            return Err(Unwritten(text.trim_end().to_owned()).into());
        }
        if let (true, Some(bytes)) = (ended.success(), report.strip_prefix(DONE)) {
            return bytes.trim_end().parse().context("the compiler's report makes no sense");
        }
        let (ms, bytes) = (self.running_ms_max, self.bytes_max);
        bail!(
            "can't be compiled: the compiler ended early ({ended}). It may take {ms} ms of processor time \
             (compile_ms_max) and {bytes} bytes of memory (compile_bytes_max). It said:\n{}",
            report.trim_end()
        )
    }
}

/// What the child is told on its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChildOrder {
    /// The process that started it.
    parent: u32,
    /// The [`engine::code_key`] of the engine that is to run the code.
    engine_key: String,
    /// Processor time it may take, in seconds.
    running_s_max: u64,
    /// Memory it may take, in bytes.
    bytes_max: u64,
    /// Whether it runs at the lowest priority.
    background: bool,
    /// The guest's file, for messages.
    file: PathBuf,
}

impl ChildOrder {
    /// Returns the arguments that [`ChildOrder::parse`] takes.
    fn arguments(&self) -> [OsString; 6] {
        [
            self.parent.to_string().into(),
            self.engine_key.clone().into(),
            self.running_s_max.to_string().into(),
            self.bytes_max.to_string().into(),
            self.background.to_string().into(),
            self.file.clone().into(),
        ]
    }

    fn parse(arguments: &[OsString]) -> Option<ChildOrder> {
        fn number<T: std::str::FromStr>(argument: &OsString) -> Option<T> {
            argument.to_str()?.parse().ok()
        }
        let [parent, engine_key, running_s_max, bytes_max, background, file] = arguments else { return None };
        Some(ChildOrder {
            parent: number(parent)?,
            engine_key: engine_key.to_str()?.to_owned(),
            running_s_max: number(running_s_max)?,
            bytes_max: number(bytes_max)?,
            background: number(background)?,
            file: file.into(),
        })
    }
}

/// Runs the child: compiles what standard input holds. The report on standard error tells whether that went well.
pub fn compile_child(arguments: &[OsString]) -> process::ExitCode {
    let order =
        ChildOrder::parse(arguments).context("its arguments make no sense: it is started by `run`, not by people");
    let report = match order.and_then(|order| compile_input(&order)) {
        Ok(component_bytes) => format!("{DONE}{component_bytes}\n"),
        Err(error) => match error.downcast::<Unwritten>() {
            Ok(Unwritten(reason)) => format!("{UNWRITTEN}{reason}"),
            Err(error) => format!("{REFUSED}{}", error_chain(error.as_ref())),
        },
    };
    // To whom else could it be said?
    let _ = io::stderr().write_all(report.as_bytes());
    process::ExitCode::SUCCESS
}

fn compile_input(order: &ChildOrder) -> anyhow::Result<usize> {
    restrain(order).context("the compiler can't restrain itself")?;
    let engine = engine::compiling_engine().map_err(guest::plain)?;
    let fits = engine::code_key(&engine) == order.engine_key;
    ensure!(fits, "the program on disk is not the one that runs: restart the server");
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("can't be read")?;
    // Not `stdout()`, which looks for ends of lines.
    let code = io::stdout();
    let code = std::os::fd::AsFd::as_fd(&code).try_clone_to_owned().context("standard output is closed")?;
    compile(&engine, &order.file, &bytes, &File::from(code))
}

/// First of all: to end with its parent, to take no more than it may, and to stand back.
fn restrain(order: &ChildOrder) -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Pid::from_raw(order.parent as i32) {
        // It has ended before it could be noticed.
        process::exit(1);
    }
    if order.background {
        rustix::process::nice(LOWEST_PRIORITY)?;
    }
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::setrlimit(Resource::Core, limit(0))?;
    rustix::process::setrlimit(Resource::Cpu, limit(order.running_s_max))?;
    rustix::process::setrlimit(Resource::As, limit(order.bytes_max))
}

fn compile(engine: &Engine, file: &Path, bytes: &[u8], mut to: &File) -> anyhow::Result<usize> {
    let component = encode::component(file, bytes)?;
    let code = engine.precompile_component(&component).map_err(guest::plain).context("can't be compiled")?;
    to.write_all(&code).map_err(Unwritten::from)?;
    Ok(component.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_is_told_everything() {
        let order = ChildOrder {
            parent: 7,
            engine_key: "k".into(),
            running_s_max: 120,
            bytes_max: 1 << 32,
            background: true,
            file: "--a b".into(),
        };
        let arguments = order.arguments();
        assert_eq!(ChildOrder::parse(&arguments), Some(order));
        assert_eq!(ChildOrder::parse(&arguments[1..]), None);
    }
}
