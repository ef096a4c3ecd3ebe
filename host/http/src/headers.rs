//! The grammar that requests and responses share: tokens, field values and comma lists (RFC 9110,
//! section 5).

/// The fields that are about the connection and not about the message (RFC 9110, section 7.6.1),
/// and `expect`, which the host answers. Guests neither see nor send them.
const CONNECTION_LEVEL: [&str; 8] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "proxy-connection",
    "expect",
];

/// Returns whether a field is about the connection, and not about the message. `name` is in lower
/// case.
pub fn is_connection_level(name: &str) -> bool {
    CONNECTION_LEVEL.contains(&name)
}

/// Returns whether `byte` may be part of a token (RFC 9110, section 5.6.2: `tchar`).
pub(crate) const fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// Returns whether `bytes` is a token: one or more `tchar` (RFC 9110, section 5.6.2). Field names
/// and methods are tokens.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Returns whether `bytes` may be a field's value: it has no control byte but the tab. Bytes above
/// 127 are allowed (RFC 9110, section 5.5: `obs-text`).
///
/// This rule keeps CR, LF and NUL out of all heads, received and sent.
pub fn is_field_value(bytes: &[u8]) -> bool {
    // No early exit, so that the compiler checks many bytes at once. Nearly every line is good to
    // its end.
    !bytes.iter().fold(false, |bad, &byte| bad | is_control(byte))
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Returns the members of a comma list without the white space around them (RFC 9110, section
/// 5.6.1).
///
/// Empty members, as in `a,,b`, are kept: it is for the caller to skip or to refuse them. Quoted
/// strings are not understood, because the lists that the host reads consist of tokens and numbers.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// Returns whether a comma list of tokens has `token` as a member, in any case.
pub(crate) fn list_has(value: &[u8], token: &str) -> bool {
    list(value).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns `bytes` without the spaces and tabs around it (RFC 9110, section 5.6.3: `OWS`).
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The reason why [`decimal`] can't read a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber {
    /// It is empty, or has another character than a digit: a sign, a space, a letter.
    Malformed,
    /// It is larger than a `u64` can hold.
    TooLarge,
}

/// Reads a decimal number, `1*DIGIT`: no sign, no space, no underscore. (`str::parse` would accept
/// a `+`.)
///
/// # Errors
/// The number is malformed, or larger than a `u64` can hold.
///
/// ```
/// use snow_http::headers::{BadNumber, decimal};
///
/// assert_eq!(decimal(b"12"), Ok(12));
/// assert_eq!(decimal(b"+12"), Err(BadNumber::Malformed));
/// ```
pub fn decimal(digits: &[u8]) -> Result<u64, BadNumber> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadNumber::Malformed);
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .ok_or(BadNumber::TooLarge)
}

/// For each byte, whether it is a `tchar`.
const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_rfc_9110_says() {
        let good: Vec<u8> = (0..=255).filter(|&byte| is_tchar(byte)).collect();
        let text = String::from_utf8(good).unwrap();
        assert_eq!(text.len(), 77, "{text}");
        assert!(is_token(text.as_bytes()));
        for bad in ["", " ", "a b", "a:", "a,", "\"a\"", "a\t", "\u{fc}", "a/b", "{a}"] {
            assert!(!is_token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn every_control_byte_but_the_tab_is_refused_anywhere_in_a_value() {
        for byte in 0..=255_u8 {
            let expected = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
            for at in [0, 17, 99] {
                let mut value = vec![b'v'; 100];
                value[at] = byte;
                assert_eq!(is_field_value(&value), expected, "{byte:#x} at {at}");
            }
        }
        assert!(is_field_value(b""));
    }

    #[test]
    fn lists_keep_their_empty_members() {
        let members: Vec<_> = list(b" a ,\tB,,c d").collect();
        assert_eq!(members, [&b"a"[..], b"B", b"", b"c d"]);
        assert!(list_has(b"keep-alive, Close", "close"));
        assert!(!list_has(b"closed, not-close", "close"));
        assert!(!list_has(b"", "close"));
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(decimal(b"0"), Ok(0));
        assert_eq!(decimal(b"007"), Ok(7));
        assert_eq!(decimal(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), Err(BadNumber::TooLarge));
        for bad in ["", "+1", "-1", " 1", "1 ", "1_0", "0x1", "1.0", "\u{0661}"] {
            assert_eq!(decimal(bad.as_bytes()), Err(BadNumber::Malformed), "{bad:?}");
        }
    }
}
