//! Suspended requests, and calls that wait in place: what each waits for, and how its wait ends.
//!
//! A suspension's end is decided here, on its own worker's thread, and nowhere else: by a settlement, by its
//! deadline, by its client's leaving or by the drain. Whoever comes first removes it from the slab; its key
//! is stale for everyone later.

pub(crate) mod handles;

use snow_core::{Key, PendingId, Registry, TimerKey, Waiter, due_ms};
use snow_http::{PackedResponse, Progress, Response};
use snow_runtime::{
    Arrival, CallEntry, Cause, GuestRequest, Guests, Handle, Join, RouteId, Settled, Settlement, Slot, Suspend,
    TimerState, VersionId, Wait, World,
};

use crate::schedule::queued::Started;
use crate::stats::WaitEnd;
use crate::suspensions::handles::Handles;
use crate::worker::{ExchangeRef, Timer, Worker};

/// A request that waits. Plain data: no instance, no fiber, no reference to its guest's code.
pub(crate) struct Suspension {
    exchange: ExchangeRef,
    version: VersionId,
    route: RouteId,
    until: Join,
    then: Then,
    /// Settlements that are still missing.
    missing: u16,
    /// Set until the suspension is over.
    deadline: Option<TimerKey>,
    handles: Handles,
    /// What few suspensions have.
    rare: Option<Box<Rare>>,
}

impl Suspension {
    /// Its version and its route.
    pub fn call(&self) -> (VersionId, RouteId) {
        (self.version, self.route)
    }

    /// For whom.
    pub fn exchange(&self) -> ExchangeRef {
        self.exchange
    }

    /// When it is over at the latest; `None` once it is.
    pub fn deadline_at_ms(&self) -> Option<u64> {
        self.deadline.map(TimerKey::at_ms)
    }

    /// What it waits for.
    pub fn pendings(&self) -> impl Iterator<Item = PendingId> {
        self.handles.iter().map(|handle| handle.id)
    }

    /// Whether its call waits in place.
    pub fn is_in_place(&self) -> bool {
        self.then == Then::Unpark
    }

    fn new(started: Started, handles: Vec<Handle>, until: Join, then: Then, rare: Option<Box<Rare>>) -> Suspension {
        let Started { exchange, version, route } = started;
        let missing = match until {
            Join::All => u16::try_from(handles.len()).unwrap_or(u16::MAX),
            Join::Any => 1,
        };
        Suspension {
            exchange,
            version,
            route,
            until,
            then,
            missing,
            deadline: None,
            handles: Handles::new(handles),
            rare,
        }
    }

    /// Whether its join has come true, for the last time. A settlement that won may still be on its way here, and since
    /// `ok` was said, it stands.
    fn has_won(&self, registry: &Registry<Settled>) -> bool {
        registry.conclude(self.until, self.handles.iter().map(|handle| handle.id))
    }

    /// The slot of its call, if that waits in place.
    fn slot(&self) -> Slot {
        self.rare.as_ref().map(|rare| rare.slot).unwrap_or_default()
    }
}

/// How a suspension ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// `resume` is called.
    Resume,
    /// The host answers.
    Answer,
    /// Its call, which waits in place, goes on.
    Unpark,
}

#[derive(Default)]
struct Rare {
    on_timeout: Option<PackedResponse>,
    request: Option<Box<GuestRequest>>,
    /// Bytes for `resume`.
    state: Box<[u8]>,
    /// The slot of its call, if that waits in place.
    slot: Slot,
}

impl Rare {
    /// Boxed if there is anything in it.
    fn boxed(suspend: &mut Suspend, request: Option<Box<GuestRequest>>) -> Option<Box<Rare>> {
        let on_timeout = suspend.on_timeout.as_ref().map(PackedResponse::from);
        let state = std::mem::take(&mut suspend.state).into_boxed_slice();
        let is_rare = on_timeout.is_some() || request.is_some() || !state.is_empty();
        is_rare.then(|| Box::new(Rare { on_timeout, request, state, slot: Slot::default() }))
    }
}

impl<W: World, C: Guests> Worker<W, C> {
    /// A call has returned a suspension: from now on the request holds no instance.
    pub(crate) fn suspend(&mut self, started: Started, mut suspend: Suspend, request: Option<Box<GuestRequest>>) {
        let limits = &self.shared.limits;
        let full = self.suspensions.len() >= limits.worker_suspensions_max;
        if suspend.state.len() > limits.state_bytes_max {
            let message = format!(
                "guest={} route={}: the state of its suspension has {} bytes; at most {} are allowed (state_bytes_max)",
                self.guests.guest_name(started.version),
                started.route,
                suspend.state.len(),
                limits.state_bytes_max
            );
            self.shared.log.host(snow_runtime::Level::Error, message);
            return self.refuse_to_suspend(started, suspend, &Response::text(500, "internal server error\n"));
        }
        let is_closed = self.drain.is_over() || self.guests.is_expelled(started.version);
        if full || is_closed || !self.exchange_is_there(started.exchange) {
            return self.refuse_to_suspend(started, suspend, &Response::unavailable());
        }
        let then = match suspend.resume && self.guests.has_resume(started.version) {
            true => Then::Resume,
            false => Then::Answer,
        };
        let rare = Rare::boxed(&mut suspend, request);
        let key = self.insert(Suspension::new(started, suspend.handles, suspend.until, then, rare));
        self.begin(key, started.exchange, suspend.timeout_ms);
    }

    fn refuse_to_suspend(&mut self, started: Started, suspend: Suspend, response: &Response) {
        self.release_all(suspend.handles.into_iter());
        self.answer(started.exchange, Some(started.version), response);
        self.let_go(started.version);
    }

    /// A call waits in place: it keeps its slot and its instance.
    pub(crate) fn park(&mut self, slot: Slot, wait: Wait) {
        let Some(started) = self.calls.started(slot) else { return };
        let Wait { handles, until, timeout_ms } = wait;
        self.calls.park(slot);
        let rare = Some(Box::new(Rare { slot, ..Rare::default() }));
        let key = self.insert(Suspension::new(started, handles, until, Then::Unpark, rare));
        if !self.exchange_is_there(started.exchange) {
            return self.end_suspension(key, WaitEnd::Disconnected);
        }
        if self.drain.is_over() || self.guests.is_expelled(started.version) {
            return self.refuse_held(key);
        }
        self.begin(key, started.exchange, timeout_ms);
    }

    /// A suspension is in its slab: its deadline is set, and its settlements are waited for.
    fn begin(&mut self, key: Key, exchange: ExchangeRef, timeout_ms: Option<u32>) {
        let limits = &self.shared.limits;
        let timeout_ms = timeout_ms.unwrap_or(limits.suspension_default_ms).min(limits.suspension_max_ms);
        let now_ms = self.world.now_ms();
        let deadline = self.timers.set(due_ms(now_ms, timeout_ms), Timer::Deadline(key));
        if let Some(suspension) = self.suspensions.get_mut(key) {
            suspension.deadline = Some(deadline);
        }
        self.rest(exchange, key);
        self.arm(key, now_ms);
    }

    /// From now on it is held, and counted as such.
    fn insert(&mut self, suspension: Suspension) -> Key {
        self.tally.held(suspension.version, suspension.route);
        let key = self.suspensions.insert(suspension);
        self.count();
        key
    }

    /// It is held no longer.
    fn take(&mut self, key: Key, ended: WaitEnd) -> Option<Suspension> {
        let suspension = self.suspensions.remove(key)?;
        self.tally.wait_ended(suspension.version, suspension.route, ended);
        self.count();
        Some(suspension)
    }

    /// The connection gives its buffers back while its request waits.
    fn rest(&mut self, exchange: ExchangeRef, suspension: Key) {
        let Some(client) = self.clients.get_mut(exchange.client) else { return };
        let Key { slot, generation } = suspension;
        if let Some(exchange) = client.connection.exchange_mut() {
            exchange.progress = Progress::Suspended { slot, generation };
        }
        client.connection.rest();
        // The client may have left while its call ran.
        self.mark_dirty(exchange.client);
    }

    /// Asks to be told of settlements. What is settled already counts at once; and so does what the clock
    /// should have settled meanwhile.
    fn arm(&mut self, key: Key, now_ms: u64) {
        let Some(suspension) = self.suspensions.get_mut(key) else { return };
        let waiter = Waiter { worker: self.id, suspension: key };
        for index in 0..suspension.handles.len() {
            let Some(handle) = suspension.handles.get(index) else { break };
            match handle.timer {
                // Somebody with its token may have been faster; then that stands.
                TimerState::Due { at_ms } if at_ms <= now_ms => {
                    let _ = self.shared.registry.settle(handle.id, clock_settles());
                }
                TimerState::Due { at_ms } => {
                    let timer = self.timers.set(at_ms, Timer::Pending(handle.id));
                    suspension.handles.set_timer(index, TimerState::Set(timer));
                }
                TimerState::None | TimerState::Set(_) => {}
            }
            if self.shared.registry.arm(handle.id, waiter) {
                suspension.missing = suspension.missing.saturating_sub(1);
            }
        }
        if suspension.missing == 0 {
            self.complete(key);
        }
    }

    /// One of a suspension's pendings was settled.
    pub(crate) fn settled(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get_mut(key).filter(|suspension| suspension.missing > 0) else {
            return;
        };
        suspension.missing = suspension.missing.saturating_sub(1);
        if suspension.missing == 0 {
            self.complete(key);
        }
    }

    pub(crate) fn clock_settles(&mut self, id: PendingId) {
        // It may have been settled or released before; then the clock comes too late.
        if let Ok(Some(waiter)) = self.shared.registry.settle(id, clock_settles()) {
            self.settled(waiter.suspension);
        }
    }

    /// A suspension's join came true: it waits for a call of `resume`, or is answered.
    fn complete(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get_mut(key) else { return };
        suspension.deadline.take().map(|deadline| self.timers.cancel(deadline));
        match suspension.then {
            Then::Resume => self.make_resumable(key),
            Then::Answer => self.answer_settled(key),
            Then::Unpark => self.unpark(key),
        }
    }

    pub(crate) fn deadline_passed(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get_mut(key) else { return };
        suspension.deadline = None;
        match suspension.then {
            // What it is shown decides.
            Then::Resume => return self.make_resumable(key),
            Then::Unpark => return self.unpark(key),
            Then::Answer => {}
        }
        if suspension.has_won(&self.shared.registry) { self.answer_settled(key) } else { self.answer_late(key) }
    }

    /// A wait in place is over: its call reads the settlements itself, and keeps its handles.
    fn unpark(&mut self, key: Key) {
        let is_settled = self.suspensions.get(key).is_some_and(|suspension| suspension.missing == 0);
        let ended = if is_settled { WaitEnd::Settled } else { WaitEnd::TimedOut };
        let Some(suspension) = self.take(key, ended) else { return };
        let slot = suspension.slot();
        let client = self.clients.get_mut(suspension.exchange.client);
        if let Some(exchange) = client.and_then(|client| client.connection.exchange_mut()) {
            exchange.progress = Progress::Running;
        }
        self.guests.unpark(slot, suspension.handles.iter().collect());
        self.calls.unpark(slot);
    }

    /// Takes a suspension apart for a call of `resume`. `None` if it is over: its client left.
    pub(crate) fn prepare_resume(&mut self, key: Key) -> Option<(Started, CallEntry)> {
        let suspension = self.suspensions.get(key)?;
        let collect = |handle: Handle| Arrival { handle, settlement: self.shared.registry.collect(handle.id) };
        let arrivals: Vec<Arrival> = suspension.handles.iter().map(collect).collect();
        // Decided by what resume is shown, so that cause and arrivals can't disagree.
        let (cause, ended) = match suspension.until.is_over(arrivals.iter().map(|arrival| arrival.settlement.is_some()))
        {
            true => (Cause::Settled, WaitEnd::Settled),
            false => (Cause::Deadline, WaitEnd::TimedOut),
        };
        let suspension = self.take(key, ended)?;
        suspension.deadline.map(|deadline| self.timers.cancel(deadline));
        let Rare { request, state, .. } = suspension.rare.map(|rare| *rare).unwrap_or_default();
        let Suspension { exchange, version, route, .. } = suspension;
        let entry = CallEntry::Resume { cause, request, state: state.into_vec(), arrivals };
        Some((Started { exchange, version, route }, entry))
    }

    /// Without `resume`: the settlement itself is the answer.
    fn answer_settled(&mut self, key: Key) {
        let Some(suspension) = self.take(key, WaitEnd::Settled) else { return };
        let collect = |handle: Handle| self.shared.registry.collect(handle.id);
        let mut settlements = suspension.handles.iter().filter_map(collect);
        let deciding = match suspension.until {
            Join::Any => settlements.next(),
            Join::All => {
                let all: Vec<Settled> = settlements.collect();
                let failed = all.iter().position(|settled| matches!(**settled, Settlement::Failed { .. }));
                all.into_iter().nth(failed.unwrap_or(0))
            }
        };
        self.release_all(suspension.handles.iter());
        let version = Some(suspension.version);
        match deciding.as_deref() {
            Some(Settlement::Response(response)) => self.answer(suspension.exchange, version, response),
            Some(Settlement::Value(bytes)) => self.answer(suspension.exchange, version, &value(bytes)),
            Some(Settlement::Failed { .. }) => {
                self.answer(suspension.exchange, version, &Response::text(502, "bad gateway\n"));
            }
            None => self.answer(suspension.exchange, version, &Response { status: 204, ..Response::default() }),
        }
        self.let_go(suspension.version);
    }

    /// Without `resume`: what the guest gave for the deadline, or a 504.
    fn answer_late(&mut self, key: Key) {
        let Some(suspension) = self.take(key, WaitEnd::TimedOut) else { return };
        self.release_all(suspension.handles.iter());
        let given = suspension.rare.and_then(|rare| rare.on_timeout).map(|packed| packed.unpack());
        let response = given.unwrap_or_else(|| Response::text(504, "gateway timeout\n"));
        self.answer(suspension.exchange, Some(suspension.version), &response);
        self.let_go(suspension.version);
    }

    /// The drain is over, or too many versions of its guest are held: the request is asked to come again, unless a
    /// settlement was told that it won.
    pub(crate) fn refuse_held(&mut self, key: Key) {
        let Some(suspension) = self.suspensions.get_mut(key) else { return };
        // It waits for its `resume` already.
        if suspension.then == Then::Resume && suspension.missing == 0 {
            return;
        }
        let exchange = suspension.exchange;
        if suspension.has_won(&self.shared.registry) {
            suspension.missing = 0;
            return self.complete(key);
        }
        self.end_suspension(key, WaitEnd::Refused);
        self.answer(exchange, None, &Response::unavailable());
    }

    /// Ends a suspension without an answer.
    pub(crate) fn end_suspension(&mut self, key: Key, ended: WaitEnd) {
        let Some(suspension) = self.take(key, ended) else { return };
        suspension.deadline.map(|deadline| self.timers.cancel(deadline));
        if suspension.then == Then::Unpark {
            let slot = suspension.slot();
            let leftover = self.guests.cancel(slot, suspension.handles.iter().collect());
            self.calls.cancelled(slot);
            self.release_all(leftover.into_iter());
        } else {
            self.release_all(suspension.handles.iter());
        }
        self.let_go(suspension.version);
    }
}

/// What the clock settles a timer with.
fn clock_settles() -> Settled {
    Settled::new(Settlement::Value(Vec::new()))
}

fn value(bytes: &[u8]) -> Response {
    let response = Response { status: 200, headers: Vec::new(), body: bytes.to_vec() };
    response.with_field("content-type", "application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a held request costs beside its pending and its timer; see `tests/simulation`'s `million`.
    #[test]
    fn a_suspension_is_a_cache_line() {
        assert!(size_of::<Suspension>() <= 56, "{}", size_of::<Suspension>());
        assert!(size_of::<Rare>() <= 48, "{}", size_of::<Rare>());
        assert!(size_of::<Timer>() <= 16, "{}", size_of::<Timer>());
    }
}
