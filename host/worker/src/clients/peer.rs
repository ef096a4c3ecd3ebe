//! A client's address in half the memory.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// A [`SocketAddr`], which is as large as its larger kind. That one is boxed here.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        match address {
            SocketAddr::V4(address) => Peer::V4(address),
            SocketAddr::V6(address) => Peer::V6(Box::new(address)),
        }
    }
}

impl Peer {
    pub fn address(&self) -> SocketAddr {
        match self {
            Peer::V4(address) => SocketAddr::V4(*address),
            Peer::V6(address) => SocketAddr::V6(**address),
        }
    }
}
