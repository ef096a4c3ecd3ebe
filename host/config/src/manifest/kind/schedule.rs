//! The kind of `schedule`: jobs of a guest that come again and again.

use serde_json::{Value as Json, json};
use snow_jobs::{Schedule, Times};
use toml::de::DeTable;

use super::{Kind, TEXT_BYTES_MAX};
use crate::config::Schedules;
use crate::manifest::reader::{Range, Reader, Toml};

/// The most schedules of one guest.
const SCHEDULES_MAX: usize = 100;
/// The most bytes of a payload.
const PAYLOAD_BYTES_MAX: usize = 65_536;
/// The keys of a schedule.
const KEYS: [&str; 5] = ["job", "every", "cron", "zone", "payload"];

impl Kind for Schedules {
    type Value = Vec<Schedule>;

    fn read(
        reader: &mut Reader<'_>,
        name: &str,
        _: &Range,
        value: &Toml<'_>,
    ) -> Option<Vec<Schedule>> {
        const WANTED: &str = "tables, each [[guest.NAME.schedule]]";
        reader.each(name, value, WANTED, 0..=SCHEDULES_MAX, |reader, value| {
            let Some(table) = value.get_ref().as_table() else {
                reader.wrong_type(
                    name,
                    "tables such as { job = \"sweep\", every = \"10s\" }",
                    value,
                );
                return None;
            };
            one(reader, name, table, value)
        })
    }

    fn schema(_: &Range) -> Json {
        let text = |most: usize| json!({ "type": "string", "maxLength": most });
        let schedule = |when: &str| {
            let mut properties = json!({
                "job": { "type": "string", "pattern": ".", "maxLength": TEXT_BYTES_MAX },
                "payload": text(PAYLOAD_BYTES_MAX),
            });
            properties[when] = text(TEXT_BYTES_MAX);
            if when == "cron" {
                properties["zone"] = text(TEXT_BYTES_MAX);
            }
            json!({
                "type": "object", "additionalProperties": false, "required": ["job", when],
                "properties": properties,
            })
        };
        json!({
            "type": "array", "maxItems": SCHEDULES_MAX,
            "items": { "anyOf": [schedule("every"), schedule("cron")] },
        })
    }

    fn json(value: &Vec<Schedule>) -> Json {
        value.iter().map(written).collect()
    }
}

/// Reads one schedule.
fn one(
    reader: &mut Reader<'_>,
    name: &str,
    table: &DeTable<'_>,
    value: &Toml<'_>,
) -> Option<Schedule> {
    let mut texts: [Option<(&str, &Toml<'_>)>; KEYS.len()] = [None; KEYS.len()];
    let mut is_good = true;
    for (key, value) in table {
        let Some(index) = KEYS.iter().position(|known| known == key.get_ref()) else {
            reader.unknown(&format!("`{name}`"), key, KEYS);
            is_good = false;
            continue;
        };
        let most = if KEYS[index] == "payload" { PAYLOAD_BYTES_MAX } else { TEXT_BYTES_MAX };
        let text = reader.text(&format!("{name}.{}", KEYS[index]), value, "a string", most);
        is_good &= text.is_some();
        texts[index] = text.map(|text| (text, value));
    }
    if !is_good {
        return None;
    }
    let [job, every, cron, zone, payload] = texts;
    let Some((job, _)) = job.filter(|(job, _)| !job.is_empty()) else {
        reader.problem(value.span(), format!("`{name}` names no job: write job = \"sweep\""));
        return None;
    };
    let (times, place) = match (every, cron, zone) {
        (Some((every, place)), None, None) => (Times::every(every), place),
        (Some(_), None, Some((_, place))) => {
            let wrong = "a zone is for `cron`: `every` knows no calendar";
            (Err(wrong.to_owned()), place)
        }
        (None, Some((cron, place)), zone) => (Times::cron(cron, zone.map(|(zone, _)| zone)), place),
        _ => {
            let wrong = "write one of every = \"10s\" and cron = \"0 3 * * *\"";
            (Err(wrong.to_owned()), value)
        }
    };
    match times {
        Ok(times) => {
            let payload = payload.map(|(payload, _)| payload.to_owned()).unwrap_or_default();
            Some(Schedule { job: job.to_owned(), times, payload })
        }
        Err(wrong) => {
            reader.problem(place.span(), format!("`{name}` of the job {job:?}: {wrong}"));
            None
        }
    }
}

/// Returns a schedule as it is written.
fn written(Schedule { job, times, payload }: &Schedule) -> Json {
    let mut table = json!({ "job": job });
    match times.as_cron() {
        None => table["every"] = json!(times.to_string()),
        Some((pattern, zone)) => {
            table["cron"] = json!(pattern);
            if let Some(zone) = zone {
                table["zone"] = json!(zone);
            }
        }
    }
    if !payload.is_empty() {
        table["payload"] = json!(payload);
    }
    table
}
