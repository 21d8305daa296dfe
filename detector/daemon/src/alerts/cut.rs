//! A note in alerts with the names of values that may have been cut.
//!
//! The probe keeps the first bytes of long values. A rule may have matched the rest, or a reader may look for it: the
//! alert says that there was more.

use rule_engine::engine::{Alert, Note};
use sinsp::fields::may_be_cut;

/// The name of the note.
const NOTE: &str = "truncated";

/// Returns the note about the fields of the output of a rule, and about text that the event itself carries; `None` if
/// nothing was cut.
pub(crate) fn note(alert: &Alert<'_>, event: &sinsp::Event<'_>) -> Option<Note> {
    let output = &alert.definition()?.output;
    let fields = output.message.fields().chain(output.extra.iter().flat_map(|extra| extra.template.fields()));
    let mut names: Vec<&str> = fields.filter(|field| may_be_cut(event, field)).collect();
    // Conditions use it under many names.
    if names.is_empty() && may_be_cut(event, "evt.args") && !only_environment(event) {
        names.push("evt.args");
    }
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| Note::new(NOTE, names.join(",")))
}

/// Returns whether nothing but the environment of a new program was cut, which few rules use.
fn only_environment(event: &sinsp::Event<'_>) -> bool {
    let Some(info) = event.raw().info() else { return false };
    info.params.iter().all(|param| param.name == "env" || !may_be_cut(event, &format!("evt.arg.{}", param.name)))
}
