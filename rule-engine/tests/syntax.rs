//! The language of conditions: accepted texts, and rejected ones with their places and messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use peregrine_rule_engine::syntax::{parse, parse_bytes, parse_operand, parse_within, print};

fn accepted(text: &str) -> String {
    match parse(text) {
        Ok(tree) => tree.to_string(),
        Err(error) => panic!("{text:?} is refused: {error}"),
    }
}

fn refused(text: &str) -> (String, usize) {
    match parse(text) {
        Ok(tree) => panic!("{text:?} is accepted as {tree}"),
        Err(error) => (error.kind.to_string(), error.position.column),
    }
}

#[test]
fn words_and_precedence() {
    for (text, printed) in [
        ("not not not not not(not not(not not_macro))", "not not not_macro"),
        ("not not(not not_macro)", "not not_macro"),
        ("(a)and(b)and(c)", "(a and b and c)"),
        ("a and notb", "(a and notb)"),
        ("macro and or_macro", "(macro and or_macro)"),
        ("a or b and c or d", "(a or (b and c) or d)"),
        ("a or (b) and c", "(a or (b and c))"),
        ("test.op existsand macro", "(test.op exists and macro)"),
        ("a.b = not", "a.b = not"),
        ("a and and", "(a and and)"),
        ("a and not", "(a and not)"),
        ("a.b = oneof", "a.b = oneof"),
        ("a.b == anyof and f.a exists", "(a.b == anyof and f.a exists)"),
        ("p.a == oneof oneof", "p.a == oneof oneof"),
        ("p.a contains allof (a, 'b c')", "p.a contains allof (a, \"b c\")"),
        ("f.a = b64 and(x)", "(f.a = b64 and x)"),
    ] {
        assert_eq!(accepted(text), printed, "{text}");
    }
    for text in ["aand b", "a andb", "a not b", "(a)andnot(b)", "test.op ExIsTs", "test.op exists x", "a.b == oneof(a)"]
    {
        refused(text);
    }
    assert_eq!(refused("a or(b) and c"), ("unexpected token after ')', expecting 'or', 'and'".into(), 9));
    assert_eq!(refused("a andb").0, "expected blank or '(' after 'and'");
    assert_eq!(refused(""), ("filter input string is empty".into(), 1));
}

#[test]
fn arguments_and_constants() {
    for (text, printed) in [
        ("f.a[\"\"] = e", "f.a[\"\"] = e"),
        ("f.a[x=(y,)] = v", "f.a[\"x=(y,)\"] = v"),
        ("n.a > 1.2", "n.a > 1.2"),
        ("n.a > -0.1222e+10", "n.a > -0.1222e+10"),
        ("n.a <= 0XaB00", "n.a <= 0XaB00"),
        ("s.a = 0xAAA.1", "s.a = 0xAAA.1"),
        ("s.a = !0.1222e+10", "s.a = !0.1222e+10"),
        ("l.a in ()", "l.a in ()"),
        ("l.a in()", "l.a in ()"),
        ("l.a in ( a , \"b c\" )", "l.a in (a, \"b c\")"),
        ("l.a in name", "l.a in name"),
        ("s.a = \"bad escape \\ \"", "s.a = \"bad escape \\\\\""),
        ("s.a = \"\\x41\\x413\"", "s.a = AA3"),
        ("s.a = ''", "s.a = "),
        ("s.a =value", "s.a = value"),
        ("n.a >1", "n.a > 1"),
        ("concat(proc.name, \"-\", 1) = x", "concat(proc.name,-,1) = x"),
        ("getopt(f.a, 'n:')[n] = x", "getopt(f.a,n:)[n] = x"),
        ("join(',', (a.b, 'x', 2)) = x", "join(,,(a.b,x,2)) = x"),
        ("f.a = val( f.b )", "f.a = val(f.b)"),
    ] {
        assert_eq!(accepted(text), printed, "{text}");
    }
    for text in [
        "f.a[ test ] = v",
        "f.a[aaa\"] = v",
        "f.a[[] = v",
        "f.a[] = v",
        "n.a < 0xAAA.1",
        "n.a < 0aaa",
        "n.a > a",
        "l.a = (v)",
        "l.a startswith (v)",
        "l.a > (v)",
        "s.a startswithvalue",
        "s.a globvalue",
        "b64 (f.a) exists",
        "b64(b64) exists",
        "val(f.a) exists",
        "f.a = val(toupper(f.b))",
        "f.a in (b64(f.b))",
        "f.a = b64and(x)",
        "s.a = \"mixed \\'\"",
        "p.a == oneof_something (cat)",
        "p.a in oneof (cat)",
        "n.a > oneof (1,2)",
        "s.a = \"open",
        "s.a = \"a\\\\\"",
        "fd.name=/var/lo);g",
        "x.a = a b",
    ] {
        refused(text);
    }
    assert_eq!(refused("l.a in (v,)"), ("expected a string value".into(), 11));
    assert_eq!(refused("l.a in ( 1 ,, b)").0, "expected a string value");
    assert_eq!(refused("l.a in (,)"), ("expected a ')' token".into(), 9));
    assert_eq!(refused("s.a = 'x\\y'"), ("unsupported string escape sequence: \\y".into(), 12));
    assert_eq!(refused("s.a = '\\x4'").0, "truncated hex char escape sequence");
    assert_eq!(refused("s.a = '\\x4g'").0, "invalid hex char escape sequence: 4g");
    assert_eq!(refused("s.a = '\\\"'").0, "invalid \\\" escape in '-quoted string");
    assert_eq!(refused("x.a = \"a b\" c").0, "unexpected token after 'a b', expecting 'or', 'and'");
}

#[test]
fn invalid_utf8_is_accepted_only_between_quotes() {
    let error = parse_bytes(b"fd.name = caf\xe9").unwrap_err();
    assert_eq!(error.kind.to_string(), "unexpected token after 'caf', expecting 'or', 'and'");
    assert_eq!(error.position.column, 14);
    let tree = parse_bytes(b"fd.name = 'caf\xe9'").unwrap();
    assert_eq!(print::canonical(&tree), b"fd.name = caf\xe9");
    assert_eq!(
        parse("open \0 and x").unwrap_err().kind.to_string(),
        "unexpected token after 'open', expecting 'or', 'and'"
    );
    assert!(parse("p.a = cat\0").is_ok());
}

#[test]
fn the_first_element_of_a_list_is_on_trial() {
    assert_eq!(accepted("l.a in ('\\q')"), "l.a in ()");
    assert_eq!(refused("l.a in ('\\q', b)"), ("expected a ')' token".into(), 13));
    assert_eq!(refused("l.a in (b, '\\q')").0, "unsupported string escape sequence: \\q");
}

#[test]
fn positions_count_lines() {
    let error = parse("a and\n  b and\r\n)").unwrap_err();
    assert_eq!((error.position.index, error.position.line, error.position.column), (15, 4, 1));
}

#[test]
fn depth_is_a_setting_and_no_overflow() {
    let nested = |count: usize, inner: &str| format!("{}{inner}{}", "(".repeat(count), ")".repeat(count));
    assert!(parse(&nested(198, "proc.name = a")).is_ok());
    assert_eq!(parse(&nested(199, "proc.name = a")).unwrap_err().kind.to_string(), "exceeded max depth limit of 1000");
    assert!(parse(&format!("{}a.b = c{}", "not(".repeat(198), ")".repeat(198))).is_ok());
    let error = parse_within(&nested(100_000, "a"), 100).unwrap_err();
    assert_eq!(error.kind.to_string(), "exceeded max depth limit of 100");
    assert_eq!(parse(&"(".repeat(100_000)).unwrap_err().kind.to_string(), "exceeded max depth limit of 1000");
    let transformers = format!("{}a.b{} = c", "tolower(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(parse(&transformers).unwrap_err().kind.to_string(), "exceeded max depth limit of 1000");
    assert!(parse(&format!("a.b = '{}'", "(".repeat(5000))).is_ok());
    assert!(parse(&"a.b = c and ".repeat(5000)).is_err());
    // On a small stack too.
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let text = nested(198, "proc.name = a");
    assert!(small.spawn(move || parse(&text).is_ok()).unwrap().join().unwrap());
}

#[test]
fn an_operand_alone() {
    let (operand, end) = parse_operand("proc.aname[2] and more").unwrap();
    assert_eq!((print::operand(&operand), end), (b"proc.aname[2]".to_vec(), 13));
    assert_eq!(parse_operand("toupper(proc.name)x").unwrap().1, 18);
    assert!(parse_operand("proc").is_err());
}
