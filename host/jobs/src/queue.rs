//! Jobs that wait for an executor, and whose turn it is.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::{JobLimits, LimitReached};
use snow_core::sync::Arc;

/// A line of jobs: all of one guest that are of one kind. They run in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The guest's name.
    pub guest: Arc<str>,
    /// The kind of the jobs.
    pub kind: LineKind,
}

/// The kinds of jobs, each with a line for each guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineKind {
    /// Jobs that a call has started. Each has the version of the guest that started it.
    Started,
    /// Jobs that are kept or come from a schedule. They have whichever version serves, so none of
    /// them runs while none does.
    Kept,
}

/// Jobs of all guests that wait for an executor.
///
/// Lines take turns: a guest with ten thousand jobs keeps another guest's job waiting for no more
/// than one of them.
///
/// ```
/// use snow_jobs::{JobLimits, Line, LineKind, Queue};
///
/// let line = |guest: &str| Line { guest: guest.into(), kind: LineKind::Started };
/// let mut queue = Queue::default();
/// let limits = JobLimits::default();
/// for job in ["a1", "a2", "a3"] {
///     queue.push(line("a"), job, 10, &limits)?;
/// }
/// queue.push(line("b"), "b1", 10, &limits)?;
/// let mut next = || queue.take(|_| true).map(|(_, job)| job);
/// assert_eq!([next(), next(), next()], [Some("a1"), Some("b1"), Some("a2")]);
/// # Ok::<(), snow_jobs::LimitReached>(())
/// ```
#[derive(Debug)]
pub struct Queue<J> {
    lines: BTreeMap<Line, Jobs<J>>,
    /// The lines that have jobs; the first one's turn is next.
    turns: VecDeque<Line>,
    started: Total,
}

#[derive(Debug)]
struct Jobs<J> {
    /// Each job with its bytes.
    jobs: VecDeque<(J, usize)>,
    bytes: usize,
}

/// What is counted of the jobs that were started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    jobs: usize,
    bytes: usize,
}

impl<J> Default for Queue<J> {
    fn default() -> Queue<J> {
        Queue { lines: BTreeMap::new(), turns: VecDeque::new(), started: Total::default() }
    }
}

impl<J> Queue<J> {
    /// Returns how many jobs wait that were started.
    pub fn started(&self) -> usize {
        self.started.jobs
    }

    /// Returns how many bytes they have.
    pub fn started_bytes(&self) -> usize {
        self.started.bytes
    }

    /// Whether no job waits.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Puts a job at the end of its line. Only jobs that were started count here: the others are
    /// counted where they are kept.
    ///
    /// # Errors
    /// The guest has too many jobs here, or all guests together.
    pub fn push(
        &mut self,
        line: Line,
        job: J,
        bytes: usize,
        limits: &JobLimits,
    ) -> Result<(), LimitReached> {
        let own = self.lines.get(&line);
        let (own_jobs, own_bytes) = own.map_or((0, 0), |own| (own.jobs.len(), own.bytes));
        if line.kind == LineKind::Started {
            let all = Total { jobs: self.started.jobs + 1, bytes: self.started.bytes + bytes };
            let (jobs, of_bytes) =
                ("jobs wait for an executor", "bytes of jobs wait for an executor");
            let guest_jobs_max = limits.guest_jobs_queued_max;
            LimitReached::check(own_jobs + 1, guest_jobs_max, jobs, "guest_jobs_queued_max")?;
            LimitReached::check(all.jobs, limits.jobs_queued_max, jobs, "jobs_queued_max")?;
            let guest_bytes_max = limits.guest_jobs_bytes_max;
            let own_bytes = own_bytes + bytes;
            LimitReached::check(own_bytes, guest_bytes_max, of_bytes, "guest_jobs_bytes_max")?;
            LimitReached::check(all.bytes, limits.jobs_bytes_max, of_bytes, "jobs_bytes_max")?;
            self.started = all;
        }
        let empty = || Jobs { jobs: VecDeque::new(), bytes: 0 };
        let own = self.lines.entry(line.clone()).or_insert_with(empty);
        if own.jobs.is_empty() {
            self.turns.push_back(line);
        }
        own.jobs.push_back((job, bytes));
        own.bytes += bytes;
        Ok(())
    }

    /// Takes the job whose turn it is, among the lines of which one may start now. That line's next
    /// turn comes after all others'.
    pub fn take(&mut self, mut may_start: impl FnMut(&Line) -> bool) -> Option<(Line, J)> {
        let place = self.turns.iter().position(&mut may_start)?;
        let line = self.turns.remove(place).expect("it was found there");
        let own = self.lines.get_mut(&line).expect("a line with a turn has jobs");
        let (job, bytes) = own.jobs.pop_front().expect("a line with a turn has jobs");
        own.bytes -= bytes;
        if own.jobs.is_empty() {
            self.lines.remove(&line);
        } else {
            self.turns.push_back(line.clone());
        }
        if line.kind == LineKind::Started {
            self.started.jobs -= 1;
            self.started.bytes -= bytes;
        }
        Some((line, job))
    }

    /// Returns whether there is a line of which a job may start.
    pub fn has_turn(&self, may_start: impl FnMut(&Line) -> bool) -> bool {
        self.turns.iter().any(may_start)
    }

    /// Returns the number of jobs in each line, in the order of the guests' names.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, usize)> {
        self.lines.iter().map(|(line, jobs)| (line, jobs.jobs.len()))
    }

    /// Takes all jobs that were started, wherever they stand: for the end.
    pub fn take_started(&mut self) -> Vec<J> {
        let is_started = |line: &Line| line.kind == LineKind::Started;
        self.turns.retain(|line| !is_started(line));
        self.started = Total::default();
        let lines = self.lines.extract_if(.., |line, _| is_started(line));
        lines.flat_map(|(_, own)| own.jobs).map(|(job, _)| job).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(guest: &str) -> Line {
        Line { guest: guest.into(), kind: LineKind::Started }
    }

    fn kept(guest: &str) -> Line {
        Line { guest: guest.into(), kind: LineKind::Kept }
    }

    #[test]
    fn lines_of_which_nothing_may_start_are_passed_over_and_keep_their_turn() {
        let (mut queue, limits) = (Queue::default(), JobLimits::default());
        for (guest, job) in [("a", 1), ("a", 2), ("b", 3), ("c", 4)] {
            queue.push(line(guest), job, 1, &limits).unwrap();
        }
        let not_a = |line: &Line| &*line.guest != "a";
        assert_eq!(queue.take(not_a).map(|(_, job)| job), Some(3));
        assert_eq!(queue.take(|_| true).map(|(_, job)| job), Some(1), "it was first all the time");
        assert_eq!(queue.take(not_a).map(|(_, job)| job), Some(4));
        assert!(queue.take(not_a).is_none() && !queue.is_empty());
        assert_eq!(queue.take(|_| true), Some((line("a"), 2)));
        assert!(queue.is_empty());
    }

    #[test]
    fn limits_are_named_and_kept_jobs_do_not_count() {
        let limits = JobLimits {
            guest_jobs_queued_max: 2,
            jobs_queued_max: 3,
            guest_jobs_bytes_max: 10,
            jobs_bytes_max: 15,
            ..JobLimits::default()
        };
        let mut queue = Queue::default();
        let mut push =
            |line: Line, bytes| queue.push(line, (), bytes, &limits).map_err(|it| it.limit);
        assert_eq!(push(line("a"), 11), Err("guest_jobs_bytes_max"));
        assert_eq!((push(line("a"), 4), push(line("a"), 6)), (Ok(()), Ok(())));
        assert_eq!(push(line("a"), 0), Err("guest_jobs_queued_max"));
        assert_eq!(push(line("b"), 6), Err("jobs_bytes_max"));
        assert_eq!(push(line("b"), 5), Ok(()));
        assert_eq!(push(line("c"), 0), Err("jobs_queued_max"));
        assert_eq!(push(kept("c"), 1_000), Ok(()));
        assert_eq!((queue.started(), queue.started_bytes()), (3, 15));
        assert_eq!(queue.take_started().len(), 3);
        assert_eq!((queue.started(), queue.started_bytes()), (0, 0));
        assert_eq!(queue.take(|_| true), Some((kept("c"), ())));
    }

    proptest! {
        /// Beside a model: every guest's jobs come in order, none is lost, the counts agree, and
        /// between two jobs of a guest each other guest that had a job all the while has its turn.
        #[test]
        fn turns_are_fair(steps in prop::collection::vec((0usize..4, any::<bool>()), 0..200)) {
            let (mut queue, limits) = (Queue::default(), JobLimits::default());
            let mut model: Vec<VecDeque<usize>> = vec![VecDeque::new(); 4];
            // How often each other guest was served since a guest with jobs was.
            let mut passed = [[0; 4]; 4];
            for (number, (guest, puts)) in steps.into_iter().enumerate() {
                if puts {
                    queue.push(line(&guest.to_string()), number, 1, &limits).unwrap();
                    model[guest].push_back(number);
                    if model[guest].len() == 1 {
                        passed[guest] = [0; 4];
                    }
                } else if let Some((line, job)) = queue.take(|_| true) {
                    let taken: usize = line.guest.parse().unwrap();
                    prop_assert_eq!(model[taken].pop_front(), Some(job));
                    for other in (0..4).filter(|other| !model[*other].is_empty()) {
                        passed[other][taken] += usize::from(other != taken);
                        prop_assert!(passed[other][taken] <= 1, "{} is passed by {}", other, taken);
                    }
                    passed[taken] = [0; 4];
                } else {
                    prop_assert!(model.iter().all(VecDeque::is_empty));
                }
                prop_assert_eq!(queue.started(), model.iter().map(VecDeque::len).sum::<usize>());
            }
        }
    }
}
