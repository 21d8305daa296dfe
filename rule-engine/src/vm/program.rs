//! A program: the code of all conditions of a set of rules, and the tables that it refers to.

use super::compare::Regexes;
use super::matcher::Matcher;
use crate::event::{FieldId, Lifetime};
use crate::ir::expr::{ExprId, Exprs};
use crate::ir::node::Atom;
use crate::ir::op::Op;

/// The life time of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    Event = 0,
    Thread = 1,
    Lineage = 2,
    Fd = 3,
}

impl Span {
    pub(crate) const ALL: [Self; 4] = [Self::Event, Self::Thread, Self::Lineage, Self::Fd];

    pub(crate) const fn of(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Event => Self::Event,
            Lifetime::Fd => Self::Fd,
            Lifetime::Thread => Self::Thread,
            Lifetime::Lineage => Self::Lineage,
        }
    }

    /// Returns whether a result is likely to be needed again for each event: not one that lasts with the process.
    pub(crate) const fn is_brief(self) -> bool {
        matches!(self, Self::Event | Self::Fd)
    }

    /// Returns the span of a result that depends on both.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fd, Self::Fd) => Self::Fd,
            (Self::Event | Self::Fd, _) | (_, Self::Event | Self::Fd) => Self::Event,
            (Self::Lineage, _) | (_, Self::Lineage) => Self::Lineage,
            (Self::Thread, Self::Thread) => Self::Thread,
        }
    }
}

/// The place of a result: a bit that says whether it is known, and a bit with its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) span: Span,
    pub(crate) known: u32,
    pub(crate) value: u32,
}

/// An atom: the place of its result, and its matcher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtomRow {
    pub(crate) slot: Slot,
    pub(crate) matcher: u32,
}

/// A matcher: its atoms have the values bits from `low` on.
#[derive(Debug)]
pub(crate) struct MatcherRow {
    pub(crate) span: Span,
    pub(crate) known: u32,
    pub(crate) low: u32,
    pub(crate) high: u32,
    pub(crate) expr: ExprId,
    /// The field, if results may be cached by its number.
    pub(crate) numbered: Option<FieldId>,
    pub(crate) search: Matcher,
}

/// The number of bits of each sort in a span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout {
    pub(crate) known: u32,
    pub(crate) value: u32,
}

/// The code of a set of rules and its tables.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) exprs: Exprs,
    /// For each expression its field, if it is no more than a field.
    pub(crate) fields: Vec<Option<FieldId>>,
    /// Whether several matchers use an expression, so that its value is worth keeping for the event.
    pub(crate) shared: Vec<bool>,
    /// The number of those.
    pub(crate) kept: usize,
    pub(crate) atoms: Vec<AtomRow>,
    /// The test of each atom, for those that are evaluated alone and for people.
    pub(crate) questions: Vec<Atom>,
    pub(crate) matchers: Vec<MatcherRow>,
    /// For each matcher, its first atom: the only one of those that are evaluated alone.
    pub(crate) lonely: Vec<u32>,
    pub(crate) nodes: Vec<Slot>,
    pub(crate) code: Vec<Op>,
    pub(crate) regexes: Regexes,
    pub(crate) layout: [Layout; 4],
}
