//! What a pending is settled with.

use crate::Response;
use crate::bindings::snow::host::pending_handles as raw;
use std::borrow::Cow;
use std::fmt;

/// What a pending is settled with.
#[derive(Clone, Debug)]
pub enum Settlement {
    /// Bytes. A timer's settlement is an empty value.
    Value(Vec<u8>),
    /// A whole answer.
    Response(Response),
    /// A failure.
    Failed(Failure),
}

impl Settlement {
    /// The bytes: those of a value, or the content of an answer. A failure has none.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Settlement::Value(value) => Some(value),
            Settlement::Response(response) => Some(response.body()),
            Settlement::Failed(_) => None,
        }
    }

    /// [`value`](Self::value) as text: empty for a failure, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.value().unwrap_or_default())
    }

    /// The answer, or the failure: what a [fetch](crate::Fetch) is settled with. A plain value counts
    /// as the content of a 200.
    pub fn response(&self) -> Result<Cow<'_, Response>, &Failure> {
        match self {
            Settlement::Value(value) => Ok(Cow::Owned(Response::bytes(value.clone()))),
            Settlement::Response(response) => Ok(Cow::Borrowed(response)),
            Settlement::Failed(failure) => Err(failure),
        }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Settlement::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn lift(raw: raw::Settlement) -> Self {
        match raw {
            raw::Settlement::Value(value) => Settlement::Value(value),
            raw::Settlement::Response(response) => Settlement::Response(Response(response)),
            raw::Settlement::Failed(raw::Failure { code, message }) => {
                Settlement::Failed(Failure { code, message })
            }
        }
    }

    pub(crate) fn lower(self) -> raw::Settlement {
        match self {
            Settlement::Value(value) => raw::Settlement::Value(value),
            Settlement::Response(response) => raw::Settlement::Response(response.0),
            Settlement::Failed(Failure { code, message }) => {
                raw::Settlement::Failed(raw::Failure { code, message })
            }
        }
    }
}

impl From<&str> for Settlement {
    fn from(value: &str) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<String> for Settlement {
    fn from(value: String) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<&[u8]> for Settlement {
    fn from(value: &[u8]) -> Self {
        Settlement::Value(value.into())
    }
}

impl From<Vec<u8>> for Settlement {
    fn from(value: Vec<u8>) -> Self {
        Settlement::Value(value)
    }
}

impl From<Response> for Settlement {
    fn from(response: Response) -> Self {
        Settlement::Response(response)
    }
}

impl From<Failure> for Settlement {
    fn from(failure: Failure) -> Self {
        Settlement::Failed(failure)
    }
}

/// A wait that failed, told to the guest that waits. Neither text reaches the client by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short, stable word for programs.
    pub code: String,
    /// An explanation for people.
    pub message: String,
}

impl Failure {
    /// A failure with this code and this message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The failure of a [job](crate::jobs::Durable) that is not to be tried again.
    pub fn give_up(message: impl Into<String>) -> Self {
        Self::new("give-up", message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Failure {}
