//! A response in one piece of memory, for one that is kept and most likely never sent.

use super::message::{Field, Response};

/// A [`Response`] in a single allocation: 10 bytes, 8 for each field, and its texts.
///
/// Not its encoding: what the host adds (date, framing) is not known before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedResponse(Box<[u8]>);

impl From<&Response> for PackedResponse {
    fn from(response: &Response) -> Self {
        let texts = response.headers.iter().map(|field| 8 + field.name.len() + field.value.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(10 + texts + response.body.len());
        bytes.extend(u32::from(response.status).to_le_bytes());
        bytes.extend(length(&response.headers).to_le_bytes());
        for Field { name, value } in &response.headers {
            bytes.extend(length(name.as_bytes()).to_le_bytes());
            bytes.extend(length(value).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(value);
        }
        bytes.extend(&response.body);
        PackedResponse(bytes.into_boxed_slice())
    }
}

impl PackedResponse {
    /// What was packed.
    pub fn unpack(&self) -> Response {
        let mut rest = &self.0[..];
        let status = number(&mut rest) as u16;
        let headers = (0..number(&mut rest)).map(|_| {
            let (name, value) = (number(&mut rest), number(&mut rest));
            let name = String::from_utf8_lossy(take(&mut rest, name)).into_owned();
            Field { name, value: take(&mut rest, value).to_vec() }
        });
        let headers = headers.collect();
        Response { status, headers, body: rest.to_vec() }
    }
}

/// What a guest can lift is far below 4 GiB (`call_lifted_bytes_max`).
fn length<T>(of: &[T]) -> u32 {
    of.len() as u32
}

fn take<'a>(rest: &mut &'a [u8], count: u32) -> &'a [u8] {
    let (taken, behind) = rest.split_at(count as usize);
    *rest = behind;
    taken
}

fn number(rest: &mut &[u8]) -> u32 {
    u32::from_le_bytes(take(rest, 4).try_into().expect("four bytes were taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out() {
        let odd =
            Response { status: 599, headers: Vec::new(), body: Vec::new() }.with_field("", "").with_field("x", "ä");
        for response in [Response::default(), Response::text(504, "nobody came"), odd] {
            assert_eq!(PackedResponse::from(&response).unpack(), response);
        }
    }

    #[test]
    fn a_short_answer_takes_less_than_a_cache_line() {
        assert!(PackedResponse::from(&Response::text(504, "nobody came")).0.len() <= 72);
    }
}
