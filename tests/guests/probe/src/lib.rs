//! A guest that does what a test asks for: one route for each clause of wit/snow.wit.
//!
//! A test learns a token from the log, by a line `token TOKEN`, since an answer would end the wait.

use std::sync::atomic::{AtomicU32, Ordering};

use snow_guest::prelude::*;

// ---- One pending --------------------------------------------------------------------------------

/// Waits for a token, without `resume`. `?seconds=` is the deadline, `?late=` the answer at the
/// deadline.
#[route(any, r"/wait")]
fn wait(request: Request) -> Result<Suspension> {
    let pending = Pending::create()?;
    tell(&[&pending]);
    let suspension = pending.suspend().deadline(seconds(&request)?);
    Ok(match request.query_param("late") {
        Some(late) => suspension.on_timeout((503, late)),
        None => suspension,
    })
}

/// Waits for a token; `resume` answers with what came.
#[route(any, r"/wait/resumed", resume = what_came)]
fn wait_resumed(request: Request) -> Result<Suspension> {
    let pending = Pending::create()?;
    tell(&[&pending]);
    Ok(pending.suspend().deadline(seconds(&request)?).state("1"))
}

/// Waits for a timer of `?seconds=`, which may be settled earlier by its token.
#[route(GET, r"/timer", resume = what_came)]
fn timer(request: Request) -> Result<Suspension> {
    let timer = Pending::timer(seconds(&request)?)?;
    tell(&[&timer]);
    Ok(timer.suspend().state("1"))
}

/// Settles the pending of a token, and answers with the host's result. Settles it with the value
/// `?given=`, with a failure whose message is `?failed=`, or with the response that [`answer`]
/// gives.
#[route(any, r"/settle/(.*)")]
fn settle(request: Request) -> Result<String> {
    Ok(match pending::set_result(request.param(0), settlement(&request)?) {
        Ok(()) => "ok".to_owned(),
        Err(refusal) => format!("{refusal:?}"),
    })
}

fn settlement(request: &Request) -> Result<Settlement> {
    Ok(match (request.query_param("given"), request.query_param("failed")) {
        (Some(given), _) => Settlement::from(given),
        (_, Some(message)) => Failure::new("code", message).into(),
        _ => described(request)?.into(),
    })
}

/// Waits for a pending that it has settled before, so the wait is over at once.
#[route(GET, r"/at-once", resume = what_came)]
fn at_once(_: Request) -> Result<Suspension> {
    let pending = Pending::create()?;
    pending::set_result(&pending.token(), "before")?;
    Ok(pending.suspend().state("1"))
}

/// Creates a pending and does not return it, so it is released when this call ends.
#[route(GET, r"/release")]
fn release(_: Request) -> Result<&'static str> {
    tell(&[&Pending::create()?]);
    Ok("released")
}

// ---- Several ------------------------------------------------------------------------------------

/// Waits for two tokens, logged in their order; `resume` answers with what came.
#[route(GET, r"/two/(all|any)", resume = what_came)]
fn two(request: Request) -> Result<Suspension> {
    two_plain(request)
}

/// Waits for two tokens, without `resume`.
#[route(GET, r"/two/(all|any)/plain")]
fn two_plain(request: Request) -> Result<Suspension> {
    let both = [Pending::create()?, Pending::create()?];
    tell(&[&both[0], &both[1]]);
    Ok(join(&request, both.into()).deadline(seconds(&request)?).state("2"))
}

/// Waits for no pending at all; `resume` answers with what came.
#[route(GET, r"/none/(all|any)", resume = what_came)]
fn none(request: Request) -> Result<Suspension> {
    none_plain(request)
}

/// Waits for no pending at all, without `resume`.
#[route(GET, r"/none/(all|any)/plain")]
fn none_plain(request: Request) -> Result<Suspension> {
    Ok(join(&request, Vec::new()).deadline(seconds(&request)?).state("0"))
}

/// Waits for any of two tokens, then for the one that is left, until both are settled.
#[route(GET, r"/each", resume = next)]
fn each(request: Request) -> Result<Suspension> {
    let both = [Pending::create()?, Pending::create()?];
    tell(&[&both[0], &both[1]]);
    Ok(Suspension::any(both).deadline(seconds(&request)?).state("2 "))
}

fn next(mut resumed: Resumed) -> Outcome {
    let state = resumed.state_text().into_owned();
    let (count, mut seen) =
        state.split_once(' ').map(|(count, seen)| (number(count), seen.to_owned())).unwrap();
    seen += &format!("[{}]", describe(&resumed, count));
    let left: Vec<Pending> = (0..count).filter_map(|index| resumed.take(index)).collect();
    if left.is_empty() || resumed.timed_out() {
        return Response::text(seen).into();
    }
    let state = format!("{} {seen}", left.len());
    Suspension::any(left).state(state).deadline(Duration::from_secs(60)).into()
}

/// Creates two pendings under one key. Settles the first and drops it, which passes its value to
/// the second.
#[route(GET, r"/passes-on", resume = what_came)]
fn passes_on(request: Request) -> Result<Suspension> {
    let key = request.id();
    let (first, second) = (Pending::keyed(key)?, Pending::keyed(key)?);
    let counted = pending::waiting(key);
    let somebody_waited = pending::set_next(key, "passed on")?;
    log::info(format!(
        "{counted} waited, then {}; settled: {somebody_waited}",
        pending::waiting(key)
    ));
    drop(first);
    Ok(second.suspend().state("1"))
}

// ---- State and request --------------------------------------------------------------------------

/// Suspends with a state of so many bytes; `resume` answers with how many came back.
#[route(GET, r"/state/(\d+)", resume = state_came)]
fn state(request: Request) -> Suspension {
    Suspension::all([]).state(vec![b's'; number(request.param(0))])
}

fn state_came(resumed: Resumed) -> String {
    format!("{} bytes", resumed.state.len())
}

/// Suspends and keeps its request, or not; `resume` answers with what it got.
#[route(any, r"/(keep|forget)", resume = request_came)]
fn keep(request: Request) -> Suspension {
    match request.param(0) {
        "keep" => Suspension::all([]).keep_request(),
        _ => Suspension::all([]),
    }
}

fn request_came(resumed: Resumed) -> String {
    resumed.request.map_or_else(|| "no request".to_owned(), |request| shown(&request))
}

// ---- Limits -------------------------------------------------------------------------------------

/// Creates a thousand pendings, or as many as it may.
#[route(GET, r"/many")]
fn many(_: Request) -> String {
    let made: std::result::Result<Vec<_>, _> =
        (0..1000).map(|index| Pending::create().map_err(|refusal| (index, refusal))).collect();
    match made {
        Ok(made) => format!("{}", made.len()),
        Err((made, refusal)) => format!("{made}, then {refusal:?}"),
    }
}

/// Uses a key of the greatest length, and one that is longer.
#[route(GET, r"/keys")]
fn keys(_: Request) -> String {
    let (good, long) = ("k".repeat(256), "k".repeat(257));
    let made = [Pending::keyed(&good).err(), Pending::keyed(&long).err()];
    let settled = [pending::set_next(&good, "").err(), pending::set_next(&long, "").err()];
    let all = [pending::set_all(&good, "").err(), pending::set_all(&long, "").err()];
    format!("{made:?} {settled:?} {all:?} {}", pending::waiting(&long))
}

// ---- Several guests -----------------------------------------------------------------------------

// A test that needs two guests serves this one twice, once with `guest-b` written over `guest-a` in
// its bytes.

/// Waits under a key, or without one. Answers with the host's refusal, if there is one.
#[route(GET, r"/guest-a/wait(/(.*))?")]
fn wait_keyed(request: Request) -> Result<Outcome> {
    let created = match request.param(0) {
        "" => Pending::create(),
        _ => Pending::keyed(request.param(1)),
    };
    Ok(match created {
        Err(refusal) => Response::text(format!("{refusal:?}")).into(),
        Ok(pending) => {
            tell(&[&pending]);
            pending.suspend().deadline(seconds(&request)?).into()
        }
    })
}

/// Settles pendings under a key, or the pending of a token, with what [`settle`] would take.
#[route(any, r"/guest-a/(next|all|token)/(.*)")]
fn settle_keyed(request: Request) -> Result<String> {
    let (to, settlement) = (request.param(1), settlement(&request)?);
    Ok(match request.param(0) {
        "next" => format!("{:?}", pending::set_next(to, settlement)),
        "all" => format!("{:?}", pending::set_all(to, settlement)),
        _ => format!("{:?}", pending::set_result(to, settlement)),
    })
}

/// Answers with how many pendings wait under a key.
#[route(GET, r"/guest-a/waiting/(.*)")]
fn waiting(request: Request) -> String {
    pending::waiting(request.param(0)).to_string()
}

/// Settles with settlements of so many bytes, of each kind and in each way. Answers with the
/// results.
#[route(GET, r"/guest-a/settlements/(\d+)")]
fn settlements(request: Request) -> Result<String> {
    let bytes = number(request.param(0));
    let text = "t".repeat(bytes);
    let (name, value) = ("x".repeat(bytes / 2), "y".repeat(bytes - bytes / 2));
    let settlements: [Settlement; 4] = [
        text.as_str().into(),
        Response::bytes(text.clone()).into(),
        Response::bytes("").header(&name, value.as_str()).into(),
        Failure::new(&text[..bytes / 2], &text[bytes / 2..]).into(),
    ];
    let mut said = String::new();
    for settlement in settlements {
        let pending = Pending::keyed(request.id())?;
        said += &format!("{:?} ", pending::set_result(&pending.token(), settlement.clone()));
        drop(pending);
        let _pending = Pending::keyed(request.id())?;
        said += &format!("{:?} ", pending::set_next(request.id(), settlement.clone()));
        said += &format!("{:?}, ", pending::set_all(request.id(), settlement));
    }
    Ok(said)
}

// ---- Answers and lines --------------------------------------------------------------------------

/// Answers as the query describes: `?status=`, `?name=` and `?value=` of a field, `?body=`.
#[route(any, r"/answer")]
fn answer(request: Request) -> Result<Response> {
    described(&request)
}

/// Makes the response that a query describes.
fn described(request: &Request) -> Result<Response> {
    let body = request.query_param("body").unwrap_or_default();
    let response = Response::bytes(body).status(request.query_parsed("status")?.unwrap_or(200));
    Ok(match request.query_param("name") {
        Some(name) => response.header(&name, request.query_param("value").unwrap_or_default()),
        None => response,
    })
}

/// Answers with a body of so many bytes.
#[route(GET, r"/bytes/(\d+)")]
fn bytes(request: Request) -> Response {
    Response::bytes(vec![b'b'; number(request.param(0))])
}

/// Answers with the request as this guest sees it.
#[route(any, r"/show/(?P<first>[^/]*)(/(?P<second>.*))?")]
fn show(request: Request) -> String {
    shown(&request)
}

/// Logs lines that try to look like lines of others.
#[route(GET, r"/say")]
fn say(_: Request) -> &'static str {
    log::warn("one line\nerror guest=other forged\x1b[31m");
    log::info("l".repeat(5000));
    "said"
}

/// Answers with how many calls this instance has served.
#[route(GET, r"/count")]
fn count(_: Request) -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string()
}

/// Panics.
#[route(GET, r"/panic")]
fn panic(_: Request) -> Response {
    panic!("on purpose");
}

// ---- Words --------------------------------------------------------------------------------------

/// Logs the tokens of pendings.
fn tell(pendings: &[&Pending]) {
    for pending in pendings {
        log::info(format!("token {}", pending.token()));
    }
}

fn seconds(request: &Request) -> Result<Duration> {
    Ok(request.query_seconds("seconds")?.unwrap_or(Duration::from_secs(60)))
}

fn join(request: &Request, pendings: Vec<Pending>) -> Suspension {
    match request.param(0) {
        "all" => Suspension::all(pendings),
        _ => Suspension::any(pendings),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// `resume` of most routes. The state is the number of pendings.
fn what_came(resumed: Resumed) -> String {
    describe(&resumed, number(&resumed.state_text()))
}

fn describe(resumed: &Resumed, count: usize) -> String {
    let mut text = format!("{:?}", resumed.cause);
    for index in 0..count {
        text += &match resumed.settlement(index) {
            None => " -".to_owned(),
            Some(Settlement::Value(value)) => format!(" value:{}", String::from_utf8_lossy(value)),
            Some(Settlement::Failed(failure)) => format!(" failed:{}", failure.message),
            Some(Settlement::Response(response)) => {
                format!(
                    " response:{}:{}",
                    response.code(),
                    String::from_utf8_lossy(response.body())
                )
            }
        };
    }
    text
}

/// Returns a request as text, with a line for each part.
fn shown(request: &Request) -> String {
    let mut text = format!("method {}\npath {}\n", request.method(), request.path());
    text += &format!(
        "query {:?}\nauthority {}\nid {}\n",
        request.query(),
        request.authority(),
        request.id()
    );
    text += &format!("client {}\nscheme {}\n", request.client(), request.scheme());
    if request.path().starts_with("/show/") {
        text += &format!(
            "params {:?} {:?}\n",
            request.param_named("first"),
            request.param_named("second")
        );
    }
    for (name, value) in request.headers() {
        text += &format!("field {name}: {}\n", value.escape_ascii());
    }
    text += &format!("body {}", request.body().escape_ascii());
    text
}

snow_guest::serve!(
    wait,
    wait_resumed,
    timer,
    settle,
    at_once,
    release,
    two,
    two_plain,
    none,
    none_plain,
    each,
    passes_on,
    state,
    keep,
    many,
    keys,
    wait_keyed,
    settle_keyed,
    waiting,
    settlements,
    answer,
    bytes,
    show,
    say,
    count,
    panic,
);
