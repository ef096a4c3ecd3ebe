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

/// Returns which of the routes that the router was built of takes a request. Each differs from the
/// others by its version or by its route.
fn found(router: &Router, method: &str, path: &str) -> Option<usize> {
    match router.find(method, path) {
        Match::Found { entry, .. } => {
            let entry = router.entry(entry).unwrap();
            Some(entry.version.index() + entry.route.index())
        }
        _ => None,
    }
}

fn check(routes: &[Route]) -> Result<(), RouteError> {
    CompiledRoutes::new(routes).map(drop)
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
    let error = check(&[route("GET", "/ok"), route("GET", "/(oops")]).unwrap_err().to_string();
    assert!(
        error.contains("route 1") && error.contains("/(oops") && error.contains("unclosed group"),
        "{error}"
    );
    assert!(
        check(&[route("GET", "/a)|(/b")]).is_err(),
        "unbalanced groups must not pass inside the anchor"
    );
    assert!(check(&[route("G T", "/a")]).is_ok(), "two methods");
    let spaced = Route { methods: vec!["G T".into()], pattern: "/".into() };
    assert!(check(&[spaced]).unwrap_err().to_string().contains("not a token"));
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
    assert_eq!(patterns, ["/shop/a|/b", "/shop.*", "/x.y^/(?P<all>.*)$", "/shopping"]);
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
        error.contains("route 0") && error.contains(": /(oops\n") && !error.contains("shop"),
        "{error}"
    );
}

#[test]
fn no_routes_match_nothing() {
    assert_eq!(router(&[]).find("GET", "/"), Match::NotFound);
}

/// Which guest comes first by its name does not matter.
#[test]
fn longer_mounts_come_first() {
    let router = mounted(&[("", "/.*"), ("/shop", "/.*"), ("/shop/cart", "/x"), ("/s", "/.*")]);
    for (path, entry) in [
        ("/shop/cart/x", 2),
        ("/shop/cart/y", 1),
        ("/shop/cart", 1),
        ("/shop", 1),
        ("/shopping", 0),
        ("/s/hop", 3),
    ] {
        assert_eq!(found(&router, "GET", path), Some(entry), "{path}");
    }
}

#[test]
fn classes_are_ascii() {
    let router = router(&[("", r"/\w{1,64}"), ("", r"/\d+/(?i)k"), ("", "/é")]);
    assert_eq!(found(&router, "GET", "/under_score9"), Some(0));
    assert_eq!(found(&router, "GET", "/naïve"), None);
    assert_eq!(found(&router, "GET", "/7/K"), Some(1));
    assert_eq!(found(&router, "GET", "/7/\u{212a}"), None, "the sign for kelvin");
    assert_eq!(found(&router, "GET", "/é"), Some(2));
    let error = check(&[route("", r"/\p{Greek}")]).unwrap_err().to_string();
    assert!(error.contains("classes of ASCII characters"), "{error}");
}

/// Patterns that people write are no reason to think about limits.
#[test]
fn ordinary_patterns_are_not_too_large() {
    let bounded = |n| route("", &format!(r"/v1/things{n}/(\w{{1,64}})/[^/]{{1,255}}"));
    check(&(0..200).map(bounded).collect::<Vec<_>>()).unwrap();
    let plain = |n| route("", &format!(r"/v1/things{n}/([^/]+)/parts/([0-9]+)"));
    check(&(0..1_000).map(plain).collect::<Vec<_>>()).unwrap();
    for pattern in [
        "/[^/]{1,255}".repeat(30),
        "/([^/]{1,255})".repeat(16),
        r"/\w{1,64}".repeat(30),
        "/(.*)/edit/(.*)".into(),
    ] {
        check(&[route("", &pattern)]).unwrap();
    }
}

#[test]
fn what_costs_too_much_names_its_route_and_what_to_change() {
    for pattern in [
        "(a{1000}){1000}",
        "/(?:[ab]?){3000}[ab]*c",
        "/.*a.{30}",
        "/(?:(?:[ab]?){60}){60}c",
        r"/(?u:\w{1,4000})",
    ] {
        let routes = [route("", "/a"), route("", "/b"), route("", pattern), route("", "/c")];
        let error = check(&routes).unwrap_err();
        assert!(matches!(error, RouteError::TooLarge { route: 2, .. }), "{error}");
        assert!(error.to_string().contains("too large: /") || pattern.starts_with('('), "{error}");
        assert!(error.to_string().contains("repeat less"), "{error}");
    }
    // Each of these is fine alone: which of them a path has is known only at its end.
    let routes: Vec<Route> =
        (0..12).map(|n| route("", &format!("/.*a.{{{}}}b.*c", n + 6))).collect();
    let error = check(&routes).unwrap_err();
    assert!(error.to_string().contains("together with the routes before it"), "{error}");
    let routes: Vec<Route> = (0..5_000).map(|_| route("GET", "/")).collect();
    assert!(matches!(check(&routes).unwrap_err(), RouteError::TooLarge { route: 4_096, .. }));
    let methods = Route { methods: vec!["GET".into(); 65], pattern: "/".into() };
    assert!(check(&[methods]).unwrap_err().to_string().contains("65 methods"));
}

#[test]
fn the_cost_of_a_table_is_known_before_it_serves() {
    // Large enough to be read alone, so each guest costs eight more walks.
    let declared = [route("", "/(?:[a-y][^/]{1,255}/){80}")];
    let compiled = Arc::new(CompiledRoutes::new(&declared).unwrap());
    let check_cost = |guests: &[(&str, u32)]| {
        let mounts = guests.iter().flat_map(|(mount, count)| (0..*count).map(move |_| *mount));
        let guests = (0..).zip(mounts).map(|(n, mount)| MountedRoutes {
            version: VersionId(n),
            declared: &declared,
            compiled: &compiled,
            mount: mount.into(),
        });
        Router::of(guests.collect(), None).check_cost()
    };
    assert!(check_cost(&[("", 4)]).is_ok());
    let error = check_cost(&[("", 5)]).unwrap_err().to_string();
    assert!(error.contains("read 40 times (at most 32;"), "{error}");
    // Beside one another they cost nothing more, below one another they do.
    assert!(check_cost(&[("/a", 4), ("/b", 4)]).is_ok());
    assert!(check_cost(&[("/a", 3), ("/a/b", 3)]).is_err());
}

#[test]
fn small_guests_share_an_automaton_and_keep_it() {
    let compiled: Vec<_> = (0..100)
        .map(|n| vec![route("GET", &format!("/g{n}/([0-9]+)")), route("POST", "/same")])
        .map(|routes| (Arc::new(CompiledRoutes::new(&routes).unwrap()), routes))
        .collect();
    let of = |names: &[u32], before| {
        let guest = |n: &u32| {
            let (compiled, declared) = &compiled[*n as usize];
            MountedRoutes { version: VersionId(*n), declared, compiled, mount: "".into() }
        };
        Router::of(names.iter().map(guest).collect(), before)
    };
    let all: Vec<u32> = (0..100).collect();
    let router = of(&all, None);
    assert_eq!(router.0.mounts[0].groups.len(), 1);
    assert_eq!(found(&router, "GET", "/g42/7"), Some(42));
    assert_eq!(found(&router, "POST", "/same"), Some(1), "the first one's second route");
    let again = of(&all[1..], Some(&of(&all[1..], Some(&router))));
    assert_eq!(found(&again, "POST", "/same"), Some(2));
    assert_eq!(found(&again, "GET", "/g99/7"), Some(99));
    assert_eq!(found(&again, "GET", "/g0/7"), None);
}

#[test]
fn routes_that_can_never_be_reached_are_found() {
    let entry = |n, methods: &str, pattern: &str, mount: &str| RouteEntry {
        version: VersionId(n),
        route: RouteId(n),
        declared: route(methods, pattern),
        mount: mount.into(),
    };
    let shadowed = |entries: &[(&str, &str, &str)]| {
        let entries = (0..)
            .zip(entries)
            .map(|(n, (mount, methods, pattern))| entry(n, methods, pattern, mount));
        let router = Router::new(entries.collect()).unwrap();
        let n = |place| router.entry(place).unwrap().version.0;
        let found = router.shadowed().into_iter();
        found.map(|found| (n(found.entry), n(found.by), found.is_same)).collect::<Vec<_>>()
    };
    assert_eq!(shadowed(&[("", "GET", "/x"), ("", "GET POST", "/x")]), [(1, 0, true)]);
    assert_eq!(shadowed(&[("", "GET", "/x"), ("", "POST", "/x")]), []);
    assert_eq!(shadowed(&[("", "", "/.*"), ("", "GET", "/x")]), [(1, 0, false)]);
    assert_eq!(shadowed(&[("", "GET", "/.*"), ("", "", "/x")]), [], "it has POST");
    assert_eq!(
        shadowed(&[("", "", "/x"), ("/shop", "", "/.*"), ("", "", "/shop/a")]),
        [(2, 1, false)]
    );
    assert_eq!(shadowed(&[("/a", "", "/b"), ("", "", "/a/b")]), [(1, 0, true)]);
    assert_eq!(shadowed(&[("/a", "GET", "/b"), ("/a/b", "GET", "/")]), [(0, 1, false)], "longer");
}
