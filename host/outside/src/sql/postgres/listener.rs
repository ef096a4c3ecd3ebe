//! One connection that listens for all who wait for notifications of a database.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use snow_config::Limits;
use snow_core::PendingId;
use snow_runtime::{Settled, Settlement, SqlError};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::{MESSAGE_BYTES_MAX, PostgresConnection, failure, lost, said};
use crate::sql::Shared;
use crate::sql::connection::Connection;
use crate::sql::pool::Pool;

/// How long a channel is listened to on which nobody waits: most wait again and again.
const QUIET: Duration = Duration::from_secs(30);
/// How often such channels are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// How often a silent server is asked for a sign of life, and how long it may take.
const PING: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// How many are told at a time.
const TOLD_AT_ONCE: usize = 256;

/// Listens for as long as there are channels, or until the connection is lost.
pub(in crate::sql) async fn listen(shared: Arc<Shared>, pool: Arc<Pool>, limits: Arc<Limits>) {
    let (sender, commands) = unbounded_channel();
    let Some(channels) = pool.channels.begin(sender) else { return };
    let error = match pool.connect(&shared.pools, &limits).await {
        Err(error) => error,
        Ok(mut open) => {
            let Connection::Postgres(connection) = &mut open.connection else { return };
            let mut listener = Listener {
                connection,
                pool: &pool,
                shared: &shared,
                asked: VecDeque::new(),
                asked_at: Instant::now(),
                heard_at: Instant::now(),
            };
            channels.iter().for_each(|channel| listener.ask(channel));
            match listener.run(commands).await {
                Ok(()) => return open.retire(),
                Err(error) => error,
            }
        }
    };
    let failed = Settlement::Failed { code: "unavailable".into(), message: error.to_string() };
    let waiters = pool.channels.end(&error);
    tell(&shared, &waiters, &Settled::new(failed)).await;
}

struct Listener<'l> {
    connection: &'l mut PostgresConnection,
    pool: &'l Pool,
    shared: &'l Shared,
    /// Questions that the server has not answered: the channel that it is to listen to, or
    /// nothing of interest.
    asked: VecDeque<Option<String>>,
    /// When the first of that was asked.
    asked_at: Instant,
    /// When the server has said something.
    heard_at: Instant,
}

impl Listener<'_> {
    /// Listens. Returns when there is no channel any more.
    async fn run(&mut self, mut commands: UnboundedReceiver<String>) -> Result<(), SqlError> {
        let mut error = None;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                message = self.connection.wire.message(MESSAGE_BYTES_MAX) => message,
                Some(channel) = commands.recv() => {
                    self.ask(&channel);
                    continue;
                }
                _ = look.tick() => {
                    if self.look()? {
                        return Ok(());
                    }
                    continue;
                }
            };
            let message = message.map_err(|why| {
                let said = error.take().map(failure);
                said.unwrap_or_else(|| lost(why, &self.connection.server))
            })?;
            self.heard_at = Instant::now();
            match message {
                Message::NotificationResponse(body) => {
                    let name = body.channel().unwrap_or_default().to_owned();
                    let payload = body.message().unwrap_or_default().as_bytes();
                    notify(self.shared, self.pool, &name, payload).await;
                }
                Message::ErrorResponse(body) => error = Some(said(&body)),
                Message::ReadyForQuery(_) => {
                    let asked = self.asked.pop_front().flatten();
                    self.asked_at = Instant::now();
                    match (asked, error.take()) {
                        (Some(channel), None) => self.pool.channels.heard(&channel),
                        (Some(channel), Some(said)) => {
                            self.pool.channels.refuse(&channel, &failure(said));
                        }
                        (None, _) => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// Asks the server to listen to a channel.
    fn ask(&mut self, channel: &str) {
        self.send(&format!("LISTEN {}", quoted(channel)), Some(channel.to_owned()));
    }

    fn send(&mut self, text: &str, channel: Option<String>) {
        if self.asked.is_empty() {
            self.asked_at = Instant::now();
        }
        // It fails for a text with a NUL, which no channel has.
        if frontend::query(text, self.connection.wire.output()).is_ok() {
            self.asked.push_back(channel);
        }
    }

    /// Looks for what is to be done from time to time. Returns whether there is nothing to listen to
    /// any more.
    fn look(&mut self) -> Result<bool, SqlError> {
        if let Some(since) = Instant::now().checked_sub(QUIET) {
            for channel in self.pool.channels.sweep(since) {
                self.send(&format!("UNLISTEN {}", quoted(&channel)), None);
            }
        }
        if self.pool.channels.end_if_empty() {
            return Ok(true);
        }
        if !self.asked.is_empty() && self.asked_at.elapsed() >= PING_PATIENCE {
            let server = &self.pool.database.place;
            return Err(SqlError::Unavailable(format!("the database at {server} is silent")));
        }
        if self.asked.is_empty() && self.heard_at.elapsed() >= PING {
            self.send("", None);
        }
        Ok(false)
    }
}

/// Tells those who wait on a channel.
async fn notify(shared: &Shared, pool: &Pool, channel: &str, payload: &[u8]) {
    pool.counts.notified.add(1);
    let waiters = pool.channels.take(channel);
    // One settlement for all of them: they share the bytes.
    let settled = Settled::new(Settlement::Value(payload.into()));
    tell(shared, &waiters, &settled).await;
}

/// Settles pendings, some at a time.
async fn tell(shared: &Shared, waiters: &[(u64, PendingId)], settled: &Settled) {
    for some in waiters.chunks(TOLD_AT_ONCE) {
        shared.ended(some.iter().map(|(number, _)| *number));
        let pendings: Vec<PendingId> = some.iter().map(|(_, pending)| *pending).collect();
        shared.notify.notify(&pendings, settled);
        tokio::task::yield_now().await;
    }
}

/// Returns a name in quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
