//! Definitions, appends and overrides brought together: the final form of each list, macro and rule, still as text.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::diag::{Code, Context, Diagnostic, Hints, Place, Spot, did_you_mean};
use crate::source::correlation::{Change, Correlation};
use crate::source::item::{self, Exception, PluginVersion, Rule, Step, Update, Version, Written};
use crate::text::Mark;

use super::Sources;
use super::exception::check;
use super::source_map::MappedText;

/// The engine version that rules may require, as Falco counts it.
pub const ENGINE_VERSION: Version = Version(0, 63, 0);

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Things by name, in the order in which they were first defined.
#[derive(Debug)]
pub struct Named<T> {
    all: Vec<T>,
    by_name: FxHashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_name: FxHashMap::default() }
    }
}

impl<T> Named<T> {
    /// Returns the one of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|at| &self.all[*at])
    }

    /// Returns the place of the one of that name.
    pub fn at(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Returns all, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.all.iter()
    }

    /// Removes and returns all, in order.
    pub(crate) fn into_all(self) -> std::vec::IntoIter<T> {
        self.all.into_iter()
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name.get(name).map(|at| &mut self.all[*at])
    }

    fn insert(&mut self, name: &str, value: T) {
        self.by_name.insert(name.to_owned(), self.all.len());
        self.all.push(value);
    }
}

/// The times when something was defined and last changed: they decide which others it can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// Its place in the order of definitions.
    pub index: usize,
    /// That of its last definition or append.
    pub visibility: usize,
}

/// A list.
#[derive(Debug)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Its items.
    pub items: Vec<Written>,
    /// When it was defined.
    pub age: Age,
    /// Its place.
    pub context: Context,
}

/// A macro.
#[derive(Debug)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Its condition.
    pub condition: MappedText,
    /// When it was defined.
    pub age: Age,
    /// Its place.
    pub context: Context,
    /// The place of its condition.
    pub condition_mark: Mark,
}

impl Macro {
    /// Returns the place of its condition, as Falco reports it.
    pub fn condition_context(&self) -> Context {
        self.context.within(Place::MacroCondition, "", self.condition_mark)
    }
}

/// A rule.
#[derive(Debug)]
pub struct CollectedRule {
    /// All but the condition and output, as last defined.
    pub rule: Rule,
    /// Its condition, without exceptions.
    pub condition: MappedText,
    /// Its output.
    pub output: String,
    /// When it was defined.
    pub age: Age,
    /// Whether its source is known.
    pub known_source: bool,
    /// Places of its exceptions by name, where it has many.
    pub(super) by_name: FxHashMap<String, usize>,
}

/// All definitions.
#[derive(Debug, Default)]
pub struct Collection {
    /// The greatest engine version that was required.
    pub engine_version: Version,
    /// The required plugins; of each entry one is needed.
    pub plugins: Vec<Vec<PluginVersion>>,
    /// The lists.
    pub lists: Named<List>,
    /// The macros.
    pub macros: Named<Macro>,
    /// The rules.
    pub rules: Named<CollectedRule>,
    /// The correlations.
    pub correlations: Named<Correlation>,
    next: usize,
    hints: Hints,
    /// The rules with tags that were appended and are not sorted yet.
    unsorted: FxHashSet<usize>,
}

fn fault(message: impl Into<String>, context: &Context) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::Validate, message, context.clone()))
}

impl Collection {
    /// Applies one step of a file.
    ///
    /// # Errors
    /// If it contradicts the existing definitions.
    pub fn take(&mut self, step: Step, sources: &mut Sources, tell: &mut Vec<Diagnostic>) -> Result<()> {
        match step {
            Step::Tell(diagnostic) => tell.push(diagnostic),
            Step::Fault(fault) => return Err(Box::new(self.explained(fault))),
            Step::EngineVersion(version, context) => {
                if !ENGINE_VERSION.satisfies(version) {
                    let message =
                        format!("Rules require engine version {version}, but engine version is {ENGINE_VERSION}");
                    return Err(fault(message, &context));
                }
                self.engine_version = self.engine_version.max(version);
            }
            Step::Plugins(alternatives, context) => self.plugins(alternatives, &context)?,
            Step::List(list) => self.list(list)?,
            Step::Macro(macro_) => self.macro_(macro_)?,
            Step::Rule(rule) => self.rule(*rule, sources, tell)?,
            Step::Append(update) => self.append(*update, sources)?,
            Step::Replace(update) => self.replace(*update)?,
            Step::Correlation(correlation) => self.correlation(*correlation),
            Step::ChangeCorrelation(change) => self.change_correlation(*change)?,
            Step::Enable(name, enabled, context) => {
                let Some(rule) = self.rules.get_mut(&name) else {
                    return Err(self.unknown_rule(
                        "Rule has 'enabled' key but no rule by that name already exists",
                        &name,
                        &context,
                    ));
                };
                rule.rule.enabled = enabled;
            }
        }
        Ok(())
    }

    /// Returns the error of a rule that lacks keys, with the existing rule of that name: most often a change of it was
    /// meant.
    fn explained(&self, mut fault: Diagnostic) -> Diagnostic {
        let innermost = fault.context.innermost();
        let (Place::Rule, false) = (innermost.place, fault.keys.is_empty()) else { return fault };
        let Some(earlier) = self.rules.get(&innermost.item) else { return fault };
        let change = |key: &str| match key {
            _ if crate::source::MAY_APPEND.contains(&key) => Some(format!("{key}: append")),
            _ if crate::source::MAY_REPLACE.contains(&key) => Some(format!("{key}: replace")),
            _ => None,
        };
        let changes: Vec<String> = fault.keys.iter().filter_map(|key| change(key)).collect();
        if changes.is_empty() {
            return fault;
        }
        let name = &innermost.item;
        fault.hint =
            Some(format!("a rule `{name}` already exists: to change it, add `override: {{{}}}`", changes.join(", ")));
        fault.notes.push(("it was defined here".to_owned(), name_spot(&earlier.rule.context, &earlier.rule)));
        fault
    }

    /// Completes what was left for when a file has been read: tags are sorted once, however often they were appended.
    pub fn settle(&mut self) {
        for place in self.unsorted.drain() {
            let tags = &mut self.rules.all[place].rule.tags;
            tags.sort_unstable();
            tags.dedup();
        }
    }

    fn tick(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn plugins(&mut self, alternatives: Vec<PluginVersion>, context: &Context) -> Result<()> {
        let mut names = FxHashSet::default();
        for one in &alternatives {
            if Version::parse(&one.version).is_none() {
                let message = format!("Invalid required version '{}' for plugin '{}'", one.version, one.name);
                return Err(fault(message, context));
            }
            if !names.insert(one.name.as_str()) {
                let message = format!("Defined multiple alternative version requirements for plugin '{}'", one.name);
                return Err(fault(message, context));
            }
        }
        self.plugins.push(alternatives);
        Ok(())
    }

    fn list(&mut self, list: item::List) -> Result<()> {
        let item::List { name, items, append, context } = list;
        if append {
            let Some(earlier) = self.lists.get_mut(&name) else {
                let message = "List uses 'append' or 'override.items: append' but no list by that name already exists";
                let mut fault = fault(message, &context);
                fault.hint = self.hints.did_you_mean(&name, self.lists.iter().map(|list| list.name.as_str()));
                return Err(fault);
            };
            earlier.items.extend(items);
            earlier.age.visibility = self.next;
            self.tick();
            return Ok(());
        }
        let now = self.tick();
        match self.lists.get_mut(&name) {
            Some(earlier) => {
                let age = Age { index: earlier.age.index, visibility: now };
                *earlier = List { name, items, age, context };
            }
            None => {
                let age = Age { index: now, visibility: now };
                self.lists.insert(&name.clone(), List { name, items, age, context });
            }
        }
        Ok(())
    }

    fn macro_(&mut self, macro_: item::Macro) -> Result<()> {
        let item::Macro { name, condition, append, context, condition_mark } = macro_;
        if append {
            let Some(earlier) = self.macros.get_mut(&name) else {
                let message =
                    "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";
                let mut fault = fault(message, &context);
                fault.hint = self.hints.did_you_mean(&name, self.macros.iter().map(|macro_| macro_.name.as_str()));
                return Err(fault);
            };
            earlier.condition.push_str(" ");
            earlier.condition.push(&condition);
            earlier.age.visibility = self.next;
            self.tick();
            return Ok(());
        }
        let now = self.tick();
        let condition = MappedText::new(&condition);
        let age = Age { index: now, visibility: now };
        match self.macros.get_mut(&name) {
            Some(earlier) => {
                let age = Age { index: earlier.age.index, visibility: now };
                *earlier = Macro { name, condition, age, context, condition_mark };
            }
            None => self.macros.insert(&name.clone(), Macro { name, condition, age, context, condition_mark }),
        }
        Ok(())
    }

    fn unknown_rule(&mut self, message: &str, name: &str, context: &Context) -> Box<Diagnostic> {
        let mut fault = fault(message, context);
        fault.hint = self.hints.did_you_mean(name, self.rules.iter().map(|rule| rule.rule.name.as_str()));
        fault
    }

    /// Checks the source: a rule keeps its source; one without a source agrees with all.
    fn same_source(&self, name: &str, source: &str, context: &Context) -> Result<()> {
        let Some(earlier) = self.rules.get(name) else { return Ok(()) };
        let before = &earlier.rule.source.text;
        if !before.is_empty() && !source.is_empty() && before != source {
            let mut fault = fault("Rule has been re-defined with a different source", context);
            fault.notes.push((
                format!("it was defined here with source `{before}`"),
                name_spot(&earlier.rule.context, &earlier.rule),
            ));
            return Err(fault);
        }
        Ok(())
    }

    fn rule(&mut self, mut rule: Rule, sources: &mut Sources, tell: &mut Vec<Diagnostic>) -> Result<()> {
        self.same_source(&rule.name, &rule.source.text, &rule.context)?;
        let source = rule.source.text.clone();
        let known_source = sources.knows(&source);
        if !known_source {
            let message = format!("Unknown source {source}, skipping");
            let hint = did_you_mean(&source, sources.names().iter().map(String::as_str));
            tell.push(
                Diagnostic::new(Code::UnknownSource, message, rule.context.clone()).at(rule.source.spot).hint(hint),
            );
        }
        for exception in &mut rule.exceptions {
            if !exception.fields.is_some() {
                let message = "Rule exception item must have fields property with a list of fields";
                return Err(Box::new(
                    Diagnostic::new(Code::Validate, message, exception.context.clone()).at(exception.spot),
                ));
            }
            check(exception, known_source.then_some(source.as_str()), sources)?;
        }
        let now = self.tick();
        let (condition, output) = (MappedText::new(&rule.condition), rule.output.text.clone());
        let age = Age { index: now, visibility: now };
        match self.rules.get_mut(&rule.name) {
            Some(earlier) => {
                let age = Age { index: earlier.age.index, visibility: now };
                *earlier = CollectedRule { rule, condition, output, age, known_source, by_name: FxHashMap::default() };
            }
            None => {
                let name = rule.name.clone();
                let by_name = FxHashMap::default();
                self.rules.insert(&name, CollectedRule { rule, condition, output, age, known_source, by_name });
            }
        }
        Ok(())
    }

    fn append(&mut self, update: Update, sources: &mut Sources) -> Result<()> {
        self.same_source(&update.name, &update.source, &update.context)?;
        let now = self.next;
        if self.rules.get(&update.name).is_none() {
            let message = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
            return Err(self.unknown_rule(message, &update.name, &update.context));
        }
        if update.tags.is_some() {
            self.unsorted.extend(self.rules.at(&update.name));
        }
        let Some(rule) = self.rules.get_mut(&update.name) else { return Ok(()) };
        let says = update.condition.is_some() || update.output.is_some() || update.desc.is_some();
        let adds = update.tags.is_some() || update.exceptions.is_some() || update.responses.is_some();
        if !says && !adds {
            return Err(fault("Appended rule must have exceptions or condition property", &update.context));
        }
        if let Some(condition) = &update.condition {
            rule.condition.push_str(" ");
            rule.condition.push(condition);
        }
        if let Some(output) = &update.output {
            rule.output.push(' ');
            rule.output.push_str(&output.text);
        }
        if let Some(desc) = &update.desc {
            rule.rule.desc.push(' ');
            rule.rule.desc.push_str(desc);
        }
        if let Some(tags) = update.tags {
            rule.rule.tags.extend(tags);
        }
        rule.rule.responses.extend(update.responses.into_iter().flatten());
        let source = rule.known_source.then(|| rule.rule.source.text.clone());
        for mut exception in update.exceptions.unwrap_or_default() {
            let wrong = |message: &str, exception: &Exception| {
                Box::new(Diagnostic::new(Code::Validate, message, exception.context.clone()).at(exception.spot))
            };
            let Some(earlier) = rule.exception(&exception.name) else {
                if !exception.fields.is_some() {
                    let message = "Rule exception must have fields property with a list of fields";
                    return Err(wrong(message, &exception));
                }
                if exception.values.is_empty() {
                    let message = "Rule exception must have values property with a list of values";
                    return Err(wrong(message, &exception));
                }
                check(&mut exception, source.as_deref(), sources)?;
                rule.by_name.insert(exception.name.clone(), rule.rule.exceptions.len());
                rule.rule.exceptions.push(exception);
                continue;
            };
            for (given, what) in [(&exception.fields, "fields"), (&exception.comps, "comps")] {
                if given.is_some() {
                    let message = format!("Can not append exception {what} to existing exception, only values");
                    return Err(wrong(&message, &exception));
                }
            }
            earlier.values.append(&mut exception.values);
        }
        rule.age.visibility = now;
        self.tick();
        Ok(())
    }

    fn correlation(&mut self, correlation: Correlation) {
        match self.correlations.get_mut(&correlation.name.text) {
            Some(earlier) => *earlier = correlation,
            None => self.correlations.insert(&correlation.name.text.clone(), correlation),
        }
    }

    fn change_correlation(&mut self, change: Change) -> Result<()> {
        let Some(correlation) = self.correlations.get_mut(&change.name.text) else {
            let message = "Correlation uses 'override' but no correlation by that name already exists";
            let mut fault = fault(message, &change.context);
            let names = self.correlations.iter().map(|correlation| correlation.name.text.as_str());
            fault.hint = self.hints.did_you_mean(&change.name.text, names);
            fault.spot = Some(change.name.spot);
            return Err(fault);
        };
        if let Some(parts) = change.append {
            correlation.parts.append(parts);
        }
        if let Some(parts) = change.replace {
            correlation.parts.replace(parts);
        }
        Ok(())
    }

    fn replace(&mut self, update: Update) -> Result<()> {
        self.same_source(&update.name, &update.source, &update.context)?;
        let now = self.next;
        if self.rules.get(&update.name).is_none() {
            let message =
                "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
            return Err(self.unknown_rule(message, &update.name, &update.context));
        }
        let Some(rule) = self.rules.get_mut(&update.name) else { return Ok(()) };
        if let Some(condition) = &update.condition {
            rule.condition = MappedText::new(condition);
        }
        if let Some(output) = update.output {
            rule.output = output.text;
        }
        let old = &mut rule.rule;
        set(&mut old.desc, update.desc);
        set(&mut old.tags, update.tags);
        if update.exceptions.is_some() {
            rule.by_name.clear();
        }
        set(&mut old.exceptions, update.exceptions);
        set(&mut old.responses, update.responses);
        set(&mut old.priority, update.priority);
        set(&mut old.building_block, update.building_block);
        set(&mut old.capture, update.capture);
        set(&mut old.capture_duration, update.capture_duration);
        set(&mut old.enabled, update.enabled);
        set(&mut old.warn_event_types, update.warn_event_types);
        set(&mut old.skip_if_unknown_filter, update.skip_if_unknown_filter);
        rule.age.visibility = now;
        self.tick();
        Ok(())
    }
}

fn set<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

/// Returns the first line of a rule, for notes.
fn name_spot(context: &Context, rule: &Rule) -> Option<Spot> {
    let offset = context.locations.get(1)?.mark.offset;
    Some(Spot { file: rule.condition.spot.file, start: offset, end: offset + 1 })
}
