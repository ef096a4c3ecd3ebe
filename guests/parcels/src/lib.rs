//! A delivery tracker: parcels are kept in the store, and whoever wants to know waits for them.
//!
//! | route | answer |
//! |---|---|
//! | `POST /parcels` `{"id","status"}` | the parcel, 201 if it is new |
//! | `GET /parcels?after=ID&limit=N` | a page of parcels, in the order of their ids |
//! | `GET /parcels/ID` | the parcel |
//! | `GET /parcels/ID/wait?after=STATUS&timeout=S` | the parcel once it has another status; 204 if it keeps this one |
//! | `GET /parcels/ID/wait?since=VERSION&timeout=S` | the parcel once it has a later version |
//! | `POST /parcels/watch` `{"seen","count","timeout"}` | those of up to 50 parcels that have changed |
//! | `GET /parcels-ui/` | a page that shows changes as they come |
//!
//! A parcel is `{"id","status","version"}`. Its version is 1 at first, and one more with each change.
//! Who waits gets `changes` beside, the last 256 of them: so nobody misses one, however fast they come.

use std::time::UNIX_EPOCH;

use snow_guest::prelude::*;
use snow_guest::system;

mod parcel;

use parcel::{Announced, News, Page, Parcel, Watch};

/// Parcels in one answer, and parcels that one request waits for.
const PARCELS_MAX: usize = 50;
/// How long a request waits if it does not say.
const WAIT: Duration = Duration::from_secs(30);
/// How long it waits at most.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// The number of parcels that were ever announced. Whoever waits for new ones waits for this key.
struct Count(Bucket);

impl Count {
    const KEY: &str = "announced";

    fn open() -> Result<Self> {
        Ok(Self(Bucket::open("parcels/count")?))
    }

    fn get(&self) -> Result<(u64, Option<store::Version>)> {
        Ok(match self.0.get(Self::KEY)? {
            Some(entry) => (entry.text().parse()?, Some(entry.version)),
            None => (0, None),
        })
    }
}

#[route(POST, r"/parcels")]
fn announce(request: Request) -> Result<Response> {
    let Announced { id, status } = request.json()?;
    if !parcel::is_id(&id) {
        return Err(Error::status(400, "`id`: 1 to 64 letters, digits, `-`, `_` and `.`"));
    }
    if status.is_empty() || status.len() > parcel::STATUS_BYTES_MAX {
        let most = parcel::STATUS_BYTES_MAX;
        return Err(Error::status(400, format_args!("`status`: text of 1 to {most} bytes")));
    }
    // Two who write at the same time are one after the other: each makes a version of its own.
    let entry = Bucket::own()?.update(&id, |held| {
        let parcel = held.map_or_else(Parcel::default, Parcel::parse_or_new);
        parcel.changed(&status).to_bytes()
    })?;
    let parcel = Parcel::parse(&entry.value)?;
    let is_new = parcel.version == 1;
    if is_new {
        // Behind the write: who is told of a new parcel finds it.
        Count::open()?.0.increment(Count::KEY, 1)?;
    }
    Ok(Response::json(&parcel.shown(&id))?.status(if is_new { 201 } else { 200 }))
}

#[route(GET, r"/parcels")]
fn list(request: Request) -> Result<Response> {
    let limit = request.query_parsed("limit")?.unwrap_or(PARCELS_MAX).clamp(1, PARCELS_MAX);
    let after = request.query_param("after").unwrap_or_default();
    let bucket = Bucket::own()?;
    // Before the keys: a parcel that comes in between is found by who waits for another count.
    let (count, _) = Count::open()?.get()?;
    let mut keys = bucket.keys("").after(&after);
    let mut parcels = Vec::new();
    for key in keys.by_ref().take(limit) {
        let key = key?;
        if let Some(entry) = bucket.get(&key)? {
            parcels.push(Parcel::parse(&entry.value)?.shown(&key));
        }
    }
    let more = keys.next().transpose()?.is_some();
    let next = parcels.last().filter(|_| more).map(|parcel| parcel.id.clone());
    Response::json(&Page { parcels, next, count })
}

#[route(GET, r"/parcels/(?P<id>[A-Za-z0-9._-]+)")]
fn show(request: Request) -> Result<Response> {
    let id = request.param_named("id");
    let entry = Bucket::own()?.get(id)?.ok_or_else(|| unknown(id))?;
    Response::json(&Parcel::parse(&entry.value)?.shown(id))
}

fn unknown(id: &str) -> Error {
    Error::status(404, format_args!("there is no parcel {id}"))
}

/// Answers at once if there is news. Else no instance waits, and [`wait_over`] looks again.
#[route(GET, r"/parcels/(?P<id>[A-Za-z0-9._-]+)/wait", resume = wait_over)]
fn wait(request: Request) -> Result<Outcome> {
    let timeout = request.query_seconds("timeout")?;
    wait_until(&request, deadline(timeout))
}

fn wait_over(resumed: Resumed) -> Result<Outcome> {
    go_on(resumed, wait_until)
}

fn wait_until(request: &Request, deadline: Duration) -> Result<Outcome> {
    let id = request.param_named("id");
    let bucket = Bucket::own()?;
    let entry = bucket.get(id)?.ok_or_else(|| unknown(id))?;
    let parcel = Parcel::parse(&entry.value)?;
    let (is_news, since) = match (request.query_parsed("since")?, request.query_param("after")) {
        (Some(since), _) => (parcel.version != since, since),
        (None, Some(after)) => (parcel.status != after, parcel.version.saturating_sub(1)),
        (None, None) => return Err(Error::status(400, "`after` or `since` is missing")),
    };
    if is_news {
        return Ok(Response::json(&parcel.shown_since(id, since))?.into());
    }
    // From the version that was looked at: a change that came since settles it at once.
    let news = bucket.changed(id, Some(entry.version))?;
    Ok(suspended(Suspension::all([news]), deadline))
}

/// Waits for several parcels at once, and for new ones: one request, and no instance.
#[route(POST, r"/parcels/watch", resume = watch_over)]
fn watch(request: Request) -> Result<Outcome> {
    let Watch { timeout, .. } = request.json()?;
    watch_until(&request, deadline(timeout.map(Duration::from_secs)))
}

fn watch_over(resumed: Resumed) -> Result<Outcome> {
    go_on(resumed, watch_until)
}

fn watch_until(request: &Request, deadline: Duration) -> Result<Outcome> {
    let Watch { seen, count: counted, .. } = request.json()?;
    if seen.len() > PARCELS_MAX {
        return Err(Error::status(400, format_args!("`seen`: at most {PARCELS_MAX} parcels")));
    }
    let (bucket, counter) = (Bucket::own()?, Count::open()?);
    let (count, version) = counter.get()?;
    let mut pendings = vec![counter.0.changed(Count::KEY, version)?];
    let mut parcels = Vec::new();
    for (id, seen) in seen {
        if !parcel::is_id(&id) {
            return Err(Error::status(400, format_args!("`seen`: {id:?} is no id")));
        }
        let entry = bucket.get(&id)?;
        pendings.push(bucket.changed(&id, entry.as_ref().map(|entry| entry.version))?);
        let Some(entry) = entry else { continue };
        let parcel = Parcel::parse(&entry.value)?;
        if parcel.version != seen {
            parcels.push(parcel.shown_since(&id, seen));
        }
    }
    if !parcels.is_empty() || counted.is_some_and(|counted| counted != count) {
        return Ok(Response::json(&News { parcels, count })?.into());
    }
    Ok(suspended(Suspension::any(pendings), deadline))
}

/// Looks again when a wait is over: what came may be no news, as a status that was set anew.
fn go_on(
    mut resumed: Resumed,
    look: impl FnOnce(&Request, Duration) -> Result<Outcome>,
) -> Result<Outcome> {
    if resumed.timed_out() {
        return Ok(Response::empty(204).into());
    }
    let deadline = Duration::from_millis(resumed.state_text().parse()?);
    let request = resumed.request.take().ok_or_else(|| Error::new("the request was not kept"))?;
    // Let go of first: pendings of the wait that is over count towards those of this call.
    drop(resumed);
    look(&request, deadline)
}

/// The time at which a wait ends, since 1970.
fn deadline(timeout: Option<Duration>) -> Duration {
    now() + timeout.unwrap_or(WAIT).min(WAIT_MAX)
}

fn suspended(suspension: Suspension, deadline: Duration) -> Outcome {
    let suspension = suspension.deadline(deadline.saturating_sub(now())).keep_request();
    suspension.state(deadline.as_millis().to_string()).into()
}

fn now() -> Duration {
    system::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[route(GET, r"/parcels-ui/")]
fn page(_: Request) -> Response {
    let csp = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'";
    Response::html(include_str!("page.html")).header("content-security-policy", csp)
}

snow_guest::serve!(announce, list, show, wait, watch, page);
