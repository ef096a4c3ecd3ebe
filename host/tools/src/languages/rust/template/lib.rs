//! The guest NAME. `snow-host build` compiles it to NAME.wasm, `snow-host run` serves it, and
//! `snow-host test` runs the cases in NAME.test.toml.
//!
//! | route | answer |
//! |---|---|
//! | `GET /NAME/hello/ada` | `hello ada` |
//! | `GET /NAME/orders/7` | waits until order 7 is approved; after 30 seconds 504 |
//! | `POST /NAME/orders/7/approve` | approves it with the request's body, or 404 if nobody waits |

use snow_guest::prelude::*;

/// Answers at once. The pattern is a regular expression for the whole path.
#[route(GET, r"/NAME/hello/(?P<who>\w+)")]
fn hello(request: Request) -> String {
    format!("hello {}", request.param_named("who"))
}

/// Waits for an approval. Returning a suspension ends this call and its instance; the host keeps
/// the client's connection until somebody settles the key, or the deadline passes. Then it calls
/// the `resume` function.
#[route(GET, r"/NAME/orders/(\d+)", resume = approved)]
fn order(request: Request) -> Result<Suspension> {
    let number = request.param(0);
    let approval = Pending::keyed(&key(number))?;
    // The resumed call runs in a new instance, which gets nothing from this one but the state.
    Ok(approval.suspend().state(number).deadline(Duration::from_secs(30)))
}

/// Answers the request that waited.
fn approved(resumed: Resumed) -> (u16, String) {
    let number = resumed.state_text();
    if resumed.timed_out() {
        return (504, format!("nobody approved order {number}"));
    }
    (200, format!("order {number}: {}", resumed.text()))
}

/// Settles what another request waits for: the one that has waited longest under the key gets this
/// text.
#[route(POST, r"/NAME/orders/(\d+)/approve")]
fn approve(request: Request) -> Result<(u16, &'static str)> {
    let somebody_waited = pending::set_next(&key(request.param(0)), request.body())?;
    Ok(match somebody_waited {
        true => (200, "approved"),
        false => (404, "nobody waits for this order"),
    })
}

/// Returns the key of an order. All guests share the host's keys, so it begins with the guest's
/// name.
fn key(number: &str) -> String {
    format!("NAME/orders/{number}")
}

snow_guest::serve!(hello, order, approve);
