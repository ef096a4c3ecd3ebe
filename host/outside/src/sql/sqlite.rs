//! Databases of SQLite: a file each, and a thread for each connection.
//!
//! SQLite works on the thread that asks it. So a connection is a thread, which waits for statements,
//! and this is the way to it.

mod errors;
mod statements;
mod turn;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{fs, thread};

use snow_runtime::{SqlError, SqlWork};
use tokio::sync::oneshot;

pub(super) use self::turn::WriteTurn;

use self::statements::Session;
use super::collect::Collector;
use super::connection::Ran;
use super::pools::Slot;

/// A connection to a file.
pub(super) struct SqliteConnection {
    tasks: Sender<Task>,
    /// Makes the statement that is under way fail.
    stop: Arc<AtomicBool>,
    /// Resolves when the thread ends.
    ended: oneshot::Receiver<()>,
}

/// Statements for the thread.
struct Task {
    work: Arc<SqlWork>,
    collector: Collector,
    done: oneshot::Sender<Ran>,
}

impl SqliteConnection {
    /// Opens a file, or makes it. `limits` are bytes of the file, and of one value. The thread
    /// keeps the slot until it ends, also if nobody waits for it any more.
    pub async fn open(
        path: &Path,
        limits: (u64, usize),
        writes: Arc<WriteTurn>,
        slot: Slot,
    ) -> Result<SqliteConnection, SqlError> {
        let (tasks, receiver) = channel();
        let (opened, is_open) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (path, for_thread) = (path.to_owned(), stop.clone());
        let run = move || {
            // Dropped at the end, also if that is a panic.
            let _end: oneshot::Sender<()> = end;
            let _slot = slot;
            // A folder that can't be made is reported by what needs it.
            path.parent().map(fs::create_dir_all);
            match Session::open(&path, limits, writes, for_thread) {
                Ok(session) => {
                    if opened.send(Ok(())).is_ok() {
                        serve(session, &receiver);
                    }
                }
                // It fails if nobody waits any more.
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name("snow-sqlite".into()).spawn(run);
        thread.map_err(|error| {
            SqlError::Unavailable(format!("the host has no thread for the database: {error}"))
        })?;
        is_open.await.unwrap_or_else(|_| Err(died()))?;
        Ok(SqliteConnection { tasks, stop, ended })
    }

    /// Carries out statements.
    pub async fn run(&mut self, work: &Arc<SqlWork>, collector: Collector) -> Ran {
        let (done, result) = oneshot::channel();
        if self.tasks.send(Task { work: work.clone(), collector, done }).is_err() {
            return Ran::lost(died());
        }
        result.await.unwrap_or_else(|_| Ran::lost(died()))
    }

    /// Whether the thread is there.
    pub fn is_alive(&mut self) -> bool {
        self.ended.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    }

    /// Ends the thread, and the statement that is under way.
    pub async fn stop(self) {
        let SqliteConnection { tasks, stop, ended } = self;
        stop.store(true, Ordering::Relaxed);
        drop(tasks);
        // It ends without a message.
        let _ = ended.await;
    }
}

/// Carries out what comes, until nobody can send any more.
fn serve(mut session: Session, tasks: &Receiver<Task>) {
    while let Ok(Task { work, collector, done }) = tasks.recv() {
        let ran = session.run(&work, collector);
        // It fails if nobody waits any more.
        let _ = done.send(ran);
    }
}

#[cfg(test)]
impl SqliteConnection {
    /// Makes a connection whose thread does nothing more, until what comes with it is dropped.
    pub fn hanging() -> (SqliteConnection, oneshot::Sender<()>) {
        let (end, ended) = oneshot::channel();
        (SqliteConnection { tasks: channel().0, stop: Arc::default(), ended }, end)
    }
}

fn died() -> SqlError {
    SqlError::Unavailable("the host could not go on with the database".to_owned())
}
