//! Clients that ask without a pause, each on a connection of its own, until they are told to stop.
//! Whatever goes wrong (a refused connection, a reset, an end without an answer, another status)
//! fails the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use super::{Client, eventually};

/// A steady load.
pub struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many clients that ask for `target` and get a 200. One that is told `connection: close`
    /// connects anew.
    pub fn start(address: SocketAddr, clients: usize, target: &'static str) -> Load {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (stop, answers) = (stop.clone(), answers.clone());
            thread::spawn(move || {
                let mut client = Client::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.get(target);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    answers.fetch_add(1, Ordering::Relaxed);
                    if answer.closes() {
                        client = Client::connect(address);
                    }
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Load { stop, answers, clients }
    }

    /// Waits for so many more answers.
    #[track_caller]
    pub fn more(&self, count: usize) {
        let wanted = self.answers.load(Ordering::Relaxed) + count;
        eventually("the load goes on", || {
            let failed = self.clients.iter().any(JoinHandle::is_finished);
            (failed || self.answers.load(Ordering::Relaxed) >= wanted).then_some(())
        });
        assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client has failed");
    }

    /// Ends it. None of the clients has failed.
    #[track_caller]
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            assert!(client.join().is_ok(), "a client has failed");
        }
    }
}
