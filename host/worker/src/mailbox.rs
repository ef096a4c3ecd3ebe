//! How other threads reach a worker.

mod rest;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use snow_core::{GateId, Inbox, Key, Waiter, WorkerId};
use snow_runtime::{Post, VersionId};

pub(crate) use self::rest::RestQuestions;
pub use self::rest::{Rest, RestQuestion};
use crate::inspect::Inspection;

/// A worker's two inboxes. Any thread may send to them, and a message wakes the worker if it
/// sleeps.
///
/// Settlements have an inbox to themselves, so that a flood of them does not hold up messages.
pub struct Mailbox {
    messages: Inbox<Message>,
    /// Suspensions of which a pending was settled.
    settled: Inbox<Key>,
}

/// What a worker is told.
#[derive(Debug)]
pub enum Message {
    /// It is the worker's turn at a gate: see [`Post::gate_opened`].
    GateOpened {
        /// The gate.
        gate: GateId,
    },
    /// More of an answer has come that is relayed: see [`Post::relay_ready`].
    RelayReady {
        /// The relay.
        relay: Key,
    },
    /// There is a new deployment: see [`Guests::adopt`](snow_runtime::Guests::adopt).
    Adopt,
    /// Too many versions of a guest are held, and this is the oldest: its suspended requests are to
    /// be answered 503.
    Expel {
        /// The version.
        version: VersionId,
    },
    /// A question whose answer comes when the worker is at rest.
    TellRest(RestQuestion),
    /// A question about the requests that the worker holds.
    Inspect(Box<Inspection>),
    /// The worker is to stop accepting, to let what is held wait until then at most, and to end.
    Drain {
        /// The deadline, on the workers' clock.
        until_ms: u64,
    },
}

impl Mailbox {
    /// Creates an empty mailbox. `wake` is called, on a sender's thread, when there is mail for a
    /// worker that sleeps.
    pub fn new(wake: impl Fn() + Clone + Send + Sync + 'static) -> Mailbox {
        Mailbox { messages: Inbox::new(wake.clone()), settled: Inbox::new(wake) }
    }

    /// Puts a message into the mailbox. Never waits for the worker.
    pub fn send(&self, message: Message) {
        self.messages.send(message);
    }

    /// Takes one turn's share of the messages, the oldest first.
    pub(crate) fn take_messages(&self) -> impl Iterator<Item = Message> + use<> {
        self.messages.take().into_iter()
    }

    /// Takes one turn's share of the suspensions of which a pending was settled, the oldest first.
    pub(crate) fn take_settled(&self) -> VecDeque<Key> {
        self.settled.take()
    }

    /// Returns whether the worker may sleep: both inboxes are empty, and from now on mail wakes it.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.messages.fall_asleep() && self.settled.fall_asleep()
    }

    /// Notes that the worker is awake: mail need not wake it.
    pub(crate) fn wake_up(&self) {
        self.messages.wake_up();
        self.settled.wake_up();
    }
}

/// The mailboxes of all workers, through which a settlement on one thread reaches the worker of the
/// suspension; and of other threads on which calls wait in place, which get settlements and nothing
/// else.
///
/// It is created before the workers, which send through it, and [opened](PostOffice::open) once
/// their worlds exist, which their mailboxes wake. Mail that is sent before that is lost, which
/// harms nobody: no request waits yet.
#[derive(Default)]
pub struct PostOffice(OnceLock<Boxes>);

struct Boxes {
    workers: Vec<Arc<Mailbox>>,
    others: Vec<Arc<Inbox<Key>>>,
}

impl Boxes {
    /// Returns where the settlements of each thread go, in the order of their ids.
    fn settled(&self) -> impl Iterator<Item = &Inbox<Key>> {
        let workers = self.workers.iter().map(|mailbox| &mailbox.settled);
        workers.chain(self.others.iter().map(|inbox| &**inbox))
    }
}

impl PostOffice {
    /// Starts to deliver mail. The mailboxes are in the order of their workers' ids, and the ids of
    /// the `others` follow those of the workers. A second call has no effect.
    pub fn open(&self, workers: Vec<Arc<Mailbox>>, others: Vec<Arc<Inbox<Key>>>) {
        let _ = self.0.set(Boxes { workers, others });
    }

    fn send(&self, worker: WorkerId, message: Message) {
        let mailbox = self.0.get().and_then(|boxes| boxes.workers.get(worker.index()));
        if let Some(mailbox) = mailbox {
            mailbox.send(message);
        }
    }
}

impl Post for PostOffice {
    fn wake(&self, waiters: &[Waiter]) {
        let Some(boxes) = self.0.get() else { return };
        match waiters {
            [] => {}
            [waiter] => match boxes.workers.get(waiter.worker.index()) {
                Some(mailbox) => mailbox.settled.send(waiter.suspension),
                None => {
                    let other = waiter.worker.index() - boxes.workers.len();
                    boxes.others[other].send(waiter.suspension);
                }
            },
            // Each thread's share is sent at once, so that its inbox is locked once and it is woken
            // once.
            _ => {
                for (worker, settled) in (0..).map(WorkerId).zip(boxes.settled()) {
                    let for_it = waiters.iter().filter(|waiter| waiter.worker == worker);
                    let mut suspensions = for_it.map(|waiter| waiter.suspension).peekable();
                    if suspensions.peek().is_some() {
                        settled.send_all(suspensions);
                    }
                }
            }
        }
    }

    fn gate_opened(&self, worker: WorkerId, gate: GateId) {
        self.send(worker, Message::GateOpened { gate });
    }

    fn relay_ready(&self, worker: WorkerId, relay: Key) {
        self.send(worker, Message::RelayReady { relay });
    }
}
