//! The pages, in the place of guests: a [`Guests`] of plain functions. Each answers at once, but for `/pending`, which
//! waits for the workers.

use std::net::IpAddr;
use std::sync::Arc;

use super::pending::{Questions, Wanted};
use super::sources::Sources;
use super::{QUESTIONS_MAX, exposition, guests, health, metrics};
use snow_config::AdminListen;
use snow_http::{Request, Response};
use snow_runtime::{
    Call, CallEnd, CallEntry, Guests, Outcome, Ran, Route, RouteEntry, RouteId, Router, Slot, VersionId,
};
use snow_worker::Common;

#[derive(Clone, Copy)]
enum Page {
    Index,
    Alive,
    Ready,
    Metrics,
    Guests,
    Pending,
}

/// Their paths, in the order of their routes.
const PAGES: [(&str, Page); 6] = [
    ("/", Page::Index),
    ("/healthz", Page::Alive),
    ("/readyz", Page::Ready),
    ("/metrics", Page::Metrics),
    ("/guests", Page::Guests),
    ("/pending", Page::Pending),
];

const INDEX: &str = "snow-host\n\n\
    /healthz   whether every worker's loop turns: 200 or 503\n\
    /readyz    whether requests are to be sent here: 200 or 503\n\
    /metrics   what is counted, for Prometheus\n\
    /guests    what is deployed, as JSON; for people ?format=text\n\
    /pending   what is held, oldest first, as JSON: ?limit=100&after=CURSOR, which `next` says\n";

/// See the module's text.
pub struct Pages {
    router: Router,
    sources: Sources,
    questions: Questions,
    /// Whether a request's host may be a name.
    takes_names: bool,
}

/// Whether whoever asks may call this listener by a name.
///
/// A page in somebody's browser may look up a name of its own as 127.0.0.1 and read what is here, for which the browser
/// sends the name as the host. So on a loopback address only an IP address and `localhost` are taken. Other addresses are
/// for a network, whose names are not known here; and no browser can reach a unix socket.
pub fn takes_names(address: &AdminListen) -> bool {
    match address {
        AdminListen::Address(address) => !address.ip().is_loopback(),
        AdminListen::Unix(_) => true,
    }
}

impl Pages {
    /// Pages for one worker.
    pub fn new(sources: Sources, shared: &Common, takes_names: bool) -> Pages {
        let entry = |(route, (path, _)): (RouteId, &(&str, Page))| RouteEntry {
            version: VersionId(0),
            route,
            declared: Route { methods: vec!["GET".into()], pattern: (*path).to_owned() },
            mount: "".into(),
        };
        let router = Router::new((0..).map(RouteId).zip(&PAGES).map(entry).collect()).expect("these patterns are fine");
        let questions = Questions::new(shared.registry.clone(), shared.post.clone(), QUESTIONS_MAX);
        Pages { router, sources, questions, takes_names }
    }

    fn show(&mut self, page: Page, request: &Request, now_ms: u64) -> Outcome {
        if !self.takes_names && !is_no_name(request.head.authority()) {
            return Outcome::Respond(Response::text(421, "the host has to be an IP address or localhost\n"));
        }
        let query = request.head.query().unwrap_or_default();
        let sources = &self.sources;
        Outcome::Respond(match page {
            Page::Index => Response::text(200, INDEX),
            Page::Alive => health::alive(sources, now_ms),
            Page::Ready => health::ready(sources),
            Page::Metrics => with_type(metrics::text(sources), exposition::CONTENT_TYPE),
            Page::Guests if query == "format=text" => Response::text(200, &guests::text(sources)),
            Page::Guests => json(&guests::json(sources)),
            Page::Pending => match Wanted::parse(query) {
                Ok(wanted) => match self.questions.ask(sources, wanted) {
                    Some(waits) => return waits,
                    None => Response::unavailable(),
                },
                Err(wrong) => Response::text(400, &wrong),
            },
        })
    }
}

impl Guests for Pages {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, _: VersionId) -> Arc<str> {
        "admin".into()
    }

    fn has_resume(&self, _: VersionId) -> bool {
        true
    }

    fn start(&mut self, _: Slot, call: Call) -> Ran {
        let mut leftover = Vec::new();
        let outcome = match call.entry {
            CallEntry::Handle(request) => self.show(PAGES[call.route.index()].1, &request.request, call.now_ms),
            CallEntry::Resume { state, arrivals, .. } => {
                leftover.extend(arrivals.iter().map(|arrival| arrival.handle));
                let page = self.questions.answer(&self.sources, &state, call.now_ms);
                Outcome::Respond(page.map_or_else(Response::unavailable, |page| json(&page)))
            }
        };
        Ran::Ended(CallEnd { outcome: Ok(outcome), leftover, request: None })
    }

    // No call goes on, or waits in place.
    fn poll(&mut self, _: Slot) -> Ran {
        Ran::Yielded
    }
}

fn with_type(body: String, content_type: &str) -> Response {
    let response = Response { status: 200, headers: Vec::new(), body: body.into_bytes() };
    // What is true now is not true later.
    response.with_field("content-type", content_type).with_field("cache-control", "no-store")
}

fn json(value: &serde_json::Value) -> Response {
    with_type(format!("{value:#}\n"), "application/json")
}

/// Whether an authority has an IP address or `localhost` as its host, or nothing (HTTP/1.0, which no browser speaks).
fn is_no_name(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    authority.is_empty() || host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_a_name_is_told_from_an_address() {
        for good in ["", "127.0.0.1", "127.0.0.1:9090", "[::1]", "[::1]:9090", "localhost", "LocalHost:1", "10.0.0.7"] {
            assert!(is_no_name(good), "{good}");
        }
        for bad in ["evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example", "::1x"] {
            assert!(!is_no_name(bad), "{bad}");
        }
    }
}
