//! Who may come in: clients without a request keep nobody out (issue 11).

use crate::harness::{Client, Setup, eventually};

/// 64 silent connections once kept everybody else from the admin listener for a minute.
#[test]
fn whoever_only_connects_keeps_nobody_from_the_admin_listener() {
    let Some(setup) = Setup::with(&["hello"]) else { return };
    let server = setup.watched().start();
    let admin = server.admin();
    let silent: Vec<Client> = (0..200).map(|_| admin.connect()).collect();
    assert_eq!(admin.page("/healthz"), "ok\n");
    assert_eq!(silent.len(), 200);
    // Half a head gives way after a second, though it has ten seconds otherwise.
    let mut halves: Vec<Client> = (0..64).map(|_| admin.connect()).collect();
    for client in &mut halves {
        client.send_perhaps(b"GET /hea");
    }
    eventually("a head that is whole is answered", || {
        let mut client = admin.connect();
        client.send_perhaps(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
        client.is_answered().then_some(())
    });
}
