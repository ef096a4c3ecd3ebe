//! Why a handler could not answer.

use crate::{Response, log};
use std::fmt;

/// A `Result` whose error defaults to [`Error`], as handlers return it.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a handler could not answer.
///
/// There are two kinds. One is the guest's own trouble, made by `?` from any [`std::error::Error`]
/// or with [`Error::new`]: the client gets a bare 500, and the text goes to the host's log, since
/// it may say things that are no client's business. The other, [`Error::status`], is an answer: its
/// text is for the client.
///
/// ```
/// use snow_guest::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     if text.is_empty() {
///         return Err(Error::status(400, "which port?"));
///     }
///     Ok(text.parse()?)
/// }
/// assert_eq!(Response::from(port("").unwrap_err()).code(), 400);
/// assert_eq!(Response::from(port("x").unwrap_err()).code(), 500);
/// ```
//
// It does not implement `std::error::Error` itself: the conversion from everything that does would
// then overlap with the conversion of every type to itself.
pub struct Error {
    status: u16,
    text: String,
    /// Whether the client may read the text.
    public: bool,
}

impl Error {
    /// The guest's own trouble: a 500 without the text, which is logged.
    pub fn new(text: impl fmt::Display) -> Self {
        Self { status: 500, text: text.to_string(), public: false }
    }

    /// An answer with this status and this text, as `text/plain`. Nothing is logged.
    pub fn status(status: u16, text: impl fmt::Display) -> Self {
        Self { status, text: text.to_string(), public: true }
    }

    /// Trouble of others, that may be over soon: a 503 without the text, which is logged.
    pub(crate) fn unavailable(text: impl fmt::Display) -> Self {
        Self { status: 503, text: text.to_string(), public: false }
    }

    /// Gives another status to an answer, as a 404 for a number in the path that is none. The
    /// guest's own trouble stays a 500.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// fn order(request: Request) -> Result<String> {
    ///     let id: u64 = request.param_as("id").map_err(|error| error.with_status(404))?;
    ///     Ok(format!("order {id}"))
    /// }
    /// # let error = order(Request::new("GET", "/x").with_param(Some("id"), "x")).unwrap_err();
    /// # assert_eq!(Response::from(error).code(), 404);
    /// ```
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        if self.public {
            self.status = status;
        }
        self
    }
}

impl Error {
    /// Whether the text is for clients.
    pub(crate) fn is_public(&self) -> bool {
        self.public
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(text)
    }
}

/// Logs the text of an error that is not the client's to read.
impl From<Error> for Response {
    fn from(error: Error) -> Self {
        if error.public {
            return Response::text(error.text).status(error.status);
        }
        log::error(&error.text);
        let text =
            if error.status == 503 { "service unavailable" } else { "internal server error" };
        Response::text(text).status(error.status)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?}", self.status, self.text)
    }
}
