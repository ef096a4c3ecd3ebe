//! The compiler: a guest's bytes become compiled code, in a child process.
//!
//! A guest can make the compiler take time and memory out of proportion, and perhaps crash it. In a
//! child process that costs the server nothing. The child has a limit of time and one of memory
//! and, while the server serves, one thread of the lowest priority. It reads the guest's bytes from
//! standard input, writes the code to standard output, which is a file, and a [`CompileReport`] to
//! standard error. It ends with the thread that started it.

mod child;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use snow_config::Limits;

pub use self::child::{COMPILE_SUBCOMMAND, compile_child};
use self::child::{CompileOrder, CompileReport};
use super::cache::Written;
use super::cancel::CancelLoad;
use super::code_hash::CodeHash;
use super::encode;
use super::error::LoadError;

/// How much longer than its processor time a child may take, since others may have the processor.
const PATIENCE: u32 = 10;
/// How much of a child's report is read.
const REPORT_BYTES_MAX: u64 = 64 << 10;

/// How much a compilation matters beside everything else that the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nothing is served before it is done: it gets all cores.
    Start,
    /// Clients are being served: it gets one thread of the lowest priority.
    Live,
}

/// A failure of the compiler's process.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    /// The program can't be started.
    #[error("the compiler {} can't be started", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The process can't be waited for, or its report can't be read.
    #[error("the compiler can't be listened to")]
    Listen(#[source] io::Error),
    /// The process works, and says what is wrong with the guest.
    #[error("{0}")]
    Refused(String),
    /// The process was ended, since it did not end by itself.
    #[error("takes more than {ms} ms to compile (compile_ms_max, ten times)")]
    TooSlow {
        /// How long it was waited for.
        ms: u128,
    },
    /// The process ended without a report, most likely because it reached a limit.
    #[error(
        "can't be compiled: the compiler ended early ({status}). It may take {ms_max} ms of \
         processor time (compile_ms_max) and {bytes_max} bytes of memory (compile_bytes_max). \
         It said:\n{said}"
    )]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The limit of its processor time.
        ms_max: u32,
        /// The limit of its memory.
        bytes_max: u64,
        /// All that it wrote to standard error.
        said: String,
    },
    /// The file changed again, or was removed.
    #[error("is not loaded, since it changed meanwhile")]
    Cancelled,
    /// In the child: the process was not started by a server.
    #[error("the arguments make no sense: `run` starts this command, people don't")]
    Arguments,
    /// In the child: the system refuses to limit the process.
    #[error("the compiler can't limit itself")]
    Limit(#[source] io::Error),
    /// In the child: the program on disk has been replaced since the server was started from it.
    #[error("the program on disk is not the one that runs: restart the server")]
    OtherProgram,
}

/// Compiles guests. Several threads may use it at a time.
pub(crate) struct Compiler {
    /// The program that is started as a child; `None` to compile in this process.
    program: Option<PathBuf>,
    engine: Engine,
    engine_key: String,
    ms_max: u32,
    bytes_max: u64,
}

impl Compiler {
    /// Makes a compiler for guests that this engine is to run.
    pub(crate) fn new(
        program: Option<&Path>,
        engine: &Engine,
        engine_key: &str,
        limits: &Limits,
    ) -> Compiler {
        Compiler {
            program: program.map(Path::to_owned),
            engine: engine.clone(),
            engine_key: engine_key.to_owned(),
            ms_max: limits.compile_ms_max,
            bytes_max: limits.compile_bytes_max,
        }
    }

    /// Whether guests are compiled in this process, without limits.
    pub(crate) fn is_in_process(&self) -> bool {
        self.program.is_none()
    }

    /// Compiles what a file holds and writes the code to another one.
    ///
    /// # Errors
    /// [`LoadError::Unwritten`] if the code can't be written; all others are about the guest, or
    /// the compiler.
    pub(crate) fn compile(
        &self,
        file: &Path,
        bytes: &[u8],
        urgency: Urgency,
        code: &File,
        cancel: &CancelLoad,
    ) -> Result<Written, LoadError> {
        match &self.program {
            Some(program) => {
                self.supervise(self.start(program, file, urgency, code)?, bytes, cancel)
            }
            None => compile(&self.engine, file, bytes, code),
        }
    }

    fn start(
        &self,
        program: &Path,
        file: &Path,
        urgency: Urgency,
        code: &File,
    ) -> Result<Child, LoadError> {
        let code = code.try_clone().map_err(LoadError::unwritten)?;
        let mut command = Command::new(program);
        let order = CompileOrder {
            parent: process::id(),
            engine_key: self.engine_key.clone(),
            seconds_max: self.ms_max.div_ceil(1_000).into(),
            bytes_max: self.bytes_max,
            in_background: urgency == Urgency::Live,
            file: file.to_owned(),
        };
        if order.in_background {
            // Read by wasmtime's thread pool, which would otherwise have a thread for each core.
            command.env("RAYON_NUM_THREADS", "1");
        }
        command.arg(COMPILE_SUBCOMMAND).arg("--").args(order.arguments());
        command.stdin(Stdio::piped()).stdout(code).stderr(Stdio::piped());
        let started = command.spawn();
        Ok(started
            .map_err(|source| CompilerError::Start { program: program.to_owned(), source })?)
    }

    /// Feeds a child its input, and waits for its report and its end. Ends it if that takes too
    /// long, or is cancelled.
    fn supervise(
        &self,
        mut child: Child,
        bytes: &[u8],
        cancel: &CancelLoad,
    ) -> Result<Written, LoadError> {
        let (input, output) = (child.stdin.take(), child.stderr.take());
        let patience = Duration::from_millis(self.ms_max.into()) * PATIENCE;
        let (sender, receiver) = mpsc::channel();
        let cancelled = sender.clone();
        cancel.on_cancel(move || drop(cancelled.send(None)));
        // Input and report each have a thread, so that neither a child that does not read nor one
        // that writes much can block this one.
        let report = thread::scope(|scope| {
            // A child that does not take its input ends early, and its report says why.
            scope.spawn(move || drop(input.map(|mut input| input.write_all(bytes))));
            scope.spawn(move || {
                let mut report = Vec::new();
                let read = output
                    .map_or(Ok(0), |output| output.take(REPORT_BYTES_MAX).read_to_end(&mut report));
                let _ =
                    sender.send(Some(read.map(|_| String::from_utf8_lossy(&report).into_owned())));
            });
            let report = receiver.recv_timeout(patience);
            if !matches!(report, Ok(Some(_))) {
                // Both threads wait for the child's pipes, and the scope for both threads.
                let _ = child.kill();
            }
            report
        });
        let status = child.wait().map_err(CompilerError::Listen)?;
        match report {
            Ok(Some(report)) => self.judge(&report.map_err(CompilerError::Listen)?, status),
            Ok(None) => Err(CompilerError::Cancelled.into()),
            Err(_) => Err(CompilerError::TooSlow { ms: patience.as_millis() }.into()),
        }
    }

    fn judge(&self, report: &str, status: ExitStatus) -> Result<Written, LoadError> {
        match CompileReport::parse(report) {
            Some(CompileReport::Done(written)) if status.success() => Ok(written),
            Some(CompileReport::Refused(text)) => Err(CompilerError::Refused(text).into()),
            Some(CompileReport::Unwritten(reason)) => Err(LoadError::Unwritten(reason)),
            _ => {
                let (ms_max, bytes_max) = (self.ms_max, self.bytes_max);
                let said = report.trim_end().to_owned();
                Err(CompilerError::Ended { status, ms_max, bytes_max, said }.into())
            }
        }
    }
}

fn compile(
    engine: &Engine,
    file: &Path,
    bytes: &[u8],
    mut code: &File,
) -> Result<Written, LoadError> {
    let component = encode::component(file, bytes)?;
    let compiled = engine
        .precompile_component(&component)
        .map_err(|error| LoadError::Compile(error.into()))?;
    code.write_all(&compiled).map_err(LoadError::unwritten)?;
    Ok(Written { component_bytes: component.len(), code: CodeHash::of(&compiled) })
}
