//! What the calls of one slot use, one after another: made once for the slot, not for each call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::parking::Parking;

/// The things of a slot that its calls use, one after another.
#[derive(Default)]
pub(crate) struct Seat {
    /// Measures how long the call has been running.
    pub stopwatch: Arc<Stopwatch>,
    /// Where the call waits in place.
    pub parking: Arc<Parking>,
}

/// Measures a call's time slices, by the machine's clock: a test that moves the
/// [`Clock`](snow_runtime::Clock) does not use up the time that a call may run. The worker starts
/// it; the epoch's callback and the host's functions read it, on the same thread. It is atomic only
/// because a store's data has to be `Sync`.
pub(crate) struct Stopwatch {
    base: Instant,
    slice_started_ns: AtomicU64,
    /// The time of the call's slices that are over.
    used_ns: AtomicU64,
}

impl Stopwatch {
    fn now_ns(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// Starts a call, and its first time slice.
    pub(crate) fn start_call(&self) {
        self.start_slice();
        self.used_ns.store(0, Ordering::Relaxed);
    }

    /// Starts a time slice.
    pub(crate) fn start_slice(&self) {
        self.slice_started_ns.store(self.now_ns(), Ordering::Relaxed);
    }

    /// Ends a time slice, however it ended: its time belongs to the call's.
    pub(crate) fn end_slice(&self) {
        let used_ns = self.used_ns.load(Ordering::Relaxed) + self.slice_time().as_nanos() as u64;
        self.used_ns.store(used_ns, Ordering::Relaxed);
    }

    /// Returns how long the call has run: in the slices that are over, and in the one under way.
    pub(crate) fn running_time(&self) -> Duration {
        Duration::from_nanos(self.used_ns.load(Ordering::Relaxed)) + self.slice_time()
    }

    /// Returns the time since the slice started.
    pub(crate) fn slice_time(&self) -> Duration {
        Duration::from_nanos(
            self.now_ns().saturating_sub(self.slice_started_ns.load(Ordering::Relaxed)),
        )
    }
}

impl Default for Stopwatch {
    fn default() -> Self {
        Stopwatch {
            base: Instant::now(),
            slice_started_ns: AtomicU64::new(0),
            used_ns: AtomicU64::new(0),
        }
    }
}
