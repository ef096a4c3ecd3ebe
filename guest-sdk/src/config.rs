//! What the deployer says to this guest, in `[guest.NAME.config]` of snow.toml: texts by their names.
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(GET, r"/greeting")]
//! fn greeting(_: Request) -> String {
//!     config::get("greeting").unwrap_or_else(|| "hello".to_owned())
//! }
//!
//! snow_guest::serve!(greeting);
//! # fn main() {}
//! ```
//!
//! A change takes effect with the next call. In a native test there is no host, and every name is
//! without a value.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Returns the value of this name; `None` if the deployer gives none.
pub fn get(name: &str) -> Option<String> {
    host::get(name)
}

/// Returns the value of this name, parsed; `None` if the deployer gives none.
///
/// ```
/// use snow_guest::prelude::*;
///
/// let size: u32 = config::parsed("page_size")?.unwrap_or(20);
/// # assert_eq!(size, 20);
/// # Ok::<(), snow_guest::Error>(())
/// ```
///
/// # Errors
///
/// It can't be parsed: a 500, whose line in the log names the value and does not show it.
pub fn parsed<T: FromStr>(name: &str) -> crate::Result<Option<T>> {
    let parse = |text: String| text.parse().map_err(|_| Unusable(name.to_owned()).into());
    get(name).map(parse).transpose()
}

/// Returns the secret of this name; `None` if the deployer gives none. Any value can be taken as a
/// secret; one that the deployer calls so is not among [`all`].
///
/// ```
/// use snow_guest::prelude::*;
///
/// fn authorization() -> Option<String> {
///     let token = config::secret("token")?;
///     Some(format!("Bearer {}", token.expose()))
/// }
/// # assert!(authorization().is_none());
/// ```
pub fn secret(name: &str) -> Option<Secret> {
    get(name).map(Secret)
}

/// Returns all values that are no secrets, by their names.
pub fn all() -> BTreeMap<String, String> {
    host::all().into_iter().collect()
}

/// A text that is not shown by accident: `{:?}` does not print it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A value that does not mean what it should.
#[derive(Debug)]
struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the value of `{}` in the `config` of snow.toml can't be used", self.0)
    }
}

impl std::error::Error for Unusable {}

#[cfg(target_arch = "wasm32")]
mod host {
    use crate::bindings::wasi::config::store;

    // The host has every value at hand, so an error is none that a guest could do anything about.
    pub fn get(name: &str) -> Option<String> {
        store::get(name).ok().flatten()
    }

    pub fn all() -> Vec<(String, String)> {
        store::get_all().unwrap_or_default()
    }
}

/// In a native test there is no host.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub fn get(_: &str) -> Option<String> {
        None
    }

    pub fn all() -> Vec<(String, String)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_shows_no_secret() {
        let secret = Secret("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(…) Some(Secret(…))");
        assert_eq!(secret.expose(), "hunter2");
    }
}
