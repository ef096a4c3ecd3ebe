//! The clock of a server: one for everybody in it, and one that a test can move.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use snow_core::lock;

/// The time of a server. Its workers, its store and its guests read no other clock, so that all of
/// them agree when a test [moves](Clock::stop) it. Clones are the same clock.
///
/// It tells the time since it [began](Clock::start), which never goes back, and the time of day. A
/// clock that nobody has moved is the machine's, and costs one relaxed load more.
///
/// ```
/// use std::time::Duration;
///
/// use snow_runtime::Clock;
///
/// let clock = Clock::start();
/// let (now, day) = (clock.now(), clock.since_1970());
/// let mut stopped = clock.stop();
/// stopped.set(stopped.now() + Duration::from_secs(3_600));
/// assert_eq!(clock.now(), stopped.now());
/// drop(stopped);
///
/// let hour = Duration::from_secs(3_600);
/// assert!(clock.now() >= now + hour && clock.since_1970() >= day + hour);
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    /// The zero of the clock.
    began: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether a test has ever moved the clock. If not, the state below says nothing.
    was_moved: AtomicBool,
    state: Mutex<State>,
    /// The time at which a guest first asked for the time since then.
    first_asked: OnceLock<Duration>,
}

#[derive(Debug, Default)]
struct State {
    /// How far the clock is ahead of the machine's while it runs.
    ahead: Reading,
    /// The time that it shows while it stands.
    stands: Option<Reading>,
}

/// The two times of a clock, or how far both are ahead of the machine's.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    /// The time since the clock began.
    now: Duration,
    /// The time since 1970.
    day: Duration,
}

impl Clock {
    /// Returns a clock that begins now.
    pub fn start() -> Clock {
        Clock { began: Instant::now(), shared: Arc::default() }
    }

    /// Returns the time since the clock began.
    #[inline]
    pub fn now(&self) -> Duration {
        // Read before the flag: a test that stops the clock stops it ahead of all that was read.
        let now = self.began.elapsed();
        if self.shared.was_moved.load(Ordering::Relaxed) { self.moved().now } else { now }
    }

    /// Returns the whole milliseconds since the clock began.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.now().as_millis() as u64
    }

    /// Returns the time since the first call of this. Guests are told it as the monotonic time, so
    /// that they do not learn for how long the server has run.
    pub fn since_first_asked(&self) -> Duration {
        let now = self.now();
        now.saturating_sub(*self.shared.first_asked.get_or_init(|| now))
    }

    /// Returns the time of day, as the time since 1970.
    #[inline]
    pub fn since_1970(&self) -> Duration {
        let day = machine_day();
        if self.shared.was_moved.load(Ordering::Relaxed) { self.moved().day } else { day }
    }

    /// Returns the time of day in whole milliseconds since 1970: the time that a store is handed.
    #[inline]
    pub fn wall_ms(&self) -> u64 {
        self.since_1970().as_millis() as u64
    }

    /// Returns when something is due that shall come so many milliseconds after now, in
    /// milliseconds since the clock began. It is rounded up, so that no wait is shorter than what
    /// was asked for. An `after_ms` of zero is due at once.
    pub fn due_ms(&self, after_ms: u32) -> u64 {
        match after_ms {
            0 => self.now_ms(),
            _ => up_ms(self.now()) + u64::from(after_ms),
        }
    }

    /// Stops the clock, for a test that moves it. It stands at a whole millisecond, which is ahead
    /// of all that anybody has read, and runs on from where it stands when the result is dropped.
    ///
    /// A clock that stands already is stopped a second time, and runs on with the first drop.
    pub fn stop(&self) -> StoppedClock {
        let mut state = lock(&self.shared.state);
        let shows = state.reading(self.began);
        let ahead_ms = |time| Duration::from_millis(up_ms(time) + 1);
        let stands = match state.stands {
            Some(stands) => stands,
            None => Reading { now: ahead_ms(shows.now), day: ahead_ms(shows.day) },
        };
        state.stands = Some(stands);
        self.shared.was_moved.store(true, Ordering::Relaxed);
        drop(state);
        StoppedClock { clock: self.clone(), stands }
    }

    #[cold]
    fn moved(&self) -> Reading {
        // The machine's clocks are read under the lock, so that no reading lies between two states.
        lock(&self.shared.state).reading(self.began)
    }
}

impl State {
    fn reading(&self, began: Instant) -> Reading {
        self.stands.unwrap_or_else(|| Reading {
            now: began.elapsed() + self.ahead.now,
            day: machine_day() + self.ahead.day,
        })
    }
}

/// A clock that stands until this is dropped.
#[derive(Debug)]
pub struct StoppedClock {
    clock: Clock,
    stands: Reading,
}

impl StoppedClock {
    /// Returns the time since the clock began.
    pub fn now(&self) -> Duration {
        self.stands.now
    }

    /// Returns the time since the clock began at which the time of day will be this one, in
    /// milliseconds since 1970. A time that has passed is now.
    pub fn at_wall_ms(&self, wall_ms: u64) -> Duration {
        self.stands.now + Duration::from_millis(wall_ms).saturating_sub(self.stands.day)
    }

    /// Moves both times forward, until this one since the clock began. It never goes back.
    pub fn set(&mut self, now: Duration) {
        self.stands.day += now.saturating_sub(self.stands.now);
        self.stands.now = self.stands.now.max(now);
        lock(&self.clock.shared.state).stands = Some(self.stands);
    }
}

impl Drop for StoppedClock {
    fn drop(&mut self) {
        let mut state = lock(&self.clock.shared.state);
        state.ahead = Reading {
            now: self.stands.now.saturating_sub(self.clock.began.elapsed()),
            day: self.stands.day.saturating_sub(machine_day()),
        };
        state.stands = None;
    }
}

/// Returns a time in milliseconds, rounded up.
pub(crate) fn up_ms(time: Duration) -> u64 {
    time.as_nanos().div_ceil(1_000_000) as u64
}

fn machine_day() -> Duration {
    // A system whose clock stands before 1970 is taken for one in 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_stands_ahead_of_what_was_read_and_goes_on_from_there() {
        let clock = Clock::start();
        let (now, day) = (clock.now(), clock.since_1970());
        let mut stopped = clock.stop();
        assert!(stopped.now() > now && clock.since_1970() > day);
        assert_eq!((clock.now(), clock.now()), (stopped.now(), stopped.now()));
        assert_eq!(stopped.now().as_nanos() % 1_000_000, 0);
        assert_eq!(clock.since_1970().as_nanos() % 1_000_000, 0);
        let start = stopped.now();
        stopped.set(start + Duration::from_secs(60));
        stopped.set(start);
        assert_eq!(clock.now(), start + Duration::from_secs(60), "it never goes back");
        assert_eq!(clock.due_ms(5), clock.now_ms() + 5);
        let stood = (clock.now(), clock.since_1970());
        drop(stopped);
        assert!(clock.now() >= stood.0 && clock.since_1970() >= stood.1);
        assert!(
            clock.now() < stood.0 + Duration::from_secs(30),
            "it runs on as the machine's does"
        );
    }

    #[test]
    fn times_of_day_lie_on_the_same_line() {
        let clock = Clock::start();
        let mut stopped = clock.stop();
        let in_an_hour_ms = clock.wall_ms() + 3_600_000;
        let at = stopped.at_wall_ms(in_an_hour_ms);
        assert_eq!(at, stopped.now() + Duration::from_secs(3_600));
        stopped.set(at);
        assert_eq!(clock.wall_ms(), in_an_hour_ms);
        assert_eq!(stopped.at_wall_ms(0), stopped.now(), "it has passed");
    }

    #[test]
    fn the_time_of_guests_begins_when_the_first_one_asks() {
        let clock = Clock::start();
        let mut stopped = clock.stop();
        stopped.set(stopped.now() + Duration::from_secs(3_600));
        assert_eq!(clock.since_first_asked(), Duration::ZERO);
        stopped.set(stopped.now() + Duration::from_secs(60));
        assert_eq!(clock.clone().since_first_asked(), Duration::from_secs(60));
    }

    #[test]
    fn what_is_due_is_never_early() {
        let clock = Clock::start();
        for after_ms in [1, 10, u32::MAX] {
            let (before, due_ms) = (clock.now(), clock.due_ms(after_ms));
            let asked = before + Duration::from_millis(after_ms.into());
            assert!(Duration::from_millis(due_ms) >= asked);
        }
        assert!(clock.due_ms(0) <= clock.now_ms());
    }

    #[test]
    fn threads_never_see_a_moved_clock_go_back() {
        let clock = Clock::start();
        std::thread::scope(|threads| {
            for _ in 0..2 {
                let clock = clock.clone();
                threads.spawn(move || {
                    let mut last = (Duration::ZERO, Duration::ZERO);
                    while last.0 < Duration::from_secs(100 * 3_600) {
                        let read = (clock.now(), clock.since_1970());
                        assert!(read.0 >= last.0 && read.1 >= last.1, "{read:?} after {last:?}");
                        last = read;
                    }
                });
            }
            for _ in 0..100 {
                let mut stopped = clock.stop();
                stopped.set(stopped.now() + Duration::from_secs(3_600));
            }
        });
    }
}
