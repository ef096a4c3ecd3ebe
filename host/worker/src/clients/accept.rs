//! What the poll reports: sockets that have changed, and connections to be accepted.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use snow_core::{Key, Walk};
use snow_http::{Connection, GivesWay};
use snow_runtime::{Ready, World};

use super::ClientTable;
use super::client::Client;
use crate::context::{Context, TURN, WorkerTimers};

/// Whether another connection can be accepted into a full table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// A connection was closed for it.
    Made,
    /// Perhaps in the next turn: clients that were just accepted have not been read yet.
    Later,
    /// All clients have requests.
    None,
}

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
    pub fn accept<W>(
        &mut self,
        world: &mut W,
        timers: &mut WorkerTimers,
        cx: &Context,
        is_draining: bool,
    ) where
        W: World<Socket = S>,
    {
        for _ in 0..TURN.accepts_max {
            match self.at_the_door.take().map_or_else(|| world.accept(), Ok) {
                Ok(accepted) => {
                    self.accept_fails = false;
                    let is_full = self.clients.len() >= cx.limits().worker_connections_max;
                    let room = if is_full { self.make_room(timers, cx) } else { Room::Made };
                    if room == Room::Later && !is_draining {
                        self.at_the_door = Some(accepted);
                        return;
                    }
                    cx.stats.accepted.add(1);
                    match room {
                        Room::Made => self.accepted(world, cx, is_draining, accepted),
                        Room::Later | Room::None => cx.stats.rejected.add(1),
                    }
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

    /// Closes a connection that no request needs, so that another client has a place: whoever only
    /// connects must not keep others out. A few clients are looked at, from where the last look
    /// ended, so in a small table it is the one that has been silent for longest, and in a large one
    /// the worst of some.
    fn make_room(&mut self, timers: &mut WorkerTimers, cx: &Context) -> Room {
        let mut first: Option<(GivesWay, Key)> = None;
        let mut is_unread = false;
        let mut walk = Walk::from_slot(self.hand, TURN.evicted_of_max);
        for _ in 0..2 {
            while let Some(key) = self.clients.next_of(&mut walk) {
                let Some(client) = self.clients.get(key) else { continue };
                let gives_way = client.connection.gives_way(cx.now_ms, cx.http());
                // What the client has sent perhaps waits in its socket.
                if client.reads_on() {
                    is_unread |= matches!(gives_way, Some(GivesWay::Silent { .. }));
                } else if let Some(gives_way) = gives_way
                    && first.is_none_or(|(other, _)| gives_way < other)
                {
                    first = Some((gives_way, key));
                }
            }
            // Behind the last client comes the first.
            if walk.rest().is_none() {
                walk = Walk::from_slot(0, TURN.evicted_of_max);
            }
        }
        self.hand = walk.rest().unwrap_or(0);
        match first {
            Some((_, key)) => {
                cx.stats.evicted.add(1);
                // It has no exchange that somebody would have to end.
                drop(self.remove(key, timers, cx));
                Room::Made
            }
            None if is_unread => Room::Later,
            None => Room::None,
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
        (socket, peer): (S, SocketAddr),
    ) where
        W: World<Socket = S>,
    {
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
