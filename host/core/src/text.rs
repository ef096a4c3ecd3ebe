//! Text that people read: made safe for a terminal or a log, kept short, and errors with their
//! causes.
//!
//! Text of a guest or a client may hold anything. Three things must not happen: it must not move a
//! terminal's cursor, not begin a line that looks like one of the host's, and not be so long that
//! formatting it keeps others waiting.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};

use crate::pending::TOKEN_BYTES;

/// The sign for a part of a text that was cut off.
const CUT: char = '…';
/// The word in the place of a token.
const TOKEN_CUT: &str = "[token]";

/// Returns the text with its control characters escaped, so that none of them can move a cursor or
/// begin a line. Characters that have no shape and change how their neighbours look (the direction
/// of writing) are escaped too.
///
/// For text of guests and clients that goes to a terminal or to a log. Other characters stay as
/// they are.
///
/// ```
/// assert_eq!(snow_core::escape_control("tea\n\u{1b}[2J"), r"tea\n\u{1b}[2J");
/// ```
pub fn escape_control(text: &str) -> Cow<'_, str> {
    escape(text, EscapeStyle::Line)
}

/// Returns the text with its control characters escaped, but for its line breaks and tabs. Each line
/// but the first is indented, so none can pass for a message by itself.
///
/// For messages that quote a guest, such as an error with its causes or a backtrace.
///
/// ```
/// let text = snow_core::escape_lines("the call failed:\n\tunreachable\nerror: forged\r");
/// assert_eq!(text, "the call failed:\n    \tunreachable\n    error: forged\\r");
/// ```
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape(text, EscapeStyle::Lines)
}

fn escape(text: &str, style: EscapeStyle) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    // Writing to a String can't fail.
    let _ = Escaped::new(&mut escaped, style).write_str(text);
    Cow::Owned(escaped)
}

/// How control characters are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeStyle {
    /// All of them, as in Rust: the text is one line.
    Line,
    /// As in Rust, but line breaks and tabs stay. The lines behind the first are indented.
    Lines,
    /// As in strings of JSON, for a text that is JSON.
    Json,
}

/// A writer that escapes what is written through it, for formatting without a copy in between.
pub struct Escaped<'a> {
    to: &'a mut String,
    style: EscapeStyle,
}

impl<'a> Escaped<'a> {
    /// Makes a writer that appends to a string.
    pub fn new(to: &'a mut String, style: EscapeStyle) -> Escaped<'a> {
        Escaped { to, style }
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Almost all text is plain, and is copied in one piece.
        let mut plain = 0;
        for (at, hidden) in text.char_indices().filter(|&(_, c)| is_hidden(c)) {
            self.to.push_str(&text[plain..at]);
            plain = at + hidden.len_utf8();
            match (self.style, hidden) {
                (EscapeStyle::Lines, '\n') => self.to.push_str("\n    "),
                (EscapeStyle::Lines, '\t') => self.to.push('\t'),
                (EscapeStyle::Line | EscapeStyle::Lines, _) => {
                    self.to.extend(hidden.escape_debug())
                }
                // Those within strings have been escaped.
                (EscapeStyle::Json, '\n') => self.to.push('\n'),
                // All of them have four digits at most.
                (EscapeStyle::Json, _) => write!(self.to, "\\u{:04x}", u32::from(hidden))?,
            }
        }
        self.to.push_str(&text[plain..]);
        Ok(())
    }
}

/// Whether a character is escaped.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text, or its first `bytes_max` bytes with an ellipsis behind them.
///
/// ```
/// assert_eq!(snow_core::cut("tea", 3), "tea");
/// assert_eq!(snow_core::cut("tea time", 3), "tea…");
/// ```
pub fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let kept = &text[..text.floor_char_boundary(bytes_max)];
    let mut cut = String::with_capacity(kept.len() + CUT.len_utf8());
    cut.push_str(kept);
    cut.push(CUT);
    Cow::Owned(cut)
}

/// Returns the text, cut as by [`cut`]. It never holds more memory than it needs: the text of a long
/// one is copied.
pub fn cut_owned(text: String, bytes_max: usize) -> String {
    match cut(&text, bytes_max) {
        Cow::Owned(cut) => cut,
        // Text that was made in a larger buffer is not kept in it.
        Cow::Borrowed(_) if text.capacity() > 2 * text.len() => text.as_str().into(),
        Cow::Borrowed(_) => text,
    }
}

/// A text that takes no more than so many bytes. Writing more to it is an error, which ends the
/// formatting of whatever writes: a value that displays as gigabytes costs no more than its
/// beginning.
///
/// ```
/// use std::fmt::Write;
///
/// let mut text = snow_core::Bounded::new(10);
/// assert!(write!(text, "{:>60000}", "x").is_err());
/// assert_eq!(text.into_string(), "          …");
/// ```
pub struct Bounded {
    text: String,
    left: usize,
}

impl Bounded {
    /// Makes an empty text.
    pub fn new(bytes_max: usize) -> Bounded {
        Bounded { text: String::new(), left: bytes_max }
    }

    /// Returns what was written. If that was too much, an ellipsis ends it.
    pub fn into_string(self) -> String {
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if more.len() <= self.left {
            self.left -= more.len();
            self.text.push_str(more);
            return Ok(());
        }
        if !self.text.ends_with(CUT) {
            self.text.push_str(&cut(more, self.left));
        }
        self.left = 0;
        Err(fmt::Error)
    }
}

/// Returns the text with each token of a pending cut out, wherever it stands: whoever reads a token
/// could settle with it.
///
/// Every run of as many hexadecimal digits or more is taken for one, since a digest of that length
/// looks the same.
///
/// ```
/// let token = "0".repeat(52);
/// assert_eq!(snow_core::cut_tokens(&format!("/settle/{token}?by=me")), "/settle/[token]?by=me");
/// ```
pub fn cut_tokens(text: &str) -> Cow<'_, str> {
    const DIGITS: usize = TOKEN_BYTES * 2;
    if text.len() < DIGITS {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut kept = 0;
    for run in text.split(|c: char| !c.is_ascii_hexdigit()).filter(|run| run.len() >= DIGITS) {
        let start = run.as_ptr() as usize - text.as_ptr() as usize;
        cut.push_str(&text[kept..start]);
        cut.push_str(TOKEN_CUT);
        kept = start + run.len();
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    cut.push_str(&text[kept..]);
    Cow::Owned(cut)
}

/// Returns an error's message and the messages of its causes, the outermost first, each cause on a
/// line of its own.
///
/// ```
/// # #[derive(Debug)]
/// # struct Load(std::num::ParseIntError);
/// # impl std::fmt::Display for Load {
/// #     fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
/// #         out.write_str("the limit can't be read")
/// #     }
/// # }
/// # impl std::error::Error for Load {
/// #     fn source(&self) -> Option<&(dyn std::error::Error + 'static)> { Some(&self.0) }
/// # }
/// let error = Load("x".parse::<u8>().unwrap_err());
/// let text = "the limit can't be read:\n  invalid digit found in string";
/// assert_eq!(snow_core::error_chain(&error), text);
/// ```
pub fn error_chain(error: &dyn Error) -> String {
    let messages: Vec<String> = std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect();
    messages.join(":\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape_control("/é/(.*)"), "/é/(.*)");
        assert_eq!(escape_control("a\n\x1b[31m\u{9b}\t"), r"a\n\u{1b}[31m\u{9b}\t");
        assert_eq!(escape_control("a\u{202e}b\u{2028}c\u{7f}"), r"a\u{202e}b\u{2028}c\u{7f}");
        assert_eq!(escape_lines("a\n\nb\tc\r\n\x08"), "a\n    \n    b\tc\\r\n    \\u{8}");
    }

    #[test]
    fn no_character_that_moves_a_cursor_is_left() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(!escape_control(&all).chars().any(char::is_control));
        assert!(!escape_lines(&all).chars().any(|c| c.is_control() && !"\n\t".contains(c)));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!((cut("", 0), cut("ü", 2), cut("ü", 1)), ("".into(), "ü".into(), "…".into()));
        assert_eq!(cut_owned("x".repeat(1 << 20), 4), "xxxx…");
        let mut roomy = String::with_capacity(1 << 20);
        roomy.push_str("tea");
        assert!(cut_owned(roomy, 9).capacity() < 10);
    }

    #[test]
    fn what_is_too_much_ends_the_formatting() {
        let mut text = Bounded::new(5);
        assert!(text.write_str("12").is_ok() && text.write_str("345").is_ok());
        assert!(text.write_str("6").is_err() && text.write_str("7").is_err());
        assert!(text.write_str("").is_ok());
        assert_eq!(text.into_string(), "12345…");
    }

    #[test]
    fn tokens_are_cut_wherever_they_stand() {
        let token = "00ab".repeat(13);
        let uncut = [String::new(), "a".repeat(51), format!("/{}/g", "é".repeat(60))];
        for text in uncut {
            assert_eq!(cut_tokens(&text), text);
        }
        let text = format!("{token}/é/x{token}&t={}", "A".repeat(60));
        assert_eq!(cut_tokens(&text), "[token]/é/x[token]&t=[token]");
    }
}
