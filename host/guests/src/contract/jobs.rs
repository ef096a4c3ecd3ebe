//! `snow:host/jobs`: work that a guest hands to its own `run`.
//!
//! A job that is started waits in the queue of [`Jobs`](crate::jobs::Jobs), and its end settles a
//! pending. One that is kept is written to the store first.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};
use wasmtime::{AsContextMut, StoreContextMut};

use snow_config::{GuestConfig, Schedule};
use snow_core::Refusal;
use snow_jobs::{LimitReached, Record};
use snow_runtime::Source;
use snow_state::{Action, Condition, StoreError};

use super::context::CallContext;
use super::grants::Permits;
use super::state::operations::{LATE, Refused, write_to};
use super::types::Pending;
use crate::deploy::share::Member;
use crate::jobs::{BUCKET, Started};

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `jobs.job-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum JobError {
    #[component(name = "denied")]
    Denied,
    #[component(name = "no-runner")]
    NoRunner,
    #[component(name = "limit")]
    Limit(String),
    #[component(name = "unavailable")]
    Unavailable(String),
}

/// `jobs.durable`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Durable {
    #[component(name = "delay-ms")]
    delay_ms: u32,
    #[component(name = "attempts-max")]
    attempts_max: u32,
}

impl From<LimitReached> for JobError {
    fn from(limit: LimitReached) -> JobError {
        JobError::Limit(limit.to_string())
    }
}

impl From<Refused> for JobError {
    fn from(refused: Refused) -> JobError {
        match refused {
            Refused::Denied => JobError::Denied,
            Refused::Limit(words) => JobError::Limit(words),
            Refused::Store(StoreError::Unavailable(why)) => JobError::Unavailable(why.to_string()),
            Refused::Store(error) => JobError::Limit(error.to_string()),
            Refused::Late => JobError::Unavailable(LATE.to_owned()),
        }
    }
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut jobs = linker.instance("snow:host/jobs@0.1.0")?;
    jobs.func_wrap("start", |mut store: Context<'_>, (name, payload): (String, Vec<u8>)| {
        Ok((store.data_mut().start_job(name, payload),))
    })?;
    jobs.func_wrap_async(
        "enqueue",
        |store: Context<'_>, (name, payload, how): (String, Vec<u8>, Durable)| {
            Box::new(async move { Ok((enqueue(store, &name, &payload, &how).await,)) })
        },
    )
}

impl CallContext {
    /// Starts a job, and creates the pending that its end settles.
    fn start_job(&mut self, name: String, payload: Vec<u8>) -> Result<Resource<Pending>, JobError> {
        let member = self.runner()?;
        let limits = self.runtime.limits.clone();
        limits.jobs.check(&name, &payload)?;
        let pending = self.create(None, Source::None).map_err(|refusal| match refusal {
            Refusal::Denied => JobError::Denied,
            _ => JobError::Limit(
                "pendings of this call, of this guest or in all (pendings_per_call_max, \
                 guest_pendings_max, pendings_max)"
                    .to_owned(),
            ),
        })?;
        let id = self.handle(pending.rep()).expect("it was created").id;
        let jobs = self.runtime.jobs.clone();
        let started = Started { id: jobs.new_id(), name, payload, member, pending: id };
        if let Err(limit) = jobs.start(started, &limits.jobs) {
            self.drop_handle(pending.rep());
            return Err(limit.into());
        }
        Ok(pending)
    }

    /// Returns the version that a job of this call has.
    fn runner(&self) -> Result<Arc<Member>, JobError> {
        let member = self.member.as_ref().ok_or(JobError::Denied)?;
        if !member.version.guest.has_run() {
            return Err(JobError::NoRunner);
        }
        Ok(member.clone())
    }
}

impl Permits {
    /// Returns the schedules of all guests, with the guests' names.
    pub(crate) fn schedules(&self) -> Vec<(Arc<str>, Schedule)> {
        let of_guest = |(name, config): (&String, &GuestConfig)| {
            let name: Arc<str> = name.as_str().into();
            let own = config.schedule.clone().unwrap_or_default();
            own.into_iter().map(move |schedule| (name.clone(), schedule)).collect::<Vec<_>>()
        };
        self.configs.iter().flat_map(of_guest).collect()
    }
}

/// Keeps a job, and returns its id. If the store is on disk, the call waits in place until the job
/// is.
async fn enqueue(
    mut store: Context<'_>,
    name: &str,
    payload: &[u8],
    how: &Durable,
) -> Result<String, JobError> {
    let context = store.data_mut();
    let member = context.runner()?;
    let (jobs, limits) = (context.runtime.jobs.clone(), context.runtime.limits.jobs);
    limits.check(name, payload)?;
    let attempts_max = how.attempts_max.clamp(1, limits.job_attempts_max);
    let due_ms = context.runtime.clock.wall_ms() + u64::from(how.delay_ms);
    let record = Record::new(&member.permit.name, name, attempts_max, due_ms);
    let value = record.encode(payload).into();
    let id = jobs.new_id();
    // Before it is written: a call that is ended meanwhile leaves a job that is taken up all the
    // same, as soon as the disk has it.
    jobs.reserve(id, record, payload.len(), &limits)?;
    let key = id.to_string();
    let only = Condition::Absent;
    let action = Action::Set { key: key.as_str().into(), value, expires_ms: None, only };
    let also = Some(jobs.written(id));
    match write_to(store.as_context_mut(), BUCKET.into(), action, also).await {
        Ok(_) => Ok(key),
        // It may still be written, and then it is found.
        Err(Refused::Late) => Err(Refused::Late.into()),
        Err(refused) => {
            jobs.withdraw(id);
            Err(refused.into())
        }
    }
}
