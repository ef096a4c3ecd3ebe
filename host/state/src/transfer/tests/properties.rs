//! Properties that hold for every text that is imported: it never ends the program, what an error
//! says is so, and what was exported is found again.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

/// The pieces of random lines.
const PIECES: [&str; 30] = [
    r#"{"bucket":"b","key":"k","value":"v"}"#,
    r#"{"bucket":"b","key":"l","value":"w","version":7}"#,
    r#"{"bucket":"b","key":"m","base64":"AAH/","expires_ms":1000}"#,
    r#"{"bucket":"b","key":"n","value":"v","expires_ms":1}"#,
    r#"{"bucket":"b","key":"too long a key","value":"v"}"#,
    r#"{"bucket":"b","key":"k","value":"too long a value"}"#,
    r#"{"bucket":"b","bucket":"c","key":"k","value":"v"}"#,
    r#"{"bucket":"b","key":"k","value":"v","expires_ms":-1}"#,
    r#"{"bucket":"b","key":"k","value":"v","expires_ms":1e99}"#,
    r#"{"bucket":"b","key":"k","value":"\ud800"}"#,
    r#"{"bucket":"b","key":"k","base64":"AAH"}"#,
    "{",
    "}",
    "[",
    "\"",
    "\\",
    "\\u0000",
    ":",
    ",",
    "\"key\"",
    "null",
    "9",
    "-1.5e400",
    "\n",
    "\n",
    "\r\n",
    " ",
    "\0",
    "\u{feff}",
    "ü",
];

/// Text of lines, most of which are entries.
fn some_lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => (0..4_usize).prop_map(|at| format!("{}\n", PIECES[at]).into_bytes()),
        1 => (4..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => vec((0..PIECES.len()).prop_map(|at| PIECES[at]), 0..9).prop_map(|pieces| {
            pieces.concat().into_bytes()
        }),
        1 => vec(any::<u8>(), 0..9),
        1 => (0..900_usize).prop_map(|spaces| format!("{}{}", PIECES[0], " ".repeat(spaces)).into()),
    ];
    vec(line, 0..12).prop_map(|lines| lines.concat())
}

fn limits() -> StoreLimits {
    StoreLimits { store_key_bytes_max: 4, store_value_bytes_max: 20, ..StoreLimits::default() }
}

/// What a store holds, but for the versions.
fn content(store: &Store<crate::testing::Notes>) -> Vec<Json> {
    let mut entries = store.export_page(None, None, usize::MAX, 0).entries;
    for entry in &mut entries {
        entry.as_object_mut().expect("it is an entry").remove("version");
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_an_import_says_is_so(bytes in some_lines()) {
        let store = store(limits());
        let result = store.import(&mut &*bytes, 10);
        let stats = store.stats();
        prop_assert!(stats.usage.bytes <= bytes.len());
        // What stands before the line that the error names, and nothing else, was imported.
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let (before, set) = match &result {
            Ok(set) => {
                let bytes_max = line_bytes_max(&limits());
                prop_assert!(lines.iter().all(|line| line.len() <= bytes_max), "none is cut");
                (lines.len(), *set)
            }
            Err(error) => (error.line as usize - 1, error.set),
        };
        prop_assert!(before <= lines.len());
        let alone = self::store(limits());
        let again = alone.import(&mut &*lines[..before].concat(), 10);
        prop_assert_eq!(again.expect("its lines are right"), set);
        prop_assert_eq!(content(&store), content(&alone));
        if result.is_err() {
            let line = lines[before];
            prop_assert!(alone.import(&mut &*line, 10).is_err(), "line {}", before + 1);
        }
    }

    #[test]
    fn what_was_exported_is_found_again(
        entries in btree_map(
            ("[abß/\"\\\\\\x00\\n]{0,2}", any::<String>()),
            (vec(any::<u8>(), 0..40), proptest::option::of(1_u64..)),
            0..40,
        ),
        texts in btree_map("[a-z]{1,3}", any::<String>(), 0..5),
    ) {
        let from = store(StoreLimits::default());
        let texts = texts.into_iter().map(|(key, text)| ((String::new(), key), (text.into(), None)));
        for ((bucket, key), (value, expires_ms)) in entries.into_iter().chain(texts) {
            let (key, value, only) = (key.into(), value.into(), Condition::Always);
            let action = Action::Set { key, value, expires_ms, only };
            from.apply(&Write { bucket: bucket.into(), action }, 0).expect("there is room");
        }
        let mut lines = Vec::new();
        let count = from.export(None, &mut lines, 0).expect("memory takes it");
        prop_assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count() as u64, count);
        let to = store(StoreLimits::default());
        prop_assert_eq!(to.import(&mut &*lines, 0).expect("it was exported"), count);
        prop_assert_eq!(content(&to), content(&from));
        prop_assert_eq!(to.stats().usage, from.stats().usage);
        // The longest line that an export can have is not too long for an import.
        let longest = lines.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        prop_assert!(longest.unwrap_or_default() <= line_bytes_max(&StoreLimits::default()));
    }
}

/// The longest key, bucket and value, of the bytes that take the most room in a line.
#[test]
fn the_longest_line_of_an_export_is_not_too_long_for_an_import() {
    let limits = StoreLimits {
        store_key_bytes_max: 200,
        store_value_bytes_max: 2_000,
        ..StoreLimits::default()
    };
    for byte in [0, b'"', 0xff, b'a'] {
        let from = store(limits);
        let text =
            |bytes| String::from_utf8(vec![byte; bytes]).unwrap_or_else(|_| "\0".repeat(bytes));
        let (bucket, key) = (text(limits.store_key_bytes_max), text(limits.store_key_bytes_max));
        let value = vec![byte; limits.store_value_bytes_max];
        let (key, value, only) = (key.into(), value.into(), Condition::Always);
        let action = Action::Set { key, value, expires_ms: Some(u64::MAX), only };
        from.apply(&Write { bucket: bucket.into(), action }, 0).expect("it is within the limits");
        let mut lines = Vec::new();
        from.export(None, &mut lines, 0).expect("memory takes it");
        let to = store(limits);
        assert_eq!(to.import(&mut &*lines, 0).expect("it is not too long"), 1, "{byte}");
        assert_eq!(content(&to), content(&from));
    }
}

/// A reader with steps in the square of the bytes would not come to the end of these.
#[test]
fn the_steps_of_a_line_are_in_proportion_to_its_bytes() {
    for piece in ["[", "{\"a\":", "\"", "\\", "1", "[1,", " ", "\u{e9}", "{\"key\":\"k\",", "\n"] {
        let line = piece.repeat((4 << 20) / piece.len());
        let store = store(StoreLimits::default());
        for line in [line.clone(), format!("{{\"bucket\":\"{line}"), format!("{{\"x\":[{line}")] {
            let _ = store.import(&mut line.as_bytes(), 0);
        }
        assert_eq!(store.stats().usage.entries, 0);
    }
}
