//! Guests without wasm. Each call follows its request's [`Script`], with the host's own registry
//! and post office, and tells the [`Ledger`] what it did and saw.

mod guests;
mod relayed;
mod waiting;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use snow_config::Limits;
use snow_core::{Gate, Registry, Waiter, WorkerId};
use snow_http::Response;
use snow_runtime::{
    Call, CallEnd, CallEntry, CallFault, GuestRequest, Handle, Join, OperationId, Outcome,
    PastWait, Post, Ran, Router, Settled, Slot, Source, Suspend, Wait,
};
use snow_worker::PostOffice;

use crate::deployer::Deployer;
use crate::ledger::{Held, Ledger, State, Waited};
use crate::network::Network;
use crate::office::Office;
use crate::rng::Rng;
use crate::script::{End, KEYS, Op, Script};
use crate::stored::Stored;
use crate::versions::{QUICK, Versions};

pub use self::relayed::Relays;

/// The most slices of others that a request of the quick guest may wait for: the one under way when
/// it comes, and those that end a turn. A worker that has no time for its sockets waits for none.
const SLICES_WAITED_MAX: u32 = 8;
/// The time after which a slice ends at the next step of its script.
const SLICE_US: u64 = 1_000;

/// The guests of one worker.
pub struct Scripted {
    worker: WorkerId,
    router: Router,
    registry: Arc<Registry<Settled>>,
    post: Arc<PostOffice>,
    limits: Arc<Limits>,
    network: Rc<RefCell<Network>>,
    stage: Rc<RefCell<Stage>>,
    slots: Vec<Option<Box<Running>>>,
    /// By slot: whether its call has entered the gate.
    entered: Vec<bool>,
    /// Whether the next call to be started has entered it.
    enters: bool,
}

/// What all guests share with the test.
pub struct Stage {
    /// What should be, of requests.
    pub ledger: Ledger,
    /// What should be, of versions.
    pub versions: Versions,
    /// Who serves.
    pub deployer: Deployer,
    /// By request: what its calls do from now on.
    pub scripts: Vec<Script>,
    /// Operations that are under way, with the numbers of their pendings in the ledger.
    pub operations: BTreeMap<OperationId, usize>,
    /// Answers that go on to clients while they come.
    pub relays: Relays,
    /// The store, with those who wait for its changes.
    pub stored: Stored,
    /// The number of the last operation.
    pub last_operation: u64,
    /// Waiters whose settlement is not posted yet: its sender's thread was stopped in between.
    pub unposted: Vec<Waiter>,
    /// The only guest's gate, which is a real one.
    pub gate: Arc<Gate>,
    /// How many calls may be behind the gate; `None` for any number.
    pub calls_max: Option<u32>,
    /// Whether many calls compute for long.
    pub computes: bool,
    /// How long requests of the quick guest wait, by worker.
    pub quick: Vec<Quick>,
}

/// How long requests of the quick guest wait on one worker, in slices of others.
#[derive(Clone, Debug, Default)]
pub struct Quick {
    /// Slices of others so far.
    slices: u32,
    /// For each request that waits: how many there had been when it came.
    since: VecDeque<u32>,
    /// Whether the request that is let go next was started.
    was_started: bool,
    /// The most slices that one has waited for.
    pub waited_max: u32,
    /// Whether there are always slots: then no request waits for more than a few slices.
    has_slots: bool,
}

impl Quick {
    /// Creates the count of a worker that has slots for all guests, or not.
    pub fn new(has_slots: bool) -> Quick {
        Quick { has_slots, ..Quick::default() }
    }

    fn starts(&mut self) {
        let since = self.since.pop_front().expect("it has waited");
        let waited = self.slices - since;
        if self.has_slots {
            assert!(waited <= SLICES_WAITED_MAX, "a quick request has waited for {waited} slices");
            self.waited_max = self.waited_max.max(waited);
        }
        self.was_started = true;
    }

    fn is_let_go(&mut self) {
        if !std::mem::take(&mut self.was_started) {
            self.since.pop_front();
        }
    }
}

impl Stage {
    /// Ends an operation. Returns whom that wakes.
    pub fn operation_ends(&mut self, at: usize, rng: &mut Rng) -> Option<Waiter> {
        let operation = *self.operations.keys().nth(at)?;
        let pending = self.operations.remove(&operation)?;
        match self.is_relayed(operation) && rng.percent(80) {
            true => self.relay_begins(operation, pending, rng),
            false => self.ledger.operation_ends(pending),
        }
    }
}

/// A call that was started.
struct Running {
    request: usize,
    ops: VecDeque<Op>,
    end: End,
    /// The call's pendings, with their numbers in the ledger.
    handles: Vec<(Handle, usize)>,
    /// Pendings that the guest has let go, with a timer that the worker has to cancel.
    dropped: Vec<Handle>,
    kept: Option<Box<GuestRequest>>,
    began_ms: u64,
    /// The wait before the call.
    wait_before: Option<PastWait>,
    /// What the call waits for in place.
    waits: Option<Waited>,
}

/// Why a call does not go on.
enum Paused {
    Computes,
    Waits(Wait),
}

impl Scripted {
    /// Creates the guests of one worker.
    pub fn new(
        worker: WorkerId,
        office: &Office,
        network: Rc<RefCell<Network>>,
        stage: Rc<RefCell<Stage>>,
    ) -> Scripted {
        let _ = stage.borrow_mut().versions.adopt(worker);
        let router = stage.borrow().deployer.router.clone();
        Scripted {
            worker,
            router,
            registry: office.registry.clone(),
            post: office.post.clone(),
            limits: office.limits(),
            network,
            stage,
            slots: (0..64).map(|_| None).collect(),
            entered: vec![false; 64],
            enters: false,
        }
    }

    fn begin(&self, call: Call) -> Running {
        let now_ms = call.now_ms;
        let mut stage = self.stage.borrow_mut();
        assert!(stage.versions.has_requests(self.worker, call.version), "whose call runs is held");
        let mut wait_before = None;
        let (request, handles, kept) = match call.entry {
            CallEntry::Handle(kept) => {
                let request = kept.params[0].value.parse().expect("the route takes numbers");
                if call.version == QUICK {
                    stage.quick[self.worker.index()].starts();
                }
                stage.ledger.handle_starts(request, call.version);
                (request, Vec::new(), Some(kept))
            }
            CallEntry::Resume { cause, request: kept, state, arrivals, wait } => {
                wait_before = Some(wait);
                let request =
                    usize::from_le_bytes(state.try_into().expect("a state comes back as it was"));
                let numbers = stage.ledger.held_by(request);
                let version = stage.ledger.requests[request].version;
                assert_eq!(call.version, version, "the version that has suspended it resumes it");
                stage.ledger.times_are(request, wait, now_ms);
                stage.ledger.resume_starts(request, cause, &arrivals, kept.is_some(), now_ms);
                (
                    request,
                    arrivals.iter().map(|arrival| arrival.handle).zip(numbers).collect(),
                    kept,
                )
            }
        };
        let Script { ops, end, .. } = stage.scripts[request].clone();
        Running {
            request,
            ops: ops.into(),
            end,
            handles,
            dropped: Vec::new(),
            kept,
            began_ms: now_ms,
            wait_before,
            waits: None,
        }
    }

    /// Follows the script until it has computed beyond its slice, waits in place, or has ended.
    fn go_on(&mut self, mut running: Box<Running>) -> Result<CallEnd, (Box<Running>, Paused)> {
        if let Some(waited) = running.waits.take() {
            self.wait_ends(&running, &waited);
        }
        let began_us = self.network.borrow().now_us;
        while let Some(op) = running.ops.pop_front() {
            if self.network.borrow().now_us >= began_us + SLICE_US {
                running.ops.push_front(op);
                return Err((running, Paused::Computes));
            }
            match op {
                Op::Slice => {
                    let network = &mut *self.network.borrow_mut();
                    network.now_us += SLICE_US + network.rng.below(SLICE_US as usize) as u64;
                    return Err((running, Paused::Computes));
                }
                Op::Wait { until, timeout_ms } => {
                    let wait = self.wait(&mut running, until, timeout_ms);
                    return Err((running, Paused::Waits(wait)));
                }
                _ => self.act(&mut running, op),
            }
        }
        Ok(self.end(*running))
    }

    /// Begins to wait in place. Whether the wait is over at once, the worker has to find out by
    /// itself.
    fn wait(&self, running: &mut Running, until: Join, timeout_ms: u32) -> Wait {
        let (handles, pendings) = running.handles.iter().copied().unzip();
        let deadline_ms = self.network.borrow().now_ms() + u64::from(timeout_ms);
        let stage = &mut *self.stage.borrow_mut();
        stage.ledger.wait_starts(running.request);
        *stage.versions.parked.entry(self.worker).or_default() += 1;
        running.waits = Some(Waited { pendings, until, deadline_ms });
        Wait { handles, until, timeout_ms: Some(timeout_ms) }
    }

    /// Tells the ledger what a call sees that goes on after a wait in place.
    fn wait_ends(&self, running: &Running, waited: &Waited) {
        let arrived: Vec<_> =
            running.handles.iter().map(|(handle, _)| self.registry.collect(handle.id)).collect();
        let now_ms = self.network.borrow().now_ms();
        self.stage.borrow_mut().ledger.wait_ends(running.request, waited, &arrived, now_ms);
    }

    fn act(&self, running: &mut Running, op: Op) {
        let now_ms = self.network.borrow().now_ms();
        let stage = &mut *self.stage.borrow_mut();
        let ledger = &mut stage.ledger;
        let woken = match op {
            Op::Create(key) => {
                self.create(ledger, running, key, Source::None);
                Vec::new()
            }
            Op::Timer(after_ms) => {
                let at_ms = running.began_ms + u64::from(after_ms);
                self.create(ledger, running, None, Source::Due { at_ms });
                Vec::new()
            }
            Op::SettleNext(key) => ledger.settle_next(key),
            Op::SettleAll(key) => ledger.settle_all(key),
            Op::SettleToken(back) => ledger.settle_token(back).into_iter().collect(),
            Op::Drop(_) if running.handles.is_empty() => Vec::new(),
            Op::Drop(which) => {
                let (handle, _) = running.handles.remove(which % running.handles.len());
                if matches!(handle.source, Source::Timer(_) | Source::Operation(_)) {
                    running.dropped.push(handle);
                }
                self.registry.release(handle.id).into_iter().collect()
            }
            Op::Slice | Op::Wait { .. } => Vec::new(),
            Op::Compute(us) => {
                self.network.borrow_mut().now_us += us;
                Vec::new()
            }
            Op::Operate => {
                let operation = stage.next_operation();
                let source = Source::Operation(operation);
                if self.create(&mut stage.ledger, running, None, source) {
                    let pending = running.handles.last().expect("it was just made").1;
                    stage.operations.insert(operation, pending);
                }
                Vec::new()
            }
            Op::Watch { key, is_late } => {
                self.watch(stage, running, key, is_late).into_iter().collect()
            }
            Op::Set { key, expires_ms } => {
                let told = stage.stored.set(key, expires_ms, now_ms);
                stage.changes_end(told)
            }
            Op::Delete(key) => {
                let told = stage.stored.delete(key, now_ms);
                stage.changes_end(told)
            }
        };
        match self.network.borrow_mut().rng.percent(20) {
            true => stage.unposted.extend(woken),
            false => self.post.wake(&woken),
        }
    }

    fn create(
        &self,
        ledger: &mut Ledger,
        running: &mut Running,
        key: Option<usize>,
        source: Source,
    ) -> bool {
        // A limit may be reached; then the guest goes on without.
        let Ok(id) = self.registry.create(self.worker, key.map(|key| KEYS[key])) else {
            return false;
        };
        let due_ms = if let Source::Due { at_ms } = source { Some(at_ms) } else { None };
        running.handles.push((Handle { id, source }, ledger.create(id, key, due_ms)));
        true
    }

    fn end(&self, running: Running) -> CallEnd {
        let Running { request, end, mut handles, mut dropped, kept, .. } = running;
        let stage = &mut *self.stage.borrow_mut();
        let mut request_back = None;
        let outcome = match end {
            End::Trap => {
                stage.ledger.call_ends(request, State::Trapped);
                Err(CallFault::Trapped("as its script says".into()))
            }
            End::Respond => {
                stage.ledger.call_ends(request, State::Responded);
                let text = format!("answer {request}.{}", stage.ledger.requests[request].calls);
                Ok(Outcome::Respond(Response::text(200, &text)))
            }
            End::Suspend { until, timeout_ms, on_timeout, keep_request, resume, forgets_one } => {
                if forgets_one && !handles.is_empty() {
                    dropped.push(handles.remove(0).0);
                }
                let keep_request = keep_request && kept.is_some();
                request_back = kept.filter(|_| keep_request);
                let (returned, pendings): (Vec<Handle>, Vec<usize>) = handles.drain(..).unzip();
                // Not later than the suspension itself begins.
                let kept_ms = running.wait_before.filter(|_| timeout_ms.is_none());
                let kept_ms = kept_ms.map(|wait| wait.deadline_ms);
                let own_ms = running.began_ms + u64::from(timeout_ms.unwrap_or(30_000));
                let deadline_ms = kept_ms.unwrap_or(own_ms);
                let resumes = resume.is_some();
                let held = Held { pendings, until, deadline_ms, on_timeout, resumes, keep_request };
                stage.ledger.call_ends(request, State::Held(held));
                if let Some(script) = resume {
                    stage.scripts[request] = *script;
                }
                Ok(Outcome::Suspend(Suspend {
                    handles: returned,
                    until,
                    timeout_ms,
                    deadline_ms: kept_ms,
                    on_timeout: on_timeout.then(|| Response::text(504, "late")),
                    resume: resumes,
                    keep_request,
                    state: request.to_le_bytes().to_vec(),
                }))
            }
        };
        dropped.extend(handles.into_iter().map(|(handle, _)| handle));
        CallEnd { outcome, leftover: dropped, request: request_back }
    }

    /// Runs a time slice, and does what follows from its end.
    fn slice(&mut self, slot: Slot, running: Box<Running>) -> Ran {
        self.stage.borrow_mut().quick[self.worker.index()].slices += 1;
        match self.go_on(running) {
            Ok(end) => {
                self.leave(slot);
                Ran::Ended(end)
            }
            Err((running, Paused::Waits(wait))) => {
                self.slots[slot.index()] = Some(running);
                Ran::Parked(wait)
            }
            Err((running, Paused::Computes)) => {
                self.slots[slot.index()] = Some(running);
                Ran::Yielded
            }
        }
    }

    /// Leaves the gate, since a slot's call is over.
    fn leave(&mut self, slot: Slot) {
        if std::mem::take(&mut self.entered[slot.index()]) {
            self.tell(self.stage.borrow().gate.leave());
        }
    }

    fn tell(&self, told: Option<WorkerId>) {
        if let Some(worker) = told {
            self.post.gate_opened(worker, self.stage.borrow().gate.id);
        }
    }

    /// Takes the handles of a wait in place back. Timers may have been set for them.
    fn take_back(&mut self, slot: Slot, handles: &[Handle]) {
        *self.stage.borrow_mut().versions.parked.entry(self.worker).or_default() -= 1;
        let running = self.slots[slot.index()].as_mut().expect("what waits was started");
        assert_eq!(handles.len(), running.handles.len(), "the handles of a wait come back");
        for ((own, _), back) in running.handles.iter_mut().zip(handles) {
            assert_eq!(own.id, back.id);
            *own = *back;
        }
    }
}
