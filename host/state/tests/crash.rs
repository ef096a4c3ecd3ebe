//! A process that writes is killed at any moment, again and again. What it was told is durable is
//! found again, whole.
//!
//! This program runs itself as that process. `SNOW_CRASH_ROUNDS=200` kills it more often.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use snow_state::{
    Action, Change, Condition, Listener, Outcome, RedbJournal, Store, StoreError, StoreLimits,
    Submitted, Write,
};

const FOLDER: &str = "SNOW_CRASH_FOLDER";
const ROUNDS: &str = "SNOW_CRASH_ROUNDS";

/// Prints the numbers of writes that are durable.
struct Pipe;

impl Listener for Pipe {
    type Waiter = ();
    type Caller = u64;

    fn changed(&self, _waiters: &[()], _change: &Change) {}

    fn done(&self, number: u64, result: Result<Outcome, StoreError>) {
        result.expect("the disk takes writes");
        let mut out = std::io::stdout().lock();
        writeln!(out, "durable {number}").expect("the parent reads");
    }

    fn work_at(&self, _at_ms: u64) {}
}

fn open(folder: &Path) -> Store<Pipe> {
    let journal = RedbJournal::open(folder).unwrap_or_else(|error| panic!("{error}"));
    Store::on_disk(StoreLimits::default(), Pipe, Box::new(journal), 0).expect("it can be read")
}

fn number(store: &Store<Pipe>, key: &str) -> u64 {
    store
        .get("b", key, 0)
        .map_or(0, |entry| String::from_utf8_lossy(&entry.value).parse().expect("it is a number"))
}

/// Writes the same number in several ways, and the next one as soon as those are on their way.
#[test]
fn the_process_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder));
    let first = number(&store, "count") + 1;
    for number in first.. {
        let text: std::sync::Arc<[u8]> = number.to_string().into_bytes().into();
        let actions = [
            Action::SetMany(vec![("left".into(), text.clone()), ("right".into(), text.clone())]),
            Action::Increment { key: "count".into(), by: 1 },
            Action::Set {
                key: format!("log/{number:012}").into(),
                // Values of many pages, now and then.
                value: text.repeat(if number % 7 == 0 { 5_000 } else { 1 }).into(),
                expires_ms: None,
                only: Condition::Absent,
            },
        ];
        for action in actions {
            let queued = store.submit(Write { bucket: "b".into(), action }, number, 0);
            assert_eq!(queued, Ok(Submitted::Queued));
        }
        // A batch holds what one to three rounds have written.
        if number % 3 != 0 || number % 5 == 0 {
            store.work(0, 1);
        }
    }
}

#[test]
fn what_was_durable_survives_being_killed() {
    let rounds = env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    let folder = env::temp_dir().join(format!("snow-state-crash-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let (mut slowest, mut durable) = (Duration::ZERO, 0);
    for round in 0..rounds {
        durable = durable.max(killed(&folder, 1 + round * 37 % 90));
        let began = Instant::now();
        let store = open(&folder);
        slowest = slowest.max(began.elapsed());
        check(&store, durable);
    }
    let bytes = fs::metadata(folder.join("store.redb")).expect("it is there").len();
    println!(
        "{rounds} rounds, {durable} numbers durable, a file of {bytes} bytes, slowest start {} ms",
        slowest.as_millis()
    );
    assert!(durable > rounds);
    // Whoever asks for many rounds of optimised code has a machine for it. In the course of all
    // other tests a start may be starved of the processor.
    let is_measured = env::var_os(ROUNDS).is_some() && !cfg!(debug_assertions);
    let slowest_max = if is_measured { 1 } else { 30 };
    assert!(slowest < Duration::from_secs(slowest_max), "a start took {slowest:?}");
    fs::remove_dir_all(&folder).expect("it can be removed");
}

/// Runs the process until it has said so many times that something is durable, and kills it while
/// it writes on. Returns the last number that was durable.
fn killed(folder: &Path, lines_max: u64) -> u64 {
    let mut child = Command::new(env::current_exe().expect("this program is a file"))
        .args(["--exact", "the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run again");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let number = |line: String| line.strip_prefix("durable ").and_then(|n| n.parse().ok());
    let mut last = 0;
    let mut seen = 0;
    while seen < lines_max {
        let line = lines.next().expect("it writes until it is killed").expect("it is text");
        let durable: Option<u64> = number(line);
        seen += u64::from(durable.is_some());
        last = durable.unwrap_or(last);
    }
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    // What it had still told is durable too.
    lines.map_while(Result::ok).filter_map(number).last().unwrap_or(last)
}

/// Checks that everything up to a number is there, and nothing is there by half.
fn check(store: &Store<Pipe>, durable: u64) {
    let count = number(store, "count");
    assert!(count >= durable, "{durable} was durable, and {count} is there");
    // All that a number wrote was submitted before the batch was taken.
    assert_eq!((number(store, "left"), number(store, "right")), (count, count));
    let (mut after, mut logged) = (None, 0);
    loop {
        let page = store.list("b", "log/", after.as_deref(), usize::MAX, 0);
        for key in &page.keys {
            logged += 1;
            assert_eq!(**key, format!("log/{logged:012}"));
            let entry = store.get("b", key, 0).expect("it was listed");
            let times = if logged % 7 == 0 { 5_000 } else { 1 };
            assert!(*entry.value == *logged.to_string().repeat(times).as_bytes());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(logged, count);
}
