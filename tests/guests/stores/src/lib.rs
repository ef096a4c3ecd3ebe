//! A guest that does with the store what a test asks for: a route for each operation. `?bucket=`
//! names the bucket; without it, it is the guest's own.

use snow_guest::prelude::*;
use snow_guest::store::{Only, SetOptions};

fn bucket(request: &Request) -> Result<Bucket, StoreError> {
    request.query_param("bucket").map_or_else(Bucket::own, |name| Bucket::open(&name))
}

fn only(request: &Request) -> Only {
    match request.query_param("only") {
        None => Only::Always,
        Some(absent) if absent == "absent" => Only::Absent,
        Some(version) => Only::Version(version.parse().expect("the test names a version")),
    }
}

/// Answers with what the host said, also if it refused.
fn told<T: ToString>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(StoreError::Conflict(Some(held))) => {
            format!("conflict: {} {}", held.version, held.text())
        }
        Err(error) => format!("{error:?}"),
    }
}

#[route(GET, r"/get/(.*)")]
fn get(request: Request) -> String {
    told(bucket(&request).and_then(|bucket| {
        let entry = bucket.get(request.param(0))?;
        Ok(entry.map_or("none".to_owned(), |entry| format!("{} {}", entry.version, entry.text())))
    }))
}

/// Sets a key to the body.
#[route(POST, r"/set/(.*)")]
fn set(request: Request) -> Result<String> {
    let expires = request.query_parsed("expires_ms")?.map(Duration::from_millis);
    let options = SetOptions { expires, only: only(&request) };
    Ok(told(
        bucket(&request)
            .and_then(|bucket| bucket.set_with(request.param(0), request.body(), options)),
    ))
}

#[route(POST, r"/delete/(.*)")]
fn delete(request: Request) -> String {
    told(bucket(&request).and_then(|bucket| bucket.delete_only(request.param(0), only(&request))))
}

#[route(POST, r"/increment/(.*)")]
fn increment(request: Request) -> Result<String> {
    let by = request.query_parsed("by")?.unwrap_or(1);
    Ok(told(bucket(&request).and_then(|bucket| bucket.increment(request.param(0), by))))
}

/// Adds the body and a space to a text.
#[route(POST, r"/append/(.*)")]
fn append(request: Request) -> Result<String> {
    let entry = bucket(&request)?.update(request.param(0), |held| {
        [held.unwrap_or_default(), request.body(), b" "].concat()
    })?;
    Ok(entry.text().into_owned())
}

#[route(GET, r"/keys/(.*)")]
fn keys(request: Request) -> String {
    told(bucket(&request).and_then(|bucket| {
        let keys: Result<Vec<String>, _> = bucket.keys(request.param(0)).collect();
        Ok(keys?.join(" "))
    }))
}

/// Waits for a change of a key, from the version `?since=` or from what it is now, for so many
/// `?seconds=` or a minute; without `resume`.
#[route(GET, r"/changed/(.*)")]
fn changed(request: Request) -> Result<Suspension> {
    let bucket = bucket(&request)?;
    let since = match request.query_parsed("since")? {
        Some(since) => Some(since),
        None => bucket.get(request.param(0))?.map(|entry| entry.version),
    };
    let deadline = Duration::from_secs(request.query_parsed("seconds")?.unwrap_or(60));
    Ok(bucket.changed(request.param(0), since)?.suspend().deadline(deadline))
}

/// The same, and goes on with what came.
#[route(GET, r"/resumed/(.*)", resume = came)]
fn resumed(request: Request) -> Result<Suspension> {
    changed(request)
}

fn came(resumed: Resumed) -> String {
    match resumed.settlement(0).and_then(Settlement::failure) {
        Some(failure) => format!("failed: {}", failure.code),
        None => format!("came: {}", resumed.text()),
    }
}

/// The same, in place.
#[route(GET, r"/in-place/(.*)")]
fn in_place(request: Request) -> Result<String> {
    let bucket = bucket(&request)?;
    let since = bucket.get(request.param(0))?.map(|entry| entry.version);
    let came = bucket.changed(request.param(0), since)?.wait_for(Duration::from_secs(60))?;
    Ok(came.map_or("nothing".to_owned(), |came| came.text().into_owned()))
}

/// Waits `?count=` times for a change of a key from a version that it never had, and for something
/// that never comes.
#[route(GET, r"/hold/(.*)")]
fn hold(request: Request) -> Result<Suspension> {
    let (bucket, key) = (bucket(&request)?, request.param(0));
    let count = request.query_parsed("count")?.unwrap_or(1);
    let changes: Result<Vec<Pending>, _> =
        (0..count).map(|_| bucket.changed(key, Some(1))).collect();
    let all = changes?.into_iter().chain([Pending::keyed("never")?]);
    Ok(Suspension::all(all).deadline(Duration::from_secs(60)))
}

/// Sets a key in each of `?count=` buckets, whose names begin with that of the guest.
#[route(POST, r"/spread/(\w+)")]
fn spread(request: Request) -> Result<String> {
    let count: usize = request.query_parsed("count")?.unwrap_or(1);
    for number in 0..count {
        let name = format!("{}/{number}", request.param(0));
        if let Err(refused) = Bucket::open(&name).and_then(|bucket| bucket.set("k", "v")) {
            return Ok(format!("{number}: {refused:?}"));
        }
    }
    Ok(format!("{count}"))
}

/// Opens a bucket whose name has so many bytes.
#[route(GET, r"/long/(?P<bytes>\d+)")]
fn long(request: Request) -> Result<String> {
    let bytes = request.param_as("bytes")?;
    Ok(told(Bucket::open(&"x".repeat(bytes)).map(|_| "opened")))
}

snow_guest::serve!(
    get, set, delete, increment, append, keys, changed, resumed, in_place, hold, spread, long
);
