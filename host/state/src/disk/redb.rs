//! The journal in a file, by the embedded database redb.
//!
//! One table holds the entries, ordered by bucket and key; another holds the format and the last
//! version that was given out. A batch is one transaction, with one fsync. After a crash, redb
//! takes the latest of its two roots whose checksums are right, so a batch is there as a whole or
//! not at all.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition};
use snow_core::sync::Arc;

use super::folder::{DataError, DataFolder, FileId};
use super::{Changes, Journal, JournalError};
use crate::entry::{Entry, Place, Version};

/// The file of the data.
const FILE: &str = "store.redb";
/// Its name until it is complete.
const NEW_FILE: &str = "store.redb.new";
/// The format of the tables below.
const FORMAT: u64 = 1;

/// Bucket and key.
type RowKey = (&'static str, &'static str);
/// Version, expiry in milliseconds since 1970, and value.
type Row = (u64, Option<u64>, &'static [u8]);

/// The entries, in order.
const ENTRIES: TableDefinition<RowKey, Row> = TableDefinition::new("entries");
/// Numbers about the whole file.
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// The name of the format's number in `ABOUT`.
const ABOUT_FORMAT: &str = "format";
/// The name of the number of the last version that was given out.
const ABOUT_VERSION: &str = "version";

/// The memory in which the database keeps pages of its file. It reads only what a write touches.
const CACHE_BYTES: usize = 16 << 20;

/// A [`Journal`] in a folder, which no other process can use meanwhile.
///
/// The folder holds `store.redb`, and `store.lock` with the number of the process that uses it.
#[derive(Debug)]
pub struct RedbJournal {
    folder: DataFolder,
    /// Which file `store.redb` was when it was opened.
    file_id: FileId,
    /// `None` after a failure: then the file is opened anew, and thereby repaired, before the next
    /// write. redb refuses everything until then.
    database: Option<Database>,
}

impl RedbJournal {
    /// Opens the data of a folder. Makes the folder, and the file, if there are none.
    ///
    /// The whole file is read and its checksums are verified, so this takes time in proportion to
    /// its size.
    ///
    /// # Errors
    /// [`DataError`]. Then nothing was changed.
    pub fn open(folder: &Path) -> Result<RedbJournal, DataError> {
        let folder = DataFolder::open(folder)?;
        let file = folder.file(FILE);
        let is_there = file.try_exists().map_err(DataError::io(&file))?;
        if !is_there {
            create(&folder)?;
        }
        let database = open(&file)?;
        check_format(&database, &file)?;
        let file_id = FileId::at(&file).map_err(DataError::io(&file))?;
        Ok(RedbJournal { folder, file_id, database: Some(database) })
    }

    fn path(&self) -> PathBuf {
        self.folder.file(FILE)
    }

    fn error(&self, reason: impl ToString) -> JournalError {
        let place = self.path().display().to_string();
        JournalError { place, reason: reason.to_string() }
    }

    /// Returns the database, opened anew if it has failed.
    fn database(&mut self) -> Result<&Database, JournalError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path()).map_err(|error| self.error(error.reason()))?,
        };
        Ok(self.database.insert(database))
    }
}

impl Journal for RedbJournal {
    fn load(
        &mut self,
        each: &mut dyn FnMut(Place, Entry),
    ) -> Result<Option<Version>, JournalError> {
        let loaded = load(self.database()?, each);
        loaded.map_err(|error| self.error(error))
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), JournalError> {
        self.folder.check(FILE, self.file_id).map_err(|reason| self.error(reason))?;
        let committed = commit(self.database()?, changes);
        committed.map_err(|error| {
            self.database = None;
            self.error(error)
        })
    }
}

/// Makes the file under another name and renames it, so that no crash leaves half a file.
fn create(folder: &DataFolder) -> Result<(), DataError> {
    let new = folder.file(NEW_FILE);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(DataError::io(&new))?;
    let made = FileBackend::new(file).and_then(|backend| builder().create_with_backend(backend));
    let database = made.map_err(|error| data_error(&new, error))?;
    let committed = begin(&database);
    committed.map_err(|error| data_error(&new, error))?;
    drop(database);
    folder.rename(&new, &folder.file(FILE)).map_err(DataError::io(&new))
}

/// Writes what an empty store has.
fn begin(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(ABOUT)?.insert(ABOUT_FORMAT, FORMAT)?;
    Ok(transaction.commit()?)
}

fn open(file: &Path) -> Result<Database, DataError> {
    builder().open(file).map_err(|error| data_error(file, error))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Otherwise a damaged file could be found only when a write comes across the place.
    builder.set_check_integrity_on_open(true);
    builder
}

fn check_format(database: &Database, file: &Path) -> Result<(), DataError> {
    let read = || -> Result<Option<u64>, redb::Error> {
        let about = database.begin_read()?.open_table(ABOUT)?;
        Ok(about.get(ABOUT_FORMAT)?.map(|format| format.value()))
    };
    match read().map_err(|error| data_error(file, error))? {
        Some(FORMAT) => Ok(()),
        Some(format) => Err(DataError::Newer { file: file.to_owned(), format, known: FORMAT }),
        None => Err(DataError::Damaged {
            file: file.to_owned(),
            reason: "it does not say its format".to_owned(),
        }),
    }
}

fn load(
    database: &Database,
    each: &mut dyn FnMut(Place, Entry),
) -> Result<Option<Version>, redb::Error> {
    let transaction = database.begin_read()?;
    let mut bucket: Arc<str> = "".into();
    for row in transaction.open_table(ENTRIES)?.iter()? {
        let (place, content) = row?;
        let (name, key) = place.value();
        let (version, expires_ms, value) = content.value();
        // Rows come in order, so all entries of a bucket share its name.
        if *bucket != *name {
            bucket = name.into();
        }
        let place = Place { bucket: bucket.clone(), key: key.into() };
        each(place, Entry { value: value.into(), version: Version(version), expires_ms });
    }
    let last = transaction.open_table(ABOUT)?.get(ABOUT_VERSION)?;
    Ok(last.map(|last| Version(last.value())))
}

fn commit(database: &Database, changes: &Changes) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut table = transaction.open_table(ENTRIES)?;
    for (bucket, entries) in &changes.entries {
        for (key, entry) in entries {
            let place = (&**bucket, &**key);
            match entry {
                Some(Entry { value, version, expires_ms }) => {
                    table.insert(place, (version.0, *expires_ms, &**value))?;
                }
                None => {
                    table.remove(place)?;
                }
            }
        }
    }
    drop(table);
    if let Some(last) = changes.last_version {
        transaction.open_table(ABOUT)?.insert(ABOUT_VERSION, last.0)?;
    }
    // Durable when it returns: that is redb's default.
    Ok(transaction.commit()?)
}

/// Tells damage from what the system does not allow. A file that ends too early is damaged.
fn data_error(file: &Path, error: impl Into<redb::Error>) -> DataError {
    let is_damage = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
    };
    match error.into() {
        redb::Error::Io(error) if !is_damage(&error) => {
            DataError::Io { path: file.to_owned(), error }
        }
        error => DataError::Damaged { file: file.to_owned(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
