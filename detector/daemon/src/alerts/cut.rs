//! A note in alerts with the names of values that may have been cut.
//!
//! The probe keeps the first bytes of long values. A rule may have matched the rest, or a reader may look for it: the
//! alert says that there was more.

use rule_engine::engine::{Alert, Note, SourceRules};
use rule_engine::event::Schema;
use rule_engine::event::sinsp::SinspSchema;
use rule_engine::ruleset::{Rule, RuleId};
use sinsp::fields::{MayBeCut, has_cut_parameter};

/// The name of the note.
const NOTE: &str = "truncated";

/// The fields of each rule whose values may be cut, sorted by name, by the number of the rule.
pub(crate) struct CutFields(Vec<Box<[(String, MayBeCut)]>>);

impl CutFields {
    /// Finds them among the fields of conditions and outputs.
    pub(crate) fn new(rules: &SourceRules<SinspSchema>) -> Self {
        let (ruleset, schema) = (rules.rules(), rules.schema());
        let of_rule = |(rule, id): (&Rule, u32)| {
            let in_condition = ruleset.condition_fields(RuleId(id)).into_iter().map(|field| schema.field_name(field));
            let message = rule.output.message.fields();
            let in_output = message.chain(rule.output.extra.iter().flat_map(|extra| extra.template.fields()));
            let named = in_condition.chain(in_output.map(str::to_owned));
            let mut fields: Vec<_> = named.filter_map(|name| MayBeCut::of(&name).map(|cut| (name, cut))).collect();
            fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            fields.dedup_by(|(a, _), (b, _)| a == b);
            fields.into_boxed_slice()
        };
        Self(ruleset.rules().iter().zip(0..).map(of_rule).collect())
    }

    /// Returns the note about the fields of the rule, and about text that the event itself carries; `None` if nothing was
    /// cut.
    pub(crate) fn note(&self, alert: &Alert<'_>, event: &sinsp::Event<'_>) -> Option<Note> {
        let fields = self.0.get(alert.rule_id()?.0 as usize)?;
        let mut names = String::new();
        for (name, _) in fields.iter().filter(|(_, cut)| cut.is_so(event)) {
            if !names.is_empty() {
                names.push(',');
            }
            names.push_str(name);
        }
        // Conditions use it under many names; few rules use the environment of a new program.
        if names.is_empty() && has_cut_parameter(event) {
            names.push_str("evt.args");
        }
        (!names.is_empty()).then(|| Note::new(NOTE, names))
    }
}
