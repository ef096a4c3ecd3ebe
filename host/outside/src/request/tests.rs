//! Requests that guests ask for, and where redirects lead.

use std::sync::Arc;

use proptest::prelude::*;
use snow_config::{AddedField, ConfigValue, Limits, OutboundRule, ValueSource};
use snow_http::Field;
use snow_runtime::{FetchOptions, Settled};

use super::*;

fn fetch(method: &str, url: &str, headers: &[(&str, &str)]) -> Fetch {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: value.as_bytes().to_vec(),
    };
    Fetch {
        guest: "g".into(),
        rules: Arc::default(),
        limits: Arc::new(Limits::default()),
        request_id: "id-1".to_owned(),
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers.iter().map(field).collect(),
        body: b"content".to_vec(),
        options: FetchOptions::default(),
        keep: Arc::new(|answer| Ok(Settled::new(answer.into()))),
    }
}

fn outgoing(method: &str, url: &str, headers: &[(&str, &str)]) -> Outgoing {
    Outgoing::of(&mut fetch(method, url, headers)).unwrap()
}

/// Follows a redirect. Returns the method, the URL, the length of the content and the names of the
/// fields.
fn redirected(from: &Outgoing, status: u16, location: &str) -> Option<(String, String, usize)> {
    let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(location).unwrap())]);
    let next = from.redirected(StatusCode::from_u16(status).unwrap(), &headers).unwrap()?;
    Some((next.method.to_string(), next.url.to_string(), next.body.len()))
}

#[test]
fn the_host_adds_its_fields_and_drops_those_of_the_connection() {
    let request = outgoing(
        "POST",
        "http://a.example/x?y#z",
        &[
            ("Connection", "close"),
            ("Host", "b.example"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("Proxy-Authorization", "Basic YTpi"),
            ("X-A", "1"),
            ("x-a", "2"),
        ],
    )
    .request(&OutboundRules::default())
    .unwrap();
    let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort();
    assert_eq!(names, ["accept-encoding", "user-agent", "x-a", "x-request-id"]);
    assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(request.uri(), "http://a.example/x?y");
    assert_eq!(request.headers()["x-request-id"], "id-1");

    let own = [("accept-encoding", "br"), ("user-agent", "me"), ("x-request-id", "mine")];
    let own = outgoing("GET", "http://a.example/", &own);
    assert!(!own.decodes, "who asks for a compression gets it");
    let request = own.request(&OutboundRules::default()).unwrap();
    assert_eq!(request.headers()["user-agent"], "me");
    assert_eq!(request.headers()["x-request-id"], "mine");
}

#[test]
fn what_can_not_be_sent_is_told() {
    for (method, url, field) in [
        ("GET", "", ("a", "b")),
        ("GET", "/relative", ("a", "b")),
        ("GET", "ftp://a.example/", ("a", "b")),
        ("GET", "file:///etc/passwd", ("a", "b")),
        ("GET", "http://user:hunter2@a.example/", ("a", "b")),
        ("GET", "http://a.example:99999/", ("a", "b")),
        ("G T", "http://a.example/", ("a", "b")),
        ("CONNECT", "http://a.example/", ("a", "b")),
        ("GET", "http://a.example/", ("a b", "c")),
        ("GET", "http://a.example/", ("a", "b\r\nc: d")),
    ] {
        let failure = Outgoing::of(&mut fetch(method, url, &[field])).unwrap_err();
        assert_eq!(failure.code, FetchCode::InvalidUrl, "{method} {url} {failure}");
        assert!(
            !failure.message.contains('\n') && !failure.message.contains("hunter2"),
            "{failure}"
        );
    }
}

#[test]
fn a_denial_names_what_would_allow_it() {
    let rules: OutboundRules = ["GET https://a.example/v1/".parse().unwrap()].into_iter().collect();
    assert!(outgoing("GET", "https://a.example/v1/x", &[]).check("shop", &rules).is_ok());
    for (method, url) in [
        ("POST", "https://a.example/v1/x"),
        ("GET", "https://a.example/v2/?token=secret"),
        ("GET", "http://a.example/v1/x"),
        ("GET", "https://a.example:444/v1/x"),
    ] {
        let denied = outgoing(method, url, &[]).check("shop", &rules).unwrap_err();
        assert_eq!(denied.code, FetchCode::Denied);
        assert!(denied.message.contains("outbound = [\"http"), "{denied}");
        assert!(!denied.message.contains("secret"), "{denied}");
    }
}

#[test]
fn a_redirect_changes_the_method_as_browsers_do() {
    let [get, post, head] =
        ["GET", "POST", "HEAD"].map(|method| outgoing(method, "http://a.example/b/c", &[]));
    let at = |method: &str, url: &str, length| Some((method.to_owned(), url.to_owned(), length));
    assert_eq!(redirected(&post, 303, "d"), at("GET", "http://a.example/b/d", 0));
    assert_eq!(redirected(&post, 302, "/d"), at("GET", "http://a.example/d", 0));
    assert_eq!(redirected(&post, 307, "/d"), at("POST", "http://a.example/d", 7));
    assert_eq!(redirected(&get, 301, "//e.example/"), at("GET", "http://e.example/", 7));
    assert_eq!(redirected(&head, 303, "/d"), at("HEAD", "http://a.example/d", 7));
    assert_eq!(redirected(&get, 304, "/d"), None);
    assert_eq!(redirected(&get, 200, "/d"), None);
    let ftp = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("ftp://a.example/"))]);
    let failure = get.redirected(StatusCode::FOUND, &ftp).unwrap_err();
    assert_eq!(failure.code, FetchCode::Protocol);
    assert!(get.redirected(StatusCode::FOUND, &HeaderMap::new()).unwrap().is_none());
}

#[test]
fn credentials_stay_with_their_origin() {
    let secrets = [("authorization", "x"), ("cookie", "y"), ("x-a", "b")];
    let from = outgoing("GET", "https://a.example/", &secrets);
    let names = |location: &'static str| {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        let next = from.redirected(StatusCode::FOUND, &headers).unwrap().unwrap();
        let is_kept = |name: &&str| next.headers.contains_key(*name);
        ["authorization", "cookie", "x-a"].iter().filter(|name| is_kept(name)).count()
    };
    assert_eq!(names("/other"), 3);
    for other in ["https://b.example/", "http://a.example/", "https://a.example:8443/"] {
        assert_eq!(names(other), 1, "{other}");
    }
}

/// A rule by which the host adds these fields.
fn adding(rule: &str, fields: &[(&str, &str)]) -> OutboundRule {
    let field = |(name, text): &(&str, &str)| {
        let value = ConfigValue { is_secret: true, ..ConfigValue::plain(text) };
        AddedField::new(name, "Bearer ", value).unwrap()
    };
    rule.parse::<OutboundRule>().unwrap().adding(fields.iter().map(field).collect()).unwrap()
}

#[test]
fn fields_that_the_host_adds_replace_the_guest_s_and_go_where_their_rule_allows() {
    let rules: OutboundRules = [
        "https://*".parse().unwrap(),
        adding("GET https://a.example/v1/", &[("Authorization", "t0ken"), ("x-b", "one")]),
        adding("https://a.example", &[("x-b", "two"), ("x-c", "three")]),
    ]
    .into_iter()
    .collect();
    let own = [("authorization", "guest"), ("Authorization", "again"), ("x-a", "1")];
    let from = outgoing("GET", "https://a.example/v1/x", &own);
    let fields = |outgoing: &Outgoing| {
        let request = outgoing.request(&rules).unwrap();
        let fields = ["authorization", "x-b", "x-c", "x-a"].map(|name| {
            let all = request.headers().get_all(name).iter();
            all.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join("|")
        });
        assert!(!format!("{request:?}").contains("t0ken"), "it is not printed");
        fields
    };
    assert_eq!(fields(&from), ["Bearer t0ken", "Bearer one", "Bearer three", "1"]);
    let next = |location: &'static str| {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        from.redirected(StatusCode::FOUND, &headers).unwrap().unwrap()
    };
    // The guest's own are sent where nothing is added in their place.
    assert_eq!(fields(&next("/v2")), ["guest|again", "Bearer two", "Bearer three", "1"]);
    assert_eq!(fields(&next("/v1/%2e%2e/v2")), ["guest|again", "Bearer two", "Bearer three", "1"]);
    assert_eq!(fields(&next("https://b.example/v1/x")), ["", "", "", "1"]);
    assert_eq!(fields(&next("https://a.example:444/v1/x")), ["", "", "", "1"]);
    assert!(!format!("{from:?} {rules:?}").contains("t0ken"));
}

#[test]
fn a_field_that_was_not_looked_up_is_not_left_out() {
    let value = ConfigValue {
        source: ValueSource::Variable("TOKEN".to_owned()),
        is_secret: true,
        found: None,
    };
    let rule: OutboundRule = "https://a.example".parse().unwrap();
    let rule = rule.adding(vec![AddedField::new("authorization", "", value).unwrap()]).unwrap();
    let failure = outgoing("GET", "https://a.example/", &[]).request(&[rule].into_iter().collect());
    assert_eq!(failure.unwrap_err().code, FetchCode::Denied);
}

#[test]
fn both_parsers_read_the_same_host() {
    for url in [
        "http://a.example:8080/",
        "https://a.example:443/x",
        "http://[::1]:8080/",
        "http://127.1/",
        "http://a.example\\@b.example/",
        "http:a.example/@b.example",
        "http://b\u{fc}cher.example/",
        "http://A.EXAMPLE./",
        "http://a.example/{}|^`\"<>?{}|^`\"<>",
    ] {
        let outgoing = outgoing("GET", url, &[]);
        if let Ok(request) = outgoing.request(&OutboundRules::default()) {
            assert_eq!(request.uri().host(), outgoing.url.host_str(), "{url}");
        }
    }
    assert!(outgoing("GET", "http://[::1]:8080/", &[]).request(&OutboundRules::default()).is_ok());
    assert!(
        outgoing("GET", "http://a.example:80/", &[]).request(&OutboundRules::default()).is_ok()
    );
}

#[test]
fn long_and_nominated_things() {
    let long = format!("http://a.example/{}", "x".repeat(70_000));
    let method = "X".repeat(33);
    for (method, url) in [("GET", &*long), (&*method, "http://a.example/")] {
        let failure = Outgoing::of(&mut fetch(method, url, &[])).unwrap_err();
        assert_eq!(failure.code, FetchCode::InvalidUrl);
        assert!(failure.message.len() < 200, "{failure}");
    }
    let fields =
        [("connection", "close, X-Hop"), ("x-hop", "1"), ("x-b", "2"), ("range", "bytes=0-1")];
    let ranged = outgoing("GET", "http://a.example/", &fields);
    assert!(!ranged.decodes, "a range of compressed bytes is of no use");
    let request = ranged.request(&OutboundRules::default()).unwrap();
    let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort();
    assert_eq!(names, ["range", "user-agent", "x-b", "x-request-id"]);
}

proptest! {
    /// Whatever a guest asks for, and wherever a server sends it, is refused or can be sent: to the
    /// host that the rules are asked about, without a user or a password.
    #[test]
    fn nothing_that_is_read_is_sent_elsewhere(
        method in "[A-Za-z ]{0,5}",
        url in prop_oneof!["\\PC{0,40}", "(http|https|ftp)://[a-z0-9.@:%\\[\\]\\\\/?#_-]{0,30}"],
        name in "[ -~]{0,12}",
        value in proptest::collection::vec(any::<u8>(), 0..20),
        location in prop_oneof!["\\PC{0,40}", "//[a-z0-9.@:%\\\\/?#]{0,20}"],
        status in 300_u16..310,
    ) {
        let mut asked = fetch(&method, &url, &[]);
        asked.headers.push(Field { name, value });
        let Ok(first) = Outgoing::of(&mut asked) else { return Ok(()) };
        let headers = HeaderValue::from_bytes(location.as_bytes())
            .map(|location| HeaderMap::from_iter([(LOCATION, location)]))
            .unwrap_or_default();
        let status = StatusCode::from_u16(status).unwrap();
        let next = first.redirected(status, &headers).ok().flatten();
        for outgoing in [Some(first), next].into_iter().flatten() {
            prop_assert!(matches!(outgoing.url.scheme(), "http" | "https"));
            if let Ok(request) = outgoing.request(&OutboundRules::default()) {
                let uri = request.uri();
                prop_assert_eq!(uri.host(), outgoing.url.host_str());
                prop_assert!(!uri.authority().unwrap().as_str().contains('@'));
                prop_assert!(!request.headers().contains_key("content-length"));
                prop_assert!(!request.headers().contains_key("host"));
            }
        }
    }
}
