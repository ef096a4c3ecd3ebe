//! The proxy through which other servers are reached, if the deployer has one.

use std::net::IpAddr;

use http::Uri;
use snow_config::{DirectHosts, ServerConfig};

/// A proxy of HTTP, and for which hosts it is used.
pub(crate) struct Proxy {
    pub url: Uri,
    /// Hosts that are reached without it.
    direct: DirectHosts,
}

/// Why the proxy opened no connection.
#[derive(Debug, thiserror::Error)]
#[error("the proxy opens no connection: {0}")]
pub(crate) struct ProxyError(pub String);

impl Proxy {
    /// Returns the proxy of the settings. The settings' reader has checked its URL; one that is none
    /// all the same is no proxy.
    pub fn of(server: &ServerConfig) -> Option<Proxy> {
        let url = server.outbound_proxy.as_ref()?.parse().ok()?;
        Some(Proxy { url, direct: server.outbound_no_proxy.clone().unwrap_or_default() })
    }

    /// Returns whether a host, as a URL has it, is reached through the proxy. This machine is not:
    /// there, the proxy would reach its own.
    pub fn serves(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        !is_here && !self.direct.matches(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_named_hosts_are_reached_directly() {
        let server = ServerConfig {
            outbound_proxy: Some("http://proxy:3128".to_owned()),
            outbound_no_proxy: Some(
                ["*.internal", "10.0.0.0/8"]
                    .into_iter()
                    .map(|host| host.parse().unwrap())
                    .collect(),
            ),
            ..ServerConfig::default()
        };
        let proxy = Proxy::of(&server).unwrap();
        for direct in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "a.internal", "10.0.0.1"] {
            assert!(!proxy.serves(direct), "{direct}");
        }
        for served in ["a.example", "internal", "192.0.2.1", "[2001:db8::1]", "localhost.example"] {
            assert!(proxy.serves(served), "{served}");
        }
        assert!(Proxy::of(&ServerConfig::default()).is_none());
    }
}
