//! How a thread sleeps that waits for nothing but other threads and the time.

use std::time::Duration;

use crate::sync::{Condvar, Mutex, PoisonError, lock};

/// Wakes one thread. A ring is not lost: if the thread does not sleep, it does not fall asleep the
/// next time. Others see what it sleeps for.
#[derive(Default)]
pub struct Bell {
    state: Mutex<BellState>,
    rings: Condvar,
}

#[derive(Default)]
struct BellState {
    is_rung: bool,
    /// Until when the thread sleeps, if it does. The inner `None` is for ever.
    sleeps_until_ms: Option<Option<u64>>,
    /// How often it has been awake.
    wakes: u64,
    /// Whether the thread has ended.
    is_over: bool,
}

/// A moment at which a thread has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// When it has something to do next, on the clock.
    pub next_ms: Option<u64>,
    /// How often it was awake before.
    pub wakes: u64,
}

impl Bell {
    /// Wakes the thread. Any other may call this.
    pub fn ring(&self) {
        let mut state = lock(&self.state);
        let was_rung = std::mem::replace(&mut state.is_rung, true);
        if !was_rung && state.sleeps_until_ms.is_some() {
            self.rings.notify_all();
        }
    }

    /// Sleeps until it is rung, or until this time of the clock that `now_ms` reads, but no longer
    /// than for `at_a_time` if there is such a time: for who has to look whether another clock has
    /// moved meanwhile. Only the bell's own thread may call this.
    pub fn sleep(&self, until_ms: Option<u64>, at_a_time: Duration, now_ms: impl Fn() -> u64) {
        let (mut state, mut is_long_enough) = (lock(&self.state), false);
        state.sleeps_until_ms = Some(until_ms);
        while !state.is_rung && !is_long_enough {
            state = match until_ms.map(|until_ms| until_ms.saturating_sub(now_ms())) {
                Some(0) => break,
                Some(left_ms) => {
                    let left = Duration::from_millis(left_ms).min(at_a_time);
                    let waited = self.rings.wait_timeout(state, left);
                    let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                    is_long_enough = waited.timed_out() && left == at_a_time;
                    state
                }
                None => self.rings.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.is_rung = false;
        state.sleeps_until_ms = None;
        state.wakes += 1;
    }

    /// Notes that the thread has ended.
    pub fn end(&self) {
        lock(&self.state).is_over = true;
    }

    /// Returns what the thread sleeps for. `None` if it is awake, or is about to be.
    pub fn sleep_of(&self, now_ms: u64) -> Option<Sleep> {
        let state = lock(&self.state);
        if state.is_over {
            return Some(Sleep { next_ms: None, wakes: state.wakes });
        }
        let next_ms = state.sleeps_until_ms.filter(|_| !state.is_rung)?;
        let is_due = next_ms.is_some_and(|next_ms| next_ms <= now_ms);
        if is_due {
            // The clock was moved: what it sleeps for is nearer than it thinks.
            self.rings.notify_all();
        }
        (!is_due).then_some(Sleep { next_ms, wakes: state.wakes })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::sync::Arc;

    #[test]
    fn a_ring_before_the_sleep_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        bell.sleep(None, Duration::MAX, || 0);
        bell.sleep(Some(7), Duration::MAX, || 7);
        assert_eq!(bell.sleep_of(0), None, "it is awake");
    }

    #[test]
    fn a_long_sleep_is_interrupted() {
        let bell = Bell::default();
        bell.sleep(Some(u64::MAX), Duration::from_millis(1), || 0);
        assert_eq!(lock(&bell.state).wakes, 1);
    }

    #[test]
    fn a_sleeper_is_woken_and_tells_what_it_sleeps_for() {
        let bell = Arc::new(Bell::default());
        let sleeper = thread::spawn({
            let bell = bell.clone();
            move || bell.sleep(Some(u64::MAX), Duration::MAX, || 0)
        });
        while bell.sleep_of(0) != Some(Sleep { next_ms: Some(u64::MAX), wakes: 0 }) {
            thread::yield_now();
        }
        bell.ring();
        sleeper.join().unwrap();
        bell.end();
        assert_eq!(bell.sleep_of(0), Some(Sleep { next_ms: None, wakes: 1 }));
    }
}
