//! Bytes to requests.

use super::clock::Wait;
use super::{Admission, Connection, Incoming, Peer, Phase, Refused, Rejection, Step};
use crate::body::BodyReader;
use crate::exchange::Exchange;
use crate::limits::HttpLimits;
use crate::request_id::RequestId;
use crate::{Framing, Head, Reject, Request};

/// How `step` goes on.
enum Next {
    /// The phase has changed: look again.
    Again,
    /// Tell the worker.
    Tell(Step),
}

impl Connection {
    /// Takes bytes that were read from the socket. If none are kept from before, heads and bodies are read
    /// straight from `bytes`, and only what they leave over is kept: a whole request in one read needs no input
    /// buffer, unless a body is behind its head, and then the buffer becomes the body.
    ///
    /// The caller reads only while [`wants_read`](Self::wants_read), and calls [`step`](Self::step) afterwards.
    pub fn receive(&mut self, bytes: &[u8], now_ms: u64, limits: &HttpLimits) {
        if self.dead {
            return;
        }
        if !bytes.is_empty() {
            self.progress(Wait::Body);
        }
        let used = match self.input.is_empty() {
            true => self.take_in(bytes, limits),
            false => 0,
        };
        self.input.append(&bytes[used..]);
        self.arm(now_ms, limits);
    }

    /// The client closed its sending side: a read returned 0, or the socket says so.
    ///
    /// What was received is still answered. While [`wants_read`](Self::wants_read) is false this counts as a
    /// notice only, since bytes may wait in the socket: read on once it is true, and call this again at the end.
    /// Call [`step`](Self::step) afterwards.
    pub fn receive_eof(&mut self) {
        if self.wants_read() {
            self.peer = Peer::Ended;
        } else if self.peer == Peer::Open {
            self.peer = Peer::Closed;
        }
        if matches!(self.phase, Phase::Lingering { .. }) {
            self.die();
        }
    }

    /// What is to be done now. Call it after [`receive`](Self::receive), [`respond`](Self::respond) and
    /// [`wrote`](Self::wrote) until it returns [`Step::Idle`].
    ///
    /// `date` is the `date` field of answers that the connection gives by itself, `make_id` makes the number of
    /// a [`RequestId`], and `admit` is asked once for each request: when its head is there and well-formed, and
    /// before its body is read or a 100 is sent.
    pub fn step(
        &mut self,
        now_ms: u64,
        limits: &HttpLimits,
        date: &str,
        make_id: &mut dyn FnMut() -> u128,
        admit: &mut dyn FnMut(&Head) -> Admission,
    ) -> Step {
        let step = loop {
            if self.dead {
                break Step::Idle;
            }
            let next = match self.take_phase() {
                Phase::Arrived(head) if self.has_room(limits) => self.meet(head, now_ms, limits, date, make_id, admit),
                Phase::Body(incoming) if incoming.body.is_whole() => self.hand_over(*incoming),
                Phase::Refused(refused) => self.turn_away(*refused, date, make_id),
                phase => {
                    self.phase = phase;
                    self.read_on(limits)
                }
            };
            if let Next::Tell(step) = next {
                break step;
            }
        };
        self.arm(now_ms, limits);
        step
    }

    /// Uses bytes of the front of `bytes` in the present phase, and returns how many. It stops where the phase
    /// changes to one that uses none.
    fn take_in(&mut self, bytes: &[u8], limits: &HttpLimits) -> usize {
        match self.take_phase() {
            Phase::Head(mut reader) => {
                let blank = reader.skip_blank_lines(bytes);
                match reader.read(&bytes[blank..], limits) {
                    Ok(None) => {
                        self.phase = Phase::Head(reader);
                        blank
                    }
                    Ok(Some((head, length))) => {
                        self.phase = Phase::Arrived(head);
                        blank + length
                    }
                    Err(why) => {
                        self.refuse_bytes(why, None);
                        bytes.len()
                    }
                }
            }
            Phase::Body(mut incoming) => match incoming.body.read(bytes, limits) {
                Ok(used) => {
                    self.phase = Phase::Body(incoming);
                    used
                }
                Err(why) => {
                    self.refuse_bytes(why, Some(incoming.exchange));
                    bytes.len()
                }
            },
            Phase::Lingering { discarded_bytes } => {
                let discarded_bytes = discarded_bytes.saturating_add(bytes.len() as u64);
                self.phase = Phase::Lingering { discarded_bytes };
                if discarded_bytes > limits.linger_bytes_max {
                    self.die();
                }
                bytes.len()
            }
            phase @ (Phase::Refused(_) | Phase::Closing { .. }) => {
                self.phase = phase;
                bytes.len()
            }
            phase @ (Phase::Arrived(_) | Phase::Exchange(_) | Phase::Streaming(_)) => {
                self.phase = phase;
                0
            }
        }
    }

    /// Goes on with the input that was kept, if there is room for another answer.
    fn read_on(&mut self, limits: &HttpLimits) -> Next {
        let reading = match self.phase {
            Phase::Head(_) => self.has_room(limits),
            Phase::Body(_) => true,
            _ => false,
        };
        if !reading {
            return Next::Tell(Step::Idle);
        }
        let mut input = std::mem::take(&mut self.input);
        let used = self.take_in(input.as_slice(), limits);
        input.consume(used);
        self.input = input;
        if used > 0 {
            return Next::Again;
        }
        // Nothing whole is left. Half a request that will never be whole gets no answer.
        self.input.trim();
        if self.peer == Peer::Ended {
            self.close(false);
        }
        self.close_if_done();
        Next::Tell(Step::Idle)
    }

    /// A head is there: decides what becomes of its request.
    fn meet(
        &mut self,
        head: Head,
        now_ms: u64,
        limits: &HttpLimits,
        date: &str,
        make_id: &mut dyn FnMut() -> u128,
        admit: &mut dyn FnMut(&Head) -> Admission,
    ) -> Next {
        let id = RequestId::given(&head).unwrap_or_else(|| RequestId::made(make_id()));
        let mut exchange = Exchange::new(self.served, id, &head, now_ms);
        self.served = self.served.wrapping_add(1);
        let framing = match Framing::of(&head) {
            Ok(framing) => framing,
            Err(why) => return self.refuse(why, exchange),
        };
        exchange.keep_alive = framing.keep_alive;
        let bytes_max = match admit(&head) {
            Admission::Accept { body_bytes_max } => body_bytes_max.min(limits.body_bytes_max),
            Admission::Reject(response) => {
                let unread = BodyReader::new(framing.body, u64::MAX).is_ok_and(|body| !body.is_whole());
                let status = self.answer(&exchange, &response, unread, date);
                return Next::Tell(Step::Rejected(Rejection { status, why: None, exchange: Some(exchange) }));
            }
        };
        let mut body = match BodyReader::new(framing.body, bytes_max) {
            Ok(body) => body,
            Err(why) => return self.refuse(why, exchange),
        };
        if framing.expect_continue && !body.is_whole() && self.input.is_empty() {
            self.output.append(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.adopt_input(&mut body);
        let incoming = Incoming { exchange, head, body };
        if incoming.body.is_whole() {
            return self.hand_over(incoming);
        }
        self.phase = Phase::Body(Box::new(incoming));
        Next::Again
    }

    /// A body that came with its head, and nothing behind it, is what the input holds: no copy is needed.
    fn adopt_input(&mut self, body: &mut BodyReader) {
        if !body.is_whole() && body.length_left() == Some(self.input.len() as u64) {
            body.adopt(std::mem::take(&mut self.input).into_vec());
        }
    }

    /// The request is whole: the worker gets it.
    fn hand_over(&mut self, incoming: Incoming) -> Next {
        let Incoming { exchange, head, body } = incoming;
        self.phase = Phase::Exchange(exchange);
        Next::Tell(Step::Request(Request { head, body: body.into_bytes() }))
    }

    fn refuse(&mut self, why: Reject, exchange: Exchange) -> Next {
        self.refuse_bytes(why, Some(exchange));
        Next::Again
    }

    /// Answers a request whose bytes were wrong. Where the next one would begin is then in doubt, or the next
    /// is no better: the connection closes.
    fn turn_away(&mut self, refused: Refused, date: &str, make_id: &mut dyn FnMut() -> u128) -> Next {
        let Refused { why, exchange } = refused;
        let response = why.response();
        let status = match &exchange {
            Some(exchange) => self.answer(exchange, &response, true, date),
            None => self.answer_unknown(RequestId::made(make_id()), &response, date),
        };
        Next::Tell(Step::Rejected(Rejection { status, why: Some(why), exchange }))
    }

    /// Whether another answer may join the output: a client that asks on and on without reading its answers
    /// must not fill the memory with them.
    fn has_room(&self, limits: &HttpLimits) -> bool {
        self.output.len() <= limits.output_bytes_max
    }
}
