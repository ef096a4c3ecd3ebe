//! Takes the types out of a TypeScript text. Each becomes as many spaces, so lines and columns stay
//! what they are, and no source map is needed.
//!
//! TypeScript that makes code (an enum, a namespace, a parameter property) is refused, as Node
//! refuses it: `erasableSyntaxOnly` in a `tsconfig.json` has editors say so.

mod visit;

use oxc_allocator::Allocator;
use oxc_ast_visit::Visit;
use oxc_parser::Parser;
use oxc_span::{SourceType, Span};

use self::visit::Types;
use crate::failure::Place;

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub message: String,
    pub place: Place,
}

/// Returns the text without its types.
///
/// # Errors
/// The text is not TypeScript, or is more than JavaScript with types.
pub fn strip(text: &str) -> Result<String, SyntaxError> {
    let error =
        |message: String, byte: usize| SyntaxError { message, place: Place::of(text, byte) };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
    if let Some(wrong) = parsed.diagnostics.iter().next() {
        let byte = wrong.labels.iter().next().map_or(0, |label| label.offset() as usize);
        return Err(error(wrong.message.to_string(), byte));
    }
    let mut types = Types::new(text);
    types.visit_program(&parsed.program);
    if let Some((span, what)) = types.refused {
        let message = format!("TypeScript that makes code is not supported: {what}");
        return Err(error(message, span.start as usize));
    }
    Ok(blank(text, &types.cuts))
}

/// A part of a text that goes.
struct Cut {
    span: Span,
    /// A semicolon takes its place, so that the lines around it do not become one statement.
    ends_statement: bool,
}

fn blank(text: &str, cuts: &[Cut]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for cut in cuts {
        let bytes = &mut bytes[cut.span.start as usize..cut.span.end as usize];
        bytes
            .iter_mut()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
            .for_each(|byte| *byte = b' ');
    }
    // Last, because a cut may lie in another one.
    for cut in cuts.iter().filter(|cut| cut.ends_statement) {
        bytes[cut.span.start as usize] = b';';
    }
    // Cuts begin and end between characters.
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text without types, its spaces made one.
    fn stripped(text: &str) -> String {
        let stripped = strip(text).unwrap();
        assert_eq!(stripped.chars().count(), text.chars().count(), "every place stays");
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
            "function a(b: string): void;",
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
    }

    #[test]
    fn characters_of_several_bytes_keep_their_place() {
        assert_eq!(strip("let ö: 'ä' = 'ü'").unwrap().trim_end(), "let ö       = 'ü'");
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
}
