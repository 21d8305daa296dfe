//! From steps to final rules: one tree per rule, with no names left but fields.
//!
//! ```text
//! steps --collection--> texts --exception--> text --lists--> text --parse--> tree --macros--> tree --Sources--> rule
//! ```
//!
//! The order is Falco's, since it stops at the first error: lists, then all macros are read, then all are resolved,
//! then rule after rule, output before condition.

mod changed;
mod collection;
pub mod correlation;
mod exception;
mod extra;
mod faults;
mod lists;
mod locate;
mod macros;
mod responses;
mod setting;
mod source_map;
pub(crate) mod sources;

mod warnings;

use std::sync::Arc;

pub use collection::{Age, CollectedRule, Collection, ENGINE_VERSION, List, Macro, Named};
pub use correlation::ResolvedCorrelation;
pub use extra::{ExtraField, ExtraOutput};
pub use lists::ResolvedList;
pub use responses::Means;
pub use setting::{Missing, OnError, Setting};
pub use source_map::{MappedText, Origin};
pub use sources::Sources;

use crate::diag::codes::DEPRECATED_FIELDS;
use crate::diag::{Code, Context, Diagnostic, Hints, SourceFile};
use crate::lower::{Condition, Warning};
use crate::output::{Template, TemplateError};
use crate::syntax::ast::{Definition, Expr};
use crate::syntax::parse;

/// The number of event types above which a rule gets a warning.
const MANY_EVENT_TYPES: usize = 100;

/// A macro with its tree.
#[derive(Debug)]
pub struct ResolvedMacro {
    /// Its name.
    pub name: String,
    /// Its tree as written, lists replaced; `None` if it has an error.
    pub parsed: Option<Arc<Definition>>,
    /// Its tree, macros replaced.
    pub tree: Option<Arc<Definition>>,
    /// Whether that is done.
    resolved: bool,
    /// Whether it is used.
    pub used: bool,
    /// Its text, lists replaced.
    pub text: MappedText,
    /// The lists that were replaced, by their places.
    pub lists: Vec<usize>,
    /// The macros that were replaced, by their places.
    pub macros: Vec<usize>,
    /// The time when it was defined.
    age: Age,
    /// Whether it is unchanged since the last file.
    same: bool,
}

/// A rule with its tree.
#[derive(Debug)]
pub struct ResolvedRule {
    /// The place of the rule in the collection.
    pub index: usize,
    /// Its condition as text, with exceptions, before lists were replaced.
    pub condition_text: Arc<str>,
    /// Its tree, lists and macros replaced.
    pub tree: Expr,
    /// The condition.
    pub condition: Condition,
    /// The number of event types that may match.
    pub event_types: usize,
    /// Its output, with additions.
    pub output: String,
    /// The same, compiled.
    pub template: Template,
    /// Further output fields, compiled, by name.
    pub extra: Vec<(ExtraField, Template)>,
    /// The lists that were replaced, by their places.
    pub lists: Vec<usize>,
    /// The macros that were replaced, by their places.
    pub macros: Vec<usize>,
    /// Its condition as text, with exceptions and lists.
    pub text: Arc<str>,
    /// The time when it was defined.
    age: Age,
    /// Its diagnostics.
    told: Vec<Diagnostic>,
}

/// All of a collection, resolved.
#[derive(Debug)]
pub struct Resolved {
    /// The lists.
    pub lists: Vec<ResolvedList>,
    /// The macros.
    pub macros: Vec<ResolvedMacro>,
    /// The rules without errors and of a known source.
    pub rules: Vec<ResolvedRule>,
    /// The correlations, those first that others name.
    pub correlations: Vec<ResolvedCorrelation>,
    /// The diagnostics.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves a collection. `previous` is the result before its last file, without an error: unchanged parts are reused,
/// conditions and all, so that loading many files costs little more than loading one.
pub fn resolve(
    collection: &Collection,
    sources: &mut Sources,
    setting: Setting<'_>,
    previous: Option<Resolved>,
) -> Resolved {
    let Setting { extra, files, on_error, missing, is_last, means } = setting;
    let (old_macros, old_rules) = previous.map(|old| (old.macros, old.rules)).unwrap_or_default();
    let (lists, too_large) = lists::resolve(collection);
    let mut resolver = Resolver {
        old_macros: old_macros.into_iter().map(Some).collect(),
        old_rules: old_rules.into_iter().map(|rule| (rule.index, rule)).collect(),
        collection,
        sources,
        extra,
        files,
        on_error,
        missing,
        means,
        hints: Hints::default(),
        list_substitution: lists::Substitution::new(&lists),
        lists,
        macro_substitution: macros::Substitution::new(),
        macros: Vec::new(),
        rules: Vec::new(),
        diagnostics: Vec::new(),
    };
    let mut correlations = Vec::new();
    let mut done = resolver.lists_fit(too_large).and_then(|()| resolver.run());
    if is_last && done.is_ok() {
        done = resolver.correlations().map(|resolved| correlations = resolved);
    }
    resolver.sources.correlations.clone_from(&correlations);
    // Falco warns with each file. Steps of correlations, which it does not have, are resolved with the last one only.
    let all_known = is_last || collection.correlations.iter().next().is_none();
    if all_known && done.is_ok() && !resolver.diagnostics.iter().any(Diagnostic::is_error) {
        resolver.unused();
    }
    Resolved {
        lists: resolver.lists,
        macros: resolver.macros,
        rules: resolver.rules,
        correlations,
        diagnostics: resolver.diagnostics,
    }
}

/// Resolution stopped at the first error.
struct Stopped;

struct Resolver<'a> {
    collection: &'a Collection,
    sources: &'a mut Sources,
    extra: &'a [ExtraOutput],
    files: &'a [SourceFile],
    on_error: OnError,
    missing: &'a Missing,
    means: Option<&'a Means>,
    hints: Hints,
    old_macros: Vec<Option<ResolvedMacro>>,
    old_rules: rustc_hash::FxHashMap<usize, ResolvedRule>,
    lists: Vec<ResolvedList>,
    list_substitution: lists::Substitution,
    macro_substitution: macros::Substitution,
    macros: Vec<ResolvedMacro>,
    rules: Vec<ResolvedRule>,
    diagnostics: Vec<Diagnostic>,
}

type Step<T> = std::result::Result<T, Box<Diagnostic>>;

impl Resolver<'_> {
    fn run(&mut self) -> Result<(), Stopped> {
        for (at, macro_) in self.collection.macros.iter().enumerate() {
            let mut text = macro_.condition.clone();
            let mut lists = Vec::new();
            let old = self.old_macros.get_mut(at).and_then(Option::take);
            let expanded = self.expand(&mut text, || macro_.condition_context(), &mut lists);
            let expanded = self.survive(expanded)?.is_some();
            let old = old.filter(|old| expanded && old.age == macro_.age && old.text.as_str() == text.as_str());
            let (parsed, tree, macros, same) = match old {
                Some(old) => (old.parsed, old.tree, old.macros, true),
                None if !expanded => (None, None, Vec::new(), false),
                None => {
                    let parsed = parse(text.as_str());
                    let parsed = parsed.map_err(|error| self.syntax_fault(&error, &text, &macro_.condition_context()));
                    let parsed = self.survive(parsed)?.map(|tree| Arc::new(Definition::new(tree)));
                    (parsed.clone(), parsed, Vec::new(), false)
                }
            };
            let (name, age) = (macro_.name.clone(), macro_.age);
            self.macros.push(ResolvedMacro {
                name,
                parsed,
                tree,
                resolved: same,
                used: false,
                text,
                lists,
                macros,
                age,
                same,
            });
        }
        self.mark_changed();
        for (at, macro_) in self.collection.macros.iter().enumerate() {
            if self.macros[at].same {
                for used in self.macros[at].macros.clone() {
                    self.macros[used].used = true;
                }
                continue;
            }
            // Its tree stays in place while it is resolved: defined twice, it may use itself, and loops.
            let Some(parsed) = self.macros[at].parsed.clone() else { continue };
            self.macros[at].tree = Some(Arc::clone(&parsed));
            if !macros::has_names(parsed.tree()) {
                self.macros[at].resolved = true;
                continue;
            }
            let mut tree = parsed.tree().clone();
            let text = self.macros[at].text.clone();
            let seen = macro_.age.visibility;
            let resolved = self.resolve_macros(&mut tree, seen, macro_.condition.as_str(), &macro_.context, &text);
            let resolved = self.survive(resolved)?;
            self.macros[at].tree = resolved.is_some().then(|| Arc::new(Definition::new(tree)));
            self.macros[at].resolved = resolved.is_some();
            self.macros[at].macros = resolved.unwrap_or_default();
        }
        for (index, rule) in self.collection.rules.iter().enumerate() {
            if rule.known_source {
                let told = self.diagnostics.len();
                let resolved = self.rule(index, rule);
                if let Some(mut resolved) = self.survive(resolved)?.flatten() {
                    resolved.told = self.diagnostics[told..].to_vec();
                    self.rules.push(resolved);
                }
            }
        }
        Ok(())
    }

    /// Reports an error; whether resolution continues depends on the setting.
    fn survive<T>(&mut self, result: Step<T>) -> Result<Option<T>, Stopped> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                // Consequential errors are not reported.
                if !fault.message.is_empty() {
                    self.diagnostics.push(*fault);
                }
                if self.on_error == OnError::Stop { Err(Stopped) } else { Ok(None) }
            }
        }
    }

    /// Replaces lists.
    fn expand(&mut self, text: &mut MappedText, context: impl Fn() -> Context, used: &mut Vec<usize>) -> Step<()> {
        if self.list_substitution.run(text, &mut self.lists, used).is_err() {
            let message = "lists make the condition too long";
            return Err(Box::new(Diagnostic::new(Code::TooLarge, message, context())));
        }
        Ok(())
    }

    fn resolve_macros(
        &mut self,
        tree: &mut Expr,
        visibility: usize,
        whole: &str,
        context: &Context,
        text: &MappedText,
    ) -> Step<Vec<usize>> {
        let (collection, macros, missing) = (self.collection, &self.macros, self.missing);
        let meaning = |name: &str| {
            let seen = collection.macros.get(name).filter(|macro_| macro_.age.index < visibility);
            match seen.and_then(|_| collection.macros.at(name)) {
                Some(at) => match &macros[at].tree {
                    Some(tree) => macros::Meaning::Tree(at, tree, macros[at].resolved),
                    None => macros::Meaning::Broken,
                },
                None if missing.contains(name) => macros::Meaning::Broken,
                None => macros::Meaning::Unknown,
            }
        };
        match self.macro_substitution.run(tree, &meaning) {
            Ok(used) => {
                for at in &used {
                    self.macros[*at].used = true;
                }
                Ok(used)
            }
            Err(fault) => Err(self.macro_fault(&fault, whole, context, text)),
        }
    }

    fn rule(&mut self, index: usize, rule: &CollectedRule) -> Step<Option<ResolvedRule>> {
        let item = &rule.rule;
        let source = item.source.text.as_str();
        self.responses(&item.responses, item.building_block, true, source)?;
        let mut text = exception::with_exceptions(&rule.condition, &item.exceptions)?;
        let whole: Arc<str> = text.as_str().into();

        let mut lists = Vec::new();
        let expanded = self.expand(&mut text, || item.condition_context(), &mut lists);
        if let Some(old) = self.old_rules.remove(&index)
            && expanded.is_ok()
            && old.age == rule.age
            && *old.text == *text.as_str()
            && self.are_same(&old.macros)
        {
            self.diagnostics.extend(old.told.iter().cloned());
            for used in &old.macros {
                self.macros[*used].used = true;
            }
            return Ok(Some(old));
        }

        let output = match self.output(rule, source) {
            Ok(Some(output)) => Ok(output),
            Ok(None) => return Ok(None),
            // The condition may have an error too.
            Err(fault) if self.on_error == OnError::Continue => Err(fault),
            Err(fault) => return Err(fault),
        };
        let condition = expanded.and_then(|()| self.condition(rule, source, &text, &whole));
        let (condition, (output, template, extra)) = match (condition, output) {
            (Ok(Some(condition)), Ok(output)) => (condition, output),
            (Ok(None), Ok(_)) => return Ok(None),
            (Err(fault), Ok(_)) | (Ok(_), Err(fault)) => return Err(fault),
            (Err(fault), Err(first)) => {
                self.diagnostics.push(*first);
                return Err(fault);
            }
        };
        let (tree, macros, compiled) = condition;
        let resolved_text = if lists.is_empty() { Arc::clone(&whole) } else { text.as_str().into() };
        Ok(Some(ResolvedRule {
            index,
            condition_text: whole,
            tree,
            event_types: compiled.keys().len(),
            condition: compiled,
            output,
            template,
            extra,
            lists,
            macros,
            text: resolved_text,
            age: rule.age,
            told: Vec::new(),
        }))
    }

    #[allow(clippy::type_complexity, reason = "a tree, the macros in it and the condition, used once")]
    fn condition(
        &mut self,
        rule: &CollectedRule,
        source: &str,
        text: &MappedText,
        whole: &Arc<str>,
    ) -> Step<Option<(Expr, Vec<usize>, Condition)>> {
        let item = &rule.rule;
        let mut tree =
            parse(text.as_str()).map_err(|error| self.syntax_fault(&error, text, &item.condition_context()))?;
        let mut macros = Vec::new();
        if macros::has_names(&tree) {
            macros = self.resolve_macros(&mut tree, usize::MAX, whole, &item.context, text)?;
        }

        let found = warnings::find(&tree);
        let at = || item.condition_context().expression(Arc::clone(whole), None);
        let spot = item.condition.spot;
        if found.unsafe_na {
            self.diagnostics.push(Diagnostic::new(Code::UnsafeNaCheck, "", at()).at(spot));
        }
        for field in found.deprecated {
            let (name, text) = DEPRECATED_FIELDS[field];
            let mut tell = Diagnostic::new(Code::DeprecatedItem, text, at()).at(spot);
            tell.deprecated_field = Some(name);
            self.diagnostics.push(tell);
        }

        let compiled = match self.sources.condition(source, &tree) {
            Ok(compiled) => compiled,
            Err(error) => {
                let context = item.condition_context().expression(Arc::clone(whole), Some(error.position));
                let skip = item.skip_if_unknown_filter && error.is_unknown_name();
                let code = if skip { Code::UnknownFilter } else { Code::CompileCondition };
                let mut fault = Diagnostic::new(code, error.to_string(), context);
                self.compile_notes(&mut fault, source, &error, text, &tree, &macros);
                if skip {
                    self.diagnostics.push(fault);
                    return Ok(None);
                }
                return Err(Box::new(fault));
            }
        };
        let mut last = None;
        for Warning { message, position } in compiled.warnings() {
            let context = item.condition_context().expression(Arc::clone(whole), Some(*position));
            // All constants of a list have the place of the list.
            if last.as_ref().is_none_or(|(at, _)| at != position) {
                last = Some((*position, self.spot(text, *position)));
            }
            let (spot, notes) = last.as_ref().map(|(_, found)| found.clone()).unwrap_or_default();
            let mut tell = Diagnostic::new(Code::ConditionHint, message.clone(), context).at(spot);
            tell.notes = notes;
            self.diagnostics.push(tell);
        }
        if source == "syscall" {
            if compiled.keys().len() > MANY_EVENT_TYPES && item.warn_event_types {
                let message = "Rule matches too many evt.type values. This has a significant performance penalty.";
                let tell = Diagnostic::new(Code::NoEventType, message, item.context.clone()).at(spot);
                let hint = "begin the condition with `evt.type in (…) and`";
                self.diagnostics.push(tell.hint(hint.to_owned()));
            } else if compiled.keys().is_empty() {
                let message = "No event type can satisfy the condition: the rule never matches";
                self.diagnostics.push(Diagnostic::new(Code::NeverMatches, message, item.context.clone()).at(spot));
            }
        }
        Ok(Some((tree, macros, compiled)))
    }

    #[allow(clippy::type_complexity, reason = "text, template and fields of one output, used once")]
    fn output(
        &mut self,
        rule: &CollectedRule,
        source: &str,
    ) -> Step<Option<(String, Template, Vec<(ExtraField, Template)>)>> {
        const CONTAINER_INFO: &str = "%container.info";
        let item = &rule.rule;
        let mut output = rule.output.clone();
        let extra: Vec<&ExtraOutput> = self.extra.iter().filter(|extra| extra.applies(item)).collect();
        for format in extra.iter().filter_map(|extra| extra.format.as_ref()) {
            output.push(' ');
            output.push_str(format);
        }
        if output.contains(CONTAINER_INFO) {
            let message = "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The \
                           container plugin will automatically add required fields to the output message.";
            let tell = Diagnostic::new(Code::DeprecatedItem, message, item.context.clone());
            self.diagnostics.push(tell.at(item.output.spot));
            output = output.replace(CONTAINER_INFO, "");
        }
        // A later entry of the same name replaces an earlier one; they are kept by name.
        let mut fields: std::collections::BTreeMap<&str, &ExtraField> = std::collections::BTreeMap::new();
        for field in extra.iter().flat_map(|extra| &extra.fields) {
            fields.insert(&field.name, field);
        }
        let template = match self.sources.template(source, &output) {
            Ok(template) => template,
            Err(error) => {
                let skip = item.skip_if_unknown_filter && matches!(error, TemplateError::UnknownField { .. });
                let code = if skip { Code::UnknownFilter } else { Code::CompileOutput };
                let fault = self.output_fault(code, &error, source, item);
                if skip {
                    self.diagnostics.push(fault);
                    return Ok(None);
                }
                return Err(Box::new(fault));
            }
        };
        self.deprecated_in(&output, item);
        let mut ready = Vec::new();
        for field in fields.into_values() {
            match self.sources.template(source, &field.format) {
                Ok(template) => ready.push((field.clone(), template)),
                Err(error) => return Err(Box::new(self.output_fault(Code::CompileOutput, &error, source, item))),
            }
            self.deprecated_in(&field.format, item);
        }
        Ok(Some((output, template, ready)))
    }
}

/// Creates a file of a name and text, for [`resolve`].
pub fn source_file(name: &str, bytes: &[u8]) -> SourceFile {
    SourceFile { name: Arc::from(name), text: crate::text::Text::new(bytes) }
}
