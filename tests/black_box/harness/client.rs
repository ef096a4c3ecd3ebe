//! An HTTP/1.1 client that trusts nothing: an answer that breaks a rule of RFC 9112 fails the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{A_MOMENT, PATIENCE};
use snow_tools::client::ResponseReader;

/// One connection.
pub struct Client {
    stream: TcpStream,
    /// Received and not read yet.
    buffer: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// In their order, names in lower case.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a field that is there at most once.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "there is more than one {name}: {self:?}");
        value
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("the body is text")
    }

    /// Whether it says that the connection closes.
    pub fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl Client {
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // Small pieces are to arrive as such.
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    /// Its own port.
    #[track_caller]
    pub fn port(&self) -> u16 {
        self.stream.local_addr().expect("it is connected").port()
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes what it is sent");
    }

    /// Sends bytes to a server that may have heard enough before the end. Whether it took all of
    /// them.
    pub fn send_perhaps(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn gives_up_writing_after(&mut self, patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).unwrap();
    }

    #[track_caller]
    pub fn ask(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
    }

    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(target);
        self.response()
    }

    #[track_caller]
    pub fn post(&mut self, target: &str, body: &[u8]) -> Response {
        let length = body.len();
        self.send(format!(
            "POST {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n"
        ));
        self.send(body);
        self.response()
    }

    /// The next answer, to anything but a HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.read_response(false)
    }

    /// The next answer, to a HEAD: it has no body, whatever its fields say.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        self.read_response(true)
    }

    /// No more requests from here: a FIN. The server may have been quicker to end the connection.
    pub fn half_close(&self) {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != ErrorKind::NotConnected => {
                panic!("a connection can be closed: {error}")
            }
            _ => {}
        }
    }

    /// Leaves with a RST instead of a FIN.
    pub fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket takes SO_LINGER");
    }

    /// Waits until an answer begins, or the connection ends without one.
    pub fn is_answered(&mut self) -> bool {
        !self.buffer.is_empty() || self.stream.peek(&mut [0; 1]).is_ok_and(|count| count > 0)
    }

    /// Nothing comes for a moment.
    #[track_caller]
    pub fn is_silent(&mut self) {
        assert!(self.nothing_yet(), "something came: {:?}", self.received());
    }

    /// Whether nothing comes for a moment.
    #[track_caller]
    pub fn nothing_yet(&mut self) -> bool {
        self.stream.set_read_timeout(Some(A_MOMENT)).unwrap();
        let peeked = self.stream.peek(&mut [0; 1]).map_err(|error| error.kind());
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.buffer.is_empty() && matches!(peeked, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// The server closes, and says nothing more before.
    #[track_caller]
    pub fn is_closed(&mut self) {
        let more = self.receive();
        let rest = String::from_utf8_lossy(&self.buffer);
        assert!(
            !more && rest.is_empty(),
            "the connection should be closed, but there came {rest:?}"
        );
    }

    /// Waits until there is this text in what came and was not read yet, and returns all of that,
    /// which is not read afterwards either.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        while !self.received().contains(text) {
            assert!(self.receive(), "no {text:?} came, only {:?}", self.received());
        }
        self.received()
    }

    /// Reads to the end of the connection, and returns how many bytes came.
    #[track_caller]
    pub fn rest(&mut self) -> usize {
        while self.receive() {}
        std::mem::take(&mut self.buffer).len()
    }

    /// Reads more into the buffer; false at the end.
    #[track_caller]
    fn receive(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        let count = self.stream.read(&mut bytes);
        let count = count
            .unwrap_or_else(|error| panic!("no answer: {error}; so far {:?}", self.received()));
        self.buffer.extend_from_slice(&bytes[..count]);
        count > 0
    }

    fn received(&self) -> String {
        String::from_utf8_lossy(&self.buffer).chars().take(2_000).collect()
    }

    /// The client's reader has the rules of RFC 9112; the ones here are the host's own.
    #[track_caller]
    fn read_response(&mut self, to_head: bool) -> Response {
        let mut reader = ResponseReader::new(to_head);
        let response = loop {
            match reader.read(&mut self.buffer) {
                Ok(Some(response)) => break response,
                Ok(None) => {}
                Err(error) => panic!("{error}; before {:?}", self.received()),
            }
            if !self.receive() {
                break reader
                    .end()
                    .expect("the connection stays open until the answer is complete");
            }
        };
        let text = |(name, value): (String, Vec<u8>)| {
            assert!(value.is_ascii(), "{name}: {value:?}");
            (name, String::from_utf8_lossy(&value).into_owned())
        };
        let fields = response.headers.into_iter().map(text).collect();
        let response = Response { status: response.status, fields, body: response.body };
        let has_date = response.field("date").is_some_and(|date| date.len() == 29);
        assert!(response.status < 200 || has_date, "no date: {response:?}");
        response
    }
}
