//! Texts that JavaScript hands over. A text of JavaScript may hold half of a character (a surrogate
//! without its pair), which is no character of anybody else's.

use std::slice;

use rquickjs::{Ctx, Error, Exception, FromJs, Result, Value, qjs};

/// A text, with U+FFFD for each half of a character, as the web has it.
#[derive(Debug)]
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let string = rquickjs::String::from_js(ctx, value)?;
        // Without memory QuickJS has thrown an exception.
        let bytes = string.to_cstring().map_err(|_| Error::Exception)?;
        // SAFETY: these are the bytes of a string that lives as long as `bytes`.
        let bytes = unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
        let mut text = String::new();
        if text.try_reserve_exact(bytes.len()).is_err() {
            return Err(too_large(ctx, bytes.len()));
        }
        push_without_halves(&mut text, bytes);
        Ok(Text(text))
    }
}

/// Appends what QuickJS writes for a text as UTF-8: half of a character has three bytes there, of
/// which the first can begin nothing else that is wrong. It becomes a character of three bytes.
fn push_without_halves(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().first() == Some(&0xed) {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Returns bytes as a text of JavaScript, with U+FFFD for what is not UTF-8; null for such bytes, if
/// they are fatal.
///
/// # Errors
/// There is no memory for it: a text may take more than the bytes, since each U+FFFD has two.
pub fn decode<'js>(ctx: &Ctx<'js>, bytes: &[u8], fatal: bool) -> Result<Value<'js>> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok(rquickjs::String::from_str(ctx.clone(), text)?.into_value());
    }
    if fatal {
        return Ok(Value::new_null(ctx.clone()));
    }
    let characters = || {
        bytes.utf8_chunks().flat_map(|chunk| {
            let wrong = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            chunk.valid().chars().chain(wrong)
        })
    };
    // Counted first: it must neither be made piece by piece nor copied once more to grow.
    let count = characters().map(char::len_utf16).sum();
    let mut units: Vec<u16> = Vec::new();
    if units.try_reserve_exact(count).is_err() {
        return Err(too_large(ctx, bytes.len()));
    }
    for character in characters() {
        units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
    }
    // SAFETY: QuickJS copies this many units.
    let string =
        unsafe { qjs::JS_NewStringUTF16(ctx.as_raw().as_ptr(), units.as_ptr(), count as _) };
    // SAFETY: it is a value that nobody else has, or says that an exception was thrown.
    match unsafe { qjs::JS_IsException(string) } {
        true => Err(Error::Exception),
        false => Ok(unsafe { Value::from_raw(ctx.clone(), string) }),
    }
}

/// Throws that there is no memory for a text or a list of so many bytes.
pub fn too_large(ctx: &Ctx<'_>, bytes: usize) -> Error {
    let message = format!("out of memory: {bytes} bytes are too large here (memory_bytes_max)");
    Exception::throw_range(ctx, &message)
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

    #[test]
    fn bytes_are_decoded_as_on_the_web() {
        let context = Context::full(&Runtime::new().unwrap()).unwrap();
        context.with(|ctx| {
            for bytes in [&b"abc"[..], "\u{e4}\u{1F600}\0".as_bytes(), b"\xff\xe4\xf0\x9fa", b""] {
                let text: String = decode(&ctx, bytes, false).unwrap().get().unwrap();
                assert_eq!(text, String::from_utf8_lossy(bytes));
                let is_null = decode(&ctx, bytes, true).unwrap().is_null();
                assert_eq!(is_null, str::from_utf8(bytes).is_err());
            }
        });
    }
}
