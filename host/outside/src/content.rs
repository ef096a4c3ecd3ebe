//! An answer's content, bounded and decompressed.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use snow_runtime::{FetchCode, FetchFailure};

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

/// Reads a content to its end. `decodes` says whether the host asked for gzip, and so removes it;
/// then the fields that tell of it are removed as well.
pub(crate) async fn read(
    mut body: Incoming,
    headers: &mut HeaderMap,
    decodes: bool,
    bounds: Bounds,
    held: &mut Held,
) -> Result<Vec<u8>, FetchFailure> {
    let too_large = || {
        failed(FetchCode::TooLarge, format!("the content has more than {} bytes", bounds.own_max))
    };
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    // It is not fetched to find out.
    if length.and_then(|length| length.parse().ok()).is_some_and(|n: usize| n > bounds.own_max) {
        return Err(too_large());
    }
    let is_gzip = headers.get(CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let mut content = match decodes && is_gzip {
        true => Content::Gzip(Box::new(MultiGzDecoder::new(Bounded::new(bounds.own_max)))),
        false => Content::Plain(Bounded::new(bounds.own_max)),
    };
    let mut counted = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure_of(&error))?;
        // Trailers are left out: nothing that a guest does depends on them.
        let Ok(data) = frame.into_data() else { continue };
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
