//! JSON files as modules.

use rquickjs::{Ctx, Error, Object, Result, Value};

use crate::failure::{Place, throw_at};

/// Why a text is not JSON, and where.
pub struct NotJson {
    pub why: String,
    pub place: Option<Place>,
}

/// Returns what a JSON text says.
///
/// # Errors
/// The text is not JSON.
pub fn parse<'js>(ctx: &Ctx<'js>, text: &str) -> std::result::Result<Value<'js>, NotJson> {
    if let Some(at) = text.find('\0') {
        return Err(NotJson { why: "it has a NUL".to_owned(), place: Some(Place::of(text, at)) });
    }
    ctx.json_parse(text).map_err(|_| {
        let thrown = ctx.catch();
        NotJson { why: property(&thrown, "message"), place: place(&property(&thrown, "stack")) }
    })
}

/// Returns how deep values lie in one another in a JSON text.
pub fn nesting(text: &str) -> u32 {
    let (mut depth, mut deepest) = (0_u32, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Goes to the end of a string. What is escaped does not end it.
fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
}

/// Returns the script of a module whose default export is what a JSON text says.
///
/// # Errors
/// The text is not JSON.
pub fn script(ctx: &Ctx<'_>, name: &str, text: &str) -> Result<String> {
    parse(ctx, text).map_err(|NotJson { why, place }| {
        throw_at(ctx, "SyntaxError", &format!("the file is not JSON: {why}"), name, place)
    })?;
    // A string of JSON is one of JavaScript too. A value is not: `__proto__` is no key there.
    let string = ctx.json_stringify(text)?.ok_or(Error::Unknown)?.to_string()?;
    Ok(format!("export default JSON.parse({string});\n"))
}

fn property(thrown: &Value<'_>, name: &str) -> String {
    thrown.as_object().and_then(|object: &Object| object.get(name).ok()).unwrap_or_default()
}

/// Returns the place that stands in a stack, as `file:2:7`.
fn place(stack: &str) -> Option<Place> {
    let mut numbers = stack.lines().next()?.trim_end_matches(')').rsplitn(3, ':');
    let column = numbers.next()?.parse().ok()?;
    Some(Place { line: numbers.next()?.parse().ok()?, column })
}

#[cfg(test)]
mod tests {
    use rquickjs::{CatchResultExt, Context, Module, Runtime};

    use super::*;

    /// Returns what a function written in JavaScript says of the default export, or the error.
    fn look(text: &str, function: &str) -> String {
        let context = Context::full(&Runtime::new().unwrap()).unwrap();
        context.with(|ctx| {
            let look = || -> Result<String> {
                let script = script(&ctx, "shop/data.json", text)?;
                let (module, over) = Module::declare(ctx.clone(), "data", script)?.eval()?;
                over.finish::<()>()?;
                let value: Value = module.namespace()?.get("default")?;
                ctx.eval::<rquickjs::Function, _>(function)?.call((value,))
            };
            let looked = look().catch(&ctx);
            looked.unwrap_or_else(|error| error.to_string().replace('\n', " "))
        })
    }

    #[test]
    fn a_value_is_what_json_says_and_no_code() {
        for text in ["{\"a\": [1, null, \"\u{2028}\\\"'\\\\\"]}", "7", "\"x\"", "null", " [] "] {
            let same =
                format!("(value) => String(JSON.stringify(value) === JSON.stringify({text}))");
            assert_eq!(look(text, &same), "true", "{text}");
        }
        let proto = "(value) => String(Object.hasOwn(value, '__proto__') && value.isAdmin)";
        assert_eq!(look("{\"__proto__\": {\"isAdmin\": true}}", proto), "undefined");
    }

    #[test]
    fn nesting_is_that_of_values() {
        for (text, deepest) in [
            ("7", 0),
            ("[[], {\"a\": [1]}]", 3),
            (r#"["[[[[\"[[[", "\\"]"#, 1),
            ("]]]][", 1),
            ("\"[[", 0),
        ] {
            assert_eq!(nesting(text), deepest, "{text}");
        }
        assert_eq!(nesting(&"[".repeat(5_000)), 5_000);
    }

    #[test]
    fn what_is_not_json_has_its_place() {
        for (text, line, column) in [
            ("{\n  \"a\": 1,\n}", 3, 1),
            ("(globalThis.ran = true)", 1, 1),
            ("{\"a\":\n undefined}", 2, 2),
            ("[1] // one", 1, 5),
            ("", 1, 1),
            ("[1,\n\0]", 2, 1),
        ] {
            let said = look(text, "String");
            assert!(said.contains("the file is not JSON"), "{text}: {said}");
            let place = format!("at shop/data.json:{line}:{column}");
            assert!(said.contains(&place), "{text}: {said}");
        }
    }
}
