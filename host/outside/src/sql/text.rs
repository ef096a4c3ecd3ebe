//! The text of statements, as far as it has to be understood: where its code is, and where its
//! strings, names in quotes and comments are.

use std::iter;

use snow_config::Dialect;

/// First words of statements that begin or end a transaction, or a part of one.
const OF_TRANSACTIONS: [&str; 8] =
    ["abort", "begin", "commit", "end", "release", "rollback", "savepoint", "xa"];

/// Returns the text with `?` for each `$1`, `$2` and so on, and which value each stands for. `None`
/// if it has none of them.
///
/// # Errors
/// It has both forms of placeholders, or `$0`.
pub(super) fn numbered(text: &str) -> Result<Option<(String, Vec<usize>)>, &'static str> {
    if !text.contains('$') {
        return Ok(None);
    }
    let (mut plain, mut numbers, mut is_mixed) =
        (String::with_capacity(text.len()), Vec::new(), false);
    for (piece, is_code) in pieces(text) {
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

/// Whether a text has a word, in any case: in its code, or in a string or a comment.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|found| found.eq_ignore_ascii_case(word))
}

/// Returns the first word of a statement, behind all comments. It is empty if there is none, also
/// if there is a comment before it that MySQL carries out.
pub(super) fn first_word(text: &str, dialect: Dialect) -> &str {
    next_word(text, dialect).0
}

/// Whether a statement begins or ends a transaction, or a part of one, by its first words.
pub(super) fn is_of_a_transaction(text: &str, dialect: Dialect) -> bool {
    let (word, rest) = next_word(text, dialect);
    let is_one_of = |words: &[&str]| words.iter().any(|one| one.eq_ignore_ascii_case(word));
    let is_followed = || next_word(rest, dialect).0.eq_ignore_ascii_case("transaction");
    is_one_of(&OF_TRANSACTIONS) || is_one_of(&["prepare", "start"]) && is_followed()
}

/// Returns the first word, and what is behind it.
fn next_word(text: &str, dialect: Dialect) -> (&str, &str) {
    // SQLite takes a mark of the byte order for a blank.
    let is_between = |c: char| c.is_whitespace() || "(;\u{feff}".contains(c);
    let mut rest = text.trim_start_matches(is_between);
    while let Some(length) = comment(rest, dialect) {
        rest = rest[length..].trim_start_matches(is_between);
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    rest.split_at(end)
}

/// Returns how long the comment is that a text begins with. `None` if it begins with none.
fn comment(text: &str, dialect: Dialect) -> Option<usize> {
    let is_mysql = dialect == Dialect::Mysql;
    let line = || match dialect {
        Dialect::Postgres => text.find(['\n', '\r']).unwrap_or(text.len()),
        Dialect::Mysql | Dialect::Sqlite => text.find('\n').unwrap_or(text.len()),
    };
    match text.as_bytes() {
        [b'#', ..] if is_mysql => Some(line()),
        // In MySQL it is two signs of a number unless something blank is behind it.
        [b'-', b'-', b'!'..=b'~' | 0x80.., ..] if is_mysql => None,
        [b'-', b'-', ..] => Some(line()),
        // It carries their contents out.
        [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] if is_mysql => None,
        [b'/', b'*', ..] if dialect == Dialect::Postgres => Some(nested(text.as_bytes())),
        [b'/', b'*', ..] => Some(text[2..].find("*/").map_or(text.len(), |at| 2 + at + 2)),
        _ => None,
    }
}

/// Returns how long a comment is that may have others in it.
fn nested(text: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < text.len() {
        let step = match &text[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
    }
    at
}

/// Returns the pieces of a text for MySQL, in their order, each with whether it is code.
fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    let mut next = None;
    iter::from_fn(move || {
        if let Some(piece) = next.take() {
            return Some((piece, false));
        }
        if rest.is_empty() {
            return None;
        }
        let Some((at, length)) = first_quoted(rest) else {
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
fn first_quoted(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let length = match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => end_of_string(bytes, at, quote) - at,
            b'#' | b'-' | b'/' => comment(&text[at..], Dialect::Mysql)?,
            _ => return None,
        };
        Some((at, length))
    })
}

/// Returns where a string ends that begins at `from`. A doubled quotation mark is the end of one
/// string and the beginning of the next, which comes to the same.
fn end_of_string(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'\\' && quote != b'`' {
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
        for (text, plain) in [
            ("select 5--$1", "select 5--?"),
            ("select 5--\t$2\n, $1", "select 5--\t$2\n, ?"),
            ("select /*!50000 $1 */", "select /*!50000 ? */"),
        ] {
            assert_eq!(numbered(text), Ok(Some((plain.to_owned(), vec![0]))), "{text}");
        }
        assert_eq!(numbered("select 1 --"), Ok(None));
        assert!(numbered("select $1, ?").is_err() && numbered("select $0").is_err());
        assert!(numbered("select $99999999999999999999").unwrap().is_none());
    }

    #[test]
    fn a_word_is_found_wherever_it_is() {
        assert!(has_word("INSERT INTO t VALUES (1) Returning id", "returning"));
        assert!(has_word("insert into t values (E'it\\'s') returning id", "returning"));
        assert!(!has_word("insert into returning_t values (1)", "returning"));
    }

    #[test]
    fn the_first_word_is_behind_all_comments() {
        use Dialect::{Mysql, Postgres, Sqlite};
        let long = format!("/* {} */ use other", "x".repeat(2_000));
        for (text, dialect, word) in [
            (" /* x */ -- y\n ; ( SELECT 1)", Sqlite, "SELECT"),
            ("set@a = 1", Mysql, "set"),
            ("# x\nuse other", Mysql, "use"),
            ("# x\nuse other", Sqlite, ""),
            (&long, Mysql, "use"),
            ("/*!40101 set sql_mode = 'ansi' */", Mysql, ""),
            ("/*M! set sql_mode = 'ansi' */", Mysql, ""),
            ("/*! x */ commit", Postgres, "commit"),
            ("/* /* x */ y */ commit", Postgres, "commit"),
            ("/* /* x */ y */ commit", Sqlite, "y"),
            ("-- x\rcommit", Postgres, "commit"),
            ("-- x\rcommit", Mysql, ""),
            ("\u{feff}commit", Sqlite, "commit"),
            ("/* x", Postgres, ""),
            ("--x\nset a = 1", Mysql, ""),
            ("--\nset a = 1", Mysql, "set"),
            ("--x\nset a = 1", Sqlite, "set"),
            ("'only'", Mysql, ""),
            ("", Mysql, ""),
        ] {
            assert_eq!(first_word(text, dialect), word, "{text}");
        }
    }

    #[test]
    fn what_begins_or_ends_a_transaction_is_known() {
        for text in [
            "BEGIN",
            "/* x */ commit work",
            "start /* x */ transaction read only",
            "Prepare Transaction 'x'",
            "rollback to a",
            "savepoint a",
            "end;",
        ] {
            for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
                assert!(is_of_a_transaction(text, dialect), "{text}");
            }
        }
        for text in ["select 'commit'", "prepare p as select 1", "start replica", "beginning", ""] {
            assert!(!is_of_a_transaction(text, Dialect::Postgres), "{text}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_text(text in "[a$1'\"`\\-/*#\n ;é]{0,40}") {
            let all: String = pieces(&text).map(|(piece, _)| piece).collect();
            prop_assert_eq!(&all, &text);
            let _ = numbered(&text);
            for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
                prop_assert!(text.contains(first_word(&text, dialect)));
            }
        }
    }
}
