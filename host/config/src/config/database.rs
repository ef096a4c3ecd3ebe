//! Databases that guests are granted.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::values::{ConfigValue, Secret};
use snow_core::declare::MS_MAX;

/// The most connections to databases: each is a socket, and a process or a thread of its server.
pub(super) const CONNECTIONS_MAX: u64 = 65_536;
/// The most bytes of a file of SQLite: 16 TiB.
const FILE_BYTES_MAX: u64 = 1 << 44;
/// The fewest bytes of a file of SQLite: a few pages.
const FILE_BYTES_MIN: u64 = 1 << 16;

/// The databases that the deployer names, by their names.
pub type DatabaseConfigs = BTreeMap<String, DatabaseConfig>;

snow_core::declare_settings! {
    /// What a deployer decides about one database.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DatabaseConfig {
        /// Where the database is: sqlite:data/app.db (a path from the folder of snow.toml),
        /// postgres://user:password@host/name or mysql://user:password@host/name, for MariaDB too;
        /// with ?sslmode=require, encrypted. It may stand elsewhere: { env = "NAME" },
        /// { file = "/path" }. A { secret = … } of one of these is never shown, and neither is a URL
        /// with a password.
        pub url: Option<DatabaseUrl>, live;
        /// Connections to the database. Unless set, `database_connections_max` of the limits.
        pub connections_max: Option<usize>, live, in 1..=CONNECTIONS_MAX, at_most sql_connections_max;
        /// How long a statement or a transaction may take. Unless set, `sql_timeout_ms` of the
        /// limits.
        pub timeout_ms: Option<u32>, live, in 1..=MS_MAX;
        /// Bytes of the file of a SQLite database. Statements that would make it larger fail. Unless
        /// set, `sqlite_file_bytes_max` of the limits.
        pub file_bytes_max: Option<u64>, live, in FILE_BYTES_MIN..=FILE_BYTES_MAX;
    }
}

/// The range of the bytes of a file of SQLite.
pub(super) const FILE_BYTES: std::ops::RangeInclusive<u64> = FILE_BYTES_MIN..=FILE_BYTES_MAX;

/// The URL of a database, as it is written and as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// The URL, or where it is to be found.
    pub written: ConfigValue,
    /// The meaning of the URL; `None` before it was looked up.
    pub place: Option<Arc<DatabasePlace>>,
}

impl DatabaseUrl {
    /// Makes a URL of a text. It is a secret if it has a password.
    pub fn new(text: &str) -> DatabaseUrl {
        let written = ConfigValue { is_secret: has_password(text), ..ConfigValue::plain(text) };
        DatabaseUrl { written, place: None }
    }
}

/// Returns whether a text has a password, if it is a URL. One without a user may have it where it
/// does not belong.
pub(crate) fn has_password(text: &str) -> bool {
    Url::parse(text).map_or(true, |url| url.password().is_some() || url.username().is_empty())
        && !text.starts_with(Dialect::SQLITE)
}

/// The languages that databases speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    const SQLITE: &'static str = "sqlite:";
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// A file of SQLite, which need not be there yet. The path is absolute once the folder of
    /// snow.toml is.
    Sqlite(PathBuf),
    /// A server of PostgreSQL.
    Postgres(ServerPlace),
    /// A server of MySQL or MariaDB.
    Mysql(ServerPlace),
}

/// A database on a server, and who logs in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// Where the server listens.
    pub address: ServerAddress,
    /// The user who logs in.
    pub user: String,
    /// The password, if there is one.
    pub password: Option<Secret>,
    /// The name of the database.
    pub database: String,
    /// Whether connections are encrypted, and the server's certificate is checked.
    pub is_encrypted: bool,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// A host, by its name or address, and a port.
    Tcp(String, u16),
    /// A unix socket.
    Unix(PathBuf),
}

impl DatabasePlace {
    /// Reads a URL. A path of SQLite begins at `folder`.
    ///
    /// # Errors
    /// It is none of a database, in words that do not repeat it: it may hold a password.
    pub fn parse(text: &str, folder: &Path) -> Result<DatabasePlace, String> {
        if let Some(path) = text.strip_prefix(Dialect::SQLITE) {
            return sqlite(path).map(|path| DatabasePlace::Sqlite(folder.join(path)));
        }
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        match url.scheme() {
            "postgres" | "postgresql" => {
                server(&url, 5_432, |folder, port| folder.join(format!(".s.PGSQL.{port}")))
                    .map(DatabasePlace::Postgres)
            }
            "mysql" | "mariadb" => {
                server(&url, 3_306, |socket, _| socket.to_owned()).map(DatabasePlace::Mysql)
            }
            _ => Err("begins with none of sqlite:, postgres:// and mysql://".to_owned()),
        }
    }

    /// Returns what the database speaks.
    pub fn dialect(&self) -> Dialect {
        match self {
            DatabasePlace::Sqlite(_) => Dialect::Sqlite,
            DatabasePlace::Postgres(_) => Dialect::Postgres,
            DatabasePlace::Mysql(_) => Dialect::Mysql,
        }
    }
}

/// Shows the place without the password.
impl fmt::Display for DatabasePlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, server) = match self {
            DatabasePlace::Sqlite(path) => return write!(out, "sqlite:{}", path.display()),
            DatabasePlace::Postgres(server) => ("postgres", server),
            DatabasePlace::Mysql(server) => ("mysql", server),
        };
        let slashes = if matches!(server.address, ServerAddress::Tcp(..)) { "//" } else { "" };
        write!(out, "{scheme}:{slashes}{}", server.address)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerAddress::Tcp(host, port) => write!(out, "{host}:{port}"),
            ServerAddress::Unix(path) => write!(out, "{}", path.display()),
        }
    }
}

fn sqlite(path: &str) -> Result<&str, String> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path {
        "" => Err("names no file: sqlite:data/app.db".to_owned()),
        ":memory:" => Err("names no file, and what is in memory ends with its connection: \
                           sqlite:data/app.db"
            .to_owned()),
        _ if path.contains(['?', '#', '\0']) => {
            Err("has a `?`, a `#` or a NUL: after sqlite: there is a path alone".to_owned())
        }
        _ if path.ends_with('/') => Err("names a folder, not a file".to_owned()),
        _ => Ok(path),
    }
}

/// Reads the URL of a server. `socket` makes the path of a socket, of the one that is written and of
/// the port.
fn server(
    url: &Url,
    usual_port: u16,
    socket: impl Fn(&Path, u16) -> PathBuf,
) -> Result<ServerPlace, String> {
    let port = url.port().unwrap_or(usual_port);
    let host = decoded(url.host_str().unwrap_or_default(), "host")?;
    let (mut path, mut is_encrypted) = (None, false);
    if host.starts_with('/') {
        path = Some(host.clone());
    }
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("host" | "socket", value) if value.starts_with('/') => path = Some(value.to_owned()),
            ("host" | "socket", _) => {
                return Err(format!("has a `{name}` that is no path of a socket"));
            }
            ("sslmode" | "ssl-mode", mode) => {
                is_encrypted = match mode.to_ascii_lowercase().as_str() {
                    "disable" | "disabled" => false,
                    "require" | "required" | "verify-ca" | "verify_ca" | "verify-full"
                    | "verify_identity" => true,
                    _ => {
                        return Err(
                            "has an `sslmode` that is neither disable nor require".to_owned()
                        );
                    }
                };
            }
            // Its name is not said: behind a `?` that is not encoded it is a part of a password.
            _ => {
                let known = "only sslmode, host and socket are known";
                return Err(format!("has another parameter behind its `?`; {known}"));
            }
        }
    }
    let address = match path {
        Some(path) => ServerAddress::Unix(socket(Path::new(&path), port)),
        None if host.is_empty() => return Err("names no host".to_owned()),
        // The brackets of an address of IPv6 belong to the URL.
        None => ServerAddress::Tcp(host.trim_matches(['[', ']']).to_owned(), port),
    };
    if is_encrypted && matches!(address, ServerAddress::Unix(_)) {
        return Err("asks for encryption on a unix socket, which has none".to_owned());
    }
    let user = decoded(url.username(), "user")?;
    if user.is_empty() {
        return Err("names no user: postgres://user@host/name".to_owned());
    }
    let database = decoded(url.path().strip_prefix('/').unwrap_or_default(), "database")?;
    if database.is_empty() {
        return Err(
            "names no database: it ends with its name, as in postgres://user@host/name".to_owned()
        );
    }
    let password = url.password().map(|text| decoded(text, "password")).transpose()?;
    let password = password.map(Secret::new);
    Ok(ServerPlace { address, user, password, database, is_encrypted })
}

/// Removes the percent-encoding. A NUL ends a text in the protocols of databases, so there is none.
fn decoded(text: &str, what: &str) -> Result<String, String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(format!("has a {what} that is not UTF-8, or has a NUL")),
    }
}

#[cfg(test)]
mod tests;
