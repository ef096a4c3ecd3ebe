//! Values of columns and parameters.

use crate::bindings::snow::host::sql as raw;
use std::fmt;

/// A value of a column or of a parameter.
///
/// Decimals, dates, times, UUIDs, JSON and all other types are texts, both ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false. MySQL, MariaDB and SQLite have 1 and 0 for them.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    pub(super) fn lower(self) -> raw::Value {
        match self {
            Value::Null => raw::Value::Null,
            Value::Boolean(is) => raw::Value::Boolean(is),
            Value::Integer(number) => raw::Value::Integer(number),
            Value::Real(number) => raw::Value::Real(number),
            Value::Text(text) => raw::Value::Text(text),
            Value::Blob(bytes) => raw::Value::Blob(bytes),
        }
    }

    pub(super) fn lift(raw: Option<&raw::Value>) -> Self {
        match raw {
            None | Some(raw::Value::Null) => Value::Null,
            Some(raw::Value::Boolean(is)) => Value::Boolean(*is),
            Some(raw::Value::Integer(number)) => Value::Integer(*number),
            Some(raw::Value::Real(number)) => Value::Real(*number),
            Some(raw::Value::Text(text)) => Value::Text(text.clone()),
            Some(raw::Value::Blob(bytes)) => Value::Blob(bytes.clone()),
        }
    }
}

/// The kind of the value, without the value itself: it may be a secret.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "a whole number",
            Value::Real(_) => "a floating-point number",
            Value::Text(_) => "a text",
            Value::Blob(_) => "bytes",
        })
    }
}

/// A type that a value of a column can be read as.
pub trait FromValue: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// It is none of this type, and is given back.
    fn from_value(value: Value) -> Result<Self, Value>;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, Value> {
        Ok(value)
    }
}

/// Null is `None`.
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        }
    }
}

/// Bytes, and those of a text.
impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            Value::Text(text) => Ok(text.into_bytes()),
            other => Err(other),
        }
    }
}

/// A boolean, or 0 and 1.
impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Boolean(is) => Ok(is),
            Value::Integer(0) => Ok(false),
            Value::Integer(1) => Ok(true),
            other => Err(other),
        }
    }
}

/// A number, and a text of one: decimals are texts.
impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Real(number) => Ok(number),
            Value::Integer(number) => Ok(number as f64),
            Value::Text(text) => text.parse().map_err(|_| Value::Text(text)),
            other => Err(other),
        }
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        /// A whole number that fits, and a text of one.
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, Value> {
                match value {
                    Value::Integer(number) => number.try_into().map_err(|_| Value::Integer(number)),
                    Value::Text(text) => text.parse().map_err(|_| Value::Text(text)),
                    other => Err(other),
                }
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64, usize);

macro_rules! small_integers {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Value::Integer(number.into())
            }
        }
    )*};
}

small_integers!(i8, i16, i32, i64, u8, u16, u32);

/// Above the range of `i64` it is a text, as the database returns it.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        match i64::try_from(number) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Text(number.to_string()),
        }
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Value::Boolean(is)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Blob(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Values for the placeholders of a statement, in their order: `()` for none, an array or a vector of
/// one type, or a tuple of up to eight.
pub trait IntoValues {
    /// Returns the values.
    fn into_values(self) -> Vec<Value>;
}

impl<T: Into<Value>, const N: usize> IntoValues for [T; N] {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Value>> IntoValues for Vec<T> {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Into<Value>),*> IntoValues for ($($name,)*) {
            #[allow(non_snake_case)]
            fn into_values(self) -> Vec<Value> {
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
