//! Results of each stage of the compiler for a rule.
//!
//! Each `golden/NAME.yaml` has its stages in `golden/NAME.txt`; `UPDATE_EXPECT=1` writes what they are now.
//!
//! | stage | what is printed |
//! |---|---|
//! | text | the condition with its exceptions |
//! | lists | the same, with lists replaced, where that is another text |
//! | tree | what the grammar reads, macros replaced: constants between quotation marks |
//! | ir | typed, shared expressions: the type of the left side, and how long the truth of an atom lasts |
//! | code | for each group of event types the instructions, by what they depend on |
#![cfg(feature = "sinsp")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::{CompiledRules, Config};
use peregrine_rule_engine::event::json::JsonSchema;
use peregrine_rule_engine::event::sinsp::SinspSchema;
use peregrine_rule_engine::load::{Loader, Sources};
use peregrine_rule_engine::operator::{EXISTS, Modifier, Operator, TRANSFORMERS};
use peregrine_rule_engine::ruleset::RuleId;
use peregrine_rule_engine::syntax::ast::{Expr, Operand, Right};
use sinsp::fields::Fields;

/// More event types than these are only counted: a new one shall not change every file.
const FEW: usize = 8;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|name| name == "yaml")).collect();
    paths.sort();
    paths
}

/// All stages of the rules of a file.
fn stages(path: &Path) -> String {
    let text = std::fs::read(path).expect("a rules file");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let schema = SinspSchema::new(Fields::new());
    let mut loader = Loader::new(Sources::new().with(schema).with(JsonSchema::k8s_audit()));
    let loaded = loader.load([(name, text.as_slice())]);
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    let mut out = String::new();
    let mut before: Vec<(String, String)> = Vec::new();
    for (rule, item) in loaded.resolved.rules.iter().zip(loaded.collection.rules.iter()) {
        let mut text = String::new();
        section(&mut text, "text", &rule.condition_text);
        if rule.text != rule.condition_text {
            section(&mut text, "lists", &rule.text);
        }
        section(&mut text, "tree", &tree(&rule.tree));
        before.push((item.rule.name.clone(), text));
    }
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules with times");
    for source in rules.all() {
        for (place, rule) in source.rules().rules().iter().enumerate() {
            let id = RuleId(place as u32);
            let _ = writeln!(out, "== {}", rule.name().replace('\u{1}', ", step "));
            if let Some((_, text)) = before.iter().find(|(name, _)| name == rule.name()) {
                out.push_str(text);
            }
            section(&mut out, "ir", &source.expressions(id));
            for (types, plan) in source.plans(id) {
                let of = match types.len() {
                    0 => "all events".to_owned(),
                    1..=FEW => types.join(", "),
                    _ => "many event types".to_owned(),
                };
                section(&mut out, &format!("code for {of}"), &plan.to_string());
            }
            out.push('\n');
        }
    }
    correlations(&rules, &mut out);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    let _ = writeln!(out, "{title}:");
    text.lines().for_each(|line| _ = writeln!(out, "    {}", line.trim_end()));
}

fn correlations(rules: &CompiledRules, out: &mut String) {
    let Some(correlations) = rules.correlations() else { return };
    for (place, plan) in correlations.plans().iter().enumerate() {
        let info = correlations.info(place);
        let _ = writeln!(out, "== {} ({})", plan.name, info.type_name);
        let mut text = format!("{:?} within {} ns by {}\n", plan.kind, plan.span, info.group_by.join(", "));
        for (member, info) in plan.members.iter().zip(&info.members) {
            let what = info.text.lines().next().unwrap_or_default();
            let _ = writeln!(text, "{} ({}): {what}", info.name, info.source);
            let _ = writeln!(text, "  key {:?}, value {:?}, keeps {}", member.key, member.value, info.fields.join(" "));
        }
        for feed in &plan.feeds {
            let _ = writeln!(text, "member {} of {}", feed.member, correlations.plans()[feed.plan as usize].name);
        }
        section(out, "plan", &text);
        out.push('\n');
    }
}

fn tree(tree: &Expr) -> String {
    let mut out = String::new();
    node(tree, 0, &mut out);
    out
}

fn node(tree: &Expr, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    let mut parts = |word: &str, parts: &[Expr]| {
        let _ = writeln!(out, "{pad}{word}");
        parts.iter().for_each(|part| node(part, depth + 1, out));
    };
    match tree.plain() {
        Expr::And(children, _) => parts("and", children),
        Expr::Or(children, _) => parts("or", children),
        Expr::Not(inner, _) => parts("not", std::slice::from_ref(inner)),
        Expr::Macro(name, _) => parts(&format!("macro {name}"), &[]),
        Expr::Exists(left, _) => parts(&format!("{} {EXISTS}", operand(left)), &[]),
        Expr::Check(check, _) => {
            let modifier = check.modifier.map_or(String::new(), |modifier| format!(" {}", modifier.text()));
            let right = match &check.right {
                Right::Value(value) => quoted(value),
                Right::List(values) => format!("({})", joined(values, |value| quoted(value))),
                Right::Name(name) => format!("name {name}"),
                Right::Operand(right) => operand(right),
            };
            parts(&format!("{} {}{modifier} {right}", operand(&check.left), check.op.text()), &[]);
        }
        Expr::Defined(_) => unreachable!("a plain tree is no definition"),
    }
}

fn operand(left: &Operand) -> String {
    let argument = |arg: &Option<Vec<u8>>| arg.as_deref().map_or(String::new(), |arg| format!("[{}]", quoted(arg)));
    match left {
        Operand::Field(field, _) => format!("{}{}", field.name, argument(&field.arg)),
        Operand::Transformer(one, _) => {
            format!("{}({}){}", one.name, joined(&one.args, operand), argument(&one.arg))
        }
        Operand::Value(value, _) => quoted(value),
        Operand::List(items, _) => format!("({})", joined(items, operand)),
    }
}

fn joined<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn quoted(value: &[u8]) -> String {
    format!("\"{}\"", value.escape_ascii())
}

#[test]
fn each_stage_is_as_it_was() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for path in files() {
        let found = stages(&path);
        let expected = path.with_extension("txt");
        if update {
            std::fs::write(&expected, &found).expect("a file that can be written");
            continue;
        }
        let before = std::fs::read_to_string(&expected).unwrap_or_default();
        if let Some(line) = (0..).zip(found.lines().map(Some).chain([None])).find_map(|(number, line)| {
            (before.lines().nth(number) != line).then(|| format!("line {}: {}", number + 1, line.unwrap_or("the end")))
        }) {
            wrong.push(format!("{}: {line}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ (UPDATE_EXPECT=1 rewrites them):\n{}", wrong.len(), wrong.join("\n"));
}

/// The language as a whole is in the files.
#[test]
fn every_operator_and_transformer_is_compiled() {
    let trees: String = files()
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
            let sections = text.split("tree:\n").skip(1);
            sections.map(|text| text.split("ir:\n").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(files().len() >= 30, "{} files", files().len());
    let operators = Operator::names().map(|name| format!(" {name}"));
    let modifiers = Modifier::ALL.into_iter().map(|modifier| format!(" {} (", modifier.text()));
    let transformers = TRANSFORMERS.into_iter().filter(|name| *name != "val").map(|name| format!("{name}("));
    for wanted in operators.chain(modifiers).chain(transformers).chain(["val(".to_owned()]) {
        assert!(trees.contains(&wanted), "no tree has `{wanted}`");
    }
}
