//! The content of a case file, as values.

use std::fmt;
use std::time::Duration;

use snow_core::Glob;
use snow_runtime::FetchCode;

use super::saved::{JsonText, Text};

/// A case file.
#[derive(Debug)]
pub(super) struct CaseFile {
    /// The path of the file, for messages.
    pub name: String,
    /// The names of guests that are served together with the one under test.
    pub with: Vec<String>,
    /// Other servers that answer in each case, after its own.
    pub upstreams: Vec<Upstream>,
    pub cases: Vec<Case>,
}

/// One case, which has at least one step.
#[derive(Debug)]
pub(super) struct Case {
    pub name: String,
    /// The names and texts that the guest reads by `wasi:config`, beside those of `snow.toml`.
    pub config: Vec<(String, Text)>,
    /// Other servers, of which the first that fits answers.
    pub upstreams: Vec<Upstream>,
    pub steps: Vec<Step>,
}

/// What answers requests of guests to other servers.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The line of it in the file, from 1.
    pub line: usize,
    pub url: UrlPattern,
    /// `None` for any.
    pub method: Option<String>,
    /// How long it takes until the answer, or the fault.
    pub delay_ms: u32,
    pub end: UpstreamAnswer,
    /// How many requests it answers. The case fails if fewer come, and another one answers what
    /// comes after them.
    pub times: Option<u32>,
    /// What each request has to have, in words of an answer.
    pub expect: Option<Expect>,
}

/// Whole URLs.
#[derive(Clone, Debug)]
pub(super) enum UrlPattern {
    /// One URL, as a parser writes it.
    One(String),
    /// All that a pattern with `*` matches.
    Glob(Glob),
}

/// What another server does with a request.
#[derive(Debug)]
pub(super) enum UpstreamAnswer {
    /// It answers; this is a `response`.
    Answers(SettlementText),
    /// The request fails with this code.
    Fails(FetchCode),
    /// It never answers.
    Hangs,
}

/// One step of a case.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of the step in its file, from 1.
    pub line: usize,
    /// The number of the step, from 1. `None` for what stands beside the steps: the store before
    /// and after them.
    pub number: Option<usize>,
    pub action: Action,
}

/// The action of a step. A label names a request of the same case that an earlier step has held; a
/// later step may take its answer or disconnect it, once.
///
/// The parser has checked that each text names only values that earlier steps save.
#[derive(Debug)]
pub(super) enum Action {
    Request {
        request: RequestText,
        expect: Expect,
        save: Vec<Save>,
    },
    Hold {
        label: String,
        request: RequestText,
    },
    Answer {
        label: String,
        expect: Expect,
        save: Vec<Save>,
    },
    Settle {
        key: Text,
        all: bool,
        settlement: SettlementText,
        expect: ExpectedWaiters,
    },
    Disconnect {
        label: String,
    },
    /// Moves the server's clock.
    Advance {
        by: Duration,
        /// How long that may take.
        within: Duration,
    },
    /// Changes what the guest reads by `wasi:config`.
    SetConfig(Vec<(String, Text)>),
    /// Writes into the store.
    SetStore(Vec<StoreWrite>),
    /// Looks into the store.
    ExpectStore(Vec<ExpectedEntry>),
    /// Looks how often another server was asked: that one of the case.
    ExpectAsked {
        index: usize,
    },
}

/// A request whose texts may name saved values. Its method and the names of its fields are tokens.
#[derive(Debug)]
pub(super) struct RequestText {
    pub method: String,
    pub path: Text,
    pub headers: Vec<(String, Text)>,
    pub content: Content,
}

/// The content of a message.
#[derive(Debug)]
pub(super) enum Content {
    /// The bytes of a file, or none.
    Bytes(Vec<u8>),
    Text(Text),
    Json(JsonText),
    /// The fields of a form.
    Form(Vec<(Text, Text)>),
}

/// What a step settles a key with.
#[derive(Debug)]
pub(super) enum SettlementText {
    Value(Text),
    Failed { code: Text, message: Text },
    Response { status: u16, headers: Vec<(String, Text)>, content: Content },
}

/// The answer that a step expects.
#[derive(Debug)]
pub(super) struct Expect {
    pub status: u16,
    pub headers: Vec<(String, Matcher)>,
    /// The matchers of the body, all of which must match.
    pub body: Vec<Matcher>,
    /// Parts of the body as JSON, by JSON pointers. The empty pointer is the whole body.
    pub json: Vec<(Text, JsonText)>,
    /// The time within which the answer must come.
    pub within: Duration,
}

/// A condition on the bytes of a body, of a field's value or of a stored value.
#[derive(Debug)]
pub(super) enum Matcher {
    Bytes(Vec<u8>),
    Equals(Text),
    Contains(Text),
    /// A regular expression.
    Matches(Text),
}

/// A value that is taken from an answer.
#[derive(Debug)]
pub(super) struct Save {
    pub name: String,
    pub from: SaveFrom,
}

/// The part of an answer that is saved. A pattern is a regular expression, whose first group is
/// saved.
#[derive(Debug)]
pub(super) enum SaveFrom {
    /// The part of the body, as JSON, that a JSON pointer names.
    Json {
        pointer: Text,
    },
    Body {
        pattern: Text,
    },
    /// A field; without a pattern its whole value.
    Header {
        name: String,
        pattern: Option<Text>,
    },
    /// The value of a cookie that the answer sets.
    Cookie {
        name: String,
    },
}

/// A key to write.
#[derive(Debug)]
pub(super) struct StoreWrite {
    pub bucket: String,
    pub key: Text,
    /// `None` deletes it.
    pub value: Option<Content>,
    /// After how long it expires.
    pub expires: Option<Duration>,
}

/// What a key should hold.
#[derive(Debug)]
pub(super) struct ExpectedEntry {
    pub bucket: String,
    pub key: Text,
    pub value: ExpectedValue,
}

/// What a step expects in the store under a key.
#[derive(Debug)]
pub(super) enum ExpectedValue {
    Absent,
    Json(JsonText),
    Text(Matcher),
}

/// The number of waiting requests that a step expects to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedWaiters {
    AtLeastOne,
    Nobody,
    Exactly(u32),
}

impl Case {
    /// Returns the number of the steps that the file has.
    pub fn numbered_steps(&self) -> usize {
        self.steps.iter().filter(|step| step.number.is_some()).count()
    }
}

impl UrlPattern {
    /// Returns whether a URL, as a parser writes it, is one of these.
    pub fn matches(&self, url: &str) -> bool {
        match self {
            UrlPattern::One(one) => one == url,
            UrlPattern::Glob(glob) => glob.matches(url),
        }
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlPattern::One(one) => out.write_str(one),
            UrlPattern::Glob(glob) => glob.fmt(out),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Request { request, .. } => write!(out, "{} {}", request.method, request.path),
            Action::Hold { label, request } => {
                write!(out, "hold {} {} as {label:?}", request.method, request.path)
            }
            Action::Answer { label, .. } => write!(out, "the answer of {label:?}"),
            Action::Settle { key, all: false, .. } => write!(out, "settle {:?}", key.to_string()),
            Action::Settle { key, all: true, .. } => {
                write!(out, "settle all of {:?}", key.to_string())
            }
            Action::Disconnect { label } => write!(out, "disconnect {label:?}"),
            Action::Advance { by, .. } => {
                write!(out, "advance {}", humantime::format_duration(*by))
            }
            Action::SetConfig(_) => out.write_str("change the config"),
            Action::SetStore(_) => out.write_str("write into the store"),
            Action::ExpectStore(_) => out.write_str("look into the store"),
            Action::ExpectAsked { .. } => out.write_str("count the requests to this upstream"),
        }
    }
}
