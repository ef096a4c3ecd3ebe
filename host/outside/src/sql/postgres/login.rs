//! The beginning of a connection.

use std::io;
use std::sync::Arc;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ChannelBinding, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use rustls_pki_types::ServerName;
use snow_config::{Secret, ServerAddress, ServerPlace};
use snow_runtime::SqlError;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::wire::{Lost, Wire};
use super::{MESSAGE_BYTES_MAX, failure, lost, said};
use crate::sql::connection::Ways;
use crate::sql::socket;

/// Connects to a server, and encrypts the connection if it is to be.
pub(super) async fn connect(server: &ServerPlace, ways: &Ways) -> Result<Wire, SqlError> {
    let unreachable = |why: String| lost(Lost::Closed(why), server);
    let mut wire = match &server.address {
        ServerAddress::Unix(path) => {
            let stream = UnixStream::connect(path).await;
            Wire::new(Box::new(stream.map_err(|error| unreachable(error.to_string()))?))
        }
        ServerAddress::Tcp(host, port) => {
            let stream: TcpStream =
                socket::connect(host, *port, &ways.names).await.map_err(unreachable)?;
            Wire::new(Box::new(stream))
        }
    };
    let ServerAddress::Tcp(host, _) = &server.address else { return Ok(wire) };
    if !server.is_encrypted {
        return Ok(wire);
    }
    let tls = ways.tls.config().as_ref().map_err(|why| unreachable(why.clone()))?;
    frontend::ssl_request(wire.output());
    match wire.byte().await {
        Ok(b'S') => {}
        Ok(_) => return Err(unreachable("the server does not encrypt connections".to_owned())),
        Err(error) => return Err(lost(error, server)),
    }
    let name = ServerName::try_from(host.clone());
    let name = name.map_err(|_| unreachable("its name can't be in a certificate".to_owned()))?;
    let connector = TlsConnector::from(Arc::new(tls.clone()));
    let encrypted = connector.connect(name, wire.into_stream()).await;
    let encrypted = encrypted.map_err(|error| unreachable(error.to_string()))?;
    Ok(Wire::new(Box::new(encrypted)))
}

/// Logs in. Returns the key by which the server stops a statement.
pub(super) async fn log_in(wire: &mut Wire, server: &ServerPlace) -> Result<(i32, i32), SqlError> {
    let begun = begin(wire, server).await;
    begun.map_err(|fault| match fault {
        Fault::Lost(why) => lost(why, server),
        Fault::Refused(error) => error,
    })
}

enum Fault {
    Lost(Lost),
    Refused(SqlError),
}

impl From<Lost> for Fault {
    fn from(lost: Lost) -> Fault {
        Fault::Lost(lost)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Lost(error.into())
    }
}

async fn begin(wire: &mut Wire, server: &ServerPlace) -> Result<(i32, i32), Fault> {
    let parameters = [
        ("user", &*server.user),
        ("database", &*server.database),
        ("client_encoding", "UTF8"),
        ("application_name", "snow-host"),
        // The forms of ISO 8601.
        ("DateStyle", "ISO"),
        ("IntervalStyle", "iso_8601"),
    ];
    frontend::startup_message(parameters, wire.output())?;
    let mut key = (0, 0);
    let mut scram = None;
    loop {
        match wire.message(MESSAGE_BYTES_MAX).await? {
            Message::ReadyForQuery(_) => return Ok(key),
            Message::BackendKeyData(data) => key = (data.process_id(), data.secret_key()),
            Message::ErrorResponse(error) => {
                let (code, message) = said(&error);
                let error = match failure((code, message)) {
                    // Whatever it is, there is no connection.
                    SqlError::Failed { code, message } => {
                        SqlError::Unavailable(format!("{message} ({code})"))
                    }
                    other => other,
                };
                return Err(Fault::Refused(error));
            }
            Message::AuthenticationCleartextPassword => {
                if !is_private(server) {
                    let why = "the server wants the password in clear text, and the connection is \
                               not encrypted (sslmode=require)";
                    return Err(Lost::Closed(why.to_owned()).into());
                }
                frontend::password_message(password(server)?.as_bytes(), wire.output())?;
            }
            Message::AuthenticationMd5Password(body) => {
                let (user, password) = (server.user.as_bytes(), password(server)?.as_bytes());
                let hash = md5_hash(user, password, body.salt());
                frontend::password_message(hash.as_bytes(), wire.output())?;
            }
            Message::AuthenticationSasl(_) => {
                let own =
                    ScramSha256::new(password(server)?.as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(sasl::SCRAM_SHA_256, own.message(), wire.output())?;
                scram = Some(own);
            }
            Message::AuthenticationSaslContinue(body) => {
                let own = scram.as_mut().ok_or_else(out_of_order)?;
                own.update(body.data())?;
                frontend::sasl_response(own.message(), wire.output())?;
            }
            Message::AuthenticationSaslFinal(body) => {
                scram.as_mut().ok_or_else(out_of_order)?.finish(body.data())?;
            }
            Message::AuthenticationOk
            | Message::ParameterStatus(_)
            | Message::NoticeResponse(_) => {}
            _ => return Err(Lost::Closed("the server wants another way to log in".into()).into()),
        }
    }
}

fn out_of_order() -> Lost {
    Lost::Closed("the server's messages are out of order".to_owned())
}

fn password(server: &ServerPlace) -> Result<&str, Lost> {
    let missing = || Lost::Closed("the server wants a password, and the URL has none".to_owned());
    server.password.as_ref().map(Secret::expose).ok_or_else(missing)
}

/// Whether nobody else can read what is sent.
fn is_private(server: &ServerPlace) -> bool {
    match &server.address {
        ServerAddress::Unix(_) => true,
        ServerAddress::Tcp(host, _) => {
            server.is_encrypted || ["localhost", "127.0.0.1", "::1"].contains(&host.as_str())
        }
    }
}
