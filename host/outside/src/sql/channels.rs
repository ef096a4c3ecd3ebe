//! Those who wait for notifications of a database, by their channels.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Mutex;
use std::time::Instant;

use snow_core::{PendingId, lock};
use snow_runtime::{ListenDone, SqlError};
use tokio::sync::mpsc::UnboundedSender;

use crate::counts::{Gauge, One};

/// The channels of a database.
pub(super) struct Channels {
    state: Mutex<State>,
    /// How many wait.
    waiting: Gauge,
}

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, Channel>,
    /// The way to who listens; `None` while nobody does.
    listener: Option<UnboundedSender<String>>,
}

/// A channel.
struct Channel {
    /// Those who have to be told that the server listens. While there is anyone, it does not.
    asking: Vec<Asking>,
    is_heard: bool,
    /// Those who wait, by the numbers of their operations.
    waiters: BTreeMap<u64, Waiter>,
    /// Since when nobody waits.
    quiet_since: Instant,
}

/// One who waits for a notification.
struct Waiter {
    pending: PendingId,
    _count: One,
}

/// One who waits until the server listens.
pub(super) struct Asking {
    /// The number of the operation.
    pub number: u64,
    /// The pending that a notification settles.
    pub waiter: PendingId,
    /// To be told.
    pub done: ListenDone,
}

impl Channels {
    /// Begins without channels. `waiting` counts who waits.
    pub fn new(waiting: Gauge) -> Channels {
        Channels { state: Mutex::default(), waiting }
    }

    /// Lets an operation wait on a channel that the server listens to. False if it does not.
    pub fn join(&self, channel: &str, number: u64, waiter: PendingId) -> bool {
        let mut state = lock(&self.state);
        let Some(channel) = state.by_name.get_mut(channel).filter(|channel| channel.is_heard)
        else {
            return false;
        };
        channel.waiters.insert(number, self.waiter(waiter));
        true
    }

    /// Lets an operation wait on a channel, and tells it when the server listens. Returns whether
    /// somebody has to [begin](Self::begin) to listen. The operation is given back if there are too
    /// many channels.
    pub fn ask(&self, channel: &str, asking: Asking, most: usize) -> Result<bool, Asking> {
        let state = &mut *lock(&self.state);
        if let Some(known) = state.by_name.get_mut(channel) {
            if known.is_heard {
                known.waiters.insert(asking.number, self.waiter(asking.waiter));
                (asking.done)(Ok(()));
            } else {
                known.asking.push(asking);
            }
            return Ok(false);
        }
        if state.by_name.len() >= most {
            return Err(asking);
        }
        let new = Channel {
            asking: vec![asking],
            is_heard: false,
            waiters: BTreeMap::new(),
            quiet_since: Instant::now(),
        };
        state.by_name.insert(channel.to_owned(), new);
        let sent = state.listener.as_ref().map(|listener| listener.send(channel.to_owned()));
        Ok(!matches!(sent, Some(Ok(()))))
    }

    /// Begins to listen: returns the channels so far, and sends those that come later. `None` if
    /// somebody listens already.
    pub fn begin(&self, listener: UnboundedSender<String>) -> Option<Vec<String>> {
        let mut state = lock(&self.state);
        if state.listener.as_ref().is_some_and(|known| !known.is_closed()) {
            return None;
        }
        state.listener = Some(listener);
        Some(state.by_name.keys().cloned().collect())
    }

    /// Notes that the server listens to a channel, and tells who has asked.
    pub fn heard(&self, channel: &str) {
        let mut state = lock(&self.state);
        let Some(channel) = state.by_name.get_mut(channel) else { return };
        channel.is_heard = true;
        for Asking { number, waiter, done } in mem::take(&mut channel.asking) {
            channel.waiters.insert(number, self.waiter(waiter));
            done(Ok(()));
        }
    }

    fn waiter(&self, pending: PendingId) -> Waiter {
        Waiter { pending, _count: self.waiting.one() }
    }

    /// Takes those who wait on a channel, with the numbers of their operations.
    pub fn take(&self, channel: &str) -> Vec<(u64, PendingId)> {
        let mut state = lock(&self.state);
        let Some(channel) = state.by_name.get_mut(channel) else { return Vec::new() };
        channel.quiet_since = Instant::now();
        pendings(mem::take(&mut channel.waiters)).collect()
    }

    /// Lets an operation wait no more.
    pub fn forget(&self, channel: &str, number: u64) {
        let mut state = lock(&self.state);
        let Some(channel) = state.by_name.get_mut(channel) else { return };
        channel.asking.retain(|asking| asking.number != number);
        channel.waiters.remove(&number);
        if channel.waiters.is_empty() {
            channel.quiet_since = Instant::now();
        }
    }

    /// Removes a channel that the server refuses, and tells who has asked.
    pub fn refuse(&self, channel: &str, error: &SqlError) {
        let removed = lock(&self.state).by_name.remove(channel);
        for asking in removed.into_iter().flat_map(|channel| channel.asking) {
            (asking.done)(Err(error.clone()));
        }
    }

    /// Removes the channels on which nobody has waited since that moment, and returns their names.
    pub fn sweep(&self, since: Instant) -> Vec<String> {
        let mut state = lock(&self.state);
        let is_quiet = |_: &String, channel: &mut Channel| {
            channel.is_heard && channel.waiters.is_empty() && channel.quiet_since < since
        };
        state.by_name.extract_if(.., is_quiet).map(|(name, _)| name).collect()
    }

    /// Ends listening if there is no channel. Returns whether it has ended.
    pub fn end_if_empty(&self) -> bool {
        let mut state = lock(&self.state);
        if state.by_name.is_empty() {
            state.listener = None;
        }
        state.listener.is_none()
    }

    /// Ends listening, since the connection is lost: tells who has asked, and returns who waits.
    pub fn end(&self, error: &SqlError) -> Vec<(u64, PendingId)> {
        let channels = {
            let mut state = lock(&self.state);
            state.listener = None;
            mem::take(&mut state.by_name)
        };
        let mut waiters = Vec::new();
        for channel in channels.into_values() {
            waiters.extend(pendings(channel.waiters));
            for asking in channel.asking {
                (asking.done)(Err(error.clone()));
            }
        }
        waiters
    }
}

fn pendings(waiters: BTreeMap<u64, Waiter>) -> impl Iterator<Item = (u64, PendingId)> {
    waiters.into_iter().map(|(number, waiter)| (number, waiter.pending))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use snow_core::{Registry, WorkerId};
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    /// Pendings, and how many were told that the server listens.
    struct Waiters {
        registry: Registry<()>,
        heard: Arc<AtomicUsize>,
    }

    impl Waiters {
        fn new() -> Waiters {
            Waiters { registry: Registry::new(100, |bytes| bytes.fill(0)), heard: Arc::default() }
        }

        fn asking(&self, number: u64) -> Asking {
            let heard = self.heard.clone();
            let done = move |result: Result<(), SqlError>| {
                heard.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
            };
            let waiter = self.registry.create(WorkerId(0), None).expect("there is room");
            Asking { number, waiter, done: Box::new(done) }
        }

        fn heard(&self) -> usize {
            self.heard.load(Ordering::Relaxed)
        }
    }

    fn numbers(waiters: Vec<(u64, PendingId)>) -> Vec<u64> {
        waiters.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn who_asks_waits_for_the_server_and_who_comes_later_does_not() {
        let (channels, waiters) = (Channels::new(Gauge::default()), Waiters::new());
        assert!(matches!(channels.ask("a", waiters.asking(4), 2), Ok(true)), "nobody listens");
        let (sender, mut commands) = unbounded_channel();
        assert_eq!(channels.begin(sender.clone()), Some(vec!["a".to_owned()]));
        assert_eq!(channels.begin(sender), None, "somebody does");
        assert!(matches!(channels.ask("b", waiters.asking(8), 2), Ok(false)));
        assert_eq!(commands.try_recv().ok().as_deref(), Some("b"));
        assert!(channels.ask("c", waiters.asking(12), 2).is_err(), "there are two");
        let late = waiters.asking(16);
        assert!(!channels.join("a", 16, late.waiter) && waiters.heard() == 0);
        channels.heard("a");
        assert!(channels.join("a", 16, late.waiter) && waiters.heard() == 1);
        assert_eq!(channels.waiting.get(), 2);
        assert_eq!(numbers(channels.take("a")), [4, 16]);
        assert!(channels.take("a").is_empty() && channels.take("none").is_empty());
    }

    #[test]
    fn quiet_channels_go_and_so_does_the_listener() {
        let (channels, waiters) = (Channels::new(Gauge::default()), Waiters::new());
        assert!(channels.ask("a", waiters.asking(4), 9).is_ok());
        let (sender, _commands) = unbounded_channel();
        assert!(channels.begin(sender).is_some());
        channels.heard("a");
        let later = Instant::now() + Duration::from_secs(1);
        assert!(channels.sweep(later).is_empty() && !channels.end_if_empty(), "somebody waits");
        channels.forget("a", 4);
        assert_eq!(channels.waiting.get(), 0);
        assert_eq!(channels.sweep(later), ["a"]);
        assert!(channels.end_if_empty());
    }

    #[test]
    fn a_lost_connection_ends_everything() {
        let (channels, waiters) = (Channels::new(Gauge::default()), Waiters::new());
        let (sender, _commands) = unbounded_channel();
        assert!(channels.begin(sender).is_some());
        assert!(channels.ask("a", waiters.asking(4), 9).is_ok());
        channels.heard("a");
        assert!(channels.ask("b", waiters.asking(8), 9).is_ok());
        let waited = channels.end(&SqlError::Unavailable("lost".into()));
        assert_eq!(numbers(waited), [4]);
        assert_eq!((channels.waiting.get(), waiters.heard()), (0, 1));
        assert!(matches!(channels.ask("a", waiters.asking(12), 9), Ok(true)));
        channels.refuse("a", &SqlError::TimedOut);
        assert!(matches!(channels.ask("a", waiters.asking(16), 9), Ok(true)), "it is forgotten");
    }
}
