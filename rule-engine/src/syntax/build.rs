//! The tree from the tokens that the grammar found.
//!
//! Each function reads what is between the tokens of the rule it is named after. The first rule `e_…` in reading order
//! is the error, as is an invalid escape or too great a depth met before it.

use pest::Token;
use pest::iterators::{Pairs, Tokens};

use super::ast::{Check, Expr, Field, Modifier, Operand, Operator, Position, Right, Transformer};
use super::error::{SyntaxError, SyntaxErrorKind};
use super::escape::unescape;
use super::parse::Rule;
use crate::text::{Lines, to_bytes};

pub(super) type Result<T> = std::result::Result<T, Box<SyntaxError>>;

/// The last token that was read, for the message about what follows it.
#[derive(Debug, Clone, Copy)]
enum Last<'t> {
    Word(&'t str),
    Constant(&'t str),
}

/// Builds the tree of one text.
pub(super) struct Builder<'t> {
    text: &'t str,
    tokens: Tokens<'t, Rule>,
    /// The next token, not taken yet.
    ahead: Option<Token<'t, Rule>>,
    lines: Lines<'t>,
    limit: usize,
    depth: usize,
    last: Last<'t>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, found: Pairs<'t, Rule>, limit: usize) -> Self {
        let mut tokens = found.tokens();
        let ahead = tokens.next();
        Self { text, tokens, ahead, lines: Lines::new(text), limit, depth: 0, last: Last::Word("") }
    }

    /// The whole text as a condition.
    pub(super) fn filter(&mut self) -> Result<Expr> {
        self.begin()?;
        let start = self.begin()?.1;
        let tree = self.or_expr(start)?;
        // Only the end of the text may follow.
        self.begin()?;
        Ok(tree)
    }

    /// A field or a transformer at the beginning of the text, and where it ends.
    pub(super) fn operand_alone(&mut self) -> Result<(Operand, usize)> {
        self.begin()?;
        let (rule, start) = self.begin()?;
        self.enter(start)?;
        let at = self.position(start);
        let (operand, end) = self.operand(rule, start, at)?;
        Ok((operand, end))
    }

    /// Takes the first token of a rule, and where it begins.
    ///
    /// # Errors
    /// If it is a rule `e_…`.
    fn begin(&mut self) -> Result<(Rule, usize)> {
        let Some(Token::Start { rule, pos }) = self.ahead else { unreachable!("the grammar has a rule here") };
        self.ahead = self.tokens.next();
        match SyntaxErrorKind::of(rule) {
            None => Ok((rule, pos.pos())),
            Some(kind) => Err(self.expected(kind, pos.pos())),
        }
    }

    /// The same, if a rule begins here before the one that is being read ends.
    fn more(&mut self) -> Result<Option<(Rule, usize)>> {
        if matches!(self.ahead, Some(Token::Start { .. })) { self.begin().map(Some) } else { Ok(None) }
    }

    fn next_is(&self, wanted: Rule) -> bool {
        matches!(self.ahead, Some(Token::Start { rule, .. }) if rule == wanted)
    }

    /// Takes the last token of a rule: where it ends.
    fn end(&mut self) -> usize {
        let Some(Token::End { pos, .. }) = self.ahead else { unreachable!("the grammar has the end of a rule here") };
        self.ahead = self.tokens.next();
        pos.pos()
    }

    /// The text of a rule that has no others in it.
    fn leaf(&mut self, start: usize) -> &'t str {
        let end = self.end();
        &self.text[start..end]
    }

    fn position(&mut self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    fn fault(&mut self, kind: SyntaxErrorKind, offset: usize) -> Box<SyntaxError> {
        Box::new(SyntaxError { kind, position: self.position(offset) })
    }

    /// The error of what is not at `offset`.
    #[cold]
    fn expected(&mut self, kind: SyntaxErrorKind, offset: usize) -> Box<SyntaxError> {
        let last = match self.last {
            Last::Word(word) => word.to_owned(),
            Last::Constant(written) => String::from_utf8_lossy(&constant(written).unwrap_or_default()).into_owned(),
        };
        self.fault(kind.behind(last), offset)
    }

    /// One level deeper, entered at `offset`. Who enters leaves, except after an error, which ends it all.
    fn enter(&mut self, offset: usize) -> Result<()> {
        self.depth += 1;
        if self.depth < self.limit {
            return Ok(());
        }
        Err(self.fault(SyntaxErrorKind::TooDeep { limit: self.limit }, offset))
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn or_expr(&mut self, start: usize) -> Result<Expr> {
        self.joined(start, Self::and_expr, Expr::Or)
    }

    fn and_expr(&mut self, start: usize) -> Result<Expr> {
        self.joined(start, Self::not_expr, Expr::And)
    }

    fn joined(
        &mut self,
        start: usize,
        part: fn(&mut Self, usize) -> Result<Expr>,
        join: fn(Vec<Expr>, Position) -> Expr,
    ) -> Result<Expr> {
        self.enter(start)?;
        let at = self.begin()?.1;
        let mut tree = part(self, at)?;
        if matches!(self.ahead, Some(Token::Start { .. })) {
            let mut parts = Vec::with_capacity(2);
            parts.push(tree);
            while let Some((rule, at)) = self.more()? {
                parts.push(if rule == Rule::paren { self.paren(at)? } else { part(self, at)? });
            }
            tree = join(parts, self.position(start));
        }
        self.end();
        self.leave();
        Ok(tree)
    }

    fn not_expr(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let (rule, at) = self.begin()?;
        // Between the two are blanks and the words `not`, the last of them perhaps with the parenthesis.
        let before = &self.text[start..at];
        let negated = before.bytes().filter(|byte| *byte == b'n').count() % 2 == 1;
        let tree = if rule == Rule::paren { self.paren(at)? } else { self.check(at)? };
        self.end();
        self.leave();
        if !negated {
            return Ok(tree);
        }
        let first = before.find('n').unwrap_or_default();
        Ok(Expr::Not(Box::new(tree), self.position(start + first)))
    }

    /// Behind an opening parenthesis.
    fn paren(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let at = self.begin()?.1;
        let tree = self.or_expr(at)?;
        self.more()?;
        self.end();
        self.last = Last::Word(")");
        self.leave();
        Ok(tree)
    }

    fn check(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let (rule, start) = self.begin()?;
        let tree = match rule {
            Rule::paren => self.paren(start)?,
            Rule::identifier => {
                let name = self.leaf(start);
                self.last = Last::Word(name);
                Expr::Macro(name.to_owned(), self.position(start))
            }
            _ => {
                let at = self.position(start);
                let left = self.operand(rule, start, at)?.0;
                let start = self.begin()?.1;
                self.condition(left, at, start)?
            }
        };
        self.end();
        self.leave();
        Ok(tree)
    }

    /// A field or a transformer, and where it ends. `at` may be elsewhere than its beginning, where Falco points there.
    fn operand(&mut self, rule: Rule, start: usize, at: Position) -> Result<(Operand, usize)> {
        match rule {
            Rule::field => {
                let (field, end) = self.field(start)?;
                Ok((Operand::Field(field, at), end))
            }
            Rule::val => {
                let field = self.begin()?.1;
                let inner = self.position(field);
                let args = vec![Operand::Field(self.field(field)?.0, inner)];
                let (transformer, end) = self.transformer_end("val", args)?;
                Ok((Operand::Transformer(transformer, at), end))
            }
            _ => {
                let name = self.text[start..].split('(').next().unwrap_or_default();
                self.enter(start + name.len() + 1)?;
                let mut args = Vec::with_capacity(1);
                while self.next_is(Rule::argument) {
                    let start = self.begin()?.1;
                    args.push(self.argument(start)?);
                }
                let (transformer, end) = self.transformer_end(name, args)?;
                self.leave();
                Ok((Operand::Transformer(transformer, at), end))
            }
        }
    }

    /// Behind the arguments of a transformer: its selector, if it has one.
    fn transformer_end(&mut self, name: &str, args: Vec<Operand>) -> Result<(Transformer, usize)> {
        let arg = self.arg()?;
        if arg.is_none() {
            self.last = Last::Word(")");
        }
        Ok((Transformer { name: name.to_owned(), args, arg }, self.end()))
    }

    fn field(&mut self, start: usize) -> Result<(Field, usize)> {
        let name_end = match self.ahead {
            Some(Token::Start { pos, .. } | Token::End { pos, .. }) => pos.pos(),
            None => start,
        };
        let name = &self.text[start..name_end];
        self.enter(name_end)?;
        self.last = Last::Word(name);
        let arg = self.arg()?;
        self.leave();
        Ok((Field { name: name.to_owned(), arg }, self.end()))
    }

    /// What is between brackets, if they are there.
    fn arg(&mut self) -> Result<Option<Vec<u8>>> {
        if self.more()?.is_none() {
            return Ok(None);
        }
        let start = self.begin()?.1;
        let value = self.value(start)?;
        self.more()?;
        self.end();
        self.last = Last::Word("]");
        Ok(Some(value))
    }

    /// A constant, bare or quoted.
    fn value(&mut self, start: usize) -> Result<Vec<u8>> {
        let written = self.leaf(start);
        match constant(written) {
            Ok(value) => {
                self.last = Last::Constant(written);
                Ok(value)
            }
            Err(kind) => Err(self.fault(kind, start + written.len())),
        }
    }

    fn argument(&mut self, start: usize) -> Result<Operand> {
        self.enter(start)?;
        let at = self.position(start);
        let (rule, inner) = self.begin()?;
        let operand = if rule == Rule::arg_list {
            let mut items = Vec::new();
            while let Some((rule, start)) = self.more()? {
                items.push(self.item(rule, start, at)?);
            }
            self.end();
            self.last = Last::Word(")");
            Operand::List(items, at)
        } else {
            self.item(rule, inner, at)?
        };
        self.end();
        self.leave();
        Ok(operand)
    }

    fn item(&mut self, rule: Rule, start: usize, at: Position) -> Result<Operand> {
        match rule {
            Rule::number | Rule::quoted => Ok(Operand::Value(self.value(start)?, at)),
            _ => Ok(self.operand(rule, start, at)?.0),
        }
    }

    fn condition(&mut self, left: Operand, at: Position, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let (rule, start) = self.begin()?;
        let written = self.leaf(start);
        self.last = Last::Word(written);
        let tree = if rule == Rule::exists {
            Expr::Exists(left, at)
        } else {
            let op = Operator::from_text(written).unwrap_or_else(|| unreachable!("the table has all operators"));
            let (rule, start) = self.begin()?;
            let (modifier, right, right_at) =
                if rule == Rule::modified { self.modified()? } else { self.right(start)? };
            Expr::Check(Box::new(Check { left, op, modifier, right, right_at }), at)
        };
        self.end();
        self.leave();
        Ok(tree)
    }

    fn modified(&mut self) -> Result<(Option<Modifier>, Right, Position)> {
        let start = self.begin()?.1;
        let modifier = Modifier::from_text(self.leaf(start));
        let (rule, start) = self.begin()?;
        // A list begins behind its parenthesis.
        let start = start - usize::from(rule == Rule::list);
        self.enter(start)?;
        let at = self.position(start);
        let right = self.constants(rule, start)?;
        self.end();
        self.leave();
        Ok((modifier, right, at))
    }

    fn right(&mut self, start: usize) -> Result<(Option<Modifier>, Right, Position)> {
        self.enter(start)?;
        let (rule, token) = self.begin()?;
        let token = token - usize::from(rule == Rule::list);
        let right = match rule {
            Rule::val | Rule::transformer => {
                self.enter(token)?;
                let at = self.position(token);
                let operand = self.operand(rule, token, at)?.0;
                self.leave();
                Right::Operand(operand)
            }
            Rule::list | Rule::identifier => self.constants(rule, token)?,
            _ => {
                // What is too deep is reported before what is wrong in it.
                self.enter(token)?;
                self.leave();
                Right::Value(self.value(token)?)
            }
        };
        self.end();
        self.leave();
        Ok((None, right, self.position(token)))
    }

    /// A list, or a name that means one.
    fn constants(&mut self, rule: Rule, start: usize) -> Result<Right> {
        if rule == Rule::list {
            return self.list().map(Right::List);
        }
        let name = self.leaf(start);
        self.last = Last::Word(name);
        Ok(Right::Name(name.to_owned()))
    }

    /// A list, behind its parenthesis.
    fn list(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut values = Vec::new();
        while let Some((rule, start)) = self.more()? {
            if rule == Rule::list_item {
                self.enter(start)?;
                let start = self.begin()?.1;
                values.push(self.value(start)?);
                self.end();
                self.leave();
                continue;
            }
            // The first element decides: if it cannot be read, the list must be empty.
            let written = self.leaf(start);
            match constant(written) {
                Ok(value) => {
                    self.last = Last::Constant(written);
                    values.push(value);
                }
                Err(_) => {
                    let end = start + written.len();
                    if !self.text[end..].starts_with(')') {
                        return Err(self.fault(SyntaxErrorKind::Close, end));
                    }
                }
            }
        }
        self.end();
        self.last = Last::Word(")");
        Ok(values)
    }
}

/// The bytes of a constant as it is written.
fn constant(written: &str) -> std::result::Result<Vec<u8>, SyntaxErrorKind> {
    let bytes = to_bytes(written);
    if written.starts_with(['"', '\'']) {
        unescape(&bytes).map_err(SyntaxErrorKind::Escape)
    } else {
        Ok(bytes.into_owned())
    }
}
