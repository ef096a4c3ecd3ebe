//! The query of a URL, as forms write it: `name=value&name=value`, with `+` for a space and `%XX`
//! for a byte.

use std::time::Duration;

/// The first value under `name`, decoded.
pub(crate) fn find(query: &str, name: &str) -> Option<String> {
    pairs(query).find_map(|(key, value)| (decode(key) == name).then(|| decode(value)))
}

/// The names and values in their order, not decoded. A name without `=` has an empty value.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Text as a value of a query or a form: all but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
#[cfg(any(feature = "sessions", test))]
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What is not `%` and two hexadecimal digits stays as it is; what is not UTF-8 then becomes
/// U+FFFD.
pub(crate) fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        decoded.push(match first {
            b'+' => b' ',
            b'%' => match after {
                [high, low, after @ ..] if let Some(byte) = hexadecimal(*high, *low) => {
                    rest = after;
                    byte
                }
                _ => b'%',
            },
            other => *other,
        });
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decimal seconds, `30` or `0.3`. Not a float: no exponents, no `inf`, no sign, and a good deal
/// less code.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    // `0.3` is 300,000,000 nanoseconds: nine digits, filled up with zeros.
    let nanoseconds = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let time = Duration::new(whole.parse().ok()?, nanoseconds);
    // The host counts in milliseconds, in 32 bits.
    (time.as_millis() <= u128::from(u32::MAX)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(decode("a+b%20c"), "a b c");
        assert_eq!(decode("%2541"), "%41");
        assert_eq!(decode("gr%C3%BC%c3%9f"), "grüß");
        assert_eq!(decode("grüß"), "grüß");
        assert_eq!(decode(""), "");
    }

    #[test]
    fn what_is_malformed_stays() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%+1%41"), "%zz% 1A");
        assert_eq!(decode("%%41"), "%A");
        assert_eq!(decode("%ff"), "\u{fffd}");
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(encode("a b&c=ü+%"), "a%20b%26c%3D%C3%BC%2B%25");
        assert_eq!(decode(&encode("a b&c=ü+%\u{0}")), "a b&c=ü+%\u{0}");
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let query = "&a=1&&b&c=x=y&a=2&d%20e=%26";
        assert_eq!(find(query, "a").as_deref(), Some("1"));
        assert_eq!(find(query, "b").as_deref(), Some(""));
        assert_eq!(find(query, "c").as_deref(), Some("x=y"));
        assert_eq!(find(query, "d e").as_deref(), Some("&"));
        assert_eq!(find(query, "A"), None);
        assert_eq!(find("", ""), None);
    }

    #[test]
    fn seconds_are_plain_decimals() {
        assert_eq!(seconds("30"), Some(Duration::from_secs(30)));
        assert_eq!(seconds("0.3"), Some(Duration::from_millis(300)));
        assert_eq!(seconds("007.050"), Some(Duration::from_millis(7050)));
        assert_eq!(seconds("1.1234567899"), Some(Duration::new(1, 123_456_789)));
        assert_eq!(seconds("4294967.295"), Some(Duration::from_millis(u32::MAX.into())));
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "inf",
            "NaN",
            " 1",
            "1.-5",
            "1.2.3",
            "١",
            "4294967.296",
            "99999999999999999999",
        ] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }
}
