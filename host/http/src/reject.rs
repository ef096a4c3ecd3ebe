//! The reasons to refuse a request, and the responses to it.

use super::encode::reason_phrase;
use super::message::Response;

/// The reason why a request's bytes are refused. The `Display` text is for the client, and tells
/// nothing about the inside of the host.
///
/// The connection closes after it, because it is in doubt where the next request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// 400: not `method SP target SP version CRLF` (RFC 9112, section 3).
    #[error("the request line is malformed")]
    RequestLine,
    /// 400: a CR or an LF that is not part of a CRLF (RFC 9112, section 2.2).
    #[error("a line does not end in CRLF")]
    LineEnd,
    /// 400: NUL or another control character in the head (RFC 9110, section 5.5).
    #[error("a control character in the head")]
    ControlByte,
    /// 400: not `name ":" value`, a space before the colon, or a folded line (RFC 9112, section 5).
    #[error("a header field is malformed")]
    Field,
    /// 400: not one of the forms of RFC 9112, section 3.2, or one that the method does not allow.
    #[error("the request target is malformed")]
    Target,
    /// 400: `Host` is missing, repeated, or is not a host (RFC 9112, section 3.2).
    #[error("the Host field is missing, repeated or malformed")]
    Host,
    /// 400: a `Content-Length` that is not digits, or two that differ (RFC 9112, section 6.3).
    #[error("the Content-Length field is malformed")]
    ContentLength,
    /// 400: a `Transfer-Encoding` beside a `Content-Length`, or in HTTP/1.0, or a list that does
    /// not end in one `chunked` (RFC 9112, sections 6.1 and 6.3).
    #[error("the Transfer-Encoding field is malformed or not allowed here")]
    TransferEncoding,
    /// 400: a chunk that breaks the grammar or a limit (RFC 9112, section 7.1).
    #[error("the chunked content is malformed")]
    Chunk,
    /// 408: a head or a body took too long (RFC 9110, section 15.5.9).
    #[error("the request did not arrive in time")]
    Timeout,
    /// 413: more content than `body_bytes_max` (RFC 9110, section 15.5.14).
    #[error("the content is too large")]
    BodyTooLarge,
    /// 414: a longer target than `target_bytes_max`.
    #[error("the request target is too long")]
    TargetTooLong,
    /// 417: an `Expect` other than `100-continue` (RFC 9110, section 10.1.1).
    #[error("the expectation is not known")]
    Expectation,
    /// 421: an `https` target on a connection without TLS (RFC 9110, section 7.4).
    #[error("the target does not belong to this connection")]
    Misdirected,
    /// 431: a longer head than `head_bytes_max`.
    #[error("the head is too large")]
    HeadTooLarge,
    /// 431: more fields than `fields_max`, or a `Connection` with too many options.
    #[error("there are too many header fields")]
    TooManyFields,
    /// 431: a longer trailer section than `trailer_bytes_max`.
    #[error("the trailer section is too large")]
    TrailerTooLarge,
    /// 501: `CONNECT`, or a method longer than any that exists.
    #[error("the method is not implemented")]
    Method,
    /// 501: a transfer coding other than `chunked` (RFC 9112, section 6.1).
    #[error("the transfer coding is not implemented")]
    TransferCoding,
    /// 503: the host holds as many bytes of unfinished requests as it may.
    #[error("too many requests are being received; try again")]
    Busy,
    /// 503: the host ends, and the request is not whole.
    #[error("the host is shutting down; try again")]
    Draining,
    /// 505: an HTTP version other than 1.x, the preface of HTTP/2 included.
    #[error("the HTTP version is not supported")]
    Version,
}

impl Reject {
    /// Returns the status code of the response.
    pub fn status(self) -> u16 {
        match self {
            Reject::RequestLine
            | Reject::LineEnd
            | Reject::ControlByte
            | Reject::Field
            | Reject::Target
            | Reject::Host
            | Reject::ContentLength
            | Reject::TransferEncoding
            | Reject::Chunk => 400,
            Reject::Timeout => 408,
            Reject::BodyTooLarge => 413,
            Reject::TargetTooLong => 414,
            Reject::Expectation => 417,
            Reject::Misdirected => 421,
            Reject::HeadTooLarge | Reject::TooManyFields | Reject::TrailerTooLarge => 431,
            Reject::Method | Reject::TransferCoding => 501,
            Reject::Busy | Reject::Draining => 503,
            Reject::Version => 505,
        }
    }

    /// Returns the setting that the request exceeds, if a deployer can raise it. For the log.
    pub fn limit(self) -> Option<&'static str> {
        Some(match self {
            Reject::TargetTooLong => "target_bytes_max",
            Reject::HeadTooLarge => "head_bytes_max",
            Reject::TooManyFields => "fields_max",
            Reject::BodyTooLarge => "body_bytes_max",
            Reject::TrailerTooLarge => "trailer_bytes_max",
            _ => return None,
        })
    }

    /// Returns the whole response: one line of text.
    pub fn response(self) -> Response {
        let status = self.status();
        let reason = reason_phrase(status);
        let response = Response::text(status, &format!("{status} {reason}: {self}\n"));
        match self {
            Reject::Busy | Reject::Draining => response.with_field("retry-after", "1"),
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_has_the_status_and_the_reason() {
        let response = Reject::Host.response();
        assert_eq!(response.status, 400);
        assert_eq!(
            String::from_utf8(response.body).unwrap(),
            "400 Bad Request: the Host field is missing, repeated or malformed\n"
        );
        assert_eq!(response.headers[0].name, "content-type");
    }

    #[test]
    fn every_status_has_a_reason_phrase() {
        for status in [400, 404, 405, 408, 413, 414, 417, 421, 431, 500, 501, 502, 503, 504, 505] {
            assert_ne!(reason_phrase(status), "", "{status}");
        }
    }
}
