//! The oracle of tests: correlations in the simplest way, which keeps every event and looks at all of them each time.
//!
//! It has no bound, no table and no timer. The meaning of a correlation is easier to see here than in the engine.

use std::sync::Arc;

use bumpalo::Bump;

use super::key::{self, Keys};
use super::plan::{Distinct, JUMP, KeySource, Kind, LATENESS, Plan, Role};
use super::subject::{Hit, Subject};

/// A match, in the form of the oracle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaiveMatch {
    /// The correlation, by its place.
    pub plan: u32,
    /// The key.
    pub key: Vec<u8>,
    /// The time when it was complete.
    pub time: u64,
    /// The numbers of all its events.
    pub numbers: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Seen {
    time: u64,
    number: u64,
    member: u16,
    value: Vec<u8>,
}

/// The beginning of a sequence.
#[derive(Debug)]
struct Partial {
    plan: u32,
    key: Vec<u8>,
    steps: Vec<Seen>,
    kept_until: u64,
}

/// An event of a window that was not used up.
#[derive(Debug)]
struct Counted {
    plan: u32,
    key: Vec<u8>,
    seen: Seen,
}

#[derive(Debug, Clone)]
struct Item {
    hit: Hit,
    /// The match that it is about, if it is not about the event.
    of: Option<NaiveMatch>,
}

/// The oracle.
#[derive(Debug)]
pub struct Naive {
    plans: Arc<[Plan]>,
    partials: Vec<Partial>,
    counted: Vec<Counted>,
    /// The time until which the events of a key are kept.
    groups: Vec<(u32, Vec<u8>, u64)>,
    clock: u64,
    /// The time of the event before, if it is not believed yet.
    doubted: Option<u64>,
}

impl Naive {
    /// Creates an oracle without events.
    pub fn new(plans: Arc<[Plan]>) -> Self {
        Self { plans, partials: Vec::new(), counted: Vec::new(), groups: Vec::new(), clock: 0, doubted: None }
    }

    /// Processes an event and the members that it matches; returns the matches that are complete now.
    pub fn process(&mut self, subject: &dyn Subject, hits: &[Hit]) -> Vec<NaiveMatch> {
        let mut out = Vec::new();
        let now = self.now(subject.time());
        while let Some(at) = self.overdue(now) {
            let due = self.partials[at].steps[0].time + self.plans[self.partials[at].plan as usize].span + LATENESS;
            self.clock = self.clock.max(due);
            let done = self.partials.remove(at);
            let found = NaiveMatch {
                plan: done.plan,
                time: done.steps[0].time + self.plans[done.plan as usize].span,
                numbers: done.steps.iter().map(|step| step.number).collect(),
                key: done.key,
            };
            let items = self.fed_by(&found);
            out.push(found);
            self.run(None, items, &mut out);
        }
        self.clock = self.clock.max(now);
        let items = hits.iter().map(|hit| Item { hit: *hit, of: None }).collect();
        self.run(Some(subject), items, &mut out);
        out
    }

    /// Returns the time that an event shows: an event that is far later than all before shows it with the next one.
    fn now(&mut self, time: u64) -> u64 {
        let (doubted, clock) = (self.doubted.take(), self.clock);
        if time <= clock + JUMP {
            return time;
        }
        let sooner = doubted.map_or(clock, |doubted| doubted.min(time));
        self.doubted = Some(time).filter(|time| *time > sooner + JUMP);
        let now = if self.doubted.is_some() { sooner } else { time };
        // What has begun with the doubted event is kept for its own time.
        let renew = |kept_until: &mut u64, began: Option<u64>, span: u64| {
            if *kept_until == clock + span + LATENESS && began.is_some_and(|began| began > clock + JUMP) {
                *kept_until = sooner + span + LATENESS;
            }
        };
        for partial in &mut self.partials {
            renew(&mut partial.kept_until, Some(partial.steps[0].time), self.plans[partial.plan as usize].span);
        }
        for (plan, key, kept_until) in &mut self.groups {
            let of = self.counted.iter().filter(|counted| counted.plan == *plan && counted.key == *key);
            renew(kept_until, of.map(|counted| counted.seen.time).max(), self.plans[*plan as usize].span);
        }
        now
    }

    /// Returns the partial match whose timespan was the first to pass without the missing step.
    fn overdue(&self, time: u64) -> Option<usize> {
        let deadline = |partial: &Partial| partial.steps[0].time + self.plans[partial.plan as usize].span;
        let is_due = |partial: &Partial| match self.plans[partial.plan as usize].kind {
            Kind::Sequence { stages, trailing: true, .. } => {
                let due = deadline(partial) + LATENESS;
                partial.steps.len() == usize::from(stages) && due < time && due <= partial.kept_until
            }
            _ => false,
        };
        let due = (0..self.partials.len()).filter(|at| is_due(&self.partials[*at]));
        due.min_by_key(|at| deadline(&self.partials[*at]))
    }

    fn fed_by(&self, found: &NaiveMatch) -> Vec<Item> {
        let feeds = self.plans[found.plan as usize].feeds.iter();
        let hit = |feed: &super::plan::Feed| Hit { plan: feed.plan, member: feed.member };
        feeds.map(|feed| Item { hit: hit(feed), of: Some(found.clone()) }).collect()
    }

    fn run(&mut self, subject: Option<&dyn Subject>, mut items: Vec<Item>, out: &mut Vec<NaiveMatch>) {
        while !items.is_empty() {
            let order = |item: &Item| (item.hit.plan, std::cmp::Reverse(item.hit.member));
            let first = (0..items.len()).min_by_key(|at| order(&items[*at])).unwrap_or(0);
            let item = items.remove(first);
            if let Some(found) = self.item(subject, &item) {
                items.extend(self.fed_by(&found));
                out.push(found);
            }
        }
    }

    fn item(&mut self, subject: Option<&dyn Subject>, item: &Item) -> Option<NaiveMatch> {
        let plans = Arc::clone(&self.plans);
        let plan = &plans[item.hit.plan as usize];
        let member = &plan.members[usize::from(item.hit.member)];
        let keys = keys(&member.key, subject, item);
        let (time, number) = match &item.of {
            Some(found) => (found.time, *found.numbers.last()?),
            None => (subject?.time(), subject?.number()),
        };
        let mut seen = Seen { time, number, member: item.hit.member, value: Vec::new() };
        match &plan.kind {
            Kind::Sequence { roles, stages, trailing } => {
                self.sequence(item.hit.plan, roles[usize::from(item.hit.member)], (*stages, *trailing), &keys, seen)
            }
            Kind::Window { threshold, distinct } => {
                if let Some(source) = &member.value {
                    seen.value = self::keys(source, subject, item).into_iter().next()?;
                }
                self.window(item.hit.plan, *threshold as usize, *distinct, &keys, seen)
            }
        }
    }

    /// Returns the partial match with this number of steps.
    fn partial(&self, plan: u32, steps: u16, key: &[u8]) -> Option<usize> {
        self.partials.iter().position(|partial| {
            partial.plan == plan
                && partial.steps.len() == usize::from(steps)
                && partial.key == key
                && partial.kept_until >= self.clock
        })
    }

    fn sequence(
        &mut self,
        plan: u32,
        role: Role,
        (stages, trailing): (u16, bool),
        keys: &[Vec<u8>],
        seen: Seen,
    ) -> Option<NaiveMatch> {
        let span = self.plans[plan as usize].span;
        let follows = |partial: &Partial| {
            partial.steps.last().is_some_and(|last| last.time <= seen.time) && seen.time - partial.steps[0].time <= span
        };
        match role {
            Role::Until => self.partials.retain(|partial| {
                partial.plan != plan || !keys.contains(&partial.key) || partial.steps[0].time > seen.time
            }),
            Role::Absent(steps) => self.partials.retain(|partial| {
                let waits = partial.plan == plan && partial.steps.len() == usize::from(steps);
                !(waits && keys.contains(&partial.key) && follows(partial))
            }),
            Role::Advance(0) => {
                let key = keys.first()?.clone();
                let kept_until = self.clock + span + LATENESS;
                self.place(Partial { plan, key, steps: vec![seen], kept_until });
            }
            Role::Advance(done) => {
                let next = |key: &Vec<u8>| self.partial(plan, done, key).filter(|at| follows(&self.partials[*at]));
                let at = keys.iter().find_map(next)?;
                let mut partial = self.partials.remove(at);
                let time = seen.time;
                partial.steps.push(seen);
                if done + 1 == stages && !trailing {
                    let numbers = partial.steps.iter().map(|step| step.number).collect();
                    return Some(NaiveMatch { plan, key: partial.key, time, numbers });
                }
                self.place(partial);
            }
        }
        None
    }

    /// Inserts a partial match: of two at the same step, the one whose last step is younger stays.
    fn place(&mut self, partial: Partial) {
        if let Some(at) = self.partial(partial.plan, partial.steps.len() as u16, &partial.key) {
            if self.partials[at].steps.last().map(|last| last.time) > partial.steps.last().map(|last| last.time) {
                return;
            }
            self.partials.remove(at);
        }
        self.partials.push(partial);
    }

    fn window(
        &mut self,
        plan: u32,
        size: usize,
        distinct: Distinct,
        keys: &[Vec<u8>],
        seen: Seen,
    ) -> Option<NaiveMatch> {
        let span = self.plans[plan as usize].span;
        let lives = |key: &Vec<u8>| {
            let mine = |counted: &&Counted| counted.plan == plan && counted.key == *key;
            let group = self.groups.iter().find(|(of, other, _)| *of == plan && other == key);
            group.is_some_and(|(.., kept_until)| *kept_until >= self.clock)
                && self.counted.iter().filter(mine).any(|counted| counted.seen.time + span + LATENESS >= seen.time)
        };
        let goes_on = keys.iter().any(lives);
        let key = keys.iter().find(|key| lives(key)).or(keys.first())?.clone();
        let mine = |counted: &Counted| counted.plan == plan && counted.key == key;
        let same = |counted: &Counted| match distinct {
            Distinct::Events => false,
            Distinct::Members => counted.seen.member == seen.member,
            Distinct::Values => counted.seen.value == seen.value,
        };
        if !goes_on {
            self.counted.retain(|counted| !mine(counted));
        }
        // Of values that count once, the latest counts.
        if self.counted.iter().any(|counted| mine(counted) && same(counted) && counted.seen.time > seen.time) {
            return None;
        }
        self.counted.retain(|counted| !(mine(counted) && same(counted)));
        let kept_until = self.clock + span + LATENESS;
        self.groups.retain(|(of, other, _)| (*of, other) != (plan, &key));
        self.groups.push((plan, key.clone(), kept_until));
        self.counted.push(Counted { plan, key: key.clone(), seen });
        let mut order: Vec<usize> = (0..self.counted.len()).filter(|at| mine(&self.counted[*at])).collect();
        order.sort_by_key(|at| self.counted[*at].seen.time);
        let times = |some: &[usize]| {
            let time = |at: usize| self.counted[at].seen.time;
            (time(some[0]), time(some[some.len() - 1]))
        };
        let new = self.counted.len() - 1;
        let full = order.windows(size).find(|some| some.contains(&new) && times(some).1 - times(some).0 <= span)?;
        let numbers = full.iter().map(|at| self.counted[*at].seen.number).collect();
        let time = times(full).1;
        let mut used: Vec<usize> = full.to_vec();
        // What is too old for the youngest event goes with them.
        let youngest = times(&order).1.min(self.clock);
        let is_old = |at: &&usize| self.counted[**at].seen.time + span + LATENESS < youngest;
        used.extend(order.iter().filter(is_old).filter(|at| !full.contains(at)));
        used.sort_unstable();
        used.into_iter().rev().for_each(|at| drop(self.counted.remove(at)));
        Some(NaiveMatch { plan, key, time, numbers })
    }
}

fn keys(source: &KeySource, subject: Option<&dyn Subject>, item: &Item) -> Vec<Vec<u8>> {
    let mut keys = Keys::default();
    let range = match (source, &item.of, subject) {
        (KeySource::Event(id), None, Some(subject)) => keys.add(|keys| subject.keys(*id, keys)),
        (KeySource::Inner(places), Some(found), _) => keys.add(|keys| {
            keys.push(|out| {
                key::project(&found.key, places, &Bump::new(), out);
                true
            });
        }),
        _ => 0..0,
    };
    range.map(|at| keys.get(at).0.to_vec()).collect()
}
