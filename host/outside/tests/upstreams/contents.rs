//! Contents that are compressed, or only say so: whatever comes, no more is kept than may be.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::lab::{Lab, Server};

/// The most bytes that an answer may have here.
const MOST: usize = 1_000;

/// What a server sends as gzip.
#[derive(Clone, Debug)]
enum Sent {
    Whole(Vec<u8>),
    /// So many bytes of it are missing.
    Cut(Vec<u8>, usize),
    /// A byte of it is another one.
    Changed(Vec<u8>, usize, u8),
    Nonsense(Vec<u8>),
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Sent::Whole(content) => gzip(content),
            Sent::Cut(content, missing) => {
                let bytes = gzip(content);
                bytes[..bytes.len().saturating_sub(*missing)].to_vec()
            }
            Sent::Changed(content, at, byte) => {
                let mut bytes = gzip(content);
                let at = at % bytes.len();
                bytes[at] = *byte;
                bytes
            }
            Sent::Nonsense(bytes) => bytes.clone(),
        }
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2 * MOST),
        // Little that becomes much.
        (0..100_000_usize).prop_map(|count| vec![b'x'; count]),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        contents().prop_map(Sent::Whole),
        (contents(), 1..40_usize).prop_map(|(content, missing)| Sent::Cut(content, missing)),
        (contents(), any::<usize>(), any::<u8>())
            .prop_map(|(content, at, byte)| Sent::Changed(content, at, byte)),
        prop::collection::vec(any::<u8>(), 0..2 * MOST).prop_map(Sent::Nonsense),
    ]
}

#[test]
fn whatever_comes_as_gzip_is_bounded_and_told() {
    let next = Arc::new(Mutex::new(Vec::new()));
    let bytes = next.clone();
    let server = Server::new(move |stream, _| {
        let bytes = bytes.lock().unwrap().clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(&[head.as_bytes(), &bytes].concat()).is_ok()
    });
    let mut lab = Lab::local();
    lab.options.response_bytes_max = Some(MOST as u32);
    let cases = ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() };
    proptest!(cases, |(sent in sent())| {
        *next.lock().unwrap() = sent.bytes();
        let fetched = lab.fetch(&server.url("/"));
        match (&sent, &fetched) {
            (Sent::Whole(content), Ok(answer)) => prop_assert_eq!(&answer.body, content),
            (Sent::Whole(content), Err(failure)) => {
                prop_assert_eq!(failure.code.name(), "too-large");
                prop_assert!(content.len() > MOST || gzip(content).len() > MOST);
            }
            (_, Ok(answer)) => prop_assert!(answer.body.len() <= MOST),
            (_, Err(failure)) => {
                prop_assert!(["too-large", "protocol", "reset"].contains(&failure.code.name()));
            }
        }
        prop_assert_eq!(lab.egress.under_way(), (0, 0));
    });
}
