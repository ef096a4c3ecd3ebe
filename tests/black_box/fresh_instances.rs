//! What instances of an engine begin with: all of them with what was done when the engine was made,
//! and with what was kept when the guest was loaded; and none with anything of another one.

use std::collections::HashSet;

use crate::harness::{Server, Stage, eventually};
use crate::python;
use crate::sources::Stage as Words;

/// Each call of the guest `shop` has an instance of its own.
const FRESH: &str = "[guest.shop]\ninstances = 'fresh'\n";

#[track_caller]
fn says(server: &Server, target: &str) -> String {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().to_owned()
}

#[test]
fn a_fresh_instance_of_javascript_has_nothing_of_another_one() {
    let text = "import { route, pending } from 'snow';
        let calls = 0;
        route('GET', '/all', () => {
          calls += 1;
          const found = [calls, globalThis.left, [].left, Math.left, console.left, route.left, atob.left];
          globalThis.left = Array.prototype.left = Math.left = console.left = route.left = atob.left = 1;
          console.count();
          pending('never').wait({ timeoutMs: 1_000 });
          setTimeout(() => console.log('late'), 1_000);
          Promise.reject(new Error(`of call ${calls}`));
          return found;
        });";
    let Some(stage) = Stage::new("js", &[("shop.js", text), ("snow.toml", FRESH)]) else { return };
    let server = stage.serve(1);
    for _ in 0..5 {
        assert_eq!(says(&server, "/all"), "[1,null,null,null,null,null,null]");
        server.log.until(&["default: 1"]);
    }
    assert!(!server.log_by_now().contains("default: 2"));
}

/// The engine was made before, perhaps on another day, with a clock that stood still.
#[test]
fn an_instance_of_javascript_has_a_time_and_random_numbers_of_its_own() {
    let text = "import { route } from 'snow';
        const first = Math.random();
        route('GET', '/begin', () => [
          performance.timeOrigin, performance.now(), Date.now(), first, Math.random(),
        ]);
        route('GET', '/maps', () => {
          const map = new Map([['a', 1], [2, 'b'], [2n, 'c']]);
          return [map.get('a'), map.get(2), map.get(2n), new Set(['x', 'x']).size];
        });";
    let Some(stage) = Stage::new("js", &[("shop.js", text), ("snow.toml", FRESH)]) else { return };
    let server = stage.serve(1);
    let (mut origins, mut numbers) = (Vec::new(), HashSet::new());
    for _ in 0..50 {
        let told = says(&server, "/begin");
        let told: Vec<f64> = serde_json::from_str(&told).expect("a list");
        let [origin, since, now, first, second] = told[..] else { panic!("{told:?}") };
        assert!(now - origin < 60_000.0 && origin <= now, "{told:?}");
        assert!((0.0..60_000.0).contains(&since), "{told:?}");
        origins.push(origin);
        assert!(numbers.insert(first.to_bits()) && numbers.insert(second.to_bits()), "{told:?}");
    }
    assert!(origins.is_sorted() && origins[0] < origins[49], "{origins:?}");
    assert_eq!(says(&server, "/maps"), "[1,\"b\",\"c\",1]");
}

#[test]
fn what_is_kept_while_a_guest_is_loaded_is_there_in_each_instance() {
    let text = "/shop/kept kept\n";
    let files = [("shop.js", text), ("reused.js", "/reused/kept kept\n"), ("snow.toml", FRESH)];
    let Some(stage) = Words::new(&files) else { return };
    let (server, _engines) = stage.serve();
    for _ in 0..3 {
        assert_eq!(says(&server, "/shop/kept"), text);
        assert_eq!(says(&server, "/reused/kept"), files[1].1, "each guest has its own");
    }
}

#[test]
fn what_is_kept_is_never_that_of_another_version() {
    let files = [("shop.js", "/kept kept\n/v say 0\n"), ("snow.toml", FRESH)];
    let Some(stage) = Words::new(&files) else { return };
    let (server, _engines) = stage.serve();
    for version in ["1", "2", "3"] {
        let text = format!("/kept kept\n/v say {version}\n");
        server.folder.replace("shop.js", text.as_bytes());
        eventually("the new version", || (says(&server, "/v") == version).then_some(()));
        assert_eq!(says(&server, "/kept"), text);
    }
}

#[test]
fn nothing_is_kept_once_the_guest_is_loaded() {
    let text = "/keep keep another\n/kept kept\n";
    let Some(stage) = Words::new(&[("shop.js", text), ("snow.toml", FRESH)]) else { return };
    let (server, _engines) = stage.serve();
    assert_eq!(says(&server, "/keep"), text);
    assert_eq!(says(&server, "/kept"), text);
}

#[test]
fn what_does_not_fit_is_not_kept() {
    let limits = |name: &str| format!("[limits]\n{name} = 200\n{FRESH}");
    let long = format!("/kept kept\n/long say {}\n", "x".repeat(100));
    for limit in ["guest_kept_bytes_max", "kept_bytes_max"] {
        let own = if limit == "kept_bytes_max" { "guest_kept_bytes_max = 200\n" } else { "" };
        let manifest = limits(limit).replacen("[limits]\n", &format!("[limits]\n{own}"), 1);
        for (text, kept) in [("/kept kept\n", "/kept kept\n"), (&*long, "nothing")] {
            let files = [("shop.js", text), ("snow.toml", &*manifest)];
            let Some(stage) = Words::new(&files) else { return };
            let (server, _engines) = stage.serve();
            assert_eq!(says(&server, "/kept"), kept, "{limit}");
        }
    }
}

#[test]
fn a_package_in_python_is_compiled_once_for_all_instances() {
    // `compile` is replaced by one that counts, in the memory of one instance.
    let text = "import builtins\nfrom snow import route\n
compiled = []
real = builtins.compile
builtins.compile = lambda *a, **b: (compiled.append(a[1]), real(*a, **b))[1]
import shop.package.deep
@route('GET', '/compiled')
def handler() -> str:
    return f'{compiled} {shop.package.deep.VALUE}'
";
    let files = [
        ("shop.py", text),
        ("shop/package/__init__.py", "NAME = 'package'\n"),
        ("shop/package/deep.py", "from . import NAME\nVALUE = f'{NAME} one'\n"),
        ("snow.toml", FRESH),
    ];
    let Some(stage) = python::stage(&files) else { return };
    let server = stage.serve(1);
    for _ in 0..3 {
        assert_eq!(says(&server, "/compiled"), "[] package one");
    }
    server.folder.replace("shop/package/deep.py", b"VALUE = 'two'\n");
    eventually("the new answer", || (says(&server, "/compiled") == "[] two").then_some(()));
}

/// TypeScript and what is imported, too: by the code that was kept they do what they did.
#[test]
fn kept_code_of_javascript_does_what_its_text_does() {
    let files = [
        (
            "shop.ts",
            "import { route } from 'snow';
            import { double } from './shop/double.ts';
            import data from './shop/data.json';
            route('GET', '/double', (): string => String(double(data.number as number)));
            route('GET', '/late', async () => (await import('./shop/late.ts')).late);
            route('GET', '/broken', () => {
              throw new RangeError('no such order');
            });",
        ),
        ("shop/double.ts", "export const double = (it: number): number => it * 2;"),
        ("shop/late.ts", "export const late: string = 'late';"),
        ("shop/data.json", "{ \"number\": 21 }"),
        ("snow.toml", FRESH),
    ];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(1);
    for _ in 0..2 {
        assert_eq!(says(&server, "/double"), "42");
        assert_eq!(says(&server, "/late"), "late");
    }
    assert_eq!(server.get("/broken").status, 500);
    server.log.until(&["RangeError: no such order", "shop.ts:7:"]);
    server
        .folder
        .replace("shop/double.ts", b"export const double = (it: number): number => it * 3;");
    eventually("the new answer", || (says(&server, "/double") == "63").then_some(()));
}
