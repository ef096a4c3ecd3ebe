//! The id of a request, for logs, guests and clients.

use std::fmt;

use crate::Head;

/// The longest id that a client may give its request.
const GIVEN_BYTES_MAX: usize = 64;

/// Names a request: in the log, in the guest's `request.id`, and in the response's `x-request-id`.
///
/// It becomes text only where it is read. For the log, that is on the writer's thread and not on
/// the worker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// Made by the host, the highest byte first, and displayed as 32 hexadecimal digits. Not a
    /// `u128`, which would align every exchange to 16 bytes.
    Made([u8; 16]),
    /// Given by the client in `x-request-id`: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`, which
    /// are safe in a log line and in a field.
    Given(Box<str>),
}

impl RequestId {
    /// Makes an id from a number.
    #[inline]
    pub fn made(number: u128) -> RequestId {
        RequestId::Made(number.to_be_bytes())
    }

    /// Returns the id in a request's first `x-request-id` field, if it is usable.
    pub fn given(head: &Head) -> Option<RequestId> {
        let value = head.field("x-request-id")?;
        let usable = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if !(1..=GIVEN_BYTES_MAX).contains(&value.len()) || !value.iter().all(usable) {
            return None;
        }
        str::from_utf8(value).ok().map(|text| RequestId::Given(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Not `{:032x}`, which takes ten times as long: each request displays its id three
            // times.
            RequestId::Made(number) => {
                f.write_str(str::from_utf8(&hexadecimal(*number)).unwrap_or_default())
            }
            RequestId::Given(text) => f.write_str(text),
        }
    }
}

/// Returns the 32 hexadecimal digits of a number.
fn hexadecimal(number: [u8; 16]) -> [u8; 32] {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeadReader;
    use crate::limits::HttpLimits;

    fn head(fields: &str) -> Head {
        let text = format!("GET / HTTP/1.0\r\n{fields}\r\n");
        let read = HeadReader::default().read(text.as_bytes(), &HttpLimits::default());
        read.unwrap().unwrap().0
    }

    #[test]
    fn a_made_id_has_32_digits() {
        assert_eq!(RequestId::made(0xab).to_string(), "000000000000000000000000000000ab");
        assert_eq!(RequestId::made(u128::MAX).to_string(), "f".repeat(32));
    }

    #[test]
    fn a_given_id_is_short_and_plain() {
        let given = |value: &str| RequestId::given(&head(&format!("X-Request-Id: {value}\r\n")));
        assert_eq!(given("aZ0._-"), Some(RequestId::Given("aZ0._-".into())));
        assert!(given(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "a/b", "a\"b", "\u{e4}", &"a".repeat(65)] {
            assert_eq!(given(bad), None, "{bad:?}");
        }
        assert_eq!(RequestId::given(&head("")), None);
    }
}
