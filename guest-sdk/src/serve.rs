//! Where the host's calls come in and find their route.

use crate::bindings::exports::snow::host::{handler, job_runner, resumer};
use crate::bindings::snow::host::http as raw_http;
use crate::bindings::snow::host::pending_handles as raw;
use crate::{Outcome, Request, Resumed, jobs, log};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

/// One route, as `#[route]` writes it.
pub struct Route {
    /// Empty for every method.
    pub methods: &'static [&'static str],
    /// A regular expression for the whole path.
    pub pattern: &'static str,
    /// Answers a request.
    pub handle: fn(Request) -> Outcome,
    /// Goes on after a wait.
    pub resume: Option<fn(Resumed) -> Outcome>,
}

/// The routes that `serve!` was given. The index of a route is its name in the host's calls.
pub trait Table {
    /// In the order of `serve!`.
    const ROUTES: &'static [Route];
    /// In the order of `serve!`.
    const JOBS: &'static [jobs::Entry];
}

impl<T: Table> handler::Guest for T {
    fn routes() -> Vec<handler::Route> {
        let owned = |route: &Route| handler::Route {
            methods: route.methods.iter().map(|&method| method.into()).collect(),
            pattern: route.pattern.into(),
        };
        T::ROUTES.iter().map(owned).collect()
    }

    fn handle(route: u32, request: raw_http::Request) -> raw::Outcome {
        log_panics();
        let route = &T::ROUTES[route as usize];
        (route.handle)(Request(request)).lower(route.resume.is_some())
    }
}

impl<T: Table> resumer::Guest for T {
    fn resume(
        route: u32,
        cause: raw::Cause,
        request: Option<raw_http::Request>,
        state: Vec<u8>,
        arrivals: Vec<raw::Arrival>,
    ) -> raw::Outcome {
        log_panics();
        let resume = T::ROUTES[route as usize]
            .resume
            .expect("only a route with `resume` asks the host to resume it");
        resume(Resumed::lift(cause, request.map(Request), state, arrivals)).lower(true)
    }
}

impl<T: Table> job_runner::Guest for T {
    fn run(job: job_runner::Job) -> Result<Vec<u8>, raw::Failure> {
        log_panics();
        let failure = |failure: crate::Failure| {
            let crate::Failure { code, message } = failure;
            raw::Failure { code, message }
        };
        jobs::run(T::JOBS, job).map_err(failure)
    }
}

/// Makes a panic say what and where in the host's log, before it ends the instance: the trap that
/// the host sees says only `unreachable`.
///
/// This is paid for by each fresh instance, and is a few stores: a hook that captures nothing is
/// not allocated, and an instance has one thread, so no lock is waited for.
fn log_panics() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("(no message)");
    match info.location() {
        Some(place) => log::error(format!("panicked at {place}: {message}")),
        None => log::error(format!("panicked: {message}")),
    }
}
