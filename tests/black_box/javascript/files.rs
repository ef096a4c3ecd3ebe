//! Files: edits, imports, TypeScript, packages.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{get, ok, shop};
use crate::harness::{Stage, eventually, workspace};

#[test]
fn an_edit_is_served_at_once_and_a_syntax_error_keeps_the_old_version() {
    let Some(server) = shop("import { route } from 'snow';\nroute('GET', '/a', () => 'one');\n")
    else {
        return;
    };
    assert_eq!(get(&server, "/a"), ok("one"));
    let edited = Instant::now();
    server
        .folder
        .replace("shop.js", b"import { route } from 'snow';\nroute('GET', '/a', () => 'two');\n");
    eventually("the new answer", || (get(&server, "/a") == ok("two")).then_some(()));
    let took = edited.elapsed();
    assert!(took < Duration::from_secs(5), "an edit took {took:?}");

    server
        .folder
        .replace("shop.js", b"import { route } from 'snow';\nroute('GET', '/a', () => );\n");
    server.log.until(&["SyntaxError", "shop.js:2:"]);
    assert_eq!(get(&server, "/a"), ok("two"));
    server.folder.replace("shop.js", b"import { nothing } from 'snow';\n");
    server.log.until(&["Could not find export 'nothing'"]);
    server.folder.replace("shop.js", b"import { x } from './shop/x.js';\n");
    server.log.until(&["can't import './shop/x.js': there is no shop/x.js", "at shop.js:1:"]);
    server.folder.replace("shop.js", b"\nthrow new Error('at the top');\n");
    let log = server.log.until(&["Error: at the top", "shop.js:2:"]);
    assert!(!log.contains("unhandled"), "{log}");
    server.folder.replace("shop.js", b"await new Promise(() => {});\n");
    server.log.until(&["the file waits for something that nobody will settle"]);
    assert_eq!(get(&server, "/a"), ok("two"));
}

#[test]
fn a_guest_imports_from_the_folder_beside_it() {
    let files = [
        (
            "shop.js",
            "import { route } from 'snow';
            import { greet } from './shop/greet.js';
            import data from './shop/data.json' with { type: 'json' };
            import half from 'half';
            route('GET', '/greet', () => greet(data.name));
            route('GET', '/half', () => String(half(data.number)));
            route('GET', '/late', async () => (await import('./shop/late.ts')).late('x'));",
        ),
        (
            "shop/greet.js",
            "import { mark } from './lib/mark.ts';\nexport const greet = (who) => `hello ${who}${mark}`;",
        ),
        ("shop/lib/mark.ts", "export const mark: string = '!' as const;"),
        ("shop/late.ts", "export function late<T>(it: T): string { return `late ${it}`; }"),
        ("shop/data.json", "{ \"name\": \"ada\", \"number\": 3 }"),
        (
            "shop/node_modules/half/package.json",
            "{ \"exports\": { \".\": { \"require\": \"./no.cjs\", \"import\": \"./lib/half.mjs\" } } }",
        ),
        ("shop/node_modules/half/lib/half.mjs", "export default (number) => number / 2;"),
    ];
    let Some(stage) = Stage::new("js", &files) else { return };
    let server = stage.serve(1);
    assert_eq!(get(&server, "/greet"), ok("hello ada!"));
    assert_eq!(get(&server, "/half"), ok("1.5"));
    assert_eq!(get(&server, "/late"), ok("late x"));
    server.folder.replace("shop/lib/mark.ts", b"export const mark: string = '?';");
    eventually("the new answer", || (get(&server, "/greet") == ok("hello ada?")).then_some(()));
}

/// A file of JSON once was code: an expression, which could call.
#[test]
fn json_is_no_code_and_what_is_wrong_with_it_has_its_place() {
    let shop = "import { route } from 'snow';
        import data from './shop/data.json';
        route('GET', '/data', () => [Object.keys(data), data.isAdmin ?? null]);
        route('GET', '/late', async () => {
          try { await import('./shop/code.json'); } catch ({ name }) { return `${name} ${globalThis.ran}`; }
        });";
    let code = "(globalThis.ran = true, { a: 1 })";
    let files = [
        ("shop.js", shop),
        ("shop/data.json", "{ \"__proto__\": { \"isAdmin\": true } }"),
        ("shop/code.json", code),
        ("wrong.js", "import data from './wrong/data.json' with { type: 'json' };"),
        ("wrong/data.json", "{\n  \"a\": 1,\n}"),
    ];
    let Some(stage) = Stage::new("js", &files) else { return };
    let checked = stage.run("check", "wrong.js");
    let said = String::from_utf8_lossy(&checked.stderr);
    for words in ["SyntaxError: the file is not JSON: ", "at wrong/data.json:3:1"] {
        assert!(said.contains(words), "{said}");
    }
    let server = stage.serve(1);
    assert_eq!(get(&server, "/data"), ok("[[\"__proto__\"],null]"));
    for _ in 0..2 {
        assert_eq!(get(&server, "/late"), ok("SyntaxError undefined"));
    }
}

#[test]
fn typescript_that_makes_code_is_refused_with_its_line() {
    let Some(stage) = Stage::new("js", &[("shop.ts", "\nenum A { B }\n")]) else { return };
    let checked = stage.run("check", "shop.ts");
    let text = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{text}");
    assert!(text.contains("an enum: write an object") && text.contains("shop.ts:2:1"), "{text}");
}

#[test]
fn typescript_over_several_lines_is_what_it_says() {
    let text = "import { route } from 'snow';
        import type { GuestRequest } from 'snow';
        class Order {
          get: string
          read() { return `${'read' in Order.prototype} ${'get' in this}`; }
        }
        const find = async <
          T,
        >(it: T): Promise<{
          it: T;
        }> => ({ it });
        route('GET', '/find', async (request: GuestRequest): Promise<{
          it: string;
        }> => await find(request.query.get('it') ?? ''));
        route('GET', '/class', () => new Order().read());
        const name = 'tail' as string // of a line
        (function () { route('GET', '/tail', () => name); })();
        throw new Error('here');
        ";
    let files =
        [("shop.ts", &*text.replace("        throw new Error('here');\n", "")), ("place.ts", text)];
    let Some(stage) = Stage::new("js", &files) else { return };
    let checked = stage.run("check", "place.ts");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("Error: here") && said.contains("place.ts:18:19"), "{said}");
    let server = stage.serve(1);
    assert_eq!(get(&server, "/find?it=ada"), ok("{\"it\":\"ada\"}"));
    assert_eq!(get(&server, "/class"), ok("true true"));
    assert_eq!(get(&server, "/tail"), ok("tail"));
}

/// It needs npm, and the network if npm has not cached the packages.
#[test]
fn packages_of_npm_are_bundled_and_used_as_they_are() {
    let Some(stage) = Stage::new("js", &[]) else { return };
    let source = workspace().join("tests/guests/npm");
    for file in ["package.json", "package-lock.json", "src/index.js"] {
        let text = fs::read_to_string(source.join(file)).expect("the source is there");
        // A project of another name than the guest, or its packages would be part of it.
        stage.write(&format!("project/{file}"), &text);
    }
    let folder = stage.folder.path().join("project");
    let built = Command::new("sh")
        .arg("-c")
        .arg(
            "npm ci --ignore-scripts --no-audit --no-fund --silent && npx --no-install esbuild \
             src/index.js --bundle --format=esm --external:snow --log-level=warning --outfile=../npm.js",
        )
        .current_dir(&folder)
        .output()
        .expect("there is a shell");
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr);
        assert!(std::env::var_os("CI").is_none(), "npm can't bundle:\n{why}");
        eprintln!("SKIPPED: npm can't bundle here:\n{why}");
        return;
    }
    let server = stage.serve(1);
    let post = |target: &str, body: &str| {
        let answer = server.connect().post(target, body.as_bytes());
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(
        post("/npm/validate", "{\"id\":1,\"mail\":\"a@b.org\",\"x\":1}"),
        ok("{\"id\":1,\"mail\":\"a@b.org\",\"tags\":[]}")
    );
    assert_eq!(
        post("/npm/validate", "{\"id\":1.5,\"mail\":\"nobody\"}"),
        (422, "[\"id\",\"mail\"]".into())
    );
    assert_eq!(get(&server, "/npm/date"), ok("2024-02-29 is a Thursday"));
    assert_eq!(get(&server, "/npm/router/hello/ada?x=1"), ok("{\"hello\":\"ada\",\"x\":\"1\"}"));
    assert_eq!(post("/npm/router/echo", "[1]"), ok("[1]"));
    assert_eq!(server.get("/npm/router/none").status, 404);
}
