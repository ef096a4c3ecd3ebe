//! The pages that the admin listener serves in the place of guests.

use std::fmt::Write;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::errands::Errands;
use super::pending::{Questions, Wanted};
use super::query::Refused;
use super::sources::PageSources;
use super::store::{self, Change};
use super::{QUESTIONS_MAX, exposition, guests, jobs, metrics};
use serde_json::Value;
use snow_config::AdminListen;
use snow_core::{EscapeStyle, Escaped};
use snow_http::{Request, Response};
use snow_runtime::{
    Call, CallEnd, CallEntry, Guests, Level, Outcome, Ran, Route, RouteEntry, RouteId, Router,
    Slot, VersionId,
};
use snow_worker::{Common, LoopState};

#[derive(Clone, Copy)]
enum Page {
    Index,
    Alive,
    Ready,
    Metrics,
    Guests,
    Pending,
    Store,
    StoreKeys,
    StoreEntry,
    StoreExport,
    StoreImport,
    StoreDelete,
    Jobs,
    JobsKept,
    JobsRetry,
    JobsRemove,
}

/// The pages by method and path. The index of a page is the id of its route.
const PAGES: [(&str, &str, Page); 16] = [
    ("GET", "/", Page::Index),
    ("GET", "/healthz", Page::Alive),
    ("GET", "/readyz", Page::Ready),
    ("GET", "/metrics", Page::Metrics),
    ("GET", "/guests", Page::Guests),
    ("GET", "/pending", Page::Pending),
    ("GET", "/store", Page::Store),
    ("GET", "/store/keys", Page::StoreKeys),
    ("GET", "/store/entry", Page::StoreEntry),
    ("GET", "/store/export", Page::StoreExport),
    ("POST", "/store/import", Page::StoreImport),
    ("POST", "/store/delete", Page::StoreDelete),
    ("GET", "/jobs", Page::Jobs),
    ("GET", "/jobs/kept", Page::JobsKept),
    ("POST", "/jobs/retry", Page::JobsRetry),
    ("POST", "/jobs/remove", Page::JobsRemove),
];

/// The answer to whoever asks for entries of the store, of which jobs are some, elsewhere than on a
/// unix socket.
const NOT_HERE: &str = "the store's entries are shown on a unix socket alone, which nobody but \
                        this server's user can open: start it with --admin unix:/path/to.sock\n";

const INDEX: &str = "snow-host\n\n\
    /healthz   200 while every worker's loop makes progress, else 503\n\
    /readyz    200 while requests should be sent here, else 503\n\
    /metrics   metrics, for Prometheus\n\
    /guests    the guests and their versions, as JSON; as text with ?format=text\n\
    /pending   the requests that are held, oldest first, as JSON: ?limit=100&after=CURSOR\n\
    \x20          (CURSOR is `next` of the page before)\n\
    /store     what the store holds, as JSON: ?limit=100&after=BUCKET\n\
    /jobs      the jobs of guests, by numbers, and their schedules, as JSON\n";

/// How long a turn of a worker's loop may take before the worker is reported as stuck. Turns take
/// milliseconds.
const STUCK_MS: u64 = 5_000;

/// The pages in the place of guests: implements [`Guests`] with plain functions. Each page is
/// answered at once, but `/pending`, which is suspended until the workers have answered, and writes
/// to the store, which may wait for the disk.
pub struct Pages {
    router: Router,
    sources: PageSources,
    questions: Questions,
    errands: Errands,
    /// Whether the store's entries may be read and written here: on a unix socket.
    is_private: bool,
    /// Whether the host of a request may be a name: see [`takes_names`].
    takes_names: bool,
}

/// Returns whether clients may address this listener by a name.
///
/// A web page in somebody's browser could let a name of its own resolve to 127.0.0.1, and then read
/// what this listener answers (DNS rebinding). The browser sends that name as the host. So a
/// listener on a loopback address accepts only IP addresses and `localhost` as hosts. Other
/// addresses are meant for a network, whose names are not known here, and no browser can connect to
/// a unix socket.
fn takes_names(address: &AdminListen) -> bool {
    match address {
        AdminListen::Address(address) => !address.ip().is_loopback(),
        AdminListen::Unix(_) => true,
    }
}

impl Pages {
    /// Returns the pages for one worker, which has `common`.
    pub fn new(sources: PageSources, common: &Common, address: &AdminListen) -> Pages {
        let entry = |(route, (method, path, _)): (RouteId, &(&str, &str, Page))| RouteEntry {
            version: VersionId(0),
            route,
            declared: Route { methods: vec![(*method).into()], pattern: (*path).to_owned() },
            mount: "".into(),
        };
        let router = Router::new((0..).map(RouteId).zip(&PAGES).map(entry).collect())
            .expect("the patterns are valid");
        let (registry, post) = (common.registry.clone(), common.post.clone());
        let questions = Questions::new(registry.clone(), post.clone(), QUESTIONS_MAX);
        let errands = Errands::new(registry, post, QUESTIONS_MAX);
        let is_private = matches!(address, AdminListen::Unix(_));
        Pages { router, sources, questions, errands, is_private, takes_names: takes_names(address) }
    }

    /// Returns a page. If that panics, one page can't be shown: the listener goes on, since it is
    /// the place where somebody will look for the reason.
    fn show(&mut self, page: Page, request: &Request, now_ms: u64) -> Outcome {
        let shown = catch_unwind(AssertUnwindSafe(|| self.page(page, request, now_ms)));
        shown.unwrap_or_else(|_| Outcome::Respond(self.panicked(request.head.path())))
    }

    fn panicked(&self, path: &str) -> Response {
        let message = format!("the admin page {path} can't be shown: making it panicked");
        self.sources.runtime.log.host(Level::Error, message);
        Response::text(500, "internal server error\n")
    }

    fn page(&mut self, page: Page, request: &Request, now_ms: u64) -> Outcome {
        if !self.takes_names && !is_no_name(request.head.authority()) {
            return Outcome::Respond(Response::text(
                421,
                "use an IP address or localhost as the host\n",
            ));
        }
        let query = request.head.query().unwrap_or_default();
        let sources = &self.sources;
        Outcome::Respond(match page {
            Page::Index => Response::text(200, INDEX),
            Page::Alive => alive(sources, now_ms),
            Page::Ready => ready(sources),
            Page::Metrics => with_type(metrics::text(sources), exposition::CONTENT_TYPE),
            Page::Guests if query == "format=text" => Response::text(200, &guests::text(sources)),
            Page::Guests => json(&guests::json(sources)),
            Page::Pending => match Wanted::parse(query) {
                Ok(wanted) => match self.questions.ask(sources, wanted) {
                    Some(suspension) => return suspension,
                    None => Response::unavailable(),
                },
                Err(refused) => answer(Err(refused)),
            },
            Page::Store => answer(store::state(sources, query)),
            Page::Jobs => json(&jobs::numbers(sources)),
            _ if !self.is_private => Response::text(403, NOT_HERE),
            Page::StoreKeys => answer(store::keys(sources, query)),
            Page::StoreEntry => answer(store::entry(sources, query)),
            Page::StoreExport => answer(store::export(sources, query)),
            Page::JobsKept => answer(jobs::kept(sources, query)),
            Page::JobsRetry => answer(jobs::retry(sources, query)),
            Page::JobsRemove => answer(jobs::remove(sources, query)),
            Page::StoreImport => return self.change(Change::Import(request.body.clone())),
            Page::StoreDelete => match Change::delete(query) {
                Ok(change) => return self.change(change),
                Err(refused) => answer(Err(refused)),
            },
        })
    }

    /// Has a change of the store made, beside the loop.
    fn change(&mut self, change: Change) -> Outcome {
        let runtime = self.sources.runtime.clone();
        let errand = self.errands.start(move || answer(change.make(&runtime)));
        errand.unwrap_or_else(|| Outcome::Respond(Response::unavailable()))
    }

    /// Returns the page of a request that was suspended.
    fn resumed(&mut self, page: Page, state: &[u8], now_ms: u64) -> Response {
        match page {
            Page::Pending => {
                let page = self.questions.answer(&self.sources, state, now_ms);
                page.map_or_else(Response::unavailable, |page| json(&page))
            }
            _ => self.errands.answer(state),
        }
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
            CallEntry::Handle(request) => {
                self.show(PAGES[call.route.index()].2, &request.request, call.now_ms)
            }
            CallEntry::Resume { state, arrivals, .. } => {
                leftover.extend(arrivals.iter().map(|arrival| arrival.handle));
                let (_, path, page) = PAGES[call.route.index()];
                let resumed =
                    catch_unwind(AssertUnwindSafe(|| self.resumed(page, &state, call.now_ms)));
                Outcome::Respond(resumed.unwrap_or_else(|_| self.panicked(path)))
            }
        };
        Ran::Ended(CallEnd { outcome: Ok(outcome), leftover, request: None })
    }

    // `start` ends every call, so there is no call to poll.
    fn poll(&mut self, _: Slot) -> Ran {
        Ran::Yielded
    }
}

/// `/healthz`: 200 while every loop makes progress or waits for something to do.
///
/// A loop records that it waits before it does, so one that is idle is not taken for one that is
/// stuck.
fn alive(sources: &PageSources, now_ms: u64) -> Response {
    let states = sources.workers.iter().map(|worker| worker.stats.turns.state());
    let stuck: Vec<String> =
        (0..).zip(states).filter_map(|(number, state)| complaint(number, state, now_ms)).collect();
    if stuck.is_empty() {
        Response::text(200, "ok\n")
    } else {
        Response::text(503, &stuck.concat())
    }
}

fn complaint(number: usize, state: LoopState, now_ms: u64) -> Option<String> {
    let LoopState::Turns { since_ms } = state else { return None };
    let took_ms = now_ms.saturating_sub(since_ms);
    (took_ms >= STUCK_MS)
        .then(|| format!("worker {number} is stuck: its turn has taken {took_ms} ms so far\n"))
}

/// `/readyz`: 200 while guests serve and connections are accepted.
fn ready(sources: &PageSources) -> Response {
    if sources.draining.has_begun() {
        return Response::text(503, "draining\n");
    }
    match sources.serving.deployment().versions.is_empty() {
        true => Response::text(503, "no guest serves\n"),
        false => Response::text(200, "ok\n"),
    }
}

/// Returns a page about the store or jobs.
fn answer(page: Result<Value, Refused>) -> Response {
    match page {
        Ok(page) => json(&page),
        Err((status, words)) => Response::text(status, &words),
    }
}

fn with_type(body: String, content_type: &str) -> Response {
    let response = Response { status: 200, headers: Vec::new(), body: body.into_bytes() };
    // A page shows the state of now, which no cache should keep.
    response.with_field("content-type", content_type).with_field("cache-control", "no-store")
}

fn json(value: &Value) -> Response {
    let mut page = String::new();
    // People look at pages in terminals, and JSON does not have to escape all that moves a cursor.
    // Writing to a String can't fail.
    let _ = writeln!(Escaped::new(&mut page, EscapeStyle::Json), "{value:#}");
    with_type(page, "application/json")
}

/// Returns whether the host of an authority is an IP address or `localhost`. An empty authority is
/// accepted too: it comes from HTTP/1.0, which no browser speaks.
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
        for good in [
            "",
            "127.0.0.1",
            "127.0.0.1:9090",
            "[::1]",
            "[::1]:9090",
            "localhost",
            "LocalHost:1",
            "10.0.0.7",
        ] {
            assert!(is_no_name(good), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:9090",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "::1x",
        ] {
            assert!(!is_no_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_long_turn_is_stuck_and_a_long_wait_is_not() {
        assert_eq!(complaint(0, LoopState::Waits, u64::MAX), None);
        assert_eq!(complaint(0, LoopState::Ended, u64::MAX), None);
        assert_eq!(complaint(0, LoopState::Turns { since_ms: 1_000 }, 5_999), None);
        let said = complaint(3, LoopState::Turns { since_ms: 1_000 }, 6_000).unwrap();
        assert!(said.contains("worker 3") && said.contains("5000 ms"), "{said}");
    }
}
