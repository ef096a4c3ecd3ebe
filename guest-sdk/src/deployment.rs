//! Where clients find this guest: what links, redirects and the paths of cookies begin with.
//!
//! A guest sees paths without the prefix at which it is mounted, and what a client sends as `host` is
//! no evidence. So it asks the host:
//!
//! ```
//! use snow_guest::prelude::*;
//!
//! #[route(POST, r"/orders")]
//! fn order(request: Request) -> Response {
//!     // "https://example.org/shop/orders/7", or "/shop/orders/7" if no public URL is known.
//!     Response::empty(303).header("location", request.url_for("/orders/7"))
//! }
//!
//! snow_guest::serve!(order);
//! # fn main() {}
//! ```

use crate::Request;

/// What the paths of this guest begin with, as clients see them: `/shop`, or nothing.
pub fn mount() -> String {
    host::mount()
}

/// The URL of the guest's root, such as `https://example.org/shop`, without a slash at its end.
/// `None` unless the deployer says `public_url`, or trusts what a proxy says (`trust_forwarded`):
/// then only a call that has the request knows it.
pub fn base_url() -> Option<String> {
    host::base_url()
}

/// The path for cookies that this guest alone shall get: `/shop`, or `/`.
pub fn cookie_path() -> String {
    match mount() {
        root if root.is_empty() => "/".to_owned(),
        mount => mount,
    }
}

impl Request {
    /// Returns the link to a path of this guest: as a whole URL if the host knows it, else as a path
    /// with the guest's mount. `path` begins with a slash, and may have a query.
    pub fn url_for(&self, path: &str) -> String {
        base_url().unwrap_or_else(mount) + path
    }

    /// Returns the link to a path of this guest on the same server, for a page or a redirect.
    pub fn path_for(&self, path: &str) -> String {
        mount() + path
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    pub use crate::bindings::snow::host::deployment::{base_url, mount};
}

/// In a native test there is no host: the guest is at the root of a server without a name.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub fn mount() -> String {
        String::new()
    }

    pub fn base_url() -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_links_are_paths() {
        let request = Request::new("GET", "/a");
        assert_eq!(request.url_for("/orders?page=2"), "/orders?page=2");
        assert_eq!((request.path_for("/"), cookie_path()), ("/".to_owned(), "/".to_owned()));
    }
}
