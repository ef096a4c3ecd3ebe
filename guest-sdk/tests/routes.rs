//! What `#[route]` and `serve!` accept, by the fact that this compiles, and what a handler's answer
//! becomes.

use snow_guest::prelude::*;

#[route(GET, r"/text")]
fn text(_: Request) -> &'static str {
    "text"
}

#[route(GET | POST, r"/pair/(\d+)",)]
fn pair(request: Request) -> (u16, String) {
    (404, format!("no {}", request.param(0)))
}

#[route(any, r"/either", resume = resumed::again)]
fn either(request: Request) -> Result<Outcome> {
    Ok(match request.query_param("wait") {
        Some(_) => Suspension::any([]).state("waits").into(),
        None => Response::empty(204).into(),
    })
}

mod resumed {
    use super::*;

    pub fn again(resumed: Resumed) -> Result<Suspension, Refusal> {
        Ok(Suspension::all([]).state(resumed.state))
    }
}

#[route(DELETE, r"/number")]
pub(crate) fn number(request: Request) -> std::result::Result<Response, std::num::ParseIntError> {
    let number: u8 = request.text().parse()?;
    Ok(Response::text(number.to_string()))
}

#[cfg(any())]
#[route(GET, r"/never")]
fn configured_away(_: Request) -> NoSuchType {}

snow_guest::serve!(text, pair, either, self::number);

fn answer(outcome: impl IntoOutcome) -> (u16, String) {
    match outcome.into_outcome() {
        Outcome::Respond(response) => {
            (response.code(), String::from_utf8(response.body().to_vec()).unwrap())
        }
        Outcome::Suspend(suspension) => panic!("it waits: {suspension:?}"),
    }
}

#[test]
fn text_and_pairs_are_answers() {
    assert_eq!(answer(text(Request::new("GET", "/text"))), (200, "text".into()));
    let request = Request::new("POST", "/pair/7").with_param(None, "7");
    assert_eq!(answer(pair(request)), (404, "no 7".into()));
}

#[test]
fn a_handler_may_answer_or_wait() {
    assert_eq!(answer(either(Request::new("PUT", "/either"))), (204, "".into()));
    let outcome = either(Request::new("PUT", "/either?wait")).into_outcome();
    assert!(matches!(outcome, Outcome::Suspend(_)));
}

#[test]
fn an_error_does_not_leak_and_a_status_is_an_answer() {
    let bad = number(Request::new("DELETE", "/number").with_body("seven"));
    assert_eq!(answer(bad), (500, "internal server error".into()));
    let secret: Result<Response> = Err(Error::new("the password is 1234"));
    assert_eq!(answer(secret), (500, "internal server error".into()));
    let told: Result<Response> = Err(Error::status(418, "a teapot"));
    assert_eq!(answer(told), (418, "a teapot".into()));
}

#[test]
fn without_a_host_nothing_waits() {
    assert_eq!(Pending::keyed("k").unwrap_err(), Refusal::Denied);
    assert_eq!(pending::set_next("k", "v"), Ok(false));
    assert_eq!(pending::waiting("k"), 0);
    assert_eq!(pending::wait_all([], Duration::ZERO).unwrap_err(), Refusal::Denied);
    assert_eq!(pending::wait_any([], Duration::ZERO).unwrap_err(), Refusal::Denied);
}

#[test]
fn a_resumed_wait_may_go_on() {
    let resumed = Resumed::new(Cause::Settled, "state", []);
    assert!(matches!(resumed::again(resumed).into_outcome(), Outcome::Suspend(_)));
}
