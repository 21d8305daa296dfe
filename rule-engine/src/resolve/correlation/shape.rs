//! The properties of a correlation: type, timespan, condition, the roles of its members.

use crate::correlation::plan::{Distinct, Kind, MAX_COUNT, MAX_MEMBERS, Role};
use crate::diag::{Diagnostic, did_you_mean};
use crate::source::correlation::{Looks, Member, TYPES};
use crate::source::item::Written;

use super::super::Step;
use super::{Draft, Hint, fault};

/// The units of timespans, with their nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// The properties of a correlation before its members are looked up.
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) span: u64,
    /// The counted field.
    pub(super) field: Option<Written>,
}

pub(super) fn of(draft: &Draft<'_>) -> Step<Shape> {
    let (parts, context) = (draft.parts, draft.context());
    let name_spot = draft.item.name.spot;
    let kind = parts.kind.as_ref().ok_or_else(|| fault(context, name_spot, "A correlation has no type"))?;
    if !TYPES.contains(&kind.text.as_str()) {
        let hint = did_you_mean(&kind.text, TYPES).unwrap_or_else(|| match kind.text.as_str() {
            "sequence" => "write `temporal_ordered`".to_owned(),
            "value_sum" | "value_avg" | "value_percentile" | "value_median" => {
                "`event_count` counts events and `value_count` different values".to_owned()
            }
            _ => format!("one of {}", TYPES.join(", ")),
        });
        return Err(fault(context, kind.spot, format!("Unknown type of correlation '{}'", kind.text)).hinted(hint));
    }
    let span = match &parts.timespan {
        Some(written) => timespan(written).map_err(|hint| {
            fault(context, written.spot, format!("Invalid timespan '{}'", written.text)).hinted(hint)
        })?,
        None => return Err(fault(context, name_spot, "A correlation has no timespan").hinted("write `timespan: 30s`")),
    };
    let rules = parts.rules.as_deref().unwrap_or_default();
    members_fit(draft, rules)?;
    let ordered = kind.text == "temporal_ordered";
    let only_ordered = rules.iter().find(|member| member.missing).or(parts.until.as_ref());
    if let Some(member) = only_ordered.filter(|_| !ordered) {
        let message = format!("Only sequences have missing steps and `until`, and the type is '{}'", kind.text);
        return Err(fault(&member.context, spot_of(member), message).hinted("write `type: temporal_ordered`"));
    }
    let condition = parts.condition.as_deref().unwrap_or_default();
    let found = match kind.text.as_str() {
        "temporal_ordered" => {
            if let Some((operator, _)) = condition.first() {
                let message = "A sequence has no condition: all of its steps are required";
                return Err(fault(context, operator.spot, message).hinted("leave `condition` out"));
            }
            sequence(draft, rules)?
        }
        name => {
            let (distinct, all) = match name {
                "event_count" => (Distinct::Events, None),
                "value_count" => (Distinct::Values, None),
                _ => (Distinct::Members, Some(rules.len() as u32)),
            };
            let threshold = threshold(draft, condition, all)?;
            Kind::Window { threshold, distinct }
        }
    };
    let field = match (&parts.field, kind.text == "value_count") {
        (Some(field), true) => Some(field.clone()),
        (None, false) => None,
        (None, true) => {
            let message = "A value_count has no field to count";
            return Err(fault(context, kind.spot, message).hinted("add `field:`, such as `field: fd.sport`"));
        }
        (Some(field), false) => {
            let message = format!("A correlation of type '{}' counts no field", kind.text);
            return Err(fault(context, field.spot, message).hinted("write `type: value_count`, or leave `field` out"));
        }
    };
    Ok(Shape { kind: found, span, field })
}

pub(super) fn spot_of(member: &Member) -> crate::text::Spot {
    match &member.looks {
        Looks::For(name) | Looks::Condition(name) => name.spot,
    }
}

/// Parses a number and a unit; otherwise returns a hint.
fn timespan(written: &Written) -> Result<u64, String> {
    let text = written.text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    if let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) {
        let number: u64 = number.parse().map_err(|_| "write a whole number and a unit, such as `30s`".to_owned())?;
        return number.checked_mul(*size).ok_or_else(|| "that is more than 584 years".to_owned());
    }
    Err(match unit {
        "" if digits > 0 => format!("write the unit: `{number}s` for seconds"),
        "M" | "y" => "months and years have no fixed length: write days, such as `30d`".to_owned(),
        _ if unit.starts_with('.') => "write a whole number of a smaller unit, such as `1500ms`".to_owned(),
        _ => {
            let names: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
            format!("write a whole number and one of the units {}", names.join(", "))
        }
    })
}

/// Checks the number of members, and that each has a unique name.
fn members_fit(draft: &Draft<'_>, rules: &[Member]) -> Step<()> {
    let (context, spot) = (draft.context(), draft.item.name.spot);
    if rules.is_empty() {
        return Err(
            fault(context, spot, "A correlation has no rules").hinted("name rules, or write steps, under `rules`")
        );
    }
    if rules.len() >= MAX_MEMBERS {
        let message = format!("A correlation has more than {} rules", MAX_MEMBERS - 1);
        return Err(fault(context, spot, message).hinted("name correlations of some of them"));
    }
    let mut names: Vec<&str> = Vec::new();
    for name in rules.iter().chain(&draft.parts.until).filter_map(|member| member.name.as_ref()) {
        let refuse = |message: String, hint: &str| Err(fault(context, name.spot, message).hinted(hint));
        let is_word = name.text.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !is_word {
            let message = format!("'{}' cannot be the name of a step", name.text);
            return refuse(message, "write letters, digits, `_` and `-`, a letter first");
        }
        if ["first", "last", "correlation"].contains(&name.text.as_str()) {
            let message = format!("'{}' is reserved in outputs", name.text);
            return refuse(message, "give the step a different name");
        }
        if names.contains(&name.text.as_str()) {
            let message = format!("Two steps are called '{}'", name.text);
            return refuse(message, "give each step a different name");
        }
        names.push(&name.text);
    }
    Ok(())
}

fn sequence(draft: &Draft<'_>, rules: &[Member]) -> Step<Kind> {
    if let Some(first) = rules.first().filter(|first| first.missing) {
        let message = "The first step of a sequence cannot be missing";
        let hint = "a missing step follows another step: write that first";
        return Err(fault(&first.context, spot_of(first), message).hinted(hint));
    }
    let (mut roles, mut done) = (Vec::with_capacity(rules.len() + 1), 0);
    for member in rules {
        roles.push(if member.missing { Role::Absent(done) } else { Role::Advance(done) });
        done += u16::from(!member.missing);
    }
    if rules.len() < 2 {
        let message = "A sequence of one step is a rule";
        return Err(fault(draft.context(), draft.item.name.spot, message).hinted("write a rule, or add a step"));
    }
    if draft.parts.until.is_some() {
        roles.push(Role::Until);
    }
    let trailing = rules.last().is_some_and(|last| last.missing);
    Ok(Kind::Sequence { roles: roles.into(), stages: done, trailing })
}

/// Returns the least count for which all comparisons are true: a count grows by one, and a match consumes its events.
fn threshold(draft: &Draft<'_>, condition: &[(Written, Written)], all: Option<u32>) -> Step<u32> {
    let context = draft.context();
    let refuse = |written: &Written, message: String, hint: &str| -> Box<Diagnostic> {
        fault(context, written.spot, message).hinted(hint)
    };
    if condition.is_empty() {
        return all.ok_or_else(|| {
            fault(context, draft.item.name.spot, "A count has no condition").hinted("write `condition: {gte: 10}`")
        });
    }
    let (mut least, mut most, mut exactly) = (1u32, u32::MAX, None);
    for (operator, number) in condition {
        let value: u32 = number.text.parse().ok().filter(|value| *value <= MAX_COUNT).ok_or_else(|| {
            let message = format!("'{}' is not a count", number.text);
            refuse(number, message, &format!("write a whole number up to {MAX_COUNT}"))
        })?;
        match operator.text.as_str() {
            "gt" => least = least.max(value + 1),
            "gte" => least = least.max(value),
            "lt" => most = most.min(value.saturating_sub(1)),
            "lte" => most = most.min(value),
            "eq" => exactly = Some(value),
            other => {
                let known = ["gt", "gte", "lt", "lte", "eq"];
                let hint = did_you_mean(other, known).unwrap_or_else(|| format!("one of {}", known.join(", ")));
                return Err(refuse(operator, format!("Unknown comparison '{other}'"), &hint));
            }
        }
    }
    let found = exactly.unwrap_or(least);
    let never = found < least || found > most || found == 0 || all.is_some_and(|all| found > all);
    if never {
        let message = match all {
            Some(all) => format!("The condition is never true: there are {all} rules"),
            None => "The condition is never true".to_owned(),
        };
        return Err(refuse(&condition[0].0, message, "write one comparison, such as `gte: 10`"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Style;
    use crate::text::{FileId, Spot};

    #[test]
    fn timespans() {
        let of = |text: &str| {
            let spot = Spot { file: FileId(0), start: 0, end: 0 };
            timespan(&Written { text: text.to_owned(), spot, style: Style::Plain })
        };
        for (text, expect) in [
            ("30s", 30_000_000_000),
            ("500ms", 500_000_000),
            ("1 m", 60_000_000_000),
            ("2h", 7_200_000_000_000),
            ("0s", 0),
            ("7ns", 7),
            ("1w", 604_800_000_000_000),
        ] {
            assert_eq!(of(text), Ok(expect), "{text}");
        }
        for (text, hint) in [
            ("90", "`90s`"),
            ("1.5s", "`1500ms`"),
            ("1M", "`30d`"),
            ("", "units"),
            ("s", "whole number"),
            ("-3s", "units"),
            ("3 fortnights", "units"),
            ("99999999999999999999s", "whole number"),
            ("99999999999w", "584 years"),
        ] {
            let found = of(text).expect_err(text);
            assert!(found.contains(hint), "{text}: {found}");
        }
    }
}
