//! The verifier of programs: run once, before the program.

use super::program::{Program, Slot};
use crate::ir::op::Op;

/// The reason why a program must not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A jump that does not go forward, or goes past the end.
    #[error("instruction {at}: jumps to {to}")]
    Jump {
        /// The instruction.
        at: usize,
        /// The target.
        to: u32,
    },
    /// The tables do not have this number of an atom, a matcher or a cached result.
    #[error("instruction {at}: refers to a slot that does not exist")]
    Slot {
        /// The instruction.
        at: usize,
    },
    /// The code does not end in a return.
    #[error("the code does not end")]
    End,
}

/// Checks that jumps go forward to existing code, that every number has its row, and that the code ends.
pub(crate) fn verify(program: &Program) -> Result<(), VerifyError> {
    let len = program.code.len();
    let slot_fits = |slot: &Slot| {
        let layout = program.layout[slot.span as usize];
        slot.known < layout.known && slot.value < layout.value
    };
    for (at, op) in program.code.iter().enumerate() {
        let fits = match *op {
            Op::Atom(atom) | Op::Test { atom, .. } => program.atoms.get(atom as usize).is_some_and(|row| {
                let matcher = program.matchers.get(row.matcher as usize);
                slot_fits(&row.slot)
                    && matcher.is_some_and(|matcher| {
                        matcher.span == row.slot.span
                            && matcher.known == row.slot.known
                            && (matcher.low..matcher.high).contains(&row.slot.value)
                    })
            }),
            Op::Recall { node, .. } | Op::Keep { node } => program.nodes.get(node as usize).is_some_and(slot_fits),
            Op::Constant(_) | Op::Not | Op::Jump { .. } | Op::Return => true,
        };
        if !fits {
            return Err(VerifyError::Slot { at });
        }
        if let Op::Jump { to, .. } | Op::Recall { to, .. } | Op::Test { to, .. } = *op
            && (to as usize <= at || to as usize >= len)
        {
            return Err(VerifyError::Jump { at, to });
        }
    }
    for matcher in &program.matchers {
        let layout = program.layout[matcher.span as usize];
        if matcher.low > matcher.high || matcher.high > layout.value || matcher.known >= layout.known {
            return Err(VerifyError::Slot { at: len });
        }
    }
    match program.code.last() {
        Some(Op::Return) | None => Ok(()),
        Some(_) => Err(VerifyError::End),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::program::{Layout, Span};

    fn check(code: Vec<Op>) -> Result<(), VerifyError> {
        let nodes =
            vec![Slot { span: Span::Thread, known: 0, value: 0 }, Slot { span: Span::Thread, known: 9, value: 0 }];
        let mut layout = [Layout::default(); 4];
        layout[Span::Thread as usize] = Layout { known: 1, value: 1 };
        verify(&Program {
            exprs: Default::default(),
            fields: Vec::new(),
            shared: Vec::new(),
            kept: 0,
            atoms: Vec::new(),
            questions: Vec::new(),
            matchers: Vec::new(),
            lonely: Vec::new(),
            nodes,
            code,
            regexes: Default::default(),
            layout,
        })
    }

    #[test]
    fn only_sound_code_passes() {
        assert_eq!(check(vec![Op::Constant(true), Op::Return]), Ok(()));
        assert_eq!(check(vec![Op::Recall { node: 0, to: 2 }, Op::Keep { node: 0 }, Op::Return]), Ok(()));
        assert_eq!(check(vec![Op::Constant(true)]), Err(VerifyError::End));
        let jump = |to| Op::Jump { when: true, to };
        assert_eq!(check(vec![jump(0), Op::Return]), Err(VerifyError::Jump { at: 0, to: 0 }));
        assert_eq!(check(vec![Op::Not, jump(0), Op::Return]), Err(VerifyError::Jump { at: 1, to: 0 }));
        assert_eq!(check(vec![jump(2), Op::Return]), Err(VerifyError::Jump { at: 0, to: 2 }));
        assert_eq!(check(vec![Op::Atom(0), Op::Return]), Err(VerifyError::Slot { at: 0 }));
        assert_eq!(check(vec![Op::Keep { node: 1 }, Op::Return]), Err(VerifyError::Slot { at: 0 }));
        assert_eq!(check(vec![Op::Keep { node: 2 }, Op::Return]), Err(VerifyError::Slot { at: 0 }));
    }
}
