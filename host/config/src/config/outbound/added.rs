//! Header fields that the host adds to requests of a guest, which never has their values.

use snow_http::headers::{is_connection_level, is_field_value, is_token};
use zeroize::Zeroizing;

use crate::config::ConfigValue;

/// The most bytes of the value of one field: what usual servers take.
pub const ADDED_BYTES_MAX: usize = 8_192;

/// A header field that the host adds to a guest's requests to one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedField {
    name: String,
    prefix: String,
    /// Where the rest of the value is from.
    pub value: ConfigValue,
}

impl AddedField {
    /// Makes one of a name in any case, and of a text before the value such as `Bearer `.
    ///
    /// # Errors
    /// The name is none, or that of a field which the host writes by itself; or the text can't stand
    /// in a field. In words that go on after the field's place.
    pub fn new(name: &str, prefix: &str, value: ConfigValue) -> Result<AddedField, String> {
        let name = name.to_ascii_lowercase();
        if !is_token(name.as_bytes()) {
            return Err("is no name of a header field".to_owned());
        }
        if is_connection_level(&name) || ["host", "content-length"].contains(&&*name) {
            return Err("is a field that the host writes by itself".to_owned());
        }
        if !is_field_value(prefix.as_bytes()) {
            return Err("has a prefix with a control character".to_owned());
        }
        Ok(AddedField { name, prefix: prefix.to_owned(), value })
    }

    /// Returns the name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what stands before the value.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the field's value; `None` if it has not been looked up.
    pub fn text(&self) -> Option<Zeroizing<String>> {
        let text = self.value.text()?;
        let mut whole = Zeroizing::new(String::with_capacity(self.prefix.len() + text.len()));
        whole.push_str(&self.prefix);
        whole.push_str(text);
        Some(whole)
    }

    /// Returns what is wrong with what was found, in words that go on after the field's place and do
    /// not repeat it; `None` if it can be sent.
    pub(crate) fn fault(&self) -> Option<String> {
        let text = self.value.text()?;
        if text.is_empty() {
            return Some("is empty".to_owned());
        }
        if !is_field_value(text.as_bytes()) {
            return Some("has a control character, such as the end of a line".to_owned());
        }
        let bytes = self.prefix.len() + text.len();
        let is_long = bytes > ADDED_BYTES_MAX;
        is_long.then(|| format!("has {bytes} bytes; a field has at most {ADDED_BYTES_MAX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_the_host_writes_can_not_be_added() {
        let new = |name: &str, prefix: &str| AddedField::new(name, prefix, ConfigValue::plain("x"));
        for (name, prefix) in [
            ("", ""),
            ("a b", ""),
            ("Host", ""),
            ("content-length", ""),
            ("Transfer-Encoding", ""),
            ("connection", ""),
            ("authorization", "a\r\nb: c"),
        ] {
            assert!(new(name, prefix).is_err(), "{name:?} {prefix:?}");
        }
        let field = new("Authorization", "Bearer ").unwrap();
        assert_eq!((field.name(), &**field.text().unwrap()), ("authorization", "Bearer x"));
    }

    #[test]
    fn a_value_that_can_not_be_sent_is_not_repeated() {
        for text in ["", "s3cret\n", "s3cret\0", &"s3cret".repeat(2_000)] {
            let fault = AddedField::new("a", "", ConfigValue::plain(text)).unwrap().fault();
            assert!(fault.is_some_and(|fault| !fault.contains("s3cret")), "{text:?}");
        }
        assert_eq!(AddedField::new("a", "", ConfigValue::plain("\u{e9} x")).unwrap().fault(), None);
    }
}
