//! A job on its way from the queue to an executor.

use std::sync::Arc;

use snow_core::PendingId;
use snow_jobs::{Begun, JobId, Record, ScheduleId};

use super::office::State;
use crate::deploy::share::Member;

/// A job in the queue.
pub(super) enum Queued {
    Started(Started),
    Kept(JobId),
    Scheduled(Scheduled),
}

/// A job that a call has started.
pub(crate) struct Started {
    pub id: JobId,
    pub name: String,
    pub payload: Vec<u8>,
    /// The version of the guest that started it.
    pub member: Arc<Member>,
    /// What its end settles.
    pub pending: PendingId,
}

/// A job that a schedule has started.
pub(super) struct Scheduled {
    pub id: JobId,
    pub schedule: ScheduleId,
    pub name: String,
    pub payload: Vec<u8>,
    pub due_ms: u64,
}

/// A job that an executor is to run.
pub(super) struct Task {
    pub id: JobId,
    pub name: Arc<str>,
    /// `None` if it lies in the store.
    pub payload: Option<Vec<u8>>,
    pub member: Arc<Member>,
    pub origin: Origin,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    pub attempts_max: u32,
    /// When it was due first, in milliseconds since 1970.
    pub due_ms: u64,
    /// The record that is written before this attempt begins, if one is.
    pub to_write: Option<Record>,
}

/// Where a job comes from, and so what follows from its end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    Started(PendingId),
    Kept,
    Scheduled(ScheduleId),
}

impl State {
    /// Makes what was queued ready to be run.
    pub fn task(&mut self, guest: &Arc<str>, queued: Queued, wall_ms: u64) -> Option<Task> {
        Some(match queued {
            Queued::Started(Started { id, name, payload, member, pending }) => Task {
                id,
                name: name.into(),
                payload: Some(payload),
                member,
                origin: Origin::Started(pending),
                attempt: 1,
                attempts_max: 1,
                due_ms: wall_ms,
                to_write: None,
            },
            Queued::Kept(id) => {
                let member = self.serving(guest)?.clone();
                let Begun { record, to_write } = self.kept.begin(id)?;
                Task {
                    id,
                    name: record.name,
                    payload: None,
                    member,
                    origin: Origin::Kept,
                    attempt: record.attempts.saturating_add(1),
                    attempts_max: record.attempts_max,
                    due_ms: record.due_ms,
                    to_write,
                }
            }
            Queued::Scheduled(Scheduled { id, schedule, name, payload, due_ms }) => Task {
                id,
                name: name.into(),
                payload: Some(payload),
                member: self.serving(guest)?.clone(),
                origin: Origin::Scheduled(schedule),
                attempt: 1,
                attempts_max: 1,
                due_ms,
                to_write: None,
            },
        })
    }
}
