//! The tools for people who write guests: `snow-host new`, `build`, `dev` and `test`.
//!
//! # The parts, in the order in which one meets them
//!
//! - [`create_guest`] writes the source of a new guest, with a handler that answers, one that
//!   waits, and cases that test both. [`languages()`] lists the languages that it knows.
//! - [`build_guests`] compiles sources: `guests/shop/` becomes `guests/shop.wasm`. A folder is
//!   built with its command in `snow.toml` if it has one, or with the tools of the language that
//!   recognizes it.
//! - [`Rebuilder`] builds guests again as their sources change. A server that watches the folder
//!   swaps them.
//! - [`test_guests`] plays the cases in `NAME.test.toml` against a server in this process, over
//!   real sockets. [`CASES_HELP`] describes what a case may have.
//! - [`client`] is the blocking HTTP client that plays them. `snow-host status` uses it too.
//!
//! Each language is one folder, `languages/NAME/`, with its way to build and its template; `new`
//! and `build` both look it up in one list.
//!
//! # Guarantees
//!
//! - A served file is replaced as a whole, and only if its bytes differ.
//! - A guest that can't be built or loaded does not keep the others from being built or
//!   tested.
//! - Every program that a build runs has a limited time. [`Cancellation`] ends it with all its
//!   processes.
//! - A new guest appears with all its files or not at all, and no existing guest is overwritten.
//! - Each case has a new server with an empty store in memory, so no case sees what another has
//!   left behind, and none touches a server's data.
//! - What a guest answers can fail a case, but neither end nor hang the tool: every answer, saved
//!   value and difference has a limit, and so has the time of each step.
//!
//! # Non-guarantees
//!
//! - Builds are not isolated. A build command is a program of the user, with all the user's rights.
//! - A build is not reproducible by itself: it depends on the installed compilers.
//! - Nothing here survives a killed process: temporary folders stay, until the system removes them.
//!
//! # Example
//!
//! A guest that is written by hand, and a case for it:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use snow_config::{Overrides, Settings};
//!
//! # fn main() -> anyhow::Result<()> {
//! let guests = Path::new("guests");
//! std::fs::write(
//!     guests.join("hello.test.toml"),
//!     "[[case]]\nname = 'greets'\npath = '/hello'\nexpect = { body = 'hello world' }\n",
//! )?;
//! let overrides = Overrides::default();
//! let config = Settings::read(guests, &overrides)?.into_config(guests.to_owned(), overrides);
//! let summary = snow_tools::test_guests(guests, &config, Some("hello: greets"), &mut std::io::stdout())?;
//! assert_eq!(summary.failed, 0);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod build;
pub mod client;
mod dev;
mod engines;
mod languages;
mod new;
mod process;
mod test;

pub use self::build::{BuildOutcome, BuildRequest, BuildScope, BuiltGuest, build_guests};
pub use self::dev::{Rebuilder, RebuilderThread};
pub use self::engines::{EngineRecipe, engines};
pub use self::new::{create_guest, languages};
pub use self::process::Cancellation;
pub use self::test::{CASES_HELP, TestSummary, test_guests};
