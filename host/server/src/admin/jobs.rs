//! `/jobs`: the jobs of guests and their schedules, as JSON; and jobs that are kept, to see them
//! and to decide about them.
//!
//! | request | does |
//! |---|---|
//! | `GET /jobs` | shows numbers, and schedules |
//! | `GET /jobs/kept?limit=100&after=ID` | lists jobs that are kept |
//! | `POST /jobs/retry?id=ID` | lets a job be tried again now |
//! | `POST /jobs/remove?id=ID` | removes a job |
//!
//! All but the first are for a unix socket, as entries of the store are.

use serde_json::{Map, Value, json};

use super::query::{Parameters, Refused};
use super::sources::PageSources;
use snow_guests::{GuestJobs, JobOutcome, JobRow, JobStats, ScheduleRow};
use snow_jobs::JobId;
use snow_runtime::Level;

/// Returns `/jobs`.
pub fn numbers(sources: &PageSources) -> Value {
    let jobs = &sources.runtime.jobs;
    let stats = jobs.stats();
    let JobStats { queued, queued_bytes, running, waiting, kept, kept_bytes, failed, .. } = stats;
    let guests = stats.guests.iter().map(|(name, guest)| (name.to_string(), of_guest(guest)));
    let schedule = |row: ScheduleRow| {
        json!({
            "guest": *row.guest, "job": row.job, "times": row.times, "next_ms": row.next_ms,
            "is_under_way": row.is_under_way,
        })
    };
    json!({
        "executors": sources.executors.len(), "queued": queued, "queued_bytes": queued_bytes,
        "running": running, "waiting": waiting, "kept": kept, "kept_bytes": kept_bytes,
        "failed": failed, "guests": guests.collect::<Map<_, _>>(),
        "schedules": jobs.schedules().into_iter().map(schedule).collect::<Vec<_>>(),
    })
}

fn of_guest(guest: &GuestJobs) -> Value {
    let ended = JobOutcome::ALL.into_iter().zip(guest.ended);
    let ended: Map<_, _> =
        ended.map(|(outcome, count)| (outcome.name().to_owned(), json!(count))).collect();
    json!({ "queued": guest.queued, "begun_total": guest.begun, "ended_total": ended })
}

/// Returns `/jobs/kept`.
pub fn kept(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let parameters = Parameters::parse(query, &["limit", "after"])?;
    let limit = parameters.limit()?;
    let after = parameters.get("after").map(id).transpose()?;
    let page = sources.runtime.jobs.list(after, limit);
    let row = |JobRow { id, record, state, is_orphaned }: &JobRow| {
        let mut row = record.json();
        row["id"] = json!(id.to_string());
        row["state"] = json!(if *is_orphaned { "without its guest" } else { state.name() });
        row
    };
    let rows: Vec<Value> = page.jobs.iter().map(row).collect();
    Ok(json!({ "jobs": rows, "next": page.next.map(|next| next.to_string()) }))
}

/// Returns `/jobs/retry`, once the job is due.
pub fn retry(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let id = id(Parameters::parse(query, &["id"])?.required("id")?)?;
    if !sources.runtime.jobs.retry(id) {
        return Err((409, format!("no job {id} waits or has failed\n")));
    }
    tell(sources, format!("job {id}: the admin listener lets it be tried again"));
    Ok(json!({ "retried": id.to_string() }))
}

/// Returns `/jobs/remove`, once the job is removed.
pub fn remove(sources: &PageSources, query: &str) -> Result<Value, Refused> {
    let id = id(Parameters::parse(query, &["id"])?.required("id")?)?;
    let Some(is_running) = sources.runtime.jobs.remove(id) else {
        return Err((404, format!("there is no job {id}\n")));
    };
    tell(sources, format!("job {id}: the admin listener has removed it"));
    Ok(json!({ "removed": id.to_string(), "is_running": is_running }))
}

fn tell(sources: &PageSources, message: String) {
    sources.runtime.log.host(Level::Info, message);
}

fn id(text: &str) -> Result<JobId, Refused> {
    JobId::parse(text)
        .ok_or_else(|| (400, "the id of a job has 32 hexadecimal digits\n".to_owned()))
}
