//! Threads that a server can't do without: if one of them dies, the server drains and ends.
//!
//! A server that has lost a worker goes on taking settlements for the requests of that worker, and
//! one without its deployer goes on as if nobody had changed a file. Nobody would notice for a long
//! time. So each thread here is started by [`Ends::spawn`], which reports its end whatever ends it,
//! and [`supervise`] waits for these reports.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves clients. The server ends when all of them have ended.
    Worker,
    /// It helps the workers, and ends when it is told to.
    Helper,
}

/// The end of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The thread's name.
    pub thread: String,
    /// What it was for.
    pub role: Role,
    /// Why it ended before it was told to. `None` if it was told to.
    pub fault: Option<String>,
}

/// Why a server has ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A thread died.
    #[error("the thread {thread} died: {fault}")]
    Died {
        /// The thread's name.
        thread: String,
        /// What it died of.
        fault: String,
    },
    /// A thread died, and then a worker did not end in time.
    #[error(
        "the thread {thread} died: {fault}; then {workers} workers did not end within {patience_ms} \
         ms"
    )]
    Stuck {
        /// The name of the thread that died.
        thread: String,
        /// What it died of.
        fault: String,
        /// How many workers were left.
        workers: usize,
        /// How long they were waited for.
        patience_ms: u128,
    },
}

/// Where the ends of threads are reported. Cheap to clone.
#[derive(Clone)]
pub struct Ends(pub Sender<End>);

impl Ends {
    /// Starts a thread. The error that `body` returns is why it ended before it was told to.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        &self,
        name: String,
        role: Role,
        body: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let (ends, thread) = (self.clone(), name.clone());
        thread::Builder::new().name(name).spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(body));
            let fault = ended.unwrap_or_else(|panic| Err(panic_text(&*panic))).err();
            ends.report(End { thread, role, fault });
        })
    }

    /// Returns a function that reports the death of a helper that was started elsewhere.
    pub fn died(&self, name: &str) -> impl Fn() + Send + Sync + use<> {
        let (ends, thread) = (self.clone(), name.to_owned());
        move || {
            let fault = Some("it ended by itself".to_owned());
            ends.report(End { thread: thread.clone(), role: Role::Helper, fault });
        }
    }

    fn report(&self, end: End) {
        // It fails if nobody supervises any more: the process ends.
        let _ = self.0.send(end);
    }
}

/// Waits until all workers have ended. When the first thread dies, it calls `on_death`, which makes
/// the workers end and returns how long that may take.
///
/// # Errors
/// A thread died. If then a worker does not end in time, it is not waited for.
pub fn supervise(
    ends: &Receiver<End>,
    mut workers: usize,
    on_death: impl FnOnce(&End) -> Duration,
) -> Result<(), Failure> {
    let mut on_death = Some(on_death);
    let mut died: Option<(String, String, Duration, Instant)> = None;
    while workers > 0 {
        let next = match &died {
            None => ends.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some((.., until)) => ends.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        let Ok(end) = next else { break };
        workers -= usize::from(end.role == Role::Worker);
        if let (Some(fault), Some(on_death)) =
            (&end.fault, on_death.take_if(|_| end.fault.is_some()))
        {
            let patience = on_death(&end);
            let until = Instant::now() + patience;
            died = Some((end.thread.clone(), fault.clone(), patience, until));
        }
    }
    match died {
        None => Ok(()),
        Some((thread, fault, ..)) if workers == 0 => Err(Failure::Died { thread, fault }),
        Some((thread, fault, patience, _)) => {
            Err(Failure::Stuck { thread, fault, workers, patience_ms: patience.as_millis() })
        }
    }
}

/// Returns what a thread said when it panicked.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without words"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Starts a worker that ends when the returned sender is dropped.
    fn worker(ends: &Ends, number: usize) -> mpsc::Sender<()> {
        let (running, until) = mpsc::channel::<()>();
        let body = move || {
            let _ = until.recv();
            Ok(())
        };
        ends.spawn(format!("worker-{number}"), Role::Worker, body).unwrap();
        running
    }

    fn patient(_: &End) -> Duration {
        Duration::from_secs(60)
    }

    #[test]
    fn a_server_that_is_told_to_end_has_not_failed() {
        let (sender, ends) = mpsc::channel();
        let sender = Ends(sender);
        sender.spawn("helper".into(), Role::Helper, || Ok(())).unwrap();
        drop([worker(&sender, 0), worker(&sender, 1)]);
        assert!(supervise(&ends, 2, patient).is_ok());
    }

    #[test]
    fn any_thread_that_dies_ends_the_workers() {
        type Body = fn() -> Result<(), String>;
        let deaths: [(Role, Body, &str); 4] = [
            (Role::Worker, || panic!("no {}", "luck"), "it panicked: no luck"),
            (Role::Helper, || panic!("nothing"), "it panicked: nothing"),
            (Role::Helper, || Err("its poll failed".into()), "its poll failed"),
            (Role::Worker, || std::panic::panic_any(7), "it panicked: without words"),
        ];
        for (role, body, fault) in deaths {
            let (sender, ends) = mpsc::channel();
            let sender = Ends(sender);
            let mut running = Some(worker(&sender, 0));
            sender.spawn("victim".into(), role, body).unwrap();
            let workers = 1 + usize::from(role == Role::Worker);
            let failed = supervise(&ends, workers, |end| {
                assert_eq!((&*end.thread, end.fault.as_deref()), ("victim", Some(fault)));
                running.take();
                Duration::from_secs(60)
            });
            assert!(running.is_none(), "the other worker was told to end");
            assert_eq!(failed.unwrap_err().to_string(), format!("the thread victim died: {fault}"));
        }
    }

    #[test]
    fn a_thread_that_was_started_elsewhere_is_reported_too() {
        let (sender, ends) = mpsc::channel();
        let sender = Ends(sender);
        let mut running = Some(worker(&sender, 0));
        sender.died("ticker")();
        let on_death = |_: &End| {
            running.take();
            Duration::from_secs(60)
        };
        assert!(matches!(supervise(&ends, 1, on_death), Err(Failure::Died { .. })));
    }

    #[test]
    fn a_worker_that_does_not_end_is_not_waited_for() {
        let (sender, ends) = mpsc::channel();
        let sender = Ends(sender);
        let _running = worker(&sender, 0);
        sender.spawn("victim".into(), Role::Helper, || panic!("oh")).unwrap();
        let failed = supervise(&ends, 1, |_| Duration::ZERO);
        assert!(matches!(failed, Err(Failure::Stuck { workers: 1, .. })), "{failed:?}");
    }
}
