//! Text of guests and clients, made fit for a terminal.

use std::borrow::Cow;

/// The text with its control characters escaped: none of them can move a cursor or begin a line.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("/é/(.*)"), "/é/(.*)");
        assert_eq!(plain("a\n\x1b[31m\u{9b}"), r"a\n\u{1b}[31m\u{9b}");
    }
}
