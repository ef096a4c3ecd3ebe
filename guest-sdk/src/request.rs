//! What the client asked.

use crate::bindings::snow::host::http as raw;
use crate::{Error, Result, query};
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// A request whose body has arrived whole.
#[derive(Clone, Debug)]
pub struct Request(pub(crate) raw::Request);

impl Request {
    /// The request's id. It is also in the host's log and in the answer's `x-request-id`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The client's address and port, `127.0.0.1:50412` or `[::1]:50412`.
    pub fn client(&self) -> &str {
        &self.0.client
    }

    /// `http`.
    pub fn scheme(&self) -> &str {
        &self.0.scheme
    }

    /// The host and port that the client named; empty if it named none (HTTP/1.0).
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The method as sent, `GET`. Methods are case-sensitive.
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// The path as sent: not percent-decoded, without the query and without the guest's mount
    /// prefix.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What follows the first `?`, as sent.
    pub fn query(&self) -> Option<&str> {
        self.0.query.as_deref()
    }

    /// The first value under `name` in the query, decoded as a form's: `+` is a space and `%XX` a
    /// byte.
    ///
    /// ```
    /// # use snow_guest::prelude::*;
    /// let request = Request::new("GET", "/stop/?value=a+b%21");
    /// assert_eq!(request.query_param("value").as_deref(), Some("a b!"));
    /// assert_eq!(request.query_param("other"), None);
    /// ```
    pub fn query_param(&self, name: &str) -> Option<String> {
        query::find(self.query()?, name)
    }

    /// Every name and value of the query in their order, decoded.
    pub fn query_params(&self) -> impl Iterator<Item = (String, String)> {
        query::pairs(self.query().unwrap_or_default())
            .map(|(name, value)| (query::decode(name), query::decode(value)))
    }

    /// The first value under `name` in the query, parsed. What can't be parsed is a 400 that says
    /// so.
    ///
    /// ```
    /// # use snow_guest::prelude::*;
    /// let request = Request::new("GET", "/list?page=2&size=many");
    /// assert_eq!(request.query_parsed("page").unwrap(), Some(2));
    /// assert!(request.query_parsed::<u32>("size").is_err());
    /// assert_eq!(request.query_parsed::<u32>("sort").unwrap(), None);
    /// ```
    pub fn query_parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        self.query_param(name).map(|text| parse_as(name, &text)).transpose()
    }

    /// The first value under `name` in the query as a time in seconds, `30` or `0.3`. What is not a
    /// number, or more than the host can count (49 days), is a 400 that says so.
    pub fn query_seconds(&self, name: &str) -> Result<Option<Duration>> {
        let parse = |text: String| {
            query::seconds(&text).ok_or_else(|| {
                let wanted = "a number of seconds such as 30 or 0.3, at most 4294967";
                Error::status(400, format_args!("`{name}` must be {wanted}"))
            })
        };
        self.query_param(name).map(parse).transpose()
    }

    /// What group `index` of the route's pattern matched, percent-decoded; the first group is 0.
    /// Empty for a group that took no part in the match.
    ///
    /// # Panics
    /// If the pattern has no such group.
    #[track_caller]
    pub fn param(&self, index: usize) -> &str {
        match self.0.params.get(index) {
            Some(param) => &param.value,
            None => panic!("the route's pattern has no group {index} (they count from 0)"),
        }
    }

    /// What the group `(?P<name>…)` of the route's pattern matched, percent-decoded. Empty for a
    /// group that took no part in the match.
    ///
    /// # Panics
    /// If the pattern has no such group.
    #[track_caller]
    pub fn param_named(&self, name: &str) -> &str {
        let mut params = self.0.params.iter();
        match params.find(|param| param.name.as_deref() == Some(name)) {
            Some(param) => &param.value,
            None => panic!("the route's pattern has no group named {name:?}"),
        }
    }

    /// What the group `(?P<name>…)` of the route's pattern matched, percent-decoded and parsed. What
    /// can't be parsed is a 400 that names the group; [`Error::with_status`] makes it a 404.
    ///
    /// ```
    /// # use snow_guest::prelude::*;
    /// let request = Request::new("GET", "/orders/7").with_param(Some("id"), "7");
    /// assert_eq!(request.param_as::<u64>("id").unwrap(), 7);
    /// let request = Request::new("GET", "/orders/x").with_param(Some("id"), "x");
    /// let error = request.param_as::<u64>("id").unwrap_err();
    /// assert_eq!(error.to_string(), "`id`: invalid digit found in string");
    /// ```
    ///
    /// # Panics
    /// If the pattern has no such group.
    #[track_caller]
    pub fn param_as<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        parse_as(name, self.param_named(name))
    }

    /// The first value of the header field `name`, in any case, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header_bytes(name)?).ok()
    }

    /// The first value of the header field `name`, in any case.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The header fields in the order sent, their names in lower case. Those that belong to the
    /// connection are not among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.0.headers.iter();
        fields.map(|field| (&*field.name, &*field.value))
    }

    /// The content, empty if there is none.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The content as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0.body)
    }

    /// The content, without copying it.
    pub fn into_body(self) -> Vec<u8> {
        self.0.body
    }
}

/// The host makes requests; these make one by hand, to test a handler natively.
impl Request {
    /// A request for `target`, a path and perhaps a query.
    ///
    /// ```
    /// use snow_guest::prelude::*;
    ///
    /// fn greet(request: Request) -> Response {
    ///     Response::text(format!("hello {}", request.param_named("who")))
    /// }
    ///
    /// let answer = greet(Request::new("GET", "/greet/ada").with_param(Some("who"), "ada"));
    /// assert_eq!(answer.body(), b"hello ada");
    /// ```
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Self(raw::Request {
            id: String::new(),
            client: "127.0.0.1:1".to_owned(),
            scheme: "http".to_owned(),
            authority: "localhost".to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            params: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Adds a group of the pattern, as the host would have matched and decoded it.
    pub fn with_param(mut self, name: Option<&str>, value: &str) -> Self {
        self.0.params.push(raw::Param { name: name.map(str::to_owned), value: value.to_owned() });
        self
    }

    /// Adds a header field.
    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(raw::Field { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// Sets the content.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }
}

/// What a client sent under a name, parsed. A 400 names it.
pub(crate) fn parse_as<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error| Error::status(400, format_args!("`{name}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;

    #[test]
    fn headers_are_found_in_any_case() {
        let request = Request::new("POST", "/")
            .with_header("Content-Type", "text/plain")
            .with_header("x-odd", [0xff])
            .with_header("content-type", "second");
        assert_eq!(request.header("CONTENT-type"), Some("text/plain"));
        assert_eq!(request.header("x-odd"), None);
        assert_eq!(request.header_bytes("X-Odd"), Some(&[0xff][..]));
        assert_eq!(request.header("accept"), None);
    }

    #[test]
    fn a_bad_number_is_the_clients_fault() {
        let request = Request::new("GET", "/?n=x&seconds=-1");
        for error in [
            request.query_parsed::<u8>("n").unwrap_err(),
            request.query_seconds("seconds").unwrap_err(),
        ] {
            let text = error.to_string();
            let response = Response::from(error);
            assert_eq!((response.code(), response.body()), (400, text.as_bytes()));
        }
        assert_eq!(request.query_seconds("timeout").unwrap(), None);
        assert_eq!(Request::new("GET", "/").query_param("n"), None);
    }

    #[test]
    #[should_panic(expected = "no group 1")]
    fn a_group_that_is_not_in_the_pattern_is_a_bug() {
        Request::new("GET", "/").with_param(None, "x").param(1);
    }
}
