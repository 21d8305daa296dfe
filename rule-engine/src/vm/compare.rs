//! The meaning of one atom, evaluated plainly: prepared matchers must agree with it.

use std::net::IpAddr;

use bumpalo::Bump;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::regex;
use super::{eval, paths};
use crate::event::{Event, Kind, Special, Value};
use crate::ir::expr::{Expr, Exprs, Nul};
use crate::ir::node::{Atom, Literal, Pool, Test};
use crate::operator::{Answer, Operator};

/// The compiled patterns of the `regex` operators of a set of rules, by their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Regexes(HashMap<Box<[u8]>, ::regex::Regex, FxBuildHasher>);

impl Regexes {
    /// Compiles the patterns of `atoms`.
    pub(crate) fn new<'a>(atoms: impl IntoIterator<Item = &'a Atom>) -> Self {
        let mut table = Self::default();
        table.extend(atoms);
        table
    }

    /// Compiles the patterns of more `atoms`.
    pub(crate) fn extend<'a>(&mut self, atoms: impl IntoIterator<Item = &'a Atom>) {
        for atom in atoms {
            match &atom.test {
                Test::Compare(Operator::Regex, pattern) => self.add(pattern.bytes()),
                Test::OneOf(Operator::Regex, patterns) => patterns.iter().for_each(|text| self.add(text.bytes())),
                _ => {}
            }
        }
    }

    fn add(&mut self, pattern: &[u8]) {
        if !self.0.contains_key(pattern) {
            // Every pattern was compiled once with its condition; one that cannot be compiled never matches.
            if let Ok(compiled) = regex::translate(pattern).and_then(|text| regex::compile(&text)) {
                self.0.insert(pattern.into(), compiled);
            }
        }
    }

    pub(crate) fn of(&self, pattern: &[u8]) -> Option<&::regex::Regex> {
        self.0.get(pattern)
    }

    fn matches(&self, pattern: &[u8], text: &[u8], arena: &Bump) -> bool {
        self.of(pattern).is_some_and(|compiled| compiled.is_match(valid_text(eval::trimmed(text), arena)))
    }
}

/// Returns text with each invalid sequence replaced by U+FFFD.
pub(crate) fn valid_text<'e>(text: &'e [u8], arena: &'e Bump) -> &'e str {
    match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(_) => {
            let mut out = bumpalo::collections::String::with_capacity_in(text.len() + 8, arena);
            for chunk in text.utf8_chunks() {
                out.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    out.push('\u{fffd}');
                }
            }
            out.into_bump_str()
        }
    }
}

/// Evaluates one atom for one event, extracting the values that it needs.
pub(crate) fn holds<'e, E: Event>(
    pool: &'e Pool,
    regexes: &Regexes,
    atom: &'e Atom,
    event: &'e E,
    arena: &'e Bump,
) -> bool {
    match eval::value(&pool.exprs, atom.expr, event, arena) {
        None => false,
        Some(value) => holds_for(&pool.exprs, regexes, atom, value, event, arena),
    }
}

/// Evaluates one atom on a given value.
pub(crate) fn holds_for<'e, E: Event>(
    exprs: &'e Exprs,
    regexes: &Regexes,
    atom: &'e Atom,
    value: Value<'e>,
    event: &'e E,
    arena: &'e Bump,
) -> bool {
    if let Test::Against(op, right) = &atom.test {
        let Some(other) = eval::value(exprs, *right, event, arena) else { return false };
        return against(&exprs[atom.expr], *op, value, other);
    }
    if let Test::Around(delta) = atom.test {
        let Value::U64(wanted) = value else { return false };
        let (low, high) = (event.time().wrapping_sub(delta), event.time().wrapping_add(delta));
        return wanted >= low && wanted <= high;
    }
    answers(&exprs[atom.expr], &atom.test, value, regexes, arena)
}

/// Evaluates a test that needs only the value.
pub(crate) fn answers(expr: &Expr, test: &Test, value: Value<'_>, regexes: &Regexes, arena: &Bump) -> bool {
    let one = |value: Value<'_>, test: &Test| single(expr, test, value, regexes, arena);
    match (value, expr.special) {
        (Value::List(ends), Special::AnyEnd) => match test {
            Test::Exists => true,
            Test::Compare(Operator::Ne, _) => !ends.is_empty() && ends.iter().all(|end| one(*end, test)),
            _ => ends.iter().any(|end| one(*end, test)),
        },
        (Value::List(ends), Special::DnsName) => match (test, ends) {
            (Test::Exists, _) => true,
            (Test::Host(wanted, hosts), [Value::Ip(ip)]) => hosts.iter().any(|host| host.has(ip)) == *wanted,
            _ => false,
        },
        (Value::List(ancestors), Special::AnyAncestor) => ancestors.iter().any(|ancestor| one(*ancestor, test)),
        (Value::List(items), _) if expr.list => list(expr.kind, test, items),
        // More than one value of a field that is not a list: the reference ends here, for us nothing is true of it.
        (Value::List([item]), _) => one(*item, test),
        (Value::List(_), _) => false,
        (value, _) => one(value, test),
    }
}

fn list(kind: Kind, test: &Test, items: &[Value<'_>]) -> bool {
    let member = |item: &Value<'_>, set: &[Literal]| set.iter().any(|literal| same_bytes(kind, *item, literal));
    match test {
        Test::Exists => true,
        Test::In(set) => items.iter().all(|item| member(item, set)),
        Test::Intersects(set) => items.iter().any(|item| member(item, set)),
        _ => false,
    }
}

/// Returns whether a value is a constant, bytes and all.
fn same_bytes(kind: Kind, value: Value<'_>, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::Bytes(bytes), Literal::Bytes(wanted)) => *bytes == **wanted,
        _ => compare(kind, Operator::Eq, value, literal),
    }
}

fn single(expr: &Expr, test: &Test, value: Value<'_>, regexes: &Regexes, arena: &Bump) -> bool {
    let holds = |op: Operator, literal: &Literal| match (value, op) {
        (Value::Bytes(text), Operator::Regex) => regexes.matches(literal.bytes(), text, arena),
        _ => compare_expr(expr, op, value, literal),
    };
    match test {
        Test::Exists => true,
        Test::Compare(op, literal) => holds(*op, literal),
        Test::In(set) | Test::Intersects(set) => match value {
            Value::Bytes(text) if expr.kind.is_text() => {
                let text = eval::trimmed(text);
                set.iter().any(|literal| literal.bytes() == text)
            }
            _ => set.iter().any(|literal| same_bytes(expr.kind, value, literal)),
        },
        Test::PMatch(patterns) => match value {
            Value::Bytes(path) => patterns.iter().any(|pattern| paths::matches_one(pattern, eval::trimmed(path))),
            _ => false,
        },
        Test::OneOf(op, literals) => literals.iter().filter(|literal| holds(*op, literal)).count() == 1,
        Test::Against(..) | Test::Around(_) | Test::Host(..) | Test::Never => false,
    }
}

/// Compares as [`compare`], with text cut at its first NUL where there may be one.
fn compare_expr(expr: &Expr, op: Operator, value: Value<'_>, literal: &Literal) -> bool {
    match value {
        Value::Bytes(text) if expr.nul != Nul::Never && expr.kind.is_text() => {
            compare(expr.kind, op, Value::Bytes(eval::c_text(text)), literal)
        }
        _ => compare(expr.kind, op, value, literal),
    }
}

/// Returns whether `value op literal`, for all operators but `regex` and those of lists.
#[inline]
pub(crate) fn compare(kind: Kind, op: Operator, value: Value<'_>, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::Bytes(text), Literal::Bytes(wanted)) => bytes(op, text, wanted),
        (Value::Ip(ip), Literal::Ip(wanted)) => equality(op, ip == *wanted),
        (Value::Ip(ip), Literal::Net(net, bits)) => equality(op, in_net(ip, *net, *bits)),
        (Value::Bool(truth), Literal::Bool(wanted)) => equality(op, truth == *wanted),
        (Value::F64(number), Literal::F64(wanted)) => order(op, number.partial_cmp(&f64::from(*wanted))),
        _ => match (number(value), literal) {
            (Some(number), Literal::I64(wanted)) => order(op, Some((number as i64).cmp(wanted))),
            (Some(number), Literal::U64(wanted)) => order(op, Some(number.cmp(wanted))),
            (Some(number), Literal::Bool(wanted)) => equality(op, (number != 0) == *wanted),
            (Some(number), Literal::F64(wanted)) if kind == Kind::Double => {
                order(op, (number as f64).partial_cmp(&f64::from(*wanted)))
            }
            _ => false,
        },
    }
}

/// Returns the 64 bits of a whole number.
fn number(value: Value<'_>) -> Option<u64> {
    match value {
        Value::I64(number) => Some(number as u64),
        Value::U64(number) => Some(number),
        Value::Bool(truth) => Some(u64::from(truth)),
        _ => None,
    }
}

fn equality(op: Operator, equal: bool) -> bool {
    equal ^ (op == Operator::Ne)
}

/// Returns whether an ordering satisfies the operator. NaN, which cannot be ordered, is only unequal.
fn order(op: Operator, ordering: Option<std::cmp::Ordering>) -> bool {
    match (op.answer(), ordering) {
        (Answer::Order(holds), Some(ordering)) => holds(ordering),
        (_, Some(ordering)) => ordering.is_eq(),
        (_, None) => op == Operator::Ne,
    }
}

fn bytes(op: Operator, text: &[u8], wanted: &[u8]) -> bool {
    match op.answer() {
        Answer::Bytes(holds) => holds(text, wanted),
        Answer::Order(holds) => holds(text.cmp(wanted)),
        Answer::Pattern | Answer::Set => text == wanted,
    }
}

/// Returns whether an address belongs to a network; one of the other address family does not.
pub(crate) fn in_net(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let shift = 32u32.saturating_sub(bits.into());
            (ip.to_bits() ^ net.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let shift = 128u32.saturating_sub(bits.into());
            (ip.to_bits() ^ net.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Returns whether `value op other`.
fn against(expr: &Expr, op: Operator, value: Value<'_>, other: Value<'_>) -> bool {
    let others = if let Value::List(items) = &other { items } else { std::slice::from_ref(&other) };
    let same = |left: Value<'_>, right: &Value<'_>| match (left, right) {
        (Value::Bytes(left), Value::Bytes(right)) => left == *right,
        (left, right) => values(Operator::Eq, left, *right),
    };
    match (op, value) {
        (Operator::In, Value::List(items)) if expr.list => {
            items.iter().all(|item| others.iter().any(|other| same(*item, other)))
        }
        (Operator::Intersects, Value::List(items)) if expr.list => {
            items.iter().any(|item| others.iter().any(|other| same(*item, other)))
        }
        (_, Value::List([single])) => against(expr, op, *single, other),
        (_, Value::List(_)) => false,
        (Operator::In | Operator::Intersects, Value::Bytes(text)) if expr.kind.is_text() => {
            others.iter().any(|other| same(Value::Bytes(eval::trimmed(text)), other))
        }
        (Operator::In | Operator::Intersects, value) => others.iter().any(|other| same(value, other)),
        (op, Value::Bytes(text)) if expr.kind.is_text() => match others.first() {
            Some(Value::Bytes(other)) => bytes(op, eval::c_text(text), eval::c_text(other)),
            _ => false,
        },
        (op, value) => others.first().is_some_and(|other| values(op, value, *other)),
    }
}

/// Returns whether `left op right`, values of the same kind.
fn values(op: Operator, left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Bytes(left), Value::Bytes(right)) => bytes(op, left, right),
        (Value::Ip(left), Value::Ip(right)) => equality(op, left == right),
        (Value::F64(left), Value::F64(right)) => order(op, left.partial_cmp(&right)),
        (Value::I64(left), Value::I64(right)) => order(op, Some(left.cmp(&right))),
        (left, right) => match (number(left), number(right)) {
            (Some(left), Some(right)) => order(op, Some(left.cmp(&right))),
            _ => false,
        },
    }
}
