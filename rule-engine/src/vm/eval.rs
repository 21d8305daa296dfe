//! The value of an expression: the event's fields and the transformers applied to them.
//!
//! Transformed text ends in a NUL, which most comparisons ignore; comparisons of whole buffers and of list elements do
//! not: the rules of the language depend on it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::event::text::number_text;
use crate::event::{Event, Kind, Value};
use crate::ir::expr::{ExprId, Exprs, Op, Unary};

/// Returns text up to its first NUL.
pub(crate) fn c_text(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// Returns text without the NULs at its end.
pub(crate) fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = text {
        text = rest;
    }
    text
}

/// Returns the value of `id` in `event`.
pub(crate) fn value<'e, E: Event>(exprs: &'e Exprs, id: ExprId, event: &'e E, arena: &'e Bump) -> Option<Value<'e>> {
    match &exprs[id].op {
        Op::Field(field) => event.value(*field, arena),
        Op::Constant(text) => Some(Value::Bytes(text)),
        Op::Unary(unary, inner) => {
            let expr = &exprs[*inner];
            let input = value(exprs, *inner, event, arena)?;
            if *unary == Unary::Len {
                return length(input, expr.kind, expr.base.1).map(Value::U64);
            }
            match input {
                Value::List(items) => {
                    let mut out = BumpVec::with_capacity_in(items.len(), arena);
                    for item in items {
                        out.push(Value::Bytes(transform(*unary, raw(*item, expr.kind, arena), arena)?));
                    }
                    Some(Value::List(out.into_bump_slice()))
                }
                other => Some(Value::Bytes(transform(*unary, raw(other, expr.kind, arena), arena)?)),
            }
        }
        Op::List(items) => {
            let mut out = BumpVec::with_capacity_in(items.len(), arena);
            for item in items {
                let expr = &exprs[*item];
                let numeric = matches!(expr.base.0, Kind::Pid | Kind::Int64 | Kind::UInt64);
                let mut push = |value: Value<'e>| {
                    let text = if numeric { number_text(value, expr.print, arena) } else { None };
                    out.push(Value::Bytes(text.unwrap_or_else(|| raw(value, expr.kind, arena))));
                };
                match value(exprs, *item, event, arena)? {
                    Value::List(values) => values.iter().for_each(|value| push(*value)),
                    single => push(single),
                }
            }
            Some(Value::List(out.into_bump_slice()))
        }
        Op::Concat(args) => {
            let mut out = BumpVec::new_in(arena);
            for arg in args {
                out.extend_from_slice(c_text(first(exprs, *arg, event, arena)?));
            }
            Some(Value::Bytes(out.into_bump_slice()))
        }
        Op::Join(separator, list) => {
            let separator = first(exprs, *separator, event, arena)?;
            let kind = exprs[*list].kind;
            let items = value(exprs, *list, event, arena)?;
            let items = if let Value::List(items) = &items { items } else { std::slice::from_ref(&items) };
            let mut out = BumpVec::new_in(arena);
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.extend_from_slice(separator);
                }
                out.extend_from_slice(c_text(raw(*item, kind, arena)));
            }
            Some(Value::Bytes(out.into_bump_slice()))
        }
        Op::GetOpt(list, letters, selector) => {
            let letters = first(exprs, *letters, event, arena)?;
            let items = value(exprs, *list, event, arena)?;
            let items = if let Value::List(items) = items { items } else { std::slice::from_ref(arena.alloc(items)) };
            getopt(items, letters, *selector, arena)
        }
    }
}

/// Returns the first value of an expression, as bytes.
fn first<'e, E: Event>(exprs: &'e Exprs, id: ExprId, event: &'e E, arena: &'e Bump) -> Option<&'e [u8]> {
    let single = match value(exprs, id, event, arena)? {
        Value::List(items) => *items.first()?,
        single => single,
    };
    Some(raw(single, exprs[id].kind, arena))
}

/// Returns the bytes of a value as they are in memory: transformers of several arguments take any value as bytes.
fn raw<'e>(value: Value<'e>, kind: Kind, arena: &'e Bump) -> &'e [u8] {
    let width = kind.number().map_or(8, |(bits, _)| bits as usize / 8);
    match value {
        Value::Bytes(bytes) => bytes,
        Value::Bool(truth) => arena.alloc_slice_copy(&u32::from(truth).to_le_bytes()),
        Value::I64(number) => &arena.alloc_slice_copy(&number.to_le_bytes())[..width],
        Value::U64(number) => &arena.alloc_slice_copy(&number.to_le_bytes())[..width],
        Value::F64(number) => arena.alloc_slice_copy(&number.to_le_bytes()),
        Value::Ip(std::net::IpAddr::V4(ip)) => arena.alloc_slice_copy(&ip.octets()),
        Value::Ip(std::net::IpAddr::V6(ip)) => arena.alloc_slice_copy(&ip.octets()),
        Value::List(_) => &[],
    }
}

fn length(value: Value<'_>, kind: Kind, list: bool) -> Option<u64> {
    match value {
        Value::List(items) if list => Some(items.len() as u64),
        // The type of `getopt` is not a list: it has a length only where it has one element.
        Value::List([single]) => length(*single, kind, false),
        Value::Bytes(text) if kind.is_text() => Some(c_text(text).len() as u64),
        Value::Bytes(bytes) => Some(bytes.len() as u64),
        _ => None,
    }
}

/// Applies a transformer of text to text.
fn transform<'e>(unary: Unary, input: &[u8], arena: &'e Bump) -> Option<&'e [u8]> {
    let input = trimmed(input);
    let mut out = BumpVec::with_capacity_in(input.len() + 1, arena);
    match unary {
        Unary::ToLower => out.extend(input.iter().map(u8::to_ascii_lowercase)),
        Unary::ToUpper => out.extend(input.iter().map(u8::to_ascii_uppercase)),
        Unary::Basename => {
            let start = memchr::memrchr(b'/', input).map_or(0, |slash| slash + 1);
            out.extend_from_slice(&input[start..]);
        }
        Unary::Base64 => decode_base64(input, &mut out)?,
        Unary::Len => return None,
    }
    if out.last() != Some(&0) {
        out.push(0);
    }
    Some(out.into_bump_slice())
}

/// Base64 whose padding was cut off, all bits of which belong to bytes.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD);

/// Decodes base64 with or without padding; `None` if it is invalid, or if bits are left over.
fn decode_base64(input: &[u8], out: &mut BumpVec<'_, u8>) -> Option<()> {
    let body = match input {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] => rest,
        other => other,
    };
    if body.is_empty() && !input.is_empty() {
        return None;
    }
    out.resize(base64::decoded_len_estimate(body.len()), 0);
    let len = BASE64.decode_slice(body, &mut out[..]).ok()?;
    out.truncate(len);
    Some(())
}

fn getopt<'e>(args: &'e [Value<'e>], letters: &[u8], selector: Option<u8>, arena: &'e Bump) -> Option<Value<'e>> {
    let known = |letter: u8| -> Option<bool> {
        let place = (usize::from(letters.first() == Some(&b':'))..letters.len())
            .filter(|place| letter != b':' && letters[*place] == letter);
        place.fold(None, |takes, place| Some(takes == Some(true) || letters.get(place + 1) == Some(&b':')))
    };
    let text = |value: &Value<'e>| -> &'e [u8] {
        match value {
            Value::Bytes(bytes) => bytes,
            _ => &[],
        }
    };
    let mut out = BumpVec::new_in(arena);
    let mut selected = None;
    let mut at = 0;
    while at < args.len() {
        let arg = text(&args[at]);
        if arg == b"--" {
            break;
        }
        if arg.len() > 2 && arg.starts_with(b"--") {
            at += 1;
            continue;
        }
        if arg.len() < 2 || arg[0] != b'-' {
            break;
        }
        for place in 1..arg.len() {
            let letter = &arg[place..=place];
            let wanted = selector.is_none_or(|selector| selector == letter[0]);
            match known(letter[0]) {
                None if selector.is_none() => out.push(Value::Bytes(b"?")),
                None => {}
                Some(false) if wanted => {
                    selected = Some(letter);
                    out.push(Value::Bytes(letter));
                }
                Some(false) => {}
                Some(true) => {
                    let value = if place + 1 < arg.len() {
                        Some(&arg[place + 1..])
                    } else if at + 1 < args.len() {
                        at += 1;
                        Some(text(&args[at]))
                    } else {
                        None
                    };
                    if wanted {
                        selected = Some(value.unwrap_or_default());
                        match value {
                            Some(value) => out.extend([Value::Bytes(letter), Value::Bytes(value)]),
                            None => out.push(Value::Bytes(b"")),
                        }
                    }
                    break;
                }
            }
        }
        at += 1;
    }
    match selector {
        None => Some(Value::List(out.into_bump_slice())),
        Some(_) => selected.map(Value::Bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_needs_no_padding_but_no_rest() {
        let arena = Bump::new();
        let decode = |text: &str| transform(Unary::Base64, text.as_bytes(), &arena).map(|out| trimmed(out).to_vec());
        assert_eq!(decode("aGk="), Some(b"hi".to_vec()));
        assert_eq!(decode("aGk"), Some(b"hi".to_vec()));
        assert_eq!(decode("aGVsbG8gd29ybGQ="), Some(b"hello world".to_vec()));
        assert_eq!(decode(""), Some(b"".to_vec()));
        assert_eq!(decode("aGl"), None);
        assert_eq!(decode("a"), None);
        assert_eq!(decode("a-b="), None);
        assert_eq!(decode("="), None);
    }

    #[test]
    fn getopt_walks_short_options() {
        let arena = Bump::new();
        let run = |args: &[&'static str], letters: &str, selector: Option<u8>| {
            let values: Vec<Value<'_>> = args.iter().map(|arg| Value::Bytes(arg.as_bytes())).collect();
            let values = arena.alloc_slice_copy(&values);
            let shown = match getopt(values, letters.as_bytes(), selector, &arena)? {
                Value::List(items) => items.to_vec(),
                single => vec![single],
            };
            let text = |value: &Value<'_>| match value {
                Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            Some(shown.iter().map(text).collect::<Vec<_>>().join(" "))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(run(&["-nt", "hello"], "nt:", None), some("n t hello"));
        assert_eq!(run(&["-x", "-n"], "n", None), some("? n"));
        assert_eq!(run(&["-n", "--", "-t"], "nt", None), some("n"));
        assert_eq!(run(&["--exec", "-n"], "n", None), some("n"));
        assert_eq!(run(&["-t"], "t:", Some(b't')), some(""));
        assert_eq!(run(&["-n"], "nt:", Some(b't')), None);
        assert_eq!(run(&["-ta", "-t", "b"], "t:", Some(b't')), some("b"));
        assert_eq!(run(&["-n"], ":n", Some(b'n')), some("n"));
        assert_eq!(run(&["x", "-n"], "n", None), some(""));
    }
}
