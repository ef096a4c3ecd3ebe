//! One fetch, from its first request over redirects to its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::uri::Scheme;
use http::{Method, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use snow_config::Limits;
use snow_http::{Field, Response};
use snow_runtime::{Fetch, FetchCode, FetchFailure};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{sleep, timeout};

use crate::client::GuestClient;
use crate::connect::Used;
use crate::content::{self, Bounds, Reading, Unread};
use crate::egress::Shared;
use crate::fault::{failed, failure_of_client};
use crate::fields::OfConnection;
use crate::places::Held;
use crate::relay::{Rest, WAITING_BYTES_MAX, Wish};
use crate::request::Outgoing;

/// Interim answers to a request: a server that sends more has nothing else to say.
const INTERIM_MAX: usize = 64;

/// The answer of a fetch.
pub(crate) enum Answer {
    /// All of it.
    Whole(Response),
    /// Its head, while the content is still to come.
    Relayed {
        /// The head. Its body is empty.
        head: Response,
        /// How many bytes the content has, if that is known.
        length: Option<u64>,
        /// The content.
        rest: Box<Rest>,
        /// The place of its connection.
        place: OwnedSemaphorePermit,
        /// What it may hold.
        held: Held,
    },
}

/// Does a fetch, in its time. The content of an answer that is relayed may take longer.
pub(crate) async fn run(
    shared: &Shared,
    fetch: Fetch,
    held: Held,
    wish: Wish,
) -> Result<Answer, FetchFailure> {
    let most_ms = time_ms(&fetch);
    let time = Duration::from_millis(most_ms.into());
    match timeout(time, follow(shared, fetch, held, wish, time)).await {
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
    mut wish: Wish,
    patience: Duration,
) -> Result<Answer, FetchFailure> {
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
        let place = place.await?;
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
        // The answer to a HEAD has no content, and neither has a 204, a 205 or a 304: the fields tell
        // of what there would be (RFC 9110, section 6.4.1).
        if outgoing.method == Method::HEAD || matches!(status, 204 | 205 | 304) {
            let headers = fields(&head.headers);
            return Ok(Answer::Whole(Response { status, headers, body: Vec::new() }));
        }
        let is_http2 = head.version == Version::HTTP_2;
        let unread = Unread { body, is_http2, decodes: outgoing.decodes };
        let bounds = bounds(options.response_bytes_max, limits);
        let mut reading = Reading::begin(unread, &head.headers, bounds);
        let whole = reading.whole(&mut held, limits, &shared.counts, &mut wish).await?;
        if reading.decodes() {
            head.headers.remove(CONTENT_ENCODING);
        }
        let headers = fields(&head.headers);
        let Some(body) = whole else {
            if !held.add_within(WAITING_BYTES_MAX, limits) {
                return Err(content::no_room(FetchCode::Overloaded));
            }
            return Ok(Answer::Relayed {
                head: Response { status, headers, body: Vec::new() },
                length: reading.length(),
                rest: Box::new(Rest {
                    reading,
                    patience,
                    most: Duration::from_millis(limits.fetch_timeout_ms_max.into()),
                }),
                place,
                held,
            });
        };
        return Ok(Answer::Whole(Response { status, headers, body }));
    }
}

fn bounds(own_max: Option<u32>, limits: &Limits) -> Bounds {
    Bounds {
        own_max: limits.fetch_response_bytes_max,
        wanted_max: own_max.map(|most| most as usize),
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

/// The interim answers to a request (RFC 9110, section 15.2), which are counted and left out.
struct Interim(Arc<(AtomicUsize, Notify)>);

impl Interim {
    /// Counts those to this request.
    fn of<B>(request: &mut http::Request<B>) -> Interim {
        let counts: Arc<(AtomicUsize, Notify)> = Arc::default();
        let counted = counts.clone();
        hyper::ext::on_informational(request, move |_| {
            if counted.0.fetch_add(1, Ordering::Relaxed) == INTERIM_MAX {
                counted.1.notify_one();
            }
        });
        Interim(counts)
    }

    /// Waits until there is one more than may be.
    async fn are_too_many(&self) {
        self.0.1.notified().await;
    }
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
    let host = request.uri().host().unwrap_or_default();
    let proxy = shared.clients.proxy.as_ref().filter(|proxy| proxy.serves(host));
    let mut connection = capture_connection(&mut request);
    let interim = Interim::of(&mut request);
    let answer = client.http.request(request);
    tokio::pin!(answer);
    let connected = async {
        connection.wait_for_connection_metadata().await;
    };
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        () = connected => tokio::select! {
            biased;
            () = interim.are_too_many() => {
                let message = format!("there were more than {INTERIM_MAX} interim answers (1xx)");
                let failure = failed(FetchCode::Protocol, message);
                return Err(Unanswered { failure, was_used: false });
            }
            answer = &mut answer => answer,
        },
        () = sleep(Duration::from_millis(connect_ms.into())) => {
            let failure = match proxy {
                Some(proxy) => proxy.takes_too_long(connect_ms).0,
                None => {
                    let message = format!("there was no connection in {connect_ms} ms");
                    failed(FetchCode::Timeout, message)
                }
            };
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
