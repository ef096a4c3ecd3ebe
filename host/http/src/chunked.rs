//! Chunked coding (RFC 9112, section 7.1), decoded and encoded.
//!
//! A chunked body is a sequence of chunks, a last chunk of size zero, and trailer fields:
//!
//! ```text
//! 5;extension=value CRLF     size line: SizeStart, Size, [SizeSpace], [Extension], SizeLf
//! hello CRLF                 content: Data, DataCr, DataLf
//! 0 CRLF                     the last chunk's size line
//! field: value CRLF          trailer line: TrailerStart, TrailerName, TrailerValue, TrailerLf
//! CRLF                       the end: TrailerStart, LastLf, Done
//! ```

use std::io::Write as _;

use super::headers;
use super::reject::Reject;
use crate::limits::HttpLimits;

/// The most digits of a chunk's size, leading zeros included: as many as the largest `u64` has.
const SIZE_DIGITS_MAX: u8 = 16;

/// Decodes chunked coding as its bytes arrive. It keeps no bytes.
///
/// It is strict: lines end in CRLF, sizes have at most 16 hexadecimal digits, and only extensions
/// may stand between a size and its CRLF. Extensions and trailers are limited, checked for control
/// characters, and discarded: a trailer must not become a field (RFC 9110, section 6.5.1).
///
/// ```
/// use snow_http::{ChunkedDecoder, HttpLimits};
///
/// let mut decoder = ChunkedDecoder::default();
/// let mut input = &b"5\r\nhello\r\n0\r\n\r\nnext"[..];
/// assert_eq!(decoder.decode(&mut input, &HttpLimits::default()), Ok(Some(&b"hello"[..])));
/// assert_eq!(decoder.decode(&mut input, &HttpLimits::default()), Ok(None));
/// assert!(decoder.is_done());
/// assert_eq!(input, b"next");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// The size of the present chunk, then the number of its bytes that are still to come.
    chunk_left: u64,
    /// The bytes of the present size line.
    line_bytes: usize,
    /// The bytes of all extensions so far.
    extension_bytes: usize,
    /// The bytes of the trailer section so far.
    trailer_bytes: usize,
}

/// The state of the decoder, named by the byte that must come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    #[default]
    SizeStart,
    /// Another digit of the size, or what may follow a size: CR, `;` or white space.
    Size { digits: u8 },
    /// After white space behind the size: more of it, or the `;` of an extension (RFC 9112, section
    /// 7.1.1: `BWS`).
    SizeSpace,
    /// More of an extension, or the CR of the size line.
    Extension,
    /// The LF of the size line.
    SizeLf,
    /// A byte of content. Taken in pieces, and not byte by byte.
    Data,
    /// The CR behind the content.
    DataCr,
    /// The LF behind the content.
    DataLf,
    /// The first byte of a trailer's name, or the CR of the empty line that ends the body.
    TrailerStart,
    /// More of a trailer's name, or its colon.
    TrailerName,
    /// More of a trailer's value, or the CR of its line.
    TrailerValue,
    /// The LF of a trailer line.
    TrailerLf,
    /// The LF of the empty line that ends the body.
    LastLf,
    /// Nothing: the body has ended.
    Done,
}

impl ChunkedDecoder {
    /// Takes bytes from the front of `input` up to the end of the next piece of content, and
    /// returns that piece.
    ///
    /// `None` means that all of `input` was taken, or that the body [is done](Self::is_done) and
    /// the rest of `input` is not part of it.
    ///
    /// # Errors
    /// 400 for a malformed chunk and for a size line that is too long, 431 for a trailer section
    /// that is too large. The decoder can't be used after that.
    pub fn decode<'a>(
        &mut self,
        input: &mut &'a [u8],
        limits: &HttpLimits,
    ) -> Result<Option<&'a [u8]>, Reject> {
        while self.state != State::Done {
            if self.state == State::Data {
                return Ok(self.take_content(input));
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            self.state = self.next(byte, limits)?;
            *input = rest;
        }
        Ok(None)
    }

    /// Returns whether the body has ended: the last chunk and the trailer section were read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns how many bytes are still to come of the chunk whose content was returned last.
    pub fn chunk_left(&self) -> u64 {
        self.chunk_left
    }

    /// Takes the content of the present chunk, as much of it as `input` has.
    fn take_content<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let length = input.len().min(usize::try_from(self.chunk_left).unwrap_or(usize::MAX));
        let (content, rest) = input.split_at(length);
        *input = rest;
        self.chunk_left -= length as u64;
        if self.chunk_left == 0 {
            self.state = State::DataCr;
        }
        (!content.is_empty()).then_some(content)
    }

    /// Returns the state after `byte`, in every state but `Data` and `Done`. Counts the byte
    /// against the limit of its part.
    fn next(&mut self, byte: u8, limits: &HttpLimits) -> Result<State, Reject> {
        match self.state {
            State::SizeStart | State::Size { .. } | State::SizeSpace | State::Extension => {
                self.line_bytes += 1;
                match self.line_bytes > limits.chunk_line_bytes_max {
                    true => Err(Reject::Chunk),
                    false => self.next_in_size_line(byte, limits),
                }
            }
            State::SizeLf => expect(b'\n', byte, self.behind_size_line()),
            State::DataCr => expect(b'\r', byte, State::DataLf),
            State::DataLf => expect(b'\n', byte, State::SizeStart),
            _ => {
                self.trailer_bytes += 1;
                match self.trailer_bytes > limits.trailer_bytes_max {
                    true => Err(Reject::TrailerTooLarge),
                    false => self.next_in_trailer(byte),
                }
            }
        }
    }

    /// Returns the state after a byte of a size line: `chunk-size [ chunk-ext ] CRLF` (RFC 9112,
    /// section 7.1).
    fn next_in_size_line(&mut self, byte: u8, limits: &HttpLimits) -> Result<State, Reject> {
        match (self.state, byte) {
            (State::SizeStart, _) => {
                self.chunk_left = 0;
                self.add_digit(byte, 0)
            }
            (State::Size { .. } | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Size { .. } | State::SizeSpace, b';') => Ok(State::Extension),
            (State::Size { .. } | State::SizeSpace, b' ' | b'\t') => Ok(State::SizeSpace),
            (State::Size { digits }, _) => self.add_digit(byte, digits),
            // Extensions are not parsed. Any byte may be part of one that may be part of a field's
            // value.
            (State::Extension, _) if headers::is_field_value(&[byte]) => {
                self.extension_bytes += 1;
                match self.extension_bytes > limits.chunk_extensions_bytes_max {
                    true => Err(Reject::Chunk),
                    false => Ok(State::Extension),
                }
            }
            _ => Err(Reject::Chunk),
        }
    }

    /// Appends a hexadecimal digit to the size. `digits` is how many the size has already.
    fn add_digit(&mut self, byte: u8, digits: u8) -> Result<State, Reject> {
        match char::from(byte).to_digit(16) {
            Some(digit) if digits < SIZE_DIGITS_MAX => {
                self.chunk_left = self.chunk_left << 4 | u64::from(digit);
                Ok(State::Size { digits: digits + 1 })
            }
            _ => Err(Reject::Chunk),
        }
    }

    /// Returns the state after a size line: content, or trailers behind the last chunk.
    fn behind_size_line(&mut self) -> State {
        self.line_bytes = 0;
        match self.chunk_left {
            0 => State::TrailerStart,
            _ => State::Data,
        }
    }

    /// Returns the state after a byte of the trailer section: `*( field-line CRLF )` and an empty
    /// line (RFC 9112, section 7.1.2). A folded line is refused, since a name can't begin with
    /// white space.
    fn next_in_trailer(&self, byte: u8) -> Result<State, Reject> {
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::TrailerStart | State::TrailerName, _) if headers::is_tchar(byte) => {
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if headers::is_field_value(&[byte]) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            _ => Err(Reject::Chunk),
        }
    }
}

/// Returns the next state if `byte` is the expected one.
fn expect(expected: u8, byte: u8, next: State) -> Result<State, Reject> {
    match byte == expected {
        true => Ok(next),
        false => Err(Reject::Chunk),
    }
}

/// Appends `piece` to `out` as one chunk. An empty piece appends nothing: an empty chunk would end
/// the body.
pub fn encode_piece(piece: &[u8], out: &mut Vec<u8>) {
    if piece.is_empty() {
        return;
    }
    // A size has at most 16 digits, and there are two line ends.
    out.reserve(piece.len() + 20);
    // Writing to a vector can't fail.
    let _ = write!(out, "{:x}\r\n", piece.len());
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk, without trailers.
pub fn encode_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the content, the input that was left over, and whether the body was done.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), Reject> {
        let limits = HttpLimits {
            chunk_line_bytes_max: 32,
            chunk_extensions_bytes_max: 40,
            trailer_bytes_max: 32,
            ..HttpLimits::default()
        };
        let mut decoder = ChunkedDecoder::default();
        let (mut content, mut left) = (Vec::new(), Vec::new());
        for mut piece in pieces.iter().copied() {
            while let Some(part) = decoder.decode(&mut piece, &limits)? {
                content.extend_from_slice(part);
            }
            left.extend_from_slice(piece);
        }
        Ok((content, left, decoder.is_done()))
    }

    #[test]
    fn content_is_the_same_however_it_arrives() {
        for (input, content, left) in [
            (&b"0\r\n\r\n"[..], "", ""),
            (b"0\r\n\r\nGET /", "", "GET /"),
            (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", ""),
            (b"A;a=b;c=\"d\"\r\n0123456789\r\n000\r\n\r\nx", "0123456789", "x"),
            (b"2 \t;a\r\n\r\n\r\n00\r\nA: b\r\nc:\td \r\n\r\n", "\r\n", ""),
            (b"0000000000000001\r\na\r\n0\r\n\r\n", "a", ""),
        ] {
            let expected = Ok((content.as_bytes().to_vec(), left.as_bytes().to_vec(), true));
            assert_eq!(decode(&[input]), expected);
            for at in 0..=input.len() {
                assert_eq!(decode(&[&input[..at], &input[at..]]), expected, "at {at}");
            }
            let bytes: Vec<_> = input.chunks(1).collect();
            assert_eq!(decode(&bytes), expected);
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for input in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            " 1\r\n",
            "0x1\r\n",
            "1\n",
            "1\r\r\n",
            "1 \r\n",
            "1 1\r\n",
            ";a\r\n",
            "1;a\n",
            "1;\u{0}\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "1\r\na\rb",
            "1\r\na0\r\n",
            "10000000000000000\r\n",
            "00000000000000000\r\n",
            "0\r\n\n",
            "0\r\nA\r\n\r\n",
            "0\r\n: b\r\n",
            "0\r\nA : b\r\n",
            "0\r\nA: b\r\n c\r\n",
            "0\r\nA: \u{1}\r\n",
            "0\r\nA: b\n",
            "0\r\n\rx",
        ] {
            assert_eq!(decode(&[input.as_bytes()]), Err(Reject::Chunk), "{input:?}");
        }
    }

    #[test]
    fn size_lines_extensions_and_trailers_are_bounded() {
        let line = |length| format!("1;{}\r\na\r\n", "x".repeat(length));
        assert!(decode(&[line(29).as_bytes()]).is_ok());
        assert_eq!(decode(&[line(30).as_bytes()]), Err(Reject::Chunk));
        assert!(decode(&[line(20).as_bytes(), line(20).as_bytes()]).is_ok());
        assert_eq!(decode(&[line(20).as_bytes(), line(21).as_bytes()]), Err(Reject::Chunk));
        let trailer = |length| format!("0\r\nA:{}\r\n\r\n", "x".repeat(length));
        assert!(decode(&[trailer(26).as_bytes()]).is_ok());
        assert_eq!(decode(&[trailer(27).as_bytes()]), Err(Reject::TrailerTooLarge));
    }

    #[test]
    fn the_largest_size_overflows_nothing() {
        let (content, _, done) = decode(&[b"ffffffffffffffff\r\nabc"]).unwrap();
        assert_eq!((content.as_slice(), done), (&b"abc"[..], false));
    }

    #[test]
    fn pieces_become_chunks_and_come_back() {
        let mut out = Vec::new();
        encode_piece(b"hello", &mut out);
        encode_piece(b"", &mut out);
        encode_piece(&[b'x'; 300], &mut out);
        encode_end(&mut out);
        assert!(out.starts_with(b"5\r\nhello\r\n12c\r\nx"));
        let (content, left, done) = decode(&[&out]).unwrap();
        assert_eq!((content.len(), left.len(), done), (305, 0, true));
    }
}
