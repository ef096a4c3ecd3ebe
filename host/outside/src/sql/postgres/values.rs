//! Values in the text form of PostgreSQL.

use snow_runtime::SqlValue;

/// Numbers of types (`pg_type.oid`), which never change.
mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const OID: u32 = 26;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const TIMESTAMP: u32 = 1_114;
    pub const TIMESTAMPTZ: u32 = 1_184;
    pub const TIMETZ: u32 = 1_266;
}

/// Returns a value of a type. What has not the form that its type has stays a text.
pub(super) fn value(oid: u32, bytes: &[u8]) -> SqlValue {
    let Ok(text) = str::from_utf8(bytes) else { return SqlValue::Blob(bytes.to_vec()) };
    let read = match oid {
        oid::BOOL => match text {
            "t" => Some(SqlValue::Boolean(true)),
            "f" => Some(SqlValue::Boolean(false)),
            _ => None,
        },
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => text.parse().ok().map(SqlValue::Integer),
        oid::FLOAT4 | oid::FLOAT8 => text.parse().ok().map(SqlValue::Real),
        oid::BYTEA => blob(text).map(SqlValue::Blob),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => Some(SqlValue::Text(moment(text))),
        oid::TIMETZ => Some(SqlValue::Text(with_minutes(text.to_owned()))),
        _ => None,
    };
    read.unwrap_or_else(|| SqlValue::Text(text.to_owned()))
}

/// Returns the text or the bytes of a parameter, and the number of their form: 0 for text, 1 for
/// bytes. `None` for null.
pub(super) fn parameter(value: &SqlValue) -> Option<(Vec<u8>, i16)> {
    let text = |text: String| Some((text.into_bytes(), 0));
    match value {
        SqlValue::Null => None,
        SqlValue::Boolean(is) => text(is.to_string()),
        SqlValue::Integer(number) => text(number.to_string()),
        SqlValue::Real(number) if number.is_infinite() => {
            text(if *number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
        SqlValue::Real(number) => text(number.to_string()),
        SqlValue::Text(words) => text(words.clone()),
        SqlValue::Blob(bytes) => Some((bytes.clone(), 1)),
    }
}

/// Reads bytes: in hexadecimal, or as text with escapes, as a server may be set up.
fn blob(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
        return if rest.is_empty() { pairs.iter().map(byte).collect() } else { None };
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    Some(bytes)
}

/// Writes a moment as ISO 8601 does: 2026-01-02T03:04:05+00:00.
fn moment(text: &str) -> String {
    match text.split_once(' ') {
        // Before Christ it has one more part, which has no other form.
        Some((date, time)) if !time.contains(' ') => with_minutes(format!("{date}T{time}")),
        _ => text.to_owned(),
    }
}

/// Adds the minutes to an offset of whole hours: +02 becomes +02:00.
fn with_minutes(mut text: String) -> String {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    if let [.., b'+' | b'-', tens, ones] = text.as_bytes()
        && is_digit(*tens)
        && is_digit(*ones)
        && text.contains(':')
    {
        text.push_str(":00");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> SqlValue {
        SqlValue::Text(text.to_owned())
    }

    #[test]
    fn each_type_has_its_case() {
        for (oid, words, expected) in [
            (16, "t", SqlValue::Boolean(true)),
            (20, "-9223372036854775808", SqlValue::Integer(i64::MIN)),
            (26, "4294967295", SqlValue::Integer(4_294_967_295)),
            (701, "1.5e-300", SqlValue::Real(1.5e-300)),
            (701, "-Infinity", SqlValue::Real(f64::NEG_INFINITY)),
            (17, "\\x00ff", SqlValue::Blob(vec![0, 255])),
            (17, "a\\\\\\000b", SqlValue::Blob(b"a\\\0b".to_vec())),
            (1_114, "2026-01-02 03:04:05.5", text("2026-01-02T03:04:05.5")),
            (1_184, "2026-01-02 03:04:05+00", text("2026-01-02T03:04:05+00:00")),
            (1_184, "2026-01-02 03:04:05+05:30", text("2026-01-02T03:04:05+05:30")),
            (1_184, "infinity", text("infinity")),
            (1_114, "0044-03-15 12:00:00 BC", text("0044-03-15 12:00:00 BC")),
            (1_266, "03:04:05-08", text("03:04:05-08:00")),
            (1_082, "2026-01-02", text("2026-01-02")),
            (1_700, "1.10", text("1.10")),
            (99_999, "{1,2}", text("{1,2}")),
            (23, "no number", text("no number")),
            (17, "\\x0", text("\\x0")),
        ] {
            assert_eq!(value(oid, words.as_bytes()), expected, "{words}");
        }
        assert_eq!(value(25, b"\xff"), SqlValue::Blob(vec![255]));
    }

    #[test]
    fn parameters_are_texts_or_bytes() {
        let words = |value: &SqlValue| {
            parameter(value).map(|(bytes, form)| (String::from_utf8(bytes).unwrap(), form))
        };
        assert_eq!(words(&SqlValue::Null), None);
        assert_eq!(words(&SqlValue::Boolean(true)), Some(("true".into(), 0)));
        assert_eq!(words(&SqlValue::Real(1.0)), Some(("1".into(), 0)));
        assert_eq!(words(&SqlValue::Real(f64::NAN)), Some(("NaN".into(), 0)));
        assert_eq!(words(&SqlValue::Real(f64::NEG_INFINITY)), Some(("-Infinity".into(), 0)));
        assert_eq!(words(&SqlValue::Blob(b"x".to_vec())), Some(("x".into(), 1)));
    }
}
