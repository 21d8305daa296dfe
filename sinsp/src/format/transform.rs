//! Transformers: what may be made of a value before it is printed.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use scap::ParamType;

use super::Expr;
use crate::Event;
use crate::fields::{FieldFlags, Value};

/// What a transformer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transformer {
    ToLower,
    ToUpper,
    Base64,
    BaseName,
    Len,
    Join,
    Concat,
    GetOpt,
}

impl Transformer {
    const ALL: [(Self, &str); 8] = [
        (Self::ToLower, "tolower"),
        (Self::ToUpper, "toupper"),
        (Self::Base64, "b64"),
        (Self::BaseName, "basename"),
        (Self::Len, "len"),
        (Self::Join, "join"),
        (Self::Concat, "concat"),
        (Self::GetOpt, "getopt"),
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(transformer, _)| *transformer)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(transformer, _)| *transformer == self).map_or("", |(_, name)| name)
    }
}

/// An operand: one expression, or a list of such in parentheses.
#[derive(Debug, Clone)]
pub(super) enum List {
    One(Expr),
    Many(Vec<Expr>),
}

/// A transformer with its operands.
#[derive(Debug, Clone)]
pub(super) struct Call {
    transformer: Transformer,
    operands: Vec<List>,
    selector: Option<String>,
}

impl Call {
    /// Checks that the operands fit.
    pub(super) fn new(transformer: Transformer, operands: Vec<List>, selector: Option<String>) -> Result<Self, String> {
        let name = transformer.name();
        for operand in operands.iter().flat_map(|operand| operand.items()) {
            if let Expr::Field(field) = operand {
                if field.def().flags.contains(FieldFlags::NO_TRANSFORMER) {
                    return Err(format!("field '{}' does not support transformers", field.def().name));
                }
                let text = matches!(
                    field.kind(),
                    ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath | ParamType::ByteBuf
                );
                let number = matches!(field.kind(), ParamType::Pid | ParamType::Int64 | ParamType::UInt64);
                let many = matches!(transformer, Transformer::Join | Transformer::Concat | Transformer::GetOpt);
                let fits = text || (number && many) || (transformer == Transformer::Len && field.is_list());
                if !fits {
                    return Err(format!(
                        "can't add field transformer: type '{}' is not supported by '{name}' transformer applied on \
                         field '{}'",
                        field.kind().name(),
                        field.def().name
                    ));
                }
            }
        }
        let fits = match (transformer, operands.as_slice()) {
            (Transformer::Join, [List::One(separator), List::Many(_)]) => !separator.is_list(),
            (Transformer::Join, [List::One(separator), List::One(list)]) => !separator.is_list() && list.is_list(),
            (Transformer::Concat, [_, _, ..]) => {
                operands.iter().all(|operand| matches!(operand, List::One(expr) if !expr.is_list()))
            }
            (Transformer::GetOpt, [List::Many(_), List::One(options)]) => !options.is_list(),
            (Transformer::GetOpt, [List::One(list), List::One(options)]) => list.is_list() && !options.is_list(),
            (Transformer::Join | Transformer::Concat | Transformer::GetOpt, _) => false,
            (_, [List::One(_)]) => true,
            _ => false,
        };
        if !fits {
            return Err(format!("wrong operands of the transformer '{name}'"));
        }
        if selector.as_deref() == Some("") {
            return Err(format!("empty selector of the transformer '{name}'"));
        }
        Ok(Self { transformer, operands, selector })
    }

    pub(super) fn operands(&self) -> impl Iterator<Item = &Expr> {
        self.operands.iter().flat_map(|operand| operand.items())
    }

    pub(super) fn is_list(&self) -> bool {
        match self.transformer {
            Transformer::Len | Transformer::Join | Transformer::Concat => false,
            Transformer::GetOpt => self.selector.is_none(),
            _ => self.operands().any(Expr::is_list),
        }
    }

    /// What it makes of the event; `None` where an operand has no value.
    pub(super) fn value<'e>(&'e self, event: &'e Event<'e>, arena: &'e Bump) -> Option<Value<'e>> {
        let one = |index: usize| self.operands.get(index)?.items().first()?.value(event, arena);
        match self.transformer {
            Transformer::ToLower => each(one(0)?, arena, |text| Some(mapped(text, arena, u8::to_ascii_lowercase))),
            Transformer::ToUpper => each(one(0)?, arena, |text| Some(mapped(text, arena, u8::to_ascii_uppercase))),
            Transformer::BaseName => each(one(0)?, arena, |text| Some(base_name(text))),
            Transformer::Base64 => each(one(0)?, arena, |text| decode(text, arena)),
            Transformer::Len => Some(Value::U64(match one(0)? {
                Value::List(values) => values.len() as u64,
                value => text(value, arena).len() as u64,
            })),
            Transformer::Concat => {
                let mut out = BumpVec::new_in(arena);
                for index in 0..self.operands.len() {
                    out.extend_from_slice_copy(text(one(index)?, arena));
                }
                Some(Value::Bytes(out.into_bump_slice()))
            }
            Transformer::Join => {
                let separator = text(one(0)?, arena);
                let mut out = BumpVec::new_in(arena);
                for (i, value) in self.list(1, event, arena)?.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice_copy(separator);
                    }
                    out.extend_from_slice_copy(text(*value, arena));
                }
                Some(Value::Bytes(out.into_bump_slice()))
            }
            Transformer::GetOpt => {
                let list = self.list(0, event, arena)?;
                let options = text(one(1)?, arena);
                let mut found = BumpVec::new_in(arena);
                options_of(list, options, arena, &mut found);
                match &self.selector {
                    None => {
                        let flat = found.iter().flat_map(|(letter, value)| [Some(*letter), *value]).flatten();
                        let mut values = BumpVec::new_in(arena);
                        values.extend(flat.map(Value::Bytes));
                        Some(Value::List(values.into_bump_slice()))
                    }
                    Some(wanted) => {
                        let last = found.iter().rev().find(|(letter, _)| *letter == wanted.as_bytes())?;
                        Some(Value::Bytes(last.1.unwrap_or(last.0)))
                    }
                }
            }
        }
    }

    /// The values of an operand that is a list.
    fn list<'e>(&'e self, index: usize, event: &'e Event<'e>, arena: &'e Bump) -> Option<&'e [Value<'e>]> {
        match self.operands.get(index)? {
            List::One(expr) => match expr.value(event, arena)? {
                Value::List(values) => Some(values),
                value => Some(arena.alloc([value])),
            },
            List::Many(items) => {
                let mut values = BumpVec::new_in(arena);
                for item in items {
                    values.push(item.value(event, arena)?);
                }
                Some(values.into_bump_slice())
            }
        }
    }
}

/// A list as it is printed.
pub(super) fn list_text<'e>(values: &[Value<'e>], arena: &'e Bump) -> &'e [u8] {
    let mut out = BumpVec::new_in(arena);
    out.push(b'(');
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice_copy(text(*value, arena));
    }
    out.push(b')');
    out.into_bump_slice()
}

/// A value as text: numbers in decimal digits.
fn text<'e>(value: Value<'e>, arena: &'e Bump) -> &'e [u8] {
    match value {
        Value::Bytes(text) => text,
        Value::U64(number) => bumpalo::format!(in arena, "{}", number).into_bump_str().as_bytes(),
        Value::I64(number) => bumpalo::format!(in arena, "{}", number).into_bump_str().as_bytes(),
        _ => b"",
    }
}

/// Applies `to` to a text, or to each of a list.
fn each<'e>(value: Value<'e>, arena: &'e Bump, to: impl Fn(&'e [u8]) -> Option<&'e [u8]>) -> Option<Value<'e>> {
    match value {
        Value::List(values) => {
            let mut out = BumpVec::with_capacity_in(values.len(), arena);
            for value in values {
                out.push(Value::Bytes(to(value.bytes()?)?));
            }
            Some(Value::List(out.into_bump_slice()))
        }
        value => to(value.bytes()?).map(Value::Bytes),
    }
}

fn mapped<'e>(text: &[u8], arena: &'e Bump, map: fn(&u8) -> u8) -> &'e [u8] {
    arena.alloc_slice_fill_iter(text.iter().map(map))
}

fn base_name(text: &[u8]) -> &[u8] {
    text.rsplit(|byte| *byte == b'/').next().filter(|_| text != b"/").unwrap_or(text)
}

/// Base64 with or without padding; `None` where it is none.
fn decode<'e>(text: &[u8], arena: &'e Bump) -> Option<&'e [u8]> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (digits, padding) = text.split_at_checked(end)?;
    if padding.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = BumpVec::with_capacity_in(digits.len() * 3 / 4 + 3, arena);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let six = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        let [_, bytes @ ..] = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        out.extend_from_slice_copy(bytes.get(..chunk.len() - 1)?);
    }
    Some(out.into_bump_slice())
}

/// Reads arguments as getopt does: letters, and the values of those after which `options` has a colon. Words that
/// begin with two dashes are passed over; the first that is no option ends the options.
fn options_of<'e>(
    args: &[Value<'e>],
    options: &[u8],
    arena: &'e Bump,
    found: &mut BumpVec<'e, (&'e [u8], Option<&'e [u8]>)>,
) {
    let mut args = args.iter().map(|arg| text(*arg, arena));
    while let Some(arg) = args.next() {
        let cluster = match arg {
            b"--" | b"-" => return,
            [b'-', b'-', ..] => continue,
            [b'-', cluster @ ..] => cluster,
            _ => return,
        };
        for (i, _) in cluster.iter().enumerate() {
            let letter = cluster.get(i..=i).unwrap_or_default();
            let at = options.iter().position(|option| *option != b':' && letter == [*option]);
            match at {
                None => found.push((b"?", None)),
                Some(at) if options.get(at + 1) != Some(&b':') => found.push((letter, None)),
                Some(_) => {
                    let rest = cluster.get(i + 1..).unwrap_or_default();
                    let value = if rest.is_empty() { args.next() } else { Some(rest) };
                    match value {
                        Some(value) => found.push((letter, Some(value))),
                        None => found.push((b"", None)),
                    }
                    break;
                }
            }
        }
    }
}
