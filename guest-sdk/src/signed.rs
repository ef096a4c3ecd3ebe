//! Texts that a client keeps and can't change: signed cookies. The feature `signed`.
//!
//! Signed is not secret: the client can read the value.
//!
//! ```no_run
//! use snow_guest::SigningKeys;
//! use snow_guest::prelude::*;
//!
//! const A_DAY: Duration = Duration::from_secs(86_400);
//!
//! #[route(POST, r"/basket/(?P<id>\w+)")]
//! fn choose(request: Request) -> Result<Response> {
//!     let keys = SigningKeys::stored(&Bucket::own()?)?;
//!     let basket = Cookie::signed("basket", request.param_named("id"), &keys);
//!     Response::redirect(303, "/basket")?.cookie(basket.max_age(A_DAY).http_only())
//! }
//!
//! #[route(GET, r"/basket")]
//! fn basket(request: Request) -> Result<String> {
//!     let keys = SigningKeys::stored(&Bucket::own()?)?;
//!     Ok(request.signed_cookie("basket", &keys, A_DAY).unwrap_or_else(|| "none".to_owned()))
//! }
//!
//! snow_guest::serve!(choose, basket);
//! # fn main() {}
//! ```

use crate::store::StoreError;
use crate::{Bucket, Cookie, Error, Request, Result, log, system};
use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of a secret at least: what SHA-256 makes of a longer one.
const SECRET_BYTES_MIN: usize = 32;
/// The key of a bucket that holds signing keys.
const STORED: &str = "signing-keys";
/// How much later than this host's clock another host may have signed.
const SKEW: Duration = Duration::from_secs(60);

/// Secret keys that sign by HMAC-SHA256, each with a version.
///
/// The first one signs, and texts that any of them has signed are taken. So a key is replaced by
/// putting a new one before it, and is left out once what it has signed is too old.
///
/// In a signature are the name of the text, its value, the time and the key's version: a cookie can't
/// be sent back under another name, nor after its time.
#[derive(Clone)]
pub struct SigningKeys(Vec<(u32, Vec<u8>)>);

impl SigningKeys {
    /// One key: a version, which is part of each text that it signs, and a secret.
    ///
    /// # Errors
    ///
    /// A secret of less than 32 bytes, which are to be random ones and no password.
    pub fn new(version: u32, secret: impl Into<Vec<u8>>) -> Result<Self> {
        Self(Vec::new()).and_older(version, secret)
    }

    /// Takes what an older key has signed, too.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new); a version that is there already.
    pub fn and_older(mut self, version: u32, secret: impl Into<Vec<u8>>) -> Result<Self> {
        let secret = secret.into();
        if secret.len() < SECRET_BYTES_MIN {
            let wanted = format_args!("a signing key has {SECRET_BYTES_MIN} random bytes or more");
            return Err(Error::new(format_args!("{wanted}, not {}", secret.len())));
        }
        if self.0.iter().any(|(known, _)| *known == version) {
            return Err(Error::new(format_args!(
                "there are two signing keys of version {version}"
            )));
        }
        self.0.push((version, secret));
        Ok(self)
    }

    /// The keys that a bucket holds under `signing-keys`; a random one that it holds from now on, if
    /// it holds none. Nobody has to make them up, and whoever can read the bucket has them.
    pub fn stored(bucket: &Bucket) -> Result<Self> {
        if let Some(entry) = bucket.get(STORED)? {
            return Self::parse(&entry.text());
        }
        let fresh = Self(vec![(1, system::random::<32>().to_vec())]);
        match bucket.insert(STORED, fresh.to_text()) {
            Ok(_) => Ok(fresh),
            Err(StoreError::Conflict(Some(won))) => Self::parse(&won.text()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a random key before those that a bucket holds, and keeps as many in all as `keep` says.
    /// Keys that can't be read are replaced.
    pub fn rotate(bucket: &Bucket, keep: usize) -> Result<Self> {
        let entry = bucket.update(STORED, |held| {
            let held = String::from_utf8_lossy(held.unwrap_or_default());
            // Keys that can't be read sign nothing anyway.
            let mut keys = Self::parse(&held).map_or_else(|_| Vec::new(), |keys| keys.0);
            let version = keys.iter().map(|(version, _)| version + 1).max().unwrap_or(1);
            keys.insert(0, (version, system::random::<32>().to_vec()));
            keys.truncate(keep.max(1));
            Self(keys).to_text().into_bytes()
        })?;
        Self::parse(&entry.text())
    }

    pub(crate) fn to_text(&self) -> String {
        let line = |(version, secret): &(u32, Vec<u8>)| {
            format!("{version} {}\n", Base64UrlUnpadded::encode_string(secret))
        };
        self.0.iter().map(line).collect()
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let unreadable = || Error::new(format_args!("the bucket's `{STORED}` can't be read"));
        let mut keys = Self(Vec::new());
        for line in text.lines() {
            let (version, secret) = line.split_once(' ').ok_or_else(unreadable)?;
            let version = version.parse().map_err(|_| unreadable())?;
            let secret = Base64UrlUnpadded::decode_vec(secret).map_err(|_| unreadable())?;
            keys = keys.and_older(version, secret)?;
        }
        if keys.0.is_empty() { Err(unreadable()) } else { Ok(keys) }
    }

    /// Signs a value under a name, now. The text has letters, digits, `-`, `_` and `.` only.
    pub fn sign(&self, name: &str, value: &str) -> String {
        self.sign_at(name, value, system::now())
    }

    /// The value of a text that was signed under this name, at most `max_age` ago.
    ///
    /// # Errors
    ///
    /// Why it is not taken. That is for the author, not for the client: see
    /// [`Request::signed_cookie`].
    pub fn verify(
        &self,
        name: &str,
        text: &str,
        max_age: Duration,
    ) -> Result<String, SignatureError> {
        self.verify_at(name, text, max_age, system::now())
    }

    pub(crate) fn sign_at(&self, name: &str, value: &str, now: SystemTime) -> String {
        let (version, secret) = &self.0[0];
        let value = Base64UrlUnpadded::encode_string(value.as_bytes());
        let signed = format!("1.{version}.{}.{value}", seconds(now));
        let code = code(secret, name, &signed).finalize().into_bytes();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&code))
    }

    pub(crate) fn verify_at(
        &self,
        name: &str,
        text: &str,
        max_age: Duration,
        now: SystemTime,
    ) -> Result<String, SignatureError> {
        let (signed, code_sent) = text.rsplit_once('.').ok_or(SignatureError::Malformed)?;
        let mut parts = signed.split('.');
        let (Some("1"), Some(version), Some(time), Some(value), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SignatureError::Malformed);
        };
        let version = version.parse().map_err(|_| SignatureError::Malformed)?;
        let code_sent =
            Base64UrlUnpadded::decode_vec(code_sent).map_err(|_| SignatureError::Malformed)?;
        let mut keys = self.0.iter();
        let (_, secret) =
            keys.find(|(known, _)| *known == version).ok_or(SignatureError::UnknownKey(version))?;
        // In constant time.
        code(secret, name, signed).verify_slice(&code_sent).map_err(|_| SignatureError::Forged)?;
        // From here on it is our own text.
        let time = time.parse().map_err(|_| SignatureError::Malformed)?;
        let now = Duration::from_secs(seconds(now));
        let time = Duration::from_secs(time);
        if time > now.saturating_add(SKEW) {
            return Err(SignatureError::FromTheFuture);
        }
        if now.saturating_sub(time) > max_age {
            return Err(SignatureError::Expired);
        }
        let value = Base64UrlUnpadded::decode_vec(value).map_err(|_| SignatureError::Malformed)?;
        String::from_utf8(value).map_err(|_| SignatureError::Malformed)
    }
}

/// The code of a text under a name. The length of the name stands first, so that no other name and
/// text give these bytes.
fn code(secret: &[u8], name: &str, signed: &str) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes any key");
    code.update(&(name.len() as u64).to_be_bytes());
    code.update(name.as_bytes());
    code.update(signed.as_bytes());
    code
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Without the secrets.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningKeys ")?;
        out.debug_list().entries(self.0.iter().map(|(version, _)| version)).finish()
    }
}

/// Why a signed text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// It is no signed text, or was cut.
    Malformed,
    /// The key of this version is not among the keys.
    UnknownKey(u32),
    /// Its value, its time or its name is not what was signed.
    Forged,
    /// It was signed too long ago.
    Expired,
    /// It was signed later than now: this host's clock was set back, or another's is wrong.
    FromTheFuture,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str("it is no signed text, or was cut"),
            Self::UnknownKey(version) => {
                write!(out, "there is no signing key of version {version}")
            }
            Self::Forged => out.write_str("its value, its time or its name was changed"),
            Self::Expired => out.write_str("it was signed too long ago"),
            Self::FromTheFuture => out.write_str("it was signed later than now"),
        }
    }
}

impl std::error::Error for SignatureError {}

impl Cookie {
    /// A cookie for [`Request::signed_cookie`]. Its value may be any text, and browsers drop a cookie
    /// of more than 4,096 bytes. With the feature `signed`.
    pub fn signed(name: &str, value: &str, keys: &SigningKeys) -> Self {
        Self::new(name, keys.sign(name, value))
    }
}

impl Request {
    /// The value of a cookie that was [signed](Cookie::signed) at most `max_age` ago. `None` if there
    /// is none, and if it was forged, cut, renamed or is too old: the host's log says why, at
    /// `debug`. With the feature `signed`.
    pub fn signed_cookie(
        &self,
        name: &str,
        keys: &SigningKeys,
        max_age: Duration,
    ) -> Option<String> {
        let text = self.cookie(name)?;
        let told = |why| log::debug(format!("the cookie {name:?} is not taken: {why}"));
        keys.verify(name, text, max_age).map_err(told).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn keys(version: u32) -> SigningKeys {
        SigningKeys::new(version, [version as u8; 32]).unwrap()
    }

    #[test]
    fn what_was_signed_is_read() {
        for value in ["", "ann", "grüße; \r\n"] {
            let text = keys(1).sign_at("user", value, at(1_000));
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert!(text.bytes().all(is_plain), "{text}");
            assert_eq!(keys(1).verify_at("user", &text, HOUR, at(4_600)).unwrap(), value);
        }
        let request = Request::new("GET", "/")
            .with_header("cookie", format!("user={}", keys(1).sign("user", "ann")));
        assert_eq!(request.signed_cookie("user", &keys(1), HOUR).as_deref(), Some("ann"));
        assert_eq!(request.signed_cookie("user", &keys(2), HOUR), None);
        assert_eq!(request.signed_cookie("other", &keys(1), HOUR), None);
    }

    /// By a computation of another program: `hmac.new(key, message, "sha256")` in Python.
    #[test]
    fn the_format_stays() {
        let text = keys(1).sign_at("user", "ann", at(1_000));
        assert_eq!(text, "1.1.1000.YW5u.DOuHS3uycqLaukGWbFtn_zeI4dAoB8b2R58_ti8oP84");
    }

    #[test]
    fn what_is_changed_anywhere_is_not_taken() {
        let text = keys(1).sign_at("user", "ann", at(1_000));
        for at_byte in 0..text.len() {
            for other in [b'0', b'.', b'A', b'_'] {
                let mut bytes = text.clone().into_bytes();
                if std::mem::replace(&mut bytes[at_byte], other) == other {
                    continue;
                }
                let forged = String::from_utf8(bytes).unwrap();
                assert!(keys(1).verify_at("user", &forged, HOUR, at(1_000)).is_err(), "{forged}");
            }
            let cut = keys(1).verify_at("user", &text[..at_byte], HOUR, at(1_000));
            assert!(cut.is_err(), "{}", &text[..at_byte]);
        }
    }

    #[test]
    fn the_author_is_told_why() {
        let text = keys(1).sign_at("user", "ann", at(1_000));
        let verify = |keys: &SigningKeys, name: &str, text: &str, now| {
            keys.verify_at(name, text, HOUR, at(now)).unwrap_err()
        };
        assert_eq!(verify(&keys(1), "user", &text, 4_601), SignatureError::Expired);
        assert_eq!(verify(&keys(1), "user", &text, 900), SignatureError::FromTheFuture);
        assert_eq!(verify(&keys(1), "admin", &text, 1_000), SignatureError::Forged);
        assert_eq!(verify(&keys(2), "user", &text, 1_000), SignatureError::UnknownKey(1));
        let other = SigningKeys::new(1, [9; 32]).unwrap();
        assert_eq!(verify(&other, "user", &text, 1_000), SignatureError::Forged);
        assert_eq!(verify(&keys(1), "user", "ann", 1_000), SignatureError::Malformed);
        assert_eq!(verify(&keys(1), "user", "", 1_000), SignatureError::Malformed);
    }

    #[test]
    fn an_older_key_is_taken_and_the_newest_signs() {
        let old = keys(1).sign_at("user", "ann", at(1_000));
        let both = SigningKeys::new(2, [2; 32]).unwrap().and_older(1, [1; 32]).unwrap();
        assert_eq!(both.verify_at("user", &old, HOUR, at(1_000)).unwrap(), "ann");
        let new = both.sign_at("user", "ann", at(1_000));
        assert!(new.starts_with("1.2."), "{new}");
        assert_eq!(keys(2).verify_at("user", &new, HOUR, at(1_000)).unwrap(), "ann");
        assert_eq!(format!("{both:?}"), "SigningKeys [2, 1]");
        assert_eq!(SigningKeys::parse(&both.to_text()).unwrap().to_text(), both.to_text());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert!(SigningKeys::new(1, "password").is_err());
        assert!(keys(1).and_older(1, [2; 32]).is_err());
        for text in ["", "x", "1 x", "x YQ", "1 YQ\n"] {
            assert!(SigningKeys::parse(text).is_err(), "{text:?}");
        }
    }
}
