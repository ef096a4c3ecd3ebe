//! Where a guest may send requests, and what the host adds to them.

mod added;
mod direct;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

pub use self::added::{ADDED_BYTES_MAX, AddedField};
pub use self::direct::{DirectHost, DirectHosts};

/// The most methods that one rule names.
const METHODS_MAX: usize = 16;

/// One entry of a guest's `outbound`: an origin, or addresses that names may lead to.
///
/// An origin is `https://api.example.com`, with a port if it is not the scheme's own (`*` for any),
/// perhaps with a prefix of the path, and perhaps with methods before it:
/// `GET,HEAD https://api.example.com/v1/`. A host that begins with `*.` stands for every name below
/// it, and `*` for every name.
///
/// A name is looked up, and may lead to any public address. One that leads into a private network
/// or to this machine is refused, since whoever runs the name's zone chooses that. An address that
/// stands in the list, alone (`10.0.0.0/8`) or in an origin (`http://127.0.0.1:*`), is allowed; so
/// is what `localhost` leads to, if that is in the list.
///
/// To the requests that an origin allows, the host may add [fields](AddedField).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRule {
    rule: Rule,
    adds: Vec<AddedField>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Origin(Origin),
    /// Addresses to which names may lead.
    Addresses(IpNet),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    /// The methods; all of them if there are none.
    methods: Box<[String]>,
    /// Whether it is `https`, else `http`.
    is_https: bool,
    host: HostRule,
    /// `None` for every port.
    port: Option<u16>,
    /// The beginning of the path: `/` and more.
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    /// Every name. No address.
    Any,
    /// Every name that ends with this, which begins with a dot.
    Below(String),
    /// This name, or this address.
    One(Host<String>),
}

/// The rules of a guest. Without any, nothing is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundRules(Box<[OutboundRule]>);

impl OutboundRules {
    /// Returns the rules in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &OutboundRule> {
        self.0.iter()
    }

    /// Returns whether a request may be sent, so far as its method and its URL go. The address that
    /// it is sent to is another question.
    pub fn allow(&self, method: &str, url: &Url) -> bool {
        self.allowing(method, url).next().is_some()
    }

    /// Returns whether a request to a host may be sent to this address. For a host that is an address
    /// itself, that is what [`allow`](OutboundRules::allow) says.
    pub fn allow_address(&self, host: &Host<&str>, address: IpAddr) -> bool {
        let Host::Domain(name) = host else { return true };
        // An IPv4 address in the clothes of IPv6 is what it stands for.
        let address = address.to_canonical();
        let named = |rule: &OutboundRule| match &rule.rule {
            Rule::Addresses(net) => net.contains(&address),
            Rule::Origin(_) => false,
        };
        is_public(address)
            || self.0.iter().any(named)
            || (*name == "localhost" && address.is_loopback())
    }

    /// Returns the fields that the host adds to a request: those of every rule that allows it. Of
    /// several with one name, that of the first rule.
    pub fn added(&self, method: &str, url: &Url) -> Vec<&AddedField> {
        let mut added: Vec<&AddedField> = Vec::new();
        for field in self.allowing(method, url).flat_map(|rule| &rule.adds) {
            if added.iter().all(|known| known.name() != field.name()) {
                added.push(field);
            }
        }
        added
    }

    /// Returns the fields that the host adds, each with the place of its rule.
    pub fn fields(&self) -> impl Iterator<Item = (usize, &AddedField)> {
        let rules = self.0.iter().enumerate();
        rules.flat_map(|(place, rule)| rule.adds.iter().map(move |field| (place, field)))
    }

    /// Returns the fields that the host adds, each with the place of its rule, to change them.
    pub(crate) fn fields_mut(&mut self) -> impl Iterator<Item = (usize, &mut AddedField)> {
        let rules = self.0.iter_mut().enumerate();
        rules.flat_map(|(place, rule)| rule.adds.iter_mut().map(move |field| (place, field)))
    }

    fn allowing(&self, method: &str, url: &Url) -> impl Iterator<Item = &OutboundRule> {
        self.0.iter().filter(move |rule| match &rule.rule {
            Rule::Origin(origin) => origin.allows(method, url),
            Rule::Addresses(_) => false,
        })
    }
}

impl OutboundRule {
    /// Adds fields to the requests that the rule allows.
    ///
    /// # Errors
    /// The rule has no origin, or two of the fields have one name.
    pub fn adding(self, fields: Vec<AddedField>) -> Result<OutboundRule, String> {
        if matches!(self.rule, Rule::Addresses(_)) && !fields.is_empty() {
            return Err("fields are added to requests to an origin, not to addresses".to_owned());
        }
        for (place, field) in fields.iter().enumerate() {
            if fields[..place].iter().any(|other| other.name() == field.name()) {
                return Err(format!("the field {} is added twice", field.name()));
            }
        }
        Ok(OutboundRule { adds: fields, ..self })
    }

    /// Returns the fields that are added to the requests that the rule allows.
    pub fn adds(&self) -> &[AddedField] {
        &self.adds
    }
}

impl From<Rule> for OutboundRule {
    fn from(rule: Rule) -> OutboundRule {
        OutboundRule { rule, adds: Vec::new() }
    }
}

impl FromIterator<OutboundRule> for OutboundRules {
    fn from_iter<I: IntoIterator<Item = OutboundRule>>(rules: I) -> OutboundRules {
        OutboundRules(rules.into_iter().collect())
    }
}

impl Origin {
    fn allows(&self, method: &str, url: &Url) -> bool {
        let scheme = if self.is_https { "https" } else { "http" };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return false;
        };
        (self.methods.is_empty() || self.methods.iter().any(|allowed| allowed == method))
            && url.scheme() == scheme
            && self.host.allows(&host)
            && self.port.is_none_or(|allowed| allowed == port)
            && self.allows_path(url.path())
    }

    /// Returns whether a path begins with the rule's. A path whose servers may disagree about where
    /// it leads is outside of every prefix but the shortest.
    fn allows_path(&self, path: &str) -> bool {
        if self.path == "/" {
            return true;
        }
        let lower = path.to_ascii_lowercase();
        let is_doubtful = ["%2e", "%2f", "%5c", "//", "\\"].iter().any(|part| lower.contains(part));
        let rest = path.strip_prefix(&*self.path);
        let ends_well =
            |rest: &str| self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        !is_doubtful && rest.is_some_and(ends_well)
    }
}

impl HostRule {
    fn allows(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (HostRule::Any, Host::Domain(name)) => *name != "localhost",
            (HostRule::Below(suffix), Host::Domain(name)) => name.ends_with(&**suffix),
            (HostRule::One(one), host) => match (one, host) {
                (Host::Domain(one), Host::Domain(name)) => one == name,
                (Host::Ipv4(one), Host::Ipv4(address)) => one == address,
                (Host::Ipv6(one), Host::Ipv6(address)) => one == address,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Returns whether an address is reached over the public Internet: none of the special ones of
/// RFC 6890 and IANA's registries (private, shared, loopback, link-local with the metadata services
/// of clouds, documentation, benchmarks, multicast, reserved).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !(a == 0
                || address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && (c == 0 || c == 2))
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19))
                || (a == 198 && b == 51 && c == 100)
                || (a == 203 && b == 0 && c == 113))
        }
        IpAddr::V6(address) => {
            let segments = address.segments();
            // Only 2000::/3 is given out. Within it, some ranges stand for IPv4 addresses, which
            // may be private, or for documentation.
            let embeds_ipv4 = segments[0] == 0x2002 || segments[..2] == [0x2001, 0];
            let is_special = segments[0] == 0x2001 && segments[1] < 0x200;
            let is_documentation =
                segments[..2] == [0x2001, 0xdb8] || (segments[0] & 0xfff0) == 0x3ff0;
            segments[0] & 0xe000 == 0x2000 && !embeds_ipv4 && !is_special && !is_documentation
        }
    }
}

impl FromStr for OutboundRule {
    type Err = String;

    fn from_str(text: &str) -> Result<OutboundRule, String> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Rule::Addresses(net.trunc()).into());
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Rule::Addresses(address.into()).into());
        }
        let (methods, origin) = text.rsplit_once(' ').unwrap_or(("", text));
        let origin = Origin::parse(methods_of(methods)?, origin)?;
        Ok(Rule::Origin(origin).into())
    }
}

fn methods_of(text: &str) -> Result<Box<[String]>, String> {
    if text.is_empty() {
        return Ok(Box::default());
    }
    let methods: Box<[String]> = text.split(',').map(|method| method.trim().to_owned()).collect();
    let is_method =
        |method: &String| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    if methods.len() > METHODS_MAX || !methods.iter().all(is_method) {
        return Err("what stands before the URL are methods, such as GET,HEAD".to_owned());
    }
    Ok(methods)
}

impl Origin {
    fn parse(methods: Box<[String]>, text: &str) -> Result<Origin, String> {
        let is_https = text.starts_with("https://");
        let Some(rest) = text.strip_prefix(if is_https { "https://" } else { "http://" }) else {
            return Err(format!(
                "it begins with https:// or http://, or is an address such as 10.0.0.0/8: {text:?}"
            ));
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        if authority.contains('@') {
            return Err("a user and a password have no place here".to_owned());
        }
        let (authority, any_port) = match authority.strip_suffix(":*") {
            Some(authority) => (authority, true),
            None => (authority, false),
        };
        // The parser that reads what guests ask for reads the rule, so that both mean the same host.
        let (stars, name) = match authority.strip_prefix("*.") {
            Some(name) => (Some('.'), name),
            None if authority == "*" || authority.starts_with("*:") => (Some('*'), &authority[1..]),
            None => (None, authority),
        };
        let stand_in = if stars == Some('*') { "any" } else { "" };
        let scheme = if is_https { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{stand_in}{name}{path}"))
            .map_err(|error| format!("{error}: {text:?}"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it ends with a path: a query has no place here".to_owned());
        }
        let host = match (stars, url.host().map(|host| host.to_owned())) {
            (Some('*'), _) => HostRule::Any,
            (Some(_), Some(Host::Domain(name))) => HostRule::Below(format!(".{name}")),
            (None, Some(host)) if !host.to_string().contains('*') => HostRule::One(host),
            _ => return Err(format!("`*` stands for a whole host, or as *. before one: {text:?}")),
        };
        let port = if any_port { None } else { url.port_or_known_default() };
        Ok(Origin { methods, is_https, host, port, path: url.path().to_owned() })
    }
}

impl fmt::Display for OutboundRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match &self.rule {
            Rule::Addresses(net) => return net.fmt(out),
            Rule::Origin(origin) => origin,
        };
        if !origin.methods.is_empty() {
            write!(out, "{} ", origin.methods.join(","))?;
        }
        let (scheme, usual) = if origin.is_https { ("https", 443) } else { ("http", 80) };
        write!(out, "{scheme}://")?;
        match &origin.host {
            HostRule::Any => out.write_str("*")?,
            HostRule::Below(suffix) => write!(out, "*{suffix}")?,
            HostRule::One(host) => host.fmt(out)?,
        }
        match origin.port {
            None => out.write_str(":*")?,
            Some(port) if port == usual => {}
            Some(port) => write!(out, ":{port}")?,
        }
        if origin.path == "/" { Ok(()) } else { out.write_str(&origin.path) }
    }
}

#[cfg(test)]
mod tests;
