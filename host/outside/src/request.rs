//! What a guest asks for becomes a request that may be sent.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, RANGE, USER_AGENT,
};
use http::{Method, StatusCode, Uri};
use http_body_util::Full;
use snow_config::OutboundRules;
use snow_core::cut;
use snow_runtime::{Fetch, FetchCode, FetchFailure};
use url::Url;

use crate::fault::failed;
use crate::fields::OfConnection;

/// Fields that another origin is not told (the URL is not a part of what they are for).
const SECRET: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

/// Bytes of a URL: as many as an HTTP client takes.
const URL_BYTES_MAX: usize = 65_534;
/// Bytes of a method.
const METHOD_BYTES_MAX: usize = 32;

const PRODUCT: &str = concat!("snow-host/", env!("CARGO_PKG_VERSION"));

/// A request that can be sent: the guest's own, or what a redirect makes of it.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub method: Method,
    pub url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// Whether the host asked for the compression of the answer, and so removes it.
    pub decodes: bool,
}

impl Outgoing {
    /// Reads what a guest asks for.
    pub fn of(fetch: &mut Fetch) -> Result<Outgoing, FetchFailure> {
        let invalid = |what: String| failed(FetchCode::InvalidUrl, what);
        let method = Method::from_bytes(fetch.method.as_bytes())
            .ok()
            .filter(|method| {
                *method != Method::CONNECT && method.as_str().len() <= METHOD_BYTES_MAX
            })
            .ok_or_else(|| {
                invalid(format!("the method {:?} can't be sent", cut(&fetch.method, 64)))
            })?;
        // Before it is parsed, which takes as long as it is.
        if fetch.url.len() > URL_BYTES_MAX {
            let bytes = fetch.url.len();
            return Err(invalid(format!("the URL has {bytes} bytes, above {URL_BYTES_MAX}")));
        }
        let url = Url::parse(&fetch.url).map_err(|error| invalid(format!("the URL: {error}")))?;
        let mut headers = fields(fetch).map_err(invalid)?;
        let url = checked(url).map_err(invalid)?;
        // A range is one of the bytes that are sent: compressed, it could not be put in its place.
        let decodes = !headers.contains_key(ACCEPT_ENCODING) && !headers.contains_key(RANGE);
        if decodes {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(PRODUCT));
        if let Ok(id) = HeaderValue::from_str(&fetch.request_id) {
            headers.entry("x-request-id").or_insert(id);
        }
        Ok(Outgoing { method, url, headers, body: std::mem::take(&mut fetch.body).into(), decodes })
    }

    /// Checks that the deployer allows it, as far as the method and the URL go.
    pub fn check(&self, guest: &str, rules: &OutboundRules) -> Result<(), FetchFailure> {
        if rules.allow(self.method.as_str(), &self.url) {
            return Ok(());
        }
        let (method, origin) = (&self.method, self.url.origin().ascii_serialization());
        Err(failed(
            FetchCode::Denied,
            format!(
                "{method} to {origin} is not allowed; outbound = [\"{origin}\"] in [guest.{guest}] \
                 of snow.toml would allow it"
            ),
        ))
    }

    /// Returns the content.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Returns the request as the client takes it, with the fields that the rules add to this one.
    /// They are no part of what a redirect takes along: the next request has those that its own URL
    /// gets.
    pub fn request(
        &self,
        rules: &OutboundRules,
    ) -> Result<http::Request<Full<Bytes>>, FetchFailure> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        let uri: Uri = self
            .url
            .as_str()
            .parse()
            .map_err(|error| failed(FetchCode::InvalidUrl, format!("the URL: {error}")))?;
        // The rules were asked about what one parser read, and the client goes where another one
        // reads.
        if uri.host() != self.url.host_str() || uri.port_u16() != self.url.port() {
            return Err(failed(FetchCode::InvalidUrl, "the URL: its host is not clear"));
        }
        *request.uri_mut() = uri;
        let mut headers = self.headers.clone();
        for field in rules.added(self.method.as_str(), &self.url) {
            let unusable = || {
                let message = format!("the field {} can't be added by the host", field.name());
                failed(FetchCode::Denied, message)
            };
            let name = HeaderName::from_bytes(field.name().as_bytes()).map_err(|_| unusable())?;
            let text = field.text().ok_or_else(unusable)?;
            let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unusable())?;
            // So it is in no table of compressed fields, and nothing prints it.
            value.set_sensitive(true);
            headers.try_insert(name, value).map_err(|_| unusable())?;
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Returns what an answer sends the request to; `None` if it does not.
    ///
    /// A 303 makes a GET of everything but HEAD, and so do 301 and 302 of a POST (RFC 9110, section
    /// 15.4); the content goes no further then. Whatever is meant for one origin alone is dropped on
    /// the way to another.
    pub fn redirected(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Outgoing>, FetchFailure> {
        let becomes_get = match status.as_u16() {
            301 | 302 => self.method == Method::POST,
            303 => self.method != Method::HEAD,
            307 | 308 => false,
            _ => return Ok(None),
        };
        let Some(location) = headers.get(LOCATION) else { return Ok(None) };
        let invalid = |what: String| failed(FetchCode::Protocol, format!("a redirect: {what}"));
        let location = str::from_utf8(location.as_bytes())
            .map_err(|_| invalid("its location is not UTF-8".to_owned()))?;
        let url = self.url.join(location).map_err(|error| invalid(error.to_string()))?;
        let mut next = self.clone();
        next.url = checked(url).map_err(invalid)?;
        if becomes_get {
            next.method = Method::GET;
            next.body = Bytes::new();
            next.headers.remove(CONTENT_TYPE);
            for name in ["content-encoding", "content-language", "content-location"] {
                next.headers.remove(name);
            }
        }
        if next.url.origin() != self.url.origin() {
            for name in &SECRET {
                next.headers.remove(name);
            }
        }
        Ok(Some(next))
    }
}

/// Returns a URL as it is requested.
fn checked(mut url: Url) -> Result<Url, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the URL: its scheme is {:?}, not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL: a user and a password have no place in it".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

/// Returns a guest's fields, less those that are the host's: of the connection and of a proxy, of
/// where the content ends, and `host`, which the URL says. They are dropped and not refused, so that
/// a guest can pass on the fields of its own request as they are; sent, they could make two servers
/// disagree about where a request ends, or reach a host that no rule was asked about.
fn fields(fetch: &mut Fetch) -> Result<HeaderMap, String> {
    let fields = std::mem::take(&mut fetch.headers);
    let of_connection = OfConnection::named_by(
        fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("connection"))
            .map(|field| &field.value[..]),
    );
    let mut headers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| format!("{:?} is no name of a field", cut(&field.name, 64)))?;
        let value = HeaderValue::from_bytes(&field.value)
            .map_err(|_| format!("the value of the field {name} can't be sent"))?;
        if name == HOST || of_connection.has(name.as_str()) {
            continue;
        }
        headers.try_append(name, value).map_err(|_| "there are too many fields".to_owned())?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
