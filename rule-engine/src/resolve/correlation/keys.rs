//! Keys and counted values: fields of each member's source, of one type.

use crate::correlation::parts::{Class, KeyPart};
use crate::correlation::plan::{Distinct, Kind};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::event::{Scope, ScopeSource, Special};
use crate::source::correlation::{Looks, Member};
use crate::source::item::Written;

use super::super::{Resolver, Step};
use super::shape::{Shape, spot_of};
use super::{Draft, Found, Hint, ResolvedCorrelation, ResolvedMember, fault};

impl Resolver<'_> {
    /// Finds the key of each member; returns the names of its parts.
    pub(super) fn keys(
        &mut self,
        draft: &Draft<'_>,
        members: &mut [ResolvedMember],
        done: &[ResolvedCorrelation],
    ) -> Step<Vec<String>> {
        let written: Vec<&Member> = draft.parts.rules.iter().flatten().chain(&draft.parts.until).collect();
        self.check_aliases(draft, &written, members)?;
        let common = draft.parts.group_by.as_deref().unwrap_or_default();
        let mut first: Option<(usize, Vec<Class>)> = None;
        for (place, member) in members.iter_mut().enumerate() {
            let names = written[place].group_by.as_deref().unwrap_or(common);
            let mut key = Vec::with_capacity(names.len());
            for name in names.iter().filter(|name| name.text != Scope::Host.name()) {
                key.push(self.part(draft, written[place], member, name, done)?);
            }
            let trees = |part: &&KeyPart| matches!(part, KeyPart::Processes(Scope::Tree));
            if key.iter().filter(trees).count() > 1 {
                let message = "A key has two trees";
                return Err(fault(draft.context(), names[0].spot, message).hinted("name `tree` once"));
            }
            let classes: Vec<Class> = key.iter().map(KeyPart::class).collect();
            match &first {
                None => first = Some((place, classes)),
                Some((one, of)) if of.len() != classes.len() => {
                    let spot = names.first().map_or(spot_of(written[place]), |name| name.spot);
                    let message = format!(
                        "The key of step '{}' has {} parts, and that of step {} has {}",
                        member.name,
                        classes.len(),
                        one + 1,
                        of.len()
                    );
                    return Err(fault(draft.context(), spot, message).hinted("keys are compared part by part"));
                }
                Some((one, of)) => {
                    if let Some(at) = (0..of.len()).find(|at| of[*at] != classes[*at]) {
                        let spot = names.get(at).map_or(spot_of(written[place]), |name| name.spot);
                        let message = format!(
                            "Part {} of the key of step '{}' is {}, and that of step {} is {}: they are never equal",
                            at + 1,
                            member.name,
                            classes[at].name(),
                            one + 1,
                            of[at].name()
                        );
                        return Err(fault(draft.context(), spot, message)
                            .hinted("name fields of one type, by `aliases` or a `group-by` of the step"));
                    }
                }
            }
            member.key = key;
        }
        let names = if common.is_empty() { written[0].group_by.as_deref().unwrap_or_default() } else { common };
        let names = names.iter().map(|name| name.text.trim_start_matches('?')).filter(|name| *name != "host");
        Ok(names.map(str::to_owned).collect())
    }

    /// Finds the counted field of each member.
    pub(super) fn values(
        &mut self,
        draft: &Draft<'_>,
        shape: &Shape,
        members: &mut [ResolvedMember],
        done: &[ResolvedCorrelation],
    ) -> Step<()> {
        let Some(field) = &shape.field else { return Ok(()) };
        debug_assert!(matches!(shape.kind, Kind::Window { distinct: Distinct::Values, .. }));
        let written: Vec<&Member> = draft.parts.rules.iter().flatten().collect();
        for (member, written) in members.iter_mut().zip(written) {
            let part = self.part(draft, written, member, field, done)?;
            if matches!(part.class(), Class::List) || matches!(part, KeyPart::Processes(Scope::Tree)) {
                let message = format!("'{}' is {}, whose values cannot be counted", field.text, part.class().name());
                return Err(
                    fault(draft.context(), field.spot, message).hinted("name a field that has one value in an event")
                );
            }
            member.value = Some(part);
        }
        Ok(())
    }

    fn part(
        &mut self,
        draft: &Draft<'_>,
        written: &Member,
        member: &ResolvedMember,
        name: &Written,
        done: &[ResolvedCorrelation],
    ) -> Step<KeyPart> {
        let (text, optional) = name.text.strip_prefix('?').map_or((name.text.as_str(), false), |text| (text, true));
        let refuse =
            |message: String, hint: Option<String>| Err(fault(draft.context(), name.spot, message).maybe_hinted(hint));
        if let Found::Correlation(place) = member.found {
            let inner = &done[place];
            let Some(at) = inner.group_by.iter().position(|known| known == text) else {
                let message = format!("Correlation '{}' has no key '{text}'", inner.name);
                let hint = did_you_mean(text, inner.group_by.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("its keys are its `group-by`: [{}]", inner.group_by.join(", ")));
                return refuse(message, Some(hint));
            };
            let class = inner.members[0].key[at].class();
            return Ok(KeyPart::Inner(at as u16, class));
        }
        let alias = draft.parts.aliases.iter().flatten().find(|alias| alias.name.text == text);
        let mut text = text;
        if let Some(alias) = alias {
            let names = [&written.looks];
            let is_it = |by: &Written| {
                by.text == member.name
                    || names.iter().any(|looks| matches!(looks, Looks::For(name) if name.text == by.text))
            };
            match alias.fields.iter().find(|(by, _)| is_it(by)) {
                Some((_, field)) => text = &field.text,
                None => {
                    let message =
                        format!("Alias '{}' has no field for '{}'", alias.name.text, member_name(written, member));
                    return Err(fault(draft.context(), alias.name.spot, message)
                        .hinted(format!("add `{}: FIELD`", member_name(written, member))));
                }
            }
        }
        if let Some(scope) = Scope::from_name(text) {
            match self.sources.scope(&member.source, scope) {
                ScopeSource::Processes => return Ok(KeyPart::Processes(scope)),
                ScopeSource::Field(field) => text = field,
                ScopeSource::None => {
                    let message = format!("Events of source '{}' have no {text}", member.source);
                    return refuse(message, Some("give the step its own `group-by`".to_owned()));
                }
            }
        }
        let info = match self.sources.key_field(&member.source, text) {
            Ok(info) => info,
            Err(message) => {
                let scopes = Scope::ALL.map(Scope::name);
                let near = did_you_mean(text, scopes).filter(|_| !text.contains('.'));
                let hint = near.or_else(|| self.sources.near_field(&member.source, text));
                let message =
                    format!("Step '{}' of source '{}' has no field '{text}': {message}", member.name, member.source);
                let mut fault = Box::new(Diagnostic::new(Code::CompileCondition, message, draft.context().clone()));
                fault.spot = Some(name.spot);
                return Err(fault.maybe_hinted(hint));
            }
        };
        if matches!(info.special, Special::AnyEnd | Special::AnyAncestor) {
            let message = format!("'{text}' is several values of one event, so it cannot be a key");
            let hint = match info.name.split_once('.') {
                Some(("fd", end)) => format!("name one end: `fd.s{end}` or `fd.c{end}`"),
                _ => "name one of them".to_owned(),
            };
            return refuse(message, Some(hint));
        }
        Ok(KeyPart::Field { name: text.to_owned(), id: info.id, optional, class: Class::of(&info) })
    }

    fn check_aliases(&mut self, draft: &Draft<'_>, written: &[&Member], members: &[ResolvedMember]) -> Step<()> {
        for alias in draft.parts.aliases.iter().flatten() {
            for (by, _) in &alias.fields {
                let known = written.iter().zip(members).any(|(written, member)| {
                    member.name == by.text || matches!(&written.looks, Looks::For(name) if name.text == by.text)
                });
                if !known {
                    let names = written.iter().zip(members).map(|(written, member)| member_name(written, member));
                    let message =
                        format!("Alias '{}' names '{}', which is not under `rules`", alias.name.text, by.text);
                    return Err(fault(draft.context(), by.spot, message).maybe_hinted(did_you_mean(&by.text, names)));
                }
            }
        }
        Ok(())
    }
}

/// Returns the name of a member for messages.
fn member_name<'a>(written: &'a Member, member: &'a ResolvedMember) -> &'a str {
    match (&written.name, &written.looks) {
        (Some(name), _) => &name.text,
        (None, Looks::For(name)) => &name.text,
        (None, Looks::Condition(_)) => &member.name,
    }
}
