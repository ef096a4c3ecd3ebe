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

/// Returns the text with its [hidden](is_hidden) characters escaped: none of them can move a cursor,
/// begin a line, change how its neighbours look, or make two names look alike.
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
                (EscapeStyle::Line | EscapeStyle::Lines, _) if hidden.is_control() => {
                    self.to.extend(hidden.escape_debug())
                }
                (EscapeStyle::Line | EscapeStyle::Lines, _) => {
                    self.to.extend(hidden.escape_unicode())
                }
                // Those within strings have been escaped.
                (EscapeStyle::Json, '\n') => self.to.push('\n'),
                // Characters of five digits and more are two escapes.
                (EscapeStyle::Json, _) => hidden
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .try_for_each(|unit| write!(self.to, "\\u{unit:04x}"))?,
            }
        }
        self.to.push_str(&text[plain..]);
        Ok(())
    }
}

/// Returns whether a character has no shape, so that it is escaped: control characters; format
/// characters, such as those that change the direction of writing or have no width; ends of lines
/// and paragraphs; what is private or not assigned; letters and marks that are invisible.
///
/// Spaces of any width stay, and so do the selectors that choose between a text's sign and an emoji.
///
/// ```
/// assert!(['\u{1b}', '\u{202e}', '\u{200b}', '\u{e000}'].into_iter().all(snow_core::is_hidden));
/// assert!(!"a é\u{301} 木\u{3000}❤\u{fe0f}".chars().any(snow_core::is_hidden));
/// ```
pub fn is_hidden(c: char) -> bool {
    match c {
        _ if c.is_ascii() => c.is_ascii_control(),
        _ if c.is_control() => true,
        '\u{2028}' | '\u{2029}' => true,
        // Fillers, joiners and selectors: letters and marks by their category.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => !c.is_whitespace() && !is_printable(c),
    }
}

/// Returns whether a character is printable, as `Debug` of a string has it. Behind another
/// character, `Debug` leaves a combining mark as it is.
fn is_printable(c: char) -> bool {
    let mut bytes = [b'x'; 5];
    let end = 1 + c.encode_utf8(&mut bytes[1..]).len();
    str::from_utf8(&bytes[..end]).is_ok_and(|text| text.escape_debug().count() == 2)
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
    fn characters_without_a_shape_are_escaped_in_each_style() {
        // The direction of writing, no width, an end of a line, private, not assigned, a tag.
        let hidden = "\u{200b}\u{200d}\u{200f}\u{2028}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{ad}\u{61c}\u{e000}\u{378}\u{fff9}\u{3164}\u{10fffd}\u{e0041}";
        assert!(hidden.chars().all(is_hidden));
        let escaped: String = hidden.chars().flat_map(char::escape_unicode).collect();
        assert_eq!((&*escape_control(hidden), &*escape_lines(hidden)), (&*escaped, &*escaped));
        let mut json = String::new();
        Escaped::new(&mut json, EscapeStyle::Json).write_str("\"a\u{202e}\u{e0041}\"").unwrap();
        assert_eq!(json, r#""a\u202e\udb40\udc41""#);
        let shown = "né e\u{301}\u{a0}\u{3000}שלום 木 हिन्दी ❤\u{fe0f} \\ \" '";
        assert_eq!(escape_control(shown), shown);
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
