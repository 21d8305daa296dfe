//! Programs as text, for people and for tests.

use std::fmt::Write;

use super::program::{Program, Span};
use crate::ir::op::Op;
use crate::ir::print::FieldName;

impl Program {
    /// Returns the code from `entry` to its return, one instruction per line. `field` gives the name of a field.
    pub(crate) fn disassemble(&self, entry: u32, field: FieldName<'_>) -> String {
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
    pub(crate) fn matcher_name(&self, matcher: usize, field: FieldName<'_>) -> String {
        let row = &self.matchers[matcher];
        let atoms = self.lonely[matcher] as usize..(self.lonely[matcher] + row.high - row.low) as usize;
        let mut words: Vec<&str> = self.questions[atoms.clone()].iter().map(|atom| atom.test.word()).collect();
        words.sort_unstable();
        words.dedup();
        let (expr, words) = (self.exprs.text(row.expr, field), words.join(", "));
        match atoms.len() {
            1 => format!("{expr} {words}"),
            many => format!("{expr} {words}: {many} atoms"),
        }
    }

    /// Returns an atom as a condition writes it.
    pub(crate) fn question(&self, atom: u32, field: FieldName<'_>) -> String {
        self.exprs.atom(&self.questions[atom as usize], field)
    }
}
