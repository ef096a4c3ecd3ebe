//! Requests of guests to other servers, and their statements to databases.
//!
//! A guest asks for a *fetch*, and what it gets is a pending. [`Egress`] sends the request, on one
//! thread of its own with one tokio runtime, and reports the end: an answer, or a
//! [failure](snow_runtime::FetchFailure) of one of ten kinds. [`Sql`] does alike with statements, on
//! another thread. This is the only room that has tokio, and nothing in it touches a client's
//! connection or a guest.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//! use std::thread;
//!
//! use snow_config::{Limits, LogFormat, OutboundRules, ServerConfig};
//! use snow_outside::Egress;
//! use snow_runtime::{Fetch, FetchCode, FetchOptions, Log, Outside, Settled};
//!
//! let log = Log::start(LogFormat::Text, &Limits::default(), std::io::stderr()).expect("a thread");
//! let (egress, work) = Egress::new(&ServerConfig::default(), &log).expect("it names no files");
//! let thread = thread::spawn(|| work.run());
//!
//! let fetch = Fetch {
//!     guest: "shop".into(),
//!     rules: Arc::new(OutboundRules::default()),
//!     limits: Arc::new(Limits::default()),
//!     request_id: "7".to_owned(),
//!     method: "GET".to_owned(),
//!     url: "https://api.example.com/stock".to_owned(),
//!     headers: Vec::new(),
//!     body: Vec::new(),
//!     options: FetchOptions::default(),
//!     keep: Arc::new(|answer| Ok(Settled::new(answer.into()))),
//! };
//! let (sender, ended) = mpsc::channel();
//! egress.fetch(fetch, Box::new(move |result| sender.send(result).unwrap()));
//! let failure = ended.recv().unwrap().unwrap_err();
//! assert_eq!(failure.code, FetchCode::Denied);
//! assert!(failure.message.contains(r#"outbound = ["https://api.example.com"] in [guest.shop]"#));
//!
//! drop(egress);
//! thread.join().unwrap().expect("a thread ends well with its egress");
//! ```
//!
//! | file | |
//! |---|---|
//! | `egress.rs` | the thread, and the fetches that are under way |
//! | `places.rs` | how many there may be, and how many bytes they may hold |
//! | `sharing.rs` | equal fetches, of which one is sent for all |
//! | `exchange.rs` | one fetch, from its first request over redirects to its answer |
//! | `request.rs` | what a guest asks for becomes a request that may be sent |
//! | `fields.rs` | the fields that belong to a connection |
//! | `content.rs` | an answer's content, bounded and decompressed |
//! | `relay.rs` | an answer on its way to a client, while it comes |
//! | `client.rs` | the connections of a guest, pooled by origin |
//! | `connect.rs` | a connection, which is counted while it is open |
//! | `resolve.rs` | names become addresses that the guest may reach |
//! | `proxy.rs` | the proxy through which other servers are reached |
//! | `certificates.rs` | whose certificates are believed besides the system's, and which is shown |
//! | `counts.rs` | what is counted, for whoever shows it |
//! | `script.rs` | a script in the place of other servers, for tests of guests |
//! | `fault.rs` | what went wrong, in one of the ten words |
//! | `sql/` | databases, and the files that are named there |
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
//! Fetches, those of a guest, those to an origin, connections that nobody uses, the time that each
//! fetch may take, wait or connect, bytes of an answer after it was decompressed, and bytes of all
//! of them together: each has a limit, of [`Limits`](snow_config::Limits), and a fetch obeys those
//! that were in force when it began. Heads of answers are bounded by hyper: 100 fields, 64 KiB.
//!
//! # Guarantees
//!
//! - [`Egress::fetch`](snow_runtime::Outside::fetch) and `cancel` never wait, and the place of a
//!   fetch that is cancelled is free when `cancel` returns.
//! - The end of a fetch is reported once. Of one that is cancelled, nothing is.
//! - The message of a failure is one short line, and quotes no content, no field's value and no path.
//! - A fetch that is equal to one under way (`collapse`) shares its request and the bytes of its
//!   answer. The request is given up with the last one that waits.
//! - Nothing that a guest or a server sends makes the thread panic; if it does all the same, that
//!   one fetch fails.
//!
//! # Non-guarantees
//!
//! - A GET, HEAD, OPTIONS or TRACE may arrive twice, if the connection is lost under it.
//! - Trailers of answers are dropped. Only gzip is asked for and removed; whoever asks for another
//!   compression, or for a range, gets what is sent.
//! - The system's settings for names (`/etc/hosts`, `/etc/resolv.conf`) and its authorities are read
//!   once, when the first fetch needs them.
//! - A proxy looks names up itself, so that no address behind a name is asked about. Proxies that the
//!   environment names are not used.
//! - What is under way when the [`Egress`] is dropped is given up, and not reported.

#![forbid(unsafe_code)]

mod certificates;
mod client;
mod connect;
mod content;
mod counts;
mod egress;
mod exchange;
mod fault;
mod fields;
mod places;
mod proxy;
mod relay;
mod request;
mod resolve;
mod script;
mod sharing;
mod sql;
mod tls;

pub use self::certificates::CertificateError;
pub use self::counts::{FetchCounts, Tally};
pub use self::egress::{Egress, EgressThread};
pub use self::script::{Scripted, UpstreamAnswer, UpstreamEnd, UpstreamRequest, Upstreams};
pub use self::sql::{DatabaseCounts, SQL_ENDS, Sql, SqlCounts, SqlThread};
