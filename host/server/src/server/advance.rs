//! Moves a server's clock for a test: everything that would have happened meanwhile happens, at its
//! time and in its order, and hours pass in milliseconds.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Server;
use snow_guests::JobsRest;
use snow_worker::{Message, Rest, RestQuestion};

/// Moments at which something is done in one advance.
const STEPS_MAX: u32 = 100_000;
/// How far a server's clock can be moved in all: timers count milliseconds for 34 years.
const AHEAD_MAX: Duration = Duration::from_secs(30 * 31_557_600);

/// Why the clock was not moved as far as it should have been.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// Something is always due soon.
    #[error(
        "{STEPS_MAX} times something was due, and that is as often as one advance waits for: the \
         clock was moved by {} only. Does a guest set a short timer again and again, or has it a schedule \
         that comes often?",
        humantime::format_duration(*.moved)
    )]
    Steps {
        /// How far the clock was moved.
        moved: Duration,
    },
    /// The time was over: a call computes without an end, something is due again at once for ever,
    /// there is very much to do, or the disk does not answer.
    #[error(
        "within {} of real time the clock was moved by {} only: the guests and the store did what \
         was due at {steps} moments before, and have not done yet what is due now. Does a guest \
         compute for long, or wait for zero milliseconds again and again?",
        humantime::format_duration(*.within),
        humantime::format_duration(*.moved)
    )]
    Late {
        /// How long it might take.
        within: Duration,
        /// How far the clock was moved.
        moved: Duration,
        /// The moments that are over.
        steps: u32,
    },
    /// The clock can't be moved so far.
    #[error("a server's clock can be moved by {} in all", humantime::format_duration(AHEAD_MAX))]
    TooFar,
}

/// The times at which something is due next, in a server that has done all that was due.
struct NextDue {
    /// Of workers, of jobs and of the outside.
    loop_ms: Option<u64>,
    store_wall_ms: Option<u64>,
}

impl Server {
    /// Moves the server's clock forward, for a test: its time of day, its deadlines and timers,
    /// whoever sleeps, what expires in the store, and the `Date` of answers. Nothing but a test that
    /// has the server in its process can call this.
    ///
    /// The clock stands meanwhile, and goes from one moment at which something is due to the next.
    /// At each of them it waits until the workers, the jobs and the store have done what there is
    /// to do, and all that follows from it; so a guest that sets a timer of ten minutes again and
    /// again is called six times in an hour, and reads the right time in each call. What was asked
    /// for an hour before has happened when an hour has passed: the duration is rounded up, by two
    /// milliseconds at most.
    ///
    /// A held request has no time but its own deadline, so its connection stays open however far the
    /// clock moves. Other connections meet their timeouts as they would in that time: one that is
    /// kept alive is closed when it was idle for too long, and so is one that does not take its
    /// answer or does not send the rest of its request.
    ///
    /// Nothing outside is waited for: requests that clients send meanwhile, answers of other servers
    /// (unless a script gives them, which goes by the clock too), the deployer, the admin listener.
    /// The log keeps the machine's time, and so does the time that a call may run.
    ///
    /// It takes `within` of the machine's time at most.
    ///
    /// # Errors
    /// Too many things are due one after another, the time is over before all of them are done, or
    /// the clock can't be moved so far. The clock then stays where it has come to.
    pub fn advance(&self, by: Duration, within: Duration) -> Result<(), AdvanceError> {
        if self.clock.now().saturating_add(by) > AHEAD_MAX {
            return Err(AdvanceError::TooFar);
        }
        let advanced = self.advance_stopped(by, within);
        // They look at the clock again, which runs again: what they sleep for is nearer by now.
        self.wake_all(None);
        self.runtime.jobs.clock_moved();
        advanced
    }

    fn advance_stopped(&self, by: Duration, within: Duration) -> Result<(), AdvanceError> {
        let until = Instant::now() + within;
        let mut clock = self.clock.stop();
        let began = clock.now();
        let target = began + by;
        for steps in 0..STEPS_MAX {
            let moved = clock.now() - began;
            let late = AdvanceError::Late { within, moved, steps };
            let next = self.come_to_rest(until).ok_or(late)?;
            let of_loops = next.loop_ms.map(Duration::from_millis);
            let of_store = next.store_wall_ms.map(|wall_ms| clock.at_wall_ms(wall_ms));
            match of_loops.into_iter().chain(of_store).min().filter(|due| *due <= target) {
                Some(due) => clock.set(due),
                None if moved == by => return Ok(()),
                // Nothing is due there. But whoever looks at the time finds that it has come.
                None => clock.set(target),
            }
        }
        Err(AdvanceError::Steps { moved: clock.now() - began })
    }

    /// Waits until nothing is left to be done at the time that the clock shows, and returns what is
    /// due next. `None` if that is not so by `until`.
    fn come_to_rest(&self, until: Instant) -> Option<NextDue> {
        let (alarm, outside) = (self.store_thread.alarm(), &self.runtime.outside);
        alarm.clock_moved();
        outside.clock_moved();
        let mut before = None;
        loop {
            // Guests that wake one another for ever may be found at rest, one or the other.
            if Instant::now() >= until {
                return None;
            }
            let rests = (alarm.rest(until)?, outside.rest(until)?);
            let workers = self.rest_of_workers(until)?;
            let jobs = self.runtime.jobs.rest(until)?;
            // Whoever rests can be woken by whoever does not yet. But if nobody did anything between
            // two answers, nobody's mail is on its way to anybody.
            let now = (rests, workers, jobs);
            if before.as_ref() == Some(&now) && (alarm.rest(until)?, outside.rest(until)?) == rests
            {
                let ((store, outside), workers, JobsRest { next_ms: jobs_ms, .. }) = now;
                let of_workers = workers.iter().filter_map(|rest| rest.next_ms);
                let loop_ms = of_workers.chain(jobs_ms).chain(outside.next_ms).min();
                return Some(NextDue { loop_ms, store_wall_ms: store.next_wall_ms });
            }
            before = Some(now);
        }
    }

    /// Asks all workers when they are at rest, and waits for their answers.
    fn rest_of_workers(&self, until: Instant) -> Option<Vec<Rest>> {
        let (told, answers) = mpsc::channel();
        self.wake_all(Some(&told));
        let mut rests = vec![None; self.workers.len()];
        for _ in 0..rests.len() {
            let left = until.saturating_duration_since(Instant::now());
            let (index, rest): (usize, Rest) = answers.recv_timeout(left).ok()?;
            rests[index] = Some(rest);
        }
        rests.into_iter().collect()
    }

    /// Wakes all workers, the store and the outside, and asks the workers to tell when they are at rest.
    fn wake_all(&self, told: Option<&mpsc::Sender<(usize, Rest)>>) {
        self.store_thread.alarm().clock_moved();
        self.runtime.outside.clock_moved();
        for (index, worker) in self.workers.iter().enumerate() {
            let told = told.cloned();
            let reply = Box::new(move |rest| {
                // It fails if nobody waits for the answer any more.
                let _ = told.map(|told| told.send((index, rest)));
            });
            worker.mailbox.send(Message::TellRest(RestQuestion { reply }));
        }
    }
}
