//! The text of statements, as far as it has to be understood: where its code is, and where its
//! strings, names in quotes and comments are.

use std::iter;

/// The first bytes of a statement that are looked at for its first word.
const LOOKED_AT: usize = 1_024;

/// Returns the text with `?` for each `$1`, `$2` and so on, and which value each stands for. `None`
/// if it has none of them.
///
/// # Errors
/// It has both forms of placeholders, or `$0`.
pub(super) fn numbered(text: &str) -> Result<Option<(String, Vec<usize>)>, &'static str> {
    let (mut plain, mut numbers, mut is_mixed) =
        (String::with_capacity(text.len()), Vec::new(), false);
    for (piece, is_code) in pieces(text, Quoting::Backslashes) {
        if !is_code {
            plain.push_str(piece);
            continue;
        }
        is_mixed |= piece.contains('?');
        let mut rest = piece;
        while let Some(at) = rest.find('$') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            plain.push_str(before);
            // A name may have dollars in it.
            let is_name = before.ends_with(|c: char| c.is_alphanumeric() || "_$".contains(c));
            match after[..digits].parse::<usize>() {
                Ok(0) => return Err("placeholders begin with $1"),
                Ok(number) if !is_name => {
                    numbers.push(number - 1);
                    plain.push('?');
                }
                _ => plain.push_str(&rest[at..at + 1 + digits]),
            }
            rest = &after[digits..];
        }
        plain.push_str(rest);
    }
    match numbers.is_empty() {
        true => Ok(None),
        false if is_mixed => Err("placeholders are either $1 or ?, not both in one statement"),
        false => Ok(Some((plain, numbers))),
    }
}

/// Whether the code has a word, in any case.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let mut code = pieces(text, Quoting::Plain).filter(|(_, is_code)| *is_code);
    code.any(|(piece, _)| {
        let mut words = piece.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|found| found.eq_ignore_ascii_case(word))
    })
}

/// Returns the first word of the code, in small letters.
pub(super) fn first_word(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(LOOKED_AT)];
    let mut code = pieces(text, Quoting::Plain).filter(|(_, is_code)| *is_code);
    let word = code.find_map(|(piece, _)| {
        let mut words = piece.split(|c: char| !c.is_ascii_alphabetic());
        words.find(|word| !word.is_empty())
    });
    word.unwrap_or_default().to_ascii_lowercase()
}

/// How a quotation mark stands within a string.
#[derive(Clone, Copy, PartialEq)]
enum Quoting {
    /// Doubled.
    Plain,
    /// Doubled, or behind a backslash; and `#` begins a comment, as in MySQL.
    Backslashes,
}

/// Returns the pieces of a text, in their order, each with whether it is code.
fn pieces(text: &str, quoting: Quoting) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    let mut next = None;
    iter::from_fn(move || {
        if let Some(piece) = next.take() {
            return Some((piece, false));
        }
        if rest.is_empty() {
            return None;
        }
        let Some((at, length)) = first_quoted(rest, quoting) else {
            return Some((std::mem::take(&mut rest), true));
        };
        let (code, after) = rest.split_at(at);
        let (quoted, after) = after.split_at(length);
        rest = after;
        if code.is_empty() {
            return Some((quoted, false));
        }
        next = Some(quoted);
        Some((code, true))
    })
}

/// Finds the first string, name in quotes or comment: where it begins, and how long it is.
fn first_quoted(text: &str, quoting: Quoting) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_mysql = quoting == Quoting::Backslashes;
    let up_to = |end: &str, from: usize| {
        text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
    };
    (0..bytes.len()).find_map(|at| {
        let end = match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => end_of_string(bytes, at, quote, is_mysql),
            b'#' if is_mysql => up_to("\n", at),
            b'-' if bytes[at..].starts_with(b"--") => up_to("\n", at),
            b'/' if bytes[at..].starts_with(b"/*") => up_to("*/", at + 2),
            _ => return None,
        };
        Some((at, end - at))
    })
}

/// Returns where a string ends that begins at `from`. A doubled quotation mark is the end of one
/// string and the beginning of the next, which comes to the same.
fn end_of_string(bytes: &[u8], from: usize, quote: u8, has_escapes: bool) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'\\' && has_escapes && quote != b'`' {
            at += 1;
        } else if byte == quote {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_become_question_marks_in_code_alone() {
        let (text, numbers) =
            numbered("select $2, '$1', $1, `$3`, a$1 -- $4\n, $10 /* $5 */").unwrap().unwrap();
        assert_eq!(text, "select ?, '$1', ?, `$3`, a$1 -- $4\n, ? /* $5 */");
        assert_eq!(numbers, [1, 0, 9]);
        for plain in ["select 1", "select ?", "select '$1'", "select '\\'$1'", "select a from $b"] {
            assert_eq!(numbered(plain), Ok(None), "{plain}");
        }
        assert!(numbered("select $1, ?").is_err() && numbered("select $0").is_err());
        assert!(numbered("select $99999999999999999999").unwrap().is_none());
    }

    #[test]
    fn words_are_those_of_the_code() {
        assert!(has_word("INSERT INTO t VALUES (1) Returning id", "returning"));
        assert!(!has_word("insert into t values ('returning')", "returning"));
        assert!(!has_word("insert into returning_t values (1)", "returning"));
        assert_eq!(first_word(" /* x */ -- y\n ( SELECT 1)"), "select");
        assert_eq!(first_word("'only'"), "");
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_text(text in "[a$1'\"`\\-/*#\n ;é]{0,40}") {
            for quoting in [Quoting::Plain, Quoting::Backslashes] {
                let all: String = pieces(&text, quoting).map(|(piece, _)| piece).collect();
                prop_assert_eq!(&all, &text);
            }
            let _ = numbered(&text);
        }
    }
}
