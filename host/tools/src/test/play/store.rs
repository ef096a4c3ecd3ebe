//! Writes into the store of a case's server, and looks into it.

use anyhow::{Context, bail};

use crate::test::cases::{ExpectedEntry, ExpectedValue, StoreWrite};
use crate::test::compare::{difference, json_differences, shown};
use crate::test::saved::{Renderer, Saved};
use snow_server::Server;

/// The most keys of a bucket that a message lists.
const LISTED_MAX: usize = 10;

/// Writes keys, as somebody outside would.
///
/// # Errors
/// The store refuses one, for its size for instance.
pub(super) fn write(server: &Server, writes: &[StoreWrite], saved: &Saved) -> anyhow::Result<()> {
    let mut renderer = Renderer::new(saved);
    for StoreWrite { bucket, key, value, expires } in writes {
        let key = renderer.text(key)?;
        let context = || format!("{key:?} of the bucket {bucket:?} can't be written");
        match value {
            Some(value) => {
                let value = value.render(&mut renderer)?;
                server.store_value(bucket, &key, &value, *expires).with_context(context)?;
            }
            None => server.delete_value(bucket, &key).with_context(context)?,
        }
    }
    Ok(())
}

/// Compares what keys hold with what they should.
///
/// # Errors
/// All differences.
pub(super) fn check(
    server: &Server,
    entries: &[ExpectedEntry],
    saved: &Saved,
) -> anyhow::Result<()> {
    let (mut renderer, mut lines) = (Renderer::new(saved), Vec::new());
    for ExpectedEntry { bucket, key, value } in entries {
        let key = renderer.text(key)?;
        let place = format!("store {bucket} {key:?}:");
        match (value, server.stored_value(bucket, &key)) {
            (ExpectedValue::Absent, None) => {}
            (ExpectedValue::Absent, Some(got)) => {
                lines.push(format!("{place} expected none, got {}", shown(&got, 0)));
            }
            (_, None) => lines.push(format!("{place} there is none; {}", keys(server, bucket))),
            (ExpectedValue::Json(json), Some(got)) => {
                let wanted = [(String::new(), renderer.json(json)?)];
                let differences = json_differences(&wanted, &got);
                lines.extend(differences.into_iter().map(|line| format!("{place} {line}")));
            }
            (ExpectedValue::Text(matcher), Some(got)) => {
                lines.extend(difference(&place, &matcher.render(&mut renderer)?, &got));
            }
        }
    }
    match &lines[..] {
        [] => Ok(()),
        lines => bail!(lines.join("\n")),
    }
}

fn keys(server: &Server, bucket: &str) -> String {
    let mut keys = server.stored_keys(bucket, LISTED_MAX + 1);
    if keys.is_empty() {
        return "the bucket is empty".to_owned();
    }
    let more = if keys.len() > LISTED_MAX { " and more" } else { "" };
    keys.truncate(LISTED_MAX);
    let keys: Vec<String> = keys.iter().map(|key| shown(key.as_bytes(), 0)).collect();
    format!("the bucket has {}{more}", keys.join(", "))
}
