//! Listening sockets: what is set on them, and what to do if there can't be one.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Resource, Rlimit};
use snow_config::Listen;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that the kernel queues until they are accepted. The kernel lowers this to
/// `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// How often the kernel asks a silent client for a sign of life before it gives it up.
const KEEPALIVE_PROBES: u32 = 5;
/// The most seconds that the kernel takes for a time of TCP keepalive.
const KEEPALIVE_S_MAX: u64 = 32_767;

/// What is set on listening sockets. The sockets of clients inherit it (tcp(7)), so it costs no
/// system call for each of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListenOptions {
    /// Whether an IPv6 address takes no IPv4 clients, because another listener does.
    pub only_v6: bool,
    /// How long a client may give no sign of life; 0 for any time.
    pub keepalive_ms: u32,
}

/// A listening socket of one worker.
pub struct Bound {
    /// The socket, which does not block.
    pub socket: TcpListener,
    /// Whether other workers have the same socket.
    pub is_shared: bool,
}

/// Opens one listening socket for each worker, all on one address. With `SO_REUSEPORT` the kernel
/// spreads connections over them. An inherited socket is one socket that the workers share.
///
/// # Errors
/// The address is in use or not of this machine, its port takes a privilege, or the descriptor is
/// not a listening TCP socket.
pub fn listeners(listen: Listen, workers: u16, options: &ListenOptions) -> io::Result<Vec<Bound>> {
    match listen {
        Listen::Inherited(number) => {
            let first = inherited(number, options)?;
            let bound = |socket| Bound { socket, is_shared: workers > 1 };
            (0..workers).map(|_| first.try_clone().map(bound)).collect()
        }
        Listen::Address(address) => {
            // `SO_REUSEPORT` would let two servers of one user share a port unnoticed. Binding
            // without it first fails if another server listens there.
            drop(bind(address, false, options)?);
            let first = listener(address, options)?;
            // Port 0 was replaced by a free port, which all sockets share.
            let address = first.local_addr()?;
            let others = (1..workers).map(|_| listener(address, options));
            let bound = |socket| Bound { socket, is_shared: false };
            std::iter::once(Ok(first)).chain(others).map(|socket| socket.map(bound)).collect()
        }
    }
}

fn listener(address: SocketAddr, options: &ListenOptions) -> io::Result<TcpListener> {
    let socket = bind(address, true, options)?;
    set_keepalive(&socket, options)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind(address: SocketAddr, reuse_port: bool, options: &ListenOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && options.only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Lets the kernel give up clients that have vanished without a word: those that are silent by
/// asking them, and those that acknowledge nothing of what they are sent.
fn set_keepalive(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    if options.keepalive_ms == 0 {
        return Ok(());
    }
    // Half of the time is silence, in the other half the kernel asks.
    let total_s = u64::from(options.keepalive_ms).div_ceil(1_000);
    let part = |parts: u64| Duration::from_secs((total_s / parts).clamp(1, KEEPALIVE_S_MAX));
    let keepalive = TcpKeepalive::new()
        .with_time(part(2))
        .with_interval(part(2 * u64::from(KEEPALIVE_PROBES)))
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(total_s)))
}

/// Duplicates the listening socket that a supervisor left open under this number.
///
/// Duplicating it through a pidfd needs no `unsafe`, and leaves the original open.
fn inherited(number: i32, options: &ListenOptions) -> io::Result<TcpListener> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let descriptor: OwnedFd = pidfd_getfd(this.as_fd(), number, PidfdGetfdFlags::empty())?;
    let socket = Socket::from(descriptor);
    if !socket.is_listener()? {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a listening TCP socket"));
    }
    set_keepalive(&socket, options)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Returns what to do about an address on which nothing can listen. `flag` is where it is given.
pub fn advice(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("another program listens there: end it, or choose another with {flag}")
        }
        ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address: `ip address` lists those that it has; 0.0.0.0 and \
             [::] are all of them ({flag})"
        ),
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it, or choose a \
             higher port with {flag}"
        ),
        _ => format!("choose another with {flag}"),
    }
}

/// Allows this process as many open files and sockets as the system lets it have. The usual limit
/// of 1,024 is for programs that use `select`, and each client takes one.
pub fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = rustix::process::getrlimit(Resource::Nofile);
    if current != maximum {
        // If it fails, the limit stays, and accepting rests when it is reached.
        let raised = Rlimit { current: maximum, maximum };
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    const ANY: Listen =
        Listen::Address(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0));

    #[test]
    fn clients_inherit_what_is_set_on_the_listener() {
        let options = ListenOptions { keepalive_ms: 20_000, ..ListenOptions::default() };
        let listener = listeners(ANY, 1, &options).unwrap().remove(0).socket;
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(2));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));

        let listener = listeners(ANY, 1, &ListenOptions::default()).unwrap().remove(0).socket;
        assert!(!SockRef::from(&listener).keepalive().unwrap());
    }

    #[test]
    fn each_cause_has_its_advice() {
        let options = ListenOptions::default();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = Listen::Address(taken.local_addr().unwrap());
        let error = listeners(listen, 2, &options).err().unwrap();
        assert!(advice(&error, "--listen").starts_with("another program listens there"));
        // TEST-NET-1, which no machine has.
        let error = listeners("192.0.2.1:0".parse().unwrap(), 2, &options).err().unwrap();
        assert!(advice(&error, "--listen").starts_with("this machine has no such address"));
        let error = io::Error::from(ErrorKind::PermissionDenied);
        assert!(advice(&error, "--admin").contains("CAP_NET_BIND_SERVICE"));
    }

    #[test]
    fn the_descriptor_limit_is_the_hard_one() {
        raise_descriptor_limit();
        let limit = rustix::process::getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
