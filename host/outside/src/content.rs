//! An answer's content, bounded and decompressed.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use snow_runtime::{FetchCode, FetchFailure};

use crate::counts::FetchCounts;
use crate::fault::{failed, failure_of};
use crate::places::Held;

/// The bounds of a content.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of this one.
    pub own_max: usize,
    /// Bytes of all that is under way.
    pub all_max: usize,
}

/// An answer's content, before it is read.
pub(crate) struct Unread {
    pub body: Incoming,
    /// Whether there may be one. The answer to a HEAD has none, and neither has a 204 or a 304: the
    /// fields tell of what there would be (RFC 9110, section 6.4.1).
    pub may_be: bool,
    /// Whether the host asked for gzip, and so removes it.
    pub decodes: bool,
}

/// Reads a content to its end, and removes the fields that tell of a compression that is removed.
pub(crate) async fn read(
    unread: Unread,
    headers: &mut HeaderMap,
    bounds: Bounds,
    held: &mut Held,
    counts: &FetchCounts,
) -> Result<Vec<u8>, FetchFailure> {
    let Unread { mut body, may_be, decodes } = unread;
    if !may_be {
        return Ok(Vec::new());
    }
    let too_large = || {
        failed(FetchCode::TooLarge, format!("the content has more than {} bytes", bounds.own_max))
    };
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    // It is not fetched to find out.
    if length.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > bounds.own_max) {
        return Err(too_large());
    }
    // Field by field, since a list of two is no single gzip.
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_gzip = match (codings.next().map(HeaderValue::as_bytes), codings.next()) {
        (Some(coding), None) => {
            coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
        }
        _ => false,
    };
    let mut content = match decodes && is_gzip {
        true => Content::Gzip(Box::new(MultiGzDecoder::new(Bounded::new(bounds.own_max)))),
        false => Content::Plain(Bounded::new(bounds.own_max)),
    };
    let (mut counted, mut is_empty) = (0, true);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure_of(&error))?;
        // Trailers are left out: nothing that a guest does depends on them.
        let Ok(data) = frame.into_data() else { continue };
        counts.received_bytes.add(data.len() as u64);
        is_empty &= data.is_empty();
        content.write(&data).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => too_large(),
            _ => failed(FetchCode::Protocol, format!("the content is no gzip: {error}")),
        })?;
        let more = content.len() - counted;
        counted += more;
        if !held.add(more, bounds.all_max) {
            return Err(no_room());
        }
    }
    if let Content::Gzip(_) = &content {
        headers.remove(CONTENT_ENCODING);
    }
    // No gzip, but many servers name their usual coding beside nothing.
    if is_empty {
        return Ok(Vec::new());
    }
    content.end().map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(),
        _ => failed(FetchCode::Reset, format!("the content ends too early: {error}")),
    })
}

/// The failure of an answer for which there is no room beside others.
fn no_room() -> FetchFailure {
    failed(FetchCode::TooLarge, "other fetches hold too many bytes (fetches_bytes_max)")
}

enum Content {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Content {
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Content::Plain(bytes) => bytes.write_all(data),
            Content::Gzip(decoder) => decoder.write_all(data),
        }
    }

    fn len(&self) -> usize {
        match self {
            Content::Plain(bytes) => bytes.bytes.len(),
            Content::Gzip(decoder) => decoder.get_ref().bytes.len(),
        }
    }

    fn end(self) -> io::Result<Vec<u8>> {
        match self {
            Content::Plain(bytes) => Ok(bytes.bytes),
            Content::Gzip(decoder) => Ok(decoder.finish()?.bytes),
        }
    }
}

/// Bytes that may not become too many. So the little that decompresses into very much is given up as
/// soon as it does.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Bounded {
    fn new(most: usize) -> Bounded {
        Bounded { bytes: Vec::new(), most }
    }
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.len() > self.most - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
