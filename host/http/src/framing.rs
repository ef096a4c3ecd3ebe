//! Where a request's body ends, and whether the connection stays open after it (RFC 9112, sections
//! 6 and 9).
//!
//! This file is the defence against request smuggling. Two readers of a message must not disagree
//! about its end, so everything that could be read in two ways is refused.

use super::headers::{self, BadNumber};
use super::message::{Head, Version};
use super::reject::Reject;

/// How the end of a request's body is found (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body: the head has neither `content-length` nor `transfer-encoding`.
    None,
    /// The body has this many bytes, possibly 0.
    Length(u64),
    /// The body is in chunked coding (RFC 9112, section 7.1).
    Chunked,
}

/// The framing of a request: where its body ends, and whether its connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// How the end of the body is found.
    pub body: BodyFraming,
    /// Whether the client may send another request on the connection (RFC 9112, section 9.3).
    pub keep_alive: bool,
    /// Whether the client may be waiting for a 100 before it sends the body (RFC 9110, section
    /// 10.1.1).
    pub expect_continue: bool,
}

impl Framing {
    /// Reads the framing of a request.
    ///
    /// # Errors
    /// 400 for fields that are malformed or contradict each other, 413 for a length larger than a
    /// `u64`, 501 for a transfer coding other than `chunked`, 417 for an expectation other than
    /// `100-continue`.
    pub fn of(head: &Head) -> Result<Framing, Reject> {
        Ok(Framing {
            body: body_framing(head)?,
            keep_alive: keep_alive(head),
            expect_continue: expect_continue(head)?,
        })
    }
}

/// Decides how the end of the body is found (RFC 9112, section 6.3).
fn body_framing(head: &Head) -> Result<BodyFraming, Reject> {
    let length = content_length(head)?;
    if head.field("transfer-encoding").is_none() {
        return Ok(length.map_or(BodyFraming::None, BodyFraming::Length));
    }
    // RFC 9112, section 6.1 allows a server to read a message with both fields by its
    // Transfer-Encoding, and calls the framing of chunked HTTP/1.0 faulty. A proxy in between may
    // have read either by its Content-Length, and so have seen another end.
    if length.is_some() || head.version() == Version::Http10 {
        return Err(Reject::TransferEncoding);
    }
    check_transfer_coding(head)?;
    Ok(BodyFraming::Chunked)
}

/// Returns the length that all members of all `content-length` fields agree on (RFC 9110, section
/// 8.6).
fn content_length(head: &Head) -> Result<Option<u64>, Reject> {
    let mut length = None;
    for member in head.fields_named("content-length").flat_map(headers::list) {
        let number = headers::decimal(member).map_err(|error| match error {
            BadNumber::Malformed => Reject::ContentLength,
            BadNumber::TooLarge => Reject::BodyTooLarge,
        })?;
        if *length.get_or_insert(number) != number {
            return Err(Reject::ContentLength);
        }
    }
    Ok(length)
}

/// Checks that the codings of all `transfer-encoding` fields are `chunked`, once and nothing else
/// (RFC 9112, section 6.1).
fn check_transfer_coding(head: &Head) -> Result<(), Reject> {
    let mut chunked = false;
    let mut unknown = false;
    for coding in head.fields_named("transfer-encoding").flat_map(headers::list) {
        // A coding behind `chunked`, or one that is no token, is malformed. One that is only
        // unknown is a 501, and must not hide a malformed one behind it: so the loop goes on.
        let name = coding.split(|&byte| byte == b';').next().unwrap_or_default();
        let name = headers::trim(name);
        if chunked || !headers::is_token(name) {
            return Err(Reject::TransferEncoding);
        }
        chunked = coding.eq_ignore_ascii_case(b"chunked");
        // `chunked` has no parameters (RFC 9112, section 7.1).
        if !chunked && name.eq_ignore_ascii_case(b"chunked") {
            return Err(Reject::TransferEncoding);
        }
        unknown |= !chunked;
    }
    match unknown {
        true => Err(Reject::TransferCoding),
        false => Ok(()),
    }
}

/// Returns whether the connection stays open after this request (RFC 9112, section 9.3). `close`
/// wins over `keep-alive`.
fn keep_alive(head: &Head) -> bool {
    let has =
        |option| head.fields_named("connection").any(|options| headers::list_has(options, option));
    match head.version() {
        Version::Http11 => !has("close"),
        Version::Http10 => has("keep-alive") && !has("close"),
    }
}

/// Returns whether the client expects a 100 before it sends the body. In HTTP/1.0 the expectation
/// is ignored, because such a client does not know interim responses (RFC 9110, section 10.1.1).
fn expect_continue(head: &Head) -> Result<bool, Reject> {
    let mut expected = false;
    // Empty members of a list are ignored (RFC 9110, section 5.6.1.2). No framing depends on this
    // list, so unlike those above it need not be strict.
    let expectations = head.fields_named("expect").flat_map(headers::list);
    for expectation in expectations.filter(|expectation| !expectation.is_empty()) {
        if !expectation.eq_ignore_ascii_case(b"100-continue") {
            return Err(Reject::Expectation);
        }
        expected = true;
    }
    Ok(expected && head.version() == Version::Http11)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeadReader;
    use crate::limits::HttpLimits;

    fn framing(version: &str, fields: &str) -> Result<Framing, Reject> {
        let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let head = HeadReader::default().read(text.as_bytes(), &HttpLimits::default());
        Framing::of(&head.unwrap().unwrap().0)
    }

    fn body(fields: &str) -> Result<BodyFraming, Reject> {
        framing("1.1", fields).map(|framing| framing.body)
    }

    #[test]
    fn a_length_is_digits_and_one_number() {
        assert_eq!(body(""), Ok(BodyFraming::None));
        assert_eq!(body("Content-Length: 0\r\n"), Ok(BodyFraming::Length(0)));
        assert_eq!(
            body("Content-Length:5\r\ncontent-length: 5 , 5\r\n"),
            Ok(BodyFraming::Length(5))
        );
        for bad in [
            "",
            "+5",
            "-5",
            "5,",
            ",5",
            "5 5",
            "5, 6",
            "0x5",
            "5\r\nContent-Length: 6",
            "5;",
            "\"5\"",
        ] {
            let fields = format!("Content-Length: {bad}\r\n");
            assert_eq!(body(&fields), Err(Reject::ContentLength), "{bad:?}");
        }
        assert_eq!(body("Content-Length: 18446744073709551616\r\n"), Err(Reject::BodyTooLarge));
    }

    #[test]
    fn a_transfer_encoding_is_chunked_and_nothing_else() {
        assert_eq!(body("Transfer-Encoding: chunked\r\n"), Ok(BodyFraming::Chunked));
        assert_eq!(body("transfer-encoding:\tChUnKeD \r\n"), Ok(BodyFraming::Chunked));
        for bad in [
            "",
            ",",
            "chunked,",
            ",chunked",
            "chunked, chunked",
            "chunked, gzip",
            "chunked;a=b",
            "chunked chunked",
            "\"chunked\"",
            "chunked\r\nTransfer-Encoding: chunked",
            "chunked\r\nTransfer-Encoding: gzip",
            "gzip, chunked, chunked",
            "=chunked",
        ] {
            let fields = format!("Transfer-Encoding: {bad}\r\n");
            assert_eq!(body(&fields), Err(Reject::TransferEncoding), "{bad:?}");
        }
        for unknown in ["gzip", "gzip, chunked", "identity", "xchunked", "gzip;q=1, chunked"] {
            let fields = format!("Transfer-Encoding: {unknown}\r\n");
            assert_eq!(body(&fields), Err(Reject::TransferCoding), "{unknown:?}");
        }
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_is_refused() {
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(body(both), Err(Reject::TransferEncoding));
        let old = framing("1.0", "Transfer-Encoding: chunked\r\n");
        assert_eq!(old, Err(Reject::TransferEncoding));
    }

    #[test]
    fn a_connection_stays_open_by_the_rules_of_its_version() {
        let keeps = |version, fields| framing(version, fields).map(|framing| framing.keep_alive);
        assert_eq!(keeps("1.1", ""), Ok(true));
        assert_eq!(keeps("1.1", "Connection: x, Close\r\n"), Ok(false));
        assert_eq!(keeps("1.1", "Connection: x\r\nConnection: close\r\n"), Ok(false));
        assert_eq!(keeps("1.0", ""), Ok(false));
        assert_eq!(keeps("1.0", "Connection: Keep-Alive\r\n"), Ok(true));
        assert_eq!(keeps("1.0", "Connection: keep-alive, close\r\n"), Ok(false));
    }

    #[test]
    fn only_one_expectation_is_known() {
        let expects =
            |version, fields| framing(version, fields).map(|framing| framing.expect_continue);
        assert_eq!(expects("1.1", ""), Ok(false));
        assert_eq!(expects("1.1", "Expect: 100-Continue\r\n"), Ok(true));
        assert_eq!(expects("1.0", "Expect: 100-continue\r\n"), Ok(false));
        assert_eq!(expects("1.1", "Expect:\r\nExpect: , 100-continue,,\r\n"), Ok(true));
        assert_eq!(expects("1.1", "Expect: ,\r\n"), Ok(false));
        assert_eq!(expects("1.1", "Expect: 100-continue, x\r\n"), Err(Reject::Expectation));
        assert_eq!(expects("1.1", "Expect: 200-ok\r\n"), Err(Reject::Expectation));
    }
}
