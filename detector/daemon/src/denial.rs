//! Responses that the kernel carries out: rules whose events are denied before they happen.
//!
//! Which rules, and what the kernel has to know for them, is decided when rules are loaded: a rule that it cannot decide is
//! an error. The programs in the kernel are those of the crate `peregrine-bpf`; a replay loads none.

use crate::Fatal;
use crate::config::settings::{Config, ResponseAction};
use crate::names::SYSCALL;
use crate::response::matches;
use peregrine_response::Action;
use rule_engine::deny::{self, Plan};
use rule_engine::engine::CompiledRules;

/// Returns what rules deny in the kernel, by the configuration. `None` if none does.
///
/// # Errors
///
/// Every part of every rule that the kernel cannot decide.
pub(crate) fn plan(config: &Config, rules: &CompiledRules) -> Result<Option<Plan>, Fatal> {
    if !config.response.enabled {
        return Ok(None);
    }
    let mut names: Vec<&str> = Vec::new();
    for of in rules.all() {
        let asking = of.rules().rules().iter().filter(|rule| rule.enabled && !rule.building_block);
        let asking = asking.filter(|rule| rule.responses.iter().any(|asked| asked.action == Action::Deny));
        names.extend(asking.map(|rule| rule.name()));
    }
    let wanted = config.responses.iter().filter(|response| response.action == Some(ResponseAction::Deny));
    for wanted in wanted.map(|response| &response.r#match) {
        let before = names.len();
        for of in rules.all() {
            let rules = of.rules().rules().iter().filter(|rule| rule.enabled && !rule.building_block);
            for rule in rules {
                let meant = matches(wanted, rule.name(), &rule.output.tags, rule.output.priority, of.rules().source());
                // Those of other sources are errors only if they are named.
                let named = wanted.rule == rule.name();
                if meant && (named || of.rules().source() == SYSCALL) && !names.contains(&rule.name()) {
                    names.push(rule.name());
                }
            }
        }
        if names.len() == before && !wanted.rule.is_empty() && !names.contains(&wanted.rule.as_str()) {
            return Err(Fatal(format!(
                "responses: deny: there is no enabled rule '{}' that meets the match",
                wanted.rule
            )));
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    deny::compile(rules, SYSCALL, &names).map(Some).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Fatal(format!("responses: deny: {}", lines.join("\n  ")))
    })
}

#[cfg(feature = "live")]
mod kernel;
#[cfg(feature = "live")]
pub(crate) use kernel::Denier;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::config::settings::{Response, ResponseMatch};
    use crate::plugins::Plugins;
    use crate::rules::RuleFiles;

    const RULES: &str = "
- rule: Decidable
  desc: d
  condition: evt.type = execve and proc.exepath startswith /tmp/
  output: x
  priority: ERROR
  tags: [deny]
- rule: Undecidable
  desc: d
  condition: evt.type = execve and proc.cmdline contains evil
  output: x
  priority: WARNING
";

    fn of(wanted: ResponseMatch, enabled: bool) -> Result<Option<Plan>, String> {
        let files = RuleFiles { files: vec![("r.yaml".into(), RULES.as_bytes().to_vec())], ..RuleFiles::default() };
        let mut config = Config::default();
        config.response.enabled = enabled;
        config.responses =
            vec![Response { r#match: wanted, action: Some(ResponseAction::Deny), ..Response::default() }];
        let rules = files.load(&Options::default(), &config, &Plugins::default()).engine(&config).unwrap();
        plan(&config, &rules).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_that_a_response_denies_are_compiled_or_refused() {
        let named = |rule: &str| ResponseMatch { rule: rule.into(), ..ResponseMatch::default() };
        let tagged = ResponseMatch { tags: vec!["deny".into()], ..ResponseMatch::default() };
        for wanted in [named("Decidable"), tagged] {
            let plan = of(wanted.clone(), true).unwrap().unwrap();
            assert_eq!((plan.rules.as_slice(), plan.hooks.len()), (&["Decidable".to_owned()][..], 1));
            assert_eq!(of(wanted, false), Ok(None));
        }
        let why = of(named("Undecidable"), true).unwrap_err();
        assert!(
            why.contains("rule 'Undecidable' cannot be denied in the kernel: proc.cmdline contains evil: "),
            "{why}"
        );
        let why = of(named("Missing"), true).unwrap_err();
        assert!(why.contains("there is no enabled rule 'Missing'"), "{why}");
        // By a priority, all of them must be decidable.
        let errors = ResponseMatch { source: SYSCALL.into(), ..ResponseMatch::default() };
        assert!(of(errors, true).is_err());
    }
}
