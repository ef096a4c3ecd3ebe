//! A client that sends requests in pieces, reads answers in pieces, and leaves when it likes. It
//! checks that each of its requests gets one answer: whole, in order, and not somebody else's.

use std::collections::VecDeque;

use crate::ledger::{Ledger, State};
use crate::network::Network;
use crate::rng::Rng;
use crate::script::Script;
use crate::scripted::Stage;

/// The shortest time after which the host may give up a client that does not send or does not read:
/// `HttpLimits::header_timeout_ms`.
const PATIENCE_MS: u64 = 10_000;

/// Connections are told the moment at which a turn began, so their timeouts may be early by as much
/// as a turn may take.
const TURN_MS_MAX: u64 = 12;

/// One client and its connection.
#[derive(Debug)]
pub struct Client {
    /// The number of its [`Wire`](crate::network::Wire).
    pub wire: usize,
    /// Bytes that are not sent yet.
    outbox: Vec<u8>,
    /// Requests that have no answer yet, in order.
    pub open: VecDeque<Asked>,
    /// The beginning of an answer.
    inbox: Vec<u8>,
    /// Whether the client has said that it will send no more.
    pub fin: bool,
    /// Whether the client is gone.
    pub left: bool,
    /// Whether the host has said that no answer comes behind the last one.
    pub told_to_go: bool,
    /// When the client connected, or the last answer was written to it.
    progress_ms: u64,
    /// How many bytes the client has read before those in its inbox.
    read_bytes: usize,
    /// Whether `PATIENCE_MS` have passed without progress once: then the host may have given it
    /// up.
    pub was_slow: bool,
    /// How many answers it has read.
    pub answers: u32,
}

/// A request as its client knows it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What the request is for.
    pub what: What,
    head_only: bool,
    keep_alive: bool,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The guest, with the script of this number.
    Script(usize),
    /// A path without a route.
    Nothing,
    /// Nothing: a malformed request.
    Garbage,
}

impl Client {
    /// Creates a client that has just connected.
    pub fn new(wire: usize, now_ms: u64) -> Client {
        Client {
            wire,
            outbox: Vec::new(),
            open: Default::default(),
            inbox: Vec::new(),
            fin: false,
            left: false,
            told_to_go: false,
            progress_ms: now_ms,
            read_bytes: 0,
            was_slow: false,
            answers: 0,
        }
    }

    /// Returns whether the client has no open request, and nothing to send.
    pub fn is_content(&self) -> bool {
        self.left || (self.open.is_empty() && self.outbox.is_empty())
    }

    /// Returns whether the client has read a part of an answer.
    pub fn reads_on(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Returns whether the first open request was sent whole, and nothing has been done for it.
    pub fn is_forgotten(&self, ledger: &Ledger) -> bool {
        let unseen = |asked: &Asked| match asked.what {
            What::Script(number) => matches!(ledger.requests[number].state, State::Sent),
            What::Nothing | What::Garbage => true,
        };
        self.outbox.is_empty() && !self.told_to_go && self.open.front().is_some_and(unseen)
    }

    /// Writes one more request into the outbox.
    pub fn ask(&mut self, rng: &mut Rng, stage: &mut Stage) {
        if self.fin || self.left || self.open.back().is_some_and(|last| !last.keep_alive) {
            return;
        }
        let what = match rng.below(100) {
            0..3 => What::Garbage,
            3..8 => What::Nothing,
            _ => {
                let is_quick = rng.percent(15);
                let script =
                    if is_quick { Script::quick() } else { Script::any(rng, 2, stage.computes) };
                stage.scripts.push(script);
                What::Script(stage.ledger.request())
            }
        };
        let (bytes, asked) = request(rng, what, &stage.scripts);
        self.open.push_back(asked);
        self.outbox.extend(bytes);
    }

    /// Sends some of the outbox: often all, sometimes a byte.
    pub fn send(&mut self, network: &mut Network) {
        let count = match network.rng.below(4) {
            0 => 1 + network.rng.below(7),
            1 => 1 + network.rng.below(60),
            _ => usize::MAX,
        };
        let count = count.min(self.outbox.len());
        if count == 0 || self.left {
            return;
        }
        let rest = self.outbox.split_off(count);
        network.send(self.wire, &self.outbox);
        self.outbox = rest;
    }

    /// Says that no more will be sent, once all is sent.
    pub fn finish(&mut self, network: &mut Network) {
        if self.outbox.is_empty() && !self.fin && !self.left {
            self.fin = true;
            network.send_fin(self.wire);
        }
    }

    /// Leaves, by a reset.
    pub fn leave(&mut self, network: &mut Network) {
        if !self.left {
            (self.left, self.fin) = (true, true);
            network.send_reset(self.wire);
        }
    }

    /// Reads some of what has come, and checks each whole answer.
    pub fn receive(&mut self, network: &mut Network, stage: &mut Stage) {
        if self.left {
            return;
        }
        let bytes_max =
            if network.rng.percent(70) { usize::MAX } else { 1 + network.rng.below(80) };
        let bytes = network.receive(self.wire, bytes_max);
        self.was_slow |= network.now_ms() >= self.progress_ms + PATIENCE_MS;
        self.inbox.extend(bytes);
        while let Some(length) = self.answer(network, stage) {
            self.inbox.drain(..length);
            self.read_bytes += length;
        }
    }

    /// Checks the first answer in the inbox, if it is whole. Returns its length.
    fn answer(&mut self, network: &Network, stage: &mut Stage) -> Option<usize> {
        let end = self.inbox.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = str::from_utf8(&self.inbox[..end]).expect("heads are text");
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let status: u16 = head[9..12].parse().expect("a status is a number");
        if status == 100 {
            return Some(end);
        }
        assert!(!self.told_to_go, "an answer behind the last: {head}");
        let id = field("x-request-id").expect("each answer names its request");
        let number = id.strip_prefix('q').and_then(|number| number.parse().ok());
        let timed_out = status == 408 && number.is_none();
        let asked = self.open.front().copied();
        let head_only = asked.is_some_and(|asked| asked.head_only) && number.is_some();
        let length: usize =
            field("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body_length = if head_only || matches!(status, 204 | 304) { 0 } else { length };
        let body =
            str::from_utf8(self.inbox.get(end..end + body_length)?).expect("bodies are text here");
        self.told_to_go = field("connection") == Some("close")
            || (field("connection").is_none() && head.contains("/1.0"));
        self.answers += 1;
        let written_ms = network.written_ms(self.wire, self.read_bytes + end + body_length - 1);
        let since_ms = written_ms - std::mem::replace(&mut self.progress_ms, written_ms);
        if timed_out {
            assert!(
                self.told_to_go && since_ms + TURN_MS_MAX >= PATIENCE_MS,
                "408 for a request that came in time"
            );
            return Some(end + body_length);
        }
        if status == 503 && number.is_none() {
            assert!(self.told_to_go && stage.ledger.refuses, "503 for a request without an end");
            return Some(end + body_length);
        }
        let asked = self.open.pop_front().expect("no answer without a request");
        match asked.what {
            What::Garbage => assert!((400..=431).contains(&status) && self.told_to_go, "{head}"),
            // Any request is refused while answers take as much memory as they may.
            What::Nothing if status == 503 => assert!(stage.ledger.refuses, "{head}"),
            What::Nothing => assert!(number.is_some() && status == 404, "{head}"),
            What::Script(expected) if status == 408 => assert_eq!(number, Some(expected)),
            What::Script(expected) => {
                assert_eq!(number, Some(expected), "answers are in the order of the requests");
                match head_only {
                    true => stage.ledger.answered_head(expected),
                    false => stage.ledger.answered(expected, status, body, written_ms),
                }
            }
        }
        Some(end + body_length)
    }
}

/// Returns a request's bytes, and what the client remembers of it.
fn request(rng: &mut Rng, what: What, scripts: &[Script]) -> (Vec<u8>, Asked) {
    let path = match what {
        What::Script(number) if scripts[number].is_quick => format!("/q/{number}"),
        What::Script(number) => format!("/r/{number}"),
        What::Nothing => "/nothing".to_owned(),
        What::Garbage => {
            let bytes = rng.pick(&[
                "GET  / HTTP/1.1\r\n\r\n",
                "\0\0\r\n\r\n",
                "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            ]);
            let asked = Asked { what, head_only: false, keep_alive: false };
            return (bytes.as_bytes().to_vec(), asked);
        }
    };
    let id = if let What::Script(number) = what { number } else { 0 };
    let old = rng.percent(10);
    let close = rng.percent(5);
    let method = rng.pick(&["GET", "GET", "GET", "HEAD", "POST", "POST"]);
    let (version, connection) = match (old, close) {
        (true, true) => ("1.0", ""),
        (true, false) => ("1.0", "connection: keep-alive\r\n"),
        (false, true) => ("1.1", "connection: close\r\n"),
        (false, false) => ("1.1", ""),
    };
    let body = match method {
        "POST" if rng.percent(50) || old => "content-length: 5\r\n\r\nhello",
        "POST" => "transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        _ => "\r\n",
    };
    let text = format!(
        "{method} {path} HTTP/{version}\r\nhost: a\r\nx-request-id: q{id}\r\n{connection}{body}"
    );
    let refuses_body = what == What::Nothing && method == "POST";
    let asked = Asked { what, head_only: method == "HEAD", keep_alive: !close && !refuses_body };
    (text.into_bytes(), asked)
}
