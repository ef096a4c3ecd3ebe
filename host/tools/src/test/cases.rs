//! What a file of cases says, as values.

use std::fmt;
use std::time::Duration;

use regex::bytes::Regex;

use snow_runtime::Settlement;

/// One file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// Its name, for messages.
    pub name: String,
    /// Guests that serve beside the one under test.
    pub with: Vec<String>,
    pub cases: Vec<Case>,
}

/// One case: at least one step.
#[derive(Debug)]
pub(super) struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) struct Step {
    /// Where it stands in its file, from 1.
    pub line: usize,
    pub action: Action,
}

/// What a step does. Labels name held requests of the same case: each was held by an earlier step, and is answered or
/// disconnected at most once.
#[derive(Debug)]
pub(super) enum Action {
    Request { request: Request, expect: Expect },
    Hold { label: String, request: Request },
    Answer { label: String, expect: Expect },
    Settle { key: String, all: bool, settlement: Settlement, expect: Settled },
    Disconnect { label: String },
}

/// A request that can be sent as it is: method and names are tokens, and nothing has a line's end in it.
#[derive(Debug)]
pub(super) struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What an answer must be like.
#[derive(Debug)]
pub(super) struct Expect {
    pub status: u16,
    pub headers: Vec<(String, Match)>,
    pub body: Vec<Match>,
    pub within: Duration,
}

#[derive(Debug)]
pub(super) enum Match {
    Is(Vec<u8>),
    Contains(Vec<u8>),
    Fits(Regex),
}

/// What a settlement must have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Somebody,
    Nobody,
    Count(u32),
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
        }
    }
}
