//! Requests to other servers.
//!
//! A [`Fetch`] that is sent is a [`Pending`]: the other server's answer settles it, or a failure. A
//! request that waits for it holds no instance. The deployer says where a guest may send requests
//! (`outbound` of its table in snow.toml); without that it is `denied`.
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! /// The answer of another server, as it came: nothing of this guest runs when it arrives.
//! #[route(GET, r"/weather")]
//! fn weather(_: Request) -> Result<Suspension> {
//!     Ok(Fetch::get("https://weather.example/today").send()?.suspend())
//! }
//!
//! /// The first line of what another server answers.
//! #[route(GET, r"/first", resume = came)]
//! fn first(_: Request) -> Result<Suspension> {
//!     let answer = Fetch::get("https://news.example/").timeout(Duration::from_secs(5)).send()?;
//!     Ok(answer.suspend())
//! }
//!
//! fn came(resumed: Resumed) -> Result<Response> {
//!     match resumed.response(0) {
//!         Some(Ok(news)) => Ok(Response::text(news.body_text().lines().next().unwrap_or_default())),
//!         Some(Err(failure)) => Err(Error::status(502, &failure.code)),
//!         None => Err(Error::status(504, "no news in time")),
//!     }
//! }
//!
//! snow_guest::serve!(weather, first);
//! # fn main() {}
//! ```
//!
//! # Failures
//!
//! The [code](crate::Failure::code) of a failure is one of these:
//!
//! | code | |
//! |---|---|
//! | `invalid-url` | the method, the URL or a field is none that can be sent |
//! | `denied` | `outbound` does not allow the URL, the address behind it, or a redirect; the host's log has the line that would |
//! | `dns` | the host's name was not found |
//! | `refused` | there is nobody, or no way to get there |
//! | `tls` | the certificate is not valid, or no encrypted connection could be made |
//! | `timeout` | it took too long |
//! | `too-large` | the answer has more bytes than it may |
//! | `reset` | the connection was lost before the answer's end |
//! | `protocol` | what came is no answer of HTTP, or there were too many redirects |
//! | `overloaded` | too many other requests are under way |

use crate::bindings::snow::host::{fetch as raw, http};
use crate::pending::milliseconds;
use crate::{Pending, Refusal};
use std::time::Duration;

/// A request to another server, until it is [sent](Self::send).
///
/// Without options it has the host's: 30 seconds for all of it, no redirects, and an answer of as many
/// bytes as its `fetch_response_bytes_max`.
#[derive(Clone, Debug)]
#[must_use = "it is not sent yet"]
pub struct Fetch(raw::Outgoing);

impl Fetch {
    /// A request with this method to this URL.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self(raw::Outgoing {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            options: None,
        })
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request with this content.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).body(body)
    }

    /// Sets a header field, in place of all fields with that name, in any case. The host writes
    /// those of the connection and `content-length` itself.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.retain(|field| !field.name.eq_ignore_ascii_case(name));
        self.header_also(name, value)
    }

    /// Adds a header field beside others with that name.
    pub fn header_also(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(http::Field { name: name.to_owned(), value: value.into() });
        self
    }

    /// Sets the content. For its type see [`header`](Self::header).
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// Sets the content to a value as JSON, and its `content-type`.
    ///
    /// # Errors
    /// The value has no JSON.
    #[cfg(feature = "json")]
    pub fn json(self, value: &impl serde::Serialize) -> serde_json::Result<Self> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Gives it up as a failure, `timeout`, after this time; the answer's content and redirects are
    /// part of it. The wait for it has a deadline of its own.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.options().timeout_ms = Some(milliseconds(time));
        self
    }

    /// Gives it up as a failure, `timeout`, if there is no connection after this time.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.options().connect_timeout_ms = Some(milliseconds(time));
        self
    }

    /// Follows so many redirects, each to where this guest may send requests. Otherwise the answer
    /// that redirects is the answer.
    pub fn redirects(mut self, most: u8) -> Self {
        self.options().redirects_max = Some(most);
        self
    }

    /// Takes no more bytes of content than this.
    pub fn response_bytes_max(mut self, bytes: u32) -> Self {
        self.options().response_bytes_max = Some(bytes);
        self
    }

    /// Waits for an equal request in place of sending this one: while one of this guest with the same
    /// text is under way, this is settled with its answer, or its failure. The text says all that
    /// makes a difference, since nothing else is compared; what belongs to one client alone must not
    /// be shared. Each has its own [`timeout`](Self::timeout), and the request goes on as long as
    /// anybody waits for it.
    pub fn collapse(mut self, equal_to: impl Into<String>) -> Self {
        self.options().collapse = Some(equal_to.into());
        self
    }

    /// Sends it. The pending is settled with the [response](crate::Settlement::Response), of any
    /// status, or with a [failure](crate::Failure). When it is dropped, the request is given up.
    ///
    /// # Errors
    /// The host refuses a pending: too many exist, or there is no request that could wait for it.
    pub fn send(self) -> Result<Pending, Refusal> {
        host::start(self.0).map(Pending::lift)
    }

    fn options(&mut self) -> &mut raw::Options {
        self.0.options.get_or_insert(raw::Options {
            timeout_ms: None,
            connect_timeout_ms: None,
            redirects_max: None,
            response_bytes_max: None,
            collapse: None,
        })
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    use crate::Refusal;
    use crate::bindings::snow::host::{fetch as raw, pending_handles};

    pub fn start(outgoing: raw::Outgoing) -> Result<pending_handles::Pending, Refusal> {
        raw::start(&outgoing).map_err(Refusal::lift)
    }
}

/// In a native test there is no host, and nothing is sent.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    use crate::Refusal;
    use crate::bindings::snow::host::{fetch as raw, pending_handles};

    pub fn start(_: raw::Outgoing) -> Result<pending_handles::Pending, Refusal> {
        Err(Refusal::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_up_to_the_host() {
        let Fetch(plain) = Fetch::get("http://a/");
        assert!(plain.options.is_none() && plain.body.is_empty() && plain.method == "GET");
        let Fetch(fetch) = Fetch::post("http://a/", "x")
            .header("A", "1")
            .header("a", "2")
            .header_also("a", "3")
            .timeout(Duration::from_secs(2))
            .redirects(3)
            .collapse("a");
        let options = fetch.options.unwrap();
        assert_eq!((options.timeout_ms, options.redirects_max), (Some(2_000), Some(3)));
        assert_eq!(options.collapse.as_deref(), Some("a"));
        assert_eq!((options.connect_timeout_ms, options.response_bytes_max), (None, None));
        let fields: Vec<_> = fetch.headers.iter().map(|field| &field.value[..]).collect();
        assert_eq!((fields, &fetch.body[..]), (vec![&b"2"[..], b"3"], &b"x"[..]));
        assert_eq!(Fetch::get("http://a/").send().unwrap_err(), Refusal::Denied);
    }
}
