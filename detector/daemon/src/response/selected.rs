//! The responses that are requested: by the configuration for the rules that it matches, and by rules.

use crate::config::settings::{Config, MinPriority, Response, ResponseMatch};
use crate::rules::priority;
use peregrine_response::{Action, Process};
use rule_engine::engine::Alert;
use rule_engine::output::Priority;
use rule_engine::response;
use std::cell::LazyCell;
use std::collections::{HashMap, VecDeque};

/// Number of processes whose alerts are counted for responses that wait for more of them. Of more, those are forgotten
/// whose last alert is the oldest.
const COUNTED: usize = 4096;

/// A response whose alerts are counted, and the ID and start of the process that they are about.
type Counted = (Origin, (i32, u64));

/// The place at which a response is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Origin {
    /// In the configuration, at this place.
    Configuration(usize),
    /// In a rule, at this place.
    Rule(String, usize),
}

/// The responses of a configuration, and the alerts that those of rules wait for.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    enabled: bool,
    rows: Vec<(ResponseMatch, response::Response)>,
    /// The times of the alerts that a response has seen about a process.
    seen: HashMap<Counted, VecDeque<u64>>,
}

impl Selected {
    /// Returns the responses of a configuration, which was checked.
    pub(crate) fn new(config: &Config) -> Self {
        let read = |one: &Response| Some((one.r#match.clone(), one.read().ok()?));
        let rows = config.responses.iter().filter_map(read).collect();
        Self { enabled: config.response.enabled, rows, seen: HashMap::new() }
    }

    /// Returns the actions for an alert about a process, each once, and counts it for those that wait for more: only for
    /// these the process is looked up. What the kernel does is not among them.
    pub(super) fn of(
        &mut self,
        alert: &Alert<'_>,
        process: impl FnOnce() -> Option<Process>,
        time: u64,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.enabled {
            return actions;
        }
        let (rule, tags, priority, source) = (alert.rule(), alert.tags(), alert.priority(), alert.source());
        let process = LazyCell::new(|| process().map_or((0, 0), |process| (process.pid, process.start)));
        let mut add = |asked: &response::Response, origin: &dyn Fn() -> Origin| {
            let is_new = asked.action != Action::Deny && !actions.contains(&asked.action);
            if is_new && (asked.after_alerts <= 1 || is_due(&mut self.seen, (origin(), *process), time, asked)) {
                actions.push(asked.action.clone());
            }
        };
        for (place, (wanted, asked)) in self.rows.iter().enumerate() {
            if matches(wanted, rule, tags, priority, source) {
                add(asked, &|| Origin::Configuration(place));
            }
        }
        let own = alert.definition().map_or(&[][..], |rule| &rule.responses);
        for (place, asked) in own.iter().enumerate() {
            add(asked, &|| Origin::Rule(rule.to_owned(), place));
        }
        actions
    }
}

/// Counts an alert; returns whether there are as many as a response waits for. The count begins again then.
fn is_due(seen: &mut HashMap<Counted, VecDeque<u64>>, key: Counted, time: u64, asked: &response::Response) -> bool {
    if seen.len() >= COUNTED
        && !seen.contains_key(&key)
        && let Some(oldest) = seen.iter().min_by_key(|(_, times)| times.back().copied()).map(|(key, _)| key.clone())
    {
        seen.remove(&oldest);
    }
    let times = seen.entry(key.clone()).or_default();
    let since = time.saturating_sub(u64::from(asked.within_seconds) * 1_000_000_000);
    times.retain(|one| *one >= since);
    times.push_back(time);
    let due = times.len() >= asked.after_alerts as usize;
    if due {
        seen.remove(&key);
    }
    due
}

/// Returns whether a rule meets all criteria.
pub(crate) fn matches(wanted: &ResponseMatch, rule: &str, tags: &[String], is: Priority, source: &str) -> bool {
    (wanted.rule.is_empty() || wanted.rule == rule)
        && wanted.tags.iter().all(|tag| tags.contains(tag))
        && wanted.priority.is_none_or(|most: MinPriority| is <= priority(most))
        && (wanted.source.is_empty() || wanted.source == source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::config::settings::{ResponseAction, ResponseTarget};
    use crate::plugins::Plugins;
    use crate::rules::RuleFiles;
    use bumpalo::Bump;
    use rule_engine::engine::{CompiledRules, OwnedAlert};
    use rule_engine::event::sinsp::SinspSchema;
    use rule_engine::output::Priority;
    use scap::savefile::{Compression, Reader, Writer};
    use scap::{EventBuilder, EventCode, HostState};

    fn selected(response: Response) -> Selected {
        let mut config = Config { responses: vec![response], ..Config::default() };
        config.response.enabled = true;
        Selected::new(&config)
    }

    #[test]
    fn all_criteria_must_be_met() {
        let (arena, own) = (Bump::new(), OwnedAlert::internal("R", Priority::Warning, 7, "text"));
        let alert = own.view(&arena);
        let any = ResponseMatch::default;
        for (wanted, expected) in [
            (ResponseMatch { rule: "R".into(), ..any() }, true),
            (ResponseMatch { rule: "r".into(), ..any() }, false),
            (ResponseMatch { priority: Some(MinPriority::Warning), ..any() }, true),
            (ResponseMatch { priority: Some(MinPriority::Debug), ..any() }, true),
            (ResponseMatch { priority: Some(MinPriority::Error), ..any() }, false),
            (ResponseMatch { tags: vec!["t".into()], ..any() }, false),
            (ResponseMatch { source: "internal".into(), ..any() }, true),
            (ResponseMatch { source: "syscall".into(), ..any() }, false),
            (ResponseMatch { rule: "R".into(), priority: Some(MinPriority::Error), ..any() }, false),
        ] {
            let kill = Some(ResponseAction::Kill);
            let mut selected = selected(Response { r#match: wanted, action: kill, ..Response::default() });
            assert_eq!(selected.of(&alert, || None, 7).len(), usize::from(expected), "{selected:?}");
        }
    }

    #[test]
    fn a_response_may_wait_for_more_alerts_about_a_process() {
        let (arena, own) = (Bump::new(), OwnedAlert::internal("R", Priority::Warning, 7, "text"));
        let alert = own.view(&arena);
        let second = 1_000_000_000;
        let wanted = ResponseMatch { rule: "R".into(), ..ResponseMatch::default() };
        let kill = Some(ResponseAction::Kill);
        let response =
            Response { r#match: wanted, action: kill, after_alerts: 2, within_seconds: 10, ..Response::default() };
        let mut selected = selected(response);
        let of = |pid, start| Process { pid, start, ..Process::default() };
        let mut at = |pid, seconds: u64| selected.of(&alert, || Some(of(pid, 0)), seconds * second).len();
        assert_eq!([at(1, 0), at(2, 1), at(1, 2)], [0, 0, 1]);
        // The count begins again, and only alerts within the time count.
        assert_eq!([at(1, 3), at(1, 14), at(1, 24)], [0, 0, 1]);
        // Bounded: that of the second process is the oldest.
        let pids = 10..10 + COUNTED as i32;
        assert_eq!(pids.map(|pid| at(pid, 100)).sum::<usize>(), 0);
        assert_eq!(selected.seen.len(), COUNTED);
    }

    #[test]
    fn a_process_with_a_reused_id_is_another() {
        let (arena, own) = (Bump::new(), OwnedAlert::internal("R", Priority::Warning, 7, "text"));
        let alert = own.view(&arena);
        let wanted = ResponseMatch { rule: "R".into(), ..ResponseMatch::default() };
        let kill = Some(ResponseAction::Kill);
        let mut selected = selected(Response { r#match: wanted, action: kill, after_alerts: 2, ..Response::default() });
        let mut of = |start| selected.of(&alert, || Some(Process { pid: 5, start, ..Process::default() }), 7).len();
        assert_eq!([of(1), of(2), of(2)], [0, 0, 1]);
    }

    #[test]
    fn a_rule_and_the_configuration_ask_once_and_only_if_responses_are_enabled() {
        let rules = "- {rule: R, desc: d, condition: evt.type = unlink, output: o, priority: ERROR, response: [kill, {action: \
                     stop, after_alerts: 2}]}";
        let rules = peregrine_rules(rules);
        let mut config = Config::default();
        let wanted = ResponseMatch { rule: "R".into(), ..ResponseMatch::default() };
        for (action, target) in [(ResponseAction::Kill, None), (ResponseAction::Kill, Some(ResponseTarget::Tree))] {
            let action = Some(action);
            config.responses.push(Response { r#match: wanted.clone(), action, target, ..Response::default() });
        }
        for (enabled, expected) in [(true, [2, 3]), (false, [0, 0])] {
            config.response.enabled = enabled;
            let mut selected = Selected::new(&config);
            let mut counts = Vec::new();
            exec(&rules, |alert| {
                counts.push(selected.of(alert, || Some(Process { pid: 1, ..Process::default() }), 7).len())
            });
            assert_eq!(counts[..2], expected);
        }
    }

    #[test]
    fn rules_that_request_what_is_disabled_are_noted() {
        let rule = |name: &str, more: &str| {
            format!("- {{rule: {name}, desc: d, condition: evt.type = open, output: o, priority: ERROR{more}}}\n")
        };
        let noted = |text: String| crate::response::disabled(&peregrine_rules(&text));
        assert_eq!(noted(rule("A", "")), None);
        assert_eq!(noted(rule("A", ", enabled: false, response: kill")), None);
        let one = noted(rule("A", ", response: kill") + &rule("B", ""));
        assert!(one.is_some_and(|text| text.starts_with("rule 'A' requests responses; nothing is done")));
        let two = noted(rule("A", ", response: kill") + &rule("B", ", response: stop"));
        assert!(two.is_some_and(|text| text.starts_with("2 rules request responses; nothing is done")));
    }

    fn peregrine_rules(text: &str) -> CompiledRules {
        let files = RuleFiles { files: vec![("r.yaml".into(), text.as_bytes().to_vec())], ..RuleFiles::default() };
        let config = Config::default();
        files.load(&Options::default(), &config, &Plugins::default()).engine(&config).unwrap()
    }

    /// Raises the alerts of two events.
    fn exec(rules: &CompiledRules, mut each: impl FnMut(&Alert<'_>)) {
        let mut runner = rules.source::<SinspSchema>("syscall").unwrap().runner();
        let mut writer = Writer::new(Vec::new(), &HostState::default(), Compression::Plain).unwrap();
        let mut builder = EventBuilder::new();
        for time in [1, 2] {
            writer
                .write(&builder.start(EventCode::UNLINK_2_X).ts(time).tid(7).i64(0).text("/x").finish().unwrap())
                .unwrap();
        }
        let capture = writer.finish().unwrap();
        let mut inspector = sinsp::Inspector::new(Reader::new(capture.as_slice()).unwrap());
        inspector.for_each(|event| runner.process(&event, |alert| each(&alert))).unwrap();
    }
}
