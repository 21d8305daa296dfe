//! Properties of any correlation and any stream. The integration tests of `rule-engine` use this file too.

use std::fmt::Write as _;
use std::sync::Arc;

use peregrine_rule_engine::correlation::key::{self, Keys};
use peregrine_rule_engine::correlation::naive::Naive;
use peregrine_rule_engine::correlation::plan::{
    CaptureId, Distinct, JUMP, KeyId, KeySource, Kind, LATENESS, Member, Plan, Role,
};
use peregrine_rule_engine::correlation::{Correlator, Hit, Subject, captured};
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::{Config, Runner};
use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind as FieldKind, Lifetime, Value};
use peregrine_rule_engine::load::{Loader, Sources, describe};
use peregrine_rule_engine::ruleset;

/// An event: its time, its number, and its key.
struct Event {
    time: u64,
    number: u64,
    key: u8,
}

impl Subject for Event {
    fn time(&self) -> u64 {
        self.time
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn keys(&self, _: KeyId, keys: &mut Keys) {
        // Some have no key, and some several.
        for part in 0..self.key % 4 {
            keys.push(|out| {
                key::push_part(out, Value::U64(u64::from(self.key.wrapping_sub(part))));
                true
            });
        }
    }

    fn capture(&self, _: CaptureId, out: &mut Vec<u8>) {
        captured::push(out, None, Some(Value::U64(self.number)));
    }
}

/// Returns a plan of four members out of three bytes.
fn plan(bytes: [u8; 3]) -> Plan {
    let member = Member {
        key: KeySource::Event(KeyId(0)),
        value: (bytes[0] % 4 == 1).then_some(KeySource::Event(KeyId(1))),
        capture: Some(CaptureId(0)),
    };
    let threshold = u32::from(bytes[1] % 5) + 1;
    let kind = match bytes[0] % 4 {
        0 => Kind::Window { threshold, distinct: Distinct::Events },
        1 => Kind::Window { threshold, distinct: Distinct::Values },
        2 => Kind::Window { threshold: threshold.min(4), distinct: Distinct::Members },
        _ => {
            // The first step happens; a bit for each other says whether it must not; the last may be `until`.
            let (mut roles, mut done) = (vec![Role::Advance(0)], 1);
            for place in 1..3 {
                let missing = bytes[1] >> place & 1 == 1;
                roles.push(if missing { Role::Absent(done) } else { Role::Advance(done) });
                done += u16::from(!missing);
            }
            let until = bytes[1] & 1 == 1;
            if until {
                roles.push(Role::Until);
            } else {
                roles.push(Role::Advance(done));
                done += 1;
            }
            let trailing = until && matches!(roles[2], Role::Absent(_));
            Kind::Sequence { roles: roles.into(), stages: done, trailing }
        }
    };
    let span = u64::from(bytes[2]) * 100_000_000;
    Plan { name: String::new(), span, kind, members: vec![member; 4], feeds: Vec::new(), identity: String::new() }
}

/// Reads any bytes as two correlations and a stream: the correlator finds what the oracle finds, and stays within a
/// small limit of memory.
pub fn correlation(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<6>() else { return };
    let plans: Arc<[Plan]> = [plan([head[0], head[1], head[2]]), plan([head[3], head[4], head[5]])].into();
    let mut correlator = Correlator::new(Arc::clone(&plans), usize::MAX);
    let mut small = Correlator::new(Arc::clone(&plans), 1 << 17);
    let mut naive = Naive::new(plans);
    let (mut clock, mut was_far) = (LATENESS, false);
    for (number, chunk) in rest.chunks_exact(4).take(300).enumerate() {
        let step = u64::from(chunk[1]) * 10_000_000;
        let pause = u64::from(chunk[3]) * 1_000_000_000;
        let time = match chunk[1] {
            240.. => clock - step % LATENESS,
            // A wrong time, and a pause. Two in a row may be a jump of the time.
            239 if !was_far => clock + 2 * JUMP + pause,
            238 if !was_far => {
                clock += pause;
                clock
            }
            _ => clock + step,
        };
        was_far = !was_far && matches!(chunk[1], 238 | 239);
        if chunk[1] != 239 || !was_far {
            clock = clock.max(time);
        }
        let event = Event { time, number: number as u64, key: chunk[2] };
        let of =
            |plan: u32, bits: u8| (0..4).filter(move |at| bits >> at & 1 == 1).map(move |member| Hit { plan, member });
        let hits: Vec<Hit> = of(0, chunk[0] & 15).chain(of(1, chunk[0] >> 4)).collect();
        let mut found = Vec::new();
        correlator.process(&event, &hits, &mut |one| {
            let numbers: Vec<u64> = one.steps.iter().map(|step| step.number).collect();
            found.push((one.plan, one.key.to_vec(), one.time, numbers));
        });
        let expected: Vec<_> =
            naive.process(&event, &hits).into_iter().map(|one| (one.plan, one.key, one.time, one.numbers)).collect();
        assert_eq!(found, expected, "event {number}");
        small.process(&event, &hits, &mut |_| {});
        assert!(small.bytes() <= 1 << 17);
    }
}

/// Rules that the correlations may name.
const RULES: &str = "
- rule: a
  desc: d
  condition: evt.type = a
  output: a %e.u
  priority: info
  source: fuzz
- rule: b
  desc: d
  condition: evt.type = b and e.v startswith p
  output: b %e.v
  priority: info
  source: fuzz
  building_block: true
";

/// Choices out of bytes; the first of each, when they have ended.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn number(&mut self, below: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % below
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.number(texts.len())]
    }

    /// Chooses one of the first texts, seldom one of the others.
    fn mostly<'t>(&mut self, good: &[&'t str], bad: &[&'t str]) -> &'t str {
        if self.number(40) == 39 { self.of(bad) } else { self.of(good) }
    }
}

/// Writes one correlation: most are valid, and each part may be what it must not be.
fn item(name: usize, choices: &mut Choices<'_>, out: &mut String) {
    const GOOD: &[&str] =
        &["evt.type = a", "evt.type = b", "evt.type in (a, c) and e.u = x", "e.v startswith p", "e.n >= 2"];
    let condition = |choices: &mut Choices<'_>| choices.mostly(GOOD, &["nonsense =", "e.nothing = 1", ""]);
    let kind = choices.mostly(&["temporal_ordered", "event_count", "value_count", "temporal"], &["sum", "temporal "]);
    let ordered = kind == "temporal_ordered";
    let _ = write!(out, "- correlation: C{name}\n  desc: d\n  type: {kind}\n  source: fuzz\n  rules:\n");
    for step in 0..choices.number(4) + 1 + usize::from(ordered) {
        match choices.number(16) {
            0 => out.push_str("    - a\n"),
            1 => out.push_str("    - b\n"),
            // An earlier one; seldom itself or a later one: a cycle, or an unknown name.
            2 => _ = writeln!(out, "    - {}", choices.mostly(&["C0"], &["C1", "C2", "C3"])),
            3 if step > 0 => {
                let group = choices.mostly(&["e.u", "e.v"], &["e.u, e.v", ""]);
                let _ = writeln!(out, "    - {{rule: a, as: s{step}, group-by: [{group}]}}");
            }
            4 | 5 if ordered && step > 0 => {
                let _ = writeln!(out, "    - {{as: s{step}, missing: true, condition: '{}'}}", condition(choices));
            }
            _ => _ = writeln!(out, "    - {{as: s{step}, condition: '{}'}}", condition(choices)),
        }
    }
    let key = choices
        .mostly(&["[e.u]", "[e.v]", "[\"?e.u\"]", "[]"], &["[e.u, e.n]", "[process]", "[host]", "[e.no]", "[who]"]);
    let _ = writeln!(out, "  group-by: {key}");
    let span = choices.mostly(&["2s", "500ms", "1m"], &["0s", "90", "1000w", "-1s", "99999999999999999999s"]);
    let _ = writeln!(out, "  timespan: {span}");
    let count = &["{gte: 2}", "{gt: 1}", "{eq: 3}", "{lt: 2}"];
    let bad = &["", "{gte: 0}", "{gte: 99999}", "{up: 1}", "{gte: 2, lt: 1}"];
    let condition_of = match kind {
        "temporal_ordered" => choices.mostly(&[""], count),
        "temporal" => choices.mostly(&["", "{gte: 2}"], bad),
        _ => choices.mostly(count, bad),
    };
    let field = if kind == "value_count" { choices.mostly(&["e.v", "e.n"], &["", "e.nothing"]) } else { "" };
    let until =
        if ordered { choices.mostly(&["", "evt.type = d"], &["{condition: evt.type = d}", "nonsense ="]) } else { "" };
    let aliases = choices.mostly(&[""], &["{who: {a: e.u, b: e.v, s0: e.u, s1: e.v}}", "{who: e.u}"]);
    let block = choices.mostly(&[""], &["true", "1"]);
    let exceptions = choices.mostly(&["", "[{name: e, fields: [e.u], comps: [=], values: [[y]]}]"], &["[{name: e}]"]);
    for (key, value) in [
        ("condition", condition_of),
        ("field", field),
        ("until", until),
        ("aliases", aliases),
        ("building_block", block),
        ("exceptions", exceptions),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "  {key}: {value}");
        }
    }
    let output = choices.mostly(
        &["%e.u %correlation.count", "%first.e.u %last.e.v"],
        &["%s0.e.u %s1.e.v", "%step1.e.u", "%C0.count %"],
    );
    let _ = write!(out, "  output: \"o {output} %correlation.first\"\n  priority: notice\n");
}

/// Reads any bytes as a rules file of correlations and a stream. Loading ends; every error can be printed; correlations
/// without errors can be described, and raise the same alerts whether steps are evaluated on demand or always, within
/// their limit of memory. Returns the number of alerts; `None` if the file has errors.
pub fn file(data: &[u8]) -> Option<usize> {
    const MEMORY: usize = 1 << 18;
    let schema = RecordSchema::new("fuzz", ["a", "b", "c", "d"])
        .field_with("e.u", FieldKind::CharBuf, |info| info.lifetime = Lifetime::Thread)
        .field("e.v", FieldKind::CharBuf)
        .field("e.n", FieldKind::Int64);
    let mut choices = Choices(data);
    let mut text = RULES.to_owned();
    for name in 0..=choices.number(4) {
        item(name, &mut choices, &mut text);
    }
    let events = choices.0;
    let runner = |index: bool| -> Option<Runner<RecordSchema>> {
        let mut loader = Loader::new(Sources::new().with(schema.clone()));
        let loaded = loader.load([("fuzz.yaml", text.as_bytes())]);
        assert_eq!(loaded.render(Style { colour: false }).is_empty(), loaded.diagnostics.is_empty());
        assert_eq!(loaded.is_successful(), !loaded.diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
        if !loaded.is_successful() {
            return None;
        }
        describe(&loaded, loader.sources_mut(), None).expect("all rules can be described");
        let evaluation = ruleset::Config::default().matching(ruleset::Matching::All).index(index);
        let config = Config::default().evaluation(evaluation).correlation_memory(MEMORY);
        let rules = loader.into_sources().build(loaded.into_rules(), &config).expect("rules without errors");
        Some(rules.source::<RecordSchema>("fuzz").expect("the source").runner())
    };
    let (mut indexed, mut plain, mut count) = (runner(true)?, runner(false)?, 0);
    let mut clock = LATENESS;
    for (number, chunk) in events.chunks_exact(3).take(200).enumerate() {
        let step = u64::from(chunk[1]) * 10_000_000;
        let time = if chunk[1] >= 240 { clock - step % LATENESS } else { clock + step };
        clock = clock.max(time);
        let (u, v) = (["x", "y", "z"][usize::from(chunk[2] % 3)], ["p", "pq", "r"][usize::from(chunk[2] / 3 % 3)]);
        let mut event = schema.record(["a", "b", "c", "d"][usize::from(chunk[0] % 4)]);
        if chunk[0] & 4 == 0 {
            event = event.with("e.u", Value::Bytes(u.as_bytes()));
        }
        if chunk[0] & 8 == 0 {
            event = event.with("e.v", Value::Bytes(v.as_bytes()));
        }
        let stamp = u128::from(chunk[0] & 4) * 256 + u128::from(chunk[2] % 3) + 1;
        let event =
            event.with("e.n", Value::I64(i64::from(chunk[2] / 9))).at(number as u64, time).stamped(stamp, stamp);
        let run = |runner: &mut Runner<RecordSchema>| {
            let mut alerts = Vec::new();
            let done = runner.try_process(&event, |alert| alerts.push(format!("{}: {alert}", alert.rule())));
            done.expect("an event of the schema");
            assert!(runner.correlation_stats().1 <= MEMORY);
            alerts
        };
        let alerts = run(&mut indexed);
        assert_eq!(alerts, run(&mut plain), "event {number} of {text}");
        count += alerts.iter().filter(|alert| alert.starts_with('C')).count();
    }
    Some(count)
}
