use super::*;

fn good(text: &str) -> Manifest {
    parse(text, "snow.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn bad(text: &str, lines: &[&str]) {
    let error = parse(text, "g/snow.toml").expect_err(text).to_string();
    let said: Vec<&str> = error.split("\n  ").collect();
    assert_eq!(said.len(), lines.len(), "{error}");
    for (said, line) in said.iter().zip(lines) {
        assert!(said.starts_with(&format!("g/snow.toml:{line}")), "{said:?} does not begin with {line:?}");
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
        .map(|line| line.strip_prefix("//!").unwrap_or(line))
        .collect();
    let manifest = good(&example.join("\n"));
    assert_eq!((manifest.limits.pendings_max, manifest.limits.http.body_bytes_max), (100_000, 1_048_576));
    let shop = &manifest.guests["shop"];
    assert!(shop.has_grants() && shop.responds == Some(true) && shop.pendings_max == Some(10_000));
    let matches = |globs: &Option<Globs>, key| globs.as_ref().is_some_and(|globs| globs.matches(key));
    assert!(matches(&shop.keys, "orders/1") && !matches(&shop.settles, "orders/1") && matches(&shop.settles, "mail/"));
}

#[test]
fn the_example_in_the_readme_is_right() {
    let readme = include_str!("../../../README.md");
    let example = readme.split("<!-- the manifest -->\n```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let manifest = good(example.expect("it is there"));
    assert!(manifest.guests["shop"].keys.is_some() && manifest.guests["pay"].responds == Some(true));
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    bad("[limits]\npending_max = 1\n", &["2:1: [limits] has no `pending_max`: did you mean `pendings_max`?"]);
    bad("[limits]\nsurprise = 1\n", &["2:1: [limits] has no `surprise`: host/src/config.rs"]);
    bad("[limit]\n", &["1:2: the file has no `limit`: did you mean `limits`?"]);
    bad("[guests.shop]\nkeys = []\n", &["1:2: the file has no `guests`: did you mean `guest`?"]);
    bad("pendings_max = 1\n", &["1:1: `pendings_max` belongs into the table [limits]"]);
    bad("[guest.shop]\n  key = []\n", &["2:3: [guest.shop] has no `key`: did you mean `keys`?"]);
    bad("[guest.shop]\nwhatever = 1\n", &["2:1: [guest.shop] has no `whatever`: it has keys, settles"]);
    bad("guest.shop = { 'ключ' = 1, 'ю' = 2 }", &["1:16: [guest.shop] has no `ключ`", "1:28: "]);
}

#[test]
fn wrong_types_are_errors() {
    bad("limits = 1", &["1:10: `limits` takes a table, [limits]; this is of type integer"]);
    bad("[limits]\npendings_max = \"many\"", &["2:16: `pendings_max` takes an integer; this is of type string"]);
    bad("[limits]\npendings_max = 1.5", &["2:16: `pendings_max` takes an integer; this is of type float"]);
    bad("[guest]\nshop = []", &["2:8: `guest.shop` takes a table, [guest.shop]; this is of type array"]);
    bad("[guest.shop]\nkeys = \"a\"", &["2:8: `keys` takes a list of strings"]);
    bad("[guest.shop]\nsettles = [\"a\", 7]", &["2:17: `settles` takes strings; this is of type integer"]);
    bad("[guest.shop]\nresponds = \"yes\"", &["2:12: `responds` takes true or false"]);
}

#[test]
fn values_out_of_range_are_errors() {
    bad("[limits]\nworker_calls_started_max = 0", &["2:28: `worker_calls_started_max` may be 1 to 1024, not 0"]);
    bad("[limits]\npendings_max = -1", &["2:16: `pendings_max` may be 0 to 1073741824, not -1"]);
    bad("[limits]\ncall_memory_bytes_max = 8589934592", &["2:25: `call_memory_bytes_max` may be 65536 to 4294967296"]);
    bad("[limits]\nhead_bytes_max = 0x1_0001", &["2:18: `head_bytes_max` may be 64 to 65536, not 0x10001"]);
    bad("[limits]\ndrain_ms = 99999999999999999999999999", &["2:12: "]);
    bad("[limits]\npendings_max = 10\n[guest.a]\npendings_max = 11", &["4:16: `pendings_max` may be 0 to 10, not 11"]);
    let many = format!("[guest.a]\nkeys = [{}]", "'a',".repeat(PATTERNS_MAX + 1));
    bad(&many, &["2:8: `keys` has 1001 patterns"]);
    let long = format!("[guest.a]\nkeys = ['{}']", "a".repeat(PATTERN_BYTES_MAX + 1));
    bad(&long, &["2:9: a pattern has 1025 bytes"]);
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
    bad("[limits]\nsuspension_default_ms = 3_600_001", &["2:25: `suspension_default_ms` is 3600001, above"]);
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
