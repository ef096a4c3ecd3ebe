//! The store, the settings and secrets (issue 13).

use std::fs;

use crate::harness::{Folder, Server, Setup, source};

/// A server with the guest `stores` twice, as `evil` and as `notes`, each below its own prefix.
fn evil_and_notes(limits: &str) -> Option<Server> {
    let guest = fs::read(source("stores")?).expect("it was built a moment ago");
    let folder = Folder::new();
    let manifest =
        format!("[guest.evil]\nmount = '/evil'\n[guest.notes]\nmount = '/notes'\n{limits}");
    folder.add("snow.toml", manifest.as_bytes());
    folder.add("evil.wasm", &guest);
    folder.add("notes.wasm", &guest);
    Some(Setup::new(folder).workers(2).watched().start())
}

fn post(server: &Server, target: &str, body: &[u8]) -> String {
    server.connect().post(target, body).text().to_owned()
}

fn is_version(text: &str) -> bool {
    text.parse::<u64>().is_ok()
}

/// One request once made all the buckets that the store had room for, and other guests got none.
#[test]
fn a_guest_that_takes_all_it_can_leaves_room_for_others() {
    let Some(server) = evil_and_notes("") else { return };
    let said = post(&server, "/evil/spread/evil?count=5000", b"");
    assert!(said.starts_with("1024: ") && said.contains("guest_store_buckets_max"), "{said}");
    assert!(is_version(&post(&server, "/notes/set/a", b"1")));

    let megabyte = vec![b'x'; 1 << 20];
    let mut client = server.connect();
    let target = |n: usize| format!("/evil/set/{n}?bucket=evil/{}", n % 8);
    let refused = (0..300).map(|n| client.post(&target(n), &megabyte).text().to_owned());
    let (number, said) = refused.enumerate().find(|(_, said)| !is_version(said)).expect("a limit");
    assert!((60..64).contains(&number) && said.contains("guest_store_bytes_max"), "{said}");
    assert!(is_version(&post(&server, "/notes/set/b", &megabyte)));
}

/// The shares may be more than there is. Then the deployer is told who has what.
#[test]
fn a_full_store_names_who_has_it() {
    let limits = "[limits]\nstore_buckets_max = 20\nguest_store_buckets_max = 20\n";
    let Some(server) = evil_and_notes(limits) else { return };
    let said = post(&server, "/evil/spread/evil?count=5000", b"");
    assert!(said.contains("guest_store_buckets_max"), "{said}");
    assert!(post(&server, "/notes/set/a", b"1").contains("(store_buckets_max)"));
    server.log.until(&["the store is full (store_buckets_max)", "\"evil\" 20"]);
}

/// Each pending once had a copy of the value: 40 requests took 2.6 GB.
#[test]
fn pendings_of_one_key_share_its_value() {
    let Some(server) = evil_and_notes("") else { return };
    let megabyte = vec![b'x'; 1 << 20];
    post(&server, "/evil/set/a", &megabyte);
    let mut held: Vec<_> = (0..20).map(|_| server.ask("/evil/hold/a?count=63")).collect();
    let admin = server.admin();
    admin.wait_until_held(20.0);
    let memory = admin.metric("process_resident_memory_bytes", &[]);
    assert!(memory < 500e6, "{memory}");

    // They have the old values too, and those count as long as they do.
    let mut client = server.connect();
    let mut said = String::new();
    for _ in 0..100 {
        said = client.post("/evil/set/a", &megabyte).text().to_owned();
        if !is_version(&said) {
            break;
        }
        held.push(server.ask("/evil/hold/a?count=1"));
        admin.wait_until_held(held.len() as f64);
    }
    assert!(said.contains("guest_store_bytes_max"), "{said}");
    assert!(admin.metric("snow_store_replaced_bytes", &[]) > 60e6);
    assert!(is_version(&post(&server, "/notes/set/a", &megabyte)));
    drop(held);
    admin.wait_until_held(0.0);
    admin.wait_for("snow_store_replaced_bytes", &[], 0.0);
    assert!(is_version(&post(&server, "/evil/set/a", &megabyte)));
}

/// Writes once were acknowledged into a file that nobody would find again, and a second server took
/// the folder's place.
#[test]
fn a_data_folder_that_was_removed_takes_no_writes() {
    let data = Folder::new();
    let arguments = ["--data", data.path().to_str().expect("a path of ours is text")];
    let Some(setup) = Setup::with(&["stores"]) else { return };
    let server = setup.arguments(&arguments).start();
    assert!(is_version(&post(&server, "/set/a", b"1")));
    fs::remove_dir_all(data.path()).expect("it can be removed");
    let said = post(&server, "/set/a", b"2");
    assert!(said.starts_with("Unavailable") && said.contains("store.lock is gone"), "{said}");
    assert!(server.get("/get/a").text().ends_with(" 1"));
    server.log.until(&["the store can't write to its disk, so writes are refused"]);
}

/// The whole name was once formatted for the log before it was cut.
#[test]
fn a_bucket_of_a_long_name_is_a_limit() {
    let Some(server) = evil_and_notes("") else { return };
    assert!(server.get("/evil/long/8000000").text().contains("store_key_bytes_max"));
    assert!(!server.log_by_now().contains("denied"));
    assert_eq!(server.get("/evil/long/1024").text(), "Denied");
}
