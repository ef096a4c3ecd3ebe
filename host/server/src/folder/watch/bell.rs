//! How the watch's threads tell its own: a bell that rings once, however often it is rung.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Rung by any thread, heard by one.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    stopped: bool,
}

impl Bell {
    /// Ends the wait, or the next one.
    pub(super) fn ring(&self) {
        let mut state = self.lock();
        // Nobody waits while it rings: a storm of events costs a lock each.
        if !std::mem::replace(&mut state.rung, true) {
            self.changed.notify_all();
        }
    }

    /// Ends this wait and all later ones, rests too.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Waits until it rings, at most `timeout`. False if it was stopped.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut state = self.wait_until(timeout, |state| state.rung);
        state.rung = false;
        !state.stopped
    }

    /// Waits whether it rings or not. False if it was stopped.
    pub(super) fn rest(&self, time: Duration) -> bool {
        !self.wait_until(Some(time), |_| false).stopped
    }

    fn wait_until(&self, timeout: Option<Duration>, is_over: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let ends = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        while !state.stopped && !is_over(&state) {
            let left = ends.map(|ends| ends.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => break,
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
