//! The tree of a condition, as written: names are not resolved, constants are text.
//!
//! Every node that an error may point at has the place where it begins. Equality ignores places, so that a printed and
//! parsed-again tree equals the first. Resolved definitions are not copied into the tree but shared: rules that use the
//! same macros contain the same [`Definition`]s.

use std::sync::Arc;

pub use crate::operator::{Modifier, Operator};
pub use crate::text::Position;

/// A condition or a part of one.
#[derive(Debug, Clone)]
pub enum Expr {
    /// All of them, left to right. At least two.
    And(Vec<Self>, Position),
    /// Any of them, left to right. At least two.
    Or(Vec<Self>, Position),
    /// Not it.
    Not(Box<Self>, Position),
    /// The name of a macro.
    Macro(String, Position),
    /// The definition of such a name.
    Defined(Arc<Definition>),
    /// `left exists`.
    Exists(Operand, Position),
    /// `left op right`.
    Check(Box<Check>, Position),
}

/// A tree that is shared by many others, with its size: computing it for a tree of trees would take long.
#[derive(Debug)]
pub struct Definition {
    tree: Expr,
    nodes: usize,
    depth: usize,
}

impl Definition {
    /// Measures a tree.
    pub fn new(tree: Expr) -> Self {
        let (nodes, depth) = (tree.nodes(), tree.depth());
        Self { tree, nodes, depth }
    }

    /// Returns the tree.
    pub fn tree(&self) -> &Expr {
        &self.tree
    }

    /// Returns the result of [`Expr::nodes`].
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Returns the result of [`Expr::depth`].
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl Expr {
    /// Returns the tree itself, without a definition around it.
    pub fn plain(&self) -> &Self {
        let mut tree = self;
        while let Self::Defined(definition) = tree {
            tree = &definition.tree;
        }
        tree
    }

    /// Returns how many nodes it has, constants counted, as if nothing was shared.
    pub fn nodes(&self) -> usize {
        match self {
            Self::And(parts, _) | Self::Or(parts, _) => parts.iter().map(Self::nodes).fold(1, usize::saturating_add),
            Self::Not(inner, _) => inner.nodes().saturating_add(1),
            Self::Macro(..) => 1,
            Self::Defined(definition) => definition.nodes,
            Self::Exists(left, _) => left.nodes(),
            Self::Check(check, _) => {
                check.left.nodes()
                    + match &check.right {
                        Right::Value(_) | Right::Name(_) => 1,
                        Right::List(values) => 1 + values.len(),
                        Right::Operand(operand) => operand.nodes(),
                    }
            }
        }
    }

    /// Returns how many nodes of `and`, `or` and `not` are above its deepest one.
    pub fn depth(&self) -> usize {
        match self {
            Self::And(parts, _) | Self::Or(parts, _) => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(inner, _) => 1 + inner.depth(),
            Self::Defined(definition) => definition.depth,
            Self::Macro(..) | Self::Exists(..) | Self::Check(..) => 0,
        }
    }
}

impl Operand {
    fn nodes(&self) -> usize {
        match self {
            Self::Field(..) | Self::Value(..) => 1,
            Self::Transformer(transformer, _) => 1 + transformer.args.iter().map(Self::nodes).sum::<usize>(),
            Self::List(items, _) => 1 + items.iter().map(Self::nodes).sum::<usize>(),
        }
    }
}

/// `left op right`.
#[derive(Debug, Clone)]
pub struct Check {
    /// A field or a transformer.
    pub left: Operand,
    /// The operator.
    pub op: Operator,
    /// `oneof`, `anyof`, `allof`.
    pub modifier: Option<Modifier>,
    /// The right side.
    pub right: Right,
    /// The beginning of the right side.
    pub right_at: Position,
}

/// The left side of a check, or an argument of a transformer.
#[derive(Debug, Clone)]
pub enum Operand {
    /// `proc.name` or `proc.aname[2]`.
    Field(Field, Position),
    /// `tolower(proc.name)`.
    Transformer(Transformer, Position),
    /// A constant: only inside a transformer.
    Value(Vec<u8>, Position),
    /// `(a, b)`: only inside a transformer.
    List(Vec<Self>, Position),
}

/// A field as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, such as `proc.aname`.
    pub name: String,
    /// The argument between brackets; an empty one differs from none.
    pub arg: Option<Vec<u8>>,
}

/// A transformer as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformer {
    /// Its name, such as `tolower` or, on the right of an operator, `val`.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Operand>,
    /// The selector between brackets behind it.
    pub arg: Option<Vec<u8>>,
}

/// The right side of a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// One constant.
    Value(Vec<u8>),
    /// `(a, b, c)`.
    List(Vec<Vec<u8>>),
    /// A name in place of a list that was not replaced: it is a constant.
    Name(String),
    /// A field (as `val(…)`) or a transformer.
    Operand(Operand),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        match (self.plain(), other.plain()) {
            (Self::And(a, _), Self::And(b, _)) | (Self::Or(a, _), Self::Or(b, _)) => a == b,
            (Self::Not(a, _), Self::Not(b, _)) => a == b,
            (Self::Macro(a, _), Self::Macro(b, _)) => a == b,
            (Self::Exists(a, _), Self::Exists(b, _)) => a == b,
            (Self::Check(a, _), Self::Check(b, _)) => a == b,
            _ => false,
        }
    }
}

impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(a, _), Self::Field(b, _)) => a == b,
            (Self::Transformer(a, _), Self::Transformer(b, _)) => a == b,
            (Self::Value(a, _), Self::Value(b, _)) => a == b,
            (Self::List(a, _), Self::List(b, _)) => a == b,
            _ => false,
        }
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        (&self.left, self.op, self.modifier, &self.right) == (&other.left, other.op, other.modifier, &other.right)
    }
}
