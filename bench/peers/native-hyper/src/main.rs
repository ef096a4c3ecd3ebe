//! `native-hyper ADDRESS THREADS`: a server as one would write it with hyper and tokio, a runtime
//! per core.
//!
//! The routes are those of `native-mio`: `/hello`, `/hold/`, `/stop-all/`, `/waiting/`.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, io, thread};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const BACKLOG: i32 = 4096;

type Answer = Response<Full<Bytes>>;

/// The requests that wait, of all threads.
#[derive(Default)]
struct Held {
    senders: Mutex<Vec<oneshot::Sender<()>>>,
}

impl Held {
    fn wait(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.lock().push(sender);
        receiver
    }

    fn release(&self) -> usize {
        let senders = std::mem::take(&mut *self.lock());
        senders.into_iter().filter_map(|sender| sender.send(()).ok()).count()
    }

    fn waiting(&self) -> usize {
        self.lock().iter().filter(|sender| !sender.is_closed()).count()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, threads] = arguments.as_slice() else {
        return Err("usage: native-hyper ADDRESS THREADS".into());
    };
    let address: SocketAddr = address.parse()?;
    let held = Arc::new(Held::default());
    let mut running = Vec::new();
    for _ in 0..threads.parse()? {
        let listener = listen(address)?;
        let held = Arc::clone(&held);
        running.push(thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(serve(listener, held))
        }));
    }
    for thread in running {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

async fn serve(listener: std::net::TcpListener, held: Arc<Held>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &held));
            // An error here means that the client left: only its connection ends.
            let _ = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, held: &Held) -> Result<Answer, Infallible> {
    Ok(match request.uri().path() {
        "/hello" => text("hello world"),
        "/hold/" => match held.wait().await {
            Ok(()) => text("done"),
            Err(_) => not(StatusCode::SERVICE_UNAVAILABLE),
        },
        "/stop-all/" => text(held.release().to_string()),
        "/waiting/" => text(held.waiting().to_string()),
        _ => not(StatusCode::NOT_FOUND),
    })
}

fn text(body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn not(status: StatusCode) -> Answer {
    let mut response = text("");
    *response.status_mut() = status;
    response
}
