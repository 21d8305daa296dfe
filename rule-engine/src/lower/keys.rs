//! The event types that a condition can match: inferred from its checks on `evt.type`, `syscall.type` and `evt.num`.
//!
//! A `not` is pushed to the leaves. Leaves without a check of event types include all of them, negated or not.

use std::sync::Arc;

use smallvec::SmallVec;

use super::literal;
use super::{CompileError, CompileErrorKind, Known};
use crate::event::{Key, Schema};
use crate::ir::node::Literal;
use crate::syntax::ast::{Check, Expr, Operand, Operator, Right};

/// A set of event types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeySet {
    words: SmallVec<[u64; 8]>,
    count: usize,
}

impl KeySet {
    /// Returns no key out of `count`.
    pub fn none(count: usize) -> Self {
        Self { words: SmallVec::from_elem(0, count.div_ceil(64)), count }
    }

    /// Returns all keys below `count`.
    pub fn all(count: usize) -> Self {
        let mut words = SmallVec::from_elem(u64::MAX, count.div_ceil(64));
        if let Some(last) = words.last_mut().filter(|_| !count.is_multiple_of(64)) {
            *last = (1 << (count % 64)) - 1;
        }
        Self { words, count }
    }

    /// Adds a key; one beyond the greatest is left out.
    pub fn insert(&mut self, key: Key) {
        let key = usize::from(key.0);
        if key < self.count {
            self.words[key / 64] |= 1 << (key % 64);
        }
    }

    /// Returns whether `key` is a member.
    pub fn contains(&self, key: Key) -> bool {
        self.words.get(usize::from(key.0) / 64).is_some_and(|word| word >> (key.0 % 64) & 1 == 1)
    }

    /// Returns how many keys it has.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether it has none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Returns its keys, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Key> + '_ {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                word &= word.wrapping_sub(1);
                (bit < 64).then(|| Key((place * 64) as u16 + bit as u16))
            })
        })
    }

    fn complement(mut self) -> Self {
        let all = Self::all(self.count);
        for (word, all) in self.words.iter_mut().zip(&all.words) {
            *word = !*word & all;
        }
        self
    }

    fn join(&mut self, other: &Self, all: bool) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word = if all { *word & other } else { *word | other };
        }
    }
}

/// Returns the keys that `tree` can match.
pub(super) fn infer(tree: &Expr, schema: &dyn Schema, known: &mut Known) -> Result<KeySet, CompileError> {
    Inference { schema, known, count: schema.key_count() }.expr(tree, false)
}

struct Inference<'s> {
    schema: &'s dyn Schema,
    known: &'s mut Known,
    count: usize,
}

impl Inference<'_> {
    fn expr(&mut self, tree: &Expr, negated: bool) -> Result<KeySet, CompileError> {
        match tree {
            Expr::And(children, _) => self.junction(children, negated, !negated),
            Expr::Or(children, _) => self.junction(children, negated, negated),
            Expr::Not(child, _) => self.expr(child, !negated),
            Expr::Macro(..) => Ok(KeySet::all(self.count)),
            Expr::Defined(definition) => {
                let key = (Arc::as_ptr(definition).addr(), negated);
                if let Some(keys) = self.known.keys.get(&key) {
                    return Ok(keys.clone());
                }
                let keys = self.expr(definition.tree(), negated)?;
                self.known.keys.insert(key, keys.clone());
                Ok(keys)
            }
            Expr::Exists(operand, at) => {
                let typed = is_event_type(operand)
                    .map_err(|message| CompileError::new(CompileErrorKind::EventTypes { message }, *at))?;
                Ok(if typed && negated { KeySet::none(self.count) } else { KeySet::all(self.count) })
            }
            Expr::Check(check, at) => {
                let set = self
                    .check(check)
                    .map_err(|message| CompileError::new(CompileErrorKind::EventTypes { message }, *at))?;
                Ok(match set {
                    None => KeySet::all(self.count),
                    Some(set) if negated => set.complement(),
                    Some(set) => set,
                })
            }
        }
    }

    fn junction(&mut self, children: &[Expr], negated: bool, all: bool) -> Result<KeySet, CompileError> {
        let mut set = if all { KeySet::all(self.count) } else { KeySet::none(self.count) };
        for child in children {
            set.join(&self.expr(child, negated)?, all);
        }
        Ok(set)
    }

    /// Returns the keys of a leaf; `None` if it does not restrict them.
    fn check(&self, check: &Check) -> Result<Option<KeySet>, &'static str> {
        if check.modifier.is_some() {
            return Ok(None);
        }
        if let Some(known) = number_invariant(check) {
            return Ok(Some(if known { KeySet::all(self.count) } else { KeySet::none(self.count) }));
        }
        if !matches!(check.op, Operator::Eq | Operator::EqEq | Operator::Ne | Operator::In)
            || !is_event_type(&check.left)?
        {
            return Ok(None);
        }
        let mut set = KeySet::none(self.count);
        let mut add = |name: &[u8]| {
            let keys = std::str::from_utf8(name).ok().and_then(|name| self.schema.keys_of(name));
            keys.iter().flat_map(|keys| keys.iter()).for_each(|key| set.insert(*key));
        };
        match &check.right {
            Right::Value(name) => add(name),
            Right::Name(name) => add(name.as_bytes()),
            Right::List(names) => names.iter().for_each(|name| add(name)),
            Right::Operand(operand) => {
                is_event_type(operand)?;
                return Err("right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by \
                            event code search");
            }
        }
        Ok(Some(if check.op == Operator::Ne { set.complement() } else { set }))
    }
}

/// Returns whether an operand is the plain event type; an error if a transformer is applied to it.
fn is_event_type(operand: &Operand) -> Result<bool, &'static str> {
    match operand {
        Operand::Field(field, _) => {
            Ok((field.name == "evt.type" || field.name == "syscall.type") && field.arg.is_none())
        }
        Operand::Transformer(transformer, _) => {
            for arg in &transformer.args {
                if is_event_type(arg)? {
                    return Err("event code search does not support `evt.type` checks with transformers");
                }
            }
            Ok(false)
        }
        Operand::List(items, _) => items.iter().try_fold(false, |_, item| is_event_type(item)),
        Operand::Value(..) => Ok(false),
    }
}

/// Returns the known result of a check on `evt.num`, which begins at 1.
fn number_invariant(check: &Check) -> Option<bool> {
    let Operand::Field(field, _) = &check.left else { return None };
    if field.name != "evt.num" || field.arg.is_some() {
        return None;
    }
    let parse = |text: &[u8]| match literal::number(text, 64, false) {
        Some(Literal::U64(number)) => Some(number),
        _ => None,
    };
    if check.op == Operator::In {
        let Right::List(items) = &check.right else { return None };
        return items.iter().all(|item| parse(item) == Some(0)).then_some(false);
    }
    let Right::Value(text) = &check.right else { return None };
    let number = parse(text)?;
    match check.op {
        Operator::Eq | Operator::EqEq | Operator::Le if number == 0 => Some(false),
        Operator::Lt if number <= 1 => Some(false),
        Operator::Ne | Operator::Gt if number == 0 => Some(true),
        Operator::Ge if number <= 1 => Some(true),
        _ => None,
    }
}
