//! What must hold: after each step, when nobody has anything to do, and at the end.

use snow_core::{Counter, WorkerId};
use snow_worker::{CallRefusal, HeldPage, Holdings};

use super::{Asked, Done, Simulation};
use crate::client::{Client, What};
use crate::ledger::State;
use crate::network::Network;
use crate::scripted::Stage;

impl Simulation {
    /// Checks what must hold after each step.
    pub(super) fn check(&mut self) {
        self.check_answers();
        let network = self.network.borrow();
        self.stage.borrow_mut().stored.check(network.now_ms());
        let mut all = Holdings::default();
        for (number, worker) in self.workers.iter().enumerate() {
            let Some(worker) = worker else { continue };
            let held = worker.held();
            let open = network
                .wires
                .iter()
                .filter(|wire| wire.worker == number && wire.accepted && !wire.host_closed);
            assert_eq!(held.clients, open.count(), "connections are counted");
            self.check_stats(number, held);
            let (versions, worker) = (&self.stage.borrow().versions, WorkerId(number as u16));
            // A call that waits in place is one request, and a suspension beside it.
            let parked = versions.parked.get(&worker).copied().unwrap_or_default();
            assert_eq!(
                versions.requests(worker) + parked,
                held.calls + held.suspensions,
                "versions are held as needed"
            );
            all.clients += held.clients;
            all.suspensions += held.suspensions;
            all.relays += held.relays;
            all.timers += held.timers;
            all.calls += held.calls;
        }
        assert!(
            all.timers <= all.clients + all.suspensions + all.calls + self.office.registry.len(),
            "no timer is left over"
        );
        let quiet = (0..self.workers.len())
            .all(|number| self.workers[number].is_none() || !network.can_run(number));
        let read = network.wires.iter().all(|wire| wire.to_client.is_empty() || wire.reset);
        let drained = self.workers.iter().any(Option::is_none);
        if quiet && read && !drained && all.calls == 0 && !self.is_held_up() {
            drop(network);
            self.check_quiet(all);
        }
    }

    /// Checks that a worker counts for others what it holds.
    fn check_stats(&self, number: usize, held: Holdings) {
        let stats = &self.office.stats[number];
        assert_eq!(stats.connections.get(), held.clients as u64);
        assert_eq!(stats.suspended.get(), held.suspensions as u64);
        assert_eq!(stats.relays.get(), held.relays as u64);
        let by_route: u64 = stats.routes.all().iter().map(|(_, route)| route.held.get()).sum();
        let versions = stats.versions.all();
        let by_version: u64 = versions.iter().map(|(_, version)| version.held.get()).sum();
        assert_eq!((by_route, by_version), (held.suspensions as u64, held.suspensions as u64));
        let requests = self.stage.borrow().versions.requests(WorkerId(number as u16));
        assert_eq!(
            versions.iter().map(|(_, version)| version.requests.get()).sum::<u64>(),
            requests as u64
        );
    }

    /// Checks what must hold when nobody has anything to do and all answers are read: the ledger
    /// knows it all.
    fn check_quiet(&self, all: Holdings) {
        let network = self.network.borrow();
        if self.clients.iter().any(Client::reads_on) {
            return;
        }
        let mut there = vec![false; self.stage.borrow().ledger.requests.len()];
        let fin_waits = self.stage.borrow().ledger.fin_waits;
        for client in self
            .clients
            .iter()
            .filter(|client| !client.left && (!client.fin || fin_waits))
            .filter(|client| !network.wires[client.wire].host_closed)
        {
            for asked in &client.open {
                if let What::Script(number) = asked.what {
                    there[number] = true;
                }
            }
        }
        let ledger = &self.stage.borrow().ledger;
        for (client, wire) in
            self.clients.iter().map(|client| (client, &network.wires[client.wire]))
        {
            let gone = client.left || (client.fin && client.open.is_empty());
            assert!(
                !gone || wire.host_closed,
                "nobody has seen that a client left: {client:?} {wire:?}"
            );
            // A drain shuts down what is idle. What the client sends at the same time is for
            // another connection.
            let told = wire.host_closed || (wire.host_fin && self.drain_until_ms.is_some());
            assert!(
                client.fin || told || !client.is_forgotten(ledger),
                "nobody comes back to {client:?}"
            );
        }
        assert!(!ledger.holds_what_is_over(|number| there[number]), "nobody was woken");
        let held = ledger.held(|number| there[number]);
        assert_eq!(
            (all.suspensions, self.office.registry.len()),
            held,
            "suspensions and pendings are counted"
        );
    }

    /// Checks the answers of workers that were asked what they hold. They have to come by the time
    /// nobody has anything to do.
    fn check_answers(&mut self) {
        let (workers, network) = (&self.workers, &self.network.borrow());
        self.inspections.retain(|Asked { worker, requests_max, answer }| {
            let Ok(HeldPage { requests, more_after }) = answer.try_recv() else {
                let is_over = workers[*worker].is_none();
                assert!(is_over || network.can_run(*worker), "a question is forgotten");
                return !is_over;
            };
            assert!(requests.is_sorted_by_key(|request| request.position), "the oldest come first");
            assert!(
                requests.len() <= *requests_max
                    && requests.iter().all(|it| it.position.started_ms <= network.now_ms())
            );
            assert!(
                more_after
                    .is_none_or(|last| requests.iter().all(|request| request.position <= last))
            );
            false
        });
    }

    /// Checks that nothing is left at the end.
    pub(super) fn nothing_is_left(self) -> Done {
        for worker in self.workers.iter().flatten() {
            assert_eq!(worker.held(), Holdings::default(), "a worker holds something at the end");
        }
        let mut stage = self.stage.borrow_mut();
        if self.workers.iter().all(Option::is_some) {
            assert_eq!(self.office.registry.len(), 0, "pendings are left");
            assert_eq!(stage.gate.inside(), 0, "a call is left behind its gate");
            assert!(stage.operations.is_empty(), "what is released is cancelled");
            assert!(stage.relays.is_empty(), "an answer is on its way to nobody");
            stage.stored.nobody_waits(self.network.borrow().now_ms());
            drop(self.workers);
            stage.ledger.nothing_is_lost();
        }
        let refused = |why: CallRefusal| {
            let counts = self.office.stats.iter().map(|stats| &stats.refused_calls[why as usize]);
            counts.map(Counter::get).sum()
        };
        Done {
            stored: stage.stored.done,
            late: refused(CallRefusal::Late),
            drained: refused(CallRefusal::Drain),
            answers: self.clients.iter().map(|client| client.answers).sum(),
            relayed: stage.relays.whole,
            held: stage.ledger.requests.iter().filter(|request| request.was_held).count(),
            slices_waited: stage.quick.iter().map(|quick| quick.waited_max).max().unwrap_or(0),
            ..self.done
        }
    }
}

/// Checks that the host had a reason to close a connection: all was answered, the client was told
/// or has left, or it was silent for too long.
pub(super) fn closed_with_reason(
    client: &mut Client,
    network: &Network,
    stage: &mut Stage,
    drains: bool,
) {
    if client.left || client.told_to_go || client.open.is_empty() {
        return;
    }
    let held = |what: What| match what {
        What::Script(number) => {
            let request = &stage.ledger.requests[number];
            request.is_parked || matches!(request.state, State::Held(_))
        }
        _ => false,
    };
    let counts_as_left = client.fin && !stage.ledger.fin_waits;
    let left_held = counts_as_left && client.open.front().is_some_and(|asked| held(asked.what));
    let is_cut = client.open.front().is_some_and(|asked| match asked.what {
        What::Script(number) => stage.ledger.waits_for_any(number, &stage.relays.cut),
        _ => false,
    });
    let wire = &network.wires[client.wire];
    assert!(
        drains || client.was_slow || left_held || is_cut,
        "closed without an answer at {}: {client:?} {wire:?}",
        network.now_ms()
    );
    stage.ledger.left = true;
    client.left = true;
}
