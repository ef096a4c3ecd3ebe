//! A listening unix socket, and its file.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that the kernel queues until they are accepted.
const BACKLOG: i32 = 128;
/// The file's mode: only the owner may connect.
const MODE: u32 = 0o600;

/// The file of a listening unix socket. Dropping it removes the file, unless another file has taken
/// its place. Drop it before the listener: while that is open, no other server replaces the file,
/// and no other file gets its number.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// The file system and the file's number, which tell it from another file of its name.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            // If that fails, the next server replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path. Only the owner of this process can connect. A socket that a server has left
/// behind is replaced.
///
/// # Errors
/// `AddrInUse` if a server listens at the path, `AlreadyExists` if another kind of file has it;
/// else the system's error.
pub fn unix_listener(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file =
        SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
    // Before it listens, so nobody can connect while the mode is still a looser one.
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
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "the file exists and is not a socket",
        ));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server with a full queue would keep this call waiting.
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
