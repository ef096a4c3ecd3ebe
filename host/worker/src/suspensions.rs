//! Suspended requests, and calls that wait in place: what each waits for, and how its wait ends.
//!
//! The end of a suspension is decided on its own worker's thread and nowhere else: by a settlement,
//! by its deadline, by its client's leaving or by a drain. Whatever comes first takes it out of the
//! table; its key is stale for all that come later.

mod suspension;

use snow_core::{Key, Slab, Waiter, Walk, due_ms};
use snow_runtime::{Arrival, CallEntry, Cause, Handle};

pub(crate) use self::suspension::Suspension;
use self::suspension::{Rare, Then};
use crate::context::{Callee, Context, Timer, WorkerTimers};
use crate::schedule::Started;
use crate::stats::WaitEnd;

/// What a wait that is over leads to.
pub(crate) enum Over {
    /// A call of `resume`.
    Resume,
    /// The host's own answer: what the deciding settlement says.
    AnswerSettled,
    /// The host's own answer: that the deadline has passed.
    AnswerLate,
    /// The call goes on that waits in place.
    Unpark,
    /// An answer that says that the host has no time (503): `resume` has waited too long.
    Refuse,
}

impl From<Then> for Over {
    fn from(then: Then) -> Over {
        match then {
            Then::Resume => Over::Resume,
            Then::Resuming => Over::Refuse,
            Then::Answer => Over::AnswerSettled,
            Then::Unpark => Over::Unpark,
        }
    }
}

/// All suspensions of a worker.
pub(crate) struct SuspensionTable {
    suspensions: Slab<Suspension>,
}

impl SuspensionTable {
    pub fn new() -> SuspensionTable {
        SuspensionTable { suspensions: Slab::new() }
    }

    pub fn len(&self) -> usize {
        self.suspensions.len()
    }

    pub fn get(&self, key: Key) -> Option<&Suspension> {
        self.suspensions.get(key)
    }

    /// Returns what has suspended a request, if that is still held.
    pub fn callee(&self, key: Key) -> Option<Callee> {
        self.suspensions.get(key).map(Suspension::callee)
    }

    /// Returns the next suspension of a walk.
    pub fn next_of(&self, walk: &mut Walk) -> Option<Key> {
        self.suspensions.next_of(walk)
    }

    /// Puts a suspension in: from now on its request is held, and counted as such.
    pub fn insert(&mut self, suspension: Suspension, cx: &Context) -> Key {
        cx.stats.held(suspension.callee());
        let key = self.suspensions.insert(suspension);
        self.count(cx);
        key
    }

    /// Takes a suspension out, and counts how its wait ended.
    pub fn take(
        &mut self,
        key: Key,
        end: WaitEnd,
        cx: &Context,
        timers: &mut WorkerTimers,
    ) -> Option<Suspension> {
        let suspension = self.remove(key, timers)?;
        self.count_end(&suspension, end, cx);
        Some(suspension)
    }

    /// Takes a suspension out, for a caller that [counts](Self::count_end) its end later.
    pub fn remove(&mut self, key: Key, timers: &mut WorkerTimers) -> Option<Suspension> {
        let mut suspension = self.suspensions.remove(key)?;
        suspension.deadline.take().map(|deadline| timers.cancel(deadline));
        Some(suspension)
    }

    /// Counts how the wait of a suspension ended that was removed.
    pub fn count_end(&self, suspension: &Suspension, end: WaitEnd, cx: &Context) {
        cx.stats.wait_ended(suspension.callee(), end);
        self.count(cx);
    }

    fn count(&self, cx: &Context) {
        cx.stats.suspended.set(self.suspensions.len() as u64);
    }

    /// Starts a wait: sets its deadline, and waits for its settlements. `now_us` is not the turn's,
    /// since calls may have taken their time. `deadline_ms` wins over `timeout_ms`. Returns what is
    /// next if the wait is over at once.
    pub fn begin(
        &mut self,
        key: Key,
        (timeout_ms, deadline_ms): (Option<u32>, Option<u64>),
        now_us: u64,
        cx: &Context,
        timers: &mut WorkerTimers,
    ) -> Option<Over> {
        let (limits, now_ms) = (cx.limits(), now_us / 1_000);
        let timeout_ms =
            timeout_ms.unwrap_or(limits.suspension_default_ms).min(limits.suspension_max_ms);
        let deadline_ms = deadline_ms.unwrap_or_else(|| due_ms(now_us, timeout_ms));
        let suspension = self.suspensions.get_mut(key)?;
        suspension.begins(now_ms, deadline_ms);
        suspension.deadline = Some(timers.set(deadline_ms, Timer::Deadline(key)));
        let waiter = Waiter { worker: cx.id, suspension: key };
        match suspension.arm(waiter, &cx.common.registry, timers, now_ms) {
            true => self.complete(key, timers),
            false => None,
        }
    }

    /// Counts a settlement. Returns what is next if it was the last one missing.
    pub fn settled(&mut self, key: Key, timers: &mut WorkerTimers) -> Option<Over> {
        match self.suspensions.get_mut(key)?.count_settlement() {
            true => self.complete(key, timers),
            false => None,
        }
    }

    /// Ends a wait whose join has come true, though its settlement may still be on its way. Returns
    /// what is next; `None` if the join has not come true.
    pub fn conclude(&mut self, key: Key, cx: &Context, timers: &mut WorkerTimers) -> Option<Over> {
        let suspension = self.suspensions.get_mut(key)?;
        if !suspension.has_won(&cx.common.registry) {
            return None;
        }
        suspension.conclude();
        self.complete(key, timers)
    }

    /// Ends a wait whose join has come true. Returns what is next; `None` if the wait was over
    /// before.
    fn complete(&mut self, key: Key, timers: &mut WorkerTimers) -> Option<Over> {
        let suspension = self.suspensions.get_mut(key)?;
        if suspension.then() == Then::Resuming {
            return None;
        }
        suspension.deadline.take().map(|deadline| timers.cancel(deadline));
        Some(suspension.then().into())
    }

    /// Ends a wait whose deadline has come, and whose timer has fired. Returns what is next.
    pub fn deadline_passed(&mut self, key: Key, cx: &Context) -> Option<Over> {
        let suspension = self.suspensions.get_mut(key)?;
        suspension.deadline = None;
        match suspension.then() {
            Then::Answer if !suspension.has_won(&cx.common.registry) => Some(Over::AnswerLate),
            // A call of `resume` and one that waits in place are shown what has come, and that
            // decides.
            then => Some(then.into()),
        }
    }

    /// Notes that a suspension waits for its `resume` from now on, and sets the deadline for that.
    /// Returns what has suspended the request; `None` if it waits for `resume` already.
    pub fn begin_to_resume(
        &mut self,
        key: Key,
        until_ms: u64,
        timers: &mut WorkerTimers,
    ) -> Option<Callee> {
        let suspension = self.suspensions.get_mut(key)?;
        if !suspension.begin_to_resume() {
            return None;
        }
        suspension.deadline = Some(timers.set(until_ms, Timer::Deadline(key)));
        Some(suspension.callee())
    }

    /// Takes a suspension apart for a call of `resume`. `None` if it has ended otherwise meanwhile.
    pub fn resume(
        &mut self,
        key: Key,
        now_ms: u64,
        cx: &Context,
        timers: &mut WorkerTimers,
    ) -> Option<(Started, CallEntry)> {
        let suspension = self.suspensions.get(key)?;
        let collect =
            |handle: Handle| Arrival { handle, settlement: cx.common.registry.collect(handle.id) };
        let arrivals: Vec<Arrival> = suspension.handles().map(collect).collect();
        // Decided by what `resume` is shown, so that the cause and the arrivals can't disagree.
        let is_over =
            suspension.is_over(arrivals.iter().map(|arrival| arrival.settlement.is_some()));
        let (cause, end) = match is_over {
            true => (Cause::Settled, WaitEnd::Settled),
            false => (Cause::Deadline, WaitEnd::TimedOut),
        };
        let suspension = self.take(key, end, cx, timers)?;
        let (exchange, (version, route)) = (suspension.exchange(), suspension.callee());
        let wait = suspension.times(now_ms);
        let Rare { request, state, .. } = suspension.into_rare();
        let state = state.into_vec();
        let entry = CallEntry::Resume { cause, request, state, arrivals, wait };
        Some((Started { exchange, version, route }, entry))
    }
}
