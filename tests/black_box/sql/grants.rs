//! Who may use which database, and what `snow-host` says of one.

use std::ffi::OsStr;

use serde_json::json;

use super::{kind, queries, query, sent};
use crate::harness::{Folder, Setup, run};

#[test]
fn a_guest_without_a_grant_is_denied_and_the_log_has_the_line_that_would_allow_it() {
    let Some(folder) = Folder::with(&["queries"]) else { return };
    folder.add("snow.toml", b"[database.app]\nurl = 'sqlite:app.db'\n[guest.queries]\n");
    let server = Setup::new(folder).watched().start();
    assert_eq!(kind(&query(&server, "select 1", json!([]))).0, "denied");
    server.log.until(&[
        "denied to use the database \"app\"",
        "add the name to `databases`",
        "in [guest.queries] of snow.toml",
    ]);
    assert!(!server.folder.path().join("app.db").exists(), "nothing was opened");
    assert_eq!(server.connect().post("/plain", b"{\"statements\":[]}").status, 500);
}

#[test]
fn a_database_that_is_not_named_is_denied() {
    let Some(folder) = Folder::with(&["queries"]) else { return };
    folder.add("snow.toml", b"[guest.queries]\ndatabases = ['*']\n");
    let server = Setup::new(folder).start();
    let told =
        sent(&server, &json!({ "database": "other", "statements": [{ "text": "select 1" }] }));
    assert_eq!(kind(&told).0, "denied");
    server.log.until(&["denied to use the database \"other\"", "[database.NAME]"]);
}

#[test]
fn what_is_wrong_with_a_url_is_said_with_its_place_and_without_the_password() {
    let Some(folder) = Folder::with(&["queries"]) else { return };
    for (table, words) in [
        ("url = 'postgres://ann:hunter2@localhost/'", "names no database"),
        ("url = 'oracle://ann:hunter2@localhost/x'", "begins with none of"),
        ("url = 'mysql://ann:hunter2@localhost/x?charset=x'", "only sslmode"),
        ("url = 'sqlite::memory:'", "names no file"),
        ("connections_max = 1", "has no `url`"),
    ] {
        folder.replace("snow.toml", format!("[database.app]\n{table}\n").as_bytes());
        let output = run([OsStr::new("check"), folder.path().as_os_str()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("snow.toml:") && said.contains(words), "{table}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let manifest = "[database.app]\nurl = 'sqlite:app.db'\n[guest.queries]\ndatabases = ['ap']\n";
    folder.replace("snow.toml", manifest.as_bytes());
    let output = run([OsStr::new("check"), folder.path().as_os_str()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("snow.toml:4:") && said.contains("did you mean `app`?"), "{said}");
}

#[test]
fn a_password_is_not_shown() {
    let Some(folder) = Folder::with(&["queries"]) else { return };
    folder.add("snow.toml", b"[database.app]\nurl = 'postgres://ann:hunter2@localhost/x'\n");
    for arguments in [&["config"][..], &["config", "--json"]] {
        let arguments = arguments.iter().map(OsStr::new).chain([folder.path().as_os_str()]);
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("(not shown)") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn too_much_of_a_statement_is_refused() {
    let more = "[limits]\nsql_statement_bytes_max = 100\nsql_parameters_max = 3\n\
                sql_transaction_statements_max = 2\n";
    let Some(server) = queries("sqlite:app.db", more) else { return };
    let long = format!("select '{}'", "x".repeat(100));
    assert_eq!(kind(&query(&server, &long, json!([]))).0, "limit");
    assert_eq!(kind(&query(&server, "select 1", json!([1, 2, 3, 4]))).0, "limit");
    let three = json!([{ "text": "select 1" }, { "text": "select 1" }, { "text": "select 1" }]);
    let told = sent(&server, &json!({ "statements": three, "transact": true }));
    assert_eq!(kind(&told).0, "limit");
    let none = sent(&server, &json!({ "statements": [], "transact": true }));
    assert_eq!(none["results"], json!([]));
}
