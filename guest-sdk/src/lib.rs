//! Write guests for snow-host: HTTP handlers in WebAssembly whose requests can wait.
//!
//! A guest is functions with routes, and one list of them:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/hello/(?P<name>\w+)")]
//! fn hello(request: Request) -> Response {
//!     Response::text(format!("hello {}", request.param_named("name")))
//! }
//!
//! snow_guest::serve!(hello);
//! # fn main() {}
//! ```
//!
//! Its `Cargo.toml` asks for a wasm module:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! snow-guest = { path = "../../guest-sdk" }
//! ```
//!
//! `snow-host build guests/` turns each such folder in `guests/` into `guests/NAME.wasm`, and
//! `snow-host run guests/` serves them; so does
//! `cargo build --release --target wasm32-unknown-unknown` and dropping the file there while the
//! host runs.
//!
//! # Waiting
//!
//! A guest waits for a [`Pending`]: a [key](Pending::keyed) that another request settles, in this
//! guest or in any other; a [token](Pending::create) given to somebody; a
//! [timer](Pending::timer). There are two ways to wait:
//!
//! | | give it back | in place |
//! |---|---|---|
//! | call | [`Pending::suspend`], [`Suspension::all`], [`Suspension::any`] | [`Pending::wait`], [`pending::wait_all`], [`pending::wait_any`] |
//! | while it waits | no instance, a few hundred bytes | an instance, and one of a limited number of places |
//! | then | the route's `resume` function, or the host alone | the next line |
//! | what is known | [`Resumed`]: what came, [`Suspension::state`] | every variable |
//! | at the deadline | [`Resumed::timed_out`], or [`Suspension::on_timeout`] | `None` |
//!
//! Give it back where many wait, or for long: it is the usual way, and any number of requests can.
//! Wait in place where few do and straight-line code is worth an instance to you: several short
//! waits in a row, or one in the middle of a calculation. A route may do both, one after the other.
//!
//! ## Giving it back
//!
//! The handler says what it waits for, and is over: its instance is freed. When the wait ends, the
//! host calls the route's `resume` function, in a new instance, with what came:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/news", resume = news_came)]
//! fn news(_: Request) -> Result<Suspension> {
//!     Ok(Pending::keyed("news")?.suspend().deadline(Duration::from_secs(60)))
//! }
//!
//! fn news_came(resumed: Resumed) -> Response {
//!     if resumed.timed_out() {
//!         return Response::empty(204);
//!     }
//!     Response::text(resumed.text())
//! }
//!
//! #[route(POST, r"/news")]
//! fn publish(request: Request) -> Result<String> {
//!     let readers = pending::set_all("news", request.into_body())?;
//!     Ok(format!("{readers} readers were told"))
//! }
//!
//! snow_guest::serve!(news, publish);
//! # fn main() {}
//! ```
//!
//! After a wait for several pendings, [`Resumed::first`] and [`Resumed::settlement`] tell which
//! came, by their place in the suspension. A `resume` function may suspend again:
//! [`Suspension::state`] carries what the next step must know, and [`Resumed::take_unsettled`] hands
//! on what has not come yet. A route without `resume` that suspends costs no second call: the host
//! answers with what the pending was settled with, which may be a whole [`Response`].
//!
//! ## In place
//!
//! The same, in straight-line code:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/news")]
//! fn news(_: Request) -> Result<Response> {
//!     match Pending::keyed("news")?.wait_for(Duration::from_secs(60))? {
//!         Some(news) => Ok(Response::text(news.text())),
//!         None => Ok(Response::empty(204)),
//!     }
//! }
//!
//! snow_guest::serve!(news);
//! # fn main() {}
//! ```
//!
//! If the client leaves while it waits, the call ends there and then: nothing after that line runs,
//! no destructor either. So what others rely on must be done before.
//!
//! ## In place, `async`
//!
//! A handler may be an `async fn`, which waits in place wherever it awaits a [`Pending`]. What is
//! awaited at the same time, by the macros of the crate `futures` for instance, is one wait of the
//! host:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/news")]
//! async fn news(_: Request) -> Result<Response> {
//!     let news = Pending::keyed("news")?;
//!     match news.within(Duration::from_secs(60)).await? {
//!         Some(news) => Ok(Response::text(news.text())),
//!         None => Ok(Response::empty(204)),
//!     }
//! }
//!
//! snow_guest::serve!(news);
//! # fn main() {}
//! ```
//!
//! # Jobs
//!
//! A job is a function that runs on other threads, which the host gives the time that requests leave
//! over: for work that takes long, comes later, or comes again and again. A request can wait for one
//! that it has [started](jobs::start); one that is [kept](jobs::enqueue) is tried until it succeeds,
//! also after the host was started anew.
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/fib/(\d+)")]
//! fn ask(request: Request) -> Result<Suspension> {
//!     Ok(jobs::start("fib", request.param(0))?.suspend())
//! }
//!
//! #[job]
//! fn fib(job: Job) -> Result<String> {
//!     fn fib(n: u32) -> u64 { if n < 2 { n.into() } else { fib(n - 1) + fib(n - 2) } }
//!     Ok(fib(job.text().parse()?).to_string())
//! }
//!
//! snow_guest::serve!(ask; jobs: fib);
//! # fn main() {}
//! ```
//!
//! # State
//!
//! Each call gets a new instance unless the deployer says otherwise, so a `static` is not a
//! place to keep anything. What must live longer than a call goes into the [`store`], whose changes
//! a request can wait for, into a database ([`sql`]), through a settlement, or into
//! [`Suspension::state`].
//!
//! A state is bytes. With the feature `serde` it may be a type of the guest's own:
//! `Suspension::state_of` takes a value that serde can write, and `Resumed::state_as` reads it.
//!
//! ```toml
//! serde = { version = "1", features = ["derive"] }
//! snow-guest = { path = "../../guest-sdk", features = ["serde"] }
//! ```
//!
//! # What clients send and get
//!
//! | | |
//! |---|---|
//! | the path and the query | [`Request::param_as`], [`Request::query_parsed`]: a 400 names what can't be parsed |
//! | a form, with files | [`Request::form`] |
//! | JSON | `Request::json`, `Response::json`: the feature `json` |
//! | what the client would like | [`Request::accepts`] |
//! | cookies | [`Request::cookie`], [`Response::cookie`] with a [`Cookie`] |
//! | a cookie that the client can't change | `SigningKeys`: the feature `signed` |
//! | who is logged in | `Sessions`, in the store: the feature `sessions` |
//! | pages | [`Response::page`] of a template that escapes, by the crate [askama](https://docs.rs/askama) (feature `templates`) |
//! | another address | [`Response::redirect`] |
//!
//! # Errors and panics
//!
//! A handler may return a `Result`: see [`Error`] for what is logged and what is sent. A panic is a
//! 500 to its own client alone; its message and place are in the host's log.
//!
//! # Tests
//!
//! Handlers are plain functions and this crate compiles natively, so `cargo test` can call them:
//! [`Request::new`] and [`Resumed::new`] make the arguments. There is no host in such a test:
//! pendings are refused, nobody waits, and log lines go to standard error.
//!
//! # Small and quick
//!
//! The example guests show a `[profile.release]` that makes a guest of about 50 KB and keeps the
//! names of its functions, so that a trap's backtrace can be read. The feature `allocator` (on by
//! default) installs an allocator whose first 64 KiB are there from the start: an instance that
//! needs no more never asks for memory, which is most of what a fresh instance costs.

// `#[route]` writes `::snow_guest`, in this crate's own tests too.
extern crate self as snow_guest;

mod accept;
#[doc(hidden)]
pub mod bindings;
pub mod config;
mod cookie;
pub mod deployment;
mod error;
pub mod fetch;
pub mod form;
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod heap;
pub mod jobs;
#[cfg(feature = "json")]
mod json;
pub mod log;
mod outcome;
pub mod pending;
#[cfg(all(test, feature = "json", feature = "serde", feature = "sessions"))]
mod properties;
mod query;
#[cfg(all(target_arch = "wasm32", target_os = "unknown", feature = "getrandom"))]
mod random;
mod request;
mod response;
mod resumed;
mod serve;
#[cfg(feature = "sessions")]
pub mod session;
mod settlement;
#[cfg(feature = "signed")]
pub mod signed;
pub mod sql;
pub mod store;
pub mod system;
#[cfg(feature = "serde")]
mod typed;
#[cfg(all(test, feature = "json", feature = "serde", feature = "sessions"))]
mod vectors;

pub use cookie::{Cookie, SameSite};
pub use error::{Error, Result};
pub use fetch::Fetch;
pub use form::Form;
pub use jobs::{Job, JobError};
pub use outcome::{IntoOutcome, Outcome};
pub use pending::{Pending, Refusal, Suspension};
pub use request::Request;
pub use response::Response;
pub use resumed::{Cause, Resumed};
#[cfg(feature = "sessions")]
pub use session::{Session, Sessions};
pub use settlement::{Failure, Settlement};
#[cfg(feature = "signed")]
pub use signed::SigningKeys;
pub use sql::{Database, SqlError};
pub use store::{Bucket, StoreError};

/// Makes a function the handler of a route: `#[route(METHODS, "pattern", resume = function)]`.
///
/// - METHODS: `GET`, several as in `GET|POST`, or `any`. `GET` serves `HEAD` too.
/// - The pattern is a regular expression (the syntax of the crate `regex`) for the whole path as
///   sent, query not included. It is anchored at both ends. Its groups are [`Request::param`] and
///   [`Request::param_named`].
/// - `resume` names the function that goes on when a [`Suspension`] of this route is over. It takes
///   a [`Resumed`] and returns what a handler may return; for an `async fn` write
///   `resume = async function`. Without it the host answers by itself.
///
/// The function takes a [`Request`] and returns what is [`IntoOutcome`]. It may be `async`: see
/// [`pending::Wait`]. It stays an ordinary function. It is served when [`serve!`] lists it, and the compiler warns that it is never used
/// when it does not.
///
/// Mistakes are found by the compiler. A method that is none, a pattern that does not parse:
///
/// ```compile_fail
/// # use snow_guest::prelude::*;
/// #[route(get, r"/")]
/// fn index(_: Request) -> &'static str { "" }
/// snow_guest::serve!(index);
/// # fn main() {}
/// ```
/// ```compile_fail
/// # use snow_guest::prelude::*;
/// #[route(GET, r"/(")]
/// fn index(_: Request) -> &'static str { "" }
/// snow_guest::serve!(index);
/// # fn main() {}
/// ```
///
/// A type that is no answer, a function that can't be a handler:
///
/// ```compile_fail,E0277
/// # use snow_guest::prelude::*;
/// #[route(GET, r"/")]
/// fn index(_: Request) -> u32 { 1 }
/// snow_guest::serve!(index);
/// # fn main() {}
/// ```
/// ```compile_fail
/// # use snow_guest::prelude::*;
/// #[route(GET, r"/")]
/// unsafe fn index(_: Request) -> &'static str { "" }
/// snow_guest::serve!(index);
/// # fn main() {}
/// ```
///
/// Routes that nobody serves:
///
/// ```compile_fail,E0425
/// # use snow_guest::prelude::*;
/// #[route(GET, r"/")]
/// fn index(_: Request) -> &'static str { "" }
/// # fn main() {}
/// ```
pub use snow_guest_macros::route;

/// Makes a function a job: `#[job]`. Its name is the job's.
///
/// The function takes a [`Job`] and returns what is [`IntoJobResult`](jobs::IntoJobResult). It may
/// be `async`: see [`pending::Wait`]. It stays an ordinary function. [`serve!`] lists it behind
/// `jobs:`. See [`jobs`].
///
/// ```compile_fail
/// # use snow_guest::prelude::*;
/// #[job]
/// fn nothing() {}
/// # #[route(GET, r"/")]
/// # fn index(_: Request) -> &'static str { "" }
/// snow_guest::serve!(index; jobs: nothing);
/// # fn main() {}
/// ```
/// ```compile_fail,E0277
/// # use snow_guest::prelude::*;
/// #[job]
/// fn number(_: Job) -> u32 { 1 }
/// # #[route(GET, r"/")]
/// # fn index(_: Request) -> &'static str { "" }
/// snow_guest::serve!(index; jobs: number);
/// # fn main() {}
/// ```
pub use snow_guest_macros::job;

/// What a guest's code needs: `use snow_guest::prelude::*;`.
pub mod prelude {
    pub use crate::sql::Statement;
    pub use crate::{
        Bucket, Cause, Cookie, Database, Error, Failure, Fetch, Form, IntoOutcome, Job, JobError,
        Outcome, Pending, Refusal, Request, Response, Result, Resumed, SameSite, Settlement,
        SqlError, StoreError, Suspension, config, job, jobs, log, pending, route, store,
    };
    pub use std::time::Duration;
}

/// Serves these functions, each marked with [`#[route]`](route), once in a guest, at the root of
/// its crate.
///
/// The first that matches a request wins, in this order. A handler in a module is listed with its
/// path. If the compiler says `expected type, found function`, that function's `#[route]` is
/// missing.
///
/// ```
/// use snow_guest::prelude::*;
///
/// mod orders {
///     use snow_guest::prelude::*;
///
///     #[route(GET, r"/orders")]
///     pub fn list(_: Request) -> &'static str { "none" }
/// }
///
/// #[route(any, r".*")]
/// fn rest(_: Request) -> (u16, &'static str) { (404, "there is nothing here") }
///
/// snow_guest::serve!(orders::list, rest);
/// # fn main() {}
/// ```
///
/// Behind the routes stand the guest's jobs, each marked with [`#[job]`](macro@job), in any order:
/// `serve!(index; jobs: sweep, orders::mail)`. See [`jobs`].
#[macro_export]
macro_rules! serve {
    () => {
        ::core::compile_error!(
            "serve! lists the functions that have a #[route], as in `snow_guest::serve!(index, stop);`"
        );
    };
    ($($handler:path),+ $(,)? $(; jobs: $($job:path),+ $(,)?)?) => {
        // Each `#[route]` looks for this, so that a guest without `serve!` does not compile.
        #[doc(hidden)]
        #[allow(non_upper_case_globals)]
        pub const serve_must_be_called_at_the_crate_root: () = ();

        const _: () = {
            enum Guest {}
            impl $crate::__private::Table for Guest {
                const ROUTES: &'static [$crate::__private::Route] = &[$(<$handler>::ROUTE),+];
                const JOBS: &'static [$crate::__private::Job] = &[$($(<$job>::JOB),+)?];
            }
            // So that a native build too sees which routes are served, and warns of the others.
            const _: &[$crate::__private::Route] = <Guest as $crate::__private::Table>::ROUTES;
            const _: &[$crate::__private::Job] = <Guest as $crate::__private::Table>::JOBS;
            // The exports have names that only a wasm module can have.
            #[cfg(target_arch = "wasm32")]
            $crate::__private::bindings::export!(Guest with_types_in $crate::__private::bindings);
        };
    };
}

/// What the macros expand to. Not for anybody else, and not under semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::jobs::Entry as Job;
    pub use crate::pending::run;
    pub use crate::serve::{Route, Table};
}
