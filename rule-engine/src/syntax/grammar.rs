//! The grammar of conditions: a function for each of its rules, down from `or` to constants.
//!
//! ```text
//! or        = and, "or" (blank and | "(" paren), …
//! and       = not, "and" (blank not | "(" paren), …
//! not       = "not " …, "not(" paren | check
//! paren     = or ")"                                   behind its opening parenthesis
//! check     = "(" paren | field compared | transformer compared | macro
//! compared  = "exists" | operator right
//! right     = val(field) | transformer | constant | list | name, as the operator has it
//! ```
//!
//! What may stand where, and what is told where something else stands, is Falco's to the letter; so is what counts as a
//! level of depth. `tests/grammar/condition.pest` says the same as rules for a parser generator, and tests hold the two
//! together. What pest makes of those rules took 110,000 instructions for a condition of four checks and two fifths of
//! the time to load rules; this takes 13,000.

use super::ast::{Check, Expr, Modifier, Operand, Operator, Position, Right};
use super::cursor::Cursor;
use super::error::{Expected, SyntaxError};
use super::operands::{constant, is_transformer};
use crate::text::Lines;

/// Why reading ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The text is at fault.
    Fault(SyntaxError),
    /// It goes deeper than this stack bears.
    Deep,
}

pub(super) type Result<T> = std::result::Result<T, Box<Stop>>;

/// The last token that was read, for the message about what follows it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Last<'t> {
    Word(&'t str),
    Constant(&'t str),
}

#[derive(Debug)]
pub(super) struct Reader<'t> {
    pub(super) cursor: Cursor<'t>,
    lines: Lines<'t>,
    /// The depth at which a text is refused, and that at which this stack ends.
    limit: usize,
    bearable: usize,
    depth: usize,
    pub(super) last: Last<'t>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, limit: usize, bearable: usize) -> Self {
        let cursor = Cursor { text, at: 0 };
        Self { cursor, lines: Lines::new(text), limit, bearable, depth: 0, last: Last::Word("") }
    }

    /// The whole text as a condition.
    pub(super) fn filter(&mut self) -> Result<Expr> {
        let tree = self.or()?;
        if self.cursor.at < self.cursor.text.len() {
            return Err(self.expected(Expected::End));
        }
        Ok(tree)
    }

    /// A field or a transformer at the beginning of the text, and where it ends.
    pub(super) fn operand_alone(&mut self) -> Result<(Operand, usize)> {
        self.enter(0)?;
        let Some(operand) = self.operand(None)? else { return Err(self.expected(Expected::Operand)) };
        Ok((operand, self.cursor.at))
    }

    pub(super) fn position(&mut self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    /// The error of a token that is not here.
    #[cold]
    pub(super) fn expected(&mut self, expected: Expected) -> Box<Stop> {
        let position = self.position(self.cursor.at);
        let last = match self.last {
            Last::Word(word) => word.to_owned(),
            Last::Constant(written) => {
                let bytes = constant(written).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        Box::new(Stop::Fault(SyntaxError { message: expected.message(&last), position }))
    }

    /// One level deeper, entered at `offset`. Who enters leaves, but for an error, which ends it all.
    pub(super) fn enter(&mut self, offset: usize) -> Result<()> {
        self.depth += 1;
        if self.depth < self.limit.min(self.bearable) {
            return Ok(());
        }
        if self.depth < self.limit {
            return Err(Box::new(Stop::Deep));
        }
        let message = format!("exceeded max depth limit of {}", self.limit);
        Err(Box::new(Stop::Fault(SyntaxError { message, position: self.position(offset) })))
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    fn or(&mut self) -> Result<Expr> {
        self.junction("or", Expected::AfterOr, Self::and, Expr::Or)
    }

    fn and(&mut self) -> Result<Expr> {
        self.junction("and", Expected::AfterAnd, Self::not, Expr::And)
    }

    /// A parenthesis that touches the word is the whole operand: `a or(b) and c` is an error.
    fn junction(
        &mut self,
        word: &str,
        behind: Expected,
        part: fn(&mut Self) -> Result<Expr>,
        join: fn(Vec<Expr>, Position) -> Expr,
    ) -> Result<Expr> {
        let start = self.cursor.at;
        self.enter(start)?;
        self.cursor.blanks();
        let mut tree = part(self)?;
        self.cursor.blanks();
        if self.cursor.eat_word(word) {
            let mut parts = Vec::with_capacity(2);
            parts.push(tree);
            loop {
                let next = if self.cursor.blanks() {
                    part(self)?
                } else if self.cursor.eat(b'(') {
                    self.paren()?
                } else {
                    return Err(self.expected(behind));
                };
                parts.push(next);
                self.cursor.blanks();
                if !self.cursor.eat_word(word) {
                    break;
                }
            }
            tree = join(parts, self.position(start));
        }
        self.leave();
        Ok(tree)
    }

    /// An even number of `not` is none.
    fn not(&mut self) -> Result<Expr> {
        self.enter(self.cursor.at)?;
        self.cursor.blanks();
        let start = self.cursor.at;
        let mut negated = false;
        while self.cursor.not_word() {
            negated = !negated;
        }
        let tree = if self.cursor.eat_word("not(") {
            negated = !negated;
            self.paren()?
        } else {
            self.check()?
        };
        self.leave();
        Ok(if negated { Expr::Not(Box::new(tree), self.position(start)) } else { tree })
    }

    /// Behind an opening parenthesis.
    fn paren(&mut self) -> Result<Expr> {
        self.enter(self.cursor.at)?;
        self.cursor.blanks();
        let tree = self.or()?;
        self.cursor.blanks();
        if !self.cursor.eat(b')') {
            return Err(self.expected(Expected::Close));
        }
        self.last = Last::Word(")");
        self.leave();
        Ok(tree)
    }

    fn check(&mut self) -> Result<Expr> {
        self.enter(self.cursor.at)?;
        self.cursor.blanks();
        let tree = if self.cursor.eat(b'(') {
            self.paren()?
        } else {
            let start = self.cursor.at;
            let at = self.position(start);
            if let Some(left) = self.operand(Some(at))? {
                self.compared(left, at)?
            } else if let Some(name) = self.cursor.name() {
                self.last = Last::Word(name);
                Expr::Macro(name.to_owned(), at)
            } else {
                return Err(self.expected(Expected::Check));
            }
        };
        self.leave();
        Ok(tree)
    }

    fn compared(&mut self, left: Operand, at: Position) -> Result<Expr> {
        self.enter(self.cursor.at)?;
        self.cursor.blanks();
        if self.cursor.eat_word("exists") {
            self.last = Last::Word("exists");
            self.leave();
            return Ok(Expr::Exists(left, at));
        }
        let Some((op, takes)) = self.operator() else { return Err(self.expected(Expected::Operator)) };
        self.last = Last::Word(op.text());
        let (modifier, right, right_at) = match takes {
            Takes::Number => self.right(Self::number)?,
            Takes::List => self.right(Self::list_or_name)?,
            Takes::Text { spaced } => {
                let behind = self.cursor.at;
                match if self.cursor.blanks() { self.modified()? } else { None } {
                    Some(modified) => modified,
                    None => {
                        if !spaced {
                            self.cursor.at = behind;
                        }
                        self.right(Self::text)?
                    }
                }
            }
        };
        self.leave();
        Ok(Expr::Check(Box::new(Check { left, op, modifier, right, right_at }), at))
    }

    fn operator(&mut self) -> Option<(Operator, Takes)> {
        use Operator as O;
        const SYMBOLS: [(Operator, Takes); 7] = [
            (O::Le, Takes::Number),
            (O::Lt, Takes::Number),
            (O::Ge, Takes::Number),
            (O::Gt, Takes::Number),
            (O::EqEq, Takes::Text { spaced: false }),
            (O::Eq, Takes::Text { spaced: false }),
            (O::Ne, Takes::Text { spaced: false }),
        ];
        const WORDS: [Operator; 9] = [
            O::Glob,
            O::IGlob,
            O::Contains,
            O::IContains,
            O::BContains,
            O::StartsWith,
            O::BStartsWith,
            O::EndsWith,
            O::Regex,
        ];
        const LISTS: [Operator; 3] = [O::Intersects, O::In, O::PMatch];
        if self.cursor.peek()?.is_ascii_punctuation() {
            return SYMBOLS.iter().find(|(op, _)| self.cursor.eat_word(op.text())).copied();
        }
        let rest = self.cursor.rest();
        for op in WORDS {
            let word = op.text().as_bytes();
            if rest[0] == word[0] && rest.starts_with(word) && self.cursor.is_blank(word.len()) {
                self.cursor.at += word.len();
                // The blanks behind it belong to it.
                return Some((op, Takes::Text { spaced: true }));
            }
        }
        LISTS.into_iter().find(|op| self.cursor.eat_word(op.text())).map(|op| (op, Takes::List))
    }

    /// The right side: a field in `val`, a transformer, or what `read` reads.
    fn right(&mut self, read: fn(&mut Self) -> Result<Right>) -> Result<(Option<Modifier>, Right, Position)> {
        let start = self.cursor.at;
        self.cursor.blanks();
        let token = self.cursor.at;
        self.enter(start)?;
        let right = match self.right_operand()? {
            Some(operand) => Right::Operand(operand),
            None => read(self)?,
        };
        self.leave();
        Ok((None, right, self.position(token)))
    }

    fn right_operand(&mut self) -> Result<Option<Operand>> {
        let start = self.cursor.at;
        let Some(name) = self.cursor.name() else { return Ok(None) };
        let is_val = name == "val";
        if self.cursor.peek() != Some(b'(') || !is_val && !is_transformer(name) {
            self.cursor.at = start;
            return Ok(None);
        }
        self.enter(start)?;
        let at = self.position(start);
        let transformer = if is_val { self.val()? } else { self.transformer(name)? };
        self.leave();
        Ok(Some(Operand::Transformer(transformer, at)))
    }

    /// A constant: read first, since what is too deep is told before what is wrong in it.
    fn one(&mut self, written: Option<&'t str>, expected: Expected) -> Result<Right> {
        let Some(written) = written else { return Err(self.expected(expected)) };
        self.enter(self.cursor.at - written.len())?;
        self.leave();
        self.value(written).map(Right::Value)
    }

    fn number(&mut self) -> Result<Right> {
        let written = self.cursor.number();
        self.one(written, Expected::Number)
    }

    fn text(&mut self) -> Result<Right> {
        let written = self.cursor.quoted().or_else(|| self.cursor.bare());
        self.one(written, Expected::Text)
    }

    fn list_or_name(&mut self) -> Result<Right> {
        if self.cursor.eat(b'(') {
            return self.list().map(Right::List);
        }
        let Some(name) = self.cursor.name() else { return Err(self.expected(Expected::List)) };
        self.last = Last::Word(name);
        Ok(Right::Name(name.to_owned()))
    }

    /// `oneof (a, b)`; without a list or a name behind it the word is a constant like any other.
    fn modified(&mut self) -> Result<Option<(Option<Modifier>, Right, Position)>> {
        let start = self.cursor.at;
        let modifiers = [Modifier::OneOf, Modifier::AnyOf, Modifier::AllOf];
        let modifier = modifiers.into_iter().find(|modifier| self.cursor.eat_word(modifier.text()));
        let behind = modifier.is_some() && self.cursor.blanks();
        let begins = self.cursor.peek() == Some(b'(') || self.cursor.is_name() && !self.cursor.is_bool_word();
        if !behind || !begins {
            self.cursor.at = start;
            return Ok(None);
        }
        let start = self.cursor.at;
        self.enter(start)?;
        let at = self.position(start);
        let right = self.list_or_name()?;
        self.leave();
        Ok(Some((modifier, right, at)))
    }

    /// A list, behind its parenthesis.
    fn list(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut values = Vec::new();
        self.cursor.blanks();
        if let Some(written) = self.cursor.quoted().or_else(|| self.cursor.bare()) {
            // The first element is on trial: if it cannot be read, the list must be empty.
            match constant(written) {
                Ok(value) => values.push(value),
                Err(_) if self.cursor.eat(b')') => {
                    self.last = Last::Word(")");
                    return Ok(values);
                }
                Err(_) => return Err(self.expected(Expected::Close)),
            }
            self.cursor.blanks();
            while self.cursor.eat(b',') {
                self.enter(self.cursor.at)?;
                self.cursor.blanks();
                let written = self.cursor.quoted().or_else(|| self.cursor.bare());
                let Some(written) = written else { return Err(self.expected(Expected::ListItem)) };
                values.push(self.value(written)?);
                self.leave();
                self.cursor.blanks();
            }
        }
        if !self.cursor.eat(b')') {
            return Err(self.expected(Expected::Close));
        }
        self.last = Last::Word(")");
        Ok(values)
    }
}

/// What stands behind an operator.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Number,
    /// `spaced`: the blanks behind the operator are part of it.
    Text {
        spaced: bool,
    },
    List,
}
