//! Fetches through a proxy.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use snow_config::{Limits, LogFormat, ServerConfig};
use snow_http::Field;
use snow_runtime::{Delivery, Fetch, Log, Outside};

use super::lab::{Lab, PATIENCE, Server, end_of, fetch_of, ok};
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

/// What was logged so far.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A lab behind a proxy with this URL, and what is logged.
fn behind(url: &str) -> (Lab, impl Fn() -> Vec<String> + use<>) {
    let written = Written::default();
    let log = Log::start(LogFormat::Text, &Limits::default(), written.clone()).unwrap();
    let settings = ServerConfig { outbound_proxy: Some(url.to_owned()), ..ServerConfig::default() };
    let lab = Lab::logging(&settings, &["https://*", "http://*"], &log);
    let lines = move || {
        log.flush(PATIENCE);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    (lab, lines)
}

const URLS: [&str; 2] = ["http://a.invalid/", "https://a.invalid/"];

#[test]
fn a_proxy_that_opens_nothing_is_what_guest_and_log_are_told_of() {
    let proxy = Proxy::new(None);
    let (lab, lines) = behind(&proxy.url);
    let (code, message) = lab.failure("https://a.invalid/");
    let told = message.starts_with("the proxy: it opens no connection: ");
    assert!(code == "refused" && told, "{message}");
    let lines = lines();
    let told = format!("the proxy {}: it opens no connection: ", proxy.url);
    assert!(lines.len() == 1 && lines[0].contains(&told), "{lines:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_what_guest_and_log_are_told_of() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (lab, lines) = behind(&format!("http://{gone}"));
    for url in URLS {
        let (code, message) = lab.failure(url);
        let told = message.starts_with("the proxy: Connection refused");
        assert!(code == "refused" && told && !message.contains("127.0"), "{url} {message}");
    }
    let lines = lines();
    let told = format!("the proxy http://{gone}: Connection refused");
    assert!(lines.len() == 1 && lines[0].contains(&told), "one is enough for a while: {lines:?}");

    let (lab, lines) = behind("http://no-such-proxy.invalid:3128");
    for url in URLS {
        let failure = lab.failure(url);
        assert_eq!(failure, ("refused", "the proxy: its name was not found".to_owned()), "{url}");
    }
    let lines = lines();
    assert!(lines.len() == 1, "{lines:?}");
    assert!(
        lines[0].contains("the proxy http://no-such-proxy.invalid:3128: the name"),
        "{lines:?}"
    );
}

#[test]
fn a_proxy_that_hangs_up_or_says_nothing_is_what_guest_and_log_are_told_of() {
    let hangs_up = Server::new(|_, _| false);
    let (lab, lines) = behind(&hangs_up.url(""));
    let (code, message) = lab.failure("https://a.invalid/");
    assert!(code != "tls" && message.starts_with("the proxy: "), "{code} {message}");
    assert_eq!(lines().len(), 1);

    let silent = Server::new(|_, _| true);
    let (mut lab, lines) = behind(&silent.url(""));
    lab.options.connect_timeout_ms = Some(50);
    let told = "the proxy: there was no connection through it in 50 ms".to_owned();
    assert_eq!(lab.failure("https://a.invalid/"), ("timeout", told));
    assert_eq!(lines().len(), 1);
}

#[test]
fn a_guest_s_own_credentials_do_not_reach_the_proxy() {
    let proxy = Server::saying(ok("by the proxy"));
    let (lab, _) = behind(&proxy.url(""));
    let field = |name: &str| Field { name: name.to_owned(), value: b"Basic YTpi".to_vec() };
    let headers = vec![field("Proxy-Authorization"), field("x-a")];
    let fetch = Fetch { headers, ..fetch_of(&["http://*"], "http://a.invalid/") };
    let (sender, ended) = channel();
    let operation = lab.egress.fetch(fetch, Box::new(move |end| drop(sender.send(end))));
    lab.egress.deliver(operation, Delivery::Whole);
    assert_eq!(end_of(&ended).unwrap().body, b"by the proxy");
    let head = proxy.heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.contains("x-a: ") && !head.contains("proxy-authorization"), "{head}");
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
