//! How a settlement on one worker reaches another.

use std::sync::{Arc, OnceLock};

use crate::worker::{Mailbox, Message};
use snow_core::{GateId, Waiter, WorkerId};
use snow_runtime::Post;

/// Every worker's mailbox. Made before the workers, which send through it, and opened once their worlds, which their
/// mailboxes wake, are there. What is sent before that is lost: nobody waits yet.
#[derive(Default)]
pub struct PostOffice(OnceLock<Vec<Arc<Mailbox>>>);

impl PostOffice {
    /// From now on mail is delivered. A worker's mailbox is at its id's place. Only the first call counts.
    pub fn open(&self, mailboxes: Vec<Arc<Mailbox>>) {
        let _ = self.0.set(mailboxes);
    }
}

impl Post for PostOffice {
    fn wake(&self, waiters: &[Waiter]) {
        let Some(mailboxes) = self.0.get() else { return };
        match waiters {
            [] => {}
            [waiter] => mailboxes[waiter.worker.index()].settled.send(waiter.suspension),
            _ => {
                for (worker, mailbox) in (0..).map(WorkerId).zip(mailboxes) {
                    let for_it = waiters.iter().filter(|waiter| waiter.worker == worker);
                    let mut suspensions = for_it.map(|waiter| waiter.suspension).peekable();
                    if suspensions.peek().is_some() {
                        mailbox.settled.send_all(suspensions);
                    }
                }
            }
        }
    }

    fn gate_opened(&self, worker: WorkerId, gate: GateId) {
        let mailbox = self.0.get().and_then(|mailboxes| mailboxes.get(worker.index()));
        if let Some(mailbox) = mailbox {
            mailbox.control.send(Message::GateOpened { gate });
        }
    }
}
