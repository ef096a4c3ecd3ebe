//! What a guest reads by `wasi:config`: texts by their names, and where each is from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

/// The most bytes of the name of a value.
pub const VALUE_NAME_BYTES_MAX: usize = 1_024;

/// A text that nobody can print by accident: `Debug` does not show it, and there is no `Display`.
/// Its memory is cleared when its last clone is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Keeps a text.
    pub fn new(text: String) -> Secret {
        Secret(Arc::new(Zeroizing::new(text)))
    }

    /// Returns the text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The values of one guest by their names. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigValues(Arc<BTreeMap<String, ConfigValue>>);

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    /// Where the value is from.
    pub source: ValueSource,
    /// Whether it must not be shown to people.
    pub is_secret: bool,
    /// What was found in an environment variable or in a file; `None` before it was looked up.
    pub found: Option<Secret>,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// The manifest or the command line, which say it.
    Text(Secret),
    /// The environment variable of this name.
    Variable(String),
    /// The file at this path, which is absolute.
    File(PathBuf),
}

impl ConfigValue {
    /// Makes a value of a text that anybody may see.
    pub fn plain(text: &str) -> ConfigValue {
        ConfigValue {
            source: ValueSource::Text(Secret::new(text.to_owned())),
            is_secret: false,
            found: None,
        }
    }

    /// Returns the value; `None` if it has not been looked up.
    pub fn text(&self) -> Option<&str> {
        match &self.source {
            ValueSource::Text(text) => Some(text.expose()),
            ValueSource::Variable(_) | ValueSource::File(_) => {
                self.found.as_ref().map(Secret::expose)
            }
        }
    }
}

impl ConfigValues {
    /// Returns the value of this name.
    pub fn get(&self, name: &str) -> Option<&ConfigValue> {
        self.0.get(name)
    }

    /// Returns all values, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ConfigValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns all values to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut ConfigValue)> {
        Arc::make_mut(&mut self.0).iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// Sets a text from the command line. A value that the manifest calls a secret stays one.
    pub fn set(&mut self, name: &str, text: &Secret) {
        let is_secret = self.get(name).is_some_and(|value| value.is_secret);
        let source = ValueSource::Text(text.clone());
        let value = ConfigValue { source, is_secret, found: None };
        Arc::make_mut(&mut self.0).insert(name.to_owned(), value);
    }

    /// Adds the values of `others` whose names are not taken.
    pub fn add_missing(&mut self, others: &ConfigValues) {
        for (name, value) in others.iter() {
            let values = Arc::make_mut(&mut self.0);
            values.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
}

impl FromIterator<(String, ConfigValue)> for ConfigValues {
    fn from_iter<I: IntoIterator<Item = (String, ConfigValue)>>(values: I) -> ConfigValues {
        ConfigValues(Arc::new(values.into_iter().collect()))
    }
}

/// A value from the command line: `KEY=VALUE` for every guest, `GUEST.KEY=VALUE` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueOverride {
    /// The guest; `None` for every guest.
    pub guest: Option<String>,
    /// The name of the value.
    pub name: String,
    /// The value.
    pub text: Secret,
}

impl FromStr for ValueOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<ValueOverride, String> {
        let (place, value) = text.split_once('=').ok_or(
            "it takes KEY=VALUE for every guest, or GUEST.KEY=VALUE for one, and has no `=`",
        )?;
        let (guest, name) = match place.split_once('.') {
            Some(("", _)) => return Err("it takes GUEST.KEY=VALUE, and has no guest".to_owned()),
            Some((guest, name)) => (Some(guest.to_owned()), name),
            None => (None, place),
        };
        if name.is_empty() || name.len() > VALUE_NAME_BYTES_MAX {
            return Err(format!("its key has 1 to {VALUE_NAME_BYTES_MAX} bytes"));
        }
        if value.contains('\0') {
            return Err("its value has a NUL in it".to_owned());
        }
        Ok(ValueOverride { guest, name: name.to_owned(), text: Secret::new(value.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_shows_no_secret() {
        let secret = Secret::new("hunter2".to_owned());
        let value = ConfigValue {
            source: ValueSource::File("/run/token".into()),
            is_secret: true,
            found: Some(secret.clone()),
        };
        let values: ConfigValues = [("token".to_owned(), value)].into_iter().collect();
        let given: ValueOverride = "shop.token=hunter2".parse().unwrap();
        let all = format!("{secret:?} {values:#?} {given:?} {:?}", secret.clone());
        assert!(!all.contains("hunter2") && all.contains("/run/token"), "{all}");
        assert_eq!(values.get("token").and_then(ConfigValue::text), Some("hunter2"));
    }

    #[test]
    fn the_command_line_names_one_guest_or_every() {
        let parsed = |text: &str| {
            let ValueOverride { guest, name, text } = text.parse().unwrap();
            (guest.unwrap_or_default(), name, text.expose().to_owned())
        };
        let is = |guest: &str, name: &str, text: &str| {
            (guest.to_owned(), name.to_owned(), text.to_owned())
        };
        assert_eq!(parsed("a=b=c.d"), is("", "a", "b=c.d"));
        assert_eq!(parsed("shop.a="), is("shop", "a", ""));
        assert_eq!(parsed("shop.db.url=x"), is("shop", "db.url", "x"));
        for wrong in ["a", "", "=x", ".a=x", "shop.=x", "a=\0"] {
            assert!(wrong.parse::<ValueOverride>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_override_of_a_secret_is_one() {
        let secret = |is_secret| ConfigValue { is_secret, ..ConfigValue::plain("old") };
        let mut values: ConfigValues =
            [("a".to_owned(), secret(true)), ("b".to_owned(), secret(false))].into_iter().collect();
        let before = values.clone();
        for name in ["a", "b", "c"] {
            values.set(name, &Secret::new("new".to_owned()));
        }
        let all: Vec<_> = values.iter().map(|(name, value)| (name, value.is_secret)).collect();
        assert_eq!(all, [("a", true), ("b", false), ("c", false)]);
        assert_eq!(values.get("a").and_then(ConfigValue::text), Some("new"));
        assert_eq!(before.get("a").and_then(ConfigValue::text), Some("old"));
        let mut more = before.clone();
        more.add_missing(&values);
        assert_eq!(more.get("a"), before.get("a"));
        assert_eq!(more.get("c").and_then(ConfigValue::text), Some("new"));
    }
}
