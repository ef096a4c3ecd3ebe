//! One fetch, from its first request over redirects to its answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use snow_config::Limits;
use snow_http::{Field, Response};
use snow_runtime::{Fetch, FetchCode, FetchFailure};
use tokio::time::{sleep, timeout};

use crate::client::{Clients, GuestClient};
use crate::content::{self, Bounds};
use crate::fault::{failed, failure_of};
use crate::places::Held;
use crate::request::{OF_THE_CONNECTION, Outgoing};

/// Does a fetch, in its time.
pub(crate) async fn run(
    clients: &Clients,
    fetch: Fetch,
    held: Held,
) -> Result<Response, FetchFailure> {
    let limits = &fetch.limits;
    let wanted_ms = fetch.options.timeout_ms.unwrap_or(limits.fetch_timeout_ms);
    let most_ms = wanted_ms.min(limits.fetch_timeout_ms_max);
    let time = Duration::from_millis(most_ms.into());
    match timeout(time, follow(clients, fetch, held)).await {
        Ok(result) => result,
        Err(_) => {
            Err(failed(FetchCode::Timeout, format!("there was no whole answer in {most_ms} ms")))
        }
    }
}

/// Sends requests until an answer redirects no more.
async fn follow(
    clients: &Clients,
    mut fetch: Fetch,
    mut held: Held,
) -> Result<Response, FetchFailure> {
    let mut outgoing = Outgoing::of(&mut fetch)?;
    let (options, limits, rules) = (&fetch.options, &*fetch.limits, &fetch.rules);
    let mut redirects = options.redirects_max.unwrap_or(0);
    loop {
        outgoing.check(rules)?;
        let client = clients.of(&fetch.guest, rules)?;
        let origin = outgoing.url.origin().ascii_serialization();
        let place = client.place(origin, limits.origin_fetches_max, limits.fetch_queue_ms_max);
        let _place = place.await?;
        let answer = send(&client, outgoing.request()?, options.connect_timeout_ms).await?;
        let (mut head, body) = answer.into_parts();
        if options.redirects_max.is_some_and(|most| most > 0)
            && let Some(next) = outgoing.redirected(head.status, &head.headers)?
        {
            let Some(left) = redirects.checked_sub(1) else {
                return Err(failed(FetchCode::Protocol, "there were too many redirects"));
            };
            (redirects, outgoing) = (left, next);
            continue;
        }
        let bounds = bounds(options.response_bytes_max, limits);
        let body =
            content::read(body, &mut head.headers, outgoing.decodes, bounds, &mut held).await?;
        let headers = fields(&head.headers);
        return Ok(Response { status: head.status.as_u16(), headers, body });
    }
}

fn bounds(own_max: Option<u32>, limits: &Limits) -> Bounds {
    let own_max = own_max.map_or(usize::MAX, |most| most as usize);
    Bounds {
        own_max: own_max.min(limits.fetch_response_bytes_max),
        all_max: limits.fetches_bytes_max,
    }
}

/// Sends one request, and waits for the head of its answer.
async fn send(
    client: &GuestClient,
    mut request: http::Request<Full<Bytes>>,
    connect_ms: Option<u32>,
) -> Result<http::Response<Incoming>, FetchFailure> {
    let Some(connect_ms) = connect_ms else {
        return client.http.request(request).await.map_err(|error| failure_of(&error));
    };
    let mut connection = capture_connection(&mut request);
    let answer = client.http.request(request);
    tokio::pin!(answer);
    let connected = async {
        connection.wait_for_connection_metadata().await;
    };
    tokio::select! {
        biased;
        answer = &mut answer => return answer.map_err(|error| failure_of(&error)),
        () = connected => {}
        () = sleep(Duration::from_millis(connect_ms.into())) => {
            let message = format!("there was no connection in {connect_ms} ms");
            return Err(failed(FetchCode::Timeout, message));
        }
    }
    answer.await.map_err(|error| failure_of(&error))
}

/// Returns the fields of an answer, less those of the connection that it came over.
fn fields(headers: &HeaderMap) -> Vec<Field> {
    let named: Vec<String> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_of_connection =
        |name: &str| OF_THE_CONNECTION.contains(&name) || named.iter().any(|own| own == name);
    headers
        .iter()
        .filter(|(name, _)| !is_of_connection(name.as_str()))
        .map(|(name, value)| Field {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        })
        .collect()
}
