//! The grammar that requests and responses share: tokens, field values and comma lists (RFC 9110, section 5).

/// The fields that speak of the connection and not of the message (RFC 9110, section 7.6.1), and `expect`,
/// which the host answers. Guests neither see nor send them.
const CONNECTION_LEVEL: [&str; 8] =
    ["connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection", "expect"];

/// Whether a field of a request belongs to its connection. `name` is lower case.
pub fn is_connection_level(name: &str) -> bool {
    CONNECTION_LEVEL.contains(&name)
}

/// Whether `byte` may stand in a token (RFC 9110, section 5.6.2: `tchar`).
pub const fn is_tchar(byte: u8) -> bool {
    TCHAR[byte as usize]
}

/// Whether `bytes` is a token: one or more `tchar`. Field names and methods are tokens.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Whether `bytes` may stand in one line of a head: no control byte but the tab. Bytes above 127 may
/// (RFC 9110, section 5.5: `obs-text`).
///
/// This is the rule that keeps CR, LF and NUL out of everything that leaves and everything that enters.
pub fn is_field_value(bytes: &[u8]) -> bool {
    // No early exit: so the compiler checks many bytes at once, and nearly every line is good to its end.
    !bytes.iter().fold(false, |bad, &byte| bad | is_control(byte))
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// The members of a comma list without the white space around them (RFC 9110, section 5.6.1).
///
/// Empty members are kept: the lenient reader of `a,,b` skips them, the strict one refuses. Quoted strings
/// are not understood; the lists this host reads consist of tokens and numbers.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// Whether a comma list of tokens has `token` as a member, in any case.
pub fn list_has(value: &[u8], token: &str) -> bool {
    list(value).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// `bytes` without the spaces and tabs around it (RFC 9110, section 5.6.3: `OWS`).
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A number that is not one of digits alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber {
    /// Empty, signed, spaced, or not decimal.
    Malformed,
    /// Digits, but more than a `u64` holds.
    TooLarge,
}

/// Reads `1*DIGIT`: no sign, no space, no underscore. (`str::parse` would take a `+`.)
pub fn decimal(digits: &[u8]) -> Result<u64, BadNumber> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadNumber::Malformed);
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(BadNumber::TooLarge)
}

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
