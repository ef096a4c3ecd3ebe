//! Sessions: what a guest remembers of a client from one request to the next. The feature
//! `sessions`.
//!
//! ```no_run
//! use snow_guest::prelude::*;
//! use snow_guest::{Sessions, SigningKeys};
//!
//! fn sessions() -> Result<Sessions> {
//!     let keys = SigningKeys::stored(&Bucket::own()?)?;
//!     let sessions = Sessions::open("shop/sessions")?.path("/shop").signed(keys);
//!     Ok(sessions.lifetime(Duration::from_secs(3_600)))
//! }
//!
//! #[route(POST, r"/shop/name")]
//! fn name(request: Request) -> Result<Response> {
//!     let sessions = sessions()?;
//!     let mut session = sessions.of(&request)?;
//!     let form = request.form()?;
//!     session.check_csrf(form.field("csrf"))?;
//!     session.set("name", form.required("name")?);
//!     session.save(Response::redirect(303, "/shop/name")?)
//! }
//!
//! snow_guest::serve!(name);
//! # fn main() {}
//! ```

use crate::signed::SigningKeys;
use crate::store::{Only, SetOptions, StoreError};
use crate::{Bucket, Cookie, Error, Request, Response, Result, SameSite, deployment, log, system};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod entries;

use entries::{Entries, Record};

/// How often a session is written again when other requests of the client write it, too.
const WRITES_MAX: usize = 100;
/// A session that is not changed is written again once this part of its time has passed, so that it
/// goes on. Not with each request, since a write may cost a turn of the disk.
const SLIDES: u32 = 10;

/// The sessions of a guest, in a bucket.
///
/// A session is an entry under 128 random bits, which the client has in a cookie. It ends when it was
/// not used for its [lifetime](Self::lifetime), and when it is [destroyed](Session::destroy).
#[derive(Debug)]
pub struct Sessions {
    entries: Box<dyn Entries>,
    cookie: String,
    lifetime: Duration,
    keys: Option<SigningKeys>,
    /// `None` for that of the guest.
    path: Option<String>,
    is_secure: bool,
}

impl Sessions {
    /// Opens the bucket that sessions are in: one of the guest's own, such as `shop/sessions`.
    pub fn open(bucket: &str) -> Result<Self, StoreError> {
        Ok(Self::over(Box::new(Bucket::open(bucket)?)))
    }

    /// Sessions of a native test, which has no store. They end with this value.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn in_memory() -> Self {
        Self::over(Box::new(entries::Memory::default()))
    }

    fn over(entries: Box<dyn Entries>) -> Self {
        let lifetime = Duration::from_secs(24 * 3_600);
        let cookie = "session".to_owned();
        Self { entries, cookie, lifetime, keys: None, path: None, is_secure: false }
    }

    /// The name of the cookie. `session` unless this is said.
    #[must_use]
    pub fn cookie(mut self, name: &str) -> Self {
        self.cookie = name.to_owned();
        self
    }

    /// The path below which the client sends the cookie, as it sees paths. Unless this is said, that
    /// at which the guest is mounted: for a guest without `mount` in snow.toml it is `/`, and every
    /// other guest of the server gets the cookie too. Whoever has the cookie has the session.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// How long a session lives that is not used. A day unless this is said.
    #[must_use]
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.lifetime = time;
        self
    }

    /// Signs the cookie, so that an id that was made up costs no look into the store; and forms can
    /// have a [token](Session::csrf_token).
    #[must_use]
    pub fn signed(mut self, keys: SigningKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Has the cookie sent over TLS only: where a proxy in front speaks TLS.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.is_secure = true;
        self
    }

    /// The session of the client that sent a request. It is empty, and not in the store until
    /// something is [set](Session::set), if the client has none, or says an id that this guest did
    /// not give out or that has ended.
    pub fn of(&self, request: &Request) -> Result<Session<'_>> {
        self.of_at(request, system::now())
    }

    fn of_at(&self, request: &Request, now: SystemTime) -> Result<Session<'_>> {
        let cookie = request.cookie(&self.cookie);
        let id = cookie.and_then(|text| match &self.keys {
            Some(keys) => {
                let told = |why| log::debug(format!("the session's cookie is not taken: {why}"));
                keys.verify_at(&self.cookie, text, self.lifetime, now).map_err(told).ok()
            }
            None => Some(text.to_owned()),
        });
        let id = id.filter(|id| is_id(id));
        let stored = match &id {
            Some(id) => self.entries.get(id)?.map(|entry| Record::parse(&entry)).transpose()?,
            None => None,
        };
        // An id that only a signature vouches for may stay: forms have tokens of it.
        let id = id.filter(|_| stored.is_some() || self.keys.is_some());
        Ok(Session {
            sessions: self,
            now,
            has_cookie: cookie.is_some(),
            is_told: id.is_some(),
            id: id.unwrap_or_else(new_id),
            fields: stored.as_ref().map(|record| record.fields.clone()).unwrap_or_default(),
            stored,
            old: None,
            changes: Vec::new(),
            is_destroyed: false,
            must_tell: false,
        })
    }
}

/// What a guest remembers of a client: names and values. A handler ends with
/// [`save`](Self::save).
///
/// Requests of one client at the same time lose no change of each other: each writes only what it
/// has set and removed.
#[must_use = "what is set is kept by `save`"]
pub struct Session<'s> {
    sessions: &'s Sessions,
    now: SystemTime,
    id: String,
    /// Whether the client has sent any cookie of this name.
    has_cookie: bool,
    /// Whether the client knows the id.
    is_told: bool,
    /// Whether the client must know the id, though nothing is stored under it.
    must_tell: bool,
    /// As it was found in the store.
    stored: Option<Record>,
    /// The id that it had in the store before it was renewed.
    old: Option<String>,
    fields: BTreeMap<String, String>,
    changes: Vec<(String, Option<String>)>,
    is_destroyed: bool,
}

impl Session<'_> {
    /// What is kept under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Keeps a value under a name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        // What begins to be stored has an id that nobody knew before.
        if self.stored.is_none() && self.changes.is_empty() {
            self.new_id();
        }
        let value = value.into();
        self.fields.insert(name.to_owned(), value.clone());
        self.changes.push((name.to_owned(), Some(value)));
    }

    /// Forgets what is kept under a name.
    pub fn remove(&mut self, name: &str) {
        if self.fields.remove(name).is_some() {
            self.changes.push((name.to_owned(), None));
        }
    }

    /// Gives it another id, and ends the one that it had: when a user logs in, or gets more rights.
    /// Whoever knew the id before knows nothing then.
    pub fn renew(&mut self) {
        if self.stored.is_some() && self.old.is_none() {
            self.old = Some(self.id.clone());
        }
        self.new_id();
    }

    /// Ends it, with all that is kept: when a user logs out.
    pub fn destroy(&mut self) {
        self.fields.clear();
        self.changes.clear();
        self.is_destroyed = true;
    }

    fn new_id(&mut self) {
        self.id = new_id();
        self.is_told = false;
    }

    /// A token for a form of this session, in a hidden field: other sites can't know it. For a client
    /// without a session too, whose cookie is set by [`save`](Self::save). It belongs to the session's
    /// id, so it comes behind [`set`](Self::set) and [`renew`](Self::renew).
    ///
    /// # Errors
    ///
    /// Sessions that are not [signed](Sessions::signed).
    pub fn csrf_token(&mut self) -> Result<String> {
        self.must_tell = true;
        Ok(self.keys()?.sign_at(&self.csrf_name(), "", self.now))
    }

    /// Checks the token of a form: a 403 if it is not of this session, or too old.
    pub fn check_csrf(&self, token: Option<&str>) -> Result<()> {
        let token = token.unwrap_or_default();
        let lifetime = self.sessions.lifetime;
        match self.keys()?.verify_at(&self.csrf_name(), token, lifetime, self.now) {
            Ok(_) => Ok(()),
            Err(why) => {
                log::debug(format!("a form's token is not taken: {why}"));
                let text = "this form is not from here, or is too old: load its page again";
                Err(Error::status(403, text))
            }
        }
    }

    fn csrf_name(&self) -> String {
        format!("csrf {} {}", self.sessions.cookie, self.id)
    }

    fn keys(&self) -> Result<&SigningKeys> {
        let keys = self.sessions.keys.as_ref();
        keys.ok_or_else(|| Error::new("tokens of forms need sessions with `signed`"))
    }

    /// Writes what has changed, and adds the cookie to an answer if the client needs it.
    pub fn save(self, response: Response) -> Result<Response> {
        match self.commit()? {
            Some(cookie) => response.cookie(cookie),
            None => Ok(response),
        }
    }

    /// Writes what has changed, and returns the cookie that the client needs, if it needs one.
    pub fn commit(self) -> Result<Option<Cookie>> {
        let entries = &self.sessions.entries;
        if self.is_destroyed {
            if self.stored.is_some() {
                entries.delete(self.old.as_ref().unwrap_or(&self.id))?;
            }
            return Ok(self.has_cookie.then(|| self.removal()));
        }
        let Some(stored) = &self.stored else {
            if self.fields.is_empty() {
                return Ok((self.must_tell && !self.is_told).then(|| self.told()));
            }
            self.write(&self.id, self.fields.clone(), Only::Absent)?;
            return Ok(Some(self.told()));
        };
        if let Some(old) = &self.old {
            let Some(now) = entries.get(old)? else { return Ok(Some(self.removal())) };
            let fields = self.applied(Record::parse(&now)?.fields);
            self.write(&self.id, fields, Only::Absent)?;
            entries.delete(old)?;
            return Ok(Some(self.told()));
        }
        let is_due = stored.age(self.now) >= self.sessions.lifetime / SLIDES;
        if self.changes.is_empty() && !is_due {
            return Ok(None);
        }
        let (mut version, mut fields) = (stored.version, stored.fields.clone());
        for _ in 0..WRITES_MAX {
            match self.write(&self.id, self.applied(fields), Only::Version(version)) {
                Ok(()) => return Ok(is_due.then(|| self.told())),
                Err(StoreError::Conflict(Some(won))) => {
                    let won = Record::parse(&won)?;
                    (version, fields) = (won.version, won.fields);
                }
                // Another request has destroyed it, and that stays.
                Err(StoreError::Conflict(None)) => return Ok(Some(self.removal())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::new("a session is written by too many requests at a time"))
    }

    /// What another request has written, with the changes of this one.
    fn applied(&self, mut fields: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (name, value) in &self.changes {
            match value {
                Some(value) => fields.insert(name.clone(), value.clone()),
                None => fields.remove(name),
            };
        }
        fields
    }

    fn write(
        &self,
        id: &str,
        fields: BTreeMap<String, String>,
        only: Only,
    ) -> Result<(), StoreError> {
        let written = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let options = SetOptions { expires: Some(self.sessions.lifetime), only };
        self.sessions.entries.set(id, Record { version: 0, written, fields }.to_text(), options)
    }

    fn told(&self) -> Cookie {
        let name = &self.sessions.cookie;
        let value = match &self.sessions.keys {
            Some(keys) => keys.sign_at(name, &self.id, self.now),
            None => self.id.clone(),
        };
        self.flags(Cookie::new(name, value).max_age(self.sessions.lifetime))
    }

    fn removal(&self) -> Cookie {
        self.flags(Cookie::removal(&self.sessions.cookie))
    }

    fn flags(&self, cookie: Cookie) -> Cookie {
        let path = self.sessions.path.clone().unwrap_or_else(deployment::cookie_path);
        let cookie = cookie.path(path).http_only().same_site(SameSite::Lax);
        if self.sessions.is_secure { cookie.secure() } else { cookie }
    }
}

/// Without the id, which is as good as a password.
impl fmt::Debug for Session<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session").field("fields", &self.fields).finish_non_exhaustive()
    }
}

fn new_id() -> String {
    format!("{:032x}", u128::from_ne_bytes(system::random()))
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns when a session was written and its fields, as a text in the store has them, and the text
/// that is written for them.
#[cfg(all(test, feature = "json", feature = "serde"))]
pub(crate) fn record(text: &str) -> Result<(u64, BTreeMap<String, String>, String)> {
    let record = Record::parse(&crate::store::Entry { value: text.into(), version: 1 })?;
    let written = record.to_text();
    Ok((record.written, record.fields, written))
}

#[cfg(test)]
mod tests;
