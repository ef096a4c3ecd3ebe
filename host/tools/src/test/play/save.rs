//! Takes values from answers.

use anyhow::{Context, anyhow, bail};
use regex::bytes::Regex;
use serde_json::Value;

use super::render::{render_pattern, render_pointer};
use crate::client::Response;
use crate::test::cases::{Save, SaveFrom};
use crate::test::compare::{parsed_json, shown};
use crate::test::saved::{Renderer, Saved};

impl Save {
    /// Takes the value from an answer and saves it.
    ///
    /// # Errors
    /// The answer does not have it.
    pub fn take(&self, answer: &Response, saved: &mut Saved) -> anyhow::Result<()> {
        let value = self.from.value(answer, saved);
        let saving = value.and_then(|value| saved.save(&self.name, value).map_err(|e| anyhow!(e)));
        saving.with_context(|| format!("`{}` can't be saved", self.name))
    }
}

impl SaveFrom {
    fn value(&self, answer: &Response, saved: &Saved) -> anyhow::Result<Value> {
        let mut renderer = Renderer::new(saved);
        match self {
            SaveFrom::Json { pointer } => {
                let pointer = render_pointer(pointer, &mut renderer)?;
                let body = parsed_json(&answer.body).map_err(|error| anyhow!(error))?;
                let value = body.pointer(&pointer).cloned();
                value.with_context(|| {
                    format!("the body has no {pointer}: got {}", shown(&answer.body, 0))
                })
            }
            SaveFrom::Body { pattern } => {
                let pattern = render_pattern(pattern, &mut renderer)?;
                match first_group(&pattern, &answer.body)? {
                    Some(value) => Ok(value),
                    None => bail!(
                        "the body has no match of /{pattern}/: got {}",
                        shown(&answer.body, 0)
                    ),
                }
            }
            SaveFrom::Header { name, pattern: None } => {
                let value = answer.field(&name.to_ascii_lowercase());
                text(value.with_context(|| format!("the answer has no header {name}"))?)
            }
            SaveFrom::Header { name, pattern: Some(pattern) } => {
                let pattern = render_pattern(pattern, &mut renderer)?;
                let mut got = Vec::new();
                for value in values(answer, name) {
                    if let Some(value) = first_group(&pattern, value)? {
                        return Ok(value);
                    }
                    got.push(shown(value, 0));
                }
                match &got[..] {
                    [] => bail!("the answer has no header {name}"),
                    got => bail!(
                        "no header {name} has a match of /{pattern}/: got {}",
                        got.join(" and ")
                    ),
                }
            }
            SaveFrom::Cookie { name } => {
                let cookies = || values(answer, "set-cookie").filter_map(cookie);
                // Of two with one name, a browser keeps the last.
                match cookies().filter(|(set, _)| *set == name.as_bytes()).last() {
                    Some((_, value)) => text(value),
                    None => {
                        let names: Vec<String> =
                            cookies().map(|(name, _)| shown(name, 0)).collect();
                        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
                        bail!("the answer sets no cookie {name:?}; it sets {names}")
                    }
                }
            }
        }
    }
}

/// Returns the values of all fields of a name.
fn values<'a>(answer: &'a Response, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let name = name.to_ascii_lowercase();
    answer.headers.iter().filter(move |(field, _)| *field == name).map(|(_, value)| &value[..])
}

/// Returns the name and the value of the cookie that a field sets.
fn cookie(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let pair = field.split(|byte| *byte == b';').next()?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
}

/// Returns what the first group of a pattern has matched. `None` if the pattern has no match.
fn first_group(pattern: &Regex, bytes: &[u8]) -> anyhow::Result<Option<Value>> {
    let Some(captures) = pattern.captures(bytes) else { return Ok(None) };
    match captures.get(1) {
        Some(group) => text(group.as_bytes()).map(Some),
        None => bail!("/{pattern}/ has a match, and its first group has no part in it"),
    }
}

fn text(bytes: &[u8]) -> anyhow::Result<Value> {
    let text = str::from_utf8(bytes);
    Ok(text.map_err(|_| anyhow!("it has {}", shown(bytes, 0)))?.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test::saved::Text;

    fn answer(headers: &[(&str, &str)], body: &[u8]) -> Response {
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Response { status: 200, headers: headers.collect(), body: body.to_vec() }
    }

    fn text(text: &str) -> Text {
        Text::parse(text).unwrap()
    }

    #[track_caller]
    fn is(from: &SaveFrom, answer: &Response, value: Value) {
        assert_eq!(from.value(answer, &Saved::default()).unwrap(), value);
    }

    #[track_caller]
    fn fails(from: &SaveFrom, answer: &Response, words: &str) {
        let error = from.value(answer, &Saved::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn a_part_of_json_keeps_its_type() {
        let body = answer(&[], br#"{"id":7,"a/b":[{"c":"x"}],"null":null}"#);
        let at = |pointer| SaveFrom::Json { pointer: text(pointer) };
        is(&at("/id"), &body, json!(7));
        is(&at("/a~1b/0"), &body, json!({ "c": "x" }));
        is(&at("/null"), &body, json!(null));
        is(&at(""), &answer(&[], b"5"), json!(5));
        fails(&at("/a~1b/1"), &body, "the body has no /a~1b/1: got \"{\\\"id\\\"");
        fails(&at("/a"), &answer(&[], b"<p>"), "expected JSON, but expected value at line 1");
        let deep = answer(&[], &vec![b'['; 100_000]);
        fails(&at("/0"), &deep, "recursion limit exceeded");
    }

    #[test]
    fn the_first_group_of_a_pattern_is_saved() {
        let page = answer(&[], br#"<input name="csrf" value="1.2"><input value="3">"#);
        let body = |pattern| SaveFrom::Body { pattern: text(pattern) };
        is(&body("value=\"([^\"]*)\""), &page, json!("1.2"));
        fails(&body("value='(.)'"), &page, "the body has no match of /value='(.)'/: got \"<input");
        fails(&body("(x)?value"), &page, "its first group has no part in it");
        fails(&body("(.+)"), &answer(&[], b"\xff\xfe"), "the body has no match");
        fails(&body("((?-u:.)+)"), &answer(&[], b"\xff"), "it has 1 bytes that are not UTF-8");
    }

    #[test]
    fn headers_and_cookies_are_saved() {
        let head = answer(
            &[
                ("location", "of/ann"),
                ("link", "<a>; rel=prev"),
                ("link", "<b>; rel=next"),
                ("set-cookie", "old=1"),
                ("set-cookie", "notes=a=b; Path=/; HttpOnly"),
                ("set-cookie", "old=2; Path=/"),
            ],
            b"",
        );
        let header = |name: &str, pattern: Option<&str>| SaveFrom::Header {
            name: name.into(),
            pattern: pattern.map(text),
        };
        is(&header("Location", None), &head, json!("of/ann"));
        is(&header("link", Some("<(.*)>; rel=next")), &head, json!("b"));
        fails(&header("etag", None), &head, "the answer has no header etag");
        fails(&header("etag", Some("(.)")), &head, "the answer has no header etag");
        fails(&header("link", Some("(q)")), &head, "got \"<a>; rel=prev\" and \"<b>; rel=next\"");
        let cookie = |name: &str| SaveFrom::Cookie { name: name.into() };
        is(&cookie("notes"), &head, json!("a=b"));
        is(&cookie("old"), &head, json!("2"));
        fails(&cookie("Notes"), &head, "sets no cookie \"Notes\"; it sets \"old\", \"notes\", ");
        fails(&cookie("a"), &answer(&[], b""), "sets no cookie \"a\"; it sets none");
    }

    #[test]
    fn what_is_too_long_is_not_saved() {
        let save = Save { name: "all".into(), from: SaveFrom::Body { pattern: text("(?s)(.*)") } };
        let long = answer(&[], &vec![b'x'; 8 << 20]);
        let error = format!("{:#}", save.take(&long, &mut Saved::default()).unwrap_err());
        assert_eq!(
            error,
            "`all` can't be saved: it has 8388608 bytes; at most 1048576 can be saved"
        );
    }
}
