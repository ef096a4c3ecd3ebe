//! Where in the text each key stands.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where in the text each key stands that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<(String, &'static str), Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    span: Range<usize>,
}

impl Places {
    /// The line of a key's value, from 1. The table is `server`, `limits`, `guest.NAME`, or nothing for the file itself.
    pub fn line(&self, table: &str, key: &'static str) -> Option<usize> {
        self.0.get(&(table.to_owned(), key)).map(|place| place.line)
    }

    pub(super) fn span(&self, table: &str, key: &'static str) -> Option<Range<usize>> {
        self.0.get(&(table.to_owned(), key)).map(|place| place.span.clone())
    }

    pub(super) fn add(&mut self, table: &str, key: &'static str, line: usize, span: Range<usize>) {
        self.0.insert((table.to_owned(), key), Place { line, span });
    }
}
