use super::kind::{PATTERNS_MAX, TEXT_BYTES_MAX};
use super::*;
use crate::config::{AdminListen, Cache, Instances, Listen, LogFormat};
use snow_core::Globs;

fn good(text: &str) -> Manifest {
    parse(text, "snow.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn bad(text: &str, lines: &[&str]) {
    let error = parse(text, "g/snow.toml").expect_err(text).to_string();
    let said: Vec<&str> = error.split("\n  ").collect();
    assert_eq!(said.len(), lines.len(), "{error}");
    for (said, line) in said.iter().zip(lines) {
        assert!(
            said.starts_with(&format!("g/snow.toml:{line}")),
            "{said:?} does not begin with {line:?}"
        );
    }
}

#[test]
fn nothing_written_changes_nothing() {
    for text in ["", "# nothing\n", "[limits]\n[guest]\n"] {
        assert_eq!(good(text), Manifest::default(), "{text:?}");
    }
    let empty = good("[guest.shop]");
    assert!(empty.guests["shop"] == GuestConfig::default() && !empty.guests["shop"].has_grants());
}

#[test]
fn the_example_in_the_docs_is_right() {
    let doc = include_str!("../manifest.rs");
    let example: Vec<&str> = doc
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.strip_prefix("//!").unwrap_or(line).trim_start())
        .collect();
    let manifest = good(&example.join("\n"));
    assert_eq!(
        (manifest.limits.pendings_max, manifest.limits.http.body_bytes_max),
        (100_000, 1_048_576)
    );
    let shop = &manifest.guests["shop"];
    assert!(shop.has_grants() && shop.responds == Some(true) && shop.pendings_max == Some(10_000));
    let matches =
        |globs: &Option<Globs>, key| globs.as_ref().is_some_and(|globs| globs.matches(key));
    assert_eq!(
        (manifest.server.listen.len(), manifest.server.workers, manifest.server.access_log),
        (2, 2, false)
    );
    assert_eq!(manifest.server.admin, Some(AdminListen::Unix("/run/snow.sock".into())));
    assert_eq!(manifest.rollback, Rollback::After { traps: 3, calls: 100 });
    assert_eq!((shop.mount.as_deref(), shop.memory_bytes_max), (Some("/shop"), Some(16 << 20)));
    assert_eq!(
        (shop.running_ms_max, shop.body_bytes_max, shop.calls_max),
        (Some(500), Some(65_536), Some(4))
    );
    assert_eq!(shop.instances, Some(Instances::Reuse { calls: 1_000 }));
    assert_eq!(shop.build, Some(vec!["make".to_owned(), "shop.wasm".to_owned()]));
    assert_eq!(shop.rollback, Some(Rollback::Never));
    assert!(
        matches(&shop.keys, "orders/1")
            && !matches(&shop.settles, "orders/1")
            && matches(&shop.settles, "mail/")
    );
}

#[test]
fn the_example_in_the_manifest_page_is_right() {
    let readme = include_str!("../../../../docs/manifest.md");
    let example = readme
        .split("<!-- the manifest -->\n```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let manifest = good(example.expect("it is there"));
    assert!(
        manifest.guests["shop"].keys.is_some() && manifest.guests["pay"].responds == Some(true)
    );
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    bad(
        "[limits]\npending_max = 1\n",
        &["2:1: [limits] has no `pending_max`: did you mean `pendings_max`?"],
    );
    bad(
        "[limits]\nsurprise = 1\n",
        &["2:1: [limits] has no `surprise`: `snow-host config` lists them"],
    );
    bad("[limit]\n", &["1:2: the file has no `limit`: did you mean `limits`?"]);
    bad("[guests.shop]\nkeys = []\n", &["1:2: the file has no `guests`: did you mean `guest`?"]);
    bad("pendings_max = 1\n", &["1:1: `pendings_max` belongs into the table [limits]"]);
    bad("[guest.shop]\n  key = []\n", &["2:3: [guest.shop] has no `key`: did you mean `keys`?"]);
    bad(
        "[guest.shop]\nwhatever = 1\n",
        &["2:1: [guest.shop] has no `whatever`: `snow-host config` lists them"],
    );
    bad("guest.shop = { 'ключ' = 1, 'ю' = 2 }", &["1:16: [guest.shop] has no `ключ`", "1:28: "]);
}

#[test]
fn wrong_types_are_errors() {
    bad("limits = 1", &["1:10: `limits` takes a table, [limits]; this is of type integer"]);
    bad(
        "[limits]\npendings_max = \"many\"",
        &["2:16: `pendings_max` takes an integer; this is of type string"],
    );
    bad(
        "[limits]\npendings_max = 1.5",
        &["2:16: `pendings_max` takes an integer; this is of type float"],
    );
    bad(
        "[guest]\nshop = []",
        &["2:8: `guest.shop` takes a table, [guest.shop]; this is of type array"],
    );
    bad("[guest.shop]\nkeys = \"a\"", &["2:8: `keys` takes a list of strings"]);
    bad(
        "[guest.shop]\nsettles = [\"a\", 7]",
        &["2:17: `settles` takes strings; this is of type integer"],
    );
    bad("[guest.shop]\nresponds = \"yes\"", &["2:12: `responds` takes true or false"]);
}

#[test]
fn values_out_of_range_are_errors() {
    bad(
        "[limits]\nworker_calls_started_max = 0",
        &["2:28: `worker_calls_started_max` may be 1 to 1024, not 0"],
    );
    bad("[limits]\npendings_max = -1", &["2:16: `pendings_max` may be 0 to 1073741824, not -1"]);
    bad(
        "[limits]\ncall_memory_bytes_max = 8589934592",
        &["2:25: `call_memory_bytes_max` may be 65536 to 4294967296"],
    );
    bad(
        "[limits]\nhead_bytes_max = 0x1_0001",
        &["2:18: `head_bytes_max` may be 64 to 65536, not 0x10001"],
    );
    bad("[limits]\ndrain_ms = 99999999999999999999999999", &["2:12: "]);
    bad(
        "[limits]\npendings_max = 10\n[guest.a]\npendings_max = 11",
        &["4:16: `pendings_max` is 11, above `pendings_max` of [limits], which is 10"],
    );
    let many = format!("[guest.a]\nkeys = [{}]", "'a',".repeat(PATTERNS_MAX + 1));
    bad(&many, &["2:8: `keys` has 1001 entries; it takes 0 to 1000"]);
    let long = format!("[guest.a]\nkeys = ['{}']", "a".repeat(TEXT_BYTES_MAX + 1));
    bad(&long, &["2:9: a string of `keys` has 1025 bytes"]);
}

#[test]
fn one_limit_may_bound_another() {
    let limits = |text: &str| good(&format!("[limits]\n{text}")).limits;
    assert_eq!(limits("pendings_max = 7").guest_pendings_max, 7);
    assert_eq!(limits("pendings_max = 8_000_000").guest_pendings_max, 8_000_000);
    assert_eq!(limits("pendings_max = 7\nguest_pendings_max = 3").guest_pendings_max, 3);
    assert_eq!(limits("suspension_max_ms = 1_000").suspension_default_ms, 1_000);
    assert_eq!(limits("head_bytes_max = 4_096").http.target_bytes_max, 4_096);
    bad(
        "[limits]\npendings_max = 7\nguest_pendings_max = 8",
        &["3:22: `guest_pendings_max` is 8, above `pendings_max`"],
    );
    bad(
        "[limits]\nsuspension_default_ms = 3_600_001",
        &["2:25: `suspension_default_ms` is 3600001, above"],
    );
}

#[test]
fn what_is_no_toml_is_an_error_at_its_place() {
    bad("[limits]\npendings_max =\n", &["2:"]);
    bad("[limits", &["1:"]);
    bad("[limits]\ndrain_ms = 1\ndrain_ms = 2\n", &["3:1: duplicate key"]);
    bad("\n\nключ = \"\u{1}\"", &["3:"]);
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_file() {
    let text = "[guest.b]\nkey = []\n\n[limits]\nz = 1\ndrain_ms = ''\n\n[guest.a]\nresponds = 1\n";
    bad(text, &["2:1: ", "5:1: ", "6:12: ", "9:12: "]);
}

#[test]
fn a_server_is_described_in_full() {
    let server = |text: &str| good(&format!("[server]\n{text}")).server;
    let address = |text: &str| Listen::Address(text.parse().unwrap());
    assert_eq!(server("listen = '[::1]:80'").listen, [address("[::1]:80")]);
    assert_eq!(
        server("listen = ['127.0.0.1:80', 'fd:3']").listen,
        [address("127.0.0.1:80"), Listen::Inherited(3)]
    );
    assert_eq!(server("listen = ['127.0.0.1:0', '127.0.0.1:0']").listen.len(), 2, "two free ports");
    assert_eq!(
        (server("workers = 1024").workers, server("log = 'json'").log),
        (1024, LogFormat::Json)
    );
    assert_eq!(server("admin = '127.0.0.1:9090'").admin, "127.0.0.1:9090".parse().ok());
    assert_eq!(server("admin = false").admin, None);
    let flags = server("access_log = false\nwatch = false\nstrict = true");
    assert_eq!((flags.access_log, flags.watch, flags.strict), (false, false, true));
    for (text, cache) in
        [("true", Cache::Default), ("false", Cache::Off), ("'/a'", Cache::Folder("/a".into()))]
    {
        assert_eq!(server(&format!("cache = {text}")).cache, cache);
    }
}

#[test]
fn what_a_server_can_not_be_is_said_with_its_place() {
    let is_bad =
        |text: &str, said: &str| bad(&format!("[server]\n{text}"), &[&format!("2:{said}")]);
    is_bad("listen = 8080", "10: `listen` takes a string such as \"127.0.0.1:8080\", or a list");
    is_bad("listen = 'localhost'", "10: `listen` can't be \"localhost\": it takes ADDRESS:PORT");
    is_bad(
        "listen = ['127.0.0.1:1', 'fd:x']",
        "26: `listen` can't be \"fd:x\": fd: takes the number",
    );
    is_bad("listen = ['127.0.0.1:1', '127.0.0.1:1']", "26: `listen` has 127.0.0.1:1 twice");
    is_bad("listen = []", "10: `listen` has 0 entries; it takes 1 to 64");
    is_bad("workers = 0", "11: `workers` may be 1 to 1024, not 0");
    is_bad("worker = 2", "1: [server] has no `worker`: did you mean `workers`?");
    is_bad("what = 2", "1: [server] has no `what`: it has listen, workers, executors, access_log");
    is_bad(
        "log = 'jso'",
        "7: `log` takes \"text\" or \"json\", not \"jso\": did you mean \"json\"?",
    );
    is_bad("log = true", "7: `log` takes \"text\" or \"json\"; this is of type boolean");
    is_bad("admin = true", "9: `admin` takes a string such as");
    is_bad("admin = '9090'", "9: `admin` can't be \"9090\": it takes ADDRESS:PORT");
    is_bad("admin = 'unix:run/a'", "9: `admin` takes an absolute path");
    is_bad("strict = 'yes'", "10: `strict` takes true or false");
    is_bad("cache = 'here'", "9: `cache` takes an absolute path");
    is_bad("cache = 1", "9: `cache` takes the path of a folder, or true or false");
    bad("workers = 2\n", &["1:1: `workers` belongs into the table [server]"]);
    bad("mount = '/a'\n", &["1:1: `mount` belongs into the table [guest.NAME] of a guest"]);
}

#[test]
fn what_a_guest_can_not_be_is_said_with_its_place() {
    let is_bad =
        |text: &str, said: &str| bad(&format!("[guest.a]\n{text}"), &[&format!("2:{said}")]);
    is_bad("mount = 'shop'", "9: `mount` can't be \"shop\": it begins with a slash: \"/shop\"");
    is_bad(
        "mount = '/shop/'",
        "9: `mount` can't be \"/shop/\": it ends without a slash: \"/shop\"",
    );
    is_bad("mount = '/'", "9: `mount` can't be \"/\": leave it out");
    for odd in ["/a//b", "/a b", "/(a|b)?", "/ü", "/a#b"] {
        is_bad(
            &format!("mount = '{odd}'"),
            &format!("9: `mount` can't be {odd:?}: it is a path as it is sent, no pattern"),
        );
    }
    is_bad("mont = '/a'", "1: [guest.a] has no `mont`: did you mean `mount`?");
    is_bad("memory_bytes_max = 1", "20: `memory_bytes_max` may be 65536 to 4294967296, not 1");
    is_bad(
        "memory_bytes_max = 67108865",
        "20: `memory_bytes_max` is 67108865, above `call_memory_bytes_max` of [limits], which is 67108864",
    );
    is_bad("running_ms_max = 3_600_001", "18: `running_ms_max` may be 1 to 3600000");
    is_bad(
        "body_bytes_max = 8388609",
        "18: `body_bytes_max` is 8388609, above `body_bytes_max` of [limits]",
    );
    is_bad("calls_max = 0", "13: `calls_max` may be 1 to");
    is_bad(
        "instances = 'fesh'",
        "13: `instances` takes \"fresh\", not \"fesh\": did you mean \"fresh\"?",
    );
    is_bad(
        "instances = 7",
        "13: `instances` takes \"fresh\" or { reuse = 1000 }; this is of type integer",
    );
    is_bad("instances = { reuse = 0 }", "23: `reuse` may be 1 to 1000000000, not 0");
    is_bad("instances = { resue = 1 }", "15: `instances` has no `resue`: did you mean `reuse`?");
    is_bad("instances = {}", "13: `instances` has no number: write { reuse = 1000 }");
    is_bad(
        "build = 'make all'",
        "9: `build` takes a list of a command and its arguments, each a string of its own",
    );
    is_bad("build = []", "9: `build` has 0 entries; it takes 1 to 100");
    is_bad("build = ['']", "9: `build` has no command");
    is_bad("environment = ['A=1', 'B']", "15: `environment` can't have \"B\"");
    is_bad("environment = ['=1']", "15: `environment` can't have \"=1\"");
    is_bad("build = ['a', 1]", "15: `build` takes strings");
    is_bad("build = ['a', \"\\u0000\"]", "15: a string of `build` has a NUL in it");
    is_bad("rollback = true", "12: `rollback` takes { traps = 5, calls = 20 } or false");
    is_bad("rollback = { trap = 5 }", "14: `rollback` has no `trap`: did you mean `traps`?");
    is_bad(
        "rollback = { calls = 3 }",
        "12: `rollback` can't happen: `traps` is 5, of only 3 `calls`",
    );
    bad(
        "[rollback]\ntraps = 0\ncall = 7\n",
        &["2:9: `traps` may be 1 to 1000000, not 0", "3:1: `rollback` has no `call`"],
    );
}

#[test]
fn a_guest_may_have_all_that_the_limits_allow() {
    let text = "[guest.a]\nmemory_bytes_max = 134217728\nbody_bytes_max = 9000000\n\
                [limits]\ncall_memory_bytes_max = 134217728\nbody_bytes_max = 9000000\n";
    let manifest = good(text);
    assert_eq!(manifest.guests["a"].memory_bytes_max, Some(128 << 20));
    for (text, rollback) in [
        ("rollback = false", Rollback::Never),
        ("rollback = { traps = 1 }", Rollback::After { traps: 1, calls: 20 }),
        ("[rollback]\ncalls = 50", Rollback::After { traps: 5, calls: 50 }),
    ] {
        assert_eq!(good(text).rollback, rollback, "{text}");
        if !text.starts_with('[') {
            assert_eq!(good(&format!("[guest.a]\n{text}")).guests["a"].rollback, Some(rollback));
        }
    }
}

#[test]
fn every_key_is_remembered_by_its_line() {
    let text = "rollback = false\n\n[server]\nworkers = 2\n\n[limits]\ndrain_ms = 1\n\n[guest.'a.b']\nkeys = [\n'x',\n]\n";
    let (_, places) = parse_with_places(text, "snow.toml").unwrap();
    let lines =
        [("", "rollback"), ("server", "workers"), ("limits", "drain_ms"), ("guest.a.b", "keys")];
    assert_eq!(
        lines.map(|(table, key)| places.line(table, key)),
        [Some(1), Some(4), Some(7), Some(10)]
    );
    assert_eq!(places.line("server", "drain_ms"), None);
}

#[test]
fn values_of_guests_have_few_forms() {
    let text = "[guest.shop.config]\na = 'x'\nb = { env = 'B' }\nc = { file = '/c' }\n\
                d = { secret = 's3cret' }\ne = { secret = { env = 'E' } }\n'f g' = { secret = { file = '/f' } }\n";
    let shop = &good(text).guests["shop"];
    let values = shop.config.as_ref().expect("it has some");
    assert_eq!(values.iter().count(), 6);
    let secrets: Vec<_> =
        values.iter().filter(|(_, value)| value.is_secret).map(|(name, _)| name).collect();
    assert_eq!(secrets, ["d", "e", "f g"]);
    let printed = as_toml(&good(text), &Origins::default());
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(printed.contains("e = { secret = { env = \"E\" } }"), "{printed}");
}

#[test]
fn wrong_values_of_guests_are_errors_and_not_repeated() {
    let wrong = |value: &str, lines: &[&str]| {
        bad(&format!("[guest.shop.config]\na = {value}\n"), lines);
        let error = parse(&format!("[guest.shop.config]\na = {value}\n"), "").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    };
    bad("[guest.shop]\nconfig = 1\n", &["2:10: `config` takes a table of values"]);
    bad("[guest.shop.config]\n'' = 'x'\n", &["2:6: a name in `config` has 0 bytes"]);
    wrong("1", &["2:5: `config.a` takes a string, { env = \"NAME\" }"]);
    wrong("{ secret = 1 }", &["2:16: `config.a` takes a string"]);
    wrong("{ secret = 's3cret', env = 'B' }", &["2:5: `config.a` has more than `secret`"]);
    wrong(
        "{ secret = { secret = 's3cret' } }",
        &["2:18: `config.a` is a secret already: write it once"],
    );
    wrong("{ secert = 's3cret' }", &["2:7: `config.a` has no `secert`: did you mean `secret`?"]);
    wrong("{ secret = '(not shown)' }", &["2:16: `config.a` is what `snow-host config` shows"]);
    wrong("{ env = 's3cret-' }", &["2:13: `env` of `config.a` is no name of an environment"]);
    wrong("{ env = 'A', file = '/b' }", &["2:5: `config.a` has both `env` and `file`"]);
    wrong("{ file = 'b' }", &["2:14: `config.a` takes an absolute path"]);
    wrong("{}", &["2:5: `config.a` has no value: write a string"]);
}

#[test]
fn a_public_url_is_a_scheme_a_host_and_perhaps_a_path() {
    for (written, read) in [
        ("https://example.org", "https://example.org"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://[::1]:443/a/b-c/%20/", "https://[::1]:443/a/b-c/%20"),
    ] {
        let manifest = good(&format!("[server]\npublic_url = '{written}'\n"));
        assert_eq!(manifest.server.public_url.as_deref(), Some(read));
    }
    for wrong in
        ["", "example.org", "ftp://a", "https://", "https://a/?b", "https://a//b", "https://a b"]
    {
        bad(
            &format!("[guest.shop]\npublic_url = '{wrong}'\n"),
            &[&format!("2:14: `public_url` can't be {wrong:?}: it is http:// or https://, a host")],
        );
    }
}
