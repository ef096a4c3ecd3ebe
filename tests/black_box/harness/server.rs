//! A server of one test.

use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::admin::Admin;
use super::client::{Client, Response};
use super::engines;
use super::guests::Folder;
use super::lines::Lines;
use super::{eventually, program};

/// A server with these guests and two workers. `None`: skip the test, see [`super::source`].
#[track_caller]
pub fn serve(guests: &[&str]) -> Option<Server> {
    Some(Setup::new(Folder::with(guests)?).start())
}

/// How a server is started.
pub struct Setup {
    folder: Folder,
    workers: u16,
    arguments: Vec<String>,
}

impl Setup {
    pub fn new(folder: Folder) -> Setup {
        Setup { folder, workers: 2, arguments: Vec::new() }
    }

    /// With these guests; `None` if one of them can't be built here.
    pub fn with(guests: &[&str]) -> Option<Setup> {
        Some(Setup::new(Folder::with(guests)?))
    }

    /// Its guests folder, for files beside the guests.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    pub fn workers(mut self, workers: u16) -> Setup {
        self.workers = workers;
        self
    }

    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// With an admin listener: see [`Server::admin`].
    pub fn watched(self) -> Setup {
        self.arguments(&Admin::ARGUMENTS)
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub fn start(self) -> Server {
        let mut command = engines::command(&engines::folder());
        command.arg("run").arg(self.folder.path());
        command
            .args(["--listen", "127.0.0.1:0", "--workers", &self.workers.to_string()])
            .args(self.arguments);
        Server::spawn(command.stdin(Stdio::null()), self.folder)
    }
}

/// A server that runs until it goes out of scope.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Standard output: the address and the routes.
    pub out: Lines,
    /// Standard error: the log.
    pub log: Lines,
    pub folder: Folder,
}

impl Server {
    /// Starts a command that serves, and waits until it listens.
    #[track_caller]
    pub fn spawn(command: &mut Command, folder: Folder) -> Server {
        let piped = program::keep_in_target(command).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program can be started");
        let out = Lines::of(child.stdout.take().expect("it is piped"));
        let log = Lines::of(child.stderr.take().expect("it is piped"));
        // Made before it is waited for, so that a server that never listens is ended too.
        let mut server = Server { child, address: ([127, 0, 0, 1], 0).into(), out, log, folder };
        server.address = server.announced();
        server
    }

    #[track_caller]
    fn announced(&mut self) -> SocketAddr {
        eventually("the server listens", || {
            // Before what it has said is looked at: it may say it, and end.
            let ended = self.child.try_wait().expect("a child can be asked");
            let out = self.out.text();
            if let Some(line) =
                out.lines().find_map(|line| line.strip_prefix("listening on http://"))
            {
                return Some(line.parse().expect("what it listens on is an address"));
            }
            assert!(ended.is_none(), "the server ended ({ended:?}):\n{out}{}", self.log.to_end());
            None
        })
    }

    /// A new connection.
    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The answer to a GET on a new connection.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.connect().get(target)
    }

    /// A GET on a new connection, its answer not waited for.
    #[track_caller]
    pub fn ask(&self, target: &str) -> Client {
        let mut client = self.connect();
        client.ask(target);
        client
    }

    /// Waits until so many requests are held under the key of the example guest `snow`.
    #[track_caller]
    pub fn wait_for_waiting(&self, count: usize) {
        let mut client = self.connect();
        eventually(&format!("{count} wait"), || {
            (client.get("/waiting/").text() == count.to_string()).then_some(())
        });
    }

    /// Waits until every worker answers a GET with this text: a deployment reaches one after the
    /// other.
    ///
    /// The kernel decides by a connection's ports which worker gets it, so this asks on many
    /// connections: that all of them belong to one of two workers has a chance of one in 2^31. On
    /// each it asks until the answer is right.
    #[track_caller]
    pub fn everywhere(&self, target: &str, text: &str) {
        for _ in 0..32 {
            let mut client = self.connect();
            eventually(&format!("{target} is {text}"), || {
                (client.get(target).text() == text).then_some(())
            });
        }
    }

    /// All that was logged before this was called. The server is asked for something, and what it
    /// logs of that comes behind all the rest: lines are written in their order.
    #[track_caller]
    pub fn log_by_now(&self) -> String {
        static SIGNS: AtomicUsize = AtomicUsize::new(0);
        let id = format!("sign-{}-by-now", SIGNS.fetch_add(1, Ordering::Relaxed));
        let mut client = self.connect();
        client.send(format!("GET /by-now HTTP/1.1\r\nhost: test\r\nx-request-id: {id}\r\n\r\n"));
        client.response();
        self.log.until(&[&id])
    }

    /// Where it tells about itself, if it was told to ([`Setup::watched`]).
    #[track_caller]
    pub fn admin(&self) -> Admin {
        Admin::of(&self.out)
    }

    /// Whether it serves: asked after everything that might have harmed it.
    #[track_caller]
    pub fn still_serves(&self) {
        let answer = self.get("/hello");
        assert_eq!((answer.status, answer.text()), (200, "hello world"));
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by its name, such as `TERM`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the server ends", || self.child.try_wait().expect("a child can be asked"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended, and then neither can succeed nor has to.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log.text();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.len().saturating_sub(40);
            eprintln!("the last lines of its server's log:\n{}", lines[last..].join("\n"));
        }
    }
}
