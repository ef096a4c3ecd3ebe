//! `snow-host jobs`: shows the jobs that are kept, in a running server or in a folder, and decides
//! about them.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::admin::Question;
use crate::arguments::StoreFlags;
use crate::store::{Place, wall_ms};
use crate::terminal;
use snow_core::escape_control;
use snow_guests::JOBS_BUCKET;
use snow_jobs::{JobId, Record};
use snow_state::{Action, Condition, Outcome, Store, Write as StoreWrite};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Jobs of a page.
const PAGE_JOBS: usize = 100;

/// Runs `snow-host jobs`.
pub(crate) fn jobs(
    flags: &StoreFlags,
    as_json: bool,
    retry: Option<&str>,
    remove: Option<&str>,
) -> anyhow::Result<()> {
    let place = Place::open(flags, false)?;
    let id = |text: &str| {
        let id = JobId::parse(text);
        id.with_context(|| format!("{text:?} is no job: `snow-host jobs` lists their ids"))
    };
    match (retry, remove) {
        (Some(job), _) => decide(&place, "/jobs/retry", id(job)?, try_again),
        (None, Some(job)) => decide(&place, "/jobs/remove", id(job)?, delete),
        (None, None) => list(&place, as_json),
    }
}

/// Prints all jobs.
fn list(place: &Place, as_json: bool) -> anyhow::Result<()> {
    let (mut out, mut after) = (terminal::out(), None);
    loop {
        let page = page(place, after.as_deref())?;
        for job in page["jobs"].as_array().into_iter().flatten() {
            match as_json {
                true => writeln!(out, "{job}")?,
                false => writeln!(out, "{}", line(job))?,
            }
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(out.flush()?);
        }
    }
}

/// Returns what people read of a job.
fn line(job: &Value) -> String {
    let text = |value: &Value| escape_control(value.as_str().unwrap_or_default()).into_owned();
    let time = |value: &Value| {
        let time = UNIX_EPOCH + Duration::from_millis(value.as_u64().unwrap_or_default());
        humantime::format_rfc3339_seconds(time).to_string()
    };
    let (id, guest, name) = (text(&job["id"]), text(&job["guest"]), text(&job["name"]));
    let (attempts, most) = (&job["attempts"], &job["attempts_max"]);
    let when = match &job["failed_ms"] {
        Value::Null => format!("due {}", time(&job["next_ms"])),
        failed_ms => format!("since {}", time(failed_ms)),
    };
    let failure = match &job["failure"] {
        Value::Null => String::new(),
        failure => format!("\t{}: {}", text(&failure["code"]), text(&failure["message"])),
    };
    let state = text(&job["state"]);
    format!("{id}\t{guest}\t{name}\t{state}\t{attempts} of {most} attempts\t{when}{failure}")
}

/// Returns a page of jobs, as `/jobs/kept` of a server shows them.
fn page(place: &Place, after: Option<&str>) -> anyhow::Result<Value> {
    match place {
        Place::Server(admin) => {
            let query: Vec<_> = after.map(|after| ("after", after)).into_iter().collect();
            question("GET", "/jobs/kept", &query).json(admin)
        }
        Place::Folder(store, _) => {
            let page = store.list(JOBS_BUCKET, "", after, PAGE_JOBS, wall_ms());
            let row = |key: &std::sync::Arc<str>| {
                let entry = store.get(JOBS_BUCKET, key, wall_ms())?;
                let (record, _) = Record::decode(&entry.value).ok()?;
                let mut row = record.json();
                row["id"] = json!(**key);
                let state = if record.failed_ms.is_some() { "failed" } else { "waiting" };
                row["state"] = json!(state);
                Some(row)
            };
            let rows: Vec<Value> = page.keys.iter().filter_map(row).collect();
            Ok(json!({ "jobs": rows, "next": page.next.as_deref() }))
        }
    }
}

/// Does something to one job: by a server's page, or in a folder.
fn decide(
    place: &Place,
    path: &str,
    id: JobId,
    in_folder: fn(&Store<()>, JobId) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    match place {
        Place::Server(admin) => {
            let id = id.to_string();
            let told = question("POST", path, &[("id", &id)]).json(admin)?;
            if told["is_running"] == true {
                eprintln!(
                    "job {id} runs at this moment: it goes on to its end, and is not tried again"
                );
            }
            Ok(())
        }
        Place::Folder(store, _) => match in_folder(store, id)? {
            true => Ok(()),
            false => bail!("there is no job {id}: `snow-host jobs` lists them"),
        },
    }
}

/// Lets a job be tried anew by the next server. Returns whether it is there.
fn try_again(store: &Store<()>, id: JobId) -> anyhow::Result<bool> {
    let key = id.to_string();
    let Some(entry) = store.get(JOBS_BUCKET, &key, wall_ms()) else { return Ok(false) };
    let (mut record, payload) = Record::decode(&entry.value)?;
    record.try_again(wall_ms());
    let (value, only) = (record.encode(payload).into(), Condition::Always);
    let action = Action::Set { key: key.into(), value, expires_ms: None, only };
    store.apply(&StoreWrite { bucket: JOBS_BUCKET.into(), action }, wall_ms())?;
    Ok(true)
}

/// Removes a job. Returns whether it was there.
fn delete(store: &Store<()>, id: JobId) -> anyhow::Result<bool> {
    let action = Action::Delete { key: id.to_string().into(), only: Condition::Always };
    let write = StoreWrite { bucket: JOBS_BUCKET.into(), action };
    Ok(matches!(store.apply(&write, wall_ms())?, Outcome::Deleted(count) if count > 0))
}

fn question<'q>(method: &'q str, path: &'q str, query: &'q [(&'q str, &'q str)]) -> Question<'q> {
    let advice = "name the --admin of a running snow-host, or the folder of one that does not run \
                  with --data DIR";
    Question { method, path, query, body: &[], patience: PATIENCE, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_one_line() {
        let mut job = Record::new("shop", "mail", 5, 0).json();
        (job["id"], job["state"]) = (json!("0a"), json!("waiting"));
        let said = "0a\tshop\tmail\twaiting\t0 of 5 attempts\tdue 1970-01-01T00:00:00Z";
        assert_eq!(line(&job), said);
        job["failure"] = json!({ "code": "no", "message": "a\nb" });
        job["failed_ms"] = json!(60_000);
        let said = line(&job);
        assert!(
            said.contains("\tsince 1970-01-01T00:01:00Z\tno: a") && !said.contains('\n'),
            "{said}"
        );
    }
}
