//! `/metrics`: counters and gauges of the process, its workers, guests and routes.

mod databases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::exposition::{self, Exposition, MetricType};
use super::process;
use super::sources::{PageSources, RouteTotals};
use crate::workers::WorkerHandle;
use snow_core::Counter;
use snow_guests::{JobOutcome, JobStats};
use snow_runtime::FetchCode;
use snow_state::{Counts, DiskStats, StoreStats};
use snow_worker::{Label, Stats};

/// The values of the label `status`, in the order of [`RouteTotals::answers`].
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "499"];
/// The values of the label `reason`, in the order of [`WaitEnd`](snow_worker::WaitEnd).
const ENDS: [&str; 4] = ["settled", "timed_out", "disconnected", "refused"];
/// The values of the label `reason`, in the order of [`CallRefusal`](snow_worker::CallRefusal).
const REFUSALS: [&str; 3] = ["queue_full", "waited_too_long", "drain"];

/// Returns the page in the format that Prometheus reads.
pub fn text(sources: &PageSources) -> String {
    let mut out = Exposition::default();
    of_routes(&mut out, sources);
    of_guests(&mut out, sources);
    of_workers(&mut out, sources);
    of_fetches(&mut out, sources);
    of_jobs(&mut out, sources);
    databases::write(&mut out, sources);
    of_deployments(&mut out, sources);
    of_store(&mut out, sources);
    of_process(&mut out, sources);
    out.finish()
}

fn of_routes(out: &mut Exposition, sources: &PageSources) {
    let (labels, totals) = (sources.labels.all(), sources.totals_by_label());
    let rows: Vec<([exposition::Label<'_>; 3], &RouteTotals)> = totals
        .iter()
        .filter_map(|(label, totals)| {
            let Label { guest, methods, pattern } = labels.get(label.index())?;
            Some(([("guest", &**guest), ("methods", methods), ("route", pattern)], totals))
        })
        .collect();
    let answers = rows.iter().flat_map(|([guest, methods, route], totals)| {
        let counts = CLASSES.into_iter().zip(totals.answers).filter(|(_, count)| *count > 0);
        counts.map(|(class, count)| ([*guest, *methods, *route, ("status", class)], count))
    });
    let help = "Requests that have ended, by the class of their answer's status; 499 if the client \
                left before an answer.";
    out.family(MetricType::Counter, "snow_requests_total", help, answers);
    let help = "Time from a request's complete head to its answer, or until its client left.";
    let took = rows.iter().map(|(labels, totals)| (*labels, totals.took_ms.clone()));
    out.histogram("snow_request_duration_seconds", help, 1e3, took);
    let held = rows.iter().map(|(labels, totals)| (*labels, totals.held));
    out.family(
        MetricType::Gauge,
        "snow_held_requests",
        "Requests that wait now, suspended or in place.",
        held,
    );
    let ended = rows.iter().flat_map(|([guest, methods, route], totals)| {
        let waited = totals.held > 0 || totals.ended.iter().any(|count| *count > 0);
        let ends = ENDS.into_iter().zip(totals.ended).filter(move |_| waited);
        ends.map(|(reason, count)| ([*guest, *methods, *route, ("reason", reason)], count))
    });
    out.family(
        MetricType::Counter,
        "snow_waits_ended_total",
        "Waits that have ended, by how they ended.",
        ended,
    );
    let mut counter = |name, help, of: fn(&RouteTotals) -> u64| {
        out.family(
            MetricType::Counter,
            name,
            help,
            rows.iter().map(|(labels, totals)| (*labels, of(totals))),
        );
    };
    counter("snow_calls_total", "Calls of guests that were started.", |totals| totals.calls);
    counter(
        "snow_call_traps_total",
        "Calls that trapped, ran too long or used too much memory.",
        |totals| totals.traps,
    );
    let help = "Calls that could not be started because there was no instance for them.";
    counter("snow_call_start_failures_total", help, |totals| totals.start_failures);
}

fn of_guests(out: &mut Exposition, sources: &PageSources) {
    let deployment = sources.serving.deployment();
    let since = deployment
        .versions
        .iter()
        .map(|version| ([("guest", &*version.guest.name)], unix_s(version.since)));
    out.family(
        MetricType::Gauge,
        "snow_guest_loaded_timestamp_seconds",
        "When the version that serves was loaded, in seconds since 1970.",
        since,
    );
    let mut alive: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for version in sources.serving.journal().versions() {
        *alive.entry(version.guest.name.clone()).or_default() += 1;
    }
    let versions = alive.iter().map(|(name, count)| ([("guest", &**name)], count));
    let help = "Versions that serve, or that are kept for the requests that they hold.";
    out.family(MetricType::Gauge, "snow_guest_versions", help, versions);
    let registry = &sources.runtime.registry;
    let owners = sources.runtime.permits.owners();
    let pendings =
        owners.iter().map(|(name, owner)| ([("guest", &**name)], registry.owned(*owner)));
    out.family(
        MetricType::Gauge,
        "snow_pendings",
        "Pendings that exist now, by the guest that created them.",
        pendings,
    );
    let help = "Bytes of settlements that nobody has used up yet.";
    let settled_bytes = sources.runtime.permits.settled_bytes() as f64;
    out.single(MetricType::Gauge, "snow_settled_bytes", help, settled_bytes);
}

fn of_fetches(out: &mut Exposition, sources: &PageSources) {
    let (counts, (under_way, bytes)) = (sources.egress.counts(), sources.egress.under_way());
    let help = "Requests of guests to other servers that have ended, by how: answered, cancelled \
                since nobody waited any more, or the failure's code.";
    let failed = FetchCode::ALL.iter().map(|code| code.name()).zip(&counts.failed);
    let ends = [("answered", &counts.answered), ("cancelled", &counts.cancelled)].into_iter();
    let ends = ends.chain(failed).map(|(end, count)| ([("end", end)], count.get()));
    out.family(MetricType::Counter, "snow_fetches_ended_total", help, ends);
    let mut single = |kind, name, help, value: u64| out.single(kind, name, help, value);
    let (gauge, counter) = (MetricType::Gauge, MetricType::Counter);
    let help = "Requests of guests to other servers that are under way now.";
    single(gauge, "snow_fetches", help, under_way as u64);
    let help = "Bytes that they hold: of their contents, and of what has come of their answers.";
    single(gauge, "snow_fetches_bytes", help, bytes as u64);
    let help = "Requests to other servers that wait for others to the same origin.";
    single(gauge, "snow_fetches_queued", help, counts.queued() as u64);
    let help = "Requests of guests that waited for an equal one to another server; they are counted \
                nowhere else.";
    single(counter, "snow_fetches_collapsed_total", help, counts.collapsed.get());
    let help = "Connections to other servers that are open now.";
    single(gauge, "snow_fetch_connections", help, counts.connections() as u64);
    let help = "Connections to other servers that were opened.";
    single(counter, "snow_fetch_connections_opened_total", help, counts.connected.get());
    let help = "Bytes of contents that were sent to other servers.";
    single(counter, "snow_fetch_sent_bytes_total", help, counts.sent_bytes.get());
    let help = "Bytes of contents that other servers have sent, as they came.";
    single(counter, "snow_fetch_received_bytes_total", help, counts.received_bytes.get());
}

fn of_jobs(out: &mut Exposition, sources: &PageSources) {
    let (gauge, counter) = (MetricType::Gauge, MetricType::Counter);
    let stats = sources.runtime.jobs.stats();
    let JobStats { queued, queued_bytes, running, waiting, kept, kept_bytes, failed, .. } = stats;
    let guests = || stats.guests.iter().map(|(name, guest)| ([("guest", &**name)], guest));
    let help = "Attempts of jobs that have begun.";
    let begun = guests().map(|(labels, guest)| (labels, guest.begun));
    out.family(counter, "snow_jobs_begun_total", help, begun);
    let help = "Attempts of jobs that have ended, by how: value, or the failure's code.";
    let ended = guests().flat_map(|([name], guest)| {
        let counts = JobOutcome::ALL.into_iter().zip(guest.ended).filter(|(_, count)| *count > 0);
        counts.map(move |(outcome, count)| ([name, ("end", outcome.name())], count))
    });
    out.family(counter, "snow_jobs_ended_total", help, ended);
    let help = "Time of an attempt of a job, with all that it waited for.";
    let took = [([], stats.took_ms.clone())];
    out.histogram("snow_job_duration_seconds", help, 1e3, took);
    let help = "Jobs that wait for an executor now, those that are kept or scheduled included.";
    let waits = guests().map(|(labels, guest)| (labels, guest.queued));
    out.family(gauge, "snow_jobs_queued", help, waits);
    let mut single = |name, help, value: usize| out.single(gauge, name, help, value);
    let help = "Jobs that were started and wait for an executor now (jobs_queued_max).";
    single("snow_jobs_started_queued", help, queued);
    let help = "Bytes of the names and payloads of those jobs (jobs_bytes_max).";
    single("snow_jobs_queued_bytes", help, queued_bytes);
    single("snow_jobs_running", "Jobs that have an instance now.", running);
    single("snow_jobs_waiting", "Jobs among those that wait in place.", waiting);
    single("snow_jobs_kept", "Jobs that are kept until they have succeeded.", kept);
    let help = "Bytes of the names and payloads of jobs that are kept.";
    single("snow_jobs_kept_bytes", help, kept_bytes);
    let help = "Jobs that have failed for good and are kept for people to see.";
    single("snow_jobs_failed", help, failed);
    let instances = sources.executors.iter().map(|counts| counts.alive.load(Ordering::Relaxed));
    let help = "Instances that executors have now.";
    single("snow_jobs_instances", help, instances.sum());
}

fn of_workers(out: &mut Exposition, sources: &PageSources) {
    let numbers: Vec<String> =
        (0..sources.workers.len()).map(|number| number.to_string()).collect();
    let workers = || {
        numbers
            .iter()
            .zip(&sources.workers)
            .map(|(number, worker)| ([("worker", &**number)], worker))
    };
    let mut values = |kind, name, help, of: fn(&Stats) -> &Counter| {
        out.family(
            kind,
            name,
            help,
            workers().map(|(labels, worker)| (labels, of(&worker.stats).get())),
        );
    };
    let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
    values(gauge, "snow_connections", "Connections that are open now.", |stats| &stats.connections);
    values(
        counter,
        "snow_connections_accepted_total",
        "Connections accepted, including those that were closed at once.",
        |stats| &stats.accepted,
    );
    let help =
        "Connections closed as they were accepted, because too many with requests were open.";
    values(counter, "snow_connections_rejected_total", help, |stats| &stats.rejected);
    let help = "Connections without a request that were closed because too many were open.";
    values(counter, "snow_connections_evicted_total", help, |stats| &stats.evicted);
    values(counter, "snow_received_bytes_total", "Bytes received from clients.", |stats| {
        &stats.received_bytes
    });
    values(counter, "snow_sent_bytes_total", "Bytes sent to clients.", |stats| &stats.sent_bytes);
    let help = "Connections cut off because their client took nothing of its answers for too long.";
    values(counter, "snow_connections_cut_total", help, |stats| &stats.cut);
    let help = "Requests answered 503 because requests took worker_input_bytes_max.";
    values(counter, "snow_input_refused_total", help, |stats| &stats.refused_input);
    let help = "Requests answered 503 because answers took worker_output_bytes_max.";
    values(counter, "snow_output_refused_total", help, |stats| &stats.refused_output);
    let help = "Bytes of requests that are kept now: under way, queued, or for resume.";
    values(gauge, "snow_input_bytes", help, |stats| &stats.input_bytes);
    let help = "Bytes of answers that clients have not taken yet.";
    values(gauge, "snow_output_bytes", help, |stats| &stats.output_bytes);
    // Not `snow_calls`: in OpenMetrics that is the family of the counter `snow_calls_total`.
    let help = "Calls that have an instance or wait for one now.";
    values(gauge, "snow_open_calls", help, |stats| &stats.calls);
    let help = "Requests that wait with their connections: many of their guest are queued already.";
    values(gauge, "snow_put_off_requests", help, |stats| &stats.put_off);
    let help =
        "Requests that are answered now with what comes from another server, while it comes.";
    values(gauge, "snow_relays", help, |stats| &stats.relays);
    let help = "Requests answered 503 because their call did not start, or was ended by a drain.";
    let refused = workers().flat_map(|([worker], handle)| {
        let counts = REFUSALS.into_iter().zip(&handle.stats.refused_calls);
        counts.map(move |(reason, count)| ([worker, ("reason", reason)], count.get()))
    });
    out.family(counter, "snow_calls_refused_total", help, refused);
    let instances = |worker: &WorkerHandle| worker.instances.alive.load(Ordering::Relaxed);
    let alive = workers().map(|(labels, worker)| (labels, instances(worker)));
    out.family(gauge, "snow_instances", "Guest instances that are alive now.", alive);
    let help = "Guest instances that were made: many, where calls have fresh ones, else one for each \
                that was replaced.";
    let started = workers().map(|(labels, worker)| (labels, worker.instances.started.get()));
    out.family(counter, "snow_instances_started_total", help, started);
    let help = "Time of a turn of a worker's loop, from the poll's return to the turn's end. \
                What arrives meanwhile waits.";
    let turns = workers().map(|(labels, worker)| (labels, worker.stats.turns.took_us.read()));
    out.histogram("snow_loop_turn_duration_seconds", help, 1e6, turns);
}

fn of_deployments(out: &mut Exposition, sources: &PageSources) {
    let totals = sources.serving.journal().totals();
    let mut counter = |name, help, value| out.single(MetricType::Counter, name, help, value);
    counter("snow_guest_swaps_total", "Versions that replaced an older version.", totals.swaps);
    counter(
        "snow_guest_rollbacks_total",
        "Versions that were rolled back because they trapped too often.",
        totals.rollbacks,
    );
    counter(
        "snow_guest_load_failures_total",
        "Guest files that could not be loaded.",
        totals.load_failures,
    );
    let help = "Log lines that were dropped because the log was not written fast enough.";
    counter("snow_log_lines_dropped_total", help, sources.runtime.log.dropped());
}

fn of_store(out: &mut Exposition, sources: &PageSources) {
    let (store, (counter, gauge)) =
        (&sources.runtime.store, (MetricType::Counter, MetricType::Gauge));
    let StoreStats { usage, replaced_bytes, buckets, waiters, counts, disk } = store.stats();
    let help = "Keys in the store.";
    out.single(gauge, "snow_store_entries", help, usage.entries);
    let help = "Bytes of the keys and values in the store.";
    out.single(gauge, "snow_store_bytes", help, usage.bytes);
    let help = "Bytes of values that were replaced or deleted, and that a pending still has.";
    out.single(gauge, "snow_store_replaced_bytes", help, replaced_bytes);
    let help = "Buckets that have a key, or a key that somebody waits for.";
    out.single(gauge, "snow_store_buckets", help, buckets);
    let help = "Waits for a change in the store.";
    out.single(gauge, "snow_store_waiters", help, waiters);
    let listed = store.buckets(None, sources.runtime.limits.metrics_buckets_max);
    let names = || listed.iter().map(|bucket| (&*bucket.name, bucket.usage));
    let help = "Keys in a bucket. At most metrics_buckets_max buckets are listed, by their names.";
    let entries = names().map(|(name, usage)| ([("bucket", name)], usage.entries));
    out.family(gauge, "snow_store_bucket_entries", help, entries);
    let help = "Bytes of the keys and values in a bucket, for the same buckets.";
    let bytes = names().map(|(name, usage)| ([("bucket", name)], usage.bytes));
    out.family(gauge, "snow_store_bucket_bytes", help, bytes);
    let Counts { reads, lists, writes, conflicts, refused, waits, woken, expired } = counts;
    let kinds = [("read", reads), ("list", lists), ("write", writes), ("wait", waits)];
    let help = "What was done in the store, by kind: keys read, pages listed, writes done, waits.";
    let done = kinds.map(|(kind, count)| ([("kind", kind)], count));
    out.family(counter, "snow_store_operations_total", help, done);
    let help = "Writes whose condition did not hold, since another write was first.";
    out.single(counter, "snow_store_conflicts_total", help, conflicts);
    let help = "Writes and waits that were refused for any other reason, such as a limit.";
    out.single(counter, "snow_store_refused_total", help, refused);
    let help = "Waits that a change has ended.";
    out.single(counter, "snow_store_woken_total", help, woken);
    let help = "Keys that were removed because they had expired.";
    out.single(counter, "snow_store_expired_total", help, expired);
    if let Some(disk) = disk {
        of_disk(out, &disk);
    }
}

fn of_disk(out: &mut Exposition, disk: &DiskStats) {
    let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
    let help = "Batches of writes that are on the disk for good.";
    out.single(counter, "snow_store_commits_total", help, disk.commits);
    let help = "Writes in those batches.";
    out.single(counter, "snow_store_committed_writes_total", help, disk.committed_writes);
    let help = "The most writes that were in one batch.";
    out.single(gauge, "snow_store_largest_batch_writes", help, disk.batch_writes_largest);
    let help = "Batches that the disk did not take, so that their writes were refused.";
    out.single(counter, "snow_store_commit_failures_total", help, disk.failures);
    let help = "1 while the disk does not take writes, else 0.";
    out.single(gauge, "snow_store_disk_failing", help, u8::from(disk.failing.is_some()));
    let help = "Writes that wait for the disk.";
    out.single(gauge, "snow_store_queue_writes", help, disk.queue_writes);
    let help = "Bytes of the keys and values of those writes.";
    out.single(gauge, "snow_store_queue_bytes", help, disk.queue_bytes);
}

fn of_process(out: &mut Exposition, sources: &PageSources) {
    let version = [([("version", env!("CARGO_PKG_VERSION"))], 1)];
    out.family(
        MetricType::Gauge,
        "snow_build_info",
        "The version of snow-host. The value is always 1.",
        version,
    );
    let started = unix_s(sources.started_at);
    out.single(
        MetricType::Gauge,
        "process_start_time_seconds",
        "When the server started, in seconds since 1970.",
        started,
    );
    if let Some(seconds) = process::cpu_s() {
        out.single(
            MetricType::Counter,
            "process_cpu_seconds_total",
            "Processor time that all threads have used.",
            seconds,
        );
    }
    if let Some(bytes) = process::resident_bytes() {
        out.single(MetricType::Gauge, "process_resident_memory_bytes", "Memory in use.", bytes);
    }
    if let Some(count) = process::open_files() {
        out.single(MetricType::Gauge, "process_open_fds", "Open files and sockets.", count);
    }
}

fn unix_s(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
