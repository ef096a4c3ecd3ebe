//! What a worker asks of the guests.

use std::sync::Arc;

use snow_core::GateId;
use snow_runtime::{
    Adopted, Call, Delivery, Guests, Handle, OperationId, Ran, Router, Slot, VersionId,
};

use super::{Scripted, Stage};
use crate::versions::QUICK;

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
        let stage = &mut *self.stage.borrow_mut();
        stage.versions.hold(self.worker, version);
        if version == QUICK {
            let quick = &mut stage.quick[self.worker.index()];
            quick.since.push_back(quick.slices);
        }
    }

    fn let_go(&mut self, version: VersionId) -> bool {
        let stage = &mut *self.stage.borrow_mut();
        if version == QUICK {
            stage.quick[self.worker.index()].is_let_go();
        }
        stage.versions.let_go(self.worker, version)
    }

    fn gate(&self, version: VersionId) -> Option<GateId> {
        let stage = self.stage.borrow();
        stage.calls_max.filter(|_| version != QUICK).map(|_| stage.gate.id)
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
        let Stage { versions, deployer, .. } = &mut *self.stage.borrow_mut();
        self.router = deployer.router.clone();
        // The table may be another one though this guest has not changed.
        let gone = versions.adopt(self.worker).filter(|(_, is_gone)| *is_gone);
        let gone = gone.map(|(before, _)| before).into_iter().collect();
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

    fn deliver(&mut self, operation: OperationId, how: Delivery) {
        self.stage.borrow_mut().relays.deliver(operation, how == Delivery::Relayed);
    }

    fn cancel_operation(&mut self, operation: OperationId) {
        // One that has ended is not there any more.
        let stage = &mut *self.stage.borrow_mut();
        stage.operations.remove(&operation);
        stage.relays.cancel(operation);
        stage.stored.cancel(operation);
    }

    fn unpark(&mut self, slot: Slot, handles: Box<[Handle]>) {
        self.take_back(slot, &handles);
    }

    fn cancel(&mut self, slot: Slot, handles: Box<[Handle]>) -> Vec<Handle> {
        let waits =
            self.slots[slot.index()].as_ref().is_some_and(|running| running.waits.is_some());
        assert!(waits || handles.is_empty(), "a call that has yielded waits for nothing");
        if waits {
            self.take_back(slot, &handles);
        }
        let running = self.slots[slot.index()].take().expect("what is cancelled was started");
        self.leave(slot);
        running
            .dropped
            .into_iter()
            .chain(running.handles.into_iter().map(|(handle, _)| handle))
            .collect()
    }
}
