//! One fetch by the script, from its first request over redirects to its answer.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use snow_http::{Field, Response};
use snow_runtime::{Fetch, FetchCode, FetchFailure};

use super::{UpstreamAnswer, UpstreamEnd, UpstreamRequest, Upstreams};
use crate::exchange::too_late;
use crate::fault::failed;
use crate::fields::OfConnection;
use crate::request::Outgoing;

/// Returns how a fetch ends that may take so long, and after which time.
pub(super) fn end_of(
    upstreams: &dyn Upstreams,
    fetch: &mut Fetch,
    most_ms: u32,
) -> (u32, Result<Response, FetchFailure>) {
    let mut after_ms = 0;
    let end = follow(upstreams, fetch, &mut after_ms);
    match end {
        Ok(Some(response)) if after_ms <= most_ms => (after_ms, Ok(response)),
        Err(failure) if after_ms <= most_ms => (after_ms, Err(failure)),
        _ => (most_ms, Err(too_late(most_ms))),
    }
}

/// Asks until an answer redirects no more. `None` if there is never one.
fn follow(
    upstreams: &dyn Upstreams,
    fetch: &mut Fetch,
    after_ms: &mut u32,
) -> Result<Option<Response>, FetchFailure> {
    let mut outgoing = Outgoing::of(fetch)?;
    let redirects_max = fetch.options.redirects_max.unwrap_or(0);
    let mut redirects = 0;
    loop {
        outgoing.check(&fetch.guest, &fetch.rules)?;
        let asked = as_it_comes(&outgoing, fetch)?;
        let UpstreamAnswer { after_ms: took_ms, end } = upstreams.answer(&asked);
        *after_ms = after_ms.saturating_add(took_ms);
        let response = match end {
            UpstreamEnd::Response(response) => response,
            UpstreamEnd::Failure(failure) => return Err(failure),
            UpstreamEnd::Never => return Ok(None),
        };
        let status = StatusCode::from_u16(response.status).map_err(|_| {
            failed(FetchCode::Protocol, format!("the answer's status is {}", response.status))
        })?;
        if redirects_max > 0
            && let Some(next) = outgoing.redirected(status, &map_of(&response.headers))?
        {
            if redirects == redirects_max {
                return Err(failed(FetchCode::Protocol, "there were too many redirects"));
            }
            redirects += 1;
            outgoing = next;
            continue;
        }
        return as_it_is_told(response, &outgoing.method, fetch).map(Some);
    }
}

/// Returns a request as the other server would get it.
fn as_it_comes(outgoing: &Outgoing, fetch: &Fetch) -> Result<UpstreamRequest, FetchFailure> {
    let request = outgoing.request(&fetch.rules)?;
    let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    Ok(UpstreamRequest {
        method: outgoing.method.to_string(),
        url: outgoing.url.to_string(),
        headers: request.headers().iter().map(field).collect(),
        body: outgoing.content().to_vec(),
    })
}

/// Returns an answer as the guest gets it.
fn as_it_is_told(
    response: Response,
    method: &Method,
    fetch: &Fetch,
) -> Result<Response, FetchFailure> {
    let Response { status, headers, mut body } = response;
    if *method == Method::HEAD || matches!(status, 204 | 304) {
        body.clear();
    }
    let own_max = fetch.options.response_bytes_max.map_or(usize::MAX, |most| most as usize);
    let most = own_max.min(fetch.limits.fetch_response_bytes_max);
    if body.len() > most {
        let message = format!("the content has more than {most} bytes");
        return Err(failed(FetchCode::TooLarge, message));
    }
    let connection = headers.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
    let of_connection = OfConnection::named_by(connection.map(|field| &field.value[..]));
    let mut told = Vec::with_capacity(headers.len());
    for Field { name, value } in headers {
        let name = name.to_ascii_lowercase();
        if !of_connection.has(&name) {
            told.push(Field { name, value });
        }
    }
    Ok(Response { status, headers: told, body })
}

fn map_of(headers: &[Field]) -> HeaderMap {
    let field = |field: &Field| {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(&field.value).ok()?))
    };
    headers.iter().filter_map(field).collect()
}
