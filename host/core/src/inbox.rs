//! A worker's inbox: how other threads, and the worker itself, tell it something.
//!
//! Messages are kept in chunks, so that a burst of a million grows without copying. Waking the worker costs
//! a system call, and is done only if it sleeps or is about to.

use std::collections::VecDeque;

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

use crate::fifo::Fifo;

/// Many senders, one receiver. Not bounded by itself: each message stands for something that is (a
/// suspension, a started call, an order of the server).
pub struct Inbox<M> {
    messages: Mutex<Fifo<M>>,
    /// Set by the receiver before it looks a last time and sleeps.
    asleep: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<M> Inbox<M> {
    /// An empty inbox. `wake` is called, on a sender's thread, when the receiver sleeps.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Inbox<M> {
        Inbox { messages: Mutex::new(Fifo::new()), asleep: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// Puts a message in. Never waits for the receiver.
    pub fn send(&self, message: M) {
        self.send_all(std::iter::once(message));
    }

    /// Puts several in, under one lock and with one waking.
    pub fn send_all(&self, messages: impl Iterator<Item = M>) {
        let mut queue = self.lock();
        for message in messages {
            queue.push_back(message);
        }
        drop(queue);
        if self.asleep.swap(false, Ordering::SeqCst) {
            (self.wake)();
        }
    }

    /// Takes the oldest chunk of messages, at most 256 of them: a turn's worth.
    pub fn take(&self) -> VecDeque<M> {
        self.lock().pop_chunk()
    }

    /// Whether the receiver may sleep: from now on a sender wakes it. If not, there are messages.
    pub fn fall_asleep(&self) -> bool {
        // Swapped, though nobody looks at the old value: loom orders swaps as the language does, but not a store
        // between two of them. On x86 both are one instruction.
        self.asleep.swap(true, Ordering::SeqCst);
        let empty = self.lock().is_empty();
        if !empty {
            self.asleep.swap(false, Ordering::SeqCst);
        }
        empty
    }

    /// The receiver is back: senders need not wake it.
    pub fn wake_up(&self) {
        self.asleep.swap(false, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Fifo<M>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Arc, AtomicUsize};

    #[test]
    fn messages_come_in_order_a_chunk_at_a_time_and_wake_only_a_sleeper() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let inbox = Inbox::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        inbox.send_all(0..300);
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        assert!(!inbox.fall_asleep(), "there are messages");
        assert_eq!(inbox.take().into_iter().collect::<Vec<_>>(), (0..256).collect::<Vec<_>>());
        assert_eq!(inbox.take().len(), 44);
        assert!(inbox.take().is_empty() && inbox.fall_asleep());
        inbox.send(1);
        inbox.send(2);
        assert_eq!(woken.load(Ordering::SeqCst), 1, "the second finds it awake");
    }
}
