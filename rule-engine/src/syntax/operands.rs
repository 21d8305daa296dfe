//! The grammar of what is compared: fields, transformers and their arguments, constants.

use super::ast::{Field, Operand, Position, Transformer};
use super::error::{Expected, SyntaxError};
use super::escape::unescape;
use super::grammar::{Last, Reader, Result, Stop};
use crate::text::to_bytes;

impl<'t> Reader<'t> {
    /// A field or a transformer, if one stands here. `at` where Falco points elsewhere than at its beginning.
    pub(super) fn operand(&mut self, at: Option<Position>) -> Result<Option<Operand>> {
        let start = self.cursor.at;
        let Some(name) = self.cursor.name() else { return Ok(None) };
        if let Some(name) = self.cursor.field_name(start) {
            let at = at.unwrap_or_else(|| self.position(start));
            return Ok(Some(Operand::Field(self.field(name)?, at)));
        }
        if self.cursor.peek() == Some(b'(') && is_transformer(name) {
            let at = at.unwrap_or_else(|| self.position(start));
            return Ok(Some(Operand::Transformer(self.transformer(name)?, at)));
        }
        self.cursor.at = start;
        Ok(None)
    }

    /// Behind the name of a field.
    fn field(&mut self, name: &'t str) -> Result<Field> {
        self.enter(self.cursor.at)?;
        self.last = Last::Word(name);
        let arg = self.argument_of()?;
        self.leave();
        Ok(Field { name: name.to_owned(), arg })
    }

    /// What stands between brackets, if they are there.
    fn argument_of(&mut self) -> Result<Option<Vec<u8>>> {
        if !self.cursor.eat(b'[') {
            return Ok(None);
        }
        let written = self.cursor.quoted().or_else(|| self.cursor.bare_argument());
        let Some(written) = written else { return Err(self.expected(Expected::Argument)) };
        let value = self.value(written)?;
        if !self.cursor.eat(b']') {
            return Err(self.expected(Expected::Bracket));
        }
        self.last = Last::Word("]");
        Ok(Some(value))
    }

    /// A constant that was read, bare or quoted.
    pub(super) fn value(&mut self, written: &'t str) -> Result<Vec<u8>> {
        let value = constant(written).map_err(|message| {
            let position = self.position(self.cursor.at);
            Box::new(Stop::Fault(SyntaxError { message, position }))
        })?;
        self.last = Last::Constant(written);
        Ok(value)
    }

    /// Behind the name of a transformer.
    pub(super) fn transformer(&mut self, name: &str) -> Result<Transformer> {
        self.cursor.at += 1;
        self.enter(self.cursor.at)?;
        self.cursor.blanks();
        let mut args = vec![self.argument()?];
        self.cursor.blanks();
        while self.cursor.eat(b',') {
            args.push(self.argument()?);
            self.cursor.blanks();
        }
        let transformer = self.transformer_end(name, args)?;
        self.leave();
        Ok(transformer)
    }

    fn transformer_end(&mut self, name: &str, args: Vec<Operand>) -> Result<Transformer> {
        if !self.cursor.eat(b')') {
            return Err(self.expected(Expected::TransformerClose));
        }
        let arg = self.argument_of()?;
        if arg.is_none() {
            self.last = Last::Word(")");
        }
        Ok(Transformer { name: name.to_owned(), args, arg })
    }

    fn argument(&mut self) -> Result<Operand> {
        let start = self.cursor.at;
        let at = self.position(start);
        self.enter(start)?;
        self.cursor.blanks();
        let operand = if let Some(item) = self.item(at)? {
            item
        } else if self.cursor.eat(b'(') {
            Operand::List(self.argument_list(at)?, at)
        } else {
            return Err(self.expected(Expected::TransformerArgument));
        };
        self.leave();
        Ok(operand)
    }

    /// A list in a transformer, behind its parenthesis: fields, transformers and constants, no words and no lists.
    fn argument_list(&mut self, at: Position) -> Result<Vec<Operand>> {
        let mut items = Vec::new();
        self.cursor.blanks();
        if !self.cursor.eat(b')') {
            loop {
                let Some(item) = self.item(at)? else { return Err(self.expected(Expected::TransformerItem)) };
                items.push(item);
                self.cursor.blanks();
                if !self.cursor.eat(b',') {
                    break;
                }
                self.cursor.blanks();
            }
            if !self.cursor.eat(b')') {
                return Err(self.expected(Expected::TransformerListClose));
            }
        }
        self.last = Last::Word(")");
        Ok(items)
    }

    fn item(&mut self, at: Position) -> Result<Option<Operand>> {
        if let Some(written) = self.cursor.number().or_else(|| self.cursor.quoted()) {
            return Ok(Some(Operand::Value(self.value(written)?, at)));
        }
        self.operand(Some(at))
    }

    /// A field on the right side, behind `val`.
    pub(super) fn val(&mut self) -> Result<Transformer> {
        self.cursor.at += 1;
        self.cursor.blanks();
        let start = self.cursor.at;
        let name = self.cursor.name().and_then(|_| self.cursor.field_name(start));
        let Some(name) = name else {
            self.cursor.at = start;
            return Err(self.expected(Expected::Val));
        };
        let at = self.position(start);
        let args = vec![Operand::Field(self.field(name)?, at)];
        self.cursor.blanks();
        self.transformer_end("val", args)
    }
}

/// The transformers that may stand anywhere; `val` stands on the right alone.
pub(super) fn is_transformer(name: &str) -> bool {
    matches!(name, "tolower" | "toupper" | "basename" | "b64" | "len" | "join" | "concat" | "getopt")
}

/// The bytes of a constant as it is written.
pub(super) fn constant(written: &str) -> std::result::Result<Vec<u8>, String> {
    let bytes = to_bytes(written);
    if written.starts_with(['"', '\'']) { unescape(&bytes) } else { Ok(bytes.into_owned()) }
}
