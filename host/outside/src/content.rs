//! An answer's content: read whole, within bounds, or handed on while it comes. Decompressed, if the
//! host has asked for the compression.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use snow_config::Limits;
use snow_runtime::{FetchCode, FetchFailure};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::counts::FetchCounts;
use crate::fault::{failed, failure_of};
use crate::places::Held;
use crate::relay::{WAITING_BYTES_MAX, Wish, Writer};

/// The most by which gzip makes something smaller.
const GZIP_RATIO_MAX: usize = 1_032;
/// Bytes that are decompressed at a time for a client: 66 KB come of them at most.
const GZIP_PIECE_BYTES: usize = 64;

/// Turns that the task of a connection gets to hand over more of a short answer that is to be relayed.
const TURNS_WAITED: u32 = 2;

/// The bounds of a content that is read whole.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of this one, as the host allows.
    pub own_max: usize,
    /// Bytes of this one, if the guest has set a bound. It is one for what is relayed too.
    pub wanted_max: Option<usize>,
}

impl Bounds {
    /// Returns how many bytes are read whole.
    fn whole_max(&self) -> usize {
        self.wanted_max.unwrap_or(usize::MAX).min(self.own_max)
    }
}

/// An answer's content, before it is read.
pub(crate) struct Unread {
    pub body: Incoming,
    /// Whether it comes in a stream of HTTP/2, which tells by itself where it ends.
    pub is_http2: bool,
    /// Whether the host asked for gzip, and so removes it.
    pub decodes: bool,
}

/// A content that is read.
pub(crate) struct Reading {
    body: Incoming,
    is_http2: bool,
    content: Content,
    bounds: Bounds,
    /// Bytes that came from the server last, and that nobody has looked at.
    unused: Bytes,
    is_empty: bool,
    /// Whether it was waited for that somebody says how the content is wanted.
    has_asked: bool,
}

impl Reading {
    /// Begins to read a content with these fields.
    pub fn begin(unread: Unread, headers: &HeaderMap, bounds: Bounds) -> Reading {
        // Field by field, since a list of two is no single gzip.
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let is_gzip = match (codings.next().map(HeaderValue::as_bytes), codings.next()) {
            (Some(coding), None) => {
                coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
            }
            _ => false,
        };
        let content = match unread.decodes && is_gzip {
            true => Content::Gzip(Box::new(MultiGzDecoder::new(Bounded::new(bounds.whole_max())))),
            false => Content::Plain(Bounded::new(bounds.whole_max())),
        };
        Reading {
            body: unread.body,
            is_http2: unread.is_http2,
            content,
            bounds,
            unused: Bytes::new(),
            is_empty: true,
            has_asked: false,
        }
    }

    /// Returns whether a compression is removed, of which the fields tell.
    pub fn decodes(&self) -> bool {
        matches!(self.content, Content::Gzip(_))
    }

    /// Returns how many bytes there will be, if that is known.
    pub fn length(&self) -> Option<u64> {
        if self.decodes() {
            return None;
        }
        let more = self.body.size_hint().exact()?;
        Some(more + (self.unused.len() + self.content.len()) as u64)
    }

    /// Reads all of it. Returns `None` if it is to be relayed instead, with what has come. One that
    /// is short and has come already is not relayed: it takes its client no longer, and the host
    /// less.
    pub async fn whole(
        &mut self,
        held: &mut Held,
        limits: &Limits,
        counts: &FetchCounts,
        wish: &mut Wish,
    ) -> Result<Option<Vec<u8>>, FetchFailure> {
        // It is not fetched to find out.
        if self.length().is_some_and(|length| length > self.bounds.whole_max() as u64) {
            return if self.is_relayed(wish).await { Ok(None) } else { Err(self.too_large()) };
        }
        let (mut counted, mut turns) = (0, 0);
        loop {
            if self.content.len() > WAITING_BYTES_MAX && wish.is_for_a_relay_now() {
                return Ok(None);
            }
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                // Its connection hands over one piece at a time: more may have come already.
                () = wish.is_for_a_relay() => match turns < TURNS_WAITED {
                    true => {
                        turns += 1;
                        yield_now().await;
                        continue;
                    }
                    false => return Ok(None),
                },
            };
            turns = 0;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| failure_of(&error))?;
            // Trailers are left out: nothing that a guest does depends on them.
            let Ok(data) = frame.into_data() else { continue };
            counts.received_bytes.add(data.len() as u64);
            self.is_empty &= data.is_empty();
            if self.content.may_overflow(&data) && self.is_relayed(wish).await {
                self.unused = data;
                return Ok(None);
            }
            self.content.write(&data).map_err(|error| self.fault(&error))?;
            let more = self.content.len() - counted;
            counted += more;
            if !held.add_within(more, limits) {
                let is_relayed = wish.is_for_a_relay_now();
                let code = if is_relayed { FetchCode::Overloaded } else { FetchCode::TooLarge };
                return Err(no_room(code));
            }
        }
        self.check_end()?;
        // No gzip, but many servers name their usual coding beside nothing.
        if self.is_empty {
            return Ok(Some(Vec::new()));
        }
        self.content.end().map_err(|error| self.fault_at_end(&error))?;
        Ok(Some(self.content.take()))
    }

    /// Hands all of it on as it comes, and waits wherever the client is slower. The server may take
    /// so long for each piece.
    pub async fn relay(
        mut self,
        to: &Writer,
        patience: Duration,
        counts: &FetchCounts,
    ) -> Result<(), FetchFailure> {
        // Bounds of what is kept are no bounds of what is passed on.
        self.content.bound(usize::MAX);
        let mut until = Instant::now() + patience;
        let mut left = self.bounds.wanted_max.map_or(u64::MAX, |most| most as u64);
        let early = Bytes::from(self.content.take());
        self.hand_over(to, early, &mut left).await?;
        loop {
            let data = match std::mem::take(&mut self.unused) {
                unused if !unused.is_empty() => unused,
                _ => match self.next(until, patience, counts).await? {
                    Some(data) => data,
                    None => break,
                },
            };
            if !self.decodes() {
                self.hand_over(to, data, &mut left).await?;
                until = Instant::now() + patience;
                continue;
            }
            for piece in data.chunks(GZIP_PIECE_BYTES) {
                self.content.write(piece).map_err(|error| self.fault(&error))?;
                let decoded = Bytes::from(self.content.take());
                // What decompresses into nothing is no content.
                if !decoded.is_empty() {
                    self.hand_over(to, decoded, &mut left).await?;
                    until = Instant::now() + patience;
                }
            }
        }
        self.check_end()?;
        if !self.is_empty {
            self.content.end().map_err(|error| self.fault_at_end(&error))?;
        }
        let last = Bytes::from(self.content.take());
        self.hand_over(to, last, &mut left).await
    }

    /// Checks that the server has ended the content, which has come to an end.
    fn check_end(&self) -> Result<(), FetchFailure> {
        // hyper takes some resets of a stream, and a connection that goes away, for the end.
        if self.is_http2 && !self.body.is_end_stream() {
            return Err(failed(FetchCode::Reset, "the stream was given up before its end"));
        }
        Ok(())
    }

    /// Returns the next bytes of the server; `None` at the end.
    async fn next(
        &mut self,
        until: Instant,
        patience: Duration,
        counts: &FetchCounts,
    ) -> Result<Option<Bytes>, FetchFailure> {
        loop {
            let frame = timeout_at(until, self.body.frame()).await.map_err(|_| {
                let message = format!("nothing more came for {} ms", patience.as_millis());
                failed(FetchCode::Timeout, message)
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| failure_of(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            counts.received_bytes.add(data.len() as u64);
            self.is_empty &= data.is_empty();
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    async fn hand_over(
        &self,
        to: &Writer,
        data: Bytes,
        left: &mut u64,
    ) -> Result<(), FetchFailure> {
        if data.is_empty() {
            return Ok(());
        }
        *left = left.checked_sub(data.len() as u64).ok_or_else(|| self.too_large())?;
        to.write(data).await;
        Ok(())
    }

    /// Returns whether a content that is too large to be kept is to be relayed. That is asked when
    /// it may not be known yet: a server can answer sooner than the guest says what it waits for.
    async fn is_relayed(&mut self, wish: &mut Wish) -> bool {
        let is_beyond_host = self.bounds.wanted_max.is_none_or(|most| most > self.bounds.own_max);
        let asks = is_beyond_host && !std::mem::replace(&mut self.has_asked, true);
        asks && wish.decided().await
    }

    fn fault(&self, error: &io::Error) -> FetchFailure {
        match error.kind() {
            io::ErrorKind::FileTooLarge => self.too_large(),
            _ => failed(FetchCode::Protocol, format!("the content is no gzip: {error}")),
        }
    }

    fn fault_at_end(&self, error: &io::Error) -> FetchFailure {
        match error.kind() {
            io::ErrorKind::FileTooLarge => self.too_large(),
            _ => failed(FetchCode::Reset, format!("the content ends too early: {error}")),
        }
    }

    fn too_large(&self) -> FetchFailure {
        let most = self.bounds.whole_max();
        failed(FetchCode::TooLarge, format!("the content has more than {most} bytes"))
    }
}

/// Returns the failure of an answer for which there is no room beside others.
pub(crate) fn no_room(code: FetchCode) -> FetchFailure {
    let limits = "guest_fetches_bytes_max, fetches_bytes_max";
    failed(code, format!("other fetches hold too many bytes ({limits})"))
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

    /// Returns whether these bytes may be more than there is room for.
    fn may_overflow(&self, data: &[u8]) -> bool {
        let most = match self {
            Content::Plain(_) => data.len(),
            Content::Gzip(_) => data.len().saturating_mul(GZIP_RATIO_MAX),
        };
        most > self.bytes().room()
    }

    fn bytes(&self) -> &Bounded {
        match self {
            Content::Plain(bytes) => bytes,
            Content::Gzip(decoder) => decoder.get_ref(),
        }
    }

    fn bytes_mut(&mut self) -> &mut Bounded {
        match self {
            Content::Plain(bytes) => bytes,
            Content::Gzip(decoder) => decoder.get_mut(),
        }
    }

    fn len(&self) -> usize {
        self.bytes().bytes.len()
    }

    fn bound(&mut self, most: usize) {
        self.bytes_mut().most = most;
    }

    /// Takes what has been decoded so far.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes_mut().bytes)
    }

    /// Decodes the rest, and checks that nothing is missing.
    fn end(&mut self) -> io::Result<()> {
        match self {
            Content::Plain(_) => Ok(()),
            Content::Gzip(decoder) => decoder.try_finish(),
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

    fn room(&self) -> usize {
        self.most.saturating_sub(self.bytes.len())
    }
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.len() > self.room() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
