//! A disk for the store: it is full, tears what it writes, or does not say that it has written it,
//! when the test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snow_state::{Changes, Entry, Journal, JournalError, Place, Version};

use crate::rng::Rng;

/// The disk. Clones are the same disk, for one journal after another.
#[derive(Clone, Default)]
pub struct Platter(Arc<Mutex<Surface>>);

#[derive(Default)]
struct Surface {
    entries: BTreeMap<Place, Entry>,
    last_version: Option<Version>,
    fault: Option<Fault>,
    /// What others do while the next commit is under way.
    meanwhile: Option<Meanwhile>,
    /// What a commit that failed may have left, by its place, until one has succeeded.
    doubt: Vec<(Place, Option<Entry>)>,
}

/// Something that others do while a commit is under way.
pub type Meanwhile = Box<dyn FnOnce() + Send>;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing reaches it.
    Full,
    /// Some changes of a commit reach it, by a seed.
    Torn(u64),
    /// Everything reaches it, but it does not say so.
    Unheard,
}

impl Platter {
    fn surface(&self) -> MutexGuard<'_, Surface> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the disk fail from now on, or take writes again.
    pub fn fail(&self, fault: Option<Fault>) {
        self.surface().fault = fault;
    }

    /// Returns what a place holds.
    pub fn entry(&self, place: &Place) -> Option<Entry> {
        self.surface().entries.get(place).cloned()
    }

    /// Lets others do something while the next commit is under way: the disk is so slow. `None`: they do
    /// nothing.
    pub fn meanwhile(&self, others: Option<Meanwhile>) {
        self.surface().meanwhile = others;
    }

    /// Returns what the disk holds at this moment, as a new process would find it.
    pub fn copy(&self) -> Platter {
        let surface = self.surface();
        let (entries, last_version) = (surface.entries.clone(), surface.last_version);
        Platter(Arc::new(Mutex::new(Surface { entries, last_version, ..Surface::default() })))
    }

    /// Returns how many entries there are.
    pub fn entries(&self) -> usize {
        self.surface().entries.len()
    }

    /// Returns whether a commit that failed may have left this at a place.
    pub fn is_in_doubt(&self, place: &Place, entry: Option<&Entry>) -> bool {
        let surface = self.surface();
        surface.doubt.iter().any(|(of, left)| of == place && left.as_ref() == entry)
    }
}

impl Surface {
    fn put(&mut self, place: Place, entry: Option<Entry>) {
        match entry {
            Some(entry) => drop(self.entries.insert(place, entry)),
            None => drop(self.entries.remove(&place)),
        }
    }
}

impl Journal for Platter {
    fn load(
        &mut self,
        each: &mut dyn FnMut(Place, Entry),
    ) -> Result<Option<Version>, JournalError> {
        let surface = self.surface();
        surface.entries.iter().for_each(|(place, entry)| each(place.clone(), entry.clone()));
        Ok(surface.last_version)
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
        let others = self.surface().meanwhile.take();
        if let Some(others) = others {
            others();
        }
        let mut surface = self.surface();
        let fault = surface.fault;
        let mut arrives = match fault {
            Some(Fault::Torn(seed)) => Some(Rng::new(seed)),
            _ => None,
        };
        for (bucket, entries) in &changes.entries {
            for (key, entry) in entries {
                let place = Place { bucket: bucket.clone(), key: key.clone() };
                if fault.is_some() {
                    surface.doubt.push((place.clone(), entry.clone()));
                }
                let is_written = match &mut arrives {
                    Some(rng) => rng.percent(50),
                    None => fault != Some(Fault::Full),
                };
                if is_written {
                    surface.put(place, entry.clone());
                }
            }
        }
        if fault.is_some() {
            let (place, reason) = ("the disk".to_owned(), format!("{fault:?}"));
            return Err(JournalError { place, reason });
        }
        surface.last_version = changes.last_version.or(surface.last_version);
        surface.doubt.clear();
        Ok(())
    }
}
