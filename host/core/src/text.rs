//! Text that people read: made safe for a terminal or a log, and errors with their causes.

use std::borrow::Cow;
use std::error::Error;

use crate::pending::TOKEN_BYTES;

/// What stands in the place of a token.
const CUT: &str = "[token]";

/// Returns the text with its control characters escaped, so that none of them can move a cursor or
/// begin a line.
///
/// For text of guests and clients that goes to a terminal or to a log. Other characters stay as
/// they are.
///
/// ```
/// assert_eq!(snow_core::escape_control("tea\n\u{1b}[2J"), r"tea\n\u{1b}[2J");
/// ```
pub fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape =
        |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
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
        cut.push_str(CUT);
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
        assert_eq!(escape_control("a\n\x1b[31m\u{9b}"), r"a\n\u{1b}[31m\u{9b}");
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
