//! The databases of a case: empty ones, and none of a server.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::{env, fs, process};

use anyhow::Context;
use snow_config::{DatabaseConfigs, DatabasePlace, ServerAddress};

/// Where the server of a case looks for database servers: nowhere.
const NOWHERE: &str = "(a case reaches no server of a database)";

/// The files of a case's databases, in a folder that is removed when this value is dropped.
#[derive(Default)]
pub(super) struct CaseDatabases(OnceLock<PathBuf>);

impl CaseDatabases {
    /// Puts these databases into files of the case, or out of reach.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn stand_in(&self, databases: &mut DatabaseConfigs) -> anyhow::Result<()> {
        for (number, config) in databases.values_mut().enumerate() {
            let place = config.url.as_mut().and_then(|url| url.place.as_mut());
            let Some(place) = place.map(Arc::make_mut) else { continue };
            match place {
                DatabasePlace::Sqlite(path) => {
                    *path = self.folder()?.join(format!("{number}.db"));
                }
                DatabasePlace::Postgres(server) | DatabasePlace::Mysql(server) => {
                    server.address = ServerAddress::Unix(NOWHERE.into());
                    server.is_encrypted = false;
                }
            }
        }
        Ok(())
    }

    fn folder(&self) -> anyhow::Result<&PathBuf> {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        if let Some(folder) = self.0.get() {
            return Ok(folder);
        }
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("snow-host-test-db-{}-{number}", process::id()));
        fs::create_dir(&folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        Ok(self.0.get_or_init(|| folder))
    }
}

impl Drop for CaseDatabases {
    fn drop(&mut self) {
        if let Some(folder) = self.0.get() {
            // If this fails, a small folder is left among those for temporary files.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use snow_config::{DatabaseConfig, DatabaseUrl};

    use super::*;

    #[test]
    fn a_case_has_its_own_files_and_reaches_no_server() {
        let config = |text: &str| {
            let place = DatabasePlace::parse(text, "/guests".as_ref()).unwrap();
            let url = DatabaseUrl { place: Some(place.into()), ..DatabaseUrl::new(text) };
            DatabaseConfig { url: Some(url), ..DatabaseConfig::default() }
        };
        let mut databases = DatabaseConfigs::from([
            ("a".to_owned(), config("sqlite:a.db")),
            ("b".to_owned(), config("postgres://u:p@db.example/b?sslmode=require")),
        ]);
        let case = CaseDatabases::default();
        case.stand_in(&mut databases).unwrap();
        let place = |name: &str| databases[name].url.as_ref().unwrap().place.clone().unwrap();
        let DatabasePlace::Sqlite(path) = &*place("a") else { panic!("it is a file") };
        let folder = path.parent().unwrap().to_owned();
        assert!(folder.starts_with(env::temp_dir()) && folder.is_dir());
        assert_eq!(place("b").to_string(), format!("postgres:{NOWHERE}"));
        drop(case);
        assert!(!folder.exists());
    }
}
