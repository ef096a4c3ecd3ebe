//! `/guests`: the guests and their versions with their counters, as JSON and as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use serde_json::{Value, json};

use super::sources::{PageSources, RouteTotals};
use crate::deploy::GuestRecord;
use snow_core::escape_control;
use snow_guests::Version;
use snow_runtime::{Route, VersionId};
use snow_worker::{Label, LabelId};

/// One guest: it serves, or can't be loaded, or is kept only for the requests that it holds.
struct Row {
    name: String,
    record: GuestRecord,
    /// The version that serves, if one does.
    serving: Option<Arc<Version>>,
    /// The prefix of its routes.
    mount: Arc<str>,
    /// All versions that exist, the newest first, each with the number of its requests and of those
    /// that are held.
    versions: Vec<(Arc<Version>, u64, u64)>,
    /// The totals of each route.
    routes: BTreeMap<Label, RouteTotals>,
}

impl Row {
    fn sum(&self, of: fn(&RouteTotals) -> u64) -> u64 {
        self.routes.values().map(of).sum()
    }

    fn held(&self) -> u64 {
        self.versions.iter().map(|(.., held)| held).sum()
    }
}

/// Returns the page as JSON.
pub fn json(sources: &PageSources) -> Value {
    json!({ "guests": rows(sources).iter().map(to_json).collect::<Vec<_>>() })
}

/// Returns the page as text, with a paragraph for each guest.
pub fn text(sources: &PageSources) -> String {
    let mut out = String::new();
    for row in rows(sources) {
        // Writing to a `String` can't fail.
        let _ = describe(&mut out, &row);
    }
    if out.is_empty() { "no guest is deployed\n".into() } else { out }
}

fn rows(sources: &PageSources) -> Vec<Row> {
    let (deployment, journal) = (sources.serving.deployment(), sources.serving.journal());
    let (mut records, alive) = (journal.guests(), journal.versions());
    let (labels, totals) = (sources.labels.all(), sources.totals_by_label());
    let mut names: BTreeSet<String> = records.keys().cloned().collect();
    names.extend(
        deployment.versions.iter().chain(&alive).map(|version| version.guest.name.to_string()),
    );
    let row = |name: String| {
        let is_its = |version: &&Arc<Version>| *version.guest.name == *name;
        let mut versions: Vec<_> = alive.iter().filter(is_its).cloned().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.nth));
        let counted = versions.into_iter().map(|version| {
            let (requests, held) = sources.requests_of(version.id);
            (version, requests, held)
        });
        let its_labels =
            labels.iter().zip((0..).map(LabelId)).filter(|(label, _)| *label.guest == *name);
        let routes =
            its_labels.filter_map(|(label, id)| Some((label.clone(), totals.get(&id)?.clone())));
        let serving = deployment.versions.iter().find(is_its).cloned();
        let mount = deployment.router.entries().find(|entry| is(serving.as_ref(), entry.version));
        Row {
            record: records.remove(&name).unwrap_or_default(),
            mount: mount.map(|entry| entry.mount.clone()).unwrap_or_default(),
            serving,
            versions: counted.collect(),
            routes: routes.collect(),
            name,
        }
    };
    names.into_iter().map(row).collect()
}

fn to_json(row: &Row) -> Value {
    let serving = row.serving.as_ref();
    let name: Arc<str> = row.name.as_str().into();
    let route = |route: &Route| {
        let counted = row.routes.get(&Label::new(&name, route));
        let count = |of: fn(&RouteTotals) -> u64| counted.map_or(0, of);
        json!({
            "methods": route.methods, "pattern": route.pattern,
            "requests_total": count(RouteTotals::requests), "held": count(|totals| totals.held),
        })
    };
    let version = |(version, requests, held): &(Arc<Version>, u64, u64)| {
        json!({
            "version": version.nth,
            "since": time(version.since),
            "serves": is(serving, version.id),
            "sha256": version.guest.content_hash.to_string(),
            "withdrawn": version.trial.is_withdrawn(), "requests": requests, "held": held,
        })
    };
    let failure = row.record.failure.as_ref();
    let routes = serving.map(|version| version.guest.routes.iter().map(route).collect::<Vec<_>>());
    json!({
        "name": row.name,
        // A path need not be UTF-8, and JSON is.
        "file": row.record.file.to_string_lossy(),
        "mount": *row.mount,
        "version": serving.map(|version| version.nth),
        "since": serving.map(|version| time(version.since)),
        "held": row.held(),
        "requests_total": row.sum(RouteTotals::requests),
        "calls_total": row.sum(|totals| totals.calls),
        "traps_total": row.sum(|totals| totals.traps),
        "routes": routes.unwrap_or_default(),
        "versions": row.versions.iter().map(version).collect::<Vec<_>>(),
        "rolled_back": row.record.rolled_back,
        "load_error": failure.map(|failure| {
            json!({ "error": failure.error, "at": time(failure.at) })
        }),
    })
}

fn describe(out: &mut String, row: &Row) -> std::fmt::Result {
    let (name, file) = (escape_control(&row.name), row.record.file.to_string_lossy());
    let file = escape_control(&file);
    match &row.serving {
        Some(version) => writeln!(
            out,
            "{name}: version {} since {}, from {file}",
            version.nth,
            time(version.since)
        )?,
        None => writeln!(out, "{name}: does not serve ({file})")?,
    }
    let (requests, calls, traps) = (
        row.sum(RouteTotals::requests),
        row.sum(|totals| totals.calls),
        row.sum(|totals| totals.traps),
    );
    writeln!(out, "  {} held, {requests} requests, {calls} calls, {traps} traps", row.held())?;
    for (version, requests, held) in
        row.versions.iter().filter(|(version, ..)| !is(row.serving.as_ref(), version.id))
    {
        writeln!(
            out,
            "  version {} still has {requests} requests, {held} of them held",
            version.nth
        )?;
    }
    for route in row.serving.iter().flat_map(|version| &version.guest.routes) {
        let methods = if route.methods.is_empty() { "*".into() } else { route.methods.join(",") };
        writeln!(
            out,
            "  {methods}  {}{}",
            escape_control(&row.mount),
            escape_control(&route.pattern)
        )?;
    }
    if let Some(version) = row.record.rolled_back {
        writeln!(out, "  version {version} trapped too often and was rolled back")?;
    }
    if let Some(failure) = &row.record.failure {
        let lines: Vec<_> = failure.error.lines().map(escape_control).collect();
        let error = lines.join("\n    ");
        writeln!(out, "  the file can't be loaded (tried at {}): {error}", time(failure.at))?;
    }
    Ok(())
}

fn is(version: Option<&Arc<Version>>, id: VersionId) -> bool {
    version.is_some_and(|version| version.id == id)
}

fn time(time: SystemTime) -> String {
    format_rfc3339_seconds(time).to_string()
}
