use std::fs;
use std::path::Path;

use regex::Regex;
use toml::de::{DeTable, DeValue};

use super::*;
use crate::manifest::parse;

#[test]
fn examples_conform() {
    let readme = include_str!("../../../../../docs/manifest.md");
    let of_readme = readme
        .split("<!-- the manifest -->\n```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let docs = include_str!("../../manifest.rs")
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("//! ```").next());
    for text in [of_readme.expect("it is there"), &docs.expect("it is there").replace("//!", "")] {
        agree(text, true);
    }
}

/// Each text of a manifest that the black-box tests serve with.
#[test]
fn the_manifests_of_the_tests_conform() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/black_box/manifest.rs");
    let source = fs::read_to_string(tests).expect("it is there");
    let constant =
        source.split("const GRANTS: &str = r#\"").nth(1).and_then(|rest| rest.split("\"#").next());
    agree(constant.expect("it is there"), true);
    let served = Regex::new(r#"(?:serve|folder)\("((?:[^"\\]|\\n)+)"\)"#).unwrap();
    let texts: Vec<String> =
        served.captures_iter(&source).map(|found| found[1].replace("\\n", "\n")).collect();
    assert!(texts.len() >= 5, "{texts:?}");
    texts.iter().for_each(|text| agree(text, true));
}

#[test]
fn parser_and_schema_agree() {
    for good in [
        "",
        "rollback = false",
        "[rollback]\ntraps = 1",
        "[server]\nlisten = 'fd:3'\nadmin = 'unix:/a'\nlog = 'json'\ncache = '/a'\nwatch = false",
        "[server]\nlisten = ['127.0.0.1:80', '[::1]:80']\nadmin = false\ncache = false",
        "[guest.a]\nmount = '/a/b-c/%20'\ninstances = 'fresh'\nbuild = ['a', '']\nkeys = []",
        "[guest.a.config]\na = 'x'\nb = { env = 'B' }\nc = { secret = { file = '/c' } }\nd = { secret = '' }",
        "[[guest.a.schedule]]\njob = 'a'\nevery = '10s'\n[[guest.a.schedule]]\njob = 'b'\ncron = '0 3 * * *'\n\
         zone = 'Europe/Berlin'\npayload = 'x'",
        "[guest.a]\noutbound = ['https://a', '10.0.0.0/8', { url = 'GET https://b/c/' }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { Authorization = { secret = 'x' } } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = 'x', b = { env = 'B', prefix = 'c ' }, \
         d = { secret = { file = '/d' }, prefix = 'e' } } }]",
        "[database.a]\nurl = 'sqlite:a/b.db'\n[guest.a]\ndatabases = ['a', 'x*']",
        "[database.'x y']\nurl = { secret = { env = 'URL' } }\nconnections_max = 2\ntimeout_ms = 5",
        "[server]\noutbound_no_proxy = ['*.a', 'b', '10.0.0.0/8', '::1', '[::1]', '2001:db8::/32', '10.*']",
        "[guest.'x y']\ninstances = { reuse = 1 }\nrollback = { traps = 1, calls = 2 }",
    ] {
        agree(good, true);
    }
    for bad in [
        "nothing = 1",
        "limits = 1",
        "guest.a = 1",
        "guest.a.config = 1",
        "guest.a.config = { a = 1 }",
        "guest.a.config = { a = {} }",
        "guest.a.config = { a = { env = 'A', file = '/a' } }",
        "guest.a.config = { a = { secret = { secret = 'a' } } }",
        "guest.a.config = { a = { file = 'a' } }",
        "guest.a.config = { a = { env = '1' } }",
        "rollback = true",
        "rollback = { trap = 1 }",
        "rollback = { traps = 0 }",
        "[server]\nlisten = []",
        "[server]\nlisten = 'localhost'",
        "[server]\nlisten = [1]",
        "[server]\nworkers = 0",
        "[server]\nadmin = true",
        "[server]\nadmin = 'unix:a'",
        "[server]\ncache = 'a'",
        "[server]\nlog = 'xml'",
        "[server]\nwatch = 'x'",
        "[server]\noutbound_no_proxy = ['']",
        "[server]\noutbound_no_proxy = ['a b']",
        "[server]\noutbound_no_proxy = ['http://a']",
        "[server]\noutbound_no_proxy = ['a/b']",
        "[server]\noutbound_no_proxy = ['.a']",
        "[guest.a]\nmount = '/'",
        "[guest.a]\nmount = '/a/'",
        "[guest.a]\nmount = 'a'",
        "[guest.a]\nmount = '/a//b'",
        "[guest.a]\ninstances = 'old'",
        "[guest.a]\ninstances = {}",
        "[guest.a]\ninstances = { reuse = 0 }",
        "[guest.a]\ninstances = { reuse = 1, use = 2 }",
        "[guest.a]\nbuild = 'make'",
        "[guest.a]\nbuild = []",
        "[guest.a]\nkeys = ['a', 1]",
        "[guest.a]\nresponds = 1",
        "[[guest.a.schedule]]\njob = 'a'",
        "[[guest.a.schedule]]\nevery = '10s'",
        "[[guest.a.schedule]]\njob = ''\nevery = '10s'",
        "[[guest.a.schedule]]\njob = 'a'\nevery = '10s'\nzone = 'UTC'",
        "[[guest.a.schedule]]\njob = 'a'\nevery = '10s'\ncron = '0 3 * * *'",
        "[[guest.a.schedule]]\njob = 'a'\nevery = '10s'\nwhen = 'now'",
        "[guest.a.schedule]\njob = 'a'\nevery = '10s'",
        "[guest.a]\noutbound = 'https://a'",
        "[guest.a]\noutbound = [1]",
        "[guest.a]\noutbound = [{}]",
        "[guest.a]\noutbound = [{ url = 1 }]",
        "[guest.a]\noutbound = [{ url = 'https://a', header = {} }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = [] }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { 'a b' = 'x' } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = 1 } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = '' } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = { secret = \"b\\r\\nc\" } } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = { prefix = 'x' } } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = { secret = 'x', prefix = 1 } } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = { secret = 'x', suffix = 'y' } } }]",
        "[guest.a]\noutbound = [{ url = 'https://a', headers = { a = { secret = { env = 'X', prefix = 'y' } } } }]",
        "database = 1",
        "[database.a]",
        "[database.a]\nurl = 1",
        "[database.a]\nurl = ''",
        "[database.a]\nurl = 'oracle://a/b'",
        "[database.a]\nurl = { env = '1' }",
        "[database.a]\nurl = 'sqlite:a'\nconnections_max = 0",
    ] {
        agree(bad, false);
    }
}

/// With what the schema says of it: every key that is in the one is in the other, and ranges are
/// the same.
#[test]
fn every_key_of_the_schema_is_taken_and_every_other_refused() {
    let schema = schema();
    let mut seen = 0;
    for (table, properties) in tables(&schema) {
        for (name, property) in properties {
            let doc = property["description"].as_str().unwrap_or_default();
            assert!(
                doc.len() > 10 && doc.contains('.') && !doc.contains('['),
                "[{table}] {name}: {doc:?}"
            );
            let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            for (value, fits) in samples(property) {
                // Of bounds between limits the schema knows nothing, so all others are wide.
                let text = format!("{header}{name} = {value}\n{}", wide(table, name));
                agree(&text, fits);
                seen += 1;
            }
            agree(&format!("{header}{name}_x = 1\n"), false);
        }
    }
    assert!(seen > 150, "{seen}");
}

#[test]
fn defaults_are_said() {
    let schema = schema();
    let of =
        |table: &str, key: &str| schema["properties"][table]["properties"][key]["default"].clone();
    assert_eq!(
        (of("server", "listen"), of("server", "workers")),
        (json!("127.0.0.1:8080"), Json::Null)
    );
    assert_eq!((of("server", "admin"), of("server", "cache")), (json!(false), json!(true)));
    assert_eq!(
        (of("limits", "drain_ms"), of("limits", "body_bytes_max")),
        (json!(10_000), json!(8_388_608))
    );
    assert_eq!(schema["properties"]["rollback"]["default"], json!({ "traps": 5, "calls": 20 }));
    let doc = |table: &str, key: &str| {
        schema["properties"][table]["properties"][key]["description"].to_string()
    };
    assert!(
        doc("limits", "pendings_max")
            .contains("Pendings of the process. A change takes effect at the next start.")
    );
    assert!(!doc("limits", "drain_ms").contains("next start"));
}

/// Parser and schema say the same of a text.
#[track_caller]
fn agree(text: &str, fits: bool) {
    let parsed = parse(text, "snow.toml");
    assert_eq!(parsed.is_ok(), fits, "the parser: {parsed:?}\n{text}");
    let root = DeTable::parse(text).expect(text);
    assert_eq!(conforms(&object(root.get_ref()), &schema()), fits, "the schema of: {text}");
}

/// The tables of a schema with their keys; `guest.a` for any guest.
fn tables(schema: &Json) -> [(&'static str, Vec<(&String, &Json)>); 5] {
    fn keys(table: &Json) -> Vec<(&String, &Json)> {
        table["properties"].as_object().into_iter().flatten().collect()
    }
    let of_file = &schema["properties"];
    let file = keys(schema).into_iter().filter(|(name, _)| *name == "rollback").collect();
    let of_each = |name: &str| keys(&of_file[name]["additionalProperties"]);
    [
        ("", file),
        ("server", keys(&of_file["server"])),
        ("limits", keys(&of_file["limits"])),
        ("guest.a", of_each("guest")),
        ("database.a", of_each("database")),
    ]
}

/// Values in TOML, and whether they should fit.
fn samples(property: &Json) -> Vec<(String, bool)> {
    let mut samples = vec![("1.5".to_owned(), false), ("1979-05-27".to_owned(), false)];
    match property["type"].as_str() {
        Some("integer") => {
            let [least, most] =
                ["minimum", "maximum"].map(|bound| property[bound].as_i64().expect("a bound"));
            let numbers = [(least, true), (most, true), (least - 1, false), (most + 1, false)];
            samples.extend(numbers.map(|(number, fits)| (number.to_string(), fits)));
        }
        Some("boolean") => {
            samples.extend([("true".to_owned(), true), ("'true'".to_owned(), false)])
        }
        _ => samples.push(("[[]]".to_owned(), false)),
    }
    samples
}

/// Where one limit bounds another, which the schema can't say: the bound is as wide as it may be.
fn wide(table: &str, name: &str) -> &'static str {
    match (table, name) {
        ("limits", "guest_pendings_max") => "pendings_max = 1073741824\n",
        ("limits", "guest_calls_queued_max") => "worker_calls_queued_max = 1073741824\n",
        ("limits", "guest_settled_bytes_max") => "settled_bytes_max = 4294967296\n",
        ("limits", "guest_kept_bytes_max") => "kept_bytes_max = 4294967296\n",
        ("limits", "guest_config_bytes_max") => "config_bytes_max = 1073741824\n",
        ("limits", "suspension_default_ms") => "suspension_max_ms = 4294967295\n",
        ("limits", "guest_fetches_bytes_max") => "fetches_bytes_max = 4294967296\n",
        ("limits", "guest_fetches_max") => "fetches_max = 1073741824\n",
        ("limits", "fetch_timeout_ms") => "fetch_timeout_ms_max = 4294967295\n",
        ("limits", "store_bucket_entries_max") => {
            "guest_store_entries_max = 1073741824\nstore_entries_max = 1073741824\n"
        }
        ("limits", "store_bucket_bytes_max") => {
            "guest_store_bytes_max = 1099511627776\nstore_bytes_max = 1099511627776\n"
        }
        ("limits", "guest_store_buckets_max") => "store_buckets_max = 1073741824\n",
        ("limits", "guest_store_entries_max") => "store_entries_max = 1073741824\n",
        ("limits", "guest_store_bytes_max") => "store_bytes_max = 1099511627776\n",
        ("limits", "guest_store_queue_writes_max") => "store_queue_writes_max = 1073741824\n",
        ("limits", "guest_store_queue_bytes_max") => "store_queue_bytes_max = 1099511627776\n",
        ("limits", "guest_jobs_queued_max") => "jobs_queued_max = 1073741824\n",
        ("limits", "guest_jobs_bytes_max") => "jobs_bytes_max = 1099511627776\n",
        ("limits", "guest_jobs_kept_max") => "jobs_kept_max = 1073741824\n",
        ("limits", "guest_jobs_kept_bytes_max") => "jobs_kept_bytes_max = 1099511627776\n",
        ("guest.a", "pendings_max") => "[limits]\npendings_max = 1073741824\n",
        ("guest.a", "memory_bytes_max") => "[limits]\ncall_memory_bytes_max = 4294967296\n",
        ("limits", "database_connections_max") => "sql_connections_max = 65536\n",
        ("database.a", "connections_max") => {
            "url = 'sqlite:a'\n[limits]\nsql_connections_max = 65536\n"
        }
        ("database.a", name) if name != "url" => "url = 'sqlite:a'\n",
        ("guest.a", "body_bytes_max") => "[limits]\nbody_bytes_max = 4294967296\n",
        _ => "",
    }
}

/// As much of JSON Schema as there is in ours. What it does not know, it does not pass over.
fn conforms(instance: &Json, schema: &Json) -> bool {
    let integer = |json: &Json| json.as_i64().map(i128::from).or(json.as_u64().map(i128::from));
    let length =
        instance.as_str().map(|text| text.chars().count()).or(instance.as_array().map(Vec::len));
    let at_most =
        |most: &Json| length.is_none_or(|length| length as u64 <= most.as_u64().expect("a length"));
    schema.as_object().expect("a schema").iter().all(|(keyword, said)| match keyword.as_str() {
        "$schema" | "title" | "description" | "default" => true,
        "type" => match said.as_str() {
            Some("object") => instance.is_object(),
            Some("array") => instance.is_array(),
            Some("string") => instance.is_string(),
            Some("boolean") => instance.is_boolean(),
            Some("integer") => integer(instance).is_some(),
            _ => panic!("type {said}"),
        },
        "const" => instance == said,
        "enum" => said.as_array().expect("a list").contains(instance),
        "anyOf" => said.as_array().expect("a list").iter().any(|schema| conforms(instance, schema)),
        "minimum" => integer(instance) >= integer(said),
        "maximum" => integer(instance) <= integer(said),
        "maxLength" | "maxItems" => at_most(said),
        "maxProperties" => {
            instance.as_object().is_none_or(|table| table.len() as u64 <= said.as_u64().unwrap())
        }
        "propertyNames" => {
            instance.as_object().into_iter().flatten().all(|(name, _)| conforms(&json!(name), said))
        }
        "minItems" => length.is_none_or(|length| length as u64 >= said.as_u64().expect("a length")),
        "pattern" => {
            let pattern = Regex::new(said.as_str().expect("a pattern")).expect("a pattern");
            instance.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "items" => instance.as_array().into_iter().flatten().all(|item| conforms(item, said)),
        "required" => said
            .as_array()
            .expect("names")
            .iter()
            .all(|name| instance[name.as_str().unwrap()] != Json::Null),
        "properties" => true,
        "additionalProperties" => {
            instance.as_object().into_iter().flatten().all(|(name, value)| {
                match schema["properties"].get(name) {
                    Some(property) => conforms(value, property),
                    None => said.is_object() && conforms(value, said),
                }
            })
        }
        _ => panic!("{keyword} is not known here"),
    })
}

fn object(table: &DeTable<'_>) -> Json {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => serde_json::from_str(number.as_str()).unwrap_or(Json::Null),
        DeValue::Float(number) => json!(number.as_str().parse::<f64>().expect("a number")),
        DeValue::Boolean(boolean) => json!(boolean),
        DeValue::Datetime(_) => Json::Null,
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => object(table),
    }
}
