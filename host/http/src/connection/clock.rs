//! Time: the one deadline that applies, and what happens when it passes.

use super::{Connection, Phase, Refused};
use crate::Reject;
use crate::limits::HttpLimits;

/// What the deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// There is none: the worker's own deadlines apply.
    Nothing,
    /// The first byte of a request.
    Idle,
    /// The rest of a head. Set once, by its first byte.
    Head,
    /// More of a body. Set anew by each read.
    Body,
    /// The client to take output. Set anew by each write.
    Write,
    /// The client to close too.
    Linger,
}

impl Connection {
    /// When [`expire`](Self::expire) is to be called. `None` while an exchange runs or is suspended with
    /// nothing to write. It moves with every call that takes a time.
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.wait != Wait::Nothing && !self.dead).then_some(self.deadline_ms)
    }

    /// Its deadline passed: answers 408 if a head or a body is under way (RFC 9110, section 15.5.9), closes if
    /// idle, drops if writing or lingering. Does nothing before the deadline.
    ///
    /// Call [`step`](Self::step) afterwards: it makes the 408 and reports it.
    pub fn expire(&mut self, now_ms: u64, limits: &HttpLimits) {
        if self.deadline_ms().is_none_or(|deadline_ms| now_ms < deadline_ms) {
            return;
        }
        match self.wait {
            Wait::Nothing => {}
            Wait::Idle | Wait::Write | Wait::Linger => self.die(),
            Wait::Head | Wait::Body => {
                let exchange = match self.take_phase() {
                    Phase::Body(incoming) => Some(incoming.exchange),
                    _ => None,
                };
                self.refuse_bytes(Reject::Timeout, exchange);
            }
        }
        self.arm(now_ms, limits);
    }

    /// The input is of no use any more.
    pub(super) fn refuse_bytes(&mut self, why: Reject, exchange: Option<crate::exchange::Exchange>) {
        self.input.clear();
        self.phase = Phase::Refused(Box::new(Refused { why, exchange }));
    }

    /// What was waited for moved on: the next [`arm`](Self::arm) begins that wait anew.
    pub(super) fn progress(&mut self, wait: Wait) {
        if self.wait == wait {
            self.wait = Wait::Nothing;
        }
    }

    /// Sets the deadline if what is waited for has changed. Every call from outside that takes a time ends with
    /// this, so it need not be thought of anywhere else.
    pub(super) fn arm(&mut self, now_ms: u64, limits: &HttpLimits) {
        let wait = self.wait_now();
        if wait == self.wait {
            return;
        }
        self.wait = wait;
        let after = |timeout_ms| now_ms.saturating_add(timeout_ms);
        self.deadline_ms = match wait {
            Wait::Nothing => 0,
            Wait::Idle if self.draining => after(limits.drain_idle_ms.min(limits.idle_timeout_ms)),
            Wait::Idle => after(limits.idle_timeout_ms),
            Wait::Head => after(limits.header_timeout_ms),
            Wait::Body => after(limits.body_timeout_ms).min(self.slowest_body_ms(limits)),
            Wait::Write => after(limits.write_timeout_ms),
            Wait::Linger => after(limits.linger_ms),
        };
    }

    /// Output goes first: a client that does not take its answers is not owed patience for its next request,
    /// and the time it needs to read a long answer is not idle time.
    fn wait_now(&self) -> Wait {
        if self.dead {
            return Wait::Nothing;
        }
        if !self.output.is_empty() {
            return Wait::Write;
        }
        match self.phase {
            Phase::Head(_) if self.input.is_empty() => Wait::Idle,
            Phase::Head(_) => Wait::Head,
            Phase::Body(_) => Wait::Body,
            Phase::Closing { linger: true } | Phase::Lingering { .. } => Wait::Linger,
            Phase::Arrived(_)
            | Phase::Refused(_)
            | Phase::Exchange(_)
            | Phase::Streaming(_)
            | Phase::Closing { linger: false } => Wait::Nothing,
        }
    }

    /// When a body that came at the lowest rate allowed would have to be further than it is.
    fn slowest_body_ms(&self, limits: &HttpLimits) -> u64 {
        let Phase::Body(incoming) = &self.phase else {
            return u64::MAX;
        };
        let received_bytes = incoming.body.received_bytes();
        match received_bytes.saturating_mul(1000).checked_div(limits.body_bytes_per_s_min) {
            Some(earned_ms) => {
                incoming.exchange.started_ms.saturating_add(limits.body_timeout_ms).saturating_add(earned_ms)
            }
            None => u64::MAX,
        }
    }
}
