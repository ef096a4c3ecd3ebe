//! Databases.

use super::{Guest, says};
use crate::harness::DatabaseServer;

const MANIFEST: &str = "[guest.shop]\ndatabases = ['app', 'nowhere']\n\
    [database.app]\nurl = 'sqlite:data/app.db'\n\
    [database.other]\nurl = 'sqlite:data/other.db'\n\
    [database.nowhere]\nurl = 'postgres://a@127.0.0.1:1/a'\n";

const SHOP: Guest = Guest {
    python: r#"
from snow import Database, SqlError, Statement, route, sql

app = Database("app")

@route("GET", "/fill")
def fill():
    app.query("create table t (id integer primary key, name text unique, price, data, big)")
    add = "insert into t (name, price, data, big) values ($1, $2, $3, $4)"
    one = app.query(add, "ö", 2.5, b"\xff\x00", (1 << 63) - 1)
    seventh = Statement("insert into t (id) values ($1)", 7)
    both = app.transact([seventh, "select count(*) n from t"])
    return f"{app.dialect()} {one.affected} {one.last_id} {both[0].last_id} {both[1].first['n']}"

@route("GET", "/read")
def read():
    rows = app.query("select *, $1 as given from t where id >= $2 order by id", None, 1)
    row, empty = rows
    assert rows.columns == ["id", "name", "price", "data", "big", "given"], rows.columns
    assert (row["data"], row["given"]) == (b"\xff\x00", None) and empty["name"] is None
    assert row[0] == 1 and dict(empty)["id"] == 7
    assert app.query("select 1 where 1 = 0").first is None
    return f"{row['name']} {row['price']} {row['big']}"

@route("GET", "/fails")
def fails(request):
    statement = Statement(request.query["text"])
    try:
        app.transact(["insert into t (id) values (100)", statement])
    except sql.StatementFailed as error:
        return f"{error.code} {'duplicate' if error.is_duplicate else 'other'}"

@route("GET", "/left")
def left():
    return str(len(app.query("select * from t where id = 100")))

@route("GET", "/errors")
async def errors():
    found = []
    long = "select 1" * 200_000
    for name, text in [("other", "select 1"), ("app", long), ("nowhere", "select 1")]:
        try:
            Database(name).query(text)
        except SqlError as error:
            found.append(type(error).__name__)
    return " ".join(found)

@route("GET", "/uncaught")
def uncaught(request):
    return str(Database(request.query["of"]).query("select 1"))

@route("GET", "/listen")
def listen():
    app.listen("news")
"#,
    javascript: r#"
import { database, route, SqlError } from 'snow';

const app = database('app');

route('GET', '/fill', () => {
  app.query('create table t (id integer primary key, name text unique, price, data, big)');
  const add = 'insert into t (name, price, data, big) values ($1, $2, $3, $4)';
  const one = app.query(add, ['ö', 2.5, new Uint8Array([255, 0]), 2n ** 63n - 1n]);
  const seventh = { text: 'insert into t (id) values ($1)', values: [7] };
  const both = app.transact([seventh, 'select count(*) n from t']);
  return [app.dialect(), one.affected, one.lastId, both[0].lastId, both[1].rows[0].n].join(' ');
});

const check = (holds) => {
  if (!holds) throw new Error('this does not hold');
};

route('GET', '/read', () => {
  const text = 'select *, $1 as given from t where id >= $2 order by id';
  const { rows, columns } = app.query(text, [null, 1]);
  const [row, empty] = rows;
  check(columns.join() === 'id,name,price,data,big,given');
  check(row.data instanceof Uint8Array && row.data.join() === '255,0' && row.given === null);
  check(empty.id === 7 && empty.name === null && typeof row.big === 'bigint');
  check(app.query('select 1 where 1 = 0').rows.length === 0);
  return `${row.name} ${row.price} ${row.big}`;
});

route('GET', '/fails', (request) => {
  try {
    app.transact(['insert into t (id) values (100)', request.query.get('text')]);
  } catch (error) {
    return `${error.sqlState} ${error.isDuplicate ? 'duplicate' : 'other'}`;
  }
});

route('GET', '/left', () => `${app.query('select * from t where id = 100').rows.length}`);

const NAMES = { denied: 'Denied', limit: 'LimitReached', unavailable: 'Unavailable' };

route('GET', '/errors', async () => {
  const found = [];
  const long = 'select 1'.repeat(200_000);
  for (const [name, text] of [['other', 'select 1'], ['app', long], ['nowhere', 'select 1']]) {
    try {
      database(name).query(text);
    } catch (error) {
      if (error instanceof SqlError) found.push(NAMES[error.code]);
    }
  }
  return found.join(' ');
});

route('GET', '/uncaught', (request) => database(request.query.get('of')).query('select 1'));

route('GET', '/listen', () => app.listen('news'));
"#,
};

#[test]
fn rows_values_and_transactions() {
    SHOP.each(MANIFEST, |server| {
        says(server, "/fill", "sqlite 1 1 7 2");
        for _ in 0..3 {
            says(server, "/read", "ö 2.5 9223372036854775807");
            says(server, "/fails?text=insert+into+t+(name)+values+('%C3%B6')", "23505 duplicate");
            says(server, "/fails?text=selec", "42601 other");
            says(server, "/left", "0");
        }
    });
}

#[test]
fn errors_are_told_apart_and_answered() {
    SHOP.each(MANIFEST, |server| {
        says(server, "/errors", "Denied LimitReached Unavailable");
        server.log.until(&["denied to use the database \"other\"", "[guest.shop] of snow.toml"]);
        for (target, status, text) in [
            ("/uncaught?of=nowhere", 503, "service unavailable"),
            ("/uncaught?of=other", 500, "internal server error"),
            ("/listen", 500, "internal server error"),
        ] {
            let answer = server.get(target);
            assert_eq!((answer.status, answer.text()), (status, text), "{target}");
        }
        // The log has where each was raised.
        server.log.until(&["127.0.0.1:1"]);
        server.log.until(&["0A000"]);
    });
}

const LISTENER: Guest = Guest {
    python: r#"
from snow import Database, route, suspend

app = Database("app")

def told(text):
    pending = app.listen("news")
    app.query("select pg_notify('news', $1)", text)
    return pending

@route("GET", "/await")
async def awaited():
    return (await told("in place")).text

@route("GET", "/suspend")
def suspended():
    return suspend(told("later"), resume=came)

def came(resumed):
    return resumed.value.text

@route("GET", "/types")
def types():
    text = "select 12.50::numeric n, true t, '{1,2}'::int[] a, $1::date d"
    row = app.query(text, "2026-01-02")[0]
    return f"{row['n']} {'yes' if row['t'] is True else 'no'} {row['a']} {row['d']}"
"#,
    javascript: r#"
import { database, route, suspend } from 'snow';

const app = database('app');

function told(text) {
  const pending = app.listen('news');
  app.query("select pg_notify('news', $1)", [text]);
  return pending;
}

route('GET', '/await', async () => (await told('in place')).text());

route('GET', '/suspend', () => suspend(told('later')), { resume: (resumed) => resumed.text() });

route('GET', '/types', () => {
  const text = "select 12.50::numeric n, true t, '{1,2}'::int[] a, $1::date d";
  const [{ n, t, a, d }] = app.query(text, ['2026-01-02']).rows;
  return `${n} ${t === true ? 'yes' : 'no'} ${a} ${d}`;
});
"#,
};

#[test]
fn notifications_of_postgres_are_awaited_and_suspended_for() {
    let Some(postgres) = DatabaseServer::postgres() else { return };
    let url = postgres.database("scripts");
    let manifest = format!("[guest.shop]\ndatabases = ['app']\n[database.app]\nurl = '{url}'\n");
    LISTENER.each(&manifest, |server| {
        says(server, "/await", "in place");
        says(server, "/suspend", "later");
        says(server, "/types", "12.50 yes {1,2} 2026-01-02");
    });
}
