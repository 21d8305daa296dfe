//! Noise control: fewer alerts of the same kind. Disabled by default.
//!
//! Two steps, one after the other. Alerts of a rule with equal values of some fields are sent once per window; the next
//! one that is sent carries the number that was suppressed. Then all alerts pass a token bucket; the next one that
//! passes carries the number that did not. Time is that of the events, so a replay always sends the same alerts. Every
//! suppressed alert is counted.

use crate::config::settings::{NoiseControl, Quiet};
use crate::interval as duration;
use crate::token_bucket::TokenBucket;
use rule_engine::engine::Alert;
use rule_engine::ruleset::Selector;
use std::collections::HashMap;

/// Maximum number of kinds of alerts that are tracked. Alerts of further kinds are sent.
const MOST_KINDS: usize = 65_536;

/// Decision about one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it, with the numbers of alerts of the same kind and of any kind that were suppressed before it.
    Tell { alike: u64, limited: u64 },
    /// Suppress it.
    Keep,
}

/// Number of suppressed alerts so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Duplicates of an alert in the same window.
    pub(crate) alike: u64,
    /// Rate-limited by the bucket.
    pub(crate) limited: u64,
}

/// The alerts that count as duplicates, and for how long.
#[derive(Debug)]
struct Window {
    rules: Selector,
    fields: Vec<String>,
    nanoseconds: u64,
}

/// An alert that was sent, and its duplicates.
#[derive(Debug)]
struct Kind {
    end: u64,
    kept: u64,
}

/// The kinds of alerts that were sent, with their windows.
#[derive(Debug)]
pub(crate) struct Noise {
    windows: Vec<Window>,
    kinds: HashMap<Box<[u8]>, Kind>,
    bucket: Option<TokenBucket>,
    /// Alerts that the bucket suppressed since the last one that passed.
    limited: u64,
    kept: Kept,
}

impl Noise {
    /// Creates noise control; `None` if nothing is to be suppressed.
    pub(crate) fn new(settings: &NoiseControl) -> Option<Self> {
        let windows: Vec<_> = settings
            .rules
            .iter()
            .map(|quiet| {
                let window = duration::parse(&quiet.window).unwrap_or_default();
                Window {
                    rules: Selector::Pattern(quiet.rule.clone()),
                    fields: quiet.key.clone(),
                    nanoseconds: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
                }
            })
            .collect();
        let bucket =
            (settings.rate > 0.0).then(|| TokenBucket::new(settings.rate, f64::from(settings.max_burst.max(1))));
        (bucket.is_some() || !windows.is_empty()).then(|| Self {
            windows,
            kinds: HashMap::new(),
            bucket,
            limited: 0,
            kept: Kept::default(),
        })
    }

    /// Returns the fields by which alerts are compared. The engine must be able to read them of every alert.
    pub(crate) fn fields(settings: &[Quiet]) -> Vec<String> {
        let mut fields: Vec<String> = settings.iter().flat_map(|quiet| quiet.key.iter().cloned()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Decides whether an alert is sent.
    pub(crate) fn judge(&mut self, alert: &Alert<'_>) -> Verdict {
        let rule = alert.definition();
        let window = rule.and_then(|rule| self.windows.iter().find(|window| window.rules.selects(rule)));
        let kind = window.map(|window| {
            let mut kind = [alert.rule().as_bytes(), b"\0"].concat();
            for field in &window.fields {
                if alert.write_field(field, &mut kind) {
                    // Separates the values of two fields.
                    kind.push(1);
                }
            }
            (kind.into(), window.nanoseconds)
        });
        self.judge_kind(kind, alert.time())
    }

    /// Decides about an alert of a kind whose window lasts for a number of nanoseconds.
    fn judge_kind(&mut self, kind: Option<(Box<[u8]>, u64)>, time: u64) -> Verdict {
        let mut alike = 0;
        let kind = kind.map(|(kind, window)| (kind, time.saturating_add(window)));
        if let Some((kind, _)) = &kind
            && let Some(known) = self.kinds.get_mut(kind)
        {
            if time < known.end {
                known.kept += 1;
                self.kept.alike += 1;
                return Verdict::Keep;
            }
            alike = known.kept;
        }
        if let Some(bucket) = &mut self.bucket
            && !bucket.claim(time)
        {
            self.limited += 1;
            self.kept.limited += 1;
            return Verdict::Keep;
        }
        if let Some((kind, end)) = kind {
            if self.kinds.len() >= MOST_KINDS {
                // Entries whose window has ended and that have nothing to report make room.
                self.kinds.retain(|_, kind| kind.end > time || kind.kept > 0);
            }
            if self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind) {
                self.kinds.insert(kind, Kind { end, kept: 0 });
            }
        }
        Verdict::Tell { alike, limited: std::mem::take(&mut self.limited) }
    }

    /// Returns the number of suppressed alerts so far.
    pub(crate) fn kept(&self) -> Kept {
        self.kept
    }

    /// Continues with the counts of a previous configuration.
    pub(crate) fn after(self, before: &Self) -> Self {
        Self { kept: before.kept, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    const WINDOW: u64 = 10 * SECOND;

    fn kind(name: &str) -> Option<(Box<[u8]>, u64)> {
        Some((name.as_bytes().into(), WINDOW))
    }

    /// Alerts of `A rule`, one for each JSON document.
    fn judge_all(noise: &mut Noise, fields: &[String], documents: &[(&str, u64)]) -> Vec<Verdict> {
        use rule_engine::engine::Config;
        use rule_engine::event::json::{JsonDocument, JsonSchema};
        use rule_engine::load::{Loader, Sources};
        let rules = "- {rule: A rule, desc: d, condition: 'json.value[/a] = 1', output: o, priority: NOTICE, source: s}\n\
                     - {rule: B, desc: d, condition: 'json.value[/b] = 1', output: o, priority: NOTICE, source: s}\n";
        let mut loader = Loader::new(Sources::new().with(JsonSchema::new("s")));
        let loaded = loader.load([("rules.yaml", rules.as_bytes())]);
        let config = Config::default().fields(fields.to_vec());
        let rules = loader.into_sources().build(loaded.into_rules(), &config).unwrap();
        let mut runner = rules.source::<JsonSchema>("s").unwrap().runner();
        let mut verdicts = Vec::new();
        for &(json, time) in documents {
            let document = JsonDocument::parse(json.as_bytes()).unwrap().at(1, time, 0);
            runner.process(&document, |alert| verdicts.push(noise.judge(&alert)));
        }
        verdicts
    }

    fn told(alike: u64, limited: u64) -> Verdict {
        Verdict::Tell { alike, limited }
    }

    #[test]
    fn off_by_default() {
        assert!(Noise::new(&NoiseControl::default()).is_none());
    }

    #[test]
    fn one_of_a_kind_in_a_window() {
        let key = vec!["json.value[/k]".to_owned(), "json.value[/l]".to_owned()];
        let quiet = Quiet { rule: "A*".into(), key, window: "10s".into() };
        let fields = Noise::fields(std::slice::from_ref(&quiet));
        let mut noise = Noise::new(&NoiseControl { rules: vec![quiet], ..NoiseControl::default() }).unwrap();
        let (x, y, b) = (r#"{"a": 1, "k": "p", "l": "qr"}"#, r#"{"a": 1, "k": "pq", "l": "r"}"#, r#"{"b": 1}"#);
        let documents = [
            (x, SECOND),
            (x, 2 * SECOND),
            (y, 2 * SECOND),
            (x, 11 * SECOND - 1),
            // Another rule is another kind, and this one is not to be suppressed at all.
            (b, 2 * SECOND),
            (b, 2 * SECOND),
            (x, 11 * SECOND),
            (x, 12 * SECOND),
            (x, 21 * SECOND),
        ];
        let keep = Verdict::Keep;
        let expected = [told(0, 0), keep, told(0, 0), keep, told(0, 0), told(0, 0), told(2, 0), keep, told(1, 0)];
        assert_eq!(judge_all(&mut noise, &fields, &documents), expected);
        assert_eq!(noise.kept(), Kept { alike: 3, limited: 0 });
    }

    #[test]
    fn at_most_n_per_second() {
        let mut noise = Noise::new(&NoiseControl { rate: 2.0, max_burst: 3, ..NoiseControl::default() }).unwrap();
        let verdicts: Vec<_> = (0..5).map(|n| noise.judge_kind(None, SECOND + n)).collect();
        assert_eq!(verdicts, [told(0, 0), told(0, 0), told(0, 0), Verdict::Keep, Verdict::Keep]);
        assert_eq!(noise.judge_kind(None, 2 * SECOND), told(0, 2));
        assert_eq!(noise.judge_kind(None, 2 * SECOND), told(0, 0));
        assert_eq!(noise.judge_kind(None, 2 * SECOND), Verdict::Keep);
        assert_eq!(noise.kept().limited, 3);
    }

    #[test]
    fn remembered_kinds_are_bounded() {
        let quiet = Quiet { rule: "*".into(), key: Vec::new(), window: "10s".into() };
        let mut noise = Noise::new(&NoiseControl { rules: vec![quiet], ..NoiseControl::default() }).unwrap();
        for number in 0..MOST_KINDS as u64 + 100 {
            assert_eq!(noise.judge_kind(Some((number.to_le_bytes().into(), WINDOW)), SECOND), told(0, 0));
        }
        assert_eq!(noise.kinds.len(), MOST_KINDS);
        noise.judge_kind(kind("later"), 20 * SECOND);
        assert_eq!(noise.kinds.len(), 1);
    }
}
