//! Output templates: literal text with `%field`, `%20field` and `%transformer(field)` in it.

use bumpalo::Bump;

use super::json;
use crate::event::text::number_text;
use crate::event::{Event, EventSchema, FieldId, Kind, Schema, Value, near_field};
use crate::ir::expr::{ExprId, Exprs, Op};
use crate::lower::operand::{Operands, Place};
use crate::syntax::ast::{Field, Operand, Position};
use crate::syntax::{parse_operand, print};
use crate::text;
use crate::vm::eval;

/// The longest field or transformer of a template.
const LONGEST: usize = 1024;

/// The longest text of a list or a buffer.
const LONGEST_TEXT: usize = 1023;

/// The reason why a text is not a template. Printed in Falco's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is empty.
    #[error("empty formatting token")]
    Empty,
    /// It ends in a `%`.
    #[error("invalid formatting syntax: formatting cannot end with a %")]
    EndsInPercent,
    /// It ends in a width.
    #[error("invalid formatting syntax: formatting cannot end with a number")]
    EndsInNumber,
    /// There is no field behind a `%`.
    #[error("unknown filter: unexpected token after '")]
    UnknownField {
        /// The text behind the `%`, up to a space or the next `%`.
        token: String,
    },
    /// There is no source of that name.
    #[error("unknown source")]
    UnknownSource,
}

/// The output after a `%`.
const PERCENT: &str = "a `%` begins a field such as `%proc.name`";

impl TemplateError {
    /// Returns a hint, given the fields that the schema has.
    pub fn hint(&self, schema: &dyn Schema) -> Option<String> {
        match self {
            Self::EndsInPercent | Self::EndsInNumber => Some(PERCENT.to_owned()),
            Self::UnknownField { token } if token.is_empty() => Some(PERCENT.to_owned()),
            Self::UnknownField { token } => Some(match near_field(schema, token) {
                Some(near) => format!("`%{token}` is not a field: {near}"),
                None => format!("`%{token}` is not a field"),
            }),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<[u8]>),
    /// An expression, and the width that it is cut or filled to; 0 if none.
    Value(ExprId, usize),
}

/// A field that a template prints.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    id: FieldId,
}

/// A parsed template. The default one prints nothing.
#[derive(Debug, Clone, Default)]
pub struct Template {
    pieces: Vec<Piece>,
    /// The fields, those under transformers too, in order of their appearance.
    fields: Vec<Named>,
    /// The transformers, as they are printed.
    transformers: Vec<String>,
    exprs: Exprs,
}

impl Template {
    /// Parses a template. A field is the longest text behind a `%` that is one.
    ///
    /// # Errors
    /// If a `%` is not followed by a field, if the template is empty, or if it ends in a `%` or a width.
    pub fn parse(template: &str, schema: &mut dyn Schema) -> Result<Self, TemplateError> {
        if template.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut rest = template.strip_prefix('*').unwrap_or(template);
        let mut parsed =
            Self { pieces: Vec::new(), fields: Vec::new(), transformers: Vec::new(), exprs: Exprs::default() };
        while let Some(percent) = rest.find('%') {
            parsed.literal(&rest[..percent]);
            rest = &rest[percent + 1..];
            if rest.is_empty() {
                return Err(TemplateError::EndsInPercent);
            }
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let width = rest[..digits].parse::<usize>().unwrap_or(0);
            rest = &rest[digits..];
            if rest.is_empty() {
                return Err(TemplateError::EndsInNumber);
            }
            let (operand, expr, used) = parsed.longest(rest, schema)?;
            parsed.name_fields(&operand, schema);
            if matches!(operand, Operand::Transformer(..)) {
                parsed.transformers.push(String::from_utf8_lossy(&print::operand(&operand)).into_owned());
            }
            parsed.pieces.push(Piece::Value(expr, width.min(1 << 16)));
            rest = &rest[used..];
        }
        parsed.literal(rest);
        Ok(parsed)
    }

    fn literal(&mut self, literal: &str) {
        if !literal.is_empty() {
            self.pieces.push(Piece::Text(text::to_bytes(literal).into_owned().into()));
        }
    }

    /// Parses the longest operand at the beginning of `rest`.
    fn longest(&mut self, rest: &str, schema: &mut dyn Schema) -> Result<(Operand, ExprId, usize), TemplateError> {
        if let Some((operand, used)) = plain_field(rest) {
            let mut operands = Operands { exprs: &mut self.exprs, schema, place: Place::Output };
            if let Ok(expr) = operands.operand(&operand) {
                return Ok((operand, expr, used));
            }
        }
        let mut size = boundary(rest, LONGEST);
        while size > 0 {
            let mut next = boundary(rest, size - 1);
            match parse_operand(&rest[..size]) {
                Ok((operand, used)) => {
                    let mut operands = Operands { exprs: &mut self.exprs, schema, place: Place::Output };
                    match operands.operand(&operand) {
                        Ok(expr) => return Ok((operand, expr, used)),
                        // The text behind the operand makes no difference.
                        Err(_) => next = next.min(boundary(rest, used.saturating_sub(1))),
                    }
                }
                // Nor does the text behind the place where parsing ended.
                Err(error) => next = next.min(boundary(rest, error.position.index + 1)),
            }
            size = next;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '%').unwrap_or(rest.len());
        Err(TemplateError::UnknownField { token: rest[..end].to_owned() })
    }

    fn name_fields(&mut self, operand: &Operand, schema: &mut dyn Schema) {
        match operand {
            Operand::Field(field, _) => {
                if let Ok(info) = schema.print_field(&field.name, field.arg.as_deref()) {
                    let name = String::from_utf8_lossy(&print::operand(operand)).into_owned();
                    self.fields.push(Named { name, id: info.id });
                }
            }
            Operand::Transformer(transformer, _) => {
                transformer.args.iter().for_each(|arg| self.name_fields(arg, schema));
            }
            Operand::List(items, _) => items.iter().for_each(|item| self.name_fields(item, schema)),
            Operand::Value(..) => {}
        }
    }

    /// Returns the names of the fields that it prints.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// Returns the fields, by number.
    pub(crate) fn field_ids(&self) -> impl Iterator<Item = FieldId> {
        self.fields.iter().map(|field| field.id)
    }

    /// Returns the fields with their names.
    pub(crate) fn named_fields(&self) -> impl Iterator<Item = (&str, FieldId)> {
        self.fields.iter().map(|field| (field.name.as_str(), field.id))
    }

    /// Returns the transformers that it prints, such as `toupper(proc.name)`.
    pub fn transformers(&self) -> impl Iterator<Item = &str> {
        self.transformers.iter().map(String::as_str)
    }

    /// Appends the text for an event; a missing value prints as `<NA>`.
    pub fn render<E: Event>(&self, event: &E, arena: &Bump, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(expr, width) => {
                    let start = out.len();
                    out.extend_from_slice(self.text(*expr, event, arena).unwrap_or(b"<NA>"));
                    if *width > 0 {
                        out.resize(start + width, b' ');
                    }
                }
            }
        }
    }

    fn text<'e, E: Event>(&'e self, id: ExprId, event: &'e E, arena: &'e Bump) -> Option<&'e [u8]> {
        let expr = &self.exprs[id];
        if let Op::Field(field) = expr.op {
            return event.text(field, arena);
        }
        let one = |value: Value<'e>| match value {
            Value::Bytes(bytes) if expr.kind == Kind::ByteBuf => Some(printable(bytes, arena)),
            Value::Bytes(bytes) => Some(eval::c_text(bytes)),
            other => number_text(other, expr.print, arena),
        };
        match eval::value(&self.exprs, id, event, arena)? {
            Value::List(items) => {
                let mut text = bumpalo::collections::Vec::new_in(arena);
                text.push(b'(');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        text.push(b',');
                    }
                    text.extend_from_slice(one(*item).unwrap_or_default());
                }
                text.push(b')');
                text.truncate(LONGEST_TEXT);
                Some(text.into_bump_slice())
            }
            single => one(single),
        }
    }

    /// Returns whether an event has a text for every field and transformer.
    fn is_complete<E: Event>(&self, event: &E, arena: &Bump) -> bool {
        self.pieces.iter().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Value(expr, _) => self.text(*expr, event, arena).is_some(),
        })
    }
}

/// A template with the schema that it was compiled with: it prints events of that schema.
///
/// ```
/// use bumpalo::Bump;
/// use peregrine_rule_engine::event::json::{JsonDocument, JsonSchema};
/// use peregrine_rule_engine::output::Formatter;
///
/// let line = Formatter::compile("%json.value[/user] from %json.value[/from]", JsonSchema::new("login"))?;
/// let document = JsonDocument::parse(br#"{"user": "root"}"#)?;
/// let (arena, mut text) = (Bump::new(), Vec::new());
/// let Ok(()) = line.render(&document, &arena, &mut text);
/// assert_eq!(text, b"root from <NA>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Formatter<S> {
    schema: S,
    template: Template,
    /// The fields of the JSON object: each once, in the order of names.
    members: Vec<Named>,
}

impl<S: EventSchema> Formatter<S> {
    /// Compiles a template; see [`Template::parse`].
    ///
    /// # Errors
    /// If the text is not a template of this schema.
    pub fn compile(template: &str, mut schema: S) -> Result<Self, TemplateError> {
        let template = Template::parse(template, &mut schema)?;
        let mut members = template.fields.clone();
        members.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        members.dedup_by(|a, b| a.name == b.name);
        Ok(Self { template, members, schema })
    }

    /// Returns the names of the fields that it prints.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.template.fields()
    }

    /// Appends the text for an event; a missing value prints as `<NA>`. Values that must be built live in `arena`.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn render<'a>(&'a self, input: S::Input<'a>, arena: &'a Bump, out: &mut Vec<u8>) -> Result<(), S::Error> {
        self.template.render(&self.schema.event(input)?, arena, out);
        Ok(())
    }

    /// Appends a JSON object of the fields, each once, in the order of their names. Fields under a transformer have their own
    /// value, those without a value are null.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn write_json<'a>(&'a self, input: S::Input<'a>, arena: &'a Bump, out: &mut Vec<u8>) -> Result<(), S::Error> {
        let event = self.schema.event(input)?;
        out.push(b'{');
        for (place, field) in self.members.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::string(field.name.as_bytes(), out);
            out.push(b':');
            json::value(event.json(field.id, arena), out);
        }
        out.push(b'}');
        Ok(())
    }

    /// Returns whether an event has a text for every field and transformer, so that no `<NA>` is rendered.
    ///
    /// # Errors
    /// If the input is not an event of this schema.
    pub fn is_complete<'a>(&'a self, input: S::Input<'a>, arena: &'a Bump) -> Result<bool, S::Error> {
        Ok(self.template.is_complete(&self.schema.event(input)?, arena))
    }
}

/// Returns the last place up to `at` where a character begins or the text ends.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// Parses the field at the beginning of `rest`, if it is not a transformer and its argument is unquoted: this is nearly
/// every field of a template. Anything else is left to the grammar.
fn plain_field(rest: &str) -> Option<(Operand, usize)> {
    let bytes = rest.as_bytes();
    let end =
        bytes.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"._".contains(byte)).unwrap_or(rest.len());
    let name = &rest[..end];
    let starts_well = |word: &str| word.starts_with(|first: char| first.is_ascii_alphabetic());
    if !name.contains('.') || !name.split('.').all(starts_well) {
        return None;
    }
    let (arg, used) = match bytes.get(end) {
        Some(b'(') => return None,
        Some(b'[') => {
            let arg = &rest[end + 1..][..rest[end + 1..].find(']')?];
            let bare = |byte: u8| byte.is_ascii_graphic() && !b"[]\"'".contains(&byte);
            if arg.is_empty() || !arg.bytes().all(bare) {
                return None;
            }
            (Some(arg.as_bytes().to_vec()), end + arg.len() + 2)
        }
        _ => (None, end),
    };
    Some((Operand::Field(Field { name: name.to_owned(), arg }, Position::START), used))
}

/// Returns bytes with dots for unprintable ones.
fn printable<'e>(bytes: &[u8], arena: &'e Bump) -> &'e [u8] {
    let shown = &bytes[..bytes.len().min(LONGEST_TEXT)];
    arena.alloc_slice_fill_iter(shown.iter().map(|byte| match byte {
        b' '..=b'~' => *byte,
        _ => b'.',
    }))
}
