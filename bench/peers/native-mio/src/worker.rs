//! A worker: one thread with its listener, its connections and its poll.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Socket, Type};

use crate::connection::{After, Connection, Scratch};
use crate::shared::{Inbox, Shared};

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const EVENTS_MAX: usize = 1024;
const BACKLOG: i32 = 4096;

/// Everything a thread owns.
pub struct Worker {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Slots whose request began to wait since the last release. Those that have ended meanwhile
    /// are skipped then.
    held: Vec<u32>,
    scratch: Scratch,
}

impl Worker {
    /// Listens on an address that all workers share.
    pub fn bind(address: SocketAddr) -> io::Result<(Worker, Inbox)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let worker = Worker {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            held: Vec::new(),
            scratch: Scratch::new(),
        };
        Ok((worker, Inbox { waker, released: AtomicBool::new(false) }))
    }

    /// Serves until the process ends.
    pub fn run(mut self, index: usize, shared: &Shared) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(shared)?,
                    WAKER => {}
                    Token(slot) => self.ready(slot, shared),
                }
            }
            if shared.take_released(index) {
                self.release(shared);
            }
        }
    }

    fn accept(&mut self, shared: &Shared) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let slot = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let connection = self.connections[slot].insert(Connection::new(socket));
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(connection.socket(), Token(slot), interest)?;
            self.ready(slot, shared);
        }
    }

    fn ready(&mut self, slot: usize, shared: &Shared) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else { return };
        match connection.ready(&mut self.scratch, shared) {
            After::Open => {}
            After::Held => self.held.push(slot as u32),
            After::Closed => self.close(slot, shared),
        }
    }

    fn close(&mut self, slot: usize, shared: &Shared) {
        if let Some(connection) = self.connections[slot].take() {
            connection.closed(shared);
            self.free.push(slot);
        }
    }

    fn release(&mut self, shared: &Shared) {
        for slot in std::mem::take(&mut self.held) {
            let slot = slot as usize;
            let Some(connection) = &mut self.connections[slot] else { continue };
            if connection.release(shared).is_err() {
                self.close(slot, shared);
            }
        }
    }
}
