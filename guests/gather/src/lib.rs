//! Requests to other servers: many at once, one that is passed on, and the fastest of several.
//!
//! | route | answer |
//! |---|---|
//! | `GET /gather?url=…&url=…` | JSON: what each URL has answered, in order |
//! | `GET /proxy?url=…` | the answer of the URL, as it came |
//! | `GET /fastest?url=…&url=…` | the first answer that is a success; the other requests are given up |
//!
//! With `timeout=2.5` each request has so many seconds; without it, ten. No instance exists while
//! requests are under way, and none is made for the answer of `/proxy`. With `share=yes`, clients who
//! ask `/proxy` for the same URL at the same time share one request to it.
//!
//! Where the guest may send requests stands in snow.toml beside the guests (`outbound`): to this
//! machine alone.

use serde::{Deserialize, Serialize};
use snow_guest::prelude::*;

/// URLs in one request.
const URLS_MAX: usize = 32;
/// Bytes of a URL by which requests are shared: what a host takes by default (`key_bytes_max`).
const SHARED_BYTES_MAX: usize = 256;
/// How long each request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much longer the wait for them may take, so that their own end comes first.
const SPARE: Duration = Duration::from_secs(2);

/// The end of the request to one URL.
#[derive(Serialize, Deserialize)]
struct Answer {
    url: String,
    status: Option<u16>,
    /// Bytes of the content.
    bytes: Option<usize>,
    /// How long it took, in milliseconds.
    ms: Option<u64>,
    /// Why there is no answer: the code of the failure.
    error: Option<String>,
}

/// The state of a request for several URLs.
#[derive(Serialize, Deserialize)]
struct Gathered {
    answers: Vec<Answer>,
    /// The answers that the pendings of this wait are for, in their order.
    waits_for: Vec<usize>,
    /// How long the waits before this one took, in milliseconds.
    before_ms: u64,
}

/// The URLs of a request, and the time for each.
fn asked(request: &Request) -> Result<(Vec<String>, Duration)> {
    let urls: Vec<String> =
        request.query_params().filter(|(name, _)| name == "url").map(|(_, url)| url).collect();
    if urls.is_empty() || urls.len() > URLS_MAX {
        return Err(Error::status(400, format_args!("1 to {URLS_MAX} times `url=…`, please")));
    }
    Ok((urls, request.query_seconds("timeout")?.unwrap_or(TIMEOUT)))
}

#[route(GET, r"/gather", resume = one_came)]
fn gather(request: Request) -> Result<Suspension> {
    let (urls, timeout) = asked(&request)?;
    let fetches = urls.iter().map(|url| Fetch::get(url).timeout(timeout).send());
    let pendings = fetches.collect::<Result<Vec<_>, _>>()?;
    let answer = |url| Answer { url, status: None, bytes: None, ms: None, error: None };
    let waits_for = (0..urls.len()).collect();
    let answers = urls.into_iter().map(answer).collect();
    let gathered = Gathered { answers, waits_for, before_ms: 0 };
    Suspension::any(pendings).deadline(timeout + SPARE).state_of(&gathered)
}

/// Notes what has come, and waits for the rest.
fn one_came(mut resumed: Resumed) -> Result<Outcome> {
    let Gathered { mut answers, waits_for, before_ms } = resumed.state_as()?;
    let ms = before_ms + resumed.waited().as_millis() as u64;
    let mut left = Vec::new();
    for (place, index) in waits_for.into_iter().enumerate() {
        let answer = &mut answers[index];
        match resumed.response(place) {
            Some(Ok(response)) => {
                answer.status = Some(response.code());
                answer.bytes = Some(response.body().len());
            }
            Some(Err(failure)) => answer.error = Some(failure.code.clone()),
            None if resumed.timed_out() => answer.error = Some("timeout".to_owned()),
            None => {
                left.push(index);
                continue;
            }
        }
        answer.ms = Some(ms);
    }
    if left.is_empty() {
        return Ok(Response::json(&answers)?.into());
    }
    let rest = Suspension::any(resumed.take_unsettled()).keep_deadline();
    let gathered = Gathered { answers, waits_for: left, before_ms: ms };
    Ok(rest.state_of(&gathered)?.into())
}

/// Passes an answer on. Without `resume`, the host sends it by itself when it comes.
#[route(GET, r"/proxy")]
fn proxy(request: Request) -> Result<Suspension> {
    let (urls, timeout) = asked(&request)?;
    let mut fetch = Fetch::get(&urls[0]).timeout(timeout);
    let is_short = urls[0].len() <= SHARED_BYTES_MAX;
    if is_short && request.query_param("share").as_deref() == Some("yes") {
        fetch = fetch.collapse(&urls[0]);
    }
    Ok(fetch.send()?.suspend().deadline(timeout + SPARE))
}

#[route(GET, r"/fastest", resume = maybe_first)]
fn fastest(request: Request) -> Result<Suspension> {
    let (urls, timeout) = asked(&request)?;
    let fetches = urls.iter().map(|url| Fetch::get(url).timeout(timeout).send());
    let pendings = fetches.collect::<Result<Vec<_>, _>>()?;
    Ok(Suspension::any(pendings).deadline(timeout + SPARE))
}

/// Answers with the first success. What is still under way then is given up, since its pendings are
/// dropped.
fn maybe_first(mut resumed: Resumed) -> Outcome {
    let is_success = |answer: &Response| (200..300).contains(&answer.code());
    let answers = resumed.settlements().filter_map(|settlement| settlement.response().ok());
    if let Some(success) = { answers }.find(|answer| is_success(answer)) {
        return success.into_owned().into();
    }
    let left = resumed.take_unsettled();
    if left.is_empty() || resumed.timed_out() {
        return Response::text("none of them answered with a success").status(502).into();
    }
    Suspension::any(left).keep_deadline().into()
}

snow_guest::serve!(gather, proxy, fastest);
