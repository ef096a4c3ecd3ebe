//! An engine as `snow-host` runs it, for a language that needs no toolchain: each line of a source
//! file is a path and what a request for it gets.
//!
//! | line | answer |
//! |---|---|
//! | `PATH say TEXT` | the text |
//! | `PATH read FILE` | what that file of the folder beside holds |
//! | `PATH count` | how many calls this instance has had |
//! | `PATH fail TEXT` | none: the call fails with this text |
//! | `PATH files` | the names of all files beside |
//! | `PATH kept` | what was kept when the guest was loaded, or `nothing` |
//! | `PATH keep TEXT` | the same, after an attempt to keep the text |
//! | `PATH start JOB` | what became of a job: what it returned, or its failure |
//!
//! What is kept is the text of the guest's own file. A guest that says `start` has jobs, unless the
//! name of each begins with `no`: what a job returns is its name.
//!
//! Any other line is an error of syntax, which names the file and the line.

use std::cell::{Cell, OnceCell};

use bindings::exports::snow::host::{handler, job_runner, resumer};
use bindings::snow::host::http::{Request, Response};
use bindings::snow::host::pending_handles::{
    self, Arrival, Cause, Failure, Join, Outcome, Settlement,
};
use bindings::snow::host::{jobs, source};

/// Generated code: held to its generator's rules, not to ours.
mod bindings {
    wit_bindgen::generate!({ world: "engine", path: "../../../wit", generate_all });
}

/// What one line says.
#[derive(Clone)]
struct Line {
    path: String,
    word: String,
    rest: String,
}

struct Engine;

const WORDS: [&str; 8] = ["say", "read", "count", "fail", "files", "kept", "keep", "start"];

/// The name of what is kept.
const KEPT: &str = "text";

thread_local! {
    static PROGRAM: OnceCell<Vec<Line>> = const { OnceCell::new() };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// Evaluates the source, once for each instance.
fn program() -> Vec<Line> {
    PROGRAM.with(|program| program.get_or_init(evaluate).clone())
}

fn evaluate() -> Vec<Line> {
    let file = source::main();
    let text = String::from_utf8_lossy(&file.text).into_owned();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let line = |(index, line): (usize, &str)| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let (path, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !WORDS.contains(&&*word) {
            let what = format!("{}:{}: `{word}` is not a word", file.name, index + 1);
            source::fail(&what);
        }
        Line { path, word, rest: words.next().unwrap_or_default() }
    };
    let lines: Vec<Line> = lines.map(line).collect();
    if lines.iter().any(|line| line.word == "start" && !line.rest.starts_with("no")) {
        source::with_jobs();
    }
    // Each instance tries to; only in the first one does it have an effect.
    source::keep(KEPT, text.as_bytes());
    lines
}

fn kept() -> Vec<u8> {
    source::kept(KEPT).unwrap_or_else(|| b"nothing".to_vec())
}

/// Starts a job, and waits for it.
fn start(name: &str) -> String {
    let pending = match jobs::start(name, &[]) {
        Ok(pending) => pending,
        Err(error) => return format!("{error:?}"),
    };
    let came = pending_handles::wait(&[&pending], Join::All, None).expect("nothing refuses it");
    match came.into_iter().next().flatten() {
        Some(Settlement::Value(value)) => String::from_utf8_lossy(&value).into_owned(),
        other => format!("{other:?}"),
    }
}

impl handler::Guest for Engine {
    fn routes() -> Vec<handler::Route> {
        let route = |line: Line| handler::Route { methods: Vec::new(), pattern: line.path };
        program().into_iter().map(route).collect()
    }

    fn handle(route: u32, _: Request) -> Outcome {
        CALLS.set(CALLS.get() + 1);
        let Line { word, rest, .. } = program().swap_remove(route as usize);
        let body = match &*word {
            "read" => source::find(&rest).unwrap_or_else(|| b"no such file".to_vec()),
            "count" => CALLS.get().to_string().into_bytes(),
            "files" => source::files().join(" ").into_bytes(),
            "kept" => kept(),
            "keep" => {
                source::keep(KEPT, rest.as_bytes());
                kept()
            }
            "start" => start(&rest).into_bytes(),
            "fail" => {
                source::fail(&rest);
                Vec::new()
            }
            _ => rest.into_bytes(),
        };
        Outcome::Respond(Response { status: 200, headers: Vec::new(), body })
    }
}

impl resumer::Guest for Engine {
    fn resume(_: u32, _: Cause, _: Option<Request>, _: Vec<u8>, _: Vec<Arrival>) -> Outcome {
        unreachable!("nothing is suspended")
    }
}

impl job_runner::Guest for Engine {
    fn run(job: job_runner::Job) -> Result<Vec<u8>, Failure> {
        program();
        Ok(job.name.into_bytes())
    }
}

bindings::export!(Engine with_types_in bindings);
