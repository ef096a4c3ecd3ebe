//! Where each key stands in the text.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where each key that is written stands in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<(String, &'static str), Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    span: Range<usize>,
}

impl Places {
    /// Returns the line of a key's value, from 1. The table is `server`, `limits`, `guest.NAME`, or
    /// empty for the file itself.
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
