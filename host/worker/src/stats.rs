//! What a worker counts, for others to read: all of it memory that only this worker writes.

pub(crate) mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snow_core::{Counter, Histogram};
use snow_runtime::VersionId;

/// Bounds of the buckets of a request's time. Holdings requests wait long.
static REQUEST_MS: [u64; 15] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
/// Bounds of the buckets of a turn's time.
static TURN_US: [u64; 12] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

/// Routes that are counted each by itself, unless a limit says otherwise.
const ROUTES_MAX: usize = 10_000;

/// What a worker counts. Two cache lines by itself: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stats {
    /// Connections open now.
    pub connections: Counter,
    /// Requests suspended now, and calls that wait in place.
    pub suspended: Counter,
    /// Guests that wait or have an instance now.
    pub calls: Counter,
    /// Requests answered so far.
    pub answered: Counter,
    /// Connections accepted so far, those that were too many included.
    pub accepted: Counter,
    /// Connections that were too many and were closed at once.
    pub rejected: Counter,
    /// Bytes received from clients so far.
    pub received_bytes: Counter,
    /// Bytes sent to clients so far.
    pub sent_bytes: Counter,
    /// How far its loop is.
    pub turns: Turns,
    /// By label.
    pub routes: Shelf<LabelId, RouteStats>,
    /// By version.
    pub versions: Shelf<VersionId, VersionStats>,
    /// The same for all workers of a server.
    pub labels: Arc<Labels>,
}

impl Stats {
    /// Nothing counted yet.
    pub fn new(labels: Arc<Labels>) -> Stats {
        Stats { labels, ..Stats::default() }
    }
}

/// How far a worker's loop is, and how long its turns take.
#[derive(Debug)]
pub struct Turns {
    /// From the poll's return to the end of the turn, in microseconds.
    pub took_us: Histogram<12>,
    /// 0 while it waits in its poll, for as long as it likes; else one more than when its turn began, on the workers'
    /// clock.
    began: Counter,
}

/// What a worker's thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopState {
    /// It waits for its sockets, its mail or its next timer.
    Waits,
    /// Its turn has been under way since then.
    Turns {
        /// On the workers' clock.
        since_ms: u64,
    },
    /// It has ended as it should.
    Ended,
}

impl Turns {
    const ENDED: u64 = u64::MAX;

    /// What its thread is at. One that has failed is in a turn for ever.
    pub fn state(&self) -> LoopState {
        match self.began.get() {
            0 => LoopState::Waits,
            Turns::ENDED => LoopState::Ended,
            began => LoopState::Turns { since_ms: began - 1 },
        }
    }

    pub(crate) fn waits(&self) {
        self.began.set(0);
    }

    pub(crate) fn begins(&self, now_ms: u64) {
        self.began.set(now_ms + 1);
    }

    pub(crate) fn end(&self) {
        self.began.set(Turns::ENDED);
    }
}

impl Default for Turns {
    fn default() -> Self {
        Turns { took_us: Histogram::new(&TURN_US), began: Counter::default() }
    }
}

/// What is counted of the requests under one label.
#[derive(Debug)]
#[repr(align(128))]
pub struct RouteStats {
    /// Answers of each class, 1xx first; and last those whose client left before.
    pub answers: [Counter; 6],
    /// From a request's head to its answer's encoding, or to the moment its client left.
    pub took_ms: Histogram<15>,
    /// Guests of `handle` and `resume` that were started.
    pub calls: Counter,
    /// Guests that trapped, ran too long or ate their memory.
    pub traps: Counter,
    /// Guests that could not be started.
    pub start_failures: Counter,
    /// Requests suspended now, and calls that wait in place.
    pub held: Counter,
    /// Waits that have ended, by [`WaitEnd`].
    pub ended: [Counter; 4],
}

impl Default for RouteStats {
    fn default() -> Self {
        RouteStats {
            answers: Default::default(),
            took_ms: Histogram::new(&REQUEST_MS),
            calls: Counter::default(),
            traps: Counter::default(),
            start_failures: Counter::default(),
            held: Counter::default(),
            ended: Default::default(),
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// What it waited for came. (Of a call in place whose deadline came in the same moment: that was seen first.)
    Settled,
    /// Its deadline came.
    TimedOut,
    /// Its client left.
    Disconnected,
    /// By a drain, or since too many versions of its guest were held.
    Refused,
}

impl WaitEnd {
    /// All of them, in the order of [`RouteStats::ended`].
    pub const ALL: [WaitEnd; 4] = [WaitEnd::Settled, WaitEnd::TimedOut, WaitEnd::Disconnected, WaitEnd::Refused];
}

/// What is counted of one version of a guest.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct VersionStats {
    /// Its requests that are queued, running or suspended now.
    pub requests: Counter,
    /// Of those, how many are suspended, or wait in place.
    pub held: Counter,
}

/// Counters by the id of a label or a version, added by their worker when it first needs them; others read them here.
#[derive(Debug)]
pub struct Shelf<K, T>(Mutex<BTreeMap<K, Arc<T>>>);

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Shelf(Mutex::default())
    }
}

impl<K: Copy + Ord, T> Shelf<K, T> {
    /// Returns all that are there, in the order of their ids.
    pub fn all(&self) -> Vec<(K, Arc<T>)> {
        lock(&self.0).iter().map(|(id, counters)| (*id, counters.clone())).collect()
    }

    /// Returns the counters of one id.
    pub fn get(&self, id: K) -> Option<Arc<T>> {
        lock(&self.0).get(&id).cloned()
    }

    pub(crate) fn put(&self, id: K, counters: Arc<T>) {
        lock(&self.0).insert(id, counters);
    }

    pub(crate) fn remove(&self, id: K) {
        lock(&self.0).remove(&id);
    }
}

/// Names a label under which requests are counted, on all workers of a server and for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelId(pub u32);

impl LabelId {
    /// Returns the label's place in [`Labels::all`], and in a table by label.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Under which labels requests are counted: guest and pattern. A guest that comes back, or a new version of it, goes on
/// counting under its own.
#[derive(Debug)]
pub struct Labels {
    routes_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    ids: BTreeMap<Arc<str>, BTreeMap<Arc<str>, LabelId>>,
    labels: Vec<Label>,
}

/// A guest's name and a route's pattern.
pub type Label = (Arc<str>, Arc<str>);

impl Labels {
    /// Of requests that reach no guest: `-` and `-`.
    pub const NOBODY: LabelId = LabelId(0);
    /// Of routes beyond the limit, all together: `*` and `*`.
    pub const OTHERS: LabelId = LabelId(1);

    /// For so many routes; those that come later are counted together.
    pub fn new(routes_max: usize) -> Labels {
        let labels = ["-", "*"].map(|name| (name.into(), name.into())).to_vec();
        Labels { routes_max, known: Mutex::new(Known { ids: BTreeMap::new(), labels }) }
    }

    /// All, in the order of their ids.
    pub fn all(&self) -> Vec<Label> {
        lock(&self.known).labels.clone()
    }

    pub(crate) fn id(&self, guest: &Arc<str>, pattern: &str) -> LabelId {
        let Known { ids, labels } = &mut *lock(&self.known);
        if let Some(id) = ids.get(guest).and_then(|patterns| patterns.get(pattern)) {
            return *id;
        }
        // The first two are nobody's route.
        if labels.len() - 2 >= self.routes_max {
            return Labels::OTHERS;
        }
        let (id, pattern) = (LabelId(labels.len() as u32), Arc::<str>::from(pattern));
        labels.push((guest.clone(), pattern.clone()));
        ids.entry(guest.clone()).or_default().insert(pattern, id);
        id
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::new(ROUTES_MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_ids_and_are_bounded() {
        let labels = Labels::new(2);
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        let ids = [labels.id(&a, "/x"), labels.id(&b, "/x"), labels.id(&a, "/x")];
        assert_eq!(ids, [2, 3, 2].map(LabelId));
        assert_eq!(labels.id(&a, "/y"), Labels::OTHERS);
        assert_eq!(labels.id(&b, "/x"), LabelId(3), "who was known stays so");
        let all: Vec<String> = labels.all().iter().map(|(guest, pattern)| format!("{guest} {pattern}")).collect();
        assert_eq!(all, ["- -", "* *", "a /x", "b /x"]);
    }

    #[test]
    fn a_loop_waits_turns_or_has_ended() {
        let turns = Turns::default();
        assert_eq!(turns.state(), LoopState::Waits);
        turns.begins(0);
        assert_eq!(turns.state(), LoopState::Turns { since_ms: 0 });
        turns.end();
        assert_eq!(turns.state(), LoopState::Ended);
    }
}
