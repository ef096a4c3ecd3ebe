//! What the poll reports: sockets that have changed, and connections to be accepted.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use snow_core::Key;
use snow_http::Connection;
use snow_runtime::{Ready, World};

use super::ClientTable;
use super::client::Client;
use crate::context::{Context, TURN};

impl<S> ClientTable<S> {
    /// Waits for sockets, at most `timeout_ms`.
    pub fn wait<W>(&mut self, world: &mut W, timeout_ms: Option<u64>) -> io::Result<()>
    where
        W: World<Socket = S>,
    {
        world.wait(timeout_ms, &mut self.ready)
    }

    /// Takes note of what the sockets have reported. Returns the clients whose connections are
    /// broken: neither what is received nor what is to be sent can reach them.
    pub fn take_ready(&mut self) -> Vec<Key> {
        let mut broken = Vec::new();
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            match event {
                Ready::Listener => self.accepting = true,
                Ready::Socket { key, broken: true, .. } => broken.push(key),
                Ready::Socket { key, readable, writable: _, read_closed, broken: false } => {
                    if let Some(client) = self.clients.get_mut(key) {
                        client.socket_changed(readable, read_closed);
                        self.mark_dirty(key);
                    }
                }
            }
        }
        self.ready = ready;
        broken
    }

    /// Returns whether there may be connections to accept.
    pub fn is_accepting(&self) -> bool {
        self.accepting
    }

    /// Accepts connections, so many as one turn may.
    pub fn accept<W>(&mut self, world: &mut W, cx: &Context, is_draining: bool)
    where
        W: World<Socket = S>,
    {
        for _ in 0..TURN.accepts_max {
            match world.accept() {
                Ok((socket, peer)) => {
                    self.accept_fails = false;
                    self.accepted(world, cx, is_draining, socket, peer);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    // The world comes back to the listener by itself: at once when one connects, or
                    // after a rest when the process was out of descriptors.
                    self.accepting = false;
                    // Logged once, and not again until an attempt has worked in between.
                    if error.kind() != ErrorKind::WouldBlock
                        && !std::mem::replace(&mut self.accept_fails, true)
                    {
                        cx.log_error(format!("cannot accept connections: {error}"));
                    }
                    return;
                }
            }
        }
    }

    /// Closes the listener, but first accepts the connections that the kernel has taken for it,
    /// which would be reset otherwise: over the next turns, as many as a full queue of the kernel
    /// holds. Clients that come on and on must not keep it open.
    pub fn close_listener(&mut self) {
        self.accepting = true;
        self.last_accepts = Some(TURN.last_accepts_max);
    }

    /// Accepts some of the last connections, if the listener is to close, and closes it once there
    /// are none left.
    pub fn go_on_closing<W>(&mut self, world: &mut W)
    where
        W: World<Socket = S>,
    {
        let Some(left) = self.last_accepts else { return };
        let left = left.saturating_sub(TURN.accepts_max);
        self.last_accepts = Some(left).filter(|left| self.accepting && *left > 0);
        if self.last_accepts.is_none() {
            self.accepting = false;
            world.close_listener();
        }
    }

    fn accepted<W>(
        &mut self,
        world: &mut W,
        cx: &Context,
        is_draining: bool,
        socket: S,
        peer: SocketAddr,
    ) where
        W: World<Socket = S>,
    {
        cx.stats.accepted.add(1);
        if self.clients.len() >= cx.limits().worker_connections_max {
            return cx.stats.rejected.add(1);
        }
        let mut connection = Connection::new(cx.now_ms, cx.http());
        if is_draining {
            connection.close_when_idle(cx.now_ms, cx.http());
        }
        let key = self.clients.insert(Client::new(socket, peer, connection));
        let Some(client) = self.clients.get_mut(key) else { return };
        if let Err(error) = world.register(&mut client.socket, key) {
            cx.log_error(format!(
                "cannot watch the socket of a connection, which is closed: {error}"
            ));
            self.clients.remove(key);
            return;
        }
        self.count(cx);
        self.mark_dirty(key);
    }
}
