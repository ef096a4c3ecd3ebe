//! Random histories: workers create pendings, suspend, resume and give up over one registry, beside
//! a simple, slow model of it. Wakings are delivered late, so that deadlines and leaving clients
//! overtake them.

mod model;

use std::collections::VecDeque;

use proptest::prelude::*;

use self::model::{Model, ModelPending, State};
use super::*;
use crate::slab::{Slab, Walk};

const WORKERS: usize = 3;
const KEYS: [&str; 2] = ["k", "l"];

#[derive(Clone, Debug)]
enum Step {
    /// A worker's running call creates a pending.
    Create { worker: usize, key: Option<usize> },
    /// The call ends with a suspension on all its pendings.
    Suspend { worker: usize, until: Join, resumes: bool },
    /// The call ends with a response.
    Respond { worker: usize },
    /// Somebody settles by the token of any pending there ever was.
    Token(usize),
    /// The host settles any pending there ever was by its id, as the clock does.
    Id(usize),
    /// Somebody settles the oldest pending under a key.
    Next(usize),
    /// Somebody settles all pendings under a key.
    All(usize),
    /// The oldest waking arrives.
    Deliver,
    /// The deadline of a suspension passes.
    Deadline { worker: usize, slot: u32 },
    /// The client of a suspension leaves.
    Leave { worker: usize, slot: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (worker, slot) = (0..WORKERS, 0..4_u32);
    let step = prop_oneof![
        6 => (worker.clone(), prop::option::weighted(0.7, 0..KEYS.len()))
            .prop_map(|(worker, key)| Step::Create { worker, key }),
        4 => (worker.clone(), prop_oneof![Just(Join::All), Just(Join::Any)], any::<bool>())
            .prop_map(|(worker, until, resumes)| Step::Suspend { worker, until, resumes }),
        1 => worker.clone().prop_map(|worker| Step::Respond { worker }),
        2 => any::<usize>().prop_map(Step::Token),
        1 => any::<usize>().prop_map(Step::Id),
        3 => (0..KEYS.len()).prop_map(Step::Next),
        1 => (0..KEYS.len()).prop_map(Step::All),
        3 => Just(Step::Deliver),
        2 => (worker.clone(), slot.clone()).prop_map(|(worker, slot)| Step::Deadline { worker, slot }),
        1 => (worker, slot).prop_map(|(worker, slot)| Step::Leave { worker, slot }),
    ];
    prop::collection::vec(step, 0..150)
}

#[derive(Default)]
struct Worker {
    /// The pendings that its running call created or was resumed with.
    call: Vec<usize>,
    suspensions: Slab<Suspension>,
}

struct Suspension {
    /// Its number among all suspensions there ever were.
    number: usize,
    handles: Vec<usize>,
    until: Join,
    missing: usize,
    resumes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Settled,
    Deadline,
    Left,
}

/// The registry, its model, and workers that use both as the crate `snow-worker` uses the registry.
struct House {
    registry: Registry<u32>,
    model: Model,
    named: Vec<(PendingId, String)>,
    workers: [Worker; WORKERS],
    post: VecDeque<Waiter>,
    ends: Vec<Option<End>>,
}

impl House {
    fn new() -> House {
        House {
            registry: registry(),
            model: Model::default(),
            named: Vec::new(),
            workers: Default::default(),
            post: VecDeque::new(),
            ends: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step, value: u32) {
        match *step {
            Step::Create { worker, key } => self.create(worker, key),
            Step::Suspend { worker, until, resumes } => self.suspend(worker, until, resumes),
            Step::Respond { worker } => {
                let handles = std::mem::take(&mut self.workers[worker].call);
                self.release_all(&handles);
            }
            Step::Token(at) if !self.named.is_empty() => {
                let n = at % self.named.len();
                let told = self.registry.settle_token(&self.named[n].1, value);
                self.settled(told, n, value);
            }
            Step::Id(at) if !self.named.is_empty() => {
                let n = at % self.named.len();
                let told = self.registry.settle(self.named[n].0, value);
                self.settled(told, n, value);
            }
            Step::Token(_) | Step::Id(_) => {}
            Step::Next(key) => {
                let told = self.registry.settle_next(KEYS[key], value);
                assert_eq!(told, self.model.settle_next(key, value));
                self.post.extend(told.flatten());
            }
            Step::All(key) => self.settle_all(key, value),
            Step::Deliver => self.deliver(),
            Step::Deadline { worker, slot } => self.deadline(worker, slot),
            Step::Leave { worker, slot } => self.leave(worker, slot),
        }
    }

    fn create(&mut self, worker: usize, key: Option<usize>) {
        let id = self.registry.create(WorkerId(worker as u16), key.map(|key| KEYS[key])).unwrap();
        self.workers[worker].call.push(self.named.len());
        self.named.push((id, self.registry.token(id).unwrap()));
        self.model.0.push(ModelPending { key, state: State::Waiting, waiter: None });
    }

    fn settled(&mut self, told: Result<Option<Waiter>, Refusal>, n: usize, value: u32) {
        assert_eq!(told, self.model.settle(n, value, false));
        self.post.extend(told.ok().flatten());
    }

    fn settle_all(&mut self, key: usize, value: u32) {
        let all: Vec<usize> = self.model.waiting(key).collect();
        let mut woken = Vec::new();
        assert_eq!(self.registry.settle_all(KEYS[key], &value, &mut woken) as usize, all.len());
        let expected = all.iter().filter_map(|&n| self.model.settle(n, value, false).unwrap());
        assert_eq!(woken, expected.collect::<Vec<_>>());
        self.post.extend(woken);
    }

    fn suspend(&mut self, worker: usize, until: Join, resumes: bool) {
        let handles = std::mem::take(&mut self.workers[worker].call);
        let missing = if until == Join::All { handles.len() } else { 1 };
        let number = self.ends.len();
        self.ends.push(None);
        let suspension = Suspension { number, handles: handles.clone(), until, missing, resumes };
        let key = self.workers[worker].suspensions.insert(suspension);
        let waiter = Waiter { worker: WorkerId(worker as u16), suspension: key };
        let mut settled = 0;
        for n in handles {
            let was_settled = self.registry.arm(self.named[n].0, waiter);
            assert_eq!(was_settled, self.model.is_settled(n));
            self.model.0[n].waiter = (!was_settled).then_some(waiter);
            settled += usize::from(was_settled);
        }
        let suspension = self.workers[worker].suspensions.get_mut(key).unwrap();
        suspension.missing = suspension.missing.saturating_sub(settled);
        if suspension.missing == 0 {
            self.complete(worker, key);
        }
    }

    fn deliver(&mut self) {
        let Some(Waiter { worker, suspension: key }) = self.post.pop_front() else { return };
        let worker = worker.index();
        let found = self.workers[worker]
            .suspensions
            .get_mut(key)
            .filter(|suspension| suspension.missing > 0);
        let Some(suspension) = found else { return };
        suspension.missing -= 1;
        if suspension.missing == 0 {
            self.complete(worker, key);
        }
    }

    fn complete(&mut self, worker: usize, key: Key) {
        let suspension = self.workers[worker].suspensions.get_mut(key).unwrap();
        assert!(
            self.model.came_true(suspension.until, &suspension.handles),
            "it was woken although its wait is not over"
        );
        if suspension.resumes {
            self.resume(worker, key)
        } else {
            self.answer(worker, key, End::Settled)
        }
    }

    fn deadline(&mut self, worker: usize, slot: u32) {
        let Some(key) = self.workers[worker].suspensions.key_at(slot) else { return };
        let suspension = self.workers[worker].suspensions.get_mut(key).unwrap();
        if suspension.resumes {
            return self.resume(worker, key);
        }
        let (until, handles) = (suspension.until, suspension.handles.clone());
        let expected = self.model.came_true(until, &handles);
        let mut has_won = |n: &usize| !self.withdraw(*n);
        let complete = match until {
            Join::All => handles.iter().all(&mut has_won),
            Join::Any => handles.iter().any(&mut has_won),
        };
        assert_eq!(complete, expected);
        self.answer(worker, key, if complete { End::Settled } else { End::Deadline });
    }

    fn withdraw(&mut self, n: usize) -> bool {
        let waited = self.model.0[n].state == State::Waiting;
        assert_eq!(self.registry.withdraw(self.named[n].0), waited);
        if waited {
            self.model.release(n);
        }
        waited
    }

    /// Resumes a call. The pendings that are not settled stay alive in it, and it may suspend on
    /// them again.
    fn resume(&mut self, worker: usize, key: Key) {
        let suspension = self.workers[worker].suspensions.remove(key).unwrap();
        let came_true = self.model.came_true(suspension.until, &suspension.handles);
        let (mut arrived, mut unsettled) = (Vec::new(), Vec::new());
        for &n in &suspension.handles {
            let value = self.collect(n);
            if value.is_some() { arrived.push(n) } else { unsettled.push(n) }
        }
        self.end(suspension.number, if came_true { End::Settled } else { End::Deadline });
        self.workers[worker].call.extend(unsettled);
        self.release_all(&arrived);
    }

    fn answer(&mut self, worker: usize, key: Key, end: End) {
        let suspension = self.workers[worker].suspensions.remove(key).unwrap();
        if end == End::Settled {
            // As the host does it: of `any` only the first value is read, and the others pass on.
            let reads = if suspension.until == Join::Any { 1 } else { usize::MAX };
            let mut read = 0;
            for &n in &suspension.handles {
                if read < reads && self.collect(n).is_some() {
                    read += 1;
                }
            }
        }
        self.end(suspension.number, end);
        self.release_all(&suspension.handles);
    }

    fn leave(&mut self, worker: usize, slot: u32) {
        let Some(key) = self.workers[worker].suspensions.key_at(slot) else { return };
        self.answer(worker, key, End::Left);
    }

    fn collect(&mut self, n: usize) -> Option<u32> {
        let value = self.registry.collect(self.named[n].0);
        assert_eq!(value, self.model.collect(n));
        value
    }

    fn release_all(&mut self, handles: &[usize]) {
        for &n in handles {
            let to_wake = self.registry.release(self.named[n].0);
            assert_eq!(to_wake, self.model.release(n));
            self.post.extend(to_wake);
        }
    }

    fn end(&mut self, number: usize, end: End) {
        assert_eq!(self.ends[number].replace(end), None, "a suspension ends once");
    }

    fn agrees(&self) {
        for (key, name) in KEYS.iter().enumerate() {
            assert_eq!(self.registry.waiting(name) as usize, self.model.waiting(key).count());
        }
        assert_eq!(self.registry.len(), self.model.len());
        for (n, (id, _)) in self.named.iter().enumerate() {
            assert_eq!(self.registry.is_settled(*id), self.model.0[n].state != State::Waiting);
        }
    }

    /// Checks that once all wakings are delivered, no suspension waits whose wait is over, and that
    /// once all clients are gone, nothing is left.
    fn closes_clean(mut self) {
        for worker in 0..WORKERS {
            let handles = std::mem::take(&mut self.workers[worker].call);
            self.release_all(&handles);
            self.deliver_all();
            while let Some(key) =
                self.workers[worker].suspensions.next_of(&mut Walk::from_slot(0, usize::MAX))
            {
                let suspension = self.workers[worker].suspensions.get(key).unwrap();
                assert!(
                    !self.model.came_true(suspension.until, &suspension.handles),
                    "a waking was lost"
                );
                self.answer(worker, key, End::Left);
                self.deliver_all();
            }
        }
        // Release what calls hold that were resumed meanwhile.
        for worker in 0..WORKERS {
            let handles = std::mem::take(&mut self.workers[worker].call);
            self.release_all(&handles);
        }
        assert!(self.ends.iter().all(Option::is_some));
        assert!(
            self.registry.is_empty()
                && (0..SHARDS).all(|shard| self.registry.shard(shard).is_clean())
        );
    }

    fn deliver_all(&mut self) {
        while !self.post.is_empty() {
            self.deliver();
        }
    }
}

proptest! {
    #[test]
    fn whole_histories_agree_with_a_simple_model(history in steps()) {
        let mut house = House::new();
        for (value, step) in history.iter().enumerate() {
            house.take(step, value as u32);
            house.agrees();
        }
        house.closes_clean();
    }
}
