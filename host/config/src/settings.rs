//! The settings in force: those of `snow.toml`, overridden by those of the command line.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::config::{Config, Overrides};
use crate::manifest::{self, Manifest, ManifestError, Origins, Places};

/// The settings in force, and where each is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The values of the file, overridden by the command line; the others are defaults.
    pub manifest: Manifest,
    /// Where each value is from.
    pub origins: Origins,
}

/// Why a manifest can't be in force.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file exists, but can't be read.
    #[error("{} can't be read", file.display())]
    Unreadable {
        /// The file's path.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is larger than [`manifest::FILE_BYTES_MAX`].
    #[error("{} has {bytes} bytes; at most {} are allowed", file.display(), manifest::FILE_BYTES_MAX)]
    TooLarge {
        /// The file's path.
        file: PathBuf,
        /// The file's size.
        bytes: u64,
    },
    /// Its contents are wrong.
    #[error(transparent)]
    Wrong(#[from] ManifestError),
}

impl Settings {
    /// Reads the manifest of these guests, and applies the overrides to it. Without a file, all
    /// settings have their defaults.
    ///
    /// # Errors
    /// The file exists, and can't be read, is too large, or has wrong contents.
    pub fn read(guests: &Path, overrides: &Overrides) -> Result<Settings, SettingsError> {
        let (mut manifest, places) = read(&file_of(guests))?;
        let flags = overrides.apply(&mut manifest.server);
        Ok(Settings { manifest, origins: Origins { places, flags } })
    }

    /// Returns the configuration of a server with these settings. It keeps the overrides for a
    /// manifest that changes.
    pub fn into_config(self, guests: PathBuf, overrides: Overrides) -> Config {
        let mut config = Config { overrides, ..Config::new(guests) };
        config.take(self.manifest);
        config
    }
}

impl Config {
    /// Replaces the settings by those of a manifest.
    pub fn take(&mut self, manifest: Manifest) {
        let Manifest { server, rollback, limits, guests } = manifest;
        (self.server, self.rollback, self.limits, self.guest_configs) =
            (server, rollback, limits, guests);
    }

    /// Returns the settings, as a manifest.
    pub fn manifest(&self) -> Manifest {
        let Config { server, limits, rollback, guest_configs, .. } = self.clone();
        Manifest { server, rollback, limits, guests: guest_configs }
    }
}

/// Returns the path of the manifest: in the folder of guests, or in the folder of the file of one
/// guest.
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
