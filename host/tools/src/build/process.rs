//! Programs that build: each in a process group of its own, so that it can be ended with all that it has started.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long what is ended may take to clean up.
const GRACE: Duration = Duration::from_millis(500);
/// How long [`Stop::stop`] waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends builds from another thread. Clones end the same ones.
#[derive(Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    /// Builds that are under way.
    builds: usize,
    /// Who waits for a program to end.
    supervisor: Option<Sender<Event>>,
}

/// What a supervisor is told.
enum Event {
    Ended,
    Stop,
}

/// A build is under way for as long as this is kept.
pub(super) struct Busy<'a>(&'a Stop);

impl Stop {
    /// Ends the build that is under way, with all processes that it has started, and lets no other begin. Returns whether
    /// there was one; it is over then, or is not after two seconds.
    pub fn stop(&self) -> bool {
        let mut state = self.lock();
        state.is_stopped = true;
        if let Some(supervisor) = &state.supervisor {
            // It may be gone in this moment.
            let _ = supervisor.send(Event::Stop);
        }
        let was_busy = state.builds > 0;
        let waited = self.0.idle.wait_timeout_while(state, PATIENCE, |state| state.builds > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        was_busy
    }

    /// Whether builds were ended.
    pub fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    pub(super) fn begin(&self) -> Busy<'_> {
        self.lock().builds += 1;
        Busy(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.lock().builds -= 1;
        self.0.0.idle.notify_all();
    }
}

/// Why a program has no exit status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("can't be started: {0}")]
    NotStarted(io::Error),
    #[error("can't be waited for: {0}")]
    Lost(io::Error),
    #[error("took more than {0} ms (build_ms_max), and was ended")]
    TooLong(u32),
    #[error("was ended, since the host ends")]
    Stopped,
}

/// What bounds programs.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub ms_max: u32,
    pub stop: &'a Stop,
}

impl Tools<'_> {
    /// Runs a program to its end. It reads nothing, and what it says goes to standard error as it is: standard output is
    /// the host's own.
    pub fn run(&self, command: &mut Command) -> Result<ExitStatus, Failure> {
        command.stdout(io::stderr());
        self.supervise(command, |_| {})
    }

    /// The same, but its standard output is handed over, line by line.
    pub fn lines(&self, command: &mut Command, each: impl FnMut(&[u8]) + Send) -> Result<ExitStatus, Failure> {
        command.stdout(Stdio::piped());
        self.supervise(command, each)
    }

    /// The same as a whole.
    pub fn output(&self, command: &mut Command) -> Result<(ExitStatus, Vec<u8>), Failure> {
        let mut output = Vec::new();
        let status = self.lines(command, |line| {
            output.extend_from_slice(line);
            output.push(b'\n');
        })?;
        Ok((status, output))
    }

    fn supervise(&self, command: &mut Command, each: impl FnMut(&[u8]) + Send) -> Result<ExitStatus, Failure> {
        let (events, happened) = mpsc::channel();
        self.listen(Some(events.clone()))?;
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).process_group(0);
        let mut child = command.spawn().map_err(Failure::NotStarted)?;
        let leader = Pid::from_child(&child);
        let output = child.stdout.take();
        let cut_short = thread::scope(|scope| {
            scope.spawn(move || {
                await_end(leader);
                let _ = events.send(Event::Ended);
            });
            if let Some(output) = output {
                scope.spawn(move || read_lines(output, each));
            }
            let cut_short = match happened.recv_timeout(Duration::from_millis(self.ms_max.into())) {
                Ok(Event::Ended) => return None,
                Ok(Event::Stop) => Failure::Stopped,
                Err(_) => Failure::TooLong(self.ms_max),
            };
            end(leader, &happened);
            Some(cut_short)
        });
        let status = child.wait().map_err(Failure::Lost);
        let _ = self.listen(None);
        cut_short.map_or(status, Err)
    }

    fn listen(&self, supervisor: Option<Sender<Event>>) -> Result<(), Failure> {
        let mut state = self.stop.lock();
        state.supervisor = supervisor;
        if state.is_stopped { Err(Failure::Stopped) } else { Ok(()) }
    }
}

/// Waits until a child has ended, and leaves it to be waited for: until then nobody else has its number, which is its
/// group's too.
fn await_end(leader: Pid) {
    while let Err(Errno::INTR) = waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
}

/// Asks a whole group to end, and ends it if it does not.
fn end(leader: Pid, happened: &Receiver<Event>) {
    let until = Instant::now() + GRACE;
    let _ = kill_process_group(leader, Signal::TERM);
    // `Stop` may come once more.
    while let Ok(Event::Stop) = happened.recv_timeout(until.saturating_duration_since(Instant::now())) {}
    let _ = kill_process_group(leader, Signal::KILL);
}

fn read_lines(output: impl Read, mut each: impl FnMut(&[u8])) {
    BufReader::new(output).split(b'\n').map_while(Result::ok).for_each(|line| each(&line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_ended_with_all_that_it_has_started() {
        let stop = Stop::default();
        let tools = Tools { ms_max: 60_000, stop: &stop };
        let (said, heard) = mpsc::channel();
        let ended = thread::scope(|scope| {
            let _busy = stop.begin();
            let running = scope.spawn(|| {
                let _busy = stop.begin();
                // The second one does not listen.
                let script = "sh -c 'trap \"\" TERM; echo $$; sleep 1000' & wait";
                tools.lines(Command::new("sh").args(["-c", script]), |line| {
                    let _ = said.send(String::from_utf8_lossy(line).into_owned());
                })
            });
            let grandchild = heard.recv().unwrap();
            drop(_busy);
            assert!(stop.stop());
            assert!(matches!(running.join().unwrap(), Err(Failure::Stopped)));
            grandchild
        });
        let pid = Pid::from_raw(ended.parse().unwrap()).unwrap();
        // Whoever inherits it may still have to bury it.
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        let until = Instant::now() + Duration::from_secs(20);
        while !is_gone() {
            assert!(Instant::now() < until, "{pid:?} runs on");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(matches!(tools.run(&mut Command::new("true")), Err(Failure::Stopped)), "no other begins");
        assert!(!stop.stop(), "nothing was under way");
    }

    #[test]
    fn what_it_says_is_handed_over() {
        let stop = Stop::default();
        let tools = Tools { ms_max: 60_000, stop: &stop };
        let (status, output) = tools.output(Command::new("printf").arg("a\nb")).unwrap();
        assert!(status.success() && output == b"a\nb\n");
        assert!(matches!(tools.run(&mut Command::new("/no/such/program")), Err(Failure::NotStarted(_))));
    }
}
