//! Jobs: work that guests hand to themselves, to be done on other threads, later, or again and
//! again.
//!
//! Nothing here reads a clock, starts a thread or runs a guest. Whoever owns these parts hands them
//! the time, in milliseconds since 1970, and does what they say.
//!
//! - A [`Queue`] has the jobs that wait for an executor, and decides whose turn it is: guests take
//!   turns, however many jobs each has.
//! - [`Kept`] is the table of jobs that are kept until they have succeeded. It decides when each is
//!   tried, with a [pause](pause_ms) that grows, and which have failed for good. A [`Record`] is
//!   how such a job is written down.
//! - A [`Timetable`] has the [`Schedule`]s of all guests, and decides which are due.
//!
//! [`JobLimits`] are their limits, each with a default and a place in `snow.toml`.
//!
//! # Guarantees
//!
//! - A job that is queued gets its turn after at most one job of each other line that may start.
//! - A job that was confirmed comes up until it has succeeded, has failed for good or was removed.
//! - No step costs in proportion to the jobs that wait or are kept, but for those that people ask
//!   for.

#![forbid(unsafe_code)]

mod kept;
mod limits;
mod pause;
mod queue;
mod record;
mod schedule;
mod timetable;

pub use self::kept::{Begun, Due, Failed, Kept, KeptState};
pub use self::limits::{JobId, JobLimits, LimitReached};
pub use self::pause::pause_ms;
pub use self::queue::{Line, LineKind, Queue};
pub use self::record::{JobFailure, NoRecord, Record};
pub use self::schedule::{Schedule, Times};
pub use self::timetable::{Happening, ScheduleId, Timetable};
