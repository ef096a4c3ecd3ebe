//! What is known of a job that is kept, and how it is written down.

use std::str;

use serde_json::{Value, json};
use snow_core::cut_owned;
use snow_core::sync::Arc;

/// Bytes of the text of a failure that are kept.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// Bytes of the code of a failure that are kept.
const CODE_BYTES_MAX: usize = 100;

/// A job that is kept until it has succeeded: all but its payload.
///
/// It is written as a line of JSON, behind which the payload follows as it is. So people can read
/// it (`snow-host store get snow:jobs ID`).
///
/// ```
/// use snow_jobs::Record;
///
/// let record = Record::new("shop", "mail", 5, 1_000);
/// let bytes = record.encode(b"to alice");
/// assert_eq!(Record::decode(&bytes), Ok((record, &b"to alice"[..])));
/// assert!(Record::decode(b"nonsense").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The guest whose job it is.
    pub guest: Arc<str>,
    /// The job's name.
    pub name: Arc<str>,
    /// How often it is tried at most.
    pub attempts_max: u32,
    /// When it was due first, in milliseconds since 1970.
    pub due_ms: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is due next, in milliseconds since 1970.
    pub next_ms: u64,
    /// Why the last attempt failed.
    pub failure: Option<JobFailure>,
    /// When it has failed for good, in milliseconds since 1970.
    pub failed_ms: Option<u64>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFailure {
    /// A word for programs.
    pub code: String,
    /// An explanation for people.
    pub message: String,
}

impl JobFailure {
    /// Makes a failure, with the beginning of texts that are long.
    pub fn new(code: String, message: String) -> JobFailure {
        JobFailure {
            code: cut_owned(code, CODE_BYTES_MAX),
            message: cut_owned(message, MESSAGE_BYTES_MAX),
        }
    }
}

/// Bytes that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a job: a job is a line of JSON and a payload")]
pub struct NoRecord;

impl Record {
    /// Makes the record of a new job that is due at this time.
    pub fn new(guest: &str, name: &str, attempts_max: u32, due_ms: u64) -> Record {
        Record {
            guest: guest.into(),
            name: name.into(),
            attempts_max,
            due_ms,
            attempts: 0,
            next_ms: due_ms,
            failure: None,
            failed_ms: None,
        }
    }

    /// Lets it be tried anew from now on, as often as at first.
    pub fn try_again(&mut self, now_ms: u64) {
        (self.attempts, self.next_ms, self.failed_ms) = (0, now_ms, None);
    }

    /// Writes the record and its payload.
    pub fn encode(&self, payload: &[u8]) -> Vec<u8> {
        let mut head = self.json();
        // The text is for people's eyes, and the host wrote it where it has limits.
        if let Some(failure) = &self.failure {
            head["failure"] = json!({ "code": failure.code, "message": failure.message });
        }
        let mut bytes = head.to_string().into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Returns the record as JSON, to be shown.
    pub fn json(&self) -> Value {
        json!({
            "guest": *self.guest, "name": *self.name, "attempts_max": self.attempts_max,
            "due_ms": self.due_ms, "attempts": self.attempts, "next_ms": self.next_ms,
            "failed_ms": self.failed_ms,
            "failure": self.failure.as_ref().map(|it| json!({ "code": it.code, "message": it.message })),
        })
    }

    /// Reads what [`encode`](Record::encode) has written: the record, and its payload.
    ///
    /// # Errors
    /// The bytes are not a record.
    pub fn decode(bytes: &[u8]) -> Result<(Record, &[u8]), NoRecord> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(NoRecord)?;
        let head: Value = serde_json::from_slice(&bytes[..end]).map_err(|_| NoRecord)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(NoRecord);
        let number = |name: &str| head[name].as_u64().ok_or(NoRecord);
        let count = |name: &str| u32::try_from(number(name)?).map_err(|_| NoRecord);
        let failure = match &head["failure"] {
            Value::Null => None,
            failure => Some(JobFailure {
                code: text(&failure["code"])?,
                message: text(&failure["message"])?,
            }),
        };
        let failed_ms = match &head["failed_ms"] {
            Value::Null => None,
            failed_ms => Some(failed_ms.as_u64().ok_or(NoRecord)?),
        };
        let record = Record {
            guest: text(&head["guest"])?.into(),
            name: text(&head["name"])?.into(),
            attempts_max: count("attempts_max")?,
            due_ms: number("due_ms")?,
            attempts: count("attempts")?,
            next_ms: number("next_ms")?,
            failure,
            failed_ms,
        };
        Ok((record, &bytes[end + 1..]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            texts: [String; 4],
            numbers: [u64; 3],
            counts: [u32; 2],
            has: [bool; 2],
            payload: Vec<u8>,
        ) {
            let [guest, name, code, message] = texts;
            let record = Record {
                guest: guest.into(),
                name: name.into(),
                attempts_max: counts[0],
                due_ms: numbers[0],
                attempts: counts[1],
                next_ms: numbers[1],
                failure: has[0].then_some(JobFailure { code, message }),
                failed_ms: has[1].then_some(numbers[2]),
            };
            let bytes = record.encode(&payload);
            prop_assert_eq!(Record::decode(&bytes), Ok((record, &payload[..])));
        }

        #[test]
        fn other_bytes_are_none(bytes: Vec<u8>) {
            prop_assert!(Record::decode(&bytes).is_err());
        }
    }

    #[test]
    fn what_was_cut_or_changed_is_none() {
        let bytes = Record::new("a", "b", 1, 2).encode(b"");
        assert!(Record::decode(&bytes[..bytes.len() - 1]).is_err(), "the line has no end");
        let text = String::from_utf8(bytes).unwrap();
        for (field, other) in
            [("\"attempts\":0", "\"attempts\":-1"), ("\"guest\":\"a\"", "\"guest\":7")]
        {
            assert!(text.contains(field), "{text}");
            assert!(Record::decode(text.replace(field, other).as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn long_texts_of_failures_are_cut() {
        let JobFailure { code, message } = JobFailure::new("c".repeat(5_000), "m".repeat(5_000));
        let ellipsis = "…".len();
        assert!(code.len() <= CODE_BYTES_MAX + ellipsis);
        assert!(message.len() <= MESSAGE_BYTES_MAX + ellipsis);
    }
}
