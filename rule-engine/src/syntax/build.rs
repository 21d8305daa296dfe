//! The tree from the tokens that the grammar found.
//!
//! Each function reads what is between the tokens of the rule it is named after. The first rule `e_…` in reading order
//! is the error, as is an invalid escape or too great a depth met before it.

use super::ast::{Check, Expr, Field, Modifier, Operand, Operator, Position, Right, Transformer};
use super::error::{SyntaxError, SyntaxErrorKind};
use super::escape::constant;
use super::generated::Rule;
use super::machine::Token;
use crate::text::Lines;

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
    tokens: std::vec::IntoIter<Token>,
    /// The next token, not taken yet.
    ahead: Option<Token>,
    lines: Lines<'t>,
    limit: usize,
    depth: usize,
    last: Last<'t>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, found: Vec<Token>, limit: usize) -> Self {
        let mut tokens = found.into_iter();
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
        let Some(Token::Start(rule, at)) = self.ahead else { unreachable!("the grammar has a rule here") };
        self.ahead = self.tokens.next();
        match SyntaxErrorKind::of(rule) {
            None => Ok((rule, at)),
            Some(kind) => Err(self.expected(kind, at)),
        }
    }

    /// The same, if a rule begins here before the one that is being read ends.
    fn more(&mut self) -> Result<Option<(Rule, usize)>> {
        if self.is_more() { self.begin().map(Some) } else { Ok(None) }
    }

    /// The next rule and where it begins, not taken.
    fn peek(&self) -> (Rule, usize) {
        match self.ahead {
            Some(Token::Start(rule, at)) => (rule, at),
            _ => unreachable!("the grammar has a rule here"),
        }
    }

    /// Whether a rule begins here before the one that is being read ends.
    fn is_more(&self) -> bool {
        matches!(self.ahead, Some(Token::Start(..)))
    }

    /// Whether brackets follow.
    ///
    /// # Errors
    /// If something else should follow and does not.
    fn more_is_arg(&mut self) -> Result<bool> {
        if self.is_more() && !self.next_is(Rule::Arg) {
            self.begin()?;
        }
        Ok(self.is_more())
    }

    fn next_is(&self, wanted: Rule) -> bool {
        matches!(self.ahead, Some(Token::Start(rule, _)) if rule == wanted)
    }

    /// Takes the last token of a rule: where it ends.
    fn end(&mut self) -> usize {
        let Some(Token::End(at)) = self.ahead else { unreachable!("the grammar has the end of a rule here") };
        self.ahead = self.tokens.next();
        at
    }

    /// The text of a rule that has no others in it.
    fn leaf(&mut self, start: usize) -> &'t str {
        let end = self.end();
        &self.text[start..end]
    }

    fn position(&mut self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    fn error(&mut self, kind: SyntaxErrorKind, offset: usize) -> Box<SyntaxError> {
        Box::new(SyntaxError { kind, position: self.position(offset) })
    }

    /// The error of what is not at `offset`.
    #[cold]
    fn expected(&mut self, kind: SyntaxErrorKind, offset: usize) -> Box<SyntaxError> {
        let last = match self.last {
            Last::Word(word) => word.to_owned(),
            Last::Constant(written) => String::from_utf8_lossy(&constant(written).unwrap_or_default()).into_owned(),
        };
        self.error(kind.behind(last), offset)
    }

    /// One level deeper, entered at `offset`. Who enters leaves, except after an error, which ends it all.
    fn enter(&mut self, offset: usize) -> Result<()> {
        self.depth += 1;
        if self.depth < self.limit {
            return Ok(());
        }
        Err(self.error(SyntaxErrorKind::TooDeep { limit: self.limit }, offset))
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// From behind an opening parenthesis, or from the beginning of the text.
    fn or_expr(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let at = self.begin()?.1;
        let mut tree = self.and_expr(at)?;
        if self.is_more() {
            let mut parts = vec![tree];
            while let Some((rule, at)) = self.more()? {
                parts.push(if rule == Rule::OrExpr { self.paren(at)? } else { self.and_expr(at)? });
            }
            // Spaces before the first part are not part of it.
            tree = Expr::Or(parts, self.position(start));
        }
        self.end();
        self.leave();
        Ok(tree)
    }

    fn and_expr(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let mut tree = self.term()?;
        if self.is_more() {
            let mut parts = vec![tree];
            while self.is_more() {
                let (rule, at) = self.peek();
                parts.push(match rule {
                    Rule::OrExpr if self.text[..at].ends_with("and(") => {
                        self.begin()?;
                        self.paren(at)?
                    }
                    Rule::EAfterAnd => return Err(self.expected(SyntaxErrorKind::AfterAnd, at)),
                    _ => self.term()?,
                });
            }
            tree = Expr::And(parts, self.position(start));
        }
        self.end();
        self.leave();
        Ok(tree)
    }

    /// A check, a macro or a parenthesis, negated or not.
    fn term(&mut self) -> Result<Expr> {
        let (rule, at) = self.peek();
        if rule != Rule::NotExpr {
            // The parenthesis is before the token, the word `not` would be.
            let start = at - usize::from(rule == Rule::OrExpr);
            self.enter(start)?;
            let tree = self.positive(start)?;
            self.leave();
            return Ok(tree);
        }
        self.begin()?;
        let start = at - "not".len();
        self.enter(start)?;
        let inside = self.peek().1;
        // Between the two are spaces and the words `not`, the last of them perhaps with the parenthesis.
        let between = &self.text[start..inside];
        let negated = between.bytes().filter(|byte| *byte == b'n').count() % 2 == 1;
        let tree = if between.ends_with("not(") {
            let at = self.begin()?.1;
            self.paren(at)?
        } else {
            let behind = between.rfind('t').map_or(start, |at| start + at + 1);
            let spaces = self.text[behind..].bytes().take_while(|byte| matches!(byte, b' ' | 0x09..=0x0D)).count();
            self.positive(behind + spaces)?
        };
        self.end();
        self.leave();
        Ok(if negated { Expr::Not(Box::new(tree), self.position(start)) } else { tree })
    }

    /// The same without `not`, entered at `start`.
    fn positive(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let (rule, start) = self.begin()?;
        let tree = match rule {
            Rule::OrExpr => self.paren(start)?,
            Rule::Identifier => {
                let name = self.leaf(start);
                self.last = Last::Word(name);
                Expr::Macro(name.to_owned(), self.position(start))
            }
            _ => self.check(start)?,
        };
        self.leave();
        Ok(tree)
    }

    /// Behind an opening parenthesis.
    fn paren(&mut self, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let tree = self.or_expr(start + self.spaces(start))?;
        if self.next_is(Rule::EClose) {
            self.begin()?;
        }
        self.last = Last::Word(")");
        self.leave();
        Ok(tree)
    }

    /// Returns the number of bytes of spaces.
    fn spaces(&self, start: usize) -> usize {
        self.text[start..].bytes().take_while(is_space).count()
    }

    fn check(&mut self, start: usize) -> Result<Expr> {
        let at = self.position(start);
        let (left, end) = if self.peek() == (Rule::Transformer, start) {
            self.begin()?;
            self.operand(Rule::Transformer, start, at)?
        } else {
            let (field, end) = self.field_here(start)?;
            (Operand::Field(field, at), end)
        };
        let tree = self.condition(left, at, end)?;
        self.end();
        Ok(tree)
    }

    /// A field or a transformer, and where it ends. `at` may be elsewhere than its beginning, where Falco points there.
    fn operand(&mut self, rule: Rule, start: usize, at: Position) -> Result<(Operand, usize)> {
        match rule {
            Rule::Field => {
                let (field, end) = self.field(start)?;
                Ok((Operand::Field(field, at), end))
            }
            Rule::Val => {
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
                while self.next_is(Rule::Argument) {
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
        let arg = if self.more_is_arg()? { self.arg()?.0 } else { None };
        if arg.is_none() {
            self.last = Last::Word(")");
        }
        Ok((Transformer { name: name.to_owned(), args, arg }, self.end()))
    }

    fn field(&mut self, start: usize) -> Result<(Field, usize)> {
        let (field, _) = self.field_here(start)?;
        Ok((field, self.end()))
    }

    /// A field that begins here and is not all of its rule, and where it ends.
    fn field_here(&mut self, start: usize) -> Result<(Field, usize)> {
        let written = &self.text[start..];
        let end = written.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')));
        // A dot without a name behind it is not part of the field.
        let name = written[..end.unwrap_or(written.len())].trim_end_matches('.');
        let name_end = start + name.len();
        self.enter(name_end)?;
        self.last = Last::Word(name);
        let selected = matches!(self.ahead, Some(Token::Start(Rule::Arg, _)));
        let (arg, end) = if selected { self.arg()? } else { (None, name_end) };
        self.leave();
        Ok((Field { name: name.to_owned(), arg }, end))
    }

    /// Returns what is between brackets, and where they end.
    fn arg(&mut self) -> Result<(Option<Vec<u8>>, usize)> {
        self.begin()?;
        let start = self.begin()?.1;
        let value = self.value(start)?;
        self.more()?;
        self.last = Last::Word("]");
        Ok((Some(value), self.end()))
    }

    /// A constant, bare or quoted.
    fn value(&mut self, start: usize) -> Result<Vec<u8>> {
        let written = self.leaf(start);
        match constant(written) {
            Ok(value) => {
                self.last = Last::Constant(written);
                Ok(value)
            }
            Err(kind) => Err(self.error(kind, start + written.len())),
        }
    }

    fn argument(&mut self, start: usize) -> Result<Operand> {
        self.enter(start)?;
        let at = self.position(start);
        let (rule, inner) = self.begin()?;
        let operand = if rule == Rule::ArgList {
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
            Rule::Number | Rule::Quoted => Ok(Operand::Value(self.value(start)?, at)),
            _ => Ok(self.operand(rule, start, at)?.0),
        }
    }

    /// Behind the left side, which ends at `start`.
    fn condition(&mut self, left: Operand, at: Position, start: usize) -> Result<Expr> {
        self.enter(start)?;
        let (rule, token) = self.peek();
        let tree = match rule {
            Rule::Exists => {
                self.begin()?;
                self.last = Last::Word(self.leaf(token));
                Expr::Exists(left, at)
            }
            Rule::EOperator => return Err(self.expected(SyntaxErrorKind::Operator, token)),
            _ => {
                // Before the token of the right side are the operator, a modifier, spaces and a parenthesis.
                let before = &self.text[start..token];
                let from = before.bytes().take_while(is_space).count();
                let operator = &before[from..];
                let end = operator.bytes().position(|byte| is_space(&byte) || byte == b'(').unwrap_or(operator.len());
                let (operator, between) = operator.split_at(end);
                let op = Operator::from_text(operator).unwrap_or_else(|| unreachable!("the table has all operators"));
                let modifier = between.trim_matches([' ', '\u{08}', '\t', '\n', '\r', '(']);
                let modifier = if modifier.is_empty() { None } else { Modifier::from_text(modifier) };
                let (right, right_at) = match modifier {
                    Some(_) => self.modified()?,
                    None => self.right(start + from + end)?,
                };
                Expr::Check(Box::new(Check { left, op, modifier, right, right_at }), at)
            }
        };
        self.leave();
        Ok(tree)
    }

    fn modified(&mut self) -> Result<(Right, Position)> {
        let (rule, start) = self.begin()?;
        // A list begins behind its parenthesis.
        let start = start - usize::from(rule == Rule::List);
        self.enter(start)?;
        let at = self.position(start);
        let right = self.constants(rule, start)?;
        self.leave();
        Ok((right, at))
    }

    /// Behind an operator, which ends at `start`.
    fn right(&mut self, start: usize) -> Result<(Right, Position)> {
        self.enter(start)?;
        let (rule, token) = self.begin()?;
        let token = token - usize::from(rule == Rule::List);
        let right = match rule {
            Rule::Val | Rule::Transformer => {
                self.enter(token)?;
                let at = self.position(token);
                let operand = self.operand(rule, token, at)?.0;
                self.leave();
                Right::Operand(operand)
            }
            Rule::List | Rule::Identifier => self.constants(rule, token)?,
            _ => {
                // What is too deep is reported before what is wrong in it.
                self.enter(token)?;
                self.leave();
                Right::Value(self.value(token)?)
            }
        };
        self.leave();
        Ok((right, self.position(token)))
    }

    /// A list, or a name that means one.
    fn constants(&mut self, rule: Rule, start: usize) -> Result<Right> {
        if rule == Rule::List {
            return self.list().map(Right::List);
        }
        let name = self.leaf(start);
        self.last = Last::Word(name);
        Ok(Right::Name(name.to_owned()))
    }

    /// A list, behind its parenthesis.
    fn list(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut values = Vec::new();
        // Where the constant before ends.
        let mut before = None;
        while self.is_more() {
            let (rule, start) = self.peek();
            if let (Some(end), true) = (before, rule != Rule::EClose) {
                // An item begins behind its comma.
                self.enter(end + self.spaces(end) + 1)?;
                self.leave();
            }
            self.begin()?;
            let written = self.leaf(start);
            let end = start + written.len();
            match constant(written) {
                Ok(value) => {
                    self.last = Last::Constant(written);
                    values.push(value);
                }
                Err(kind) if before.is_some() => return Err(self.error(kind, end)),
                // The first element decides: if it cannot be read, the list must be empty.
                Err(_) if self.text[end..].starts_with(')') => {}
                Err(_) => return Err(self.error(SyntaxErrorKind::Close, end)),
            }
            before = Some(end);
        }
        self.end();
        self.last = Last::Word(")");
        Ok(values)
    }
}

/// Whether a byte is skipped between tokens.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | 0x08..=0x0A | b'\r')
}
