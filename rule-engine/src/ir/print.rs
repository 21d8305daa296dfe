//! Expressions, atoms and conditions as text, for people and for tests.

use std::fmt::Write as _;

use super::expr::{ExprId, Exprs, Op};
use super::node::{Atom, Literal, Node, NodeId, Pool, Test};

/// The name of a field, by its number.
pub(crate) type FieldName<'f> = &'f dyn Fn(u32) -> String;

impl Pool {
    /// Formats a condition, one node per line: atoms with the type of their left side and their life time.
    pub(crate) fn print(&self, root: NodeId, field: FieldName<'_>) -> String {
        let mut out = String::new();
        self.print_node(root, 0, field, &mut out);
        out
    }

    fn print_node(&self, node: NodeId, depth: usize, field: FieldName<'_>, out: &mut String) {
        let pad = "  ".repeat(depth);
        let mut parts = |word: &str, parts: &[NodeId]| {
            let _ = writeln!(out, "{pad}{word}");
            parts.iter().for_each(|part| self.print_node(*part, depth + 1, field, out));
        };
        match &self[node] {
            Node::Const(value) => parts(if *value { "true" } else { "false" }, &[]),
            Node::Not(inner) => parts("not", &[*inner]),
            Node::And(children) => parts("and", children),
            Node::Or(children) => parts("or", children),
            Node::Atom(atom) => {
                let atom = &self[*atom];
                let left = &self.exprs[atom.expr];
                let list = if left.list { "list of " } else { "" };
                let (text, kind) = (self.exprs.atom(atom, field), left.kind);
                parts(&format!("{text}    [{list}{kind:?}, {:?}]", self.atom_lifetime(atom)), &[]);
            }
        }
    }
}

impl Exprs {
    /// Formats an atom as a condition writes it.
    pub(crate) fn atom(&self, atom: &Atom, field: FieldName<'_>) -> String {
        let left = self.text(atom.expr, field);
        let list = |items: &[Literal]| items.iter().map(literal).collect::<Vec<_>>().join(", ");
        match &atom.test {
            Test::Exists => format!("{left} exists"),
            Test::Compare(op, constant) => format!("{left} {} {}", op.text(), literal(constant)),
            Test::In(set) => format!("{left} in ({})", list(set)),
            Test::Intersects(set) => format!("{left} intersects ({})", list(set)),
            Test::PMatch(paths) => {
                let paths: Vec<_> = paths.iter().map(|path| String::from_utf8_lossy(path)).collect();
                format!("{left} pmatch ({})", paths.join(", "))
            }
            Test::OneOf(op, set) => format!("{left} {} oneof ({})", op.text(), list(set)),
            Test::Against(op, right) => format!("{left} {} val({})", op.text(), self.text(*right, field)),
            Test::Around(delta) => format!("{left} within {delta} ns"),
            Test::Host(true, _) => format!("{left} = host"),
            Test::Host(false, _) => format!("{left} != host"),
            Test::Never => format!("{left} never"),
        }
    }

    /// Formats an expression as a condition writes it.
    pub(crate) fn text(&self, id: ExprId, field: FieldName<'_>) -> String {
        let list = |items: &[ExprId]| items.iter().map(|id| self.text(*id, field)).collect::<Vec<_>>().join(",");
        match &self[id].op {
            Op::Field(id) => field(id.0),
            Op::Constant(text) => String::from_utf8_lossy(text).into_owned(),
            Op::List(items) => format!("({})", list(items)),
            Op::Unary(unary, inner) => format!("{}({})", unary.name(), self.text(*inner, field)),
            Op::Join(separator, items) => format!("join({})", list(&[*separator, *items])),
            Op::Concat(items) => format!("concat({})", list(items)),
            Op::GetOpt(items, letters, None) => format!("getopt({})", list(&[*items, *letters])),
            Op::GetOpt(items, letters, Some(letter)) => {
                format!("getopt({})[{}]", list(&[*items, *letters]), char::from(*letter))
            }
        }
    }
}

impl Test {
    /// Returns the operator.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Compare(op, _) | Self::OneOf(op, _) | Self::Against(op, _) => op.text(),
            Self::In(_) => "in",
            Self::Intersects(_) => "intersects",
            Self::PMatch(_) => "pmatch",
            Self::Around(_) | Self::Host(true, _) => "=",
            Self::Host(false, _) => "!=",
            Self::Never => "never",
        }
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::I64(number) => number.to_string(),
        Literal::U64(number) => number.to_string(),
        Literal::F64(number) => number.to_string(),
        Literal::Bool(truth) => truth.to_string(),
        Literal::Bytes(bytes) if bytes.is_empty() => "\"\"".to_owned(),
        Literal::Bytes(bytes) => bytes.escape_ascii().to_string(),
        Literal::Ip(ip) => ip.to_string(),
        Literal::Net(ip, bits) => format!("{ip}/{bits}"),
    }
}
