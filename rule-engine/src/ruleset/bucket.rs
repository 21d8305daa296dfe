//! The rules of one key: the candidates of an event, and the order in which they are excluded.

use std::ops::ControlFlow;
use std::time::Instant;

use super::profile::Profile;
use crate::event::Event;
use crate::vm::machine::{Frame, State};
use crate::vm::program::Span;

/// The number of rules in a word of a bitmap.
pub(super) const WORD: usize = 64;

/// No bucket.
pub(super) const NONE: u32 = u32::MAX;

/// The dependency of a part of a condition that outlives the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    Process = 0,
    Descriptor = 1,
}

impl Guard {
    pub(super) const ALL: [Self; 2] = [Self::Process, Self::Descriptor];

    /// Returns the life time of its cached results.
    pub(super) const fn span(self) -> Span {
        match self {
            Self::Process => Span::Lineage,
            Self::Descriptor => Span::Fd,
        }
    }
}

/// The rules of a key.
#[derive(Debug)]
pub(crate) struct RuleBucket {
    pub(super) rules: Box<[Listed]>,
    /// The places of the rules that are checked one by one, ascending: all in a bucket of few rules, in a longer one
    /// those without a prefilter.
    pub(super) base: Box<[u32]>,
    /// The same, 64 at a time.
    pub(super) chunks: Box<[Chunk]>,
    pub(super) groups: Box<[Group]>,
}

/// A chunk of at most 64 rules.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Their bits.
    pub(super) rules: u64,
    /// The word that says which of them are evaluated now, if that changes.
    pub(super) awaited: Option<u32>,
    /// The rules whose guard of the process is evaluated before all else.
    pub(super) early: u64,
    /// Those of them whose guard is one atom, by its matcher.
    pub(super) processes: Box<[Processes]>,
    /// The places of its guards' cached results, if it has guards.
    pub(super) places: [Option<Place>; 2],
    pub(super) shared_tests: Box<[SharedTest]>,
}

/// Rules whose guard of the process is an atom of one matcher: all are known after one search.
#[derive(Debug)]
pub(super) struct Processes {
    pub(super) matcher: u32,
    /// For each atom of the matcher the rules whose guard it is.
    pub(super) masks: Box<[u64]>,
    /// All of those.
    pub(super) rules: u64,
}

/// Two words, one with the evaluated guards and one with their results, and the first bit of a chunk in them: small
/// ones share words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) words: u32,
    pub(super) shift: u32,
}

/// A test that several rules share.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedTest {
    pub(super) code: u32,
    /// The rules that need it, and the next test if it fails.
    pub(super) rules: u64,
    pub(super) skip: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) rule: u32,
    /// The code of the guards, if there are any.
    pub(super) guards: [Option<u32>; 2],
    /// The code of the rest; of the whole condition, if the rule is only reached by a prefilter.
    pub(super) code: u32,
    /// Whether the rest is likely to cost less than the guard of the file descriptor.
    pub(super) rest_first: bool,
}

/// The rules that have their prefilter in one matcher.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) matcher: u32,
    /// For each atom of the matcher, the start of its rules in `places`; one more at the end.
    pub(super) starts: Box<[u32]>,
    pub(super) places: Box<[u32]>,
    /// The same as bits, in a bucket of few rules.
    pub(super) masks: Box<[u64]>,
    /// All of those.
    pub(super) rules: u64,
    /// Whether its results are cached with the file descriptor.
    pub(super) remembered: bool,
}

impl RuleBucket {
    /// Evaluates the rules that the event may match, in order. Most events end here, at the cached guards.
    #[inline(always)]
    pub(super) fn run<E: Event>(
        &self,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        candidates: &mut Vec<u32>,
        mut profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.rules.len() > WORD && !self.groups.is_empty() {
            return self.run_many(frame, state, candidates, profile, tell);
        }
        for (at, chunk) in self.chunks.iter().enumerate() {
            let bits = chunk.bits(state);
            if bits != 0 {
                self.run_chunk(at, bits, frame, state, profile.as_deref_mut(), tell)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Evaluates some rules of a chunk.
    #[inline(never)]
    fn run_chunk<E: Event>(
        &self,
        at: usize,
        bits: u64,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        mut profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let chunk = &self.chunks[at];
        let mut bits = self.open(at, bits, frame, state);
        while bits != 0 {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            let listed = &self.rules[at * WORD + bit as usize];
            if chunk.matches(listed, bit, frame, state, profile.as_deref_mut()) {
                tell(listed.rule)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Does the same as [`run`](Self::run) for a bucket whose rules with a prefilter are not checked one by one.
    fn run_many<E: Event>(
        &self,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        candidates: &mut Vec<u32>,
        mut profile: Option<&mut Profile>,
        tell: &mut impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        candidates.clear();
        for (at, chunk) in self.chunks.iter().enumerate() {
            let mut bits = self.open(at, chunk.bits(state), frame, state);
            while bits != 0 {
                let bit = bits.trailing_zeros();
                bits &= bits - 1;
                let place = self.base[at * WORD + bit as usize];
                if chunk.passes(&self.rules[place as usize], bit, frame, state) {
                    candidates.push(place);
                }
            }
        }
        for group in &self.groups {
            frame.ensure(state, group.matcher);
            frame.each_true(state, group.matcher, |atom| {
                let (start, end) = (group.starts[atom as usize], group.starts[atom as usize + 1]);
                candidates.extend_from_slice(&group.places[start as usize..end as usize]);
            });
        }
        candidates.sort_unstable();
        candidates.dedup();
        for place in candidates {
            let listed = &self.rules[*place as usize];
            if state.awaited.is_awaited(listed.rule) && rest(listed, frame, state, profile.as_deref_mut()) {
                tell(listed.rule)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Returns those of some rules of a chunk that neither a guard of few processes, nor a shared test, nor a prefilter
    /// excludes.
    #[inline]
    fn open<E: Event>(&self, at: usize, mut bits: u64, frame: &mut Frame<'_, E>, state: &mut State) -> u64 {
        let chunk = &self.chunks[at];
        if bits & chunk.early != 0 {
            bits = self.of_process(at, bits, frame, state);
        }
        let tests = &*chunk.shared_tests;
        let mut at = 0;
        while bits != 0
            && let Some(test) = tests.get(at)
        {
            if bits & test.rules == 0 {
                at = test.skip as usize;
            } else if frame.run(state, test.code) {
                at += 1;
            } else {
                bits &= !test.rules;
                at = test.skip as usize;
            }
        }
        if self.rules.len() <= WORD {
            for group in &self.groups {
                if bits & group.rules == 0 {
                    continue;
                }
                let mut found = 0;
                frame.ensure(state, group.matcher);
                frame.each_true(state, group.matcher, |atom| found |= group.masks[atom as usize]);
                bits &= !group.rules | found;
                if group.remembered {
                    chunk.shut(Guard::Descriptor, group.rules & !found, state);
                }
            }
        }
        bits
    }

    /// Returns those rules of a chunk whose guard of the process is open, as far as it is evaluated early. A prefilter
    /// that excludes a rule excludes it for one file descriptor only, and a guard that is never evaluated is never cached.
    fn of_process<E: Event>(&self, at: usize, bits: u64, frame: &mut Frame<'_, E>, state: &mut State) -> u64 {
        let chunk = &self.chunks[at];
        let Some(Place { words, shift }) = chunk.places[Guard::Process as usize] else { return bits };
        let words = words as usize;
        // Those that are known to be false are excluded already.
        let mut rest = bits & chunk.early & !(state.extra(Guard::Process.span())[words] >> shift);
        if rest == 0 {
            return bits;
        }
        for group in &chunk.processes {
            if rest & group.rules == 0 {
                continue;
            }
            let mut found = 0;
            frame.ensure(state, group.matcher);
            frame.each_true(state, group.matcher, |atom| found |= group.masks[atom as usize]);
            let words = &mut state.extra(Guard::Process.span())[words..words + 2];
            words[0] |= group.rules << shift;
            words[1] |= found << shift;
            rest &= !group.rules;
        }
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            let listed = &self.rules[self.base[at * WORD + bit as usize] as usize];
            chunk.is_open(listed, Guard::Process, bit, frame, state);
        }
        bits & !(chunk.shut_for(Guard::Process, state) & chunk.early)
    }
}

impl Chunk {
    /// Returns the rules that are evaluated now and that no cached guard excludes.
    #[inline]
    fn bits(&self, state: &mut State) -> u64 {
        let mut bits = self.rules & state.awaited.chunk(self.awaited);
        for guard in Guard::ALL {
            bits &= !self.shut_for(guard, state);
        }
        bits
    }

    /// Returns the rules whose guard is known to be false.
    #[inline]
    fn shut_for(&self, guard: Guard, state: &mut State) -> u64 {
        let Some(Place { words: at, shift }) = self.places[guard as usize] else { return 0 };
        let words = state.extra(guard.span());
        (words[at as usize] & !words[at as usize + 1]) >> shift
    }

    /// Caches that a test of rules on the file descriptor is false.
    #[inline]
    fn shut(&self, guard: Guard, rules: u64, state: &mut State) {
        let Some(Place { words: at, shift }) = self.places[guard as usize] else { return };
        let words = state.extra(guard.span());
        words[at as usize] |= rules << shift;
        words[at as usize + 1] &= !(rules << shift);
    }

    /// Returns whether an event matches a rule. A rule matches few file descriptors and most processes, so the guard of
    /// the file descriptor is evaluated first if its result is cached with it.
    #[inline]
    fn matches<E: Event>(
        &self,
        listed: &Listed,
        bit: u32,
        frame: &mut Frame<'_, E>,
        state: &mut State,
        profile: Option<&mut Profile>,
    ) -> bool {
        if state.lasts(Guard::Descriptor.span()) {
            self.is_open(listed, Guard::Descriptor, bit, frame, state)
                && self.is_open(listed, Guard::Process, bit, frame, state)
                && rest(listed, frame, state, profile)
        } else if listed.rest_first {
            self.is_open(listed, Guard::Process, bit, frame, state)
                && rest(listed, frame, state, profile)
                && self.is_open(listed, Guard::Descriptor, bit, frame, state)
        } else {
            self.passes(listed, bit, frame, state) && rest(listed, frame, state, profile)
        }
    }

    /// Returns whether the guards of a rule are true.
    fn passes<E: Event>(&self, listed: &Listed, bit: u32, frame: &mut Frame<'_, E>, state: &mut State) -> bool {
        Guard::ALL.into_iter().all(|guard| self.is_open(listed, guard, bit, frame, state))
    }

    /// Returns whether a guard of a rule is true; it is evaluated once for a process or a file descriptor.
    #[inline]
    fn is_open<E: Event>(
        &self,
        listed: &Listed,
        guard: Guard,
        bit: u32,
        frame: &mut Frame<'_, E>,
        state: &mut State,
    ) -> bool {
        let Some(code) = listed.guards[guard as usize] else { return true };
        let Some(Place { words: at, shift }) = self.places[guard as usize] else { return frame.run(state, code) };
        let (at, bit) = (at as usize, bit + shift);
        let words = state.extra(guard.span());
        if words[at] >> bit & 1 == 1 {
            return words[at + 1] >> bit & 1 == 1;
        }
        let open = frame.run(state, code);
        let words = state.extra(guard.span());
        words[at] |= 1 << bit;
        words[at + 1] |= u64::from(open) << bit;
        open
    }
}

/// Returns whether an event matches the rest of a rule.
#[inline]
fn rest<E: Event>(listed: &Listed, frame: &mut Frame<'_, E>, state: &mut State, profile: Option<&mut Profile>) -> bool {
    let Some(profile) = profile else { return frame.run(state, listed.code) };
    let start = Instant::now();
    let matched = frame.run(state, listed.code);
    profile.count(listed.rule, start.elapsed(), matched);
    matched
}
