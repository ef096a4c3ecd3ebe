//! Certificates of authorities that the deployer adds to the system's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use rustls_platform_verifier::Verifier;

/// The most certificates of one file: no list of authorities is that long.
const CERTIFICATES_MAX: usize = 10_000;

/// Why authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file can't be read as PEM.
    #[error("{}, named by outbound_ca, can't be read as certificates (PEM): {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: pem::Error,
    },
    /// The file has no certificate, or very many.
    #[error(
        "{}, named by outbound_ca, has {certificates} certificates (PEM); it may have 1 to {}",
        file.display(),
        CERTIFICATES_MAX
    )]
    Number {
        /// The file.
        file: PathBuf,
        /// How many it has.
        certificates: usize,
    },
}

/// How encrypted connections are made.
#[derive(Default)]
pub(crate) struct Tls {
    authorities: Vec<CertificateDer<'static>>,
    config: OnceLock<Result<ClientConfig, String>>,
}

impl Tls {
    /// Believes these authorities, besides those of the system's.
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> Tls {
        Tls { authorities, config: OnceLock::new() }
    }

    /// Returns the certificates of all authorities, for who checks by itself.
    pub fn roots(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() && self.authorities.is_empty() {
            return Err("the system's certificate authorities can't be read".to_owned());
        }
        Ok(found.certs.into_iter().chain(self.authorities.iter().cloned()).collect())
    }

    /// Returns the configuration. The system's certificate authorities are read when it is first
    /// needed.
    pub fn config(&self) -> &Result<ClientConfig, String> {
        self.config.get_or_init(|| {
            let made = Verifier::new_with_extra_roots(self.authorities.clone(), provider());
            let config = made.and_then(|verifier| {
                let config = ClientConfig::builder_with_provider(provider())
                    .with_safe_default_protocol_versions()?
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier));
                Ok(config.with_no_client_auth())
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

/// Reads the certificates of all files.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(of_file(file)?);
    }
    Ok(all)
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let unreadable = |why| AuthorityError::Unreadable { file: file.to_owned(), why };
    let found = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let found: Vec<_> =
        found.take(CERTIFICATES_MAX + 1).collect::<Result<_, _>>().map_err(unreadable)?;
    match found.len() {
        1..=CERTIFICATES_MAX => Ok(found),
        certificates => Err(AuthorityError::Number { file: file.to_owned(), certificates }),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let file = env::temp_dir().join(format!("snow-authorities-{}.pem", process::id()));
        let missing = read(std::slice::from_ref(&file)).unwrap_err().to_string();
        assert!(missing.starts_with(&file.display().to_string()), "{missing}");
        fs::write(&file, "no certificate\n").unwrap();
        let none = read(std::slice::from_ref(&file)).unwrap_err().to_string();
        assert!(none.contains("has 0 certificates"), "{none}");
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        let wrong = read(std::slice::from_ref(&file)).unwrap_err();
        assert!(matches!(wrong, AuthorityError::Unreadable { .. }), "{wrong}");
        fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(read(std::slice::from_ref(&file)).unwrap().len(), 1);
        fs::remove_file(file).unwrap();
    }
}
