//! Properties of the language: printed conditions can be read back, and no text does harm.

use peregrine_rule_engine::syntax::ast::{
    Check, Expr, Field, Modifier, Operand, Operator, Position, Right, Transformer,
};
use peregrine_rule_engine::syntax::{parse, parse_bytes, parse_operand, print};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const AT: Position = Position::START;

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-zA-Z0-9_]{0,6}"
        .prop_filter("no word of the language", |word| !["and", "or", "not"].contains(&word.as_str()))
}

fn constant() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..6), "[ -~]{0,8}".prop_map(String::into_bytes)]
}

fn field() -> impl Strategy<Value = Operand> {
    (word(), word(), option::of(constant()))
        .prop_map(|(class, name, arg)| Operand::Field(Field { name: format!("{class}.{name}"), arg }, AT))
}

fn transformer() -> impl Strategy<Value = Operand> {
    let name = prop::sample::select(vec!["tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"]);
    let leaf = prop_oneof![field(), constant().prop_map(|value| Operand::Value(value, AT))];
    let args = leaf.prop_recursive(2, 8, 3, move |inner| {
        let list = vec(inner.clone().prop_filter("no list in a list", |o| !matches!(o, Operand::List(..))), 0..3);
        prop_oneof![
            (name.clone(), vec(inner, 1..3), option::of(constant())).prop_map(|(name, args, arg)| {
                Operand::Transformer(Transformer { name: name.to_owned(), args, arg }, AT)
            }),
            list.prop_map(|items| Operand::List(items, AT)),
        ]
    });
    (prop::sample::select(vec!["tolower", "concat", "getopt"]), vec(args, 1..3), option::of(constant()))
        .prop_map(|(name, args, arg)| Operand::Transformer(Transformer { name: name.to_owned(), args, arg }, AT))
}

fn val() -> impl Strategy<Value = Operand> {
    field().prop_map(|field| Operand::Transformer(Transformer { name: "val".into(), args: vec![field], arg: None }, AT))
}

fn check() -> impl Strategy<Value = Check> {
    use Operator::*;
    let numbers = prop::sample::select(vec![Lt, Le, Gt, Ge]);
    let strings = prop::sample::select(vec![
        Eq,
        EqEq,
        Ne,
        Contains,
        IContains,
        BContains,
        StartsWith,
        BStartsWith,
        EndsWith,
        Glob,
        IGlob,
        Regex,
    ]);
    let lists = prop::sample::select(vec![In, Intersects, PMatch]);
    let modifiers = prop::sample::select(vec![Modifier::OneOf, Modifier::AnyOf, Modifier::AllOf]);
    let number = "[+-]?[0-9]{1,4}(\\.[0-9]{0,2})?|0x[0-9a-fA-F]{1,4}".prop_map(|text| Right::Value(text.into_bytes()));
    let operand = || prop_oneof![val(), transformer()].prop_map(Right::Operand);
    let list = || prop_oneof![vec(constant(), 0..4).prop_map(Right::List), word().prop_map(Right::Name)];
    let tail = prop_oneof![
        (numbers, prop_oneof![number, operand()]).prop_map(|(op, right)| (op, None, right)),
        (strings.clone(), prop_oneof![constant().prop_map(Right::Value), operand()])
            .prop_map(|(op, right)| (op, None, right)),
        (strings, modifiers, list()).prop_map(|(op, modifier, right)| (op, Some(modifier), right)),
        (lists, prop_oneof![list(), operand()]).prop_map(|(op, right)| (op, None, right)),
    ];
    (prop_oneof![field(), transformer()], tail).prop_map(|(left, (op, modifier, right))| Check {
        left,
        op,
        modifier,
        right,
        right_at: AT,
    })
}

fn condition() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        word().prop_map(|name| Expr::Macro(name, AT)),
        field().prop_map(|field| Expr::Exists(field, AT)),
        check().prop_map(|check| Expr::Check(Box::new(check), AT)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| Expr::And(parts, AT)),
            vec(inner.clone(), 2..4).prop_map(|parts| Expr::Or(parts, AT)),
            inner.prop_map(|inner| Expr::Not(Box::new(inner), AT)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(tree in condition()) {
        let text = print::exact(&tree);
        let again = parse_bytes(&text);
        prop_assert_eq!(again.as_ref(), Ok(&tree), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_text_does_harm(bytes in vec(any::<u8>(), 0..80)) {
        if let Ok(tree) = parse_bytes(&bytes) {
            prop_assert_eq!(parse_bytes(&print::exact(&tree)), Ok(tree));
        }
        _ = parse_operand(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_sequence_of_words_does_harm(words in vec(prop::sample::select(vec![
        "a", "and", "or", "not", "(", ")", " ", "\n", "proc.name", "=", "!=", "in", "oneof", "exists", "'", "\"", "\\", ",",
        "[", "]", "tolower(", "val(", "concat(", "1", "0x1", "contains", "<", "x y", "\u{8}", "é",
    ]), 0..24)) {
        let text = words.concat();
        match parse(&text) {
            Ok(tree) => prop_assert_eq!(parse_bytes(&print::exact(&tree)), Ok(tree)),
            Err(error) => prop_assert!(error.position.index <= text.len()),
        }
    }
}
