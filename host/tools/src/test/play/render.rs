//! Puts saved values into a step.

use std::borrow::Cow;

use anyhow::{Context, ensure};
use regex::bytes::Regex;
use serde_json::Value;

use crate::client::Request;
use crate::test::cases::{Content, Expect, Matcher, RequestText, SettlementText};
use crate::test::compare::{Condition, Wanted};
use crate::test::parse::path_fault;
use crate::test::saved::{RenderError, Renderer, Text};
use snow_config::Secret;
use snow_http::{Field, Response, headers};
use snow_runtime::Settlement;

const FORM_TYPE: &str = "application/x-www-form-urlencoded";
const JSON_TYPE: &str = "application/json";

impl RequestText {
    /// Makes the request. Its content's type is set, unless the case does.
    pub fn render(&self, renderer: &mut Renderer<'_>) -> anyhow::Result<Request> {
        let path = renderer.text(&self.path)?;
        if let Some(fault) = path_fault(&path) {
            anyhow::bail!("{path:?} can't be sent: {fault}");
        }
        let mut headers = render_headers(&self.headers, renderer)?;
        add_type(&self.content, &mut headers);
        let body = self.content.render(renderer)?;
        Ok(Request { method: self.method.clone(), path, headers, body })
    }
}

impl Content {
    /// Makes the bytes.
    pub fn render(&self, renderer: &mut Renderer<'_>) -> Result<Vec<u8>, RenderError> {
        Ok(match self {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Text(text) => renderer.text(text)?.into_bytes(),
            Content::Json(json) => renderer.json(json)?.to_string().into_bytes(),
            Content::Form(fields) => {
                let mut form = String::new();
                for (name, value) in fields {
                    let (name, value) = (renderer.text(name)?, renderer.text(value)?);
                    if !form.is_empty() {
                        form.push('&');
                    }
                    urlencode(&name, &mut form);
                    form.push('=');
                    urlencode(&value, &mut form);
                }
                form.into_bytes()
            }
        })
    }
}

impl SettlementText {
    /// Makes the settlement.
    pub fn render(&self, renderer: &mut Renderer<'_>) -> anyhow::Result<Settlement> {
        Ok(match self {
            SettlementText::Value(text) => {
                Settlement::Value(renderer.text(text)?.into_bytes().into())
            }
            SettlementText::Failed { code, message } => {
                Settlement::Failed { code: renderer.text(code)?, message: renderer.text(message)? }
            }
            SettlementText::Response { status, headers, content } => {
                let mut fields = render_headers(headers, renderer)?;
                add_type(content, &mut fields);
                let field =
                    |(name, value): (String, String)| Field { name, value: value.into_bytes() };
                let headers = fields.into_iter().map(field).collect();
                let body = content.render(renderer)?;
                Settlement::Response(Response { status: *status, headers, body })
            }
        })
    }
}

impl Expect {
    /// Makes what the answer is compared with.
    pub fn render(&self, renderer: &mut Renderer<'_>) -> anyhow::Result<Wanted> {
        let headers = self
            .headers
            .iter()
            .map(|(name, matcher)| anyhow::Ok((name.clone(), matcher.render(renderer)?)));
        let headers = headers.collect::<anyhow::Result<_>>()?;
        let body = self.body.iter().map(|matcher| matcher.render(renderer));
        let body = body.collect::<anyhow::Result<_>>()?;
        let mut json: Vec<(String, Value)> = Vec::new();
        for (pointer, value) in &self.json {
            json.push((render_pointer(pointer, renderer)?, renderer.json(value)?));
        }
        Ok(Wanted { status: self.status, headers, body, json, within: self.within })
    }
}

impl Matcher {
    /// Makes the condition.
    pub fn render(&self, renderer: &mut Renderer<'_>) -> anyhow::Result<Condition> {
        Ok(match self {
            Matcher::Bytes(bytes) => Condition::Equals(bytes.clone()),
            Matcher::Equals(text) => Condition::Equals(renderer.text(text)?.into_bytes()),
            Matcher::Contains(text) => Condition::Contains(renderer.text(text)?.into_bytes()),
            Matcher::Matches(pattern) => Condition::Matches(render_pattern(pattern, renderer)?),
        })
    }
}

/// Makes the values of a config.
pub(super) fn render_config(
    config: &[(String, Text)],
    renderer: &mut Renderer<'_>,
) -> Result<Vec<(String, Secret)>, RenderError> {
    let values =
        config.iter().map(|(name, text)| Ok((name.clone(), Secret::new(renderer.text(text)?))));
    values.collect()
}

/// Makes a regular expression, in which a saved value is a text to be found.
pub(super) fn render_pattern(pattern: &Text, renderer: &mut Renderer<'_>) -> anyhow::Result<Regex> {
    let text = renderer.encoded(pattern, |value| regex::escape(value).into())?;
    // The parser has checked it but for what was saved.
    Regex::new(&text).context("with saved values, it is too large for a regular expression")
}

/// Makes a JSON pointer, in which a saved value is a name.
pub(super) fn render_pointer(
    pointer: &Text,
    renderer: &mut Renderer<'_>,
) -> Result<String, RenderError> {
    renderer.encoded(pointer, |value| {
        if value.contains(['~', '/']) {
            Cow::Owned(value.replace('~', "~0").replace('/', "~1"))
        } else {
            Cow::Borrowed(value)
        }
    })
}

fn render_headers(
    fields: &[(String, Text)],
    renderer: &mut Renderer<'_>,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut rendered = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let value = renderer.text(value)?;
        ensure!(
            headers::is_field_value(value.as_bytes()),
            "the header `{name}` can't be sent: with saved values it has a control character"
        );
        rendered.push((name.clone(), value));
    }
    Ok(rendered)
}

fn add_type(content: &Content, headers: &mut Vec<(String, String)>) {
    let content_type = match content {
        Content::Json(_) => JSON_TYPE,
        Content::Form(_) => FORM_TYPE,
        Content::Bytes(_) | Content::Text(_) => return,
    };
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
}

/// Adds a text as browsers encode it in a form.
fn urlencode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                to.push(char::from(byte));
            }
            b' ' => to.push('+'),
            _ => *to += &format!("%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test::saved::{JsonText, Saved};

    fn text(text: &str) -> Text {
        Text::parse(text).unwrap()
    }

    fn saved(value: Value) -> Saved {
        let mut saved = Saved::default();
        saved.save("x", value).unwrap();
        saved
    }

    fn request(path: &str, headers: &[(&str, &str)], content: Content) -> RequestText {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        RequestText { method: "POST".into(), path: text(path), headers: headers.collect(), content }
    }

    #[test]
    fn a_form_is_encoded_as_by_a_browser_and_its_type_is_set() {
        let saved = saved(json!("ä &=+\n"));
        let fields = [("name", "ann"), ("text", "{{x}}"), ("a b", "*-._~")];
        let form = fields.map(|(name, value)| (text(name), text(value))).to_vec();
        let sent = request("/", &[], Content::Form(form)).render(&mut Renderer::new(&saved));
        let sent = sent.unwrap();
        assert_eq!(sent.headers, [("content-type".to_owned(), FORM_TYPE.to_owned())]);
        let body = String::from_utf8(sent.body).unwrap();
        assert_eq!(body, "name=ann&text=%C3%A4+%26%3D%2B%0A&a+b=*-._%7E");
    }

    #[test]
    fn a_type_that_the_case_sets_stays() {
        let saved = saved(json!(7));
        let json = Content::Json(JsonText::List(vec![JsonText::Text(text("{{x}}"))]));
        let request = request("/", &[("Content-Type", "application/vnd.api+json")], json);
        let sent = request.render(&mut Renderer::new(&saved)).unwrap();
        assert_eq!((sent.headers.len(), &sent.body[..]), (1, &b"[7]"[..]));
    }

    #[test]
    fn a_saved_value_can_not_break_a_request() {
        let saved = saved(json!("a b\r\nx: y"));
        let nothing = || Content::Bytes(Vec::new());
        let path = request("/{{x}}", &[], nothing()).render(&mut Renderer::new(&saved));
        assert!(path.unwrap_err().to_string().contains("can't be sent: `path`"));
        let field = request("/", &[("a", "{{x}}")], nothing()).render(&mut Renderer::new(&saved));
        assert!(field.unwrap_err().to_string().contains("the header `a` can't be sent"));
    }

    #[test]
    fn a_saved_value_is_found_as_it_is_and_names_one_member() {
        let saved = saved(json!("a/(~"));
        let pattern = render_pattern(&text("^{{x}}$"), &mut Renderer::new(&saved)).unwrap();
        assert!(pattern.is_match(b"a/(~"));
        let pointer = render_pointer(&text("/list/{{x}}"), &mut Renderer::new(&saved));
        assert_eq!(pointer.as_deref(), Ok("/list/a~1(~0"));

        let mut long = Saved::default();
        long.save("x", json!("x".repeat(1 << 20))).unwrap();
        let error = render_pattern(&text("{{x}}"), &mut Renderer::new(&long)).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
}
