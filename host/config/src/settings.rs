//! What counts: `snow.toml` as it is now, and what the command line says, which wins.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::config::{Config, Overrides};
use crate::manifest::{self, Manifest, ManifestError, Places, Sources};

/// What counts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the file says, and the command line; the rest as it is by default.
    pub manifest: Manifest,
    /// Where each value is from.
    pub sources: Sources,
}

/// Why a manifest can't count.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is there, but can't be read.
    #[error("{} can't be read", file.display())]
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has more than [`manifest::FILE_BYTES_MAX`].
    #[error("{} has {bytes} bytes; at most {} are allowed", file.display(), manifest::FILE_BYTES_MAX)]
    TooLarge {
        /// Its path.
        file: PathBuf,
        /// How many it has.
        bytes: u64,
    },
    /// It makes no sense.
    #[error(transparent)]
    Wrong(#[from] ManifestError),
}

impl Settings {
    /// Reads the manifest of these guests, and puts the overrides over it. Without a file, all is as by default.
    ///
    /// # Errors
    /// The file is there, and can't be read, is too large, or makes no sense.
    pub fn read(guests: &Path, overrides: &Overrides) -> Result<Settings, SettingsError> {
        let (mut manifest, places) = read(&file_of(guests))?;
        let flags = overrides.apply(&mut manifest.server);
        Ok(Settings { manifest, sources: Sources { places, flags } })
    }

    /// What a server is started with. The overrides are kept for a manifest that changes.
    pub fn into_config(self, guests: PathBuf, overrides: Overrides) -> Config {
        let mut config = Config { overrides, ..Config::new(guests) };
        config.take(self.manifest);
        config
    }
}

impl Config {
    /// Takes all that a manifest says.
    pub fn take(&mut self, manifest: Manifest) {
        let Manifest { server, rollback, limits, guests } = manifest;
        (self.server, self.rollback, self.limits, self.guest_configs) = (server, rollback, limits, guests);
    }

    /// What of it a manifest says.
    pub fn manifest(&self) -> Manifest {
        let Config { server, limits, rollback, guest_configs, .. } = self.clone();
        Manifest { server, rollback, limits, guests: guest_configs }
    }
}

/// The manifest's path: in the folder of guests, or in the folder in which one guest's file lies.
pub fn file_of(guests: &Path) -> PathBuf {
    let folder = if guests.is_file() { guests.parent().unwrap_or(guests) } else { guests };
    folder.join(manifest::FILE_NAME)
}

fn read(file: &Path) -> Result<(Manifest, Places), SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { file: file.to_owned(), source };
    let bytes = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
        found => found.map_err(unreadable)?.len(),
    };
    if bytes > manifest::FILE_BYTES_MAX {
        return Err(SettingsError::TooLarge { file: file.to_owned(), bytes });
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    Ok(manifest::parse_with_places(&text, &file.display().to_string())?)
}
