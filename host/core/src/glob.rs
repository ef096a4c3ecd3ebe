//! Patterns for keys, in which `*` stands for any text.

use std::fmt;

/// A pattern for text. `*` matches any run of characters, `/` and the empty text included; every
/// other character matches itself. There is no way to escape a `*`.
///
/// Matching takes time linear in the text for each `*` of the pattern, and allocates nothing.
///
/// ```
/// let orders = snow_core::Glob::new("orders/*");
/// assert!(orders.matches("orders/12") && orders.matches("orders/12/items"));
/// assert!(!orders.matches("orders"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The text before the first `*`, or the whole pattern if it has none.
    first: Box<str>,
    /// The part after the first `*`, if there is one.
    rest: Option<Rest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rest {
    /// The texts between two `*`, in order. None is empty.
    middle: Box<[Box<str>]>,
    /// The text after the last `*`.
    last: Box<str>,
}

impl Glob {
    /// Makes a pattern. Every text is a valid pattern.
    pub fn new(pattern: &str) -> Glob {
        let Some((first, rest)) = pattern.split_once('*') else {
            return Glob { first: pattern.into(), rest: None };
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        let middle = middle.split('*').filter(|piece| !piece.is_empty()).map(Box::from).collect();
        Glob { first: first.into(), rest: Some(Rest { middle, last: last.into() }) }
    }

    /// Returns whether the pattern matches a whole text.
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = &self.rest else { return *self.first == *text };
        let between =
            text.strip_prefix(&*self.first).and_then(|text| text.strip_suffix(&*rest.last));
        let Some(mut between) = between else { return false };
        // Each piece is taken where it is found first: that leaves the most text for the pieces
        // after it.
        rest.middle.iter().all(|piece| {
            let found = between.find(&**piece);
            found.inspect(|at| between = &between[at + piece.len()..]).is_some()
        })
    }
}

/// Writes the pattern. Where it had several `*` side by side, it writes one, which means the same.
impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.first)?;
        let Some(rest) = &self.rest else { return Ok(()) };
        rest.middle.iter().try_for_each(|piece| write!(out, "*{piece}"))?;
        write!(out, "*{}", rest.last)
    }
}

/// A list of patterns that matches a text if any one of them does. The empty list matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globs(Box<[Glob]>);

impl Globs {
    /// Returns the patterns in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Glob> {
        self.0.iter()
    }

    /// Returns whether any of the patterns matches a whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(text))
    }
}

impl FromIterator<Glob> for Globs {
    fn from_iter<I: IntoIterator<Item = Glob>>(globs: I) -> Globs {
        Globs(globs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_the_rest_for_itself() {
        for (pattern, good, bad) in [
            ("orders", &["orders"][..], &["", "order", "orders/1", "Orders"][..]),
            ("", &[""], &["a"]),
            ("*", &["", "a", "a/b"], &[]),
            ("**", &["", "a", "a/b"], &[]),
            (
                "orders/*",
                &["orders/", "orders/1", "orders/1/2"],
                &["orders", "order/1", "x/orders/1"],
            ),
            ("*/done", &["/done", "a/b/done"], &["done", "a/done/"]),
            ("a*a", &["aa", "aba"], &["a", ""]),
            (
                "user/*/mail/*",
                &["user/1/mail/2", "user//mail/", "user/a/b/mail/c"],
                &["user/mail/1", "user/1/mail"],
            ),
            ("*ab*ab*", &["abab", "xabyabz"], &["aba", "ab"]),
            ("[a-z]?.", &["[a-z]?."], &["b.", "bc."]),
            ("ключ/*", &["ключ/я"], &["клю"]),
        ] {
            let glob = Glob::new(pattern);
            for text in good {
                assert!(glob.matches(text), "{pattern:?} should match {text:?}");
            }
            for text in bad {
                assert!(!glob.matches(text), "{pattern:?} should not match {text:?}");
            }
        }
    }

    #[test]
    fn any_of_several_is_enough_and_none_matches_nothing() {
        let globs: Globs = ["a/*", "b"].map(Glob::new).into_iter().collect();
        assert!(globs.matches("a/1") && globs.matches("b") && !globs.matches("c"));
        assert!(!Globs::default().matches(""));
    }

    #[test]
    fn a_pattern_is_printed_as_it_was_written() {
        for pattern in ["", "orders", "*", "orders/*", "*/done", "a*b*c", "user/*/mail/*"] {
            assert_eq!(Glob::new(pattern).to_string(), pattern);
        }
        assert_eq!(Glob::new("a**b***").to_string(), "a*b*");
    }

    proptest! {
        #[test]
        fn it_matches_what_the_same_regular_expression_does(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let pieces: Vec<String> = pattern.split('*').map(regex::escape).collect();
            let regex = regex::Regex::new(&format!("^(?:{})$", pieces.join(".*"))).unwrap();
            prop_assert_eq!(Glob::new(&pattern).matches(&text), regex.is_match(&text));
        }
    }
}
