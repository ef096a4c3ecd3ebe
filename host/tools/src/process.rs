//! Programs that a build runs. Each gets its own process group, so that it can be ended together
//! with every process it has started.

mod environment;

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use snow_core::lock;

pub(crate) use self::environment::command_in;

/// The time that a program has to clean up after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_millis(500);
/// The longest time that [`Cancellation::cancel`] waits for builds to end.
const CANCEL_PATIENCE: Duration = Duration::from_secs(2);

/// Cancels builds from another thread. Clones cancel the same builds.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Signalled when a build has ended.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// The number of builds that are running.
    builds: usize,
    /// The channel to the thread that waits for the running program.
    supervisor: Option<Sender<Event>>,
}

/// An event that a supervisor waits for.
enum Event {
    /// The program has ended.
    Exited,
    /// The build was cancelled.
    Cancelled,
}

/// A build that is running, for as long as this value exists.
pub(crate) struct RunningBuild<'a>(&'a Cancellation);

impl Cancellation {
    /// Ends the running build with all its processes, and lets no other program start. Waits up to
    /// two seconds for the build to end. Returns whether one was running.
    pub fn cancel(&self) -> bool {
        let mut state = self.lock();
        state.is_cancelled = true;
        if let Some(supervisor) = &state.supervisor {
            // This fails if the program has just ended: then there is nothing to end.
            let _ = supervisor.send(Event::Cancelled);
        }
        let was_running = state.builds > 0;
        let waited =
            self.0.idle.wait_timeout_while(state, CANCEL_PATIENCE, |state| state.builds > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        was_running
    }

    /// Returns whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.lock().is_cancelled
    }

    /// Counts a build as running until the returned value is dropped.
    pub(crate) fn begin_build(&self) -> RunningBuild<'_> {
        self.lock().builds += 1;
        RunningBuild(self)
    }

    /// Registers the channel over which the running program can be cancelled, or removes it.
    fn set_supervisor(&self, supervisor: Option<Sender<Event>>) -> Result<(), RunError> {
        let mut state = self.lock();
        state.supervisor = supervisor;
        if state.is_cancelled { Err(RunError::Cancelled) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl Drop for RunningBuild<'_> {
    fn drop(&mut self) {
        self.0.lock().builds -= 1;
        self.0.0.idle.notify_all();
    }
}

/// The reason why a program has no exit status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("can't be started: {0}")]
    NotStarted(io::Error),
    #[error("can't be waited for: {0}")]
    Lost(io::Error),
    #[error("took more than {0} ms (build_ms_max), and was ended")]
    TimedOut(u32),
    #[error("was ended, because snow-host is stopping")]
    Cancelled,
}

/// Runs programs, each for a limited time and until the build is cancelled.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    /// The time that each program may take.
    pub ms_max: u32,
    pub cancellation: &'a Cancellation,
}

impl Runner<'_> {
    /// Runs a program to its end. Its input is empty, and all its output goes to standard error:
    /// the host's standard output is for what the host itself prints.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus, RunError> {
        command.stdout(io::stderr());
        self.supervise(command, |_| {})
    }

    /// Runs a program to its end, and calls `each` with every line of its standard output. Standard
    /// error is passed through.
    pub fn run_lines(
        &self,
        command: &mut Command,
        each: impl FnMut(&[u8]) + Send,
    ) -> Result<ExitStatus, RunError> {
        command.stdout(Stdio::piped());
        self.supervise(command, each)
    }

    /// Runs a program to its end, and returns its standard output. Standard error is passed
    /// through.
    pub fn run_output(&self, command: &mut Command) -> Result<(ExitStatus, Vec<u8>), RunError> {
        let mut output = Vec::new();
        let status = self.run_lines(command, |line| {
            output.extend_from_slice(line);
            output.push(b'\n');
        })?;
        Ok((status, output))
    }

    /// Runs a program until it exits, its time is over or the build is cancelled.
    fn supervise(
        &self,
        command: &mut Command,
        each: impl FnMut(&[u8]) + Send,
    ) -> Result<ExitStatus, RunError> {
        let (events, happened) = mpsc::channel();
        self.cancellation.set_supervisor(Some(events.clone()))?;
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).process_group(0);
        let mut child = command.spawn().map_err(RunError::NotStarted)?;
        let leader = Pid::from_child(&child);
        let output = child.stdout.take();
        let cut_short = thread::scope(|scope| {
            scope.spawn(move || {
                wait_for_exit(leader);
                let _ = events.send(Event::Exited);
            });
            if let Some(output) = output {
                scope.spawn(move || read_lines(output, each));
            }
            let cut_short = match happened.recv_timeout(Duration::from_millis(self.ms_max.into())) {
                Ok(Event::Exited) => return None,
                Ok(Event::Cancelled) => RunError::Cancelled,
                Err(_) => RunError::TimedOut(self.ms_max),
            };
            end_group(leader, &happened);
            Some(cut_short)
        });
        let status = child.wait().map_err(RunError::Lost);
        let _ = self.cancellation.set_supervisor(None);
        cut_short.map_or(status, Err)
    }
}

/// Waits until a child has exited, without reaping it: until it is reaped, its process id, which is
/// also its group's, can't be given to another process.
fn wait_for_exit(leader: Pid) {
    while let Err(Errno::INTR) =
        waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
}

/// Sends SIGTERM to a process group, and SIGKILL to what is left of it when its leader has exited
/// or [`GRACE`] is over.
fn end_group(leader: Pid, happened: &Receiver<Event>) {
    let until = Instant::now() + GRACE;
    let _ = kill_process_group(leader, Signal::TERM);
    // A second `Cancelled` changes nothing.
    while let Ok(Event::Cancelled) =
        happened.recv_timeout(until.saturating_duration_since(Instant::now()))
    {}
    let _ = kill_process_group(leader, Signal::KILL);
}

/// Calls `each` with every line of a program's output, until the output ends or can't be read.
fn read_lines(output: impl Read, mut each: impl FnMut(&[u8])) {
    BufReader::new(output).split(b'\n').map_while(Result::ok).for_each(|line| each(&line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_ends_a_program_with_all_its_processes() {
        let cancellation = Cancellation::default();
        let runner = Runner { ms_max: 60_000, cancellation: &cancellation };
        let (sender, lines) = mpsc::channel();
        let ended = thread::scope(|scope| {
            let _busy = cancellation.begin_build();
            let running = scope.spawn(|| {
                let _busy = cancellation.begin_build();
                // The grandchild ignores SIGTERM.
                let script = "sh -c 'trap \"\" TERM; echo $$; sleep 1000' & wait";
                runner.run_lines(Command::new("sh").args(["-c", script]), |line| {
                    let _ = sender.send(String::from_utf8_lossy(line).into_owned());
                })
            });
            let grandchild = lines.recv().unwrap();
            drop(_busy);
            assert!(cancellation.cancel());
            assert!(matches!(running.join().unwrap(), Err(RunError::Cancelled)));
            grandchild
        });
        let pid = Pid::from_raw(ended.parse().unwrap()).unwrap();
        // A zombie is gone too: the process that inherited it may not have reaped it yet.
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        let until = Instant::now() + Duration::from_secs(20);
        while !is_gone() {
            assert!(Instant::now() < until, "{pid:?} is still running");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(
            matches!(runner.run(&mut Command::new("true")), Err(RunError::Cancelled)),
            "no other program starts"
        );
        assert!(!cancellation.cancel(), "no build was running");
    }

    #[test]
    fn output_is_returned() {
        let cancellation = Cancellation::default();
        let runner = Runner { ms_max: 60_000, cancellation: &cancellation };
        let (status, output) = runner.run_output(Command::new("printf").arg("a\nb")).unwrap();
        assert!(status.success() && output == b"a\nb\n");
        assert!(matches!(
            runner.run(&mut Command::new("/no/such/program")),
            Err(RunError::NotStarted(_))
        ));
    }
}
