//! Limits on when and how often anything is done.

use crate::action::Outcome;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The period of [`Limits::per_minute`] and [`Limits::per_rule`].
const MINUTE: Duration = Duration::from_secs(60);

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Actions of all rules in a minute.
    pub per_minute: u32,
    /// Actions of one rule in a minute; with one more, its response is disarmed until rules are loaded again.
    pub per_rule: u32,
    /// Time after a start or a reload in which nothing is done.
    pub warm_up: Duration,
    /// Age of an event above which nothing is done about it.
    pub max_age: Duration,
}

impl Default for Limits {
    /// 10 actions of a rule and 30 in all in a minute, none in the first 10 seconds, none on events older than 5 seconds.
    fn default() -> Self {
        let (warm_up, max_age) = (Duration::from_secs(10), Duration::from_secs(5));
        Self { per_minute: 30, per_rule: 10, warm_up, max_age }
    }
}

/// The limits, and what happened lately.
#[derive(Debug)]
pub(crate) struct Brakes {
    limits: Limits,
    warm_until: Instant,
    disarmed: HashSet<Arc<str>>,
    all: VecDeque<Instant>,
    rules: HashMap<Arc<str>, VecDeque<Instant>>,
}

impl Brakes {
    pub(crate) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            warm_until: now + limits.warm_up,
            disarmed: HashSet::new(),
            all: VecDeque::new(),
            rules: HashMap::new(),
        }
    }

    /// Arms all rules again, after a warm-up. What was done in the last minute still counts: otherwise every reload
    /// would lift the limit.
    pub(crate) fn reset(&mut self, limits: Limits, now: Instant) {
        self.limits = limits;
        self.warm_until = now + limits.warm_up;
        self.disarmed.clear();
    }

    /// Returns why nothing must be done about an event of this age, if so. Otherwise it counts as done.
    pub(crate) fn stops(&mut self, rule: &Arc<str>, age: Duration, now: Instant) -> Option<Outcome> {
        if now < self.warm_until {
            return Some(Outcome::WarmUp);
        }
        if age > self.limits.max_age {
            return Some(Outcome::Late);
        }
        if self.disarmed.contains(rule) {
            return Some(Outcome::Disarmed);
        }
        forget(&mut self.all, now);
        self.rules.retain(|_, times| {
            forget(times, now);
            !times.is_empty()
        });
        let own = self.rules.get(rule).map_or(0, VecDeque::len);
        if own >= self.limits.per_rule as usize || self.all.len() >= self.limits.per_minute as usize {
            self.disarmed.insert(Arc::clone(rule));
            return Some(Outcome::Rate);
        }
        self.all.push_back(now);
        self.rules.entry(Arc::clone(rule)).or_default().push_back(now);
        None
    }
}

fn forget(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|time| now.duration_since(*time) >= MINUTE) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn brakes(per_minute: u32, per_rule: u32) -> (Brakes, Instant) {
        let now = Instant::now();
        let brakes = Brakes::new(Limits { per_minute, per_rule, ..Limits::default() }, now);
        (brakes, now + Limits::default().warm_up)
    }

    #[test]
    fn nothing_is_done_at_once_nor_late() {
        let (mut brakes, warm) = brakes(9, 9);
        let rule: Arc<str> = "r".into();
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm.checked_sub(SECOND).unwrap()), Some(Outcome::WarmUp));
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm), None);
        assert_eq!(brakes.stops(&rule, 6 * SECOND, warm), Some(Outcome::Late));
        brakes.reset(Limits::default(), warm);
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm + SECOND), Some(Outcome::WarmUp));
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm + 11 * SECOND), None);
    }

    #[test]
    fn a_rule_that_acts_too_often_is_disarmed_until_a_reload() {
        let (mut brakes, warm) = brakes(9, 2);
        let (rule, other): (Arc<str>, Arc<str>) = ("r".into(), "o".into());
        let mut at = |rule, seconds: u32| brakes.stops(rule, Duration::ZERO, warm + seconds * SECOND);
        assert_eq!([at(&rule, 0), at(&rule, 1)], [None, None]);
        assert_eq!(at(&rule, 2), Some(Outcome::Rate));
        assert_eq!(at(&rule, 600), Some(Outcome::Disarmed));
        assert_eq!(at(&other, 600), None);
        brakes.reset(brakes.limits, warm + 600 * SECOND);
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm + 611 * SECOND), None);
    }

    #[test]
    fn a_minute_later_there_is_room_again() {
        let (mut brakes, warm) = brakes(9, 2);
        let rule: Arc<str> = "r".into();
        for seconds in [0, 30, 60, 90, 120] {
            assert_eq!(brakes.stops(&rule, Duration::ZERO, warm + seconds * SECOND), None, "{seconds}");
        }
    }

    #[test]
    fn all_rules_together_have_a_limit() {
        let (mut brakes, warm) = brakes(3, 2);
        let names = ["a", "a", "b", "c"].map(Arc::<str>::from);
        let done: Vec<_> = names.iter().map(|rule| brakes.stops(rule, Duration::ZERO, warm)).collect();
        assert_eq!(done, [None, None, None, Some(Outcome::Rate)]);
        // A reload arms the rules again, but the minute is still full, also for one that may act once more.
        brakes.reset(brakes.limits, warm);
        let later = warm + 11 * SECOND;
        assert_eq!(brakes.stops(&names[2], Duration::ZERO, later), Some(Outcome::Rate));
        assert_eq!(brakes.stops(&names[0], Duration::ZERO, later), Some(Outcome::Rate));
    }

    #[test]
    fn a_reload_does_not_lift_the_limit_of_a_rule() {
        let (mut brakes, warm) = brakes(100, 2);
        let rule: Arc<str> = "a".into();
        let done: Vec<_> = (0..2).map(|_| brakes.stops(&rule, Duration::ZERO, warm)).collect();
        assert_eq!(done, [None, None]);
        brakes.reset(brakes.limits, warm);
        assert_eq!(brakes.stops(&rule, Duration::ZERO, warm + 11 * SECOND), Some(Outcome::Rate));
    }
}
