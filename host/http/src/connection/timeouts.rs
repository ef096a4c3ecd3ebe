//! The timeouts of a connection. At most one runs at a time, so a connection has one deadline.

use super::{Connection, Phase, Rejecting};
use crate::Reject;
use crate::exchange::Exchange;
use crate::limits::HttpLimits;

/// The timeout that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    /// None: the caller decides how long the exchange may take.
    None,
    /// For the first byte of a request.
    Idle,
    /// For the whole of a head, from its first byte on.
    Head,
    /// For more of a body. Restarted by each read.
    Body,
    /// For the client to take output. Restarted by each write.
    Write,
    /// For the client to close its side. Restarted by each read.
    Linger,
}

/// How long a head may be on its way before its connection may be asked to give its place up.
const HEAD_GRACE_MS: u64 = 1_000;

/// How readily a connection gives its place to another client when there is no other place: the
/// least goes first. Of two that wait for the same, that is the one that has waited for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GivesWay {
    /// Nothing has come from the client.
    Silent {
        /// When the connection would close.
        until_ms: u64,
    },
    /// The client was answered, and has sent nothing since.
    Idle {
        /// When the connection would close.
        until_ms: u64,
    },
    /// The client was told that the connection closes.
    Lingering {
        /// When it closes.
        until_ms: u64,
    },
    /// A head has been on its way for a second and longer.
    Slow {
        /// When it would be answered 408.
        until_ms: u64,
    },
}

impl Connection {
    /// Returns how readily the connection gives its place to another client. `None`: it keeps it,
    /// since it has a request, or an answer that the client has not taken yet.
    pub fn gives_way(&self, now_ms: u64, limits: &HttpLimits) -> Option<GivesWay> {
        let until_ms = self.deadline_ms()?;
        let head_since_ms = until_ms.saturating_sub(limits.header_timeout_ms);
        match self.timeout {
            Timeout::Idle if self.served == 0 => Some(GivesWay::Silent { until_ms }),
            Timeout::Idle => Some(GivesWay::Idle { until_ms }),
            Timeout::Linger => Some(GivesWay::Lingering { until_ms }),
            Timeout::Head if now_ms >= head_since_ms.saturating_add(HEAD_GRACE_MS) => {
                Some(GivesWay::Slow { until_ms })
            }
            Timeout::None | Timeout::Head | Timeout::Body | Timeout::Write => None,
        }
    }

    /// Returns when the caller has to call [`expire`](Self::expire). `None` while an exchange is
    /// answered and no output waits. Every call that takes a time may change it.
    #[inline]
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.timeout != Timeout::None && !self.is_dropped()).then_some(self.deadline_ms)
    }

    /// Ends the timeout whose deadline has passed. A head or a body that is late gets a 408 (RFC
    /// 9110, section 15.5.9). A connection that is idle, that lingers, or whose client takes no
    /// output, is closed. Does nothing before the deadline.
    ///
    /// The caller calls [`step`](Self::step) afterwards, which makes the 408 and reports it.
    pub fn expire(&mut self, now_ms: u64, limits: &HttpLimits) {
        if self.deadline_ms().is_none_or(|deadline_ms| now_ms < deadline_ms) {
            return;
        }
        match self.timeout {
            Timeout::None => {}
            Timeout::Idle | Timeout::Write | Timeout::Linger => self.drop_now(),
            Timeout::Head | Timeout::Body => {
                let exchange = match self.take_phase() {
                    Phase::Body(incoming) => Some(incoming.exchange),
                    _ => None,
                };
                self.start_rejecting(Reject::Timeout, exchange);
            }
        }
        self.update_timeout(now_ms, limits);
    }

    /// Discards the input, and lets the next step reject the request.
    pub(super) fn start_rejecting(&mut self, why: Reject, exchange: Option<Exchange>) {
        self.input.clear();
        self.phase = Phase::Rejecting(Box::new(Rejecting { why, exchange }));
    }

    /// Marks a timeout, if it is the one that runs, to be started anew by
    /// [`update_timeout`](Self::update_timeout).
    pub(super) fn restart(&mut self, timeout: Timeout) {
        if self.timeout == timeout {
            self.timeout = Timeout::None;
        }
    }

    /// Starts another timeout if another one is due. Every public function that takes a time ends
    /// with this call, so no transition has to think of deadlines.
    pub(super) fn update_timeout(&mut self, now_ms: u64, limits: &HttpLimits) {
        let timeout = self.due_timeout();
        if timeout == self.timeout {
            return;
        }
        self.timeout = timeout;
        let after = |timeout_ms| now_ms.saturating_add(timeout_ms);
        self.deadline_ms = match timeout {
            Timeout::None => 0,
            Timeout::Idle if self.draining => {
                after(limits.drain_idle_ms.min(limits.idle_timeout_ms))
            }
            Timeout::Idle => after(limits.idle_timeout_ms),
            Timeout::Head => after(limits.header_timeout_ms),
            Timeout::Body => after(limits.body_timeout_ms).min(self.slow_body_ms(limits)),
            Timeout::Write => after(limits.write_timeout_ms),
            Timeout::Linger => after(limits.linger_ms).min(self.linger_end_ms()),
        };
    }

    /// Returns the timeout that should run now.
    fn due_timeout(&self) -> Timeout {
        if self.is_dropped() {
            return Timeout::None;
        }
        // Output goes before everything else. A client that does not take its responses gets no
        // time for its next request, and the time in which it reads a long response is not idle
        // time.
        if !self.output.is_empty() {
            return Timeout::Write;
        }
        match self.phase {
            Phase::Head(_) if self.input.is_empty() => Timeout::Idle,
            Phase::Head(_) => Timeout::Head,
            Phase::Body(_) => Timeout::Body,
            Phase::Closing { linger: true } | Phase::Lingering { .. } => Timeout::Linger,
            Phase::Arrived(_)
            | Phase::Rejecting(_)
            | Phase::Exchange(_)
            | Phase::Streaming(_)
            | Phase::Closing { linger: false } => Timeout::None,
        }
    }

    /// Moves the moment at which the body is too slow: the bytes that were received earn the time
    /// that they take at the least rate. What was sent faster is not saved up beyond
    /// `body_timeout_ms`, or a client that sends most of a body at once could take hours for the
    /// rest.
    pub(super) fn earn_time(&mut self, bytes: usize, now_ms: u64, limits: &HttpLimits) {
        let Phase::Body(incoming) = &mut self.phase else { return };
        // A rate of 0 turns the rule off.
        let earned_us =
            (bytes as u64).saturating_mul(1_000_000).checked_div(limits.body_bytes_per_s_min);
        let Some(earned_us) = earned_us else { return };
        let latest_us = now_ms.saturating_add(limits.body_timeout_ms).saturating_mul(1_000);
        incoming.slow_at_us = incoming.slow_at_us.saturating_add(earned_us).min(latest_us);
    }

    /// Returns when the body is too slow.
    fn slow_body_ms(&self, limits: &HttpLimits) -> u64 {
        match &self.phase {
            Phase::Body(incoming) if limits.body_bytes_per_s_min > 0 => {
                incoming.slow_at_us.div_ceil(1_000)
            }
            _ => u64::MAX,
        }
    }

    /// Returns when a close has lingered for as long as it may.
    fn linger_end_ms(&self) -> u64 {
        match self.phase {
            Phase::Lingering { until_ms, .. } => until_ms,
            _ => u64::MAX,
        }
    }
}
