//! Answers that go on to clients while they come.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use snow_core::{Ending, Pipe, Taken};
use snow_runtime::{Delivery, Outside, Relayed, Settlement};

use super::lab::{Lab, PATIENCE, Server, end_of, relayed};

const ENDLESS: &str = "HTTP/1.1 200 OK\r\nx-a: b\r\n\r\n";

/// A server that sends bytes without end, as long as somebody takes them, and counts them.
fn endless() -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let server = Server::new(move |stream, _| {
        stream.write_all(ENDLESS.as_bytes()).unwrap();
        while stream.write_all(&[b'x'; 10_000]).is_ok() {
            counted.fetch_add(10_000, Ordering::SeqCst);
        }
        false
    });
    (server, sent)
}

/// Reads a content as a worker does: what is there, and then it waits to be told.
struct Reader {
    content: Arc<Pipe<Bytes>>,
    told: std::sync::mpsc::Receiver<()>,
}

impl Reader {
    fn of(relayed: Relayed) -> Reader {
        let (tell, told) = channel();
        relayed.content.read(move || tell.send(()).unwrap_or_default());
        Reader { content: relayed.content, told }
    }

    fn next(&self) -> Taken<Bytes> {
        loop {
            match self.content.take() {
                Taken::Nothing => self.told.recv_timeout(PATIENCE).expect("something comes"),
                taken => return taken,
            }
        }
    }

    /// Reads to the end. Returns how many bytes there were, and how they ended.
    fn rest(&self) -> (usize, Ending) {
        let mut bytes = 0;
        loop {
            match self.next() {
                Taken::Piece(piece) => bytes += piece.len(),
                Taken::End(ending) => return (bytes, ending),
                Taken::Nothing => unreachable!("it waits"),
            }
        }
    }
}

#[test]
fn a_content_without_end_is_held_up_by_whoever_reads_it() {
    let (server, sent) = endless();
    let lab = Lab::local();
    let (operation, ended) = lab.start_relay(&server.url("/"));
    let relayed = relayed(&ended);
    assert_eq!((relayed.head.status, relayed.head.body.len()), (200, 0));
    assert_eq!(relayed.head.headers[0].name, "x-a");
    assert_eq!(relayed.length, None);
    let reader = Reader::of(relayed);
    let mut read = 0;
    while read < 20_000_000 {
        let Taken::Piece(piece) = reader.next() else { panic!("it has no end") };
        read += piece.len();
    }
    // What the kernel keeps on the way is not ours to bound; it stands still once that is full.
    let mut before = 0;
    let since = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = sent.load(Ordering::SeqCst);
        if now == std::mem::replace(&mut before, now) {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "the server is never held up");
    }
    assert!(lab.egress.under_way().1 < 200_000, "{:?}", lab.egress.under_way());
    lab.egress.cancel(operation);
    let (rest, ending) = reader.rest();
    assert!(rest < 200_000 && ending == Ending::Cut, "{rest} {ending:?}");
    assert_eq!(lab.egress.under_way(), (0, 0));
    assert_eq!(lab.egress.counts().cancelled.get(), 1);
}

#[test]
fn a_content_is_whole_only_if_it_was() {
    let lab = Lab::local();
    let relay = |first: &str, rest: &str| {
        let (go, goes) = channel();
        let (first, rest, goes) = (first.to_owned(), rest.to_owned(), Mutex::new(goes));
        let server = Server::new(move |stream, _| {
            stream.write_all(first.as_bytes()).unwrap();
            goes.lock().unwrap().recv().unwrap();
            stream.write_all(rest.as_bytes()).unwrap();
            false
        });
        let (operation, ended) = lab.start_relay(&server.url("/"));
        let relayed = relayed(&ended);
        go.send(()).unwrap();
        let length = relayed.length;
        let (bytes, ending) = Reader::of(relayed).rest();
        lab.egress.cancel(operation);
        (length, bytes, ending)
    };
    let known = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe";
    assert_eq!(relay(known, "llo"), (Some(5), 5, Ending::Whole));
    assert_eq!(relay(known, "l"), (Some(5), 3, Ending::Cut));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    assert_eq!(relay(chunked, "0\r\n\r\n"), (None, 5, Ending::Whole));
    assert_eq!(relay(chunked, ""), (None, 5, Ending::Cut));
    assert_eq!(relay(chunked, "nonsense\r\n"), (None, 5, Ending::Cut));
    assert_eq!(lab.egress.under_way(), (0, 0));
    let counts = lab.egress.counts();
    let failed: u64 = counts.failed.iter().map(|count| count.get()).sum();
    assert_eq!((counts.answered.get(), failed, counts.cancelled.get()), (2, 3, 0));
}

#[test]
fn a_short_answer_that_has_come_is_not_relayed() {
    let lab = Lab::local();
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    let answer = end_of(&lab.start_relay(&server.url("/")).1).unwrap();
    assert_eq!(answer.body, b"hello");
    let cut = Server::new(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell").unwrap();
        false
    });
    // Its end may come a moment later than what is before it.
    let (operation, ended) = lab.start_relay(&cut.url("/"));
    match ended.recv_timeout(PATIENCE).unwrap() {
        Err(failure) => assert_eq!(failure.code.name(), "reset"),
        Ok(settled) => match &*settled {
            Settlement::Relayed(relayed) => {
                assert_eq!(Reader::of((**relayed).clone()).rest(), (4, Ending::Cut));
            }
            other => panic!("it is not whole: {other:?}"),
        },
    }
    lab.egress.cancel(operation);
}

#[test]
fn a_compressed_content_is_decompressed_as_it_comes_and_may_be_longer_than_what_is_kept() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'0'; 20_000_000]).unwrap();
    let content = encoder.finish().unwrap();
    let answer = |length: usize| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        );
        Server::saying([head.as_bytes(), &content[..length]].concat())
    };
    let mut lab = Lab::local();
    lab.limits.fetch_response_bytes_max = 1_000;
    let relay = |lab: &Lab, server: &Server| {
        let (operation, ended) = lab.start_relay(&server.url("/"));
        let relayed = relayed(&ended);
        let fields = &relayed.head.headers;
        assert!(fields.iter().all(|field| field.name != "content-encoding"));
        assert_eq!(relayed.length, None);
        let read = Reader::of(relayed).rest();
        lab.egress.cancel(operation);
        read
    };
    let whole = answer(content.len());
    assert_eq!(relay(&lab, &whole), (20_000_000, Ending::Whole));
    assert_eq!(relay(&lab, &answer(content.len() - 4)).1, Ending::Cut);
    // A bound that the guest has set is one for what is passed on.
    lab.options.response_bytes_max = Some(1_000_000);
    let (bytes, ending) = relay(&lab, &whole);
    assert!(bytes <= 1_000_000 && ending == Ending::Cut, "{bytes}");
}

#[test]
fn an_answer_that_is_too_large_to_be_kept_waits_for_word_how_it_is_wanted() {
    let mut lab = Lab::local();
    lab.limits.fetch_response_bytes_max = 1_000;
    let length = 50_000;
    let body = "y".repeat(length);
    for head in [format!("content-length: {length}"), "connection: close".to_owned()] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let server = Server::new(move |stream, _| {
            stream.write_all(answer.as_bytes()).unwrap();
            false
        });
        let (operation, ended) = lab.start_undecided("guest", &server.url("/"));
        lab.egress.deliver(operation, Delivery::Relayed);
        assert_eq!(Reader::of(relayed(&ended)).rest(), (length, Ending::Whole));
        lab.egress.cancel(operation);
        assert_eq!(lab.failure(&server.url("/")).0, "too-large");
    }
}

#[test]
fn a_server_that_pauses_for_too_long_is_given_up() {
    let server = Server::new(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").unwrap();
        std::io::Read::read(stream, &mut [0]).is_err()
    });
    let mut lab = Lab::local();
    // As long as an answer that begins may take, too.
    lab.options.timeout_ms = Some(1_000);
    let (operation, ended) = lab.start_relay(&server.url("/"));
    let reader = Reader::of(relayed(&ended));
    assert_eq!(reader.rest(), (3, Ending::Cut));
    assert_eq!(lab.egress.under_way().0, 0, "its place is free before its client has gone");
    lab.egress.cancel(operation);
}

#[test]
fn a_server_of_interim_answers_without_end_holds_up_nobody() {
    let flood = Server::new(|stream, _| {
        let heads = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2_000);
        while stream.write_all(heads.as_bytes()).is_ok() {}
        false
    });
    let lab = Lab::local();
    let floods: Vec<_> = (0..4).map(|_| lab.start("guest", &flood.url("/")).1).collect();
    let other = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    for _ in 0..20 {
        assert_eq!(lab.fetch(&other.url("/")).unwrap().body, b"hi");
    }
    for ended in floods {
        let failure = end_of(&ended).unwrap_err();
        assert_eq!(failure.code.name(), "protocol", "{failure}");
    }
}

#[test]
fn a_content_of_nothing_is_no_sign_of_life() {
    let server = Server::new(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n").unwrap();
        // Members that are empty, for ever.
        let empty = GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap();
        while stream.write_all(&empty).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    });
    let mut lab = Lab::local();
    lab.options.timeout_ms = Some(1_000);
    let (operation, ended) = lab.start_relay(&server.url("/"));
    assert_eq!(Reader::of(relayed(&ended)).rest(), (0, Ending::Cut));
    lab.egress.cancel(operation);
}

#[test]
fn a_guest_that_fills_its_share_leaves_room_to_others() {
    let (server, _) = endless();
    let mut lab = Lab::local();
    lab.limits.guest_fetches_bytes_max = 200_000;
    lab.limits.fetches_bytes_max = 400_000;
    let mut relays = Vec::new();
    let failure = loop {
        let (operation, ended) = lab.start_relay(&server.url("/"));
        match ended.recv_timeout(PATIENCE).unwrap() {
            Ok(settled) => relays.push((operation, settled)),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.code.name(), "overloaded");
    assert!((1..=3).contains(&relays.len()), "{}", relays.len());
    let other = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    let (_, ended) = lab.start("other", &other.url("/"));
    assert_eq!(end_of(&ended).unwrap().body, b"hi");
    relays.into_iter().for_each(|(operation, _)| lab.egress.cancel(operation));
    assert_eq!(lab.egress.under_way(), (0, 0));
}
