//! Connections that are counted while they are open.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::Scheme;
use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connected, Connection, HttpConnector,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::counts::{FetchCounts, One};
use crate::proxy::Proxy;
use crate::resolve::Resolver;

/// How often the kernel asks a silent server for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Opens connections, and counts them: to the addresses that a [`Resolver`] allows, or to the proxy.
#[derive(Clone)]
pub(crate) struct Tcp {
    direct: HttpConnector<Resolver>,
    proxy: Option<Arc<Proxy>>,
    to_proxy: HttpConnector<Resolver>,
    counts: Arc<FetchCounts>,
}

/// Reads of a connection in one turn of its task. Without a bound, a server that never pauses would
/// hold up all others: hyper reads on for as long as there is something.
const READS_MAX: u8 = 2;

/// An open connection.
pub(crate) struct Open {
    stream: TokioIo<TcpStream>,
    /// Whether requests on it are for the proxy, which sends them on.
    is_proxied: bool,
    used: Used,
    /// Reads since the socket was empty, or since others had their turn.
    reads: u8,
    _open: One,
}

/// Whether an answer has come over a connection. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Used(Arc<AtomicBool>);

impl Used {
    /// Finds that of a captured connection, if there is one.
    pub fn of(connection: &CaptureConnection) -> Option<Used> {
        let mut extras = Extensions::new();
        connection.connection_metadata().as_ref()?.get_extras(&mut extras);
        extras.remove()
    }

    /// Notes that an answer has come.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether an answer has come.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

type ConnectError = Box<dyn Error + Send + Sync>;

impl Tcp {
    pub fn new(resolver: Resolver, proxy: Option<Arc<Proxy>>, counts: Arc<FetchCounts>) -> Tcp {
        // The deployer has named the proxy, wherever it is.
        let to_proxy = connector(Resolver { rules: None, ..resolver.clone() });
        Tcp { direct: connector(resolver), proxy, to_proxy, counts }
    }
}

fn connector(resolver: Resolver) -> HttpConnector<Resolver> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    // The one around it decides about https.
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector
}

/// Asks the proxy for a way to the host of a URL.
async fn tunnel(
    proxy: &Proxy,
    to_proxy: HttpConnector<Resolver>,
    to: Uri,
) -> Result<TokioIo<TcpStream>, ConnectError> {
    let opened = Tunnel::new(proxy.url.clone(), to_proxy).call(to).await;
    opened.map_err(|error| match error.source() {
        // What has a cause tells it.
        Some(_) => proxy.unreachable(&error).into(),
        None => proxy.opens_nothing(&error.to_string()).into(),
    })
}

impl Service<Uri> for Tcp {
    type Response = Open;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Open, ConnectError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let counts = self.counts.clone();
        let serves = |proxy: &&Arc<Proxy>| uri.host().is_some_and(|host| proxy.serves(host));
        let proxy = self.proxy.as_ref().filter(serves).cloned();
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let is_proxied = proxy.is_some() && !is_https;
        let (mut direct, mut to_proxy) = (self.direct.clone(), self.to_proxy.clone());
        Box::pin(async move {
            let stream = match proxy {
                None => direct.call(uri).await?,
                Some(proxy) if is_https => tunnel(&proxy, to_proxy, uri).await?,
                Some(proxy) => {
                    let opened = to_proxy.call(proxy.url.clone()).await;
                    opened.map_err(|error| proxy.unreachable(&error))?
                }
            };
            counts.connected.add(1);
            Ok(Open {
                stream,
                is_proxied,
                used: Used::default(),
                reads: 0,
                _open: counts.open.one(),
            })
        })
    }
}

impl Connection for Open {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_proxied).extra(self.used.clone())
    }
}

impl Read for Open {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reads >= READS_MAX {
            self.reads = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        self.reads = if polled.is_ready() { self.reads + 1 } else { 0 };
        polled
    }
}

impl Write for Open {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
