//! The engine finds the same as the oracle, which keeps every event and looks at all of them.

use peregrine_rule_engine::correlation::Correlator;
use peregrine_rule_engine::correlation::naive::{Naive, NaiveMatch};
use proptest::prelude::*;

use crate::script::{Fed, Field, Set, Short};

/// Steps of a sequence, with missing ones and with `until`.
fn sequence() -> impl Strategy<Value = String> {
    let step = prop_oneof![4 => "[abc]", 1 => Just("ab".to_owned()), 1 => Just("*".to_owned())];
    let steps = (proptest::collection::vec((step, prop::bool::weighted(0.2)), 2..5), prop::option::of("[abcd]"));
    steps.prop_map(|(steps, until)| {
        let mut text = Vec::new();
        let mut happen = 0;
        for (place, (step, missing)) in steps.into_iter().enumerate() {
            let missing = missing && place > 0;
            happen += usize::from(!missing);
            text.push(if missing { format!("!{step}") } else { step });
        }
        if happen < 2 && !text.last().is_some_and(|last| last.starts_with('!')) {
            text.push("b".to_owned());
        }
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        text.join(" ") + &until
    })
}

fn by() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just("u"), Just("?u"), Just("u,v"), Just("^l")]
}

fn span() -> impl Strategy<Value = String> {
    prop_oneof![Just("0".to_owned()), (1u32..12).prop_map(|seconds| seconds.to_string()), Just("2.5".to_owned())]
}

fn one(set: Set) -> impl Strategy<Value = Set> {
    let from = set;
    (0..5, sequence(), by(), span(), 1u32..5).prop_map(move |(kind, steps, by, span, count)| {
        let set = from.clone();
        match kind {
            0 | 1 => set.sequence(&steps, by, &span),
            2 => set.event_count("a bc", by, &span, count),
            3 => set.value_count("a bc", "v", by, &span, count),
            _ => set.temporal("a b ca", by, &span, count.min(3)),
        }
    })
}

/// Generates up to three correlations, and perhaps one over the first.
fn set() -> impl Strategy<Value = Set> {
    let many = one(Set::default()).prop_flat_map(one).prop_flat_map(one);
    (many, prop::option::of((any::<bool>(), span(), 1u32..4))).prop_map(|(set, outer)| match outer {
        Some((true, span, _)) => set.sequence("C0 b", "", &span).chained(&[]),
        Some((false, span, count)) => set.event_count("C0 a", "", &span, count).chained(&[]),
        None => set,
    })
}

/// Events in order, each at most as late as the docs allow; some after a pause, and some with a time that is wrong.
fn stream() -> impl Strategy<Value = Vec<Fed>> {
    let field = |values: &'static [&'static str]| prop::option::weighted(0.9, prop::sample::select(values));
    let event = (
        prop::sample::select(&['a', 'b', 'c', 'd'][..]),
        0u64..2_000,
        prop::bool::weighted(0.1),
        (prop::option::weighted(0.03, 30_000u64..200_000), any::<bool>()),
        (field(&["x", "y", "z"]), field(&["p", "q"]), proptest::collection::vec(0i64..4, 0..3)),
    );
    proptest::collection::vec(event, 0..300).prop_map(|events| {
        let (mut clock, mut was_far) = (0, false);
        let mut all = Vec::new();
        for (place, (kind, step, late, (far, is_wrong), (u, v, list))) in events.into_iter().enumerate() {
            // Two in a row may be a jump of the time.
            let far = far.filter(|_| !was_far);
            was_far = far.is_some();
            let millis = if let Some(far) = far {
                if is_wrong {
                    clock + 120_000 + far
                } else {
                    clock += far;
                    clock
                }
            } else if late {
                // Late: the clock stays, and the event is from before.
                u64::saturating_sub(clock, step.min(1_000))
            } else {
                clock += step / 100 * 100;
                clock
            };
            let mut fields = std::collections::BTreeMap::new();
            fields.extend(u.map(|u| ("u".to_owned(), Field::Text(u.to_owned()))));
            fields.extend(v.map(|v| ("v".to_owned(), Field::Text(v.to_owned()))));
            fields.insert("l".to_owned(), Field::List(list.into_iter().map(Field::Number).collect()));
            all.push(Fed { kind, name: format!("{kind}{place}"), time: millis * 1_000_000, fields });
        }
        all
    })
}

/// Returns the matches of both, one per line.
fn both(set: &Set, events: &[Fed]) -> (Vec<String>, Vec<String>) {
    let mut correlator = Correlator::new(set.plans(), usize::MAX);
    let mut naive = Naive::new(set.plans());
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for (number, event) in events.iter().enumerate() {
        let subject = Short { event, number: number as u64, set };
        let hits = set.hits(event);
        correlator.process(&subject, &hits, &mut |one| {
            let numbers: Vec<u64> = one.steps.iter().map(|step| step.number).collect();
            found.push(format!("at {number}: {} {:?} {} {numbers:?}", one.plan, one.key, one.time));
        });
        for NaiveMatch { plan, key, time, numbers } in naive.process(&subject, &hits) {
            expected.push(format!("at {number}: {plan} {key:?} {time} {numbers:?}"));
        }
    }
    (found, expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_correlator_finds_what_the_oracle_finds(set in set(), events in stream()) {
        let (found, expected) = both(&set, &events);
        let at = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        let at = at.unwrap_or(found.len().min(expected.len()));
        let events: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
        prop_assert!(
            found == expected,
            "{:?} instead of {:?}\n{set:?}{}",
            found.get(at),
            expected.get(at),
            events.join(" ")
        );
    }

    #[test]
    fn a_replay_gives_the_same_matches(set in set(), events in stream()) {
        prop_assert_eq!(set.feed_events(&events), set.feed_events(&events));
    }
}

#[test]
fn the_streams_have_matches_of_every_kind() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut matches, mut chained) = (0, 0);
    for _ in 0..60 {
        let set = set().new_tree(&mut runner).expect("a set").current();
        let events = stream().new_tree(&mut runner).expect("a stream").current();
        let (found, _) = both(&set, &events);
        matches += found.len();
        chained += found.iter().filter(|line| line.contains(": 3 ")).count();
    }
    assert!(matches > 500, "{matches}");
    assert!(chained > 20, "{chained}");
}
