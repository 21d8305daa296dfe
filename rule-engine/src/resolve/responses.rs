//! Whether the responses of rules can be what they request.

use super::{Resolver, Step};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::event::{Scope, ScopeSource};
use crate::response::Action;
use crate::source::item::Asked;

/// The means of a program for responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Means {
    /// The names of the programs that `run` can name.
    pub programs: Vec<String>,
    /// Whether there is a server for `webhook`.
    pub webhook: bool,
}

impl Resolver<'_> {
    /// Checks the responses of a rule, or of a correlation. `ends_by_event`: whether it matches at an event and not because
    /// there was none.
    pub(super) fn responses(
        &self,
        asked: &[Asked],
        building_block: bool,
        ends_by_event: bool,
        source: &str,
    ) -> Step<()> {
        for one in asked {
            let action = &one.response.action;
            let (why, hint) = if building_block {
                let hint = "write it in the correlations that use the rule".to_owned();
                ("a building block raises no alerts, so that there is nothing to respond to".to_owned(), Some(hint))
            } else if self.sources.scope(source, Scope::Process) != ScopeSource::Processes {
                (format!("events of source '{source}' have no process"), None)
            } else if !ends_by_event && action.scope().is_some() {
                let hint = "`run` and `webhook` need no process".to_owned();
                (
                    "the correlation matches because an event is missing, so that there is no process".to_owned(),
                    Some(hint),
                )
            } else {
                match (action, self.means) {
                    (Action::Run(name), Some(means)) if !means.programs.iter().any(|known| *known == **name) => {
                        let hint = did_you_mean(name, means.programs.iter().map(String::as_str));
                        let hint = hint.or_else(|| Some("define it in the configuration".to_owned()));
                        (format!("program '{name}' is not defined under response.programs"), hint)
                    }
                    (Action::Webhook(_), Some(means)) if !means.webhook => {
                        ("response.webhook has no url".to_owned(), Some("set it in the configuration".to_owned()))
                    }
                    _ => continue,
                }
            };
            let message = format!("Invalid response: {why}");
            let fault = Diagnostic::new(Code::Validate, message, one.context.clone()).at(one.spot);
            return Err(Box::new(fault.hint(hint)));
        }
        Ok(())
    }
}
