//! Jobs: calls of `run`, on the threads of executors.
//!
//! The [`office`] is what all threads share: the jobs that wait, those that are kept in the store,
//! the schedules, and what serves. It makes a [`task`] of the job whose turn it is, for an
//! [`executor`] that has [`room`] for it. That has some jobs under way, and gives them slices of
//! its time in turns; its [`bell`] wakes it. [`keeping`] reads and writes jobs that are kept, and
//! [`ending`] does what follows from the end of a job. [`counts`] is what is counted, and
//! [`watching`] how others learn of it.

mod counts;
mod due;
mod ending;
mod executor;
mod keeping;
mod office;
mod room;
mod task;
mod watching;

pub use self::counts::{GuestJobs, JobOutcome, JobStats};
pub use self::executor::Executor;
pub use self::keeping::{JobRow, JobsPage, ScheduleRow};
pub use self::office::Jobs;
pub(crate) use self::task::Started;
pub use self::watching::JobsRest;

/// The bucket of the store in which jobs are kept. No guest can open it.
pub const BUCKET: &str = "snow:jobs";
