//! Connections over TCP, to names that are looked up as those of fetches.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::resolve::Names;

/// How often the kernel asks a silent server for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Connects to a host: to the first of its addresses that answers.
pub(super) async fn connect(host: &str, port: u16, names: &Names) -> Result<TcpStream, String> {
    let mut why = "it has no address".to_owned();
    for address in addresses(host, names).await? {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
                // Without these it is only slower, or notices later.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
                return Ok(stream);
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// Returns the addresses of a host.
pub(super) async fn addresses(host: &str, names: &Names) -> Result<Vec<IpAddr>, String> {
    match host.parse() {
        Ok(address) => Ok(vec![address]),
        Err(_) => names.find(host).await.map_err(|error| error.to_string()),
    }
}
