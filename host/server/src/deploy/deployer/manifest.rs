//! How the deployer takes a changed `snow.toml`, and the files that it names.

use std::sync::Arc;

use super::Deployer;
use crate::deploy::debounce::AfterFailure;
use snow_config::{NamedFiles, Settings, SettingsError, manifest};
use snow_core::error_chain;
use snow_runtime::Level;

impl Deployer {
    /// Reads `snow.toml`. Returns whether it is valid; if it is not, the settings in force stay.
    pub(super) fn take_manifest(&mut self) -> bool {
        match Settings::read(&self.folder, &self.overrides) {
            Ok(settings) => {
                self.take_named(settings.files);
                self.catalog.take_manifest(&settings.manifest);
                self.renew_loader();
                self.has_new_manifest = true;
                true
            }
            Err(error) => {
                // Where values were not found they may be soon.
                if let SettingsError::NotFound { files, .. } = &error {
                    self.take_named(files.clone());
                }
                if self.debounce.manifest_failed() == AfterFailure::Report {
                    let (file, error) = (manifest::FILE_NAME, error_chain(&error));
                    self.log.host(
                        Level::Error,
                        format!("{file} is invalid, so the settings in force stay:\n{error}"),
                    );
                }
                false
            }
        }
    }

    /// Takes the files that were read with a manifest.
    fn take_named(&mut self, files: NamedFiles) {
        self.debounce.read_named(files.print());
        self.named.replace(files);
    }

    /// Replaces the loader, which applies limits too, by one with the limits in force.
    fn renew_loader(&mut self) {
        match self.loader.under(self.catalog.runtime()) {
            Ok(loader) => self.loader = Arc::new(loader),
            Err(error) => self.log.host(
                Level::Error,
                format!("guests are still loaded under the old limits: {}", error_chain(&error)),
            ),
        }
    }
}
