//! A parcel: as it is stored, and as clients send and get it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use snow_guest::prelude::*;

/// Bytes of a status.
pub const STATUS_BYTES_MAX: usize = 200;
/// Changes that a parcel remembers.
const CHANGES_MAX: usize = 256;

pub fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(is_plain)
}

/// What a client announces.
#[derive(Deserialize)]
pub struct Announced {
    pub id: String,
    pub status: String,
}

/// What a client has seen, and waits for: the versions of parcels, and the number of parcels.
#[derive(Deserialize)]
pub struct Watch {
    #[serde(default)]
    pub seen: BTreeMap<String, u64>,
    pub count: Option<u64>,
    /// In seconds.
    pub timeout: Option<u64>,
}

/// A parcel as it is stored.
#[derive(Default, Serialize, Deserialize)]
pub struct Parcel {
    /// The number of its changes.
    pub version: u64,
    pub status: String,
    /// The last ones, the latest at the end.
    pub changes: VecDeque<Change>,
}

#[derive(Serialize, Deserialize)]
pub struct Change {
    pub version: u64,
    pub status: String,
}

impl Parcel {
    pub fn parse(stored: &[u8]) -> Result<Self> {
        Ok(serde_json::from_slice(stored)?)
    }

    /// Begins anew in the place of what is no parcel: nobody but a person with `snow-host store` can
    /// have written it.
    pub fn parse_or_new(stored: &[u8]) -> Self {
        Self::parse(stored).unwrap_or_default()
    }

    pub fn changed(mut self, status: &str) -> Self {
        self.version += 1;
        self.status = status.to_owned();
        self.changes.push_back(Change { version: self.version, status: self.status.clone() });
        if self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
        self
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text can be written")
    }

    pub fn shown(self, id: &str) -> Shown {
        Shown { id: id.to_owned(), status: self.status, version: self.version, changes: None }
    }

    /// With the changes that came after a version.
    pub fn shown_since(mut self, id: &str, since: u64) -> Shown {
        self.changes.retain(|change| change.version > since);
        let changes = Some(std::mem::take(&mut self.changes));
        Shown { changes, ..self.shown(id) }
    }
}

/// A parcel as a client gets it.
#[derive(Serialize)]
pub struct Shown {
    pub id: String,
    status: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<VecDeque<Change>>,
}

/// A page of parcels.
#[derive(Serialize)]
pub struct Page {
    pub parcels: Vec<Shown>,
    /// Where the next page begins: `?after=`.
    pub next: Option<String>,
    pub count: u64,
}

/// What has changed.
#[derive(Serialize)]
pub struct News {
    pub parcels: Vec<Shown>,
    pub count: u64,
}
