//! Forms: what a browser sends when its user submits one.

use crate::accept::value_and_parameters;
use crate::request::parse_as;
use crate::{Error, Request, Result, query};
use std::fmt::Display;
use std::str::FromStr;

mod multipart;

/// How much a form may have. More is a 413, and so are more than 8,192 bytes of header fields of one
/// part of a multipart form, and more than 1,048,576 of all its parts.
///
/// The whole content is bounded by the host before (`body_bytes_max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// Fields and files together. 1,000 unless it is said.
    pub parts_max: usize,
    /// Bytes of one field's value. 1,048,576 unless it is said.
    pub value_bytes_max: usize,
    /// Bytes of one file. 16,777,216 unless it is said.
    pub file_bytes_max: usize,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self { parts_max: 1_000, value_bytes_max: 1 << 20, file_bytes_max: 1 << 24 }
    }
}

impl FormLimits {
    /// Fails if there are as many parts as there may be.
    fn room(&self, parts: usize) -> Result<()> {
        match parts < self.parts_max {
            true => Ok(()),
            false => {
                let text = format_args!("the form has more than {} fields", self.parts_max);
                Err(Error::status(413, text))
            }
        }
    }

    /// Fails if a part has more bytes than it may.
    fn part(name: &str, bytes: usize, bytes_max: usize) -> Result<()> {
        match bytes <= bytes_max {
            true => Ok(()),
            false => {
                Err(Error::status(413, format_args!("`{name}` has more than {bytes_max} bytes")))
            }
        }
    }
}

/// A form that a client has sent: names with values, and files.
///
/// ```
/// use snow_guest::prelude::*;
///
/// #[route(POST, r"/orders")]
/// fn order(request: Request) -> Result<String> {
///     let form = request.form()?;
///     let (item, count) = (form.required("item")?, form.parsed::<u32>("count")?.unwrap_or(1));
///     Ok(format!("{count} times {item}"))
/// }
///
/// snow_guest::serve!(order);
/// # fn main() {
/// let request = Request::new("POST", "/orders")
///     .with_header("content-type", "application/x-www-form-urlencoded")
///     .with_body("item=green+tea&count=2");
/// assert_eq!(order(request).unwrap(), "2 times green tea");
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form<'a> {
    fields: Vec<(String, String)>,
    files: Vec<File<'a>>,
}

/// A file in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// The name of the field in the form.
    pub field: String,
    /// The name that the client gives it: any text, and not to be used as a path. Empty if no file
    /// was chosen.
    pub name: String,
    /// The media type that the client gives it.
    pub content_type: Option<String>,
    /// The content.
    pub bytes: &'a [u8],
}

impl Request {
    /// The form in the content: `application/x-www-form-urlencoded`, or `multipart/form-data` (RFC
    /// 7578), which has files too.
    ///
    /// # Errors
    ///
    /// A 415 for any other `content-type`, a 400 that says what is wrong with a form that is none,
    /// a 413 for more than the [limits](FormLimits).
    pub fn form(&self) -> Result<Form<'_>> {
        self.form_within(FormLimits::default())
    }

    /// The form in the content, as [`form`](Self::form), within other limits.
    pub fn form_within(&self, limits: FormLimits) -> Result<Form<'_>> {
        let (kind, mut parameters) =
            value_and_parameters(self.header("content-type").unwrap_or_default());
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return urlencoded(self.body(), limits);
        }
        if kind.eq_ignore_ascii_case("multipart/form-data") {
            let boundary = parameters.find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
            let boundary = boundary.map(|(_, boundary)| boundary).unwrap_or_default();
            return multipart::parse(self.body(), &boundary, limits);
        }
        let wanted = "`application/x-www-form-urlencoded` or `multipart/form-data`";
        Err(Error::status(415, format_args!("the content must be {wanted}, not {kind:?}")))
    }
}

impl Form<'_> {
    /// The first value under `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The first value under `name`. If there is none, that is a 400 that names it.
    pub fn required(&self, name: &str) -> Result<&str> {
        let missing = || Error::status(400, format_args!("`{name}` is missing in the form"));
        self.field(name).ok_or_else(missing)
    }

    /// The first value under `name`, parsed. What can't be parsed is a 400 that names it.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        self.field(name).map(|text| parse_as(name, text)).transpose()
    }

    /// Every value under `name`, as several checkboxes have it.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields().filter_map(move |(found, value)| (found == name).then_some(value))
    }

    /// Every name and value in the order sent, without the files.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The first file under `name`.
    pub fn file(&self, name: &str) -> Option<&File<'_>> {
        self.files.iter().find(|file| file.field == name)
    }

    /// Every file in the order sent.
    pub fn files(&self) -> &[File<'_>] {
        &self.files
    }
}

fn urlencoded(body: &[u8], limits: FormLimits) -> Result<Form<'static>> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Error::status(400, "the form is not UTF-8"));
    };
    let mut form = Form::default();
    for (name, value) in query::pairs(text) {
        limits.room(form.fields.len())?;
        let (name, value) = (query::decode(name), query::decode(value));
        FormLimits::part(&name, value.len(), limits.value_bytes_max)?;
        form.fields.push((name, value));
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;

    fn posted(kind: &str, body: &str) -> Request {
        Request::new("POST", "/").with_header("content-type", kind).with_body(body)
    }

    const URLENCODED: &str = "application/x-www-form-urlencoded";

    #[test]
    fn names_and_values_are_decoded() {
        let request = posted(URLENCODED, "a=1&b=x+y%26z&a=2&empty&gr%C3%BC%C3%9Fe=%e2%82%ac");
        let form = request.form().unwrap();
        assert_eq!((form.field("a"), form.field("b")), (Some("1"), Some("x y&z")));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((form.field("empty"), form.field("grüße")), (Some(""), Some("€")));
        assert_eq!((form.field("c"), form.files().len()), (None, 0));
        assert_eq!(form.parsed("a").unwrap(), Some(1));
        let empty = posted("Application/X-WWW-Form-Urlencoded;charset=utf-8", "");
        assert_eq!(empty.form().unwrap(), Form::default());
    }

    #[track_caller]
    fn refused(result: Result<impl Sized>, status: u16, words: &str) {
        let Err(error) = result else { panic!("it was taken") };
        let response = Response::from(error);
        assert_eq!((response.code(), response.body()), (status, words.as_bytes()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let request = posted(URLENCODED, "a=x");
        let form = request.form().unwrap();
        refused(form.required("b"), 400, "`b` is missing in the form");
        refused(form.parsed::<u8>("a"), 400, "`a`: invalid digit found in string");
        let wanted = "the content must be `application/x-www-form-urlencoded` or \
                      `multipart/form-data`, not \"text/plain\"";
        refused(posted("text/plain", "a=x").form(), 415, wanted);
        refused(
            posted(URLENCODED, "").with_body([b'a', 0xff]).form(),
            400,
            "the form is not UTF-8",
        );
    }

    #[test]
    fn limits_are_kept() {
        refused(
            posted(URLENCODED, &"&a".repeat(1_001)).form(),
            413,
            "the form has more than 1000 fields",
        );
        assert_eq!(posted(URLENCODED, &"&a".repeat(1_000)).form().unwrap().fields().count(), 1_000);
        let limits = FormLimits { value_bytes_max: 2, ..FormLimits::default() };
        refused(posted(URLENCODED, "a=123").form_within(limits), 413, "`a` has more than 2 bytes");
        assert!(posted(URLENCODED, "a=12").form_within(limits).is_ok());
    }
}
