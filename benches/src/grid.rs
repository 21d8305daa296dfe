//! Realistic sets of rules of a chosen size.
//!
//! Real rules are repeated with other constants: paths, names and words in the conditions of each copy differ from those
//! of every other, so copies share only what rules of different authors would share too. All operators keep their
//! proportions, unlike in generated rules, which tend to be exact matches of one field.

use std::sync::Arc;

use rule_engine::engine::{Config, SourceRules};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::load::{Loaded, Loader, Sources};
use rule_engine::syntax::ast::{Check, Expr, Operand, Operator, Right};
use rule_engine::syntax::print::exact;
use sinsp::fields::Fields;

use crate::cases::Fault;

/// Returns the three published files, in the order in which Falco's documentation loads them, if the data is available;
/// otherwise the rules of the detector.
///
/// # Errors
/// If a file cannot be read.
pub fn files() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let rules = crate::shared().join("data/rules");
    let published = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let paths = if rules.is_dir() {
        published.iter().map(|name| rules.join(name)).collect()
    } else {
        vec![crate::default_rules()]
    };
    paths.iter().map(|path| Ok((path.display().to_string(), std::fs::read(path)?))).collect()
}

/// Returns a rules file of `count` rules: the real ones first, then copies of them. Macros and lists are expanded.
///
/// # Errors
/// If the files cannot be read or have errors.
pub fn text(count: usize) -> Result<String, Fault> {
    let files = files()?;
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let (loaded, _) = read(&files)?;
    let rules = &loaded.resolved.rules;
    let collected: Vec<_> = loaded.collection.rules.iter().collect();
    let mut text = String::new();
    for number in 0..count {
        let (rule, copy) = (&rules[number % rules.len()], number / rules.len());
        let mut tree = rule.tree.clone();
        alter(&mut tree, copy);
        let name = &collected[rule.index].rule.name;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        text += &format!(
            "- rule: {}\n  desc: {}\n  condition: {}\n  output: {}\n  priority: WARNING\n",
            quoted(&format!("{name} {copy}")),
            quoted(name),
            quoted(&String::from_utf8(exact(&tree))?),
            quoted(&rule.output),
        );
    }
    Ok(text)
}

/// Gives the constants of a condition another ending; copy 0 keeps them.
fn alter(tree: &mut Expr, copy: usize) {
    match tree {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter_mut().for_each(|part| alter(part, copy)),
        Expr::Not(part, _) => alter(part, copy),
        Expr::Check(check, _) if copy > 0 && is_free(check) => match &mut check.right {
            Right::Value(value) => other(value, copy),
            Right::List(values) => values.iter_mut().for_each(|value| other(value, copy)),
            Right::Name(_) | Right::Operand(_) => {}
        },
        Expr::Defined(definition) => {
            let mut written = definition.tree().clone();
            alter(&mut written, copy);
            *tree = written;
        }
        Expr::Check(..) | Expr::Macro(..) | Expr::Exists(..) => {}
    }
}

/// Returns whether any constant is valid on the right.
fn is_free(check: &Check) -> bool {
    let Operand::Field(field, _) = &check.left else { return false };
    let name = field.name.as_str();
    if matches!(check.op, Operator::BContains | Operator::BStartsWith) {
        return false;
    }
    // Their values come from a fixed set.
    !(matches!(name, "evt.type" | "evt.dir" | "evt.res" | "evt.category" | "fd.l4proto" | "container.id")
        || name.starts_with("syscall.")
        || name.starts_with("fd.type"))
}

/// Returns another constant of the same sort: `/etc/shadow` becomes `/etc7/shadow`, `bash` becomes `bash7`.
fn other(value: &mut Vec<u8>, copy: usize) {
    let is_word = value.len() > 1 && value.iter().any(u8::is_ascii_alphabetic) && !value[0].is_ascii_digit();
    if !is_word || value.contains(&b':') || value == b"true" || value == b"false" || value == b"<NA>" {
        return;
    }
    let end = match value.strip_prefix(b"/") {
        Some(path) => 1 + path.iter().position(|&byte| byte == b'/').unwrap_or(path.len()),
        None => value.len(),
    };
    value.splice(end..end, copy.to_string().into_bytes());
}

/// Returns `count` rules, ready to run.
///
/// # Errors
/// If the files cannot be read or have errors.
pub fn rules(count: usize) -> Result<Arc<SourceRules<SinspSchema>>, Fault> {
    load(&[("grid.yaml", text(count)?.as_bytes())])
}

/// Returns a rules file of `count` small rules of two forms that differ in their constants, as programs generate them.
pub fn generated(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let condition = match number % 2 {
            0 => format!(
                "evt.type in (open,openat,openat2) and fd.name startswith /p{number}/ and proc.name = n{number}"
            ),
            _ => format!(
                "evt.type in (execve,execveat) and proc.name = n{number} and proc.pname in (a{number},b{number}) and \
                 proc.cmdline contains \"x{number}\""
            ),
        };
        text += &format!(
            "- rule: r{number}\n  desc: d{number}\n  condition: {condition}\n  \
             output: \"r{number} %proc.cmdline %fd.name\"\n  priority: WARNING\n"
        );
    }
    text
}

/// Loads files.
///
/// # Errors
/// If they have errors.
pub fn read(files: &[(&str, &[u8])]) -> Result<(Loaded, Sources), Fault> {
    let schema = SinspSchema::new(Fields::new()).without_host_names().async_event("container");
    let mut loader = Loader::new(Sources::new().with(schema));
    let loaded = loader.load(files.iter().copied());
    if !loaded.is_successful() {
        return Err(loaded.falco_text().0.into());
    }
    Ok((loaded, loader.into_sources()))
}

/// Loads rule files about system calls.
///
/// # Errors
/// If the files have errors.
pub fn load(files: &[(&str, &[u8])]) -> Result<Arc<SourceRules<SinspSchema>>, Fault> {
    let (loaded, sources) = read(files)?;
    Ok(sources.build(loaded.into_rules(), &Config::default())?.source("syscall")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rule_engine::syntax::{parse, print::canonical_text};

    #[test]
    fn a_copy_shares_no_free_constant_with_the_rule() {
        let mut tree =
            parse("evt.type = openat and fd.name startswith /etc/pam and (proc.name in (sh, a) or user.uid != 0)")
                .expect("a condition");
        alter(&mut tree, 7);
        assert_eq!(
            canonical_text(&tree),
            "(evt.type = openat and fd.name startswith /etc7/pam and (proc.name in (sh7, a) or user.uid != 0))"
        );
    }

    #[test]
    fn grids_have_the_requested_size() {
        for count in [25, 250] {
            let rules = rules(count).expect("copies are as sound as the rules");
            assert_eq!(rules.rules().rules().len(), count);
        }
    }
}
