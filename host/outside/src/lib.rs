//! Requests of guests to other servers.
//!
//! A guest asks for a *fetch*, and what it gets is a pending. [`Egress`] sends the request, on one
//! thread of its own with one tokio runtime, and reports the end: an answer, or a
//! [failure](snow_runtime::FetchFailure) of one of ten kinds. This is the only room that has tokio,
//! and nothing in it touches a client's connection or a guest.
//!
//! | file | |
//! |---|---|
//! | `egress.rs` | the thread, and the fetches that are under way |
//! | `places.rs` | how many there may be, and how many bytes they may hold |
//! | `exchange.rs` | one fetch, from its first request over redirects to its answer |
//! | `request.rs` | what a guest asks for becomes a request that may be sent |
//! | `content.rs` | an answer's content, bounded and decompressed |
//! | `client.rs` | the connections of a guest, pooled by origin |
//! | `resolve.rs` | names become addresses that the guest may reach |
//! | `fault.rs` | what went wrong, in one of the ten words |
//!
//! # Who may reach what
//!
//! The deployer's rules ([`OutboundRules`](snow_config::OutboundRules)) are asked twice: for the
//! method and the URL of each request, that of a redirect included; and for each address that the
//! host's name leads to, at the moment when a connection is opened to that very address. So a name
//! that leads elsewhere the second time (DNS rebinding) gains nothing. Each guest has connections of
//! its own, for one set of rules: what one guest may reach is never lent to another.
//!
//! # What a stranger can make large
//!
//! Fetches, those of a guest, those to an origin, the time that each may take or wait, bytes of an
//! answer after it was decompressed, and bytes of all of them together: each has a limit, of
//! [`Limits`](snow_config::Limits). Heads of answers are bounded by hyper: 100 fields, 64 KiB.

#![forbid(unsafe_code)]

mod authorities;
mod client;
mod connect;
mod content;
mod counts;
mod egress;
mod exchange;
mod fault;
mod places;
mod request;
mod resolve;

pub use self::authorities::AuthorityError;
pub use self::counts::{FetchCounts, Tally};
pub use self::egress::{Egress, EgressThread};
