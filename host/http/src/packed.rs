//! A response in one piece of memory.

use super::message::{Field, Response};

/// A [`Response`] in a single allocation, for one that is kept for long and probably never sent.
///
/// It takes about 4 bytes, 2 more for each field, and the texts. It is not the encoded response:
/// what the host adds (the date, the framing) is not known until the response is sent.
///
/// ```
/// use snow_http::{PackedResponse, Response};
///
/// let response = Response::text(504, "nobody came");
/// assert_eq!(PackedResponse::from(&response).unpack(), response);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedResponse(Box<[u8]>);

impl From<&Response> for PackedResponse {
    fn from(response: &Response) -> Self {
        // The status, the number of fields, then for each field its name and value, each behind its
        // length. The rest is the body, which needs no length.
        let mut bytes = Vec::with_capacity(64);
        put_number(&mut bytes, usize::from(response.status));
        put_number(&mut bytes, response.headers.len());
        for Field { name, value } in &response.headers {
            put_number(&mut bytes, name.len());
            bytes.extend(name.as_bytes());
            put_number(&mut bytes, value.len());
            bytes.extend(value);
        }
        bytes.extend(&response.body);
        PackedResponse(bytes.into_boxed_slice())
    }
}

impl PackedResponse {
    /// Returns the response that was packed.
    pub fn unpack(&self) -> Response {
        let mut rest = &self.0[..];
        let status = take_number(&mut rest) as u16;
        let headers = (0..take_number(&mut rest)).map(|_| {
            let name = String::from_utf8_lossy(take_text(&mut rest)).into_owned();
            Field { name, value: take_text(&mut rest).to_vec() }
        });
        let headers = headers.collect();
        Response { status, headers, body: rest.to_vec() }
    }
}

/// Appends a number, seven bits a byte, the lowest first. Every byte but the last has its highest
/// bit set.
fn put_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number that [`put_number`] wrote.
fn take_number(rest: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, behind)) = rest.split_first() {
        *rest = behind;
        number |= usize::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            break;
        }
    }
    number
}

/// Takes a length and the text of that length.
fn take_text<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = take_number(rest);
    let (text, behind) = rest.split_at(length);
    *rest = behind;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_returns_what_was_packed() {
        let odd = Response { status: 599, headers: Vec::new(), body: Vec::new() }
            .with_field("", "")
            .with_field("x", &"ä".repeat(100_000));
        for response in [Response::default(), Response::text(504, "nobody came"), odd] {
            assert_eq!(PackedResponse::from(&response).unpack(), response);
        }
    }

    #[test]
    fn a_short_answer_takes_less_than_a_cache_line() {
        assert!(PackedResponse::from(&Response::text(504, "nobody came")).0.len() <= 64);
    }
}
