//! What went wrong with a fetch, in one of the ten words.

use std::io;

use hyper_util::client::legacy::Error;
use snow_core::{cut, escape_control};
use snow_runtime::{FetchCode, FetchFailure};

use crate::proxy::ProxyError;

/// Bytes of a message: it may quote a guest or a server.
const MESSAGE_BYTES_MAX: usize = 512;

/// The numbers by which unix systems say that there are too many open files, in all and in the
/// process. std has no name for them.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    /// The name leads to addresses that the guest may not reach.
    #[error("{0}")]
    Denied(String),
    /// The name leads nowhere.
    #[error("the name {name:?} was not found: {why}")]
    NotFound {
        /// The name.
        name: String,
        /// What the resolver says.
        why: String,
    },
}

/// Makes a failure. Its message is one line, and not long.
pub(crate) fn failed(code: FetchCode, message: impl AsRef<str>) -> FetchFailure {
    let message = cut(message.as_ref(), MESSAGE_BYTES_MAX);
    FetchFailure { code, message: escape_control(&message).into_owned() }
}

/// Returns the failure that an error of the client stands for.
pub(crate) fn failure_of_client(error: &Error, is_https: bool) -> FetchFailure {
    let mut failure = failure_of(error);
    if failure_of_proxy(error).is_some() {
        return failure;
    }
    // Whoever hangs up before there is a connection speaks no TLS, or not ours.
    if is_https && error.is_connect() && failure.code == FetchCode::Reset {
        failure.code = FetchCode::Tls;
    }
    failure
}

/// Returns the failure that an error stands for. What it says is found somewhere among
/// its causes.
pub(crate) fn failure_of(error: &(dyn std::error::Error + 'static)) -> FetchFailure {
    if let Some(failure) = failure_of_proxy(error) {
        return failure;
    }
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
        // An I/O error has its cause inside, and names the cause of that as its source.
        if let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            next = Some(inner);
        }
    }
    let known = causes.iter().rev().find_map(|cause| known(*cause));
    known.unwrap_or_else(|| {
        let innermost = causes.last().expect("the error itself is among them");
        failed(FetchCode::Protocol, innermost.to_string())
    })
}

/// Returns the failure of the proxy, if that is what an error is about. It has no causes, which
/// would tell where the proxy is.
fn failure_of_proxy(error: &(dyn std::error::Error + 'static)) -> Option<FetchFailure> {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref::<ProxyError>()).map(|error| error.0.clone())
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<FetchFailure> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        let code = match error {
            ResolveError::Denied(_) => FetchCode::Denied,
            ResolveError::NotFound { .. } => FetchCode::Dns,
        };
        return Some(failed(code, error.to_string()));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(failed(FetchCode::Tls, error.to_string()));
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return of_h2(error);
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // What it says is its cause's, which is asked too.
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return None;
    }
    if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) {
        let message = "the host has no file descriptors left for connections";
        return Some(failed(FetchCode::Overloaded, message));
    }
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => FetchCode::Refused,
        io::ErrorKind::TimedOut => FetchCode::Timeout,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => FetchCode::Reset,
        _ => return None,
    };
    Some(failed(code, error.to_string()))
}

/// What the server says of its stream or of its connection; all else is a fault in what it sends.
fn of_h2(error: &h2::Error) -> Option<FetchFailure> {
    let code = match error.is_remote() || error.is_io() {
        true => FetchCode::Reset,
        false => FetchCode::Protocol,
    };
    Some(failed(code, error.to_string()))
}

fn of_hyper(error: &hyper::Error) -> Option<FetchFailure> {
    // There is no other way to tell a head that is too large.
    let code = if error.is_parse() && error.to_string().contains("too large") {
        FetchCode::TooLarge
    } else if error.is_parse() {
        FetchCode::Protocol
    } else if error.is_timeout() {
        FetchCode::Timeout
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        FetchCode::Reset
    } else {
        return None;
    };
    Some(failed(code, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_not_long() {
        let failure = failed(FetchCode::Protocol, format!("a\n\u{1b}[2J{}", "x".repeat(1 << 20)));
        assert!(failure.message.starts_with(r"a\n\u{1b}[2Jx"), "{failure}");
        assert!(failure.message.len() < 600);
    }

    #[test]
    fn errors_of_the_system_have_a_word_each() {
        for (kind, code) in [
            (io::ErrorKind::ConnectionRefused, FetchCode::Refused),
            (io::ErrorKind::NetworkUnreachable, FetchCode::Refused),
            (io::ErrorKind::TimedOut, FetchCode::Timeout),
            (io::ErrorKind::ConnectionReset, FetchCode::Reset),
            (io::ErrorKind::UnexpectedEof, FetchCode::Reset),
            (io::ErrorKind::InvalidData, FetchCode::Protocol),
        ] {
            assert_eq!(failure_of(&io::Error::from(kind)).code, code, "{kind}");
        }
        let no_files = io::Error::from_raw_os_error(EMFILE);
        assert_eq!(failure_of(&no_files).code, FetchCode::Overloaded);
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let inside = io::Error::new(io::ErrorKind::InvalidData, certificate);
        assert_eq!(failure_of(&inside).code, FetchCode::Tls);
        let reset = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert_eq!(failure_of(&reset).code, FetchCode::Protocol, "it was made on this side");
    }
}
