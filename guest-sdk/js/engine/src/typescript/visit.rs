//! Finds the types in a syntax tree.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Class, Declaration, ExportDefaultDeclarationKind, FormalParameter, MethodDefinition,
    PropertyDefinition, PropertyDefinitionType,
};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan, Span};

use super::Cut;

/// Words before a member's name that are TypeScript's.
const MODIFIERS: &[&str] =
    &["private", "public", "protected", "readonly", "override", "abstract", "declare"];

/// The types of a text.
pub(super) struct Types<'t> {
    text: &'t str,
    pub cuts: Vec<Cut>,
    /// The first thing that is more than a type.
    pub refused: Option<(Span, &'static str)>,
}

impl<'t> Types<'t> {
    pub fn new(text: &'t str) -> Self {
        Types { text, cuts: Vec::new(), refused: None }
    }

    fn cut(&mut self, start: u32, end: u32) {
        self.cuts.push(Cut { span: Span::new(start, end), ends_statement: false });
    }

    /// Cuts a statement, or a member of a class.
    fn cut_statement(&mut self, span: Span) {
        self.cuts.push(Cut { span, ends_statement: true });
    }

    /// Cuts ` as T`. What follows on the next line must not go on with the expression.
    fn cut_tail(&mut self, start: u32, end: u32) {
        let rest = &self.text[end as usize..];
        let next = rest.trim_start();
        let breaks = rest[..rest.len() - next.len()].contains('\n');
        let ends_statement = breaks && next.starts_with(['(', '[', '`']);
        self.cuts.push(Cut { span: Span::new(start, end), ends_statement });
    }

    fn refuse(&mut self, span: Span, what: &'static str) {
        self.refused.get_or_insert((span, what));
    }

    /// Cuts the first of these characters between two places.
    fn cut_mark(&mut self, from: u32, to: u32, mark: char) {
        if let Some(at) = self.text.get(from as usize..to as usize).and_then(|text| text.find(mark))
        {
            let at = from + at as u32;
            self.cut(at, at + 1);
        }
    }

    /// Cuts the modifiers between the start of a member and its name.
    fn cut_modifiers(&mut self, from: u32, to: u32) {
        let text = &self.text[from as usize..to as usize];
        let mut at = 0;
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$') {
            // The pieces of a split follow one another with one character between them.
            if MODIFIERS.contains(&word) {
                let start = from + at as u32;
                self.cut(start, start + word.len() as u32);
            }
            at += word.len();
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }

    /// Returns the end of a part of a list, with the comma behind it.
    fn with_comma(&self, end: u32) -> u32 {
        let rest = &self.text[end as usize..];
        match rest.trim_start().starts_with(',') {
            true => end + rest.find(',').map_or(0, |at| at as u32 + 1),
            false => end,
        }
    }

    fn parameter(&mut self, parameter: &FormalParameter<'_>) {
        if parameter.accessibility.is_some() || parameter.readonly || parameter.r#override {
            self.refuse(parameter.span, "a parameter property: declare the field and assign it");
        }
        if parameter.optional {
            let from = parameter.pattern.span().end;
            self.cut_mark(from, self.text.len() as u32, '?');
        }
    }

    fn class(&mut self, class: &Class<'_>) {
        if class.declare {
            return self.cut_statement(class.span);
        }
        if class.r#abstract {
            let word = self.text[class.span.start as usize..].find("class").unwrap_or_default();
            self.cut_modifiers(class.span.start, class.span.start + word as u32);
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
        let from = property.key.span().end;
        if property.optional {
            self.cut_mark(from, property.span.end, '?');
        }
        if property.definite {
            self.cut_mark(from, property.span.end, '!');
        }
    }

    fn method(&mut self, method: &MethodDefinition<'_>) {
        if method.value.body.is_none() {
            return self.cut_statement(method.span);
        }
        self.cut_modifiers(method.span.start, method.key.span().start);
        if method.optional {
            self.cut_mark(method.key.span().end, method.value.span.end, '?');
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
        _ => false,
    }
}

impl<'a> Visit<'a> for Types<'_> {
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
                if let ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) = node.declaration {
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
                self.cut_mark(node.id.span().end, node.span.end, '!');
            }
            AstKind::Function(node)
                if node.declare || (node.body.is_none() && node.id.is_some()) =>
            {
                self.cut_statement(node.span);
            }
            AstKind::FormalParameter(node) => self.parameter(node),
            AstKind::Class(node) => self.class(node),
            AstKind::PropertyDefinition(node) => self.property(node),
            AstKind::MethodDefinition(node) => self.method(node),
            _ => {}
        }
    }
}
