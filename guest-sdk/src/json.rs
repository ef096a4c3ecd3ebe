//! JSON from clients and for them. The feature `json`.

use crate::accept::value_and_parameters;
use crate::{Error, Request, Response, Result};
use serde::{Deserialize, Serialize};
use std::any::type_name;

impl Request {
    /// The content as a type, from JSON. With the feature `json`.
    ///
    /// It may borrow from the request, as in a struct of `&str`.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use snow_guest::prelude::*;
    ///
    /// #[derive(Deserialize)]
    /// struct Order { item: String, count: u32 }
    ///
    /// #[route(POST, r"/orders")]
    /// fn order(request: Request) -> Result<String> {
    ///     let Order { item, count } = request.json()?;
    ///     Ok(format!("{count} times {item}"))
    /// }
    ///
    /// snow_guest::serve!(order);
    /// # fn main() {
    /// let request = Request::new("POST", "/orders")
    ///     .with_header("content-type", "application/json")
    ///     .with_body(r#"{"item":"tea","count":2}"#);
    /// assert_eq!(order(request).unwrap(), "2 times tea");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A 415 if `content-type` is neither `application/json` nor ends in `+json`; a 400 that says
    /// what is wrong, with line and column, if the content is no JSON or no `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        let kind = self.header("content-type").unwrap_or_default();
        let (kind, _) = value_and_parameters(kind);
        let kind = kind.to_ascii_lowercase();
        if kind != "application/json" && !kind.ends_with("+json") {
            let text = format_args!("the content must be `application/json`, not {kind:?}");
            return Err(Error::status(415, text));
        }
        let malformed = |error| Error::status(400, format_args!("malformed JSON: {error}"));
        serde_json::from_slice(self.body()).map_err(malformed)
    }
}

impl Response {
    /// 200 with a value as JSON. With the feature `json`.
    ///
    /// # Errors
    ///
    /// A value that JSON can't have, such as a map whose keys are no text. With `?` the client gets
    /// a 500, and the host's log says which type and why.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(|error| {
            Error::new(format_args!("a `{}` can't be written as JSON: {error}", type_name::<T>()))
        })?;
        Ok(Self::bytes(bytes).header("content-type", "application/json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn numbers(kind: &str, body: &str) -> (u16, String) {
        let request = Request::new("POST", "/").with_header("content-type", kind).with_body(body);
        match request.json::<Vec<u8>>() {
            Ok(numbers) => (200, format!("{numbers:?}")),
            Err(error) => {
                let response = Response::from(error);
                (response.code(), String::from_utf8(response.body().to_vec()).unwrap())
            }
        }
    }

    #[test]
    fn json_of_any_kind_is_read() {
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/x+json"] {
            assert_eq!(numbers(kind, "[1, 2]"), (200, "[1, 2]".into()), "{kind}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let kind = "application/json";
        let (status, text) = numbers(kind, "[1,\n x]");
        assert_eq!((status, &*text), (400, "malformed JSON: expected value at line 2 column 2"));
        assert!(numbers(kind, "[1, 256]").1.contains("256"));
        for malformed in ["", "[1", "[1] 2", "{}", "[\"\u{0}\"]"] {
            assert_eq!(numbers(kind, malformed).0, 400, "{malformed:?}");
        }
        assert_eq!(numbers(kind, &"[".repeat(100_000)).0, 400, "it is no stack overflow");
    }

    #[test]
    fn another_type_is_a_415() {
        for kind in ["", "text/plain", "application/x-www-form-urlencoded", "json"] {
            assert_eq!(numbers(kind, "[1]").0, 415, "{kind}");
        }
        assert!(Request::new("POST", "/").with_body("[]").json::<Vec<u8>>().is_err());
    }

    #[test]
    fn what_json_can_not_have_is_an_error_that_names_the_type() {
        assert_eq!(Response::json(&[1, 2]).unwrap().body(), b"[1,2]");
        let odd = BTreeMap::from([((1, 2), 3)]);
        let error = Response::json(&odd).unwrap_err().to_string();
        assert!(error.contains("BTreeMap") && error.contains("can't be written"), "{error}");
    }
}
