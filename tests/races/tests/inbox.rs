//! Inboxes, raced: no message is left lying while its receiver sleeps.

use std::sync::Arc;

use loom::thread;
use snow_core::Inbox;
use snow_races::{Bell, in_every_order};

fn inbox() -> (Arc<Inbox<u32>>, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    let rung = bell.clone();
    (Arc::new(Inbox::new(move || rung.ring())), bell)
}

/// Takes messages until there are `count`, and sleeps in between as a worker's loop does. If a
/// waking were lost, no thread could go on, which loom reports as a deadlock.
fn receive(inbox: &Inbox<u32>, bell: &Bell, count: usize) -> Vec<u32> {
    let mut taken = Vec::new();
    while taken.len() < count {
        if inbox.fall_asleep() {
            bell.wait();
        }
        inbox.wake_up();
        taken.extend(inbox.take());
    }
    taken
}

#[test]
fn two_senders_wake_a_receiver_that_falls_asleep() {
    in_every_order(|| {
        let (inbox, bell) = inbox();
        let senders = [1, 2].map(|message| {
            let inbox = inbox.clone();
            thread::spawn(move || inbox.send(message))
        });
        let mut taken = receive(&inbox, &bell, 2);
        for sender in senders {
            sender.join().unwrap();
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn messages_of_one_sender_arrive_in_order() {
    in_every_order(|| {
        let (inbox, bell) = inbox();
        let theirs = inbox.clone();
        let sender = thread::spawn(move || {
            theirs.send_all([1, 2].into_iter());
            theirs.send(3);
        });
        assert_eq!(receive(&inbox, &bell, 3), [1, 2, 3]);
        sender.join().unwrap();
        assert!(inbox.fall_asleep());
    });
}
