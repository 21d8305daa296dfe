//! Programs as text, for people and for tests.

use std::fmt::Write;

use super::program::{Program, Span};
use crate::ir::expr::{ExprId, Op as Expression};
use crate::ir::node::{Literal, Test};
use crate::ir::op::Op;

impl Program {
    /// Returns the code from `entry` to its return, one instruction per line. `field` gives the name of a field.
    pub(crate) fn disassemble(&self, entry: u32, field: &dyn Fn(u32) -> String) -> String {
        let mut out = String::new();
        for (at, op) in self.code.iter().enumerate().skip(entry as usize) {
            let _ = write!(out, "{:>4}  ", at - entry as usize);
            let relative = |to: u32| to - entry;
            let _ = match *op {
                Op::Atom(atom) => writeln!(out, "atom    {}", self.question(atom, field)),
                Op::Test { atom, not, when, to } => writeln!(
                    out,
                    "atom    {}{}, if-{when} {}",
                    self.question(atom, field),
                    if not { ", not" } else { "" },
                    relative(to)
                ),
                Op::Constant(value) => writeln!(out, "const   {value}"),
                Op::Not => writeln!(out, "not"),
                Op::Jump { when: true, to } => writeln!(out, "if-true {}", relative(to)),
                Op::Jump { when: false, to } => writeln!(out, "if-false {}", relative(to)),
                Op::Recall { node, to } => writeln!(out, "recall  {} -> {}", self.kept(node), relative(to)),
                Op::Keep { node } => writeln!(out, "keep    {}", self.kept(node)),
                Op::Return => writeln!(out, "return"),
            };
            if *op == Op::Return {
                break;
            }
        }
        out
    }

    fn kept(&self, node: u32) -> String {
        let span = match self.nodes[node as usize].span {
            Span::Event => "event",
            Span::Thread => "thread",
            Span::Lineage => "lineage",
            Span::Fd => "fd",
        };
        format!("#{node} ({span})")
    }

    /// Returns the common part of a matcher's atoms: the expression, and the operator if it is the same for all.
    pub(crate) fn matcher_name(&self, matcher: usize, field: &dyn Fn(u32) -> String) -> String {
        let row = &self.matchers[matcher];
        let atoms = self.lonely[matcher] as usize..(self.lonely[matcher] + row.high - row.low) as usize;
        let mut words: Vec<&str> = self.questions[atoms.clone()].iter().map(|atom| atom.test.word()).collect();
        words.sort_unstable();
        words.dedup();
        let (expr, words) = (self.expression(row.expr, field), words.join(", "));
        match atoms.len() {
            1 => format!("{expr} {words}"),
            many => format!("{expr} {words}: {many} atoms"),
        }
    }

    /// Returns an atom as a condition writes it.
    pub(crate) fn question(&self, atom: u32, field: &dyn Fn(u32) -> String) -> String {
        let atom = &self.questions[atom as usize];
        let left = self.expression(atom.expr, field);
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
            Test::Against(op, right) => format!("{left} {} val({})", op.text(), self.expression(*right, field)),
            Test::Around(delta) => format!("{left} within {delta} ns"),
            Test::Host(true, _) => format!("{left} = host"),
            Test::Host(false, _) => format!("{left} != host"),
            Test::Never => format!("{left} never"),
        }
    }

    fn expression(&self, id: ExprId, field: &dyn Fn(u32) -> String) -> String {
        let list = |items: &[ExprId]| items.iter().map(|id| self.expression(*id, field)).collect::<Vec<_>>().join(",");
        match &self.exprs[id].op {
            Expression::Field(id) => field(id.0),
            Expression::Constant(text) => String::from_utf8_lossy(text).into_owned(),
            Expression::List(items) => format!("({})", list(items)),
            Expression::Unary(unary, inner) => format!("{}({})", unary.name(), self.expression(*inner, field)),
            Expression::Join(separator, items) => format!("join({})", list(&[*separator, *items])),
            Expression::Concat(items) => format!("concat({})", list(items)),
            Expression::GetOpt(items, letters, None) => format!("getopt({})", list(&[*items, *letters])),
            Expression::GetOpt(items, letters, Some(letter)) => {
                format!("getopt({})[{}]", list(&[*items, *letters]), char::from(*letter))
            }
        }
    }
}

impl Test {
    /// Returns the operator.
    fn word(&self) -> &'static str {
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
        Literal::Bytes(bytes) => bytes.escape_ascii().to_string(),
        Literal::Ip(ip) => ip.to_string(),
        Literal::Net(ip, bits) => format!("{ip}/{bits}"),
    }
}
