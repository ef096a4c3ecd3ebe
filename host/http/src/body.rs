//! The bytes behind a head to the content, whichever way it is framed.

use super::chunked::ChunkedDecoder;
use super::framing::BodyFraming;
use super::reject::Reject;
use crate::limits::HttpLimits;

/// The first allocation of a body whose length is only announced: an announcement costs its sender nothing, so
/// it must not cost memory here.
const FIRST_BYTES_MAX: usize = 16_384;

/// Reads one request's body from bytes that arrive piece by piece.
///
/// Its memory is that of the bytes received, doubled at most, and never more than the limit.
#[derive(Debug)]
pub struct BodyReader {
    framing: Remaining,
    bytes: Vec<u8>,
    bytes_max: u64,
}

#[derive(Debug)]
enum Remaining {
    Length(u64),
    Chunked(ChunkedDecoder),
}

impl BodyReader {
    /// A reader of a body of at most `bytes_max`.
    ///
    /// # Errors
    /// 413 for an announced length above it.
    pub fn new(framing: BodyFraming, bytes_max: u64) -> Result<Self, Reject> {
        let framing = match framing {
            BodyFraming::None => Remaining::Length(0),
            BodyFraming::Length(length) if length > bytes_max => return Err(Reject::BodyTooLarge),
            BodyFraming::Length(length) => Remaining::Length(length),
            BodyFraming::Chunked => Remaining::Chunked(ChunkedDecoder::default()),
        };
        Ok(BodyReader { framing, bytes: Vec::new(), bytes_max })
    }

    /// Takes what belongs to the body from the front of `input`, and returns how many bytes that was: all of
    /// them unless the body is whole.
    ///
    /// # Errors
    /// What is wrong with a chunked coding, and 413 for one that holds more than allowed. The reader is used up
    /// then.
    pub fn read(&mut self, input: &[u8], limits: &HttpLimits) -> Result<usize, Reject> {
        match &mut self.framing {
            Remaining::Length(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let end = self.bytes.len() as u64 + *left;
                extend(&mut self.bytes, &input[..taken], end);
                *left -= taken as u64;
                Ok(taken)
            }
            Remaining::Chunked(decoder) => {
                let mut rest = input;
                while let Some(content) = decoder.decode(&mut rest, limits)? {
                    // The chunk's whole size counts, not only what has come: it is refused before it is read.
                    let length = (self.bytes.len() + content.len()) as u64;
                    if length.saturating_add(decoder.chunk_left()) > self.bytes_max {
                        return Err(Reject::BodyTooLarge);
                    }
                    extend(&mut self.bytes, content, self.bytes_max);
                }
                Ok(input.len() - rest.len())
            }
        }
    }

    /// How much is still to come, if that is known: not of chunked content.
    pub fn length_left(&self) -> Option<u64> {
        match self.framing {
            Remaining::Length(left) => Some(left),
            Remaining::Chunked(_) => None,
        }
    }

    /// Takes all of `input`, as [`read`](Self::read) would, but without a copy if it is the whole body.
    ///
    /// For the [length that is left](Self::length_left) only: of a longer input the rest would be lost, so
    /// that nothing is taken of any other.
    pub fn adopt(&mut self, input: Vec<u8>) {
        if self.length_left() != Some(input.len() as u64) {
            return;
        }
        self.framing = Remaining::Length(0);
        match self.bytes.is_empty() {
            true => self.bytes = input,
            false => self.bytes.extend_from_slice(&input),
        }
    }

    /// Whether the body is whole.
    pub fn is_whole(&self) -> bool {
        match &self.framing {
            Remaining::Length(left) => *left == 0,
            Remaining::Chunked(decoder) => decoder.is_done(),
        }
    }

    /// How much content has come.
    pub fn received_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The content so far: all of it if the body [is whole](Self::is_whole).
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.shrink_to_fit();
        self.bytes
    }
}

/// Appends, and lets the capacity double but never pass `bytes_max`.
fn extend(bytes: &mut Vec<u8>, more: &[u8], bytes_max: u64) {
    let needed = bytes.len() + more.len();
    if needed > bytes.capacity() {
        let ceiling = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let wanted = (bytes.capacity() * 2).max(FIRST_BYTES_MAX).min(ceiling);
        bytes.reserve_exact(wanted.max(needed) - bytes.len());
    }
    bytes.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static LIMITS: LazyLock<HttpLimits> = LazyLock::new(HttpLimits::default);

    #[test]
    fn nothing_is_whole_at_once() {
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
    fn memory_follows_what_came_and_not_what_was_announced() {
        let mut body = BodyReader::new(BodyFraming::Length(8 << 20), 8 << 20).unwrap();
        body.read(b"x", &LIMITS).unwrap();
        assert!(body.bytes.capacity() <= FIRST_BYTES_MAX);
        for _ in 0..(8 << 20) / 4096 {
            body.read(&[0; 4096], &LIMITS).unwrap();
            assert!(body.bytes.capacity() <= (2 * body.bytes.len()).max(FIRST_BYTES_MAX));
        }
        assert!(body.is_whole());
        assert_eq!(body.bytes.capacity(), 8 << 20);
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
