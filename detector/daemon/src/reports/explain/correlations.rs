//! Explanations of an event as a step of correlations: its effects, or why it has none.

use rule_engine::correlation::plan::{Distinct, Kind, Role};
use rule_engine::engine::MemberOutcome;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::explain::{Explainer, Why, tree_lines};
use rule_engine::resolve::ResolvedCorrelation;
use rule_engine::resolve::correlation::ResolvedMember;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

use super::REASONS;
use crate::Fatal;
use crate::names::SYSCALL;

/// Correlations, and for each member the number of its condition in an explainer.
pub(super) struct Explained<'r> {
    rows: Vec<(&'r ResolvedCorrelation, Vec<Option<usize>>)>,
}

/// A step, for one event.
struct Step<'r> {
    name: &'r str,
    /// Whether its condition is true; `None` for a correlation, and for a step of another source.
    matches: Option<bool>,
    why: Option<Why>,
    outcomes: Vec<&'r MemberOutcome>,
}

impl<'r> Explained<'r> {
    pub(super) fn new(
        correlations: impl Iterator<Item = &'r ResolvedCorrelation>,
        explainer: &mut Explainer<SinspSchema>,
    ) -> Result<Self, Fatal> {
        let mut rows = Vec::new();
        for correlation in correlations {
            let mut conditions = Vec::with_capacity(correlation.members.len());
            for member in &correlation.members {
                let tree = member.tree.as_ref().filter(|_| member.source == SYSCALL);
                conditions.push(tree.map(|tree| explainer.add(tree)).transpose().map_err(Fatal::new)?);
            }
            rows.push((correlation, conditions));
        }
        Ok(Self { rows })
    }

    fn steps<'o>(
        &'o self,
        (correlation, conditions): &'o (&'r ResolvedCorrelation, Vec<Option<usize>>),
        outcomes: &'o [MemberOutcome],
        explainer: &Explainer<SinspSchema>,
        event: &sinsp::Event<'_>,
    ) -> Vec<Step<'o>> {
        let step = |(place, condition): (usize, &Option<usize>)| {
            let why = condition.map(|condition| {
                let Ok(why) = explainer.explain(condition, event);
                let Ok(may_match) = explainer.may_match(condition, event);
                (may_match, why)
            });
            Step {
                name: &correlation.members[place].name,
                matches: why.as_ref().map(|(may_match, why)| *may_match && why.holds),
                why: why.map(|(_, why)| why),
                outcomes: outcomes
                    .iter()
                    .filter(|outcome| outcome.correlation == correlation.name && outcome.member == place)
                    .collect(),
            }
        };
        conditions.iter().enumerate().map(step).collect()
    }

    /// Returns the correlations with a step that the event is, or all steps of the only one, as text.
    pub(super) fn text(
        &self,
        whole: bool,
        outcomes: &[MemberOutcome],
        explainer: &Explainer<SinspSchema>,
        event: &sinsp::Event<'_>,
    ) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        if whole {
            for row in &self.rows {
                let _ =
                    writeln!(out, "\ncorrelation '{}'{}", row.0.name, if row.0.enabled { "" } else { " is disabled" });
                for step in self.steps(row, outcomes, explainer, event) {
                    whole_step(&step, &mut out);
                }
            }
            return out;
        }
        let mut found = 0;
        let mut text = String::new();
        for row in self.rows.iter().filter(|(correlation, _)| correlation.enabled) {
            let mut steps = self.steps(row, outcomes, explainer, event);
            steps.retain(|step| !step.outcomes.is_empty());
            if steps.is_empty() {
                continue;
            }
            found += 1;
            let _ = writeln!(text, "  {}", row.0.name);
            for step in steps {
                for outcome in step.outcomes.iter().take(REASONS) {
                    let _ = writeln!(text, "      {}: {}{}", step.name, outcome.effect, key(outcome));
                }
            }
        }
        let _ = writeln!(out, "\n{found} of {} correlations: the event is a step\n{text}", self.rows.len());
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    pub(super) fn json(
        &self,
        outcomes: &[MemberOutcome],
        explainer: &Explainer<SinspSchema>,
        event: &sinsp::Event<'_>,
    ) -> Json {
        let row = |row: &(&ResolvedCorrelation, Vec<Option<usize>>)| {
            let steps = self.steps(row, outcomes, explainer, event);
            let steps: Vec<Json> = steps.iter().map(Step::json).collect();
            json!({ "correlation": row.0.name, "enabled": row.0.enabled, "steps": steps })
        };
        self.rows.iter().map(row).collect()
    }
}

/// Returns the steps of a correlation with their effect: on a sequence after `after` steps, or one of `count` events or
/// values of a window.
pub(super) fn automaton(correlation: &ResolvedCorrelation) -> Vec<Json> {
    let steps = correlation.members.iter().enumerate();
    let row = |(place, member): (usize, &ResolvedMember)| {
        let (kind, text) = member.search();
        let mut row = json!({ "step": member.name, kind: text });
        if !member.source.is_empty() {
            row["source"] = member.source.as_str().into();
        }
        match &correlation.kind {
            Kind::Window { threshold, distinct } => {
                row["count"] = (*threshold).into();
                row["distinct"] = match distinct {
                    Distinct::Events => Json::Null,
                    Distinct::Members => "step".into(),
                    Distinct::Values => correlation.counted_field().into(),
                };
            }
            Kind::Sequence { roles, .. } => {
                let (effect, after) = match roles[place] {
                    Role::Advance(after) => ("advances", Some(after)),
                    Role::Absent(after) => ("ends", Some(after)),
                    Role::Until => ("ends", None),
                };
                row["effect"] = effect.into();
                row["after"] = after.into();
            }
        }
        row
    };
    steps.map(row).collect()
}

fn whole_step(step: &Step<'_>, out: &mut String) {
    let _ = writeln!(
        out,
        "\nstep '{}'{}",
        step.name,
        match step.matches {
            Some(true) => " matches",
            Some(false) => " does not match",
            None if step.outcomes.is_empty() => " has other events",
            None => "",
        }
    );
    for outcome in &step.outcomes {
        let _ = writeln!(out, "  {}{}", outcome.effect, key(outcome));
    }
    if let Some(why) = &step.why {
        tree_lines(why).iter().for_each(|line| {
            let _ = writeln!(out, "  {line}");
        });
    }
}

/// The key, between brackets.
fn key(outcome: &MemberOutcome) -> String {
    if outcome.key.is_empty() {
        return String::new();
    }
    let part = |(name, value): &(String, Option<String>)| format!("{name} {}", value.as_deref().unwrap_or("<NA>"));
    format!(" [{}]", outcome.key.iter().map(part).collect::<Vec<_>>().join(", "))
}

impl Step<'_> {
    fn json(&self) -> Json {
        let effect = |outcome: &&MemberOutcome| {
            let key: Map<String, Json> = outcome.key.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            json!({ "effect": outcome.effect.name(), "key": key, "text": outcome.effect.to_string() })
        };
        json!({
            "effects": self.outcomes.iter().map(effect).collect::<Vec<_>>(), "matches": self.matches,
            "step": self.name, "why": self.why.as_ref().map(Why::json),
        })
    }
}
