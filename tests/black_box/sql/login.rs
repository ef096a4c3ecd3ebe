//! The MySQL login, the ancestors' example, with each database.

use crate::harness::{DatabaseServer, Folder, Response, Server, Setup};

fn login(url: &str) -> Option<Server> {
    let folder = Folder::with(&["login"])?;
    let manifest = format!("[guest.login]\ndatabases = ['app']\n[database.app]\nurl = '{url}'\n");
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).start())
}

#[track_caller]
fn sends(server: &Server, cookie: &str, form: &str) -> Response {
    let mut client = server.connect();
    let length = form.len();
    client.send(format!(
        "POST /login HTTP/1.1\r\nhost: test\r\n{cookie}content-length: {length}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}"
    ));
    client.response()
}

/// What the example does, whichever database it has.
#[track_caller]
fn logs_in(server: &Server) {
    let form = server.get("/login");
    assert!(form.status == 200 && form.text().contains("name=\"password\""), "{}", form.text());
    let right = sends(server, "", "username=alice&password=wonderland");
    assert!(right.status == 200 && right.text().contains("welcome alice"), "{}", right.text());
    for wrong in [
        "username=alice&password=wonder",
        "username=nobody&password=wonderland",
        "username=%27+or+1%3D1+--+&password=wonderland",
    ] {
        let answer = sends(server, "", wrong);
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.text().contains("username or password error"), "{}", answer.text());
    }
    // A browser has a cookie, and needs the form's token.
    let cookie = form.field("set-cookie").and_then(|field| field.split(';').next());
    let cookie = format!("cookie: {}\r\n", cookie.expect("there is a session"));
    let forged = sends(server, &cookie, "username=alice&password=wonderland");
    assert_eq!(forged.status, 403);
    let token =
        form.text().split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let token = token.expect("the form has a token").replace('+', "%2B");
    let form = format!("username=alice&password=wonderland&csrf={token}");
    let answer = sends(server, &cookie, &form);
    assert!(answer.text().contains("welcome alice"), "{}", answer.text());
    assert!(answer.field("set-cookie").is_some_and(|field| field.contains("; Path=/login;")));
}

#[test]
fn mysql_login_on_sqlite() {
    let Some(server) = login("sqlite:data/app.db") else { return };
    logs_in(&server);
}

#[test]
fn mysql_login_on_mariadb() {
    let Some(mariadb) = DatabaseServer::mariadb() else { return };
    let Some(server) = login(&mariadb.database("login")) else { return };
    logs_in(&server);
    let hash = mariadb.sql("login", "select hash from `user` where name = 'alice'");
    assert!(hash.starts_with("$argon2id$") && !hash.contains("wonderland"), "{hash}");
}

#[test]
fn mysql_login_on_postgresql() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = login(&postgres.database("login")) else { return };
    logs_in(&server);
    let hash = postgres.sql("login", "select hash from \"user\" where name = 'alice'");
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}

/// Many first clients make the table once.
#[test]
fn a_first_start_makes_one_table() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let Some(server) = login(&postgres.database("first")) else { return };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let answer = sends(&server, "", "username=alice&password=wonderland");
                assert_eq!(answer.status, 200, "{}", answer.text());
            });
        }
    });
    assert_eq!(postgres.sql("first", "select count(*) from \"user\""), "1");
}

/// A database that can't be reached is a 503, and says nothing of itself.
#[test]
fn without_its_database_it_is_unavailable() {
    let Some(server) = login("postgres://snow:hunter2@127.0.0.1:1/app") else { return };
    let answer = sends(&server, "", "username=alice&password=wonderland");
    assert_eq!((answer.status, answer.text()), (503, "service unavailable"));
    let log = server.log.until(&["can't be reached"]);
    assert!(!log.contains("hunter2"), "{log}");
}
