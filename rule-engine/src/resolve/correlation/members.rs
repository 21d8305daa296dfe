//! The members of a correlation: rules, steps with a condition, correlations.

use crate::correlation::plan::{Distinct, Kind};
use crate::diag::{Code, Diagnostic, Place, did_you_mean};
use crate::source::correlation::{Looks, Member};
use crate::source::item::{Rule, Written};

use super::super::exception::{check, with_exceptions};
use super::super::{Age, CollectedRule, MappedText, Resolver, Step};
use super::shape::Shape;
use super::{Draft, Found, Hint, ResolvedCorrelation, ResolvedMember, fault};

impl Resolver<'_> {
    /// Looks the members up. `None` if one has an unknown source.
    pub(super) fn members(
        &mut self,
        draft: &Draft<'_>,
        shape: &Shape,
        done: &[ResolvedCorrelation],
    ) -> Step<Option<Vec<ResolvedMember>>> {
        let mut members: Vec<ResolvedMember> = Vec::new();
        let rules = draft.parts.rules.iter().flatten();
        for (place, member) in rules.chain(&draft.parts.until).enumerate() {
            let Some(mut found) = self.member(draft, member, done)? else { return Ok(None) };
            if found.name.is_empty() {
                found.name = format!("step{}", place + 1);
            }
            let is_twice = |other: &ResolvedMember| match (&found.found, &other.found) {
                (Found::Rule(one), Found::Rule(other)) => one == other,
                (Found::Correlation(one), Found::Correlation(other)) => one == other,
                _ => false,
            };
            if matches!(shape.kind, Kind::Window { .. }) && members.iter().any(is_twice) {
                let name = found.text.lines().next().unwrap_or_default();
                let message = format!("'{name}' is named twice");
                return Err(fault(&member.context, super::shape::spot_of(member), message)
                    .hinted("an event counts once for a rule: name it once"));
            }
            members.push(found);
        }
        let all_inner = members.iter().all(|member| matches!(member.found, Found::Correlation(_)));
        if let Some(exception) = draft.parts.exceptions.iter().flatten().next().filter(|_| all_inner) {
            let message = "Exceptions are about events, and all members are correlations";
            return Err(fault(&exception.context, exception.spot, message).hinted("write them in those"));
        }
        if matches!(shape.kind, Kind::Window { distinct: Distinct::Members, .. }) && members.len() < 2 {
            let message = "A temporal correlation has one rule";
            return Err(fault(draft.context(), draft.item.name.spot, message)
                .hinted("add a rule, or write `type: event_count`"));
        }
        Ok(Some(members))
    }

    fn member(
        &mut self,
        draft: &Draft<'_>,
        member: &Member,
        done: &[ResolvedCorrelation],
    ) -> Step<Option<ResolvedMember>> {
        let mut resolved = ResolvedMember {
            name: member.name.as_ref().map_or(String::new(), |name| name.text.clone()),
            found: Found::Rule(String::new()),
            text: String::new(),
            tree: None,
            source: String::new(),
            key: Vec::new(),
            value: None,
            captures: Vec::new(),
        };
        match &member.looks {
            Looks::For(name) => {
                if let Some(source) = &member.source {
                    let message = "The source of a step is that of its rule";
                    return Err(fault(&member.context, source.spot, message).hinted("leave `source` out"));
                }
                resolved.text.clone_from(&name.text);
                if let Some(rule) = self.collection.rules.get(&name.text) {
                    return self.rule_member(draft, member, name, rule, resolved);
                }
                let Some(place) = done.iter().position(|other| other.name == name.text) else {
                    return Err(self.unknown_member(member, name));
                };
                resolved.found = Found::Correlation(place);
                Ok(Some(resolved))
            }
            Looks::Condition(condition) => {
                let source = member.source.as_ref().or(draft.parts.source.as_ref());
                let source_name = source.map_or("syscall", |source| source.text.as_str());
                if !self.sources.knows(source_name) {
                    self.unknown_source(source_name, draft, source);
                    return Ok(None);
                }
                let rule = step_rule(draft, member, condition, source_name);
                resolved.text = condition.text.trim().to_owned();
                self.compile_member(draft, rule, resolved)
            }
        }
    }

    fn rule_member(
        &mut self,
        draft: &Draft<'_>,
        member: &Member,
        name: &Written,
        rule: &CollectedRule,
        mut resolved: ResolvedMember,
    ) -> Step<Option<ResolvedMember>> {
        if !rule.known_source {
            self.unknown_source(&rule.rule.source.text, draft, Some(name));
            return Ok(None);
        }
        resolved.source.clone_from(&rule.rule.source.text);
        resolved.found = Found::Rule(name.text.clone());
        if !rule.rule.enabled {
            let message = format!("Rule '{}' is disabled, so this never happens", name.text);
            let tell = Diagnostic::new(Code::NeverMatches, message, member.context.clone()).at(name.spot);
            let hint = "enable it; with `building_block: true` it raises no alerts".to_owned();
            self.diagnostics.push(tell.hint(hint));
        }
        if draft.parts.exceptions.as_ref().is_some_and(|exceptions| !exceptions.is_empty()) {
            let copy = CollectedRule {
                rule: rule.rule.clone(),
                condition: rule.condition.clone(),
                output: String::new(),
                age: rule.age,
                known_source: true,
                by_name: Default::default(),
            };
            return self.compile_member(draft, copy, resolved);
        }
        let index = self.collection.rules.at(&name.text);
        let Some(found) = self.rules.iter().find(|found| Some(found.index) == index) else {
            // It has an error, which was reported.
            return Err(Box::new(Diagnostic::new(Code::Validate, "", member.context.clone())));
        };
        // The meaning of partial matches depends on the condition of the rule.
        resolved.text = format!("{}\n= {}", name.text, found.text);
        resolved.tree = Some(found.tree.clone());
        Ok(Some(resolved))
    }

    /// Compiles the condition of a step, with the exceptions of the correlation.
    fn compile_member(
        &mut self,
        draft: &Draft<'_>,
        mut rule: CollectedRule,
        mut resolved: ResolvedMember,
    ) -> Step<Option<ResolvedMember>> {
        let source = rule.rule.source.text.clone();
        let own = rule.rule.exceptions.len();
        rule.rule.exceptions.extend(draft.parts.exceptions.iter().flatten().cloned());
        for exception in &mut rule.rule.exceptions[own..] {
            if !exception.fields.is_some() {
                let message = "Rule exception item must have fields property with a list of fields";
                return Err(fault(&exception.context, exception.spot, message));
            }
            check(exception, Some(&source), self.sources)?;
        }
        let mut text = with_exceptions(&rule.condition, &rule.rule.exceptions)?;
        let whole = text.as_str().into();
        self.expand(&mut text, || rule.rule.condition_context(), &mut Vec::new())?;
        let Some((tree, _, condition)) = self.condition(&rule, &source, &text, &whole)? else { return Ok(None) };
        resolved.text = format!("{}\n= {}", resolved.text, text.as_str());
        resolved.tree = Some(tree);
        resolved.found = Found::Step(condition);
        resolved.source = source;
        Ok(Some(resolved))
    }

    fn unknown_member(&self, member: &Member, name: &Written) -> Box<Diagnostic> {
        // An item with an error is known to be missing.
        if self.missing.contains(&name.text) || self.collection.correlations.get(&name.text).is_some() {
            return Box::new(Diagnostic::new(Code::Validate, "", member.context.clone()));
        }
        let rules = self.collection.rules.iter().map(|rule| rule.rule.name.as_str());
        let correlations = self.collection.correlations.iter().map(|other| other.name.text.as_str());
        let hint = did_you_mean(&name.text, rules.chain(correlations)).or_else(|| {
            let is_condition = name.text.contains(['=', '(']) || name.text.contains(" in ");
            is_condition.then(|| "a condition is a step: write `- as: NAME` and `condition:`".to_owned())
        });
        fault(&member.context, name.spot, format!("There is no rule or correlation '{}'", name.text)).maybe_hinted(hint)
    }
}

/// Creates a rule of the condition of a step.
fn step_rule(draft: &Draft<'_>, member: &Member, condition: &Written, source: &str) -> CollectedRule {
    let name = draft.item.name.text.clone();
    let rule = Rule {
        name,
        condition: condition.clone(),
        output: condition.clone(),
        desc: String::new(),
        priority: draft.parts.priority.unwrap_or(7),
        source: Written { text: source.to_owned(), ..condition.clone() },
        enabled: true,
        building_block: true,
        capture: false,
        capture_duration: 0,
        warn_event_types: true,
        skip_if_unknown_filter: false,
        tags: Vec::new(),
        exceptions: Vec::new(),
        responses: Vec::new(),
        context: member.context.within(Place::ValueFor, "condition", member.context.innermost().mark),
        condition_mark: member.context.innermost().mark,
        output_mark: member.context.innermost().mark,
    };
    let age = Age { index: usize::MAX, visibility: usize::MAX };
    let condition = MappedText::new(condition);
    CollectedRule { rule, condition, output: String::new(), age, known_source: true, by_name: Default::default() }
}
