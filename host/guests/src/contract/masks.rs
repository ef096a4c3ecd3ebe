//! Secrets in what a guest logs.
//!
//! A guest that is given a secret can print it: by a careless `{request:?}`, or by a panic that
//! shows what it could not parse. The host knows the guest's secrets, so it does not write them to
//! the log.

use std::cmp::Reverse;

use snow_config::{ConfigValues, OutboundRules, Secret};
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
    /// Returns the masks for the secrets among these values, and among the fields that the host adds
    /// to the guest's requests: a server may send back what it was sent.
    pub fn new(values: &ConfigValues, rules: &OutboundRules) -> Masks {
        let mut texts = Vec::new();
        let fields = rules.fields().map(|(_, field)| (field.name(), &field.value));
        for (name, value) in values.iter().chain(fields).filter(|(_, value)| value.is_secret) {
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
    pub fn masked(&self, mut message: String, bytes_max: usize) -> String {
        let Some((longest, _)) = self.texts.first() else {
            return cut_owned(message, bytes_max);
        };
        // So much that a secret which begins before the end is there as a whole.
        let seen = bytes_max.saturating_add(longest.expose().len());
        let mut is_cut = message.len() > seen;
        message.truncate(message.floor_char_boundary(seen));
        for (text, name) in &self.texts {
            let text = text.expose();
            if message.contains(text) {
                message = message.replace(text, name);
                // Names are longer than some secrets, and may have others in them.
                is_cut |= message.len() > seen;
                message.truncate(message.floor_char_boundary(seen));
            }
        }
        if is_cut {
            // What was replaced may have been longer than what stands there now, so that the
            // beginning of a secret has come from beyond the end.
            let halves = self.texts.iter().map(|(text, _)| begun(&message, text.expose()));
            message.truncate(message.len() - halves.max().unwrap_or_default());
            message.push('…');
        }
        cut_owned(message, bytes_max)
    }
}

/// Returns how many bytes at the end of a message are the beginning of a text, and not all of it.
fn begun(message: &str, text: &str) -> usize {
    let mut ends = text.char_indices().map(|(at, _)| at).rev();
    ends.find(|at| message.ends_with(&text[..*at])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use snow_config::{AddedField, ConfigValue, OutboundRule};

    use super::*;

    fn masks(secrets: &[(&str, &str)]) -> Masks {
        let value = |text: &str| ConfigValue { is_secret: true, ..ConfigValue::plain(text) };
        let values = secrets.iter().map(|(name, text)| (name.to_string(), value(text)));
        let public = ("greeting".to_owned(), ConfigValue::plain("hello"));
        Masks::new(&values.chain([public]).collect(), &OutboundRules::default())
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
    fn a_field_that_the_host_adds_is_one() {
        let secret = ConfigValue { is_secret: true, ..ConfigValue::plain("hunter2") };
        let fields = [("Authorization", secret), ("x-public", ConfigValue::plain("hello"))];
        let fields = fields.map(|(name, value)| AddedField::new(name, "Bearer ", value).unwrap());
        let rule: OutboundRule = "https://a.example".parse().unwrap();
        let rules = [rule.adding(fields.into()).unwrap()].into_iter().collect();
        let masks = Masks::new(&ConfigValues::default(), &rules);
        assert_eq!(
            masks.masked("it echoes Bearer hunter2, hello".into(), 99),
            "it echoes Bearer [secret authorization], hello"
        );
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

    #[test]
    fn the_beginning_of_a_secret_does_not_come_from_beyond_the_cut() {
        let (long, token) = ("x".repeat(100), "0123456789".repeat(4));
        let masks = masks(&[("long", &long), ("token", &token)]);
        for before in 0..80 {
            let line = format!("{long}{}{token}{}", "-".repeat(before), "z".repeat(300));
            for bytes_max in 13..80 {
                let masked = masks.masked(line.clone(), bytes_max);
                assert!(
                    masked.len() <= bytes_max + 3 && !masked.contains('0'),
                    "{before}: {masked}"
                );
            }
        }
    }

    #[test]
    fn names_that_have_other_secrets_in_them_do_not_grow_without_end() {
        let name = "abcd".repeat(50);
        let masks = masks(&[("x", "wxyz"), (&name, "hunter2"), ("y", "abcd"), ("z", "secret")]);
        let masked = masks.masked("hunter2 ".repeat(1_000), 4_000);
        assert!(masked.len() <= 4_003 && !masked.contains("hunter2"), "{masked}");
    }
}
