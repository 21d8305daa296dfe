//! The reader of conditions and their grammar as rules say the same.
//!
//! `grammar/condition.pest` is the language for a parser generator: shorter than the reader, and far slower. Both read random texts; where one tells a fault, the other must tell the same at the same
//! byte, and where not, the tree must be that of the rules.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "the rules of a grammar become variants")]

use peregrine_rule_engine::syntax::ast::{Check, Expr, Operand, Right, Transformer};
use peregrine_rule_engine::syntax::parse;
use peregrine_rule_engine::text;
use pest::Parser as _;
use pest::iterators::Pair;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(pest_derive::Parser)]
#[grammar = "tests/grammar/condition.pest"]
struct Grammar;

/// What the reader says at a rule `e_…`.
const MESSAGES: [(Rule, &str); 18] = [
    (Rule::e_unexpected, "unexpected token after '"),
    (Rule::e_after_or, "expected blank or '(' after 'or'"),
    (Rule::e_after_and, "expected blank or '(' after 'and'"),
    (Rule::e_close, "expected a ')' token"),
    (Rule::e_check, "expected a '(' token, a field check"),
    (Rule::e_arg, "expected a valid field argument"),
    (Rule::e_bracket, "expected a ']' token"),
    (Rule::e_transformer_close, "expected a ')' token closing the transformer"),
    (Rule::e_argument, "expected field transformer argument"),
    (Rule::e_arg_list_close, "expected ')'"),
    (Rule::e_arg_list_item, "expected transformer list argument"),
    (Rule::e_val, "expected a field within 'val' transformer"),
    (Rule::e_operator, "expected a valid check operator"),
    (Rule::e_number, "expected a number value"),
    (Rule::e_string, "expected a string value or"),
    (Rule::e_list, "expected a list, an identifier"),
    (Rule::e_list_value, "expected a list or an identifier"),
    (Rule::e_list_item, "expected a string value"),
];

fn compare(text: &str) {
    let whole = Grammar::parse(Rule::filter, text).unwrap().next().unwrap();
    // Escapes are none of the grammar's and have tests of their own: a bad one hides what stands behind it.
    let escapes = |pair: Pair<'_, Rule>| pair.as_rule() == Rule::quoted && pair.as_str().contains('\\');
    if whole.clone().into_inner().flatten().any(escapes) {
        return;
    }
    let fault =
        whole.clone().into_inner().flatten().find(|pair| MESSAGES.iter().any(|(rule, _)| *rule == pair.as_rule()));
    match (parse(text), fault) {
        (Ok(tree), None) => same(&whole.into_inner().next().unwrap(), &tree),
        (Err(error), Some(fault)) => {
            let (_, words) = MESSAGES.iter().find(|(rule, _)| *rule == fault.as_rule()).unwrap();
            assert!(error.message.starts_with(words), "{text:?}: {error}, but {fault:?}");
            assert_eq!(error.position.index, start(&fault), "{text:?}: {error}");
        }
        (Ok(tree), Some(fault)) => panic!("{text:?} is read as {tree}, but {fault:?}"),
        (Err(error), None) => panic!("{text:?} is right, but {error}"),
    }
}

/// Where a pair begins, in bytes: what stands for a byte that is no UTF-8 is one.
fn start(pair: &Pair<'_, Rule>) -> usize {
    text::to_bytes(&pair.as_span().get_input()[..pair.as_span().start()]).len()
}

fn inner<'i>(pair: &Pair<'i, Rule>) -> Vec<Pair<'i, Rule>> {
    pair.clone().into_inner().collect()
}

fn same(pair: &Pair<'_, Rule>, tree: &Expr) {
    let parts = inner(pair);
    match pair.as_rule() {
        Rule::or_expr | Rule::and_expr if parts.len() > 1 => {
            let (Expr::Or(trees, at) | Expr::And(trees, at)) = tree else { panic!("{pair:?} is read as {tree}") };
            assert_eq!(matches!(tree, Expr::Or(..)), pair.as_rule() == Rule::or_expr, "{pair:?}");
            assert_eq!((trees.len(), at.index), (parts.len(), start(pair)), "{pair:?}");
            parts.iter().zip(trees).for_each(|(part, tree)| same(part, tree));
        }
        Rule::not_expr => {
            let (last, nots) = parts.split_last().unwrap();
            match tree {
                Expr::Not(tree, at) if nots.len() % 2 == 1 => {
                    assert_eq!(at.index, start(&parts[0]));
                    same(last, tree);
                }
                _ => {
                    assert_eq!(nots.len() % 2, 0, "{pair:?} is read as {tree}");
                    same(last, tree);
                }
            }
        }
        Rule::check => match tree {
            Expr::Macro(name, at) if parts[0].as_rule() == Rule::identifier => {
                assert_eq!((name.as_str(), at.index), (parts[0].as_str(), start(&parts[0])));
            }
            Expr::Exists(left, at) if parts.len() == 2 => {
                assert_eq!(at.index, start(&parts[0]));
                same_operand(&parts[0], left);
                assert_eq!(inner(&parts[1])[0].as_rule(), Rule::exists);
            }
            Expr::Check(check, at) if parts.len() == 2 => {
                assert_eq!(at.index, start(&parts[0]));
                same_operand(&parts[0], &check.left);
                same_check(&inner(&parts[1]), check);
            }
            _ => same(&parts[0], tree),
        },
        _ => same(&parts[0], tree),
    }
}

fn same_check(parts: &[Pair<'_, Rule>], check: &Check) {
    assert_eq!(parts[0].as_str(), check.op.text());
    let mut right = inner(&parts[1]);
    assert_eq!(check.modifier.is_some(), parts[1].as_rule() == Rule::modified);
    if let Some(modifier) = check.modifier {
        assert_eq!(right[0].as_str(), modifier.text());
        right = inner(&right[1]);
    }
    let right = &right[0];
    assert_eq!(check.right_at.index, start(right));
    match &check.right {
        Right::Name(name) => assert_eq!((right.as_rule(), right.as_str()), (Rule::identifier, name.as_str())),
        Right::Value(value) => same_value(right, value),
        Right::Operand(operand) => same_operand(right, operand),
        Right::List(values) => {
            let items = inner(right);
            assert_eq!((right.as_rule(), items.len()), (Rule::list, values.len()), "{right:?}");
            for (item, value) in items.iter().zip(values) {
                let item = if item.as_rule() == Rule::list_item { inner(item).remove(0) } else { item.clone() };
                same_value(&item, value);
            }
        }
    }
}

fn same_operand(pair: &Pair<'_, Rule>, operand: &Operand) {
    let mut parts = inner(pair);
    match (pair.as_rule(), operand) {
        (Rule::field, Operand::Field(field, _)) => {
            assert_eq!(parts[0].as_str(), field.name);
            assert_eq!(parts.len() > 1, field.arg.is_some());
            if let Some(arg) = &field.arg {
                same_value(&inner(&parts[1])[0], arg);
            }
        }
        (Rule::transformer | Rule::val, Operand::Transformer(Transformer { name, args, arg }, _)) => {
            if pair.as_rule() == Rule::transformer {
                assert_eq!(parts.remove(0).as_str(), name);
            } else {
                assert_eq!(name, "val");
            }
            if let Some(arg) = arg {
                same_value(&inner(&parts.pop().unwrap())[0], arg);
            }
            assert_eq!(parts.len(), args.len(), "{pair:?}");
            parts.iter().zip(args).for_each(|(part, arg)| same_operand(part, arg));
        }
        (Rule::argument, _) => same_operand(&parts[0], operand),
        (Rule::arg_list, Operand::List(items, _)) => {
            assert_eq!(parts.len(), items.len(), "{pair:?}");
            parts.iter().zip(items).for_each(|(part, item)| same_operand(part, item));
        }
        (_, Operand::Value(value, _)) => same_value(pair, value),
        _ => panic!("{pair:?} is read as {operand:?}"),
    }
}

fn same_value(pair: &Pair<'_, Rule>, value: &[u8]) {
    let text = pair.as_str();
    let raw = if pair.as_rule() == Rule::quoted { &text[1..text.len() - 1] } else { text };
    let plain = !raw.contains(|c| c == '\\' || c >= '\u{10FF80}');
    assert!(!plain || raw.as_bytes() == value, "{pair:?} is read as {value:?}");
}

/// What conditions are made of, and what they are not.
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
    fn random_pieces_are_read_alike(pieces in vec(prop::sample::select(PIECES.to_vec()), 1..12)) {
        compare(&pieces.concat());
        compare(&pieces.join(" "));
    }

    #[test]
    fn changed_conditions_are_read_alike(text in changed()) {
        compare(&text);
    }
}
