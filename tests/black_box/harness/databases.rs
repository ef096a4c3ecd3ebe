//! Real database servers, on this machine and for these tests alone.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::eventually;

/// The name and the password of the user as whom guests log in.
const USER: &str = "snow";
const PASSWORD: &str = "hunter2-of-snow";

/// Runs a server until the standard input ends: so it ends with the process of the tests, whatever
/// becomes of that. Then removes a folder, if one is named.
const UNTIL_INPUT_ENDS: &str = r#"signal=$1; folder=$2; shift 2; "$@" & server=$!
    cat >/dev/null; kill -$signal $server; wait $server; [ -z "$folder" ] || rm -rf "$folder""#;

/// Which server it is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Postgres,
    Mariadb,
}

/// A database server.
pub struct DatabaseServer {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    /// Whether it is for one test, which drops it.
    is_own: bool,
    running: Option<Child>,
}

impl DatabaseServer {
    /// The server of PostgreSQL that tests share, each with a database of its own. `None`: skip the
    /// test.
    pub fn postgres() -> Option<&'static DatabaseServer> {
        static SERVER: OnceLock<Option<DatabaseServer>> = OnceLock::new();
        SERVER.get_or_init(|| DatabaseServer::new(Kind::Postgres, false)).as_ref()
    }

    /// The server of MariaDB that tests share.
    pub fn mariadb() -> Option<&'static DatabaseServer> {
        static SERVER: OnceLock<Option<DatabaseServer>> = OnceLock::new();
        SERVER.get_or_init(|| DatabaseServer::new(Kind::Mariadb, false)).as_ref()
    }

    /// A server of PostgreSQL for one test, which may crash it.
    pub fn own_postgres() -> Option<DatabaseServer> {
        DatabaseServer::new(Kind::Postgres, true)
    }

    /// A server of MariaDB for one test, which may crash it.
    pub fn own_mariadb() -> Option<DatabaseServer> {
        DatabaseServer::new(Kind::Mariadb, true)
    }

    fn new(kind: Kind, is_own: bool) -> Option<DatabaseServer> {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let needed = match kind {
            Kind::Postgres => ["initdb", "postgres", "psql"],
            Kind::Mariadb => ["mariadb-install-db", "mariadbd", "mariadb"],
        };
        if let Some(missing) = needed.iter().find(|name| program(name).is_none()) {
            let name = match kind {
                Kind::Postgres => "PostgreSQL",
                Kind::Mariadb => "MariaDB",
            };
            assert!(env::var_os("CI").is_none(), "{name} is not installed: there is no {missing}");
            eprintln!("SKIPPED: tests that need {name}, which is not installed ({missing})");
            return None;
        }
        // Another user has to get there, and the path of a socket is short.
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("snow-db-{}-{number}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("the folder for temporary files can be written");
        let mut server = DatabaseServer { kind, folder, port: free_port(), is_own, running: None };
        server.make();
        server.start();
        server.let_in();
        Some(server)
    }

    fn make(&self) {
        self.certify();
        if let Some((user, group)) = self.user() {
            for owned in [self.folder.clone(), self.folder.join("key.pem")] {
                chown(owned, Some(user), Some(group)).expect("root can do that");
            }
        }
        let data = self.folder.join("data");
        let mut command = match self.kind {
            Kind::Postgres => {
                let password = self.folder.join("password");
                fs::write(&password, PASSWORD).expect("the folder can be written");
                fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
                let mut command = self.command("initdb");
                command.args(["--username", USER, "--auth=scram-sha-256", "--encoding=UTF8"]);
                command.args(["--no-sync", "--locale=C", "--pwfile"]).arg(password);
                command.arg("--pgdata").arg(&data);
                command
            }
            Kind::Mariadb => {
                let mut command = self.command("mariadb-install-db");
                command.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
                command.args(["--skip-test-db", "--skip-name-resolve"]);
                command.arg(format!("--datadir={}", data.display()));
                command
            }
        };
        let output = command.output().expect("it can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Writes a certificate for `localhost`, its key, and that of its authority.
    fn certify(&self) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (of_authority, of_server) =
            (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate = authority.self_signed(&of_authority).unwrap();
        fs::write(self.authority(), certificate.pem()).expect("the folder can be written");
        let issuer = Issuer::new(authority, of_authority);
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = server.signed_by(&of_server, &issuer).unwrap();
        let key = self.folder.join("key.pem");
        fs::write(self.folder.join("certificate.pem"), certificate.pem()).unwrap();
        fs::write(&key, of_server.serialize_pem()).unwrap();
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The certificate of the authority that has signed that of the server, which is for `localhost`.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Starts it, and waits until it answers.
    pub fn start(&mut self) {
        let (data, folder) = (self.folder.join("data"), self.folder.display());
        let (certificate, key) = (format!("{folder}/certificate.pem"), format!("{folder}/key.pem"));
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"));
        let log = log.expect("the folder can be written");
        let server = match self.kind {
            Kind::Postgres => {
                let mut server = self.command("postgres");
                server.arg("-D").arg(&data).args(["-p", &self.port.to_string(), "-k"]);
                server.arg(&self.folder).args(["-h", "127.0.0.1", "-F"]);
                server.args(["-c", "max_connections=60", "-c", "ssl=on"]);
                server.args(["-c", &format!("ssl_cert_file={certificate}")]);
                server.args(["-c", &format!("ssl_key_file={key}")]);
                server
            }
            Kind::Mariadb => {
                let mut server = self.command("mariadbd");
                server.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
                server.arg(format!("--datadir={}", data.display()));
                server.arg(format!("--port={}", self.port));
                server.arg(format!("--socket={folder}/socket"));
                server.arg(format!("--pid-file={folder}/pid"));
                server.args([format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")]);
                server
                    .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]);
                server
            }
        };
        let mut shell = Command::new("sh");
        // PostgreSQL would leave processes behind.
        let signal = if self.kind == Kind::Postgres { "QUIT" } else { "KILL" };
        shell
            .args(["-c", UNTIL_INPUT_ENDS, "sh", signal])
            // One that all tests share is never dropped.
            .arg(if self.is_own { Path::new("") } else { self.folder.as_path() })
            .arg(server.get_program())
            .args(server.get_args());
        shell.current_dir("/").stdin(Stdio::piped());
        shell.stdout(log.try_clone().unwrap()).stderr(log);
        self.running = Some(shell.spawn().expect("there is a shell"));
        eventually("the database answers", || self.try_sql("", "select 1"));
    }

    /// Ends it at once, and all its connections with it.
    pub fn crash(&mut self) {
        if let Some(mut shell) = self.running.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    /// Makes the user whom the URLs name, if it is not the first one.
    fn let_in(&self) {
        if self.kind == Kind::Mariadb {
            self.sql("", &format!("create user {USER}@'%' identified by '{PASSWORD}'"));
            self.sql("", &format!("grant all on *.* to {USER}@'%'"));
        }
    }

    /// Makes a database, and returns its URL.
    pub fn database(&self, name: &str) -> String {
        self.sql("", &format!("create database {name}"));
        let scheme = match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        };
        format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// The parameter of a URL by which the server's socket is used.
    pub fn socket(&self) -> String {
        match self.kind {
            Kind::Postgres => format!("host={}", self.folder.display()),
            Kind::Mariadb => format!("socket={}/socket", self.folder.display()),
        }
    }

    /// Carries out a statement by the server's own program, and returns what it prints.
    #[track_caller]
    pub fn sql(&self, database: &str, text: &str) -> String {
        let output = self.client(database, text);
        let (said, failed) = output;
        said.unwrap_or_else(|| panic!("{text}: {failed}"))
    }

    fn try_sql(&self, database: &str, text: &str) -> Option<String> {
        self.client(database, text).0
    }

    fn client(&self, database: &str, text: &str) -> (Option<String>, String) {
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(program("psql").expect("it was there"));
                command.args(["-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-U", USER]);
                command.args(["-p", &self.port.to_string(), "-v", "ON_ERROR_STOP=1"]);
                command.args(["-d", if database.is_empty() { "postgres" } else { database }]);
                command.args(["-c", text]).env("PGPASSWORD", PASSWORD);
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new(program("mariadb").expect("it was there"));
                command.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
                command.arg(format!("--socket={}/socket", self.folder.display()));
                command.args(["-e", text, database]);
                command
            }
        };
        let output = command.stdin(Stdio::null()).output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        let failed = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success().then_some(said), failed)
    }

    /// A program that runs as a user who may run a server: none may as root.
    fn command(&self, name: &str) -> Command {
        let path = program(name).expect("it was there");
        let Some((user, group)) = self.user() else { return Command::new(path) };
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={user}"), format!("--regid={group}")]);
        command.args(["--clear-groups", "--"]).arg(path).current_dir("/");
        command
    }

    /// The numbers of the server's user and its group, if the tests run as root.
    fn user(&self) -> Option<(u32, u32)> {
        let name = match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        };
        let id = |what: &str, of: &[&str]| {
            let output = Command::new("id").arg(what).args(of).output().expect("there is an `id`");
            String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().expect("it is a number")
        };
        (id("-u", &[]) == 0).then(|| (id("-u", &[name]), id("-g", &[name])))
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        self.crash();
        // What is left over lies in the folder for temporary files, and harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Finds a program: in the path, or where Debian has the servers.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = env::split_paths(&path)
        .chain(debian.map(|version| version.path().join("bin")))
        .chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}
