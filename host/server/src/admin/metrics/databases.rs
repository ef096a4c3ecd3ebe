//! What is counted of databases.

use std::sync::Arc;

use super::PageSources;
use super::exposition::{Exposition, MetricType};
use snow_outside::{DatabaseCounts, SQL_ENDS};

/// Writes the counts of each database, and of all.
pub(super) fn write(out: &mut Exposition, sources: &PageSources) {
    let all = sources.sql.counts().all();
    let ended = all.iter().flat_map(|(name, counts)| {
        let ends = SQL_ENDS.iter().zip(&counts.ended);
        ends.map(|(end, count)| ([("database", &**name), ("end", *end)], count.get()))
    });
    let help = "Statements and transactions that have ended, by how: answered, cancelled since \
                nobody waited any more, refused by the database (failed), by a limit, since they \
                took too long (timed-out), or since the database could not be reached.";
    out.family(MetricType::Counter, "snow_sql_ended_total", help, ended);
    let seconds = all
        .iter()
        .map(|(name, counts)| ([("database", &**name)], counts.micros.get() as f64 / 1_000_000.0));
    let help = "How long those took that have ended, with their time in the queue, in all.";
    out.family(MetricType::Counter, "snow_sql_seconds_total", help, seconds);

    let mut each = |kind, name, help, value: &dyn Fn(&Arc<str>, &DatabaseCounts) -> u64| {
        let values =
            all.iter().map(|(name, counts)| ([("database", &**name)], value(name, counts)));
        out.family(kind, name, help, values);
    };
    let (counter, gauge) = (MetricType::Counter, MetricType::Gauge);
    let help = "Statements and transactions that are under way now.";
    each(gauge, "snow_sql", help, &|_, counts| counts.under_way() as u64);
    let help = "Statements and transactions that wait for a connection now.";
    each(gauge, "snow_sql_queued", help, &|_, counts| counts.queued() as u64);
    let help = "Connections to databases that are open now.";
    each(gauge, "snow_sql_connections", help, &|_, counts| counts.connections() as u64);
    let help = "Connections to databases that were opened.";
    each(counter, "snow_sql_connections_opened_total", help, &|_, counts| counts.connected.get());
    let help = "Pendings that wait for a notification now.";
    each(gauge, "snow_sql_listening", help, &|_, counts| counts.listening() as u64);
    let help = "Notifications that have come.";
    each(counter, "snow_sql_notifications_total", help, &|_, counts| counts.notified.get());
    let help = "Bytes of statements that are under way, and of results that nobody has taken yet.";
    out.single(gauge, "snow_sql_bytes", help, sources.sql.bytes() as u64);
}
