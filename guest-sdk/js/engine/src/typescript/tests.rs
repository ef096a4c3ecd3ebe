//! What is left of texts.

use rquickjs::{CatchResultExt, Context, Module, Runtime};

use super::*;

/// Compiles a text as JavaScript; what it imports is not there, and not looked for.
fn compile(script: &str) -> Result<(), String> {
    let context = Context::full(&Runtime::new().unwrap()).unwrap();
    context.with(|ctx| {
        let module = Module::declare(ctx.clone(), "text.js", script).catch(&ctx);
        module.map(drop).map_err(|error| error.to_string())
    })
}

/// Returns the text without types, its spaces made one.
fn stripped(text: &str) -> String {
    let stripped = strip(text).unwrap();
    assert_eq!(stripped.chars().count(), text.chars().count(), "every place stays");
    if !text.contains("from '") {
        compile(&stripped).unwrap_or_else(|error| panic!("{error} in {stripped}"));
    }
    stripped.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn types_go() {
    for (text, script) in [
        ("let a: number = 1;", "let a = 1;"),
        ("const f = <T,>(x: T, y?: string): T => x;", "const f = (x , y ) => x;"),
        ("function f(this: Window, a: number) {}", "function f( a ) {}"),
        ("let a = b as unknown as string;", "let a = b ;"),
        ("let a = b!.c!;", "let a = b .c ;"),
        ("let a = b satisfies C;", "let a = b ;"),
        ("let a = new Map<string, number>();", "let a = new Map ();"),
        ("import { type A, b } from './x.ts';", "import { b } from './x.ts';"),
        (
            "class A<T> extends B<T> implements C, D { private readonly a?: number = 1; }",
            "class A extends B { a = 1; }",
        ),
        (
            "abstract class A { abstract a(): void; b!: string; static c: 1 = 1 }",
            "class A { ; b ; static c = 1 }",
        ),
        (
            "class A { constructor(a: number); constructor(a: any) {} }",
            "class A { ; constructor(a ) {} }",
        ),
        (
            "class A { override async f(): Promise<void> {} get x(): number { return 1 } }",
            "class A { async f() {} get x() { return 1 } }",
        ),
        ("for (const a of b as C[]) {}", "for (const a of b ) {}"),
        ("try {} catch (e: unknown) {}", "try {} catch (e ) {}"),
        ("let a: (x: number) => void, b: string | undefined;", "let a , b ;"),
        ("f<{ a: C; [b: string]: D }>();", "f ();"),
        ("let a = b as { [c: string]: { get: D\n f(): E } };", "let a = b ;"),
        ("class A implements B<{ [c: string]: D }> {}", "class A {}"),
        ("class A { [b: string]: C; d = 1 }", "class A { ; d = 1 }"),
    ] {
        assert_eq!(stripped(text), script, "{text}");
    }
}

#[test]
fn statements_that_are_types_leave_a_semicolon() {
    for text in [
        "interface A { b: C }",
        "type A = B;",
        "export type A = B;",
        "export interface A {}",
        "export default interface A {}",
        "export type { A };",
        "export type * from './a.ts';",
        "import type { A } from './a.ts';",
        "export type { A } from './a.ts';",
        "declare const a: number;",
        "declare function a(): void;",
        "declare module 'x' { export const a: number }",
        "declare global { interface Window {} }",
        "declare enum A { B }",
        "export declare namespace A { interface B {} }",
        "declare namespace A { enum B { C } }",
        "function a(b: string): void;",
        "export function a(b: string): void;",
        "export default function a(b: string): void;",
    ] {
        let left = stripped(text);
        assert!(left.starts_with(';') && left.trim_matches([';', ' ']).is_empty(), "{left}");
    }
}

#[test]
fn a_type_at_the_end_of_a_line_does_not_join_the_next_one() {
    assert_eq!(stripped("const a = b as C\n(d)"), "const a = b; (d)");
    assert_eq!(stripped("const a = b as C\n[d]"), "const a = b; [d]");
    assert_eq!(stripped("const a = b as C\n+ d"), "const a = b + d");
    assert_eq!(stripped("f(b as C\n)"), "f(b )");
    // The same, with a comment between.
    assert_eq!(stripped("const a = b as C // c\n(d)"), "const a = b; // c (d)");
    assert_eq!(stripped("const a = b satisfies C /* c\n */ [d]"), "const a = b; /* c */ [d]");
    assert_eq!(stripped("const a = b as C /* c */ // (\n`d`"), "const a = b; /* c */ // ( `d`");
    assert_eq!(stripped("const a = (x) => x as C\n(d)"), "const a = (x) => x; (d)");
    assert_eq!(stripped("class A { a = b as C\n['d'] = 1 }"), "class A { a = b; ['d'] = 1 }");
}

#[test]
fn no_line_ends_before_an_arrow() {
    for (text, script) in [
        ("f = (x): {\n a: C;\n} => x", "f = (x ) => x"),
        ("f = async (x: C): Promise<{\n a: C;\n}> => { await x }", "f = async (x ) => { await x }"),
        ("f = (\n  x,\n): A |\n B => ({ x })", "f = ( x, ) => ({ x })"),
        ("f = (x) // c\n : C => x", "f = (x // c ) => x"),
        ("f = (x) /* c\n */ : C => x", "f = (x /* c */ ) => x"),
        ("f = (): x is\n Ä => true", "f = ( ) => true"),
        ("f = (x): (\n (y: C) => D\n) => (y): {\n} => x", "f = (x ) => (y ) => x"),
        ("f = (x): C => x", "f = (x) => x"),
    ] {
        assert_eq!(stripped(text), script, "{text}");
    }
}

#[test]
fn no_line_ends_after_async_or_return_before_an_arrow_function() {
    for (text, script) in [
        ("f = async <\n T,\n>(x: T) => x", "f = async ( x ) => x"),
        ("f = async <T>\n(x: T) => x", "f = async ( x ) => x"),
        ("f = async <\n T,\n>(\n x: T\n): {\n} => x", "f = async ( x ) => x"),
        ("function f() { return <\n T\n>(x: T) => x }", "function f() { return ( x ) => x }"),
        ("function* f() { yield <\n T\n>(x: T) => x }", "function* f() { yield ( x ) => x }"),
        ("f = async <T,>(x: T) => x", "f = async (x ) => x"),
        ("f = async function <\n T\n>(x: T) {}", "f = async function (x ) {}"),
    ] {
        assert_eq!(stripped(text), script, "{text}");
    }
}

#[test]
fn a_field_stays_a_field() {
    for (text, script) in [
        ("class A { get: C\n f() {} }", "class A { get; f() {} }"),
        ("class A { set: C\n f(x) {} }", "class A { set; f(x) {} }"),
        ("class A { static: C\n f() {} }", "class A { static; f() {} }"),
        ("class A { async: C\n *f() {} }", "class A { async; *f() {} }"),
        ("class A { static get?: C\n f() {} }", "class A { static get; f() {} }"),
        ("class A { private set /* c */ !: C\n f(x) {} }", "class A { set /* c */ ; f(x) {} }"),
        ("class A { get: C = 1\n f() {} }", "class A { get = 1 f() {} }"),
        ("class A { getter: C\n f() {} }", "class A { getter f() {} }"),
        ("class A { get(): C { return 1 }\n f() {} }", "class A { get() { return 1 } f() {} }"),
        ("class A { x = 1\n private ['y'] = 2 }", "class A { x = 1 ; ['y'] = 2 }"),
        ("class A { x = 1\n public readonly [y] = 2 }", "class A { x = 1 ; [y] = 2 }"),
        ("class A { x = 1\n protected *f() {} }", "class A { x = 1 ; *f() {} }"),
        ("class A { x = 1\n private static [y] = 2 }", "class A { x = 1 static [y] = 2 }"),
        ("class A { [a?.b]?: C\n f() {} }", "class A { [a?.b] f() {} }"),
    ] {
        assert_eq!(stripped(text), script, "{text}");
    }
}

#[test]
fn comments_are_no_types() {
    for (text, script) in [
        ("class A { a /* why? */ ?: C; }", "class A { a /* why? */ ; }"),
        ("class A { /* private */ readonly a: C; }", "class A { /* private */ a ; }"),
        ("function f(a /* ? */?: C) {}", "function f(a /* ? */ ) {}"),
        ("function f(this: C /* c */, a) {}", "function f( a) {}"),
        ("let a /* ! */ !: C;", "let a /* ! */ ;"),
        ("let a: /* : */ C = 1;", "let a = 1;"),
        ("function f(): /* c */ C {}", "function f() {}"),
    ] {
        assert_eq!(stripped(text), script, "{text}");
    }
}

#[test]
fn characters_of_several_bytes_keep_their_place() {
    assert_eq!(strip("let ö: 'ä' = 'ü'").unwrap(), "let ö      = 'ü'");
}

#[test]
fn what_makes_code_is_refused_with_its_place() {
    for (text, words) in [
        ("\n enum A { B }", "enum"),
        ("\n namespace A { export const b = 1 }", "namespace"),
        ("\n import a = require('a');", "import ="),
        ("\n <A>b;", "as"),
    ] {
        let error = strip(text).unwrap_err();
        assert!(error.message.contains(words), "{text}: {}", error.message);
        assert_eq!(error.place, Place { line: 2, column: 2 }, "{text}");
    }
    let error = strip("class A { constructor(private a: number) {} }").unwrap_err();
    assert!(error.message.contains("parameter property"), "{}", error.message);
}

#[test]
fn a_syntax_error_has_its_place() {
    let error = strip("let a = 1;\nlet b = ;\n").unwrap_err();
    assert_eq!(error.place, Place { line: 2, column: 9 });
}
