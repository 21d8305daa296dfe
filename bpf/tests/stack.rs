//! The combined stack of the probe's functions, computed from its objects: this kernel's verifier may round it more kindly
//! than an older one's.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own set-up fails")]

use std::collections::BTreeMap;

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolIndex, SymbolKind};

/// The stack that a program and the functions that it calls may use together.
const MAX_STACK: u32 = 512;
/// To which kernels before 6.8 round each function's part up.
const GRANULE: u32 = 32;

const STACK_POINTER: u8 = 10;
/// Classes and operations of instructions, from `linux/bpf_common.h` and `linux/bpf.h`.
const CLASS: u8 = 0x07;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const MOVE: u8 = 0xbf;
const ADD: u8 = 0x07;
const CALL: u8 = 0x85;
const LOAD_ADDRESS: u8 = 0x18;

#[derive(Default)]
struct Function {
    name: String,
    stack: u32,
    calls: Vec<SymbolIndex>,
}

/// Returns the bytes below the frame pointer that an instruction reaches. `copies` has the registers that hold it.
fn depth(code: &[u8], copies: &mut u16) -> u32 {
    let [op, registers, low, high, rest @ ..] = code else { unreachable!("an instruction has eight bytes") };
    let (to, from) = (registers & 0xf, registers >> 4);
    let offset = i32::from(i16::from_le_bytes([*low, *high]));
    let immediate = i32::from_le_bytes(rest.try_into().unwrap());
    let below = match op & CLASS {
        LDX if from == STACK_POINTER => offset,
        ST | STX if to == STACK_POINTER => offset,
        _ if *op == MOVE && from == STACK_POINTER => {
            *copies |= 1 << to;
            return 0;
        }
        _ if *op == ADD && *copies & 1 << to != 0 => immediate,
        _ => 0,
    };
    *copies &= !(1 << to);
    below.min(0).unsigned_abs()
}

fn functions(object: &[u8]) -> BTreeMap<usize, Function> {
    let file = object::File::parse(object).unwrap();
    let mut functions = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        let section = file.section_by_index(symbol.section_index().unwrap()).unwrap();
        let range = symbol.address() as usize..(symbol.address() + symbol.size()) as usize;
        let mut function = Function { name: symbol.name().unwrap().to_owned(), ..Function::default() };
        let mut copies = 0;
        for code in section.data().unwrap()[range.clone()].chunks_exact(8) {
            function.stack = function.stack.max(depth(code, &mut copies));
        }
        for (at, relocation) in section.relocations().filter(|(at, _)| range.contains(&(*at as usize))) {
            let code = &section.data().unwrap()[at as usize..][..8];
            let RelocationTarget::Symbol(target) = relocation.target() else { panic!("a relocation without a symbol") };
            let target = file.symbol_by_index(target).unwrap();
            let immediate = i64::from(i32::from_le_bytes(code[4..].try_into().unwrap()));
            // A call has the distance in instructions, the address of a callback is in bytes.
            let place = match code[0] {
                CALL => (immediate + 1) * 8,
                LOAD_ADDRESS => immediate,
                _ => continue,
            };
            if target.kind() == SymbolKind::Text {
                function.calls.push(target.index());
            } else if let Some(section) = target.section_index().filter(|section| {
                // Not a map, not read-only data, and not a function of the kernel, which is in no section.
                file.section_by_index(*section).is_ok_and(|section| section.kind() == SectionKind::Text)
            }) {
                // A static function is named by its section and place.
                let called = file.symbols().find(|other| {
                    other.kind() == SymbolKind::Text
                        && other.section_index() == Some(section)
                        && i64::try_from(other.address()) == Ok(place)
                });
                function.calls.push(called.unwrap().index());
            }
        }
        functions.insert(symbol.index().0, function);
    }
    functions
}

/// Returns the longest chain from a function on, and its bytes.
fn deepest(functions: &BTreeMap<usize, Function>, at: usize) -> (u32, Vec<&str>) {
    let function = &functions[&at];
    let below = function.calls.iter().map(|call| deepest(functions, call.0)).max().unwrap_or_default();
    let chain = std::iter::once(function.name.as_str()).chain(below.1).collect();
    (function.stack.max(1).next_multiple_of(GRANULE) + below.0, chain)
}

#[test]
fn no_chain_of_functions_uses_more_stack_than_older_kernels_allow() {
    for (name, object) in [
        ("probe", &include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o"))[..]),
        ("probe-old", include_bytes!(concat!(env!("OUT_DIR"), "/probe-old.bpf.o"))),
        ("deny", include_bytes!(concat!(env!("OUT_DIR"), "/deny.bpf.o"))),
    ] {
        let functions = functions(object);
        let (bytes, chain) = functions.keys().map(|at| deepest(&functions, *at)).max().unwrap();
        println!("{name}: {} functions, at most {bytes} bytes: {}", functions.len(), chain.join(" > "));
        assert!(chain.len() > 1, "{name}: no function calls another");
        assert!(bytes <= MAX_STACK, "{name}: {bytes} bytes of stack: {}", chain.join(" > "));
    }
}
