//! Request bodies: the bytes behind a head become content, in either framing.

use super::chunked::ChunkedDecoder;
use super::framing::BodyFraming;
use super::reject::Reject;
use crate::limits::HttpLimits;

/// The most bytes of the first allocation for a body. To announce a long body costs a client
/// nothing, so it must not cost memory here.
const FIRST_BYTES_MAX: usize = 16_384;

/// The most bytes that are copied when a body outgrows its allocation. Were it doubled on and on,
/// one read could copy megabytes, for which all clients of the loop would wait. It is not smaller,
/// because the system may back the first bytes of a larger allocation by a page of 2 MiB.
const COPIED_BYTES_MAX: usize = 524_288;

/// Reads the body of one request from bytes that arrive piece by piece.
///
/// It takes at most twice the memory of the bytes received, and never more than the limit. A body of
/// more than 512 KiB takes addresses for as many bytes as are still allowed, and memory as they come.
#[derive(Debug)]
pub struct BodyReader {
    remaining: Remaining,
    /// The content received so far.
    content: Vec<u8>,
    bytes_max: u64,
}

/// The part of a body that is still to come.
#[derive(Debug)]
enum Remaining {
    /// This many bytes.
    Length(u64),
    /// The chunks that the decoder still expects.
    Chunked(ChunkedDecoder),
}

impl BodyReader {
    /// Creates a reader of a body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// 413 if the announced length is larger.
    pub fn new(framing: BodyFraming, bytes_max: u64) -> Result<Self, Reject> {
        let remaining = match framing {
            BodyFraming::None => Remaining::Length(0),
            BodyFraming::Length(length) if length > bytes_max => return Err(Reject::BodyTooLarge),
            BodyFraming::Length(length) => Remaining::Length(length),
            BodyFraming::Chunked => Remaining::Chunked(ChunkedDecoder::default()),
        };
        Ok(BodyReader { remaining, content: Vec::new(), bytes_max })
    }

    /// Reads the bytes at the front of `input` that belong to the body, and returns how many they
    /// are: all of `input`, unless the body ends before.
    ///
    /// # Errors
    /// The fault of a chunked coding, and 413 if it holds more content than allowed. The reader
    /// can't be used after that.
    pub fn read(&mut self, input: &[u8], limits: &HttpLimits) -> Result<usize, Reject> {
        match &mut self.remaining {
            Remaining::Length(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let end = self.content.len() as u64 + *left;
                extend(&mut self.content, &input[..taken], end);
                *left -= taken as u64;
                Ok(taken)
            }
            Remaining::Chunked(decoder) => {
                let mut rest = input;
                while let Some(content) = decoder.decode(&mut rest, limits)? {
                    // Count the whole chunk, not only the part that has come: one that is too large
                    // is refused by its first byte.
                    let length = (self.content.len() + content.len()) as u64;
                    if length.saturating_add(decoder.chunk_left()) > self.bytes_max {
                        return Err(Reject::BodyTooLarge);
                    }
                    extend(&mut self.content, content, self.bytes_max);
                }
                Ok(input.len() - rest.len())
            }
        }
    }

    /// Returns how many bytes are still to come. `None` for chunked content, whose length is not
    /// known.
    pub fn length_left(&self) -> Option<u64> {
        match self.remaining {
            Remaining::Length(left) => Some(left),
            Remaining::Chunked(_) => None,
        }
    }

    /// Returns how many bytes are still to come at least. Chunked content is taken to have one more,
    /// until it is whole.
    pub fn missing_bytes(&self) -> u64 {
        self.length_left().unwrap_or_else(|| u64::from(!self.is_whole()))
    }

    /// Reads all of `input` as the rest of the body. Without a copy, if it is the whole body.
    ///
    /// Does nothing unless `input` has exactly the [length that is left](Self::length_left).
    pub fn adopt(&mut self, input: Vec<u8>) {
        if self.length_left() != Some(input.len() as u64) {
            return;
        }
        self.remaining = Remaining::Length(0);
        match self.content.is_empty() {
            true => self.content = input,
            false => self.content.extend_from_slice(&input),
        }
    }

    /// Returns whether the body is whole.
    pub fn is_whole(&self) -> bool {
        match &self.remaining {
            Remaining::Length(left) => *left == 0,
            Remaining::Chunked(decoder) => decoder.is_done(),
        }
    }

    /// Returns how many bytes of content have been received.
    pub fn received_bytes(&self) -> u64 {
        self.content.len() as u64
    }

    /// Returns the content received so far: all of it, if the body [is whole](Self::is_whole).
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.content.shrink_to_fit();
        self.content
    }
}

/// Appends `more`. Doubles the capacity when it is used up, as `Vec` does, but not beyond
/// `bytes_max`; and a body that is longer than [`COPIED_BYTES_MAX`] has room for all of it from then
/// on.
fn extend(bytes: &mut Vec<u8>, more: &[u8], bytes_max: u64) {
    let needed = bytes.len() + more.len();
    if needed > bytes.capacity() {
        let ceiling = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let wanted = match needed > COPIED_BYTES_MAX {
            true => ceiling,
            false => (bytes.capacity() * 2).max(FIRST_BYTES_MAX).min(ceiling),
        };
        // Where addresses are scarce, `Vec` doubles its capacity by itself.
        let _ = bytes.try_reserve_exact(wanted.max(needed) - bytes.len());
    }
    bytes.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static LIMITS: LazyLock<HttpLimits> = LazyLock::new(HttpLimits::default);

    #[test]
    fn an_empty_body_is_whole_at_once() {
        assert!(BodyReader::new(BodyFraming::None, 0).unwrap().is_whole());
        assert!(BodyReader::new(BodyFraming::Length(0), 0).unwrap().is_whole());
        assert!(!BodyReader::new(BodyFraming::Chunked, 0).unwrap().is_whole());
    }

    #[test]
    fn a_length_takes_its_bytes_and_no_more() {
        let mut body = BodyReader::new(BodyFraming::Length(5), 5).unwrap();
        assert_eq!(body.read(b"abc", &LIMITS), Ok(3));
        assert!(!body.is_whole());
        assert_eq!(body.read(b"defg", &LIMITS), Ok(2));
        assert!(body.is_whole());
        assert_eq!(body.read(b"g", &LIMITS), Ok(0));
        assert_eq!(body.into_bytes(), b"abcde");
        assert!(matches!(BodyReader::new(BodyFraming::Length(6), 5), Err(Reject::BodyTooLarge)));
    }

    #[test]
    fn a_buffer_that_is_the_body_is_not_copied() {
        let mut body = BodyReader::new(BodyFraming::Length(3), 9).unwrap();
        let input = b"abc".to_vec();
        let place = input.as_ptr();
        body.adopt(b"ab".to_vec());
        assert!(!body.is_whole());
        body.adopt(input);
        assert!(body.is_whole());
        let bytes = body.into_bytes();
        assert_eq!(bytes.as_ptr(), place);
    }

    #[test]
    fn memory_follows_the_bytes_received_and_not_the_announced_length() {
        let mut body = BodyReader::new(BodyFraming::Length(8 << 20), 8 << 20).unwrap();
        body.read(b"x", &LIMITS).unwrap();
        assert!(body.content.capacity() <= FIRST_BYTES_MAX);
        for _ in 0..(8 << 20) / 4096 {
            body.read(&[0; 4096], &LIMITS).unwrap();
            let is_long = body.content.len() > COPIED_BYTES_MAX;
            let bytes_max = if is_long { 8 << 20 } else { 2 * body.content.len() };
            assert!(body.content.capacity() <= bytes_max.max(FIRST_BYTES_MAX));
        }
        assert!(body.is_whole());
        assert_eq!(body.content.capacity(), 8 << 20);
    }

    #[test]
    fn a_long_body_is_not_copied_again_and_again() {
        for framing in [BodyFraming::Length(8 << 20), BodyFraming::Chunked] {
            let mut body = BodyReader::new(framing, 8 << 20).unwrap();
            let mut moved = 0;
            let chunk = [b"1000\r\n".as_slice(), &[0; 4096], b"\r\n"].concat();
            let piece = if framing == BodyFraming::Chunked { &chunk[..] } else { &[0; 4096] };
            for _ in 0..(8 << 20) / 4096 {
                let (place, length) = (body.content.as_ptr(), body.content.len());
                body.read(piece, &LIMITS).unwrap();
                if place != body.content.as_ptr() {
                    moved = length;
                }
            }
            assert_eq!(body.received_bytes(), 8 << 20);
            assert!(moved <= COPIED_BYTES_MAX, "{moved} bytes were copied at once");
        }
    }

    #[test]
    fn a_chunk_that_is_too_large_is_refused_by_its_first_byte() {
        let mut body = BodyReader::new(BodyFraming::Chunked, 8).unwrap();
        assert_eq!(body.read(b"5\r\nabcde\r\n3\r\nf", &LIMITS), Ok(14));
        assert_eq!(body.read(b"gh\r\n", &LIMITS), Ok(4));
        assert_eq!(body.read(b"1\r\ni", &LIMITS), Err(Reject::BodyTooLarge));
        let mut body = BodyReader::new(BodyFraming::Chunked, 8).unwrap();
        assert_eq!(body.read(b"9\r\na", &LIMITS), Err(Reject::BodyTooLarge));
    }
}
