//! Correlations in a file.

use crate::diag::{Code, Context, Diagnostic, Place, did_you_mean};

use super::correlation::{Alias, Change, Correlation, Looks, Member, Parts};
use super::item::{Step, Written};
use super::read::{Reader, Result, fault};
use super::read_response::responses;
use super::read_rule::ReadRule;
use super::yaml::Node;

/// Change that an override may make to the value of a key.
#[derive(Clone, Copy)]
enum Override {
    Never,
    Replace,
    AppendOrReplace,
}
use Override::{AppendOrReplace, Never, Replace};

/// The keys of a correlation, each with how much an override may change it.
const ROWS: [(&str, Override); 20] = [
    ("correlation", Never),
    ("type", Replace),
    ("rules", AppendOrReplace),
    ("until", Replace),
    ("group-by", AppendOrReplace),
    ("timespan", Replace),
    ("maxspan", Replace),
    ("condition", Replace),
    ("field", Replace),
    ("aliases", AppendOrReplace),
    ("output", AppendOrReplace),
    ("desc", AppendOrReplace),
    ("priority", Replace),
    ("source", Replace),
    ("tags", AppendOrReplace),
    ("enabled", Replace),
    ("building_block", Replace),
    ("exceptions", AppendOrReplace),
    ("response", AppendOrReplace),
    ("override", Never),
];

/// The keys of a correlation.
pub(super) const KEYS: [&str; ROWS.len()] = keys(Never);
/// The keys whose value an override may replace.
pub(super) const MAY_REPLACE: [&str; 18] = keys(Replace);
/// The keys to whose value an override may append.
pub(super) const MAY_APPEND: [&str; 8] = keys(AppendOrReplace);

/// Returns the keys that an override may change at least so much.
const fn keys<const N: usize>(least: Override) -> [&'static str; N] {
    let (mut keys, mut found, mut at) = ([""; N], 0, 0);
    while at < ROWS.len() {
        if ROWS[at].1 as u8 >= least as u8 {
            keys[found] = ROWS[at].0;
            found += 1;
        }
        at += 1;
    }
    assert!(found == N);
    keys
}

pub(super) const MEMBER_KEYS: [&str; 6] = ["rule", "condition", "as", "source", "group-by", "missing"];

/// Keys of other engines that are not supported, with their replacements. To ignore one of these would make another
/// correlation of it.
const REFUSED: [(&str, &str); 8] = [
    ("fork", "every step is used once; write a correlation for each branch"),
    ("runs", "write the step several times, or an `event_count` of it and name that under `rules`"),
    ("with", "write the step several times, or an `event_count` of it and name that under `rules`"),
    ("window", "windows slide; there is no other kind"),
    ("gap", "windows slide and end after `timespan`"),
    ("generate", "write `building_block: true` on rules and correlations that raise no alerts"),
    ("suppress", "a match consumes its events; see `noise_control` for fewer alerts of one kind"),
    ("action", "a match consumes its events"),
];

/// Reads an item.
pub(super) fn correlation(reader: Reader, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
    let (name, context) = reader.named(item, "correlation", Place::Correlation, parent)?;
    refuse_keys(reader, item, &context)?;
    let overrides = reader.overrides(item, &MAY_APPEND, &MAY_REPLACE, &context)?;
    let read = Read { reader, item, context: &context, name: &name };
    if overrides.is_empty() {
        let parts = read.parts(&|_| true, false, steps)?;
        for (key, is_there) in [
            ("type", parts.kind.is_some()),
            ("rules", parts.rules.is_some()),
            ("timespan", parts.timespan.is_some()),
            ("output", parts.output.is_some()),
            ("desc", parts.desc.is_some()),
            ("priority", parts.priority.is_some()),
        ] {
            if !is_there {
                let mut fault = reader.missing(item, key, &context);
                if key == "timespan" {
                    fault.hint = Some("add the longest time between its events, such as `timespan: 30s`".to_owned());
                }
                return Err(fault);
            }
        }
        steps.push(Step::Correlation(Box::new(Correlation { name, parts, context: context.clone() })));
        return Ok(context);
    }
    for key in MAY_REPLACE {
        if item.at(key).is_some() && !overrides.append.iter().chain(&overrides.replace).any(|named| named == key) {
            let message = format!("Unexpected key '{key}': no corresponding entry under 'override' is defined.");
            let node = item.at(key).unwrap_or(item);
            let mut fault = fault(Code::YamlValidate, message, &context, reader.spot(node));
            fault.hint = Some(format!("add `{key}: replace` under `override`"));
            return Err(fault);
        }
    }
    for key in overrides.append.iter().chain(&overrides.replace) {
        if item.at(key).is_none() {
            let message = format!("An override for '{key}' was specified but '{key}' is not defined");
            return Err(fault(Code::YamlValidate, message, &context, name.spot));
        }
    }
    let mut some = |keys: &[String], append: bool| -> Result<Option<Parts>> {
        let is_named = |key: &str| keys.iter().any(|named| named == key);
        if keys.is_empty() { Ok(None) } else { read.parts(&is_named, append, steps).map(Some) }
    };
    let append = some(&overrides.append, true)?;
    let replace = some(&overrides.replace, false)?;
    steps.push(Step::ChangeCorrelation(Box::new(Change { append, replace, name, context: context.clone() })));
    Ok(context)
}

/// Rejects keys that change the meaning of an item in other engines.
fn refuse_keys(reader: Reader, item: Node<'_>, context: &Context) -> Result<()> {
    for (key, _) in item.entries() {
        let Some(text) = key.text() else { continue };
        if let Some((name, instead)) = REFUSED.iter().find(|(name, _)| *name == text) {
            let message = format!("Correlations have no '{name}'");
            let mut fault = fault(Code::YamlValidate, message, context, reader.spot(key));
            fault.hint = Some((*instead).to_owned());
            return Err(fault);
        }
    }
    Ok(())
}

struct Read<'d, 'c> {
    reader: Reader,
    item: Node<'d>,
    context: &'c Context,
    name: &'c Written,
}

impl Read<'_, '_> {
    /// Returns the parts under the selected keys.
    fn parts(&self, wanted: &dyn Fn(&str) -> bool, append: bool, steps: &mut Vec<Step>) -> Result<Parts> {
        let (reader, item, context) = (self.reader, self.item, self.context);
        let is_there = |key: &str| wanted(key) && item.at(key).is_some();
        let text = |key: &str| -> Result<Option<Written>> {
            if is_there(key) { reader.string(item, key, context).map(Some) } else { Ok(None) }
        };
        let rule = ReadRule { reader, item, context, name: self.name.clone() };
        let mut parts = Parts {
            kind: text("type")?,
            timespan: text("timespan")?.or(text("maxspan")?),
            field: text("field")?,
            output: text("output")?,
            desc: text("desc")?.map(|desc| desc.text),
            source: text("source")?,
            ..Parts::default()
        };
        if let Some(output) = &mut parts.output {
            output.text = output.text.trim().to_owned();
        }
        if let Some(priority) = text("priority")? {
            parts.priority = Some(rule.priority(&priority)?);
        }
        if is_there("rules") {
            parts.rules = Some(self.members("rules")?);
        }
        if is_there("until") {
            let node = item.at("until").unwrap_or(item);
            let inner = context.within(Place::ValueFor, "until", node.mark());
            // A text is a condition here: a sequence seldom ends with a rule.
            parts.until = Some(match node.scalar() {
                Some(_) => Member {
                    looks: Looks::Condition(reader.string(item, "until", context)?),
                    name: None,
                    source: None,
                    group_by: None,
                    missing: false,
                    context: inner,
                },
                None => self.member(node, &inner)?,
            });
        }
        if is_there("group-by") {
            parts.group_by = Some(self.names(item, "group-by", context)?);
        }
        if is_there("condition") {
            let (condition, field) = self.condition()?;
            parts.condition = Some(condition);
            parts.field = parts.field.or(field);
        }
        if is_there("aliases") {
            parts.aliases = Some(self.aliases()?);
        }
        if is_there("tags") {
            parts.tags = Some(rule.tags()?);
        }
        if is_there("enabled") {
            parts.enabled = reader.truth(item, "enabled", context)?;
        }
        if is_there("building_block") {
            parts.building_block = reader.truth(item, "building_block", context)?;
        }
        if is_there("exceptions") {
            parts.exceptions = Some(rule.exceptions(append, steps)?);
        }
        if is_there("response") {
            parts.responses = Some(responses(reader, item, context)?);
        }
        Ok(parts)
    }

    /// Returns a sequence of names, or one.
    fn names(&self, item: Node<'_>, key: &str, context: &Context) -> Result<Vec<Written>> {
        match item.at(key) {
            Some(node) if node.scalar().is_some() => Ok(vec![self.reader.string(item, key, context)?]),
            Some(node) => self.reader.sequence(node, key, context),
            None => Ok(Vec::new()),
        }
    }

    fn shape(&self, message: &str, node: Node<'_>, context: &Context, hint: &str) -> Box<Diagnostic> {
        let mut fault = fault(Code::YamlValidate, message, context, self.reader.spot(node));
        fault.hint = Some(hint.to_owned());
        fault
    }

    fn members(&self, key: &str) -> Result<Vec<Member>> {
        const HINT: &str = "write a list of names of rules, or of `- as: NAME` with `condition:`";
        let Some(node) = self.item.at(key) else { return Ok(Vec::new()) };
        let outer = self.context.within(Place::ValueFor, key, node.mark());
        if !node.is_sequence() {
            return Err(self.shape("Value is not a sequence", node, &outer, HINT));
        }
        let mut members = Vec::new();
        for element in node.elements() {
            let context = outer.within(Place::ListItem, "", element.mark());
            members.push(match element.scalar() {
                Some(scalar) if scalar.text.is_empty() => {
                    return Err(self.shape("Value must be non-empty", element, &context, HINT));
                }
                Some(_) => Member {
                    looks: Looks::For(self.reader.written(element)),
                    name: None,
                    source: None,
                    group_by: None,
                    missing: false,
                    context,
                },
                None => self.member(element, &context)?,
            });
        }
        Ok(members)
    }

    fn member(&self, node: Node<'_>, context: &Context) -> Result<Member> {
        let reader = self.reader;
        if !node.is_map() {
            let hint = "write the name of a rule, or `as: NAME` and `condition:`";
            return Err(self.shape("A step is neither a name nor a mapping", node, context, hint));
        }
        refuse_keys(reader, node, context)?;
        for (key, _) in node.entries() {
            let Some(text) = key.text() else { continue };
            if !MEMBER_KEYS.contains(&text) {
                let mut fault =
                    fault(Code::YamlValidate, format!("A step has no key '{text}'"), context, reader.spot(key));
                fault.hint =
                    did_you_mean(text, MEMBER_KEYS).or_else(|| Some(format!("a step has {}", MEMBER_KEYS.join(", "))));
                return Err(fault);
            }
        }
        let looks = match (node.at("rule").is_some(), node.at("condition").is_some()) {
            (true, false) => Looks::For(reader.string(node, "rule", context)?),
            (false, true) => Looks::Condition(reader.string(node, "condition", context)?),
            (true, true) => {
                let hint = "name a rule, or write a condition; for an additional condition, write another rule";
                let node = node.at("rule").unwrap_or(node);
                return Err(self.shape("A step has both 'rule' and 'condition'", node, context, hint));
            }
            (false, false) => {
                let hint = "add `condition:`, or `rule:` with the name of a rule";
                return Err(self.shape("A step has neither 'rule' nor 'condition'", node, context, hint));
            }
        };
        let optional = |key: &str| -> Result<Option<Written>> {
            Ok(reader.optional(node, key, context, false)?.map(|node| reader.written(node)))
        };
        let group_by = node.at("group-by").map(|_| self.names(node, "group-by", context)).transpose()?;
        Ok(Member {
            looks,
            name: optional("as")?,
            source: optional("source")?,
            group_by,
            missing: reader.truth(node, "missing", context)?.unwrap_or(false),
            context: context.clone(),
        })
    }

    /// Returns the comparisons, and the field that Sigma writes among them.
    #[allow(clippy::type_complexity, reason = "used once")]
    fn condition(&self) -> Result<(Vec<(Written, Written)>, Option<Written>)> {
        let Some(node) = self.item.at("condition") else { return Ok((Vec::new(), None)) };
        let context = self.context.within(Place::ValueFor, "condition", node.mark());
        if !node.is_map() {
            let hint = match node.scalar() {
                Some(_) => {
                    "all rules are required; for a step that must not happen, write `temporal_ordered` with \
                            `missing: true`"
                }
                None => "write `condition: {gte: 10}`",
            };
            return Err(self.shape("The condition of a correlation is not a mapping", node, &context, hint));
        }
        let (mut all, mut field) = (Vec::new(), None);
        for (key, value) in node.entries() {
            if key.scalar().is_none() || value.scalar().is_none() {
                return Err(self.shape("Value is not a scalar value", value, &context, "write `condition: {gte: 10}`"));
            }
            let (name, value) = (self.reader.written(key), self.reader.written(value));
            match name.text.as_str() {
                "field" => field = Some(value),
                _ => all.push((name, value)),
            }
        }
        Ok((all, field))
    }

    fn aliases(&self) -> Result<Vec<Alias>> {
        const HINT: &str = "write `aliases: {NAME: {RULE: field}}`";
        let Some(node) = self.item.at("aliases") else { return Ok(Vec::new()) };
        let context = self.context.within(Place::ValueFor, "aliases", node.mark());
        let mut all = Vec::new();
        if !node.is_map() {
            return Err(self.shape("The aliases are not a mapping", node, &context, HINT));
        }
        for (name, fields) in node.entries() {
            if name.scalar().is_none() || !fields.is_map() {
                return Err(self.shape("An alias is not a mapping", fields, &context, HINT));
            }
            let mut of = Vec::new();
            for (member, field) in fields.entries() {
                if member.scalar().is_none() || field.scalar().is_none() {
                    return Err(self.shape("Value is not a scalar value", field, &context, HINT));
                }
                of.push((self.reader.written(member), self.reader.written(field)));
            }
            all.push(Alias { name: self.reader.written(name), fields: of });
        }
        Ok(all)
    }
}
