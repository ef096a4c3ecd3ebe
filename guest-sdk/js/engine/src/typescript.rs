//! Takes the types out of a TypeScript text. Each becomes as many spaces, so lines and columns stay
//! what they are, and no source map is needed.
//!
//! JavaScript gives line breaks a meaning in some places, and lines that were kept apart by a type
//! may become one statement. There a cut leaves a semicolon, or a parenthesis is moved over it.
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
    Ok(types.edits.of(text))
}

/// What is done to a text.
#[derive(Default)]
struct Edits {
    /// Parts that become spaces, line by line.
    cuts: Vec<Span>,
    /// Characters that are written in the place of others.
    marks: Vec<(u32, char)>,
}

impl Edits {
    /// Returns a text with these edits made.
    fn of(&self, text: &str) -> String {
        // By the byte at which a character begins: what takes its place.
        let mut places = vec![None; text.len()];
        for cut in &self.cuts {
            places[cut.start as usize..cut.end as usize].fill(Some(' '));
        }
        // Last, because a cut may lie in another one.
        for &(at, mark) in &self.marks {
            places[at as usize] = Some(mark);
        }
        let place = |(at, character)| match places[at] {
            Some(' ') if is_line_break(character) => character,
            Some(mark) => mark,
            None => character,
        };
        text.char_indices().map(place).collect()
    }
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;
