//! Certificates of authorities that the deployer adds to the system's.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

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
