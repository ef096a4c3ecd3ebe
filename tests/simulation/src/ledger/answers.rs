//! What clients may read: the answer to each request follows from what its guest did, and from what
//! the guest waited for.

use std::collections::BTreeSet;

use snow_core::Waiter;
use snow_runtime::{Join, Relayed, Settled, Settlement};

use super::{Held, Ledger, State, Value};

impl Ledger {
    /// Settles the pending of an operation with an answer that is relayed. Returns whom that wakes,
    /// and the text that the content begins with; `None` if somebody was faster.
    pub fn operation_relays(
        &mut self,
        pending: usize,
        relay: impl FnOnce(&str) -> Relayed,
    ) -> Option<Waiter> {
        let number = self.values.len();
        let settlement = Settlement::Relayed(Box::new(relay(&format!("v{number}"))));
        let settled = Settled::new(settlement);
        let value =
            Value { settled, next_of: None, won: false, delivered: false, may_be_lost: false };
        self.values.push(value);
        let settled = self.values[number].settled.clone();
        let woken = self.registry.settle(self.pendings[pending].id, settled).ok()?;
        self.values[number].won = true;
        self.pendings[pending].settled_by = Some(number);
        woken
    }

    /// Returns whether a request is held for one of these pendings.
    pub fn waits_for_any(&self, request: usize, pendings: &BTreeSet<usize>) -> bool {
        match &self.requests[request].state {
            State::Held(held) => held.pendings.iter().any(|pending| pendings.contains(pending)),
            _ => false,
        }
    }

    /// Checks an answer that a client has read, and that was written at `now_ms`.
    pub fn answered(&mut self, request: usize, status: u16, body: &str, now_ms: u64) {
        let state = std::mem::replace(&mut self.requests[request].state, State::Answered);
        match state {
            _ if status == 503 && self.refuses => {}
            State::Responded => {
                let expected = format!("answer {request}.{}", self.requests[request].calls);
                assert_eq!((status, body), (200, expected.as_str()));
            }
            State::Trapped => assert_eq!(status, 500),
            State::Held(held) if !held.resumes => self.held_answered(&held, status, body, now_ms),
            state => panic!("request {request} was answered {status} {body:?} while {state:?}"),
        }
    }

    /// Checks an answer to HEAD, whose body is not known.
    pub fn answered_head(&mut self, request: usize) {
        let state = std::mem::replace(&mut self.requests[request].state, State::Answered);
        match state {
            State::Responded | State::Trapped => {}
            _ if self.refuses => {}
            State::Held(held) if !held.resumes => {
                for &pending in &held.pendings {
                    if let Some(key) = self.pendings[pending].key {
                        self.unseen[key] = true;
                    }
                }
            }
            state => panic!("request {request} was answered while {state:?}"),
        }
    }

    /// Checks an answer that the host gave without a call.
    fn held_answered(&mut self, held: &Held, status: u16, body: &str, now_ms: u64) {
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
        // What is relayed is longer.
        let number = body.strip_prefix('v').map(|number| number.trim_end_matches('.'));
        let value: Option<usize> = number.and_then(|number| number.parse().ok());
        match (status, value) {
            (502, None) | (200, None) => {}
            (200 | 201, Some(value)) => self.settlement_answered(held, value),
            _ => panic!("{status} {body:?} for {held:?}"),
        }
        if held.until == Join::All {
            self.consumed_unseen(held);
        }
    }

    /// Notes that all settlements were consumed, of which the client has seen one.
    fn consumed_unseen(&mut self, held: &Held) {
        for &pending in &held.pendings {
            match (self.pendings[pending].settled_by, self.pendings[pending].key) {
                (Some(value), _) => self.values[value].delivered = true,
                (None, Some(key)) => self.unseen[key] = true,
                (None, None) => {}
            }
        }
    }

    /// Checks that a value which a client has read was for its request.
    fn settlement_answered(&mut self, held: &Held, value: usize) {
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
}
