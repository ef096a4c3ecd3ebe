//! The end of a worker: stop accepting, let what is held wait until the drain's deadline, then answer it 503.

use crate::worker::{TURN, Worker};
use snow_runtime::{Guests, World};

/// How long answers may still be written after the drain's deadline.
const GRACE_MS: u64 = 1_000;

/// Where a worker's end has got to.
pub(crate) enum Drain {
    /// It serves.
    No,
    /// It waits for what is held, and closes connections as they fall idle.
    Waiting {
        until_ms: u64,
        /// The next client to be told, by slot; `None` once all have been.
        cursor: Option<u32>,
    },
    /// Its deadline has passed: nothing is suspended any more.
    Over { until_ms: u64 },
}

impl Drain {
    pub fn is_on(&self) -> bool {
        !matches!(self, Drain::No)
    }

    pub fn is_over(&self) -> bool {
        matches!(self, Drain::Over { .. })
    }

    /// When the loop has to look at it again.
    pub fn next_ms(&self) -> Option<u64> {
        match *self {
            Drain::No => None,
            Drain::Waiting { cursor: Some(_), .. } => Some(0),
            Drain::Waiting { until_ms, .. } => Some(until_ms),
            Drain::Over { until_ms } => Some(until_ms),
        }
    }
}

impl<W: World, C: Guests> Worker<W, C> {
    pub(crate) fn start_draining(&mut self, until_ms: u64) {
        if self.drain.is_on() {
            return;
        }
        self.drain = Drain::Waiting { until_ms, cursor: Some(0) };
        // Closing the listener resets what the kernel has accepted for it, so that is taken first.
        self.accepting = true;
        while self.accepting {
            self.accept();
        }
        self.world.close_listener();
    }

    /// One turn's share of draining.
    pub(crate) fn go_on_draining(&mut self) {
        match self.drain {
            Drain::No => {}
            Drain::Waiting { until_ms, .. } if self.now_ms >= until_ms => {
                self.drain = Drain::Over { until_ms: until_ms + GRACE_MS };
                self.refuse_some();
            }
            Drain::Waiting { cursor: Some(cursor), .. } => self.tell_some(cursor),
            Drain::Waiting { cursor: None, .. } => {}
            Drain::Over { .. } => self.refuse_some(),
        }
    }

    /// Whether it was told to drain and has: there is nothing left to do.
    pub fn is_drained(&self) -> bool {
        match self.drain {
            Drain::No => false,
            Drain::Waiting { cursor: Some(_), .. } => false,
            Drain::Waiting { .. } => self.clients.is_empty() && self.calls.len() == 0,
            Drain::Over { until_ms } => {
                (self.clients.is_empty() && self.calls.len() == 0) || self.world.now_ms() >= until_ms
            }
        }
    }

    fn tell_some(&mut self, mut from: u32) {
        for _ in 0..TURN.timers_max {
            let Some(key) = self.clients.next_from(from) else {
                if let Drain::Waiting { cursor, .. } = &mut self.drain {
                    *cursor = None;
                }
                return;
            };
            if let Some(client) = self.clients.get_mut(key) {
                client.connection.close_when_idle(self.now_ms, &self.shared.limits.http);
            }
            self.mark_dirty(key);
            from = key.slot + 1;
        }
        if let Drain::Waiting { cursor, .. } = &mut self.drain {
            *cursor = Some(from);
        }
    }

    fn refuse_some(&mut self) {
        let mut from = 0;
        for _ in 0..TURN.timers_max {
            let Some(key) = self.suspensions.next_from(from) else { return };
            from = key.slot + 1;
            self.refuse_held(key);
        }
    }
}
