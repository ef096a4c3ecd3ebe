//! A board of messages in a database, and clients that wait for the next one.
//!
//! | route | answer |
//! |---|---|
//! | `GET /board?after=N` | the messages with numbers above N, as a JSON list; at most a hundred |
//! | `GET /board/wait?after=N` | the same once there is one; 204 if there is none in time |
//! | `POST /board` | adds the content as a message, and answers it as JSON |
//!
//! The database is `app` of snow.toml. With PostgreSQL, who adds a message notifies in the same
//! transaction, and whoever waits is told, also if the message comes from another program:
//!
//! ```sql
//! begin;
//! insert into board (text) values ('hello');
//! select pg_notify('board', json_build_object('id', id, 'text', text)::text)
//!     from board where id = currval(pg_get_serial_sequence('board', 'id'));
//! commit;
//! ```
//!
//! The other databases have no notifications. With them this guest writes each message into the
//! store, too, and whoever waits is told by that: of messages that came by way of this host.

use serde::Serialize;
use snow_guest::prelude::*;
use snow_guest::sql::{Dialect, Rows};

/// Messages of one answer.
const LISTED_MAX: usize = 100;
/// Bytes of a message: a notification has up to 8,000, and JSON makes it longer.
const TEXT_BYTES_MAX: usize = 1_000;
/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// The channel of notifications, and the key of the store.
const CHANNEL: &str = "board";

#[derive(Serialize)]
struct Message {
    id: i64,
    text: String,
}

#[route(GET, r"/board")]
fn list(request: Request) -> Result<Response> {
    let app = Database::open("app")?;
    answer(&messages(&app, after(&request)?)?)
}

#[route(GET, r"/board/wait", resume = came)]
fn wait(request: Request) -> Result<Outcome> {
    let (app, after) = (Database::open("app")?, after(&request)?);
    // Before the look at the table: what comes after it is not missed.
    let next = match app.dialect()? {
        Dialect::Postgres => app.listen(CHANNEL)?,
        Dialect::Mysql | Dialect::Sqlite => {
            let board = Bucket::own()?;
            let seen = board.get(CHANNEL)?.map(|entry| entry.version);
            board.changed(CHANNEL, seen)?
        }
    };
    let found = messages(&app, after)?;
    if found.is_empty() {
        return Ok(next.suspend().deadline(PATIENCE).into());
    }
    Ok(answer(&found)?.into())
}

/// The message is what the client waits for: when it looked, there was none after its last one.
fn came(resumed: Resumed) -> Result<Response> {
    if resumed.timed_out() {
        return Ok(Response::empty(204));
    }
    if let Some(failure) = resumed.failure() {
        return Err(Error::status(503, &failure.code));
    }
    let list = format!("[{}]", resumed.text());
    Ok(Response::text(list).header("content-type", "application/json"))
}

#[route(POST, r"/board")]
fn add(request: Request) -> Result<Response> {
    let text = request.text().into_owned();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(Error::status(400, format_args!("a message has 1 to {TEXT_BYTES_MAX} bytes")));
    }
    let app = Database::open("app")?;
    let message = match app.dialect()? {
        Dialect::Postgres => with_notification(&app, text)?,
        Dialect::Mysql | Dialect::Sqlite => {
            let insert = "insert into board (text) values ($1)";
            let added = made(&app, || app.query(insert, [&text]))?;
            let id = added.last_id().ok_or_else(|| Error::new("the message has no number"))?;
            let message = Message { id, text };
            Bucket::own()?.set(CHANNEL, Response::json(&message)?.body())?;
            message
        }
    };
    Ok(Response::json(&message)?.status(201))
}

/// Adds a message and tells who waits, both or neither.
fn with_notification(app: &Database, text: String) -> Result<Message> {
    let statements = || {
        app.transact([
            // One after the other, so that a message with a lower number never comes later.
            Statement::new("select pg_advisory_xact_lock(7230611)"),
            Statement::with("insert into board (text) values ($1)", [&text]),
            Statement::new(
                "select id, pg_notify('board', json_build_object('id', id, 'text', text)::text) \
                 from board where id = currval(pg_get_serial_sequence('board', 'id'))",
            ),
        ])
    };
    let added = made(app, statements)?;
    let row = added.last().and_then(Rows::first);
    let id = row.ok_or_else(|| Error::new("the message is not there"))?.get("id")?;
    Ok(Message { id, text })
}

/// The messages after a number.
fn messages(app: &Database, after: i64) -> Result<Vec<Message>> {
    let select = format!("select id, text from board where id > $1 order by id limit {LISTED_MAX}");
    let found = made(app, || app.query(&select, [after]))?;
    found.iter().map(|row| Ok(Message { id: row.get("id")?, text: row.get("text")? })).collect()
}

/// Does something with the table, which is made if it is not there.
fn made<T>(app: &Database, act: impl Fn() -> Result<T, SqlError>) -> Result<T> {
    match act() {
        Err(error) if matches!(error.code(), Some("42P01" | "42S02")) => {
            make(app)?;
            Ok(act()?)
        }
        done => Ok(done?),
    }
}

fn make(app: &Database) -> Result<()> {
    let id = match app.dialect()? {
        Dialect::Postgres => "bigint generated always as identity primary key",
        Dialect::Mysql => "bigint auto_increment primary key",
        Dialect::Sqlite => "integer primary key autoincrement",
    };
    let create = format!("create table if not exists board (id {id}, text varchar(1000) not null)");
    match app.query(&create, ()) {
        // PostgreSQL refuses whoever makes it at the same moment as somebody else.
        Err(error) if error.is_duplicate() => {}
        Err(error) if matches!(error.code(), Some("42P07" | "42710")) => {}
        made => drop(made?),
    }
    Ok(())
}

fn after(request: &Request) -> Result<i64> {
    Ok(request.query_parsed("after")?.unwrap_or(0))
}

fn answer(messages: &[Message]) -> Result<Response> {
    Response::json(messages)
}

snow_guest::serve!(list, wait, add);
