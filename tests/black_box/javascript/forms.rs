//! Forms, sessions, configuration, links and the times of a wait, as guests in JavaScript have them.

use super::{get, ok, shop};
use crate::harness::{Response, Server, Stage, eventually};

/// The answer to a POST with these fields.
fn post(server: &Server, target: &str, fields: &str, body: &str) -> Response {
    let length = body.len();
    let mut client = server.connect();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    ));
    client.response()
}

/// The answer to a GET with this cookie.
fn with_cookie(server: &Server, target: &str, cookie: &str) -> (u16, String) {
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\n\r\n"));
    let answer = client.response();
    (answer.status, answer.text().to_owned())
}

/// The cookie that an answer sets, as a client sends it back.
fn set_cookie(answer: &Response) -> String {
    let field = answer.field("set-cookie").expect("it sets a cookie");
    field.split(';').next().expect("it has a value").to_owned()
}

const URLENCODED: &str = "content-type: application/x-www-form-urlencoded\r\n";
const MULTIPART: &str = "content-type: multipart/form-data; boundary=xyz\r\n";

#[test]
fn a_form_is_read_or_refused() {
    let Some(server) = shop(
        "import { route } from 'snow';
        route('POST', '/form', async (request) => {
          const form = await request.formData();
          const shown = async (value) =>
            value instanceof File ? [value.name, value.type, value.size, await value.text()] : value;
          return Promise.all([...form].map(async ([name, value]) => [name, await shown(value)]));
        });",
    ) else {
        return;
    };
    let form = |fields: &str, body: &str| {
        let answer = post(&server, "/form", fields, body);
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(form(URLENCODED, "a=1+2&b=%C3%A4"), ok(r#"[["a","1 2"],["b","ä"]]"#));
    let disposition = "content-disposition: form-data; name=";
    let parts = format!(
        "--xyz\r\n{disposition}a\r\n\r\n1\r\n--xyz\r\n{disposition}f; filename=\"x.txt\"\r\n\
         content-type: text/plain\r\n\r\nhello\r\n--xyz--\r\n"
    );
    let read = r#"[["a","1"],["f",["x.txt","text/plain",5,"hello"]]]"#;
    assert_eq!(form(MULTIPART, &parts), ok(read));
    assert_eq!(form("content-type: text/plain\r\n", "a=1").0, 415);
    let (status, why) = form(MULTIPART, "a=1");
    assert!(status == 400 && why.contains("the boundary that `content-type` names"), "{why}");
    // A stranger's largest: each ends at a limit, long before the call's time does.
    let (status, why) = form(URLENCODED, &"a&".repeat(100_000));
    assert_eq!((status, &*why), (413, "the form has more than 1000 fields"));
    let many = format!("--xyz\r\n{disposition}a\r\n\r\n\r\n").repeat(15_000);
    assert_eq!(form(MULTIPART, &many).0, 413);
    let spaces = format!("--xyz\r\n{disposition}a;{}x\r\n\r\n1\r\n", " ".repeat(8_000)).repeat(100);
    assert_eq!(form(MULTIPART, &format!("{spaces}--xyz--")).0, 200);
    assert_eq!(form(URLENCODED, &format!("a={}", "x".repeat((1 << 20) + 1))).0, 413);
    // Within the limits of each part, and beyond the total of their header fields.
    let heads =
        format!("--xyz\r\n{disposition}a; x={}\r\n\r\n1\r\n", "x".repeat(8_000)).repeat(131);
    let (status, why) = form(MULTIPART, &format!("{heads}--xyz--"));
    assert_eq!((status, &*why), (413, "the form has more than 1048576 bytes of header fields"));
}

#[test]
fn a_text_of_another_kind_is_the_clients_fault_or_the_deployers() {
    let guest = "import { config, route } from 'snow';
        route('GET', '/m/(?<id>[^/]*)', (request) =>
          [request.paramAs('id', 'integer'), request.queryAs('on', 'boolean', false)]);
        route('POST', '/m', async (request) => {
          const form = await request.formData();
          return `${form.required('item')} ${form.parsed('count', BigInt, 1n)}`;
        });
        route('GET', '/config/(.*)', ({ params }) => [config.parsed(params[0], 'number', 0.5)]);";
    let manifest = "[guest.shop.config]\nrate = '1.25'\nword = 'unshown'\n";
    let Some(stage) = Stage::new("js", &[("shop.js", guest), ("snow.toml", manifest)]) else {
        return;
    };
    let server = stage.serve(1);
    assert_eq!(get(&server, "/m/7?on=true"), ok("[7,true]"));
    assert_eq!(get(&server, "/m/-7"), ok("[-7,false]"));
    for (target, why) in [
        ("/m/x", "`id`: not an integer from -9007199254740991 to 9007199254740991"),
        ("/m/7?on=1", "`on`: neither `true` nor `false`"),
    ] {
        assert_eq!(get(&server, target), (400, why.to_owned()));
    }
    let form = |body: &str| {
        let answer = post(&server, "/m", URLENCODED, body);
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(form("item=tea&count=18446744073709551616"), ok("tea 18446744073709551616"));
    assert_eq!(form("count=1"), (400, "`item` is missing in the form".to_owned()));
    assert_eq!(form("item=tea&count=x").0, 400);
    assert_eq!(get(&server, "/config/rate"), ok("[1.25]"));
    assert_eq!(get(&server, "/config/none"), ok("[0.5]"));
    assert_eq!(get(&server, "/config/word").0, 500);
    let line = "the value of `word` in the `config` of snow.toml can't be used: it is not a number";
    let log = server.log.until(&[line]);
    assert!(!log.contains("unshown"), "{log}");
}

#[test]
fn a_session_begins_and_ends_and_a_forged_one_is_none() {
    let Some(server) = shop(
        "import { route, Sessions, SigningKeys } from 'snow';
        const of = (request) => new Sessions('shop', { keys: SigningKeys.stored() }).of(request);
        route('POST', '/login', async (request) => {
          const session = of(request);
          session.renew();
          session.set('user', (await request.formData()).get('user'));
          return session.save(new Response('hello'));
        });
        route('GET', '/who', (request) => of(request).get('user') ?? 'nobody');
        route('GET', '/logout', (request) => {
          const session = of(request);
          session.destroy();
          return session.save(new Response('bye'));
        });",
    ) else {
        return;
    };
    assert_eq!(get(&server, "/who"), ok("nobody"));
    let answer = post(&server, "/login", URLENCODED, "user=ann");
    let cookie = set_cookie(&answer);
    assert!(answer.field("set-cookie").is_some_and(|all| all.contains("; HttpOnly; SameSite=Lax")));
    assert_eq!(with_cookie(&server, "/who", &cookie), ok("ann"));
    for forged in [&cookie[..cookie.len() - 2], "session=x", "session=1.1.1.YW5u.AAAA"] {
        assert_eq!(with_cookie(&server, "/who", forged), ok("nobody"), "{forged}");
    }
    assert_eq!(with_cookie(&server, "/logout", &cookie), ok("bye"));
    assert_eq!(with_cookie(&server, "/who", &cookie), ok("nobody"));
}

#[test]
fn a_guest_knows_its_configuration_and_its_links() {
    let guest = "import { config, cookie, deployment, route } from 'snow';
        route('GET', '/config', () => [config.get('word'), config.get('none') ?? null,
          `${config.secret('hidden')}`, config.secret('hidden').expose(), [...config.all()]]);
        route('GET', '/links', (request) => [request.urlFor('/a?b'), request.pathFor('/a'),
          deployment.baseUrl, cookie('a', 'b', { path: deployment.cookiePath })]);";
    let manifest = "[server]\npublic_url = 'https://example.org'\n[guest.shop]\nmount = '/m'\n\
        [guest.shop.config]\nword = 'plain'\nhidden = { secret = 's3cret' }\n";
    let files = [("shop.js", guest), ("snow.toml", manifest)];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(1);
    let config = r#"["plain",null,"Secret(…)","s3cret",[["word","plain"]]]"#;
    assert_eq!(get(&server, "/m/config"), ok(config));
    let links = r#"["https://example.org/m/a?b","/m/a","https://example.org/m","a=b; Path=/m"]"#;
    assert_eq!(get(&server, "/m/links"), ok(links));
}

#[test]
fn a_request_that_waits_again_can_keep_its_deadline() {
    let Some(server) = shop(
        "import { pending, route, setNext, suspend } from 'snow';
        const again = (resumed) => resumed.timedOut
          ? [resumed.waitedMs > 0, resumed.leftMs, 'late']
          : resumed.leftMs > 1_500 ? ['the deadline has moved'] : wait({ keepDeadline: true });
        const wait = (options) => suspend(pending('k'), options);
        route('GET', '/wait', () => wait({ timeoutMs: 1_500 }), { resume: again });
        route('POST', '/next', () => String(setNext('k', 'x')));",
    ) else {
        return;
    };
    let mut held = server.ask("/wait");
    for _ in 0..3 {
        eventually("it waits, once more", || {
            (server.connect().post("/next", b"").text() == "true").then_some(())
        });
    }
    assert_eq!(held.response().text(), "[true,0,\"late\"]");
}
