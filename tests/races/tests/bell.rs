//! Bells, raced: no ring is lost, and who sleeps has seen all that came before the ring.

use std::sync::Arc;
use std::time::Duration;

use loom::sync::Mutex;
use loom::thread;
use snow_core::{Bell, Inbox};
use snow_races::in_every_order;

/// What a thread looks for that takes what others bring, as an executor does its jobs.
#[derive(Default)]
struct Desk {
    bell: Bell,
    brought: Mutex<Vec<u32>>,
    done: Mutex<Vec<u32>>,
}

impl Desk {
    fn bring(&self, what: u32) {
        self.brought.lock().unwrap().push(what);
        self.bell.ring();
    }

    /// Takes until `count` were taken, and sleeps in between. If a ring were lost, no thread could go
    /// on, which loom reports as a deadlock.
    fn take(&self, count: usize) {
        while self.done.lock().unwrap().len() < count {
            let brought = std::mem::take(&mut *self.brought.lock().unwrap());
            if brought.is_empty() {
                self.bell.sleep(None, Duration::MAX, || 0);
            }
            self.done.lock().unwrap().extend(brought);
        }
        self.bell.end();
    }
}

#[test]
fn two_threads_ring_for_one_that_falls_asleep() {
    in_every_order(|| {
        let desk = Arc::new(Desk::default());
        let bringing = [1, 2].map(|what| {
            let desk = desk.clone();
            thread::spawn(move || desk.bring(what))
        });
        desk.take(2);
        for thread in bringing {
            thread.join().unwrap();
        }
        let mut done = desk.done.lock().unwrap().clone();
        done.sort_unstable();
        assert_eq!(done, [1, 2]);
    });
}

#[test]
fn a_settlement_and_a_job_wake_the_same_thread() {
    in_every_order(|| {
        let desk = Arc::new(Desk::default());
        let rung = desk.clone();
        let inbox = Arc::new(Inbox::new(move || rung.bell.ring()));
        let (theirs, settled) = (desk.clone(), inbox.clone());
        let threads =
            [thread::spawn(move || theirs.bring(1)), thread::spawn(move || settled.send(2))];
        let mut taken = Vec::new();
        // The order of an executor's loop: what is settled, what is to do, and then sleep.
        while taken.len() < 2 {
            inbox.wake_up();
            taken.extend(inbox.take());
            taken.append(&mut desk.brought.lock().unwrap());
            if taken.len() < 2 && inbox.fall_asleep() {
                desk.bell.sleep(None, Duration::MAX, || 0);
            }
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn who_is_seen_asleep_has_done_what_was_brought_before() {
    in_every_order(|| {
        let desk = Arc::new(Desk::default());
        let theirs = desk.clone();
        let thread = thread::spawn(move || theirs.take(2));
        desk.bring(1);
        while desk.bell.sleep_of(0).is_none() {
            thread::yield_now();
        }
        assert_eq!(*desk.done.lock().unwrap(), [1]);
        desk.bring(2);
        thread.join().unwrap();
        assert_eq!(desk.bell.sleep_of(0).map(|sleep| sleep.next_ms), Some(None));
    });
}
