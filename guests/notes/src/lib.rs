//! Notes of users who log in: forms, passwords, sessions, and pages of templates.
//!
//! | route | answer |
//! |---|---|
//! | `GET /notes/` | the user's page, or the form to log in |
//! | `GET /notes/sign-up`, `GET /notes/log-in` | a form for a name and a password |
//! | `POST /notes/sign-up`, `POST /notes/log-in` | begins a session, and sends the client to the user's page |
//! | `GET /notes/of/NAME` | the user's notes, for the user alone |
//! | `POST /notes/of/NAME` | one note more |
//! | `POST /notes/log-out` | ends the session |
//!
//! Passwords are kept as hashes that are slow on purpose (argon2id, see [`users`]). A session ends an
//! hour after its last use. Each form has a token of its session, so that no other site can send it:
//! without it, the answer is a 403.
//!
//! All is in the store: without `--data` users are gone with the process. The guest is called
//! `notes`, since its buckets are.

use askama::Template;
use snow_guest::prelude::*;
use snow_guest::{Session, Sessions, SigningKeys};

mod users;

/// How long a session lives that is not used.
const SESSION_LIFETIME: Duration = Duration::from_secs(3_600);
/// Notes that a user may have.
const NOTES_MAX: i64 = 100;
/// Bytes of a note.
const NOTE_BYTES_MAX: usize = 2_000;
/// The name under which a session keeps who is logged in.
const USER: &str = "user";

fn sessions() -> Result<Sessions> {
    let keys = SigningKeys::stored(&Bucket::own()?)?;
    // Below this path alone, so that no other guest of the server is sent the cookie.
    let sessions = Sessions::open("notes/sessions")?.cookie("notes").path("/notes");
    Ok(sessions.lifetime(SESSION_LIFETIME).signed(keys))
}

/// The page with the form for a name and a password. Its template escapes what it shows.
#[derive(Template)]
#[template(path = "enter.html")]
struct Enter<'a> {
    title: &'a str,
    action: &'a str,
    fault: &'a str,
    csrf: String,
}

/// A user's page.
#[derive(Template)]
#[template(path = "notes.html")]
struct Notes<'a> {
    title: &'a str,
    name: &'a str,
    notes: Vec<String>,
    csrf: String,
}

fn page(template: &impl Template) -> Result<Response> {
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let page = Response::page(template)?;
    Ok(page.header("content-security-policy", csp).header("cache-control", "no-store"))
}

/// The form to log in or to sign up, with what was wrong before.
fn enter(session: &mut Session<'_>, action: &str, fault: &str) -> Result<Response> {
    let title = if action == "sign-up" { "Sign up" } else { "Log in" };
    let csrf = session.csrf_token()?;
    page(&Enter { title, action, fault, csrf })
}

#[route(GET, r"/notes/")]
fn index(request: Request) -> Result<Response> {
    let sessions = sessions()?;
    let session = sessions.of(&request)?;
    let place = match session.get(USER) {
        Some(name) => Response::redirect(303, &format!("of/{name}")),
        None => Response::redirect(303, "log-in"),
    };
    session.save(place?)
}

#[route(GET, r"/notes/(sign-up|log-in)")]
fn enter_form(request: Request) -> Result<Response> {
    let sessions = sessions()?;
    let mut session = sessions.of(&request)?;
    let form = enter(&mut session, request.param(0), "")?;
    session.save(form)
}

#[route(POST, r"/notes/sign-up")]
fn sign_up(request: Request) -> Result<Response> {
    let (sessions, form) = (sessions()?, request.form()?);
    let mut session = sessions.of(&request)?;
    session.check_csrf(form.field("csrf"))?;
    let (name, password) = (form.required("name")?, form.required("password")?);
    match users::add(name, password)? {
        Ok(()) => begin(session, name),
        Err(fault) => {
            let form = enter(&mut session, "sign-up", fault)?.status(409);
            session.save(form)
        }
    }
}

#[route(POST, r"/notes/log-in")]
fn log_in(request: Request) -> Result<Response> {
    let (sessions, form) = (sessions()?, request.form()?);
    let mut session = sessions.of(&request)?;
    session.check_csrf(form.field("csrf"))?;
    let (name, password) = (form.required("name")?, form.required("password")?);
    if users::is_right(name, password)? {
        return begin(session, name);
    }
    let form =
        enter(&mut session, "log-in", "This name and this password do not belong together.")?;
    session.save(form.status(403))
}

/// From here on the client is the user. The session's id is another one then: who knew the old one,
/// or has put it into this browser, knows nothing.
fn begin(mut session: Session<'_>, name: &str) -> Result<Response> {
    session.renew();
    session.set(USER, name);
    session.save(Response::redirect(303, &format!("of/{name}"))?)
}

/// The user's own page is shown, and nobody else's.
fn own_page<'a>(request: &'a Request, session: &Session<'_>) -> Result<&'a str> {
    let name = request.param_named("name");
    match session.get(USER) {
        Some(user) if user == name => Ok(name),
        Some(_) => Err(Error::status(403, "this page is somebody else's")),
        None => Err(Error::status(403, "log in first")),
    }
}

#[route(GET, r"/notes/of/(?P<name>[a-z0-9-]+)")]
fn show(request: Request) -> Result<Response> {
    let sessions = sessions()?;
    let mut session = sessions.of(&request)?;
    if session.get(USER).is_none() {
        return session.save(Response::redirect(303, "../log-in")?);
    }
    let name = own_page(&request, &session)?;
    let texts = Bucket::open("notes/texts")?;
    let mut notes = Vec::new();
    for key in texts.keys(&format!("{name}/")) {
        notes.extend(texts.get(&key?)?.map(|entry| entry.text().into_owned()));
    }
    let values = Notes { title: "Notes", name, notes, csrf: session.csrf_token()? };
    let page = page(&values)?;
    session.save(page)
}

#[route(POST, r"/notes/of/(?P<name>[a-z0-9-]+)")]
fn write(request: Request) -> Result<Response> {
    let (sessions, form) = (sessions()?, request.form()?);
    let session = sessions.of(&request)?;
    let name = own_page(&request, &session)?;
    session.check_csrf(form.field("csrf"))?;
    let text = form.required("text")?;
    if text.is_empty() || text.len() > NOTE_BYTES_MAX {
        return Err(Error::status(400, format_args!("`text`: 1 to {NOTE_BYTES_MAX} bytes")));
    }
    // Each note has a number of its own, however many are written at the same time.
    let number = Bucket::own()?.increment(&format!("notes/{name}"), 1)?;
    if number > NOTES_MAX {
        return Err(Error::status(409, format_args!("a user has at most {NOTES_MAX} notes")));
    }
    Bucket::open("notes/texts")?.set(&format!("{name}/{number:04}"), text)?;
    session.save(Response::redirect(303, name)?)
}

#[route(POST, r"/notes/log-out")]
fn log_out(request: Request) -> Result<Response> {
    let (sessions, form) = (sessions()?, request.form()?);
    let mut session = sessions.of(&request)?;
    session.check_csrf(form.field("csrf"))?;
    session.destroy();
    session.save(Response::redirect(303, "log-in")?)
}

snow_guest::serve!(index, enter_form, sign_up, log_in, show, write, log_out);
