//! Fewer alerts of the same kind, for people who read them. Off unless the configuration asks for it.
//!
//! Two things, one after the other. Alerts of a rule that are alike (by the values of some fields) are told once in a
//! window; the next one that is told says how many were not. And all alerts together pass a token bucket; the next one
//! that passes says how many did not. The clock is that of the events, so a replay tells the same alerts each time.
//! Nothing is left out uncounted.

use crate::config::settings::{NoiseControl, Quiet};
use crate::interval as duration;
use crate::token_bucket::TokenBucket;
use rule_engine::engine::AlertKey;
use rule_engine::ruleset::Selector;
use std::collections::HashMap;

/// So many kinds of alerts are remembered. When there are more, the others are told as if they were the first.
const MOST_KINDS: usize = 65_536;

/// What is to be done with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is told, with how many like it were not, and how many of any kind the bucket kept back.
    Tell { alike: u64, limited: u64 },
    /// It is one of too many.
    Keep,
}

/// What was kept back so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// As one like it was told in the same window.
    pub(crate) alike: u64,
    /// By the bucket.
    pub(crate) limited: u64,
}

#[derive(Debug)]
struct Window {
    end: u64,
    kept: u64,
}

/// The kinds of alerts, and when they were told.
#[derive(Debug)]
pub(crate) struct Noise {
    windows: Vec<(Selector, u64)>,
    kinds: HashMap<Box<[u8]>, Window>,
    bucket: Option<TokenBucket>,
    /// Kept back by the bucket since the last alert that passed it.
    limited: u64,
    kept: Kept,
}

impl Noise {
    /// `None` where nothing is to be left out.
    pub(crate) fn new(settings: &NoiseControl) -> Option<Self> {
        let windows: Vec<_> = settings
            .rules
            .iter()
            .map(|quiet| {
                let window = duration::parse(&quiet.window).unwrap_or_default();
                (Selector::Pattern(quiet.rule.clone()), u64::try_from(window.as_nanos()).unwrap_or(u64::MAX))
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

    /// What the engine is to make keys of.
    pub(crate) fn keys(settings: &[Quiet]) -> Vec<AlertKey> {
        let key = |quiet: &Quiet| AlertKey { rules: Selector::Pattern(quiet.rule.clone()), fields: quiet.key.clone() };
        settings.iter().map(key).collect()
    }

    /// Looks at an alert.
    pub(crate) fn judge(&mut self, rule: &rule_engine::ruleset::Rule, key: Option<&[u8]>, time: u64) -> Verdict {
        let window = self.windows.iter().find(|(rules, _)| rules.selects(rule)).map(|(_, window)| *window);
        let mut alike = 0;
        let kind = key.zip(window).map(|(key, window)| {
            let kind: Box<[u8]> = [rule.name().as_bytes(), b"\0", key].concat().into();
            (kind, time.saturating_add(window))
        });
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
                // Those whose window is over and who owe nothing make room.
                self.kinds.retain(|_, window| window.end > time || window.kept > 0);
            }
            if self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind) {
                self.kinds.insert(kind, Window { end, kept: 0 });
            }
        }
        Verdict::Tell { alike, limited: std::mem::take(&mut self.limited) }
    }

    /// What was kept back so far.
    pub(crate) fn kept(&self) -> Kept {
        self.kept
    }

    /// Goes on from the counts of another.
    pub(crate) fn after(self, before: &Self) -> Self {
        Self { kept: before.kept, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rule_engine::output::{Output, Priority, Template};
    use rule_engine::ruleset::Rule;

    const SECOND: u64 = 1_000_000_000;

    fn rule(name: &str) -> Rule {
        let output = Output {
            rule: name.into(),
            priority: Priority::Notice,
            source: "syscall".into(),
            tags: Vec::new(),
            message: Template::default(),
            extra: Vec::new(),
            key: None,
        };
        Rule { output, enabled: true, capture: None }
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
        let quiet = Quiet { rule: "A*".into(), key: Vec::new(), window: "10s".into() };
        let mut noise = Noise::new(&NoiseControl { rules: vec![quiet], ..NoiseControl::default() }).unwrap();
        let (a, b) = (rule("A rule"), rule("B"));
        assert_eq!(noise.judge(&a, Some(b"x"), SECOND), told(0, 0));
        assert_eq!(noise.judge(&a, Some(b"x"), 2 * SECOND), Verdict::Keep);
        assert_eq!(noise.judge(&a, Some(b"y"), 2 * SECOND), told(0, 0));
        assert_eq!(noise.judge(&a, Some(b"x"), 11 * SECOND - 1), Verdict::Keep);
        // Another rule is another kind, and this one is not to be kept quiet at all.
        assert_eq!(noise.judge(&b, None, 2 * SECOND), told(0, 0));
        assert_eq!(noise.judge(&b, None, 2 * SECOND), told(0, 0));
        assert_eq!(noise.judge(&a, Some(b"x"), 11 * SECOND), told(2, 0));
        assert_eq!(noise.judge(&a, Some(b"x"), 12 * SECOND), Verdict::Keep);
        assert_eq!(noise.judge(&a, Some(b"x"), 21 * SECOND), told(1, 0));
        assert_eq!(noise.kept(), Kept { alike: 3, limited: 0 });
    }

    #[test]
    fn so_many_in_a_second() {
        let mut noise = Noise::new(&NoiseControl { rate: 2.0, max_burst: 3, ..NoiseControl::default() }).unwrap();
        let rule = rule("A");
        let verdicts: Vec<_> = (0..5).map(|n| noise.judge(&rule, None, SECOND + n)).collect();
        assert_eq!(verdicts, [told(0, 0), told(0, 0), told(0, 0), Verdict::Keep, Verdict::Keep]);
        assert_eq!(noise.judge(&rule, None, 2 * SECOND), told(0, 2));
        assert_eq!(noise.judge(&rule, None, 2 * SECOND), told(0, 0));
        assert_eq!(noise.judge(&rule, None, 2 * SECOND), Verdict::Keep);
        assert_eq!(noise.kept().limited, 3);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let quiet = Quiet { rule: "*".into(), key: Vec::new(), window: "10s".into() };
        let mut noise = Noise::new(&NoiseControl { rules: vec![quiet], ..NoiseControl::default() }).unwrap();
        let rule = rule("A");
        for number in 0..MOST_KINDS as u64 + 100 {
            assert_eq!(noise.judge(&rule, Some(&number.to_le_bytes()), SECOND), told(0, 0));
        }
        assert_eq!(noise.kinds.len(), MOST_KINDS);
        noise.judge(&rule, Some(b"later"), 20 * SECOND);
        assert_eq!(noise.kinds.len(), 1);
    }
}
