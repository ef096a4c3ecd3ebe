//! Requests that wait twice. Each step is another call, in a new instance. What the next step must
//! know travels in the suspension's state, here a type (the SDK's feature `serde`). A pending that
//! was not settled is handed on.
//!
//! | route | answer |
//! |---|---|
//! | `/order/7` | waits for the approval, then for the stamp (0.1 seconds), then `order 7 approved` |
//! | `/order/7/approve` | `approved`, or 404 if nobody ordered 7 |
//! | `GET /race` | waits for a timer of 10 seconds (or `?seconds=…`) and for `/race/go`, whichever is first |
//! | `GET /race/go` | `go`, or 404 if nobody races |

use serde::{Deserialize, Serialize};
use snow_guest::prelude::*;

/// The step that an order waits for. A route has one `resume` function; this tells it the step.
#[derive(Serialize, Deserialize)]
enum Order {
    Approval { number: String },
    Stamp { number: String },
}

#[route(GET | POST, r"/order/(\d+)", resume = next_step)]
fn order(request: Request) -> Result<Suspension> {
    let number = request.param(0).to_owned();
    let approval = Pending::keyed(&key(&number))?;
    approval.suspend().state_of(&Order::Approval { number })
}

#[route(GET | POST, r"/order/(\d+)/approve")]
fn approve(request: Request) -> Result<(u16, &'static str)> {
    let somebody_waited = pending::set_next(&key(request.param(0)), "")?;
    Ok(match somebody_waited {
        true => (200, "approved"),
        false => (404, "nobody waits for this order"),
    })
}

fn next_step(resumed: Resumed) -> Result<Outcome> {
    Ok(match resumed.state_as()? {
        Order::Approval { number } if resumed.timed_out() => {
            Response::from((504, format!("order {number} was not approved"))).into()
        }
        Order::Approval { number } => {
            let stamp = Pending::timer(Duration::from_millis(100))?;
            stamp.suspend().state_of(&Order::Stamp { number })?.into()
        }
        Order::Stamp { number } => Response::text(format!("order {number} approved")).into(),
    })
}

fn key(number: &str) -> String {
    format!("order {number}")
}

/// The place of `/race/go` in the suspension, after the timer.
const GO: usize = 1;

/// Longer than any timer that `/race` allows.
const RACE_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
enum Race {
    /// Nobody has come yet.
    Open,
    /// Somebody came; the timer goes on.
    Won,
}

#[route(GET, r"/race", resume = finish)]
fn race(request: Request) -> Result<Suspension> {
    let time = request.query_seconds("seconds")?;
    let time = time.unwrap_or(Duration::from_secs(10));
    if time >= RACE_DEADLINE {
        return Err(Error::status(400, "`seconds` must be less than 60"));
    }
    let both = [Pending::timer(time)?, Pending::keyed("race")?];
    Suspension::any(both).deadline(RACE_DEADLINE).state_of(&Race::Open)
}

fn finish(mut resumed: Resumed) -> Result<Outcome> {
    if let Race::Won = resumed.state_as()? {
        return Ok(Response::text("the timer came").into());
    }
    if resumed.settlement(GO).is_none() {
        return Ok(Response::text("nobody raced").into());
    }
    // The timer is handed back, still running, to be waited for alone. If it has come meanwhile
    // nothing is left, and that wait is over at once.
    let left = resumed.take_unsettled();
    Ok(Suspension::all(left).deadline(RACE_DEADLINE).state_of(&Race::Won)?.into())
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
