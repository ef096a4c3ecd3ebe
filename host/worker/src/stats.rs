//! What a worker counts, for others to read.
//!
//! Only the worker's own thread writes, through a [`StatsWriter`]; so a count costs a load and a
//! store. Readers take [`Stats`] whenever they like, and see each number as it was a moment ago.

mod labels;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snow_core::{Counter, Histogram, lock};
use snow_runtime::VersionId;

pub use self::labels::{Label, LabelId, Labels};
pub(crate) use self::writer::StatsWriter;

/// Bounds of the buckets of a request's time. Held requests wait long.
static REQUEST_MS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
/// Bounds of the buckets of a turn's time.
static TURN_US: [u64; 12] =
    [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

/// The numbers of one worker. Aligned to two cache lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stats {
    /// Connections that are open now.
    pub connections: Counter,
    /// Requests that are suspended now, and calls that wait in place.
    pub suspended: Counter,
    /// Requests that are answered now with what comes from another server, while it comes.
    pub relays: Counter,
    /// Calls that are queued or have an instance now.
    pub calls: Counter,
    /// Requests that wait with their connections now until more of their guest are wanted.
    pub put_off: Counter,
    /// Requests answered so far.
    pub answered: Counter,
    /// Connections accepted so far, those that were too many included.
    pub accepted: Counter,
    /// Connections that were too many and were closed at once.
    pub rejected: Counter,
    /// Connections without a request that were closed so far so that another client had a place.
    pub evicted: Counter,
    /// Connections that were cut off so far because their client took no output.
    pub cut: Counter,
    /// Requests refused so far because requests took too much memory.
    pub refused_input: Counter,
    /// Requests and answers refused so far because clients did not take the answers before.
    pub refused_output: Counter,
    /// Requests refused so far whose call did not start, or did not come to its end, in the order
    /// of [`CallRefusal::ALL`].
    pub refused_calls: [Counter; 3],
    /// Bytes of requests that are kept now.
    pub input_bytes: Counter,
    /// Bytes of answers that clients have not taken yet.
    pub output_bytes: Counter,
    /// Bytes received from clients so far.
    pub received_bytes: Counter,
    /// Bytes sent to clients so far.
    pub sent_bytes: Counter,
    /// The turns of the loop.
    pub turns: Turns,
    /// What is counted of requests, by label.
    pub routes: Shelf<LabelId, RouteStats>,
    /// What is counted of each version.
    pub versions: Shelf<VersionId, VersionStats>,
    /// The labels, which all workers of a server share.
    pub labels: Arc<Labels>,
}

impl Stats {
    /// Creates the stats of a worker that has counted nothing yet.
    pub fn new(labels: Arc<Labels>) -> Stats {
        Stats { labels, ..Stats::default() }
    }

    /// Counts a request that is refused.
    pub(crate) fn refuse_call(&self, why: CallRefusal) {
        self.refused_calls[why as usize].add(1);
    }
}

/// What a worker's loop does now, and how long its turns take.
#[derive(Debug)]
pub struct Turns {
    /// The time from the poll's return to the end of the turn, in microseconds.
    pub took_us: Histogram<12>,
    /// 0 while the worker waits in its poll; else one more than when its turn began, on the
    /// workers' clock.
    began: Counter,
}

/// What a worker's thread does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopState {
    /// It waits for its sockets, its mail or its next timer.
    Waits,
    /// Its turn is under way.
    Turns {
        /// When the turn began, on the workers' clock.
        since_ms: u64,
    },
    /// It has ended as it should.
    Ended,
}

impl Turns {
    const ENDED: u64 = u64::MAX;

    /// Returns what the worker's thread does now. A thread that has panicked is in a turn for ever.
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
    /// Answers by class of status, 1xx first; the last counts requests whose client left before an
    /// answer.
    pub answers: [Counter; 6],
    /// The time from a request's head to its answer's encoding, or to the moment its client left.
    pub took_ms: Histogram<15>,
    /// Calls of `handle` and `resume` that were started.
    pub calls: Counter,
    /// Calls that trapped, ran too long or exceeded their memory.
    pub traps: Counter,
    /// Calls that could not be started.
    pub start_failures: Counter,
    /// Requests that are suspended now, and calls that wait in place.
    pub held: Counter,
    /// Waits that have ended, in the order of [`WaitEnd::ALL`].
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
    /// What the request waited for came. (For a call in place whose deadline comes in the same
    /// turn, the settlement is seen first.)
    Settled,
    /// The deadline came.
    TimedOut,
    /// The client left.
    Disconnected,
    /// A drain ended it, or there were too many versions of its guest.
    Refused,
}

impl WaitEnd {
    /// All ends, in the order of [`RouteStats::ended`].
    pub const ALL: [WaitEnd; 4] =
        [WaitEnd::Settled, WaitEnd::TimedOut, WaitEnd::Disconnected, WaitEnd::Refused];
}

/// Why a request was answered 503 whose call did not start, or did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// As many requests waited as may.
    Full,
    /// It had waited for its first call for as long as it may.
    Late,
    /// The drain was over.
    Drain,
}

impl CallRefusal {
    /// All reasons, in the order of [`Stats::refused_calls`].
    pub const ALL: [CallRefusal; 3] = [CallRefusal::Full, CallRefusal::Late, CallRefusal::Drain];
}

/// What is counted of one version of a guest.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct VersionStats {
    /// Requests that are queued, running or suspended now.
    pub requests: Counter,
    /// The suspended ones among them, and calls that wait in place.
    pub held: Counter,
}

/// Counters by the id of a label or a version. The worker adds them when it first needs them, and
/// finds them again in a private table, without this lock.
#[derive(Debug)]
pub struct Shelf<K, T>(Mutex<BTreeMap<K, Arc<T>>>);

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Shelf(Mutex::default())
    }
}

impl<K: Copy + Ord, T> Shelf<K, T> {
    /// Returns all counters, in the order of their ids.
    pub fn all(&self) -> Vec<(K, Arc<T>)> {
        lock(&self.0).iter().map(|(id, counters)| (*id, counters.clone())).collect()
    }

    /// Returns the counters of one id.
    pub fn get(&self, id: K) -> Option<Arc<T>> {
        lock(&self.0).get(&id).cloned()
    }

    fn put(&self, id: K, counters: Arc<T>) {
        lock(&self.0).insert(id, counters);
    }

    fn remove(&self, id: K) {
        lock(&self.0).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
