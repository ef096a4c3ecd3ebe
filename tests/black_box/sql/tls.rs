//! Encrypted connections to databases: whom the host believes, and what it tells whom it does not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::{kind, queries, query, value};
use crate::harness::{DatabaseServer, Server};

/// A statement by which the server says how the connection is encrypted.
const POSTGRES: &str = "select version from pg_stat_ssl where pid = pg_backend_pid()";
const MARIADB: &str = "select variable_value from information_schema.session_status \
                       where variable_name = 'Ssl_version'";

/// A server whose database is reached by way of this host, and which believes an authority beside
/// the system's, or none.
fn encrypted(database: &DatabaseServer, name: &str, host: &str, believes: bool) -> Option<Server> {
    let url = database.database(name).replace("127.0.0.1", host);
    let authority = database.authority();
    let ca = believes.then(|| format!("[server]\noutbound_ca = [{authority:?}]\n"));
    queries(&format!("{url}?sslmode=require"), &ca.unwrap_or_default())
}

#[track_caller]
fn is_encrypted(database: &DatabaseServer, name: &str, how: &str) {
    let Some(server) = encrypted(database, name, "localhost", true) else { return };
    assert_eq!(value(&server, how, json!([])), json!("TLSv1.3"));
    // A result of many packets.
    let text = "select repeat('x', 1000000)";
    assert_eq!(value(&server, text, json!([])).as_str().map(str::len), Some(1_000_000));
}

/// The certificate is for `localhost`, and by an authority that no system knows.
#[track_caller]
fn is_refused(database: &DatabaseServer, name: &str) {
    for (number, (host, believes)) in [("localhost", false), ("127.0.0.1", true)].iter().enumerate()
    {
        let name = format!("{name}_{number}");
        let Some(server) = encrypted(database, &name, host, *believes) else { return };
        let told = query(&server, "select 1", json!([]));
        assert_eq!(kind(&told).0, "unavailable", "{told}");
        assert!(told.to_string().contains("certificate"), "{told}");
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }
}

#[test]
fn a_connection_to_postgresql_can_be_encrypted() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    is_encrypted(postgres, "tls", POSTGRES);
}

#[test]
fn a_connection_to_mariadb_can_be_encrypted() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    is_encrypted(mariadb, "tls", MARIADB);
}

#[test]
fn a_postgresql_with_a_wrong_certificate_learns_nothing() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    is_refused(postgres, "tls_wrong");
}

#[test]
fn a_mariadb_with_a_wrong_certificate_learns_nothing() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    is_refused(mariadb, "tls_wrong");
}

/// Whoever sits between the host and the database could answer so.
#[test]
fn a_server_that_does_not_encrypt_is_told_no_name_and_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let url = format!("postgres://ann:hunter2@127.0.0.1:{port}/x?sslmode=require");
    let Some(server) = queries(&url, "") else { return };
    let asked = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the host connects");
        let mut asked = [0; 8];
        socket.read_exact(&mut asked).expect("it asks for encryption");
        socket.write_all(b"N").expect("it is there");
        let mut more = Vec::new();
        socket.read_to_end(&mut more).expect("it closes the connection");
        (asked, more)
    });
    let told = query(&server, "select 1", json!([]));
    assert_eq!(kind(&told).0, "unavailable", "{told}");
    // The request for encryption, PostgreSQL 18 documentation, section 54.7.
    let request = [0, 0, 0, 8, 4, 210, 22, 47];
    assert_eq!(asked.join().expect("the other side did not panic"), (request, Vec::new()));
}
