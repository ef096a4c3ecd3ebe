//! The content of a case file, as values.

use std::fmt;
use std::time::Duration;

use regex::bytes::Regex;

use crate::client::Request;
use snow_runtime::Settlement;

/// A case file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// The path of the file, for messages.
    pub name: String,
    /// The names of guests that are served together with the one under test.
    pub with: Vec<String>,
    pub cases: Vec<Case>,
}

/// One case, which has at least one step.
#[derive(Debug)]
pub(super) struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One step of a case.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of the step in its file, from 1.
    pub line: usize,
    pub action: Action,
}

/// The action of a step. A label names a request of the same case that an earlier step has held; a
/// later step may take its answer or disconnect it, once.
///
/// The parser has checked each request: its method and field names are tokens, and nothing in it
/// can end a line.
#[derive(Debug)]
pub(super) enum Action {
    Request {
        request: Request,
        expect: Expect,
    },
    Hold {
        label: String,
        request: Request,
    },
    Answer {
        label: String,
        expect: Expect,
    },
    Settle {
        key: String,
        all: bool,
        settlement: Settlement,
        expect: ExpectedWaiters,
    },
    Disconnect {
        label: String,
    },
    /// Moves the server's clock.
    Advance {
        by: Duration,
    },
}

/// The answer that a step expects.
#[derive(Debug)]
pub(super) struct Expect {
    pub status: u16,
    pub headers: Vec<(String, Matcher)>,
    /// The matchers of the body, all of which must match.
    pub body: Vec<Matcher>,
    /// The time within which the answer must come.
    pub within: Duration,
}

/// A condition on the bytes of a body or of a field's value.
#[derive(Debug)]
pub(super) enum Matcher {
    Equals(Vec<u8>),
    Contains(Vec<u8>),
    Matches(Regex),
}

/// The number of waiting requests that a step expects to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedWaiters {
    AtLeastOne,
    Nobody,
    Exactly(u32),
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Request { request, .. } => write!(out, "{} {}", request.method, request.path),
            Action::Hold { label, request } => {
                write!(out, "hold {} {} as {label:?}", request.method, request.path)
            }
            Action::Answer { label, .. } => write!(out, "the answer of {label:?}"),
            Action::Settle { key, all: false, .. } => write!(out, "settle {key:?}"),
            Action::Settle { key, all: true, .. } => write!(out, "settle all of {key:?}"),
            Action::Disconnect { label } => write!(out, "disconnect {label:?}"),
            Action::Advance { by } => write!(out, "advance {}", humantime::format_duration(*by)),
        }
    }
}
