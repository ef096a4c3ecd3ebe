//! Which requests rules allow, and which addresses.

use proptest::prelude::*;

use super::*;
use crate::config::ConfigValue;

fn rules(rules: &[&str]) -> OutboundRules {
    rules
        .iter()
        .map(|rule| rule.parse::<OutboundRule>().unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

#[test]
fn an_origin_is_a_scheme_a_host_and_a_port() {
    for (rule, good, bad) in [
        (
            "https://api.example.com",
            &[
                "https://api.example.com",
                "https://API.example.com:443/a?b",
                "https://u:p@api.example.com",
            ][..],
            &[
                "http://api.example.com",
                "https://api.example.com:444",
                "https://api.example.com.",
                "https://api.example.com.evil.org",
                "https://evil.org/api.example.com",
                "https://api.example.com@evil.org",
                "https://evil.org#api.example.com",
                "https://xapi.example.com",
            ][..],
        ),
        (
            "http://127.0.0.1:*",
            &[
                "http://127.0.0.1",
                "http://127.0.0.1:8080/a",
                "http://0x7f.1:9",
                "http://2130706433",
            ],
            &["https://127.0.0.1", "http://127.0.0.2", "http://localhost", "http://[::1]"],
        ),
        (
            "https://*.example.com",
            &["https://a.example.com", "https://a.b.example.com"],
            &["https://example.com", "https://aexample.com", "https://a.example.com:8443"],
        ),
        (
            "http://*:8080",
            &["http://example.org:8080/x"],
            &["http://example.org", "http://localhost:8080", "http://10.0.0.1:8080"],
        ),
        ("http://[::1]:80", &["http://[::1]/", "http://[0:0:0:0:0:0:0:1]/"], &["http://[::2]/"]),
        (
            "https://bücher.example",
            &["https://xn--bcher-kva.example/"],
            &["https://bucher.example/"],
        ),
        (
            "https://a.example/v1",
            &["https://a.example/v1", "https://a.example/v1/x", "https://a.example/v2/../v1/x"],
            &[
                "https://a.example/v10",
                "https://a.example/",
                "https://a.example/v1/../admin",
                "https://a.example/v1/%2e%2e/admin",
                "https://a.example/v1/..%2fadmin",
                "https://a.example/v1//admin",
            ],
        ),
        ("https://a.example/v1/", &["https://a.example/v1/x"], &["https://a.example/v1"]),
    ] {
        let rules = rules(&[rule]);
        for text in good {
            assert!(rules.allow("GET", &Url::parse(text).unwrap()), "{rule} allows {text}");
        }
        for text in bad {
            assert!(
                !rules.allow("GET", &Url::parse(text).unwrap()),
                "{rule} does not allow {text}"
            );
        }
    }
    assert!(!OutboundRules::default().allow("GET", &Url::parse("http://a.example").unwrap()));
}

#[test]
fn methods_may_be_named() {
    let rules = rules(&["GET,HEAD http://a.example", "POST http://a.example/in"]);
    let url = |path: &str| Url::parse(&format!("http://a.example{path}")).unwrap();
    assert!(rules.allow("HEAD", &url("/")) && rules.allow("POST", &url("/in")));
    assert!(!rules.allow("POST", &url("/")) && !rules.allow("get", &url("/")));
}

#[test]
fn names_lead_to_public_addresses_and_those_in_the_list() {
    let ruled = rules(&["http://*", "10.1.0.0/16", "fd00::1"]);
    let name = Host::Domain("a.example");
    let may = |address: &str| ruled.allow_address(&name, address.parse().unwrap());
    assert!(may("93.184.216.34") && may("10.1.2.3") && may("::ffff:10.1.2.3") && may("fd00::1"));
    assert!(!may("10.2.0.1") && !may("127.0.0.1") && !may("169.254.169.254") && !may("fd00::2"));
    assert!(!may("::ffff:169.254.169.254"));
    let local = Host::Domain("localhost");
    assert!(rules(&["http://localhost"]).allow_address(&local, "127.0.0.1".parse().unwrap()));
    assert!(!rules(&["http://localhost"]).allow_address(&local, "10.0.0.1".parse().unwrap()));
}

#[test]
fn special_addresses_are_not_public() {
    for special in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2001::1",
        "64:ff9b::a00:1",
        "::ffff:10.0.0.1",
        "3fff::1",
    ] {
        assert!(!is_public(special.parse().unwrap()), "{special}");
    }
    for public in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111"] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
}

#[test]
fn a_rule_is_written_as_it_was_read() {
    for rule in [
        "https://api.example.com",
        "http://127.0.0.1:*",
        "http://*:8080",
        "https://*.example.com:*/v1/",
        "GET,HEAD https://a.example/v1",
        "http://[::1]",
        "10.0.0.0/8",
    ] {
        assert_eq!(rule.parse::<OutboundRule>().unwrap().to_string(), rule);
    }
}

#[test]
fn what_is_no_rule_is_refused_with_the_reason() {
    for (rule, reason) in [
        ("api.example.com", "it begins with https:// or http://"),
        ("ftp://a.example", "it begins with https:// or http://"),
        ("https://u:p@a.example", "a user and a password have no place here"),
        ("https://a.example/?q", "a query has no place here"),
        ("https://a.*.example", "`*` stands for a whole host"),
        ("https://*.1.2.3.4", "`*` stands for a whole host"),
        ("https://", "empty host"),
        ("https://a.example:99999", "invalid port number"),
        ("get https://a.example", "what stands before the URL are methods"),
    ] {
        let error = rule.parse::<OutboundRule>().unwrap_err();
        assert!(error.contains(reason), "{rule}: {error}");
    }
}

/// Texts that are rules, or nearly.
fn texts() -> impl Strategy<Value = String> {
    let near = "((GET|POST|get)(,HEAD)? )?(http|https|ftp)://(\\*\\.|\\*)?[a-z0-9.\\-@\\[\\]:%*]{0,12}(:(80|443|\\*|[0-9]{1,6}))?(/[a-z0-9.%/?#*]{0,8})?";
    prop_oneof!["\\PC{0,30}", near, "[0-9a-f.:]{0,20}(/[0-9]{1,3})?"]
}

/// URLs like those that the rules above allow.
fn urls() -> impl Strategy<Value = String> {
    "(http|https)://[a-z0-9.\\-\\[\\]:@%]{1,12}(:(80|443|[0-9]{1,5}))?/[a-z0-9.%/\\\\?#]{0,10}"
}

proptest! {
    #[test]
    fn what_is_read_is_written_and_read_again(text in texts()) {
        let Ok(rule) = text.parse::<OutboundRule>() else { return Ok(()) };
        let written = rule.to_string();
        prop_assert_eq!(written.parse::<OutboundRule>(), Ok(rule), "{}", written);
    }

    /// A field that the host adds goes with the requests that its rule allows, and with no others.
    #[test]
    fn fields_go_where_their_rule_allows(
        text in texts(),
        url in urls(),
        method in prop_oneof!["GET", "POST", "HEAD"],
    ) {
        let (Ok(rule), Ok(url)) = (text.parse::<OutboundRule>(), Url::parse(&url)) else {
            return Ok(());
        };
        let field = AddedField::new("authorization", "", ConfigValue::plain("x")).unwrap();
        let Ok(rule) = rule.adding(vec![field]) else { return Ok(()) };
        let rules: OutboundRules = [rule].into_iter().collect();
        prop_assert_eq!(rules.added(&method, &url).len(), usize::from(rules.allow(&method, &url)));
    }
}

#[test]
fn fields_are_added_once_and_not_to_addresses() {
    let field = |name: &str| AddedField::new(name, "", ConfigValue::plain("x")).unwrap();
    let rule = |text: &str| text.parse::<OutboundRule>().unwrap();
    assert!(rule("10.0.0.0/8").adding(vec![field("a")]).is_err());
    assert!(rule("10.0.0.0/8").adding(Vec::new()).is_ok());
    let twice = rule("https://a.example").adding(vec![field("a"), field("A")]);
    assert!(twice.unwrap_err().contains("the field a is added twice"));
}
