//! What the host can't be given is an error of the author's, and no trap: a trap costs the instance,
//! and five of them roll a new version back, which no client may bring about.

use super::Guest;

const MANIFEST: &str = "[guest.shop]\ndatabases = ['app']\ninstances = { reuse = 1000000 }\n\
    memory_bytes_max = 50_000_000\n[database.app]\nurl = 'sqlite:data/app.db'\n";

const SHOP: Guest = Guest {
    python: r#"
from snow import Database, Failed, Statement, job, jobs, route

app = Database("app")

@route("POST", r"/(?P<what>\w+)")
async def each(request, what):
    n = request.json()["name"]
    try:
        return str(await globals()[what](n))
    except Failed as failed:
        return f"{failed.code}: {failed.message}"

async def value(n):
    return app.query("select $1 as v", n)[0]["v"]
async def text(n):
    return app.query(f"select {n}")
async def number(n):
    return app.query("select $1", {1})
async def statements(n):
    return app.transact([None])
async def database(n):
    return Database(n).query("select 1")
async def channel(n):
    return app.listen(n)
async def name(n):
    return (await jobs.start(n)).text
async def payload(n):
    return (await jobs.start("same", n)).text
async def attempts(n):
    return jobs.enqueue("same", attempts=1 << 32)
async def delay(n):
    return jobs.enqueue("same", delay=float("nan"))
async def failed(n):
    return (await jobs.start("fails")).text
async def raised(n):
    return (await jobs.start("raises")).text
async def eaten(n):
    return (await jobs.start("eats")).text

@job
def same(job):
    return job.payload
@job
def fails():
    raise Failed("code", "message \ud800")
@job
def raises():
    raise ValueError("raised \ud800")
@job
def eats():
    found = []
    while True:
        found.append(bytearray(1 << 20))
"#,
    javascript: r#"
import { database, Failure, job, jobs, route } from 'snow';

const app = database('app');

const each = {
  value: (n) => app.query('select $1 as v', [n]).rows[0].v,
  text: (n) => app.query(`select ${n}`),
  number: () => app.query('select $1', [{}]),
  statements: () => app.transact([null]),
  database: (n) => database(n).query('select 1'),
  channel: (n) => app.listen(n),
  name: (n) => jobs.start(n),
  payload: (n) => jobs.start('same', n),
  attempts: () => jobs.enqueue('same', '', { attempts: 2 ** 32 }),
  delay: () => jobs.enqueue('same', '', { delayMs: NaN }),
  failed: () => jobs.start('fails'),
  raised: () => jobs.start('raises'),
  eaten: () => jobs.start('eats'),
};

route('POST', '/(\\w+)', async (request) => {
  const { name } = await request.json();
  try {
    return `${await each[request.params[0]](name)}`;
  } catch (error) {
    if (error instanceof Failure) return `${error.code}: ${error.message}`;
    throw error;
  }
});

job('same', (job) => job.payload);
job('fails', () => {
  throw new Failure('code', 'message \ud800');
});
job('raises', () => {
  throw new RangeError('raised \ud800');
});
job('eats', () => {
  const found = [];
  for (;;) found.push(new Uint8Array(2 ** 20));
});
"#,
};

/// A client's JSON may have half of a surrogate pair. JavaScript replaces it, and for Python it is an
/// error; in a message for people it is shown.
#[test]
fn it_is_an_error_of_the_call() {
    const REPLACED: &str = "\u{fffd}";
    let unknown = format!("unknown-job: there is no job \"{REPLACED}\"");
    for (stage, is_python) in SHOP.stages(MANIFEST).into_iter().zip([true, false]) {
        let server = stage.serve(1);
        let mut client = server.connect();
        // What is replaced in JavaScript is a 500 in Python.
        for (target, javascript) in [
            ("value", Some(REPLACED)),
            ("text", None),
            ("number", None),
            ("statements", None),
            ("database", None),
            ("channel", None),
            ("name", Some(&*unknown)),
            ("payload", Some(REPLACED)),
            ("attempts", None),
            ("delay", None),
        ] {
            for _ in 0..6 {
                let answer = client.post(&format!("/{target}"), br#"{"name": "\ud800"}"#);
                let said = (answer.status == 200).then(|| answer.text().to_owned());
                let expected = if is_python { None } else { javascript };
                assert_eq!(said.as_deref(), expected, "{target}, Python: {is_python}");
                assert!(matches!(answer.status, 200 | 500), "{target}: {}", answer.status);
            }
        }
        let shown = if is_python { "\\ud800" } else { REPLACED };
        for (target, words) in [
            ("failed", format!("code: message {shown}")),
            ("raised", format!("Error: raised {shown}")),
        ] {
            for _ in 0..6 {
                let answer = client.post(&format!("/{target}"), br#"{"name": ""}"#);
                assert!(answer.text().contains(&words), "{target}: {}", answer.text());
            }
        }
        let log = server.log_by_now();
        assert!(!log.contains("trapped") && !log.contains("panicked"), "{log}");
    }
}

/// Python's engine asks for another instance then, so that this job is `trapped`.
#[test]
fn a_job_without_memory_harms_no_other() {
    let codes = ["trapped: ", "failed: "];
    for (stage, code) in SHOP.stages(MANIFEST).into_iter().zip(codes) {
        let server = stage.serve(1);
        for _ in 0..6 {
            let answer = server.connect().post("/eaten", br#"{"name": ""}"#);
            assert!(answer.text().starts_with(code), "{}", answer.text());
            let answer = server.connect().post("/payload", br#"{"name": "a"}"#);
            assert_eq!(answer.text(), "a");
        }
        server.log.until(&["memory_bytes_max is its limit"]);
    }
}
