//! The grammar of conditions as the table that the compiler reads by: instructions of `syntax/machine.rs`.
//!
//! The notation of the grammar is pest's, and pest's own reader of grammars is what reads it here. Its parsers are not
//! what the compiler runs, since they cost three times what all else does with a condition: in them each repetition of
//! one character is a call. A test of the rule engine holds the table to pest's parser of the same file.
//!
//! The text between choices is analysed here: which characters an alternative can begin with, so that a look at one byte
//! passes over most alternatives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pest_meta::ast::{Expr, RuleType};
use pest_meta::parser;

const GRAMMAR: &str = include_str!("../../../rule-engine/src/syntax/condition.pest");

/// A set of characters: one bit for each of ASCII, and ranges of others.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Set {
    ascii: u128,
    ranges: Vec<(u32, u32)>,
}

impl Set {
    fn range(low: char, high: char) -> Self {
        let (low, high) = (u32::from(low), u32::from(high));
        let ascii = (low..=high.min(127)).fold(0, |bits, code| bits | 1 << code);
        Self { ascii, ranges: if high > 127 { vec![(low.max(128), high)] } else { Vec::new() } }
    }

    fn any() -> Self {
        Self::range('\0', char::MAX)
    }

    fn union(mut self, other: &Self) -> Self {
        self.ascii |= other.ascii;
        self.ranges.extend(&other.ranges);
        self.ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::new();
        for (low, high) in std::mem::take(&mut self.ranges) {
            match joined.last_mut() {
                Some(last) if low <= last.1 + 1 => last.1 = last.1.max(high),
                _ => joined.push((low, high)),
            }
        }
        self.ranges = joined;
        self
    }
}

/// An instruction whose place is named by a label.
#[derive(Debug, Clone)]
enum Op {
    Label(usize),
    One(usize),
    Many(usize),
    Text(String),
    If(String, usize),
    Unless(usize, usize),
    Not(usize),
    Choice(usize),
    Commit(usize),
    Refuse,
    Jump(usize),
    Call(usize),
    Return,
    Open(String),
    Close,
    End,
    Done,
}

struct Compiler {
    rules: BTreeMap<String, (RuleType, Expr)>,
    sets: Vec<Set>,
    ops: Vec<Op>,
    labels: usize,
    /// The rules that are called, with their labels, and those of them that are to be written.
    called: BTreeMap<String, usize>,
    due: Vec<String>,
    /// The rules that are being written in place.
    inside: Vec<String>,
}

/// The alternatives of a choice, or the parts of a sequence.
fn flat<'e>(expr: &'e Expr, split: &dyn Fn(&'e Expr) -> Option<(&'e Expr, &'e Expr)>) -> Vec<&'e Expr> {
    match split(expr) {
        Some((left, right)) => [flat(left, split), flat(right, split)].concat(),
        None => vec![expr],
    }
}

fn alternatives(expr: &Expr) -> Vec<&Expr> {
    flat(expr, &|expr| match expr {
        Expr::Choice(left, right) => Some((&**left, &**right)),
        _ => None,
    })
}

fn parts(expr: &Expr) -> Vec<&Expr> {
    flat(expr, &|expr| match expr {
        Expr::Seq(left, right) => Some((&**left, &**right)),
        _ => None,
    })
}

fn only(text: &str) -> char {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => only,
        _ => unreachable!("pest has ranges of single characters"),
    }
}

impl Compiler {
    fn label(&mut self) -> usize {
        self.labels += 1;
        self.labels - 1
    }

    fn intern(&mut self, set: Set) -> usize {
        self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        })
    }

    fn rule(&self, name: &str) -> &(RuleType, Expr) {
        self.rules.get(name).unwrap_or_else(|| unreachable!("the grammar has no rule {name}"))
    }

    /// The set that an expression takes one character of, if that is all it does.
    fn set(&self, expr: &Expr) -> Option<Set> {
        match expr {
            Expr::Str(text) if text.chars().count() == 1 => Some(Set::range(only(text), only(text))),
            Expr::Range(low, high) => Some(Set::range(only(low), only(high))),
            Expr::Choice(left, right) => Some(self.set(left)?.union(&self.set(right)?)),
            Expr::Ident(name) => match name.as_str() {
                "ANY" => Some(Set::any()),
                "ASCII_DIGIT" => Some(Set::range('0', '9')),
                "ASCII_ALPHA" => Some(Set::range('a', 'z').union(&Set::range('A', 'Z'))),
                "ASCII_HEX_DIGIT" => {
                    Some(Set::range('0', '9').union(&Set::range('a', 'f')).union(&Set::range('A', 'F')))
                }
                "ASCII_ALPHANUMERIC" => {
                    Some(Set::range('0', '9').union(&Set::range('a', 'z')).union(&Set::range('A', 'Z')))
                }
                "EOI" => None,
                name => match self.rule(name) {
                    (RuleType::Silent, expr) if !refers(expr, name) => self.set(expr),
                    _ => None,
                },
            },
            _ => None,
        }
    }

    /// The characters that it can begin with, and whether it can take nothing at all.
    fn first(&self, expr: &Expr) -> (Set, bool) {
        if let Some(set) = self.set(expr) {
            return (set, false);
        }
        match expr {
            Expr::Str(text) => match text.chars().next() {
                Some(first) => (Set::range(first, first), false),
                None => (Set::default(), true),
            },
            Expr::Ident(name) if name == "EOI" => (Set::default(), true),
            Expr::Ident(name) => self.first(&self.rule(name).1),
            Expr::Seq(left, right) => {
                let (set, empty) = self.first(left);
                if !empty {
                    return (set, false);
                }
                let (more, empty) = self.first(right);
                (set.union(&more), empty)
            }
            Expr::Choice(left, right) => {
                let ((left, a), (right, b)) = (self.first(left), self.first(right));
                (left.union(&right), a || b)
            }
            Expr::Opt(inner) | Expr::Rep(inner) => (self.first(inner).0, true),
            Expr::RepOnce(inner) => self.first(inner),
            Expr::NegPred(_) | Expr::PosPred(_) => (Set::default(), true),
            other => unreachable!("the grammar uses {other:?}"),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        if let Some(set) = self.set(expr) {
            let set = self.intern(set);
            self.ops.push(Op::One(set));
            return;
        }
        match expr {
            Expr::Str(text) => self.ops.push(Op::Text(text.clone())),
            Expr::Ident(name) if name == "EOI" => self.ops.extend([Op::Open(name.clone()), Op::End, Op::Close]),
            Expr::Ident(name) => self.named(name),
            Expr::Seq(..) => parts(expr).into_iter().for_each(|part| self.expr(part)),
            Expr::Choice(..) => self.choice(&alternatives(expr)),
            Expr::Opt(inner) => {
                let end = self.label();
                self.guard(inner, end);
                self.ops.push(Op::Choice(end));
                self.expr(inner);
                self.ops.extend([Op::Commit(end), Op::Label(end)]);
            }
            Expr::Rep(inner) => self.repeat(inner),
            Expr::RepOnce(inner) => {
                self.expr(inner);
                self.repeat(inner);
            }
            Expr::NegPred(inner) => match self.set(inner) {
                Some(set) => {
                    let set = self.intern(set);
                    self.ops.push(Op::Not(set));
                }
                None => {
                    let end = self.label();
                    self.ops.push(Op::Choice(end));
                    self.expr(inner);
                    self.ops.extend([Op::Refuse, Op::Label(end)]);
                }
            },
            other => unreachable!("the grammar uses {other:?}"),
        }
    }

    /// Passes over what cannot begin here.
    fn guard(&mut self, expr: &Expr, otherwise: usize) {
        if let (set, false) = self.first(expr) {
            let set = self.intern(set);
            self.ops.push(Op::Unless(set, otherwise));
        }
    }

    fn repeat(&mut self, inner: &Expr) {
        if let Some(set) = self.set(inner) {
            let set = self.intern(set);
            self.ops.push(Op::Many(set));
            return;
        }
        let (again, end) = (self.label(), self.label());
        self.ops.push(Op::Label(again));
        let mut all = alternatives(inner);
        // Single characters that come first in a choice are taken in one run.
        if let (Some(set), true) = (self.set(all[0]), all.len() > 1) {
            let set = self.intern(set);
            self.ops.push(Op::Many(set));
            all.remove(0);
        }
        let firsts: Vec<(Set, bool)> = all.iter().map(|one| self.first(one)).collect();
        if firsts.iter().all(|(_, empty)| !empty) {
            let set = firsts.iter().fold(Set::default(), |all, (set, _)| all.union(set));
            let set = self.intern(set);
            self.ops.push(Op::Unless(set, end));
        }
        self.ops.push(Op::Choice(end));
        self.choice(&all);
        self.ops.extend([Op::Commit(again), Op::Label(end)]);
    }

    fn choice(&mut self, all: &[&Expr]) {
        let end = self.label();
        let Some((last, before)) = all.split_last() else { return };
        for one in before {
            // Words that fail have taken nothing: there is nothing to go back to.
            if let (Expr::Str(text), None) = (one, self.set(one)) {
                self.ops.push(Op::If(text.clone(), end));
                continue;
            }
            let next = self.label();
            self.guard(one, next);
            if let Some(set) = self.set(one) {
                let set = self.intern(set);
                self.ops.extend([Op::One(set), Op::Jump(end), Op::Label(next)]);
                continue;
            }
            self.ops.push(Op::Choice(next));
            self.expr(one);
            self.ops.extend([Op::Commit(end), Op::Label(next)]);
        }
        self.expr(last);
        self.ops.push(Op::Label(end));
    }

    /// A rule: in place if that ends, else as a call.
    fn named(&mut self, name: &str) {
        let (ty, expr) = self.rule(name).clone();
        let calls = ty != RuleType::Silent && !self.is_leaf(&expr);
        if calls || refers(&expr, name) || self.inside.iter().any(|outer| outer == name) {
            let label = match self.called.get(name) {
                Some(label) => *label,
                None => {
                    let label = self.label();
                    self.called.insert(name.to_owned(), label);
                    self.due.push(name.to_owned());
                    label
                }
            };
            self.ops.push(Op::Call(label));
            return;
        }
        self.body(name, ty, &expr);
    }

    fn body(&mut self, name: &str, ty: RuleType, expr: &Expr) {
        self.inside.push(name.to_owned());
        match ty {
            RuleType::Silent => self.expr(expr),
            RuleType::CompoundAtomic => {
                self.ops.push(Op::Open(name.to_owned()));
                self.expr(expr);
                self.ops.push(Op::Close);
            }
            other => unreachable!("rule {name} is {other:?}: what its spaces are is said nowhere"),
        }
        self.inside.pop();
    }

    /// Whether there is no other rule with a token in it.
    fn is_leaf(&self, expr: &Expr) -> bool {
        expr.clone().iter_top_down().all(|part| match part {
            Expr::Ident(name) => name.starts_with("ASCII_") || name == "ANY" || self.set(&Expr::Ident(name)).is_some(),
            _ => true,
        })
    }

    /// Writes a rule that texts are read by, and what it calls.
    fn entry(&mut self, name: &str) -> usize {
        let label = self.label();
        self.ops.push(Op::Label(label));
        let (ty, expr) = self.rule(name).clone();
        self.body(name, ty, &expr);
        self.ops.push(Op::Done);
        while let Some(name) = self.due.pop() {
            self.ops.push(Op::Label(self.called[&name]));
            let (ty, expr) = self.rule(&name).clone();
            self.body(&name, ty, &expr);
            self.ops.push(Op::Return);
        }
        label
    }
}

/// Whether a rule names itself.
fn refers(expr: &Expr, name: &str) -> bool {
    expr.clone().iter_top_down().any(|part| matches!(part, Expr::Ident(other) if other == name))
}

fn camel(name: &str) -> String {
    name.split('_').map(|part| part[..1].to_uppercase() + &part[1..].to_lowercase()).collect()
}

/// The table.
pub(super) fn rust() -> Result<String, String> {
    let pairs = parser::parse(parser::Rule::grammar_rules, GRAMMAR).map_err(|error| error.to_string())?;
    let rules = parser::consume_rules(pairs).map_err(|errors| format!("{errors:?}"))?;
    let mut compiler = Compiler {
        rules: rules.into_iter().map(|rule| (rule.name, (rule.ty, rule.expr))).collect(),
        sets: Vec::new(),
        ops: Vec::new(),
        labels: 0,
        called: BTreeMap::new(),
        due: Vec::new(),
        inside: Vec::new(),
    };
    let entries = [("FILTER", compiler.entry("filter")), ("OPERAND", compiler.entry("operand"))];

    let mut places = BTreeMap::new();
    let mut next = 0;
    for op in &compiler.ops {
        match op {
            Op::Label(label) => _ = places.insert(*label, next),
            _ => next += 1,
        }
    }
    let tokens: BTreeSet<&String> =
        compiler.ops.iter().filter_map(|op| if let Op::Open(name) = op { Some(name) } else { None }).collect();
    let mut out = String::from(
        "//! The grammar of conditions as a table. Do not edit: written from condition.pest by `cargo xtask codegen`.\n\n\
         use super::machine::{Op, Set};\n\n\
         /// The rules of the grammar that have a token.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq)]\n\
         pub(super) enum Rule {\n",
    );
    for name in &tokens {
        _ = writeln!(out, "    {},", camel(name));
    }
    out.push_str("}\n\n#[cfg(test)]\nimpl Rule {\n    /// Each rule with its name in the grammar.\n");
    _ = writeln!(out, "    pub(super) const NAMES: [(Self, &'static str); {}] = [", tokens.len());
    for name in &tokens {
        _ = writeln!(out, "        (Self::{}, {name:?}),", camel(name));
    }
    out.push_str("    ];\n}\n\n");
    for (name, label) in entries {
        _ = writeln!(out, "/// Start of the code of rule `{}`.", name.to_lowercase());
        _ = writeln!(out, "pub(super) const {name}: u16 = {};\n", places[&label]);
    }
    _ = writeln!(out, "/// The sets of characters, as bits of ASCII and ranges of other characters.");
    _ = writeln!(out, "pub(super) static SETS: [Set; {}] = [", compiler.sets.len());
    for set in &compiler.sets {
        let ranges: Vec<String> = set.ranges.iter().map(|(low, high)| format!("({low:#x}, {high:#x})")).collect();
        let (low, high) = (set.ascii as u64, (set.ascii >> 64) as u64);
        _ = writeln!(out, "    Set {{ ascii: [{low:#x}, {high:#x}], others: &[{}] }},", ranges.join(", "));
    }
    _ = writeln!(out, "];\n\n/// The code.\n#[rustfmt::skip]");
    _ = writeln!(out, "pub(super) static CODE: [Op; {next}] = [");
    for op in &compiler.ops {
        let text = match op {
            Op::Label(_) => continue,
            Op::One(set) => format!("One({set})"),
            Op::Many(set) => format!("Many({set})"),
            Op::Text(text) => format!("Text({text:?})"),
            Op::If(text, to) => format!("If({text:?}, {})", places[to]),
            Op::Unless(set, to) => format!("Unless({set}, {})", places[to]),
            Op::Not(set) => format!("Not({set})"),
            Op::Choice(to) => format!("Choice({})", places[to]),
            Op::Commit(to) => format!("Commit({})", places[to]),
            Op::Refuse => "Refuse".to_owned(),
            Op::Jump(to) => format!("Jump({})", places[to]),
            Op::Call(to) => format!("Call({})", places[to]),
            Op::Return => "Return".to_owned(),
            Op::Open(name) => format!("Open(Rule::{})", camel(name)),
            Op::Close => "Close".to_owned(),
            Op::End => "End".to_owned(),
            Op::Done => "Done".to_owned(),
        };
        _ = writeln!(out, "    Op::{text},");
    }
    out.push_str("];\n");
    Ok(out)
}
