//! Number of matches of each rule, across reloads.

use rule_engine::engine::Alert;
use rule_engine::output::Priority;
use rule_engine::ruleset::{RuleId, Ruleset};
use std::fmt::Write;

/// A rule and its number of matches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuleCount {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) priority: Priority,
    pub(crate) tags: Vec<String>,
    pub(crate) count: u64,
}

/// The counts, and the positions of the active rules among them.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    rules: Vec<RuleCount>,
    places: Vec<usize>,
}

impl Matches {
    /// Switches to another set of rules. Counts of rules with the same name are kept.
    pub(crate) fn follow(&mut self, set: &Ruleset) {
        let source = set.source();
        let before = std::mem::take(&mut self.rules);
        self.places.clear();
        for rule in set.rules() {
            // Steps of correlations raise no alerts.
            self.places.push(if rule.is_step() { usize::MAX } else { self.rules.len() });
            if rule.is_step() {
                continue;
            }
            self.rules.push(RuleCount {
                name: rule.name().to_owned(),
                source: source.to_owned(),
                priority: rule.output.priority,
                tags: rule.output.tags.clone(),
                count: before.iter().find(|known| known.name == rule.name()).map_or(0, |known| known.count),
            });
        }
        let gone = before.into_iter().filter(|known| known.count > 0);
        let gone: Vec<_> = gone.filter(|known| !self.rules.iter().any(|rule| rule.name == known.name)).collect();
        self.rules.extend(gone);
    }

    /// Copies the counts to a list that other threads read. Names are copied only where they differ, as copying them each
    /// time would cost more than the rules do.
    pub(crate) fn copy_to(&self, list: &mut Vec<RuleCount>) {
        let rules = self.rules();
        if list.len() == rules.len() && list.iter().zip(rules).all(|(old, new)| old.name == new.name) {
            list.iter_mut().zip(rules).for_each(|(old, new)| old.count = new.count);
        } else {
            *list = rules.to_vec();
        }
    }

    /// Counts an alert.
    pub(crate) fn count_alert(&mut self, alert: &Alert<'_>) {
        if let Some(id) = alert.rule_id() {
            return self.count(id);
        }
        match self.rules.iter_mut().find(|rule| rule.name == alert.rule()) {
            Some(rule) => rule.count += 1,
            None => self.rules.push(RuleCount {
                name: alert.rule().to_owned(),
                source: alert.source().to_owned(),
                priority: alert.priority(),
                tags: alert.tags().to_vec(),
                count: 1,
            }),
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, id: RuleId) {
        if let Some(rule) = self.places.get(id.0 as usize).and_then(|place| self.rules.get_mut(*place)) {
            rule.count += 1;
        }
    }

    /// Returns all rules with their counts.
    pub(crate) fn rules(&self) -> &[RuleCount] {
        &self.rules
    }

    /// Adds the counts of another source.
    pub(crate) fn append(&mut self, mut rules: Vec<RuleCount>) {
        self.rules.append(&mut rules);
    }

    /// Returns the lines that end a run, in Falco's format.
    pub(crate) fn summary(&self) -> String {
        let total: u64 = self.rules.iter().map(|rule| rule.count).sum();
        let mut text = format!("Events detected: {total}\nRule counts by severity:\n");
        for priority in Priority::ALL {
            let count: u64 = self.rules.iter().filter(|rule| rule.priority == priority).map(|rule| rule.count).sum();
            if count > 0 {
                let name = if priority == Priority::Informational { "Info" } else { priority.name() };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "   {}: {count}", name.to_uppercase());
            }
        }
        text += "Triggered rules by rule name:\n";
        for rule in self.rules.iter().filter(|rule| rule.count > 0) {
            let _ = writeln!(text, "   {}: {}", rule.name, rule.count);
        }
        text
    }
}
