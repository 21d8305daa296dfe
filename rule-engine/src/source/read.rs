//! Documents to steps: the items of a file, decoded and checked.
//!
//! The order of checks is part of Falco's output, since it stops at the first error: an item is read key by key, and
//! the parts before an error are applied before the error is reported.

use crate::diag::{Code, Context, Diagnostic, FileId, Place, Spot, did_you_mean};

use super::item::{List, Macro, PluginVersion, Step, Version, Written};
use super::yaml::{Documents, Node};
use super::{Style, read_correlation, read_rule};

pub(super) type Result<T> = std::result::Result<T, Box<Diagnostic>>;

pub(super) const APPEND_AND_OVERRIDE: &str = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' \
                                              entry (e.g. 'condition: append') under 'override' instead.";
const APPEND_IS_OLD: &str = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under \
                             'override' instead.";

/// The kinds of items by their key, and the keys of each.
const ITEMS: [(&str, &[&str]); 6] = [
    ("required_engine_version", &["required_engine_version"]),
    ("required_plugin_versions", &["required_plugin_versions"]),
    ("list", &["list", "items", "append", "override"]),
    ("macro", &["macro", "condition", "append", "override"]),
    ("correlation", &read_correlation::KEYS),
    ("rule", &read_rule::KEYS),
];

/// Returns the steps of each item of a file; an error in one does not hide the next.
pub fn read(documents: &Documents<'_>, file: FileId, context: &Context) -> Vec<Vec<Step>> {
    let mut items = Vec::new();
    for root in documents.roots().filter(|root| !root.is_null()) {
        if !root.is_sequence() {
            let message =
                if root.is_map() { "Rules content is not yaml array of objects" } else { "Rules content is not yaml" };
            let fault = Diagnostic::new(Code::YamlValidate, message, context.clone())
                .at(Reader { file }.spot(root))
                .hint(root.is_map().then(|| "begin each item with `- `".to_owned()));
            items.push(vec![Step::Fault(fault)]);
            continue;
        }
        for item in root.elements().filter(|item| !item.is_null()) {
            // Nearly always there is one.
            let mut steps = Vec::with_capacity(1);
            if let Err(fault) = (Reader { file }).item(item, context, &mut steps) {
                steps.push(Step::Fault(*fault));
            }
            items.push(steps);
        }
    }
    items
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) file: FileId,
}

/// The operations of keys under `override`.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) append: Vec<String>,
    pub(super) replace: Vec<String>,
}

impl Overrides {
    pub(super) fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

pub(super) fn fault(code: Code, message: impl Into<String>, context: &Context, spot: Spot) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(code, message, context.clone()).at(spot))
}

impl Reader {
    pub(super) fn spot(self, node: Node<'_>) -> Spot {
        let (start, end) = node.span();
        Spot { file: self.file, start, end }
    }

    fn item(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<()> {
        if !item.is_map() {
            let context = parent.within(Place::RulesContentItem, "", item.mark());
            let message = "Unexpected element type. Each element should be a yaml associative array.";
            return Err(fault(Code::YamlValidate, message, &context, self.spot(item)));
        }
        let kind = ITEMS.iter().find(|(key, _)| item.at(key).is_some());
        let Some((kind, keys)) = kind else {
            let context = parent.within(Place::RulesContentItem, "", item.mark());
            let first = item.entries().next().and_then(|(key, _)| key.text());
            let hint = first.and_then(|key| did_you_mean(key, ITEMS.iter().map(|(kind, _)| *kind)));
            let tell = Diagnostic::new(Code::UnknownItem, "Unknown top level item", context);
            steps.push(Step::Tell(tell.at(self.spot(item)).hint(hint)));
            return Ok(());
        };
        self.duplicate_keys(item, parent, steps);
        let context = match *kind {
            "required_engine_version" => self.engine_version(item, parent, steps)?,
            "required_plugin_versions" => self.plugin_versions(item, parent, steps)?,
            "list" => self.list(item, parent, steps)?,
            "macro" => self.macro_(item, parent, steps)?,
            "correlation" => read_correlation::correlation(self, item, parent, steps)?,
            _ => read_rule::rule(self, item, parent, steps)?,
        };
        for (key, _) in item.entries() {
            let Some(text) = key.text() else { continue };
            if !keys.contains(&text) {
                let message = format!("Unknown key '{text}'. The key will be ignored.");
                let hint = did_you_mean(text, keys.iter().copied());
                let tell = Diagnostic::new(Code::UnknownKey, message, context.clone());
                steps.push(Step::Tell(tell.at(self.spot(key)).hint(hint)));
            }
        }
        Ok(())
    }

    fn duplicate_keys(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) {
        let mut seen = rustc_hash::FxHashSet::default();
        for (key, _) in item.entries() {
            let Some(text) = key.text() else { continue };
            if !seen.insert(text) {
                let context = parent.within(Place::RulesContentItem, "", item.mark());
                let message = format!("Key '{text}' is duplicated. The first one is used.");
                steps.push(Step::Tell(Diagnostic::new(Code::DuplicateKey, message, context).at(self.spot(key))));
            }
        }
    }

    /// Returns the place of an item: that of the value of its first key, which is its name.
    fn item_spot(self, item: Node<'_>) -> Spot {
        self.spot(item.entries().next().map_or(item, |(_, value)| if value.is_null() { item } else { value }))
    }

    /// Returns the value of a key, a scalar that is not empty. `None` if there is no such key.
    pub(super) fn optional<'d>(
        self,
        item: Node<'d>,
        key: &str,
        context: &Context,
        may_be_empty: bool,
    ) -> Result<Option<Node<'d>>> {
        let Some(value) = item.at(key) else { return Ok(None) };
        if value.is_null() {
            if may_be_empty {
                return Ok(None);
            }
            let message = format!("Mapping for key '{key}' is empty");
            let named = item.entries().find(|(k, _)| k.text() == Some(key)).map_or(item, |(k, _)| k);
            return Err(fault(Code::YamlValidate, message, context, self.spot(named)));
        }
        let refuse = |message: &str| {
            let inner = context.within(Place::ValueFor, key, value.mark());
            Err(fault(Code::YamlValidate, message, &inner, self.spot(value)))
        };
        match value.scalar() {
            None => refuse("Value is not a scalar value"),
            Some(scalar) if scalar.text.is_empty() && may_be_empty => Ok(None),
            Some(scalar) if scalar.text.is_empty() => refuse("Value must be non-empty"),
            Some(_) => Ok(Some(value)),
        }
    }

    fn required<'d>(self, item: Node<'d>, key: &str, context: &Context) -> Result<Node<'d>> {
        self.optional(item, key, context, false)?.ok_or_else(|| self.missing(item, key, context))
    }

    pub(super) fn missing(self, item: Node<'_>, key: &str, context: &Context) -> Box<Diagnostic> {
        let message = format!("Item has no mapping for key '{key}'");
        let near = did_you_mean(key, item.entries().filter_map(|(k, _)| k.text()));
        let near = near.map(|_| {
            let wrong = crate::diag::nearest(key, item.entries().filter_map(|(k, _)| k.text())).unwrap_or_default();
            format!("is `{wrong}` meant to be `{key}`?")
        });
        let mut fault = fault(Code::YamlValidate, message, context, self.item_spot(item));
        fault.hint = near;
        fault.keys = item.entries().filter_map(|(key, _)| key.text().map(str::to_owned)).collect();
        if let Some((merge, _)) = item.entries().find(|(key, _)| key.text() == Some("<<")) {
            fault.spot = Some(self.spot(merge));
            fault.hint = Some("`<<` merges nothing in rules files: write the keys out".to_owned());
            fault.keys.clear();
        }
        fault
    }

    pub(super) fn written(self, node: Node<'_>) -> Written {
        let scalar = node.scalar();
        Written {
            text: scalar.map_or(String::new(), |scalar| scalar.text.to_string()),
            spot: self.spot(node),
            style: scalar.map_or(Style::Plain, |scalar| scalar.style),
        }
    }

    pub(super) fn string(self, item: Node<'_>, key: &str, context: &Context) -> Result<Written> {
        self.required(item, key, context).map(|node| self.written(node))
    }

    fn undecoded(self, node: Node<'_>, key: &str, context: &Context, hint: &str) -> Box<Diagnostic> {
        let inner = context.within(Place::ValueFor, key, node.mark());
        let mut fault = fault(Code::YamlValidate, "Can't decode YAML scalar value", &inner, self.spot(node));
        fault.hint = Some(hint.to_owned());
        fault
    }

    pub(super) fn truth(self, item: Node<'_>, key: &str, context: &Context) -> Result<Option<bool>> {
        let Some(node) = self.optional(item, key, context, false)? else { return Ok(None) };
        let truth = node.as_bool();
        truth.map(Some).ok_or_else(|| self.undecoded(node, key, context, "write `true` or `false`"))
    }

    pub(super) fn number(self, item: Node<'_>, key: &str, context: &Context) -> Result<Option<u32>> {
        let Some(node) = self.optional(item, key, context, false)? else { return Ok(None) };
        let number = node.as_u32();
        number.map(Some).ok_or_else(|| self.undecoded(node, key, context, "write a whole number from 0 to 4294967295"))
    }

    pub(super) fn needed<T>(self, value: Option<T>, item: Node<'_>, key: &str, context: &Context) -> Result<T> {
        value.ok_or_else(|| self.missing(item, key, context))
    }

    /// Returns a sequence of scalars.
    pub(super) fn sequence(self, value: Node<'_>, key: &str, context: &Context) -> Result<Vec<Written>> {
        let inner = || context.within(Place::ValueFor, key, value.mark());
        if !value.is_sequence() {
            let mut fault = fault(Code::YamlValidate, "Value is not a sequence", &inner(), self.spot(value));
            fault.hint = value.scalar().map(|scalar| format!("write `{key}: [{}]`", scalar.text));
            return Err(fault);
        }
        let mut out = Vec::new();
        for element in value.elements() {
            if element.scalar().is_none() {
                let context = inner().within(Place::ListItem, "", element.mark());
                let mut fault = fault(Code::YamlValidate, "sequence value is not scalar", &context, self.spot(element));
                fault.hint = element.is_null().then(|| "write `\"\"` for an empty value".to_owned());
                return Err(fault);
            }
            out.push(self.written(element));
        }
        Ok(out)
    }

    fn engine_version(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
        const KEY: &str = "required_engine_version";
        let context = parent.within(Place::RequiredEngineVersion, "", item.mark());
        let version = match self.number(item, KEY, &context) {
            Ok(Some(number)) => Version(0, number, 0),
            _ => {
                let written = self.string(item, KEY, &context)?;
                Version::parse(&written.text).ok_or_else(|| {
                    let message = format!(
                        "Unable to parse engine version '{}' as a semver string. Expected \"x.y.z\" semver format.",
                        written.text
                    );
                    fault(Code::YamlValidate, message, &context, written.spot)
                })?
            }
        };
        steps.push(Step::EngineVersion(version, context.clone()));
        Ok(context)
    }

    fn plugin_versions(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
        let Some(value) = item.at("required_plugin_versions") else { return Ok(parent.clone()) };
        let context = parent.within(Place::RequiredPluginVersions, "", value.mark());
        let shape =
            |message: &str, context: &Context, node| fault(Code::YamlValidate, message, context, self.spot(node));
        if !value.is_sequence() {
            return Err(shape("Value of required_plugin_versions must be a sequence", &context, value));
        }
        for plugin in value.elements() {
            let unnamed = context.within(Place::RequiredPluginVersionsEntry, "", plugin.mark());
            if !plugin.is_map() {
                return Err(shape("Plugin version must be a mapping", &unnamed, plugin));
            }
            let name = self.string(plugin, "name", &unnamed)?.text;
            let named = context.within(Place::RequiredPluginVersionsEntry, &name, plugin.mark());
            let version = self.string(plugin, "version", &named)?.text;
            let mut all = vec![PluginVersion { name, version }];
            if let Some(alternatives) = plugin.at("alternatives") {
                if !alternatives.is_sequence() {
                    return Err(shape("Value of plugin version alternatives must be a sequence", &named, alternatives));
                }
                for one in alternatives.elements() {
                    let place = Place::RequiredPluginVersionsAlternative;
                    let unnamed = named.within(place, "", one.mark());
                    if !one.is_map() {
                        return Err(shape("Plugin version alternative must be a mapping", &unnamed, one));
                    }
                    let name = self.string(one, "name", &unnamed)?.text;
                    let version = self.string(one, "version", &named.within(place, &name, one.mark()))?.text;
                    all.push(PluginVersion { name, version });
                }
            }
            steps.push(Step::Plugins(all, named));
        }
        Ok(parent.within(Place::RequiredPluginVersions, "", item.mark()))
    }

    /// Returns the name of an item and its context.
    pub(super) fn named(self, item: Node<'_>, key: &str, place: Place, parent: &Context) -> Result<(Written, Context)> {
        // Contexts are made for diagnostics; that is seldom the name.
        let name = match item.at(key).filter(|node| node.scalar().is_some_and(|scalar| !scalar.text.is_empty())) {
            Some(node) => self.written(node),
            None => self.string(item, key, &parent.within(place, "", item.mark()))?,
        };
        let context = parent.within(place, &name.text, item.mark());
        Ok((name, context))
    }

    /// Reads the old `append: true`.
    pub(super) fn append(self, item: Node<'_>, context: &Context, steps: &mut Vec<Step>) -> Result<bool> {
        let append = self.truth(item, "append", context)?.unwrap_or(false);
        if append {
            let spot = item.at("append").map(|node| self.spot(node));
            steps.push(Step::Tell(Diagnostic::new(Code::DeprecatedItem, APPEND_IS_OLD, context.clone()).at(spot)));
        }
        Ok(append)
    }

    pub(super) fn overrides(
        self,
        item: Node<'_>,
        append: &[&str],
        replace: &[&str],
        context: &Context,
    ) -> Result<Overrides> {
        let mut out = Overrides::default();
        let Some(value) = item.at("override") else { return Ok(out) };
        if value.is_sequence() && value.elements().next().is_some() {
            let message =
                "invalid node; this may result from using a map iterator as a sequence iterator, or vice-versa";
            let root = Context::file(context.file, std::sync::Arc::clone(&context.locations[0].name));
            return Err(fault(Code::Validate, message, &root, self.spot(value)));
        }
        let outer = context.within(Place::Override, "", item.mark());
        for (key, operation) in value.entries() {
            let (Some(name), Some(word)) = (key.text(), operation.text()) else {
                let wrong = if key.text().is_none() { key } else { operation };
                let context = outer.within(Place::ValueFor, key.text().unwrap_or_default(), wrong.mark());
                return Err(fault(Code::YamlValidate, "Value is not a scalar value", &context, self.spot(wrong)));
            };
            let (may_append, may_replace) = (append.contains(&name), replace.contains(&name));
            let keyed = outer.within(Place::Override, name, key.mark());
            let hint = || match may_append || may_replace {
                true => Some(format!("write `{name}: {}`", if may_append { "append" } else { "replace" })),
                false => did_you_mean(name, append.iter().chain(replace).copied()),
            };
            let refuse = |message: String| {
                let mut fault = fault(Code::YamlValidate, message, &keyed, self.spot(key));
                fault.hint = hint();
                Err(fault)
            };
            match word {
                "append" if !may_append => {
                    return refuse(format!("Key '{name}' cannot be appended to, use 'replace' instead"));
                }
                "append" => out.append.push(name.to_owned()),
                "replace" if !may_replace => return refuse(format!("Key '{name}' cannot be replaced")),
                "replace" => out.replace.push(name.to_owned()),
                _ => {
                    let inner = outer.within(Place::ValueFor, name, operation.mark());
                    let (a, r) = (if may_append { "append " } else { "" }, if may_replace { "replace " } else { "" });
                    let message =
                        format!("Invalid override operation for key '{name}': '{word}'. Allowed values are: {a}{r}");
                    let mut fault = fault(Code::YamlValidate, message, &inner, self.spot(operation));
                    fault.hint = did_you_mean(word, ["append", "replace"]);
                    return Err(fault);
                }
            }
        }
        Ok(out)
    }

    fn list(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
        let (name, context) = self.named(item, "list", Place::List, parent)?;
        let bare = |c: char| !matches!(c, '(' | ')' | '"' | '\'' | '=' | ',' | ' ' | '\t'..='\r');
        if !name.text.chars().all(bare) {
            let message =
                "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)";
            let tell = Diagnostic::new(Code::InvalidListName, message, context.clone()).at(name.spot);
            steps.push(Step::Tell(tell));
        }
        let items = self.needed(item.at("items"), item, "items", &context)?;
        let items = self.sequence(items, "items", &context)?;
        let mut append = self.append(item, &context, steps)?;
        let overrides = self.overrides(item, &["items"], &["items"], &context)?;
        if append && !overrides.is_empty() {
            return Err(fault(Code::YamlValidate, APPEND_AND_OVERRIDE, &context, name.spot));
        }
        append |= !overrides.append.is_empty();
        steps.push(Step::List(List { name: name.text, items, append, context: context.clone() }));
        Ok(context)
    }

    fn macro_(self, item: Node<'_>, parent: &Context, steps: &mut Vec<Step>) -> Result<Context> {
        let (name, context) = self.named(item, "macro", Place::Macro, parent)?;
        let mut letters = name.text.chars();
        let word = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !word {
            let message =
                "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)";
            let tell = Diagnostic::new(Code::InvalidMacroName, message, context.clone()).at(name.spot);
            steps.push(Step::Tell(tell));
        }
        let condition = self.string(item, "condition", &context)?;
        let condition_mark = item.at("condition").map_or(item.mark(), Node::mark);
        let mut append = self.append(item, &context, steps)?;
        let overrides = self.overrides(item, &["condition"], &["condition"], &context)?;
        if append && !overrides.is_empty() {
            return Err(fault(Code::YamlValidate, APPEND_AND_OVERRIDE, &context, name.spot));
        }
        append |= !overrides.append.is_empty();
        let macro_ = Macro { name: name.text, condition, append, context: context.clone(), condition_mark };
        steps.push(Step::Macro(macro_));
        Ok(context)
    }
}
