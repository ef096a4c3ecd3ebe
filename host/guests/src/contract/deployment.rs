//! `deployment` of `wit/snow.wit`: where clients find the guest.

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use snow_config::{GuestConfig, ServerConfig};
use snow_http::Head;
use snow_runtime::GuestRequest;

use super::context::CallContext;

/// The field in which a proxy says by which scheme the client came.
const PROTO: &str = "x-forwarded-proto";
/// The field in which a proxy says which host the client asked for.
const HOST: &str = "x-forwarded-host";
/// The most bytes of a host that is believed: those of a name in DNS, with a port.
const HOST_BYTES_MAX: usize = 255 + 6;

/// Where clients find a guest, as far as the deployer says so.
#[derive(Clone, Default)]
pub(crate) struct Address {
    /// What the guest's paths begin with, as clients see them.
    mount: String,
    /// The URL of the guest's root.
    base_url: Option<String>,
    /// Whether a base URL is made of what a proxy says, if there is none.
    trusts_forwarded: bool,
}

/// What of the server's settings is about the addresses of guests.
#[derive(Clone, Default)]
pub(crate) struct Public {
    url: Option<String>,
    trusts_forwarded: bool,
}

impl From<&ServerConfig> for Public {
    fn from(server: &ServerConfig) -> Public {
        Public { url: server.public_url.clone(), trusts_forwarded: server.trust_forwarded }
    }
}

impl Address {
    /// Returns the address of a guest.
    pub fn new(config: Option<&GuestConfig>, public: &Public) -> Address {
        let mount = config.and_then(|config| config.mount.as_deref()).unwrap_or_default();
        let own = config.and_then(|config| config.public_url.as_ref());
        let url = own.or(public.url.as_ref());
        let path = url.and_then(|url| url.split_once("://")?.1.split_once('/'));
        Address {
            mount: path.map_or(mount.to_owned(), |(_, path)| format!("/{path}{mount}")),
            base_url: url.map(|url| format!("{url}{mount}")),
            trusts_forwarded: public.trusts_forwarded,
        }
    }

    /// Returns the base URL that a proxy's fields make, if they are needed and trusted.
    pub fn forwarded(&self, request: &GuestRequest) -> Option<String> {
        if self.base_url.is_some() || !self.trusts_forwarded {
            return None;
        }
        let head = &request.request.head;
        let (proto, host) = (one(head, PROTO)?, one(head, HOST)?);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
        let is_good = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(is_host);
        (matches!(proto, "http" | "https") && is_good)
            .then(|| format!("{proto}://{host}{}", self.mount))
    }
}

/// Returns a field's value. A list is none, on one line or on several: which of its proxies is the
/// trusted one is not known.
fn one<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    let mut values = head.fields_named(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value).ok().map(str::trim).filter(|value| !value.contains(','))
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut deployment = linker.instance("snow:host/deployment@0.1.0")?;
    deployment.func_wrap("mount", |store: StoreContextMut<'_, CallContext>, (): ()| {
        Ok((store.data().permit().address.mount.clone(),))
    })?;
    deployment.func_wrap("base-url", |store: StoreContextMut<'_, CallContext>, (): ()| {
        let context = store.data();
        let told = context.permit().address.base_url.as_ref();
        Ok((told.or(context.forwarded.as_ref()).cloned(),))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_path_comes_before_the_mount() {
        let of = |url: Option<&str>, own: Option<&str>, mount: Option<&str>| {
            let config = GuestConfig {
                mount: mount.map(str::to_owned),
                public_url: own.map(str::to_owned),
                ..GuestConfig::default()
            };
            let public = Public { url: url.map(str::to_owned), trusts_forwarded: false };
            let Address { mount, base_url, .. } = Address::new(Some(&config), &public);
            (mount, base_url.unwrap_or_default())
        };
        let is = |mount: &str, base: &str| (mount.to_owned(), base.to_owned());
        assert_eq!(of(None, None, None), is("", ""));
        assert_eq!(of(None, None, Some("/shop")), is("/shop", ""));
        let (url, app) = (Some("https://a.org"), Some("https://a.org/app"));
        assert_eq!(of(url, None, None), is("", "https://a.org"));
        assert_eq!(of(url, None, Some("/shop")), is("/shop", "https://a.org/shop"));
        assert_eq!(of(app, None, Some("/shop")), is("/app/shop", "https://a.org/app/shop"));
        assert_eq!(of(url, Some("http://b:1/c"), None), is("/c", "http://b:1/c"));
    }
}
