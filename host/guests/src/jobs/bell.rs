//! How an executor sleeps, and is woken.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use snow_core::lock;
use snow_runtime::Clock;

/// Wakes one executor. A ring is not lost: if the executor does not sleep, it does not fall asleep
/// the next time.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    rings: Condvar,
}

#[derive(Default)]
struct BellState {
    is_rung: bool,
    /// Until when the executor sleeps, if it does. The inner `None` is for ever.
    sleeps_until_ms: Option<Option<u64>>,
    /// How often it has been awake.
    wakes: u64,
    /// Whether its thread has ended.
    is_over: bool,
}

/// A moment at which an executor has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sleep {
    /// When it has something to do next, on the clock.
    pub next_ms: Option<u64>,
    /// How often it was awake before.
    pub wakes: u64,
}

impl Bell {
    /// Wakes the executor. Any thread may call this.
    pub fn ring(&self) {
        let mut state = lock(&self.state);
        let was_rung = std::mem::replace(&mut state.is_rung, true);
        if !was_rung && state.sleeps_until_ms.is_some() {
            self.rings.notify_all();
        }
    }

    /// Sleeps until it is rung, or until this time of the clock.
    pub fn sleep(&self, until_ms: Option<u64>, clock: &Clock) {
        let mut state = lock(&self.state);
        state.sleeps_until_ms = Some(until_ms);
        while !state.is_rung {
            // A lock is poisoned only by a thread that died, and then the server ends.
            state = match until_ms.map(|until_ms| until_ms.saturating_sub(clock.now_ms())) {
                Some(0) => break,
                Some(left_ms) => {
                    let left = Duration::from_millis(left_ms);
                    let waited = self.rings.wait_timeout(state, left);
                    waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
                None => self.rings.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner()),
            };
        }
        state.is_rung = false;
        state.sleeps_until_ms = None;
        state.wakes += 1;
    }

    /// Notes that the executor's thread has ended.
    pub fn end(&self) {
        lock(&self.state).is_over = true;
    }

    /// Returns what the executor sleeps for. `None` if it is awake, or is about to be.
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
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_ring_before_the_sleep_is_not_lost() {
        let (bell, clock) = (Bell::default(), Clock::start());
        bell.ring();
        bell.sleep(None, &clock);
        bell.sleep(Some(clock.now_ms()), &clock);
        assert_eq!(bell.sleep_of(0), None, "it is awake");
    }

    #[test]
    fn a_sleeper_is_woken_and_tells_what_it_sleeps_for() {
        let (bell, clock) = (Arc::new(Bell::default()), Clock::start());
        let sleeper = thread::spawn({
            let (bell, clock) = (bell.clone(), clock.clone());
            move || bell.sleep(Some(u64::MAX), &clock)
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
