//! One run: a seed decides who acts next, and after each step, what is there is compared with what
//! should be.

mod checks;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use snow_config::{HalfClose, Limits};
use snow_core::{Gates, WorkerId};
use snow_runtime::Post;
use snow_worker::{HeldPage, Inspection, Message, Worker};

use crate::client::Client;
use crate::deployer::Deployer;
use crate::ledger::Ledger;
use crate::network::{Network, SimWorld};
use crate::office::Office;
use crate::rng::Rng;
use crate::scripted::{Quick, Relays, Scripted, Stage};
use crate::stored::{Stored, StoredDone};
use crate::versions::Versions;

use self::checks::closed_with_reason;

/// The most clients that are connected at one time.
const CLIENTS_MAX: usize = 12;
/// Calls that may wait in place in runs in which there are more slots than guests.
const PARKED_MAX: u32 = 32;
/// The longest that a turn may take: each pace of calls has a millisecond and the slice that
/// exceeds it, of up to three milliseconds here; the rest is for sockets.
const TURN_US_MAX: u64 = 12_000;
/// The steps that the end of a run may take before it counts as stuck.
const END_STEPS_MAX: u32 = 20_000;

/// A few workers, their clients, and what should become of them.
pub struct Simulation {
    rng: Rng,
    network: Rc<RefCell<Network>>,
    stage: Rc<RefCell<Stage>>,
    office: Office,
    /// Each is `None` once it has drained.
    workers: Vec<Option<Worker<SimWorld, Scripted>>>,
    clients: Vec<Client>,
    /// Whether clients leave before their answers.
    leavers: bool,
    /// Whether versions become too many.
    expels: bool,
    drain_until_ms: Option<u64>,
    /// Questions that workers have not answered yet.
    inspections: Vec<Asked>,
    done: Done,
}

/// A question to a worker.
struct Asked {
    worker: usize,
    requests_max: usize,
    answer: mpsc::Receiver<HeldPage>,
}

/// How much a run has done, to see that it did something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Answers that clients have read.
    pub answers: u32,
    /// Requests that were suspended.
    pub held: usize,
    /// Answers that were relayed to their end.
    pub relayed: u32,
    /// The longest turn of a worker.
    pub longest_turn_us: u64,
    /// The most slices that a request of the quick guest has waited for.
    pub slices_waited: u32,
    /// What was done with the store.
    pub stored: StoredDone,
    /// Requests that were refused since they had waited for too long.
    pub late: u64,
    /// Requests that were refused at the end of a drain: before their calls, or as those computed.
    pub drained: u64,
}

/// Runs a seed for so many steps, and then to its end. Panics if anything is not as it should be.
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
        let mut limits = Limits {
            worker_calls_started_max: 1 + rng.below(4) as u32,
            // The test lets more time pass at once.
            request_wait_ms_max: 100_000_000,
            resume_wait_ms_max: 100_000_000,
            // Few in most runs, so that some calls that wait in place take places of those that run.
            calls_parked_max: rng.pick(&[3, 3, PARKED_MAX]),
            ..Limits::default()
        };
        if rng.percent(50) {
            // Pipelined requests wait for room then.
            limits.http.output_bytes_max = rng.below(400);
        }
        if rng.percent(40) {
            limits.half_close = HalfClose::Waits;
        }
        let fin_waits = limits.half_close == HalfClose::Waits;
        if tight {
            (limits.guest_calls_queued_max, limits.worker_suspensions_max, limits.pendings_max) =
                (2, 3, 6);
            limits.request_wait_ms_max = 1 + rng.below(100) as u32;
            limits.resume_wait_ms_max = 1 + rng.below(100) as u32;
            // Less than some answers that are relayed.
            limits.worker_output_bytes_max = rng.pick(&[1_000, 40_000, 1 << 20]);
        }
        let network = Rc::new(RefCell::new(Network::new(workers, rng.number())));
        network.borrow_mut().late_percent = 30;
        let woken = network.borrow().woken.clone();
        let office = Office::new(workers as u16, limits, move |worker| {
            woken[worker.index()].store(true, Ordering::SeqCst)
        });
        let mut ledger = Ledger::new(office.registry.clone());
        (ledger.refuses, ledger.fin_waits) = (tight, fin_waits);
        let stage = Stage {
            ledger,
            versions: Versions::new(),
            deployer: Deployer::new(&mut rng),
            scripts: Vec::new(),
            operations: BTreeMap::new(),
            stored: Stored::new(if tight { 2 } else { 1_000 }, &mut rng),
            relays: Relays::default(),
            last_operation: 0,
            unposted: Vec::new(),
            computes: rng.percent(30),
            quick: vec![Quick::new(office.limits().calls_parked_max == PARKED_MAX); workers],
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
            done: Done::default(),
        }
    }

    /// Lets somebody act: a worker, a client, the clock, or an administrator.
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
        let began_us = self.network.borrow().now_us;
        if let Err(error) = worker.turn() {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        let took_us = self.network.borrow().now_us - began_us;
        self.done.longest_turn_us = self.done.longest_turn_us.max(took_us);
        assert!(took_us <= TURN_US_MAX, "a turn has taken {took_us} us");
        self.stage.borrow_mut().ledger.values_pass_on(&before);
        if worker.is_drained() {
            let now_ms = self.network.borrow().now_ms();
            let in_time = self.drain_until_ms.is_some_and(|until_ms| now_ms < until_ms);
            let held = worker.held();
            assert_eq!((held.suspensions, held.calls), (0, 0), "a drain leaves nobody untold");
            assert!(!in_time || held.clients == 0, "nobody is left before a drain is over");
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
            self.clients.push(Client::new(wire, network.now_ms()));
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
        let us = self.rng.below(1_000);
        let mut network = self.network.borrow_mut();
        network.now_us += (ms * 1_000 + us) as u64;
        let stored = &mut self.stage.borrow_mut().stored;
        stored.disk_changes(&mut self.rng, network.now_ms());
        stored.others_wait(&mut self.rng, network.now_ms());
    }

    /// Returns whether something is under way that only the test delivers.
    fn is_held_up(&self) -> bool {
        let (stage, network) = (self.stage.borrow(), self.network.borrow());
        let is_due = stage.stored.is_due(network.now_ms());
        is_due
            || stage.relays.can_go_on()
            || !stage.unposted.is_empty()
            || !network.under_way.is_empty()
    }

    /// Lets bytes arrive, the sender of a settlement go on, an operation end, and the store's thread
    /// do what is due.
    fn run_one(&mut self) {
        self.network.borrow_mut().deliver();
        let now_ms = self.network.borrow().now_ms();
        let stage = &mut *self.stage.borrow_mut();
        let told = stage.stored.work(now_ms);
        self.office.post.wake(&stage.changes_end(told));
        let operations = stage.operations.len();
        if operations > 0 {
            let at = self.rng.below(operations);
            let woken = stage.operation_ends(at, &mut self.rng);
            self.office.post.wake(woken.as_slice());
        }
        stage.relays.go_on(&mut self.rng);
        if !stage.unposted.is_empty() {
            let waiter = stage.unposted.remove(0);
            self.office.post.wake(&[waiter]);
        }
    }

    /// Lets the guests or their manifest change. Workers adopt that one after another.
    fn deploy(&mut self) {
        let stage = &mut *self.stage.borrow_mut();
        stage.deployer.change(&mut self.rng);
        stage.versions.newest = stage.deployer.serving();
        if self.rng.percent(30) {
            stage.calls_max = self.rng.percent(60).then(|| 1 + self.rng.below(3) as u32);
        }
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Adopt);
        }
    }

    /// Expels the oldest version, as if too many were held.
    fn expel(&mut self) {
        let versions = &mut self.stage.borrow_mut().versions;
        let Some(version) = versions.oldest_held().filter(|_| self.expels) else { return };
        versions.expelled.insert(version);
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Expel { version });
        }
    }

    /// Asks a worker what it holds.
    fn inspect(&mut self) {
        let (worker, requests_max) = (self.rng.below(self.workers.len()), self.rng.below(5));
        let (reply, answer) = mpsc::channel();
        let reply = Box::new(move |page| reply.send(page).expect("it is waited for"));
        let inspection = Box::new(Inspection { requests_max, after: None, reply });
        self.office.mailboxes[worker].send(Message::Inspect(inspection));
        self.inspections.push(Asked { worker, requests_max, answer });
    }

    fn drain(&mut self) {
        if self.drain_until_ms.is_some() {
            return;
        }
        let until_ms = self.network.borrow().now_ms() + self.rng.below(3_000) as u64;
        self.drain_until_ms = Some(until_ms);
        self.stage.borrow_mut().ledger.refuses = true;
        for mailbox in &self.office.mailboxes {
            mailbox.send(Message::Drain { until_ms });
        }
    }

    /// Lets all clients send what they have, read their answers and leave. Then nothing may be
    /// left.
    fn end(mut self) -> Done {
        let now_ms = self.network.borrow().now_ms();
        self.stage.borrow_mut().stored.disk_heals(now_ms);
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
                let next_ms = self.network.borrow().next_ms();
                let next_ms = next_ms.unwrap_or_else(|| {
                    panic!("somebody waits for a time, or nothing ever ends: {:?}", self.state())
                });
                let mut network = self.network.borrow_mut();
                network.now_us = network.now_us.max(next_ms * 1_000);
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

    fn state(&self) -> impl std::fmt::Debug {
        let held: Vec<_> = self.workers.iter().flatten().map(Worker::held).collect();
        let open = self
            .clients
            .iter()
            .filter(|client| !self.network.borrow().wires[client.wire].host_closed);
        (held, open.map(|client| format!("{client:?}")).collect::<Vec<_>>())
    }
}
