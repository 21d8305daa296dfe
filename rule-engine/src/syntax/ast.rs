//! The tree of a condition, as written: names are not resolved, constants are text.
//!
//! Every node that an error may point at carries the place where it begins. Equality ignores places, so that a
//! printed and parsed-again tree equals the first.

/// A place in a condition: byte offset from 0, line and column from 1 (LANGUAGE.md section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bytes before it.
    pub index: usize,
    /// The line, from 1; each CR and each LF begins one.
    pub line: usize,
    /// The byte in that line, from 1.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self { index: 0, line: 1, column: 1 };
}

/// A condition or a part of one.
#[derive(Debug, Clone)]
pub enum Expr {
    /// All of them, left to right. At least two.
    And(Vec<Self>, Position),
    /// Any of them, left to right. At least two.
    Or(Vec<Self>, Position),
    /// Not it.
    Not(Box<Self>, Position),
    /// A name that stands for a macro.
    Macro(String, Position),
    /// `left exists`.
    Exists(Operand, Position),
    /// `left op right`.
    Check(Check, Position),
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
    /// What it is compared with.
    pub right: Right,
    /// Where the right side begins.
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
    /// What stands between its parentheses.
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
    /// A name where a list may stand, which no list replaced: it is taken as a constant.
    Name(String),
    /// A field (as `val(…)`) or a transformer.
    Operand(Operand),
}

/// The operators of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Operator {
    Eq,
    /// `==`: the same as `=`, printed as written.
    EqEq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Intersects,
    PMatch,
    Contains,
    IContains,
    BContains,
    StartsWith,
    BStartsWith,
    EndsWith,
    Glob,
    IGlob,
    Regex,
}

impl Operator {
    /// As it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::EqEq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::PMatch => "pmatch",
            Self::Contains => "contains",
            Self::IContains => "icontains",
            Self::BContains => "bcontains",
            Self::StartsWith => "startswith",
            Self::BStartsWith => "bstartswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::IGlob => "iglob",
            Self::Regex => "regex",
        }
    }

    /// Whether a constant behind it must be a number.
    pub const fn takes_number(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// How a check on one value takes a list on its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as they are written")]
pub enum Modifier {
    OneOf,
    AnyOf,
    AllOf,
}

impl Modifier {
    /// As it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OneOf => "oneof",
            Self::AnyOf => "anyof",
            Self::AllOf => "allof",
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
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
