//! `--explain-rule` and `--explain-event`: how a rule is evaluated, and why it matches an event or does not.

mod correlations;

use crate::config::settings::{Config, EngineKind, RuleMatching};
use crate::names::SYSCALL;
use crate::plugins::Plugins;
use crate::rules::Rules;
use crate::{Fatal, terminal};
use correlations::Explained;
use peregrine_plugin_host::SourcePlugins;
use rule_engine::engine::{AnySourceRules, CompiledRules, MemberOutcome, SourceRules};
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::explain::{Explainer, condition_lines, tree_lines};
use rule_engine::resolve::ResolvedCorrelation;
use rule_engine::ruleset::{RuleId, Ruleset};
use rule_engine::syntax::ast::Expr;
use scap::text::write_event;
use serde_json::{Value as Json, json};
use sinsp::Next;
use std::fmt::Write as _;
use std::sync::Arc;

/// Maximum number of reasons shown for a rule that did not match. All are shown for a single rule.
const REASONS: usize = 3;

/// A rule, resolved.
struct Resolved {
    name: String,
    source: String,
    place: String,
    tree: Expr,
    event_types: Vec<String>,
}

/// Runs `--explain-rule`, `--explain-event`, or both: the rule on that event.
pub(crate) fn run(
    rule: Option<&str>,
    event: Option<u64>,
    rules: Rules,
    config: &Config,
    plugins: &Plugins,
) -> Result<(), Fatal> {
    rules.check()?;
    let mut rules = rules;
    let all = rules.loaded.resolved.correlations.clone();
    let named = rule.and_then(|name| all.iter().find(|known| known.name == name));
    if let (Some(correlation), None) = (named, event) {
        explain_correlation(correlation, config.json_output);
        return Ok(());
    }
    let resolved = if named.is_some() { Vec::new() } else { resolved(&mut rules, rule)? };
    let Some(number) = event else {
        let sets = rules.engine(config)?;
        let [resolved] = resolved.as_slice() else {
            return Err(Fatal::new("--explain-rule requires the name of a rule"));
        };
        return explain_rule(resolved, &sets, config.json_output);
    };
    if config.engine.kind != EngineKind::Replay {
        return Err(Fatal::new(
            "--explain-event requires a capture: -o engine.kind=replay -o engine.replay.capture_file=FILE",
        ));
    }
    let mut explainer = Explainer::new(crate::rules::syscalls(config, plugins));
    for rule in resolved.iter().filter(|rule| rule.source == SYSCALL) {
        explainer.add(&rule.tree).map_err(Fatal::new)?;
    }
    // A rule alone is not a correlation.
    let shown = all.iter().filter(|known| rule.is_none_or(|name| known.name == name));
    let correlations = Explained::new(shown, &mut explainer)?;
    let sets = rules.engine(config)?;
    let of_calls: Vec<Resolved> = resolved.into_iter().filter(|rule| rule.source == SYSCALL).collect();
    let set = sets.source::<SinspSchema>(SYSCALL).map_err(Fatal::new)?;
    let plugins = plugins.syscalls.as_ref();
    let wanted = Wanted { whole: rule.is_some(), rules: &of_calls, correlations, explainer, set, config, plugins };
    explain_event(number, &wanted)
}

/// Returns the rule of that name, or all.
fn resolved(rules: &mut Rules, name: Option<&str>) -> Result<Vec<Resolved>, Fatal> {
    let Rules { loaded, sources, .. } = rules;
    let collected: Vec<_> = loaded.collection.rules.iter().collect();
    let mut all = Vec::new();
    for rule in &loaded.resolved.rules {
        let item = &collected[rule.index].rule;
        if name.is_some_and(|name| name != item.name) {
            continue;
        }
        let mark = item.context.innermost().mark;
        all.push(Resolved {
            name: item.name.clone(),
            source: item.source.text.clone(),
            place: format!("{}:{}", item.context.innermost().name, mark.line + 1),
            tree: rule.tree.clone(),
            event_types: sources.event_types(&item.source.text, &rule.tree),
        });
    }
    if let (Some(name), true) = (name, all.is_empty()) {
        let names = collected.iter().map(|rule| rule.rule.name.as_str());
        let hint = crate::rules::renamed::rule(name).or_else(|| rule_engine::diag::did_you_mean(name, names));
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        return Err(Fatal(format!("there is no rule '{name}'{hint}")));
    }
    Ok(all)
}

/// Prints the automaton of a correlation, and the output of its alert.
fn explain_correlation(correlation: &ResolvedCorrelation, as_json: bool) {
    let place = format!("{}:{}", correlation.context.innermost().name, correlation.context.innermost().mark.line + 1);
    if as_json {
        let text = json!({
            "automaton": correlation.lines(), "building_block": correlation.building_block,
            "correlation": correlation.name, "enabled": correlation.enabled, "group_by": correlation.group_by,
            "output": correlation.output, "place": place, "source": correlation.source,
            "steps": correlations::automaton(correlation), "timespan_ns": correlation.span,
            "type": correlation.type_name,
        });
        terminal::print(&format!("{text}\n"));
        return;
    }
    let mut out = format!("correlation '{}'\n  {place}, source {}\n", correlation.name, correlation.source);
    if correlation.building_block {
        out += "  a building block: it raises no alerts\n";
    }
    out.push('\n');
    for line in correlation.lines() {
        out += &format!("  {line}\n");
    }
    out += &format!("\noutput\n  {}\n", correlation.output);
    terminal::print(&out);
}

fn find<'s>(sets: &'s CompiledRules, rule: &Resolved) -> Option<(&'s dyn AnySourceRules, RuleId)> {
    let set = sets.all().find(|set| set.rules().source() == rule.source)?;
    let place = set.rules().rules().iter().position(|known| known.name() == rule.name)?;
    Some((set, RuleId(u32::try_from(place).ok()?)))
}

fn explain_rule(rule: &Resolved, sets: &CompiledRules, as_json: bool) -> Result<(), Fatal> {
    let (set, id) = find(sets, rule).ok_or_else(|| Fatal(format!("the rule '{}' has no known source", rule.name)))?;
    let known = set.rules().rule(id);
    let plans = set.plans(id);
    if as_json {
        let plans: Vec<Json> = plans
            .iter()
            .map(|(names, plan)| {
                json!({
                    "code": plan.code, "event_types": names, "prefilter": plan.prefilter, "remembered": plan.guard,
                    "remembered_descriptor": plan.descriptor, "shared_tests": plan.shared_tests,
                })
            })
            .collect();
        let text = json!({
            "condition": condition_lines(&rule.tree).join("\n"), "enabled": known.enabled,
            "event_types": rule.event_types, "place": rule.place, "plans": plans,
            "priority": known.output.priority.name(), "rule": rule.name, "source": rule.source,
        });
        terminal::print(&format!("{text}\n"));
        return Ok(());
    }
    let mut out = format!(
        "rule '{}'\n  {}, source {}, priority {}{}\n\ncondition, with its macros and lists\n",
        rule.name,
        rule.place,
        rule.source,
        known.output.priority,
        if known.enabled { "" } else { ", disabled" },
    );
    for line in condition_lines(&rule.tree) {
        out += &format!("  {line}\n");
    }
    out += &format!("\nevent types\n  {}\n", rule.event_types.join(", "));
    if plans.is_empty() {
        let why = if known.enabled { "no event can match it" } else { "the rule is disabled" };
        out += &format!("\nnot evaluated: {why}\n");
    }
    for (names, plan) in &plans {
        out += &format!("\nevaluated for {}\n", names.join(", "));
        for line in plan.to_string().lines() {
            out += &format!("  {line}\n");
        }
    }
    terminal::print(&out);
    Ok(())
}

/// Result of a rule for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Matches,
    /// It would match, but another rule matched before it.
    Second,
    /// It is evaluated, and its condition is false.
    No,
    OtherTypes,
    Off,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Second => "not reached: another rule matches first",
            Self::No => "does not match",
            Self::OtherTypes => "has other event types",
            Self::Off => "is disabled",
        }
    }
}

/// The explanations of an event.
struct Wanted<'r> {
    /// Whether it is one rule or correlation, of which everything is shown.
    whole: bool,
    rules: &'r [Resolved],
    correlations: Explained<'r>,
    explainer: Explainer<SinspSchema>,
    set: Arc<SourceRules<SinspSchema>>,
    config: &'r Config,
    plugins: Option<&'r Arc<SourcePlugins>>,
}

fn explain_event(number: u64, wanted: &Wanted<'_>) -> Result<(), Fatal> {
    let config = wanted.config;
    // What correlations do with an event depends on those before it.
    let mut runner = wanted.set.runner();
    runner.observe_correlations();
    let plugins = crate::plugins::of_syscalls(wanted.plugins, false)?;
    let mut inspector = crate::sources::replay::open(&config.engine.replay.capture_file, config, plugins)?;
    let mut last = 0;
    loop {
        let event = match inspector.next().map_err(Fatal::new)? {
            Next::Event(event) => event,
            Next::Hidden | Next::Idle => continue,
            Next::End => {
                return Err(Fatal(format!("event {number} not found: the last event is {last}")));
            }
        };
        last = event.num();
        runner.correlation_outcomes();
        runner.process(&event, |_| ());
        if last < number {
            continue;
        }
        if last > number {
            return Err(Fatal(format!("event {number} is not shown, it only carries state; the next one is {last}")));
        }
        terminal::print(&describe(&event, wanted, &runner.correlation_outcomes()));
        return Ok(());
    }
}

fn describe(event: &sinsp::Event<'_>, wanted: &Wanted<'_>, outcomes: &[MemberOutcome]) -> String {
    let Wanted { whole, rules, correlations, explainer, set, config, .. } = wanted;
    let (first, set): (bool, &Ruleset) = (config.rule_matching == RuleMatching::First, set.rules());
    // In the order of evaluation, which selections may have changed.
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (place, rule) in set.rules().iter().enumerate() {
        order.extend(rules.iter().position(|known| known.name == rule.name()).map(|known| (place, known)));
    }
    let mut rows = Vec::new();
    let mut matched = false;
    for (place, number) in order {
        let Ok(why) = explainer.explain(number, event);
        let Ok(may_match) = explainer.may_match(number, event);
        let verdict = if !set.rules()[place].enabled {
            Verdict::Off
        } else if !may_match {
            Verdict::OtherTypes
        } else if !why.holds {
            Verdict::No
        } else if matched && first {
            Verdict::Second
        } else {
            matched = true;
            Verdict::Matches
        };
        rows.push((&rules[number], verdict, why));
    }
    let mut line = String::new();
    write_event(&event.raw(), &mut line);
    if config.json_output {
        let rows: Vec<Json> = rows
            .iter()
            .map(|(rule, verdict, why)| {
                json!({ "matches": *verdict == Verdict::Matches, "rule": rule.name, "verdict": verdict.name(), "why": why.json() })
            })
            .collect();
        let correlations = correlations.json(outcomes, explainer, event);
        let text = json!({ "correlations": correlations, "event": line, "number": event.num(), "rules": rows });
        return format!("{text}\n");
    }
    let mut out = format!("event {}\n  {line}\n", event.num());
    if *whole {
        for (rule, verdict, why) in &rows {
            out += &format!("\nrule '{}' {}", rule.name, verdict.name());
            if *verdict == Verdict::OtherTypes {
                out += &format!(": {}", rule.event_types.join(", "));
            }
            out.push('\n');
            tree_lines(why).iter().for_each(|line| out += &format!("  {line}\n"));
            out += "\ndecisive parts\n";
            why.reasons().for_each(|reason| out += &format!("  {reason}\n"));
        }
        return out + &correlations.text(true, outcomes, explainer, event);
    }
    for verdict in [Verdict::Matches, Verdict::Second, Verdict::No] {
        let those: Vec<_> = rows.iter().filter(|(_, of, _)| *of == verdict).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{} of {} rules: {}", those.len(), rows.len(), verdict.name());
        for (rule, _, why) in those {
            let _ = writeln!(out, "  {}", rule.name);
            let reasons: Vec<_> = why.reasons().collect();
            for reason in reasons.iter().take(REASONS) {
                let _ = writeln!(out, "      {reason}");
            }
            if reasons.len() > REASONS {
                let _ = writeln!(out, "      and {} more", reasons.len() - REASONS);
            }
        }
    }
    let count = |wanted| rows.iter().filter(|(_, verdict, _)| *verdict == wanted).count();
    let _ = writeln!(
        out,
        "\n{} rules have other event types, {} are disabled",
        count(Verdict::OtherTypes),
        count(Verdict::Off)
    );
    out + &correlations.text(false, outcomes, explainer, event)
}
