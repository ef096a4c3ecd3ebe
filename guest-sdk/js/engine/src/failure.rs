//! What people read when something goes wrong.

use rquickjs::{CaughtError, Constructor, Ctx, Error, Function, Object, Persistent, Result, Value};

use crate::snow::host::http::{Field, Response};
use crate::snow::host::logging::{self, Level};
use crate::snow::host::pending_handles::{Failure, Outcome};
use crate::snow::host::source;
use crate::text::Text;

/// A place in a source text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Returns the place of a byte in a text.
    pub fn of(text: &str, byte: usize) -> Place {
        let before = text.get(..byte).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
        }
    }
}

/// Ends the call and the instance with these words. That is for a guest that can't be evaluated,
/// and for an engine that can't go on.
pub fn fail(text: &str) -> ! {
    source::fail(text);
    unreachable!("the host ends the call")
}

/// Lines that are logged of an error. Its message may quote what a client has sent.
const LINES_MAX: usize = 100;

/// Logs why a call has failed, a line at a time.
fn tell(words: &str) {
    words.lines().take(LINES_MAX).for_each(|line| logging::log(Level::Error, line));
}

/// Logs why a job has failed, and returns its failure. The instance goes on.
pub fn of_job(words: &str) -> Failure {
    tell(words);
    let message = words.lines().next().unwrap_or_default().to_owned();
    Failure { code: "failed".to_owned(), message }
}

/// Logs why a call has failed, and returns its answer. The instance goes on.
pub fn answer(words: &str) -> Outcome {
    tell(words);
    let value = b"text/plain; charset=utf-8".to_vec();
    Outcome::Respond(Response {
        status: 500,
        headers: vec![Field { name: "content-type".to_owned(), value }],
        body: b"internal server error".to_vec(),
    })
}

/// Throws an error of a built-in class, such as `SyntaxError`, whose stack is one place in a file.
pub fn throw_at(
    ctx: &Ctx<'_>,
    class: &str,
    message: &str,
    file: &str,
    place: Option<Place>,
) -> Error {
    let at = match place {
        Some(Place { line, column }) => format!("    at {file}:{line}:{column}\n"),
        None => format!("    at {file}\n"),
    };
    let thrown = || -> Result<Value<'_>> {
        let class: Constructor = ctx.globals().get(class)?;
        let error: Object = class.construct((message,))?;
        error.set("stack", at)?;
        Ok(error.into_value())
    };
    match thrown() {
        Ok(error) => ctx.throw(error),
        Err(error) => error,
    }
}

/// Returns what was thrown in words: by `describe` of `js/console.js`, once it is loaded.
pub fn describe<'js>(
    ctx: &Ctx<'js>,
    describe: Option<&Persistent<Function<'static>>>,
    caught: CaughtError<'js>,
) -> String {
    let thrown = match caught {
        CaughtError::Error(error) => return error.to_string(),
        // QuickJS throws that if there is no memory for an error either.
        CaughtError::Value(value) if value.is_null() && has_run_out() => {
            return out_of_memory(ctx, "InternalError: out of memory");
        }
        CaughtError::Exception(exception) => exception.into_value(),
        CaughtError::Value(value) => value,
    };
    if is_out_of_memory(&thrown) {
        return out_of_memory(ctx, &plain(&thrown).replace(NO_MESSAGE, "out of memory"));
    }
    let words = |describe: &Persistent<Function<'static>>| -> Result<Text> {
        describe.clone().restore(ctx)?.call((thrown.clone(),))
    };
    match describe.map(words) {
        Some(Ok(Text(words))) => words,
        // It was thrown because nothing can run any more, or too early.
        _ => {
            ctx.catch();
            plain(&thrown)
        }
    }
}

/// Bytes that must be free if an instance is to go on that has run out of memory.
const SPARE_BYTES: usize = 1 << 20;

/// Returns what to say of a call without memory. Its own is free again, and the instance goes on: a
/// client may have asked for too much. If there is still none, it ends the call and the instance.
fn out_of_memory(ctx: &Ctx<'_>, said: &str) -> String {
    let words = format!("{}\n(memory_bytes_max is its limit)", said.trim_end());
    ctx.run_gc();
    if Vec::<u8>::new().try_reserve_exact(SPARE_BYTES).is_err() {
        fail(&words);
    }
    words
}

/// The message of an error for whose own message QuickJS had no memory.
const NO_MESSAGE: &str = "Invalid error message";

/// Returns whether QuickJS has thrown this since there was no memory left.
fn is_out_of_memory(thrown: &Value<'_>) -> bool {
    if !thrown.is_error() {
        return false;
    }
    let text = |name: &str| thrown.as_object()?.get::<_, String>(name).ok();
    let is_own = || text("name").is_some_and(|name| name == "InternalError");
    let is_it =
        |message: String| message == "out of memory" || (message == NO_MESSAGE && has_run_out());
    is_own() && text("message").is_some_and(is_it)
}

/// Returns whether memory has run out in this call.
fn has_run_out() -> bool {
    #[cfg(target_family = "wasm")]
    return crate::libc::has_run_out();
    #[cfg(not(target_family = "wasm"))]
    false
}

/// Returns what an error says of itself, without JavaScript that could fail.
fn plain(thrown: &Value<'_>) -> String {
    if !thrown.is_error() {
        return "thrown: what can not be shown".to_owned();
    }
    let text = |name: &str| {
        let text = thrown.as_object().and_then(|object| object.get::<_, Text>(name).ok());
        text.map(|text| text.0).unwrap_or_default()
    };
    format!("{}: {}\n{}", text("name"), text("message"), text("stack"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_1() {
        let text = "a\nöx\n";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, 4), Place { line: 2, column: 2 });
        assert_eq!(Place::of(text, 99), Place { line: 3, column: 1 });
    }
}
