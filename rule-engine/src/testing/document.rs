//! Parses YAML to tests, and reports errors on the way.

use super::alerts::{Expected, Wanted};
use super::{Fault, Given, Setting, Test};
use crate::diag::{FileId, SourceFile, Spot, did_you_mean};
use crate::output::Priority;
use crate::ruleset::{Selection, Selector};
use crate::source::item::Written;
use crate::source::yaml::{Documents, Node, Style};

/// The keys of a document, of a test and of an alert.
const DOCUMENT: &[&str] = &["rules", "state", "select", "matching", "priority", "only", "tests"];
const TEST: &[&str] = &["test", "desc", "events", "capture", "records", "source", "state", "only", "alerts"];
const ALERT: &[&str] = &["rule", "priority", "event", "output", "fields", "tags", "count"];
/// The source of records if none is named.
const AUDIT: &str = "k8s_audit";
/// The limit of `count` of an expected alert.
const MOST: u32 = 100_000;

/// The state of the reader.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) settings: Vec<Setting>,
    pub(super) tests: Vec<Test>,
    pub(super) faults: Vec<Fault>,
}

fn spot(node: Node<'_>) -> Spot {
    let (start, end) = node.span();
    Spot { file: FileId(0), start, end }
}

/// Returns the text of a scalar with its place.
fn written(node: Node<'_>) -> Option<Written> {
    let scalar = node.scalar()?;
    Some(Written { text: scalar.text.to_string(), spot: spot(node), style: scalar.style })
}

impl Reading {
    fn fault(&mut self, node: Node<'_>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.faults.push(Fault::new(message).at(spot(node)).hint(hint));
    }

    pub(super) fn read(&mut self, file: &SourceFile) {
        let documents = match Documents::read(&file.text) {
            Ok(documents) => documents,
            Err(error) => {
                let start = file.text.offset(error.mark);
                let spot = Spot { file: FileId(0), start, end: start + 1 };
                self.faults.push(Fault::new(error.message).at(spot).hint(error.hint));
                return;
            }
        };
        let mut any = false;
        for root in documents.roots().filter(|root| !root.is_null()) {
            any = true;
            self.document(root);
        }
        if !any {
            let hint = "begin with `rules:` and `tests:`, see docs/rule-tests.md".to_owned();
            self.faults.push(Fault::new("this file has no tests").hint(hint));
        }
    }

    /// Returns the entries of a map whose keys are known; of two that are equal the first counts, and the second is an
    /// error.
    fn keys(&mut self, node: Node<'_>, what: &str, known: &[&str]) {
        let mut seen: Vec<&str> = Vec::new();
        for (key, _) in node.entries() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let hint = did_you_mean(name, known.iter().copied());
                let hint = hint.unwrap_or_else(|| format!("{what} may have {}", known.join(", ")));
                self.fault(key, format!("{what} has no key `{name}`"), hint);
            } else if seen.contains(&name) {
                self.fault(key, format!("duplicate key `{name}`"), None);
            }
            seen.push(name);
        }
    }

    fn document(&mut self, root: Node<'_>) {
        if !root.is_map() {
            let hint = "write `rules:` with the names of rule files and `tests:` with the tests".to_owned();
            self.fault(root, "a test file must be a map", hint);
            return;
        }
        self.keys(root, "a test file", DOCUMENT);
        let rules = root.at("rules").map(|node| self.texts(node, "rules"));
        let selections = root.at("select").map(|node| self.selections(node)).unwrap_or_default();
        let first = root.at("matching").is_some_and(|node| match node.text() {
            Some("first") => true,
            Some("all") => false,
            _ => {
                let hint =
                    "with `first` an event raises at most one alert, with `all` every rule is evaluated".to_owned();
                self.fault(node, "`matching` is `first` or `all`", hint);
                false
            }
        });
        let priority = root.at("priority").and_then(|node| self.priority(node)).unwrap_or(Priority::Debug);
        self.settings.push(Setting { rules, selections, first, priority });
        let state = root.at("state").and_then(|node| self.text(node, "state"));
        let only = root.at("only").map(|node| self.texts(node, "only")).unwrap_or_default();
        match root.at("tests") {
            Some(tests) if tests.is_sequence() => {
                for test in tests.elements() {
                    self.test(test, state.as_ref(), &only);
                }
            }
            Some(other) => self.fault(other, "`tests` is a list", "begin each test with `- test: NAME`".to_owned()),
            None => self.fault(root, "there is no key `tests`", "begin each test with `- test: NAME`".to_owned()),
        }
    }

    fn text(&mut self, node: Node<'_>, key: &str) -> Option<Written> {
        let text = written(node);
        if text.is_none() {
            let hint = format!("write a block of lines: `{key}: |`, with the lines below, indented");
            self.fault(node, format!("`{key}` is text"), hint);
        }
        text
    }

    /// Returns a text or a list of texts.
    fn texts(&mut self, node: Node<'_>, key: &str) -> Vec<Written> {
        if let Some(text) = written(node) {
            return vec![text];
        }
        if !node.is_sequence() {
            self.fault(node, format!("`{key}` is a list of texts"), format!("such as `{key}: [a, b]`"));
            return Vec::new();
        }
        let mut texts = Vec::new();
        for element in node.elements() {
            match written(element) {
                Some(text) => texts.push(text),
                None => self.fault(element, format!("`{key}` is a list of texts"), format!("such as `{key}: [a, b]`")),
            }
        }
        texts
    }

    fn priority(&mut self, node: Node<'_>) -> Option<Priority> {
        let priority = node.text().and_then(|text| text.parse().ok());
        if priority.is_none() {
            let names = Priority::ALL.map(Priority::name);
            let hint = did_you_mean(node.text().unwrap_or_default(), names)
                .unwrap_or_else(|| format!("one of {}", names.join(", ")));
            self.fault(node, "invalid priority", hint);
        }
        priority
    }

    fn number(&mut self, node: Node<'_>, key: &str) -> Option<u32> {
        let number = node.as_u32().filter(|number| *number > 0);
        if number.is_none() {
            self.fault(node, format!("`{key}` is a number from 1"), None);
        }
        number
    }

    /// Reads switches as under `rules` of the detector's configuration.
    fn selections(&mut self, node: Node<'_>) -> Vec<Selection> {
        const FORM: &str = "such as `- enable: {rule: \"*\"}` or `- disable: {tag: network}`";
        let mut selections = Vec::new();
        if !node.is_sequence() {
            self.fault(node, "`select` must be a list of selections", FORM.to_owned());
        }
        for element in node.elements() {
            let mut entries = element.entries();
            let (Some((key, what)), None) = (entries.next(), entries.next()) else {
                self.fault(element, "a selection must be a map with one key", FORM.to_owned());
                continue;
            };
            let enable = match key.text() {
                Some("enable") => true,
                Some("disable") => false,
                _ => {
                    self.fault(key, "a selection must be `enable` or `disable`", FORM.to_owned());
                    continue;
                }
            };
            let mut any = false;
            for (key, value) in what.entries() {
                let rules = match (key.text(), value.text()) {
                    (Some("rule"), Some(pattern)) => Selector::Pattern(pattern.to_owned()),
                    (Some("tag"), Some(tag)) => Selector::Tags(vec![tag.to_owned()]),
                    _ => break,
                };
                selections.push(Selection { rules, enable });
                any = true;
            }
            if !any {
                self.fault(what, "a selection must name a `rule` or a `tag`", FORM.to_owned());
            }
        }
        selections
    }

    fn test(&mut self, node: Node<'_>, state: Option<&Written>, only: &[Written]) {
        if !node.is_map() {
            self.fault(node, "a test must be a map", "begin it with `- test: NAME`".to_owned());
            return;
        }
        self.keys(node, "a test", TEST);
        let Some(name) = node.at("test").and_then(written).filter(|name| !name.text.is_empty()) else {
            self.fault(node, "this test has no name", "begin it with `- test: NAME`".to_owned());
            return;
        };
        let state = node.at("state").map_or_else(|| state.cloned(), |node| self.text(node, "state"));
        let only = node.at("only").map_or_else(|| only.to_vec(), |node| self.texts(node, "only"));
        let mut given = Vec::new();
        if let Some(events) = node.at("events").and_then(|node| self.text(node, "events")) {
            given.push(Given::Trace { state, events });
        }
        if let Some(capture) = node.at("capture").and_then(|node| self.text(node, "capture")) {
            given.push(Given::Capture(capture));
        }
        if let Some(records) = node.at("records") {
            let source = Written { text: AUDIT.to_owned(), spot: spot(records), style: Style::Plain };
            let source = node.at("source").and_then(|node| self.text(node, "source")).unwrap_or(source);
            let records = self.texts(records, "records");
            given.push(Given::Records { source, records });
        } else if let Some(source) = node.at("source") {
            self.fault(source, "`source` is the source of `records`, which are missing", None);
        }
        let one = ["events", "capture", "records"].iter().any(|key| node.at(key).is_some());
        if given.len() > 1 || !one {
            let hint = "`events: |` has lines of text, `capture:` names a .scap file, `records:` has JSON".to_owned();
            self.fault(node, "a test has one of `events`, `capture` and `records`", hint);
        }
        let Some(alerts) = node.at("alerts") else {
            let hint = "write `alerts: none` if no alert is expected".to_owned();
            self.fault(node, "this test has no key `alerts`", hint);
            return;
        };
        let alerts = self.alerts(alerts);
        if let Some(given) = given.pop() {
            self.tests.push(Test { name, setting: self.settings.len() - 1, given, only, alerts });
        }
    }

    fn alerts(&mut self, node: Node<'_>) -> Vec<Expected> {
        if node.text() == Some("none") {
            return Vec::new();
        }
        if !node.is_sequence() {
            let hint = "write `alerts: none`, or a list of rules in the order of their alerts".to_owned();
            self.fault(node, "`alerts` is `none` or a list", hint);
        }
        let mut all = Vec::new();
        for element in node.elements() {
            let Some((expected, count)) = self.alert(element) else { continue };
            let count = count.min(MOST.saturating_sub(all.len() as u32));
            all.extend(std::iter::repeat_n(expected, count as usize));
        }
        all
    }

    fn alert(&mut self, node: Node<'_>) -> Option<(Expected, u32)> {
        let plain =
            |rule| Expected { rule, priority: None, event: None, message: None, fields: Vec::new(), tags: Vec::new() };
        if let Some(rule) = written(node) {
            return Some((plain(rule), 1));
        }
        self.keys(node, "an alert", ALERT);
        let Some(rule) = node.at("rule").and_then(written) else {
            let hint = "write the name of the rule, or `- rule: NAME` with more keys below".to_owned();
            self.fault(node, "this alert does not name its rule", hint);
            return None;
        };
        let mut expected = plain(rule);
        expected.priority = node.at("priority").and_then(|node| self.priority(node));
        expected.event = node.at("event").and_then(|node| self.number(node, "event")).map(u64::from);
        expected.message = node.at("output").and_then(|node| self.text(node, "output")).map(|text| text.text);
        expected.tags = node
            .at("tags")
            .map(|node| self.texts(node, "tags").into_iter().map(|tag| tag.text).collect())
            .unwrap_or_default();
        let count = node.at("count").map_or(Some(1), |node| self.number(node, "count")).unwrap_or(1);
        if count > MOST {
            node.at("count").into_iter().for_each(|node| self.fault(node, format!("`count` is at most {MOST}"), None));
        }
        if let Some(fields) = node.at("fields") {
            if !fields.is_map() {
                let hint = "such as `fields: {fd.name: /etc/shadow}`".to_owned();
                self.fault(fields, "`fields` is a map from names to values", hint);
            }
            for (name, value) in fields.entries() {
                let Some(name) = written(name) else {
                    self.fault(name, "invalid field name", None);
                    continue;
                };
                match wanted(value) {
                    Some(value) => expected.fields.push((name, value)),
                    None => self.fault(value, "the value of a field is a text, a number or a list of them", None),
                }
            }
        }
        Some((expected, count))
    }
}

fn wanted(node: Node<'_>) -> Option<Wanted> {
    if node.is_null() {
        return Some(Wanted::Nothing);
    }
    if node.is_sequence() {
        return node
            .elements()
            .map(|item| item.scalar().map(|item| item.text.to_string()))
            .collect::<Option<_>>()
            .map(Wanted::List);
    }
    node.scalar().map(|scalar| Wanted::Text(scalar.text.to_string()))
}
