//! How a server is started, besides its limits: where it listens, with how many threads, what it
//! logs.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use super::outbound::DirectHosts;
use super::values::ValueOverride;

/// The most addresses on which a server listens.
pub const LISTENERS_MAX: usize = 64;
/// The most threads that serve.
pub const WORKERS_MAX: u16 = 1_024;
/// The most threads that run jobs.
pub const EXECUTORS_MAX: u16 = 256;
/// The longest path of a unix socket: the kernel has room for 108 bytes, of which the last is 0.
const SOCKET_PATH_BYTES_MAX: usize = 107;

snow_core::declare_settings! {
    /// How a server is started, besides its limits.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ServerConfig {
        /// Where to listen: ADDRESS:PORT (port 0 takes a free one), fd:N for a socket left open by
        /// a parent, or a list.
        pub listen: Vec<Listen> = vec![Listen::Address(SocketAddr::from(([127, 0, 0, 1], 8080)))], restart;
        /// Threads that serve. Unless set, one for each core.
        pub workers: u16 = one_for_each_core(), restart, in 1..=WORKERS_MAX.into();
        /// Threads that run jobs, with a lower priority. Unless set, one for each core, and at
        /// least two.
        pub executors: u16 = executors(), restart, in 1..=EXECUTORS_MAX.into();
        /// Whether each answered request is logged.
        pub access_log: bool = true, live;
        /// The URL at which clients reach the server, such as `https://example.org`: its path, if it
        /// has one, is what a proxy takes away. Guests make links with it.
        pub public_url: Option<String>, live, as Option<PublicUrl>;
        /// Whether guests believe `x-forwarded-proto` and `x-forwarded-host` while there is no
        /// `public_url`. Only right behind a proxy that sets both on each request.
        pub trust_forwarded: bool, live;
        /// How the log looks.
        pub log: LogFormat, restart;
        /// Where the admin listener is: ADDRESS:PORT, unix:/path/to.sock, or false for nowhere.
        pub admin: Option<AdminListen>, restart, as Admin;
        /// Whether the folder is watched, so that guests and this file take effect as they change.
        pub watch: bool = true, restart;
        /// Whether the server refuses to start when a guest can't be loaded, or two guests claim
        /// the same pattern.
        pub strict: bool, restart;
        /// Where compiled guests are kept: a folder, true for the user's own cache, or false for
        /// nowhere.
        pub cache: Cache, restart;
        /// The folder that keeps what guests store: only then it outlives the process.
        pub data: Option<PathBuf>, restart, as Option<Folder>;
        /// Files of certificates (PEM) whose authorities other servers may have, besides those of
        /// the system: for the requests of guests.
        pub outbound_ca: Vec<PathBuf>, restart, as Files;
        /// A file with the certificate (PEM) that other servers are shown who ask guests for one, and
        /// those between it and its authority. With `outbound_key`.
        pub outbound_certificate: Option<PathBuf>, restart, as Option<OneFile>;
        /// A file with the private key (PEM) of `outbound_certificate`.
        pub outbound_key: Option<PathBuf>, restart, as Option<OneFile>;
        /// The proxy through which guests reach other servers, such as http://proxy:3128. It looks
        /// names up then. Unless set, none. This machine is reached without it.
        pub outbound_proxy: Option<String>, restart, as Option<ProxyUrl>;
        /// Hosts that guests reach without the proxy: names, in which `*` stands for anything, as
        /// in *.internal; addresses; and networks, such as 10.0.0.0/8. No name is looked up for it.
        pub outbound_no_proxy: Option<DirectHosts>, restart;
    }
}

/// What `public_url` may be: an absolute URL without a query.
pub struct PublicUrl;

/// What `data` may be: an absolute path.
pub struct Folder;

/// What `outbound_ca` may be: a list of absolute paths.
pub struct Files;

/// What `outbound_certificate` and `outbound_key` may be: an absolute path.
pub struct OneFile;

/// What `outbound_proxy` may be: the URL of a proxy.
pub struct ProxyUrl;

/// What `admin` may be: an [`AdminListen`], or false for none.
pub struct Admin;

fn one_for_each_core() -> u16 {
    thread::available_parallelism().map_or(1, |cores| cores.get().min(WORKERS_MAX.into()) as u16)
}

fn executors() -> u16 {
    one_for_each_core().clamp(2, EXECUTORS_MAX)
}

/// The values of a [`ServerConfig`] that the command line gives. They win over the manifest, also
/// when it changes later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Every `--listen`.
    pub listen: Option<Vec<Listen>>,
    /// `--workers`
    pub workers: Option<u16>,
    /// `--executors`
    pub executors: Option<u16>,
    /// `--no-access-log`
    pub access_log: Option<bool>,
    /// `--log`
    pub log: Option<LogFormat>,
    /// `--admin`
    pub admin: Option<AdminListen>,
    /// `--no-watch`
    pub watch: Option<bool>,
    /// `--strict`
    pub strict: Option<bool>,
    /// `--cache`, `--no-cache`
    pub cache: Option<Cache>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// Every `--config`: values that guests read by `wasi:config`.
    pub values: Vec<ValueOverride>,
    /// Whether a file `.env` beside the guests stands in for environment variables that are not
    /// set: for `dev`.
    pub reads_dotenv: bool,
    /// Whether no version is rolled back, whatever the manifest says: for `dev`, where the newest
    /// version is the one that its author wants to see.
    pub never_roll_back: bool,
}

impl Overrides {
    /// Overwrites the values that are given. Returns their names, each with its flag.
    pub fn apply(&self, server: &mut ServerConfig) -> Vec<(&'static str, &'static str)> {
        fn put<T: Clone>(given: &Option<T>, value: &mut T) -> bool {
            given.as_ref().inspect(|given| value.clone_from(given)).is_some()
        }
        let cache_flag = if self.cache == Some(Cache::Off) { "--no-cache" } else { "--cache" };
        let all = [
            (put(&self.listen, &mut server.listen), "listen", "--listen"),
            (put(&self.workers, &mut server.workers), "workers", "--workers"),
            (put(&self.executors, &mut server.executors), "executors", "--executors"),
            (put(&self.access_log, &mut server.access_log), "access_log", "--no-access-log"),
            (put(&self.log, &mut server.log), "log", "--log"),
            (put(&self.admin.clone().map(Some), &mut server.admin), "admin", "--admin"),
            (put(&self.watch, &mut server.watch), "watch", "--no-watch"),
            (put(&self.strict, &mut server.strict), "strict", "--strict"),
            (put(&self.cache, &mut server.cache), "cache", cache_flag),
            (put(&self.data.clone().map(Some), &mut server.data), "data", "--data"),
        ];
        all.into_iter()
            .filter(|(is_given, ..)| *is_given)
            .map(|(_, name, flag)| (name, flag))
            .collect()
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address; port 0 takes any that is free.
    Address(SocketAddr),
    /// A listening socket that the parent process left open under this number.
    Inherited(i32),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        if let Some(number) = text.strip_prefix("fd:") {
            let number = number.parse().ok().filter(|number| *number >= 0);
            return number
                .map(Listen::Inherited)
                .ok_or_else(|| "fd: takes the number of an open descriptor, as in fd:3".into());
        }
        let address = text.parse::<SocketAddr>();
        address
            .map(Listen::Address)
            .map_err(|_| "it takes ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:0, or fd:N".into())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Address(address) => address.fmt(out),
            Listen::Inherited(number) => write!(out, "fd:{number}"),
        }
    }
}

/// Where the admin listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// An address; port 0 takes any that is free.
    Address(SocketAddr),
    /// A unix socket at this path, at most 107 bytes long.
    Unix(PathBuf),
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<AdminListen, String> {
        match text.strip_prefix("unix:") {
            Some(path)
                if (1..=SOCKET_PATH_BYTES_MAX).contains(&path.len()) && !path.contains('\0') =>
            {
                Ok(AdminListen::Unix(path.into()))
            }
            Some(_) => Err(format!("unix: takes a path of 1 to {SOCKET_PATH_BYTES_MAX} bytes")),
            None => {
                let address = text.parse().map(AdminListen::Address);
                address.map_err(|_| {
                    "it takes ADDRESS:PORT, as in 127.0.0.1:9090, or unix:/path/to.sock".into()
                })
            }
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminListen::Address(address) => address.fmt(out),
            AdminListen::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Every format.
    pub const ALL: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

    /// Returns the name of the format, as it is written in the file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<LogFormat, String> {
        let found = LogFormat::ALL.into_iter().find(|format| format.name() == name);
        found
            .ok_or_else(|| format!("it takes {}", LogFormat::ALL.map(LogFormat::name).join(" or ")))
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Where compiled guests are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// In the folder that the system has for the caches of this user.
    #[default]
    Default,
    /// Nowhere: each start compiles.
    Off,
    /// In this folder.
    Folder(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_addresses_and_descriptors() {
        assert_eq!("127.0.0.1:0".parse(), Ok(Listen::Address("127.0.0.1:0".parse().unwrap())));
        assert_eq!("[::1]:80".parse(), Ok(Listen::Address("[::1]:80".parse().unwrap())));
        assert_eq!("fd:3".parse(), Ok(Listen::Inherited(3)));
        for bad in ["", "8080", "localhost", "fd:", "fd:-1", "fd:x", "1.2.3.4"] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
        for good in ["127.0.0.1:0", "[::1]:80", "fd:3"] {
            assert_eq!(
                good.parse::<Listen>().map(|listen| listen.to_string()),
                Ok(good.to_owned())
            );
        }
    }

    #[test]
    fn admin_takes_addresses_and_unix_sockets() {
        let longest = format!("unix:/{}", "a".repeat(SOCKET_PATH_BYTES_MAX - 1));
        for good in ["127.0.0.1:9090", "[::1]:0", "unix:/run/snow.sock", &longest] {
            assert_eq!(
                good.parse::<AdminListen>().map(|listen| listen.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in
            ["", "9090", "fd:3", "unix:", "/run/snow.sock", "unix:a\0b", &format!("{longest}a")]
        {
            assert!(bad.parse::<AdminListen>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn overrides_win_and_say_so() {
        let mut server = ServerConfig { strict: true, ..ServerConfig::default() };
        assert_eq!(Overrides::default().apply(&mut server), []);
        assert_eq!(server, ServerConfig { strict: true, ..ServerConfig::default() });
        let overrides = Overrides {
            listen: Some(vec![Listen::Inherited(3)]),
            workers: Some(7),
            executors: Some(3),
            access_log: Some(false),
            log: Some(LogFormat::Json),
            admin: Some(AdminListen::Unix("/a".into())),
            watch: Some(false),
            strict: None,
            cache: Some(Cache::Off),
            data: Some("/data".into()),
            ..Overrides::default()
        };
        let flags: Vec<&str> =
            overrides.apply(&mut server).into_iter().map(|(_, flag)| flag).collect();
        assert_eq!(
            flags,
            [
                "--listen",
                "--workers",
                "--executors",
                "--no-access-log",
                "--log",
                "--admin",
                "--no-watch",
                "--no-cache",
                "--data"
            ]
        );
        let expected = ServerConfig {
            listen: vec![Listen::Inherited(3)],
            workers: 7,
            executors: 3,
            access_log: false,
            log: LogFormat::Json,
            admin: Some(AdminListen::Unix("/a".into())),
            watch: false,
            strict: true,
            cache: Cache::Off,
            data: Some("/data".into()),
            ..ServerConfig::default()
        };
        assert_eq!(server, expected);
    }
}
