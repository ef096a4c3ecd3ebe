//! `wasi:keyvalue` in both of its drafts, by a guest that is written against them alone
//! (`guests/keyvalue`) and imports both.

use std::thread;

use crate::harness::{Folder, Server, Setup, serve, source};

const DRAFTS: [&str; 2] = ["draft", "draft2"];

#[track_caller]
fn ask(server: &Server, target: &str, body: &str) -> String {
    let response = server.connect().post(target, body.as_bytes());
    assert_eq!(response.status, 200, "{target}");
    response.text().to_owned()
}

#[test]
fn keys_are_set_read_listed_and_deleted_by_both_drafts() {
    let Some(server) = serve(&["keyvalue"]) else { return };
    for draft in DRAFTS {
        let ask = |target: &str, body: &str| ask(&server, &format!("/{draft}/{target}"), body);
        assert_eq!((&*ask("get/a", ""), &*ask("exists/a", "")), ("none", "false"));
        assert_eq!((&*ask("set/a", "one"), &*ask("set/a", "two")), ("done", "done"));
        assert_eq!((&*ask("get/a", ""), &*ask("exists/a", "")), ("two", "true"));
        assert_eq!(ask("list/", ""), "1 keys on 1 pages");
        assert_eq!((&*ask("delete/a", ""), &*ask("delete/a", "")), ("done", "done"));
        assert_eq!((&*ask("get/a", ""), &*ask("list/", "")), ("none", "0 keys on 1 pages"));
    }
}

#[test]
fn pages_go_on_where_they_ended() {
    let Some(server) = serve(&["keyvalue"]) else { return };
    for hundred in 0..6 {
        let pairs: Vec<String> = (0..100).map(|number| format!("k{hundred}{number}=v")).collect();
        assert_eq!(ask(&server, "/draft/set-many/", &pairs.join(" ")), "done");
    }
    for draft in DRAFTS {
        assert_eq!(ask(&server, &format!("/{draft}/list/"), ""), "600 keys on 3 pages");
    }
    // A number is one instance's, and is refused by another instead of standing for some other key.
    let refused = ask(&server, "/cursor/7/", "");
    assert!(refused.contains("list the keys from the start"), "{refused}");
}

#[test]
fn increments_are_unsigned_in_one_and_signed_in_the_other() {
    let Some(server) = serve(&["keyvalue"]) else { return };
    assert_eq!(ask(&server, "/draft/increment/n?by=2", ""), "2");
    assert_eq!(ask(&server, "/draft2/increment/n?by=-3", ""), "-1");
    assert_eq!(ask(&server, "/draft/increment/n?by=5", ""), "4", "it is the same key");
    let too_much = ask(&server, "/draft/increment/n?by=18446744073709551615", "");
    assert!(too_much.contains("does not fit into 64 bits"), "{too_much}");
    assert_eq!(ask(&server, "/draft2/get/n", ""), "4");
    ask(&server, "/draft2/set/text", "text");
    for draft in DRAFTS {
        let refused = ask(&server, &format!("/{draft}/increment/text"), "");
        assert!(refused.contains("the value is not an integer"), "{refused}");
    }
}

#[test]
fn batches_have_the_form_of_each_draft() {
    let Some(server) = serve(&["keyvalue"]) else { return };
    assert_eq!(ask(&server, "/draft/set-many/", "a=1 b=2"), "done");
    let found = ask(&server, "/draft/get-many/a,x,b", "");
    assert_eq!(found, r#"[Some(("a", [49])), None, Some(("b", [50]))]"#);
    let found = ask(&server, "/draft2/get-many/a,x,b", "");
    assert_eq!(found, r#"[("a", Some([49])), ("x", None), ("b", Some([50]))]"#);
    assert_eq!(ask(&server, "/draft2/delete-many/a,x", ""), "done");
    assert_eq!(ask(&server, "/draft/get-many/a,b", ""), r#"[None, Some(("b", [50]))]"#);
    let keys: Vec<String> = (0..257).map(|number| number.to_string()).collect();
    for draft in DRAFTS {
        let refused = ask(&server, &format!("/{draft}/get-many/{}", keys.join(",")), "");
        assert!(refused.contains("store_batch_keys_max"), "{refused}");
    }
}

#[test]
fn a_swap_replaces_only_what_was_seen() {
    let Some(server) = serve(&["keyvalue"]) else { return };
    assert_eq!(ask(&server, "/draft2/race/a", "mine"), "none, then mine");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| drop(ask(&server, "/draft2/append/b", "x"))));
        }
    });
    assert_eq!(ask(&server, "/draft2/get/b", ""), "x".repeat(400));
}

#[test]
fn what_is_refused_is_told_in_the_standards_words() {
    let Some(setup) = Setup::with(&["keyvalue"]) else { return };
    let manifest = "[limits]\nstore_value_bytes_max = 30\nstore_bucket_entries_max = 1\n\
                    [guest.keyvalue]\nbuckets = ['shared']\n";
    setup.folder().add("snow.toml", manifest.as_bytes());
    let server = setup.start();
    for draft in DRAFTS {
        let ask = |target: &str, body: &str| ask(&server, &format!("/{draft}/{target}"), body);
        for own in ["", "default", "keyvalue", "keyvalue/orders", "shared"] {
            assert_eq!(ask(&format!("set/a?bucket={own}"), own), "done");
        }
        assert_eq!(ask("get/a", ""), "keyvalue", "no name is its own bucket");
        assert!(ask("get/a?bucket=foreign", "").contains("AccessDenied"));
        assert!(ask(&format!("get/a?bucket={}", "n".repeat(2_000)), "").contains("NoSuchStore"));
        assert!(ask("set/a", &"v".repeat(31)).contains("store_value_bytes_max"));
        assert!(ask("set/b", "").contains("store_bucket_entries_max"));
    }
    server.log.until(&["denied to use the bucket \"foreign\"", "[guest.keyvalue] of snow.toml"]);
}

#[test]
fn what_was_told_done_is_on_the_disk() {
    let (data, guest) = (Folder::new(), source("keyvalue"));
    if guest.is_none() {
        return;
    }
    let start = || {
        let arguments = ["--data", data.path().to_str().expect("a path of ours is text")];
        Setup::with(&["keyvalue"]).expect("it is built").arguments(&arguments).start()
    };
    let mut server = start();
    assert_eq!(ask(&server, "/draft/set/a", "kept"), "done");
    assert_eq!(ask(&server, "/draft2/append/a", "!"), "kept!");
    assert_eq!(ask(&server, "/draft/increment/n", ""), "1");
    server.signal("KILL");
    server.ended();
    let server = start();
    assert_eq!(ask(&server, "/draft2/get-many/a,n", "").matches("Some").count(), 2);
    assert_eq!(ask(&server, "/draft/get/a", ""), "kept!");
}
