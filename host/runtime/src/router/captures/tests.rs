//! The two passes find what the regex crate finds.

use proptest::prelude::*;

use super::super::pattern::Pattern;
use super::super::route::Route;
use super::*;

fn compile(pattern: &str) -> Result<Captures, &'static str> {
    let route = Route { methods: Vec::new(), pattern: pattern.into() };
    Captures::compile(&Pattern::parse(0, &route).expect("a valid pattern"))
}

/// What the regex crate finds in a path that the pattern matches as a whole.
fn expected(pattern: &str, path: &str) -> Option<Slots> {
    let anchored = format!("^(?:{pattern})$");
    let regex = regex::bytes::RegexBuilder::new(&anchored).unicode(false).build().unwrap();
    let captures = regex.captures(path.as_bytes())?;
    let ends = |group| {
        let found = captures.get(group);
        [found.map(|found| found.start()), found.map(|found| found.end())]
            .map(|at| at.and_then(NonMaxUsize::new))
    };
    Some((0..captures.len()).flat_map(ends).collect())
}

fn two_pass(pattern: &str) -> TwoPass {
    let route = Route { methods: Vec::new(), pattern: pattern.into() };
    let pattern = Pattern::parse(0, &route).expect("a valid pattern");
    let config = thompson::Config::new().utf8(false);
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&pattern.hir).unwrap();
    TwoPass::compile(&nfa, pattern.longest, PATTERN_BYTES_MAX).unwrap()
}

#[test]
fn groups_are_where_the_regex_crate_finds_them() {
    for pattern in [
        "/(.*)/edit",
        "/(.+)\\.(json|xml)",
        "/files/(.*)/versions/([0-9]+)",
        "/(.*?)/(.*)",
        "/(a|ab)(c|bcd)(d*)",
        "/((a*)*)(b|)",
        "(?:/([^/]+))*/?",
        "^/(.*)-([a-z0-9-]{1,64})$",
        "(?m)^/(x*)(x*)$",
        "/(?:(a)|(b)|c)*",
        "()",
        "",
    ] {
        for path in [
            "/a/edit",
            "/a/b/edit",
            "/edit/edit",
            "/x.json",
            "/x.y.xml",
            "/files/1/versions/2",
            "/files/versions/7/versions/12",
            "/abcd",
            "/abd",
            "/acd",
            "/aab",
            "/",
            "",
            "/a/b/c/",
            "/a-b-c",
            "/xxx",
            "/abcab",
            "/cba",
            "/aa",
            "/a/b",
            "//",
        ] {
            let captures = compile(pattern).unwrap();
            let (wanted, slots) =
                (expected(pattern, path), two_pass(pattern).find(path.as_bytes(), captures.slots));
            assert_eq!(slots, wanted, "{pattern} {path}");
            if wanted.is_some() {
                assert_eq!(captures.find(path), wanted, "{pattern} {path}");
            }
        }
    }
}

proptest! {
    #[test]
    fn two_passes_find_what_the_regex_crate_finds(pattern in pattern(), path in "/[abc/-]{0,12}") {
        let slots = compile(&pattern).unwrap().slots;
        prop_assert_eq!(two_pass(&pattern).find(path.as_bytes(), slots), expected(&pattern, &path));
    }
}

/// Patterns of a few letters, with everything that makes groups ambiguous.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("/".to_owned()),
        Just("[a-c]".to_owned()),
        Just(".".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
    ];
    let inner = leaf.prop_recursive(5, 24, 3, |inner| {
        let suffix = prop_oneof![
            Just("*"),
            Just("+"),
            Just("?"),
            Just("*?"),
            Just("+?"),
            Just("??"),
            Just("{1,3}"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (inner.clone(), suffix).prop_map(|(part, suffix)| format!("(?:{part}){suffix}")),
            inner.prop_map(|part| format!("({part})")),
        ]
    });
    inner.prop_map(|inner| format!("/?({inner})"))
}

#[test]
fn what_costs_too_much_is_refused_with_a_hint() {
    for (pattern, hint) in [
        ("/(?:[ab]?){3000}([ab]*)c", "too much memory"),
        ("/(?:a?){90}(a*)", "too many ways"),
        (r"/(.*)\b(.*)x", "word"),
    ] {
        let error = compile(pattern).unwrap_err();
        assert!(error.contains(hint), "{pattern}: {error}");
    }
    for pattern in ["/(.*)-([a-z0-9-]{1,64})", &"/([^/]{1,255})".repeat(16), r"/(\w{1,64})x?"] {
        assert!(compile(pattern).is_ok(), "{pattern}");
    }
}
