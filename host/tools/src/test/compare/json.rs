//! The differences of two JSON values, each with its place.

use serde_json::{Number, Value};

use super::shown_text;

/// The most differences of one value that are described.
const DIFFERENCES_MAX: usize = 10;

/// Parses a body.
///
/// # Errors
/// It is not JSON, or too deeply nested to be compared.
pub(in crate::test) fn parsed(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!("expected JSON, but {error}\n      got     {}", super::shown(body, 0))
    })
}

/// Describes how the part of a body that a JSON pointer names differs from the expected one, a line
/// for each difference.
pub(super) fn differences(pointer: &str, wanted: &Value, body: &Value) -> Vec<String> {
    let Some(got) = body.pointer(pointer) else {
        let (wanted, body) = (shown(wanted), shown(body));
        return vec![format!("json {pointer}: expected {wanted}, there is none in {body}")];
    };
    let mut found = Differences { place: pointer.to_owned(), lines: Vec::new(), has_more: false };
    found.add(wanted, got);
    if found.has_more {
        found.lines.push("json: there are more differences".to_owned());
    }
    found.lines
}

struct Differences {
    /// The pointer to the values that are compared.
    place: String,
    lines: Vec<String>,
    /// There are more than are described.
    has_more: bool,
}

impl Differences {
    fn add(&mut self, wanted: &Value, got: &Value) {
        match (wanted, got) {
            (Value::Object(wanted), Value::Object(got)) => {
                for (name, wanted) in wanted {
                    self.member(name, Some(wanted), got.get(name));
                }
                for (name, got) in got.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                    self.member(name, None, Some(got));
                }
            }
            (Value::Array(wanted), Value::Array(got)) => {
                for index in 0..wanted.len().max(got.len()) {
                    self.member(&index.to_string(), wanted.get(index), got.get(index));
                }
            }
            (Value::Number(wanted), Value::Number(got)) if are_equal(wanted, got) => {}
            (wanted, got) if wanted == got => {}
            (wanted, got) => self.tell(format!("expected {}, got {}", shown(wanted), shown(got))),
        }
    }

    fn member(&mut self, name: &str, wanted: Option<&Value>, got: Option<&Value>) {
        if self.has_more {
            return;
        }
        let length = self.place.len();
        self.place.push('/');
        self.place += &name.replace('~', "~0").replace('/', "~1");
        match (wanted, got) {
            (Some(wanted), Some(got)) => self.add(wanted, got),
            (Some(wanted), None) => self.tell(format!("expected {}, there is none", shown(wanted))),
            (None, Some(got)) => self.tell(format!("expected none, got {}", shown(got))),
            (None, None) => {}
        }
        self.place.truncate(length);
    }

    fn tell(&mut self, what: String) {
        if self.lines.len() == DIFFERENCES_MAX {
            self.has_more = true;
            return;
        }
        let place = if self.place.is_empty() { "" } else { &format!(" {}", self.place) };
        self.lines.push(format!("json{place}: {what}"));
    }
}

/// Returns whether two numbers are the same one: JSON does not tell `1` from `1.0`.
fn are_equal(a: &Number, b: &Number) -> bool {
    match (a.is_f64(), b.is_f64()) {
        (false, false) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

/// Returns a value in one line. A long one is cut.
fn shown(value: &Value) -> String {
    shown_text(&value.to_string(), 0, str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn differ(wanted: Value, got: Value, lines: &[&str]) {
        assert_eq!(differences("", &wanted, &got), lines, "{wanted} {got}");
    }

    #[test]
    fn the_order_of_members_and_the_kind_of_a_number_do_not_matter() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        differ(parse(r#"{"a":1,"b":[2.0]}"#), parse(r#"{"b":[2],"a":1.0}"#), &[]);
        differ(json!(u64::MAX), json!(u64::MAX), &[]);
        let differs = "json: expected 18446744073709551615, got 18446744073709551614";
        differ(json!(u64::MAX), json!(u64::MAX - 1), &[differs]);
        differ(json!(1), json!("1"), &["json: expected 1, got \"1\""]);
        differ(json!(0), json!(false), &["json: expected 0, got false"]);
        differ(json!(null), json!({}), &["json: expected null, got {}"]);
    }

    #[test]
    fn each_difference_has_its_place() {
        differ(
            json!({ "id": "p-1", "tags": ["a", "b"], "a/b~": { "x": 1 }, "gone": null }),
            json!({ "id": "p-2", "tags": ["a"], "a/b~": { "x": 2 }, "new": [1] }),
            &[
                "json /a~1b~0/x: expected 1, got 2",
                "json /gone: expected null, there is none",
                "json /id: expected \"p-1\", got \"p-2\"",
                "json /tags/1: expected \"b\", there is none",
                "json /new: expected none, got [1]",
            ],
        );
        let body = json!({ "list": [{ "id": 1 }] });
        assert!(differences("/list/0/id", &json!(1), &body).is_empty());
        assert_eq!(
            differences("/list/0", &json!({ "id": 2 }), &body),
            ["json /list/0/id: expected 2, got 1"]
        );
        assert_eq!(
            differences("/list/1", &json!(2), &body),
            ["json /list/1: expected 2, there is none in {\"list\":[{\"id\":1}]}"]
        );
    }

    #[test]
    fn many_differences_and_long_values_are_cut() {
        let list = |value: u32| Value::Array(vec![json!(value); 100_000]);
        let lines = differences("", &list(1), &list(2));
        assert_eq!(lines.len(), DIFFERENCES_MAX + 1);
        assert_eq!(lines[DIFFERENCES_MAX], "json: there are more differences");
        let lines = differences("", &json!(1), &list(2));
        assert!(lines[0].len() < 500 && lines[0].ends_with("… (200001 bytes)"), "{}", lines[0]);
    }

    #[test]
    fn what_is_no_json_and_what_is_nested_too_deeply_is_told() {
        let error = parsed(b"{\"a\":").unwrap_err();
        assert!(error.starts_with("expected JSON, but EOF while parsing"), "{error}");
        assert!(error.ends_with("got     \"{\\\"a\\\":\""), "{error}");
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        let error = parsed(&deep).unwrap_err();
        assert!(error.contains("recursion limit exceeded at line 1"), "{error}");
        assert!(error.len() < 1_000);
    }
}
