//! Exports and imports.

use super::*;
use crate::testing::{Void, set, set_until, store};

mod properties;

#[test]
fn what_was_exported_is_imported_again() {
    let from = store(StoreLimits::default());
    for n in 0..600 {
        from.apply(&set(&format!("key {n}"), "\u{0}\"\n"), 0).unwrap();
    }
    from.apply(&set_until("expires", 1_000), 0).unwrap();
    let raw = Action::Set {
        key: "raw".into(),
        value: [0, 159, 146, 150].into(),
        expires_ms: None,
        only: Condition::Always,
    };
    from.apply(&Write { bucket: "ß".into(), action: raw }, 0).unwrap();
    let mut lines = Vec::new();
    assert_eq!(from.export(None, &mut lines, 0).unwrap(), 602);

    let to = store(StoreLimits::default());
    assert_eq!(to.import(&mut &*lines, 0).unwrap(), 602);
    let values = |store: &Store<crate::testing::Notes>, bucket: &str, key: &str| {
        store.get(bucket, key, 0).map(|entry| (entry.value, entry.expires_ms))
    };
    for (bucket, key) in [("b", "key 599"), ("b", "expires"), ("ß", "raw")] {
        let there = values(&to, bucket, key);
        assert!(there.is_some());
        assert_eq!(there, values(&from, bucket, key));
    }
    assert_eq!(to.stats().usage, from.stats().usage);
    let later = store(StoreLimits::default());
    assert_eq!(later.import(&mut &*lines, 1_000).unwrap(), 601);
}

#[test]
fn a_line_looks_as_documented() {
    let store = Store::in_memory(StoreLimits::default(), (), 0);
    let json = r#"{"base64":"AAH/","bucket":"pictures","expires_ms":1000,"key":"A1"}"#;
    store.import(&mut json.as_bytes(), 0).unwrap();
    let mut lines = Vec::new();
    store.export(None, &mut lines, 0).unwrap();
    let expected =
        r#"{"base64":"AAH/","bucket":"pictures","expires_ms":1000,"key":"A1","version":1}"#;
    assert_eq!(String::from_utf8(lines).unwrap(), format!("{expected}\n"));
}

#[test]
fn pages_of_an_export_go_on_where_they_ended() {
    let store = store(StoreLimits::default());
    for bucket in ["a", "b", "c"] {
        for key in 0..3 {
            let key: Arc<str> = key.to_string().into();
            let action = Action::Increment { key, by: 1 };
            store.apply(&Write { bucket: bucket.into(), action }, 0).unwrap();
        }
    }
    let all = store.export_page(None, None, usize::MAX, 0);
    assert_eq!((all.entries.len(), &all.next), (9, &None));
    let (mut entries, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.export_page(None, after.as_ref(), 2 * ENTRY_BYTES, 0);
        entries.extend(page.entries);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((entries, pages), (all.entries, 5));
    let one = store.export_page(Some("b"), None, usize::MAX, 0);
    assert_eq!((one.entries.len(), &one.entries[0]["bucket"]), (3, &"b".into()));
    let none = store.export_page(Some("x"), None, usize::MAX, 0);
    assert_eq!(none, ExportPage::default());
}

#[test]
fn what_an_error_says_was_set_is_what_was_set() {
    let line = |n: usize, value: &str| {
        format!("{{\"bucket\":\"b\",\"key\":\"{n}\",\"value\":\"{value}\"}}\n")
    };
    let limits = StoreLimits { store_value_bytes_max: 4, ..StoreLimits::default() };
    for wrong in [line(300, "12345"), "{\n".to_owned(), "{".repeat(99_999)] {
        let lines: String = (0..300).map(|n| line(n, "v")).collect();
        let text = format!("{lines}{wrong}{}", line(301, "v"));
        let on_disk = Store::on_disk(limits, (), Box::new(Void), 0).unwrap();
        for store in [Store::in_memory(limits, (), 0), on_disk] {
            let error = store.import(&mut text.as_bytes(), 0).unwrap_err();
            assert_eq!((error.line, error.set), (301, 300), "{error}");
            assert_eq!(store.stats().usage.entries, 300);
            assert!(store.get("b", "301", 0).is_none(), "nothing after it is set");
        }
    }
}

#[test]
fn an_error_names_the_line() {
    let limits =
        StoreLimits { store_key_bytes_max: 4, store_value_bytes_max: 4, ..StoreLimits::default() };
    let error = |line: &str| {
        let store = store(limits);
        let text = format!("\n{{\"bucket\":\"b\",\"key\":\"k\",\"value\":\"v\"}}\n{line}\n");
        let error = store.import(&mut text.as_bytes(), 0).unwrap_err();
        error.to_string()
    };
    for (line, message) in [
        ("{", "line 3: not JSON: EOF while parsing an object at line 2 column 0"),
        ("7", "line 3: not a JSON object"),
        ("{}{}", "line 3: not JSON: trailing characters at line 1 column 3"),
        (r#"{"bucket":"b","key":["k"]}"#, "line 3: an entry has no lists in it"),
        (r#"{"bucket":"b","key":{"k":1}}"#, "line 3: an entry has no objects in it"),
        (
            &*format!("{{{}}}", r#""a":1,"#.repeat(17)),
            "line 3: an entry has at most 16 members, and not 17",
        ),
        (r#"{"key":"k","value":"v"}"#, "line 3: it has no `bucket`"),
        (r#"{"bucket":7}"#, "line 3: `bucket` is not a string"),
        (r#"{"bucket":"b","key":"k"}"#, "line 3: it has no `value`"),
        (
            r#"{"bucket":"b","key":"k","value":"","base64":""}"#,
            "line 3: it has both `value` and `base64`",
        ),
        (
            r#"{"bucket":"b","key":"k","base64":"*"}"#,
            "line 3: `base64` is not Base64: Invalid symbol 42, offset 0.",
        ),
        (
            r#"{"bucket":"b","key":"k","value":"v","expires":1}"#,
            "line 3: `expires` means nothing here",
        ),
        (
            r#"{"bucket":"b","key":"k","value":"12345"}"#,
            "line 3: the value is too large: 5 of at most 4 (store_value_bytes_max)",
        ),
    ] {
        assert_eq!(error(line), message);
    }
    let long = error(&format!("{{{}}}", " ".repeat(400)));
    assert_eq!(long, "line 3: it is longer than 328 bytes, so it can't be an entry");
}
