//! One fetch, from its first request over redirects to its answer.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONNECTION, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use snow_config::Limits;
use snow_http::{Field, Response};
use snow_runtime::{Fetch, FetchCode, FetchFailure};
use tokio::time::{sleep, timeout};

use crate::client::GuestClient;
use crate::connect::Used;
use crate::content::{self, Bounds, Unread};
use crate::egress::Shared;
use crate::fault::{failed, failure_of_client};
use crate::fields::OfConnection;
use crate::places::Held;
use crate::request::Outgoing;

/// Does a fetch, in its time.
pub(crate) async fn run(
    shared: &Shared,
    fetch: Fetch,
    held: Held,
) -> Result<Response, FetchFailure> {
    let most_ms = time_ms(&fetch);
    let time = Duration::from_millis(most_ms.into());
    match timeout(time, follow(shared, fetch, held)).await {
        Ok(result) => result,
        Err(_) => Err(too_late(most_ms)),
    }
}

/// Returns how long a fetch may take.
pub(crate) fn time_ms(fetch: &Fetch) -> u32 {
    let wanted_ms = fetch.options.timeout_ms.unwrap_or(fetch.limits.fetch_timeout_ms);
    wanted_ms.min(fetch.limits.fetch_timeout_ms_max)
}

/// The failure of a fetch that has taken too long.
pub(crate) fn too_late(most_ms: u32) -> FetchFailure {
    failed(FetchCode::Timeout, format!("there was no whole answer in {most_ms} ms"))
}

/// Sends requests until an answer redirects no more.
async fn follow(
    shared: &Shared,
    mut fetch: Fetch,
    mut held: Held,
) -> Result<Response, FetchFailure> {
    let mut outgoing = Outgoing::of(&mut fetch)?;
    let (options, limits, rules) = (&fetch.options, &*fetch.limits, &fetch.rules);
    let redirects_max = options.redirects_max.unwrap_or(0);
    let mut redirects = 0;
    loop {
        outgoing.check(&fetch.guest, rules)?;
        let is_https = outgoing.url.scheme() == "https";
        let client = shared.clients.of(&fetch.guest, rules, is_https)?;
        let origin = outgoing.url.origin().ascii_serialization();
        let place = client.place(origin, limits.origin_fetches_max, limits.fetch_queue_ms_max);
        let _place = place.await?;
        shared.counts.sent_bytes.add(outgoing.content().len() as u64);
        let answer = send_again(shared, &client, &outgoing, &fetch).await?;
        let (mut head, body) = answer.into_parts();
        // A switch of protocols is not asked for, and others are no status at all.
        if !(200..=599).contains(&head.status.as_u16()) {
            let message = format!("the answer's status is {}", head.status.as_u16());
            return Err(failed(FetchCode::Protocol, message));
        }
        if redirects_max > 0
            && let Some(next) = outgoing.redirected(head.status, &head.headers)?
        {
            if redirects == redirects_max {
                return Err(failed(FetchCode::Protocol, "there were too many redirects"));
            }
            redirects += 1;
            shared.counts.redirected.add(1);
            outgoing = next;
            continue;
        }
        let status = head.status.as_u16();
        let unread = Unread {
            body,
            may_be: outgoing.method != Method::HEAD && !matches!(status, 204 | 304),
            decodes: outgoing.decodes,
        };
        let bounds = bounds(options.response_bytes_max, limits);
        let body =
            content::read(unread, &mut head.headers, bounds, &mut held, &shared.counts).await?;
        return Ok(Response { status, headers: fields(&head.headers), body });
    }
}

fn bounds(own_max: Option<u32>, limits: &Limits) -> Bounds {
    let own_max = own_max.map_or(usize::MAX, |most| most as usize);
    Bounds {
        own_max: own_max.min(limits.fetch_response_bytes_max),
        all_max: limits.fetches_bytes_max,
    }
}

/// Sends a request, and once more if that can't do harm: a server may close a connection that nobody
/// uses at the very moment when a request is on its way to it.
async fn send_again(
    shared: &Shared,
    client: &GuestClient,
    outgoing: &Outgoing,
    fetch: &Fetch,
) -> Result<http::Response<Incoming>, FetchFailure> {
    match send(shared, client, outgoing.request(&fetch.rules)?, fetch).await {
        Err(Unanswered { failure, was_used: true })
            if failure.code == FetchCode::Reset && outgoing.method.is_safe() =>
        {
            let again = send(shared, client, outgoing.request(&fetch.rules)?, fetch).await;
            again.map_err(|unanswered| unanswered.failure)
        }
        answer => answer.map_err(|unanswered| unanswered.failure),
    }
}

/// Why a request has no answer.
struct Unanswered {
    failure: FetchFailure,
    /// Whether its connection has brought an answer before.
    was_used: bool,
}

/// Sends one request, and waits for the head of its answer.
async fn send(
    shared: &Shared,
    client: &GuestClient,
    mut request: http::Request<Full<Bytes>>,
    fetch: &Fetch,
) -> Result<http::Response<Incoming>, Unanswered> {
    let most_ms = fetch.limits.fetch_connect_ms_max;
    let connect_ms = fetch.options.connect_timeout_ms.map_or(most_ms, |own| own.min(most_ms));
    let is_https = request.uri().scheme() == Some(&Scheme::HTTPS);
    let mut connection = capture_connection(&mut request);
    let answer = client.http.request(request);
    tokio::pin!(answer);
    let connected = async {
        connection.wait_for_connection_metadata().await;
    };
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        () = connected => answer.await,
        () = sleep(Duration::from_millis(connect_ms.into())) => {
            let message = format!("there was no connection in {connect_ms} ms");
            let failure = failed(FetchCode::Timeout, message);
            return Err(Unanswered { failure, was_used: false });
        }
    };
    let used = Used::of(&connection).unwrap_or_default();
    let answer = answer.map_err(|error| Unanswered {
        failure: failure_of_client(&error, is_https),
        was_used: used.get(),
    })?;
    used.set();
    // Without this, who asks many servers in turn would keep a connection to each of them.
    let idle = (shared.counts.connections() + 1).saturating_sub(shared.places.in_use());
    if idle > fetch.limits.fetch_idle_connections_max
        && let Some(connected) = connection.connection_metadata().as_ref()
    {
        connected.poison();
    }
    Ok(answer)
}

/// Returns the fields of an answer, less those of the connection that it came over.
fn fields(headers: &HeaderMap) -> Vec<Field> {
    let named = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    let of_connection = OfConnection::named_by(named);
    headers
        .iter()
        .filter(|(name, _)| !of_connection.has(name.as_str()))
        .map(|(name, value)| Field {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        })
        .collect()
}
