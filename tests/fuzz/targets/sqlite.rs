//! Statements of a guest in SQLite, a line each: whatever they are, they end, and another guest is
//! answered afterwards.
#![no_main]

use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};
use std::{env, process, thread};

use libfuzzer_sys::fuzz_target;
use snow_config::{DatabasePlace, Limits, LogFormat, ServerConfig};
use snow_core::PendingId;
use snow_outside::{Egress, Sql};
use snow_runtime::{
    Database, Databases, Log, Notify, Settled, SqlAnswer, SqlError, SqlStatement, SqlWork,
};

static SQL: LazyLock<(Sql, Arc<Database>)> = LazyLock::new(start);

struct Nobody;

impl Notify for Nobody {
    fn notify(&self, _: &[PendingId], _: &Settled) {}
}

fn start() -> (Sql, Arc<Database>) {
    let file = env::temp_dir().join(format!("snow-fuzz-{}/app.db", process::id()));
    let url = format!("sqlite:{}", file.display());
    let database = Database {
        name: "app".into(),
        place: DatabasePlace::parse(&url, "/".as_ref()).expect("it is one").into(),
        connections_max: 1,
        timeout_ms: 500,
        file_bytes_max: 1 << 20,
    };
    let log = Log::start(LogFormat::Text, &Limits::default(), std::io::sink()).expect("a thread");
    let (egress, _) = Egress::new(&ServerConfig::default(), &log).expect("it names no files");
    let (sql, work) = Sql::new(&egress, 1, Arc::new(Nobody));
    thread::spawn(move || work.run());
    (sql, Arc::new(database))
}

fn run(guest: &str, texts: &[&str]) -> Result<SqlAnswer, SqlError> {
    let (sql, database) = &*SQL;
    let statement = |text: &&str| SqlStatement { text: (*text).to_owned(), parameters: Vec::new() };
    let work = SqlWork {
        guest: guest.into(),
        database: database.clone(),
        limits: Arc::new(Limits { sql_rows_max: 100, ..Limits::default() }),
        statements: texts.iter().map(statement).collect(),
        is_transaction: true,
    };
    let (sender, ended) = channel();
    sql.run(work, Box::new(move |end| drop(sender.send(end))));
    ended.recv().expect("a statement ends")
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let lines: Vec<&str> = text.lines().take(5).collect();
    let _ = run("guest", &lines);
    let after = run("other", &["select name from sqlite_temp_master"]).map(drop);
    assert_eq!(after, Ok(()));
    assert_eq!(SQL.0.bytes(), 0);
});
