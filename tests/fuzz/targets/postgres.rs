//! What a server of PostgreSQL sends, from the end of the login on: whatever it is, the statement
//! ends, what it holds is bounded while it comes, and nothing is held afterwards.
#![no_main]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use libfuzzer_sys::fuzz_target;
use snow_config::{DatabasePlace, Limits, LogFormat, ServerConfig};
use snow_core::PendingId;
use snow_outside::{Egress, Sql};
use snow_runtime::{Database, Databases, Log, Notify, Settled, SqlStatement, SqlValue, SqlWork};

/// "You are logged in", and "ask": PostgreSQL 18 documentation, section 54.7.
const LOGGED_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const RESULT_BYTES_MAX: usize = 10_000;

/// What the server of this run says.
static SAYS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SQL: LazyLock<(Sql, Arc<Database>)> = LazyLock::new(start);

struct Nobody;

impl Notify for Nobody {
    fn notify(&self, _: &[PendingId], _: &Settled) {}
}

fn start() -> (Sql, Arc<Database>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("there are descriptors");
            // The beginning of the login. It fails if the other side has gone.
            let _ = stream.read(&mut [0; 1_024]);
            let says = SAYS.lock().expect("nobody panics").clone();
            let _ = stream.write_all(LOGGED_IN).and_then(|()| stream.write_all(&says));
        }
    });
    let url = format!("postgres://ann@127.0.0.1:{port}/x");
    let place = DatabasePlace::parse(&url, "/".as_ref()).expect("it is one");
    let database = Database {
        name: "app".into(),
        place: place.into(),
        connections_max: 8,
        timeout_ms: 5_000,
        file_bytes_max: 0,
    };
    let log = Log::start(LogFormat::Text, &Limits::default(), std::io::sink()).expect("a thread");
    let (egress, _) = Egress::new(&ServerConfig::default(), &log).expect("it names no files");
    let (sql, work) = Sql::new(&egress, 8, Arc::new(Nobody));
    thread::spawn(move || work.run());
    (sql, Arc::new(database))
}

fuzz_target!(|data: &[u8]| {
    *SAYS.lock().expect("nobody panics") = data.to_vec();
    let (sql, database) = &*SQL;
    let statement = SqlStatement {
        text: "select $1, $2".to_owned(),
        parameters: vec![SqlValue::Text("a".to_owned()), SqlValue::Integer(7)],
    };
    let work = SqlWork {
        guest: "guest".into(),
        database: database.clone(),
        limits: Arc::new(Limits {
            sql_rows_max: 10,
            sql_result_bytes_max: RESULT_BYTES_MAX,
            ..Limits::default()
        }),
        statements: vec![statement],
        is_transaction: false,
    };
    let (sender, ended) = channel();
    sql.run(work, Box::new(move |end| drop(sender.send(end))));
    let end = ended.recv().expect("a statement ends");
    assert!(sql.bytes() <= 2 * RESULT_BYTES_MAX, "{}", sql.bytes());
    drop(end);
    assert_eq!(sql.bytes(), 0);
});
