//! What one writes first in Tornado, as a guest: a request that waits for another one, a path with
//! a parameter, and an echo.
//!
//! | route | answer |
//! |---|---|
//! | `GET /main` | `Main`, as soon as somebody asks for `/index` |
//! | `GET /index` | `Index` |
//! | `GET /story/42` | `42` |
//! | `POST /echo` | the content that was sent, under its own `content-type` |

use snow_guest::prelude::*;

/// In Tornado `yield future`: here the call ends, and only the connection waits. Nothing is left to
/// do when it is over, so there is no `resume`: `/index` settles it with the whole answer.
#[route(GET, r"/main")]
fn main_page(_: Request) -> Result<Suspension> {
    let suspension = Pending::keyed("main")?.suspend();
    Ok(suspension.on_timeout((504, "nobody asked for /index")))
}

/// In Tornado `future.set_result(…)`.
#[route(GET, r"/index")]
fn index(_: Request) -> Result<&'static str> {
    pending::set_all("main", Response::text("Main"))?;
    Ok("Index")
}

#[route(GET, r"/story/(?P<id>[0-9]+)")]
fn story(request: Request) -> Response {
    Response::text(request.param_named("id"))
}

#[route(POST, r"/echo")]
fn echo(request: Request) -> Response {
    let kind = request.header_bytes("content-type");
    let kind = kind.unwrap_or(b"application/octet-stream").to_vec();
    Response::bytes(request.into_body()).header("content-type", kind)
}

snow_guest::serve!(main_page, index, story, echo);
