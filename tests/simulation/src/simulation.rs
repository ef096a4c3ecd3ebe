//! One run: a seed decides who acts next, and after each step what is there is compared with what
//! should be.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use snow_config::Limits;
use snow_core::{Gates, WorkerId};
use snow_runtime::Post;
use snow_worker::{HeldPage, Holdings, Inspection, Message, Worker};

use crate::client::{Client, What};
use crate::ledger::{Ledger, State};
use crate::network::{Network, SimWorld};
use crate::office::Office;
use crate::rng::Rng;
use crate::scripted::{Scripted, Stage};
use crate::versions::Versions;

/// Clients that are there at one time.
const CLIENTS_MAX: usize = 12;
/// Steps that the end of a run may take before it counts as stuck.
const END_STEPS_MAX: u32 = 20_000;

/// A few workers, their clients and what should become of them.
pub struct Simulation {
    rng: Rng,
    network: Rc<RefCell<Network>>,
    stage: Rc<RefCell<Stage>>,
    office: Office,
    /// `None` once drained.
    workers: Vec<Option<Worker<SimWorld, Scripted>>>,
    clients: Vec<Client>,
    /// Whether clients leave before their answers.
    leavers: bool,
    /// Whether versions become too many.
    expels: bool,
    drain_until_ms: Option<u64>,
    /// Questions that workers have not answered yet.
    inspections: Vec<Asked>,
}

/// A question to a worker.
struct Asked {
    worker: usize,
    requests_max: usize,
    answer: mpsc::Receiver<HeldPage>,
}

/// What a run has done, to see that it did something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Answers that clients got.
    pub answers: u32,
    /// Requests that were suspended at least once.
    pub held: usize,
}

/// Runs a seed for so many steps, and then to its end. Panics where something is not as it should
/// be.
pub fn run(seed: u64, steps: u32) -> Done {
    let mut simulation = Simulation::new(seed);
    for _ in 0..steps {
        simulation.step();
    }
    simulation.end()
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let mut rng = Rng::new(seed);
        let workers = 1 + rng.below(3);
        let tight = rng.percent(20);
        let mut limits =
            Limits { worker_calls_started_max: 1 + rng.below(4) as u32, ..Limits::default() };
        if rng.percent(50) {
            // So that pipelined requests wait for room.
            limits.http.output_bytes_max = rng.below(400);
        }
        if tight {
            (limits.worker_calls_queued_max, limits.worker_suspensions_max, limits.pendings_max) =
                (2, 3, 6);
        }
        let network = Rc::new(RefCell::new(Network::new(workers, rng.number())));
        let woken = network.borrow().woken.clone();
        let office = Office::new(workers as u16, limits, move |worker| {
            woken[worker.index()].store(true, Ordering::SeqCst)
        });
        let mut ledger = Ledger::new(office.registry.clone());
        ledger.refuses = tight;
        let stage = Stage {
            ledger,
            versions: Versions::new(),
            scripts: Vec::new(),
            runnable: Vec::new(),
            unposted: Vec::new(),
            gate: Gates::default().of("scripted"),
            calls_max: rng.percent(40).then(|| 1 + rng.below(3) as u32),
        };
        let stage = Rc::new(RefCell::new(stage));
        let worker = |number: usize| {
            let world = SimWorld { network: network.clone(), worker: number };
            let id = WorkerId(number as u16);
            let calls = Scripted::new(id, &office, network.clone(), stage.clone());
            Some(office.worker(id, world, calls))
        };
        let workers = (0..workers).map(worker).collect();
        let (leavers, expels) = (rng.percent(60), rng.percent(30));
        stage.borrow_mut().ledger.refuses |= expels;
        Simulation {
            rng,
            network,
            stage,
            office,
            workers,
            clients: Vec::new(),
            leavers,
            expels,
            drain_until_ms: None,
            inspections: Vec::new(),
        }
    }

    /// Somebody acts.
    fn step(&mut self) {
        match self.rng.below(1000) {
            0..450 => self.somebody_turns(),
            450..880 => self.client_acts(),
            880..980 => self.time_passes(),
            980..992 => self.run_one(),
            992..997 => self.inspect(),
            997 if self.rng.percent(10) => self.drain(),
            998 => self.deploy(),
            999 => self.expel(),
            _ => {}
        }
        self.check();
    }

    fn somebody_turns(&mut self) {
        let worker = self.rng.below(self.workers.len());
        if self.network.borrow().can_run(worker) {
            self.turn(worker);
        }
    }

    fn turn(&mut self, number: usize) {
        let Some(worker) = &mut self.workers[number] else { return };
        let before = self.stage.borrow_mut().ledger.all_waiting();
        if let Err(error) = worker.turn() {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        self.stage.borrow_mut().ledger.values_pass_on(&before);
        if worker.is_drained() {
            let now_ms = self.network.borrow().now_ms;
            let in_time = self.drain_until_ms.is_some_and(|until_ms| now_ms < until_ms);
            if in_time {
                assert_eq!(
                    (worker.held().clients, worker.held().suspensions, worker.held().calls),
                    (0, 0, 0)
                );
            }
            self.workers[number] = None;
        }
    }

    fn client_acts(&mut self) {
        let network = &mut *self.network.borrow_mut();
        let stage = &mut *self.stage.borrow_mut();
        let there = self.clients.iter().filter(|client| !client.left && !client.fin).count();
        if there < CLIENTS_MAX && (self.clients.is_empty() || self.rng.percent(5)) {
            let worker = self.rng.below(self.workers.len());
            let window_bytes = self.rng.pick(&[64, 700, 1 << 20]);
            let wire = network.connect(worker, window_bytes);
            self.clients.push(Client::new(wire, network.now_ms));
        }
        let recent = self.clients.len().min(CLIENTS_MAX * 2);
        let at = self.clients.len() - 1 - self.rng.below(recent);
        let client = &mut self.clients[at];
        match self.rng.below(100) {
            0..25 => client.ask(&mut self.rng, stage),
            25..60 => client.send(network),
            60..96 => client.receive(network, stage),
            96..98 if self.leavers => {
                stage.ledger.left |= !client.is_content();
                client.finish(network);
            }
            98.. if self.leavers => {
                stage.ledger.left |= !client.is_content();
                client.leave(network);
            }
            _ => {}
        }
    }

    fn time_passes(&mut self) {
        let ms = match self.rng.below(1000) {
            0..900 => self.rng.below(20),
            900..997 => self.rng.below(1_500),
            _ => self.rng.below(70_000),
        };
        self.network.borrow_mut().now_ms += ms as u64;
    }

    /// Whether something is under way that only a step of the test delivers.
    fn is_held_up(&self) -> bool {
        let stage = self.stage.borrow();
        !stage.runnable.is_empty() || !stage.unposted.is_empty()
    }

    /// A call that has yielded can go on, and a settlement's sender.
    fn run_one(&mut self) {
        let mut stage = self.stage.borrow_mut();
        if !stage.unposted.is_empty() {
            let waiter = stage.unposted.remove(0);
            self.office.post.wake(&[waiter]);
        }
        if !stage.runnable.is_empty() {
            let (worker, slot) = stage.runnable.remove(0);
            self.office.mailboxes[worker.index()].send(Message::Runnable(slot));
        }
    }

    /// Another version takes the guest's place; workers learn it one after another.
    fn deploy(&mut self) {
        let stage = &mut *self.stage.borrow_mut();
        stage.versions.newest.0 += 1;
        if self.rng.percent(30) {
            stage.calls_max = self.rng.percent(60).then(|| 1 + self.rng.below(3) as u32);
        }
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Adopt);
        }
    }

    /// Too many versions are held: the oldest one's requests are refused.
    fn expel(&mut self) {
        let versions = &mut self.stage.borrow_mut().versions;
        let Some(version) = versions.oldest_held().filter(|_| self.expels) else { return };
        versions.expelled.insert(version);
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Expel { version });
        }
    }

    /// Somebody asks a worker what it holds.
    fn inspect(&mut self) {
        let (worker, requests_max) = (self.rng.below(self.workers.len()), self.rng.below(5));
        let (reply, answer) = mpsc::channel();
        let reply = Box::new(move |page| reply.send(page).expect("it is waited for"));
        let inspection = Box::new(Inspection { requests_max, after: None, reply });
        self.office.mailboxes[worker].send(Message::Inspect(inspection));
        self.inspections.push(Asked { worker, requests_max, answer });
    }

    /// Each question is answered by the time nobody has anything to do.
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
                    && requests.iter().all(|it| it.position.started_ms <= network.now_ms)
            );
            assert!(
                more_after
                    .is_none_or(|last| requests.iter().all(|request| request.position <= last))
            );
            false
        });
    }

    fn drain(&mut self) {
        if self.drain_until_ms.is_some() {
            return;
        }
        let until_ms = self.network.borrow().now_ms + self.rng.below(3_000) as u64;
        self.drain_until_ms = Some(until_ms);
        self.stage.borrow_mut().ledger.refuses = true;
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Drain { until_ms });
        }
    }

    /// What must hold after each step.
    fn check(&mut self) {
        self.check_answers();
        let network = self.network.borrow();
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
            all.timers += held.timers;
            all.calls += held.calls;
        }
        assert!(
            all.timers <= all.clients + all.suspensions + self.office.registry.len(),
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

    /// What a worker counts for others is what it holds.
    fn check_stats(&self, number: usize, held: Holdings) {
        let stats = &self.office.stats[number];
        assert_eq!(stats.connections.get(), held.clients as u64);
        assert_eq!(stats.suspended.get(), held.suspensions as u64);
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

    /// Nobody has anything to do and every answer was read: then the ledger knows it all.
    fn check_quiet(&self, all: Holdings) {
        let network = self.network.borrow();
        if self.clients.iter().any(Client::reads_on) {
            return;
        }
        let mut there = vec![false; self.stage.borrow().ledger.requests.len()];
        for client in self
            .clients
            .iter()
            .filter(|client| !client.fin && !network.wires[client.wire].host_closed)
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
            // A drain shuts down what is idle; what the client sends in that moment is for another
            // connection.
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

    /// Everybody says what they have to say and goes; then nothing is left.
    fn end(mut self) -> Done {
        for step in 0.. {
            assert!(step < END_STEPS_MAX, "stuck: {:?}", self.state());
            self.all_clients_act();
            while self.is_held_up() {
                self.run_one();
            }
            let able =
                (0..self.workers.len()).filter(|&number| self.network.borrow().can_run(number));
            let able: Vec<usize> = able.filter(|&number| self.workers[number].is_some()).collect();
            for &number in &able {
                self.turn(number);
                self.check();
            }
            let over = self
                .clients
                .iter()
                .all(|client| self.network.borrow().wires[client.wire].host_closed);
            if able.is_empty() && over {
                break;
            }
            if able.is_empty() {
                let next_ms = self
                    .network
                    .borrow()
                    .next_ms()
                    .expect("somebody waits for a time, or nothing ever ends");
                let mut network = self.network.borrow_mut();
                network.now_ms = network.now_ms.max(next_ms);
            }
        }
        self.nothing_is_left()
    }

    fn all_clients_act(&mut self) {
        let network = &mut *self.network.borrow_mut();
        let stage = &mut *self.stage.borrow_mut();
        for client in &mut self.clients {
            client.send(network);
            client.receive(network, stage);
            if client.is_content() || client.told_to_go {
                client.finish(network);
            }
            if network.wires[client.wire].host_closed
                && network.wires[client.wire].to_client.is_empty()
            {
                closed_with_reason(client, network, stage, self.drain_until_ms.is_some());
            }
        }
    }

    fn nothing_is_left(self) -> Done {
        for worker in self.workers.iter().flatten() {
            assert_eq!(worker.held(), Holdings::default(), "a worker holds something at the end");
        }
        let stage = self.stage.borrow();
        if self.workers.iter().all(Option::is_some) {
            assert_eq!(self.office.registry.len(), 0, "pendings are left");
            assert_eq!(stage.gate.inside(), 0, "a call is left behind its gate");
            drop(self.workers);
            stage.ledger.nothing_is_lost();
        }
        Done {
            answers: self.clients.iter().map(|client| client.answers).sum(),
            held: stage.ledger.requests.iter().filter(|request| request.was_held).count(),
        }
    }

    fn state(&self) -> impl std::fmt::Debug {
        let held: Vec<_> = self.workers.iter().flatten().map(Worker::held).collect();
        let open = self
            .clients
            .iter()
            .filter(|client| !self.network.borrow().wires[client.wire].host_closed);
        (held, open.map(|client| format!("{client:?}")).collect::<Vec<_>>())
    }
}

/// The host has closed a connection: all was answered, or the client was told or has left, or it
/// was silent too long.
fn closed_with_reason(client: &mut Client, network: &Network, stage: &mut Stage, drains: bool) {
    if client.left || client.told_to_go || client.open.is_empty() {
        return;
    }
    let held = |what: What| match what {
        What::Script(number) => {
            let request = &stage.ledger.requests[number];
            request.is_parked || matches!(request.state, State::Holdings(_))
        }
        _ => false,
    };
    let left_held = client.fin && client.open.front().is_some_and(|asked| held(asked.what));
    let wire = &network.wires[client.wire];
    assert!(
        drains || client.was_slow || left_held,
        "closed without an answer at {}: {client:?} {wire:?}",
        network.now_ms
    );
    stage.ledger.left = true;
    client.left = true;
}
