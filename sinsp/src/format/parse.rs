//! From text to template.

use super::transform::{Call, List, Transformer};
use super::{Expr, Part, Template, TemplateError};
use crate::fields::Fields;

/// How deep transformers may stand in each other.
const DEEPEST: usize = 32;

impl Template {
    /// Reads a template, with the fields that there are.
    ///
    /// # Errors
    /// If what follows a `%` is no field, or there is nothing to print.
    pub fn parse(text: &str, fields: &Fields) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        let (strict, mut rest) = match text.strip_prefix('*') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        let mut parts = Vec::new();
        while let Some((before, after)) = rest.split_once('%') {
            if !before.is_empty() {
                parts.push(Part::Text(before.as_bytes().into()));
            }
            if after.is_empty() {
                return Err(TemplateError::EndsWithPercent);
            }
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (width, after) = after.split_at_checked(digits).unwrap_or((after, ""));
            if after.is_empty() {
                return Err(TemplateError::EndsWithNumber);
            }
            let width =
                width.parse().map_or(if width.is_empty() { 0 } else { Self::WIDEST }, |n: usize| n.min(Self::WIDEST));
            let (expr, len) = expr(after, fields, 0)?;
            parts.push(Part::Value { expr, width });
            rest = after.get(len..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().into()));
        }
        let mut used = Vec::new();
        for part in &parts {
            if let Part::Value { expr, .. } = part {
                expr.push_fields(&mut used);
            }
        }
        used.sort_by(|a, b| a.name().cmp(b.name()));
        used.dedup_by(|a, b| a.name() == b.name());
        Ok(Self { parts, fields: used, strict })
    }
}

fn fault(message: impl Into<String>) -> TemplateError {
    TemplateError::Syntax(message.into())
}

/// A field or a transformer at the start of `text`, and how many bytes it takes.
fn expr(text: &str, fields: &Fields, depth: usize) -> Result<(Expr, usize), TemplateError> {
    if let Some((call, len)) = call(text, fields, depth)? {
        return Ok((Expr::Call(Box::new(call)), len));
    }
    let Some(len) = fields.prefix_len(text) else {
        let word = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')).count();
        let word = text.get(..word).unwrap_or_default();
        return Err(match fields.parse(word) {
            Err(error) => error.into(),
            Ok(_) => fault(format!("{word} is filter only and cannot be used as a display field")),
        });
    };
    Ok((Expr::Field(fields.parse(text.get(..len).unwrap_or(text))?), len))
}

/// A transformer with its operands, if one begins here.
fn call(text: &str, fields: &Fields, depth: usize) -> Result<Option<(Call, usize)>, TemplateError> {
    let word = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let Some((transformer, rest)) = text.split_at_checked(word) else { return Ok(None) };
    let Some(transformer) = Transformer::from_name(transformer) else { return Ok(None) };
    if !rest.starts_with('(') {
        return Ok(None);
    }
    if depth == DEEPEST {
        return Err(fault("transformers stand too deep in each other"));
    }
    let mut scan = Scan { rest: rest.get(1..).unwrap_or_default(), fields, depth: depth + 1 };
    let mut operands = Vec::new();
    loop {
        scan.blanks();
        operands.push(scan.operand()?);
        scan.blanks();
        if scan.take(')') {
            break;
        }
        if !scan.take(',') {
            return Err(fault(format!("expected ',' or ')' in the operands of {}", transformer.name())));
        }
    }
    let selector = match scan.rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((selector, rest)) if transformer == Transformer::GetOpt => {
            scan.rest = rest;
            Some(selector.trim_matches('"').to_owned())
        }
        _ => None,
    };
    let len = text.len() - scan.rest.len();
    Ok(Some((Call::new(transformer, operands, selector).map_err(fault)?, len)))
}

struct Scan<'t> {
    rest: &'t str,
    fields: &'t Fields,
    depth: usize,
}

impl Scan<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, char: char) -> bool {
        match self.rest.strip_prefix(char) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// An operand: a list in parentheses, or one of what may stand in such.
    fn operand(&mut self) -> Result<List, TemplateError> {
        if !self.take('(') {
            return Ok(List::One(self.item()?));
        }
        let mut items = Vec::new();
        self.blanks();
        if self.take(')') {
            return Ok(List::Many(items));
        }
        loop {
            self.blanks();
            items.push(self.item()?);
            self.blanks();
            if self.take(')') {
                return Ok(List::Many(items));
            }
            if !self.take(',') {
                return Err(fault("expected ',' or ')' in a list"));
            }
        }
    }

    /// A quoted text, a transformer, a field, or a bare word.
    fn item(&mut self) -> Result<Expr, TemplateError> {
        for quote in ['"', '\''] {
            if self.take(quote) {
                return self.quoted(quote);
            }
        }
        let end = self.rest.find([',', ')', ' ', '\t', '\n', '\r', '(']).unwrap_or(self.rest.len());
        let known = expr(self.rest, self.fields, self.depth);
        match known {
            Ok((known, len)) if len >= end || matches!(known, Expr::Call(_)) => {
                self.rest = self.rest.get(len..).unwrap_or_default();
                Ok(known)
            }
            _ if end > 0 => {
                let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.rest = rest;
                Ok(Expr::Text(word.as_bytes().into()))
            }
            Ok(_) => Err(fault("expected a field or a text")),
            Err(error) => Err(error),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Expr, TemplateError> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                _ if char == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(Expr::Text(text.into_bytes().into()));
                }
                _ => text.push(char),
            }
        }
        Err(fault("expected the end of a quoted text"))
    }
}
