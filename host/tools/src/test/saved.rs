//! Values that steps save from answers, and texts that later steps make of them.
//!
//! In a text, `{{name}}` stands for a saved value, and `{{{{` for two braces.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// The size of the longest value that can be saved.
const SAVED_BYTES_MAX: usize = 1 << 20;
/// The size of all texts of one step together, with what was saved in its place.
const STEP_BYTES_MAX: usize = 64 << 20;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// A text of a case file, which may name saved values. The default is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The name of a saved value.
    Saved(String),
}

/// JSON of a case file, whose texts may name saved values. A text that is nothing but one name
/// stands for the value as it was saved: a number stays a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum JsonText {
    /// A number, a boolean or null.
    Plain(Value),
    Text(Text),
    List(Vec<JsonText>),
    Object(Vec<(Text, JsonText)>),
}

/// The reason why a text can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RenderError {
    #[error("no step has saved `{0}`")]
    Missing(String),
    #[error("with saved values, the texts of this step have more than {STEP_BYTES_MAX} bytes")]
    TooLong,
    #[error("with saved values, an object has two members called {0:?}")]
    SameMember(String),
}

/// The values that the steps of a case have saved, by their names. A text is a JSON string.
#[derive(Debug, Default)]
pub(super) struct Saved(BTreeMap<String, Value>);

/// Makes the texts of one step.
#[derive(Debug)]
pub(super) struct Renderer<'s> {
    saved: &'s Saved,
    /// How many bytes the texts may still have.
    left: usize,
}

impl Text {
    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong with a name, for the author of the case file.
    pub fn parse(text: &str) -> Result<Text, String> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once(OPEN) {
            literal += before;
            if let Some(after) = after.strip_prefix(OPEN) {
                literal += OPEN;
                rest = after;
                continue;
            }
            let Some((name, after)) = after.split_once(CLOSE) else {
                return Err("`{{` begins the name of a saved value, and no `}}` ends it; write \
                            `{{{{` for two braces"
                    .to_owned());
            };
            let name = name.trim();
            if !is_name(name) {
                return Err(format!(
                    "{name:?} in `{{{{…}}}}` is not the name of a saved value, which has letters, \
                     digits, `_` and `-`; write `{{{{{{{{` for two braces"
                ));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Saved(name.to_owned()));
            rest = after;
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Text(parts))
    }

    /// Returns the names of the saved values in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Saved(name) => Some(name.as_str()),
        })
    }

    /// Returns the text if there are no names in it.
    pub fn literal(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the text with `other` in the place of each name, to see whether it would be valid.
    pub fn with_all(&self, other: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) => text,
            Part::Saved(_) => other,
        });
        parts.collect()
    }
}

/// The text as the file has it.
impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Literal(text) => out.write_str(text),
            Part::Saved(name) => write!(out, "{OPEN}{name}{CLOSE}"),
        })
    }
}

impl Saved {
    /// Saves a value under a name, in the place of one that has it already.
    ///
    /// # Errors
    /// The value is too long.
    pub fn save(&mut self, name: &str, value: Value) -> Result<(), String> {
        let bytes = text_of(&value).len();
        if bytes > SAVED_BYTES_MAX {
            return Err(format!("it has {bytes} bytes; at most {SAVED_BYTES_MAX} can be saved"));
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    fn get(&self, name: &str) -> Result<&Value, RenderError> {
        self.0.get(name).ok_or_else(|| RenderError::Missing(name.to_owned()))
    }
}

impl<'s> Renderer<'s> {
    /// Returns a renderer for one step.
    pub fn new(saved: &'s Saved) -> Renderer<'s> {
        Renderer { saved, left: STEP_BYTES_MAX }
    }

    /// Puts saved values in the place of their names.
    pub fn text(&mut self, text: &Text) -> Result<String, RenderError> {
        self.encoded(text, |value| value.into())
    }

    /// Puts saved values in the place of their names, each encoded for a text of its kind: a
    /// pattern or a pointer.
    pub fn encoded(
        &mut self,
        text: &Text,
        encode: impl Fn(&str) -> Cow<'_, str>,
    ) -> Result<String, RenderError> {
        let mut made = String::new();
        for part in &text.0 {
            let piece = match part {
                Part::Literal(text) => Cow::Borrowed(text.as_str()),
                Part::Saved(name) => encode(&text_of(self.saved.get(name)?)).into_owned().into(),
            };
            self.charge(piece.len())?;
            made += &piece;
        }
        Ok(made)
    }

    /// Puts saved values in the place of their names.
    pub fn json(&mut self, json: &JsonText) -> Result<Value, RenderError> {
        Ok(match json {
            JsonText::Plain(value) => value.clone(),
            JsonText::Text(Text(parts)) => match &parts[..] {
                [Part::Saved(name)] => {
                    let value = self.saved.get(name)?;
                    self.charge(text_of(value).len())?;
                    value.clone()
                }
                _ => Value::String(self.text(&Text(parts.clone()))?),
            },
            JsonText::List(list) => {
                let values = list.iter().map(|json| self.json(json));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            JsonText::Object(members) => {
                let mut object = Map::new();
                for (name, json) in members {
                    let (name, value) = (self.text(name)?, self.json(json)?);
                    if object.contains_key(&name) {
                        return Err(RenderError::SameMember(name));
                    }
                    object.insert(name, value);
                }
                Value::Object(object)
            }
        })
    }

    fn charge(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.left = self.left.checked_sub(bytes).ok_or(RenderError::TooLong)?;
        Ok(())
    }
}

/// Returns whether a saved value may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.bytes().all(fits)
}

/// Returns a value as text: a string as it is, and anything else as JSON.
fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Text {
        Text::parse(text).expect(text)
    }

    fn saved() -> Saved {
        let mut saved = Saved::default();
        saved.save("id", json!(7)).unwrap();
        saved.save("name", json!("a/b")).unwrap();
        saved
    }

    #[test]
    fn names_are_replaced_and_braces_can_be_written() {
        let saved = saved();
        for (given, wanted) in [
            ("", ""),
            ("plain }} { text", "plain }} { text"),
            ("/orders/{{id}}/{{ name }}", "/orders/7/a/b"),
            ("{\"id\":{{id}}}", "{\"id\":7}"),
            ("{{{{id}}", "{{id}}"),
            ("{{{{{{id}}", "{{7"),
            ("ü{{id}}ü", "ü7ü"),
        ] {
            let parsed = text(given);
            assert_eq!(Renderer::new(&saved).text(&parsed).as_deref(), Ok(wanted), "{given}");
        }
        assert_eq!(text("a{{b}}c{{b}}").names().collect::<Vec<_>>(), ["b", "b"]);
        assert_eq!(text("{{{{a}}").literal(), Some("{{a}}"));
        assert_eq!(text("{{a}}").literal(), None);
        assert_eq!(text("^{{a}}$").with_all("x"), "^x$");
    }

    #[test]
    fn what_is_no_name_is_told() {
        for (given, words) in [
            ("{{a", "no `}}` ends it"),
            ("{{}}", "\"\" in `{{…}}` is not the name"),
            ("{{a b}}", "write `{{{{` for two braces"),
            ("{{{a}}", "\"{a\" in `{{…}}`"),
        ] {
            let error = Text::parse(given).expect_err(given);
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_text_that_is_one_name_keeps_its_type_in_json() {
        let json = JsonText::Object(vec![
            (text("{{name}}"), JsonText::Text(text("{{id}}"))),
            (text("text"), JsonText::List(vec![JsonText::Text(text("no. {{id}}"))])),
            (text("null"), JsonText::Plain(Value::Null)),
        ]);
        let saved = saved();
        let value = Renderer::new(&saved).json(&json);
        assert_eq!(value, Ok(json!({ "a/b": 7, "text": ["no. 7"], "null": null })));

        let twice = JsonText::Object(vec![
            (text("a/b"), JsonText::Plain(Value::Null)),
            (text("{{name}}"), JsonText::Plain(Value::Null)),
        ]);
        let error = Renderer::new(&saved).json(&twice);
        assert_eq!(error, Err(RenderError::SameMember("a/b".into())));
    }

    #[test]
    fn values_are_bounded_and_so_are_the_texts_of_a_step() {
        let mut saved = Saved::default();
        assert!(saved.save("long", json!("x".repeat(SAVED_BYTES_MAX + 1))).is_err());
        saved.save("long", json!("x".repeat(SAVED_BYTES_MAX))).unwrap();
        let many = text(&"{{long}}".repeat(STEP_BYTES_MAX / SAVED_BYTES_MAX));
        let mut renderer = Renderer::new(&saved);
        assert!(renderer.text(&many).is_ok());
        assert_eq!(renderer.text(&text("x")), Err(RenderError::TooLong));
        let list = JsonText::List(vec![JsonText::Text(text("{{long}}")); 65]);
        assert_eq!(Renderer::new(&saved).json(&list), Err(RenderError::TooLong));
        let missing = Renderer::new(&saved).text(&text("{{other}}"));
        assert_eq!(missing, Err(RenderError::Missing("other".into())));
    }
}
