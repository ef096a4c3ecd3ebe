//! The store as guests in JavaScript use it.

use super::{get, ok, shop};
use crate::harness::{Stage, eventually};

#[test]
fn a_key_is_set_read_counted_and_deleted() {
    let Some(server) = shop(
        "import { bucket, route, StoreError } from 'snow';
        const own = bucket();
        const told = (run) => {
          try { return String(run()); } catch (error) {
            if (!(error instanceof StoreError)) throw error;
            return `${error.code} ${error.entry?.text()} ${error.message}`;
          }
        };
        route('POST', '/set/(.*)', async (request) => {
          const [key, value] = [request.params[0], await request.bytes()];
          const { only, expiresMs } = Object.fromEntries(request.query);
          const when = only === undefined || only === 'absent' ? only : Number(only);
          return told(() => own.set(key, value, { only: when, expiresMs }));
        });
        route('GET', '/get/(.*)', ({ params }) => own.get(params[0])?.text() ?? 'none');
        route('GET', '/json', () => { own.set('j', { a: ['ä'] }); return own.get('j').json(); });
        route('GET', '/delete/(.*)', ({ params }) => String(own.delete(params[0])));
        route('GET', '/add/(.*)', ({ params, query }) =>
          told(() => own.increment(params[0], BigInt(query.get('by')))));
        route('GET', '/append', () => own.update('all', (held) => (held?.text() ?? '') + 'x').text());
        route('GET', '/keys', () => {
          for (let index = 0; index < 600; index += 1) own.set(`n${index}`, '');
          return [[...own.keys('n')].length, [...own.keys('n59')].length, [...own.keys('-')].length];
        });
        route('GET', '/foreign', () => told(() => bucket('other').get('a')));",
    ) else {
        return;
    };
    let post = |target: &str, body: &[u8]| server.connect().post(target, body).text().to_owned();
    assert_eq!(get(&server, "/get/a"), ok("none"));
    let version: u64 = post("/set/a?only=absent", "ä".as_bytes()).parse().expect("a version");
    assert_eq!(get(&server, "/get/a"), ok("ä"));
    let conflict = format!("conflict ä the key has version {version} by now");
    assert_eq!(post("/set/a?only=absent", b"x"), conflict);
    assert_eq!(post("/set/a?only=1", b"x"), conflict);
    assert_eq!(post("/set/b?only=1", b"x"), "conflict undefined the key does not exist");
    let later: u64 = post(&format!("/set/a?only={version}"), b"x").parse().expect("a version");
    assert!(later > version);
    assert!(post("/set/a", &[0; 2_000_000]).contains("store_value_bytes_max"));
    assert_eq!(get(&server, "/json"), ok("{\"a\":[\"ä\"]}"));
    assert_eq!(get(&server, "/add/n?by=9007199254740993"), ok("9007199254740993"));
    assert_eq!(get(&server, "/add/n?by=-9007199254740995"), ok("-2"));
    assert!(get(&server, "/add/a?by=1").1.starts_with("not-an-integer undefined"));
    assert_eq!((get(&server, "/append"), get(&server, "/append")), (ok("x"), ok("xx")));
    assert_eq!((get(&server, "/delete/a"), get(&server, "/delete/a")), (ok("true"), ok("false")));
    post("/set/short?expiresMs=1", b"x");
    eventually("it expires", || (get(&server, "/get/short") == ok("none")).then_some(()));
    assert_eq!(get(&server, "/keys"), ok("[600,11,0]"));
    assert!(get(&server, "/foreign").1.starts_with("denied undefined"));
}

#[test]
fn a_held_request_is_answered_by_another_guests_write() {
    let reader = "import { bucket, pending, route, suspend, timer } from 'snow';
        const news = bucket('news');
        const changed = () => news.changed('a', news.get('a'));
        route('GET', '/plain', () => suspend(changed()));
        route('GET', '/resumed', () => suspend(changed()), { resume: (came) =>
          came.failure?.code ?? `came: ${came.text()}` });
        route('GET', '/place', async () => (await changed()).text());
        route('GET', '/race', () => Promise.race([changed(), timer(60_000)]));";
    let writer = "import { bucket, route } from 'snow';
        const news = bucket('news');
        route('POST', '/w/set', async (request) => String(news.set('a', await request.text())));
        route('POST', '/w/delete', () => String(news.delete('a')));";
    let manifest = "[guest.reader]\nbuckets = ['news']\n[guest.writer]\nbuckets = ['news']\n";
    let files = [("reader.js", reader), ("writer.ts", writer), ("snow.toml", manifest)];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(2);
    let targets = ["/plain", "/resumed", "/place", "/race"];
    let mut held: Vec<_> = targets.iter().map(|target| server.ask(target)).collect();
    held.iter_mut().for_each(|client| client.is_silent());
    server.connect().post("/w/set", b"it");
    let came: Vec<String> =
        held.iter_mut().map(|client| client.response().text().to_owned()).collect();
    assert_eq!(came, ["it", "came: it", "it", "it"]);
    let mut held = server.ask("/resumed");
    held.is_silent();
    assert_eq!(server.connect().post("/w/delete", b"").text(), "true");
    assert_eq!(held.response().text(), "deleted");
}

#[test]
fn the_examples_count_in_the_store() {
    let Some(server) = super::examples() else { return };
    for language in ["js", "ts"] {
        let target = format!("/{language}/count");
        assert_eq!([get(&server, &target), get(&server, &target)], [ok("1"), ok("2")]);
    }
}
