//! Chunked coding (RFC 9112, section 7.1): content out of it, and pieces into it.

use std::io::Write as _;

use super::headers;
use super::reject::Reject;
use crate::limits::HttpLimits;

/// The digits of the largest `u64`. Leading zeros count.
const SIZE_DIGITS_MAX: u8 = 16;

/// Takes chunked coding apart as its bytes arrive. It keeps no bytes.
///
/// Strict: lines end in CRLF, sizes are at most 16 hexadecimal digits, and nothing stands between them and the
/// CRLF but extensions. Extensions and trailers are bounded, checked for control characters, and discarded: a
/// trailer must not become a field (RFC 9110, section 6.5.1).
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// Of the chunk under way: what its size line says, and later what is still to come of it.
    chunk_left: u64,
    /// Of the size line under way.
    line_bytes: usize,
    /// Of all extensions so far.
    extension_bytes: usize,
    trailer_bytes: usize,
}

/// What the next byte has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    #[default]
    SizeStart,
    /// Another digit, or what may follow a size.
    Size {
        digits: u8,
    },
    /// White space was there: a `;` has to come (RFC 9112, section 7.1.1: `BWS`).
    SizeSpace,
    /// In an extension.
    Extension,
    /// The LF of a size line.
    SizeLf,
    /// Content.
    Data,
    /// The CR behind a chunk's content.
    DataCr,
    /// And its LF.
    DataLf,
    /// The first byte of a trailer line, or the CR of the last line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// The LF of the last line.
    LastLf,
    Done,
}

impl ChunkedDecoder {
    /// Takes bytes from the front of `input` up to and including the next content, and returns that content.
    /// `None`: all of `input` was taken, or the body [is done](Self::is_done) and the rest belongs to others.
    ///
    /// # Errors
    /// 400 where the grammar or a bound on size lines is broken, 431 for too large a trailer section. The
    /// decoder is used up then.
    pub fn decode<'a>(&mut self, input: &mut &'a [u8], limits: &HttpLimits) -> Result<Option<&'a [u8]>, Reject> {
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

    /// Whether the last chunk and the trailer section were read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// What is still to come of the chunk whose content was returned last.
    pub fn chunk_left(&self) -> u64 {
        self.chunk_left
    }

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

    /// The state behind `byte`, in every state but `Data` and `Done`.
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

    fn add_digit(&mut self, byte: u8, digits: u8) -> Result<State, Reject> {
        match char::from(byte).to_digit(16) {
            Some(digit) if digits < SIZE_DIGITS_MAX => {
                self.chunk_left = self.chunk_left << 4 | u64::from(digit);
                Ok(State::Size { digits: digits + 1 })
            }
            _ => Err(Reject::Chunk),
        }
    }

    fn behind_size_line(&mut self) -> State {
        self.line_bytes = 0;
        match self.chunk_left {
            0 => State::TrailerStart,
            _ => State::Data,
        }
    }

    fn next_in_trailer(&self, byte: u8) -> Result<State, Reject> {
        match (self.state, byte) {
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::TrailerStart | State::TrailerName, _) if headers::is_tchar(byte) => Ok(State::TrailerName),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if headers::is_field_value(&[byte]) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            _ => Err(Reject::Chunk),
        }
    }
}

fn expect(expected: u8, byte: u8, next: State) -> Result<State, Reject> {
    match byte == expected {
        true => Ok(next),
        false => Err(Reject::Chunk),
    }
}

/// Appends `piece` to `out` as one chunk. An empty piece appends nothing: an empty chunk would end the body.
pub fn encode_piece(piece: &[u8], out: &mut Vec<u8>) {
    if piece.is_empty() {
        return;
    }
    // A size of 16 digits and two line ends.
    out.reserve(piece.len() + 20);
    // Writing to a vector does not fail.
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

    /// The content, what was left of the input, and whether the body was done.
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
