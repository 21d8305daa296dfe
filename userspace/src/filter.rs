//! The seccomp filter: which calls stop a process.
//!
//! Numbers are searched by halves, for each of the two interfaces of x86_64. The kernel runs the filter once for each
//! number when it is installed, and remembers the numbers that it always allows: such calls cost nothing (5.11).

use libc::sock_filter;
use scap::schema::{SyscallCode, SyscallSet};

use crate::call::{self, SOCKETCALL};
use crate::generated::numbers::{CODES, IA32, IA32_ONLY};

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARCH_X86_64: u32 = 0xc000_003e;
const ARCH_I386: u32 = 0x4000_0003;

fn op(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Returns the numbers of the 64-bit interface that stop.
pub(crate) fn native(selection: &SyscallSet) -> Vec<u32> {
    (0..IA32_ONLY).filter(|number| wanted(selection, *number)).map(u32::from).collect()
}

/// Returns the numbers of the 32-bit interface that stop.
pub(crate) fn compat(selection: &SyscallSet) -> Vec<u32> {
    (0u16..)
        .zip(IA32.iter())
        .filter(|(number, native)| {
            wanted(selection, **native)
                || *number == SOCKETCALL && call::socketcalls().any(|native| wanted(selection, native))
        })
        .map(|(number, _)| number.into())
        .collect()
}

/// Returns whether the call with a number of ours is selected; a call of 32-bit programs is selected with the native one.
pub(crate) fn wanted(selection: &SyscallSet, number: u16) -> bool {
    let Some(code) = CODES.get(usize::from(number)).copied().map(SyscallCode) else { return false };
    call::is_known(number) && (selection.contains(code) || selection.contains(code.native()))
}

/// Returns the filter that stops the selected calls and allows all others.
pub(crate) fn build(selection: &SyscallSet) -> Vec<sock_filter> {
    let mut native_part = vec![op(LOAD, NUMBER)];
    search(&bounds(&native(selection)), &mut native_part);
    let mut code = vec![
        op(LOAD, ARCHITECTURE),
        // To the numbers of the 64-bit interface, behind them, or to neither.
        sock_filter { code: IF_EQUAL, jt: 3, jf: 0, k: ARCH_X86_64 },
        sock_filter { code: IF_EQUAL, jt: 1, jf: 0, k: ARCH_I386 },
        op(RETURN, libc::SECCOMP_RET_ALLOW),
        op(JUMP, native_part.len() as u32),
    ];
    code.extend(native_part);
    code.push(op(LOAD, NUMBER));
    search(&bounds(&compat(selection)), &mut code);
    code
}

/// Returns the beginnings of ranges and whether the numbers from there on stop; the first begins at 0.
fn bounds(numbers: &[u32]) -> Vec<(u32, bool)> {
    let mut bounds = vec![(0, false)];
    let mut next = None;
    for &number in numbers {
        if next == Some(number) {
            bounds.pop();
        } else {
            bounds.push((number, true));
        }
        bounds.push((number + 1, false));
        next = Some(number + 1);
    }
    if bounds.get(1).is_some_and(|(start, _)| *start == 0) {
        bounds.remove(0);
    }
    bounds
}

/// Writes the search for a number among ranges.
fn search(bounds: &[(u32, bool)], code: &mut Vec<sock_filter>) {
    let (left, right) = bounds.split_at(bounds.len() / 2);
    let Some((middle, stops)) = right.first() else { return };
    if left.is_empty() {
        code.push(op(RETURN, if *stops { libc::SECCOMP_RET_TRACE } else { libc::SECCOMP_RET_ALLOW }));
        return;
    }
    code.push(sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: *middle });
    let jump = code.len();
    code.push(op(JUMP, 0));
    search(left, code);
    let distance = (code.len() - jump - 1) as u32;
    if let Some(op) = code.get_mut(jump) {
        op.k = distance;
    }
    search(right, code);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a filter as the kernel does.
    fn run(code: &[sock_filter], arch: u32, number: u32) -> u32 {
        let (mut at, mut a) = (0, 0);
        loop {
            let op = code[at];
            at += 1;
            match op.code {
                LOAD => a = if op.k == NUMBER { number } else { arch },
                JUMP => at += op.k as usize,
                IF_EQUAL => at += usize::from(if a == op.k { op.jt } else { op.jf }),
                IF_AT_LEAST => at += usize::from(if a >= op.k { op.jt } else { op.jf }),
                RETURN => return op.k,
                other => panic!("instruction {other}"),
            }
        }
    }

    #[test]
    fn selected_numbers_stop_and_no_others() {
        let none = SyscallSet::new();
        let some: SyscallSet =
            [SyscallCode::READ, SyscallCode::OPENAT, SyscallCode::CLOSE, SyscallCode::CONNECT].into_iter().collect();
        for selection in [none, some, SyscallSet::state(), SyscallSet::all()] {
            let code = build(&selection);
            assert!(code.len() < 4096, "{} instructions", code.len());
            for (arch, numbers) in [(ARCH_X86_64, native(&selection)), (ARCH_I386, compat(&selection)), (7, vec![])] {
                for number in (0..600).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
                    let stops = run(&code, arch, number) == libc::SECCOMP_RET_TRACE;
                    assert_eq!(stops, numbers.contains(&number), "{arch:#x} {number}");
                }
            }
        }
    }

    #[test]
    fn a_32_bit_number_stops_with_its_call() {
        let selection: SyscallSet = [SyscallCode::CONNECT].into_iter().collect();
        assert_eq!(native(&selection), [42]);
        assert_eq!(compat(&selection), [102, 362], "socketcall and connect");
    }
}
