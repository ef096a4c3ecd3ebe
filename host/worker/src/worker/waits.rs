//! Requests that wait: how a wait begins, and what follows when it is over.

use snow_core::{Key, PendingId, due_ms};
use snow_http::{Progress, Response};
use snow_runtime::{
    Delivery, GuestRequest, Guests, Handle, Settled, Settlement, Slot, Source, Suspend, Wait, World,
};

use super::Worker;
use crate::context::ExchangeRef;
use crate::schedule::Started;
use crate::stats::WaitEnd;
use crate::suspensions::{Over, Suspension};

impl<W: World, C: Guests> Worker<W, C> {
    /// Suspends a request whose call has returned: from now on it holds no instance.
    pub(super) fn suspend(
        &mut self,
        started: Started,
        suspend: Suspend,
        request: Option<Box<GuestRequest>>,
    ) {
        let limits = self.cx.limits();
        let version = started.version;
        if suspend.state.len() > limits.state_bytes_max {
            let message = format!(
                "guest={} route={}: the state of its suspension has {} bytes; at most {} are allowed (state_bytes_max)",
                self.guests.guest_name(version),
                started.route,
                suspend.state.len(),
                limits.state_bytes_max
            );
            self.cx.log_error(message);
            return self.refuse_to_suspend(
                started,
                suspend,
                &Response::text(500, "internal server error\n"),
            );
        }
        let is_full = self.suspensions.len() >= limits.worker_suspensions_max;
        let is_closed = self.lifecycle.is_closing() || self.guests.is_expelled(version);
        if is_full || is_closed || self.clients.exchange(started.exchange).is_none() {
            return self.refuse_to_suspend(started, suspend, &Response::unavailable());
        }
        let times = (suspend.timeout_ms, suspend.deadline_ms);
        let has_resume = self.guests.has_resume(version);
        let suspension = Suspension::returned(started, suspend, request, has_resume);
        let how = match suspension.relayed() {
            Some(_) => Delivery::Relayed,
            None => Delivery::Whole,
        };
        self.deliver(suspension.handles(), how);
        let key = self.suspensions.insert(suspension, &self.cx);
        self.begin_wait(key, started.exchange, times);
    }

    /// Tells operations how what they bring is wanted.
    fn deliver(&mut self, handles: impl Iterator<Item = Handle>, how: Delivery) {
        for handle in handles {
            if let Source::Operation(operation) = handle.source {
                self.guests.deliver(operation, how);
            }
        }
    }

    fn refuse_to_suspend(&mut self, started: Started, suspend: Suspend, response: &Response) {
        self.release_all(suspend.handles.into_iter());
        self.answer(started.exchange, Some(started.version), response);
        self.let_go(started.version);
    }

    /// Lets a call wait in place: it keeps its slot and its instance.
    pub(super) fn park(&mut self, slot: Slot, wait: Wait) {
        let Some(started) = self.schedule.started(slot) else { return };
        self.schedule.park(slot);
        let timeout_ms = wait.timeout_ms;
        self.deliver(wait.handles.iter().copied(), Delivery::Whole);
        let key = self.suspensions.insert(Suspension::in_place(started, slot, wait), &self.cx);
        if self.clients.exchange(started.exchange).is_none() {
            return self.end_suspension(key, WaitEnd::Disconnected);
        }
        if self.lifecycle.is_closing() || self.guests.is_expelled(started.version) {
            return self.refuse_held(key);
        }
        self.begin_wait(key, started.exchange, (timeout_ms, None));
    }

    /// Begins a wait with a time, or with a deadline on the worker's clock.
    fn begin_wait(&mut self, key: Key, exchange: ExchangeRef, times: (Option<u32>, Option<u64>)) {
        self.clients.suspend(exchange, key);
        let now_us = self.world.now_us();
        let over = self.suspensions.begin(key, times, now_us, &self.cx, &mut self.timers);
        self.go_on(key, over);
    }

    /// Notes that one of a suspension's pendings was settled.
    pub(super) fn settled(&mut self, key: Key) {
        let over = self.suspensions.settled(key, &mut self.timers);
        self.go_on(key, over);
    }

    /// Settles a pending whose timer has fired.
    pub(super) fn clock_settles(&mut self, id: PendingId) {
        // The pending may have been settled or released before; then the clock comes too late.
        if let Ok(Some(waiter)) = self.cx.common.registry.settle(id, Settled::by_clock()) {
            self.settled(waiter.suspension);
        }
    }

    /// Ends the wait of a suspension whose deadline has come.
    pub(super) fn deadline_passed(&mut self, key: Key) {
        let over = self.suspensions.deadline_passed(key, &self.cx);
        self.go_on(key, over);
    }

    /// Goes on with a request whose wait is over; `None` if it is not.
    fn go_on(&mut self, key: Key, over: Option<Over>) {
        match over {
            None => {}
            Some(Over::Resume) => self.make_resumable(key),
            Some(Over::AnswerSettled) => self.answer_settled(key),
            Some(Over::AnswerLate) => self.answer_late(key),
            Some(Over::Unpark) => self.unpark(key),
            Some(Over::Refuse) => self.refuse(key),
        }
    }

    fn make_resumable(&mut self, key: Key) {
        let until_ms = due_ms(self.world.now_us(), self.cx.limits().resume_wait_ms_max);
        let Some(callee) = self.suspensions.begin_to_resume(key, until_ms, &mut self.timers) else {
            return;
        };
        self.schedule.queue_resumption(key, callee, self.guests.gate(callee.0));
    }

    /// Answers a held request 503.
    fn refuse(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get(key) else { return };
        let (exchange, version) = (suspension.exchange(), suspension.callee().0);
        // First, since its version may be gone when the suspension is.
        self.answer(exchange, Some(version), &Response::unavailable());
        self.end_suspension(key, WaitEnd::Refused);
    }

    /// Lets a call go on that has waited in place. It reads the settlements itself, and keeps its
    /// handles.
    fn unpark(&mut self, key: Key) {
        // A settlement that came with the deadline is what the call is shown, so it counts.
        let registry = &self.cx.common.registry;
        let has_come = self.suspensions.get(key).is_some_and(|it| it.has_come(registry));
        let end = if has_come { WaitEnd::Settled } else { WaitEnd::TimedOut };
        let Some(suspension) = self.suspensions.take(key, end, &self.cx, &mut self.timers) else {
            return;
        };
        if let Some(exchange) = self.clients.exchange_mut(suspension.exchange()) {
            exchange.progress = Progress::Running;
        }
        self.guests.unpark(suspension.slot(), suspension.handles().collect());
        self.schedule.unpark(suspension.slot());
    }

    /// Answers a request for which `resume` is not called: its settlement is the answer.
    fn answer_settled(&mut self, key: Key) {
        let taken = self.suspensions.take(key, WaitEnd::Settled, &self.cx, &mut self.timers);
        let Some(suspension) = taken else { return };
        let deciding = suspension.deciding(&self.cx.common.registry);
        let (exchange, version) = (suspension.exchange(), suspension.callee().0);
        if let Some((handle, operation)) = suspension.relayed()
            && let Some(Settlement::Relayed(relayed)) = deciding.as_deref()
        {
            // The operation goes on: it brings the content.
            self.release_all([Handle { source: Source::None, ..handle }].into_iter());
            self.begin_to_relay(exchange, version, operation, relayed);
            return self.let_go(version);
        }
        self.release_all(suspension.handles());
        let made = match deciding.as_deref() {
            Some(Settlement::Response(response)) => {
                self.answer(exchange, Some(version), response);
                return self.let_go(version);
            }
            Some(Settlement::Value(bytes)) => value(bytes),
            // One that was to be relayed is for this request alone.
            Some(Settlement::Failed { .. } | Settlement::Relayed(_)) => {
                Response::text(502, "bad gateway\n")
            }
            None => Response { status: 204, ..Response::default() },
        };
        self.answer(exchange, Some(version), &made);
        self.let_go(version);
    }

    /// Answers a request for which `resume` is not called, and whose deadline has passed.
    fn answer_late(&mut self, key: Key) {
        let taken = self.suspensions.take(key, WaitEnd::TimedOut, &self.cx, &mut self.timers);
        let Some(suspension) = taken else { return };
        self.release_all(suspension.handles());
        let (exchange, version) = (suspension.exchange(), suspension.callee().0);
        self.answer(exchange, Some(version), &suspension.late_response());
        self.let_go(version);
    }

    /// Asks a held request to come again (503), since the drain is over, or too many versions of
    /// its guest are held. If a settlement has won, it stands, and the request goes on, until the
    /// last stage of a drain.
    pub(super) fn refuse_held(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get(key) else { return };
        if suspension.awaits_resume() && !self.lifecycle.is_last_stage() {
            return;
        }
        let over = self.suspensions.conclude(key, &self.cx, &mut self.timers);
        if over.is_some() {
            return self.go_on(key, over);
        }
        self.refuse(key);
    }

    /// Ends a suspension without an answer.
    pub(super) fn end_suspension(&mut self, key: Key, end: WaitEnd) {
        let Some(suspension) = self.suspensions.remove(key, &mut self.timers) else { return };
        if suspension.is_in_place() {
            let slot = suspension.slot();
            let leftover = self.guests.cancel(slot, suspension.handles().collect());
            self.schedule.end(slot);
            self.release_all(leftover.into_iter());
        } else {
            self.release_all(suspension.handles());
        }
        // Counted only now: whoever sees in the counts that this wait is over can rely on its
        // pendings to be gone from their keys.
        self.suspensions.count_end(&suspension, end, &self.cx);
        self.let_go(suspension.callee().0);
    }

    /// Releases pendings: their sources are ended, and a settlement that nobody consumed passes on.
    pub(super) fn release_all(&mut self, handles: impl Iterator<Item = Handle>) {
        for handle in handles {
            match handle.source {
                Source::None | Source::Due { .. } => {}
                Source::Timer(timer) => {
                    self.timers.cancel(timer);
                }
                Source::Operation(operation) => self.guests.cancel_operation(operation),
            }
            if let Some(waiter) = self.cx.common.registry.release(handle.id) {
                self.cx.common.post.wake(&[waiter]);
            }
        }
    }
}

/// Returns the answer that a settlement of plain bytes makes.
fn value(bytes: &[u8]) -> Response {
    let response = Response { status: 200, headers: Vec::new(), body: bytes.to_vec() };
    response.with_field("content-type", "application/octet-stream")
}
