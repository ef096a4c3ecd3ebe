use std::sync::mpsc;
use std::time::{Duration, Instant};

use snow_config::{DatabasePlace, Limits, LogFormat, ServerConfig};
use snow_core::{PendingId, Registry, WorkerId};
use snow_runtime::{Database, Log, Settled, SqlStatement};

use super::*;

/// Settles nobody.
struct Nobody;

impl Notify for Nobody {
    fn notify(&self, _: &[PendingId], _: &Settled) {}
}

/// Databases whose thread does not run.
fn sql() -> (Sql, SqlThread) {
    let log = Log::start(LogFormat::Text, &Limits::default(), std::io::sink()).unwrap();
    let (egress, _) = Egress::new(&ServerConfig::default(), &log).unwrap();
    Sql::new(&egress, 10, Arc::new(Nobody))
}

fn database(url: &str, connections_max: usize) -> Arc<Database> {
    let place = DatabasePlace::parse(url, "/".as_ref()).unwrap();
    Arc::new(Database {
        name: "app".into(),
        place: place.into(),
        connections_max,
        timeout_ms: 1_000,
        file_bytes_max: 1 << 20,
    })
}

fn listen(database: &Arc<Database>, channel: &str) -> SqlListen {
    let registry = Registry::<()>::new(1, |bytes| bytes.fill(0));
    SqlListen {
        guest: "shop".into(),
        database: database.clone(),
        limits: Limits { sql_channels_max: 1, ..Limits::default() }.into(),
        channel: channel.to_owned(),
        waiter: registry.create(WorkerId(0), None).unwrap(),
    }
}

/// Begins to wait on a channel, as the thread does. Returns the way on which it is told.
fn begin(
    sql: &Sql,
    thread: &mut SqlThread,
    listen: SqlListen,
) -> (OperationId, mpsc::Receiver<Result<(), SqlError>>) {
    let (sender, told) = mpsc::channel();
    let begun = sql.listen(listen, Box::new(move |result| sender.send(result).unwrap()));
    let Listening::Soon(operation) = begun else { panic!("{begun:?}") };
    thread.jobs.try_recv().unwrap().spawn(&sql.shared);
    (operation, told)
}

const SERVER: &str = "postgres://ann@127.0.0.1:1/app";

#[test]
fn a_failed_listen_leaves_nothing_behind() {
    let (sql, mut thread) = sql();
    let database = database(SERVER, 1);
    let channels = &sql.shared.pools.of(&database, 1_000).channels;
    // Somebody listens, so no connection is made.
    let (sender, _commands) = unbounded_channel();
    channels.begin(sender).unwrap();
    let lost = SqlError::Unavailable("lost".to_owned());
    let under_way = || lock(&sql.shared.under_way).len();

    let (_, first) = begin(&sql, &mut thread, listen(&database, "news"));
    let (_, second) = begin(&sql, &mut thread, listen(&database, "more"));
    assert!(matches!(second.try_recv(), Ok(Err(SqlError::Overloaded(_)))), "there may be one");
    assert_eq!(under_way(), 1);
    channels.refuse("news", &lost);
    assert_eq!((first.try_recv(), under_way()), (Ok(Err(lost.clone())), 0));

    let (_, first) = begin(&sql, &mut thread, listen(&database, "news"));
    assert!(channels.end(&lost).is_empty());
    assert_eq!((first.try_recv(), under_way()), (Ok(Err(lost)), 0));
}

/// A database that is set up anew has another pool, with the same name. Who waits on the old one
/// can still be cancelled, and is counted.
#[test]
fn who_waits_is_forgotten_also_when_the_database_was_set_up_anew() {
    let (sql, mut thread) = sql();
    let old = database(SERVER, 1);
    let pool = sql.shared.pools.of(&old, 1_000);
    let (sender, _commands) = unbounded_channel();
    pool.channels.begin(sender).unwrap();
    let (first, told) = begin(&sql, &mut thread, listen(&old, "news"));
    pool.channels.heard("news");
    assert_eq!(told.try_recv(), Ok(Ok(())));
    let begun = sql.listen(listen(&old, "news"), Box::new(|_| ()));
    let Listening::Now(second) = begun else { panic!("{begun:?}") };

    let other = sql.shared.pools.of(&database(SERVER, 2), 1_000);
    assert!(!Arc::ptr_eq(&other, &pool));
    for (operation, left) in [(first, 1), (second, 0)] {
        sql.cancel(operation);
        assert_eq!(pool.counts.listening(), left);
    }
    assert_eq!(pool.channels.sweep(Instant::now() + Duration::from_secs(1)), ["news"]);
}

/// A statement that would end the transaction of others is refused before anything is sent.
#[test]
fn a_statement_that_ends_a_transaction_is_refused_amid_others() {
    let (sql, thread) = sql();
    let thread = std::thread::spawn(move || thread.run());
    // Nobody would answer there.
    for url in [SERVER, "mysql://ann@127.0.0.1:1/app", "sqlite:/nowhere/app.db"] {
        let (sender, told) = mpsc::channel();
        let statement = |text: &str| SqlStatement { text: text.to_owned(), parameters: Vec::new() };
        let work = SqlWork {
            guest: "shop".into(),
            database: database(url, 1),
            limits: Arc::default(),
            statements: vec![statement("select 1"), statement("-- x\nCommit"), statement("selec")],
            is_transaction: true,
        };
        sql.run(work, Box::new(move |result| sender.send(result.err()).unwrap()));
        assert_eq!(told.recv(), Ok(Some(failed("25000", NO_TRANSACTION))), "{url}");
    }
    drop(sql);
    thread.join().unwrap().unwrap();
}
