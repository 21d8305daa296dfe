//! Events in short notation: `A1@0:u=x` is one of kind `a`, called `A1`, at second 0, with the field `u`.

use std::collections::BTreeMap;
use std::sync::Arc;

use peregrine_rule_engine::correlation::key::{self, Keys};
use peregrine_rule_engine::correlation::plan::{CaptureId, Distinct, Feed, KeyId, KeySource, Kind, Member, Plan, Role};
use peregrine_rule_engine::correlation::{Correlator, Hit, Subject, captured};
use peregrine_rule_engine::event::Value;

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field {
    Text(String),
    Number(i64),
    Double(f64),
    Truth(bool),
    List(Vec<Self>),
}

impl Field {
    fn push(&self, out: &mut Vec<u8>) {
        fn with<R>(field: &Field, then: &mut dyn FnMut(Value<'_>) -> R) -> R {
            match field {
                Field::Text(text) => then(Value::Bytes(text.as_bytes())),
                Field::Number(number) => then(Value::I64(*number)),
                Field::Double(number) => then(Value::F64(*number)),
                Field::Truth(truth) => then(Value::Bool(*truth)),
                // One level is enough for tests.
                Field::List(items) => {
                    let items: Vec<Value<'_>> = items
                        .iter()
                        .map(|item| match item {
                            Field::Text(text) => Value::Bytes(text.as_bytes()),
                            Field::Number(number) => Value::I64(*number),
                            other => panic!("a list of {other:?}"),
                        })
                        .collect();
                    then(Value::List(&items))
                }
            }
        }
        with(self, &mut |value| key::push_part(out, value));
    }
}

/// An event.
#[derive(Clone, PartialEq)]
pub(crate) struct Fed {
    pub(crate) kind: char,
    pub(crate) name: String,
    /// In nanoseconds.
    pub(crate) time: u64,
    pub(crate) fields: BTreeMap<String, Field>,
}

impl std::fmt::Debug for Fed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.time as f64 / 1e9)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, ":{name}={value}"))
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Number(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(","))
            }
        }
    }
}

/// Reads events.
pub(crate) fn events(text: &str) -> Vec<Fed> {
    text.split_whitespace().map(event).collect()
}

fn event(text: &str) -> Fed {
    let mut parts = text.split(':');
    let (name, time) = parts.next().and_then(|head| head.split_once('@')).expect("NAME@TIME");
    let seconds: f64 = time.parse().expect("a time in seconds");
    let field = |part: &str| {
        let (name, value) = part.split_once('=').expect("NAME=VALUE");
        (name.to_owned(), value_of(value))
    };
    Fed {
        kind: name.chars().next().expect("a name").to_ascii_lowercase(),
        name: name.to_owned(),
        time: (seconds * 1e9).round() as u64,
        fields: parts.map(field).collect(),
    }
}

fn value_of(text: &str) -> Field {
    if let Some(quoted) = text.strip_prefix('"') {
        return Field::Text(quoted.trim_end_matches('"').to_owned());
    }
    if let Some(items) = text.strip_prefix('[') {
        return Field::List(items.trim_end_matches(']').split(',').map(value_of).collect());
    }
    match (text, text.parse::<i64>(), text.parse::<f64>()) {
        ("true" | "false", ..) => Field::Truth(text == "true"),
        (_, Ok(number), _) => Field::Number(number),
        (_, _, Ok(number)) => Field::Double(number),
        _ => Field::Text(text.to_owned()),
    }
}

/// The fields of a key: names; `?name` may be missing, `^name` is a list of which each is a key.
pub(crate) type By = Vec<String>;

/// A set of correlations over events in short notation, with a member for each letter.
#[derive(Clone, Default)]
pub(crate) struct Set {
    plans: Vec<Plan>,
    /// For each member the kinds of events that it matches.
    kinds: Vec<(Hit, String)>,
    keys: Vec<By>,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plans.iter().try_for_each(|plan| writeln!(f, "{} {:?} {}", plan.name, plan.kind, plan.span))
    }
}

impl Set {
    fn key(&mut self, by: &str) -> KeySource {
        let by: By = by.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let known = self.keys.iter().position(|known| *known == by);
        let place = known.unwrap_or_else(|| {
            self.keys.push(by);
            self.keys.len() - 1
        });
        KeySource::Event(KeyId(place as u32))
    }

    fn member(&mut self, by: &str) -> Member {
        Member { key: self.key(by), value: None, capture: Some(CaptureId(0)) }
    }

    fn push(&mut self, name: &str, span: &str, kind: Kind, members: Vec<Member>) -> u32 {
        let span = (span.parse::<f64>().expect("seconds") * 1e9).round() as u64;
        let identity = format!("{name} {kind:?} {span}");
        self.plans.push(Plan { name: name.to_owned(), span, kind, members, feeds: Vec::new(), identity });
        self.plans.len() as u32 - 1
    }

    fn hit(&mut self, plan: u32, member: usize, kinds: &str) {
        self.kinds.push((Hit { plan, member: member as u16 }, kinds.to_owned()));
    }

    /// Adds a sequence: `a b !c d until u`, each a set of kinds (`ab`: of kind a or b), `*` any; `b/ppid` has a
    /// separate key.
    pub(crate) fn sequence(mut self, steps: &str, by: &str, span: &str) -> Self {
        let (steps, until) = match steps.split_once(" until ") {
            Some((steps, until)) => (steps, Some(until)),
            None => (steps, None),
        };
        let plan = self.plans.len() as u32;
        let (mut roles, mut members, mut done) = (Vec::new(), Vec::new(), 0);
        let mut trailing = false;
        for (place, step) in steps.split_whitespace().enumerate() {
            let (missing, step) = step.strip_prefix('!').map_or((false, step), |step| (true, step));
            let (kinds, own) = step.split_once('/').unwrap_or((step, by));
            members.push(self.member(own));
            self.hit(plan, place, kinds);
            trailing = missing;
            roles.push(if missing { Role::Absent(done) } else { Role::Advance(done) });
            done += u16::from(!missing);
        }
        if let Some(until) = until {
            let (kinds, own) = until.split_once('/').unwrap_or((until, by));
            members.push(self.member(own));
            self.hit(plan, roles.len(), kinds);
            roles.push(Role::Until);
        }
        let kind = Kind::Sequence { roles: roles.into(), stages: done, trailing };
        let name = format!("sequence {plan} {steps} {by} {until:?}");
        self.push(&name, span, kind, members);
        self
    }

    fn window(mut self, rules: &str, by: &str, span: &str, threshold: u32, distinct: Distinct, value: &str) -> Self {
        let plan = self.plans.len() as u32;
        let mut members = Vec::new();
        for (place, kinds) in rules.split_whitespace().enumerate() {
            let mut member = self.member(by);
            if !value.is_empty() {
                member.value = Some(self.key(value));
            }
            members.push(member);
            self.hit(plan, place, kinds);
        }
        let kind = Kind::Window { threshold, distinct };
        self.push(&format!("window {plan} {rules} {by} {value}"), span, kind, members);
        self
    }

    /// Adds a window of `n` events.
    pub(crate) fn event_count(self, rules: &str, by: &str, span: &str, threshold: u32) -> Self {
        self.window(rules, by, span, threshold, Distinct::Events, "")
    }

    /// Adds a window of `n` values.
    pub(crate) fn value_count(self, rules: &str, value: &str, by: &str, span: &str, threshold: u32) -> Self {
        self.window(rules, by, span, threshold, Distinct::Values, value)
    }

    /// Adds a window of `n` of the rules.
    pub(crate) fn temporal(self, rules: &str, by: &str, span: &str, threshold: u32) -> Self {
        self.window(rules, by, span, threshold, Distinct::Members, "")
    }

    /// Makes a member of the last correlation, the kinds of which are `C` and a number, that correlation.
    pub(crate) fn chained(mut self, places: &[u16]) -> Self {
        let last = self.plans.len() as u32 - 1;
        let mut rest = Vec::new();
        for (hit, kinds) in std::mem::take(&mut self.kinds) {
            match kinds.strip_prefix('C').filter(|_| hit.plan == last) {
                Some(inner) => {
                    let inner: usize = inner.parse().expect("the place of a correlation");
                    self.plans[inner].feeds.push(Feed { plan: last, member: hit.member });
                    let member = &mut self.plans[last as usize].members[usize::from(hit.member)];
                    member.key = KeySource::Inner(places.into());
                    member.capture = None;
                }
                None => rest.push((hit, kinds)),
            }
        }
        self.kinds = rest;
        self
    }

    pub(crate) fn plans(&self) -> Arc<[Plan]> {
        self.plans.clone().into()
    }

    pub(crate) fn hits(&self, event: &Fed) -> Vec<Hit> {
        let of = |kinds: &str| kinds == "*" || kinds.contains(event.kind);
        self.kinds.iter().filter(|(_, kinds)| of(kinds)).map(|(hit, _)| *hit).collect()
    }

    /// Returns the matches: for each the names of its events in brackets, in the order of reporting; `-`: nothing.
    pub(crate) fn feed(&self, text: &str) -> String {
        self.feed_events(&events(text))
    }

    pub(crate) fn feed_events(&self, events: &[Fed]) -> String {
        let mut correlator = Correlator::new(self.plans(), 16 << 20);
        let mut found = Vec::new();
        for (number, event) in events.iter().enumerate() {
            let subject = Short { event, number: number as u64, set: self };
            correlator.process(&subject, &self.hits(event), &mut |found_one| {
                let names: Vec<&str> = found_one.steps.iter().map(|step| &*events[step.number as usize].name).collect();
                let prefix = if self.plans.len() > 1 { format!("{}:", found_one.plan) } else { String::new() };
                found.push(format!("{prefix}[{}]", names.join(" ")));
            });
        }
        if found.is_empty() { "-".to_owned() } else { found.join(" ") }
    }
}

/// An event in short notation, with its set.
pub(crate) struct Short<'a> {
    pub(crate) event: &'a Fed,
    pub(crate) number: u64,
    pub(crate) set: &'a Set,
}

impl Subject for Short<'_> {
    fn time(&self) -> u64 {
        self.event.time
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn keys(&self, id: KeyId, keys: &mut Keys) {
        let by = &self.set.keys[id.0 as usize];
        if let [only] = &by[..]
            && let Some(name) = only.strip_prefix('^')
        {
            if let Some(Field::List(items)) = self.event.fields.get(name) {
                items.iter().for_each(|item| {
                    keys.push(|out| {
                        item.push(out);
                        true
                    });
                });
            }
            return;
        }
        keys.push(|out| {
            by.iter().all(|name| {
                let (name, optional) = name.strip_prefix('?').map_or((&**name, false), |name| (name, true));
                match self.event.fields.get(name) {
                    Some(field) => field.push(out),
                    None if optional => key::push_missing(out),
                    None => return false,
                }
                true
            })
        });
    }

    fn capture(&self, _: CaptureId, out: &mut Vec<u8>) {
        let name = self.event.name.as_bytes();
        captured::push(out, Some(name), Some(Value::Bytes(name)));
    }
}
