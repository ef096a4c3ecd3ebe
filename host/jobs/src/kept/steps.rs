//! What the table of jobs that are kept says of a job, for whoever does it.

use snow_core::sync::Arc;

use crate::limits::JobId;
use crate::record::Record;

/// What is to be done about a job now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be queued.
    Queue(JobId, Arc<str>),
    /// Nobody has said whether it was written: look, and [confirm](super::Kept::confirm) or
    /// [drop](super::Kept::remove) it.
    Look(JobId),
    /// It is to be removed where it is kept, and then [here](super::Kept::remove).
    Remove(JobId),
}

/// What follows from an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The record, to be written.
    pub record: Record,
    /// Jobs that have failed for good, to be removed where they are kept: there are too many. They
    /// are gone from the table. This one may be among them.
    pub forgotten: Vec<JobId>,
}

/// An attempt that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What was known of the job before.
    pub record: Record,
    /// What is to be written before the attempt, so that it counts even if the process does not
    /// survive it. `None` for a job that is not there since before the start: the first time that
    /// one ends the process is not counted.
    pub to_write: Option<Record>,
}
