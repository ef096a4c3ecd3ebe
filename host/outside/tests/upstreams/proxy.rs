//! Fetches through a proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use snow_config::ServerConfig;

use super::lab::{Lab, Server, ok};
use super::tls::{Authority, Secure};

/// A proxy that leads every tunnel to one address, and answers all other requests itself.
struct Proxy {
    url: String,
    /// The first lines of the requests that came.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that opens tunnels to this address; without one, it refuses them.
    fn new(tunnels_to: Option<SocketAddr>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = all.clone();
                thread::spawn(move || serve(stream, &all, tunnels_to));
            }
        });
        Proxy { url, asked }
    }

    fn settings(&self) -> ServerConfig {
        ServerConfig { outbound_proxy: Some(self.url.clone()), ..ServerConfig::default() }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, asked: &Mutex<Vec<String>>, tunnels_to: Option<SocketAddr>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(bytes) if bytes > 0) {
                return;
            }
        }
        let line = head.lines().next().unwrap().to_owned();
        let is_tunnel = line.starts_with("CONNECT ");
        asked.lock().unwrap().push(line);
        match (is_tunnel, tunnels_to) {
            (false, _) => stream.write_all(ok("by the proxy").as_bytes()).unwrap(),
            (true, None) => {
                let refused = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(refused.as_bytes()).unwrap();
            }
            (true, Some(address)) => {
                stream.write_all(b"HTTP/1.1 200 Established\r\n\r\n").unwrap();
                let server = TcpStream::connect(address).unwrap();
                let (from, mut to) = (server.try_clone().unwrap(), stream.try_clone().unwrap());
                thread::spawn(move || copy(from, &mut to));
                copy(stream, &mut &server);
                return;
            }
        }
    }
}

/// Passes on what comes, until one of the two closes.
fn copy(mut from: TcpStream, to: &mut dyn Write) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn plain_requests_are_handed_to_the_proxy_with_their_whole_url() {
    let proxy = Proxy::new(None);
    let lab = Lab::with(&proxy.settings(), &["http://*"]);
    // The name leads nowhere: nobody here asks for it.
    for _ in 0..3 {
        assert_eq!(lab.fetch("http://a.invalid/x?y").unwrap().body, b"by the proxy");
    }
    assert_eq!(proxy.asked(), ["GET http://a.invalid/x?y HTTP/1.1"; 3]);
    assert_eq!(lab.egress.counts().connected.get(), 1, "its connections are used again");
    assert_eq!(lab.failure("https://a.invalid/").0, "denied", "rules hold as without it");
    assert_eq!(proxy.asked().len(), 3);
}

#[test]
fn encrypted_requests_go_through_a_tunnel() {
    let authority = Authority::new("tunnel");
    let server = Secure::new(authority.sign(&["a.invalid"], 4096), "h2");
    let proxy = Proxy::new(Some(server.address));
    let settings = ServerConfig { outbound_ca: vec![authority.file.clone()], ..proxy.settings() };
    let lab = Lab::with(&settings, &["https://*:*"]);
    assert_eq!(lab.fetch("https://a.invalid:8443/x").unwrap().body, b"HTTP/2.0");
    assert_eq!(proxy.asked(), ["CONNECT a.invalid:8443 HTTP/1.1"]);
    // The certificate is asked of the other server, not of the proxy.
    assert_eq!(lab.failure("https://b.invalid/").0, "tls");
}

#[test]
fn a_proxy_that_opens_nothing_or_is_not_there() {
    let proxy = Proxy::new(None);
    let lab = Lab::with(&proxy.settings(), &["https://*", "http://*"]);
    let (code, message) = lab.failure("https://a.invalid/");
    assert!(code == "refused" && message.contains("the proxy opens no connection"), "{message}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings =
        ServerConfig { outbound_proxy: Some(format!("http://{gone}")), ..ServerConfig::default() };
    let lab = Lab::with(&settings, &["https://*", "http://*"]);
    for url in ["http://a.invalid/", "https://a.invalid/"] {
        assert_eq!(lab.failure(url).0, "refused", "{url}");
    }
}

#[test]
fn this_machine_is_reached_without_it() {
    let proxy = Proxy::new(None);
    let server = Server::saying(ok("direct"));
    let lab = Lab::with(&proxy.settings(), &["http://127.0.0.1:*", "http://localhost:*"]);
    assert_eq!(lab.fetch(&server.url("/")).unwrap().body, b"direct");
    let by_name = format!("http://localhost:{}/", server.address.port());
    assert_eq!(lab.fetch(&by_name).unwrap().body, b"direct");
    assert!(proxy.asked().is_empty());
}
