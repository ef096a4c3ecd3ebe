//! The guest book itself. Nothing here knows which host runs it.

use crate::Asked;
#[cfg(not(feature = "spin"))]
use crate::wasi::config::store as config;
#[cfg(feature = "spin")]
use crate::wasi::config0_2_0_draft_2024_09_27::store as config;
use crate::wasi::keyvalue::store::{self, Bucket};
use crate::wasi::keyvalue::{atomics, batch};

/// The reason why there is no answer.
pub enum Trouble {
    /// There is no such page.
    Nothing,
    /// The host refused, with its words.
    Refused(String),
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Trouble {
        Trouble::Refused(format!("{error:?}"))
    }
}

impl From<config::Error> for Trouble {
    fn from(error: config::Error) -> Trouble {
        Trouble::Refused(format!("{error:?}"))
    }
}

#[cfg(feature = "spin")]
impl From<atomics::CasError> for Trouble {
    fn from(error: atomics::CasError) -> Trouble {
        Trouble::Refused(format!("{error:?}"))
    }
}

/// Pages by their names, and how often each was visited, which is `visits.NAME`.
pub struct Book(Bucket);

impl Book {
    /// Opens the bucket that the setting `bucket` names, or the default one.
    pub fn open() -> Result<Book, Trouble> {
        let name = config::get("bucket")?.unwrap_or_else(|| "default".to_owned());
        Ok(Book(store::open(&name)?))
    }

    pub fn write(&self, asked: &Asked) -> Result<String, Trouble> {
        let before = if self.0.exists(&asked.name)? { "replaced" } else { "new" };
        self.0.set(&asked.name, &asked.body)?;
        Ok(before.to_owned())
    }

    pub fn read(&self, asked: &Asked) -> Result<String, Trouble> {
        self.0.get(&asked.name)?.map(text).ok_or(Trouble::Nothing)
    }

    pub fn tear(&self, asked: &Asked) -> Result<String, Trouble> {
        self.0.delete(&asked.name)?;
        Ok("torn out".to_owned())
    }

    pub fn visit(&self, asked: &Asked) -> Result<String, Trouble> {
        let sum = atomics::increment(&self.0, &format!("visits.{}", asked.name), 1)?;
        Ok(sum.to_string())
    }

    /// Adds to a page, however many others do.
    #[cfg(feature = "spin")]
    pub fn add(&self, asked: &Asked) -> Result<String, Trouble> {
        let mut cas = atomics::Cas::new(&self.0, &asked.name)?;
        loop {
            let page = [cas.current()?.unwrap_or_default(), asked.body.clone()].concat();
            match atomics::swap(cas, &page) {
                Ok(()) => return Ok(text(page)),
                Err(atomics::CasError::CasFailed(newer)) => cas = newer,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Adds to a page, which another may do at the same time: this draft has no compare-and-swap.
    #[cfg(not(feature = "spin"))]
    pub fn add(&self, asked: &Asked) -> Result<String, Trouble> {
        let page = [self.0.get(&asked.name)?.unwrap_or_default(), asked.body.clone()].concat();
        self.0.set(&asked.name, &page)?;
        Ok(text(page))
    }

    /// Writes the pages of a body such as `a=1 b=2`.
    pub fn write_many(&self, asked: &Asked) -> Result<String, Trouble> {
        let body = String::from_utf8_lossy(&asked.body);
        let pages = body.split(' ').filter_map(|page| page.split_once('='));
        let pages: Vec<(String, Vec<u8>)> =
            pages.map(|(name, page)| (name.to_owned(), page.as_bytes().to_vec())).collect();
        batch::set_many(&self.0, &pages)?;
        Ok(pages.len().to_string())
    }

    /// Returns everything, as `a=1 b=2`.
    pub fn read_all(&self) -> Result<String, Trouble> {
        let keys = self.keys()?;
        let values = batch::get_many(&self.0, &keys)?.into_iter();
        #[cfg(feature = "spin")]
        let values = values.filter_map(|(key, value)| Some((key, value?)));
        #[cfg(not(feature = "spin"))]
        let values = values.flatten();
        let pages = values.map(|(key, value)| format!("{key}={}", text(value)));
        Ok(pages.collect::<Vec<_>>().join(" "))
    }

    pub fn tear_all(&self) -> Result<String, Trouble> {
        let keys = self.keys()?;
        batch::delete_many(&self.0, &keys)?;
        Ok(keys.len().to_string())
    }

    /// Returns the names of everything, page after page.
    fn keys(&self) -> Result<Vec<String>, Trouble> {
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            #[cfg(feature = "spin")]
            let listed = self.0.list_keys(cursor.as_deref())?;
            #[cfg(not(feature = "spin"))]
            let listed = self.0.list_keys(cursor)?;
            keys.extend(listed.keys);
            cursor = listed.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }
}

/// Returns all settings, as `a=1 b=2`.
pub fn settings() -> Result<String, Trouble> {
    let all = config::get_all()?.into_iter().map(|(key, value)| format!("{key}={value}"));
    Ok(all.collect::<Vec<_>>().join(" "))
}

fn text(page: Vec<u8>) -> String {
    String::from_utf8_lossy(&page).into_owned()
}
