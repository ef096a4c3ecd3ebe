//! Another server, to which guests send requests, and which answers when a test says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::{A_MOMENT, PATIENCE};

/// A server on a port of its own, until the test ends.
pub struct Upstream {
    pub address: SocketAddr,
    asked: Receiver<Asked>,
}

/// A request that has come, and that waits for its answer.
pub struct Asked {
    /// The request's head.
    pub head: String,
    stream: TcpStream,
}

impl Upstream {
    pub fn new() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if !matches!(reader.read_line(&mut head), Ok(count) if count > 0) {
                            return;
                        }
                    }
                    // It fails if the test is over.
                    let _ = sender.send(Asked { head, stream });
                });
            }
        });
        Upstream { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for the next request.
    #[track_caller]
    pub fn next(&self) -> Asked {
        self.asked_within(PATIENCE).expect("a request comes")
    }

    /// Waits for the next request, but only for so long.
    pub fn asked_within(&self, time: Duration) -> Option<Asked> {
        self.asked.recv_timeout(time).ok()
    }
}

impl Asked {
    /// The path that was asked for.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).expect("a request has a target")
    }

    /// Answers with this text, and closes the connection.
    pub fn answer(self, text: &str) {
        self.send(&format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        ));
    }

    /// Sends these bytes, and keeps the connection. False if the host takes no more in a while.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.set_write_timeout(Some(A_MOMENT)).expect("it is a time");
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends these bytes, and closes the connection.
    pub fn send(mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).expect("the host listens");
    }

    /// Waits until the host has closed the connection.
    pub fn until_given_up(mut self) {
        self.stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
        let end = self.stream.read(&mut [0]);
        assert!(
            matches!(&end, Ok(0))
                || end.as_ref().is_err_and(|error| error.raw_os_error() == Some(104)),
            "the request was not given up: {end:?}"
        );
    }
}
