//! Requests that wait, and requests that wake them.
//!
//! In one terminal `curl localhost:8080/req/`: it hangs. In another
//! `curl localhost:8080/stop/?value=hi`: the first one prints `hi`. While it hangs, no instance of
//! this guest exists: the host keeps the connection, and the name of the key. Only `/req-in-place/`
//! keeps its instance while it waits.
//!
//! | route | answer |
//! |---|---|
//! | `/index/`, `/home/` | `OK`, `home` |
//! | `/async/` | `done` after 5 seconds, or after `?seconds=0.3` |
//! | `/req/` | what `/stop/` gives it; after 30 seconds, or `?timeout=…`, 504 `nobody came` |
//! | `/hold/` | the same, but the host answers alone, without a second call of this guest |
//! | `/req-in-place/` | as `/req/`, in straight-line code: its instance waits too |
//! | `/stop/` | wakes the one that has waited longest with `done`, or with `?value=…` |
//! | `/stop-all/` | wakes all of them; how many there were |
//! | `/waiting/` | how many wait |

use snow_guest::prelude::*;

/// The key under which `/req/`, `/hold/` and `/req-in-place/` wait. Keys belong to the host: any
/// guest may settle this one.
const REQUESTS: &str = "requests";

#[route(GET, r"/index/")]
fn index(_: Request) -> &'static str {
    "OK"
}

#[route(GET, r"/home/")]
fn home(_: Request) -> &'static str {
    "home"
}

#[route(GET, r"/async/", resume = done)]
fn sleep(request: Request) -> Result<Suspension> {
    let time = request.query_seconds("seconds")?;
    let time = time.unwrap_or(Duration::from_secs(5));
    // A suspension has a deadline in any case; this one must not come before the timer.
    let deadline = time + Duration::from_secs(5);
    Ok(Pending::timer(time)?.suspend().deadline(deadline))
}

fn done(resumed: Resumed) -> (u16, &'static str) {
    // Only for times beyond the host's longest deadline.
    if resumed.timed_out() {
        return (504, "this takes too long");
    }
    (200, "done")
}

#[route(GET, r"/req/", resume = answered)]
fn req(request: Request) -> Result<Suspension> {
    wait(&request)
}

fn answered(resumed: Resumed) -> Response {
    if resumed.timed_out() {
        return nobody_came();
    }
    Response::text(resumed.text())
}

/// Without `resume`: the host sends the value as it came, as `application/octet-stream`.
#[route(GET, r"/hold/")]
fn hold(request: Request) -> Result<Suspension> {
    Ok(wait(&request)?.on_timeout(nobody_came()))
}

fn wait(request: &Request) -> Result<Suspension> {
    let timeout = timeout(request)?;
    Ok(Pending::keyed(REQUESTS)?.suspend().deadline(timeout))
}

/// Without a second function, at the price of an instance for as long as it waits.
#[route(GET, r"/req-in-place/")]
fn req_in_place(request: Request) -> Result<Response> {
    let timeout = timeout(&request)?;
    let Some(settlement) = Pending::keyed(REQUESTS)?.wait_for(timeout)? else {
        return Ok(nobody_came());
    };
    Ok(Response::text(settlement.text()))
}

fn timeout(request: &Request) -> Result<Duration> {
    let timeout = request.query_seconds("timeout")?;
    Ok(timeout.unwrap_or(Duration::from_secs(30)))
}

fn nobody_came() -> Response {
    Response::text("nobody came").status(504)
}

#[route(GET, r"/stop/")]
fn stop(request: Request) -> Result<(u16, &'static str)> {
    let somebody_waited = pending::set_next(REQUESTS, value(&request))?;
    Ok(match somebody_waited {
        true => (200, "stop"),
        false => (409, "nobody is waiting"),
    })
}

#[route(GET, r"/stop-all/")]
fn stop_all(request: Request) -> Result<String> {
    let woken = pending::set_all(REQUESTS, value(&request))?;
    Ok(woken.to_string())
}

#[route(GET, r"/waiting/")]
fn waiting(_: Request) -> String {
    pending::waiting(REQUESTS).to_string()
}

fn value(request: &Request) -> String {
    let value = request.query_param("value");
    value.unwrap_or_else(|| "done".to_owned())
}

snow_guest::serve!(index, home, sleep, req, hold, req_in_place, stop, stop_all, waiting);
