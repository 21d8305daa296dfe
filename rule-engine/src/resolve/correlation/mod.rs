//! Resolved correlations: members found, conditions compiled, keys and outputs checked.

mod keys;
mod lines;
mod members;
mod order;
mod output;
mod shape;

use crate::correlation::parts::{KeyPart, Piece};
use crate::correlation::plan::Kind;
use crate::diag::{Code, Context, Diagnostic, did_you_mean};
use crate::lower::Condition;
use crate::output::Template;
use crate::response::{Action, Response};
use crate::source::correlation::{Correlation, Parts};
use crate::source::item::Written;
use crate::syntax::ast::Expr;
use crate::text::Spot;

use super::{Resolver, Step, Stopped};

/// The kind of a member.
#[derive(Debug, Clone)]
pub enum Found {
    /// A rule, by its name.
    Rule(String),
    /// A condition that is evaluated like a rule, and raises no alert.
    Step(Condition),
    /// A correlation, by its place among those that are resolved.
    Correlation(usize),
}

/// A member.
#[derive(Debug, Clone)]
pub struct ResolvedMember {
    /// Its name in outputs.
    pub name: String,
    /// Its kind.
    pub found: Found,
    /// A description of the search, for people: the name of a rule, or the condition.
    pub text: String,
    /// Its condition, lists and macros replaced; `None` for a correlation.
    pub tree: Option<Expr>,
    /// The source of its events; empty for a correlation.
    pub source: String,
    /// The parts of its key.
    pub key: Vec<KeyPart>,
    /// The counted field.
    pub value: Option<KeyPart>,
    /// The kept fields of its events: name and template.
    pub captures: Vec<(String, Template)>,
}

/// A correlation.
#[derive(Debug, Clone)]
pub struct ResolvedCorrelation {
    /// Its name.
    pub name: String,
    /// Its description.
    pub desc: String,
    /// Its type, as it is written.
    pub type_name: String,
    /// The source of its alerts.
    pub source: String,
    /// Its priority, from 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it raises no alerts: only correlations that name it use it.
    pub building_block: bool,
    /// The responses that it requests.
    pub responses: Vec<Response>,
    /// The kind of search.
    pub kind: Kind,
    /// The timespan in nanoseconds.
    pub span: u64,
    /// Its members; the last is `until`, if there is one.
    pub members: Vec<ResolvedMember>,
    /// The names of the parts of its key.
    pub group_by: Vec<String>,
    /// Its output as text.
    pub output: String,
    /// The same in pieces.
    pub pieces: Vec<Piece>,
    /// Equal for two correlations with the same meaning of partial matches.
    pub identity: String,
    /// Its place.
    pub context: Context,
}

/// A correlation that is being resolved.
struct Draft<'a> {
    item: &'a Correlation,
    parts: &'a Parts,
    source: String,
}

impl Draft<'_> {
    fn context(&self) -> &Context {
        &self.item.context
    }
}

fn fault(context: &Context, spot: impl Into<Option<Spot>>, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::Validate, message, context.clone()).at(spot))
}

trait Hint {
    fn hinted(self, hint: impl Into<String>) -> Self;
    fn maybe_hinted(self, hint: Option<String>) -> Self;
}

impl Hint for Box<Diagnostic> {
    fn hinted(self, hint: impl Into<String>) -> Self {
        self.maybe_hinted(Some(hint.into()))
    }

    fn maybe_hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl Resolver<'_> {
    /// Resolves all correlations, those first that others name.
    pub(super) fn correlations(&mut self) -> Result<Vec<ResolvedCorrelation>, Stopped> {
        let collection = self.collection;
        let all: Vec<&Correlation> = collection.correlations.iter().collect();
        let order = order::sort(&all, collection);
        let order = self.survive(order)?.unwrap_or_default();
        let mut done: Vec<ResolvedCorrelation> = Vec::with_capacity(order.len());
        for place in order {
            let resolved = self.one_correlation(all[place], &done);
            done.extend(self.survive(resolved)?.flatten());
        }
        Ok(done)
    }

    fn one_correlation(
        &mut self,
        item: &Correlation,
        done: &[ResolvedCorrelation],
    ) -> Step<Option<ResolvedCorrelation>> {
        let parts = &item.parts;
        let source = parts.source.as_ref().map_or_else(|| "syscall".to_owned(), |source| source.text.clone());
        let draft = Draft { item, parts, source };
        if !self.sources.knows(&draft.source) {
            self.unknown_source(&draft.source, &draft, parts.source.as_ref());
            return Ok(None);
        }
        let shape = shape::of(&draft)?;
        let responses = parts.responses.as_deref().unwrap_or_default();
        let ends_by_event = !matches!(shape.kind, Kind::Sequence { trailing: true, .. });
        self.responses(responses, parts.building_block.unwrap_or(false), ends_by_event, &draft.source)?;
        if let Some(asked) = responses.iter().find(|asked| asked.response.action == Action::Deny) {
            let message = "Invalid response: a correlation cannot be denied, since its events have happened";
            return Err(fault(&asked.context, asked.spot, message).hinted("write `deny` in the rule of its last event"));
        }
        let Some(mut members) = self.members(&draft, &shape, done)? else { return Ok(None) };
        let group_by = self.keys(&draft, &mut members, done)?;
        self.values(&draft, &shape, &mut members, done)?;
        let output = parts.output.clone().unwrap_or_else(|| item.name.clone());
        let pieces = self.correlation_output(&draft, &output, &shape, &mut members, &group_by, done)?;
        let mut texts = vec![item.name.text.clone(), format!("{:?} {}", shape.kind, shape.span)];
        for member in &members {
            let names: Vec<&str> = member.captures.iter().map(|(name, _)| name.as_str()).collect();
            let inner = match &member.found {
                Found::Correlation(place) => done[*place].identity.as_str(),
                _ => "",
            };
            let key: Vec<String> = member.key.iter().chain(&member.value).map(KeyPart::meaning).collect();
            let ResolvedMember { source, text, key: parts, .. } = member;
            texts.push(format!("{source} {text} {} {key:?} {names:?} {inner}", parts.len()));
        }
        Ok(Some(ResolvedCorrelation {
            name: item.name.text.clone(),
            desc: parts.desc.clone().unwrap_or_default(),
            type_name: parts.kind.as_ref().map_or(String::new(), |kind| kind.text.clone()),
            source: draft.source.clone(),
            priority: parts.priority.unwrap_or(7),
            tags: parts.tags.clone().unwrap_or_default(),
            enabled: parts.enabled.unwrap_or(true),
            building_block: parts.building_block.unwrap_or(false),
            responses: responses.iter().map(|asked| asked.response.clone()).collect(),
            kind: shape.kind,
            span: shape.span,
            members,
            group_by,
            output: output.text,
            pieces,
            identity: texts.join("\n"),
            context: item.context.clone(),
        }))
    }

    fn unknown_source(&mut self, source: &str, draft: &Draft<'_>, written: Option<&Written>) {
        let message = format!("Unknown source {source}, skipping");
        let hint = did_you_mean(source, self.sources.names().iter().map(String::as_str));
        let spot = written.map_or(draft.item.name.spot, |written| written.spot);
        let tell = Diagnostic::new(Code::UnknownSource, message, draft.context().clone());
        self.diagnostics.push(tell.at(spot).hint(hint));
    }
}
