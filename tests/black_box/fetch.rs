//! Requests of guests to other servers, by the example `gather`.

use std::ffi::OsStr;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{A_MOMENT, Folder, Server, Setup, Upstream, eventually, run, run_to_refusal};

const LOCAL: &str = "[guest.gather]\noutbound = ['http://127.0.0.1:*']\n";

fn gather(manifest: &str) -> Option<Server> {
    let folder = Folder::with(&["gather", "hello"])?;
    folder.add("snow.toml", manifest.as_bytes());
    Some(Setup::new(folder).arguments(&["--admin", "127.0.0.1:0"]).start())
}

#[test]
fn async_request_asks_many_at_once_and_answers_in_order() {
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let urls = ["/a", "/b", "/c"].map(|path| format!("url={}", upstream.url(path)));
    let mut client = server.ask(&format!("/gather?{}&url=nothing", urls.join("&")));
    let mut asked = [upstream.next(), upstream.next(), upstream.next()];
    asked.sort_by(|one, other| one.path().cmp(other.path()));
    let admin = server.admin();
    admin.wait_until_held(1.0);
    assert_eq!(admin.metric("snow_instances", &[]), 0.0, "nothing is needed to wait");
    assert_eq!(admin.metric("snow_fetches", &[]), 3.0);
    let [a, b, c] = asked;
    c.answer("ccc");
    b.send("HTTP/1.1 404 Nothing\r\ncontent-length: 2\r\nconnection: close\r\n\r\nbb");
    a.send("no answer at all\r\n\r\n");
    let answers: Value = serde_json::from_str(client.response().text()).unwrap();
    let list = |key: &str| -> Vec<Value> {
        answers.as_array().unwrap().iter().map(|answer| answer[key].clone()).collect()
    };
    let null = Value::Null;
    assert_eq!(list("status"), [null.clone(), 404.into(), 200.into(), null.clone()]);
    assert_eq!(list("bytes"), [null.clone(), 2.into(), 3.into(), null.clone()]);
    assert_eq!(list("error"), ["protocol".into(), null.clone(), null, "invalid-url".into()]);
    assert!(list("ms").iter().all(Value::is_u64));
    assert_eq!(server.get("/gather").status, 400);
}

#[test]
fn caro_pig_answers_as_another_server_did_and_no_guest_is_called_for_it() {
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let mut client = server.ask(&format!("/proxy?url={}", upstream.url("/x?y=z")));
    let asked = upstream.next();
    let admin = server.admin();
    let calls = admin.metric("snow_calls_total", &["route=\"/proxy\""]);
    assert!(asked.head.starts_with("GET /x?y=z HTTP/1.1\r\n"), "{}", asked.head);
    asked.send(
        "HTTP/1.1 418 Teapot\r\nX-A: b\r\nset-cookie: c=1\r\nset-cookie: d=2\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\ntea\r\n0\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.text()), (418, "tea"));
    assert_eq!(response.field("x-a"), Some("b"));
    assert_eq!(response.field("content-length"), Some("3"));
    assert_eq!(response.fields.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
    assert_eq!(admin.metric("snow_calls_total", &["route=\"/proxy\""]), calls);

    // A failure is the server's trouble, and says nothing to the client.
    let mut client = server.ask(&format!("/proxy?url={}", upstream.url("/")));
    upstream.next().send("HTTP/1.1 200 OK\r\ncontent-len");
    let response = client.response();
    assert_eq!((response.status, response.text()), (502, "bad gateway\n"));
    admin.wait_for("snow_fetches_ended_total", &["end=\"reset\""], 1.0);
}

#[test]
fn an_answer_is_passed_on_while_it_comes() {
    let Some(server) = gather(LOCAL) else { return };
    let (upstream, admin) = (Upstream::new(), server.admin());
    let target = format!("/proxy?url={}", upstream.url("/"));
    let mut client = server.ask(&target);
    let mut asked = upstream.next();
    asked.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
    let begun = client.until("one");
    assert!(begun.contains("transfer-encoding: chunked") && !begun.contains("two"), "{begun}");
    // Nothing is held for it but a connection to each side.
    assert_eq!((admin.metric("snow_relays", &[]), admin.metric("snow_fetches", &[])), (1.0, 1.0));
    assert_eq!(admin.metric("snow_instances", &[]), 0.0);
    admin.wait_until_held(0.0);
    // The client's next request is answered behind it.
    client.ask("/hello");
    asked.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "onetwo");
    assert_eq!(client.response().status, 200);
    admin.wait_for("snow_relays", &[], 0.0);
    admin.wait_for("snow_fetches", &[], 0.0);
    assert_eq!(admin.metric("snow_fetches_bytes", &[]), 0.0);

    // To HTTP/1.0, its end is that of the connection.
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
    let mut asked = upstream.next();
    asked.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
    assert!(client.until("one").starts_with("HTTP/1.1 200 OK\r\n"));
    asked.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "onetwo");

    // A client that leaves gives it up.
    let mut client = server.ask(&target);
    let mut asked = upstream.next();
    asked.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\none");
    client.until("one");
    drop(client);
    asked.until_given_up();
    admin.wait_for("snow_relays", &[], 0.0);
}

#[test]
fn an_answer_that_is_cut_does_not_look_whole() {
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let target = format!("/proxy?url={}", upstream.url("/"));
    for (head, framing) in [
        ("content-length: 10\r\n\r\none", "content-length: 10\r\n"),
        ("transfer-encoding: chunked\r\n\r\n3\r\none\r\n", "transfer-encoding: chunked\r\n"),
    ] {
        let mut client = server.ask(&target);
        let mut asked = upstream.next();
        asked.write(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes());
        let begun = client.until("one");
        assert!(begun.contains(framing) && !begun.contains("connection: close"), "{begun}");
        asked.send("");
        // Neither the rest, nor the last chunk, but the end of the connection.
        assert_eq!(client.rest(), begun.len());
    }
    server.admin().wait_for("snow_fetches_ended_total", &["end=\"reset\""], 2.0);
}

#[test]
fn an_answer_without_end_is_held_up_by_a_client_that_does_not_read() {
    let Some(server) = gather(LOCAL) else { return };
    let (upstream, admin) = (Upstream::new(), server.admin());
    let mut client = server.ask(&format!("/proxy?url={}", upstream.url("/")));
    let mut asked = upstream.next();
    asked.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n");
    let piece = vec![b'x'; 100_000];
    let mut written = 0;
    while asked.write(&piece) {
        written += piece.len();
        // The sockets on the way hold some megabytes.
        assert!(written < 100_000_000, "it is kept somewhere");
    }
    assert!(admin.metric("snow_output_bytes", &[]) < 200_000.0);
    assert!(admin.metric("snow_fetches_bytes", &[]) < 200_000.0);
    server.still_serves();
    client.until("\r\n\r\nx");
    drop(client);
    asked.until_given_up();
    admin.wait_for("snow_fetches_bytes", &[], 0.0);
}

#[test]
fn the_fastest_success_answers_and_the_others_are_given_up() {
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let urls = ["/slow", "/fails", "/fast"].map(|path| format!("url={}", upstream.url(path)));
    let mut client = server.ask(&format!("/fastest?{}", urls.join("&")));
    let mut asked = [upstream.next(), upstream.next(), upstream.next()];
    asked.sort_by(|one, other| one.path().cmp(other.path()));
    let [fails, fast, slow] = asked;
    fails.send("HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    server.admin().wait_for("snow_fetches", &[], 2.0);
    fast.answer("here");
    assert_eq!(client.response().text(), "here");
    slow.until_given_up();
    server.admin().wait_for("snow_fetches_ended_total", &["end=\"cancelled\""], 1.0);

    let mut client = server.ask(&format!("/fastest?url={}", upstream.url("/")));
    upstream.next().send("no answer");
    assert_eq!(client.response().status, 502);
}

#[test]
fn a_client_that_leaves_gives_its_requests_up() {
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let client = server.ask(&format!("/proxy?url={}", upstream.url("/")));
    let asked = upstream.next();
    drop(client);
    asked.until_given_up();
    let admin = server.admin();
    admin.wait_for("snow_fetches", &[], 0.0);
    assert_eq!(admin.metric("snow_fetches_bytes", &[]), 0.0);
}

#[test]
fn without_a_rule_nothing_is_sent_and_the_log_says_which_would_allow_it() {
    let Some(server) = gather("") else { return };
    let upstream = Upstream::new();
    let target = format!("/gather?url={0}&url={0}", upstream.url("/secret?token=1"));
    let response = server.get(&target);
    assert_eq!(response.text().matches("\"error\":\"denied\"").count(), 2, "{}", response.text());
    let rule = format!("outbound = [\"http://{}\"]", upstream.address);
    let log = server.log.until(&["denied to fetch", &rule, "[guest.gather] of snow.toml"]);
    let line = log.lines().find(|line| line.contains("denied to fetch"));
    assert!(line.is_some_and(|line| !line.contains("token")), "{line:?}");
    assert_eq!(server.log_by_now().matches("denied to fetch").count(), 1, "one line a call");

    // The rule is live.
    let manifest = format!("[guest.gather]\n{rule}\n");
    server.folder.replace("snow.toml", manifest.as_bytes());
    let mut client = eventually("the new rule holds", || {
        let client = server.ask(&target);
        upstream.asked_within(A_MOMENT).map(|asked| {
            asked.answer("x");
            client
        })
    });
    upstream.next().answer("y");
    assert_eq!(client.response().text().matches("\"status\":200").count(), 2);
}

#[test]
fn a_rule_that_is_none_is_refused_with_its_place() {
    let Some(folder) = Folder::with(&["gather"]) else { return };
    for (rule, words) in [
        ("ftp://a.example", "https:// or http://"),
        ("https://user@a.example", "no place"),
        ("https://a.example/?x", "ends with a path"),
        ("https://a*.example", "`*` stands for a whole host"),
    ] {
        let manifest = format!("[guest.gather]\noutbound = ['{rule}']\n");
        folder.replace("snow.toml", manifest.as_bytes());
        let output = run([OsStr::new("check"), folder.path().as_os_str()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("snow.toml:2:") && said.contains(words), "{rule}: {said}");
    }
}

#[test]
fn clients_that_ask_for_the_same_share_one_request() {
    const CLIENTS: usize = 100;
    let Some(server) = gather(LOCAL) else { return };
    let upstream = Upstream::new();
    let admin = server.admin();
    let target = format!("/proxy?share=yes&url={}", upstream.url("/stock"));
    let held = |target: &str| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| server.ask(target)).collect();
        admin.wait_until_held(CLIENTS as f64);
        clients
    };
    let shared = |text: &str| {
        let mut clients = held(&target);
        let asked = upstream.next();
        assert_eq!(admin.metric("snow_fetches", &[]), 1.0);
        assert!(upstream.asked_within(A_MOMENT).is_none(), "one request is enough");
        // Whoever came first may leave.
        drop(clients.remove(0));
        admin.wait_until_held(CLIENTS as f64 - 1.0);
        asked.send(text);
        clients
    };
    for mut client in shared("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    {
        assert_eq!(client.response().text(), "ok");
    }
    admin.wait_for("snow_fetches_collapsed_total", &[], CLIENTS as f64 - 1.0);
    for mut client in shared("no answer at all\r\n\r\n") {
        assert_eq!(client.response().status, 502);
    }
    admin.wait_for("snow_fetches_ended_total", &["end=\"protocol\""], 1.0);

    // When all have left, nobody needs the answer.
    let clients = held(&target);
    let asked = upstream.next();
    drop(clients);
    asked.until_given_up();
    admin.wait_for("snow_fetches_ended_total", &["end=\"cancelled\""], 1.0);
    admin.wait_for("snow_fetches_bytes", &[], 0.0);
}

#[test]
fn a_secret_is_added_by_the_host_and_the_guest_never_has_it() {
    let (upstream, other) = (Upstream::new(), Upstream::new());
    let manifest = |secret: &str| {
        format!(
            "[guest.gather]\noutbound = ['http://127.0.0.1:*', {{ url = '{}', headers = {{ \
             Authorization = {{ secret = '{secret}', prefix = 'Bearer ' }} }} }}]\n",
            upstream.url("/api/")
        )
    };
    let Some(server) = gather(&manifest("hunter2")) else { return };
    let head_of = |upstream: &Upstream, path: &str| {
        let mut client = server.ask(&format!("/proxy?url={}", upstream.url(path)));
        let asked = upstream.next();
        let head = asked.head.to_ascii_lowercase();
        asked.answer("x");
        assert_eq!(client.response().text(), "x");
        head
    };
    assert!(head_of(&upstream, "/api/a").contains("\r\nauthorization: bearer hunter2\r\n"));
    for (upstream, path) in [(&upstream, "/api"), (&upstream, "/apis/a"), (&other, "/api/a")] {
        assert!(!head_of(upstream, path).contains("authorization"), "{path}");
    }
    // Another secret is in force without a restart.
    server.folder.replace("snow.toml", manifest("swordfish").as_bytes());
    eventually("the new secret is sent", || {
        head_of(&upstream, "/api/a").contains("bearer swordfish").then_some(())
    });
    // Nobody is shown it.
    let output = run([OsStr::new("config"), server.folder.path().as_os_str()]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("prefix = \"Bearer \", secret = \"(not shown)\""), "{shown}");
    let said = shown + &server.log_by_now();
    assert!(!said.contains("hunter2") && !said.contains("swordfish"), "{said}");
}

#[test]
fn a_field_that_can_not_be_added_is_refused_with_its_place() {
    let Some(folder) = Folder::with(&["gather"]) else { return };
    for (field, words) in [
        ("host = 'x'", "is a field that the host writes by itself"),
        ("x-a = { secret = { env = 'SNOW_NO_SUCH' } }", "SNOW_NO_SUCH, which is not set"),
        ("x-a = { secret = \"s3cret\\r\\nx-b: c\" }", "has a control character"),
        ("x-a = { secret = 's3cret', prefx = 'x' }", "has more than `secret`"),
    ] {
        let manifest = format!(
            "[guest.gather]\noutbound = [{{ url = 'https://a.example', headers = {{ {field} }} }}]\n"
        );
        folder.replace("snow.toml", manifest.as_bytes());
        let arguments = ["run".as_ref(), folder.path().as_os_str(), "--listen".as_ref()];
        let arguments = arguments.into_iter().chain(["127.0.0.1:0".as_ref()]);
        let output = run_to_refusal(arguments, Stdio::null());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("snow.toml:2:") && said.contains(words), "{field}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn what_a_request_is_equal_to_has_a_limit() {
    let Some(server) = gather(&format!("[limits]\nkey_bytes_max = 10\n{LOCAL}")) else { return };
    let upstream = Upstream::new();
    let response = server.get(&format!("/proxy?share=yes&url={}", upstream.url("/")));
    assert!(response.status >= 500, "{}", response.status);
    assert!(upstream.asked_within(A_MOMENT).is_none());
}
