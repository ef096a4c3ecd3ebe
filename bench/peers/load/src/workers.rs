//! Which thread of a server has a connection: the one whose epoll watches it. Linux knows, without
//! the server's help.
//!
//! `/proc/PID/fdinfo/EPOLL` lists the inodes that an epoll watches, and `/proc/net/tcp` the inode
//! of each connection.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

/// Returns a number for the thread of each connection to a server, by the client's address.
pub fn by_client(pid: u32, server: SocketAddr) -> io::Result<HashMap<SocketAddr, usize>> {
    let epoll_of = watched(pid)?;
    let table = fs::read_to_string("/proc/net/tcp")?;
    let connections = table.lines().skip(1).filter_map(connection);
    let own = connections.filter(|&(local, ..)| local == server);
    Ok(own.filter_map(|(_, client, inode)| Some((client, *epoll_of.get(&inode)?))).collect())
}

/// Returns the number of the epoll that watches each inode.
fn watched(pid: u32) -> io::Result<HashMap<u64, usize>> {
    let mut epoll_of = HashMap::new();
    for (index, entry) in fs::read_dir(format!("/proc/{pid}/fdinfo"))?.enumerate() {
        // The descriptor may have been closed meanwhile.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let inodes = text.lines().filter(|line| line.starts_with("tfd:")).filter_map(inode);
        epoll_of.extend(inodes.map(|inode| (inode, index)));
    }
    Ok(epoll_of)
}

/// Returns the inode in a line like `tfd: 8 events: 8000201d data: 5 pos:0 ino:1a2b sdev:8`.
fn inode(line: &str) -> Option<u64> {
    let hexadecimal = line.split_whitespace().find_map(|word| word.strip_prefix("ino:"))?;
    u64::from_str_radix(hexadecimal, 16).ok()
}

/// Returns the local address, the remote address and the inode in a line of `/proc/net/tcp`.
fn connection(line: &str) -> Option<(SocketAddr, SocketAddr, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Some((address(words.get(1)?)?, address(words.get(2)?)?, words.get(9)?.parse().ok()?))
}

/// Parses an address like `0100007F:1F90`, whose bytes are in the machine's order.
fn address(words: &str) -> Option<SocketAddr> {
    let (ip, port) = words.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddr::from((ip, u16::from_str_radix(port, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = "tfd:        8 events: 8000201d data:                5  pos:0 ino:1a2b sdev:8";
        assert_eq!(inode(line), Some(0x1a2b));
        let line = "   0: 0100007F:1F90 0101007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 6699 1 0";
        let told = connection(line);
        if cfg!(target_endian = "little") {
            let addresses =
                ["127.0.0.1:8080", "127.0.1.1:32768"].map(|address| address.parse().unwrap());
            assert_eq!(told, Some((addresses[0], addresses[1], 6699)));
        }
    }
}
