//! Statements over a connection.
//!
//! All statements of an operation are sent at once. Between two `Sync` messages the server carries
//! them out as one transaction, without any that begins or ends it: all of them or none.

use std::collections::{BTreeMap, VecDeque};

use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};
use postgres_protocol::message::frontend::{self, BindError};
use snow_config::Dialect;
use snow_runtime::{SqlError, SqlStatement, SqlValue, SqlWork};

use super::wire::Lost;
use super::{CHANGES_SESSION, MESSAGE_BYTES_MAX, PostgresConnection, failure, lost, said, values};
use crate::sql::collect::Collector;
use crate::sql::connection::Ran;
use crate::sql::{CACHED_BYTES_MAX, CACHED_STATEMENTS, NO_TRANSACTION, failed, text};

/// The server says so of a statement whose columns have changed since it was prepared, and of one
/// that was forgotten.
const STALE: [&str; 2] = ["0A000", "26000"];
/// The status of a session without a transaction.
const IDLE: u8 = b'I';

/// The statements that the server has prepared for a connection.
#[derive(Default)]
pub(super) struct Statements {
    by_text: BTreeMap<String, Prepared>,
    /// The number of the next one.
    next: u64,
    /// How often one was used.
    uses: u64,
}

struct Prepared {
    /// The number in its name.
    number: u64,
    used: u64,
}

impl Prepared {
    fn name(&self) -> String {
        format!("snow{}", self.number)
    }
}

/// The statements that are under way over the connection.
struct Pipeline {
    /// The texts of those statements that the server was asked to prepare, in their order. `None`
    /// for one that is used once.
    parses: VecDeque<Option<String>>,
    /// The statements that the server was asked to forget, to make room for others.
    evicted: Vec<Prepared>,
    /// How many statements have not ended yet.
    left: usize,
    /// Whether the end of the transaction was sent.
    is_synced: bool,
    /// The number of the last statement that had been prepared before.
    last_old: u64,
    /// Whether one was used that had been prepared before.
    uses_old: bool,
    /// The types of the columns of the result under way.
    types: Vec<u32>,
    error: Option<(String, String)>,
    changes_session: bool,
}

/// Carries out statements.
pub(super) async fn run(
    connection: &mut PostgresConnection,
    work: &SqlWork,
    mut collector: Collector,
) -> Ran {
    for is_last in [false, true] {
        let mut pipeline = match connection.send(work) {
            Ok(pipeline) => pipeline,
            // Nothing was sent, but some of it is in the output.
            Err(error) => return Ran::lost(error),
        };
        let ended = connection.receive(&mut pipeline, &mut collector).await;
        // What the server has not confirmed is not prepared.
        for text in pipeline.parses.drain(..).flatten() {
            connection.statements.by_text.remove(&text);
        }
        let status = match ended {
            Ok(status) => status,
            Err(End::Stopped(error)) => return Ran::lost(error),
            Err(End::Lost(why)) => {
                let error = pipeline.error.map(failure);
                return Ran::lost(error.unwrap_or_else(|| lost(why, &connection.server)));
            }
        };
        if pipeline.error.is_some() {
            // The server leaves out all that is behind the error, and so it may not have forgotten
            // them.
            connection.forget(std::mem::take(&mut pipeline.evicted));
        }
        if let Some((code, _)) = &pipeline.error
            && pipeline.uses_old
            && !work.statements.iter().any(may_commit)
            && !is_last
            && status == IDLE
            && STALE.contains(&code.as_str())
        {
            // Nothing was carried out. The statements are prepared anew.
            let all = std::mem::take(&mut connection.statements.by_text);
            connection.forget(all.into_values());
            collector.clear();
            continue;
        }
        let result = match pipeline.error {
            Some(error) => Err(failure(error)),
            None if status != IDLE => Err(failed("25000", NO_TRANSACTION)),
            None => Ok(collector),
        };
        return Ran::ended(result, status == IDLE && !pipeline.changes_session);
    }
    unreachable!("the last attempt returns")
}

/// Whether a statement may have ended the transaction by a procedure.
fn may_commit(statement: &SqlStatement) -> bool {
    let word = text::first_word(&statement.text, Dialect::Postgres);
    word.eq_ignore_ascii_case("call") || word.eq_ignore_ascii_case("do")
}

/// How a pipeline ends before its end.
enum End {
    /// The host has enough.
    Stopped(SqlError),
    /// The connection is lost.
    Lost(Lost),
}

impl From<Lost> for End {
    fn from(lost: Lost) -> End {
        End::Lost(lost)
    }
}

impl From<SqlError> for End {
    fn from(error: SqlError) -> End {
        End::Stopped(error)
    }
}

impl PostgresConnection {
    /// Puts the messages of all statements into the output.
    fn send(&mut self, work: &SqlWork) -> Result<Pipeline, SqlError> {
        let mut pipeline = Pipeline {
            parses: VecDeque::new(),
            evicted: Vec::new(),
            left: work.statements.len(),
            is_synced: false,
            last_old: self.statements.next,
            uses_old: false,
            types: Vec::new(),
            error: None,
            changes_session: false,
        };
        for statement in &work.statements {
            self.send_one(statement, &mut pipeline).map_err(|_| {
                failed("22021", "a statement can't have a NUL, or so many or large values")
            })?;
        }
        // What changes rows and returns some can still be rolled back if those are too many. A word
        // in a string costs time alone.
        let looks = |statement: &SqlStatement| text::has_word(&statement.text, "returning");
        match work.statements.iter().any(looks) {
            true => frontend::flush(self.wire.output()),
            false => self.sync(&mut pipeline),
        }
        Ok(pipeline)
    }

    fn send_one(
        &mut self,
        statement: &SqlStatement,
        pipeline: &mut Pipeline,
    ) -> Result<(), BindError> {
        let name = self.prepare(statement, pipeline)?;
        let output = self.wire.output();
        let parameters: Vec<_> = statement.parameters.iter().map(values::parameter).collect();
        let forms = parameters.iter().map(|value| value.as_ref().map_or(0, |(_, form)| *form));
        let write = |value: &Option<(Vec<u8>, i16)>, output: &mut bytes::BytesMut| match value {
            None => Ok(IsNull::Yes),
            Some((bytes, _)) => {
                output.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
        };
        frontend::bind("", &name, forms, &parameters, write, [0], output)?;
        frontend::describe(b'P', "", output)?;
        frontend::execute("", 0, output)?;
        Ok(())
    }

    /// Returns the name of a statement, which the server is asked to prepare unless it has.
    fn prepare(
        &mut self,
        statement: &SqlStatement,
        pipeline: &mut Pipeline,
    ) -> Result<String, std::io::Error> {
        let (text, statements) = (&statement.text, &mut self.statements);
        statements.uses += 1;
        if let Some(prepared) = statements.by_text.get_mut(text) {
            prepared.used = statements.uses;
            // A statement that this very pipeline prepares can't be stale.
            pipeline.uses_old |= prepared.number <= pipeline.last_old;
            return Ok(prepared.name());
        }
        let output = self.wire.output();
        if text.len() > CACHED_BYTES_MAX {
            frontend::parse("", text, [], output)?;
            pipeline.parses.push_back(None);
            return Ok(String::new());
        }
        if statements.by_text.len() >= CACHED_STATEMENTS {
            let oldest = statements.by_text.iter().min_by_key(|(_, prepared)| prepared.used);
            let oldest = oldest.map(|(text, _)| text.clone());
            if let Some(evicted) = oldest.and_then(|oldest| statements.by_text.remove(&oldest)) {
                frontend::close(b'S', &evicted.name(), output)?;
                pipeline.evicted.push(evicted);
            }
        }
        statements.next += 1;
        let prepared = Prepared { number: statements.next, used: statements.uses };
        let name = prepared.name();
        frontend::parse(&name, text, [], output)?;
        statements.by_text.insert(text.clone(), prepared);
        pipeline.parses.push_back(Some(text.clone()));
        Ok(name)
    }

    /// Lets the server forget prepared statements, also such that it does not know.
    fn forget(&mut self, statements: impl IntoIterator<Item = Prepared>) {
        for prepared in statements {
            // Our own names have no NUL.
            let _ = frontend::close(b'S', &prepared.name(), self.wire.output());
        }
    }

    fn sync(&mut self, pipeline: &mut Pipeline) {
        if !std::mem::replace(&mut pipeline.is_synced, true) {
            frontend::sync(self.wire.output());
        }
    }

    /// Takes in what the server answers. Returns the status of the session.
    async fn receive(
        &mut self,
        pipeline: &mut Pipeline,
        collector: &mut Collector,
    ) -> Result<u8, End> {
        loop {
            // Names and lengths are beside the values.
            let bytes_max = collector.room().saturating_add(MESSAGE_BYTES_MAX);
            let message = match self.wire.message(bytes_max).await {
                Err(Lost::TooLarge) => return Err(collector.too_large().into()),
                message => message?,
            };
            match message {
                Message::ParseComplete => drop(pipeline.parses.pop_front()),
                Message::RowDescription(body) => {
                    let (names, types) = columns(&body)?;
                    pipeline.types = types;
                    collector.begin(names)?;
                }
                Message::DataRow(body) => collector.row(row(&body, &pipeline.types)?)?,
                Message::CommandComplete(body) => {
                    let tag = body.tag().map_err(Lost::from)?;
                    let number = tag.rsplit(' ').next().and_then(|number| number.parse().ok());
                    pipeline.changes_session |=
                        CHANGES_SESSION.iter().any(|begin| tag.starts_with(begin));
                    self.end_one(pipeline, collector, number.unwrap_or(0))?;
                }
                Message::EmptyQueryResponse => self.end_one(pipeline, collector, 0)?,
                Message::ErrorResponse(error) => {
                    pipeline.error.get_or_insert(said(&error));
                    self.sync(pipeline);
                }
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                    return Err(failed("0A000", "COPY can't be used here").into());
                }
                Message::ReadyForQuery(body) => return Ok(body.status()),
                _ => {}
            }
        }
    }

    /// Ends the result of a statement, and the transaction after the last one.
    fn end_one(
        &mut self,
        pipeline: &mut Pipeline,
        collector: &mut Collector,
        affected: u64,
    ) -> Result<(), SqlError> {
        collector.end(Some(affected), None)?;
        pipeline.left = pipeline.left.saturating_sub(1);
        if pipeline.left == 0 {
            self.sync(pipeline);
        }
        Ok(())
    }
}

/// Returns the names and the types of columns.
fn columns(body: &RowDescriptionBody) -> Result<(Vec<String>, Vec<u32>), Lost> {
    let fields = body.fields().map(|field| Ok((field.name().to_owned(), field.type_oid())));
    let fields: Vec<(String, u32)> = fields.collect()?;
    Ok(fields.into_iter().unzip())
}

fn row(body: &DataRowBody, types: &[u32]) -> Result<Vec<SqlValue>, Lost> {
    let mut types = types.iter().copied();
    let mut values = Vec::with_capacity(types.len());
    let mut ranges = body.ranges();
    while let Some(range) = ranges.next()? {
        let oid = types.next().unwrap_or(0);
        let bytes = range.map(|range| body.buffer().get(range).unwrap_or_default());
        values.push(bytes.map_or(SqlValue::Null, |bytes| values::value(oid, bytes)));
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
