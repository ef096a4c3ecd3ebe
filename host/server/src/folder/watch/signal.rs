//! The signal by which other threads wake the watch's thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use snow_core::lock;

/// A signal for one thread. Raising it several times before that thread waits is the same as
/// raising it once.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    raised: bool,
    stopped: bool,
}

impl Signal {
    /// Ends the wait that is under way, or the next one.
    pub(super) fn raise(&self) {
        let mut state = lock(&self.state);
        // While it is raised, the thread does not wait: of a storm of events, each costs only the
        // lock.
        if !std::mem::replace(&mut state.raised, true) {
            self.changed.notify_all();
        }
    }

    /// Ends this wait or rest and all later ones.
    pub(super) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    /// Waits until the signal is raised, at most `timeout`, and takes it back. Returns false if it
    /// was stopped.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.wait_until(timeout, |state| state.raised);
        state.raised = false;
        !state.stopped
    }

    /// Waits for this time, whether the signal is raised or not. Returns false if it was stopped.
    pub(super) fn rest(&self, time: Duration) -> bool {
        !self.wait_until(Some(time), |_| false).stopped
    }

    fn wait_until(
        &self,
        timeout: Option<Duration>,
        is_over: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let ends = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = lock(&self.state);
        while !state.stopped && !is_over(&state) {
            let left = ends.map(|ends| ends.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state
    }
}
