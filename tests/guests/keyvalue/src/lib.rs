//! A guest that knows no store but `wasi:keyvalue`, in both of its drafts: `/draft/FUNCTION/KEY` and
//! `/draft2/FUNCTION/KEY`. The bindings are what `wit-bindgen` makes of the public interfaces.
//! `?bucket=` names the bucket; without it, it is the guest's own.

use std::fmt::Debug;

use snow_guest::prelude::*;

/// The first draft, as wasmtime and wasmCloud have it.
mod draft {
    wit_bindgen::generate!({ world: "imports", path: "wit/draft" });
}

/// The second draft, as Spin has it.
mod draft2 {
    wit_bindgen::generate!({ world: "imports", path: "wit/draft2" });
}

/// What a test asks for.
struct Asked {
    function: String,
    bucket: String,
    key: String,
    body: Vec<u8>,
    by: Option<String>,
}

impl Asked {
    fn of(request: &Request) -> Asked {
        Asked {
            function: request.param(0).to_owned(),
            bucket: request.query_param("bucket").unwrap_or_default().to_string(),
            key: request.param(1).to_owned(),
            body: request.body().to_vec(),
            by: request.query_param("by").map(|by| by.to_string()),
        }
    }

    /// Returns the keys of `a,b`.
    fn keys(&self) -> Vec<String> {
        self.key.split(',').map(str::to_owned).collect()
    }

    /// Returns the pairs of a body such as `a=1 b=2`.
    fn pairs(&self) -> Vec<(String, Vec<u8>)> {
        let body = String::from_utf8_lossy(&self.body);
        let pairs = body.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect()
    }
}

/// Answers with what the host said, also if it refused.
fn told<E: Debug>(result: Result<String, E>) -> String {
    result.unwrap_or_else(|error| format!("{error:?}"))
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map_or("none".to_owned(), |value| String::from_utf8_lossy(&value).into_owned())
}

/// What the drafts have in common. They differ in types, of which only that of a cursor shows.
macro_rules! common {
    ($draft:ident, $borrow:expr) => {
        fn $draft(asked: &Asked) -> Result<String, $draft::wasi::keyvalue::store::Error> {
            use $draft::wasi::keyvalue::{atomics, batch, store};
            let bucket = store::open(&asked.bucket)?;
            let done = |(): ()| "done".to_owned();
            match &*asked.function {
                "get" => bucket.get(&asked.key).map(text),
                "exists" => bucket.exists(&asked.key).map(|exists| exists.to_string()),
                "set" => bucket.set(&asked.key, &asked.body).map(done),
                "delete" => bucket.delete(&asked.key).map(done),
                "increment" => {
                    let by = asked.by.as_deref().unwrap_or("1").parse().expect("a number");
                    atomics::increment(&bucket, &asked.key, by).map(|sum| sum.to_string())
                }
                "list" => {
                    let (mut keys, mut pages, mut cursor) = (0, 0, None);
                    loop {
                        let page = bucket.list_keys($borrow(&cursor))?;
                        keys += page.keys.len();
                        pages += 1;
                        cursor = page.cursor;
                        if cursor.is_none() {
                            return Ok(format!("{keys} keys on {pages} pages"));
                        }
                    }
                }
                "get-many" => {
                    batch::get_many(&bucket, &asked.keys()).map(|found| format!("{found:?}"))
                }
                "set-many" => batch::set_many(&bucket, &asked.pairs()).map(done),
                "delete-many" => batch::delete_many(&bucket, &asked.keys()).map(done),
                other => Ok(format!("the guest has no function {other}")),
            }
        }
    };
}

common!(draft, |cursor: &Option<u64>| *cursor);
common!(draft2, Option::<String>::as_deref);

#[route(POST, r"/draft/([a-z-]+)/(.*)")]
fn first(request: Request) -> String {
    told(draft(&Asked::of(&request)))
}

#[route(POST, r"/draft2/([a-z-]+)/(.*)")]
fn second(request: Request) -> String {
    let asked = Asked::of(&request);
    match &*asked.function {
        "append" => told(append(&asked)),
        "race" => told(race(&asked)),
        _ => told(draft2(&asked)),
    }
}

/// Goes on from a page that another instance had.
#[route(POST, r"/cursor/(\d+)/()")]
fn cursor(request: Request) -> String {
    let bucket = draft::wasi::keyvalue::store::open("").expect("it is its own");
    let page = bucket.list_keys(Some(request.param(0).parse().expect("a number")));
    told(page.map(|page| page.keys.join(" ")))
}

use draft2::wasi::keyvalue::atomics::{Cas, CasError, swap};

/// Adds the body to a text, however often others are faster.
fn append(asked: &Asked) -> Result<String, CasError> {
    let bucket = draft2::wasi::keyvalue::store::open(&asked.bucket)?;
    let mut cas = Cas::new(&bucket, &asked.key)?;
    loop {
        let value = [cas.current()?.unwrap_or_default(), asked.body.clone()].concat();
        match swap(cas, &value) {
            Err(CasError::CasFailed(newer)) => cas = newer,
            other => return other.map(|()| String::from_utf8_lossy(&value).into_owned()),
        }
    }
}

/// Loses a race on purpose, sees what won, and then wins.
fn race(asked: &Asked) -> Result<String, CasError> {
    let bucket = draft2::wasi::keyvalue::store::open(&asked.bucket)?;
    let early = Cas::new(&bucket, &asked.key)?;
    bucket.set(&asked.key, b"winner")?;
    let Err(CasError::CasFailed(late)) = swap(early, &asked.body) else {
        return Ok("it was replaced, though it had changed".to_owned());
    };
    bucket.delete(&asked.key)?;
    let Err(CasError::CasFailed(later)) = swap(late, &asked.body) else {
        return Ok("it was replaced, though it was deleted".to_owned());
    };
    let gone = text(later.current()?);
    swap(later, &asked.body)?;
    Ok(format!("{gone}, then {}", text(bucket.get(&asked.key)?)))
}

impl From<draft2::wasi::keyvalue::store::Error> for CasError {
    fn from(error: draft2::wasi::keyvalue::store::Error) -> CasError {
        CasError::StoreError(error)
    }
}

snow_guest::serve!(first, second, cursor);
