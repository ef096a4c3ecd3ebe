//! Guests without wasm: each call follows its request's [`Script`], with the host's own registry
//! and post office, and tells the [`Ledger`] what it did and saw.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use snow_config::Limits;
use snow_core::{Gate, GateId, Registry, Waiter, WorkerId};
use snow_http::Response;
use snow_runtime::{
    Adopted, Call, CallEnd, CallEntry, CallFault, GuestRequest, Guests, Handle, Join, Outcome,
    Post, Ran, Route, RouteEntry, RouteId, Router, Settled, Slot, Suspend, TimerState, VersionId,
    Wait,
};
use snow_worker::{Mailbox, Message, PostOffice};

use crate::ledger::{Holdings, Ledger, State, Waited};
use crate::network::Network;
use crate::office::Office;
use crate::script::{End, KEYS, Op, Script};
use crate::versions::Versions;

/// The guests of one worker.
pub struct Scripted {
    worker: WorkerId,
    router: Router,
    registry: Arc<Registry<Settled>>,
    post: Arc<PostOffice>,
    mailbox: Arc<Mailbox>,
    limits: Arc<Limits>,
    network: Rc<RefCell<Network>>,
    stage: Rc<RefCell<Stage>>,
    slots: Vec<Option<Box<Running>>>,
    /// By slot: whether its call has entered the gate.
    entered: Vec<bool>,
    /// The next call to be started has.
    enters: bool,
}

/// What all guests share with the test.
pub struct Stage {
    /// What should be.
    pub ledger: Ledger,
    /// The same of what is deployed.
    pub versions: Versions,
    /// By request: what its next call does.
    pub scripts: Vec<Script>,
    /// Guests that can go on, and whom to tell: worker and slot.
    pub runnable: Vec<(WorkerId, Slot)>,
    /// Whom settlements wake that are not posted yet: their sender's thread was stopped in between.
    pub unposted: Vec<Waiter>,
    /// The real gate of the one guest.
    pub gate: Arc<Gate>,
    /// How many calls may be behind it; `None`: as many as there are.
    pub calls_max: Option<u32>,
}

struct Running {
    request: usize,
    ops: VecDeque<Op>,
    end: End,
    /// With their numbers in the ledger.
    handles: Vec<(Handle, usize)>,
    /// Let go by the guest, with a timer that the worker has to cancel.
    dropped: Vec<Handle>,
    kept: Option<Box<GuestRequest>>,
    began_ms: u64,
    /// It waits in place.
    waits: Option<Waited>,
}

/// Why a call does not go on.
enum Paused {
    Computes,
    Waits(Wait),
}

impl Scripted {
    /// For one worker.
    pub fn new(
        worker: WorkerId,
        office: &Office,
        network: Rc<RefCell<Network>>,
        stage: Rc<RefCell<Stage>>,
    ) -> Scripted {
        let _ = stage.borrow_mut().versions.take_up(worker);
        let newest = stage.borrow().versions.newest;
        Scripted {
            worker,
            router: router(newest),
            registry: office.registry.clone(),
            post: office.post.clone(),
            mailbox: office.mailboxes[worker.index()].clone(),
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
        let (request, handles, kept) = match call.entry {
            CallEntry::Handle(kept) => {
                let request = kept.params[0].value.parse().expect("the route takes numbers");
                stage.ledger.handle_starts(request, call.version);
                (request, Vec::new(), Some(kept))
            }
            CallEntry::Resume { cause, request: kept, state, arrivals } => {
                let request =
                    usize::from_le_bytes(state.try_into().expect("a state comes back as it was"));
                let numbers = stage.ledger.held_by(request);
                let version = stage.ledger.requests[request].version;
                assert_eq!(call.version, version, "the version that has suspended it resumes it");
                stage.ledger.resume_starts(request, cause, &arrivals, kept.is_some(), now_ms);
                (
                    request,
                    arrivals.iter().map(|arrival| arrival.handle).zip(numbers).collect(),
                    kept,
                )
            }
        };
        let Script { ops, end } = stage.scripts[request].clone();
        Running {
            request,
            ops: ops.into(),
            end,
            handles,
            dropped: Vec::new(),
            kept,
            began_ms: now_ms,
            waits: None,
        }
    }

    /// Follows the script until it has computed beyond its slice, waits in place, or has ended.
    fn go_on(&mut self, mut running: Box<Running>) -> Result<CallEnd, (Box<Running>, Paused)> {
        if let Some(waited) = running.waits.take() {
            self.wait_ends(&running, &waited);
        }
        while let Some(op) = running.ops.pop_front() {
            match op {
                Op::Slice => return Err((running, Paused::Computes)),
                Op::Wait { until, timeout_ms } => {
                    let wait = self.wait(&mut running, until, timeout_ms);
                    return Err((running, Paused::Waits(wait)));
                }
                _ => self.act(&mut running, op),
            }
        }
        Ok(self.end(*running))
    }

    /// Begins to wait in place; the worker has to find out by itself if that is over at once.
    fn wait(&self, running: &mut Running, until: Join, timeout_ms: u32) -> Wait {
        let (handles, pendings) = running.handles.iter().copied().unzip();
        let deadline_ms = self.network.borrow().now_ms + u64::from(timeout_ms);
        let stage = &mut *self.stage.borrow_mut();
        stage.ledger.wait_starts(running.request);
        *stage.versions.parked.entry(self.worker).or_default() += 1;
        running.waits = Some(Waited { pendings, until, deadline_ms });
        Wait { handles, until, timeout_ms: Some(timeout_ms) }
    }

    fn wait_ends(&self, running: &Running, waited: &Waited) {
        let arrived: Vec<_> =
            running.handles.iter().map(|(handle, _)| self.registry.collect(handle.id)).collect();
        let now_ms = self.network.borrow().now_ms;
        self.stage.borrow_mut().ledger.wait_ends(running.request, waited, &arrived, now_ms);
    }

    fn act(&self, running: &mut Running, op: Op) {
        let stage = &mut *self.stage.borrow_mut();
        let ledger = &mut stage.ledger;
        let woken = match op {
            Op::Create(key) => {
                self.create(ledger, running, key, TimerState::None);
                Vec::new()
            }
            Op::Timer(after_ms) => {
                let at_ms = running.began_ms + u64::from(after_ms);
                self.create(ledger, running, None, TimerState::Due { at_ms });
                Vec::new()
            }
            Op::SettleNext(key) => ledger.settle_next(key),
            Op::SettleAll(key) => ledger.settle_all(key),
            Op::SettleToken(back) => ledger.settle_token(back).into_iter().collect(),
            Op::Drop(_) if running.handles.is_empty() => Vec::new(),
            Op::Drop(which) => {
                let (handle, _) = running.handles.remove(which % running.handles.len());
                if matches!(handle.timer, TimerState::Set(_)) {
                    running.dropped.push(handle);
                }
                self.registry.release(handle.id).into_iter().collect()
            }
            Op::Slice | Op::Wait { .. } => Vec::new(),
            Op::Compute(ms) => {
                self.network.borrow_mut().now_ms += ms;
                Vec::new()
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
        timer: TimerState,
    ) {
        // A limit may be reached; then the guest goes on without.
        let Ok(id) = self.registry.create(self.worker, key.map(|key| KEYS[key])) else { return };
        let due_ms = if let TimerState::Due { at_ms } = timer { Some(at_ms) } else { None };
        running.handles.push((Handle { id, timer }, ledger.create(id, key, due_ms)));
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
                let deadline_ms = running.began_ms + u64::from(timeout_ms.unwrap_or(30_000));
                let resumes = resume.is_some();
                let held =
                    Holdings { pendings, until, deadline_ms, on_timeout, resumes, keep_request };
                stage.ledger.call_ends(request, State::Holdings(held));
                if let Some(script) = resume {
                    stage.scripts[request] = *script;
                }
                Ok(Outcome::Suspend(Suspend {
                    handles: returned,
                    until,
                    timeout_ms,
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

    /// The one place that knows how a time slice ends.
    fn slice(&mut self, slot: Slot, running: Box<Running>) -> Ran {
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
                // As wasmtime: at once. Or as another thread: some time.
                match self.network.borrow_mut().rng.percent(70) {
                    true => self.mailbox.send(Message::Runnable(slot)),
                    false => self.stage.borrow_mut().runnable.push((self.worker, slot)),
                }
                Ran::Yielded
            }
        }
    }

    /// A slot's call is over.
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

    /// After a wait in place: timers may have been set.
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

impl Guests for Scripted {
    fn router(&self) -> &Router {
        &self.router
    }

    fn guest_name(&self, version: VersionId) -> Arc<str> {
        self.stage.borrow().versions.assert_known(self.worker, version);
        "scripted".into()
    }

    fn has_resume(&self, version: VersionId) -> bool {
        self.stage.borrow().versions.assert_known(self.worker, version);
        true
    }

    fn hold(&mut self, version: VersionId) {
        self.stage.borrow_mut().versions.hold(self.worker, version);
    }

    fn let_go(&mut self, version: VersionId) -> bool {
        self.stage.borrow_mut().versions.let_go(self.worker, version)
    }

    fn gate(&self, _: VersionId) -> Option<GateId> {
        let stage = self.stage.borrow();
        stage.calls_max.map(|_| stage.gate.id)
    }

    fn enter(&mut self, _: VersionId) -> bool {
        assert!(!self.enters, "who has entered is started");
        let stage = self.stage.borrow();
        let Some(calls_max) = stage.calls_max else { return true };
        let Ok(told) = stage.gate.enter(self.worker, calls_max) else { return false };
        self.tell(told);
        self.enters = true;
        true
    }

    fn give_up(&mut self, _: GateId) {
        self.tell(self.stage.borrow().gate.give_up(self.worker));
    }

    fn adopt(&mut self) -> Option<Adopted> {
        let versions = &mut self.stage.borrow_mut().versions;
        let (before, is_gone) = versions.take_up(self.worker)?;
        self.router = router(versions.newest);
        let gone = if is_gone { vec![before] } else { Vec::new() };
        Some(Adopted { limits: self.limits.clone(), access_log: false, gone })
    }

    fn expel(&mut self, version: VersionId) -> bool {
        self.stage.borrow().versions.has_requests(self.worker, version)
    }

    fn is_expelled(&self, version: VersionId) -> bool {
        self.stage.borrow().versions.expelled.contains(&version)
    }

    fn start(&mut self, slot: Slot, call: Call) -> Ran {
        assert!(self.slots[slot.index()].is_none(), "a slot has one call");
        let running = Box::new(self.begin(call));
        self.entered[slot.index()] = std::mem::take(&mut self.enters);
        self.slice(slot, running)
    }

    fn poll(&mut self, slot: Slot) -> Ran {
        let running = self.slots[slot.index()].take().expect("what is polled was started");
        self.slice(slot, running)
    }

    fn unpark(&mut self, slot: Slot, handles: Box<[Handle]>) {
        self.take_back(slot, &handles);
    }

    fn cancel(&mut self, slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        self.take_back(slot, &handles);
        let running = self.slots[slot.index()].take().expect("what waits was started");
        assert!(running.waits.is_some(), "only a call that waits is cancelled");
        self.leave(slot);
        running
            .dropped
            .into_iter()
            .chain(running.handles.into_iter().map(|(handle, _)| handle))
            .collect()
    }
}

/// The table of a version.
fn router(version: VersionId) -> Router {
    let declared = Route { methods: Vec::new(), pattern: "/r/([0-9]+)".to_owned() };
    Router::new(vec![RouteEntry { version, route: RouteId(0), declared, mount: "".into() }])
        .expect("the pattern is fine")
}
