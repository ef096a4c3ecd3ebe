//! The examples in all languages: each answers the same six routes, what one holds another settles,
//! and some count in the store.

use std::collections::HashSet;
use std::env;
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
    Language { name: "js", memory_bytes: 4 << 20 },
    Language { name: "python", memory_bytes: 32 << 20 },
    Language { name: "rust", memory_bytes: 2 << 20 },
    Language { name: "ts", memory_bytes: 4 << 20 },
    Language { name: "zig", memory_bytes: 2 << 20 },
];

/// A guest without an SDK, which waits and settles as the examples do, and has no other routes.
const PLAIN: &str = "wat";

/// Requests that are sent at a time, on one connection.
const BATCH: usize = 50;

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

/// How many calls a test is to make of each language, if somebody says so.
fn calls() -> Option<usize> {
    let calls = env::var("SNOW_CALLS").ok()?;
    Some(calls.parse().expect("SNOW_CALLS is a number"))
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

/// Examples that count in the store.
const COUNTING: [&str; 4] = ["c", "go", "python", "zig"];

#[test]
fn each_counts_in_the_store() {
    for instances in INSTANCES {
        let Some((server, languages)) = serve(instances) else { return };
        for Language { name, .. } in languages {
            if !COUNTING.contains(name) {
                continue;
            }
            for count in 1..=20 {
                let said = says(&mut server.connect(), &format!("/{name}/count"));
                assert_eq!(said, count.to_string(), "{name}");
            }
        }
    }
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

/// Ten thousand numbers of each language, or as many as `SNOW_CALLS` says; fewer of fresh instances,
/// which cost milliseconds in some languages.
#[test]
fn randomness_is_fresh_in_each_call() {
    let mut calls = [2_000, 10_000].map(|usual| calls().unwrap_or(usual)).into_iter();
    for instances in INSTANCES {
        let calls = calls.next().expect("a number for each");
        let Some((server, languages)) = serve(instances) else { return };
        for Language { name, .. } in languages {
            let mut client = server.connect();
            let ask = format!("GET /{name}/random HTTP/1.1\r\nhost: a\r\n\r\n");
            let mut numbers = HashSet::new();
            while numbers.len() < calls {
                client.send(ask.repeat(BATCH));
                for _ in 0..BATCH {
                    let number = client.response();
                    assert_eq!(number.status, 200, "{name}: {}", number.text());
                    assert!(numbers.insert(number.body), "{name} says a number twice");
                }
            }
        }
    }
}

/// An instance serves a hundred thousand calls, or as many as `SNOW_CALLS` says, in bounded memory:
/// it does not grow, or it is replaced before a call fails for want of memory.
#[test]
fn an_instance_that_is_used_again_does_not_grow() {
    const TENTHS: usize = 10;
    // What the allocators of the host may take and give back meanwhile.
    const SLACK_BYTES: f64 = 16_777_216.0;
    let tenth = calls().unwrap_or(100_000) / TENTHS;
    let Some((server, languages)) = serve(INSTANCES[1]) else { return };
    let admin = server.admin();
    for Language { name, memory_bytes } in languages {
        let mut client = server.connect();
        let requests = requests(name);
        let batch = requests.concat().repeat(BATCH / requests.len());
        let (mut started, mut resident_bytes) = (Vec::new(), Vec::new());
        for number in 0..=TENTHS {
            for _ in (0..if number == 0 { BATCH } else { tenth }).step_by(BATCH) {
                client.send(&batch);
                for _ in 0..BATCH / requests.len() {
                    let statuses = requests.each_ref().map(|_| client.response().status);
                    assert_eq!(statuses, [200, 200, 200, 409, 200], "{name}, tenth {number}");
                }
            }
            started.push(admin.metric("snow_instances_started_total", &[]));
            resident_bytes.push(admin.metric("process_resident_memory_bytes", &[]));
        }
        // Shown by `--nocapture`.
        println!(
            "{name}: {} calls, replaced {} times, MB resident:{}",
            tenth * TENTHS,
            started[TENTHS] - started[0],
            resident_bytes.iter().map(|bytes| format!(" {:.0}", bytes / 1e6)).collect::<String>()
        );
        let grown_bytes = resident_bytes[TENTHS] - resident_bytes[0];
        assert!(
            grown_bytes < *memory_bytes as f64 + SLACK_BYTES,
            "{name}: {grown_bytes} bytes more than its instance may have"
        );
        assert_eq!(says(&mut client, &format!("/{name}/hello")), format!("hello from {name}"));
    }
}

/// A request of each kind to an example. Nobody waits, so the stop is a 409.
fn requests(name: &str) -> [String; 5] {
    let get = |route: &str| format!("GET /{name}/{route} HTTP/1.1\r\nhost: a\r\n\r\n");
    let content = "x".repeat(100);
    let echo = format!(
        "POST /{name}/echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n\
         content-length: {}\r\n\r\n{content}",
        content.len()
    );
    [echo, get("random"), get("now"), get("stop?value=1"), get("hello")]
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
