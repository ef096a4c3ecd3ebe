//! What went wrong with a fetch, in one of the ten words.

use std::error::Error;
use std::io;

use snow_runtime::{FetchCode, FetchFailure};

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

/// Makes a failure.
pub(crate) fn failed(code: FetchCode, message: impl Into<String>) -> FetchFailure {
    FetchFailure { code, message: message.into() }
}

/// Returns the failure that an error of the client stands for. What it says is found somewhere among
/// its causes.
pub(crate) fn failure_of(error: &(dyn Error + 'static)) -> FetchFailure {
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

fn known(cause: &(dyn Error + 'static)) -> Option<FetchFailure> {
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
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // What it says is its cause's, which is asked too.
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return None;
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
