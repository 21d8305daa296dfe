//! Fewer instructions for the same program: jumps to jumps go to the final target, and a test with the jump that
//! depends on it is one instruction.

use crate::ir::op::Op;

/// Rewrites code; returns for each instruction its new place. Targets of jumps and `entries` are kept.
pub(super) fn optimize(code: &mut Vec<Op>, entries: impl Iterator<Item = u32>) -> Vec<u32> {
    thread(code);
    let mut wanted = vec![false; code.len()];
    for to in code.iter().filter_map(target).chain(entries) {
        wanted[to as usize] = true;
    }
    let mut places = Vec::with_capacity(code.len());
    let mut tight: Vec<Op> = Vec::with_capacity(code.len());
    let mut at = 0;
    while at < code.len() {
        let (op, taken) = question(&code[at..], &wanted[at..]);
        places.resize(at + taken, tight.len() as u32);
        tight.push(op);
        at += taken;
    }
    for op in &mut tight {
        if let Op::Jump { to, .. } | Op::Recall { to, .. } | Op::Test { to, .. } = op {
            *to = places[*to as usize];
        }
    }
    *code = tight;
    places
}

fn target(op: &Op) -> Option<u32> {
    match *op {
        Op::Jump { to, .. } | Op::Recall { to, .. } | Op::Test { to, .. } => Some(to),
        Op::Atom(_) | Op::Constant(_) | Op::Not | Op::Keep { .. } | Op::Return => None,
    }
}

/// Jumps go forward, so that from the end on every jump that is met by another has its last target already.
fn thread(code: &mut [Op]) {
    for at in (0..code.len()).rev() {
        let Op::Jump { when, mut to } = code[at] else { continue };
        while let Op::Jump { when: other, to: beyond } = code[to as usize] {
            to = if when == other { beyond } else { to + 1 };
        }
        code[at] = Op::Jump { when, to };
    }
}

/// Returns the instruction at the start of `code`, and how many it replaces.
fn question(code: &[Op], wanted: &[bool]) -> (Op, usize) {
    match *code {
        [Op::Atom(atom), Op::Jump { when, to }, ..] if !wanted[1] => (Op::Test { atom, not: false, when, to }, 2),
        [Op::Atom(atom), Op::Not, Op::Jump { when, to }, ..] if !wanted[1] && !wanted[2] => {
            (Op::Test { atom, not: true, when, to }, 3)
        }
        _ => (code[0], 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_its_jump_are_one() {
        // (0 and 1) or not 2, as it is emitted.
        let mut code = vec![
            Op::Atom(0),
            Op::Jump { when: false, to: 3 },
            Op::Atom(1),
            Op::Jump { when: true, to: 6 },
            Op::Atom(2),
            Op::Not,
            Op::Return,
        ];
        let places = optimize(&mut code, [0].into_iter());
        let test = |atom, when, to| Op::Test { atom, not: false, when, to };
        assert_eq!(code, [test(0, false, 2), test(1, true, 4), Op::Atom(2), Op::Not, Op::Return]);
        assert_eq!(places, [0, 0, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn targets_of_jumps_stay() {
        // A recalled result is that of the atom, and decides the jump.
        let mut code =
            vec![Op::Recall { node: 0, to: 2 }, Op::Atom(0), Op::Jump { when: false, to: 4 }, Op::Atom(1), Op::Return];
        let before = code.clone();
        optimize(&mut code, [0].into_iter());
        assert_eq!(code, before);
    }
}
