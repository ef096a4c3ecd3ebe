//! A guest that says what it knows of its deployment and of its waits, by the SDK for Rust.

use snow_guest::deployment;
use snow_guest::prelude::*;

/// Where it is found.
#[route(GET, r"/links")]
fn links(request: Request) -> String {
    let [url, path] = [request.url_for("/orders?a=b"), request.path_for("/orders")];
    format!("{url} {path} {} {:?}", deployment::cookie_path(), deployment::base_url())
}

/// The same, in a call that has no request.
#[route(GET, r"/links/later", resume = later)]
fn links_later(_: Request) -> Result<Suspension> {
    Ok(Pending::timer(Duration::ZERO)?.suspend())
}

fn later(_: Resumed) -> String {
    format!("{} {:?}", deployment::mount(), deployment::base_url())
}

/// A value, and what a debugger shows of a secret.
#[route(GET, r"/config/(\w+)")]
fn value(request: Request) -> Result<String> {
    let key = request.param(0);
    let number: Option<u32> = config::parsed("number")?;
    Ok(format!("{:?} {:?} {number:?} {:?}", config::get(key), config::secret(key), config::all()))
}

/// Waits under a key for `?ms=` in all, however often it is settled.
#[route(GET, r"/wait/(\w+)", resume = waited)]
fn wait(request: Request) -> Result<Suspension> {
    let ms = request.query_parsed("ms")?.unwrap_or(1_000);
    let key = request.param(0);
    let suspension = Pending::keyed(key)?.suspend().deadline(Duration::from_millis(ms));
    Ok(suspension.state(format!("{key} 0 0")))
}

fn waited(resumed: Resumed) -> Result<Outcome> {
    let state = resumed.state_text();
    let mut words = state.split(' ');
    let key = words.next().unwrap_or_default();
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0_u128);
    let (times, ms) = (number() + 1, number() + resumed.waited().as_millis());
    if resumed.timed_out() {
        let left = resumed.left().as_millis();
        return Ok(Response::text(format!("{times} {ms} {left}")).into());
    }
    if resumed.text() == "how long" {
        let left = resumed.left().as_millis();
        return Ok(Response::text(format!("{times} {ms} {left}")).into());
    }
    let again = Pending::keyed(key)?.suspend().keep_deadline();
    Ok(again.state(format!("{key} {times} {ms}")).into())
}

/// A wait that is over already, of which a call keeps the deadline all the same.
#[route(GET, r"/over", resume = over)]
fn over_at_once(_: Request) -> Result<Suspension> {
    Ok(Pending::create()?.suspend().deadline(Duration::from_millis(1)).keep_deadline())
}

fn over(resumed: Resumed) -> Result<Outcome> {
    let step = resumed.state_text().len();
    if step == 3 {
        return Ok(Response::text(format!("{:?}", resumed.cause)).into());
    }
    let again = Pending::create()?.suspend().keep_deadline();
    Ok(again.state("x".repeat(step + 1)).into())
}

/// Settles the first that waits under a key, with the content.
#[route(POST, r"/next/(\w+)")]
fn next(request: Request) -> Result<String> {
    Ok(pending::set_next(request.param(0), request.text().into_owned())?.to_string())
}

snow_guest::serve!(links, links_later, value, wait, over_at_once, next);
