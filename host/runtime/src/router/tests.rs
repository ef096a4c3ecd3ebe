//! Which entry takes a request, and which patterns are refused.

use super::*;

fn router(routes: &[(&str, &str)]) -> Router {
    let entries = routes.iter().enumerate().map(|(n, (methods, pattern))| RouteEntry {
        version: VersionId(0),
        route: RouteId(n as u32),
        declared: route(methods, pattern),
        mount: "".into(),
    });
    Router::new(entries.collect()).unwrap()
}

/// Builds a router of mount prefixes and patterns, for every method.
fn mounted(routes: &[(&str, &str)]) -> Router {
    let entries = routes.iter().enumerate().map(|(n, (mount, pattern))| RouteEntry {
        version: VersionId(n as u32),
        route: RouteId(0),
        declared: route("", pattern),
        mount: (*mount).into(),
    });
    Router::new(entries.collect()).unwrap()
}

fn route(methods: &str, pattern: &str) -> Route {
    Route {
        methods: methods.split_whitespace().map(str::to_owned).collect(),
        pattern: pattern.into(),
    }
}

fn found(router: &Router, method: &str, path: &str) -> Option<usize> {
    match router.find(method, path) {
        Match::Found { entry, .. } => Some(entry),
        _ => None,
    }
}

#[test]
fn a_pattern_is_anchored_at_both_ends_even_with_alternatives() {
    let router = router(&[("GET", "/a|/b"), ("GET", "/c")]);
    assert_eq!(found(&router, "GET", "/a"), Some(0));
    assert_eq!(found(&router, "GET", "/b"), Some(0));
    for path in ["/a/", "x/b", "/ab", "/c\n", "//c", "/C"] {
        assert_eq!(router.find("GET", path), Match::NotFound, "{path:?}");
    }
}

#[test]
fn a_comment_in_a_verbose_pattern_does_not_swallow_the_anchor() {
    let router = router(&[("GET", "(?x) /a # the letter a")]);
    assert_eq!(found(&router, "GET", "/a"), Some(0));
    assert_eq!(found(&router, "GET", "/ab"), None);
}

#[test]
fn the_first_that_takes_path_and_method_wins() {
    let router = router(&[("POST", "/x"), ("GET", "/x"), ("", "/.*")]);
    assert_eq!(found(&router, "POST", "/x"), Some(0));
    assert_eq!(found(&router, "GET", "/x"), Some(1));
    assert_eq!(found(&router, "HEAD", "/x"), Some(1));
    assert_eq!(found(&router, "PUT", "/x"), Some(2));
    assert_eq!(found(&router, "get", "/x"), Some(2));
}

#[test]
fn a_known_path_with_another_method_says_what_is_allowed() {
    let router = router(&[("GET", "/x"), ("POST GET", "/x")]);
    assert_eq!(
        router.find("PUT", "/x"),
        Match::MethodNotAllowed { allow: "GET, HEAD, POST, OPTIONS".into() }
    );
    assert_eq!(
        router.find("OPTIONS", "/x"),
        Match::Options { allow: "GET, HEAD, POST, OPTIONS".into() }
    );
    assert_eq!(router.find("OPTIONS", "/y"), Match::NotFound);
}

#[test]
fn captures_are_decoded_once_and_must_be_utf8() {
    let router = router(&[("GET", "/s/(?P<id>[^/]+)(/x)?/([^/]*)")]);
    let Match::Found { params, .. } = router.find("GET", "/s/a%2520b/%C3%A9") else {
        panic!("not found")
    };
    let shown: Vec<_> =
        params.iter().map(|param| (param.name.as_deref(), param.value.as_str())).collect();
    assert_eq!(shown, [(Some("id"), "a%20b"), (None, ""), (None, "é")]);
    assert_eq!(router.find("GET", "/s/%ff/"), Match::BadParam);
}

#[test]
fn an_error_names_route_and_place() {
    let error =
        check_routes(&[route("GET", "/ok"), route("GET", "/(oops")]).unwrap_err().to_string();
    assert!(
        error.contains("route 1") && error.contains("/(oops") && error.contains("unclosed group"),
        "{error}"
    );
    assert!(
        check_routes(&[route("GET", "/a)|(/b")]).is_err(),
        "unbalanced groups must not pass inside the anchor"
    );
    assert!(check_routes(&[route("G T", "/a")]).is_ok(), "two methods");
    let spaced = Route { methods: vec!["G T".into()], pattern: "/".into() };
    assert!(check_routes(&[spaced]).unwrap_err().to_string().contains("not a token"));
    assert!(check_routes(&[route("GET", "(a{1000}){1000}")]).is_err(), "too large");
}

#[test]
fn a_prefix_is_no_part_of_the_pattern() {
    let router = mounted(&[
        ("/shop", "/a|/b"),
        ("/x.y", "^/(?P<all>.*)$"),
        ("/shop", ".*"),
        ("", "/shopping"),
    ]);
    for (path, entry) in [
        ("/shop/a", Some(0)),
        ("/shop/b", Some(0)),
        ("/shop/c", Some(2)),
        ("/shop", Some(2)),
        ("/shop/", Some(2)),
        ("/shopping", Some(3)),
        ("/shop/shopping", Some(2)),
        ("/shopa", None),
        ("/a", None),
        ("/x.y/1/2", Some(1)),
        ("/x.y", Some(1)),
        ("/xzy/1", None),
        ("/SHOP/a", None),
        ("/%73hop/a", None),
        ("//shop/a", None),
    ] {
        assert_eq!(found(&router, "GET", path), entry, "{path}");
    }
    let Match::Found { params, .. } = router.find("GET", "/x.y/1/2") else { panic!("not found") };
    assert_eq!(params, [Param { name: Some("all".into()), value: "1/2".into() }]);
    let patterns: Vec<String> = router.entries().map(RouteEntry::pattern).collect();
    assert_eq!(patterns[..2], ["/shop/a|/b", "/x.y^/(?P<all>.*)$"]);
}

/// Below a mount prefix, a pattern means what it means without one.
#[test]
fn what_looks_behind_itself_does_not_see_the_prefix() {
    for pattern in [
        r"/a",
        r"^/a",
        r"\b/a",
        r"\B/a",
        r"(?x) /a # x",
        r"",
        r"()",
        r"(?m:^)/a$",
        r"x*^/a",
        "(?i)/A",
    ] {
        let (bare, below) = (mounted(&[("", pattern)]), mounted(&[("/m", pattern)]));
        for path in ["/a", "/", "/b", "/a/", "/m/a"] {
            let of = |router, path: &str| found(router, "GET", path);
            assert_eq!(of(&below, &format!("/m{path}")), of(&bare, path), "{pattern} {path}");
        }
        assert_eq!(found(&below, "GET", "/m"), found(&bare, "GET", "/"), "{pattern}");
    }
}

#[test]
fn a_method_is_looked_for_below_prefixes_too() {
    let entry = |n, methods: &str, pattern: &str, mount: &str| RouteEntry {
        version: VersionId(n),
        route: RouteId(0),
        declared: route(methods, pattern),
        mount: mount.into(),
    };
    let router = Router::new(vec![
        entry(0, "POST", ".*", "/shop"),
        entry(1, "GET", "/x", "/shop"),
        entry(2, "PUT", "/.*", ""),
    ])
    .unwrap();
    assert_eq!(found(&router, "GET", "/shop/x"), Some(1));
    assert_eq!(found(&router, "PUT", "/shop/x"), Some(2));
    let allow = |text: &str| Match::MethodNotAllowed { allow: text.into() };
    assert_eq!(router.find("DELETE", "/shop/x"), allow("POST, GET, HEAD, PUT, OPTIONS"));
    assert_eq!(router.find("DELETE", "/shop/y"), allow("POST, PUT, OPTIONS"));
    assert_eq!(
        router.find("DELETE", "/shopping"),
        allow("PUT, OPTIONS"),
        "that is not below the prefix"
    );
}

#[test]
fn an_error_shows_what_the_guest_wrote() {
    let entry = RouteEntry {
        version: VersionId(0),
        route: RouteId(4),
        declared: route("", "/(oops"),
        mount: "/shop".into(),
    };
    let error = Router::new(vec![entry]).unwrap_err().to_string();
    assert!(
        error.contains("route 4") && error.contains(": /(oops\n") && !error.contains("shop"),
        "{error}"
    );
}

#[test]
fn no_routes_match_nothing() {
    assert_eq!(router(&[]).find("GET", "/"), Match::NotFound);
}
