//! The instructions of a program.
//!
//! A condition is a decision: there is one boolean, the *accumulator*, and jumps that depend on it. There is no stack,
//! so none can overflow; all jumps go forward, so that every program ends.

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Loads an atom into the accumulator.
    Atom(u32),
    /// Loads a constant into the accumulator.
    Constant(bool),
    /// Negates the accumulator.
    Not,
    /// Jumps to `to` if the accumulator equals `when`.
    Jump { when: bool, to: u32 },
    /// Loads an atom, negated if `not`, and jumps to `to` if the accumulator equals `when`.
    Test { atom: u32, not: bool, when: bool, to: u32 },
    /// If the shared expression has a cached result, loads it and jumps to `to`.
    Recall { node: u32, to: u32 },
    /// Caches the accumulator for the shared expression.
    Keep { node: u32 },
    /// Ends with the accumulator as the result.
    Return,
}
