//! The proxy through which other servers are reached, if the deployer has one.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http::Uri;
use snow_config::{DirectHosts, ServerConfig};
use snow_core::lock;
use snow_runtime::{FetchCode, FetchFailure, Level, Log};

use crate::fault::{failed, failure_of};

/// How long the log has one line for each kind of failure of the proxy.
const QUIET: Duration = Duration::from_secs(60);

/// A proxy of HTTP, and for which hosts it is used.
pub(crate) struct Proxy {
    pub url: Uri,
    /// Hosts that are reached without it.
    direct: DirectHosts,
    log: Log,
    logged: Mutex<Logged>,
}

/// Why there is no connection through the proxy: as the guest is told, which does not learn where
/// it is.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ProxyError(pub FetchFailure);

impl Proxy {
    /// Returns the proxy of the settings. The settings' reader has checked its URL; one that is none
    /// all the same is no proxy. What is wrong with it goes to the log.
    pub fn of(server: &ServerConfig, log: &Log) -> Option<Proxy> {
        let url = server.outbound_proxy.as_ref()?.parse().ok()?;
        let direct = server.outbound_no_proxy.clone().unwrap_or_default();
        Some(Proxy { url, direct, log: log.clone(), logged: Mutex::default() })
    }

    /// Returns whether a host, as a URL has it, is reached through the proxy. This machine is not:
    /// there, the proxy would reach its own.
    pub fn serves(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        !is_here && !self.direct.matches(host)
    }

    /// Returns what a guest is told when the proxy can't be reached, and logs more.
    pub fn unreachable(&self, error: &(dyn Error + 'static)) -> ProxyError {
        let FetchFailure { code, message } = failure_of(error);
        match code {
            // That is about this process.
            FetchCode::Overloaded => ProxyError(FetchFailure { code, message }),
            // It says the proxy's name; and that of the other server, which it was asked for, may
            // well lead somewhere.
            FetchCode::Dns => {
                self.tell(code, &message);
                ProxyError(failed(FetchCode::Refused, "the proxy: its name was not found"))
            }
            _ => self.fails(code, &message),
        }
    }

    /// Returns what a guest is told when the proxy opens no tunnel, and logs it.
    pub fn opens_nothing(&self, why: &str) -> ProxyError {
        self.fails(FetchCode::Refused, &format!("it opens no connection: {why}"))
    }

    /// Returns what a guest is told when there is no connection in time, and logs it.
    pub fn takes_too_long(&self, connect_ms: u32) -> ProxyError {
        let message = format!("there was no connection through it in {connect_ms} ms");
        self.fails(FetchCode::Timeout, &message)
    }

    fn fails(&self, code: FetchCode, message: &str) -> ProxyError {
        self.tell(code, message);
        ProxyError(failed(code, format!("the proxy: {message}")))
    }

    /// Writes a line for the deployer, unless there was one of this kind a moment before.
    fn tell(&self, code: FetchCode, message: &str) {
        let Some(unlogged) = lock(&self.logged).is_due(code, Instant::now()) else { return };
        // Host and port alone: a URL can have a password.
        let place = self.url.authority().map_or("", |place| {
            place.as_str().rsplit_once('@').map_or(place.as_str(), |(_, place)| place)
        });
        let more = match unlogged {
            0 => String::new(),
            count => format!(" ({count} more like this since the last line)"),
        };
        self.log.host(Level::Warn, format!("the proxy http://{place}: {message}{more}"));
    }
}

/// What was logged about the proxy: when, and how often since then not, by the kind.
#[derive(Default)]
struct Logged(BTreeMap<FetchCode, (Instant, u64)>);

impl Logged {
    /// Returns whether there is to be a line now, with how many were left out before it; and counts
    /// this one.
    fn is_due(&mut self, code: FetchCode, now: Instant) -> Option<u64> {
        match self.0.get_mut(&code) {
            Some((since, unlogged)) if now.saturating_duration_since(*since) < QUIET => {
                *unlogged += 1;
                None
            }
            _ => self.0.insert(code, (now, 0)).map(|(_, unlogged)| unlogged).or(Some(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use snow_config::{Limits, LogFormat};

    use super::*;

    #[test]
    fn this_machine_and_named_hosts_are_reached_directly() {
        let log = Log::start(LogFormat::Text, &Limits::default(), io::sink()).unwrap();
        let direct = ["*.internal", "10.0.0.0/8"].map(|host| host.parse().unwrap());
        let server = ServerConfig {
            outbound_proxy: Some("http://proxy:3128".to_owned()),
            outbound_no_proxy: Some(direct.into_iter().collect()),
            ..ServerConfig::default()
        };
        let proxy = Proxy::of(&server, &log).unwrap();
        for direct in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "a.internal", "10.0.0.1"] {
            assert!(!proxy.serves(direct), "{direct}");
        }
        for served in ["a.example", "internal", "192.0.2.1", "[2001:db8::1]", "localhost.example"] {
            assert!(proxy.serves(served), "{served}");
        }
        assert!(Proxy::of(&ServerConfig::default(), &log).is_none());
    }

    #[test]
    fn a_line_of_each_kind_is_enough_for_a_while() {
        let (mut logged, now) = (Logged::default(), Instant::now());
        assert_eq!(logged.is_due(FetchCode::Refused, now), Some(0));
        assert_eq!(logged.is_due(FetchCode::Refused, now), None);
        assert_eq!(logged.is_due(FetchCode::Refused, now + QUIET / 2), None);
        assert_eq!(logged.is_due(FetchCode::Timeout, now + QUIET / 2), Some(0));
        assert_eq!(logged.is_due(FetchCode::Refused, now + QUIET), Some(2));
        assert_eq!(logged.is_due(FetchCode::Refused, now + QUIET), None);
    }
}
