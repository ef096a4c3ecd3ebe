//! What the examples of all languages do, in Rust.
//!
//! | route | answer |
//! |---|---|
//! | `GET /rust/hello` | `hello from rust` |
//! | `POST /rust/echo` | the content that was sent, under its own `content-type` |
//! | `GET /rust/req` | waits until somebody stops it, and answers what it is given |
//! | `GET /rust/stop?value=…` | stops the one that has waited longest, whichever guest holds it |
//! | `GET /rust/random` | a random number |
//! | `GET /rust/now` | the time (RFC 3339) |
//! | `GET /rust/get?url=…` | the answer of another server, as it came |
//! | `GET /rust/count` | how often it was asked for, by the store |

use snow_guest::prelude::*;
use snow_guest::system;
use std::time::UNIX_EPOCH;

/// The key under which the examples of all languages wait.
const REQUESTS: &str = "requests-any";

#[route(GET, r"/rust/hello")]
fn hello(_: Request) -> &'static str {
    "hello from rust"
}

#[route(POST, r"/rust/echo")]
fn echo(request: Request) -> Response {
    let kind = request.header_bytes("content-type");
    let kind = kind.unwrap_or(b"application/octet-stream").to_vec();
    Response::bytes(request.into_body()).header("content-type", kind)
}

#[route(GET, r"/rust/req", resume = stopped)]
fn req(_: Request) -> Result<Suspension> {
    Ok(Pending::keyed(REQUESTS)?.suspend().deadline(Duration::from_secs(60)))
}

fn stopped(resumed: Resumed) -> Response {
    if resumed.timed_out() {
        return Response::from((504, "nobody came"));
    }
    Response::text(resumed.text())
}

#[route(GET, r"/rust/stop")]
fn stop(request: Request) -> Result<(u16, &'static str)> {
    let value = request.query_param("value").unwrap_or_default();
    Ok(match pending::set_next(REQUESTS, value)? {
        true => (200, "stop"),
        false => (409, "nobody is waiting"),
    })
}

/// Passes the answer of another server on: without `resume`, the host sends it when it comes.
#[route(GET, r"/rust/get")]
fn get(request: Request) -> Result<Suspension> {
    Ok(Fetch::get(request.query_param("url").unwrap_or_default()).send()?.suspend())
}

#[route(GET, r"/rust/random")]
fn random(_: Request) -> String {
    system::random_number().to_string()
}

#[route(GET, r"/rust/now")]
fn now(_: Request) -> Result<String> {
    Ok(rfc3339(system::now().duration_since(UNIX_EPOCH)?.as_secs()))
}

#[route(GET, r"/rust/count")]
fn count(_: Request) -> Result<String> {
    Ok(Bucket::own()?.increment("count", 1)?.to_string())
}

/// Writes a time in seconds since 1970. A crate such as `time` does more, and makes the guest larger.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    // Days since the first of March of the year 0, in eras of 400 years; a year that begins in March
    // has its leap day at its end.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (400 * era + year, month + 3),
        _ => (400 * era + year + 1, month - 9),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

snow_guest::serve!(hello, echo, req, stop, get, random, now, count);
