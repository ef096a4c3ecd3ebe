//! The clients of a worker: who is connected, who has something to do in this turn, and which
//! exchange each connection has.
//!
//! A client is *dirty* when it may have something to read, parse or write in this turn. It is
//! *deferred* when it may have more requests than there was room for, and then a later turn goes on
//! with it.

mod client;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use snow_core::{Fifo, Key, Slab};
use snow_http::{
    Admission, Connection, Exchange, Head, Progress, Rejection, Request, Response, ResponseFault,
    Step,
};
use snow_runtime::{Match, Ready, World};

use self::client::Client;
use crate::context::{Context, ExchangeRef, TURN, WorkerTimers};

/// The size of the one buffer that all sockets of the worker are read into.
const SCRATCH_BYTES: usize = 64 << 10;

/// The connection is over: the client is to be removed.
pub(crate) struct Gone;

/// What a connection has for the worker.
pub(crate) enum Received {
    /// A whole request, and its route as it was found when the request was admitted; `None` if a
    /// deployment was adopted since.
    Request(Request, Option<Match>),
    /// A request that the connection has answered by itself, to be logged.
    Rejected(Rejection, SocketAddr),
}

/// A client that has been removed.
pub(crate) struct Removed {
    pub peer: SocketAddr,
    /// The request that it still waited for.
    pub exchange: Option<Exchange>,
}

/// All clients of a worker.
pub(crate) struct ClientTable<S> {
    clients: Slab<Client<S>>,
    dirty: VecDeque<Key>,
    deferred: Fifo<Key>,
    /// By a client's slot: the route of a request whose body is under way.
    routes: BTreeMap<u32, Match>,
    scratch: Box<[u8]>,
    ready: Vec<Ready>,
    /// Whether there may be connections to accept.
    accepting: bool,
    /// Whether the last attempt to accept has failed.
    accept_fails: bool,
}

impl<S> ClientTable<S> {
    pub fn new() -> ClientTable<S> {
        ClientTable {
            clients: Slab::new(),
            dirty: VecDeque::new(),
            deferred: Fifo::new(),
            routes: BTreeMap::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            ready: Vec::new(),
            accepting: false,
            accept_fails: false,
        }
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Whether there is something to do before any socket reports a change.
    pub fn has_work(&self) -> bool {
        self.accepting || !self.dirty.is_empty() || !self.deferred.is_empty()
    }

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

    /// Whether there may be connections to accept.
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

    /// Accepts all connections that the kernel has taken for the listener, because closing it would
    /// reset them.
    pub fn accept_all<W>(&mut self, world: &mut W, cx: &Context)
    where
        W: World<Socket = S>,
    {
        self.accepting = true;
        while self.accepting {
            self.accept(world, cx, true);
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

    fn count(&self, cx: &Context) {
        cx.stats.connections.set(self.clients.len() as u64);
    }

    /// Has a client looked at in this turn.
    pub fn mark_dirty(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.dirty) {
            client.dirty = true;
            self.dirty.push_back(key);
        }
    }

    /// Takes the next client that is to be looked at.
    pub fn next_dirty(&mut self) -> Option<Key> {
        self.dirty.pop_front()
    }

    /// Notes that a client is being looked at: what comes up from now on makes it dirty again.
    pub fn is_served(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key) {
            client.dirty = false;
        }
    }

    /// Has a later turn go on with a client.
    pub fn defer(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key).filter(|client| !client.deferred) {
            client.deferred = true;
            self.deferred.push_back(key);
        }
    }

    /// Returns how many clients have been left to later turns.
    pub fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// Takes the next client that an earlier turn has left to this one.
    pub fn next_deferred(&mut self) -> Option<Key> {
        let key = self.deferred.pop_front()?;
        if let Some(client) = self.clients.get_mut(key) {
            client.deferred = false;
        }
        Some(key)
    }

    /// Reads one buffer of bytes into a connection. Returns how many, and zero if there is nothing
    /// to read or nothing is wanted.
    pub fn read<W>(&mut self, key: Key, world: &mut W, cx: &Context) -> Result<usize, Gone>
    where
        W: World<Socket = S>,
    {
        let Some(client) = self.clients.get_mut(key) else { return Ok(0) };
        client.read(world, &mut self.scratch, cx)
    }

    /// Whether a client may have more to read. Reading may have paused for input that requests have
    /// used up since.
    pub fn reads_on(&self, key: Key) -> bool {
        self.clients.get(key).is_some_and(Client::reads_on)
    }

    /// Returns what a connection has for the worker. `admit` is asked once for each request, when
    /// its head is whole: for its route, and whether its body is to be read.
    pub fn receive<W>(
        &mut self,
        key: Key,
        world: &mut W,
        cx: &Context,
        mut admit: impl FnMut(&Head) -> (Match, Admission),
    ) -> Option<Received>
    where
        W: World<Socket = S>,
    {
        let client = self.clients.get_mut(key)?;
        let mut found = None;
        let mut admit = |head: &Head| {
            let (route, admission) = admit(head);
            found = Some(route);
            admission
        };
        let mut make_id = || world.random();
        match client.connection.step(cx.now_ms, cx.http(), &cx.date, &mut make_id, &mut admit) {
            Step::Idle => {
                // The request was admitted, and its body has yet to come.
                if let Some(route) = found {
                    self.routes.insert(key.slot, route);
                }
                None
            }
            Step::Rejected(rejection) => {
                let peer = client.peer();
                self.forget_route(key);
                Some(Received::Rejected(rejection, peer))
            }
            Step::Request(request) => {
                let route = found.or_else(|| self.forget_route(key));
                Some(Received::Request(request, route))
            }
        }
    }

    fn forget_route(&mut self, key: Key) -> Option<Match> {
        if self.routes.is_empty() { None } else { self.routes.remove(&key.slot) }
    }

    /// Forgets the routes of requests whose bodies are under way: another deployment has other
    /// routes.
    pub fn forget_routes(&mut self) {
        self.routes.clear();
    }

    /// Gives up a held request if its client has left. Returns its exchange, and the client's
    /// address.
    pub fn give_up_if_left(
        &mut self,
        key: Key,
        cx: &Context,
    ) -> Result<Option<(Exchange, SocketAddr)>, Gone> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(None) };
        Ok(client.give_up_if_left(cx)?.map(|exchange| (exchange, client.peer())))
    }

    /// Writes what a connection has to send.
    pub fn write<W>(&mut self, key: Key, world: &mut W, cx: &Context) -> Result<(), Gone>
    where
        W: World<Socket = S>,
    {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        if client.write(world, cx)? {
            self.mark_dirty(key);
        }
        Ok(())
    }

    /// Sets a client's timer for the deadline of its connection.
    pub fn set_timer(&mut self, key: Key, timers: &mut WorkerTimers) {
        if let Some(client) = self.clients.get_mut(key) {
            client.set_timer(key, timers);
        }
    }

    /// Lets the deadline of a connection pass, if it has come.
    pub fn timer_fired(&mut self, key: Key, cx: &Context) {
        if let Some(client) = self.clients.get_mut(key) {
            client.timer_fired(cx);
            self.mark_dirty(key);
        }
    }

    /// Tells some clients, from a slot on, that their connections are to close when they fall idle.
    /// Returns the slot to go on from; `None` if all have been told.
    pub fn close_when_idle(&mut self, mut from: u32, cx: &Context) -> Option<u32> {
        for _ in 0..TURN.timers_max {
            let key = self.clients.next_from(from)?;
            if let Some(client) = self.clients.get_mut(key) {
                client.connection.close_when_idle(cx.now_ms, cx.http());
            }
            self.mark_dirty(key);
            from = key.slot + 1;
        }
        Some(from)
    }

    /// Closes a client's socket.
    pub fn remove(&mut self, key: Key, timers: &mut WorkerTimers, cx: &Context) -> Option<Removed> {
        let mut client = self.clients.remove(key)?;
        client.cancel_timer(timers);
        self.forget_route(key);
        self.count(cx);
        Some(Removed { peer: client.peer(), exchange: client.connection.abandon() })
    }

    /// Returns a client's address.
    pub fn peer(&self, key: Key) -> Option<SocketAddr> {
        self.clients.get(key).map(Client::peer)
    }

    /// Returns a reference to the request that a client waits for.
    pub fn current(&self, key: Key) -> Option<ExchangeRef> {
        let exchange = self.clients.get(key)?.connection.exchange()?;
        Some(ExchangeRef { client: key, serial: exchange.serial })
    }

    /// Returns an exchange, if its client still waits for it.
    pub fn exchange(&self, exchange: ExchangeRef) -> Option<&Exchange> {
        let current = self.clients.get(exchange.client)?.connection.exchange()?;
        (current.serial == exchange.serial).then_some(current)
    }

    /// Returns an exchange, to note progress in it.
    pub fn exchange_mut(&mut self, exchange: ExchangeRef) -> Option<&mut Exchange> {
        let current = self.clients.get_mut(exchange.client)?.connection.exchange_mut()?;
        (current.serial == exchange.serial).then_some(current)
    }

    /// Notes that an exchange waits in this suspension. Its connection gives its buffers back
    /// meanwhile.
    pub fn suspend(&mut self, exchange: ExchangeRef, suspension: Key) {
        let Key { slot, generation } = suspension;
        if let Some(exchange) = self.exchange_mut(exchange) {
            exchange.progress = Progress::Suspended { slot, generation };
        }
        if let Some(client) = self.clients.get_mut(exchange.client) {
            client.connection.rest();
        }
        // The client may have left while its call ran.
        self.mark_dirty(exchange.client);
    }

    /// Answers an exchange. Returns it, and the client's address; `None` if the client does not
    /// wait for it any more.
    ///
    /// # Errors
    /// The response is invalid. The exchange can be answered otherwise.
    pub fn respond(
        &mut self,
        exchange: ExchangeRef,
        response: &Response,
        cx: &Context,
    ) -> Result<Option<(Exchange, SocketAddr)>, ResponseFault> {
        if self.exchange(exchange).is_none() {
            return Ok(None);
        }
        let Some(client) = self.clients.get_mut(exchange.client) else { return Ok(None) };
        let answered = client.connection.respond(response, &cx.date, cx.now_ms, cx.http())?;
        let peer = client.peer();
        self.mark_dirty(exchange.client);
        Ok(answered.map(|answered| (answered, peer)))
    }
}
