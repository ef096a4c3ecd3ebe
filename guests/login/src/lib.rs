//! The MySQL login: a form, and a user who is looked up in a database.
//!
//! | route | answer |
//! |---|---|
//! | `GET /login` | the form; or `welcome NAME`, for who is logged in |
//! | `POST /login` | 200 and `welcome NAME`, or 401 and `username or password error` |
//! | `POST /login/out` | ends the session |
//!
//! The database is `app` of snow.toml: SQLite, PostgreSQL, MySQL or MariaDB. If it has no table of
//! users, one is made, with the user `alice` whose password is `wonderland` (see [`users`]).
//!
//! A session ends an hour after its last use. A form has a token of its session, so that no other
//! site can send it from a browser.

use askama::Template;
use snow_guest::prelude::*;
use snow_guest::{Session, Sessions, SigningKeys};

mod users;

/// How long a session lives that is not used.
const SESSION_LIFETIME: Duration = Duration::from_secs(3_600);
/// The name under which a session keeps who is logged in.
const USER: &str = "user";
/// The name of the session's cookie.
const COOKIE: &str = "login";

fn sessions() -> Result<Sessions> {
    let keys = SigningKeys::stored(&Bucket::own()?)?;
    let sessions = Sessions::open("login/sessions")?.cookie(COOKIE).path("/login");
    Ok(sessions.lifetime(SESSION_LIFETIME).signed(keys))
}

#[derive(Template)]
#[template(path = "form.html")]
struct Form<'a> {
    action: String,
    fault: &'a str,
    csrf: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome<'a> {
    action: String,
    name: &'a str,
    csrf: String,
}

fn page(template: &impl Template) -> Result<Response> {
    let csp =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let page = Response::page(template)?;
    Ok(page.header("content-security-policy", csp).header("cache-control", "no-store"))
}

/// A path as clients see it.
fn path(path: &str) -> String {
    format!("{}{path}", snow_guest::deployment::mount())
}

/// The form, with what was wrong before.
fn form(session: &mut Session<'_>, fault: &str) -> Result<Response> {
    page(&Form { action: path("/login"), fault, csrf: session.csrf_token()? })
}

fn welcome(session: &mut Session<'_>, name: &str) -> Result<Response> {
    page(&Welcome { action: path("/login/out"), name, csrf: session.csrf_token()? })
}

#[route(GET, r"/login")]
fn show(request: Request) -> Result<Response> {
    let sessions = sessions()?;
    let mut session = sessions.of(&request)?;
    let user = session.get(USER).map(str::to_owned);
    let page = match user {
        Some(name) => welcome(&mut session, &name)?,
        None => form(&mut session, "")?,
    };
    session.save(page)
}

#[route(POST, r"/login")]
fn log_in(request: Request) -> Result<Response> {
    let (sessions, sent) = (sessions()?, request.form()?);
    let mut session = sessions.of(&request)?;
    // A browser sends one of the two. A script that has neither acts for nobody but itself.
    if request.cookie(COOKIE).is_some() || request.header("origin").is_some() {
        session.check_csrf(sent.field("csrf"))?;
    }
    let (name, password) = (sent.required("username")?, sent.required("password")?);
    let Some(name) = users::find(name, password)? else {
        let form = form(&mut session, "username or password error")?;
        return session.save(form.status(401));
    };
    // From here on the client is the user, and the session's id is another one.
    session.renew();
    session.set(USER, &name);
    let page = welcome(&mut session, &name)?;
    session.save(page)
}

#[route(POST, r"/login/out")]
fn log_out(request: Request) -> Result<Response> {
    let (sessions, sent) = (sessions()?, request.form()?);
    let mut session = sessions.of(&request)?;
    session.check_csrf(sent.field("csrf"))?;
    session.destroy();
    session.save(Response::redirect(303, &path("/login"))?)
}

snow_guest::serve!(show, log_in, log_out);
