//! The settings in force: those of `snow.toml`, overridden by those of the command line.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{Config, ConfigValues, Overrides, Rollback, ValueOverride};
use crate::lookup::{DOTENV, Lookup, NamedFiles};
use crate::manifest::{self, Manifest, ManifestError, Origins, Places};

/// The settings in force, and where each is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The values of the file, overridden by the command line; the others are defaults.
    pub manifest: Manifest,
    /// Where each value is from.
    pub origins: Origins,
    /// The values that the command line gives every guest, also those without a table.
    pub common: ConfigValues,
    /// The files that were read for values of guests.
    pub files: NamedFiles,
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
    /// Something else than a file has its name: a folder, a pipe, a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
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
    /// Values of guests can't be found where it says.
    #[error("{problems}")]
    NotFound {
        /// What is wrong.
        problems: ManifestError,
        /// The files in which values were looked for.
        files: NamedFiles,
    },
}

impl Settings {
    /// Reads the manifest of these guests, applies the overrides to it, and looks up the values of
    /// guests that stand elsewhere, as a server needs them. Without a file, all settings have their
    /// defaults.
    ///
    /// # Errors
    /// The file exists, and is not a regular file, can't be read, is too large, or has wrong
    /// contents; or a value can't be found.
    pub fn read(guests: &Path, overrides: &Overrides) -> Result<Settings, SettingsError> {
        let mut settings = Settings::written(guests, overrides)?;
        let file = file_of(guests);
        let dotenv = overrides.reads_dotenv.then(|| file.with_file_name(DOTENV));
        let mut lookup = Lookup {
            manifest_file: &file.display().to_string(),
            places: &settings.origins.places,
            variable: &|name| env::var_os(name),
            dotenv,
            files: NamedFiles::default(),
            problems: Vec::new(),
        };
        lookup.all(&mut settings.manifest, &mut settings.common);
        let Lookup { files, problems, .. } = lookup;
        if !problems.is_empty() {
            return Err(SettingsError::NotFound { problems: ManifestError { problems }, files });
        }
        settings.files = files;
        Ok(settings)
    }

    /// Reads the manifest of these guests, and applies the overrides to it. No value is looked up in
    /// the environment or in another file.
    ///
    /// # Errors
    /// The file exists, and is not a regular file, can't be read, is too large, or has wrong
    /// contents.
    pub fn written(guests: &Path, overrides: &Overrides) -> Result<Settings, SettingsError> {
        let (mut manifest, places) = read(&file_of(guests))?;
        let flags = overrides.apply(&mut manifest.server);
        if overrides.never_roll_back {
            manifest.rollback = Rollback::Never;
            manifest.guests.values_mut().for_each(|guest| guest.rollback = None);
        }
        let (common, configured) = give(&overrides.values, &mut manifest);
        let origins = Origins { places, flags, configured };
        Ok(Settings { manifest, origins, common, files: NamedFiles::default() })
    }

    /// Returns the configuration of a server with these settings. It keeps the overrides for a
    /// manifest that changes.
    pub fn into_config(self, guests: PathBuf, overrides: Overrides) -> Config {
        let Settings { manifest, common, files, .. } = self;
        let mut config = Config { overrides, common, files, ..Config::new(guests) };
        config.take(manifest);
        config
    }
}

impl Config {
    /// Replaces the settings by those of a manifest.
    pub fn take(&mut self, manifest: Manifest) {
        let Manifest { server, rollback, limits, guests, databases } = manifest;
        (self.server, self.rollback, self.limits) = (server, rollback, limits);
        (self.guest_configs, self.database_configs) = (guests, databases);
    }

    /// Returns the settings, as a manifest.
    pub fn manifest(&self) -> Manifest {
        let Config { server, limits, rollback, guest_configs, database_configs, .. } = self.clone();
        Manifest { server, rollback, limits, guests: guest_configs, databases: database_configs }
    }
}

/// Returns the path of the manifest: in the folder of guests, or in the folder of the file of one
/// guest.
pub fn file_of(guests: &Path) -> PathBuf {
    // A pipe is no guest; whoever loads it says so.
    let is_one_guest = fs::metadata(guests).is_ok_and(|found| !found.is_dir());
    let folder = if is_one_guest { guests.parent().unwrap_or(guests) } else { guests };
    folder.join(manifest::FILE_NAME)
}

/// Gives guests the values of the command line: those for one guest win over those for every guest,
/// and these over the manifest's. Returns the values for every guest, and whose tables have some.
fn give(values: &[ValueOverride], manifest: &mut Manifest) -> (ConfigValues, BTreeSet<String>) {
    let (mut common, mut configured) = (ConfigValues::default(), BTreeSet::new());
    for ValueOverride { name, text, .. } in values.iter().filter(|value| value.guest.is_none()) {
        common.set(name, text);
        for (guest, config) in &mut manifest.guests {
            config.config.get_or_insert_default().set(name, text);
            configured.insert(guest.clone());
        }
    }
    for ValueOverride { guest, name, text } in values {
        let Some(guest) = guest else { continue };
        let config = manifest.guests.entry(guest.clone()).or_default();
        let values = config.config.get_or_insert_default();
        values.set(name, text);
        values.add_missing(&common);
        configured.insert(guest.clone());
    }
    (common, configured)
}

fn read(file: &Path) -> Result<(Manifest, Places), SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { file: file.to_owned(), source };
    let found = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
        found => found.map_err(unreadable)?,
    };
    // Opening a pipe would wait for its writer, and a device may never end.
    if !found.is_file() {
        return Err(SettingsError::NotAFile(file.to_owned()));
    }
    let too_large = |bytes| SettingsError::TooLarge { file: file.to_owned(), bytes };
    if found.len() > manifest::FILE_BYTES_MAX {
        return Err(too_large(found.len()));
    }
    // The file may grow while it is read.
    let mut text = Zeroizing::new(String::with_capacity(found.len() as usize + 1));
    let opened = File::open(file).map_err(unreadable)?;
    opened.take(manifest::FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > manifest::FILE_BYTES_MAX {
        return Err(too_large(text.len() as u64));
    }
    Ok(manifest::parse_with_places(&text, &file.display().to_string())?)
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    /// Writes a manifest beside a guest's file that need not exist. Returns the guest's path.
    fn manifest(name: &str, text: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("snow-settings-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(manifest::FILE_NAME), text).unwrap();
        folder
    }

    #[test]
    fn a_manifest_is_a_regular_file_and_not_too_large() {
        let folder = manifest("kinds", "");
        let file = folder.join(manifest::FILE_NAME);
        let read = || Settings::read(&folder, &Overrides::default());
        assert!(read().is_ok());
        fs::remove_file(&file).unwrap();
        assert!(read().is_ok(), "it is optional");
        // Reading it would never end.
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(matches!(read(), Err(SettingsError::NotAFile(_))));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(read(), Err(SettingsError::NotAFile(_))));
        fs::remove_dir(&file).unwrap();
        fs::write(&file, vec![b'#'; manifest::FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(matches!(read(), Err(SettingsError::TooLarge { .. })));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_command_line_gives_values() {
        let text =
            "[guest.a.config]\nx = { secret = 'old' }\ny = { env = 'SNOW_NO_SUCH' }\n[guest.b]\n";
        let folder = manifest("values", text);
        let read = |values: &[&str]| {
            let values = values.iter().map(|value| value.parse().unwrap()).collect();
            Settings::read(&folder, &Overrides { values, ..Overrides::default() })
        };
        let error = read(&[]).unwrap_err();
        assert!(error.to_string().contains("snow.toml:3:5: `y` of [guest.a.config]"), "{error}");
        let settings = read(&["y=of all", "a.x=of a", "c.z=of c", "a.y=2"]).unwrap();
        let of = |guest: &str, name: &str| {
            let values = settings.manifest.guests[guest].config.as_ref()?;
            values.get(name).map(|value| (value.text().unwrap().to_owned(), value.is_secret))
        };
        let is = |text: &str, is_secret| Some((text.to_owned(), is_secret));
        assert_eq!((of("a", "x"), of("a", "y")), (is("of a", true), is("2", false)));
        assert_eq!((of("b", "y"), of("b", "x")), (is("of all", false), None));
        assert_eq!((of("c", "y"), of("c", "z")), (is("of all", false), is("of c", false)));
        assert_eq!(settings.common.get("y").and_then(|value| value.text()), Some("of all"));
        let printed = manifest::as_toml(&settings.manifest, &settings.origins);
        assert!(printed.contains("x = { secret = \"(not shown)\" }"), "{printed}");
        assert!(printed.contains("  # snow.toml:1, --config\n"), "{printed}");
        assert!(printed.contains("  # --config\n"), "{printed}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn never_to_roll_back_wins_over_the_file() {
        let folder = manifest("rollback", "rollback = { traps = 1, calls = 2 }\n");
        let read = |never_roll_back| {
            let overrides = Overrides { never_roll_back, ..Overrides::default() };
            Settings::read(&folder, &overrides).unwrap().manifest.rollback
        };
        assert_eq!(read(false), Rollback::After { traps: 1, calls: 2 });
        assert_eq!(read(true), Rollback::Never);
        fs::remove_dir_all(folder).unwrap();
    }
}
