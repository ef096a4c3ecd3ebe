//! `snow-host store`: reads and writes what guests store, in a running server or in a folder.
//!
//! [`place`] is where the entries lie. An entry travels as the JSON object that is its line in an
//! export, whichever of the two it is.

mod place;

use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

pub(crate) use self::place::Place;
use crate::arguments::{StoreCommand, StoreFlags};
use crate::terminal;
use snow_core::escape_control;
use snow_guests::JOBS_BUCKET;
use snow_runtime::Clock;

/// Runs `snow-host store`.
pub(crate) fn store(command: StoreCommand, flags: &StoreFlags) -> anyhow::Result<()> {
    let creates = matches!(command, StoreCommand::Set { .. } | StoreCommand::Import { .. });
    let mut place = Place::open(flags, creates)?;
    if let StoreCommand::Set { bucket, .. } | StoreCommand::Delete { bucket, .. } = &command {
        leave_jobs_alone(&place, bucket)?;
    }
    match command {
        StoreCommand::Get { bucket, key, base64 } => get(&place, &bucket, &key, base64),
        StoreCommand::Set { bucket, key, value, base64, file, expires } => {
            let value = value_of(value, base64, file.as_deref())?;
            set(&mut place, &bucket, &key, &value, expires.map(Duration::from))
        }
        StoreCommand::Delete { bucket, key } => delete(&mut place, &bucket, &key),
        StoreCommand::List { bucket: None, .. } => buckets(&place),
        StoreCommand::List { bucket: Some(bucket), prefix } => keys(&place, &bucket, &prefix),
        StoreCommand::Export { bucket } => export(&place, bucket.as_deref()),
        StoreCommand::Import { file } => import(&mut place, file.as_deref()),
    }
}

/// Refuses to change a job behind the back of a server, which has read them all when it started.
fn leave_jobs_alone(place: &Place, bucket: &str) -> anyhow::Result<()> {
    if matches!(place, Place::Server(_)) && bucket == JOBS_BUCKET {
        bail!(
            "a server that runs does not see what is changed in the bucket {bucket}: decide about its \
             jobs by `snow-host jobs` with --retry or --remove"
        );
    }
    Ok(())
}

/// Returns the time of day, in milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    Clock::start().wall_ms()
}

fn get(place: &Place, bucket: &str, key: &str, as_base64: bool) -> anyhow::Result<()> {
    let Some(entry) = place.entry(bucket, key)? else {
        bail!(
            "the bucket {bucket:?} has no key {key:?}: `snow-host store list {bucket}` shows its keys"
        );
    };
    let value = match (entry["value"].as_str(), entry["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(base64)) => decode(base64.as_bytes()).context("the entry is damaged")?,
        (None, None) => bail!("{} did not answer with an entry", place.name()),
    };
    if as_base64 {
        writeln!(io::stdout(), "{}", BASE64_STANDARD.encode(value))?;
    } else if io::stdout().is_terminal() {
        let mut out = terminal::out();
        out.write_all(&value)?;
        writeln!(out)?;
    } else {
        // Whoever reads it gets the value, and no byte more or less.
        io::stdout().write_all(&value)?;
    }
    Ok(io::stdout().flush()?)
}

/// Returns the value that the arguments name.
fn value_of(text: Option<String>, is_base64: bool, file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let bytes = match (text, file) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(file)) => {
            fs::read(file).with_context(|| format!("can't read {}", file.display()))?
        }
        (None, None) => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).context("can't read standard input")?;
            bytes
        }
    };
    if !is_base64 {
        return Ok(bytes);
    }
    decode(bytes.trim_ascii()).context("the value is not Base64, as --base64 says")
}

fn decode(base64: &[u8]) -> anyhow::Result<Vec<u8>> {
    BASE64_STANDARD.decode(base64).map_err(|error| anyhow::Error::msg(error.to_string()))
}

fn set(
    place: &mut Place,
    bucket: &str,
    key: &str,
    value: &[u8],
    expires: Option<Duration>,
) -> anyhow::Result<()> {
    let mut line = json!({ "bucket": bucket, "key": key });
    match std::str::from_utf8(value) {
        Ok(text) => line["value"] = text.into(),
        Err(_) => line["base64"] = BASE64_STANDARD.encode(value).into(),
    }
    if let Some(after) = expires {
        let at_ms = after.as_millis().saturating_add(wall_ms().into());
        line["expires_ms"] = u64::try_from(at_ms).context("--expires is too long")?.into();
    }
    let set = place.import(format!("{line}\n").as_bytes());
    set.map(drop).map_err(|refused| {
        let what = format!("the key {key:?} of the bucket {bucket:?} can't be set");
        anyhow::Error::msg(refused.reason).context(what)
    })
}

fn delete(place: &mut Place, bucket: &str, key: &str) -> anyhow::Result<()> {
    if !place.delete(bucket, key)? {
        bail!("the bucket {bucket:?} has no key {key:?}, so nothing was deleted");
    }
    Ok(())
}

fn buckets(place: &Place) -> anyhow::Result<()> {
    let (mut out, mut after) = (terminal::out(), None);
    loop {
        let page = place.buckets(after.as_deref())?;
        for bucket in page["buckets"].as_array().into_iter().flatten() {
            let name = escape_control(bucket["name"].as_str().unwrap_or_default());
            writeln!(out, "{name}\t{} keys\t{} bytes", bucket["entries"], bucket["bytes"])?;
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(out.flush()?);
        }
    }
}

fn keys(place: &Place, bucket: &str, prefix: &str) -> anyhow::Result<()> {
    let (mut out, mut after) = (terminal::out(), None);
    loop {
        let page = place.keys(bucket, prefix, after.as_deref())?;
        for key in page["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            writeln!(out, "{}", escape_control(key))?;
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(out.flush()?);
        }
    }
}

fn export(place: &Place, bucket: Option<&str>) -> anyhow::Result<()> {
    // JSON escapes what could move a terminal's cursor, but for characters that `Terminal` escapes in
    // a way that JSON does not know.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut after = None;
    loop {
        let page = place.export_page(bucket, after.as_ref())?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            writeln!(out, "{entry}")?;
        }
        after = page.get("next").filter(|next| !next.is_null()).cloned();
        if after.is_none() {
            return Ok(out.flush()?);
        }
    }
}

fn import(place: &mut Place, file: Option<&Path>) -> anyhow::Result<()> {
    let mut input: Box<dyn BufRead> = match file {
        Some(file) => {
            let opened = fs::File::open(file);
            Box::new(BufReader::new(
                opened.with_context(|| format!("can't read {}", file.display()))?,
            ))
        }
        None => Box::new(BufReader::new(io::stdin())),
    };
    let of = file.map_or("standard input".to_owned(), |file| file.display().to_string());
    let mut total = Total::default();
    while let Some(lines) =
        place::Lines::read(&mut *input).with_context(|| format!("can't read {of}"))?
    {
        let set = place.import(&lines.bytes).map_err(|refused| {
            let line = total.lines + refused.line;
            let set = total.keys + refused.set;
            let done = format!(
                "{set} keys were set, those of the lines before it; the import may be repeated"
            );
            anyhow::anyhow!("{of}, line {line}: {}; {done}", refused.reason)
        })?;
        total.lines += lines.count;
        total.keys += set;
    }
    let mut out = terminal::err();
    Ok(writeln!(out, "{} keys were set", total.keys)?)
}

/// What an import has done so far.
#[derive(Default)]
struct Total {
    lines: u64,
    keys: u64,
}
