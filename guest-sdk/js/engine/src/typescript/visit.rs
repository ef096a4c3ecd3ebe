//! Finds the types in a syntax tree.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    ArrowFunctionExpression, Class, Declaration, ExportDefaultDeclarationKind, FormalParameter,
    MethodDefinition, PropertyDefinition, PropertyDefinitionType, PropertyKey, TSClassImplements,
    TSInterfaceBody, TSModuleBlock, TSType, TSTypeParameter,
};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan, Span};

use super::{Edits, is_line_break};

/// Words before a member's name that are TypeScript's.
const MODIFIERS: &[&str] =
    &["private", "public", "protected", "readonly", "override", "abstract", "declare"];

/// Names of fields that are taken for something else if a member follows: `get` for a getter.
const WORDS_BEFORE_A_MEMBER: &[&str] = &["get", "set", "static", "async", "accessor"];

/// The types of a text.
pub(super) struct Types<'t> {
    text: &'t str,
    pub edits: Edits,
    /// The first thing that is more than a type.
    pub refused: Option<(Span, &'static str)>,
}

impl<'t> Types<'t> {
    pub fn new(text: &'t str) -> Self {
        Types { text, edits: Edits::default(), refused: None }
    }

    fn cut(&mut self, start: u32, end: u32) {
        self.edits.cuts.push(Span::new(start, end));
    }

    fn mark(&mut self, at: u32, mark: char) {
        self.edits.marks.push((at, mark));
    }

    /// Cuts a statement, or a member of a class. A semicolon keeps the lines around it apart.
    fn cut_statement(&mut self, span: Span) {
        self.cut(span.start, span.end);
        self.mark(span.start, ';');
    }

    /// Cuts what ends an expression, like ` as T`. What follows on the next line must not go on
    /// with the expression.
    fn cut_tail(&mut self, start: u32, end: u32) {
        self.cut(start, end);
        let next = self.skip(end);
        if self.breaks(end, next) && self.from(next).starts_with(['(', '[', '`']) {
            self.mark(start, ';');
        }
    }

    fn refuse(&mut self, span: Span, what: &'static str) {
        self.refused.get_or_insert((span, what));
    }

    fn from(&self, at: u32) -> &'t str {
        self.text.get(at as usize..).unwrap_or_default()
    }

    /// Returns whether a line ends between two places.
    fn breaks(&self, start: u32, end: u32) -> bool {
        self.text[start as usize..end as usize].contains(is_line_break)
    }

    /// Returns the place of what comes next, after white space and comments.
    fn skip(&self, from: u32) -> u32 {
        let mut rest = self.from(from).trim_start();
        loop {
            let comment = match rest.as_bytes() {
                [b'/', b'/', ..] => rest.find(is_line_break),
                [b'/', b'*', ..] => rest.find("*/").map(|end| end + 2),
                _ => break,
            };
            rest = rest[comment.unwrap_or(rest.len())..].trim_start();
        }
        (self.text.len() - rest.len()) as u32
    }

    /// Cuts a mark that comes next after a name, as in `name?: T`.
    fn cut_mark(&mut self, name_end: u32, mark: char) {
        let mut at = self.skip(name_end);
        if self.from(at).starts_with(']') {
            // The name is computed.
            at = self.skip(at + 1);
        }
        if self.from(at).starts_with(mark) {
            self.cut(at, at + 1);
        }
    }

    /// Cuts the modifiers between the start of a member and its name. If it then begins with `[` or
    /// `*`, a semicolon keeps it apart from the member before.
    fn cut_modifiers(&mut self, start: u32, name: u32) {
        let (mut at, mut first, mut begins_with) = (self.skip(start), None, None);
        while at < name {
            let rest = self.from(at);
            let is_other = |c: char| !c.is_alphanumeric() && c != '_' && c != '$';
            let word = &rest[..rest.find(is_other).unwrap_or(rest.len())];
            if !MODIFIERS.contains(&word) {
                begins_with = begins_with.or(rest.chars().next());
            } else {
                self.cut(at, at + word.len() as u32);
                first = first.or(Some(at));
            }
            if word.is_empty() {
                break;
            }
            at = self.skip(at + word.len() as u32);
        }
        if let (Some(first), Some('[' | '*')) = (first, begins_with) {
            self.mark(first, ';');
        }
    }

    /// Returns the end of a part of a list, with the comma behind it.
    fn with_comma(&self, end: u32) -> u32 {
        let next = self.skip(end);
        if self.from(next).starts_with(',') { next + 1 } else { end }
    }

    /// Keeps an arrow function together: no line may end after its `async`, nor before its `=>`.
    fn arrow(&mut self, arrow: &ArrowFunctionExpression<'_>) {
        let Span { start, end, .. } = arrow.params.span;
        if let Some(types) = &arrow.type_parameters
            && self.breaks(types.span.start, start)
        {
            self.cut(start, start + 1);
            self.mark(types.span.start, '(');
        }
        if let Some(result) = &arrow.return_type
            && self.breaks(end, result.span.end)
        {
            let last = self.text[..result.span.end as usize].char_indices().next_back();
            self.cut(end - 1, end);
            self.mark(last.map_or(end, |(at, _)| at as u32), ')');
        }
    }

    fn parameter(&mut self, parameter: &FormalParameter<'_>) {
        if parameter.accessibility.is_some() || parameter.readonly || parameter.r#override {
            self.refuse(parameter.span, "a parameter property: declare the field and assign it");
        }
        if parameter.optional {
            self.cut_mark(parameter.pattern.span().end, '?');
        }
    }

    fn class(&mut self, class: &Class<'_>) {
        if class.declare {
            return self.cut_statement(class.span);
        }
        if class.r#abstract {
            self.cut(class.span.start, class.span.start + "abstract".len() as u32);
        }
        if let (Some(first), Some(last)) = (class.implements.first(), class.implements.last()) {
            let before = &self.text[..first.span.start as usize];
            let start = before.rfind("implements").unwrap_or(before.len());
            self.cut(start as u32, last.span.end);
        }
    }

    fn property(&mut self, property: &PropertyDefinition<'_>) {
        let is_abstract = property.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition;
        if property.declare || is_abstract {
            return self.cut_statement(property.span);
        }
        self.cut_modifiers(property.span.start, property.key.span().start);
        let end = property.key.span().end;
        if property.optional {
            self.cut_mark(end, '?');
        }
        if property.definite {
            self.cut_mark(end, '!');
        }
        let is_word = matches!(&property.key, PropertyKey::StaticIdentifier(name)
            if WORDS_BEFORE_A_MEMBER.contains(&name.name.as_str()));
        let next = self.skip(end);
        if is_word && property.value.is_none() && self.from(next).starts_with(['?', '!', ':']) {
            self.mark(next, ';');
        }
    }

    fn method(&mut self, method: &MethodDefinition<'_>) {
        if method.value.body.is_none() {
            return self.cut_statement(method.span);
        }
        self.cut_modifiers(method.span.start, method.key.span().start);
        if method.optional {
            self.cut_mark(method.key.span().end, '?');
        }
    }
}

/// Returns whether nothing is left of an exported declaration.
fn is_type(declaration: &Declaration<'_>) -> bool {
    match declaration {
        Declaration::TSInterfaceDeclaration(_) | Declaration::TSTypeAliasDeclaration(_) => true,
        Declaration::VariableDeclaration(variables) => variables.declare,
        Declaration::FunctionDeclaration(function) => function.declare || function.body.is_none(),
        Declaration::ClassDeclaration(class) => class.declare,
        Declaration::TSEnumDeclaration(r#enum) => r#enum.declare,
        Declaration::TSNamespaceDeclaration(namespace) => namespace.declare,
        _ => false,
    }
}

impl<'a> Visit<'a> for Types<'_> {
    // There is nothing to find in what is cut as a whole. A member of a type is none of a class: it
    // may not leave a semicolon.
    fn visit_ts_type(&mut self, _: &TSType<'a>) {}
    fn visit_ts_type_parameter(&mut self, _: &TSTypeParameter<'a>) {}
    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}
    fn visit_ts_interface_body(&mut self, _: &TSInterfaceBody<'a>) {}
    fn visit_ts_module_block(&mut self, _: &TSModuleBlock<'a>) {}

    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::TSTypeAnnotation(node) => {
                // The colon belongs to the annotation in some places, and lies before it in others.
                let before = self.text[..node.span.start as usize].trim_end();
                let has_colon = self.text[node.span.start as usize..].starts_with(':');
                let start = match before.ends_with(':') && !has_colon {
                    true => before.len() as u32 - 1,
                    false => node.span.start,
                };
                self.cut(start, node.span.end);
            }
            AstKind::TSTypeParameterDeclaration(node) => self.cut(node.span.start, node.span.end),
            AstKind::TSTypeParameterInstantiation(node) => {
                self.cut(node.span.start, node.span.end);
            }
            AstKind::TSIndexSignature(node) => self.cut_statement(node.span),
            AstKind::TSInterfaceDeclaration(node) => self.cut_statement(node.span),
            AstKind::TSTypeAliasDeclaration(node) => self.cut_statement(node.span),
            AstKind::TSExternalModuleDeclaration(node) => self.cut_statement(node.span),
            AstKind::TSGlobalDeclaration(node) => self.cut_statement(node.span),
            AstKind::TSAsExpression(node) => {
                self.cut_tail(node.expression.span().end, node.span.end);
            }
            AstKind::TSSatisfiesExpression(node) => {
                self.cut_tail(node.expression.span().end, node.span.end);
            }
            AstKind::TSNonNullExpression(node) => self.cut(node.span.end - 1, node.span.end),
            AstKind::TSTypeAssertion(node) => {
                self.refuse(node.span, "`<T>value`: write `value as T`");
            }
            AstKind::TSEnumDeclaration(node) if node.declare => self.cut_statement(node.span),
            AstKind::TSEnumDeclaration(node) => {
                self.refuse(node.span, "an enum: write an object `as const`");
            }
            AstKind::TSNamespaceDeclaration(node) if node.declare => self.cut_statement(node.span),
            AstKind::TSNamespaceDeclaration(node) => {
                self.refuse(node.span, "a namespace: write a module");
            }
            AstKind::TSImportEqualsDeclaration(node) => self.refuse(node.span, "`import =`"),
            AstKind::TSExportAssignment(node) => self.refuse(node.span, "`export =`"),
            AstKind::TSThisParameter(node) => {
                self.cut(node.span.start, self.with_comma(node.span.end));
            }
            AstKind::ImportDeclaration(node) if node.import_kind.is_type() => {
                self.cut_statement(node.span);
            }
            AstKind::ImportSpecifier(node) if node.import_kind.is_type() => {
                self.cut(node.span.start, self.with_comma(node.span.end));
            }
            AstKind::ExportNamedDeclaration(node) if node.export_kind.is_type() => {
                self.cut_statement(node.span);
            }
            AstKind::ExportFromDeclaration(node) if node.export_kind.is_type() => {
                self.cut_statement(node.span);
            }
            AstKind::ExportDefaultDeclaration(node) => {
                let is_type = match &node.declaration {
                    ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
                    ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                        function.body.is_none()
                    }
                    _ => false,
                };
                if is_type {
                    self.cut_statement(node.span);
                }
            }
            AstKind::ExportAllDeclaration(node) if node.export_kind.is_type() => {
                self.cut_statement(node.span);
            }
            AstKind::ExportSpecifier(node) if node.export_kind.is_type() => {
                self.cut(node.span.start, self.with_comma(node.span.end));
            }
            AstKind::ExportDeclaration(node) if is_type(&node.declaration) => {
                self.cut_statement(node.span);
            }
            AstKind::VariableDeclaration(node) if node.declare => self.cut_statement(node.span),
            AstKind::VariableDeclarator(node) if node.definite => {
                self.cut_mark(node.id.span().end, '!');
            }
            AstKind::Function(node)
                if node.declare || (node.body.is_none() && node.id.is_some()) =>
            {
                self.cut_statement(node.span);
            }
            AstKind::ArrowFunctionExpression(node) => self.arrow(node),
            AstKind::FormalParameter(node) => self.parameter(node),
            AstKind::Class(node) => self.class(node),
            AstKind::PropertyDefinition(node) => self.property(node),
            AstKind::MethodDefinition(node) => self.method(node),
            _ => {}
        }
    }
}
