//! Certificates of the deployer's: of authorities besides the system's, and the one that other
//! servers are shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use snow_config::ServerConfig;

/// The most certificates of one file: no list of authorities is that long.
const CERTIFICATES_MAX: usize = 10_000;

const AUTHORITIES: &str = "outbound_ca";
const CERTIFICATE: &str = "outbound_certificate";
const KEY: &str = "outbound_key";

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file can't be read as PEM.
    #[error("{}, named by {setting}, can't be read as {} (PEM): {why}", file.display(), what(setting))]
    Unreadable {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: pem::Error,
    },
    /// The file has no certificate, or very many.
    #[error(
        "{}, named by {setting}, has {certificates} certificates (PEM); it may have 1 to {}",
        file.display(),
        CERTIFICATES_MAX
    )]
    Number {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// How many it has.
        certificates: usize,
    },
    /// There is a certificate without its key, or a key without its certificate.
    #[error("outbound_certificate and outbound_key belong together: {0} is not set")]
    Half(&'static str),
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("the certificate of outbound_certificate and the key of outbound_key do not fit: {0}")]
    Unfit(rustls::Error),
}

fn what(setting: &str) -> &'static str {
    if setting == KEY { "a private key" } else { "certificates" }
}

/// The certificates of a server's settings.
#[derive(Default)]
pub(crate) struct Certificates {
    /// Authorities that are believed besides the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// What other servers are shown who ask for a certificate.
    pub own: Option<Arc<CertifiedKey>>,
}

/// Reads all files of the settings.
pub(crate) fn read(
    server: &ServerConfig,
    provider: &CryptoProvider,
) -> Result<Certificates, CertificateError> {
    let mut authorities = Vec::new();
    for file in &server.outbound_ca {
        authorities.extend(of_file(AUTHORITIES, file)?);
    }
    let own = match (&server.outbound_certificate, &server.outbound_key) {
        (None, None) => None,
        (Some(_), None) => return Err(CertificateError::Half(KEY)),
        (None, Some(_)) => return Err(CertificateError::Half(CERTIFICATE)),
        (Some(certificate), Some(key)) => {
            let chain = of_file(CERTIFICATE, certificate)?;
            let found = PrivateKeyDer::from_pem_file(key);
            let file = || key.clone();
            let key = found.map_err(|why| CertificateError::Unreadable {
                setting: KEY,
                file: file(),
                why,
            })?;
            let own = CertifiedKey::from_der(chain, key, provider);
            Some(Arc::new(own.map_err(CertificateError::Unfit)?))
        }
    };
    Ok(Certificates { authorities, own })
}

fn of_file(
    setting: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let unreadable = |why| CertificateError::Unreadable { setting, file: file.to_owned(), why };
    let found = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let found: Vec<_> =
        found.take(CERTIFICATES_MAX + 1).collect::<Result<_, _>>().map_err(unreadable)?;
    match found.len() {
        1..=CERTIFICATES_MAX => Ok(found),
        certificates => {
            Err(CertificateError::Number { setting, file: file.to_owned(), certificates })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::tls::provider;

    /// A folder with files, which is removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder =
                env::temp_dir().join(format!("snow-certificates-{}-{name}", process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let file = self.0.join(name);
            fs::write(&file, text).unwrap();
            file
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn read_all(server: &ServerConfig) -> Result<Certificates, CertificateError> {
        read(server, &provider())
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = Folder::new("authorities");
        let read_one = |file: PathBuf| {
            read_all(&ServerConfig { outbound_ca: vec![file], ..ServerConfig::default() })
        };
        let file = folder.0.join("none");
        let missing = read_one(file.clone()).err().unwrap().to_string();
        assert!(missing.starts_with(&file.display().to_string()), "{missing}");
        let none = read_one(folder.file("a", "no certificate\n")).err().unwrap().to_string();
        assert!(none.contains("has 0 certificates"), "{none}");
        let wrong = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let wrong = read_one(folder.file("a", wrong)).err().unwrap();
        assert!(matches!(wrong, CertificateError::Unreadable { .. }), "{wrong}");
        let good = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read_one(folder.file("a", good)).unwrap().authorities.len(), 1);
    }

    #[test]
    fn an_own_certificate_has_its_own_key() {
        let folder = Folder::new("own");
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        let certificate = folder.file("certificate", &certificate.pem());
        let with = |certificate: Option<&PathBuf>, key: Option<PathBuf>| {
            read_all(&ServerConfig {
                outbound_certificate: certificate.cloned(),
                outbound_key: key,
                ..ServerConfig::default()
            })
        };
        let own = with(Some(&certificate), Some(folder.file("key", &key.serialize_pem())));
        assert!(own.unwrap().own.is_some());
        let unfit = with(Some(&certificate), Some(folder.file("other", &other.serialize_pem())));
        assert!(matches!(unfit, Err(CertificateError::Unfit(_))));
        for (half, words) in [
            (with(Some(&certificate), None), "outbound_key is not set"),
            (with(None, Some(certificate.clone())), "outbound_certificate is not set"),
            (with(Some(&certificate), Some(certificate.clone())), "as a private key (PEM)"),
        ] {
            let wrong = half.err().unwrap().to_string();
            assert!(wrong.contains(words), "{wrong}");
        }
        assert!(with(None, None).unwrap().own.is_none());
    }
}
