//! Descriptions of rules, macros and lists: the output of `-L` and `-l`, as Falco prints it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Loaded;
use crate::correlation::parts::Piece;
use crate::resolve::correlation::ResolvedMember;
use crate::resolve::{CollectedRule, ResolvedCorrelation, ResolvedList, ResolvedMacro, ResolvedRule, Sources};
use crate::response::Response;
use crate::source::PRIORITIES;
use crate::source::item::Entry;
use crate::syntax::ast::{Check, Expr, Field, Operand, Right};
use crate::syntax::parse;
use crate::syntax::print::canonical_text;
use crate::text::shown;

/// Returns `falco_describe_results`: of all loaded items, or of one rule.
///
/// # Errors
/// If there is no such rule.
pub fn describe(loaded: &Loaded, sources: &mut Sources, rule: Option<&str>) -> Result<Value, String> {
    if let Some(correlation) = loaded.resolved.correlations.iter().find(|known| Some(known.name.as_str()) == rule) {
        return Ok(json!({ "correlations": [describe_correlation(correlation)] }));
    }
    let rules = loaded.resolved.rules.iter();
    let collected: Vec<&CollectedRule> = loaded.collection.rules.iter().collect();
    if let Some(name) = rule {
        let found = rules.into_iter().find(|rule| collected[rule.index].rule.name == name);
        let found = found.ok_or_else(|| format!("Rule \"{name}\" is not loaded"))?;
        return Ok(json!({ "rules": [describe_rule(loaded, sources, found, collected[found.index])] }));
    }
    let rules: Vec<Value> = rules.map(|rule| describe_rule(loaded, sources, rule, collected[rule.index])).collect();
    let macros: Vec<Value> = loaded.resolved.macros.iter().map(|m| describe_macro(loaded, sources, m)).collect();
    let lists: Vec<Value> = loaded.resolved.lists.iter().map(|list| describe_list(loaded, list)).collect();
    let plugins: Vec<Value> = loaded
        .collection
        .plugins
        .iter()
        .map(|alternatives| {
            let one =
                |plugin: &crate::source::item::PluginVersion| json!({ "name": plugin.name, "version": plugin.version });
            let mut first = Map::new();
            first.insert("alternatives".to_owned(), alternatives[1..].iter().map(one).collect());
            first.insert("name".to_owned(), json!(alternatives[0].name));
            first.insert("version".to_owned(), json!(alternatives[0].version));
            Value::Object(first)
        })
        .collect();
    let mut all = json!({
        "lists": lists,
        "macros": macros,
        "required_engine_version": loaded.collection.engine_version.to_string(),
        "required_plugin_versions": plugins,
        "rules": rules,
    });
    // Falco has none, so there is no key without any.
    if !loaded.resolved.correlations.is_empty() {
        all["correlations"] = loaded.resolved.correlations.iter().map(describe_correlation).collect();
    }
    Ok(all)
}

fn describe_correlation(correlation: &ResolvedCorrelation) -> Value {
    let member = |member: &ResolvedMember| {
        let fields: Vec<&str> = member.captures.iter().map(|(name, _)| name.as_str()).collect();
        json!({ "fields": fields, "name": member.name, "source": member.source })
    };
    let mut all = json!({
        "details": {
            "members": correlation.members.iter().map(member).collect::<Vec<_>>(),
            "output_fields": correlation.pieces.iter().filter_map(Piece::name).collect::<BTreeSet<_>>(),
            "timespan_ns": correlation.span,
        },
        "info": {
            "condition": shown(&correlation.lines().join("\n")),
            "description": shown(&correlation.desc),
            "enabled": correlation.enabled,
            "group_by": correlation.group_by,
            "name": shown(&correlation.name),
            "output": shown(&correlation.output),
            "priority": PRIORITIES[usize::from(correlation.priority)],
            "source": shown(&correlation.source),
            "tags": correlation.tags.iter().map(|tag| shown(tag)).collect::<Vec<_>>(),
            "type": correlation.type_name,
        },
    });
    describe_responses(&correlation.responses, &mut all);
    all
}

/// Adds the responses. Falco has none, so there is no key without any.
fn describe_responses<'a>(responses: impl IntoIterator<Item = &'a Response>, item: &mut Value) {
    let texts: Vec<String> = responses.into_iter().map(|one| shown(&one.to_string()).into_owned()).collect();
    if !texts.is_empty() {
        item["info"]["response"] = json!(texts);
    }
}

fn describe_rule(loaded: &Loaded, sources: &mut Sources, rule: &ResolvedRule, collected: &CollectedRule) -> Value {
    let item = &collected.rule;
    let source = item.source.text.as_str();
    // Returns the condition as it is defined: lists and macros by name, exceptions left out.
    let mut written = Details::default();
    if let Ok(tree) = parse(collected.condition.as_str()) {
        written.walk(&tree, loaded);
    }
    let mut compiled = Details::default();
    compiled.walk(&rule.tree, loaded);

    let mut formatted = Map::new();
    let mut output_fields: Vec<String> = Vec::new();
    for (field, _) in &rule.extra {
        output_fields.push(field.format.clone());
        if !field.raw {
            formatted.insert(field.name.clone(), json!(field.format));
        }
    }
    output_fields.extend(sources.output_fields(source, &rule.output));

    let mut fields = BTreeSet::new();
    let mut operators = BTreeSet::new();
    let mut names = BTreeSet::new();
    for exception in &item.exceptions {
        names.insert(exception.name.as_str());
        operators.extend(texts(&exception.comps));
        if !exception.values.is_empty() {
            fields.extend(texts(&exception.fields));
        }
    }
    let mut details = json!({
        "condition_compiled": shown(&canonical_text(&rule.tree)),
        "condition_fields": compiled.fields,
        "condition_operators": compiled.operators,
        "events": sources.event_types(source, &rule.tree),
        "exception_fields": fields,
        "exception_names": names,
        "exception_operators": operators,
    });
    if !formatted.is_empty() {
        details["extra_output_formatted_fields"] = Value::Object(formatted);
    }
    details["lists"] = json!(written.lists);
    details["macros"] = json!(written.macros);
    details["output_compiled"] = json!(shown(&rule.output));
    details["output_fields"] = json!(output_fields);
    details["plugins"] = json!([]);
    let mut all = json!({
        "details": details,
        "info": {
            "capture": item.capture,
            "capture_duration": item.capture_duration,
            "condition": shown(collected.condition.as_str()),
            "description": shown(&item.desc),
            "enabled": item.enabled,
            "name": shown(&item.name),
            "output": shown(&collected.output),
            "priority": PRIORITIES[usize::from(item.priority)],
            "source": shown(source),
            "tags": item.tags.iter().map(|tag| shown(tag)).collect::<Vec<_>>(),
        },
    });
    describe_responses(item.responses.iter().map(|asked| &asked.response), &mut all);
    all
}

/// Returns the texts of an entry, those of a sequence in a sequence too.
fn texts(entry: &Entry) -> Vec<&str> {
    match entry {
        Entry::Many(all) => all
            .iter()
            .flat_map(|one| match one {
                Entry::Many(inner) => inner.iter().map(Entry::text).collect(),
                one => vec![one.text()],
            })
            .collect(),
        one => vec![one.text()],
    }
}

fn describe_macro(loaded: &Loaded, sources: &mut Sources, macro_: &ResolvedMacro) -> Value {
    let text = loaded.collection.macros.get(&macro_.name).map_or("", |macro_| macro_.condition.as_str());
    let mut written = Details::default();
    if let Ok(tree) = parse(text) {
        written.walk(&tree, loaded);
    }
    let mut compiled = Details::default();
    let (mut events, mut canonical) = (Vec::new(), String::new());
    if let Some(tree) = macro_.tree.as_ref().map(|definition| definition.tree()) {
        compiled.walk(tree, loaded);
        events = sources.event_types("", tree);
        canonical = canonical_text(tree);
    }
    json!({
        "details": {
            "condition_compiled": shown(&canonical),
            "condition_fields": compiled.fields,
            "condition_operators": compiled.operators,
            "events": events,
            "lists": written.lists,
            "macros": written.macros,
            "plugins": [],
            "used": macro_.used,
        },
        "info": { "condition": shown(text), "name": shown(&macro_.name) },
    })
}

fn describe_list(loaded: &Loaded, list: &ResolvedList) -> Value {
    let written = loaded.collection.lists.get(&list.name).map(|list| list.items.as_slice()).unwrap_or_default();
    // A name in the text but not in the tree was that of a list.
    let (items, lists): (Vec<std::borrow::Cow<'_, str>>, BTreeSet<&str>) = written
        .iter()
        .map(|item| item.text.as_str())
        .fold((Vec::new(), BTreeSet::new()), |(mut items, mut lists), item| {
            if list.items.iter().any(|there| there == item) {
                items.push(shown(item));
            } else {
                lists.insert(item);
            }
            (items, lists)
        });
    json!({
        "details": { "items_compiled": list.items.iter().map(|item| shown(item)).collect::<Vec<_>>(), "lists": lists, "plugins": [], "used": list.used },
        "info": { "items": items, "name": shown(&list.name) },
    })
}

/// The parts of a condition.
#[derive(Default)]
struct Details {
    fields: BTreeSet<String>,
    operators: BTreeSet<String>,
    macros: BTreeSet<String>,
    lists: BTreeSet<String>,
}

impl Details {
    fn walk(&mut self, tree: &Expr, loaded: &Loaded) {
        match tree {
            Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().for_each(|part| self.walk(part, loaded)),
            Expr::Not(inner, _) => self.walk(inner, loaded),
            Expr::Defined(definition) => self.walk(definition.tree(), loaded),
            Expr::Macro(name, _) => {
                if loaded.collection.macros.get(name).is_some() {
                    self.macros.insert(name.clone());
                }
            }
            Expr::Exists(left, _) => {
                self.operand(left);
                self.operators.insert("exists".to_owned());
            }
            Expr::Check(check, _) => self.check(check, loaded),
        }
    }

    fn check(&mut self, check: &Check, loaded: &Loaded) {
        self.operand(&check.left);
        let modifier = check.modifier.map(|m| format!(" {}", m.text())).unwrap_or_default();
        self.operators.insert(format!("{}{modifier}", check.op.text()));
        match &check.right {
            Right::List(values) => {
                let known = values.iter().map(|value| String::from_utf8_lossy(value).into_owned());
                self.lists.extend(known.filter(|name| loaded.collection.lists.get(name).is_some()));
            }
            Right::Operand(operand) => self.operand(operand),
            Right::Value(_) | Right::Name(_) => {}
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Field(field, _) => _ = self.fields.insert(field_text(field)),
            Operand::Transformer(transformer, _) => transformer.args.iter().for_each(|arg| self.operand(arg)),
            Operand::List(items, _) => items.iter().for_each(|item| self.operand(item)),
            Operand::Value(..) => {}
        }
    }
}

fn field_text(field: &Field) -> String {
    match field.arg.as_deref() {
        None | Some([]) => field.name.clone(),
        Some(arg) => format!("{}[{}]", field.name, String::from_utf8_lossy(arg)),
    }
}
