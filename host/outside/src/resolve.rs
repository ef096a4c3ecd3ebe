//! Names become addresses that the guest may reach.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::vec;

use hickory_resolver::TokioResolver;
use hyper_util::client::legacy::connect::dns::Name;
use snow_config::OutboundRules;
use tower_service::Service;
use url::Host;

use crate::fault::ResolveError;

/// Finds the addresses of names for one guest. Called by the client each time that it opens a
/// connection, and the connection goes to what is returned here: nobody asks a second time.
///
/// The names are looked up by the system's settings (`/etc/hosts`, `/etc/resolv.conf`), without
/// threads: a name server that is slow delays only who asks for its names.
#[derive(Clone)]
pub(crate) struct Resolver {
    /// `None` for whom the deployer sends requests to: the proxy.
    pub rules: Option<Arc<OutboundRules>>,
    pub names: Names,
}

/// The resolver of all guests, made when the first name is looked up.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<OnceLock<Result<TokioResolver, String>>>);

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Resolver { rules, names } = self.clone();
        Box::pin(async move {
            let found = names.find(name.as_str()).await?;
            let allowed = match rules {
                Some(rules) => allowed(&rules, name.as_str(), &found)?,
                None => found,
            };
            // The client puts in the port.
            let places: Vec<_> = allowed.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(places.into_iter())
        })
    }
}

impl Names {
    /// Returns every address of a name.
    pub async fn find(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // It is this machine everywhere (RFC 6761, section 6.3), whatever a name server says.
        if name == "localhost" {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let not_found = |why: String| ResolveError::NotFound { name: name.to_owned(), why };
        let resolver = self.0.get_or_init(|| {
            let made = TokioResolver::builder_tokio().and_then(|builder| builder.build());
            made.map_err(|error| format!("the system's settings for names can't be used: {error}"))
        });
        let resolver = resolver.as_ref().map_err(|why| not_found(why.clone()))?;
        let found = resolver.lookup_ip(name).await;
        Ok(found.map_err(|error| not_found(error.to_string()))?.iter().collect())
    }
}

/// Returns those of the addresses that may be connected to.
fn allowed(
    rules: &OutboundRules,
    name: &str,
    found: &[IpAddr],
) -> Result<Vec<IpAddr>, ResolveError> {
    let host = Host::Domain(name);
    let allowed: Vec<IpAddr> =
        found.iter().copied().filter(|address| rules.allow_address(&host, *address)).collect();
    match (allowed.is_empty(), found.first()) {
        (true, Some(address)) => Err(ResolveError::Denied(format!(
            "{name} leads to {address}, which is no public address; outbound = [\"{address}\"], \
             beside the rule for the name, would allow it"
        ))),
        (true, None) => Err(ResolveError::NotFound {
            name: name.to_owned(),
            why: "it has no address".to_owned(),
        }),
        (false, _) => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[&str]) -> OutboundRules {
        rules.iter().map(|rule| rule.parse().unwrap()).collect()
    }

    #[test]
    fn an_address_that_is_not_public_has_to_be_named() {
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.1.2.3".parse().unwrap();
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        let any = rules(&["https://*"]);
        assert_eq!(allowed(&any, "a.example", &[private, public]).unwrap(), [public]);
        for address in [private, metadata, mapped] {
            let denied = allowed(&any, "a.example", &[address]).unwrap_err();
            assert!(matches!(denied, ResolveError::Denied(_)), "{denied}");
        }
        let named = rules(&["https://*", "10.0.0.0/8"]);
        assert_eq!(allowed(&named, "a.example", &[private]).unwrap(), [private]);
        let nothing = allowed(&any, "a.example", &[]).unwrap_err();
        assert!(matches!(nothing, ResolveError::NotFound { .. }));
    }
}
