//! Converts resolved correlations to plans: numbers for members, keys and kept fields.

use std::sync::Arc;

use crate::correlation::Hit;
use crate::correlation::parts::KeyPart;
use crate::correlation::plan::{CaptureId, Feed, KeyId, KeySource, Kind, Member, Plan};
use crate::engine::{
    Compiled, Config, CorrelationInfo, Correlations, Field, MatchSchema, MemberInfo, What, common_fields,
};
use crate::event::FieldId;
use crate::output::{Output, Priority, Template, TemplateError};
use crate::resolve::ResolvedCorrelation;
use crate::resolve::correlation::{Found, ResolvedMember};
use crate::resolve::sources::Source;
use crate::ruleset::rule::STEP;
use crate::ruleset::{Rule, RulesetBuilder, Selection, Selector};
use crate::syntax::parse;

/// A member that becomes a match of a rule.
struct Wanted {
    source: String,
    /// The name of the rule.
    rule: String,
    hit: Hit,
    /// The correlation among the resolved ones.
    of: usize,
}

/// Correlations between resolution and compilation.
pub(super) struct Correlating {
    resolved: Vec<ResolvedCorrelation>,
    wanted: Vec<Wanted>,
    keys: Vec<(String, Vec<KeyPart>)>,
    captures: Vec<(String, Vec<FieldId>)>,
    enabled: Vec<bool>,
    set: Option<Compiled>,
    schema: MatchSchema,
}

fn output(resolved: &ResolvedCorrelation, rule: String, message: Template) -> Output {
    Output {
        rule,
        priority: Priority::ALL.get(usize::from(resolved.priority)).copied().unwrap_or(Priority::Debug),
        source: resolved.source.clone(),
        tags: resolved.tags.clone(),
        message,
        extra: Vec::new(),
    }
}

impl Correlating {
    /// Adds the steps of correlations to the rules of their sources.
    pub(super) fn new(resolved: Vec<ResolvedCorrelation>, rows: &mut [Source]) -> Self {
        let mut wanted = Vec::new();
        for (of, correlation) in resolved.iter().enumerate() {
            for (place, member) in correlation.members.iter().enumerate() {
                let hit = Hit { plan: of as u32, member: place as u16 };
                let rule = match &member.found {
                    Found::Correlation(_) => continue,
                    Found::Rule(name) => name.clone(),
                    Found::Step(condition) => {
                        // No rule of a file has such a name.
                        let name = format!("{}{STEP}{}", correlation.name, member.name);
                        let row = rows.iter_mut().find(|row| row.schema.names().source() == member.source);
                        let Some(row) = row else { continue };
                        let output = output(correlation, name.clone(), Template::default());
                        let rule = Rule { building_block: true, ..Rule::new(output) };
                        row.builder.add(rule, condition.clone());
                        name
                    }
                };
                wanted.push(Wanted { source: member.source.clone(), rule, hit, of });
            }
        }
        Self {
            enabled: vec![true; resolved.len()],
            resolved,
            wanted,
            keys: Vec::new(),
            captures: Vec::new(),
            set: None,
            schema: MatchSchema::default(),
        }
    }

    /// Compiles the outputs, and finds the correlations that raise alerts.
    pub(super) fn select(&mut self, config: &Config) -> Result<(), TemplateError> {
        self.schema.fields = common_fields();
        for (plan, correlation) in self.resolved.iter().enumerate() {
            for piece in &correlation.pieces {
                let Some(name) = piece.name() else { continue };
                let plan = Some(plan as u32);
                if !self.schema.fields.iter().any(|field| field.plan == plan && field.name == name) {
                    self.schema.fields.push(Field { name, plan, what: What::Piece(piece.clone()) });
                }
            }
        }
        let mut builder = RulesetBuilder::new();
        for (plan, correlation) in self.resolved.iter().enumerate() {
            self.schema.current = plan as u32;
            let message = Template::parse(&correlation.output, &mut self.schema)?;
            let always = parse("evt.num exists").map_err(|_| TemplateError::Empty)?;
            let condition = builder.condition(&mut self.schema, &always);
            let condition = condition.map_err(|_| TemplateError::Empty)?;
            let output = output(correlation, correlation.name.clone(), message);
            let (enabled, building_block) = (correlation.enabled, correlation.building_block);
            let responses = correlation.responses.as_slice().into();
            builder.add(Rule { enabled, building_block, responses, ..Rule::new(output) }, condition);
        }
        for selection in &config.selections {
            builder.select(selection);
        }
        builder.select(&Selection { rules: Selector::Below(config.priority), enable: false });
        let (compiled, _) =
            Compiled::of_matches(&mut self.schema, config, |schema| builder.build(schema, config.evaluation))?;
        for (enabled, correlation) in self.enabled.iter_mut().zip(&self.resolved) {
            let rule = compiled.rules.rules().iter().find(|rule| rule.name() == correlation.name);
            *enabled = rule.is_some_and(|rule| rule.enabled && !rule.building_block);
        }
        self.set = Some(compiled);
        Ok(())
    }

    /// Returns the evaluated correlations: those that raise alerts, and those that they name.
    fn needed(&self) -> Vec<bool> {
        let mut needed = self.enabled.clone();
        // Named correlations come before.
        for of in (0..needed.len()).rev().filter(|of| self.enabled[*of]).collect::<Vec<_>>() {
            let mut left = vec![of];
            while let Some(one) = left.pop() {
                needed[one] = true;
                left.extend(self.resolved[one].members.iter().filter_map(|member| match member.found {
                    Found::Correlation(inner) => Some(inner),
                    _ => None,
                }));
            }
        }
        needed
    }

    /// Marks the rules of a source that are members.
    pub(super) fn mark(&self, source: &str, builder: &mut RulesetBuilder) {
        let needed = self.needed();
        let plans = plan_places(&needed);
        let mut by_name: rustc_hash::FxHashMap<&str, Vec<Hit>> = rustc_hash::FxHashMap::default();
        let mut begins: rustc_hash::FxHashSet<&str> = rustc_hash::FxHashSet::default();
        for wanted in self.wanted.iter().filter(|wanted| wanted.source == source) {
            if let Some(plan) = plans[wanted.of] {
                by_name.entry(&wanted.rule).or_default().push(Hit { plan, ..wanted.hit });
                if self.resolved[wanted.of].kind.may_begin(wanted.hit.member) {
                    begins.insert(&wanted.rule);
                }
            }
        }
        for rule in builder.rules_mut() {
            let hits = by_name.get(rule.name());
            if rule.is_step() {
                rule.enabled = hits.is_some();
            }
            rule.hits = hits.map_or_else(Box::default, |hits| hits.as_slice().into());
            // What raises an alert is evaluated in any case.
            rule.on_demand = rule.building_block && hits.is_some() && !begins.contains(rule.name());
        }
    }

    /// Returns the correlations, ready to run; `None` without any.
    pub(super) fn finish(mut self, rows: &[Source], config: &Config) -> Option<Arc<Correlations>> {
        let needed = self.needed();
        let places = plan_places(&needed);
        let compiled = Arc::new(self.set.take()?);
        let (mut plans, mut infos): (Vec<Plan>, Vec<CorrelationInfo>) = (Vec::new(), Vec::new());
        let resolved = std::mem::take(&mut self.resolved);
        for (of, correlation) in resolved.iter().enumerate().filter(|(of, _)| needed[*of]) {
            let mut members = Vec::with_capacity(correlation.members.len());
            let mut rows_of = Vec::with_capacity(correlation.members.len());
            for (place, member) in correlation.members.iter().enumerate() {
                if let Found::Correlation(inner) = member.found
                    && let Some(plan) = places[inner]
                {
                    let feed = Feed { plan: plans.len() as u32, member: place as u16 };
                    plans[plan as usize].feeds.push(feed);
                }
                members.push(self.member(member));
                rows_of.push(member_info(member, &resolved));
            }
            // A disabled correlation and a building block that others name are evaluated, and raise no alert.
            let row = rows.iter().find(|row| row.schema.names().source() == correlation.source);
            let id = compiled.rules.rules().iter().position(|rule| rule.name() == correlation.name).unwrap_or(0);
            infos.push(CorrelationInfo::new(
                correlation.type_name.clone(),
                rows_of,
                correlation.group_by.clone(),
                row.map_or(|_| 0, |row| row.schema.names().utc_offset()),
                id,
                self.enabled[of],
            ));
            plans.push(Plan {
                name: correlation.name.clone(),
                span: correlation.span,
                kind: correlation.kind.clone(),
                members,
                feeds: Vec::new(),
                identity: correlation.identity.clone(),
            });
            for field in self.schema.fields.iter_mut().filter(|field| field.plan == Some(of as u32)) {
                field.plan = Some(plans.len() as u32 - 1);
            }
        }
        if compiled.rules.rules().is_empty() {
            return None;
        }
        let has_deadlines = plans.iter().any(|plan| matches!(plan.kind, Kind::Sequence { trailing: true, .. }));
        Some(Arc::new(Correlations::new(
            plans.into(),
            infos,
            self.keys.into_iter().map(|(_, key)| key).collect(),
            self.captures.into_iter().map(|(_, fields)| fields).collect(),
            self.schema.fields,
            compiled,
            config.correlation_memory,
            has_deadlines,
        )))
    }

    fn member(&mut self, member: &ResolvedMember) -> Member {
        let key = self.key_source(&member.source, &member.key);
        let value = member.value.as_ref().map(|value| self.key_source(&member.source, std::slice::from_ref(value)));
        let capture = match member.found {
            Found::Correlation(_) => None,
            _ => {
                let fields: Vec<FieldId> =
                    member.captures.iter().filter_map(|(_, template)| template.field_ids().next()).collect();
                Some(CaptureId(place_of(&mut self.captures, (member.source.clone(), fields))))
            }
        };
        Member { key, value, capture }
    }

    fn key_source(&mut self, source: &str, parts: &[KeyPart]) -> KeySource {
        if source.is_empty() {
            let place = |part: &KeyPart| match part {
                KeyPart::Inner(place, _) => *place,
                _ => u16::MAX,
            };
            return KeySource::Inner(parts.iter().map(place).collect());
        }
        KeySource::Event(KeyId(place_of(&mut self.keys, (source.to_owned(), parts.to_vec()))))
    }
}

/// Returns for each correlation its place among the evaluated ones.
fn plan_places(needed: &[bool]) -> Vec<Option<u32>> {
    let mut next = 0;
    let place = |needed: &bool| {
        needed.then(|| {
            next += 1;
            next - 1
        })
    };
    needed.iter().map(place).collect()
}

fn place_of<T: PartialEq>(all: &mut Vec<T>, one: T) -> u32 {
    let known = all.iter().position(|known| *known == one);
    known.unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    }) as u32
}

fn member_info(member: &ResolvedMember, resolved: &[ResolvedCorrelation]) -> MemberInfo {
    let (rule, fields) = match &member.found {
        Found::Rule(name) => (name.clone(), None),
        Found::Step(_) => (String::new(), None),
        Found::Correlation(inner) => {
            let inner = &resolved[*inner];
            let keys = inner.group_by.iter().cloned().chain(["count".to_owned()]);
            (inner.name.clone(), Some(keys.collect()))
        }
    };
    let fields = fields.unwrap_or_else(|| member.captures.iter().map(|(name, _)| name.clone()).collect());
    MemberInfo { name: member.name.clone(), rule, fields, source: member.source.clone(), text: member.text.clone() }
}
