//! Connections that are counted while they are open.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Extensions, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connected, Connection, HttpConnector,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::counts::{FetchCounts, One};
use crate::resolve::Resolver;

/// How often the kernel asks a silent server for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Opens connections to the addresses that a [`Resolver`] allows, and counts them.
#[derive(Clone)]
pub(crate) struct Tcp {
    inner: HttpConnector<Resolver>,
    counts: Arc<FetchCounts>,
}

/// An open connection.
pub(crate) struct Open {
    stream: TokioIo<TcpStream>,
    used: Used,
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

type ConnectError = <HttpConnector<Resolver> as Service<Uri>>::Error;

impl Tcp {
    pub fn new(resolver: Resolver, counts: Arc<FetchCounts>) -> Tcp {
        let mut inner = HttpConnector::new_with_resolver(resolver);
        // The one around it decides about https.
        inner.enforce_http(false);
        inner.set_nodelay(true);
        inner.set_keepalive(Some(KEEPALIVE));
        Tcp { inner, counts }
    }
}

impl Service<Uri> for Tcp {
    type Response = Open;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Open, ConnectError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, counts) = (self.inner.call(uri), self.counts.clone());
        Box::pin(async move {
            let stream = connecting.await?;
            counts.connected.add(1);
            Ok(Open { stream, used: Used::default(), _open: counts.open.one() })
        })
    }
}

impl Connection for Open {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.used.clone())
    }
}

impl Read for Open {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
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
