//! A server in one process: it loads guests from a folder, answers requests with them on several
//! threads, and keeps what serves in step with the folder.
//!
//! [`Server::start`] does everything, from a [`Config`](snow_config::Config) to listening sockets.
//! This example serves one guest, asks it once and drains the server:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use snow_config::{Config, Limits, LogFormat};
//! use snow_runtime::Log;
//! use snow_server::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A folder with one guest, which answers GET /hello.
//! let folder = std::env::temp_dir().join(format!("snow-server-example-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guests/hello.wat");
//! std::fs::copy(hello, folder.join("hello.wat"))?;
//!
//! let mut config = Config::new(folder.clone());
//! config.server.listen = vec!["127.0.0.1:0".parse()?];
//! let log = Log::start(LogFormat::Text, &Limits::default(), std::io::stderr())?;
//! let server = Server::start(&config, log)?;
//! assert!(server.left_out().is_empty());
//!
//! let mut client = TcpStream::connect(server.addresses()[0])?;
//! client.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello world"));
//!
//! // No request is held, so the drain is short.
//! server.drain().start();
//! server.join()?;
//! std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! - **Workers** (`workers`, `net`), one for each core unless configured: each has its own sockets,
//!   mio poll and clock, and runs the loop of `snow-worker` with the guests of `snow-guests`. A
//!   worker never waits for a file, a compilation or another worker.
//! - **The watch** (`folder`): learns from the kernel, or by polling, that something in the guests
//!   folder may have changed.
//! - **The deployer** (`deploy`): looks at the folder, waits until changed files are complete, has
//!   them loaded side by side on other threads, and publishes a new deployment, which each worker
//!   adopts between two turns of its loop. It rolls back versions that trap in their first calls.
//! - **Executors** (`executors`), one for each core unless configured: they run the jobs of guests,
//!   with a lower priority.
//! - **The admin listener** (`admin`), if configured: one more worker, whose guests are pages such
//!   as `/metrics`.
//!
//! [`Drain`] ends them; [`Serving`] tells other threads which version of a guest serves. [`Watch`]
//! is public for tools that follow the sources of guests.
//!
//! # Guarantees
//!
//! - When [`Server::start`] returns, requests are answered.
//! - A guest that can't be loaded changes nothing: the version before it keeps serving. A folder
//!   that can't be read unloads nothing.
//! - All changes found in one look at the folder that need no compiler are published together, and a
//!   worker adopts them together; and so are those that need it, once the last is compiled.
//! - What needs no compiler never waits for it: a removal, a manifest, or a guest whose code is in
//!   the cache.
//! - Publishing removes no guest that serves and has its file, whatever the manifest says.
//! - A thread that dies does not leave half a server: [`Server::join`] drains it and reports the
//!   failure. Until somebody joins the server, nothing is done about it.
//! - A request that is held when a guest is replaced or removed is resumed by the version that
//!   suspended it, unless a guest has more than `versions_max` versions.
//! - Nothing is written to the guests folder.
//!
//! # Not guaranteed
//!
//! - Workers adopt a deployment one after another, so for a moment two versions of a guest answer
//!   new requests.
//! - Held requests end with the process; after a drain's time they are answered 503.
//! - Requests that a worker holds are lost if its thread dies.
//! - Dropping a [`Server`] does not stop it.

#![forbid(unsafe_code)]

mod admin;
mod deploy;
mod executors;
mod folder;
mod net;
mod server;
mod store_thread;
mod supervisor;
mod workers;

pub use self::deploy::{LeftOut, Serving};
pub use self::folder::watch::{LookAgain, Watch, source_contents, source_folders};
pub use self::folder::{guest_names, is_guest};
pub use self::server::{AdvanceError, Counts, Drain, Server};
