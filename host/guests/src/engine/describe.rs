//! Errors of wasmtime as text for people: what went wrong, and after a trap the guest's backtrace.
//!
//! The text quotes the guest, which chooses the names of its functions; and after a trap it is made
//! on a worker's thread. So everything in it is cut to a constant before it is formatted. wasmtime's
//! own text of a backtrace is not used: it has names in full, and demangles them into a string
//! first, which takes a name of C++ as much memory as its author likes.

use std::borrow::Cow;
use std::fmt::{self, Write};

use wasmtime::{FrameInfo, WasmBacktrace};

use snow_core::{Bounded, cut};

/// Bytes of a whole text.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Bytes of one cause. Those of the compiler and the linker quote types of the guest.
const CAUSE_BYTES_MAX: usize = 4 << 10;
/// Causes of an error.
const CAUSES_MAX: usize = 16;
/// Bytes of a function's name as the guest has it. A mangled name that is cut is not demangled.
const MANGLED_BYTES_MAX: usize = 4 << 10;
/// Bytes of a function's name in the text.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a module's name in the text.
const MODULE_BYTES_MAX: usize = 64;
/// How wasmtime's text of a backtrace begins.
const BACKTRACE: &str = "error while executing at wasm backtrace:";
/// wasmtime's message when a guest passes more to the host at one time than it may, and the message
/// in its place. wasmtime's error has no type that others can name.
const LIMITED: (&str, &str) = (
    "fuel allocated for hostcalls has been exhausted",
    "the guest passes more bytes to the host at one time than it may (call_lifted_bytes_max)",
);

/// Returns the messages of an error and of its causes, the outermost first, and the backtrace of the
/// guest if there is one. Takes time and memory up to a constant, whatever the error quotes.
pub(crate) fn describe(error: &wasmtime::Error) -> String {
    let mut text = Bounded::new(TEXT_BYTES_MAX);
    // It fails if the text is full, and then ends with an ellipsis.
    let _ = write_error(&mut text, error);
    text.into_string()
}

fn write_error(out: &mut Bounded, error: &wasmtime::Error) -> fmt::Result {
    let causes = error.chain().map(|cause| beginning(cause, CAUSE_BYTES_MAX));
    // In the chain of causes, the backtrace is the first: the interesting ones are behind it.
    let causes = causes.filter(|text| !text.starts_with(BACKTRACE)).take(CAUSES_MAX);
    for (index, cause) in causes.enumerate() {
        let said = if cause.contains(LIMITED.0) { LIMITED.1 } else { cause.trim_end() };
        write!(out, "{}{said}", if index == 0 { "" } else { ":\n  " })?;
    }
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Ok(()) };
    write!(out, "\nbacktrace of the guest:")?;
    for (index, frame) in backtrace.frames().iter().enumerate() {
        write!(out, "\n{index:>4}: {}", place(frame))?;
    }
    Ok(())
}

/// Returns the place of a frame: `0x1a2 module!function`.
fn place(frame: &FrameInfo) -> String {
    let module = cut(frame.module().name().unwrap_or("<unknown>"), MODULE_BYTES_MAX);
    let function = match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("<function {}>", frame.func_index()).into(),
    };
    match frame.module_offset() {
        Some(offset) => format!("{offset:#8x} {module}!{function}"),
        None => format!("{module}!{function}"),
    }
}

/// Returns the name of a function as its source has it, if it is a mangled name of Rust; else as it
/// is.
fn demangled(name: &str) -> Cow<'_, str> {
    let mangled = cut(name, MANGLED_BYTES_MAX);
    match rustc_demangle::try_demangle(&mangled) {
        // Without the hash, which says nothing to people. The demangler writes piece by piece.
        Ok(name) => beginning(format_args!("{name:#}"), NAME_BYTES_MAX).into(),
        Err(_) => cut(name, NAME_BYTES_MAX),
    }
}

/// Formats the beginning of a value.
fn beginning(value: impl fmt::Display, bytes_max: usize) -> String {
    let mut text = Bounded::new(bytes_max);
    // It fails if there is more.
    let _ = write!(text, "{value}");
    text.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_and_cut() {
        let error = wasmtime::Error::msg("deep").context("x".repeat(1 << 20)).context("top");
        let text = describe(&error);
        assert!(text.starts_with("top:\n  xxx") && text.ends_with("…:\n  deep"), "{text}");
        assert!(text.len() < CAUSE_BYTES_MAX + 100);
        let many = (0..100).fold(wasmtime::Error::msg("x".repeat(1 << 20)), |error, _| {
            error.context("y".repeat(1 << 20))
        });
        assert!(describe(&many).len() <= TEXT_BYTES_MAX + "…".len());
    }

    #[test]
    fn names_are_demangled_and_cut() {
        assert_eq!(demangled("look_it_up"), "look_it_up");
        assert_eq!(demangled("_ZN4shop5order7approve17h0123456789abcdefE"), "shop::order::approve");
        let long = "n".repeat(100 << 20);
        assert_eq!(demangled(&long).len(), NAME_BYTES_MAX + "…".len());
    }

    /// A short name that displays as more than a thousand times its length, and one that would as
    /// more than any memory.
    #[test]
    fn a_name_that_grows_is_cut() {
        for doublings in [10, 60] {
            // A function with generic arguments. The first is a pair; each further one is a pair
            // that names the argument before it twice, by its place in the name.
            let mut name = "INvC1a1f".to_owned();
            let mut before = name.len();
            name += "TuuE";
            for _ in 0..doublings {
                let place = name.len();
                name += &format!("TB{0}_B{0}_E", base_62(before - 1));
                before = place;
            }
            let text = demangled(&format!("_R{name}E")).into_owned();
            assert!(text.starts_with("a::f::<((), ()), (((), ()), ((), ()))"), "{text}");
            assert_eq!(text.len(), NAME_BYTES_MAX + "…".len());
        }
    }

    fn base_62(number: usize) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let digit = |number: usize| char::from(DIGITS[number % 62]);
        if number < 62 {
            digit(number).into()
        } else {
            base_62(number / 62) + &String::from(digit(number))
        }
    }
}
