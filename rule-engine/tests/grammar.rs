//! Texts that are nearly conditions: accepted ones print the same, and rejected ones have a place in the text.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use peregrine_rule_engine::syntax::{parse, parse_bytes, parse_operand, print};
use peregrine_rule_engine::text::to_bytes;
use proptest::collection::vec;
use proptest::prelude::*;

fn check(text: &str) {
    match parse(text) {
        Ok(tree) => {
            let printed = print::exact(&tree);
            let again = parse_bytes(&printed);
            assert_eq!(again.as_ref(), Ok(&tree), "{text:?} is printed as {:?}", String::from_utf8_lossy(&printed));
        }
        Err(error) => {
            let length = to_bytes(text).len();
            assert!(error.position.index <= length, "{text:?}: {error} is beyond the end");
            assert!(!error.kind.to_string().is_empty());
            // A hint is derived from the text, whatever is in it.
            let _ = error.hint(text);
        }
    }
    if let Ok((operand, end)) = parse_operand(text) {
        assert!(end <= text.len() && text.is_char_boundary(end), "{text:?}");
        assert_eq!(parse_operand(&text[..end]).map(|read| read.0), Ok(operand), "{text:?}");
    }
}

/// Parts of conditions, and other texts.
const PIECES: [&str; 74] = [
    "and",
    "or",
    "not",
    " and ",
    " or ",
    " not ",
    "not(",
    "and(",
    "or(",
    "(",
    ")",
    " ",
    "  ",
    "\n",
    "\r",
    "\t",
    "\u{8}",
    "\u{b}",
    "\0",
    "\"",
    "'",
    "\\",
    "\"a b\"",
    "'c'",
    "\"\\\"\"",
    "\"\\x41\"",
    "[",
    "]",
    "[1]",
    "['x']",
    ",",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "in (x, y)",
    "intersects",
    "pmatch",
    "contains ",
    "icontains ",
    "bcontains ",
    "startswith ",
    "bstartswith ",
    "endswith ",
    "glob ",
    "iglob ",
    "regex ",
    "exists",
    "oneof ",
    "anyof ",
    "allof (a, b)",
    "val(",
    "tolower(",
    "b64(",
    "len(proc.name)",
    "join(",
    "concat(",
    "getopt(",
    "(a.b, 'x', 2)",
    "proc.name",
    "a.b",
    "word",
    "x_y",
    "1",
    "0x1F",
    "-1.5e+3",
    "+2.",
    "é",
    "\u{10FF80}",
    "@",
];

/// Conditions to be changed in places.
const SEEDS: [&str; 6] = [
    "evt.type in (open, openat) and fd.name startswith /etc and not proc.name in (shells)",
    "not (a or b) and (c or not d) or proc.aname[2] = \"a b\" and not(e)",
    "tolower(proc.name) = x or concat(a.b, \"-\", 1) != val(fd.name) and join(',', (a.b, 'x', 2)) exists",
    "proc.args contains allof (a, \"b c\") or proc.name glob oneof names or evt.rawres <= -0x1F",
    "getopt(proc.args, 'n:')[n] = x and (fd.sport > 1 or fd.sip intersects ('1.2.3.4'))",
    "evt.arg['a b'] bcontains 01ff and\n proc.cmdline regex \"^a.*[b]\" or x.y pmatch (/a, /b) or z.z in ()",
];

fn changed() -> impl Strategy<Value = String> {
    let change = (0usize..120, 0usize..6, prop::sample::select(PIECES.to_vec()));
    (prop::sample::select(SEEDS.to_vec()), vec(change, 1..4)).prop_map(|(seed, changes)| {
        let mut text = seed.to_owned();
        for (at, length, piece) in changes {
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let (from, to) = (boundary(at), boundary(at + length));
            text.replace_range(from..to, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pieces_are_read_or_refused_in_place(pieces in vec(prop::sample::select(PIECES.to_vec()), 1..12)) {
        check(&pieces.concat());
        check(&pieces.join(" "));
    }

    #[test]
    fn changed_conditions_are_read_or_refused_in_place(text in changed()) {
        check(&text);
    }
}
