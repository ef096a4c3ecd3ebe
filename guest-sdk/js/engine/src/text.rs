//! Texts that JavaScript hands over. A text of JavaScript may hold half of a character (a surrogate
//! without its pair), which is no character of anybody else's.

use std::slice;

use rquickjs::{Ctx, FromJs, Result, Value};

/// A text, with U+FFFD for each half of a character, as the web has it.
#[derive(Debug)]
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let string = rquickjs::String::from_js(ctx, value)?;
        if let Ok(text) = string.to_string() {
            return Ok(Text(text));
        }
        let bytes = string.to_cstring()?;
        // SAFETY: these are the bytes of a string that lives as long as `bytes`.
        let bytes = unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
        Ok(Text(without_halves(bytes)))
    }
}

/// Returns what QuickJS writes for a text as UTF-8: half of a character has three bytes there, of
/// which the first can begin nothing else that is wrong.
fn without_halves(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().first() == Some(&0xed) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rquickjs::{Context, Runtime};

    use super::*;

    #[test]
    fn half_a_character_is_replaced() {
        let context = Context::full(&Runtime::new().unwrap()).unwrap();
        context.with(|ctx| {
            for (script, text) in [
                ("'ä\\u{1F600}'", "ä\u{1F600}"),
                ("'a\\uD83D'", "a\u{FFFD}"),
                ("'\\uDE00\\uD83D.'", "\u{FFFD}\u{FFFD}."),
                ("'ż\\uD83Dż'", "ż\u{FFFD}ż"),
            ] {
                assert_eq!(ctx.eval::<Text, _>(script).unwrap().0, text, "{script}");
            }
            assert!(ctx.eval::<Text, _>("7").is_err());
        });
    }
}
