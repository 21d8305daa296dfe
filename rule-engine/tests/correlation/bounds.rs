//! Memory and floods: kept data is bounded, drops are counted, and irrelevant events cost nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use peregrine_rule_engine::correlation::key::{self, Keys};
use peregrine_rule_engine::correlation::plan::{CaptureId, KeyId};
use peregrine_rule_engine::correlation::{Correlator, Counters, Hit, Subject, captured};
use peregrine_rule_engine::diag::human::Style;
use peregrine_rule_engine::engine::Config;
use peregrine_rule_engine::event::record::RecordSchema;
use peregrine_rule_engine::event::{Kind, Lifetime, Value};
use peregrine_rule_engine::load::{Loader, Sources};

use crate::script::Set;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(allocations: u64, bytes: isize) {
    // A thread at its end has no counter.
    let _ = COUNT.try_with(|count| count.set(count.get() + allocations));
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as isize - layout.size() as isize);
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECOND: u64 = 1_000_000_000;

/// An event of a process, whose command line is kept.
struct Of {
    process: u64,
    time: u64,
}

impl Subject for Of {
    fn time(&self) -> u64 {
        self.time
    }

    fn number(&self) -> u64 {
        self.time
    }

    fn keys(&self, _: KeyId, keys: &mut Keys) {
        keys.push(|out| {
            // A pid, and its start time.
            key::push_part(out, Value::List(&[Value::U64(self.process), Value::U64(self.process << 20)]));
            true
        });
    }

    fn capture(&self, _: CaptureId, out: &mut Vec<u8>) {
        captured::push(out, Some(b"bash -i"), Some(Value::Bytes(b"bash -i")));
    }
}

fn hit(member: u16) -> [Hit; 1] {
    [Hit { plan: 0, member }]
}

/// Feeds first steps of `count` processes; returns the memory that is held for them.
fn flood(correlator: &mut Correlator, processes: u64) -> isize {
    let before = HELD.get();
    for process in 0..processes {
        correlator.process(&Of { process, time: SECOND + process }, &hit(0), &mut |_| {});
    }
    HELD.get() - before
}

#[test]
fn a_flood_of_keys_does_not_grow_past_the_bound() {
    const LIMIT: usize = 4 << 20;
    let mut correlator = Correlator::new(Set::default().sequence("a b", "k", "60").plans(), LIMIT);
    let held = flood(&mut correlator, 100_000);
    let bytes = correlator.bytes();
    assert!(bytes <= LIMIT, "{bytes}");
    // The counted memory is the held memory, except for buffers that are reused.
    assert!(held as usize <= LIMIT + (64 << 10), "{held} bytes are held, {bytes} counted");
    let Counters { live, evicted, .. } = correlator.counters()[0];
    assert_eq!(live + evicted, 100_000);
    assert!(live > 15_000, "{live} of {LIMIT} bytes");
    // The oldest are gone, the youngest are there.
    let mut found = Vec::new();
    for process in [0, 99_999, 100_000 - live, 100_000 - live - 1] {
        let time = 2 * SECOND;
        correlator.process(&Of { process, time }, &hit(1), &mut |_| found.push(process));
    }
    assert_eq!(found, [99_999, 100_000 - live]);
}

/// An event of which nothing is kept.
struct Bare(u64);

impl Subject for Bare {
    fn time(&self) -> u64 {
        SECOND + self.0
    }

    fn number(&self) -> u64 {
        self.0
    }

    fn keys(&self, _: KeyId, keys: &mut Keys) {
        keys.push(|out| {
            key::push_part(out, Value::U64(self.0));
            true
        });
    }

    fn capture(&self, _: CaptureId, _: &mut Vec<u8>) {}
}

/// Slots, the table and the timers never shrink: they must not take the place of what they are for.
#[test]
fn a_flood_leaves_as_many_partial_matches_as_fit() {
    for steps in ["a b", "a !b"] {
        let plans = Set::default().sequence(steps, "k", "60").plans();
        for limit in (1..=32).map(|part| part * (100 << 10)) {
            let mut correlator = Correlator::new(plans.clone(), limit);
            for number in 0..40_000 {
                correlator.process(&Bare(number), &hit(0), &mut |_| {});
            }
            let (bytes, live) = (correlator.bytes(), correlator.counters()[0].live);
            assert!(bytes <= limit, "{steps}: {bytes} of {limit}");
            let each = limit as u64 / live.max(1);
            assert!(each < 128 * 3 || live > 30_000, "{steps}: {live} in {limit} bytes: {each} each");
        }
    }
}

#[test]
fn a_million_live_partial_matches_are_within_their_bound() {
    const LIMIT: usize = 256 << 20;
    let mut correlator = Correlator::new(Set::default().sequence("a b", "k", "60").plans(), LIMIT);
    let held = flood(&mut correlator, 1_000_000);
    let mut expected = Counters::default();
    expected.live = 1_000_000;
    assert_eq!(correlator.counters()[0], expected);
    assert!(correlator.bytes() <= LIMIT && held as usize <= LIMIT, "{held} bytes are held");
    let mut matches = 0;
    for process in (0..1_000_000).step_by(1_000) {
        correlator.process(&Of { process, time: 2 * SECOND }, &hit(1), &mut |_| matches += 1);
    }
    assert_eq!(matches, 1_000);
}

#[test]
fn the_oldest_of_all_correlations_goes_first() {
    // Two timespans are two lists.
    let set = Set::default().sequence("a b", "k", "60").event_count("a", "k", "600", 3);
    let mut correlator = Correlator::new(set.plans(), 1 << 20);
    for process in 0..20_000 {
        let hits = [Hit { plan: (process % 2) as u32, member: 0 }];
        correlator.process(&Of { process, time: SECOND + process }, &hits, &mut |_| {});
    }
    let [sequence, window] = [correlator.counters()[0], correlator.counters()[1]];
    assert!(sequence.evicted.abs_diff(window.evicted) <= 1, "{sequence:?} {window:?}");
    assert!(sequence.evicted > 1_000 && sequence.live > 1_000, "{sequence:?}");
}

#[test]
fn expired_matches_are_no_longer_live() {
    let set = Set::default().sequence("a b", "k", "5").event_count("c", "k", "5", 9);
    let mut correlator = Correlator::new(set.plans(), 1 << 20);
    for process in 0..100 {
        let both = [Hit { plan: 0, member: 0 }, Hit { plan: 1, member: 0 }];
        correlator.process(&Of { process, time: SECOND }, &both, &mut |_| {});
    }
    assert_eq!([correlator.counters()[0].live, correlator.counters()[1].live], [100, 100]);
    correlator.process(&Of { process: 0, time: 8 * SECOND }, &hit(0), &mut |_| {});
    assert_eq!([correlator.counters()[0].live, correlator.counters()[1].live], [1, 0]);
    assert_eq!(correlator.counters()[0].evicted, 0);
}

#[test]
fn an_event_that_advances_nothing_allocates_nothing() {
    let set = Set::default().sequence("a b c until u", "k", "60").sequence("a !b", "k", "60");
    let mut correlator = Correlator::new(set.plans(), 1 << 20);
    let feed = |correlator: &mut Correlator, process: u64, hits: &[Hit]| {
        correlator.process(&Of { process, time: SECOND }, hits, &mut |_| {});
    };
    let all_but_first: Vec<Hit> = [(0, 1), (0, 2), (0, 3), (1, 1)].map(|(plan, member)| Hit { plan, member }).into();
    // Nothing waits at all; then something waits, but under another key.
    for waiting in [false, true] {
        if waiting {
            feed(&mut correlator, 1, &hit(0));
            feed(&mut correlator, 1, &[Hit { plan: 1, member: 0 }]);
        }
        feed(&mut correlator, 2, &all_but_first);
        let before = COUNT.get();
        (3..1_000).for_each(|process| feed(&mut correlator, process, &all_but_first));
        assert_eq!(COUNT.get(), before, "waiting: {waiting}");
    }
    assert_eq!(correlator.counters()[0].live, 1);
}

/// The same from the event on: conditions, keys and the search for a partial match.
#[test]
fn an_event_of_a_step_that_nothing_waits_for_allocates_nothing() {
    let schema = RecordSchema::new("host", ["exec", "open", "exit"])
        .field_with("proc.name", Kind::CharBuf, |info| info.lifetime = Lifetime::Thread)
        .field("proc.pid", Kind::Int64)
        .field("fd.name", Kind::CharBuf);
    let rules = "
- rule: Read
  desc: d
  condition: evt.type = open and fd.name startswith /etc/
  output: o
  priority: info
  source: host
  building_block: true
- correlation: By fields
  desc: d
  type: temporal_ordered
  rules:
    - {as: run, condition: evt.type = exec and proc.name = sh}
    - Read
    - {as: again, condition: evt.type = open and fd.name startswith /etc/}
  until: evt.type = exit
  group-by: [proc.pid, \"?proc.name\"]
  timespan: 1m
  output: o
  priority: info
  source: host
- correlation: Missing
  desc: d
  type: temporal_ordered
  rules:
    - {as: run, condition: evt.type = exec and proc.name = sh}
    - {as: none, missing: true, condition: evt.type = open and fd.name startswith /etc/}
  group-by: [proc.pid]
  timespan: 1m
  output: o
  priority: info
  source: host
";
    let mut loader = Loader::new(Sources::new().with(schema.clone()));
    let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
    assert!(loaded.is_successful(), "{}", loaded.render(Style::default()));
    let rules = loader.into_sources().build(loaded.into_rules(), &Config::default()).expect("rules");
    let mut runner = rules.source::<RecordSchema>("host").expect("the source").runner();
    let mut feed = |event_type: &str, pid: i64, number: u64| {
        let event = schema
            .record(event_type)
            .with("proc.name", Value::Bytes(b"sh"))
            .with("proc.pid", Value::I64(pid))
            .with("fd.name", Value::Bytes(b"/etc/passwd"))
            .at(number, SECOND + number)
            .stamped(u128::from(pid as u64), u128::from(pid as u64));
        let before = COUNT.get();
        runner.try_process(&event, |_| {}).expect("a record of the schema");
        let made = COUNT.get() - before;
        (made, runner.correlation_stats().0.iter().map(|stats| stats.counters.live).sum::<u64>())
    };
    // Nothing waits; then both wait, for the first step of another process.
    for waiting in [0, 2] {
        if waiting > 0 {
            assert_eq!(feed("exec", 1, 0).1, waiting);
        }
        for round in 0..3 {
            for number in 0..100 {
                let event_type = if number % 3 == 0 { "exit" } else { "open" };
                let (made, live) = feed(event_type, 2 + number as i64 % 7, 1 + number);
                // The first round may make buffers and caches.
                assert!(round == 0 || made == 0, "{made} allocations for event {number}, {waiting} waiting");
                assert_eq!(live, waiting);
            }
        }
    }
    // The events are those of steps.
    assert!(feed("open", 1, 1_000).0 > 0);
}

#[test]
fn a_window_of_one_value_stays_short() {
    // A process that connects to one port for ever is one value of a count of ports.
    let set = Set::default().value_count("a", "v", "k", "3600", 20);
    let mut correlator = Correlator::new(set.plans(), 1 << 20);
    for time in 0..100_000 {
        correlator.process(&Of { process: 7, time }, &hit(0), &mut |_| {});
    }
    assert_eq!(correlator.counters()[0].live, 1);
    let bytes = correlator.bytes();
    assert!(bytes < 64 << 10, "{bytes}");
}

#[test]
fn partial_matches_of_correlations_that_did_not_change_outlive_a_reload() {
    let old = Set::default().sequence("a b", "k", "60").event_count("a", "k", "60", 3).sequence("a !b", "k", "5");
    let new = Set::default().event_count("a", "k", "60", 3).sequence("a b", "", "60").sequence("a !b", "k", "5");
    let mut before = Correlator::new(old.plans(), 1 << 20);
    let three = [0, 1, 2].map(|plan| Hit { plan, member: 0 });
    before.process(&Of { process: 1, time: SECOND }, &three, &mut |_| {});
    before.process(&Of { process: 1, time: 2 * SECOND }, &[three[1]], &mut |_| {});
    let mut renamed: Vec<_> = new.plans().to_vec();
    // The names in this set hold the places: unchanged correlations have one identity in both.
    renamed[0].identity = before.plans()[1].identity.clone();
    renamed[2].identity = before.plans()[2].identity.clone();
    let mut after = Correlator::new(renamed.into(), 1 << 20);
    after.adopt(&mut before);
    let live: Vec<u64> = after.counters().iter().map(|counters| counters.live).collect();
    assert_eq!(live, [1, 0, 1]);
    let mut found = Vec::new();
    after.process(&Of { process: 1, time: 3 * SECOND }, &hit(0), &mut |one| found.push((one.plan, one.count)));
    assert_eq!(found, [(0, 3)]);
    // The one that waits for nothing to happen has its deadline still.
    after.process(&Of { process: 9, time: 9 * SECOND }, &[], &mut |one| found.push((one.plan, one.time)));
    assert_eq!(found, [(0, 3), (2, 6 * SECOND)]);
}

#[test]
fn events_of_old_and_new_rules_count_together_after_a_reload() {
    let plans = Set::default().event_count("a", "k", "60", 3).plans();
    let (mut old, mut new) = (Correlator::new(plans.clone(), 1 << 20), Correlator::new(plans, 1 << 20));
    // Another source has the new rules already.
    old.process(&Of { process: 1, time: SECOND }, &hit(0), &mut |_| ());
    new.process(&Of { process: 1, time: 2 * SECOND }, &hit(0), &mut |_| ());
    new.adopt(&mut old);
    let mut found = Vec::new();
    new.process(&Of { process: 1, time: 3 * SECOND }, &hit(0), &mut |one| found.push((one.first, one.count)));
    assert_eq!(found, [(SECOND, 3)]);
}
