//! An egress, guests' fetches, and servers that do what a test says.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use snow_config::{
    AddedField, ConfigValue, Limits, LogFormat, OutboundRule, OutboundRules, ServerConfig,
};
use snow_http::Response;
use snow_outside::Egress;
use snow_runtime::{
    Delivery, Fetch, FetchFailure, FetchOptions, Log, OperationId, Outside, Relayed, Settled,
    Settlement,
};

/// Longer than anything takes here that comes to an end.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The end of a fetch, in which an answer may be one that others have too.
pub type Shared = Result<Settled, FetchFailure>;

pub type Ended = Result<Response, FetchFailure>;

/// An egress whose thread runs.
pub struct Lab {
    pub egress: Egress,
    rules: Arc<OutboundRules>,
    pub limits: Limits,
    pub options: FetchOptions,
    pub method: String,
}

impl Lab {
    /// One for guests with these rules.
    pub fn new(rules: &[&str]) -> Lab {
        Lab::with(&ServerConfig::default(), rules)
    }

    /// One that believes the authorities in these files, for guests with these rules.
    pub fn believing(authorities: &[PathBuf], rules: &[&str]) -> Lab {
        let server = ServerConfig { outbound_ca: authorities.to_vec(), ..ServerConfig::default() };
        Lab::with(&server, rules)
    }

    /// One by these settings, for guests with these rules.
    pub fn with(server: &ServerConfig, rules: &[&str]) -> Lab {
        Lab::logging(server, rules, &no_log())
    }

    /// One by these settings with this log, for guests with these rules.
    pub fn logging(server: &ServerConfig, rules: &[&str], log: &Log) -> Lab {
        let (egress, thread) = Egress::new(server, log).unwrap();
        thread::spawn(move || thread.run().unwrap());
        Lab {
            egress,
            rules: parsed(rules),
            limits: Limits::default(),
            options: FetchOptions::default(),
            method: "GET".to_owned(),
        }
    }

    /// One for guests that may ask every server of this machine by its address.
    pub fn local() -> Lab {
        Lab::new(&["http://127.0.0.1:*"])
    }

    /// Puts other rules in force.
    pub fn allow(&mut self, rules: &[&str]) {
        self.rules = parsed(rules);
    }

    /// Adds this field, a secret, to the requests that a rule allows.
    pub fn add(&mut self, rule: &str, name: &str, text: &str) {
        let value = ConfigValue { is_secret: true, ..ConfigValue::plain(text) };
        let field = AddedField::new(name, "", value).unwrap();
        let rule = rule.parse::<OutboundRule>().unwrap().adding(vec![field]).unwrap();
        self.rules = Arc::new(self.rules.iter().cloned().chain([rule]).collect());
    }

    /// Begins a fetch of this guest, which waits for the whole answer.
    pub fn start(&self, guest: &str, url: &str) -> (OperationId, Receiver<Shared>) {
        let (operation, ended) = self.start_undecided(guest, url);
        self.egress.deliver(operation, Delivery::Whole);
        (operation, ended)
    }

    /// Begins a fetch whose answer goes on to a client while it comes.
    pub fn start_relay(&self, url: &str) -> (OperationId, Receiver<Shared>) {
        let (operation, ended) = self.start_undecided("guest", url);
        self.egress.deliver(operation, Delivery::Relayed);
        (operation, ended)
    }

    /// Begins a fetch of which nobody has said yet how its answer is wanted.
    pub fn start_undecided(&self, guest: &str, url: &str) -> (OperationId, Receiver<Shared>) {
        let fetch = Fetch {
            guest: guest.into(),
            rules: self.rules.clone(),
            limits: Arc::new(self.limits.clone()),
            method: self.method.clone(),
            options: self.options.clone(),
            ..fetch_of(&[], url)
        };
        let (sender, receiver) = channel();
        let done = Box::new(move |result| drop(sender.send(result)));
        (self.egress.fetch(fetch, done), receiver)
    }

    /// Does a fetch to its end.
    pub fn fetch(&self, url: &str) -> Ended {
        end_of(&self.start("guest", url).1)
    }

    /// Does a fetch that fails, and returns the code and the message of its failure.
    pub fn failure(&self, url: &str) -> (&'static str, String) {
        let failure = self.fetch(url).unwrap_err();
        (failure.code.name(), failure.message)
    }
}

/// A log that nobody reads.
pub fn no_log() -> Log {
    Log::start(LogFormat::Text, &Limits::default(), std::io::sink()).unwrap()
}

fn parsed(rules: &[&str]) -> Arc<OutboundRules> {
    Arc::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
}

/// A GET of a guest with these rules, and nothing that is special.
pub fn fetch_of(rules: &[&str], url: &str) -> Fetch {
    Fetch {
        guest: "guest".into(),
        rules: parsed(rules),
        limits: Arc::new(Limits::default()),
        request_id: "id-1".to_owned(),
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        options: FetchOptions::default(),
        keep: Arc::new(|answer| Ok(Settled::new(answer.into()))),
    }
}

/// Waits for the end of a fetch.
pub fn end_of(fetch: &Receiver<Shared>) -> Ended {
    shared_end_of(fetch).map(|settled| match &*settled {
        Settlement::Response(response) => response.clone(),
        other => panic!("an answer is no {other:?}"),
    })
}

/// Waits for the head of an answer that is relayed.
pub fn relayed(fetch: &Receiver<Shared>) -> Relayed {
    match &*shared_end_of(fetch).expect("it is answered") {
        Settlement::Relayed(relayed) => (**relayed).clone(),
        other => panic!("it is to be relayed: {other:?}"),
    }
}

/// Waits for the end of a fetch, which is shared with equal ones.
pub fn shared_end_of(fetch: &Receiver<Shared>) -> Shared {
    fetch.recv_timeout(PATIENCE).expect("a fetch ends")
}

/// A server that answers each request as a test says, on connections that it counts.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    /// The heads of the requests that came.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// One that does `answer` with each request: its stream, the request's head, and its number on
    /// the connection. It closes the connection once that returns false.
    pub fn new(answer: impl Fn(&mut TcpStream, &str) -> bool + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heads: Arc::default(),
        };
        let (connections, heads) = (server.connections.clone(), server.heads.clone());
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (answer, heads) = (answer.clone(), heads.clone());
                thread::spawn(move || serve(stream, &heads, &*answer));
            }
        });
        server
    }

    /// One that answers each request with these bytes.
    pub fn saying(bytes: impl Into<Vec<u8>>) -> Server {
        let bytes = bytes.into();
        Server::new(move |stream, _| stream.write_all(&bytes).is_ok())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(
    stream: TcpStream,
    heads: &Mutex<Vec<String>>,
    answer: &dyn Fn(&mut TcpStream, &str) -> bool,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        heads.lock().unwrap().push(head.clone());
        if !answer(&mut stream, &head) {
            return;
        }
    }
}

/// An answer with this content.
pub fn ok(content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{content}", content.len())
}
