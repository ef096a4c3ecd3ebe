//! What should be: every request, pending and settlement as the test knows them, and what must hold
//! between them.
//!
//! The ledger sees what guests and clients see, and nothing inside the worker. So it knows which
//! pendings were settled directly, but not to which one a `set-next` value has passed on: that it
//! learns when the value arrives.

mod answers;
mod checks;

use std::sync::Arc;

use snow_core::{PendingId, Refusal, Registry, Waiter};
use snow_runtime::{Arrival, Cause, Join, PastWait, Settled, Settlement, VersionId};

use crate::script::KEYS;

/// All that guests and clients have done and seen.
pub struct Ledger {
    registry: Arc<Registry<Settled>>,
    /// By the number in the request's path.
    pub requests: Vec<Request>,
    pendings: Vec<Pending>,
    values: Vec<Value>,
    /// By key: the pendings that may still wait under it, the oldest first.
    queues: [Vec<usize>; KEYS.len()],
    /// Values of `set-next` that the registry holds and that nobody was seen to get.
    open: Vec<usize>,
    /// Whether 503 is a valid answer: a drain has begun, or a limit of this run is low.
    pub refuses: bool,
    /// Whether a client that half-closes waits for its answers.
    pub fin_waits: bool,
    /// By key: whether values under it may have been consumed unseen.
    unseen: [bool; KEYS.len()],
    /// Whether a client has left, and may have taken a value with it.
    pub left: bool,
}

/// A request as the test knows it.
#[derive(Debug)]
pub struct Request {
    /// Where the request is.
    pub state: State,
    /// How many calls were started for it.
    pub calls: u32,
    /// Whether it has been suspended.
    pub was_held: bool,
    /// Whether its call waits in place.
    pub is_parked: bool,
    /// The version of the guest that handles it.
    pub version: VersionId,
}

/// Where a request is.
#[derive(Debug)]
pub enum State {
    /// It is sent, and no call was started for it.
    Sent,
    /// A call runs.
    Running,
    /// A call has given an answer.
    Responded,
    /// A call has trapped.
    Trapped,
    /// It is suspended.
    Held(Held),
    /// The client has its answer.
    Answered,
}

/// A suspension as the test knows it.
#[derive(Debug)]
pub struct Held {
    /// The numbers of the pendings, in the guest's order.
    pub pendings: Vec<usize>,
    /// How many of them have to be settled.
    pub until: Join,
    /// When the wait ends at the latest.
    pub deadline_ms: u64,
    /// Whether the guest has given an answer for that.
    pub on_timeout: bool,
    /// Whether `resume` is called.
    pub resumes: bool,
    /// Whether `resume` gets the request.
    pub keep_request: bool,
}

/// A wait in place as the test knows it.
#[derive(Debug)]
pub struct Waited {
    /// The numbers of the pendings, in the guest's order.
    pub pendings: Vec<usize>,
    /// How many of them have to be settled.
    pub until: Join,
    /// When the wait ends at the latest.
    pub deadline_ms: u64,
}

#[derive(Debug)]
struct Pending {
    id: PendingId,
    token: String,
    key: Option<usize>,
    due_ms: Option<u64>,
    /// The number of the value that has settled it. That of a value that has passed on is learnt
    /// when it arrives.
    settled_by: Option<usize>,
    /// Whether a call has seen its settlement.
    seen: bool,
}

#[derive(Debug)]
struct Value {
    settled: Settled,
    /// The key, if it is the value of a `set-next`.
    next_of: Option<usize>,
    /// Whether its sender was told that it won.
    won: bool,
    delivered: bool,
    /// Whether it was let go while nobody else waited under its key.
    may_be_lost: bool,
}

impl Ledger {
    /// Creates a ledger of nothing.
    pub fn new(registry: Arc<Registry<Settled>>) -> Ledger {
        Ledger {
            registry,
            requests: Vec::new(),
            pendings: Vec::new(),
            values: Vec::new(),
            queues: Default::default(),
            open: Vec::new(),
            refuses: false,
            fin_waits: false,
            unseen: [false; KEYS.len()],
            left: false,
        }
    }

    /// Notes a request that a client will send. Returns its number.
    pub fn request(&mut self) -> usize {
        let (state, was_held, is_parked) = (State::Sent, false, false);
        self.requests.push(Request { state, calls: 0, was_held, is_parked, version: VersionId(0) });
        self.requests.len() - 1
    }

    /// Notes that `handle` is called for a request.
    pub fn handle_starts(&mut self, request: usize, version: VersionId) {
        let request = &mut self.requests[request];
        assert!(matches!(request.state, State::Sent), "a request is handled once: {request:?}");
        (request.state, request.calls, request.version) = (State::Running, 1, version);
    }

    /// Notes a pending that a guest has made. Returns its number.
    pub fn create(&mut self, id: PendingId, key: Option<usize>, due_ms: Option<u64>) -> usize {
        let token = self.registry.token(id).expect("it was just made");
        let number = self.pendings.len();
        self.pendings.push(Pending { id, token, key, due_ms, settled_by: None, seen: false });
        if let Some(key) = key {
            self.queues[key].push(number);
        }
        number
    }

    /// Makes a settlement. Returns its number, too.
    fn value(&mut self, next_of: Option<usize>) -> (usize, Settled) {
        let number = self.values.len();
        let text = format!("v{number}");
        let settled = Settled::new(match number % 5 {
            0 => Settlement::Failed { code: "odd".into(), message: text },
            1 | 2 => Settlement::Response(snow_http::Response::text(201, &text)),
            _ => Settlement::Value(text.into_bytes().into()),
        });
        let value = Value {
            settled: settled.clone(),
            next_of,
            won: false,
            delivered: false,
            may_be_lost: false,
        };
        self.values.push(value);
        (number, settled)
    }

    /// Returns the pendings that wait under a key, the oldest first.
    fn waiting(&mut self, key: usize) -> Vec<usize> {
        let Ledger { registry, pendings, queues, .. } = self;
        // A pending that is settled or gone stays so.
        queues[key].retain(|&number| !registry.is_settled(pendings[number].id));
        queues[key].clone()
    }

    /// Does a `set-next`: the oldest pending is settled, and no other. Returns whom that wakes.
    pub fn settle_next(&mut self, key: usize) -> Vec<Waiter> {
        let waiting = self.waiting(key);
        assert_eq!(
            self.registry.waiting(KEYS[key]) as usize,
            waiting.len(),
            "those who wait are counted"
        );
        let (number, settled) = self.value(Some(key));
        let woken = self.registry.settle_next(KEYS[key], settled);
        assert_eq!(woken.is_some(), !waiting.is_empty(), "set-next succeeds if somebody waits");
        if let Some(&oldest) = waiting.first() {
            self.values[number].won = true;
            self.open.push(number);
            self.pendings[oldest].settled_by = Some(number);
            assert_eq!(self.waiting(key), waiting[1..], "keys are first in, first out");
        }
        woken.flatten().into_iter().collect()
    }

    /// Does a `set-all`: each pending is settled. Returns whom that wakes.
    pub fn settle_all(&mut self, key: usize) -> Vec<Waiter> {
        let waiting = self.waiting(key);
        let (number, settled) = self.value(None);
        let mut woken = Vec::new();
        let count = self.registry.settle_all(KEYS[key], &settled, &mut woken);
        assert_eq!(count as usize, waiting.len(), "set-all settles all who wait");
        self.values[number].won = count > 0;
        for pending in waiting {
            self.pendings[pending].settled_by = Some(number);
        }
        woken
    }

    /// Does a `set-result`: it wins if it is the first. `back` counts pendings from the latest.
    /// Returns whom that wakes.
    pub fn settle_token(&mut self, back: usize) -> Option<Waiter> {
        let chosen = self.pendings.len().checked_sub(back + 1)?;
        let (number, settled) = self.value(None);
        let Pending { id, token, .. } = &self.pendings[chosen];
        let was_settled = self.registry.is_settled(*id);
        let result = self.registry.settle_token(token, settled);
        assert_eq!(
            result.is_err(),
            was_settled,
            "a settlement wins if it is the first: {result:?}"
        );
        match result {
            Ok(woken) => {
                self.values[number].won = true;
                self.pendings[chosen].settled_by = Some(number);
                woken
            }
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::AlreadySettled | Refusal::Unknown));
                None
            }
        }
    }

    /// Settles the pending of an operation that is over. Returns whom that wakes.
    pub fn operation_ends(&mut self, pending: usize) -> Option<Waiter> {
        let (number, settled) = self.value(None);
        // Somebody with the token may have been faster, and its call may have let it go.
        let woken = self.registry.settle(self.pendings[pending].id, settled).ok()?;
        self.values[number].won = true;
        self.pendings[pending].settled_by = Some(number);
        woken
    }

    /// Notes how a call has ended.
    pub fn call_ends(&mut self, request: usize, state: State) {
        let request = &mut self.requests[request];
        request.was_held |= matches!(state, State::Held(_));
        request.state = state;
    }

    /// Checks the times that `resume` is told of its wait.
    pub fn times_are(&self, request: usize, wait: PastWait, now_ms: u64) {
        let State::Held(held) = &self.requests[request].state else { return };
        assert!(
            wait.began_ms <= now_ms && wait.deadline_ms >= held.deadline_ms,
            "{wait:?} {held:?}"
        );
    }

    /// Notes that `resume` is called. It must be called once, and be shown what has arrived, no
    /// more and no less.
    pub fn resume_starts(
        &mut self,
        request: usize,
        cause: Cause,
        arrivals: &[Arrival],
        with_request: bool,
        now_ms: u64,
    ) {
        let state = std::mem::replace(&mut self.requests[request].state, State::Running);
        self.requests[request].calls += 1;
        let State::Held(held) = state else {
            panic!("request {request} is resumed while {state:?}")
        };
        assert!(held.resumes && held.keep_request == with_request, "{held:?}");
        assert_eq!(held.pendings.len(), arrivals.len(), "one arrival for each handle");
        for (&pending, arrival) in held.pendings.iter().zip(arrivals) {
            assert_eq!(
                self.pendings[pending].id, arrival.handle.id,
                "arrivals are in the order of the handles"
            );
            self.arrived(pending, arrival.settlement.as_ref(), now_ms);
        }
        let arrived = arrivals.iter().filter(|arrival| arrival.settlement.is_some()).count();
        let complete = held.is_complete(arrived);
        assert_eq!(cause == Cause::Settled, complete, "the cause is what has arrived");
        assert!(complete || now_ms >= held.deadline_ms, "a deadline is never early");
    }

    /// Notes that a call begins to wait in place.
    pub fn wait_starts(&mut self, request: usize) {
        self.requests[request].is_parked = true;
    }

    /// Notes that a call that has waited in place goes on. It must see what has arrived, no more
    /// and no less.
    pub fn wait_ends(
        &mut self,
        request: usize,
        waited: &Waited,
        arrived: &[Option<Settled>],
        now_ms: u64,
    ) {
        for (&pending, settlement) in waited.pendings.iter().zip(arrived) {
            self.arrived(pending, settlement.as_ref(), now_ms);
        }
        self.requests[request].is_parked = false;
        let settled = arrived.iter().flatten().count();
        let complete = is_complete(waited.until, settled, arrived.len());
        assert!(
            complete || now_ms >= waited.deadline_ms,
            "a wait in place ends for a reason: {waited:?}"
        );
    }

    /// Checks what a call is shown of one pending.
    fn arrived(&mut self, pending: usize, settlement: Option<&Settled>, now_ms: u64) {
        let Pending { id, key, due_ms, settled_by, seen, .. } = &mut self.pendings[pending];
        match (settlement, *settled_by) {
            (None, None) => assert!(!self.registry.is_settled(*id), "what is settled arrives"),
            (None, Some(value)) => {
                panic!("value {value} won and did not arrive at pending {pending}")
            }
            (Some(settlement), Some(value)) => {
                assert!(settlement.is(&self.values[value].settled), "the first settlement stays");
                assert!(
                    !self.values[value].delivered || self.values[value].next_of.is_none() || *seen
                );
                self.values[value].delivered = true;
            }
            (Some(settlement), None) if **settlement == Settlement::Value(Arc::default()) => {
                assert!(
                    due_ms.is_some_and(|due| due <= now_ms),
                    "the clock settles timers, and never early"
                );
            }
            // A value has passed on to this pending.
            (Some(settlement), None) => {
                let value = self.values.iter().position(|value| value.settled.is(settlement));
                let value = value.expect("a settlement is somebody's");
                let Value { next_of, won, delivered, .. } = &mut self.values[value];
                assert!(
                    *won && next_of.is_some() && *next_of == *key,
                    "only set-next passes on, under its key"
                );
                assert!(!std::mem::replace(delivered, true), "value {value} is delivered twice");
                *settled_by = Some(value);
            }
        }
        *seen |= settlement.is_some();
    }

    /// Returns the numbers of the pendings of a request that is held.
    pub fn held_by(&self, request: usize) -> Vec<usize> {
        match &self.requests[request].state {
            State::Held(held) => held.pendings.clone(),
            _ => Vec::new(),
        }
    }
}

impl Held {
    fn is_complete(&self, settled: usize) -> bool {
        is_complete(self.until, settled, self.pendings.len())
    }
}

fn is_complete(until: Join, settled: usize, all: usize) -> bool {
    match until {
        Join::All => settled == all,
        Join::Any => settled > 0,
    }
}
