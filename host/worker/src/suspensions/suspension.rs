//! One suspension: what it waits for, and what its request needs when the wait is over.

use snow_core::{PendingId, Registry, TimerKey, Waiter};
use snow_http::{PackedResponse, Response};
use snow_runtime::{
    GuestRequest, Handle, Join, OperationId, PastWait, RouteId, Settled, Settlement, Slot, Source,
    Suspend, VersionId, Wait,
};

use crate::context::{Callee, ExchangeRef, Timer, WorkerTimers};
use crate::schedule::Started;

/// A request that waits. Plain data: no instance, no fiber, no reference to its guest's code.
///
/// There may be a million of them, so it fits a cache line, and what few have is boxed.
pub(crate) struct Suspension {
    exchange: ExchangeRef,
    version: VersionId,
    route: RouteId,
    until: Join,
    then: Then,
    /// Settlements that are still missing.
    missing: u16,
    /// Set until the wait is over, and then until `resume` starts.
    pub(super) deadline: Option<TimerKey>,
    /// When the wait began: the lower half of the worker's clock, which is enough for a wait of up to
    /// 49 days.
    began_ms: u32,
    /// How long it may take.
    timeout_ms: u32,
    handles: Handles,
    rare: Option<Box<Rare>>,
}

/// What happens when the wait is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// `resume` is called.
    Resume,
    /// The wait is over, and `resume` is called as soon as it gets the loop.
    Resuming,
    /// The host answers.
    Answer,
    /// The call, which waits in place, goes on.
    Unpark,
}

/// What few suspensions have.
#[derive(Default)]
pub(super) struct Rare {
    /// The guest's answer for the deadline.
    pub on_timeout: Option<PackedResponse>,
    /// The request, kept for `resume`.
    pub request: Option<Box<GuestRequest>>,
    /// Bytes for `resume`.
    pub state: Box<[u8]>,
    /// The slot of the call, if that waits in place.
    slot: Slot,
}

impl Rare {
    /// Boxes what a suspension has of these, if it has any.
    fn boxed(suspend: &mut Suspend, request: Option<Box<GuestRequest>>) -> Option<Box<Rare>> {
        let on_timeout = suspend.on_timeout.as_ref().map(PackedResponse::from);
        let state = std::mem::take(&mut suspend.state).into_boxed_slice();
        let is_rare = on_timeout.is_some() || request.is_some() || !state.is_empty();
        is_rare.then(|| Box::new(Rare { on_timeout, request, state, slot: Slot::default() }))
    }
}

impl Suspension {
    /// Creates a suspension as a call has returned it. `has_resume`: the guest exports `resume`.
    pub fn returned(
        started: Started,
        mut suspend: Suspend,
        request: Option<Box<GuestRequest>>,
        has_resume: bool,
    ) -> Suspension {
        let rare = Rare::boxed(&mut suspend, request);
        let then = if suspend.resume && has_resume { Then::Resume } else { Then::Answer };
        Suspension::new(started, suspend.handles, suspend.until, then, rare)
    }

    /// Creates the suspension of a call that waits in place.
    pub fn in_place(started: Started, slot: Slot, wait: Wait) -> Suspension {
        let rare = Some(Box::new(Rare { slot, ..Rare::default() }));
        Suspension::new(started, wait.handles, wait.until, Then::Unpark, rare)
    }

    fn new(
        started: Started,
        handles: Vec<Handle>,
        until: Join,
        then: Then,
        rare: Option<Box<Rare>>,
    ) -> Suspension {
        let Started { exchange, version, route } = started;
        let missing = match until {
            Join::All => u16::try_from(handles.len()).unwrap_or(u16::MAX),
            Join::Any => 1,
        };
        let handles = Handles::new(handles);
        Suspension {
            exchange,
            version,
            route,
            until,
            then,
            missing,
            deadline: None,
            began_ms: 0,
            timeout_ms: 0,
            handles,
            rare,
        }
    }

    /// Notes when the wait begins, and when it is over at the latest.
    pub(super) fn begins(&mut self, now_ms: u64, deadline_ms: u64) {
        self.began_ms = now_ms as u32;
        self.timeout_ms = u32::try_from(deadline_ms.saturating_sub(now_ms)).unwrap_or(u32::MAX);
    }

    /// Returns when the wait began, and its deadline.
    pub(super) fn times(&self, now_ms: u64) -> PastWait {
        let waited_ms = (now_ms as u32).wrapping_sub(self.began_ms);
        let began_ms = now_ms.saturating_sub(u64::from(waited_ms));
        PastWait { began_ms, deadline_ms: began_ms + u64::from(self.timeout_ms) }
    }

    /// Returns what has suspended the request.
    pub fn callee(&self) -> Callee {
        (self.version, self.route)
    }

    /// Returns the request that waits.
    pub fn exchange(&self) -> ExchangeRef {
        self.exchange
    }

    /// Returns when the wait is over at the latest; `None` once it is.
    pub fn deadline_at_ms(&self) -> Option<u64> {
        self.deadline.filter(|_| self.then != Then::Resuming).map(TimerKey::at_ms)
    }

    /// Returns what is waited for, in the guest's order.
    pub fn handles(&self) -> impl Iterator<Item = Handle> + Clone {
        self.handles.iter()
    }

    /// Returns the only pending, with the operation that settles it, if the host will answer with
    /// what it brings, whatever that is.
    pub fn relayed(&self) -> Option<(Handle, OperationId)> {
        let handle = self.handles.get(0).filter(|_| self.handles.len() == 1)?;
        match handle.source {
            Source::Operation(operation) if self.then == Then::Answer => Some((handle, operation)),
            _ => None,
        }
    }

    /// Returns whether the call waits in place.
    pub fn is_in_place(&self) -> bool {
        self.then == Then::Unpark
    }

    /// Returns the slot of the call that waits in place.
    pub fn slot(&self) -> Slot {
        self.rare.as_ref().map(|rare| rare.slot).unwrap_or_default()
    }

    pub(super) fn then(&self) -> Then {
        self.then
    }

    /// Returns whether all settlements have come that were missing.
    pub(super) fn is_settled(&self) -> bool {
        self.missing == 0
    }

    /// Returns whether the wait has ended by settlements, and the request is queued for its
    /// `resume`.
    pub fn awaits_resume(&self) -> bool {
        self.then == Then::Resuming && self.is_settled()
    }

    /// Notes that the wait is over and that `resume` is to be called until then. Returns false if
    /// that was known before.
    pub(super) fn begin_to_resume(&mut self) -> bool {
        let is_new = self.then == Then::Resume;
        if is_new {
            self.then = Then::Resuming;
        }
        is_new
    }

    /// Counts one settlement. Returns whether that was the last one missing.
    pub(super) fn count_settlement(&mut self) -> bool {
        let was_missing = self.missing > 0;
        self.missing = self.missing.saturating_sub(1);
        was_missing && self.missing == 0
    }

    /// Notes that no settlement is missing any more.
    pub(super) fn conclude(&mut self) {
        self.missing = 0;
    }

    /// Returns whether the join has come true, for the last time. The settlement that made it true
    /// may still be on its way to the worker, but its sender was told that it won, so it stands.
    pub fn has_won(&self, registry: &Registry<Settled>) -> bool {
        registry.conclude(self.until, self.handles.iter().map(|handle| handle.id))
    }

    /// Returns whether the join is true now. The wait goes on if it is not.
    pub fn has_come(&self, registry: &Registry<Settled>) -> bool {
        registry.is_over(self.until, self.handles.iter().map(|handle| handle.id))
    }

    /// Returns whether the join is true when these of the handles are settled.
    pub(super) fn is_over(&self, settled: impl IntoIterator<Item = bool>) -> bool {
        self.until.is_over(settled)
    }

    /// Starts to wait for the settlements, and sets timers for pendings that the clock settles.
    /// What is settled already counts at once, and so does what the clock should have settled by
    /// now. Returns whether no settlement is missing.
    pub(super) fn arm(
        &mut self,
        waiter: Waiter,
        registry: &Registry<Settled>,
        timers: &mut WorkerTimers,
        now_ms: u64,
    ) -> bool {
        for index in 0..self.handles.len() {
            let Some(handle) = self.handles.get(index) else { break };
            match handle.source {
                // Somebody with the token may have been faster; then that settlement stands.
                Source::Due { at_ms } if at_ms <= now_ms => {
                    let _ = registry.settle(handle.id, Settled::by_clock());
                }
                Source::Due { at_ms } => {
                    let timer = timers.set(at_ms, Timer::Pending(handle.id));
                    self.handles.set_source(index, Source::Timer(timer));
                }
                Source::None | Source::Timer(_) | Source::Operation(_) => {}
            }
            if registry.arm(handle.id, waiter) {
                self.missing = self.missing.saturating_sub(1);
            }
        }
        self.is_settled()
    }

    /// Takes the settlement that decides the host's own answer: of several, the first failure or
    /// else the first one.
    pub fn deciding(&self, registry: &Registry<Settled>) -> Option<Settled> {
        let mut settlements = self.handles.iter().filter_map(|handle| registry.collect(handle.id));
        match self.until {
            Join::Any => settlements.next(),
            Join::All => {
                // All of them are collected: none passes on to somebody else.
                let all: Vec<Settled> = settlements.collect();
                let failed =
                    all.iter().position(|settled| matches!(**settled, Settlement::Failed { .. }));
                all.into_iter().nth(failed.unwrap_or(0))
            }
        }
    }

    /// Returns the host's own answer at the deadline: what the guest gave for it, or a 504.
    pub fn late_response(self) -> Response {
        let given = self.rare.and_then(|rare| rare.on_timeout).map(|packed| packed.unpack());
        given.unwrap_or_else(|| Response::text(504, "gateway timeout\n"))
    }

    pub(super) fn into_rare(self) -> Rare {
        self.rare.map(|rare| *rare).unwrap_or_default()
    }
}

/// Handles in the guest's order. Most suspensions have one that only guests settle: it
/// takes 16 bytes.
enum Handles {
    One(PendingId),
    /// Boxed twice, so that the length is with the handles.
    Several(Box<Box<[Handle]>>),
}

impl Handles {
    fn new(handles: Vec<Handle>) -> Handles {
        match handles[..] {
            [Handle { id, source: Source::None }] => Handles::One(id),
            _ => Handles::Several(Box::new(handles.into_boxed_slice())),
        }
    }

    fn len(&self) -> usize {
        match self {
            Handles::One(_) => 1,
            Handles::Several(handles) => handles.len(),
        }
    }

    fn get(&self, index: usize) -> Option<Handle> {
        match self {
            Handles::One(id) => (index == 0).then_some(Handle { id: *id, source: Source::None }),
            Handles::Several(handles) => handles.get(index).copied(),
        }
    }

    /// Notes what settles a handle's pending from now on.
    fn set_source(&mut self, index: usize, source: Source) {
        if let Handles::Several(handles) = self
            && let Some(handle) = handles.get_mut(index)
        {
            handle.source = source;
        }
    }

    fn iter(&self) -> impl Iterator<Item = Handle> + Clone {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a held request costs beside its pending and its timer; `tests/simulation`'s `million`
    /// measures all of it.
    #[test]
    fn a_suspension_is_a_cache_line() {
        assert!(size_of::<Suspension>() <= 64, "{}", size_of::<Suspension>());
        assert!(size_of::<Rare>() <= 48, "{}", size_of::<Rare>());
    }
}
