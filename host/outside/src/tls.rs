//! How encrypted connections are made.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls_pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use crate::certificates::Certificates;

/// How encrypted connections are made: whom the host believes, and what it shows.
#[derive(Default)]
pub(crate) struct Tls {
    certificates: Certificates,
    roots: OnceLock<Result<Vec<CertificateDer<'static>>, String>>,
    config: OnceLock<Result<ClientConfig, String>>,
}

impl Tls {
    /// Believes the authorities of the system's, and these.
    pub fn new(certificates: Certificates) -> Tls {
        Tls { certificates, roots: OnceLock::new(), config: OnceLock::new() }
    }

    /// Returns the certificates of all authorities, for who checks by itself. Those of the system
    /// are read when they are first needed.
    pub fn roots(&self) -> &Result<Vec<CertificateDer<'static>>, String> {
        self.roots.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            let own = &self.certificates.authorities;
            if found.certs.is_empty() && own.is_empty() {
                return Err("the system's certificate authorities can't be read".to_owned());
            }
            Ok(found.certs.into_iter().chain(own.iter().cloned()).collect())
        })
    }

    /// Returns the configuration. The system's certificate authorities are read when it is first
    /// needed.
    pub fn config(&self) -> &Result<ClientConfig, String> {
        self.config.get_or_init(|| {
            let authorities = self.certificates.authorities.clone();
            let made = Verifier::new_with_extra_roots(authorities, provider());
            let config = made.and_then(|verifier| {
                let config = ClientConfig::builder_with_provider(provider())
                    .with_safe_default_protocol_versions()?
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier));
                Ok(match self.certificates.own.clone() {
                    Some(own) => {
                        config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
                    }
                    None => config.with_no_client_auth(),
                })
            });
            config.map_err(|error: rustls::Error| {
                format!("the system's certificate authorities can't be used: {error}")
            })
        })
    }
}

/// Returns the cryptography: ring, which builds with a C compiler alone.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_read_once() {
        let authorities = vec![CertificateDer::from(vec![1, 2, 3])];
        let tls = Tls::new(Certificates { authorities, own: None });
        let roots = tls.roots().as_ref().unwrap();
        assert_eq!(roots.last().map(AsRef::as_ref), Some(&[1, 2, 3][..]), "its own ones too");
        assert!(std::ptr::eq(roots, tls.roots().as_ref().unwrap()));
    }
}
