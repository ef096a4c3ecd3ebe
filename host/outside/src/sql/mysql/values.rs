//! Values of MySQL and MariaDB.

use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value};
use snow_runtime::SqlValue;

/// The number of the character set of what has none: bytes.
const BINARY: u16 = 63;

/// Returns a parameter as the server takes it.
pub(super) fn parameter(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::NULL,
        SqlValue::Boolean(is) => Value::Int(i64::from(*is)),
        SqlValue::Integer(number) => Value::Int(*number),
        SqlValue::Real(number) => Value::Double(*number),
        SqlValue::Text(text) => Value::Bytes(text.clone().into_bytes()),
        SqlValue::Blob(bytes) => Value::Bytes(bytes.clone()),
    }
}

/// Returns a value of a column as guests get it.
pub(super) fn value(value: Value, column: &Column) -> SqlValue {
    of(value, column.column_type(), column.character_set())
}

fn of(value: Value, kind: ColumnType, charset: u16) -> SqlValue {
    match value {
        Value::NULL => SqlValue::Null,
        Value::Int(number) => SqlValue::Integer(number),
        Value::UInt(number) => whole(number),
        // By way of its digits: the nearest number to 0.1 is another one in 32 bits.
        Value::Float(number) => SqlValue::Real(number.to_string().parse().unwrap_or(number.into())),
        Value::Double(number) => SqlValue::Real(number),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            SqlValue::Text(match kind {
                ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => date,
                _ => {
                    let fraction = fraction(micros);
                    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}")
                }
            })
        }
        Value::Time(is_negative, days, hours, minute, second, micros) => {
            let (sign, fraction) = (if is_negative { "-" } else { "" }, fraction(micros));
            let hours = u64::from(days) * 24 + u64::from(hours);
            SqlValue::Text(format!("{sign}{hours:02}:{minute:02}:{second:02}{fraction}"))
        }
        Value::Bytes(bytes) => match kind {
            ColumnType::MYSQL_TYPE_BIT if bytes.len() <= 8 => {
                whole(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            ColumnType::MYSQL_TYPE_DECIMAL
            | ColumnType::MYSQL_TYPE_NEWDECIMAL
            | ColumnType::MYSQL_TYPE_JSON => text(bytes),
            _ if charset == BINARY => SqlValue::Blob(bytes),
            _ => text(bytes),
        },
    }
}

fn whole(number: u64) -> SqlValue {
    match i64::try_from(number) {
        Ok(number) => SqlValue::Integer(number),
        Err(_) => SqlValue::Text(number.to_string()),
    }
}

fn text(bytes: Vec<u8>) -> SqlValue {
    match String::from_utf8(bytes) {
        Ok(text) => SqlValue::Text(text),
        Err(error) => SqlValue::Blob(error.into_bytes()),
    }
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_case() {
        use ColumnType as T;
        let text = |text: &str| SqlValue::Text(text.to_owned());
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        for (given, kind, charset, expected) in [
            (Value::UInt(u64::MAX), T::MYSQL_TYPE_LONGLONG, 63, text("18446744073709551615")),
            (Value::UInt(7), T::MYSQL_TYPE_LONGLONG, 63, SqlValue::Integer(7)),
            (Value::Float(0.1), T::MYSQL_TYPE_FLOAT, 63, SqlValue::Real(0.1)),
            (bytes(b"1.10"), T::MYSQL_TYPE_NEWDECIMAL, 63, text("1.10")),
            (bytes(b"{}"), T::MYSQL_TYPE_JSON, 63, text("{}")),
            (bytes(&[1, 2]), T::MYSQL_TYPE_BIT, 63, SqlValue::Integer(258)),
            (bytes(b"x"), T::MYSQL_TYPE_BLOB, 63, SqlValue::Blob(b"x".to_vec())),
            (bytes(b"x"), T::MYSQL_TYPE_BLOB, 45, text("x")),
            (bytes(&[255]), T::MYSQL_TYPE_VAR_STRING, 45, SqlValue::Blob(vec![255])),
            (Value::Date(2026, 1, 2, 0, 0, 0, 0), T::MYSQL_TYPE_DATE, 63, text("2026-01-02")),
            (
                Value::Date(2026, 1, 2, 3, 4, 5, 60),
                T::MYSQL_TYPE_DATETIME,
                63,
                text("2026-01-02T03:04:05.000060"),
            ),
            (Value::Time(true, 1, 2, 3, 4, 0), T::MYSQL_TYPE_TIME, 63, text("-26:03:04")),
        ] {
            assert_eq!(of(given, kind, charset), expected);
        }
    }
}
