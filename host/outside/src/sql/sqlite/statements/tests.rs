use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::{env, fs, process};

use snow_config::{DatabasePlace, Limits};
use snow_runtime::{Database, SqlRows};

use super::*;
use crate::places::Places;
use crate::sql::connection::Then;

/// A file that is removed with its folder.
struct File(PathBuf);

impl File {
    fn new() -> File {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("snow-sqlite-{}-{number}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        File(folder.join("a.db"))
    }

    fn open(&self, stop: &Arc<AtomicBool>) -> Session {
        let limits = (1 << 20, 1 << 20);
        Session::open(&self.0, limits, Arc::default(), stop.clone()).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn run(
    session: &mut Session,
    texts: &[&str],
    parameters: &[SqlValue],
) -> Result<Vec<SqlRows>, SqlError> {
    let limits = Arc::new(Limits::default());
    let statement =
        |text: &&str| SqlStatement { text: text.to_string(), parameters: parameters.to_vec() };
    let place = DatabasePlace::Sqlite("a.db".into());
    let database = Database {
        name: "app".into(),
        place: place.into(),
        connections_max: 1,
        timeout_ms: 1_000,
        file_bytes_max: 1 << 20,
    };
    let work = SqlWork {
        guest: "shop".into(),
        database: database.into(),
        limits: limits.clone(),
        statements: texts.iter().map(statement).collect(),
        is_transaction: texts.len() > 1,
    };
    let ran = session.run(&work, Collector::new(&limits, Places::default().hold()));
    assert_eq!(ran.then, Then::Keep);
    ran.result.map(|collector| collector.answer().results)
}

#[test]
fn values_go_there_and_come_back() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    let values = [
        SqlValue::Null,
        SqlValue::Integer(i64::MIN),
        SqlValue::Real(0.5),
        SqlValue::Text("é".into()),
        SqlValue::Blob(vec![0, 255]),
    ];
    for text in ["select $1, $2, $3, $4, $5", "select ?, ?, ?, ?, ?", "select ?1, ?2, ?3, ?4, ?5"] {
        let rows = run(&mut session, &[text], &values).unwrap();
        assert_eq!(rows[0].rows, [values.to_vec()], "{text}");
    }
    let turned = run(&mut session, &["select $2, $1, $1"], &values[..2]).unwrap();
    let [null, number] = [values[0].clone(), values[1].clone()];
    assert_eq!(turned[0].rows, [vec![number, null.clone(), null]]);
}

#[test]
fn all_or_none_is_written_and_a_session_has_no_transaction_afterwards() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    run(&mut session, &["create table t (a unique)", "insert into t values (1)"], &[]).unwrap();
    let count = |session: &mut Session| {
        let rows = run(session, &["select count(*) from t"], &[]).unwrap();
        rows[0].rows[0][0].clone()
    };
    assert!(
        run(&mut session, &["insert into t values (2)", "insert into t values (1)"], &[]).is_err()
    );
    assert_eq!(count(&mut session), SqlValue::Integer(1));
    for text in ["begin", "savepoint a", "commit", "rollback"] {
        let error = run(&mut session, &[text], &[]).unwrap_err();
        assert!(matches!(error, SqlError::Failed { .. }), "{text}: {error}");
        assert!(session.connection.is_autocommit(), "{text}");
    }
    assert_eq!(count(&mut session), SqlValue::Integer(1));
}

#[test]
fn a_session_that_is_stopped_does_no_more() {
    let (file, stop) = (File::new(), Arc::new(AtomicBool::new(false)));
    let mut session = file.open(&stop);
    run(&mut session, &["create table t (a)"], &[]).unwrap();
    stop.store(true, Ordering::Relaxed);
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) \
                   select count(*) from n";
    assert_eq!(run(&mut session, &[endless], &[]).unwrap_err(), SqlError::TimedOut);
}

/// A text of many statements, in a form whose quotation marks are no string's, is one failure like
/// any other: SQLite is not asked about one statement within the other.
#[test]
fn a_text_of_very_many_statements_does_not_overflow_the_stack() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    for first in ["select 1", "select 1 as [']", "select $a(')"] {
        let text = format!("{first}{}", ";select 1".repeat(100_000));
        let error = run(&mut session, &[&text], &[]).unwrap_err();
        assert!(matches!(&error, SqlError::Failed { code, .. } if code == "42601"), "{error}");
    }
    let semicolons = ";".repeat(10_000);
    for text in [format!("select '{semicolons}'"), format!("select 1 {semicolons} -- x")] {
        assert_eq!(run(&mut session, &[&text], &[]).unwrap()[0].rows.len(), 1);
    }
    // A table may be made by the statement before.
    let insert = format!("insert into t values ('{semicolons}')");
    run(&mut session, &["create table t (a)", &insert], &[]).unwrap();
}

#[test]
fn shadow_tables_are_not_to_be_written_by_themselves() {
    let file = File::new();
    let made = Connection::open(&file.0).unwrap();
    made.execute_batch("create virtual table r using rtree (id, low, high)").unwrap();
    drop(made);
    let mut session = file.open(&Arc::default());
    run(&mut session, &["insert into r values (1, 2, 3)"], &[]).unwrap();
    let error = run(&mut session, &["update r_node set data = x'00'"], &[]).unwrap_err();
    assert!(error.to_string().contains("may not be modified"), "{error}");
}

#[test]
fn temporary_tables_are_bounded_as_the_file_is() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    run(&mut session, &["create temp table t (a)"], &[]).unwrap();
    let insert = "insert into t with recursive n(i) as (select 1 union all select i + 1 from n \
                  where i < 40) select zeroblob(100000) from n";
    let error = run(&mut session, &[insert], &[]).unwrap_err();
    assert!(matches!(&error, SqlError::Failed { code, .. } if code == "53100"), "{error}");
    run(&mut session, &["insert into t values (zeroblob(100000))"], &[]).unwrap();
}

#[test]
fn a_pragma_has_its_name_in_any_case() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    run(&mut session, &["create table t (a)"], &[]).unwrap();
    let found = run(&mut session, &["PRAGMA Table_Info(t)"], &[]).unwrap();
    assert_eq!(found[0].rows.len(), 1);
    assert!(run(&mut session, &["PRAGMA Journal_Mode = delete"], &[]).is_err());
}

#[test]
fn a_pattern_has_a_length_that_it_may_have() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    for (length, is_allowed) in [(1_000, true), (1_001, false)] {
        let text = format!("select 'x' like '{}'", "%".repeat(length));
        assert_eq!(run(&mut session, &[&text], &[]).is_ok(), is_allowed, "{length}");
    }
}

#[test]
fn a_text_with_a_nul_is_refused() {
    let file = File::new();
    let mut session = file.open(&Arc::default());
    for texts in [&["select 1\0, 2"][..], &["select 1", "select 1\0, 2"]] {
        let error = run(&mut session, texts, &[]).unwrap_err();
        assert!(matches!(&error, SqlError::Failed { code, .. } if code == "22021"), "{error}");
    }
}
