//! The examples in all languages: each answers the same six routes, and what one holds another
//! settles.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{Client, Folder, Server, Setup, source};

/// A language whose example is tested.
struct Language {
    name: &'static str,
    /// Bytes of the linear memory within which an instance serves any number of calls.
    memory_bytes: usize,
}

/// All of them. A language is added by a line.
const LANGUAGES: &[Language] = &[
    Language { name: "c", memory_bytes: 1 << 20 },
    Language { name: "go", memory_bytes: 16 << 20 },
    Language { name: "rust", memory_bytes: 2 << 20 },
];

/// A guest without an SDK, which waits and settles as the examples do, and has no other routes.
const PLAIN: &str = "wat";

/// How the examples' instances are used.
const INSTANCES: [&str; 2] = ["'fresh'", "{ reuse = 1_000_000_000 }"];

/// The examples that can be built here, in one server with one worker.
fn serve(instances: &str) -> Option<(Server, Vec<&'static Language>)> {
    let built: Vec<&Language> =
        LANGUAGES.iter().filter(|language| source(language.name).is_some()).collect();
    let mut names: Vec<&str> = built.iter().map(|language| language.name).collect();
    let table = |Language { name, memory_bytes }: &&Language| {
        format!("[guest.{name}]\ninstances = {instances}\nmemory_bytes_max = {memory_bytes}\n")
    };
    names.push(PLAIN);
    let folder = Folder::with(&names)?;
    folder.add("snow.toml", built.iter().map(table).collect::<String>().as_bytes());
    Some((Setup::new(folder).workers(1).watched().start(), built))
}

/// Does something with each example, in fresh instances and in those that are used again.
fn with_each(mut test: impl FnMut(&Server, &Language)) {
    for instances in INSTANCES {
        let Some((server, languages)) = serve(instances) else { return };
        languages.iter().for_each(|language| test(&server, language));
    }
}

#[track_caller]
fn says(client: &mut Client, target: &str) -> String {
    let response = client.get(target);
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.text().to_owned()
}

#[test]
fn each_answers() {
    with_each(|server, Language { name, .. }| {
        let mut client = server.connect();
        assert_eq!(says(&mut client, &format!("/{name}/hello")), format!("hello from {name}"));
        client.send(format!(
            "POST /{name}/echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x-a; b=c\r\n\
             content-length: 5\r\n\r\nh\0llo"
        ));
        let echo = client.response();
        assert_eq!((echo.status, echo.body.as_slice()), (200, &b"h\0llo"[..]), "{name}");
        assert_eq!(echo.field("content-type"), Some("text/x-a; b=c"), "{name}");
        assert_eq!(client.get(&format!("/{name}/stop")).status, 409, "{name}");
        assert_eq!(client.get(&format!("/{name}/echo")).status, 405, "{name}");
        assert_eq!(client.get(&format!("/{name}/other")).status, 404, "{name}");
    });
}

#[test]
fn each_knows_the_time() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
    with_each(|server, Language { name, .. }| {
        let before = now();
        let text = says(&mut server.connect(), &format!("/{name}/now"));
        let told = seconds(&text).unwrap_or_else(|| panic!("{name} says {text:?}"));
        assert!((before..=now()).contains(&told), "{name} says {text:?}");
    });
}

/// Returns the seconds since 1970 of a time such as `2026-11-27T03:08:00Z`, with or without a
/// fraction.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z').or(text.strip_suffix("+00:00"))?.split_once('T')?;
    let numbers = |text: &str, between| -> Option<Vec<u64>> {
        text.split(between).map(|number| number.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time.split('.').next()?, ':')?);
    let ([year, month, day], [hour, minute, second]) = (*date.as_array()?, *time.as_array()?);
    // Years begin in March, so that a leap day is a year's last one.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[test]
fn what_one_holds_another_settles() {
    for instances in INSTANCES {
        let Some((server, languages)) = serve(instances) else { return };
        let names = languages.iter().map(|language| language.name).chain([PLAIN]);
        for holder in names.clone() {
            for settler in names.clone() {
                let value = format!("{settler}-to-{holder}");
                let mut held = server.ask(&format!("/{holder}/req"));
                server.admin().wait_until_held(1.0);
                let settled = server.get(&format!("/{settler}/stop?value={value}"));
                assert_eq!(settled.status, 200, "{value}");
                let answer = held.response();
                assert_eq!((answer.status, answer.text()), (200, &*value));
            }
        }
    }
}

#[test]
fn randomness_is_fresh_in_each_call() {
    const CALLS: usize = 1_000;
    with_each(|server, Language { name, .. }| {
        let mut client = server.connect();
        let target = format!("/{name}/random");
        let numbers: HashSet<String> = (0..CALLS).map(|_| says(&mut client, &target)).collect();
        assert_eq!(numbers.len(), CALLS, "{name} says a number twice");
    });
}

/// An instance serves a hundred thousand calls in bounded memory: none fails for want of it.
#[test]
fn an_instance_that_is_used_again_does_not_grow() {
    const BATCHES: usize = 2_000;
    const BATCH: usize = 50;
    let Some((server, languages)) = serve(INSTANCES[1]) else { return };
    for Language { name, .. } in languages {
        let mut client = server.connect();
        let (content, kind) = ("x".repeat(100), "text/plain");
        let echo = format!(
            "POST /{name}/echo HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n{content}",
            content.len()
        );
        for batch in 0..BATCHES {
            client.send(echo.repeat(BATCH));
            for _ in 0..BATCH {
                let response = client.response();
                assert_eq!(response.status, 200, "{name}, after {batch} times {BATCH} calls");
            }
        }
        assert_eq!(says(&mut client, &format!("/{name}/hello")), format!("hello from {name}"));
    }
}

/// Requests that wait leave nothing behind in their guests either.
#[test]
fn an_instance_that_is_used_again_holds_many() {
    const HELD: usize = 500;
    let Some((server, languages)) = serve(INSTANCES[1]) else { return };
    for Language { name, .. } in languages {
        let mut held: Vec<Client> =
            (0..HELD).map(|_| server.ask(&format!("/{name}/req"))).collect();
        server.admin().wait_until_held(HELD as f64);
        let mut client = server.connect();
        for number in 0..HELD {
            says(&mut client, &format!("/{name}/stop?value={number}"));
        }
        // They were asked on connections of their own, so nobody knows who waits first.
        let given: HashSet<String> = (0..HELD).map(|number| number.to_string()).collect();
        let answered: HashSet<String> =
            held.iter_mut().map(|client| client.response().text().to_owned()).collect();
        assert_eq!(answered, given, "{name}");
    }
}
