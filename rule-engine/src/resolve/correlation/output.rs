//! The output of a correlation: text with fields of its steps.

use crate::correlation::parts::{Piece, Which};
use crate::correlation::plan::{Kind, Role};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::item::Written;

use super::super::{Resolver, Step};
use super::shape::Shape;
use super::{Draft, Found, Hint, ResolvedCorrelation, ResolvedMember};

/// The names that may follow `%correlation.`, in addition to those of the key.
const OF_ALL: [&str; 5] = ["count", "span", "first", "last", "name"];

/// Returns the longest word at the beginning of a text that may be a field, with its argument.
fn word(text: &str) -> usize {
    let mut end = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'[' => match text[end..].find(']') {
                Some(close) => return end + close + 1,
                None => break,
            },
            b'.' | b'_' | b'-' => end += 1,
            _ if byte.is_ascii_alphanumeric() => end += 1,
            _ => break,
        }
    }
    text[..end].trim_end_matches(['.', '-']).len()
}

impl Resolver<'_> {
    /// Reads the output, and makes each member keep the fields that it prints.
    pub(super) fn correlation_output(
        &mut self,
        draft: &Draft<'_>,
        output: &Written,
        shape: &Shape,
        members: &mut [ResolvedMember],
        group_by: &[String],
        done: &[ResolvedCorrelation],
    ) -> Step<Vec<Piece>> {
        self.keep_outputs_of_rules(members);
        let mut pieces = Vec::new();
        let mut rest = output.text.as_str();
        while let Some(percent) = rest.find('%') {
            if percent > 0 {
                pieces.push(Piece::Text(rest[..percent].to_owned()));
            }
            rest = &rest[percent + 1..];
            let end = word(rest);
            let name = &rest[..end];
            if name.is_empty() || rest[end..].starts_with('(') {
                let hint = match name {
                    "" => "write a field behind `%`, such as `%last.proc.name`",
                    _ => "outputs of correlations have no transformers",
                };
                return Err(output_fault(
                    draft,
                    output,
                    "A `%` is not followed by a field".to_owned(),
                    Some(hint.to_owned()),
                ));
            }
            pieces.push(self.piece(draft, output, name, shape, members, group_by, done)?);
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(pieces)
    }

    /// Keeps the outputs of rules: the alert has the same as the alert of each rule would have.
    fn keep_outputs_of_rules(&mut self, members: &mut [ResolvedMember]) {
        for member in members {
            let Found::Rule(name) = &member.found else { continue };
            let index = self.collection.rules.at(name);
            let Some(rule) = self.rules.iter().find(|rule| Some(rule.index) == index) else { continue };
            let names: Vec<String> = rule.template.fields().map(str::to_owned).collect();
            for name in names {
                keep(self.sources, member, &name).ok();
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all of the correlation")]
    fn piece(
        &mut self,
        draft: &Draft<'_>,
        output: &Written,
        name: &str,
        shape: &Shape,
        members: &mut [ResolvedMember],
        group_by: &[String],
        done: &[ResolvedCorrelation],
    ) -> Step<Piece> {
        let refuse = |message: String, hint: Option<String>| Err(output_fault(draft, output, message, hint));
        let (prefix, mut field) = name.split_once('.').unwrap_or((name, ""));
        if prefix == "correlation" {
            return match field {
                "count" => Ok(Piece::Count),
                "span" => {
                    Ok(Piece::Span(draft.parts.timespan.as_ref().map_or(String::new(), |span| span.text.clone())))
                }
                "first" => Ok(Piece::FirstTime),
                "last" => Ok(Piece::LastTime),
                "name" => Ok(Piece::Name),
                _ => match group_by.iter().position(|known| known == field) {
                    Some(place) => Ok(Piece::Key { name: field.to_owned(), place: place as u16 }),
                    None => {
                        let known = OF_ALL.iter().copied().chain(group_by.iter().map(String::as_str));
                        let hint = did_you_mean(field, known.clone())
                            .unwrap_or_else(|| format!("one of {}", known.collect::<Vec<_>>().join(", ")));
                        refuse(format!("A correlation has no '{field}'"), Some(hint))
                    }
                },
            };
        }
        let step = members.iter().position(|member| member.name == prefix);
        let (which, of_step) = match (prefix, step) {
            (_, Some(place)) => (Which::Member(place as u16), Some(field)),
            ("first", None) => (Which::First, Some(field)),
            ("last", None) => (Which::Last, Some(field)),
            _ => (Which::Last, None),
        };
        let rest = std::mem::replace(&mut field, of_step.unwrap_or(name));
        let mut places = vec![None; members.len()];
        let wanted = members_of(which, shape, members.len());
        if wanted.is_empty() {
            let message = format!("Step '{prefix}' is a missing step: it has no fields");
            return refuse(message, Some("name another step".to_owned()));
        }
        for place in wanted {
            let member = &mut members[place];
            if let Found::Correlation(inner) = member.found {
                let keys = &done[inner].group_by;
                let at = keys.iter().position(|key| key == field).or((field == "count").then_some(keys.len()));
                let Some(at) = at else {
                    let message = format!("Correlation '{}' has no '{field}' in outputs of others", done[inner].name);
                    let known = keys.iter().map(String::as_str).chain(["count"]);
                    let hint = format!("it has {}", known.collect::<Vec<_>>().join(", "));
                    return refuse(message, Some(hint));
                };
                places[place] = Some(at as u16);
                continue;
            }
            match keep(self.sources, member, field) {
                Ok(at) => places[place] = Some(at),
                Err(message) => {
                    let is_rule =
                        |member: &&ResolvedMember| matches!(&member.found, Found::Rule(rule) if rule == prefix);
                    if of_step.is_none()
                        && let Some(member) = members.iter().find(is_rule)
                    {
                        let message = format!("'%{name}' names rule '{prefix}', and not its step '{}'", member.name);
                        let hint = format!("name the step with `as:`, or write %{}.{rest}", member.name);
                        return refuse(message, Some(hint));
                    }
                    let names = members.iter().map(|member| member.name.as_str());
                    let near = did_you_mean(prefix, names.chain(["first", "last", "correlation"]));
                    let hint = self.sources.near_field(&members[place].source, field).or(near);
                    let message = match of_step {
                        Some(_) => format!("'%{name}' is not a field of step '{}': {message}", members[place].name),
                        None => format!("'%{name}' is neither a field nor one of a step: {message}"),
                    };
                    return refuse(message, hint);
                }
            }
        }
        Ok(Piece::Field { name: name.to_owned(), which, places: places.into() })
    }
}

/// Makes a member keep a field; returns the place.
fn keep(sources: &mut super::super::Sources, member: &mut ResolvedMember, field: &str) -> Result<u16, String> {
    if let Some(at) = member.captures.iter().position(|(known, _)| known == field) {
        return Ok(at as u16);
    }
    let template = sources.template(&member.source, &format!("%{field}")).map_err(|error| error.to_string())?;
    // A longer word that begins with a field is not that field.
    if template.fields().next() != Some(field) {
        return Err(format!("there is no field '{field}'"));
    }
    member.captures.push((field.to_owned(), template));
    Ok(member.captures.len() as u16 - 1)
}

/// Returns the members that may have the event.
fn members_of(which: Which, shape: &Shape, count: usize) -> Vec<usize> {
    let Kind::Sequence { roles, stages, .. } = &shape.kind else {
        return match which {
            Which::Member(place) => vec![usize::from(place)],
            Which::First | Which::Last => (0..count).collect(),
        };
    };
    let is_it = |role: &Role| match (which, role) {
        (Which::Member(_), Role::Advance(_)) => true,
        (Which::First, Role::Advance(stage)) => *stage == 0,
        (Which::Last, Role::Advance(stage)) => stage + 1 == *stages,
        _ => false,
    };
    let all = (0..roles.len()).filter(|place| is_it(&roles[*place]));
    all.filter(|place| !matches!(which, Which::Member(of) if usize::from(of) != *place)).collect()
}

fn output_fault(draft: &Draft<'_>, output: &Written, message: String, hint: Option<String>) -> Box<Diagnostic> {
    let fault = Diagnostic::new(Code::CompileOutput, message, draft.context().clone()).at(output.spot);
    Box::new(fault).maybe_hinted(hint)
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_end_where_a_field_does() {
        for (text, expect) in [
            ("shell.proc.cmdline)", "shell.proc.cmdline"),
            ("proc.name. Then", "proc.name"),
            ("a.proc.aname[2] x", "a.proc.aname[2]"),
            ("evt.arg[x", "evt.arg"),
            ("", ""),
            (" x", ""),
            ("toupper(x)", "toupper"),
        ] {
            assert_eq!(&text[..word(text)], expect, "{text}");
        }
    }
}
