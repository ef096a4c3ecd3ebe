//! The hosts that are reached without the proxy.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use snow_core::Glob;
use url::Host;

/// One entry of `outbound_no_proxy`: a name in which `*` stands for anything, an address, or a
/// network such as `10.0.0.0/8`.
///
/// It is asked about hosts as URLs have them. No name is looked up, so a network is about URLs with
/// an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectHost(Direct);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    Named(Glob),
    Within(IpNet),
}

/// A list of such hosts. The empty list has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectHosts(Box<[DirectHost]>);

impl DirectHosts {
    /// Returns the entries in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &DirectHost> {
        self.0.iter()
    }

    /// Returns whether any entry is about a host: a name in lower case, or an address without
    /// brackets.
    pub fn matches(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|entry| match &entry.0 {
            Direct::Named(glob) => glob.matches(host),
            // An IPv4 address in the clothes of IPv6 is what it stands for, too.
            Direct::Within(net) => {
                address.is_some_and(|ip| net.contains(&ip) || net.contains(&ip.to_canonical()))
            }
        })
    }
}

impl FromIterator<DirectHost> for DirectHosts {
    fn from_iter<I: IntoIterator<Item = DirectHost>>(entries: I) -> DirectHosts {
        DirectHosts(entries.into_iter().collect())
    }
}

impl FromStr for DirectHost {
    type Err = String;

    /// Refuses what no host can be, since its requests would go to the proxy without a word.
    fn from_str(text: &str) -> Result<DirectHost, String> {
        let wrong = |why: &str| {
            Err(format!("{why}: write a name such as *.internal, an address, or 10.0.0.0/8"))
        };
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(DirectHost(Direct::Within(address.into())));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(DirectHost(Direct::Within(net.trunc())));
        }
        if text.is_empty() {
            return wrong("it is empty");
        }
        if text.contains(char::is_whitespace) {
            return wrong("it has a space in it, and each host is an entry of its own");
        }
        if text.contains("://") {
            return wrong("a scheme has no place in it");
        }
        if text.contains('/') {
            return wrong("it is no network, and a path has no place in it");
        }
        if text.contains(':') {
            return wrong("a port has no place in it, and it is no address of IPv6");
        }
        if text.starts_with('.') {
            return wrong("the names below a name begin with *.");
        }
        // Part of an address of IPv4, which is no host by itself.
        let is_numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'*');
        if text.contains('*') && text.bytes().all(is_numeric) {
            return Ok(DirectHost(Direct::Named(Glob::new(text))));
        }
        // The parser that reads what guests ask for reads the entry, so both mean the same host.
        match Host::parse(text) {
            Ok(Host::Ipv4(address)) => Ok(DirectHost(Direct::Within(IpAddr::from(address).into()))),
            Ok(Host::Ipv6(address)) => Ok(DirectHost(Direct::Within(IpAddr::from(address).into()))),
            // A label of other letters is written in ASCII by a code of all of them together, so no
            // part of that code is the code of a part of the label.
            Ok(Host::Domain(name))
                if name.split('.').any(|l| l.starts_with("xn--") && l.contains('*')) =>
            {
                wrong("a * within a label of other letters than ASCII stands for nothing")
            }
            Ok(Host::Domain(name)) => Ok(DirectHost(Direct::Named(Glob::new(&name)))),
            Err(error) => wrong(&error.to_string()),
        }
    }
}

/// Writes the entry so that it can be read again.
impl fmt::Display for DirectHost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Direct::Named(glob) => glob.fmt(out),
            Direct::Within(net) => net.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_an_address_or_one_of_a_network() {
        for (entry, good, bad) in [
            ("*.internal", &["a.internal", "a.b.internal"][..], &["internal", "10.1.2.4"][..]),
            ("*.INTERNAL", &["a.internal"], &["a.example"]),
            ("*.b\u{fc}cher.example", &["a.xn--bcher-kva.example"], &["a.bucher.example"]),
            ("*", &["a.example", "10.1.2.4", "2001:db8::1"], &[]),
            ("10.0.0.0/8", &["10.1.2.4", "::ffff:10.1.2.4"], &["11.0.0.1", "10.a.example"]),
            ("10.1.2.3/8", &["10.9.9.9"], &["11.0.0.1"]),
            ("10.1.2.4", &["10.1.2.4"], &["10.1.2.5"]),
            ("0x0a.1.516", &["10.1.2.4"], &["10.1.2.5"]),
            ("10.*", &["10.1.2.4"], &["11.1.2.4"]),
            ("*.0.1", &["10.0.0.1"], &["10.0.0.2"]),
            ("2001:db8::/32", &["2001:db8::1"], &["2001:db9::1", "a.example"]),
            ("[2001:db8::1]", &["2001:db8::1"], &["2001:db8::2"]),
        ] {
            let parsed: DirectHost = entry.parse().unwrap_or_else(|why| panic!("{entry}: {why}"));
            assert_eq!(parsed.to_string().parse(), Ok(parsed.clone()), "{entry}");
            let hosts = DirectHosts::from_iter([parsed]);
            assert!(good.iter().all(|host| hosts.matches(host)), "{entry}");
            assert!(!bad.iter().any(|host| hosts.matches(host)), "{entry}");
        }
        assert!(!DirectHosts::default().matches("a.example"));
    }

    #[test]
    fn what_can_be_no_host_is_refused() {
        for (entry, words) in [
            ("", "it is empty"),
            ("a b", "a space"),
            (" a", "a space"),
            ("http://y.example", "a scheme"),
            ("10.0.0.0/33", "no network"),
            ("10.0.0.0/255.0.0.0", "no network"),
            ("a.example/x", "no network"),
            ("*.internal:80", "a port"),
            ("[::1]:80", "a port"),
            ("2001:db8:*", "no address of IPv6"),
            (".internal", "begin with *."),
            ("300.1.1.1", "IPv4"),
            ("b\u{fc}*.example", "other letters"),
            ("a@b", "domain"),
        ] {
            let why = entry.parse::<DirectHost>().unwrap_err();
            assert!(why.contains(words) && why.contains("write a name"), "{entry:?}: {why}");
        }
    }
}
