use std::sync::Arc;

use snow_config::{DatabasePlace, Limits};
use snow_runtime::{Database, SqlRows};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::super::Wire;
use super::*;
use crate::places::Places;
use crate::sql::connection::Then;

/// A server that answers as a test says.
struct Server(DuplexStream);

/// The answer to a statement that the server was asked to prepare.
const PREPARED: &[u8] = b"1\0\0\0\x04";
/// The answer to a statement that returns nothing.
const DONE: &[u8] = b"2\0\0\0\x04n\0\0\0\x04C\0\0\0\x0bSELECT\0";
const READY: &[u8] = b"Z\0\0\0\x05I";
const FAILED: &[u8] = b"E\0\0\0\x0cC22012\0\0";
const STALE: &[u8] = b"E\0\0\0\x0cC26000\0\0";

impl Server {
    /// Takes all messages up to the end of a transaction, and answers. Returns the messages.
    async fn answer(&mut self, answers: &[&[u8]]) -> Vec<(u8, Vec<u8>)> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|(tag, _)| *tag != b'S') {
            let tag = self.0.read_u8().await.unwrap();
            let length = self.0.read_u32().await.unwrap() as usize;
            let mut body = vec![0; length - 4];
            self.0.read_exact(&mut body).await.unwrap();
            messages.push((tag, body));
        }
        self.0.write_all(&answers.concat()).await.unwrap();
        messages
    }
}

/// Runs a test with a connection and its server.
fn with<F: Future<Output = ()>>(test: impl FnOnce(PostgresConnection, Server) -> F) {
    let (server, client) = duplex(1 << 20);
    let place = DatabasePlace::parse("postgres://ann@localhost/app", "/".as_ref()).unwrap();
    let DatabasePlace::Postgres(place) = place else { panic!("{place:?}") };
    let connection = PostgresConnection {
        wire: Wire::new(Box::new(client)),
        server: place,
        key: (0, 0),
        statements: Statements::default(),
    };
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(test(connection, Server(server)));
}

/// Carries out statements that leave the connection as it was.
async fn carry_out(
    connection: &mut PostgresConnection,
    texts: &[&str],
) -> Result<Vec<SqlRows>, SqlError> {
    let ran = ran(connection, texts).await;
    assert_eq!(ran.then, Then::Keep);
    ran.result.map(|collector| collector.answer().results)
}

async fn ran(connection: &mut PostgresConnection, texts: &[&str]) -> Ran {
    let limits = Arc::new(Limits::default());
    let statement = |text: &&str| SqlStatement { text: text.to_string(), parameters: Vec::new() };
    let database = Database {
        name: "app".into(),
        place: DatabasePlace::Postgres(connection.server.clone()).into(),
        connections_max: 1,
        timeout_ms: 1_000,
        file_bytes_max: 1,
    };
    let work = SqlWork {
        guest: "shop".into(),
        database: database.into(),
        limits: limits.clone(),
        statements: texts.iter().map(statement).collect(),
        is_transaction: texts.len() > 1,
    };
    run(connection, &work, Collector::new(&limits, Places::default().hold())).await
}

/// Only what may be under way is stopped, which takes another connection.
#[test]
fn a_connection_that_was_changed_is_closed_and_one_that_is_busy_stopped() {
    with(|mut connection, mut server| async move {
        let set: &[u8] = b"2\0\0\0\x04n\0\0\0\x04C\0\0\0\x08SET\0";
        let amid_a_transaction: &[u8] = b"Z\0\0\0\x05T";
        let copies: &[u8] = b"2\0\0\0\x04G\0\0\0\x07\0\0\0";
        for (answers, then) in [
            ([DONE, READY], Then::Keep),
            ([set, READY], Then::Close),
            ([DONE, amid_a_transaction], Then::Close),
            ([copies, READY], Then::Stop),
        ] {
            connection.statements = Statements::default();
            let answers = [&[PREPARED][..], &answers].concat();
            let (ran, _) =
                tokio::join!(ran(&mut connection, &["select 1"]), server.answer(&answers));
            assert_eq!(ran.then, then);
        }
    });
}

#[test]
fn a_statement_that_was_forgotten_is_prepared_anew() {
    with(|mut connection, mut server| async move {
        let texts = ["select 1"];
        let runs = carry_out(&mut connection, &texts);
        let (ran, _) = tokio::join!(runs, server.answer(&[PREPARED, DONE, READY]));
        assert!(ran.is_ok());
        let serves = async {
            let first = server.answer(&[STALE, READY]).await;
            (first, server.answer(&[b"3\0\0\0\x04", PREPARED, DONE, READY]).await)
        };
        let (ran, (first, second)) = tokio::join!(carry_out(&mut connection, &texts), serves);
        assert_eq!(ran.map(|results| results.len()), Ok(1));
        let tags = |messages: Vec<(u8, Vec<u8>)>| -> String {
            messages.into_iter().map(|(tag, _)| char::from(tag)).collect()
        };
        assert_eq!((&*tags(first), &*tags(second)), ("BDES", "CPBDES"));
    });
}

/// A server leaves out what is behind an error, also what it is to forget.
#[test]
fn what_has_no_room_is_forgotten_also_after_an_error() {
    with(|mut connection, mut server| async move {
        let texts: Vec<String> = (0..CACHED_STATEMENTS).map(|at| format!("select {at}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut answers = [PREPARED, DONE].repeat(texts.len());
        answers.push(READY);
        let (ran, _) = tokio::join!(carry_out(&mut connection, &texts), server.answer(&answers));
        assert!(ran.is_ok());
        let runs = carry_out(&mut connection, &["select 0", "select 'new'"]);
        let (ran, sent) = tokio::join!(runs, server.answer(&[FAILED, READY]));
        let closes = (b'C', b"Ssnow2\0".to_vec());
        assert!(ran.is_err() && sent.contains(&closes));
        let runs = carry_out(&mut connection, &["select 0"]);
        let (ran, sent) = tokio::join!(runs, server.answer(&[b"3\0\0\0\x04", DONE, READY]));
        assert!(ran.is_ok());
        assert_eq!(sent.first(), Some(&closes));
    });
}

/// A statement that was not prepared before is not stale, so nothing is sent twice.
#[test]
fn a_text_that_occurs_twice_is_no_old_one() {
    with(|mut connection, mut server| async move {
        let serves = async {
            server.answer(&[PREPARED, DONE, STALE, READY]).await;
            // The connection would be lost.
            drop(server);
        };
        let (ran, ()) = tokio::join!(carry_out(&mut connection, &["select 1"; 2]), serves);
        let error = ran.unwrap_err();
        assert!(matches!(&error, SqlError::Failed { code, .. } if code == "26000"), "{error}");
    });
}

/// A procedure may have ended the transaction, and what is before that has happened.
#[test]
fn what_may_have_been_carried_out_is_not_carried_out_again() {
    with(|mut connection, mut server| async move {
        let runs = carry_out(&mut connection, &["call p()", "select 1"]);
        let (ran, _) = tokio::join!(runs, server.answer(&[PREPARED, DONE, PREPARED, DONE, READY]));
        assert!(ran.is_ok());
        let serves = async {
            server.answer(&[DONE, STALE, READY]).await;
            drop(server);
        };
        let (ran, ()) = tokio::join!(carry_out(&mut connection, &["call p()", "select 1"]), serves);
        let error = ran.unwrap_err();
        assert!(matches!(&error, SqlError::Failed { code, .. } if code == "26000"), "{error}");
    });
}
