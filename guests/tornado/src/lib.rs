//! What one writes first in Tornado, as a guest: a request that waits for another one, a path with
//! a parameter, an echo, a form and a cookie.
//!
//! | route | answer |
//! |---|---|
//! | `GET /main` | `Main`, as soon as somebody asks for `/index` |
//! | `GET /index` | `Index` |
//! | `GET /story/42` | `42` |
//! | `POST /echo` | the content that was sent, under its own `content-type` |
//! | `GET /form` | a form that asks for a name |
//! | `POST /form` | `hello NAME`, and the name in a cookie |
//! | `GET /cookie` | the name in the cookie |
//! | `POST /cookie` | removes the cookie |

use snow_guest::SigningKeys;
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

#[route(GET, r"/form")]
fn form(_: Request) -> Response {
    Response::html(
        "<!doctype html><title>Form</title>\
         <form method=post><input name=name required><button>send</button></form>",
    )
}

/// In Tornado `self.get_argument("name")` and `self.set_signed_cookie("name", …)`. A form with files
/// comes by the same `form`.
#[route(POST, r"/form")]
fn greet(request: Request) -> Result<Response> {
    let form = request.form()?;
    let name = form.required("name")?;
    let cookie = Cookie::signed("name", name, &keys()?).max_age(NAME_AGE);
    let answer = Response::text(format!("hello {name}"));
    answer.cookie(cookie.http_only().same_site(SameSite::Lax))
}

/// In Tornado `self.get_signed_cookie("name")`.
#[route(GET, r"/cookie")]
fn cookie(request: Request) -> Result<String> {
    Ok(match request.signed_cookie("name", &keys()?, NAME_AGE) {
        Some(name) => format!("you are {name}"),
        None => "who are you?".to_owned(),
    })
}

/// In Tornado `self.clear_cookie("name")` and `self.redirect(…)`.
#[route(POST, r"/cookie")]
fn forget(_: Request) -> Result<Response> {
    Response::redirect(303, "cookie")?.cookie(Cookie::removal("name"))
}

/// How long a name is known.
const NAME_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// In Tornado the setting `cookie_secret`. Here it is in the store, made when it is first needed.
fn keys() -> Result<SigningKeys> {
    SigningKeys::stored(&Bucket::own()?)
}

snow_guest::serve!(main_page, index, story, echo, form, greet, cookie, forget);
