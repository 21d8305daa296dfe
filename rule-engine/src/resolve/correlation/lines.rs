//! A correlation for people: its automaton, line by line.

use crate::correlation::parts::KeyPart;
use crate::correlation::plan::{Distinct, Kind, Role};

use super::{Found, ResolvedCorrelation, ResolvedMember};

impl ResolvedCorrelation {
    /// Returns its parts: the steps, their order, the key, and the timespan.
    pub fn lines(&self) -> Vec<String> {
        let by = if self.group_by.is_empty() { "all events".to_owned() } else { self.group_by.join(", ") };
        let span = self.span_text();
        let mut lines = Vec::new();
        match &self.kind {
            Kind::Sequence { roles, trailing, .. } => {
                lines.push(format!("{}: these steps in order within {span}, by {by}", self.type_name));
                for (role, member) in roles.iter().zip(&self.members) {
                    lines.push(match role {
                        Role::Advance(stage) => format!("{}. {}", stage + 1, describe(member)),
                        Role::Absent(stage) => format!("   and then not, after {stage}: {}", describe(member)),
                        Role::Until => format!("until, at any step: {}", describe(member)),
                    });
                }
                if *trailing {
                    lines.push(format!("complete when {span} have passed since the first step"));
                }
            }
            Kind::Window { threshold, distinct } => {
                let what = match distinct {
                    Distinct::Events => "events".to_owned(),
                    Distinct::Members => "of these rules".to_owned(),
                    Distinct::Values => match self.counted_field() {
                        Some(field) => format!("different values of {field}"),
                        None => "different values".to_owned(),
                    },
                };
                lines.push(format!("{}: {threshold} {what} within {span}, by {by}", self.type_name));
                lines.extend(self.members.iter().map(|member| format!("-  {}", describe(member))));
            }
        }
        lines
    }

    /// Returns the name of the field whose values are counted; `None` if events are, or those of a scope.
    pub fn counted_field(&self) -> Option<&str> {
        self.members.iter().find_map(|member| match &member.value {
            Some(KeyPart::Field { name, .. }) => Some(name.as_str()),
            _ => None,
        })
    }

    fn span_text(&self) -> String {
        let units = [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];
        let whole = units.iter().find(|(_, size)| self.span > 0 && self.span.is_multiple_of(*size));
        whole.map_or_else(|| format!("{}ns", self.span), |(unit, size)| format!("{}{unit}", self.span / size))
    }
}

impl ResolvedMember {
    /// Returns the kind of search, `rule`, `correlation` or `condition`, and its name or the condition as it is written.
    pub fn search(&self) -> (&'static str, String) {
        match &self.found {
            Found::Rule(name) => ("rule", name.clone()),
            Found::Correlation(_) => ("correlation", self.text.clone()),
            Found::Step(_) => {
                let text = self.text.rsplit_once("\n= ").map_or(self.text.as_str(), |(written, _)| written);
                ("condition", text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
        }
    }
}

fn describe(member: &ResolvedMember) -> String {
    match member.search() {
        ("condition", text) => format!("{}: {text}", member.name),
        (kind, name) => format!("{}: {kind} '{name}'", member.name),
    }
}
