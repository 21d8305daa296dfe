//! The instructions of a program.
//!
//! A condition is a decision: there is one truth, the *answer*, and jumps that depend on it. There is no stack, so none
//! can overflow; all jumps go forward, so that every program ends.

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// The answer is that of an atom.
    Atom(u32),
    /// The answer is this.
    Constant(bool),
    /// The answer is turned around.
    Not,
    /// Goes on at `to` if the answer is `when`.
    Jump { when: bool, to: u32 },
    /// The answer is that of an atom, turned around if `not`; goes on at `to` if it is `when`.
    Test { atom: u32, not: bool, when: bool, to: u32 },
    /// If a shared expression was answered before, the answer is that, and it goes on at `to`.
    Recall { node: u32, to: u32 },
    /// Keeps the answer for the shared expression.
    Keep { node: u32 },
    /// The end.
    Return,
}
