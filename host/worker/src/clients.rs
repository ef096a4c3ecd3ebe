//! The clients of a worker: who is connected, who has something to do in this turn, and which
//! exchange each connection has.
//!
//! A client is *dirty* when it may have something to read, parse or write in this turn. It is
//! *deferred* when there is more to do for it than there was [room](budget) for, and then a later
//! turn goes on with it. It is *put off* while so many requests of the guest that it asks wait
//! already that its own is better left with its connection. See [`lines`].

mod accept;
mod answer;
mod budget;
mod buffered;
mod client;
mod lines;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use snow_core::{Fifo, Key, Slab, Walk};
use snow_http::{Admission, Exchange, Head, Reject, Rejection, Request, Step};
use snow_runtime::{Access, Level, Match, Ready, World};

pub(crate) use self::answer::STATUS_CLIENT_LEFT;
pub(crate) use self::budget::{Budget, Helping};
use self::buffered::Totals;
use self::client::Client;
pub(crate) use self::lines::PutOff;
use crate::context::{Context, ExchangeRef, TURN, WorkerTimers};

/// The size of the one buffer that all sockets of the worker are read into.
const SCRATCH_BYTES: usize = 64 << 10;

/// The connection is over: the client is to be removed.
pub(crate) struct Gone;

/// What a connection has for the worker.
pub(crate) enum Received {
    /// A whole request, and its route as it was found when the request was admitted; `None` if a
    /// deployment was adopted since.
    Request(ExchangeRef, Request, Option<Match>),
    /// A request that the connection has answered by itself, to be logged.
    Rejected(Rejection, SocketAddr),
}

/// A client that has been removed.
pub(crate) struct Removed<S, E> {
    pub peer: SocketAddr,
    /// The requests that it still waited for.
    pub exchanges: E,
    /// Its socket, if that has to end with a reset. Else it is closed.
    pub to_reset: Option<S>,
}

/// All clients of a worker.
pub(crate) struct ClientTable<S> {
    clients: Slab<Client<S>>,
    dirty: VecDeque<Key>,
    deferred: Fifo<Key>,
    put_off: PutOff,
    /// By a client's slot: the route of a request whose body is under way.
    routes: BTreeMap<u32, Match>,
    /// By a client's slot: the line of the access log about a long answer that is not written yet.
    unwritten: BTreeMap<u32, Access>,
    scratch: Box<[u8]>,
    totals: Totals,
    ready: Vec<Ready>,
    /// Whether there may be connections to accept.
    accepting: bool,
    /// Whether the last attempt to accept has failed.
    accept_fails: bool,
    /// How many connections may still be accepted before the listener closes, if it is to.
    last_accepts: Option<usize>,
    /// A client that was accepted into a full table, and may have a place in the next turn.
    at_the_door: Option<(S, SocketAddr)>,
    /// The slot from which on the next client is looked for that gives way to another.
    hand: u32,
}

impl<S> ClientTable<S> {
    pub fn new() -> ClientTable<S> {
        ClientTable {
            clients: Slab::new(),
            dirty: VecDeque::new(),
            deferred: Fifo::new(),
            put_off: PutOff::default(),
            routes: BTreeMap::new(),
            unwritten: BTreeMap::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            totals: Totals::default(),
            ready: Vec::new(),
            accepting: false,
            accept_fails: false,
            last_accepts: None,
            at_the_door: None,
            hand: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Returns whether there are no clients, and none can come that are accepted already.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.last_accepts.is_none()
    }

    /// Returns whether there is something to do before any socket reports a change.
    pub fn has_work(&self) -> bool {
        self.accepting
            || self.last_accepts.is_some()
            || !self.dirty.is_empty()
            || !self.deferred.is_empty()
            || !self.put_off.is_empty()
    }

    fn count(&self, cx: &Context) {
        cx.stats.connections.set(self.clients.len() as u64);
    }

    /// Shows to others how much memory the connections take, and how many requests are put off.
    pub fn count_kept(&self, cx: &Context) {
        self.totals.count(cx);
        cx.stats.put_off.set(self.put_off.len() as u64);
    }

    /// Reads one buffer of bytes into a connection, but no more than `bytes_max`. Returns how many,
    /// and zero if there is nothing to read or nothing is wanted.
    pub fn read<W>(
        &mut self,
        key: Key,
        world: &mut W,
        bytes_max: usize,
        cx: &Context,
    ) -> Result<usize, Gone>
    where
        W: World<Socket = S>,
    {
        let Some(client) = self.clients.get_mut(key) else { return Ok(0) };
        if !client.reads_on() {
            return Ok(0);
        }
        let buffer = &mut self.scratch[..bytes_max.min(SCRATCH_BYTES)];
        self.totals.track(client, |client| client.read(world, buffer, cx))
    }

    /// Returns whether a client may have more to read. Reading may have paused for input that
    /// requests have used up since.
    pub fn reads_on(&self, key: Key) -> bool {
        self.clients.get(key).is_some_and(Client::reads_on)
    }

    /// Returns what a connection has for the worker. `admit` is asked for each request when its head
    /// is whole: for its route, and whether its body is to be read. If it returns `None`, the
    /// request is put off, the caller lets the client [wait](Self::put_off), and `admit` is asked
    /// again then.
    pub fn receive<W>(
        &mut self,
        key: Key,
        world: &mut W,
        cx: &Context,
        mut admit: impl FnMut(&Head, &PutOff) -> Option<(Match, Admission)>,
    ) -> Option<Received>
    where
        W: World<Socket = S>,
    {
        let client = self.clients.get_mut(key)?;
        let mut found = None;
        let mut admit = |head: &Head| {
            let (route, admission) = admit(head, &self.put_off)?;
            found = Some(route);
            Some(admission)
        };
        let mut make_id = || world.random();
        let step = self.totals.track(client, |client| {
            client.connection.step(cx.now_ms, cx.http(), &cx.date, &mut make_id, &mut admit)
        });
        match step {
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
            Step::Request { serial, request } => {
                let route = found.or_else(|| self.forget_route(key));
                Some(Received::Request(ExchangeRef { client: key, serial }, request, route))
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

    /// Gives up a held exchange of a client that has left. Returns it, and the client's address.
    pub fn give_up_if_left(&mut self, key: Key, cx: &Context) -> Option<(Exchange, SocketAddr)> {
        let client = self.clients.get_mut(key).filter(|client| client.has_left(cx))?;
        let exchange = self.totals.track(client, |client| client.give_up_held(cx))?;
        Some((exchange, client.peer()))
    }

    /// Writes what a connection has to send, as much as the turn has room for. A client for which
    /// there is more to do then is left to a later turn.
    pub fn write<W>(
        &mut self,
        key: Key,
        world: &mut W,
        budget: &mut Budget,
        cx: &Context,
    ) -> Result<(), Gone>
    where
        W: World<Socket = S>,
    {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        // Nothing changes for the totals if there is nothing to write.
        let written = match client.connection.output().is_empty() {
            true => client.write(world, budget, cx),
            false => self.totals.track(client, |client| client.write(world, budget, cx)),
        };
        if !self.unwritten.is_empty() && client.connection.output().is_empty() {
            self.log_written(key, cx);
        }
        if written? {
            self.defer(key);
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
    pub fn timer_fired<W>(&mut self, key: Key, world: &mut W, budget: &mut Budget, cx: &Context)
    where
        W: World<Socket = S>,
    {
        let Some(client) = self.clients.get_mut(key) else { return };
        let lost_bytes = self.totals.track(client, |client| client.timer_fired(world, budget, cx));
        if lost_bytes > 0 {
            cx.stats.cut.add(1);
            let (peer, waited_ms) = (client.peer(), cx.http().write_timeout_ms);
            let message = format!(
                "{peer}: cut off with {lost_bytes} bytes unsent, since it has taken nothing for \
                 {waited_ms} ms (write_timeout_ms)"
            );
            cx.common.log.host(Level::Info, message);
            self.log_unwritten(key, cx);
        }
        self.mark_dirty(key);
    }

    /// Tells some clients, from a slot on, that their connections are to close when they fall idle.
    /// If the drain `is_closing`, requests that are not whole are refused: their connections answer
    /// them. Returns the slot to go on from; `None` if all have been told.
    pub fn close_when_idle(&mut self, from: u32, is_closing: bool, cx: &Context) -> Option<u32> {
        let mut walk = Walk::from_slot(from, TURN.timers_max);
        while let Some(key) = self.clients.next_of(&mut walk) {
            if let Some(client) = self.clients.get_mut(key) {
                client.connection.close_when_idle(cx.now_ms, cx.http());
                if is_closing {
                    self.totals.track(client, |client| {
                        client.connection.refuse_incoming(Reject::Draining, cx.now_ms, cx.http())
                    });
                }
            }
            self.mark_dirty(key);
        }
        walk.rest()
    }

    /// Closes a client's socket.
    pub fn remove(
        &mut self,
        key: Key,
        timers: &mut WorkerTimers,
        cx: &Context,
    ) -> Option<Removed<S, impl Iterator<Item = Exchange> + use<S>>> {
        let mut client = self.clients.remove(key)?;
        client.cancel_timer(timers);
        self.forget_route(key);
        self.log_unwritten(key, cx);
        self.count(cx);
        let exchanges = self.totals.track(&mut client, |client| client.connection.abandon());
        let peer = client.peer();
        let to_reset = client.connection.wants_reset().then_some(client.socket);
        Some(Removed { peer, exchanges, to_reset })
    }

    /// Returns the next client of a walk.
    pub fn next_of(&self, walk: &mut Walk) -> Option<Key> {
        self.clients.next_of(walk)
    }

    /// Returns a client's address.
    pub fn peer(&self, key: Key) -> Option<SocketAddr> {
        self.clients.get(key).map(Client::peer)
    }
}
