//! Prints the results of rsigma for generated counts: one JSON object per line, as many as the argument says.
//!
//! Each has the type, the rules as sets of kinds of events, the key, the timespan in seconds, the count, the events,
//! and the places of the events at which the correlation matched. The action is `reset`: a match uses its events up, as
//! it does here. The generator leaves out cases where `docs/correlation.md` says that we differ: every event has its
//! key and its value, which are texts of one case, times are whole seconds and never go back, and no event matches two
//! rules.

use rsigma_eval::event::JsonEvent;
use rsigma_eval::{CorrelationAction, CorrelationConfig, CorrelationEngine};
use rsigma_parser::parse_sigma_yaml;
use serde_json::{Value, json};

/// A generator of numbers that is the same everywhere (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len() as u64) as usize]
    }
}

fn case(numbers: &mut Numbers) -> Value {
    let kind = numbers.of(&["event_count", "value_count", "temporal"]);
    let rules = numbers.of(&[&["a", "b"][..], &["a", "b", "c"], &["b", "d"]]);
    let (by, span) = (numbers.of(&["", "u", "u,h"]), numbers.of(&[1, 3, 10, 30]));
    let count = if kind == "temporal" { 1 + numbers.below(rules.len() as u64) } else { 1 + numbers.below(5) };
    let (mut time, mut events) = (1_000_000, Vec::new());
    for place in 0..5 + numbers.below(40) {
        time += numbers.of(&[0, 0, 1, 1, 2, 3, 8]);
        events.push(json!({
            "name": format!("e{place}"), "kind": numbers.of(&["a", "b", "c", "d"]), "time": time,
            "u": numbers.of(&["x", "y"]), "h": numbers.of(&["p", "q"]), "v": numbers.of(&["1", "2", "3", "4", "5"]),
        }));
    }
    json!({ "type": kind, "rules": rules, "by": by, "span": span, "count": count, "events": events })
}

/// Returns the rules and the correlation as Sigma writes them.
fn sigma(one: &Value) -> String {
    let rules: Vec<&str> = one["rules"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
    let mut text = String::new();
    for rule in &rules {
        text += &format!(
            "title: {rule}\nid: rule-{rule}\nname: rule-{rule}\nlogsource: {{category: x}}\ndetection:\n  s: {{kind: {rule}}}\n  \
             condition: s\nlevel: low\n---\n"
        );
    }
    let names: Vec<String> = rules.iter().map(|rule| format!("rule-{rule}")).collect();
    let by = one["by"].as_str().unwrap();
    let by = if by.is_empty() { String::new() } else { format!("  group-by: [{by}]\n") };
    let field = if one["type"] == "value_count" { "    field: v\n" } else { "" };
    text + &format!(
        "title: c\ncorrelation:\n  type: {}\n  rules: [{}]\n{by}  timespan: {}s\n  condition:\n    gte: {}\n{field}level: high\n",
        one["type"].as_str().unwrap(),
        names.join(", "),
        one["span"],
        one["count"]
    )
}

fn main() {
    let count: usize = std::env::args().nth(1).expect("how many").parse().expect("a number");
    let mut numbers = Numbers(20_260);
    for _ in 0..count {
        let mut one = case(&mut numbers);
        let config = CorrelationConfig { action_on_match: CorrelationAction::Reset, ..CorrelationConfig::default() };
        let mut engine = CorrelationEngine::new(config);
        engine.add_collection(&parse_sigma_yaml(&sigma(&one)).expect("a collection")).expect("rules");
        assert_eq!(engine.correlation_rule_count(), 1);
        let fires = |(place, event): (usize, &Value)| {
            let found = engine.process_event_at(&JsonEvent::borrow(event), event["time"].as_i64().unwrap());
            found.iter().any(|one| one.is_correlation()).then_some(place)
        };
        one["fires"] = one["events"].as_array().unwrap().iter().enumerate().filter_map(fires).collect();
        println!("{one}");
    }
}
