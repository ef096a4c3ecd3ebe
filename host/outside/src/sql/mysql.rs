//! Connections to MySQL and MariaDB, by the crate `mysql_async`.

mod values;

use std::time::Duration;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{
    ChangeUserOpts, Conn, DriverError, Error, Opts, OptsBuilder, Params, SslOpts, Statement, Value,
};
use snow_config::{Dialect, Secret, ServerAddress, ServerPlace};
use snow_runtime::{SqlError, SqlStatement, SqlWork};
use tokio::time::timeout;

use super::collect::Collector;
use super::connection::{GOODBYE, Ran, Ways};
use super::{
    CACHED_BYTES_MAX, CACHED_STATEMENTS, NO_TRANSACTION, failed, socket, text, unreachable,
};

/// A connection that was used within this time is taken to be there: to ask costs as much as a
/// statement.
const FRESH: Duration = Duration::from_millis(100);
/// Bytes of a packet beside its values: names, lengths.
const PACKET_BYTES_MORE: usize = 64 << 10;
/// First words of statements after which a session is not as it was, for the statements that come
/// after them.
const CHANGES_SESSION: [&str; 10] = [
    "begin",
    "deallocate",
    "execute",
    "flush",
    "handler",
    "lock",
    "prepare",
    "set",
    "start",
    "use",
];
/// Numbers of errors by which a server says that it ends a connection.
const ENDS: [u16; 5] = [1_053, 1_077, 1_152, 1_184, 1_927];
/// The number of the error of a statement that was stopped.
const STOPPED: u16 = 1_317;

/// A connection to a database.
pub(super) struct MysqlConnection {
    session: Conn,
    opts: Opts,
}

impl MysqlConnection {
    /// Connects and logs in. No packet, and so no row, is taken that is larger than `bytes_max`.
    pub async fn open(
        server: &ServerPlace,
        ways: &Ways,
        bytes_max: usize,
    ) -> Result<MysqlConnection, SqlError> {
        let mut opts = OptsBuilder::default()
            .user(Some(server.user.clone()))
            .pass(server.password.as_ref().map(Secret::expose))
            .db_name(Some(server.database.clone()))
            .max_allowed_packet(Some(bytes_max.saturating_add(PACKET_BYTES_MORE)))
            .stmt_cache_size(CACHED_STATEMENTS)
            // What is written in snow.toml is meant.
            .prefer_socket(false);
        match &server.address {
            ServerAddress::Unix(path) => opts = opts.socket(path.to_str()),
            ServerAddress::Tcp(host, port) => {
                let addresses = socket::addresses(host, &ways.names).await;
                let addresses = addresses.map_err(|why| unreachable(server, &why))?;
                opts =
                    opts.ip_or_hostname(host.clone()).tcp_port(*port).resolved_ips(Some(addresses));
            }
        }
        if server.is_encrypted {
            let roots = ways.tls.roots().as_ref().map_err(|why| unreachable(server, why))?;
            let roots = roots.iter().map(|root| root.to_vec().into()).collect();
            let tls = SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true);
            opts = opts.ssl_opts(tls);
        }
        let opts = Opts::from(opts);
        let session = Conn::new(opts.clone()).await;
        let session = session.map_err(|error| unreachable(server, &error.to_string()))?;
        Ok(MysqlConnection { session, opts })
    }

    /// Carries out statements.
    pub async fn run(&mut self, work: &SqlWork, mut collector: Collector) -> Ran {
        // One that fails may have changed the session, too, which nothing rolls back.
        let changes = work.statements.iter().any(|statement| may_change_session(&statement.text));
        match self.carry_out(work, &mut collector).await {
            Ok(()) => Ran::ended(Ok(collector), !changes),
            Err(Fault { error, is_over: false }) => {
                match self.session.query_drop("ROLLBACK").await {
                    Ok(()) => Ran::ended(Err(error), !changes),
                    Err(_) => Ran::lost(error),
                }
            }
            Err(Fault { error, is_over: true }) => Ran::lost(error),
        }
    }

    async fn carry_out(&mut self, work: &SqlWork, collector: &mut Collector) -> Result<(), Fault> {
        if work.is_transaction {
            self.session.query_drop("START TRANSACTION").await?;
        }
        for statement in &work.statements {
            self.one(statement, collector).await?;
        }
        if work.is_transaction {
            self.session.query_drop("COMMIT").await?;
        }
        match self.is_in_transaction() {
            true => Err(failed("25000", NO_TRANSACTION).into()),
            false => Ok(()),
        }
    }

    /// Carries out one statement.
    async fn one(
        &mut self,
        statement: &SqlStatement,
        collector: &mut Collector,
    ) -> Result<(), Fault> {
        let numbered = text::numbered(&statement.text).map_err(|why| failed("42601", why))?;
        let parameters = &statement.parameters;
        let (text, values): (&str, Vec<Value>) = match &numbered {
            None => (statement.text.as_str(), parameters.iter().map(values::parameter).collect()),
            Some((text, numbers)) => {
                let needed = numbers.iter().max().map_or(0, |number| number + 1);
                if needed != parameters.len() {
                    return Err(wrong_number(needed, parameters.len()).into());
                }
                let value = |number: &usize| values::parameter(&parameters[*number]);
                (text.as_str(), numbers.iter().map(value).collect())
            }
        };
        let prepared = self.session.prep(text).await?;
        let done = self.execute(&prepared, values, collector).await;
        let is_over = matches!(&done, Err(Fault { is_over: true, .. }));
        // A long text is not kept, be it carried out or not.
        if text.len() > CACHED_BYTES_MAX && !is_over {
            let closed = self.session.close(prepared).await;
            return done.and(closed.map_err(Fault::from));
        }
        done
    }

    /// Carries out a statement that is prepared.
    async fn execute(
        &mut self,
        prepared: &Statement,
        values: Vec<Value>,
        collector: &mut Collector,
    ) -> Result<(), Fault> {
        let needed = usize::from(prepared.num_params());
        if needed != values.len() {
            return Err(wrong_number(needed, values.len()).into());
        }
        let mut result = self.session.exec_iter(prepared, Params::Positional(values)).await?;
        let columns = result.columns().filter(|columns| !columns.is_empty());
        if let Some(columns) = &columns {
            collector
                .begin(columns.iter().map(|column| column.name_str().into_owned()).collect())?;
        }
        while let Some(row) = result.next().await? {
            let columns = row.columns();
            let values = row.unwrap().into_iter().zip(&*columns);
            collector.row(values.map(|(value, column)| values::value(value, column)).collect())?;
        }
        let (affected, last_id) = (result.affected_rows(), result.last_insert_id());
        // A procedure may have more results.
        result.drop_result().await?;
        let last_id = last_id.filter(|id| *id > 0).and_then(|id| i64::try_from(id).ok());
        let affected = columns.is_none().then_some(affected);
        Ok(collector.end(affected, last_id.filter(|_| columns.is_none()))?)
    }

    fn is_in_transaction(&self) -> bool {
        let packet = self.session.last_ok_packet();
        packet.is_some_and(|ok| ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS))
    }

    /// Whether the server is still there.
    pub async fn is_alive(&mut self, idle: Duration) -> bool {
        idle < FRESH || self.session.ping().await.is_ok()
    }

    /// Makes the session as if it were new, by logging in once more: all else leaves it in the
    /// database that a statement has chosen.
    pub async fn reset(&mut self) -> bool {
        let same_user = self.session.change_user(ChangeUserOpts::default());
        timeout(GOODBYE, same_user).await.is_ok_and(|done| done.is_ok())
    }

    /// Asks the server to stop what it does for this connection, which ends.
    pub async fn stop(self) {
        let MysqlConnection { session, opts } = self;
        if let Ok(mut other) = Conn::new(opts).await {
            // It fails if the connection has ended by itself.
            let _ = other.query_drop(format!("KILL {}", session.id())).await;
            let _ = other.disconnect().await;
        }
        // Whatever is under way is not waited for.
        let _ = session.disconnect().await;
    }

    /// Ends the session.
    pub async fn close(self) {
        let _ = self.session.disconnect().await;
    }
}

/// Whether a session may be another one after a statement.
fn may_change_session(text: &str) -> bool {
    let word = text::first_word(text, Dialect::Mysql).to_ascii_lowercase();
    // Without a word it begins with what the server alone understands.
    word.is_empty() || CHANGES_SESSION.contains(&word.as_str())
}

fn wrong_number(needed: usize, has: usize) -> SqlError {
    failed("07001", format!("the statement has {needed} placeholders, not {has}"))
}

fn too_large() -> SqlError {
    SqlError::Limit("a row or a statement is too large (sql_result_bytes_max)".to_owned())
}

/// The reason why statements have not been carried out.
struct Fault {
    error: SqlError,
    /// Whether the connection can't be used any more.
    is_over: bool,
}

/// A failure between two statements. If it is amid a result, the rest of that is in the way.
impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Fault {
        let is_over = matches!(error, SqlError::Limit(_) | SqlError::Overloaded(_));
        Fault { error, is_over }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let (error, is_over) = match error {
            Error::Server(server) if ENDS.contains(&server.code) => {
                (SqlError::Unavailable(server.message), true)
            }
            Error::Server(server) if server.code == STOPPED => (SqlError::TimedOut, true),
            Error::Server(server) => (failed(server.state, server.message), false),
            Error::Driver(DriverError::PacketTooLarge) => (too_large(), true),
            // The driver has an I/O error for a packet that was not read.
            Error::Io(error) if error.to_string().contains("max_allowed_packet") => {
                (too_large(), true)
            }
            Error::Driver(DriverError::StmtParamsMismatch { required, supplied }) => {
                (wrong_number(required.into(), supplied), false)
            }
            other => (SqlError::Unavailable(format!("the connection was lost: {other}")), true),
        };
        Fault { error, is_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_a_session_is_known_whatever_is_before_it() {
        let long = format!("/* {} */ lock tables t write", "x".repeat(2_000));
        for text in
            ["SET a = 1", "# x\nuse other", &long, "/*!40101 set a = 1 */", "/*M! set a = 1 */"]
        {
            assert!(may_change_session(text), "{text}");
        }
        for text in ["select 1", "/* set */ insert into t values ('use')", "(select 1)"] {
            assert!(!may_change_session(text), "{text}");
        }
    }
}
