//! The example `board`: a client waits for the row that another one adds.

use serde_json::{Value as Json, json};

use crate::harness::{Client, DatabaseServer, Folder, Server, Setup};

fn board(url: &str) -> Option<Server> {
    let folder = Folder::with(&["board"])?;
    let manifest = format!("[guest.board]\ndatabases = ['app']\n[database.app]\nurl = '{url}'\n");
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).watched().start())
}

#[track_caller]
fn adds(server: &Server, text: &str) -> i64 {
    let answer = server.connect().post("/board", text.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let added: Json = serde_json::from_str(answer.text()).expect("it is JSON");
    assert_eq!(added["text"], json!(text));
    added["id"].as_i64().expect("it has a number")
}

#[track_caller]
fn list(client: &mut Client) -> Json {
    let answer = client.response();
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    serde_json::from_str(answer.text()).expect("it is JSON")
}

/// What the example does, whichever database it has.
#[track_caller]
fn waits(server: &Server) {
    let first = adds(server, "one \"quoted\"");
    let found: Json = serde_json::from_str(server.get("/board").text()).unwrap();
    assert_eq!(found, json!([{ "id": first, "text": "one \"quoted\"" }]));
    // What is there is answered at once.
    assert_eq!(list(&mut server.ask("/board/wait")), found);
    let mut waiting: Vec<Client> =
        (0..20).map(|_| server.ask(&format!("/board/wait?after={first}"))).collect();
    let admin = server.admin();
    admin.wait_until_held(20.0);
    // Each has looked at the table, in place, and nothing is needed to wait.
    admin.wait_for("snow_instances", &[], 0.0);
    let second = adds(server, "two");
    for client in &mut waiting {
        assert_eq!(list(client), json!([{ "id": second, "text": "two" }]));
    }
    assert_eq!(server.connect().post("/board", b"").status, 400);
    assert_eq!(server.get("/board?after=x").status, 400);
}

#[test]
fn a_client_waits_for_a_row_on_sqlite() {
    let Some(server) = board("sqlite:data/app.db") else { return };
    waits(&server);
}

#[test]
fn a_client_waits_for_a_row_on_mariadb() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = board(&mariadb.database("board")) else { return };
    waits(&server);
}

#[test]
fn a_client_waits_for_a_row_on_postgresql_that_another_program_may_bring() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = board(&postgres.database("board")) else { return };
    waits(&server);
    let mut client = server.ask("/board/wait?after=2");
    server.admin().wait_until_held(1.0);
    postgres.sql(
        "board",
        "begin; insert into board (text) values ('from elsewhere'); \
         select pg_notify('board', json_build_object('id', id, 'text', text)::text) from board \
         where id = currval(pg_get_serial_sequence('board', 'id')); commit;",
    );
    assert_eq!(list(&mut client)[0]["text"], json!("from elsewhere"));
}
