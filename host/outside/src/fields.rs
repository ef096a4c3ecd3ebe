//! The fields of requests and of answers that belong to a connection.

use std::collections::BTreeSet;

use snow_http::headers::is_connection_level;

/// The fields that are no part of what is passed on: those of the connection (RFC 9110, section
/// 7.6.1), those that `connection` names, those that tell where the content ends, and those between
/// a client and its proxy (section 11.7): that is the deployer's, and no guest tries passwords there.
pub(crate) struct OfConnection {
    named: BTreeSet<Vec<u8>>,
}

impl OfConnection {
    /// Reads the values of all fields with the name `connection`.
    pub fn named_by<'a>(values: impl Iterator<Item = &'a [u8]>) -> OfConnection {
        let names = values.flat_map(|value| value.split(|byte| *byte == b','));
        OfConnection { named: names.map(|name| name.trim_ascii().to_ascii_lowercase()).collect() }
    }

    /// Returns whether this field is one of them. `name` is in lower case.
    pub fn has(&self, name: &str) -> bool {
        is_connection_level(name)
            || matches!(name, "content-length" | "proxy-authenticate" | "proxy-authorization")
            || self.named.contains(name.as_bytes())
    }
}
