//! A listening unix socket, and the file that it is reached by.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that the kernel holds for us while we do not accept.
const BACKLOG: i32 = 128;
/// Nobody but the owner may connect.
const MODE: u32 = 0o600;

/// The file of a listening unix socket. It is removed when this is dropped, unless another has taken its place. To be
/// dropped before the listener: until that is closed nobody replaces the file, and no other file is the same.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// The file system and the file, which tell it from another of its name.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            // Left behind, it is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path, for the owner of this process alone. A socket that a server has left there is replaced.
///
/// # Errors
/// `AddrInUse` if a server listens there, `AlreadyExists` if something else than a socket is there; and what the system
/// says.
pub fn unix_listener(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
    // Before it listens: until then nobody can connect, whatever the mode.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), file))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "something else than a socket is there"));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Whoever listens there may be too busy to accept.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("snow-unix-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_socket_is_its_owners_and_is_removed() {
        let folder = folder("own");
        let path = folder.join("a.sock");
        let (listener, file) = unix_listener(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert_eq!(unix_listener(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(file);
        assert!(!path.exists());
        drop(listener);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_stale_socket_is_replaced_and_other_files_are_not() {
        let folder = folder("stale");
        let path = folder.join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        let (listener, file) = unix_listener(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (newer_listener, newer) = unix_listener(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the older one's end does not remove the newer one's file");
        drop(newer);
        assert!(!path.exists());
        drop((listener, newer_listener));
        fs::write(&path, "text").unwrap();
        assert_eq!(unix_listener(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::remove_dir_all(folder).unwrap();
    }
}
