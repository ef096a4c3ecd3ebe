//! A worker's inbox: messages from other threads, and from the worker itself.

use std::collections::VecDeque;

use crate::fifo::Fifo;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// A queue of messages with many senders and one receiver.
///
/// The receiver takes messages a chunk at a time. Before it waits for other things, such as its
/// sockets, it calls [`fall_asleep`](Inbox::fall_asleep), and after that
/// [`wake_up`](Inbox::wake_up). Waking costs a system call, so senders do it only in between.
///
/// An inbox has no limit: each message stands for something that has one, such as a suspension or a
/// started call. A burst of a million messages grows it without copying.
pub struct Inbox<M> {
    messages: Mutex<Fifo<M>>,
    /// Whether the receiver sleeps or is about to. The sender that clears this flag wakes the
    /// receiver.
    asleep: AtomicBool,
    /// Wakes the receiver.
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<M> Inbox<M> {
    /// Creates an empty inbox. `wake` is called on a sender's thread when the receiver sleeps.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Inbox<M> {
        Inbox {
            messages: Mutex::new(Fifo::new()),
            asleep: AtomicBool::new(false),
            wake: Box::new(wake),
        }
    }

    /// Sends a message. Never waits for the receiver.
    pub fn send(&self, message: M) {
        self.send_all(std::iter::once(message));
    }

    /// Sends several messages under one lock, and wakes the receiver at most once.
    pub fn send_all(&self, messages: impl Iterator<Item = M>) {
        let mut queue = lock(&self.messages);
        for message in messages {
            queue.push_back(message);
        }
        drop(queue);
        // The message is in the queue before the flag is read, and the receiver sets the flag
        // before it looks at the queue. So either the receiver finds the message, or this thread
        // finds the flag.
        if self.asleep.swap(false, Ordering::SeqCst) {
            (self.wake)();
        }
    }

    /// Takes the oldest messages, at most 256 of them: enough for one turn of the worker.
    pub fn take(&self) -> VecDeque<M> {
        lock(&self.messages).pop_chunk()
    }

    /// Announces that the receiver wants to sleep, and returns whether it may.
    ///
    /// If it returns true, the next sender wakes the receiver. If it returns false, there are
    /// messages to take.
    pub fn fall_asleep(&self) -> bool {
        // A swap though the old value is not used: loom follows the memory model for swaps, but may
        // reorder plain stores with them. On x86 both are one instruction.
        self.asleep.swap(true, Ordering::SeqCst);
        let empty = lock(&self.messages).is_empty();
        if !empty {
            self.asleep.swap(false, Ordering::SeqCst);
        }
        empty
    }

    /// Announces that the receiver is awake: senders need not wake it.
    pub fn wake_up(&self) {
        self.asleep.swap(false, Ordering::SeqCst);
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
        assert!(!inbox.fall_asleep(), "there are messages to take");
        assert_eq!(inbox.take().into_iter().collect::<Vec<_>>(), (0..256).collect::<Vec<_>>());
        assert_eq!(inbox.take().len(), 44);
        assert!(inbox.take().is_empty() && inbox.fall_asleep());
        inbox.send(1);
        inbox.send(2);
        assert_eq!(woken.load(Ordering::SeqCst), 1, "the second sender finds it awake");
    }
}
