//! The way in: received bytes become requests.

use super::timeouts::Timeout;
use super::{Admission, Connection, Incoming, InputEnd, Phase, Rejecting, Rejection, Step};
use crate::body::BodyReader;
use crate::exchange::Exchange;
use crate::framing::Framing;
use crate::limits::HttpLimits;
use crate::request_id::RequestId;
use crate::{Head, Reject, Request};

/// How `step` goes on.
enum Next {
    /// The phase has changed: go on with the new one.
    Again,
    /// Return this step to the caller.
    Tell(Step),
}

impl Connection {
    /// Takes bytes that were read from the socket. The caller reads only while
    /// [`wants_read`](Self::wants_read), and calls [`step`](Self::step) afterwards.
    ///
    /// If no earlier input waits, heads and bodies are read straight from `bytes`, and only the
    /// rest is kept. So a request that arrives in one read needs no input buffer. If it has a body,
    /// the kept rest becomes the body.
    pub fn receive(&mut self, bytes: &[u8], now_ms: u64, limits: &HttpLimits) {
        if self.is_dropped() {
            return;
        }
        if !bytes.is_empty() {
            self.restart(Timeout::Body);
            self.restart(Timeout::Linger);
        }
        let used = match self.input.is_empty() {
            true => self.take_in(bytes, limits),
            false => 0,
        };
        self.input.append(&bytes[used..]);
        self.earn_time(used, now_ms, limits);
        self.update_timeout(now_ms, limits);
    }

    /// Notes that the client closed its sending side: a read returned 0, or an event of the socket
    /// says so. The caller calls [`step`](Self::step) afterwards.
    ///
    /// Requests that were received are still answered. While [`wants_read`](Self::wants_read) is
    /// false, this is only an announcement, since bytes may wait in the socket: the caller reads on
    /// once it is true, and calls this again at the end.
    pub fn receive_eof(&mut self) {
        if self.wants_read() {
            self.input_end = InputEnd::Reached;
        } else if self.input_end == InputEnd::Unknown {
            self.input_end = InputEnd::Announced;
        }
        if matches!(self.phase, Phase::Lingering { .. }) {
            self.drop_now();
        }
    }

    /// Returns what to do now. The caller calls this after [`receive`](Self::receive),
    /// [`respond`](Self::respond) and [`wrote`](Self::wrote), until it returns [`Step::Idle`].
    ///
    /// `date` is the `date` field of responses that the connection makes by itself. `make_id` makes
    /// the number of a [`RequestId`]. `admit` decides about a request, when its head is whole and
    /// well-formed, before its body is read or a 100 is sent. It is called once for each. If it
    /// returns `None`, the request is put off: nothing more is read, and the next `step` asks again.
    pub fn step(
        &mut self,
        now_ms: u64,
        limits: &HttpLimits,
        date: &str,
        make_id: &mut dyn FnMut() -> u128,
        admit: &mut dyn FnMut(&Head) -> Option<Admission>,
    ) -> Step {
        let step = loop {
            if self.is_dropped() {
                break Step::Idle;
            }
            let next = match self.take_phase() {
                Phase::Arrived(head) if self.has_room(limits) => {
                    let framing = Framing::of(&head);
                    let decided = framing.map(|framing| Some((framing, admit(&head)?)));
                    match decided.transpose() {
                        Some(decided) => {
                            self.begin_request(head, decided, now_ms, limits, date, make_id)
                        }
                        None => {
                            self.phase = Phase::Arrived(head);
                            Next::Tell(Step::Idle)
                        }
                    }
                }
                Phase::Body(incoming) if incoming.body.is_whole() => self.hand_over(*incoming),
                Phase::Rejecting(rejecting) => self.send_rejection(*rejecting, date, make_id),
                phase => {
                    self.phase = phase;
                    self.read_on(limits)
                }
            };
            if let Next::Tell(step) = next {
                break step;
            }
        };
        self.update_timeout(now_ms, limits);
        step
    }

    /// Uses bytes at the front of `bytes`, as the present phase uses them, and returns how many.
    /// Stops at the end of a head or of a body, where the phase changes.
    ///
    /// This function only reads. It calls no caller's function and makes no response: that is for
    /// [`step`](Self::step).
    fn take_in(&mut self, bytes: &[u8], limits: &HttpLimits) -> usize {
        match self.take_phase() {
            // Blank lines before a head are used up at once. The bytes of a head stay until it is
            // whole: the reader keeps only how far it has read, and the caller passes the same
            // bytes again.
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
                        self.start_rejecting(why, None);
                        bytes.len()
                    }
                }
            }
            // The body reader copies what belongs to the body, and leaves the next request's bytes.
            Phase::Body(mut incoming) => match incoming.body.read(bytes, limits) {
                Ok(used) => {
                    self.phase = Phase::Body(incoming);
                    used
                }
                Err(why) => {
                    self.start_rejecting(why, Some(incoming.exchange));
                    bytes.len()
                }
            },
            // Discard, up to the limit: a body that would have been accepted is read to its end, so
            // that its client, which may not read before it has sent all, still gets the response.
            Phase::Lingering { discarded_bytes, until_ms } => {
                let discarded_bytes = discarded_bytes.saturating_add(bytes.len() as u64);
                self.phase = Phase::Lingering { discarded_bytes, until_ms };
                if discarded_bytes > limits.linger_bytes_max.max(limits.body_bytes_max) {
                    self.drop_now();
                }
                bytes.len()
            }
            // No request can follow: discard.
            phase @ (Phase::Rejecting(_) | Phase::Closing { .. }) => {
                self.phase = phase;
                bytes.len()
            }
            // A request is here already. Its body, or pipelined requests, wait as input.
            phase @ (Phase::Arrived(_) | Phase::Exchange(_) | Phase::Streaming(_)) => {
                self.phase = phase;
                0
            }
        }
    }

    /// Goes on with the kept input, if there is room for another response.
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
        // The input holds no whole request. If its end was reached, none can follow: half a request
        // gets no response.
        self.input.trim();
        if self.input_end == InputEnd::Reached {
            self.close(false);
        }
        self.close_if_done();
        Next::Tell(Step::Idle)
    }

    /// Begins a request whose head is whole: rejects it, reads its body, or hands it over.
    fn begin_request(
        &mut self,
        head: Head,
        decided: Result<(Framing, Admission), Reject>,
        now_ms: u64,
        limits: &HttpLimits,
        date: &str,
        make_id: &mut dyn FnMut() -> u128,
    ) -> Next {
        let id = RequestId::given(&head).unwrap_or_else(|| RequestId::made(make_id()));
        let mut exchange = Exchange::new(self.served, id, &head, now_ms);
        self.served = self.served.wrapping_add(1);
        let (framing, admission) = match decided {
            Ok(decided) => decided,
            Err(why) => return self.reject(why, exchange),
        };
        exchange.keep_alive = framing.keep_alive;
        let (bytes_max, room_bytes) = match admission {
            Admission::Accept { body_bytes_max, room_bytes } => {
                (body_bytes_max.min(limits.body_bytes_max), room_bytes)
            }
            Admission::Reject(response) => {
                // The body, if there is one, is not read, so the next request can't be found.
                let unread =
                    BodyReader::new(framing.body, u64::MAX).is_ok_and(|body| !body.is_whole());
                let status = self.respond_to(&exchange, &response, unread, date);
                return Next::Tell(Step::Rejected(Rejection {
                    status,
                    why: None,
                    exchange: Some(exchange),
                }));
            }
        };
        let mut body = match BodyReader::new(framing.body, bytes_max) {
            Ok(body) => body,
            Err(why) => return self.reject(why, exchange),
        };
        let missing = body.missing_bytes().saturating_sub(self.input.len() as u64);
        if missing > room_bytes {
            return self.reject(Reject::Busy, exchange);
        }
        // A server may leave out the 100 when it has received a part of the body (RFC 9110, section
        // 10.1.1).
        if framing.expect_continue && !body.is_whole() && self.input.is_empty() {
            self.output.append(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.adopt_input(&mut body);
        let slow_at_us = now_ms.saturating_add(limits.body_timeout_ms).saturating_mul(1_000);
        let incoming = Incoming { exchange, head, body, slow_at_us };
        if incoming.body.is_whole() {
            return self.hand_over(incoming);
        }
        self.phase = Phase::Body(Box::new(incoming));
        Next::Again
    }

    /// Makes the kept input the body, without a copy, if it is exactly the body: one that came with
    /// its head, and no next request behind it.
    fn adopt_input(&mut self, body: &mut BodyReader) {
        if !body.is_whole() && body.length_left() == Some(self.input.len() as u64) {
            body.adopt(std::mem::take(&mut self.input).into_vec());
        }
    }

    /// Hands a whole request to the caller.
    fn hand_over(&mut self, incoming: Incoming) -> Next {
        let Incoming { exchange, head, body, .. } = incoming;
        let serial = exchange.serial;
        self.phase = Phase::Exchange(exchange);
        let request = Request { head, body: body.into_bytes() };
        Next::Tell(Step::Request { serial, request })
    }

    fn reject(&mut self, why: Reject, exchange: Exchange) -> Next {
        self.start_rejecting(why, Some(exchange));
        Next::Again
    }

    /// Answers a request whose bytes were refused, and closes the connection: it is in doubt where
    /// the next request begins.
    fn send_rejection(
        &mut self,
        rejecting: Rejecting,
        date: &str,
        make_id: &mut dyn FnMut() -> u128,
    ) -> Next {
        let Rejecting { why, exchange } = rejecting;
        let response = why.response();
        let status = match &exchange {
            Some(exchange) => self.respond_to(exchange, &response, true, date),
            None => self.respond_without_exchange(RequestId::made(make_id()), &response, date),
        };
        Next::Tell(Step::Rejected(Rejection { status, why: Some(why), exchange }))
    }

    /// Returns whether the output has room for another response. A client that pipelines requests
    /// and does not read the responses must not fill the memory with them.
    fn has_room(&self, limits: &HttpLimits) -> bool {
        self.output.len() <= limits.output_bytes_max
    }
}
