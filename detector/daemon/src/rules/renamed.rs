//! Old names of default rules and macros, for messages about names that no longer exist.
//!
//! A selection, an override or an exception that names a default rule by its old name would have no effect or be an
//! error that does not help. The table is `renamed.txt` beside the rules.

use crate::config::settings::Config;
use rule_engine::engine::CompiledRules;
use rule_engine::load::Loaded;
use rule_engine::ruleset::Selector;

const TABLE: &str = include_str!("../../rules/renamed.txt");

/// One renamed item.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Renamed {
    /// `rule`, `correlation` or `macro`.
    kind: &'static str,
    old: &'static str,
    new: &'static str,
}

impl Renamed {
    fn all() -> impl Iterator<Item = Self> {
        TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (kind, names) = line.split_once(": ")?;
            let (old, new) = names.split_once(" -> ")?;
            Some(Self { kind, old, new })
        })
    }

    fn sentence(self) -> String {
        let Self { kind, old, new } = self;
        format!("{kind} '{old}' was renamed to '{new}'")
    }
}

/// Returns a sentence with the new name of a rule or correlation, if this is an old one.
pub(crate) fn rule(name: &str) -> Option<String> {
    Renamed::all().find(|renamed| renamed.kind != "macro" && renamed.old == name).map(Renamed::sentence)
}

/// Adds hints to errors about rules and macros that do not exist.
pub(super) fn add_hints(loaded: &mut Loaded) {
    for found in &mut loaded.diagnostics {
        let is_about = |renamed: &Renamed| {
            let named = found.context.locations.iter().any(|location| location.item == renamed.old);
            let missing = found.message.ends_with(&format!("no {} by that name already exists", renamed.kind));
            let used = format!("Undefined {} '{}'", renamed.kind, renamed.old);
            (named && missing) || found.message.starts_with(&used)
        };
        if let Some(renamed) = Renamed::all().find(is_about) {
            found.hint = Some(renamed.sentence());
        }
    }
}

/// Returns a warning for each setting that selects no rule and may mean old names.
pub(super) fn warnings(config: &Config, sets: &CompiledRules) -> Vec<String> {
    let mut settings = Vec::new();
    for (place, selection) in config.rules.iter().enumerate() {
        for (able, key) in [(&selection.enable, "enable"), (&selection.disable, "disable")] {
            settings.extend(able.iter().map(|able| (format!("rules[{place}].{key}.rule"), &able.rule)));
        }
    }
    let quiet = config.noise_control.rules.iter().enumerate();
    settings.extend(quiet.map(|(place, quiet)| (format!("noise_control.rules[{place}].rule"), &quiet.rule)));
    let append = config.append_output.iter().enumerate();
    settings.extend(append.map(|(place, entry)| (format!("append_output[{place}].match.rule"), &entry.r#match.rule)));
    let selects = |pattern: &str| {
        let selector = Selector::Pattern(pattern.to_owned());
        sets.all().any(|set| set.rules().rules().iter().any(|rule| selector.selects(rule)))
    };
    let warning = |(key, pattern): (String, &String)| {
        let meant = Renamed::all().filter(|renamed| renamed.kind != "macro" && may_mean(pattern, renamed.old));
        let sentences: Vec<_> = meant.map(Renamed::sentence).collect();
        (!sentences.is_empty() && !selects(pattern))
            .then(|| format!("{key}: '{pattern}' matches no rule; {}", sentences.join("; ")))
    };
    settings.into_iter().filter_map(warning).collect()
}

/// Returns whether a name is this one, or contains the parts of a pattern in their order.
fn may_mean(pattern: &str, name: &str) -> bool {
    let mut rest = name;
    let mut parts = pattern.split('*').map(|part| rest.find(part).map(|at| rest = &rest[at + part.len()..]));
    let is_pattern = pattern.contains('*') && pattern.chars().any(|c| c != '*');
    pattern == name || is_pattern && parts.all(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::Plugins;
    use rule_engine::load::Loader;

    fn current() -> Loaded {
        let loaded = loader().load([("rules", &include_bytes!("../../rules/peregrine_rules.yaml")[..])]);
        assert!(loaded.is_successful());
        loaded
    }

    fn loader() -> Loader {
        let sources =
            rule_engine::load::Sources::new().with(crate::rules::syscalls(&Config::default(), &Plugins::default()));
        Loader::new(sources)
    }

    #[test]
    fn every_row_has_an_old_and_a_current_name() {
        let loaded = current();
        let exists = |kind: &str, name: &str| match kind {
            "rule" => loaded.collection.rules.iter().any(|rule| rule.rule.name == name),
            "correlation" => loaded.collection.correlations.iter().any(|correlation| correlation.name.text == name),
            "macro" => loaded.collection.macros.iter().any(|macro_| macro_.name == name),
            kind => panic!("{kind}"),
        };
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(rows.count(), Renamed::all().count(), "a malformed row");
        assert!(Renamed::all().count() > 40);
        for renamed in Renamed::all() {
            assert!(!exists(renamed.kind, renamed.old), "{} is a current name", renamed.old);
            assert!(exists(renamed.kind, renamed.new), "{} is not a current name", renamed.new);
        }
    }

    #[test]
    fn changes_of_unknown_items_have_a_hint() {
        let hints = |text: &str| {
            let mut loaded = loader().load([("rules", text.as_bytes())]);
            add_hints(&mut loaded);
            loaded.diagnostics.into_iter().filter_map(|found| found.hint).collect::<Vec<_>>()
        };
        let log = ["rule 'Log erased' was renamed to 'Log file deleted or truncated'"];
        assert_eq!(hints("- rule: Log erased\n  condition: and evt.type = unlink\n  append: true\n"), log);
        assert_eq!(hints("- rule: Log erased\n  priority: INFO\n  override: {priority: replace}\n"), log);
        assert_eq!(hints("- rule: Log erased\n  enabled: false\n"), log);
        let exceptions = "  exceptions: [{name: a, fields: [proc.name], values: [[x]]}]\n";
        assert_eq!(hints(&format!("- rule: Log erased\n{exceptions}  override: {{exceptions: append}}\n")), log);
        let running = ["macro 'package_manager_at_work' was renamed to 'package_manager_running'"];
        assert_eq!(
            hints("- macro: package_manager_at_work\n  condition: or evt.type = open\n  append: true\n"),
            running
        );
        let rule = "- rule: A\n  desc: d\n  condition: evt.type = open and not package_manager_at_work\n";
        assert_eq!(hints(&format!("{rule}  output: x\n  priority: INFO\n")), running);
        assert!(hints("- rule: Something else\n  enabled: false\n").is_empty());
    }

    #[test]
    fn patterns_may_mean_old_names() {
        for (pattern, expected) in [
            ("Log erased", true),
            ("Log*", true),
            ("*erased", true),
            ("L*g*ed", true),
            ("*erased*Log*", false),
            ("Log", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(may_mean(pattern, "Log erased"), expected, "{pattern}");
        }
    }
}
