//! The cases of `tests/vectors.json`, which the SDKs of all languages take from there: so a cookie, a
//! session or a form means the same to each of them.

use crate::form::FormLimits;
use crate::session::record;
use crate::signed::{SignatureError, SigningKeys};
use crate::{Cookie, Request, Response, SameSite};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Deserialize)]
struct Vectors {
    signed: Signed,
    sessions: Records,
    forms: Vec<FormCase>,
    cookies: Cookies,
    accepts: Vec<Accepts>,
}

#[derive(Deserialize)]
struct Signed {
    keys: String,
    read_keys: Vec<String>,
    bad_keys: Vec<String>,
    signs: Vec<Signs>,
    taken: Vec<Verifies>,
    refused: Vec<Verifies>,
}

#[derive(Deserialize)]
struct Signs {
    name: String,
    value: String,
    now: u64,
    text: String,
}

#[derive(Deserialize)]
struct Verifies {
    name: String,
    text: String,
    max_age: u64,
    now: u64,
    value: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<RecordCase>,
    read: Vec<RecordCase>,
    unreadable: Vec<String>,
}

#[derive(Deserialize)]
struct RecordCase {
    text: String,
    written: u64,
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FormCase {
    kind: String,
    body: String,
    limits: Option<Limits>,
    #[serde(default)]
    fields: Vec<(String, String)>,
    #[serde(default)]
    files: Vec<(String, String, Option<String>, String)>,
    status: Option<u16>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Limits {
    parts_max: usize,
    value_bytes_max: usize,
    file_bytes_max: usize,
}

#[derive(Deserialize)]
struct Cookies {
    read: Vec<ReadCase>,
    set: Vec<SetCase>,
}

#[derive(Deserialize)]
struct ReadCase {
    fields: Vec<String>,
    cookies: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct SetCase {
    name: String,
    value: String,
    path: Option<String>,
    domain: Option<String>,
    max_age: Option<u64>,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    http_only: bool,
    same_site: Option<String>,
    field: Option<String>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct Accepts {
    fields: Vec<String>,
    offered: Vec<String>,
    best: Option<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../tests/vectors.json")).expect("it has this shape")
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn with_fields(name: &str, values: &[String]) -> Request {
    let request = Request::new("GET", "/");
    values.iter().fold(request, |request, value| request.with_header(name, value.as_str()))
}

#[test]
fn signatures_are_those_of_all_languages() {
    let Signed { keys, read_keys, bad_keys, signs, taken, refused } = vectors().signed;
    for text in read_keys {
        assert_eq!(SigningKeys::parse(&text).unwrap().to_text(), keys, "{text:?}");
    }
    let keys = SigningKeys::parse(&keys).unwrap();
    for Signs { name, value, now, text } in signs {
        assert_eq!(keys.sign_at(&name, &value, at(now)), text, "{name}");
    }
    for Verifies { name, text, max_age, now, value, why } in taken.into_iter().chain(refused) {
        let found = keys.verify_at(&name, &text, Duration::from_secs(max_age), at(now));
        let found = found.map_err(|error| match error {
            SignatureError::Malformed => "malformed",
            SignatureError::UnknownKey(_) => "unknown-key",
            SignatureError::Forged => "forged",
            SignatureError::Expired => "expired",
            SignatureError::FromTheFuture => "from-the-future",
        });
        let wanted = value.ok_or(why.as_deref().unwrap_or_default());
        assert_eq!(found, wanted, "{name} {text:?} {now}");
    }
    for text in bad_keys {
        assert!(SigningKeys::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn sessions_are_those_of_all_languages() {
    let Records { records, read, unreadable } = vectors().sessions;
    for RecordCase { text, written, fields } in records {
        assert_eq!(record(&text).unwrap(), (written, fields, text));
    }
    for RecordCase { text, written, fields } in read {
        let found = record(&text).unwrap();
        assert_eq!((found.0, found.1), (written, fields), "{text:?}");
    }
    for text in unreadable {
        assert!(record(&text).is_err(), "{text:?}");
    }
}

#[test]
fn forms_are_those_of_all_languages() {
    for case in vectors().forms {
        let request = Request::new("POST", "/").with_header("content-type", case.kind.as_str());
        let request = request.with_body(case.body.as_bytes());
        let limits = case.limits.map_or_else(FormLimits::default, |limits| FormLimits {
            parts_max: limits.parts_max,
            value_bytes_max: limits.value_bytes_max,
            file_bytes_max: limits.file_bytes_max,
        });
        let body: String = case.body.chars().take(100).collect();
        match request.form_within(limits) {
            Ok(form) => {
                assert_eq!(case.status, None, "{body:?}");
                let fields: Vec<_> = form.fields().map(|(a, b)| (a.into(), b.into())).collect();
                assert_eq!(fields, case.fields, "{body:?}");
                let files = form.files().iter().map(|file| {
                    let bytes = String::from_utf8(file.bytes.to_vec()).unwrap();
                    (file.field.clone(), file.name.clone(), file.content_type.clone(), bytes)
                });
                assert_eq!(files.collect::<Vec<_>>(), case.files, "{body:?}");
            }
            Err(error) => {
                let text = error.to_string();
                let status = Response::from(error).code();
                assert_eq!((Some(status), Some(text)), (case.status, case.message), "{body:?}");
            }
        }
    }
}

#[test]
fn cookies_are_those_of_all_languages() {
    let Cookies { read, set } = vectors().cookies;
    for ReadCase { fields, cookies } in read {
        let request = with_fields("cookie", &fields);
        let found: Vec<_> = request.cookies().map(|(a, b)| (a.into(), b.into())).collect();
        assert_eq!(found, cookies, "{fields:?}");
    }
    for case in set {
        let mut cookie = Cookie::new(&case.name, &case.value);
        if let Some(path) = &case.path {
            cookie = cookie.path(path);
        }
        if let Some(domain) = &case.domain {
            cookie = cookie.domain(domain);
        }
        if let Some(seconds) = case.max_age {
            cookie = cookie.max_age(Duration::from_secs(seconds));
        }
        cookie = if case.secure { cookie.secure() } else { cookie };
        cookie = if case.http_only { cookie.http_only() } else { cookie };
        cookie = match case.same_site.as_deref() {
            None => cookie,
            Some("strict") => cookie.same_site(SameSite::Strict),
            Some("lax") => cookie.same_site(SameSite::Lax),
            Some(_) => cookie.same_site(SameSite::None),
        };
        match (cookie.field(), case.why) {
            (Ok(field), None) => assert_eq!(Some(field), case.field),
            (Ok(field), Some(why)) => panic!("{field} is taken, though {why}"),
            (Err(error), why) => {
                let wanted = why.expect("it is right").replace("SameSite=", "SameSite::");
                let (_, said) = error.to_string().split_once(": ").map(owned).unwrap();
                assert_eq!(said, wanted);
            }
        }
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn the_best_media_type_is_that_of_all_languages() {
    for Accepts { fields, offered, best } in vectors().accepts {
        let offered: Vec<_> = offered.iter().map(String::as_str).collect();
        let found = with_fields("accept", &fields).accepts(&offered).map(str::to_owned);
        assert_eq!(found, best, "{fields:?}");
    }
}
