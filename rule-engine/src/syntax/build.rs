//! The tree from what the grammar found.
//!
//! Each function takes the pair of the rule it is named after. The first rule `e_…` in reading order is the error, as
//! is a bad escape or too great a depth met before it.

use pest::iterators::{Pair, Pairs};

use super::ast::{Check, Expr, Field, Modifier, Operand, Operator, Position, Right, Transformer};
use super::error::{SyntaxError, message};
use super::escape::unescape;
use super::parse::{Rule, constant};
use super::text::Lines;

type Result<T> = std::result::Result<T, SyntaxError>;

/// The last token that was read, for the message about what follows it.
#[derive(Debug)]
enum Last {
    Word(String),
    Constant(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Builder<'t> {
    lines: &'t Lines<'t>,
    limit: usize,
    depth: usize,
    last: Last,
}

impl<'t> Builder<'t> {
    pub(super) fn new(lines: &'t Lines<'t>, limit: usize) -> Self {
        Self { lines, limit, depth: 0, last: Last::Word(String::new()) }
    }

    pub(super) fn filter(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let mut inner = pair.into_inner();
        let tree = self.or_expr(next(&mut inner))?;
        match inner.next() {
            Some(end) if end.as_rule() != Rule::EOI => Err(self.expected(&end)),
            _ => Ok(tree),
        }
    }

    pub(super) fn operand_alone(&mut self, pair: Pair<'_, Rule>) -> Result<(Operand, usize)> {
        let inner = next(&mut pair.into_inner());
        let end = inner.as_span().end();
        self.within(inner.as_span().start(), |me| Ok((me.operand(inner, None)?, end)))
    }

    fn position(&self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    /// The error of a rule `e_…`.
    fn expected(&self, pair: &Pair<'_, Rule>) -> SyntaxError {
        let last = match &self.last {
            Last::Word(word) => word.clone(),
            Last::Constant(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let message = message(pair.as_rule(), &last).unwrap_or_else(|| format!("unexpected {:?}", pair.as_rule()));
        SyntaxError { message, position: self.position(pair.as_span().start()) }
    }

    /// One level deeper, entered at `offset`.
    fn within<T>(&mut self, offset: usize, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth >= self.limit {
            let message = format!("exceeded max depth limit of {}", self.limit);
            return Err(SyntaxError { message, position: self.position(offset) });
        }
        let result = f(self);
        self.depth -= 1;
        result
    }

    fn or_expr(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        self.joined(pair, Self::and_expr, Expr::Or)
    }

    fn and_expr(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        self.joined(pair, Self::not_expr, Expr::And)
    }

    fn joined(
        &mut self,
        pair: Pair<'_, Rule>,
        part: impl Fn(&mut Self, Pair<'_, Rule>) -> Result<Expr>,
        join: impl FnOnce(Vec<Expr>, Position) -> Expr,
    ) -> Result<Expr> {
        let start = pair.as_span().start();
        self.within(start, |me| {
            let mut parts = Vec::new();
            for inner in pair.into_inner() {
                parts.push(match inner.as_rule() {
                    Rule::and_expr | Rule::not_expr => part(me, inner)?,
                    Rule::paren => me.paren(inner)?,
                    _ => return Err(me.expected(&inner)),
                });
            }
            match parts.pop() {
                Some(only) if parts.is_empty() => Ok(only),
                last => {
                    parts.extend(last);
                    Ok(join(parts, me.position(start)))
                }
            }
        })
    }

    fn not_expr(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let start = pair.as_span().start();
        self.within(start, |me| {
            let mut negated = false;
            let mut inner = pair.into_inner().peekable();
            let at = me.position(inner.peek().map_or(start, |first| first.as_span().start()));
            let mut tree = None;
            for part in inner {
                match part.as_rule() {
                    Rule::not_word | Rule::not_paren => negated = !negated,
                    Rule::paren => tree = Some(me.paren(part)?),
                    Rule::check => tree = Some(me.check(part)?),
                    _ => return Err(me.expected(&part)),
                }
            }
            let tree = tree.unwrap_or_else(|| unreachable!("the grammar ends `not_expr` with a check"));
            Ok(if negated { Expr::Not(Box::new(tree), at) } else { tree })
        })
    }

    fn paren(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        self.within(pair.as_span().start(), |me| {
            let mut inner = pair.into_inner();
            let tree = me.or_expr(next(&mut inner))?;
            if let Some(fault) = inner.next() {
                return Err(me.expected(&fault));
            }
            me.last = Last::Word(")".to_owned());
            Ok(tree)
        })
    }

    fn check(&mut self, pair: Pair<'_, Rule>) -> Result<Expr> {
        self.within(pair.as_span().start(), |me| {
            let mut inner = pair.into_inner();
            let first = next(&mut inner);
            let at = me.position(first.as_span().start());
            match first.as_rule() {
                Rule::paren => me.paren(first),
                Rule::identifier => {
                    me.last = Last::Word(first.as_str().to_owned());
                    Ok(Expr::Macro(first.as_str().to_owned(), at))
                }
                Rule::field | Rule::transformer => {
                    let left = me.operand(first, None)?;
                    me.condition(left, at, next(&mut inner))
                }
                _ => Err(me.expected(&first)),
            }
        })
    }

    /// A field, `val(…)` or a transformer. `at` where Falco points elsewhere than at its beginning.
    fn operand(&mut self, pair: Pair<'_, Rule>, at: Option<Position>) -> Result<Operand> {
        let start = pair.as_span().start();
        let at = at.unwrap_or_else(|| self.position(start));
        match pair.as_rule() {
            Rule::field => self.field(pair).map(|field| Operand::Field(field, at)),
            Rule::val => {
                let mut transformer = Transformer { name: "val".to_owned(), args: Vec::new(), arg: None };
                for inner in pair.into_inner() {
                    match inner.as_rule() {
                        Rule::field => transformer.args.push(self.operand(inner, None)?),
                        Rule::arg => transformer.arg = Some(self.arg(inner)?),
                        _ => return Err(self.expected(&inner)),
                    }
                }
                self.last = Last::Word(if transformer.arg.is_some() { "]" } else { ")" }.to_owned());
                Ok(Operand::Transformer(transformer, at))
            }
            Rule::transformer => {
                let mut inner = pair.into_inner();
                let name = next(&mut inner);
                let begin = name.as_span().end() + 1;
                let mut transformer = Transformer { name: name.as_str().to_owned(), args: Vec::new(), arg: None };
                self.within(begin, |me| {
                    for part in inner {
                        match part.as_rule() {
                            Rule::argument => transformer.args.push(me.argument(part)?),
                            Rule::arg => transformer.arg = Some(me.arg(part)?),
                            _ => return Err(me.expected(&part)),
                        }
                    }
                    Ok(())
                })?;
                self.last = Last::Word(if transformer.arg.is_some() { "]" } else { ")" }.to_owned());
                Ok(Operand::Transformer(transformer, at))
            }
            _ => Err(self.expected(&pair)),
        }
    }

    fn field(&mut self, pair: Pair<'_, Rule>) -> Result<Field> {
        let mut inner = pair.into_inner();
        let name = next(&mut inner);
        self.within(name.as_span().end(), |me| {
            me.last = Last::Word(name.as_str().to_owned());
            let arg = inner.next().map(|arg| me.arg(arg)).transpose()?;
            Ok(Field { name: name.as_str().to_owned(), arg })
        })
    }

    fn arg(&mut self, pair: Pair<'_, Rule>) -> Result<Vec<u8>> {
        let mut value = Vec::new();
        for part in pair.into_inner() {
            value = match part.as_rule() {
                Rule::quoted | Rule::arg_bare => self.value(&part)?,
                _ => return Err(self.expected(&part)),
            };
        }
        self.last = Last::Word("]".to_owned());
        Ok(value)
    }

    /// A constant, bare or quoted.
    fn value(&mut self, pair: &Pair<'_, Rule>) -> Result<Vec<u8>> {
        let bytes = constant(pair.as_str());
        let bytes = if pair.as_rule() == Rule::quoted {
            unescape(&bytes)
                .map_err(|message| SyntaxError { message, position: self.position(pair.as_span().end()) })?
        } else {
            bytes
        };
        self.last = Last::Constant(bytes.clone());
        Ok(bytes)
    }

    fn argument(&mut self, pair: Pair<'_, Rule>) -> Result<Operand> {
        let start = pair.as_span().start();
        let at = self.position(start);
        self.within(start, |me| {
            let inner = next(&mut pair.into_inner());
            match inner.as_rule() {
                Rule::arg_list => {
                    let mut items = Vec::new();
                    for item in inner.into_inner() {
                        items.push(me.item(item, at)?);
                    }
                    me.last = Last::Word(")".to_owned());
                    Ok(Operand::List(items, at))
                }
                _ => me.item(inner, at),
            }
        })
    }

    fn item(&mut self, pair: Pair<'_, Rule>, at: Position) -> Result<Operand> {
        match pair.as_rule() {
            Rule::hex | Rule::num | Rule::quoted => Ok(Operand::Value(self.value(&pair)?, at)),
            _ => self.operand(pair, Some(at)),
        }
    }

    fn condition(&mut self, left: Operand, at: Position, pair: Pair<'_, Rule>) -> Result<Expr> {
        self.within(pair.as_span().start(), |me| {
            let mut inner = pair.into_inner();
            let first = next(&mut inner);
            let op = match first.as_rule() {
                Rule::exists => {
                    me.last = Last::Word("exists".to_owned());
                    return Ok(Expr::Exists(left, at));
                }
                Rule::number_op | Rule::symbol_op | Rule::word_op | Rule::list_op => operator(first.as_str()),
                _ => return Err(me.expected(&first)),
            };
            me.last = Last::Word(op.text().to_owned());
            let right = next(&mut inner);
            let (modifier, right, right_at) = me.right(right)?;
            Ok(Expr::Check(Check { left, op, modifier, right, right_at }, at))
        })
    }

    fn right(&mut self, pair: Pair<'_, Rule>) -> Result<(Option<Modifier>, Right, Position)> {
        let start = pair.as_span().start();
        let rule = pair.as_rule();
        let mut inner = pair.into_inner();
        if rule == Rule::modified {
            let modifier = match next(&mut inner).as_str() {
                "oneof" => Modifier::OneOf,
                "anyof" => Modifier::AnyOf,
                _ => Modifier::AllOf,
            };
            let value = next(&mut inner);
            let (right, at) = self.within(value.as_span().start(), |me| {
                let inner = next(&mut value.into_inner());
                let at = me.position(inner.as_span().start());
                Ok((me.constants(inner)?, at))
            })?;
            return Ok((Some(modifier), right, at));
        }
        let inner = next(&mut inner);
        let at = inner.as_span().start();
        self.within(start, |me| {
            let right = match inner.as_rule() {
                Rule::val | Rule::transformer => me.within(at, |me| me.operand(inner, None).map(Right::Operand))?,
                Rule::list | Rule::identifier => me.constants(inner)?,
                Rule::quoted | Rule::bare | Rule::hex | Rule::num => {
                    me.within(at, |_| Ok(()))?;
                    Right::Value(me.value(&inner)?)
                }
                _ => return Err(me.expected(&inner)),
            };
            Ok((None, right, me.position(at)))
        })
    }

    /// A list or a name that stands for one.
    fn constants(&mut self, pair: Pair<'_, Rule>) -> Result<Right> {
        match pair.as_rule() {
            Rule::identifier => {
                self.last = Last::Word(pair.as_str().to_owned());
                Ok(Right::Name(pair.as_str().to_owned()))
            }
            Rule::list => {
                let list = self.list(pair)?;
                self.last = Last::Word(")".to_owned());
                Ok(Right::List(list))
            }
            _ => Err(self.expected(&pair)),
        }
    }

    fn list(&mut self, pair: Pair<'_, Rule>) -> Result<Vec<Vec<u8>>> {
        let mut values = Vec::new();
        let text = pair.as_str();
        let begin = pair.as_span().start();
        for item in pair.into_inner() {
            match item.as_rule() {
                // The first element is on trial: if it cannot be read, the list must be empty.
                Rule::quoted | Rule::bare => match self.value(&item) {
                    Ok(value) => values.push(value),
                    Err(_) => {
                        let end = item.as_span().end();
                        if text[end - begin..].starts_with(')') {
                            return Ok(Vec::new());
                        }
                        let message = message(Rule::e_close, "").unwrap_or_default();
                        return Err(SyntaxError { message, position: self.position(end) });
                    }
                },
                Rule::list_item => {
                    let start = item.as_span().start();
                    let inner = next(&mut item.into_inner());
                    values.push(self.within(start, |me| match inner.as_rule() {
                        Rule::quoted | Rule::bare => me.value(&inner),
                        _ => Err(me.expected(&inner)),
                    })?);
                }
                _ => return Err(self.expected(&item)),
            }
        }
        Ok(values)
    }
}

/// The next pair, which the grammar always gives here.
fn next<'i>(pairs: &mut Pairs<'i, Rule>) -> Pair<'i, Rule> {
    pairs.next().unwrap_or_else(|| unreachable!("the grammar has a rule or an error here"))
}

fn operator(text: &str) -> Operator {
    match text {
        "=" => Operator::Eq,
        "==" => Operator::EqEq,
        "!=" => Operator::Ne,
        "<" => Operator::Lt,
        "<=" => Operator::Le,
        ">" => Operator::Gt,
        ">=" => Operator::Ge,
        "in" => Operator::In,
        "intersects" => Operator::Intersects,
        "pmatch" => Operator::PMatch,
        "contains" => Operator::Contains,
        "icontains" => Operator::IContains,
        "bcontains" => Operator::BContains,
        "startswith" => Operator::StartsWith,
        "bstartswith" => Operator::BStartsWith,
        "endswith" => Operator::EndsWith,
        "glob" => Operator::Glob,
        "iglob" => Operator::IGlob,
        "regex" => Operator::Regex,
        other => unreachable!("the grammar has no operator {other}"),
    }
}
