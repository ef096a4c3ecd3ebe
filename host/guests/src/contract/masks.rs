//! Secrets in what a guest logs.
//!
//! A guest that is given a secret can print it: by a careless `{request:?}`, or by a panic that
//! shows what it could not parse. The host knows the guest's secrets, so it does not write them to
//! the log.

use std::cmp::Reverse;

use snow_config::{ConfigValues, Secret};
use snow_core::cut_owned;

/// The fewest bytes that are taken for a secret: shorter texts stand in any line by chance.
const BYTES_MIN: usize = 4;

/// The secrets of a guest, to be left out of what it logs.
#[derive(Default)]
pub(crate) struct Masks {
    /// The texts, the longest first, each with what is logged instead of it.
    texts: Vec<(Secret, String)>,
}

impl Masks {
    /// Returns the masks for the secrets among these values.
    pub fn new(values: &ConfigValues) -> Masks {
        let mut texts = Vec::new();
        for (name, value) in values.iter().filter(|(_, value)| value.is_secret) {
            let text = value.text().unwrap_or_default();
            // Each line by itself, since a guest's standard error is logged line by line.
            let lines = text.lines().filter(|line| *line != text);
            for text in [text].into_iter().chain(lines).map(str::trim) {
                if text.len() >= BYTES_MIN {
                    texts.push((Secret::new(text.to_owned()), format!("[secret {name}]")));
                }
            }
        }
        // A secret that is part of another one must not keep that from being found.
        texts.sort_by_key(|(text, _)| Reverse(text.expose().len()));
        Masks { texts }
    }

    /// Returns the beginning of a message, with the names of secrets in the place of their texts.
    pub fn masked(&self, message: String, bytes_max: usize) -> String {
        let Some((longest, _)) = self.texts.first() else {
            return cut_owned(message, bytes_max);
        };
        // So much that a secret which begins before the end is there as a whole.
        let mut message = cut_owned(message, bytes_max.saturating_add(longest.expose().len()));
        for (text, name) in &self.texts {
            if message.contains(text.expose()) {
                message = message.replace(text.expose(), name);
            }
        }
        cut_owned(message, bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use snow_config::ConfigValue;

    use super::*;

    fn masks(secrets: &[(&str, &str)]) -> Masks {
        let value = |text: &str| ConfigValue { is_secret: true, ..ConfigValue::plain(text) };
        let values = secrets.iter().map(|(name, text)| (name.to_string(), value(text)));
        let public = ("greeting".to_owned(), ConfigValue::plain("hello"));
        Masks::new(&values.chain([public]).collect())
    }

    #[test]
    fn secrets_are_left_out_and_named() {
        let masks =
            masks(&[("a", "hunter2"), ("b", "hunter2-longer"), ("short", "abc"), ("e", "")]);
        let masked = |text: &str| masks.masked(text.to_owned(), 1_000);
        assert_eq!(masked("hello, no abc"), "hello, no abc");
        assert_eq!(masked("x=hunter2-longer&y=hunter2"), "x=[secret b]&y=[secret a]");
        assert_eq!(masked("hunter"), "hunter");
    }

    #[test]
    fn each_line_of_a_secret_is_one() {
        let masks = masks(&[("key", "-----BEGIN-----\nMIIBVgIB\r\nab\n")]);
        assert_eq!(masks.masked("read MIIBVgIB, then ab".into(), 99), "read [secret key], then ab");
    }

    #[test]
    fn a_secret_that_a_cut_would_halve_is_masked_before_the_cut() {
        let masks = masks(&[("token", "0123456789")]);
        let line = format!("{}0123456789 and more", "x".repeat(15));
        let masked = masks.masked(line, 20);
        assert!(!masked.contains("01"), "{masked}");
    }
}
