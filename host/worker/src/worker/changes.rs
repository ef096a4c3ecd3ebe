//! Changes of what the worker serves: it adopts a deployment, expels a version, or drains.

use snow_core::Walk;
use snow_runtime::{Guests, VersionId, World};

use super::Worker;
use crate::context::TURN;
use crate::lifecycle::{DrainStep, Expelled};
use crate::schedule::Queued;
use crate::stats::CallRefusal;

impl<W: World, C: Guests> Worker<W, C> {
    /// Takes up the newest deployment. The router and the guests are swapped at once. What is
    /// queued, runs or is suspended goes on with the version that it began with, which
    /// [`Guests::hold`] keeps here until its last request has ended.
    pub(super) fn adopt(&mut self) {
        let Some(adopted) = self.guests.adopt() else { return };
        self.cx.common.limits = adopted.limits;
        self.cx.common.access_log = adopted.access_log;
        for version in adopted.gone {
            self.forget(version);
        }
        self.clients.forget_routes();
        // The limits of guests may have changed.
        self.schedule.try_all_gates();
    }

    /// Expels a version: from now on nothing is suspended for it, and over the next turns, what is
    /// suspended already is answered 503.
    pub(super) fn expel(&mut self, version: VersionId) {
        if self.guests.expel(version) {
            self.lifecycle.expel(version);
        }
    }

    /// Does one turn's share of looking for suspensions of expelled versions.
    pub(super) fn go_on_expelling(&mut self) {
        let Some(Expelled { version, next }) = self.lifecycle.first_expelled() else { return };
        let mut walk = Walk::from_slot(next, TURN.timers_max);
        while let Some(key) = self.suspensions.next_of(&mut walk) {
            if self.suspensions.callee(key).is_some_and(|callee| callee.0 == version) {
                self.refuse_held(key);
            }
        }
        match walk.rest() {
            None => self.lifecycle.forget(version),
            Some(next) => self.lifecycle.go_on_later(Expelled { version, next }),
        }
    }

    /// Lets a version go that a request has held.
    pub(super) fn let_go(&mut self, version: VersionId) {
        self.cx.stats.let_go(version);
        if self.guests.let_go(version) {
            self.forget(version);
        }
    }

    /// Forgets a version, whose id may name another one from now on.
    fn forget(&mut self, version: VersionId) {
        self.schedule.forget(version);
        self.lifecycle.forget(version);
        self.cx.stats.forget(version);
    }

    pub(super) fn start_draining(&mut self, until_ms: u64) {
        if self.lifecycle.start_draining(until_ms) {
            self.clients.close_listener();
            self.accept();
        }
    }

    /// Does one turn's share of draining.
    pub(super) fn go_on_draining(&mut self) {
        let DrainStep { tell, refuse } = self.lifecycle.drain_step(self.cx.now_ms);
        if let Some(from) = tell {
            let is_closing = self.lifecycle.is_closing();
            let next = self.clients.close_when_idle(from, is_closing, &self.cx);
            self.lifecycle.told(next);
        }
        if let Some(from) = refuse {
            let next = self.refuse_some(from);
            self.lifecycle.refused(next);
        }
        if self.lifecycle.is_closing() && self.schedule.requests() > 0 {
            self.refuse_queued();
        }
    }

    /// Answers some held requests 503, from a slot on. Returns the slot to go on from; `None` if
    /// there are no more.
    fn refuse_some(&mut self, from: u32) -> Option<u32> {
        let mut walk = Walk::from_slot(from, TURN.timers_max);
        while let Some(key) = self.suspensions.next_of(&mut walk) {
            self.refuse_held(key);
        }
        walk.rest()
    }

    /// Answers requests 503 that wait for their first call. They are so few that it takes one turn.
    fn refuse_queued(&mut self) {
        for Queued { exchange, version, .. } in self.schedule.take_requests(|_| true) {
            self.queue_deadlines.ended(exchange, &mut self.timers);
            self.refuse_call(exchange, version, CallRefusal::Drain);
            self.let_go(version);
        }
    }
}
