//! Requests that wait twice. Each step is a call of its own, in a new instance; what the next step must know
//! travels in the suspension's `state`, and a pending that was not settled is handed on.
//!
//! | route | answer |
//! |---|---|
//! | `/order/7` | waits for the approval, then for the stamp (0.1 seconds), then `order 7 approved` |
//! | `/order/7/approve` | `approved`, or 404 if nobody ordered 7 |
//! | `GET /race` | waits for a timer of 10 seconds (or `?seconds=…`) and for `/race/go`, whichever is first |
//! | `GET /race/go` | `go`, or 404 if nobody races |

use snow_guest::prelude::*;

#[route(GET | POST, r"/order/(\d+)", resume = next_step)]
fn order(request: Request) -> Result<Suspension> {
    let number = request.param(0);
    let approval = Pending::keyed(&key(number))?;
    Ok(approval.suspend().state(format!("approve {number}")))
}

#[route(GET | POST, r"/order/(\d+)/approve")]
fn approve(request: Request) -> Result<(u16, &'static str)> {
    let somebody_waited = pending::set_next(&key(request.param(0)), "")?;
    Ok(match somebody_waited {
        true => (200, "approved"),
        false => (404, "nobody waits for this order"),
    })
}

/// One route has one `resume` function; the state says which step this is.
fn next_step(resumed: Resumed) -> Result<Outcome> {
    let state = resumed.state_text();
    Ok(match state.split_once(' ') {
        Some(("approve", number)) if resumed.timed_out() => {
            Response::from((504, format!("order {number} was not approved"))).into()
        }
        Some(("approve", number)) => {
            let stamp = Pending::timer(Duration::from_millis(100))?;
            stamp.suspend().state(format!("stamp {number}")).into()
        }
        Some(("stamp", number)) => Response::text(format!("order {number} approved")).into(),
        _ => return Err(Error::new(format!("no such step: {state}"))),
    })
}

fn key(number: &str) -> String {
    format!("order {number}")
}

/// The place of `/race/go` in the suspension, after the timer.
const GO: usize = 1;

/// Longer than any timer that `/race` allows.
const RACE_DEADLINE: Duration = Duration::from_secs(60);

#[route(GET, r"/race", resume = finish)]
fn race(request: Request) -> Result<Suspension> {
    let time = request.query_seconds("seconds")?;
    let time = time.unwrap_or(Duration::from_secs(10));
    if time >= RACE_DEADLINE {
        return Err(Error::status(400, "`seconds` must be less than 60"));
    }
    let both = [Pending::timer(time)?, Pending::keyed("race")?];
    Ok(Suspension::any(both).state("racing").deadline(RACE_DEADLINE))
}

fn finish(mut resumed: Resumed) -> Outcome {
    if resumed.state != b"racing" {
        return Response::text("the timer came").into();
    }
    if resumed.settlement(GO).is_none() {
        return Response::text("nobody raced").into();
    }
    // Somebody came first: the timer is handed back, still running, to be waited for alone. If it has come
    // meanwhile nothing is left, and that wait is over at once.
    let left = resumed.take_unsettled();
    Suspension::all(left).state("went").deadline(RACE_DEADLINE).into()
}

#[route(GET, r"/race/go")]
fn go(_: Request) -> Result<(u16, &'static str)> {
    let somebody_waited = pending::set_next("race", "")?;
    Ok(match somebody_waited {
        true => (200, "go"),
        false => (404, "nobody races"),
    })
}

snow_guest::serve!(order, approve, race, go);
