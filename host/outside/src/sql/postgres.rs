//! Connections to PostgreSQL.
//!
//! They speak its protocol with the messages of the crate `postgres-protocol`, and not by a client
//! above it, for two reasons. Values go both ways as text, in which every type has a form, also one
//! that an extension brings. And a message is looked at before it is read: a row of a gigabyte, which
//! the protocol has in one piece, never comes into memory.

pub(super) mod listener;
mod login;
mod statements;
mod values;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use snow_config::ServerPlace;
use snow_runtime::{SqlError, SqlWork};
use tokio::time::timeout;

use self::statements::Statements;
use self::wire::{Lost, Wire};
use super::collect::Collector;
use super::connection::{Ran, Ways};
use super::{failed, unreachable};

/// Bytes of a message that is no row.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How long the reset of a session may take.
const RESET: Duration = Duration::from_secs(5);
/// Beginnings of what a statement says of itself when it has changed its session, for the statements
/// that come after it.
const CHANGES_SESSION: [&str; 9] =
    ["DEALLOCATE", "DECLARE", "DISCARD", "LISTEN", "LOAD", "PREPARE", "RESET", "SET", "UNLISTEN"];

/// A connection to a database.
pub(super) struct PostgresConnection {
    wire: Wire,
    server: ServerPlace,
    /// The key by which the server stops a statement of this connection.
    key: (i32, i32),
    statements: Statements,
}

impl PostgresConnection {
    /// Connects and logs in.
    pub async fn open(server: &ServerPlace, ways: &Ways) -> Result<PostgresConnection, SqlError> {
        let mut wire = login::connect(server, ways).await?;
        let key = login::log_in(&mut wire, server).await?;
        Ok(PostgresConnection {
            wire,
            server: server.clone(),
            key,
            statements: Statements::default(),
        })
    }

    /// Carries out statements.
    pub async fn run(&mut self, work: &Arc<SqlWork>, collector: Collector) -> Ran {
        let ran = statements::run(self, work, collector).await;
        self.wire.rest();
        ran
    }

    /// Whether the server is still there, as far as it has said nothing else.
    pub async fn is_alive(&mut self) -> bool {
        loop {
            match self.wire.arrived(MESSAGE_BYTES_MAX).await {
                Ok(None) => return true,
                // It is about to end.
                Ok(Some(Message::ErrorResponse(_))) | Err(_) => return false,
                Ok(Some(_)) => {}
            }
        }
    }

    /// Makes the session as if it were new.
    pub async fn reset(&mut self) -> bool {
        self.statements = Statements::default();
        timeout(RESET, self.simple("DISCARD ALL")).await.is_ok_and(|done| done.is_ok())
    }

    /// Asks the server to stop what it does for this connection, which ends.
    pub async fn stop(self, ways: &Ways) {
        if let Ok(mut wire) = login::connect(&self.server, ways).await {
            frontend::cancel_request(self.key.0, self.key.1, wire.output());
            // The server says nothing, and closes.
            let _ = wire.message(MESSAGE_BYTES_MAX).await;
        }
    }

    /// Ends the session.
    pub async fn close(mut self) {
        frontend::terminate(self.wire.output());
        let _ = self.wire.flush().await;
    }

    /// Carries out a statement of the host's own, that returns nothing.
    async fn simple(&mut self, text: &str) -> Result<(), Lost> {
        frontend::query(text, self.wire.output()).map_err(Lost::from)?;
        loop {
            match self.wire.message(MESSAGE_BYTES_MAX).await? {
                Message::ReadyForQuery(_) => return Ok(()),
                Message::ErrorResponse(error) => {
                    return Err(Lost::Closed(said(&error).1));
                }
                _ => {}
            }
        }
    }
}

/// Returns the code and the words of an error.
fn said(error: &ErrorResponseBody) -> (String, String) {
    use postgres_protocol::message::backend::ErrorField;
    // The crate for this kind of iterators is not worth a dependency.
    let mut fields = error.fields();
    let (mut code, mut message) = (String::new(), String::new());
    while let Ok(Some(field)) = fallible_iterator::FallibleIterator::next(&mut fields) {
        let text =
            |field: &ErrorField<'_>| String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => code = text(&field),
            b'M' => message = text(&field),
            _ => {}
        }
    }
    (code, message)
}

/// Returns the failure that an error of the server stands for.
fn failure((code, message): (String, String)) -> SqlError {
    match code.as_str() {
        // The server ends, or it does not begin yet; there are too many connections; nobody may log
        // in like this.
        "57P01" | "57P02" | "57P03" | "53300" => SqlError::Unavailable(message),
        _ if code.starts_with("28") || code.starts_with("08") && code != "08P01" => {
            SqlError::Unavailable(message)
        }
        _ => failed(code, message),
    }
}

/// Returns the failure of a connection that is lost.
fn lost(lost: Lost, server: &ServerPlace) -> SqlError {
    let why = match lost {
        Lost::Closed(why) => why,
        Lost::TooLarge => "a message is too large".to_owned(),
    };
    unreachable(server, &why)
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Lost {
        Lost::Closed(error.to_string())
    }
}
