//! Field expressions: fields, constants and transformers around them, each kept once.
//!
//! Two conditions with `tolower(proc.name)` have the same number here, so that it is computed once per event.

use std::borrow::Cow;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::event::{FieldId, FieldInfo, Kind, Lifetime, Print, Special};

/// The number of an expression in its [`Exprs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExprId(pub(crate) u32);

/// A transformer of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    ToLower,
    ToUpper,
    Base64,
    Basename,
    Len,
}

impl Unary {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "tolower" => Self::ToLower,
            "toupper" => Self::ToUpper,
            "b64" => Self::Base64,
            "basename" => Self::Basename,
            "len" => Self::Len,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Base64 => "b64",
            Self::Basename => "basename",
            Self::Len => "len",
        }
    }
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A field of the event.
    Field(FieldId),
    /// A constant among the arguments of a transformer.
    Constant(Box<[u8]>),
    /// Several expressions, concatenated; numbers become text.
    List(Box<[ExprId]>),
    /// The one argument.
    Unary(Unary, ExprId),
    /// `join(separator, list)`.
    Join(ExprId, ExprId),
    /// `concat(a, b, …)`.
    Concat(Box<[ExprId]>),
    /// `getopt(list, letters)[letter]`.
    GetOpt(ExprId, ExprId, Option<u8>),
}

/// An expression and the properties of its value.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) op: Op,
    /// The type of its value, or of its elements.
    pub(crate) kind: Kind,
    pub(crate) list: bool,
    /// The life time of its value: the shortest of its fields.
    pub(crate) lifetime: Lifetime,
    pub(crate) special: Special,
    pub(crate) no_rhs: bool,
    pub(crate) no_transformer: bool,
    pub(crate) print: Print,
    /// Its name in Falco's messages: the innermost field, or `NA`.
    pub(crate) name: Cow<'static, str>,
    /// The type under all transformers of one argument, which transformers of several arguments use.
    pub(crate) base: (Kind, bool),
    /// Whether constants must be names of event types, whatever transformers are applied to the field.
    pub(crate) names_types: bool,
    /// Whether the value may hold a NUL, as transformed text does at its end and decoded text anywhere.
    pub(crate) nul: Nul,
    /// Whether it is a field whose values may be names of numbers.
    pub(crate) numbered: bool,
}

/// The ways in which a value may contain a NUL byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Nul {
    Never,
    AtEnd,
    Anywhere,
}

impl Expr {
    pub(crate) fn field(info: &FieldInfo) -> Self {
        Self {
            op: Op::Field(info.id),
            kind: info.kind,
            list: info.list,
            lifetime: info.lifetime,
            special: info.special,
            no_rhs: info.no_rhs,
            no_transformer: info.no_transformer,
            print: info.print,
            name: info.name.clone(),
            base: (info.kind, info.list),
            names_types: info.special == Special::EventType,
            nul: Nul::Never,
            numbered: info.numbered,
        }
    }

    /// Returns the field, if it is one without transformers.
    pub(crate) fn as_field(&self) -> Option<FieldId> {
        match self.op {
            Op::Field(field) => Some(field),
            _ => None,
        }
    }

    pub(crate) fn text(op: Op, list: bool, lifetime: Lifetime) -> Self {
        Self {
            op,
            kind: Kind::CharBuf,
            list,
            lifetime,
            special: Special::None,
            no_rhs: false,
            no_transformer: false,
            print: Print::None,
            name: Cow::Borrowed("NA"),
            base: (Kind::CharBuf, list),
            names_types: false,
            nul: Nul::Never,
            numbered: false,
        }
    }
}

/// All expressions of a set of rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exprs {
    rows: Vec<Expr>,
    known: HashMap<Op, ExprId, FxBuildHasher>,
}

/// The number of expressions up to which they are searched one by one.
const FEW: usize = 16;

impl Exprs {
    pub(crate) fn intern(&mut self, expr: Expr) -> ExprId {
        if self.known.is_empty() {
            if let Some(place) = self.rows.iter().position(|row| row.op == expr.op) {
                return ExprId(place as u32);
            }
        } else if let Some(&id) = self.known.get(&expr.op) {
            return id;
        }
        let id = ExprId(self.rows.len() as u32);
        self.rows.push(expr);
        // A table for the few of an output would cost more to make than it saves.
        if self.rows.len() > FEW {
            let first = if self.known.is_empty() { 0 } else { id.0 };
            let new = (first..=id.0).map(|id| (self.rows[id as usize].op.clone(), ExprId(id)));
            self.known.extend(new);
        }
        id
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl std::ops::Index<ExprId> for Exprs {
    type Output = Expr;

    fn index(&self, id: ExprId) -> &Expr {
        &self.rows[id.0 as usize]
    }
}

/// Returns the shorter of two life times.
pub(crate) fn shorter(a: Lifetime, b: Lifetime) -> Lifetime {
    match (a, b) {
        (Lifetime::Event, _) | (_, Lifetime::Event) => Lifetime::Event,
        (Lifetime::Fd, Lifetime::Fd) => Lifetime::Fd,
        // A file descriptor and a thread change independently.
        (Lifetime::Fd, _) | (_, Lifetime::Fd) => Lifetime::Event,
        (Lifetime::Lineage, _) | (_, Lifetime::Lineage) => Lifetime::Lineage,
        (Lifetime::Thread, Lifetime::Thread) => Lifetime::Thread,
    }
}

impl Exprs {
    /// Returns whether an expression has no fields.
    pub(crate) fn is_constant(&self, id: ExprId) -> bool {
        match &self[id].op {
            Op::Field(_) => false,
            Op::Constant(_) => true,
            Op::List(items) | Op::Concat(items) => items.iter().all(|item| self.is_constant(*item)),
            Op::Unary(_, inner) => self.is_constant(*inner),
            Op::Join(a, b) | Op::GetOpt(a, b, _) => self.is_constant(*a) && self.is_constant(*b),
        }
    }
    /// Adds the fields of an expression to `found`.
    pub(crate) fn fields(&self, id: ExprId, found: &mut Vec<FieldId>) {
        match &self[id].op {
            Op::Field(field) => found.push(*field),
            Op::Constant(_) => {}
            Op::List(items) | Op::Concat(items) => items.iter().for_each(|item| self.fields(*item, found)),
            Op::Unary(_, inner) => self.fields(*inner, found),
            Op::Join(a, b) | Op::GetOpt(a, b, _) => [*a, *b].into_iter().for_each(|id| self.fields(id, found)),
        }
    }
}
