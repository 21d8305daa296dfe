//! Rules and their exceptions, as written.

use rustc_hash::FxHashMap;

use crate::diag::{Code, Context, Diagnostic, Place, did_you_mean};

use super::Style;
use super::item::{Entry, Exception, Rule, Step, Update, Written};
use super::read::{APPEND_AND_OVERRIDE, Overrides, Reader, Result, fault};
use super::read_response::responses;
use super::yaml::Node;

/// The keys of a rule.
pub(super) const KEYS: [&str; 17] = [
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "building_block",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "tags",
    "exceptions",
    "response",
    "override",
    "append",
];

/// The keys that are valid under `override` with `append`.
pub(crate) const MAY_APPEND: [&str; 6] = ["condition", "output", "desc", "tags", "exceptions", "response"];
/// The keys that are valid under `override` with `replace`.
pub(crate) const MAY_REPLACE: [&str; 13] = [
    "condition",
    "output",
    "desc",
    "priority",
    "building_block",
    "capture",
    "capture_duration",
    "tags",
    "exceptions",
    "response",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
];

/// The priorities, most severe first.
pub const PRIORITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

const ENABLED_IS_OLD: &str = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a \
                              'replace' entry under the 'override' key (i.e. 'enabled: replace').";

/// Limit of reports of exceptions whose name is there already.
const REPEATED: usize = 100;

/// The limit of texts in one exception, with aliases counted each time.
const ENTRIES: usize = 1 << 18;

pub(super) fn rule(reader: Reader, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
    let (name, context) = reader.named(item, "rule", Place::Rule, parent)?;
    let source = reader.optional(item, "source", &context, true)?.map(|node| reader.written(node));
    let append = reader.append(item, &context, steps)?;
    let overrides = reader.overrides(item, &MAY_APPEND, &MAY_REPLACE, &context)?;
    if append && !overrides.is_empty() {
        return Err(fault(Code::YamlValidate, APPEND_AND_OVERRIDE, &context, name.spot));
    }
    let rule = ReadRule { reader, item, context: &context, name };
    let source_name = source.map(|source| source.text).unwrap_or_default();
    if !overrides.is_empty() {
        rule.overridden(&overrides, &source_name, steps)?;
    } else if append {
        let mut update = rule.update(&source_name);
        if item.at("condition").is_some() {
            update.condition = Some(reader.string(item, "condition", &context)?);
        }
        if item.at("exceptions").is_some() {
            update.exceptions = Some(rule.exceptions(true, steps)?);
        }
        steps.push(Step::Append(Box::new(update)));
    } else if ["condition", "output", "desc", "priority"].iter().all(|key| item.at(key).is_none()) {
        let enabled = reader.truth(item, "enabled", &context)?;
        let enabled = reader.needed(enabled, item, "enabled", &context)?;
        let tell = Diagnostic::new(Code::DeprecatedItem, ENABLED_IS_OLD, context.clone());
        steps.push(Step::Tell(tell.at(item.at("enabled").map(|node| reader.spot(node)))));
        steps.push(Step::Enable(rule.name.text.clone(), enabled, context.clone()));
    } else {
        let whole = rule.whole(steps)?;
        steps.push(Step::Rule(Box::new(whole)));
    }
    Ok(context)
}

pub(super) struct ReadRule<'d, 'c> {
    pub(super) reader: Reader,
    pub(super) item: Node<'d>,
    pub(super) context: &'c Context,
    pub(super) name: Written,
}

impl ReadRule<'_, '_> {
    fn string(&self, key: &str) -> Result<Written> {
        self.reader.string(self.item, key, self.context)
    }

    fn truth(&self, key: &str) -> Result<Option<bool>> {
        self.reader.truth(self.item, key, self.context)
    }

    fn place(&self, place: Place, key: &str) -> Context {
        let mark = self.item.at(key).map_or(self.item.mark(), Node::mark);
        self.context.within(place, "", mark)
    }

    pub(super) fn priority(&self, written: &Written) -> Result<u8> {
        let known = PRIORITIES.iter().position(|name| name.eq_ignore_ascii_case(&written.text));
        let known = known.or_else(|| written.text.eq_ignore_ascii_case("info").then_some(6));
        known.and_then(|at| u8::try_from(at).ok()).ok_or_else(|| {
            let context = self.place(Place::RulePriority, "priority");
            let mut fault = fault(Code::YamlValidate, "Invalid priority", &context, written.spot);
            fault.hint = did_you_mean(&written.text, PRIORITIES.iter().copied().chain(["info"]))
                .or_else(|| Some(format!("one of {}", PRIORITIES.join(", "))));
            fault
        })
    }

    pub(super) fn tags(&self) -> Result<Vec<String>> {
        let Some(value) = self.item.at("tags") else { return Ok(Vec::new()) };
        let tags = self.reader.sequence(value, "tags", self.context)?;
        let mut tags: Vec<String> = tags.into_iter().map(|tag| tag.text).collect();
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    fn whole(&self, steps: &mut Vec<Step>) -> Result<Rule> {
        let (reader, item, context) = (self.reader, self.item, self.context);
        let condition = self.string("condition")?;
        let mark = |key: &str| item.at(key).map_or(item.mark(), Node::mark);
        let mut output = self.string("output")?;
        let desc = self.string("desc")?.text;
        let priority = self.string("priority")?;
        output.text = output.text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).to_owned();
        let priority = self.priority(&priority)?;
        let source = reader.optional(item, "source", context, false)?;
        let source = source.map_or_else(
            || Written { text: "syscall".to_owned(), spot: self.name.spot, style: Style::Plain },
            |node| reader.written(node),
        );
        Ok(Rule {
            name: self.name.text.clone(),
            enabled: self.truth("enabled")?.unwrap_or(true),
            building_block: self.truth("building_block")?.unwrap_or(false),
            capture: self.truth("capture")?.unwrap_or(false),
            capture_duration: reader.number(item, "capture_duration", context)?.unwrap_or(0),
            warn_event_types: self.truth("warn_evttypes")?.unwrap_or(true),
            skip_if_unknown_filter: self.truth("skip-if-unknown-filter")?.unwrap_or(false),
            tags: self.tags()?,
            exceptions: self.exceptions(false, steps)?,
            responses: responses(reader, item, context)?,
            condition,
            output,
            desc,
            priority,
            source,
            context: context.clone(),
            condition_mark: mark("condition"),
            output_mark: mark("output"),
        })
    }

    fn update(&self, source: &str) -> Update {
        Update {
            name: self.name.text.clone(),
            source: source.to_owned(),
            condition: None,
            output: None,
            desc: None,
            tags: None,
            exceptions: None,
            responses: None,
            priority: None,
            building_block: None,
            capture: None,
            capture_duration: None,
            enabled: None,
            warn_event_types: None,
            skip_if_unknown_filter: None,
            context: self.context.clone(),
        }
    }

    /// Appends first, then replacements; last, every remaining key must be named under `override`.
    fn overridden(&self, overrides: &Overrides, source: &str, steps: &mut Vec<Step>) -> Result<()> {
        let mut left: Vec<&str> = MAY_REPLACE.iter().copied().filter(|key| self.item.at(key).is_some()).collect();
        left.sort_unstable();
        for (keys, append) in [(&overrides.append, true), (&overrides.replace, false)] {
            if keys.is_empty() {
                continue;
            }
            let update = self.update_of(keys, append, source, &mut left, steps)?;
            steps.push(if append { Step::Append(Box::new(update)) } else { Step::Replace(Box::new(update)) });
        }
        if let Some(key) = left.first() {
            let context = self.place(Place::Override, key);
            let mut context = context;
            if let Some(last) = context.locations.last_mut() {
                last.item = (*key).to_owned();
            }
            let message = format!("Unexpected key '{key}': no corresponding entry under 'override' is defined.");
            let node = self.item.at(key).unwrap_or(self.item);
            let mut fault = fault(Code::YamlValidate, message, &context, self.reader.spot(node));
            fault.hint = Some(format!("add `{key}: replace` under `override`"));
            return Err(fault);
        }
        Ok(())
    }

    fn update_of(
        &self,
        keys: &[String],
        append: bool,
        source: &str,
        left: &mut Vec<&str>,
        steps: &mut Vec<Step>,
    ) -> Result<Update> {
        let mut update = self.update("");
        let mut asked = |key: &str| -> Result<bool> {
            if !keys.iter().any(|k| k == key) {
                return Ok(false);
            }
            let Some(at) = left.iter().position(|k| *k == key) else {
                let mode = if append { "append" } else { "replace" };
                let message = format!("An {mode} override for '{key}' was specified but '{key}' is not defined");
                return Err(fault(Code::YamlValidate, message, self.context, self.name.spot));
            };
            left.remove(at);
            Ok(true)
        };
        if asked("condition")? {
            source.clone_into(&mut update.source);
            update.condition = Some(self.string("condition")?);
        }
        if asked("exceptions")? {
            update.exceptions = Some(self.exceptions(append, steps)?);
        }
        if asked("output")? {
            update.output = Some(self.string("output")?);
        }
        if asked("desc")? {
            update.desc = Some(self.string("desc")?.text);
        }
        if asked("tags")? {
            update.tags = Some(self.tags()?);
        }
        if asked("response")? {
            update.responses = Some(responses(self.reader, self.item, self.context)?);
        }
        if append {
            return Ok(update);
        }
        if asked("priority")? {
            update.priority = Some(self.priority(&self.string("priority")?)?);
        }
        if asked("building_block")? {
            update.building_block = self.truth("building_block")?;
        }
        if asked("capture")? {
            update.capture = self.truth("capture")?;
        }
        if asked("capture_duration")? {
            update.capture_duration = self.reader.number(self.item, "capture_duration", self.context)?;
        }
        if asked("enabled")? {
            update.enabled = self.truth("enabled")?;
        }
        if asked("warn_evttypes")? {
            update.warn_event_types = self.truth("warn_evttypes")?;
        }
        if asked("skip-if-unknown-filter")? {
            update.skip_if_unknown_filter = self.truth("skip-if-unknown-filter")?;
        }
        Ok(update)
    }

    pub(super) fn exceptions(&self, append: bool, steps: &mut Vec<Step>) -> Result<Vec<Exception>> {
        let mut out: Vec<Exception> = Vec::new();
        let Some(all) = self.item.at("exceptions").filter(|node| !node.is_null()) else { return Ok(out) };
        let reader = self.reader;
        let outer = self.context.within(Place::Exceptions, "", all.mark());
        if !all.is_sequence() {
            return Err(fault(Code::YamlValidate, "Rule exceptions must be a sequence", &outer, reader.spot(all)));
        }
        let mut names: FxHashMap<String, usize> = FxHashMap::default();
        for one in all.elements() {
            let unnamed = outer.within(Place::Exception, "", one.mark());
            if !one.is_map() {
                return Err(fault(Code::YamlValidate, "Rule exception must be a mapping", &unnamed, reader.spot(one)));
            }
            let name = reader.string(one, "name", &unnamed)?;
            let context = self.context.within(Place::Exception, &name.text, one.mark());
            let earlier = names.entry(name.text.clone()).or_insert(0);
            // Falco repeats it for each earlier one.
            for _ in 0..(*earlier).min(REPEATED) {
                let message = format!("Multiple definitions of exception '{}' in the same rule", name.text);
                let tell = Diagnostic::new(Code::ExceptionNameNotUnique, message, context.clone());
                steps.push(Step::Tell(tell.at(name.spot)));
            }
            *earlier += 1;
            let mut budget = ENTRIES;
            let mut entry = |key: &str| -> Result<Option<Entry>> {
                let Some(node) = one.at(key) else { return Ok(None) };
                self.entry(node, key, &context, &mut budget).map(Some)
            };
            let fields = entry("fields")?;
            let fields =
                if append { fields.unwrap_or(Entry::Empty) } else { reader.needed(fields, one, "fields", &context)? };
            let comps = entry("comps")?.unwrap_or(Entry::Empty);
            let mut values = Vec::new();
            if let Some(node) = one.at("values") {
                let inner = context.within(Place::ExceptionValues, "", node.mark());
                if !node.is_sequence() {
                    let message = "Rule exception values must be a sequence";
                    return Err(fault(Code::YamlValidate, message, &inner, reader.spot(node)));
                }
                for value in node.elements() {
                    let inner = inner.within(Place::ExceptionValue, "", value.mark());
                    values.push(self.entry(value, "", &inner, &mut budget)?);
                }
            } else if append {
                let message = "Overriding/appending exception with no values";
                let tell = Diagnostic::new(Code::AppendNoValues, message, context.clone());
                steps.push(Step::Tell(tell.at(name.spot)));
            }
            out.push(Exception { name: name.text, fields, comps, values, spot: Some(name.spot), context });
        }
        Ok(out)
    }

    /// Returns a text, or a sequence of texts or of further sequences.
    fn entry(&self, node: Node<'_>, key: &str, context: &Context, budget: &mut usize) -> Result<Entry> {
        let inner = context.within(Place::ValueFor, key, node.mark());
        let spot = self.reader.spot(node);
        if *budget == 0 || context.locations.len() > 32 {
            return Err(fault(Code::TooLarge, "Exception has too many values", &inner, spot));
        }
        *budget -= 1;
        if let Some(scalar) = node.scalar() {
            if scalar.text.is_empty() {
                return Err(fault(Code::YamlValidate, "Value must be non-empty", &inner, spot));
            }
            return Ok(Entry::One(self.reader.written(node)));
        }
        if !node.is_sequence() {
            return Ok(Entry::Empty);
        }
        let mut all = Vec::new();
        for element in node.elements() {
            let place = inner.within(Place::Exception, "", element.mark());
            all.push(self.entry(element, "", &place, budget)?);
        }
        Ok(Entry::Many(all))
    }
}
