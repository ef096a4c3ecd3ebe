//! Databases, asked of each language.

use super::{INSTANCES, TIMES, get, ok};
use crate::harness::{DatabaseServer, Folder, Server, Setup, source};

/// The guests with the routes `/NAME/sql`.
const GUESTS: [&str; 3] = ["gopher", "in-c", "in-zig"];

/// A server with a guest and a database `app` at this URL, for which `grant` may be empty. `None`:
/// skip the test.
fn serve(guest: &str, instances: &str, url: &str, grant: &str) -> Option<Server> {
    source(guest)?;
    let folder = Folder::with(&[guest])?;
    let manifest = format!(
        "[database.app]\nurl = '{url}'\n[limits]\nsql_rows_max = 1_000\n\
         [guest.{guest}]\ndatabases = [{grant}]\ninstances = {instances}\n"
    );
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).workers(1).watched().start())
}

fn with_sqlite(guest: &str, mut test: impl FnMut(&Server)) {
    for instances in INSTANCES {
        let Some(server) = serve(guest, instances, "sqlite:app.db", "'app'") else { return };
        test(&server);
    }
}

#[track_caller]
fn post(server: &Server, target: &str, body: &str) -> (u16, String) {
    let answer = server.connect().post(target, body.as_bytes());
    (answer.status, answer.text().to_owned())
}

/// The guests compare what they find themselves, and answer with the words of the last refusal.
#[test]
fn a_database_does_the_same_in_each_language() {
    for guest in GUESTS {
        with_sqlite(guest, |server| {
            for time in 0..TIMES {
                let (status, said) = get(server, &format!("/{guest}/sql"));
                assert_eq!(status, 200, "{guest}, {time}: {said}");
                assert!(said.contains("sql_rows_max"), "{guest}: {said}");
            }
            assert!(!server.log_by_now().contains("trap"), "{guest}: {}", server.log_by_now());
        });
    }
}

#[test]
fn an_error_of_a_database_is_an_answer_in_each_language() {
    for guest in GUESTS {
        let plain = format!("/{guest}/sql/plain");
        with_sqlite(guest, |server| {
            assert_eq!(post(server, &plain, "select 1"), ok("1"), "{guest}");
            let refused = (500, "internal server error".to_owned());
            for _ in 0..TIMES {
                assert_eq!(post(server, &plain, "selec 1"), refused, "{guest}");
            }
            server.log.until(&["syntax error", "42601"]);
        });
        // Without a grant, and with a server that is not there.
        let Some(server) = serve(guest, INSTANCES[1], "sqlite:app.db", "") else { continue };
        assert_eq!(post(&server, &plain, "select 1").0, 500, "{guest}");
        let nobody = "postgres://a:b@127.0.0.1:1/a";
        let Some(server) = serve(guest, INSTANCES[1], nobody, "'app'") else { continue };
        let unavailable = (503, "service unavailable".to_owned());
        assert_eq!(post(&server, &plain, "select 1"), unavailable, "{guest}");
    }
}

#[test]
fn a_notification_is_waited_for_in_each_language() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    for guest in GUESTS {
        let url = postgres.database(&format!("sdk_{}", guest.replace('-', "_")));
        for instances in INSTANCES {
            let Some(server) = serve(guest, instances, &url, "'app'") else { continue };
            for time in 0..TIMES {
                let mut client = server.ask(&format!("/{guest}/sql/listen"));
                server.admin().wait_for("snow_sql_listening", &["database=\"app\""], 1.0);
                let payload = format!("news {time}");
                assert_eq!(post(&server, &format!("/{guest}/sql/notify"), &payload), ok("told"));
                let came = client.response();
                assert_eq!((came.status, came.text()), (200, &*payload), "{guest}");
            }
        }
    }
}
