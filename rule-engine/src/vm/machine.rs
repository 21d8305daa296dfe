//! The bytecode machine: runs programs on an event, and caches results.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::answer_cache::AnswerCache;
use super::awaited::Awaited;
use super::compare;
use super::eval;
use super::matcher::Matcher;
use super::program::{AtomRow, Program, Slot, Span};
use crate::event::{Event, Key, Lifetime, Value};
use crate::ir::op::Op;

/// The results of one span: those of the event in one entry, those with a longer life time in one per stamp.
///
/// An entry: extra words of the rule set | known bits | value bits. All are 0 for a new stamp.
#[derive(Debug)]
struct Bits {
    cache: AnswerCache,
    /// The start of the entry of the current event.
    base: usize,
    /// Whether it belongs to a stamp and will be found again.
    lasts: bool,
    known_at: usize,
    value_at: usize,
}

/// The numbers of processes and of file descriptors with cached results, at most.
const PROCESSES: usize = 2048;
const DESCRIPTORS: usize = 4096;

/// The results of a matcher for values that are names of numbers: for the number and the type of the event, its true
/// atoms.
#[derive(Debug, Clone, Copy, Default)]
struct Numbered {
    tag: u64,
    answers: u64,
}

/// The number of cached numbers per matcher: few occur.
const NUMBERS: usize = 16;

impl Numbered {
    /// Returns the tag of an entry, never that of an empty one.
    fn tag(key: Key, number: u32) -> u64 {
        1 << 63 | u64::from(key.0) << 32 | u64::from(number)
    }

    fn place(tag: u64) -> usize {
        (tag.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % NUMBERS
    }
}

/// The mutable state of one program.
#[derive(Debug)]
pub(crate) struct State {
    bits: [Bits; 4],
    /// For each expression, the event in which it was last extracted, and its place in the frame.
    seen: Vec<(u32, u32)>,
    epoch: u32,
    /// For each matcher, the recent results by number; empty for those that have none.
    numbers: Vec<Vec<Numbered>>,
    /// The rules to evaluate.
    pub(crate) awaited: Awaited,
    /// For the profile.
    pub(crate) searches: Option<Box<Searches>>,
}

/// The costs and results of searches.
#[derive(Debug, Clone)]
pub(crate) struct Searches {
    /// For each matcher the number of searches, and their nanoseconds.
    pub(crate) matchers: Vec<(u64, u64)>,
    /// For each atom, how many times it was true.
    pub(crate) held: Vec<u64>,
}

impl Searches {
    pub(crate) fn new(program: &Program) -> Self {
        Self { matchers: vec![(0, 0); program.matchers.len()], held: vec![0; program.atoms.len()] }
    }
}

impl State {
    pub(crate) fn new(program: &Program, extra: [usize; 4], awaited: Awaited) -> Self {
        let bits = Span::ALL.map(|span| {
            let layout = program.layout[span as usize];
            let extra = extra[span as usize];
            let words = |bits: u32| (bits as usize).div_ceil(64);
            let (known, value) = (words(layout.known), words(layout.value));
            let all = extra + known + value;
            Bits {
                cache: match span {
                    Span::Event => AnswerCache::forgetful(all),
                    Span::Thread | Span::Lineage => AnswerCache::new(all, PROCESSES),
                    Span::Fd => AnswerCache::new(all, DESCRIPTORS),
                },
                base: 0,
                lasts: false,
                known_at: extra,
                value_at: extra + known,
            }
        });
        let numbers = program.matchers.iter().map(|matcher| match matcher.numbered {
            Some(_) => vec![Numbered::default(); NUMBERS],
            None => Vec::new(),
        });
        let numbers = numbers.collect();
        Self { bits, seen: vec![(0, 0); program.exprs.len()], epoch: 0, numbers, awaited, searches: None }
    }

    /// Discards what is valid for one event only, and finds the cached results of its thread and its lineage.
    // Once for each event: in the C library it was a call.
    #[inline(always)]
    pub(crate) fn begin<E: Event>(&mut self, event: &E) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.seen.fill((0, 0));
            self.epoch = 1;
        }
        let [of_event, thread, lineage, fd] = &mut self.bits;
        of_event.begin(None);
        thread.begin(event.stamp(Lifetime::Thread));
        lineage.begin(event.stamp(Lifetime::Lineage));
        fd.begin(event.stamp(Lifetime::Fd));
    }

    /// Returns whether results are cached beyond the event.
    #[inline]
    pub(crate) fn lasts(&self, span: Span) -> bool {
        self.bits[span as usize].lasts
    }

    /// Returns the extra words of a span.
    #[inline]
    pub(crate) fn extra(&mut self, span: Span) -> &mut [u64] {
        let bits = &mut self.bits[span as usize];
        let (base, end) = (bits.base, bits.base + bits.known_at);
        &mut bits.cache.words()[base..end]
    }

    #[inline]
    fn recall(&mut self, slot: Slot) -> Option<bool> {
        self.bits[slot.span as usize].recall(slot)
    }

    /// Returns a result, which is known.
    #[inline]
    fn answer(&mut self, slot: Slot) -> bool {
        let bits = &mut self.bits[slot.span as usize];
        bits.cache.words()[bits.base + bits.value_at + slot.value as usize / 64] >> (slot.value % 64) & 1 == 1
    }

    #[inline]
    fn keep(&mut self, slot: Slot, answer: bool) {
        let bits = &mut self.bits[slot.span as usize];
        let (known_at, value_at) = (bits.base + bits.known_at, bits.base + bits.value_at);
        let words = bits.cache.words();
        words[known_at + slot.known as usize / 64] |= 1 << (slot.known % 64);
        let word = &mut words[value_at + slot.value as usize / 64];
        *word = *word & !(1 << (slot.value % 64)) | u64::from(answer) << (slot.value % 64);
    }
}

impl Bits {
    #[inline]
    fn begin(&mut self, stamp: Option<u128>) {
        self.base = self.cache.entry(stamp);
        self.lasts = stamp.is_some();
    }

    #[inline]
    fn recall(&mut self, slot: Slot) -> Option<bool> {
        let (known_at, value_at) = (self.base + self.known_at, self.base + self.value_at);
        let words = self.cache.words();
        let known = words[known_at + slot.known as usize / 64] >> (slot.known % 64) & 1 == 1;
        known.then(|| words[value_at + slot.value as usize / 64] >> (slot.value % 64) & 1 == 1)
    }
}

/// The context while one event is evaluated.
pub(crate) struct Frame<'e, E> {
    pub(crate) program: &'e Program,
    pub(crate) event: &'e E,
    pub(crate) arena: &'e Bump,
    values: BumpVec<'e, Option<Value<'e>>>,
}

impl<'e, E: Event> Frame<'e, E> {
    pub(crate) fn new(program: &'e Program, event: &'e E, arena: &'e Bump) -> Self {
        // All that may be kept for the event fits, so that nothing moves.
        Self { program, event, arena, values: BumpVec::with_capacity_in(program.kept, arena) }
    }

    /// Runs the code at `entry`.
    pub(crate) fn run(&mut self, state: &mut State, entry: u32) -> bool {
        let program = self.program;
        let mut answer = false;
        let mut at = entry as usize;
        while let Some(op) = program.code.get(at) {
            at += 1;
            match *op {
                Op::Atom(atom) => answer = self.atom(state, atom),
                Op::Test { atom, not, when, to } => {
                    answer = self.atom(state, atom) ^ not;
                    if answer == when {
                        at = to as usize;
                    }
                }
                Op::Constant(truth) => answer = truth,
                Op::Not => answer = !answer,
                Op::Jump { when, to } => {
                    if answer == when {
                        at = to as usize;
                    }
                }
                Op::Recall { node, to } => {
                    if let Some(known) = state.recall(program.nodes[node as usize]) {
                        answer = known;
                        at = to as usize;
                    }
                }
                Op::Keep { node } => state.keep(program.nodes[node as usize], answer),
                Op::Return => break,
            }
        }
        answer
    }

    #[inline]
    fn atom(&mut self, state: &mut State, atom: u32) -> bool {
        let row = self.program.atoms[atom as usize];
        match state.recall(row.slot) {
            Some(answer) => answer,
            None => self.find_out(state, row),
        }
    }

    #[inline(never)]
    fn find_out(&mut self, state: &mut State, row: AtomRow) -> bool {
        self.search(state, row.matcher);
        state.answer(row.slot)
    }

    /// Evaluates all atoms of a matcher, unless their results are known.
    pub(crate) fn ensure(&mut self, state: &mut State, matcher: u32) {
        let row = &self.program.matchers[matcher as usize];
        let slot = Slot { span: row.span, known: row.known, value: row.low };
        if state.recall(slot).is_none() {
            self.search(state, matcher);
        }
    }

    #[inline]
    fn search(&mut self, state: &mut State, matcher: u32) {
        if state.searches.is_none() {
            self.search_now(state, matcher);
        } else {
            self.timed(state, matcher);
        }
    }

    /// Searches and counts it.
    #[cold]
    #[inline(never)]
    fn timed(&mut self, state: &mut State, matcher: u32) {
        let start = std::time::Instant::now();
        self.search_now(state, matcher);
        let Some(mut searches) = state.searches.take() else { return };
        let row = &mut searches.matchers[matcher as usize];
        row.0 += 1;
        row.1 += start.elapsed().as_nanos() as u64;
        let first = self.program.lonely[matcher as usize];
        self.each_true(state, matcher, |atom| searches.held[(first + atom) as usize] += 1);
        state.searches = Some(searches);
    }

    #[inline]
    fn search_now(&mut self, state: &mut State, matcher: u32) {
        let program = self.program;
        let row = &program.matchers[matcher as usize];
        if let Some(field) = row.numbered
            && let Some(number) = self.event.number_of(field)
        {
            return self.search_numbered(state, matcher, Numbered::tag(self.event.key(), number));
        }
        self.search_value(state, matcher);
    }

    /// Searches in a value that is the name of a number.
    fn search_numbered(&mut self, state: &mut State, matcher: u32, tag: u64) {
        let row = &self.program.matchers[matcher as usize];
        let place = Numbered::place(tag);
        let known = state.numbers[matcher as usize][place];
        if known.tag != tag {
            self.search_value(state, matcher);
            let mut answers = 0;
            self.each_true(state, matcher, |atom| answers |= 1 << atom);
            state.numbers[matcher as usize][place] = Numbered { tag, answers };
            return;
        }
        let bits = &mut state.bits[row.span as usize];
        let (known_at, value_at) = (bits.base + bits.known_at, bits.base + bits.value_at);
        let words = bits.cache.words();
        words[known_at + row.known as usize / 64] |= 1 << (row.known % 64);
        let mut rest = known.answers;
        while rest != 0 {
            let bit = row.low + rest.trailing_zeros();
            words[value_at + bit as usize / 64] |= 1 << (bit % 64);
            rest &= rest - 1;
        }
    }

    fn search_value(&mut self, state: &mut State, matcher: u32) {
        let program = self.program;
        let row = &program.matchers[matcher as usize];
        let value = self.value(state, row.expr);
        let bits = &mut state.bits[row.span as usize];
        let (known_at, value_at) = (bits.base + bits.known_at, bits.base + bits.value_at);
        let words = bits.cache.words();
        words[known_at + row.known as usize / 64] |= 1 << (row.known % 64);
        let Some(value) = value else { return };
        let mut found = |mark: u32| {
            let bit = row.low + mark;
            words[value_at + bit as usize / 64] |= 1 << (bit % 64);
        };
        match &row.search {
            Matcher::Alone => {
                let question = &program.questions[self.alone(matcher)];
                if compare::holds_for(&program.exprs, &program.regexes, question, value, self.event, self.arena) {
                    found(0);
                }
            }
            search => search.find(&program.exprs[row.expr], value, self.arena, &mut found),
        }
    }

    /// Returns the only atom of a matcher for single atoms.
    fn alone(&self, matcher: u32) -> usize {
        self.program.lonely[matcher as usize] as usize
    }

    /// Returns the value of an expression, extracted at most once for the event.
    fn value(&mut self, state: &mut State, id: crate::ir::expr::ExprId) -> Option<Value<'e>> {
        let program = self.program;
        let plain = program.fields[id.0 as usize];
        let extract = || match plain {
            Some(field) => self.event.value(field, self.arena),
            None => eval::value(&program.exprs, id, self.event, self.arena),
        };
        if !program.shared[id.0 as usize] {
            return extract();
        }
        let (epoch, place) = state.seen[id.0 as usize];
        if epoch == state.epoch {
            return self.values[place as usize];
        }
        let value = extract();
        state.seen[id.0 as usize] = (state.epoch, self.values.len() as u32);
        self.values.push(value);
        value
    }

    /// Calls `each` with the places, within the matcher, of its true atoms.
    pub(crate) fn each_true(&mut self, state: &mut State, matcher: u32, mut each: impl FnMut(u32)) {
        let row = &self.program.matchers[matcher as usize];
        let bits = &mut state.bits[row.span as usize];
        let value_at = bits.base + bits.value_at;
        let words = bits.cache.words();
        for word in row.low / 64..row.high.div_ceil(64) {
            let mut rest = words[value_at + word as usize] & mask(word, row.low, row.high);
            while rest != 0 {
                each(word * 64 + rest.trailing_zeros() - row.low);
                rest &= rest - 1;
            }
        }
    }
}

/// Returns the bits of `word` between `low` and `high`.
#[inline]
fn mask(word: u32, low: u32, high: u32) -> u64 {
    let mut mask = u64::MAX;
    if word == low / 64 {
        mask &= u64::MAX << (low % 64);
    }
    if word == high / 64 {
        mask &= !(u64::MAX << (high % 64));
    }
    mask
}
