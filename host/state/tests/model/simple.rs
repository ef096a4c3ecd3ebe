//! The model: what a store would be if nothing had to be quick.

use std::collections::{BTreeMap, BTreeSet};

use snow_state::{Action, Write};

use crate::ENTRIES_MAX;

/// A bucket and a key.
pub type At = (String, String);

/// What a key holds, without its version: the model does not guess versions, it is told them.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub value: String,
    pub expires_ms: Option<u64>,
}

#[derive(Clone, Default)]
pub struct Model {
    pub held: BTreeMap<At, Held>,
    pub waiting: BTreeMap<At, BTreeSet<usize>>,
    pub woken: BTreeSet<usize>,
}

impl Model {
    pub fn look(&self, place: &At, now_ms: u64) -> Option<&Held> {
        self.held.get(place).filter(|held| held.expires_ms.is_none_or(|at| now_ms < at))
    }

    pub fn put(&mut self, place: At, held: Option<Held>) {
        match held {
            Some(held) => drop(self.held.insert(place.clone(), held)),
            None => drop(self.held.remove(&place)),
        }
        self.woken.extend(self.waiting.remove(&place).unwrap_or_default());
    }

    /// Does a write. Returns whether it was done, and whether it changed anything.
    pub fn write(&mut self, write: &Write, holds: bool, now_ms: u64) -> (bool, bool) {
        let before = self.clone();
        let place = |key: &str| (write.bucket.to_string(), key.to_owned());
        let mut changed = true;
        let done = match &write.action {
            Action::Set { key, value, expires_ms, .. } => {
                let value = String::from_utf8(value.to_vec()).unwrap();
                self.put(place(key), Some(Held { value, expires_ms: *expires_ms }));
                holds
            }
            Action::Delete { key, .. } => {
                changed = self.look(&place(key), now_ms).is_some();
                if changed {
                    self.put(place(key), None);
                }
                holds
            }
            Action::Increment { key, by } => {
                let held = self.look(&place(key), now_ms).cloned();
                let old = held.as_ref().map_or(Ok(0), |held| held.value.parse::<i64>());
                let expires_ms = held.and_then(|held| held.expires_ms);
                let value = (old.clone().unwrap_or(0) + by).to_string();
                self.put(place(key), Some(Held { value, expires_ms }));
                old.is_ok()
            }
            Action::SetMany(entries) => {
                for (key, value) in entries {
                    let value = String::from_utf8(value.to_vec()).unwrap();
                    self.put(place(key), Some(Held { value, expires_ms: None }));
                }
                true
            }
            Action::DeleteMany(keys) => {
                changed = false;
                for key in keys {
                    if self.look(&place(key), now_ms).is_some() {
                        changed = true;
                        self.put(place(key), None);
                    }
                }
                true
            }
        };
        let entries = |model: &Model| {
            model.held.keys().filter(|(bucket, _)| **bucket == *write.bucket).count()
        };
        let has_room = entries(self) <= ENTRIES_MAX.max(entries(&before));
        if !(done && has_room) {
            *self = before;
        }
        (done && has_room, done && has_room && changed)
    }

    /// Removes what has expired. Returns whether there was anything.
    pub fn expire(&mut self, now_ms: u64) -> bool {
        let is_expired = |held: &Held| held.expires_ms.is_some_and(|at| at <= now_ms);
        let held = self.held.iter().filter(|(_, held)| is_expired(held));
        let expired: Vec<At> = held.map(|(place, _)| place.clone()).collect();
        expired.iter().for_each(|place| self.put(place.clone(), None));
        !expired.is_empty()
    }
}
