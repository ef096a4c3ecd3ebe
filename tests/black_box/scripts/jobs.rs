//! Jobs.

use super::{Guest, says};
use crate::harness::{Server, eventually};

const SHOP: Guest = Guest {
    python: r#"
import asyncio
from snow import Bucket, Failed, HTTPError, Job, job, jobs, route, suspend

seen = Bucket()

@route("GET", "/start/(?P<name>.+)")
async def start(request, name):
    try:
        return (await jobs.start(name, request.query.get("payload", ""))).text
    except Failed as failed:
        return f"{failed.code}: {failed.message}"

@route("GET", "/suspend/(?P<name>.+)")
def suspended(name):
    return suspend(jobs.start(name, "a"))

@route("GET", "/enqueue/(?P<name>.+)")
def enqueue(request, name):
    attempts = request.query_as("attempts", int, 5)
    return str(len(jobs.enqueue(name, {"key": "kept"}, attempts=attempts)))

@route("GET", "/seen/(?P<key>.+)")
def count(key):
    entry = seen.get(key)
    return "nothing" if entry is None else entry.text

@job
def shout(job: Job):
    return job.text.upper()

@job("later")
async def run_later(job):
    await asyncio.sleep(0.01)
    return await jobs.start("shout", job.payload)

@job
def kept(job):
    seen.increment("attempts")
    if not job.is_last_attempt:
        raise Failed("later", "not now")
    seen.set(job.json()["key"], f"{job.name} {job.attempt} of {job.attempts_max} {len(job.id)}")

@job
def never():
    seen.increment("given up")
    raise Failed.give_up("nobody has this address")

@job
def tick():
    seen.increment("ticks")

@job
def broken(job):
    return [][len(job.payload)]

@job
def unfit():
    return {1, 2}

@job
def forbidden():
    raise HTTPError(403, "not for you")
"#,
    javascript: r#"
import { bucket, Failure, HTTPError, job, jobs, route, suspend } from 'snow';

const seen = bucket();

route('GET', '/start/(?<name>.+)', async (request) => {
  try {
    const came = await jobs.start(request.params.name, request.query.get('payload') ?? '');
    return came.text();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `${error.code}: ${error.message}`;
  }
});

route('GET', '/suspend/(?<name>.+)', (request) => suspend(jobs.start(request.params.name, 'a')));

route('GET', '/enqueue/(?<name>.+)', (request) => {
  const attempts = request.queryAs('attempts', 'integer', 5);
  return `${jobs.enqueue(request.params.name, { key: 'kept' }, { attempts }).length}`;
});

route('GET', '/seen/(?<key>.+)', (request) => seen.get(request.params.key)?.text() ?? 'nothing');

job('shout', (job) => job.text().toUpperCase());

job('later', async (job) => {
  await new Promise((done) => setTimeout(done, 10));
  return jobs.start('shout', job.payload);
});

job('kept', (job) => {
  seen.increment('attempts');
  if (!job.isLastAttempt) throw new Failure('later', 'not now');
  seen.set(job.json().key, `${job.name} ${job.attempt} of ${job.attemptsMax} ${job.id.length}`);
});

job('never', () => {
  seen.increment('given up');
  throw Failure.giveUp('nobody has this address');
});

job('tick', () => void seen.increment('ticks'));

job('broken', (job) => [][job.payload.length].length);

job('unfit', () => new Response('x'));

job('forbidden', () => {
  throw new HTTPError(403, 'not for you');
});

job('stuck', () => new Promise(() => {}));
"#,
};

#[test]
fn what_a_job_returns_is_waited_for() {
    SHOP.each("", |server| {
        for _ in 0..3 {
            says(server, "/start/shout?payload=%C3%B6x", "ÖX");
            says(server, "/start/later?payload=ab", "AB");
            says(server, "/suspend/shout", "A");
            says(server, "/start/tick", "");
        }
        says(server, "/seen/ticks", "3");
    });
}

#[track_caller]
fn fails(server: &Server, name: &str, failure: &str) {
    let text = server.get(&format!("/start/{name}")).text().to_owned();
    assert!(text.starts_with(failure), "{name}: {text}");
}

#[test]
fn a_failure_has_a_code_and_the_log_has_what_was_raised() {
    for (stage, [class, place]) in SHOP.stages("").into_iter().zip([
        ["failed: IndexError: ", "File \"shop.py\", line "],
        ["failed: TypeError: ", "shop.js:"],
    ]) {
        let server = stage.serve(1);
        fails(&server, "none", "unknown-job: there is no job \"none\"");
        fails(&server, "never", "give-up: nobody has this address");
        fails(&server, "forbidden", "failed: not for you");
        let log = server.log_by_now();
        assert!(!log.contains("not for you") && !log.contains("Traceback"), "{log}");
        for _ in 0..3 {
            fails(&server, "broken", class);
            fails(&server, "unfit", "failed: TypeError: ");
        }
        server.log.until(&[place]);
        assert_eq!(server.get("/suspend/broken").status, 502);
        says(&server, "/suspend/shout", "A");
        assert!(!server.log_by_now().contains("trapped"), "{}", server.log_by_now());
    }
}

#[test]
fn a_promise_that_nobody_settles_is_named() {
    let javascript = SHOP.stages("").into_iter().nth(1);
    let Some(server) = javascript.map(|stage| stage.serve(1)) else { return };
    let words = "the job stuck waits for something that nobody will settle";
    fails(&server, "stuck", &format!("failed: {words}"));
    server.log.until(&[words]);
}

#[test]
fn a_job_is_kept_until_it_has_succeeded() {
    SHOP.each("", |server| {
        says(server, "/enqueue/kept?attempts=2", "32");
        eventually("it succeeds", || {
            (server.get("/seen/kept").text() == "kept 2 of 2 32").then_some(())
        });
        says(server, "/seen/attempts", "2");
        says(server, "/enqueue/never", "32");
        eventually("it is tried", || (server.get("/seen/given%20up").text() == "1").then_some(()));
        server.log.until(&["nobody has this address"]);
        says(server, "/seen/given%20up", "1");
    });
}

const SCHEDULE: &str = "[[guest.shop.schedule]]\njob = 'tick'\nevery = '1s'\n";

#[test]
fn a_schedule_runs_a_job() {
    SHOP.each(SCHEDULE, |server| {
        eventually("it has come twice", || (server.get("/seen/ticks").text() == "2").then_some(()));
        assert!(!server.log_by_now().contains("it has no jobs"), "{}", server.log_by_now());
    });
}

/// A guest with neither jobs nor a word of them, but one that tries to start some.
const WITHOUT: Guest = Guest {
    python: r#"
from snow import JobError, jobs, route

@route("GET", "/(?P<how>start|enqueue)")
def ask(how):
    try:
        return str(getattr(jobs, how)("tick"))
    except JobError as error:
        return error.code
"#,
    javascript: r#"
import { jobs, route } from 'snow';

route('GET', '/(?<how>start|enqueue)', (request) => {
  try {
    return `${jobs[request.params.how]('tick')}`;
  } catch (error) {
    return error.code;
  }
});
"#,
};

/// An engine exports `run` for every guest.
#[test]
fn a_guest_without_jobs_has_none() {
    WITHOUT.each(SCHEDULE, |server| {
        says(server, "/start", "no-runner");
        says(server, "/enqueue", "no-runner");
        server.log.until(&["guest=shop: it has no jobs, so the schedule of the job \"tick\""]);
    });
    for (guest, exports) in [(WITHOUT, "handle, resume\n"), (SHOP, "handle, resume, run\n")] {
        let stages = guest.stages(SCHEDULE);
        for (stage, name) in stages.into_iter().zip(["shop.py", "shop.js"]) {
            let checked = stage.run("check", name);
            let text = String::from_utf8_lossy(&checked.stdout);
            assert!(text.contains(&format!("exports  {exports}")), "{text}");
            let has_none = text.contains("it has schedules, but no jobs");
            assert_eq!(has_none, exports == "handle, resume\n", "{text}");
        }
    }
}

/// Jobs that come too late, in a handler, would be in one instance and not in others.
#[test]
fn jobs_are_made_while_the_file_is_evaluated() {
    const LATE: Guest = Guest {
        python: "from snow import job, route\n@route('GET', '/')\ndef late():\n    job('a')(len)\n",
        javascript: "import { job, route } from 'snow';\n\
                     route('GET', '/', () => job('a', () => 1));\n",
    };
    LATE.each("", |server| {
        assert_eq!(server.get("/").status, 500);
        server.log.until(&["the job a comes too late"]);
    });
}
