//! What should be: every request, pending and settlement as the test knows them, and what must hold
//! between them.
//!
//! The ledger sees what guests see and what clients see, and nothing inside the worker. So it knows
//! who was settled directly, but not to whom a `set-next` value passed on; that it learns when the
//! value arrives.

use std::sync::Arc;

use snow_core::{PendingId, Refusal, Registry, Waiter};
use snow_runtime::{Arrival, Cause, Join, Settled, Settlement, VersionId};

use crate::script::KEYS;

/// See the module's text.
pub struct Ledger {
    registry: Arc<Registry<Settled>>,
    /// By the number in their path.
    pub requests: Vec<Request>,
    pendings: Vec<Pending>,
    values: Vec<Value>,
    /// By key: who may still wait, the oldest first.
    queues: [Vec<usize>; KEYS.len()],
    /// Values of `set-next` that somebody holds and nobody was seen to get.
    open: Vec<usize>,
    /// The drain has begun, or a limit of this run is low: then 503 is an answer.
    pub refuses: bool,
    /// Values under this key may have been consumed unseen.
    unseen: [bool; KEYS.len()],
    /// A client has left, and may have taken a value with it.
    pub left: bool,
}

/// A request as the test knows it.
#[derive(Debug)]
pub struct Request {
    /// Its last call and how that ended.
    pub state: State,
    /// How many calls it has had.
    pub calls: u32,
    /// Whether it was ever suspended.
    pub was_held: bool,
    /// Its call waits in place.
    pub is_parked: bool,
    /// The version of the guest that it began with.
    pub version: VersionId,
}

/// Where a request is.
#[derive(Debug)]
pub enum State {
    /// Nobody was called for it yet.
    Sent,
    /// A call runs.
    Running,
    /// A call gave an answer.
    Responded,
    /// A call has trapped.
    Trapped,
    /// It is held.
    Holdings(Holdings),
    /// The client has its answer.
    Answered,
}

/// A suspension as the test knows it.
#[derive(Debug)]
pub struct Holdings {
    /// By their numbers.
    pub pendings: Vec<usize>,
    /// How many of them it takes.
    pub until: Join,
    /// When it ends at the latest.
    pub deadline_ms: u64,
    /// Whether there is an answer for that.
    pub on_timeout: bool,
    /// Whether a call has the last word.
    pub resumes: bool,
    /// Whether that call gets the request.
    pub keep_request: bool,
}

/// A wait in place as the test knows it.
#[derive(Debug)]
pub struct Waited {
    /// By their numbers.
    pub pendings: Vec<usize>,
    /// How many of them it takes.
    pub until: Join,
    /// When it ends at the latest.
    pub deadline_ms: u64,
}

#[derive(Debug)]
struct Pending {
    id: PendingId,
    token: String,
    key: Option<usize>,
    due_ms: Option<u64>,
    /// Directly, by whom. Passed-on values are learnt when they arrive.
    settled_by: Option<usize>,
    /// A call has seen its settlement.
    seen: bool,
}

#[derive(Debug)]
struct Value {
    settled: Settled,
    /// The key of a `set-next`.
    next_of: Option<usize>,
    /// The winner was told so.
    won: bool,
    delivered: bool,
    /// It was let go while nobody else waited under its key.
    may_be_lost: bool,
}

impl Ledger {
    /// Nothing has happened.
    pub fn new(registry: Arc<Registry<Settled>>) -> Ledger {
        Ledger {
            registry,
            requests: Vec::new(),
            pendings: Vec::new(),
            values: Vec::new(),
            queues: Default::default(),
            open: Vec::new(),
            refuses: false,
            unseen: [false; KEYS.len()],
            left: false,
        }
    }

    /// A request that a client will send.
    pub fn request(&mut self) -> usize {
        let (state, was_held, is_parked) = (State::Sent, false, false);
        self.requests.push(Request { state, calls: 0, was_held, is_parked, version: VersionId(0) });
        self.requests.len() - 1
    }

    /// A call for it begins.
    pub fn handle_starts(&mut self, request: usize, version: VersionId) {
        let request = &mut self.requests[request];
        assert!(matches!(request.state, State::Sent), "a request is handled once: {request:?}");
        (request.state, request.calls, request.version) = (State::Running, 1, version);
    }

    /// A guest makes a pending.
    pub fn create(&mut self, id: PendingId, key: Option<usize>, due_ms: Option<u64>) -> usize {
        let token = self.registry.token(id).expect("it was just made");
        let number = self.pendings.len();
        self.pendings.push(Pending { id, token, key, due_ms, settled_by: None, seen: false });
        if let Some(key) = key {
            self.queues[key].push(number);
        }
        number
    }

    /// A new settlement, and its number.
    fn value(&mut self, next_of: Option<usize>) -> (usize, Settled) {
        let number = self.values.len();
        let text = format!("v{number}");
        let settled = Settled::new(match number % 5 {
            0 => Settlement::Failed { code: "odd".into(), message: text },
            1 | 2 => Settlement::Response(snow_http::Response::text(201, &text)),
            _ => Settlement::Value(text.into_bytes()),
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

    /// Who waits under a key, the oldest first.
    fn waiting(&mut self, key: usize) -> Vec<usize> {
        let Ledger { registry, pendings, queues, .. } = self;
        // Who is settled or gone once is so for ever.
        queues[key].retain(|&number| !registry.is_settled(pendings[number].id));
        queues[key].clone()
    }

    /// `set-next`: the oldest is settled, and nobody else. Whom that wakes.
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

    /// `set-all`: each is settled. Whom that wakes.
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

    /// `set-result`: wins if it is the first. `back`: counted from the latest that was made. Whom
    /// that wakes.
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

    /// A call for a request has ended so.
    pub fn call_ends(&mut self, request: usize, state: State) {
        let request = &mut self.requests[request];
        request.was_held |= matches!(state, State::Holdings(_));
        request.state = state;
    }

    /// `resume` is called: with what has arrived, no more, no less, and no second time.
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
        let State::Holdings(held) = state else {
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

    /// A call begins to wait in place.
    pub fn wait_starts(&mut self, request: usize) {
        self.requests[request].is_parked = true;
    }

    /// A call that has waited in place goes on: with what has arrived at its pendings, no more and
    /// no less.
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

    fn arrived(&mut self, pending: usize, settlement: Option<&Settled>, now_ms: u64) {
        let Pending { id, key, due_ms, settled_by, seen, .. } = &mut self.pendings[pending];
        match (settlement, *settled_by) {
            (None, None) => assert!(!self.registry.is_settled(*id), "what is settled arrives"),
            (None, Some(value)) => {
                panic!("value {value} won and did not arrive at pending {pending}")
            }
            (Some(settlement), Some(value)) => {
                assert!(
                    Arc::ptr_eq(settlement, &self.values[value].settled),
                    "the first settlement stays"
                );
                assert!(
                    !self.values[value].delivered || self.values[value].next_of.is_none() || *seen
                );
                self.values[value].delivered = true;
            }
            (Some(settlement), None) if **settlement == Settlement::Value(Vec::new()) => {
                assert!(
                    due_ms.is_some_and(|due| due <= now_ms),
                    "the clock settles timers, and never early"
                );
            }
            // A value that has passed on.
            (Some(settlement), None) => {
                let value =
                    self.values.iter().position(|value| Arc::ptr_eq(&value.settled, settlement));
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

    /// A client has got an answer. `late`: it is the one that the guest gave for the deadline.
    pub fn answered(&mut self, request: usize, status: u16, body: &str, now_ms: u64) {
        let state = std::mem::replace(&mut self.requests[request].state, State::Answered);
        match state {
            _ if status == 503 && self.refuses => {}
            State::Responded => {
                let expected = format!("answer {request}.{}", self.requests[request].calls);
                assert_eq!((status, body), (200, expected.as_str()));
            }
            State::Trapped => assert_eq!(status, 500),
            State::Holdings(held) if !held.resumes => {
                self.held_answered(&held, status, body, now_ms)
            }
            state => panic!("request {request} was answered {status} {body:?} while {state:?}"),
        }
    }

    /// The same for a HEAD: nothing is known of the body.
    pub fn answered_head(&mut self, request: usize) {
        let state = std::mem::replace(&mut self.requests[request].state, State::Answered);
        match state {
            State::Responded | State::Trapped => {}
            _ if self.refuses => {}
            State::Holdings(held) if !held.resumes => {
                for &pending in &held.pendings {
                    if let Some(key) = self.pendings[pending].key {
                        self.unseen[key] = true;
                    }
                }
            }
            state => panic!("request {request} was answered while {state:?}"),
        }
    }

    /// The pendings of a request that is held.
    pub fn held_by(&self, request: usize) -> Vec<usize> {
        match &self.requests[request].state {
            State::Holdings(held) => held.pendings.clone(),
            _ => Vec::new(),
        }
    }

    /// The host has answered alone.
    fn held_answered(&mut self, held: &Holdings, status: u16, body: &str, now_ms: u64) {
        let known = |pending: &&usize| self.pendings[**pending].settled_by.is_some();
        let settled = held.pendings.iter().filter(known).count();
        if (status, body) == (504, "gateway timeout\n") || (status, body) == (504, "late") {
            assert_eq!(held.on_timeout, body == "late");
            assert!(now_ms >= held.deadline_ms, "a deadline is never early");
            assert!(!held.is_complete(settled), "what has won is delivered: {held:?}");
            return;
        }
        if held.pendings.is_empty() {
            return assert_eq!((status, held.until), (204, Join::All));
        }
        let value: Option<usize> = body.strip_prefix('v').and_then(|number| number.parse().ok());
        match (status, value) {
            (502, None) | (200, None) => {}
            (200 | 201, Some(value)) => self.settlement_answered(held, value),
            _ => panic!("{status} {body:?} for {held:?}"),
        }
        if held.until == Join::All {
            self.consumed_unseen(held);
        }
    }

    /// Of several that were all consumed, one was sent.
    fn consumed_unseen(&mut self, held: &Holdings) {
        for &pending in &held.pendings {
            match (self.pendings[pending].settled_by, self.pendings[pending].key) {
                (Some(value), _) => self.values[value].delivered = true,
                (None, Some(key)) => self.unseen[key] = true,
                (None, None) => {}
            }
        }
    }

    fn settlement_answered(&mut self, held: &Holdings, value: usize) {
        let of = |pending: &usize| self.pendings[*pending].settled_by == Some(value);
        if !held.pendings.iter().any(of) {
            let keys: Vec<_> =
                held.pendings.iter().map(|&pending| self.pendings[pending].key).collect();
            let Value { next_of, won, delivered, .. } = &self.values[value];
            assert!(
                *won && next_of.is_some() && keys.contains(next_of) && !delivered,
                "{value} is for another"
            );
        }
        self.values[value].delivered = true;
    }

    /// Who waits under each key, for [`Ledger::values_pass_on`] to compare.
    pub fn all_waiting(&mut self) -> [Vec<usize>; KEYS.len()] {
        std::array::from_fn(|key| self.waiting(key))
    }

    /// A `set-next` value that nobody holds any more was consumed, or nobody was there to take it.
    pub fn values_pass_on(&mut self, before: &[Vec<usize>; KEYS.len()]) {
        let gone =
            |values: &[Value], number: usize| Arc::strong_count(&values[number].settled) == 1;
        let vanished: Vec<usize> =
            self.open.iter().copied().filter(|&number| gone(&self.values, number)).collect();
        self.open.retain(|&number| !gone(&self.values, number));
        for number in vanished {
            let key = self.values[number].next_of.expect("only those of set-next are open");
            let after = self.waiting(key);
            self.values[number].may_be_lost =
                !before[key].iter().any(|pending| after.contains(pending));
        }
    }

    /// Requests that are held, and pendings that they own, if all clients but these are there.
    pub fn held(&self, is_there: impl Fn(usize) -> bool) -> (usize, usize) {
        let held = self.requests.iter().enumerate().filter(|(number, _)| is_there(*number));
        let held = held.filter_map(|(_, request)| match &request.state {
            State::Holdings(held) => Some(held.pendings.len()),
            _ => None,
        });
        held.fold((0, 0), |(requests, pendings), more| (requests + 1, pendings + more))
    }

    /// Whether a request is held for pendings that are settled.
    pub fn holds_what_is_over(&self, is_there: impl Fn(usize) -> bool) -> bool {
        let settled = |number: &&usize| self.registry.is_settled(self.pendings[**number].id);
        self.requests.iter().enumerate().any(|(number, request)| match &request.state {
            State::Holdings(held) if is_there(number) => {
                held.is_complete(held.pendings.iter().filter(settled).count())
            }
            _ => false,
        })
    }

    /// At the end: what was said to have won was delivered, or there was a reason.
    pub fn nothing_is_lost(&self) {
        for (number, value) in self.values.iter().enumerate() {
            let Some(key) = value.next_of.filter(|_| value.won) else { continue };
            let excused = value.delivered
                || value.may_be_lost
                || self.unseen[key]
                || self.left
                || self.refuses;
            // A failure's text does not reach the client.
            let silent = matches!(*value.settled, Settlement::Failed { .. });
            assert!(excused || silent, "value {number} under {:?} is lost", KEYS[key]);
            assert!(
                Arc::strong_count(&value.settled) == 1,
                "value {number} is held by somebody for ever"
            );
        }
    }
}

impl Holdings {
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
