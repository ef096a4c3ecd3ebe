//! Routes that can never be reached, since others come first.

use std::collections::HashMap;

use super::{Match, Router};

/// A route, and the one that takes its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The place of the route's entry in the table.
    pub entry: usize,
    /// The place of the entry that takes its requests.
    pub by: usize,
    /// Whether both have the same pattern. Then there may be methods that only the route takes.
    pub is_same: bool,
}

impl Router {
    /// Returns the routes that another one comes before: with the same pattern and a method that
    /// both take; or with a pattern that has the only path of a route, for each of its methods.
    ///
    /// It does not find a pattern that is covered by another one and matches many paths.
    pub fn shadowed(&self) -> Vec<Shadowed> {
        let mut same: HashMap<String, Vec<usize>> = HashMap::new();
        let mut found = Vec::new();
        for (entry, row) in self.0.rows.iter().enumerate() {
            let earlier = same.entry(row.entry.pattern()).or_default();
            let declared = &row.entry.declared;
            let rival = earlier
                .iter()
                .find(|first| self.0.rows[**first].entry.declared.shares_methods(declared));
            match rival {
                Some(by) => found.push(Shadowed { entry, by: *by, is_same: true }),
                None => found.extend(self.covering(entry).map(|by| Shadowed {
                    entry,
                    by,
                    is_same: false,
                })),
            }
            earlier.push(entry);
        }
        found
    }

    /// Returns the entry that takes all requests of an entry with plain text as its pattern.
    fn covering(&self, entry: usize) -> Option<usize> {
        let row = &self.0.rows[entry];
        let literal = row.guest.routes[row.place].pattern.literal.as_ref()?;
        let path = format!("{}{literal}", row.entry.mount);
        // Any method will do if the route takes all: no name of a method has a space.
        let methods = &row.entry.declared.methods;
        let any = [" ".to_owned()];
        let methods = if methods.is_empty() { &any[..] } else { methods };
        let taker = |method: &String| match self.find(method, &path) {
            Match::Found { entry: taker, .. } => (taker != entry).then_some(taker),
            _ => None,
        };
        let takers: Option<Vec<usize>> = methods.iter().map(taker).collect();
        takers?.into_iter().min()
    }
}
